//! Simple bind and SASL EXTERNAL, and what a refusal means.
//!
//! AD answers every refused bind with invalidCredentials and hides the reason as `data <hex>` in the diagnostic message.
//! Trap: other servers write nothing there; the reason is then [`BindReason::Unknown`].

use std::fmt;

use ldap3_proto::proto::{LdapBindCred, LdapBindRequest, LdapOp, SaslCredentials};

use crate::{
    connection::Connection,
    error::Error,
    result::{Outcome, ResultCode},
};

/// Why a bind was refused, as AD's sub-code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindReason {
    /// 52e: wrong password (or, with some servers, an unknown name).
    WrongPassword,
    /// 525: no such account.
    NoSuchAccount,
    /// 530: not at this time of day.
    LogonHours,
    /// 531: not from this machine.
    Workstation,
    /// 532: the password has expired.
    PasswordExpired,
    /// 533: the account is disabled.
    AccountDisabled,
    /// 701: the account has expired.
    AccountExpired,
    /// 773: the password must be changed first.
    MustChangePassword,
    /// 775: the account is locked out.
    LockedOut,
    /// No sub-code, or one that is not known.
    Unknown,
}

impl BindReason {
    /// Reads the sub-code out of a diagnostic message (`80090308: LdapErr: …, data 52e, v4563`).
    ///
    /// # Source
    /// MS-ERREF §2.2 Win32 Error Codes (the number after `data` is one, in hexadecimal)
    pub fn parse(diagnostic: &str) -> Self {
        let after = diagnostic.split("data ").nth(1).unwrap_or_default();
        let code: String = after
            .chars()
            .take_while(|c| c.is_ascii_hexdigit())
            .collect();
        match u32::from_str_radix(&code, 16) {
            Ok(0x52e) => Self::WrongPassword,
            Ok(0x525) => Self::NoSuchAccount,
            Ok(0x530) => Self::LogonHours,
            Ok(0x531) => Self::Workstation,
            Ok(0x532) => Self::PasswordExpired,
            Ok(0x533) => Self::AccountDisabled,
            Ok(0x701) => Self::AccountExpired,
            Ok(0x773) => Self::MustChangePassword,
            Ok(0x775) => Self::LockedOut,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for BindReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongPassword => "wrong name or password",
            Self::NoSuchAccount => "no such account",
            Self::LogonHours => "the account may not sign in at this time",
            Self::Workstation => "the account may not sign in from this machine",
            Self::PasswordExpired => "the password has expired",
            Self::AccountDisabled => "the account is disabled",
            Self::AccountExpired => "the account has expired",
            Self::MustChangePassword => "the password must be changed first",
            Self::LockedOut => "the account is locked out",
            Self::Unknown => "the server gives no reason",
        })
    }
}

impl Connection {
    /// Authenticates by name and password.
    ///
    /// An empty password would be an unauthenticated bind that succeeds without proof (RFC 4513 §5.1.2), so it is refused
    /// here.
    ///
    /// # Errors
    /// [`Error::BindRefused`], [`Error::StrongerAuthRequired`], or a broken connection.
    pub async fn simple_bind(&self, name: &str, password: &str) -> Result<(), Error> {
        if password.is_empty() {
            return Err(Error::EmptyPassword {
                name: name.to_owned(),
            });
        }
        let credential = LdapBindCred::Simple(password.to_owned());
        self.bind(name, name, credential).await
    }

    /// Authenticates as whom the connection itself proves: by the TLS client certificate, or over a local socket by the
    /// operating system's account.
    ///
    /// # Errors
    /// As [`Connection::simple_bind`].
    ///
    /// # Source
    /// RFC 4422 appendix A The SASL EXTERNAL Mechanism
    pub async fn external_bind(&self) -> Result<(), Error> {
        let credential = LdapBindCred::SASL(SaslCredentials {
            mechanism: "EXTERNAL".into(),
            credentials: Vec::new(),
        });
        self.bind("", "the connection's own identity (EXTERNAL)", credential)
            .await
    }

    async fn bind(&self, dn: &str, name: &str, cred: LdapBindCred) -> Result<(), Error> {
        let request = LdapOp::BindRequest(LdapBindRequest {
            version: 3,
            dn: dn.to_owned(),
            cred,
        });
        let outcome = self.ask("bind", request, Vec::new()).await?;
        judge(self.server(), name, outcome)
    }
}

/// What the answer to a bind means.
pub(crate) fn judge(server: &str, name: &str, outcome: Outcome) -> Result<(), Error> {
    let server = server.to_owned();
    match outcome.code {
        ResultCode::SUCCESS => Ok(()),
        ResultCode::STRONGER_AUTH_REQUIRED | ResultCode::CONFIDENTIALITY_REQUIRED => {
            Err(Error::StrongerAuthRequired {
                server,
                text: outcome.text,
            })
        }
        _ => Err(Error::BindRefused {
            server,
            name: name.to_owned(),
            reason: BindReason::parse(&outcome.text),
            code: outcome.code,
            text: outcome.text,
        }),
    }
}
