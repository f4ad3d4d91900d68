//! Enrolment: a one-time token becomes an identity. And renewal, while the identity is still valid.
//!
//! The key is made here and never leaves. Trap: if the answer to an enrolment is lost the token is used up; ask for another.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use tracing::info;
use wire::agent::v1::{Enrol, Enrolled, HostFacts, Renew, Renewed};

use crate::{
    VERSION,
    error::AgentError,
    identity::{Identity, new_key},
    link::{CONTROL_TIMEOUT, Link},
    network::Network,
    tls::{Trust, check_authorities, for_enrolment, for_identity},
};

/// What enrolment needs.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// Address of the control plane.
    pub server: &'a str,
    /// Whom to trust.
    pub trust: Trust,
    /// The one-time token.
    pub token: SecretString,
    /// Display name of the agent.
    pub name: &'a str,
    /// The network on the way.
    pub network: Network,
}

/// Enrols, and keeps the identity in the data directory.
///
/// # Errors
/// `EnrolmentRefused` as [`AgentError::Answered`], or whatever else went wrong.
pub async fn enrol(
    enrolment: Enrolment<'_>,
    data_directory: &Path,
) -> Result<Identity, AgentError> {
    let tls = for_enrolment(&enrolment.trust, enrolment.network.further_roots())?;
    let link = Link::new(enrolment.server, enrolment.network, tls)?;
    let (key, csr) = new_key()?;
    let request = Enrol {
        token: enrolment.token.expose_secret().trim().to_owned(),
        csr,
        name: enrolment.name.to_owned(),
        version: VERSION.to_owned(),
        host: HostFacts {
            host_name: host_name(),
            operating_system: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
        },
    };
    let enrolled: Enrolled = link.control("/enrol", &request, CONTROL_TIMEOUT).await?;
    let identity = Identity {
        server: link.server().to_owned(),
        server_id: enrolled.server_id,
        agent_id: enrolled.agent_id,
        certificate: enrolled.certificate,
        key,
        authority: enrolled.authority,
    };
    // An identity that could not be used would be found out only later, with the token gone.
    for_identity(&identity, None)?;
    identity.write(data_directory)?;
    Ok(identity)
}

/// Gets a new certificate for a new key, and uses it from now on.
///
/// # Errors
/// Whatever went wrong; the old identity stays.
pub async fn renew(
    link: &Link,
    identity: &Identity,
    data_directory: &Path,
) -> Result<Identity, AgentError> {
    let (key, csr) = new_key()?;
    let renewed: Renewed = link
        .control("/renew", &Renew { csr }, CONTROL_TIMEOUT)
        .await?;
    check_authorities(&renewed.authority)?;
    let next = Identity {
        certificate: renewed.certificate,
        key,
        authority: renewed.authority,
        ..identity.clone()
    };
    let tls = for_identity(&next, link.network().further_roots())?;
    next.write(data_directory)?;
    link.replace(tls);
    info!(agent = next.agent_id, "certificate renewed");
    Ok(next)
}

/// Trusts these authorities from now on, as a server that is trusted says.
///
/// # Errors
/// If they are none, or cannot be kept; the old ones stay.
pub fn follow(
    link: &Link,
    identity: &Identity,
    authority: String,
    data_directory: &Path,
) -> Result<Identity, AgentError> {
    check_authorities(&authority)?;
    let next = Identity {
        authority,
        ..identity.clone()
    };
    let tls = for_identity(&next, link.network().further_roots())?;
    next.write(data_directory)?;
    link.replace(tls);
    info!(
        agent = next.agent_id,
        "the authorities this agent trusts are others now"
    );
    Ok(next)
}

/// The name of this machine, as far as it tells.
pub fn host_name() -> String {
    let read = |path| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}
