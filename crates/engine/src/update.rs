//! Updates of agents: the administrator's wishes, what each updater said last, and whose turn it is.
//!
//! The turn is stored, so that a restart of the server does not give it to a second agent. Never says whether a release is genuine.
//! Trap: a turn ends by its time, too; an updater that died in the middle holds up the others for that long and no longer.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::{
    id::AgentId,
    update::{Policy, Wait},
};

use crate::{
    config::{collect, note_act},
    store::{Engine, Result},
};

const POLICY: &str = "agentUpdates";
/// A version did not become healthy, and the one before is in place again.
pub const UPDATE_RETURNED: &str = "returned";
/// In these phases an updater has begun what must be brought to an end.
const AT_WORK: [&str; 4] = ["waiting", "fetching", "switching", "watching"];

/// What an updater says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateNote {
    /// Its version.
    pub updater: String,
    /// Version of the agent's program in place.
    pub program: String,
    /// What it is doing.
    pub phase: String,
    /// The version it is about.
    pub version: String,
    /// A code, if something is wrong.
    pub code: String,
    /// For people.
    pub text: String,
}

/// What is known of an agent's updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateRow {
    /// Name of the agent.
    pub agent: String,
    /// What its updater said last.
    pub note: UpdateNote,
    /// When, unix ms.
    pub at: i64,
    /// Until when it has its turn.
    pub turn_until: Option<i64>,
    /// Versions that did not become healthy on it.
    pub failed: Vec<String>,
}

impl Engine {
    /// The administrator's wishes.
    ///
    /// # Errors
    /// Of the store.
    pub fn update_policy(&self) -> Result<Policy> {
        let text = self.setting(POLICY)?;
        let read = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(read.unwrap_or_default())
    }

    /// Stores them.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_update_policy(&self, policy: &Policy, actor: &str) -> Result<()> {
        let text = serde_json::to_string(policy).unwrap_or_default();
        let now = self.now();
        self.write("engine.update.policy", |tx| {
            tx.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [POLICY, &text],
            )?;
            note_act(tx, actor, "change updates of agents", &text, now)
        })
    }

    /// Notes what an updater says. Whoever is at work no more gives its turn back.
    ///
    /// # Errors
    /// Of the store.
    pub fn note_update(&self, agent: AgentId, note: &UpdateNote) -> Result<()> {
        let now = self.now();
        let is_at_work = AT_WORK.contains(&note.phase.as_str());
        self.write("engine.update.note", |tx| {
            tx.execute(
                "INSERT INTO agent_update (agent, updater, program, phase, version, code, text, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                 ON CONFLICT (agent) DO UPDATE SET updater = excluded.updater, program = excluded.program, phase = excluded.phase, \
                 version = excluded.version, code = excluded.code, text = excluded.text, at = excluded.at, \
                 turn_version = iif(?9, turn_version, NULL), turn_until = iif(?9, turn_until, NULL)",
                params![agent.0, note.updater, note.program, note.phase, note.version, note.code, note.text, now, is_at_work],
            )?;
            if note.phase == UPDATE_RETURNED {
                tx.execute(
                    "INSERT INTO failed_update (agent, version, at, text) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                    params![agent.0, note.version, now, note.text],
                )?;
            }
            Ok(())
        })
    }

    /// Gives an agent its turn for so many milliseconds, or says who or what is in the way. Asked again, it is prolonged.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_update_turn(
        &self,
        agent: AgentId,
        version: &str,
        for_ms: i64,
    ) -> Result<std::result::Result<(), Wait>> {
        let now = self.now();
        self.write("engine.update.turn", |tx| {
            let name = |row: &Row<'_>| row.get::<_, String>(0);
            let failed = tx
                .query_row(
                    "SELECT a.name FROM failed_update f JOIN agent a ON a.id = f.agent WHERE f.version = ?1 ORDER BY f.at LIMIT 1",
                    [version],
                    name,
                )
                .optional()?;
            if let Some(name) = failed {
                return Ok(Err(Wait::Failed(name)));
            }
            let other = tx
                .query_row(
                    "SELECT a.name FROM agent_update u JOIN agent a ON a.id = u.agent \
                     WHERE u.agent != ?1 AND u.turn_until > ?2 AND a.revoked_at IS NULL LIMIT 1",
                    params![agent.0, now],
                    name,
                )
                .optional()?;
            if let Some(name) = other {
                return Ok(Err(Wait::Turn(name)));
            }
            tx.execute(
                "INSERT INTO agent_update (agent, updater, program, phase, version, code, text, at, turn_version, turn_until) \
                 VALUES (?1, '', '', 'waiting', ?2, '', '', ?3, ?2, ?4) \
                 ON CONFLICT (agent) DO UPDATE SET turn_version = excluded.turn_version, turn_until = excluded.turn_until",
                params![agent.0, version, now, now.saturating_add(for_ms)],
            )?;
            Ok(Ok(()))
        })
    }

    /// What is known of every agent whose updater ever said something.
    ///
    /// # Errors
    /// Of the store.
    pub fn agent_updates(&self) -> Result<Vec<UpdateRow>> {
        let now = self.now();
        self.read(|c| {
            let sql = "SELECT a.name, u.updater, u.program, u.phase, u.version, u.code, u.text, u.at, u.turn_until, \
                       (SELECT group_concat(version, ' ') FROM failed_update f WHERE f.agent = u.agent) \
                       FROM agent_update u JOIN agent a ON a.id = u.agent WHERE a.revoked_at IS NULL ORDER BY a.name, a.id";
            collect(c, sql, [], |row| {
                let until: Option<i64> = row.get(8)?;
                let failed: Option<String> = row.get(9)?;
                Ok(UpdateRow {
                    agent: row.get(0)?,
                    note: UpdateNote {
                        updater: row.get(1)?,
                        program: row.get(2)?,
                        phase: row.get(3)?,
                        version: row.get(4)?,
                        code: row.get(5)?,
                        text: row.get(6)?,
                    },
                    at: row.get(7)?,
                    turn_until: until.filter(|until| *until > now),
                    failed: failed.iter().flat_map(|all| all.split(' ')).map(str::to_owned).collect(),
                })
            })
        })
    }

    /// Lets a version that did not become healthy be tried again. Says on how many agents it had failed.
    ///
    /// # Errors
    /// Of the store.
    pub fn retry_update(&self, version: &str, actor: &str) -> Result<usize> {
        let now = self.now();
        self.write("engine.update.retry", |tx| {
            let count = tx.execute("DELETE FROM failed_update WHERE version = ?1", [version])?;
            if count > 0 {
                note_act(tx, actor, "retry update", version, now)?;
            }
            Ok(count)
        })
    }
}
