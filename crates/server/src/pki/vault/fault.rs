//! What can be wrong with master keys and what they seal.

use std::path::PathBuf;

use sync_core::code::Code;
use thiserror::Error;

/// A fault of the vault.
#[derive(Debug, Error)]
pub enum VaultFault {
    /// Something is sealed, and there is no key at all.
    #[error(
        "{place} is sealed under the master key {key}, and there is no master key: put it into {looked} (mode 0600), or give it by --master-key-file, HYBRIDGE_MASTER_KEY or the systemd credential hybridge-master-key; if it is lost for good, `hybridge key abandon`, or for a backup `restore --without-secrets`, lets the server make new secrets"
    )]
    Missing {
        /// What cannot be opened.
        place: PathBuf,
        /// Id of the key it needs.
        key: String,
        /// Where a key would lie unless said otherwise.
        looked: PathBuf,
    },
    /// Something is sealed under another key.
    #[error(
        "{place} is sealed under the master key {key}, and {origin} holds {have}: give that key by --master-key-file, or put it below the other one, on a line of its own; if it is lost for good, `hybridge key abandon`, or for a backup `restore --without-secrets`, lets the server make new secrets"
    )]
    Wrong {
        /// What cannot be opened.
        place: PathBuf,
        /// Id of the key it needs.
        key: String,
        /// Where the keys come from.
        origin: String,
        /// Ids of the keys there are.
        have: String,
    },
    /// It was changed, or put into another's place.
    #[error(
        "{place} was changed, cut off or put into the place of another secret; restore it from a backup"
    )]
    Tampered {
        /// The file.
        place: PathBuf,
    },
    /// A key that is none.
    #[error(
        "{origin} holds no master key: 32 bytes in base64 or as 64 hexadecimal digits are expected, one key a line, the newest first; `hybridge key new` makes one"
    )]
    Malformed {
        /// Where it comes from.
        origin: String,
    },
    /// A file that was named is not there.
    #[error("there is no master key in {path}: the file does not exist")]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// The key comes from where only the administrator can change it.
    #[error(
        "the master key comes from {origin}, which the server cannot change: make one with `hybridge key new`, put it before the present one there, and restart the server; it seals everything under the first one"
    )]
    NotOurs {
        /// Where it comes from.
        origin: String,
    },
    /// Older keys lie where only the administrator can take them off.
    #[error("the older keys stand in {origin}: take them off there; nothing is sealed under them")]
    OldNotOurs {
        /// Where they come from.
        origin: String,
    },
    /// More keys than anybody needs.
    #[error("{origin} holds more than {most} keys; `hybridge key retire` takes the older ones off")]
    TooMany {
        /// Where they come from.
        origin: String,
        /// How many may be there.
        most: usize,
    },
    /// The cipher failed, which does not depend on what is given.
    #[error("sealing failed")]
    Cipher,
}

impl VaultFault {
    /// The code a person looks up.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing { .. } | Self::NoFile { .. } => Code::MasterKeyMissing,
            Self::Wrong { .. } => Code::MasterKeyWrong,
            Self::Tampered { .. } => Code::StoreDamaged,
            Self::Malformed { .. } | Self::TooMany { .. } => Code::ConfigurationInvalid,
            Self::NotOurs { .. } | Self::OldNotOurs { .. } => Code::Conflict,
            Self::Cipher => Code::InternalFault,
        }
    }
}
