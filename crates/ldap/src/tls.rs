//! Whom to trust, and what a failed handshake means.
//!
//! Certificates are always verified; there is no switch to turn that off. Trap: the crypto provider is given explicitly,
//! so no process-wide default has to be installed first.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use zeroize::Zeroizing;

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

/// What this side shows of itself.
pub struct ClientIdentity {
    /// Certificate, and those that lead to its CA, in PEM form.
    pub certificate_pem: Vec<u8>,
    /// Its private key in PEM form.
    pub key_pem: Zeroizing<Vec<u8>>,
}

type Builder = ConfigBuilder<ClientConfig, WantsClientCert>;

/// A client configuration that verifies servers so, and shows this identity if they ask for one.
///
/// # Errors
/// If the CA file cannot be read or holds no certificate, or if certificate and key do not belong together.
pub fn client_config(
    trust: &Trust,
    identity: Option<&ClientIdentity>,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = match trust {
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
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => show(builder, identity)?,
    };
    Ok(Arc::new(config))
}

fn show(builder: Builder, identity: &ClientIdentity) -> Result<ClientConfig, Error> {
    let bad = |text: String| Error::TlsSetUp(format!("client certificate: {text}"));
    let chain = CertificateDer::pem_slice_iter(&identity.certificate_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if chain.is_empty() {
        return Err(bad("the file holds no certificate in PEM form".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.key_pem)
        .map_err(|_| bad("the key file holds no private key in PEM form".into()))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| bad(error.to_string()))
}

fn platform(provider: Arc<CryptoProvider>) -> Result<Builder, Error> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(set_up)
}

fn with_roots(provider: Arc<CryptoProvider>, roots: RootCertStore) -> Result<Builder, Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(set_up)?
        .with_root_certificates(roots))
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
