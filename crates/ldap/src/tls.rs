//! Whom to trust, and what a failed handshake means.
//!
//! Certificates are always verified; there is no switch to turn that off. Trap: the crypto provider is given explicitly,
//! so no process-wide default has to be installed first.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::{Error, TlsFailure};

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The operating system's trust store.
    #[default]
    Platform,
    /// Only the CAs of this PEM file.
    CaFile(PathBuf),
    /// Only the CAs in this PEM text.
    CaPem(Vec<u8>),
}

/// A client configuration that verifies servers so.
///
/// # Errors
/// If the CA file cannot be read or holds no certificate.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = match trust {
        Trust::Platform => platform(provider)?,
        Trust::CaFile(path) => {
            let bad = |why: String| Error::BadCaFile {
                path: path.clone(),
                why,
            };
            let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
            with_roots(provider, roots(&pem).map_err(bad)?)?
        }
        Trust::CaPem(pem) => with_roots(provider, roots(pem).map_err(Error::TlsSetUp)?)?,
    };
    Ok(Arc::new(config))
}

fn platform(provider: Arc<CryptoProvider>) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(set_up)?
        .with_no_client_auth())
}

fn with_roots(provider: Arc<CryptoProvider>, roots: RootCertStore) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(set_up)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn set_up(error: rustls::Error) -> Error {
    Error::TlsSetUp(error.to_string())
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    match store.is_empty() {
        true => Err("it holds no certificate in PEM form".into()),
        false => Ok(store),
    }
}

/// Says what a failed handshake means.
pub(crate) fn classify(error: &io::Error) -> TlsFailure {
    let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        // A plain LDAP server drops or resets the connection on a ClientHello.
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => TlsFailure::NotTls,
            _ => TlsFailure::Other,
        };
    };
    match tls {
        rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
        rustls::Error::InvalidCertificate(certificate) => classify_certificate(certificate),
        _ => TlsFailure::Other,
    }
}

fn classify_certificate(error: &CertificateError) -> TlsFailure {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsFailure::UnknownIssuer
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFailure::NameMismatch
        }
        _ => TlsFailure::BadCertificate,
    }
}
