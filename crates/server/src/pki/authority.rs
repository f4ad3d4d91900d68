//! The tenant's own certification authority, and what it issues.
//!
//! ECDSA P-256. The authority's key lies in the vault; the server's own key lives in memory and is
//! new at every start. Never copies anything but the public key from a signing request. Trap: certificates start an hour
//! in the past, because the clocks of agents are not ours.

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType,
};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use super::{Authorities, CertificateRecord, Fingerprint, PkiError};

/// The name of a tenant's first authority; agents recognise a control plane by it.
const NAME: &str = "Hybridge authority";
const DAY: i64 = 24 * 3_600;
const AUTHORITY_LIFE_SECONDS: i64 = 20 * 365 * DAY;
const AGENT_LIFE_SECONDS: i64 = 90 * DAY;
const SERVER_LIFE_SECONDS: i64 = 90 * DAY;
const BACKDATED_SECONDS: i64 = 3_600;

/// The file with the authorities' keys and certificates.
pub(super) const AUTHORITY_FILE: &str = "authority.pem";

/// The certification authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    number: u32,
    not_before: i64,
    not_after: i64,
}

/// A certificate just issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Leaf and authority, PEM.
    pub chain_pem: String,
    /// What to remember of it.
    pub record: CertificateRecord,
}

/// A signing request that proved possession of an acceptable key.
pub struct CheckedRequest(CertificateSigningRequestParams);

impl CheckedRequest {
    /// Checks a request (PEM): well formed, signed by its own key, P-256.
    ///
    /// # Errors
    /// [`PkiError::Request`] with the reason.
    pub fn check(pem: &str) -> Result<Self, PkiError> {
        let request = CertificateSigningRequestParams::from_pem(pem)
            .map_err(|_| PkiError::Request("it is malformed or not signed by its own key"))?;
        if request.public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(PkiError::Request("its key is not ECDSA P-256"));
        }
        Ok(Self(request))
    }
}

impl Authority {
    /// Certificate and key of a new authority, PEM; `number` is how many the tenant has had, this one included.
    ///
    /// # Errors
    /// [`PkiError::Certificate`].
    pub(super) fn found(number: u32, now: Timestamp) -> Result<Zeroizing<String>, PkiError> {
        let fault = fault("the authority's certificate");
        let key = KeyPair::generate().map_err(fault)?;
        // Two of one name could only be told apart by trying both keys.
        let name = match number {
            1 => NAME.to_owned(),
            number => format!("{NAME} {number}"),
        };
        let mut params = leaf(&name, now, AUTHORITY_LIFE_SECONDS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(fault)?;
        let mut text = Zeroizing::new(certificate.pem());
        text.push_str(&Zeroizing::new(key.serialize_pem()));
        Ok(text)
    }

    pub(super) fn from_pem(text: &str) -> Result<Self, PkiError> {
        let fault = fault("the authority's certificate");
        // The file holds two blocks; this finds the key wherever it stands.
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| fault(rcgen::Error::CouldNotParseKeyPair))?;
        let key = KeyPair::try_from(&key).map_err(fault)?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| fault(rcgen::Error::CouldNotParseCertificate))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(fault)?;
        let (_, read) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| fault(rcgen::Error::CouldNotParseCertificate))?;
        let name = read.subject().iter_common_name().next();
        let name = name.and_then(|name| name.as_str().ok()).unwrap_or_default();
        let number = name.rsplit(' ').next().and_then(|word| word.parse().ok());
        let validity = read.validity();
        let (not_before, not_after) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        Ok(Self {
            number: number.unwrap_or(1),
            not_before,
            not_after,
            issuer,
            pem: pem_of(&certificate),
            certificate,
        })
    }

    /// The authority's certificate, PEM: what agents and clients trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// How many authorities the tenant has had, this one included.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Start and end of its life.
    pub fn life(&self) -> (Timestamp, Timestamp) {
        let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        (at(self.not_before), at(self.not_after))
    }

    /// When it was founded: its life begins earlier, for clocks that are slow.
    pub fn begun(&self) -> Timestamp {
        moment(self.life().0, BACKDATED_SECONDS)
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Fingerprint of the authority's certificate, for enrolment by fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// Issues an agent's certificate for a checked request.
    ///
    /// # Errors
    /// [`PkiError::Certificate`].
    pub fn issue_agent(&self, request: CheckedRequest, now: Timestamp) -> Result<Issued, PkiError> {
        let mut params = leaf("Hybridge agent", now, AGENT_LIFE_SECONDS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = request.0.public_key;
        let issued = params
            .signed_by(&key, &self.issuer)
            .map_err(fault("an agent's certificate"))?;
        Ok(Issued {
            chain_pem: issued.pem() + &self.pem,
            record: CertificateRecord {
                fingerprint: Fingerprint::of(issued.der()),
                authority: Some(self.fingerprint()),
                not_before: moment(now, -BACKDATED_SECONDS),
                not_after: moment(now, AGENT_LIFE_SECONDS),
            },
        })
    }

    fn issue_server(
        &self,
        names: &[SanType],
        now: Timestamp,
    ) -> Result<Arc<CertifiedKey>, PkiError> {
        let fault = fault("the server's certificate");
        let key = KeyPair::generate().map_err(fault)?;
        let mut params = leaf("Hybridge server", now, SERVER_LIFE_SECONDS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = names.to_vec();
        let issued = params.signed_by(&key, &self.issuer).map_err(fault)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
        let chain = vec![issued.der().clone(), self.certificate.clone()];
        Ok(Arc::new(CertifiedKey::new(chain, signing)))
    }
}

/// The server's certificate, replaced while the server runs.
pub struct ServerCertificate {
    authorities: Arc<Authorities>,
    names: Vec<SanType>,
    current: RwLock<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    issued: Timestamp,
    authority: Fingerprint,
}

impl ServerCertificate {
    /// A certificate for these host names and IP addresses.
    ///
    /// # Errors
    /// [`PkiError::Name`] if one is neither.
    pub fn new(
        authorities: Arc<Authorities>,
        names: &[String],
        now: Timestamp,
    ) -> Result<Arc<Self>, PkiError> {
        let names: Vec<SanType> = names
            .iter()
            .map(|n| alternative_name(n))
            .collect::<Result<_, _>>()?;
        let current = RwLock::new(Current::issue(&authorities, &names, now)?);
        Ok(Arc::new(Self {
            authorities,
            names,
            current,
        }))
    }

    /// Issues a new one when a third of the present one's life is over (or the clock went back), or another authority presents
    /// the server. True if it did.
    ///
    /// # Errors
    /// [`PkiError::Certificate`]; the present one stays.
    pub fn refresh(&self, now: Timestamp) -> Result<bool, PkiError> {
        let (issued, authority) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            (current.issued, current.authority)
        };
        let age = now.as_second() - issued.as_second();
        let is_fresh = (0..SERVER_LIFE_SECONDS / 3).contains(&age);
        if is_fresh && authority == self.authorities.fingerprint() {
            return Ok(false);
        }
        let next = Current::issue(&self.authorities, &self.names, now)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }

    /// The authorities, of which one issues it.
    pub fn authorities(&self) -> &Arc<Authorities> {
        &self.authorities
    }
}

impl Current {
    fn issue(
        authorities: &Authorities,
        names: &[SanType],
        now: Timestamp,
    ) -> Result<Self, PkiError> {
        let authority = authorities.presenting();
        Ok(Self {
            key: authority.issue_server(names, now)?,
            issued: now,
            authority: authority.fingerprint(),
        })
    }
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(
            self.current
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .key
                .clone(),
        )
    }
}

fn leaf(name: &str, now: Timestamp, life_seconds: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // The epoch plus seconds is the calendar type of the certificate library, whose crate is not ours to name.
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(moment(now, -BACKDATED_SECONDS));
    params.not_after = epoch + since_epoch(moment(now, life_seconds));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn alternative_name(name: &str) -> Result<SanType, PkiError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let host = rustls::pki_types::DnsName::try_from(name);
    let text = host.map_err(|_| PkiError::Name(name.into()))?;
    let text = text
        .as_ref()
        .try_into()
        .map_err(|_| PkiError::Name(name.into()))?;
    Ok(SanType::DnsName(text))
}

fn moment(now: Timestamp, seconds: i64) -> Timestamp {
    let second = now.as_second().saturating_add(seconds);
    Timestamp::from_second(second).unwrap_or(now)
}

fn since_epoch(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + "\n-----END CERTIFICATE-----\n"
}

fn fault(what: &'static str) -> impl Fn(rcgen::Error) -> PkiError + Copy {
    move |source| PkiError::Certificate { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn founded(directory: &tempfile::TempDir) -> Arc<Authorities> {
        let vault = crate::pki::Vault::open(directory.path(), None).unwrap();
        Arc::new(Authorities::open(&vault, now()).unwrap())
    }

    fn request(key: &KeyPair) -> String {
        let params = CertificateParams::new(vec!["evil.example".into()]).unwrap();
        params.serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn the_authority_survives_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let first = founded(&directory);
        let second = founded(&directory);
        assert_eq!(first.pem(), second.pem());
        assert_eq!(first.fingerprint(), second.fingerprint());
    }

    #[test]
    fn nothing_but_the_key_is_taken_from_a_request() {
        let directory = tempfile::tempdir().unwrap();
        let authority = founded(&directory);
        let key = KeyPair::generate().unwrap();
        let checked = CheckedRequest::check(&request(&key)).unwrap();
        let issued = authority.issuing().issue_agent(checked, now()).unwrap();
        let der = CertificateDer::from_pem_slice(issued.chain_pem.as_bytes()).unwrap();
        assert_eq!(Fingerprint::of(&der), issued.record.fingerprint);
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert!(parsed.subject_alternative_name().unwrap().is_none());
        assert!(!parsed.is_ca());
        let life = parsed.validity().not_after.timestamp() - now().as_second();
        assert_eq!(life, AGENT_LIFE_SECONDS);
        let two_thirds = Timestamp::from_second(now().as_second() + 61 * DAY).unwrap();
        assert!(!issued.record.is_due_for_renewal(now()));
        assert!(issued.record.is_due_for_renewal(two_thirds));
    }

    #[test]
    fn refuses_malformed_requests_and_other_kinds_of_key() {
        assert!(CheckedRequest::check("").is_err());
        assert!(
            CheckedRequest::check(
                "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"
            )
            .is_err()
        );
        let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        assert!(matches!(
            CheckedRequest::check(&request(&other)),
            Err(PkiError::Request(_))
        ));
    }

    #[test]
    fn the_server_certificate_is_replaced_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let authority = founded(&directory);
        let names = ["localhost".into(), "127.0.0.1".into()];
        let certificate = ServerCertificate::new(authority.clone(), &names, now()).unwrap();
        assert!(!certificate.refresh(now()).unwrap());
        let later = Timestamp::from_second(now().as_second() + 31 * DAY).unwrap();
        assert!(certificate.refresh(later).unwrap());
        assert!(!certificate.refresh(later).unwrap());
        assert!(ServerCertificate::new(authority, &["not a name".into()], now()).is_err());
    }
}
