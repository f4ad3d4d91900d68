//! Who may speak to the server: the tenant's own certification authority, the agents it admitted, and the administrator.
//!
//! Never holds an agent's private key: agents make their own. Trap: a valid certificate is not enough; every request asks
//! the [`AgentDirectory`] again, so that a revoked agent is refused at once and not when its certificate expires.

pub mod admin;
pub mod authorities;
pub mod authority;
pub mod directory;
pub mod files;
pub mod memory;
pub mod vault;

use thiserror::Error;

pub use admin::{AdminFile, AdminKey};
pub use authorities::{Authorities, RollFault};
pub use authority::{Authority, CheckedRequest, Issued, ServerCertificate};
pub use directory::{
    AgentDirectory, AgentRecord, Beat, CertificateRecord, NewAgent, Serving, TokenGrant,
};
pub use files::FileError;
pub use memory::MemoryDirectory;
pub use vault::{Vault, VaultFault};

/// Random bytes of a token (enrolment, administrator).
const TOKEN_BYTES: usize = 32;

/// SHA-256 of a certificate (DER) or of a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let mut print = [0; 32];
        for (to, from) in print.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(print)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A new random token, and the fingerprint to store in its place.
///
/// # Errors
/// [`PkiError::Random`].
pub fn new_token() -> Result<(String, Fingerprint), PkiError> {
    use base64::Engine as _;
    let mut bytes = [0; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PkiError::Random)?;
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let fingerprint = Fingerprint::of(token.as_bytes());
    Ok((token, fingerprint))
}

/// What can go wrong with keys and certificates.
#[derive(Debug, Error)]
pub enum PkiError {
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
    /// A file of the data directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// The master key, or what is sealed under it.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// Making or reading a certificate or key.
    #[error("{what} cannot be made or read")]
    Certificate {
        /// Which.
        what: &'static str,
        /// Cause.
        #[source]
        source: rcgen::Error,
    },
    /// A signing request that is refused.
    #[error("the certificate signing request is refused: {0}")]
    Request(&'static str),
    /// A name the server is reached by is not a DNS name or an IP address.
    #[error("{0} is neither a host name nor an IP address")]
    Name(String),
    /// Setting up TLS.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The verifier of agents' certificates.
    #[error("the verifier of agents' certificates cannot be set up")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// The administrator's file.
    #[error(
        "admin.json cannot be understood; delete it and restart the server to have it made anew"
    )]
    AdminFile,
    /// The key of tokens.
    #[error(
        "token-key.json cannot be understood; delete it and restart the server to have it made anew (tokens of before are refused then)"
    )]
    TokenKey,
}

impl PkiError {
    /// The code.
    pub fn code(&self) -> sync_core::code::Code {
        use sync_core::code::Code;
        match self {
            Self::File(error) => error.code(),
            Self::Vault(fault) => fault.code(),
            Self::Request(_) => Code::RequestInvalid,
            Self::Name(_) | Self::AdminFile | Self::TokenKey => Code::ConfigurationInvalid,
            Self::Random | Self::Certificate { .. } | Self::Tls(_) | Self::Verifier(_) => {
                Code::InternalFault
            }
        }
    }
}
