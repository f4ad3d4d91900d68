//! What can go wrong between a client and a directory server; every variant names the server and the operation.
//!
//! Never holds a password or an attribute value. Trap: [`Error::Refused`] is an answer (the connection is still good), all
//! the others but the bind refusals mean that the connection is gone.

use std::{io, path::PathBuf, time::Duration};

use crate::{bind::BindReason, message::BadMessage, result::Outcome, result::ResultCode};

/// Why a TLS connection was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsFailure {
    /// The certificate was issued by nobody who is trusted here.
    #[error("the certificate's issuer is not trusted; give the CA file that issued it")]
    UnknownIssuer,
    /// The certificate has expired or is not valid yet.
    #[error("the certificate has expired or is not valid yet")]
    Expired,
    /// The certificate is for other names.
    #[error("the certificate is for another host name; connect by a name it holds")]
    NameMismatch,
    /// The certificate was revoked, is for another purpose, or is malformed.
    #[error("the certificate cannot be used")]
    BadCertificate,
    /// The other side does not speak TLS.
    #[error("the port does not speak TLS")]
    NotTls,
    /// The other side refused StartTLS.
    #[error("the server refuses StartTLS")]
    StartTlsRefused,
    /// Anything else.
    #[error("the handshake failed")]
    Other,
}

/// A failed act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is malformed.
    #[error(
        "{address:?} is not an LDAP address ({why}); write ldaps://host, ldap://host or ldapi://%2Fpath"
    )]
    BadAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The CA file cannot be used.
    #[error("CA file {path:?} cannot be used: {why}")]
    BadCaFile {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The configuration of TLS cannot be built.
    #[error("TLS cannot be set up: {0}")]
    TlsSetUp(String),
    /// The host name has no address.
    #[error("the name of {server} cannot be resolved")]
    Resolve {
        /// Server.
        server: String,
        /// Cause.
        source: io::Error,
    },
    /// No connection.
    #[error("{server} cannot be reached")]
    Connect {
        /// Server.
        server: String,
        /// Cause.
        source: io::Error,
    },
    /// No TLS.
    #[error("no secure connection to {server}: {failure} ({text})")]
    Tls {
        /// Server.
        server: String,
        /// Kind.
        failure: TlsFailure,
        /// What the TLS library says.
        text: String,
    },
    /// An empty password proves nothing.
    #[error("the password of {name} is empty")]
    EmptyPassword {
        /// Account.
        name: String,
    },
    /// The server refused the name or password.
    #[error("{server} refuses the bind of {name}: {reason} ({code}: {text})")]
    BindRefused {
        /// Server.
        server: String,
        /// Account.
        name: String,
        /// Reason, where the server gives one.
        reason: BindReason,
        /// Result code.
        code: ResultCode,
        /// Diagnostic message.
        text: String,
    },
    /// The security context could not be established.
    #[error("no authenticated connection to {server}")]
    Negotiate {
        /// Server.
        server: String,
        /// Cause.
        source: negotiate::Error,
    },
    /// The server wants an encrypted or signed bind.
    #[error(
        "{server} demands an encrypted connection ({text}); use ldaps, StartTLS, or negotiate on an ldap address"
    )]
    StrongerAuthRequired {
        /// Server.
        server: String,
        /// Diagnostic message.
        text: String,
    },
    /// Silence.
    #[error("{server} did not answer {operation} within {after:?}")]
    Timeout {
        /// Server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended.
    #[error("{server} closed the connection during {operation}: {text}")]
    Closed {
        /// Server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// Why, as far as is known.
        text: String,
    },
    /// What came is not LDAP.
    #[error("{server} sent something that is not LDAP during {operation}")]
    Protocol {
        /// Server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// What is wrong.
        source: BadMessage,
    },
    /// The answer lacks something the request demands.
    #[error("{server} answered {operation} without {what}")]
    Incomplete {
        /// Server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// The server said no.
    #[error("{server} refuses {operation}: {} {}", outcome.code, outcome.text)]
    Refused {
        /// Server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// What it said.
        outcome: Box<Outcome>,
    },
}

impl Error {
    /// The result code, if the server answered with one.
    pub fn code(&self) -> Option<ResultCode> {
        match self {
            Self::Refused { outcome, .. } => Some(outcome.code),
            Self::BindRefused { code, .. } => Some(*code),
            Self::StrongerAuthRequired { .. } => Some(ResultCode::STRONGER_AUTH_REQUIRED),
            _ => None,
        }
    }

    /// Whether the connection can still be used.
    pub fn is_answer(&self) -> bool {
        self.code().is_some()
    }

    /// The whole chain of causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
