//! TLS of the agent: 1.3 only, one authority, no other trust.
//!
//! Never falls back to the operating system's roots: the control plane is the tenant's own. Trap: enrolment by fingerprint
//! pins the *authority*, which the server sends along; its own certificate is replaced every few weeks.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::{error::AgentError, identity::Identity};

/// Whom to trust before the agent has an identity.
#[derive(Clone, Debug)]
pub enum Trust {
    /// This authority, PEM.
    Authority(String),
    /// The authority with this SHA-256.
    Fingerprint([u8; 32]),
}

impl Trust {
    /// Reads a fingerprint: 64 hexadecimal digits, colons and spaces allowed.
    ///
    /// # Errors
    /// [`AgentError::Invalid`].
    pub fn fingerprint(text: &str) -> Result<Self, AgentError> {
        let invalid =
            || AgentError::Invalid("--fingerprint: 64 hexadecimal digits are expected".into());
        let digits = text.chars().filter(|c| !matches!(c, ':' | ' '));
        let values: Option<Vec<u8>> = digits.map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        let values = values.ok_or_else(invalid)?;
        let (pairs, []) = values.as_chunks::<2>() else {
            return Err(invalid());
        };
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        bytes
            .try_into()
            .map(Self::Fingerprint)
            .map_err(|_| invalid())
    }
}

/// TLS for enrolment: no client certificate.
///
/// # Errors
/// [`AgentError::Invalid`] if the authority cannot be read.
pub fn for_enrolment(trust: &Trust, further: Option<&str>) -> Result<ClientConfig, AgentError> {
    let builder =
        ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    Ok(match trust {
        Trust::Authority(pem) => {
            builder.with_root_certificates(roots(&with_further_roots(pem, further)?)?)
        }
        Trust::Fingerprint(fingerprint) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(*fingerprint, provider()))),
    }
    .with_no_client_auth())
}

/// TLS with the agent's certificate.
///
/// # Errors
/// If the identity is damaged.
pub fn for_identity(
    identity: &Identity,
    further: Option<&str>,
) -> Result<ClientConfig, AgentError> {
    let damaged = |_| AgentError::Invalid("the identity is damaged; enrol the agent again".into());
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(damaged)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(damaged)?;
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(&with_further_roots(&identity.authority, further)?)?)
        .with_client_auth_cert(chain, key)?)
}

/// The tenant's authority, and further ones of the settings.
///
/// # Errors
/// [`AgentError::Invalid`] if they cannot be read.
fn with_further_roots(authority: &str, further: Option<&str>) -> Result<String, AgentError> {
    let Some(further) = further else {
        return Ok(authority.to_owned());
    };
    roots(further)?;
    Ok(format!("{}\n{further}", authority.trim_end()))
}

/// TLS with a proxy: its certificate comes from an authority of the settings, or from one the operating system trusts.
///
/// # Errors
/// [`AgentError::Invalid`] if the settings' authorities cannot be read.
pub fn for_proxy(further: Option<&str>) -> Result<ClientConfig, AgentError> {
    // A proxy need not speak the newest version.
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    Ok(match further {
        Some(pem) => builder
            .with_root_certificates(roots(pem)?)
            .with_no_client_auth(),
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider())?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        }
    })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(pem: &str) -> Result<RootCertStore, AgentError> {
    let unreadable = |_| {
        AgentError::Invalid("the authority's certificate cannot be read; PEM is expected".into())
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(unreadable)?)?;
    }
    if roots.is_empty() {
        return Err(AgentError::Invalid(
            "the authority's file holds no certificate".into(),
        ));
    }
    Ok(roots)
}

/// Trusts a server whose chain holds the authority with this fingerprint, and is otherwise right in every way.
#[derive(Debug)]
struct Pinned([u8; 32], Arc<CryptoProvider>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_pinned = |c: &&CertificateDer<'_>| digest(&SHA256, c).as_ref() == self.0;
        let authority = chain.iter().find(is_pinned);
        let authority = authority.ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.1.clone())
            .build()
            .map_err(|fault| Error::General(fault.to_string()))?
            .verify_server_cert(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not offered".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.1.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fingerprints_with_and_without_colons() {
        let plain = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        for text in [&plain, &colons] {
            assert!(
                matches!(Trust::fingerprint(text).unwrap(), Trust::Fingerprint(f) if f == [10; 32])
            );
        }
        for text in ["", "0a", "zz", &plain[1..]] {
            assert!(Trust::fingerprint(text).is_err());
        }
    }
}
