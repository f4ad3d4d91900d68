//! The client's side of a security context, token by token, and the sealing that follows.
//!
//! Kerberos and NTLM are offered one at a time within SPNEGO, so the other side cannot talk the client down to the weaker
//! one. Never asks the environment for a KDC of the account's realm: the caller names them. Trap: an NTLM context believes
//! it is established before the server has judged the password; the carrier's answer decides.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use secrecy::ExposeSecret as _;
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation,
    EncryptionFlags, KerberosConfig, KeytabIdentity, Negotiate, NegotiateConfig,
    NegotiatedProtocol, SecurityBuffer, SecurityBufferRef, SecurityStatus, Sspi as _,
    SspiImpl as _, Username,
    generator::{GeneratorState, NetworkRequest},
    ntlm::NtlmConfig,
};

use crate::{
    error::{Error, Reason},
    identity::{Credential, Identity},
    kdc::Kdcs,
    keytab::Encryption,
    wrap::Opener,
};

/// The name under which this client presents itself; servers only log it.
pub(crate) const WORKSTATION: &str = "HYBRIDGE";
/// Stands for the KDCs of the list, which the library cannot take.
const HOME_KDC: &str = "home.invalid";
/// What a sealed NTLM message is longer by.
const NTLM_SIGNATURE_BYTES: usize = 16;

/// Whether what follows is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Everything is encrypted and signed by the context.
    Sealed,
    /// The carrier is encrypted already.
    Carrier,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this; an answer is awaited.
    Continue(Vec<u8>),
    /// Established on this side; send this, unless it is empty.
    Done(Vec<u8>),
}

/// A security context of a client.
#[async_trait]
pub trait SecurityContext: Send {
    /// Who signs in.
    fn account(&self) -> &str;

    /// Whether it seals.
    fn protection(&self) -> Protection;

    /// Takes the other side's token (empty: the first step).
    ///
    /// # Errors
    /// If the other side, or a KDC, cannot be used or says no.
    async fn step(&mut self, token: &[u8]) -> Result<Step, Error>;

    /// Appends data, sealed, to a buffer.
    ///
    /// # Errors
    /// If the context is not established.
    fn seal(&mut self, plain: &[u8], into: &mut BytesMut) -> Result<(), Error>;

    /// Opens what the other side sealed.
    ///
    /// # Errors
    /// If it was altered, repeated, put in another order, or is not sealed. The context must not be used any more.
    fn open(&mut self, sealed: BytesMut) -> Result<Bytes, Error>;
}

/// A client's context: Kerberos or NTLM within SPNEGO.
pub struct Initiator {
    context: Negotiate,
    credentials: Option<CredentialsBuffers>,
    kdcs: Option<Kdcs>,
    account: String,
    service: String,
    protection: Protection,
    overhead_bytes: usize,
    opener: Option<Opener>,
}

impl std::fmt::Debug for Initiator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Initiator({} for {})", self.account, self.service)
    }
}

impl Initiator {
    /// Kerberos, with a password or a keytab's key, for a service (`ldap/dc1.contoso.com`).
    ///
    /// # Errors
    /// If the account's name cannot be used.
    pub fn kerberos(
        identity: &Identity,
        kdcs: Kdcs,
        service: &str,
        protection: Protection,
    ) -> Result<Self, Error> {
        let home = format!("tcp://{HOME_KDC}:88");
        let config = KerberosConfig::new_with_kdc_url(&home, WORKSTATION.into());
        let credentials = kerberos_credentials(identity, &kdcs.realm)?;
        let config = NegotiateConfig::new(
            Box::new(config),
            Some("kerberos,!ntlm".into()),
            WORKSTATION.into(),
        );
        Self::new(
            identity,
            config,
            credentials,
            Some(kdcs),
            service,
            protection,
        )
    }

    /// NTLM, with a password, for a service.
    ///
    /// # Errors
    /// If the account's name cannot be used, or there is no password.
    pub fn ntlm(identity: &Identity, service: &str, protection: Protection) -> Result<Self, Error> {
        let (name, domain) = identity.split()?;
        let Credential::Password(password) = &identity.credential else {
            return Err(Error::KeytabWithNtlm);
        };
        // A name with a suffix goes whole, without a domain (MS-NLMP §3.1.5.1.2).
        let domain = domain.filter(|_| !name.contains('@')).unwrap_or_default();
        let credentials = AuthIdentityBuffers::from_utf8(name, domain, password.expose_secret());
        let config = NegotiateConfig::new(
            Box::new(NtlmConfig::new(WORKSTATION.into())),
            Some("ntlm,!kerberos".into()),
            WORKSTATION.into(),
        );
        let credentials = CredentialsBuffers::AuthIdentity(credentials);
        Self::new(identity, config, credentials, None, service, protection)
    }

    fn new(
        identity: &Identity,
        config: NegotiateConfig,
        credentials: CredentialsBuffers,
        kdcs: Option<Kdcs>,
        service: &str,
        protection: Protection,
    ) -> Result<Self, Error> {
        let context = Negotiate::new_client(config).map_err(|error| bad_token(&error))?;
        Ok(Self {
            context,
            credentials: Some(credentials),
            kdcs,
            account: identity.account.clone(),
            service: service.to_owned(),
            protection,
            overhead_bytes: 0,
            opener: None,
        })
    }

    fn flags(&self) -> ClientRequestFlags {
        let always = ClientRequestFlags::MUTUAL_AUTH;
        match self.protection {
            Protection::Sealed => {
                always
                    | ClientRequestFlags::INTEGRITY
                    | ClientRequestFlags::CONFIDENTIALITY
                    | ClientRequestFlags::SEQUENCE_DETECT
                    | ClientRequestFlags::REPLAY_DETECT
            }
            Protection::Carrier => always,
        }
    }

    /// One turn of the library, which yields whenever it wants something of a KDC.
    async fn turn(&mut self, token: &[u8]) -> Result<(SecurityStatus, Vec<u8>), Error> {
        let flags = self.flags();
        let mut input = [SecurityBuffer::new(token.to_vec(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut failure = None;
        let mut refusal = None;
        let result = {
            let mut builder = self
                .context
                .initialize_security_context()
                .with_credentials_handle(&mut self.credentials)
                .with_context_requirements(flags)
                .with_target_data_representation(DataRepresentation::Native)
                .with_target_name(&self.service)
                .with_input(&mut input)
                .with_output(&mut output);
            let mut turn = self
                .context
                .initialize_security_context_impl(&mut builder)
                .map_err(|error| bad_token(&error))?;
            let mut state = turn.start();
            loop {
                match state {
                    GeneratorState::Completed(result) => break result,
                    GeneratorState::Suspended(request) => {
                        let reply = ask(self.kdcs.as_ref(), &request).await;
                        state = turn.resume(match reply {
                            Ok(reply) => {
                                refusal = reply.error;
                                Ok(reply.bytes)
                            }
                            Err(error) => {
                                failure = Some(error);
                                Err(unreachable_kdc())
                            }
                        });
                    }
                }
            }
        };
        match (result, failure) {
            (Ok(result), _) => {
                let [output] = output;
                Ok((result.status, output.buffer))
            }
            (Err(_), Some(failure)) => Err(failure),
            (Err(error), None) => Err(self.refused(refusal, &error)),
        }
    }

    fn refused(&self, code: Option<u32>, error: &sspi::Error) -> Error {
        let reason = match (code, error.error_type) {
            (Some(code), _) => Reason::of(code),
            (None, sspi::ErrorKind::TimeSkew) => Reason::ClockSkew,
            (None, _) => return bad_token(error),
        };
        Error::Refused {
            account: self.account.clone(),
            service: self.service.clone(),
            reason,
            text: words(error),
        }
    }

    /// Readies what sealing needs, once the context stands.
    fn establish(&mut self) -> Result<(), Error> {
        if self.protection == Protection::Carrier {
            return Ok(());
        }
        match self.context.negotiated_protocol() {
            NegotiatedProtocol::Ntlm(_) => self.overhead_bytes = NTLM_SIGNATURE_BYTES,
            NegotiatedProtocol::Kerberos(_) => {
                let keys = self
                    .context
                    .query_context_session_key()
                    .map_err(|error| bad_token(&error))?;
                self.opener = Some(Opener::new(keys.session_key.as_ref())?);
                let sizes = self.context.query_context_sizes();
                let sizes = sizes.map_err(|error| bad_token(&error))?;
                self.overhead_bytes = usize::try_from(sizes.security_trailer).unwrap_or(0);
            }
            NegotiatedProtocol::Pku2u(_) => return Err(Error::NotEstablished),
        }
        Ok(())
    }
}

#[async_trait]
impl SecurityContext for Initiator {
    fn account(&self) -> &str {
        &self.account
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    async fn step(&mut self, token: &[u8]) -> Result<Step, Error> {
        let (status, output) = self.turn(token).await?;
        match status {
            SecurityStatus::Ok => {
                self.establish()?;
                Ok(Step::Done(output))
            }
            SecurityStatus::ContinueNeeded => Ok(Step::Continue(output)),
            other => Err(Error::BadToken(format!("unexpected state {other:?}"))),
        }
    }

    fn seal(&mut self, plain: &[u8], into: &mut BytesMut) -> Result<(), Error> {
        if self.overhead_bytes == 0 {
            return Err(Error::NotEstablished);
        }
        let start = into.len();
        into.reserve(self.overhead_bytes + plain.len());
        into.resize(start + self.overhead_bytes, 0);
        into.extend_from_slice(plain);
        let frame = into.get_mut(start..).unwrap_or_default();
        let (token, data) = frame.split_at_mut(self.overhead_bytes);
        let mut buffers = [
            SecurityBufferRef::token_buf(token),
            SecurityBufferRef::data_buf(data),
        ];
        self.context
            .encrypt_message(EncryptionFlags::empty(), &mut buffers)
            .map_err(|error| Error::CannotSeal(words(&error)))?;
        let [token, data] = &buffers;
        match token.buf_len() == self.overhead_bytes && data.buf_len() == plain.len() {
            true => Ok(()),
            false => Err(Error::CannotSeal("its size changed".into())),
        }
    }

    fn open(&mut self, mut sealed: BytesMut) -> Result<Bytes, Error> {
        if self.overhead_bytes == 0 {
            return Err(Error::NotEstablished);
        }
        if let Some(opener) = &mut self.opener {
            return opener.open(&sealed);
        }
        if sealed.len() < NTLM_SIGNATURE_BYTES {
            return Err(Error::Broken("a token is too short"));
        }
        let plain_bytes = {
            let mut buffers = [
                SecurityBufferRef::stream_buf(&mut sealed),
                SecurityBufferRef::data_buf(&mut []),
            ];
            self.context
                .decrypt_message(&mut buffers)
                .map_err(|_| Error::Broken("the signature or number of a message is wrong"))?;
            let [_, data] = &buffers;
            data.buf_len()
        };
        // It is left at the end of the buffer.
        Ok(sealed
            .split_off(sealed.len() - plain_bytes.min(sealed.len()))
            .freeze())
    }
}

fn kerberos_credentials(identity: &Identity, realm: &str) -> Result<CredentialsBuffers, Error> {
    let (name, _) = identity.split()?;
    let key = match &identity.credential {
        // With a realm beside it, a name with a suffix is an enterprise name (RFC 6806 §5).
        Credential::Password(password) => {
            let identity = AuthIdentityBuffers::from_utf8(name, realm, password.expose_secret());
            return Ok(CredentialsBuffers::AuthIdentity(identity));
        }
        Credential::Key(key) => key,
    };
    let principal = Username::new_down_level_logon_name(&key.name, realm)
        .map_err(|_| Error::BadAccount(key.name.clone()))?;
    Ok(CredentialsBuffers::Keytab(KeytabIdentity {
        principal,
        key: key.bytes.to_vec().into(),
        key_enctype: match key.encryption {
            Encryption::Aes128 => picky_krb::crypto::CipherSuite::Aes128CtsHmacSha196,
            Encryption::Aes256 => picky_krb::crypto::CipherSuite::Aes256CtsHmacSha196,
        },
    }))
}

async fn ask(kdcs: Option<&Kdcs>, request: &NetworkRequest) -> Result<crate::kdc::Reply, Error> {
    let kdcs = kdcs.ok_or(Error::NotEstablished)?;
    match request.url.host_str() {
        Some(HOME_KDC) | None => kdcs.ask(&request.data).await,
        // Another realm on the way to the service; the library looked its KDC up.
        Some(host) => {
            let address = format!("{host}:{}", request.url.port().unwrap_or(88));
            kdcs.ask_of(&[address], &request.data).await
        }
    }
}

fn unreachable_kdc() -> sspi::Error {
    sspi::Error::new(sspi::ErrorKind::NoAuthenticatingAuthority, "no KDC answers")
}

fn bad_token(error: &sspi::Error) -> Error {
    Error::BadToken(words(error))
}

/// The library's words, without what it found in the message.
fn words(error: &sspi::Error) -> String {
    let text = &error.description;
    let end = text.find(". Additional error data").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}
