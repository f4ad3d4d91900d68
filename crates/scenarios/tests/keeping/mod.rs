//! What an administrator keeps and carries elsewhere: backups, configuration, servers that wait beside others.

mod backup;
mod configuration;
mod health;
mod redacted;
mod removal;
mod staging;
