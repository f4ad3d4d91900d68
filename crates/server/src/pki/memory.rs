//! An [`AgentDirectory`] that forgets: for tests and for a server that lives as long as its process.
//!
//! Never used where agents must survive a restart. Trap: the lock is held for moments only, never across an await.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_core::{code::Code, id::AgentId, operation::Refusal};

use super::{
    AgentDirectory, AgentRecord, Beat, CertificateRecord, Fingerprint, NewAgent, Serving,
    TokenGrant,
};

#[derive(Default)]
struct Known {
    name: String,
    is_revoked: bool,
    is_drained: bool,
    grant: TokenGrant,
    certificates: Vec<CertificateRecord>,
    last: Option<Beat>,
}

#[derive(Default)]
struct State {
    tokens: BTreeMap<Fingerprint, (TokenGrant, Timestamp)>,
    agents: BTreeMap<AgentId, Known>,
}

/// Agents in memory.
#[derive(Default)]
pub struct MemoryDirectory(Mutex<State>);

impl MemoryDirectory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a token by its fingerprint, valid until a time.
    pub fn add_token(&self, token: Fingerprint, grant: TokenGrant, valid_until: Timestamp) {
        self.state().tokens.insert(token, (grant, valid_until));
    }

    /// Lets an agent take no new work, or work again.
    pub fn drain(&self, agent: AgentId, is_drained: bool) {
        if let Some(known) = self.state().agents.get_mut(&agent) {
            known.is_drained = is_drained;
        }
    }

    /// Which connectors an agent may serve from now on.
    pub fn assign(&self, agent: AgentId, grant: TokenGrant) {
        if let Some(known) = self.state().agents.get_mut(&agent) {
            known.grant = grant;
        }
    }

    /// The last sign of life of an agent.
    pub fn last_beat(&self, agent: AgentId) -> Option<Beat> {
        self.state().agents.get(&agent)?.last.clone()
    }
}

#[async_trait]
impl AgentDirectory for MemoryDirectory {
    async fn take_token(
        &self,
        token: &Fingerprint,
        at: Timestamp,
    ) -> Result<Option<TokenGrant>, Refusal> {
        let taken = self.state().tokens.remove(token);
        Ok(taken
            .filter(|(_, valid_until)| at < *valid_until)
            .map(|(grant, _)| grant))
    }

    async fn add_agent(&self, agent: NewAgent) -> Result<AgentId, Refusal> {
        let mut state = self.state();
        let last = state.agents.last_key_value().map_or(0, |(id, _)| id.0);
        let id = AgentId(last + 1);
        let known = Known {
            name: agent.name,
            grant: agent.grant,
            certificates: vec![agent.certificate],
            ..Known::default()
        };
        state.agents.insert(id, known);
        Ok(id)
    }

    async fn add_certificate(
        &self,
        agent: AgentId,
        certificate: CertificateRecord,
    ) -> Result<(), Refusal> {
        match self.state().agents.get_mut(&agent) {
            Some(known) => known.certificates.push(certificate),
            None => return Err(Refusal::new(Code::NotFound).with("agent", agent.to_string())),
        }
        Ok(())
    }

    async fn agent_by_fingerprint(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<AgentRecord>, Refusal> {
        let state = self.state();
        Ok(state.agents.iter().find_map(|(id, known)| {
            let mut certificates = known.certificates.iter();
            let certificate = certificates.find(|have| have.fingerprint == *fingerprint)?;
            Some(AgentRecord {
                id: *id,
                name: known.name.clone(),
                is_revoked: known.is_revoked,
                connectors: known.grant.connectors.clone(),
                is_drained: known.is_drained,
                certificate: certificate.clone(),
            })
        }))
    }

    async fn agents_of(&self, connector: &str) -> Result<Vec<Serving>, Refusal> {
        let serves = |known: &Known| {
            let hosted = known.last.iter().flat_map(|beat| &beat.connectors);
            !known.is_revoked && hosted.into_iter().any(|have| have.connector == connector)
        };
        let state = self.state();
        let agents = state.agents.iter().filter(|(_, known)| serves(known));
        let serving = |(id, known): (&AgentId, &Known)| Serving {
            id: *id,
            is_drained: known.is_drained,
        };
        Ok(agents.map(serving).collect())
    }

    async fn barred_from(&self, connector: &str) -> Result<Vec<String>, Refusal> {
        let state = self.state();
        let barred = |known: &&Known| {
            let mut named = known.last.iter().flat_map(|beat| &beat.unroutable);
            !known.is_revoked && named.any(|name| name == connector)
        };
        let agents = state.agents.values().filter(barred);
        Ok(agents.map(|known| known.name.clone()).collect())
    }

    async fn heartbeat(&self, agent: AgentId, beat: Beat) -> Result<(), Refusal> {
        if let Some(known) = self.state().agents.get_mut(&agent) {
            known.last = Some(beat);
        }
        Ok(())
    }

    async fn revoke(&self, agent: AgentId) -> Result<bool, Refusal> {
        let mut state = self.state();
        let known = state.agents.get_mut(&agent);
        Ok(known.map(|known| known.is_revoked = true).is_some())
    }

    async fn config_generation(&self) -> Result<u64, Refusal> {
        Ok(0)
    }
}
