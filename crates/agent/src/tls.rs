//! TLS of the agent: 1.3 only, one authority, no other trust.
//!
//! Never falls back to the operating system's roots: the control plane is the tenant's own. Trap: enrolment by fingerprint
//! pins the *authority*, which the server sends along; its own certificate is replaced every few weeks.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::{
    error::AgentError,
    identity::Identity,
    network::{LinkFault, Network, reach},
};

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

// LIMIT: certificates a server may tell to trust, and bytes they may have; there are two at most.
const MOST_AUTHORITIES: usize = 8;
const LARGEST_AUTHORITIES: usize = 64 << 10;

/// SHA-256 of every authority of a PEM text, hexadecimal; those that can be read.
pub fn fingerprints(pem: &str) -> Vec<String> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok);
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    all.map(|one| hexadecimal(digest(&SHA256, &one).as_ref()))
        .collect()
}

/// Whether a server may tell the agent to trust these from now on: certificates and nothing else, and few of them.
///
/// # Errors
/// [`AgentError::Invalid`].
pub fn check_authorities(pem: &str) -> Result<(), AgentError> {
    let is_small = pem.len() <= LARGEST_AUTHORITIES;
    let count = if is_small { roots(pem)?.len() } else { 0 };
    match (1..=MOST_AUTHORITIES).contains(&count) {
        true => Ok(()),
        false => Err(AgentError::Invalid(
            "the server tells to trust what are no authorities, or too many".into(),
        )),
    }
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

/// What is told of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Whose.
    pub subject: String,
    /// By whom.
    pub issuer: String,
    /// From, in seconds since 1970-01-01 UTC.
    pub not_before: i64,
    /// Until.
    pub not_after: i64,
}

impl Leaf {
    /// The first certificate of a PEM text.
    pub fn of_pem(pem: &str) -> Option<Self> {
        Self::of_der(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        let clean = |name: String| name.chars().filter(|c| !c.is_control()).take(200).collect();
        Some(Self {
            subject: clean(certificate.subject().to_string()),
            issuer: clean(certificate.issuer().to_string()),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }
}

/// What a server shows of itself.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its certificate.
    pub leaf: Leaf,
    /// Whether the tenant's authority signed it.
    pub is_of_authority: bool,
    /// Whether it is a control plane's, by its issuer's name.
    pub is_hybridge: bool,
    /// Why it is not trusted.
    pub judgement: Option<String>,
}

/// Makes a TLS connection only to see which certificate the server shows, and judges it. Nothing is sent over it.
///
/// # Errors
/// If there is no connection, or no TLS.
pub async fn look(
    network: &Network,
    authority: &str,
    host: &str,
    port: u16,
) -> Result<Shown, LinkFault> {
    let target = format!("{host}:{port}");
    let failed = |text: String| LinkFault::Tls {
        target: target.clone(),
        source: std::io::Error::other(text),
    };
    let recorder = Arc::new(Recorder {
        seen: Mutex::default(),
        provider: provider(),
    });
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|fault| failed(fault.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(plain.to_owned()).map_err(|_| LinkFault::Name(host.into()))?;
    let stream = reach(network, host, port).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connecting = tokio::time::timeout(LOOK_TIMEOUT, connector.connect(name.clone(), stream));
    let connected = connecting.await.map_err(|_| failed(NO_ANSWER.into()))?;
    connected.map_err(|source| LinkFault::Tls {
        target: target.clone(),
        source,
    })?;
    let chain = recorder
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let (leaf, intermediates) = chain
        .split_first()
        .ok_or_else(|| failed("no certificate".into()))?;
    let trusted = with_further_roots(authority, network.further_roots());
    let trusted = trusted
        .and_then(|pem| roots(&pem))
        .map_err(|fault| failed(fault.to_string()))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), provider());
    let verifier = verifier
        .build()
        .map_err(|fault| failed(fault.to_string()))?;
    let judged = verifier.verify_server_cert(leaf, intermediates, &name, &[], UnixTime::now());
    let told = Leaf::of_der(leaf).unwrap_or_default();
    Ok(Shown {
        is_hybridge: told.issuer.contains(AUTHORITY_NAME),
        is_of_authority: is_of_authority(&judged, &told),
        judgement: judged.err().map(|fault| fault.to_string()),
        leaf: told,
    })
}

/// Whether it was the tenant's authority that signed. The name is judged after the signature, the time before it.
fn is_of_authority(judged: &Result<ServerCertVerified, Error>, leaf: &Leaf) -> bool {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext,
    };
    match judged {
        Ok(_) => true,
        Err(Error::InvalidCertificate(fault)) => match fault {
            NotValidForName | NotValidForNameContext { .. } => true,
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
                leaf.issuer.contains(AUTHORITY_NAME)
            }
            _ => false,
        },
        Err(_) => false,
    }
}

/// How every tenant's authority calls itself.
const AUTHORITY_NAME: &str = "Hybridge authority";
/// What is said when a server takes the connection and says nothing.
pub const NO_ANSWER: &str = "it takes the connection and says nothing";
/// Shorter than a server waits for a handshake: it would break off what is merely silent.
const LOOK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(8);

/// Believes everything and remembers it: for looking, never for talking.
#[derive(Debug)]
struct Recorder {
    seen: Mutex<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(leaf).chain(chain);
        let all = all
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = all;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
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
    fn a_server_cannot_tell_to_trust_what_is_no_authority_or_too_many() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        check_authorities(&pem).unwrap();
        check_authorities(&pem.repeat(2)).unwrap();
        assert_eq!(fingerprints(&pem.repeat(2)).len(), 2);
        for wrong in [
            String::new(),
            "no certificate".into(),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
            pem.repeat(MOST_AUTHORITIES + 1),
            " ".repeat(LARGEST_AUTHORITIES + 1),
        ] {
            assert!(check_authorities(&wrong).is_err());
        }
    }

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
