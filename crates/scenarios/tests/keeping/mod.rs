//! What an administrator keeps and carries elsewhere: backups, configuration, servers that wait beside others.

mod authority;
mod backup;
mod configuration;
mod domain;
mod health;
mod logs;
mod namesakes;
mod redacted;
mod removal;
mod secrets;
mod staging;
