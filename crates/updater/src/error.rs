//! What can go wrong with an update, each with its code.

use std::{io, path::PathBuf};

use agent::AgentError;
use sync_core::code::Code;
use thiserror::Error;

use crate::manifest::Doubt;

/// A failure of the updater.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// Of the way to the control plane, or of the agent's identity.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The release is not believed.
    #[error("the release is not believed: {0}")]
    Doubt(#[from] Doubt),
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
    /// What the user gave is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Another updater works here.
    #[error("another updater works in {0}; `systemctl status hybridge-updater` shows it")]
    Busy(PathBuf),
    /// The program that was fetched does not run.
    #[error("the program of version {version} does not run here: {text}")]
    DoesNotRun {
        /// The version.
        version: String,
        /// What was seen.
        text: String,
    },
    /// The service could not be restarted.
    #[error("the agent could not be restarted: {0}")]
    Restart(String),
}

impl UpdateError {
    /// The code a person looks up.
    pub fn code(&self) -> Code {
        match self {
            Self::Agent(fault) => fault.code(),
            Self::Doubt(doubt) => doubt.code(),
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
                io::ErrorKind::PermissionDenied => Code::PrivilegeMissing,
                _ => Code::StoreUnwritable,
            },
            Self::Invalid(_) => Code::ConfigurationInvalid,
            Self::Busy(_) => Code::Conflict,
            Self::DoesNotRun { .. } | Self::Restart(_) => Code::UpdateReturned,
        }
    }

    /// Exit code: 1 somebody has to change something, 2 a fault of ours or of this machine.
    pub fn exit_code(&self) -> u8 {
        self.code().exit_code()
    }
}

/// A file that failed.
pub fn file(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> UpdateError {
    let path = path.into();
    move |source| UpdateError::File { act, path, source }
}
