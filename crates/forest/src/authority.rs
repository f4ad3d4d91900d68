//! A certification authority made on the spot, and a server certificate for the loopback names.
//!
//! Its keys live in memory only. It is for tests and demonstrations: nothing outside should trust it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// The authority could not be made.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// A key or certificate.
    #[error("a certificate of the test authority could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The server's TLS settings.
    #[error("the TLS settings of the test server were refused")]
    Tls(#[from] rustls::Error),
}

/// A test authority with one server certificate.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The authority's certificate, to be trusted by clients.
    pub ca_pem: String,
    /// TLS settings of a server with a certificate of that authority.
    pub server: Arc<ServerConfig>,
}

/// Makes an authority and a certificate for localhost, 127.0.0.1 and ::1.
pub fn make_ca() -> Result<Authority, AuthorityError> {
    make_ca_for(&["localhost", "127.0.0.1", "::1"])
}

/// Makes an authority and a server certificate for these host names and addresses.
///
/// OpenLDAP's tools put the machine's own name in the place of `localhost`; name it here for them, or let
/// them connect to 127.0.0.1.
pub fn make_ca_for(names: &[&str]) -> Result<Authority, AuthorityError> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name
        .push(DnType::CommonName, "Canal Example Test Authority");
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::from_params(&ca, &ca_key);

    let key = KeyPair::generate()?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name
        .push(DnType::CommonName, "dc1.canal.example");
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&key, &issuer)?;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)?;
    Ok(Authority {
        ca_pem: ca_certificate.pem(),
        server: Arc::new(server),
    })
}
