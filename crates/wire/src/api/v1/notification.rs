//! Messages to somebody outside: where they go, and what was told.
//!
//! Trap: secrets go in and never come out; absent in a change means "as it is".

use serde::{Deserialize, Serialize};

/// Where messages go, as shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notifications {
    /// By mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailShown>,
    /// To a web hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookShown>,
    /// The last failure to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The newest messages.
    pub messages: Vec<Notification>,
}

/// A mail server as shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MailShown {
    /// Host name.
    pub server: String,
    /// Port.
    pub port: u16,
    /// `starttls`, `tls` or `none`.
    pub security: String,
    /// Name it is signed in with; empty: nobody signs in.
    pub user: String,
    /// Whether a password is stored.
    pub has_password: bool,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
}

/// A web hook as shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HookShown {
    /// Host of the URL; the rest may hold a secret.
    pub host: String,
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notification {
    /// When what it is about happened.
    pub at: String,
    /// `quarantine`, `disabled`, `busy` or `alert`.
    pub kind: String,
    /// The job.
    pub job: String,
    /// The reason.
    pub reason: String,
    /// `sent`, `waiting` or `given up`.
    pub state: String,
}

/// `PATCH /notifications`: what is absent stays as it is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NotificationsChange {
    /// Mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailChange>,
    /// A web hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookChange>,
    /// Ways that are not used any more: `mail`, `hook`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub off: Vec<String>,
}

/// A mail server as set.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MailChange {
    /// Host name.
    pub server: String,
    /// Port; 0: 587, or 465 with TLS from the beginning.
    pub port: u16,
    /// `starttls` (unless given), `tls` or `none`.
    pub security: String,
    /// Name to sign in with.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
    /// Who is trusted instead of the machine's own authorities: PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// A web hook as set.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HookChange {
    /// URL.
    pub url: String,
    /// What the signature is made with.
    pub secret: String,
    /// Who is trusted instead of the machine's own authorities: PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// What a test came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NotificationTest {
    /// `mail` or `hook`.
    pub way: String,
    /// Whether it was taken; absent: this way is not set up.
    pub is_sent: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
