//! Whom messages are sent to over TLS: the machine's own authorities, or one that is named.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// A client that trusts the machine's authorities, or this one instead (PEM).
///
/// # Errors
/// In words.
pub(super) fn client_config(authority: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(pem) = authority else {
        let trusting = builder
            .with_platform_verifier()
            .map_err(|error| format!("the machine's authorities cannot be read: {error}"))?;
        return Ok(trusting.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| "the authority is no certificate".to_owned())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
