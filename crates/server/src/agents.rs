//! The engine's memory of agents, as the link asks for it.
//!
//! Translates and nothing else. Trap: the store blocks, so every call runs on a blocking thread.

use async_trait::async_trait;
use engine::Engine;
use jiff::Timestamp;
use sync_core::{code::Code, id::AgentId, operation::Refusal};

use crate::{
    access,
    pki::{
        AgentDirectory, AgentRecord, Beat, CertificateRecord, Fingerprint, NewAgent, TokenGrant,
    },
};

/// Agents as the engine remembers them.
#[derive(Clone)]
pub struct EngineAgents(pub Engine);

/// Runs a blocking act of the engine.
pub(crate) async fn blocking<T: Send + 'static>(
    engine: &Engine,
    act: impl FnOnce(&Engine) -> Result<T, engine::StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let engine = engine.clone();
    let actor = access::present_actor();
    let work = move || act(&engine).map_err(|error| placed(&engine, &error));
    tokio::task::spawn_blocking(move || access::acting_here(actor, work))
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a store thread ended"))?
}

/// A refusal of the store; a fault of the file names the file.
pub(crate) fn placed(engine: &Engine, error: &engine::StoreError) -> Refusal {
    let refusal = error.refusal();
    match refusal.code {
        Code::DiskFull | Code::StoreDamaged | Code::StoreUnwritable | Code::StoreLocked => {
            refusal.with("file", engine.path().display().to_string())
        }
        _ => refusal,
    }
}

fn fingerprint_from(text: &str) -> Option<Fingerprint> {
    let mut print = [0_u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in print.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(Fingerprint(print))
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn stored(certificate: &CertificateRecord) -> engine::Certificate {
    engine::Certificate {
        fingerprint: certificate.fingerprint.to_string(),
        not_before: certificate.not_before.as_millisecond(),
        not_after: certificate.not_after.as_millisecond(),
    }
}

#[async_trait]
impl AgentDirectory for EngineAgents {
    async fn take_token(
        &self,
        token: &Fingerprint,
        _at: Timestamp,
    ) -> Result<Option<TokenGrant>, Refusal> {
        let hash = token.to_string();
        let granted = blocking(&self.0, move |engine| engine.take_enrolment_token(&hash)).await?;
        Ok(granted.map(|connectors| TokenGrant { connectors }))
    }

    async fn add_agent(&self, agent: NewAgent) -> Result<AgentId, Refusal> {
        let new = engine::NewAgent {
            name: agent.name,
            granted: agent.grant.connectors,
            certificate: stored(&agent.certificate),
            facts: serde_json::json!({ "version": agent.version, "host": agent.host }),
        };
        blocking(&self.0, move |engine| engine.add_agent(&new)).await
    }

    async fn add_certificate(
        &self,
        agent: AgentId,
        certificate: CertificateRecord,
    ) -> Result<(), Refusal> {
        blocking(&self.0, move |engine| {
            engine.add_certificate(agent, &stored(&certificate))
        })
        .await
    }

    async fn agent_by_fingerprint(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<AgentRecord>, Refusal> {
        let text = fingerprint.to_string();
        let row = blocking(&self.0, move |engine| engine.agent_by_fingerprint(&text)).await?;
        Ok(row.and_then(|row| {
            Some(AgentRecord {
                id: row.id,
                name: row.name,
                is_revoked: row.revoked_at.is_some(),
                connectors: row.granted,
                certificate: CertificateRecord {
                    fingerprint: fingerprint_from(&row.certificate.fingerprint)?,
                    not_before: time(row.certificate.not_before),
                    not_after: time(row.certificate.not_after),
                },
            })
        }))
    }

    async fn agents_of(&self, connector: &str) -> Result<Vec<AgentId>, Refusal> {
        let rows = blocking(&self.0, Engine::agents).await?;
        let serves = |row: &engine::AgentRow| {
            row.revoked_at.is_none()
                && row
                    .facts
                    .get("connectors")
                    .and_then(|all| all.as_array())
                    .is_some_and(|all| {
                        all.iter().any(|hosted| {
                            hosted.get("connector").and_then(|name| name.as_str())
                                == Some(connector)
                        })
                    })
        };
        Ok(rows
            .iter()
            .filter(|row| serves(row))
            .map(|row| row.id)
            .collect())
    }

    async fn heartbeat(&self, agent: AgentId, beat: Beat) -> Result<(), Refusal> {
        let facts = serde_json::json!({
            "version": beat.version, "uptimeMs": beat.uptime_ms, "memoryBytes": beat.memory_bytes,
            "clockAheadMs": beat.clock_ahead_ms, "connectors": beat.connectors,
        });
        blocking(&self.0, move |engine| engine.touch_agent(agent, &facts)).await
    }

    async fn revoke(&self, agent: AgentId) -> Result<bool, Refusal> {
        blocking(&self.0, move |engine| {
            let guid = engine
                .agents()?
                .into_iter()
                .find(|row| row.id == agent)
                .map(|row| row.guid);
            guid.map_or(Ok(false), |guid| engine.revoke_agent(&guid))
        })
        .await
    }

    async fn knows_connector(&self, name: &str) -> Result<bool, Refusal> {
        let all = blocking(&self.0, Engine::connectors).await?;
        Ok(all.iter().any(|row| row.name == name))
    }

    async fn config_generation(&self) -> Result<u64, Refusal> {
        let text = blocking(&self.0, |engine| engine.setting("agentConfigGeneration")).await?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}
