//! What the link has to remember of agents, as a trait: the store implements it.
//!
//! Never asked for secrets: tokens are known by their fingerprint only. Trap: [`AgentDirectory::take_token`] must be atomic
//! and durable before it returns, or a token admits two agents.

use async_trait::async_trait;
use jiff::Timestamp;
use sync_core::{id::AgentId, operation::Refusal};
use wire::agent::v1::{HostFacts, Hosted};

use super::Fingerprint;

/// What a token allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenGrant {
    /// Connectors the agent may serve, by name; empty: any.
    pub connectors: Vec<String>,
}

/// A certificate of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRecord {
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the authority's certificate that issued it; `None`: it was issued before anybody noted that.
    pub authority: Option<Fingerprint>,
    /// Start of its life.
    pub not_before: Timestamp,
    /// End of its life.
    pub not_after: Timestamp,
}

impl CertificateRecord {
    /// Whether two thirds of its life are over.
    pub fn is_due_for_renewal(&self, now: Timestamp) -> bool {
        let life = self.not_after.as_second() - self.not_before.as_second();
        now.as_second() >= self.not_before.as_second() + life / 3 * 2
    }
}

/// An agent to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAgent {
    /// Display name.
    pub name: String,
    /// Version of its software.
    pub version: String,
    /// Its machine.
    pub host: HostFacts,
    /// What its token allowed.
    pub grant: TokenGrant,
    /// Its first certificate.
    pub certificate: CertificateRecord,
    /// When it enrolled.
    pub enrolled: Timestamp,
}

/// An agent as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRecord {
    /// Its id.
    pub id: AgentId,
    /// Display name.
    pub name: String,
    /// Whether it has been revoked.
    pub is_revoked: bool,
    /// Connectors it may serve; empty: any.
    pub connectors: Vec<String>,
    /// Whether it takes no new work.
    pub is_drained: bool,
    /// The certificate it was found by.
    pub certificate: CertificateRecord,
}

impl AgentRecord {
    /// Whether it may serve this connector.
    pub fn may_serve(&self, connector: &str) -> bool {
        self.connectors.is_empty() || self.connectors.iter().any(|name| name == connector)
    }
}

/// An agent that serves a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Which.
    pub id: AgentId,
    /// Whether it takes no new work.
    pub is_drained: bool,
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// When it arrived.
    pub at: Timestamp,
    /// Version of the agent's software.
    pub version: String,
    /// Milliseconds since the agent started.
    pub uptime_ms: u64,
    /// Resident memory in bytes; 0: not known.
    pub memory_bytes: u64,
    /// The agent's clock minus the server's, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Connectors it has settings for, those it may not serve left out.
    pub connectors: Vec<Hosted>,
    /// SHA-256 of the authorities it trusts, hexadecimal; none: it does not say.
    pub authorities: Vec<String>,
    /// Those it may not serve, or that do not exist.
    pub unroutable: Vec<String>,
}

/// The store of agents. Every fault of the store is a [`Refusal`] with its code.
#[async_trait]
pub trait AgentDirectory: Send + Sync {
    /// Uses up a token; `None` if it is unknown, used or expired. Of two callers at once, one gets it.
    async fn take_token(
        &self,
        token: &Fingerprint,
        at: Timestamp,
    ) -> Result<Option<TokenGrant>, Refusal>;

    /// Adds an agent with its first certificate.
    async fn add_agent(&self, agent: NewAgent) -> Result<AgentId, Refusal>;

    /// Adds a renewed certificate. The earlier ones stay valid until they expire.
    async fn add_certificate(
        &self,
        agent: AgentId,
        certificate: CertificateRecord,
    ) -> Result<(), Refusal>;

    /// The agent that owns this certificate.
    async fn agent_by_fingerprint(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<AgentRecord>, Refusal>;

    /// Agents, not revoked, whose last heartbeat named this connector.
    async fn agents_of(&self, connector: &str) -> Result<Vec<Serving>, Refusal>;

    /// Names of agents that have settings for this connector and may not serve it.
    async fn barred_from(&self, _connector: &str) -> Result<Vec<String>, Refusal> {
        Ok(Vec::new())
    }

    /// Remembers a sign of life.
    async fn heartbeat(&self, agent: AgentId, beat: Beat) -> Result<(), Refusal>;

    /// Takes an agent's rights away for ever; false if there is no such agent.
    async fn revoke(&self, agent: AgentId) -> Result<bool, Refusal>;

    /// Whether there is a connector of this name.
    async fn knows_connector(&self, _name: &str) -> Result<bool, Refusal> {
        Ok(true)
    }

    /// The domain a connector keeps to, if it keeps to one already.
    async fn domain_of(&self, _name: &str) -> Result<Option<String>, Refusal> {
        Ok(None)
    }

    /// Counts changes of the configuration of agents.
    async fn config_generation(&self) -> Result<u64, Refusal>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let certificate = CertificateRecord {
            fingerprint: Fingerprint([0; 32]),
            authority: None,
            not_before: at(100),
            not_after: at(190),
        };
        assert!(!certificate.is_due_for_renewal(at(159)));
        assert!(certificate.is_due_for_renewal(at(160)));
        assert!(certificate.is_due_for_renewal(at(191)));
    }
}
