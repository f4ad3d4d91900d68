//! The engine's memory of agents, as the link asks for it.
//!
//! Translates and nothing else. Trap: the store blocks, so every call runs on a blocking thread.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use engine::Engine;
use jiff::Timestamp;
use sync_core::{code::Code, id::AgentId, operation::Refusal};
use tokio::time::{Instant, sleep_until};

use crate::{
    access,
    pki::{
        AgentDirectory, AgentRecord, Beat, CertificateRecord, Fingerprint, NewAgent, Serving,
        TokenGrant,
    },
};

/// Signs of life are written at most so often, however many agents there are: each writing waits for the disk, and so does a sync
/// meanwhile.
const BEATS_EVERY: Duration = Duration::from_secs(1);

/// Whether a list among an agent's facts names this connector, itself or in a field.
fn told(row: &engine::AgentRow, list: &str, field: Option<&str>, connector: &str) -> bool {
    let all = row.facts.get(list).and_then(|all| all.as_array());
    let name = |one: &'_ serde_json::Value| {
        let named = field.map_or(Some(one), |field| one.get(field));
        named.and_then(|name| name.as_str()) == Some(connector)
    };
    all.is_some_and(|all| all.iter().any(name))
}

/// Agents as the engine remembers them.
pub struct EngineAgents {
    engine: Engine,
    beats: Beats,
}

/// Signs of life that wait to be written together.
#[derive(Default)]
struct Beats {
    waiting: Mutex<Waiting>,
    /// Whoever holds it writes for all.
    turn: tokio::sync::Mutex<Turn>,
}

#[derive(Default)]
struct Waiting {
    beats: Vec<(AgentId, serde_json::Value)>,
    /// How many there ever were.
    count: u64,
}

#[derive(Default)]
struct Turn {
    /// How many of all are written, or were tried.
    done: u64,
    /// When the last ones were.
    at: Option<Instant>,
}

impl Beats {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a sign of life together with those that come within a moment; the first after a pause is written at once.
    async fn write<E>(
        &self,
        beat: (AgentId, serde_json::Value),
        store: impl AsyncFnOnce(Vec<(AgentId, serde_json::Value)>) -> Result<(), E>,
    ) -> Result<(), E> {
        let number = {
            let mut waiting = self.waiting();
            waiting.beats.push(beat);
            waiting.count += 1;
            waiting.count
        };
        let mut turn = self.turn.lock().await;
        if turn.done >= number {
            return Ok(());
        }
        if let Some(last) = turn.at {
            sleep_until(last + BEATS_EVERY).await;
        }
        let (all, count) = {
            let mut waiting = self.waiting();
            (std::mem::take(&mut waiting.beats), waiting.count)
        };
        (turn.done, turn.at) = (count, Some(Instant::now()));
        store(all).await
    }
}

impl EngineAgents {
    /// Of this engine.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            beats: Beats::default(),
        }
    }
}

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
        authority: certificate
            .authority
            .map(|print| print.to_string())
            .unwrap_or_default(),
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
        let granted = blocking(&self.engine, move |engine| {
            engine.take_enrolment_token(&hash)
        })
        .await?;
        Ok(granted.map(|connectors| TokenGrant { connectors }))
    }

    async fn add_agent(&self, agent: NewAgent) -> Result<AgentId, Refusal> {
        let new = engine::NewAgent {
            name: agent.name,
            granted: agent.grant.connectors,
            certificate: stored(&agent.certificate),
            facts: serde_json::json!({ "version": agent.version, "host": agent.host }),
        };
        blocking(&self.engine, move |engine| engine.add_agent(&new)).await
    }

    async fn add_certificate(
        &self,
        agent: AgentId,
        certificate: CertificateRecord,
    ) -> Result<(), Refusal> {
        blocking(&self.engine, move |engine| {
            engine.add_certificate(agent, &stored(&certificate))
        })
        .await
    }

    async fn agent_by_fingerprint(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<AgentRecord>, Refusal> {
        let text = fingerprint.to_string();
        let row = blocking(&self.engine, move |engine| {
            engine.agent_by_fingerprint(&text)
        })
        .await?;
        Ok(row.and_then(|row| {
            Some(AgentRecord {
                id: row.id,
                name: row.name,
                is_revoked: row.revoked_at.is_some(),
                connectors: row.granted,
                is_drained: row.drained_at.is_some(),
                certificate: CertificateRecord {
                    fingerprint: fingerprint_from(&row.certificate.fingerprint)?,
                    authority: fingerprint_from(&row.certificate.authority),
                    not_before: time(row.certificate.not_before),
                    not_after: time(row.certificate.not_after),
                },
            })
        }))
    }

    async fn agents_of(&self, connector: &str) -> Result<Vec<Serving>, Refusal> {
        let rows = blocking(&self.engine, Engine::agents).await?;
        let serving = |row: &engine::AgentRow| Serving {
            id: row.id,
            is_drained: row.drained_at.is_some(),
        };
        let serves = |row: &&engine::AgentRow| {
            row.revoked_at.is_none() && told(row, "connectors", Some("connector"), connector)
        };
        Ok(rows.iter().filter(serves).map(serving).collect())
    }

    async fn barred_from(&self, connector: &str) -> Result<Vec<String>, Refusal> {
        let rows = blocking(&self.engine, Engine::agents).await?;
        let barred = |row: &&engine::AgentRow| {
            row.revoked_at.is_none() && told(row, "unroutable", None, connector)
        };
        Ok(rows
            .iter()
            .filter(barred)
            .map(|row| row.name.clone())
            .collect())
    }

    async fn heartbeat(&self, agent: AgentId, beat: Beat) -> Result<(), Refusal> {
        let facts = serde_json::json!({
            "version": beat.version, "uptimeMs": beat.uptime_ms, "memoryBytes": beat.memory_bytes,
            "clockAheadMs": beat.clock_ahead_ms, "connectors": beat.connectors, "unroutable": beat.unroutable,
            "authorities": beat.authorities,
        });
        let store = async |all: Vec<_>| {
            blocking(&self.engine, move |engine| engine.touch_agents(&all)).await
        };
        self.beats.write((agent, facts), store).await
    }

    async fn revoke(&self, agent: AgentId) -> Result<bool, Refusal> {
        blocking(&self.engine, move |engine| {
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
        let all = blocking(&self.engine, Engine::connectors).await?;
        Ok(all.iter().any(|row| row.name == name))
    }

    async fn domain_of(&self, name: &str) -> Result<Option<String>, Refusal> {
        let all = blocking(&self.engine, Engine::connectors).await?;
        let row = all.iter().find(|row| row.name == name);
        Ok(row.and_then(crate::domain::of).map(str::to_owned))
    }

    async fn config_generation(&self) -> Result<u64, Refusal> {
        let text = blocking(&self.engine, |engine| {
            engine.setting("agentConfigGeneration")
        })
        .await?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn signs_of_life_are_written_together_and_the_first_at_once() {
        let beats = Beats::default();
        let written = Mutex::new(Vec::new());
        let beat = async |number: i64| {
            let store = async |all: Vec<(AgentId, serde_json::Value)>| {
                written.lock().unwrap().push(all.len());
                Ok::<_, ()>(())
            };
            beats
                .write((AgentId(number), serde_json::json!({})), store)
                .await
                .unwrap();
        };
        beat(0).await;
        assert_eq!(*written.lock().unwrap(), [1]);
        futures_util::future::join_all((1..=1_000).map(&beat)).await;
        assert_eq!(*written.lock().unwrap(), [1, 1_000]);
    }
}
