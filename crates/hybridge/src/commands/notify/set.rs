//! `hybridge notify set`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sync_core::code::Code;
use wire::api::v1::{HookChange, MailChange, NotificationsChange};

use crate::{access::read, failure::Failure};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Mail server
    #[arg(long, value_name = "HOST", requires_all = ["mail_from", "mail_to"])]
    mail_server: Option<String>,
    /// Its port; 587 unless given, 465 with --mail-security tls
    #[arg(long, value_name = "PORT", requires = "mail_server")]
    mail_port: Option<u16>,
    /// How the connection is encrypted
    #[arg(long, value_enum, default_value_t = Security::Starttls)]
    mail_security: Security,
    /// Name to sign in with
    #[arg(long, value_name = "NAME", requires_all = ["mail_server", "mail_password_file"])]
    mail_user: Option<String>,
    /// File with the password
    #[arg(long, value_name = "FILE", requires = "mail_user")]
    mail_password_file: Option<PathBuf>,
    /// File with the authority that is trusted for the mail server (PEM), instead of the machine's own
    #[arg(long, value_name = "FILE", requires = "mail_server")]
    mail_authority: Option<PathBuf>,
    /// Sender
    #[arg(long, value_name = "ADDRESS", requires = "mail_server")]
    mail_from: Option<String>,
    /// Receiver; may be repeated
    #[arg(long, value_name = "ADDRESS", requires = "mail_server")]
    mail_to: Vec<String>,
    /// URL of a web hook
    #[arg(long, value_name = "URL", requires = "hook_secret_file")]
    hook: Option<String>,
    /// File with the secret its signature is made with
    #[arg(long, value_name = "FILE", requires = "hook")]
    hook_secret_file: Option<PathBuf>,
    /// File with an authority that is trusted for the web hook (PEM), instead of the machine's own
    #[arg(long, value_name = "FILE", requires = "hook")]
    hook_authority: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Security {
    /// Plain at first, TLS before anything is said
    Starttls,
    /// TLS from the beginning
    Tls,
    /// Never; only without a password
    None,
}

/// The change these arguments mean.
///
/// # Errors
/// `RequestInvalid` if nothing is given; those of the files.
pub fn change(arguments: &Arguments) -> Result<NotificationsChange, Failure> {
    if arguments.mail_server.is_none() && arguments.hook.is_none() {
        return Err(Failure::text(
            Code::RequestInvalid,
            "the arguments",
            "say --mail-server or --hook",
        ));
    }
    let file = |path: &Option<PathBuf>| path.as_ref().map(|path| read(path)).transpose();
    let secret = |path: &Option<PathBuf>| -> Result<String, Failure> {
        Ok(file(path)?.unwrap_or_default().trim_end().to_owned())
    };
    let mail = match &arguments.mail_server {
        None => None,
        Some(server) => Some(MailChange {
            server: server.clone(),
            port: arguments.mail_port.unwrap_or(0),
            security: match arguments.mail_security {
                Security::Starttls => "starttls",
                Security::Tls => "tls",
                Security::None => "none",
            }
            .into(),
            user: arguments.mail_user.clone().unwrap_or_default(),
            password: secret(&arguments.mail_password_file)?,
            from: arguments.mail_from.clone().unwrap_or_default(),
            to: arguments.mail_to.clone(),
            authority: file(&arguments.mail_authority)?,
        }),
    };
    let hook = match &arguments.hook {
        None => None,
        Some(url) => Some(HookChange {
            url: url.clone(),
            secret: secret(&arguments.hook_secret_file)?,
            authority: file(&arguments.hook_authority)?,
        }),
    };
    Ok(NotificationsChange {
        mail,
        hook,
        off: Vec::new(),
    })
}
