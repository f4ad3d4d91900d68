//! NTLM without SPNEGO around it (MS-NLMP), as HTTP's `NTLM` scheme carries it (MS-NTHT §2.2.1).
//!
//! Only signs in, never seals. Trap: the three messages belong to one connection; on another one the other side knows nothing
//! of the first two.

use secrecy::ExposeSecret as _;
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, DataRepresentation, Ntlm, SecurityBuffer,
    Sspi as _, SspiImpl as _, ntlm::NtlmConfig,
};

use crate::{
    context::WORKSTATION,
    error::Error,
    identity::{Credential, Identity},
};

/// A client's side of one sign-in.
pub struct BareNtlm {
    context: Ntlm,
    credentials: Option<AuthIdentityBuffers>,
    service: String,
}

impl std::fmt::Debug for BareNtlm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BareNtlm(for {})", self.service)
    }
}

impl BareNtlm {
    /// For a service (`HTTP/proxy.contoso.com`).
    ///
    /// # Errors
    /// If the account's name cannot be used, or there is no password.
    pub fn new(identity: &Identity, service: &str) -> Result<Self, Error> {
        let (name, domain) = identity.split()?;
        let Credential::Password(password) = &identity.credential else {
            return Err(Error::KeytabWithNtlm);
        };
        // A name with a suffix goes whole, without a domain (MS-NLMP §3.1.5.1.2).
        let domain = domain.filter(|_| !name.contains('@')).unwrap_or_default();
        let credentials = AuthIdentityBuffers::from_utf8(name, domain, password.expose_secret());
        Ok(Self {
            context: Ntlm::with_config(NtlmConfig::new(WORKSTATION.into())),
            credentials: Some(credentials),
            service: service.to_owned(),
        })
    }

    /// Takes the other side's message (empty: the first step) and gives the next one for it.
    ///
    /// # Errors
    /// If the message cannot be used.
    pub fn step(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let bad = |error: sspi::Error| Error::BadToken(error.description);
        let mut input = [SecurityBuffer::new(message.to_vec(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        {
            let mut builder = self
                .context
                .initialize_security_context()
                .with_credentials_handle(&mut self.credentials)
                .with_context_requirements(ClientRequestFlags::ALLOCATE_MEMORY)
                .with_target_data_representation(DataRepresentation::Native)
                .with_target_name(&self.service)
                .with_input(&mut input)
                .with_output(&mut output);
            self.context
                .initialize_security_context_impl(&mut builder)
                .map_err(bad)?
                .resolve_to_result()
                .map_err(bad)?;
        }
        let [output] = output;
        Ok(output.buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_the_first_message_and_refuses_nonsense() {
        let identity = Identity {
            account: "CORP\\proxy".into(),
            credential: Credential::Password("x".into()),
        };
        let mut context = BareNtlm::new(&identity, "HTTP/proxy").unwrap();
        let first = context.step(&[]).unwrap();
        assert!(first.starts_with(b"NTLMSSP\0\x01\0\0\0"), "{first:?}");
        assert!(context.step(b"nonsense").is_err());
    }
}
