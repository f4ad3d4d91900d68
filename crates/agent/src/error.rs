//! What can go wrong between agent and server, and on the agent's own machine.
//!
//! Trap: whether to try again is a question of the error, not of the place it is handled at: [`AgentError::is_passing`].

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use sync_core::{code::Code, operation::Refusal};
use thiserror::Error;
use wire::agent::v1::Problem;

use crate::network::{LinkFault, ProxyFault};

/// How a request failed.
#[derive(Debug, Error)]
pub enum RequestFault {
    /// No connection, or it broke before the answer.
    #[error("the request was not answered")]
    Connection(#[source] hyper_util::client::legacy::Error),
    /// The answer was cut off.
    #[error("the answer was cut off")]
    Cut(#[source] hyper::Error),
    /// The answer did not come in time.
    #[error("there was no answer within {} seconds", .0.as_secs())]
    TimedOut(std::time::Duration),
}

/// A failure of the agent.
#[derive(Debug, Error)]
pub enum AgentError {
    /// No connection, or it broke.
    #[error("the control plane at {server} cannot be reached; check address, firewall and proxy")]
    Unreachable {
        /// Its address.
        server: String,
        /// Cause.
        #[source]
        source: RequestFault,
    },
    /// The name of the control plane, or of the proxy, has no address.
    #[error("the name {host} cannot be resolved; check it, and the name servers of this machine")]
    NotResolved {
        /// The name.
        host: String,
        /// Cause.
        #[source]
        source: RequestFault,
    },
    /// The proxy does not let through.
    #[error("the proxy does not let the agent through")]
    Proxy {
        /// What a person looks up.
        code: Code,
        /// Cause.
        #[source]
        source: RequestFault,
    },
    /// The server's certificate is not of the expected authority, or for another name.
    #[error(
        "the certificate of {server} is not the expected one; check --ca or --fingerprint, and the name in the address"
    )]
    Untrusted {
        /// Its address.
        server: String,
        /// Cause.
        #[source]
        source: RequestFault,
    },
    /// The server does not accept this agent's certificate.
    #[error(
        "the server refuses this agent's certificate ({why}); enrol the agent again with a new token"
    )]
    CertificateRefused {
        /// What it says.
        why: String,
    },
    /// The server answered with an error.
    #[error("the server answered {status}: {} ({}); {}", problem.message, problem.code, problem.cure)]
    Answered {
        /// HTTP status.
        status: u16,
        /// Its body.
        problem: Problem,
    },
    /// The server's answer makes no sense.
    #[error(
        "the answer of {server} cannot be understood; something that is not a control plane may answer there"
    )]
    Nonsense {
        /// Its address.
        server: String,
    },
    /// A file.
    #[error("{act} {path} failed")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A secret file others can read.
    #[error("{path} can be read by others; run `chmod 600 {path}`")]
    Unsafe {
        /// The file.
        path: PathBuf,
    },
    /// The account the program runs as may not.
    #[error(
        "{act} {path} is not allowed to the account this program runs as; `chown` it to that account, or run the agent as its owner"
    )]
    Denied {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// There is no settings file.
    #[error("there is no configuration {path}; write it, or name it with --config")]
    NoSettings {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process works with this data directory.
    #[error(
        "another agent works with {path}{whose}; stop that one first, or give this one its own --data-dir and enrol it"
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// Which process, in words.
        whose: String,
    },
    /// The agent has not been enrolled.
    #[error("no identity in {path}; run `hybridge-agent enrol` first")]
    NotEnrolled {
        /// The data directory.
        path: PathBuf,
    },
    /// Something the user gave is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Keys and certificates.
    #[error("key or certificate cannot be made or read")]
    Certificate(#[from] rcgen::Error),
    /// TLS.
    #[error("TLS cannot be set up; the identity may be damaged: enrol the agent again")]
    Tls(#[from] rustls::Error),
}

impl AgentError {
    /// A failure of a file: one of rights is told apart, because another account cures it.
    pub fn of_file(act: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied { act, path },
            _ => Self::File { act, path, source },
        }
    }

    /// The code a person looks up.
    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::Nonsense { .. } => Code::ServerUnreachable,
            Self::NotResolved { .. } => Code::ServerNameNotResolved,
            Self::Proxy { code, .. } => *code,
            Self::Untrusted { .. } => Code::ServerUntrusted,
            Self::CertificateRefused { .. } => Code::AgentCertificateRefused,
            Self::Answered { problem, .. } => {
                Code::from_name(&problem.code).unwrap_or(Code::InternalFault)
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Code::DiskFull
            }
            Self::File { .. } => Code::StoreUnwritable,
            Self::Denied { .. } => Code::PrivilegeMissing,
            Self::Locked { .. } => Code::StoreLocked,
            Self::Unsafe { .. } => Code::SecretFileUnsafe,
            Self::NotEnrolled { .. } => Code::NotAuthenticated,
            Self::Invalid(_) | Self::NoSettings { .. } => Code::ConfigurationInvalid,
            Self::Certificate(_) | Self::Tls(_) => Code::InternalFault,
        }
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotResolved { .. } | Self::Nonsense { .. } => true,
            Self::Proxy { code, .. } => *code == Code::ProxyUnreachable,
            Self::Answered { status, .. } => matches!(status, 408 | 429 | 500..),
            _ => false,
        }
    }

    /// Exit code of a command that ends with this: as its code says.
    pub fn exit_code(&self) -> u8 {
        self.code().exit_code()
    }

    /// As a refusal of leased work.
    pub fn refusal(&self) -> Refusal {
        Refusal::new(self.code()).with("text", self.to_string())
    }

    /// A failed request, told apart by its cause.
    pub fn of_request(server: &str, source: RequestFault) -> Self {
        let server = server.to_owned();
        match find::<rustls::Error>(&source) {
            Some(rustls::Error::AlertReceived(alert)) => {
                let why = format!("{alert:?}");
                return Self::CertificateRefused { why };
            }
            Some(rustls::Error::InvalidCertificate(_)) => {
                return Self::Untrusted { server, source };
            }
            _ => {}
        }
        if let Some(code) = find::<ProxyFault>(&source).map(ProxyFault::code) {
            return Self::Proxy { code, source };
        }
        match find::<LinkFault>(&source) {
            Some(LinkFault::Proxy(fault)) => Self::Proxy {
                code: fault.code(),
                source,
            },
            Some(LinkFault::Connect { is_proxy: true, .. } | LinkFault::ProxyTls { .. }) => {
                Self::Proxy {
                    code: Code::ProxyUnreachable,
                    source,
                }
            }
            Some(LinkFault::Resolve { host, .. }) => Self::NotResolved {
                host: host.clone(),
                source,
            },
            _ => Self::Unreachable { server, source },
        }
    }
}

/// The cause of this kind. The TLS library's errors hide inside I/O errors, which do not list them among their sources.
pub fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// An error with all its causes in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
