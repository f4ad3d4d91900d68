//! Connectors, jobs, agents and enrolment tokens: what an administrator sets up.
//!
//! Never holds a secret: tokens and certificates are stored as digests, credentials stay with their agents. Trap: a new job
//! makes everything its source already holds due, in the same transaction.
// LONG: four kinds of rows with their columns and checks, one after the other.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use sync_core::{
    code::Code,
    guard::Limits,
    id::{AgentId, ConnectorId, JobId},
    operation::Refusal,
    takeover::Takeover,
};

use crate::{
    group::Transaction,
    reason,
    rules::{self, RulesChange},
    store::{Engine, Result, StoreError, pack, unpack_option},
};

/// A connector to be created.
#[derive(Clone, Debug)]
pub struct NewConnector {
    /// Unique name.
    pub name: String,
    /// `ad` or `directory`.
    pub kind: String,
    /// JSON without secrets.
    pub config: serde_json::Value,
}

/// A stored connector.
#[derive(Clone, Debug)]
pub struct ConnectorRow {
    /// Row.
    pub id: ConnectorId,
    /// Outside id.
    pub guid: String,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Configuration.
    pub config: serde_json::Value,
    /// What discovery said.
    pub info: serde_json::Value,
    /// Full reads that were believed.
    pub complete_reads: i64,
    /// `delta`, `full` or `backfill`: what the next read will be.
    pub needs: String,
    /// Why the next read is not a delta.
    pub needs_why: Option<Refusal>,
    /// Why the last full read is not believed.
    pub suspect: Option<Refusal>,
    /// The last failure to read, while it lasts.
    pub failure: Option<Refusal>,
    /// Failures in a row.
    pub failures: u32,
    /// When to try again after a failure.
    pub retry_at: Option<i64>,
    /// When the last read ended well.
    pub last_read_at: Option<i64>,
    /// When the last change was seen.
    pub last_change_at: Option<i64>,
    /// When the watermark was stored.
    pub watermark_at: Option<i64>,
    /// How changes were found last: name, server, weaker.
    pub method: serde_json::Value,
    /// Whether that may miss deletions, so that full comparisons follow from time to time.
    pub is_weak: bool,
    /// When the last full read that was believed ended.
    pub compared_at: Option<i64>,
}

/// A job to be created.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Unique name.
    pub name: String,
    /// Source connector.
    pub source: ConnectorId,
    /// Target connector.
    pub target: ConnectorId,
    /// synchronizationSchema JSON, already checked.
    pub rules: String,
    /// Settings.
    pub settings: JobSettings,
}

/// Who makes what nobody in particular asked for.
const SERVER: &str = "server";

/// Settings of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobSettings {
    /// The guard trips at this many objects that lose something (0: not by count) …
    pub delete_threshold: u64,
    /// … or at this percentage of all linked objects (0: not by percentage).
    pub delete_threshold_percent: u64,
    /// A group trips the guard when it loses this percentage of its members (0: never).
    pub group_threshold_percent: u64,
    /// The guard trips at this many memberships removed from all groups together (0: never).
    pub membership_threshold: u64,
    /// Length of the guard's window in seconds.
    pub delete_window_seconds: u64,
    /// How long what an administrator allowed may wait to be carried out, in seconds.
    pub approval_seconds: u64,
    /// How many days after it left an object is deleted; until then it is disabled. 0: at once.
    pub leaver_grace_days: u64,
    /// How long deletes and disables wait after the catch-up, in seconds.
    pub settle_seconds: u64,
    /// Time between two reads, in seconds.
    pub interval_seconds: u64,
    /// Whether the source is asked to tell of changes, so that they are read at once.
    pub doorbell: bool,
    /// Whether what leaves the scope stays in the target as it is.
    pub skip_out_of_scope_deletions: bool,
    /// Whether an object that carries the source anchor is taken over.
    pub hard_match: bool,
    /// Whether an object found by a matching attribute is taken over.
    pub soft_match: bool,
    /// Whether accounts that hold administrative roles are taken over, too.
    pub match_administrators: bool,
    /// Whether a value that another object holds is set aside, so that the rest of the object is written.
    pub set_conflicts_aside: bool,
    /// Cycles in a row that fail completely until the job is quarantined.
    pub quarantine_after_failures: u32,
    /// Least time from the beginning of one cycle to the next, in seconds.
    pub minimum_spacing_seconds: u64,
    /// What is done about changes made in the target behind our back.
    pub reconcile: Reconcile,
    /// Time between two reconciliations, in hours.
    pub reconcile_hours: u64,
}

/// What is done about changes made in the target behind our back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reconcile {
    /// Nobody looks, unless somebody asks.
    #[default]
    Off,
    /// They are looked for and reported.
    Report,
    /// They are put right, through the guard.
    Correct,
}

impl Reconcile {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Correct => "correct",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Off, Self::Report, Self::Correct];
        all.into_iter().find(|one| one.name() == name)
    }
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            delete_threshold: 500,
            delete_threshold_percent: 20,
            group_threshold_percent: 50,
            membership_threshold: 5_000,
            approval_seconds: 24 * 3600,
            leaver_grace_days: 0,
            delete_window_seconds: 24 * 3600,
            settle_seconds: 30,
            interval_seconds: 10,
            doorbell: true,
            skip_out_of_scope_deletions: false,
            hard_match: true,
            soft_match: true,
            match_administrators: false,
            set_conflicts_aside: true,
            quarantine_after_failures: sync_core::cycle::quarantine::COMPLETE_FAILURES,
            minimum_spacing_seconds: 0,
            reconcile: Reconcile::Off,
            reconcile_hours: 24,
        }
    }
}

impl JobSettings {
    /// What may be taken over in the target.
    pub fn takeover(&self) -> Takeover {
        Takeover {
            by_anchor: self.hard_match,
            by_match: self.soft_match,
            of_administrators: self.match_administrators,
        }
    }

    /// The guard's limits.
    pub fn limits(&self) -> Limits {
        Limits {
            count: self.delete_threshold,
            percent: self.delete_threshold_percent,
            group_percent: self.group_threshold_percent,
            memberships: self.membership_threshold,
            window_ms: i64::try_from(self.delete_window_seconds.saturating_mul(1000))
                .unwrap_or(i64::MAX),
            ..Limits::default()
        }
    }
}

/// Whether a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It does nothing and keeps its state.
    Paused,
    /// It runs.
    Active,
}

impl JobState {
    /// As stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Active => "active",
        }
    }
}

/// A stored job.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Row.
    pub id: JobId,
    /// Outside id.
    pub guid: String,
    /// Name.
    pub name: String,
    /// Source connector.
    pub source: ConnectorId,
    /// Target connector.
    pub target: ConnectorId,
    /// Bit of the job in the flags of references.
    pub slot: u32,
    /// Whether it runs.
    pub state: JobState,
    /// synchronizationSchema JSON.
    pub rules: String,
    /// Counts changes of the rules.
    pub rules_version: i64,
    /// Settings.
    pub settings: JobSettings,
    /// The last failure of the whole job, while it lasts.
    pub failure: Option<Refusal>,
    /// Failures in a row.
    pub failures: u32,
    /// When to try again.
    pub retry_at: Option<i64>,
    /// Why the guard holds deletions.
    pub guard: Option<Refusal>,
    /// Since when.
    pub guard_since: Option<i64>,
}

/// An agent to be remembered.
#[derive(Clone, Debug)]
pub struct NewAgent {
    /// Name.
    pub name: String,
    /// Connectors it may serve; empty: any.
    pub granted: Vec<String>,
    /// Its first certificate.
    pub certificate: Certificate,
    /// What it said of itself (JSON).
    pub facts: serde_json::Value,
}

/// A certificate of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// SHA-256 of the certificate of the authority that issued it, hexadecimal; empty: the tenant's first one.
    pub authority: String,
    /// Start of its life, unix ms.
    pub not_before: i64,
    /// End of its life, unix ms.
    pub not_after: i64,
}

/// A stored agent.
#[derive(Clone, Debug)]
pub struct AgentRow {
    /// Row.
    pub id: AgentId,
    /// Outside id.
    pub guid: String,
    /// Name.
    pub name: String,
    /// Connectors it may serve; empty: any.
    pub granted: Vec<String>,
    /// The certificate that lives longest.
    pub certificate: Certificate,
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// When it was last heard of.
    pub last_seen: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// Since when it takes no new work.
    pub drained_at: Option<i64>,
    /// What it said of itself.
    pub facts: serde_json::Value,
}

fn json(text: String) -> serde_json::Value {
    serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)
}

const CONNECTOR: &str = "SELECT id, guid, name, kind, config, info, complete_reads, needs, needs_why, suspect, failure, failures, retry_at, last_read_at, last_change_at, watermark_at, method, is_weak, compared_at FROM connector";

fn connector(row: &Row<'_>) -> Result<ConnectorRow> {
    Ok(ConnectorRow {
        id: ConnectorId(row.get(0)?),
        guid: row.get(1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        config: json(row.get(4)?),
        info: json(row.get(5)?),
        complete_reads: row.get(6)?,
        needs: row.get(7)?,
        needs_why: unpack_option(row.get(8)?)?,
        suspect: unpack_option(row.get(9)?)?,
        failure: unpack_option(row.get(10)?)?,
        failures: row.get(11)?,
        retry_at: row.get(12)?,
        last_read_at: row.get(13)?,
        last_change_at: row.get(14)?,
        watermark_at: row.get(15)?,
        method: json(row.get(16)?),
        is_weak: row.get(17)?,
        compared_at: row.get(18)?,
    })
}

const JOB: &str = "SELECT id, guid, name, source, target, slot, state, rules, rules_version, settings, failure, failures, retry_at, guard, guard_since FROM job";

fn job(row: &Row<'_>) -> Result<JobRow> {
    Ok(JobRow {
        id: JobId(row.get(0)?),
        guid: row.get(1)?,
        name: row.get(2)?,
        source: ConnectorId(row.get(3)?),
        target: ConnectorId(row.get(4)?),
        slot: row.get(5)?,
        state: if row.get_ref(6)?.as_str().is_ok_and(|s| s == "active") {
            JobState::Active
        } else {
            JobState::Paused
        },
        rules: row.get(7)?,
        rules_version: row.get(8)?,
        settings: serde_json::from_str(&row.get::<_, String>(9)?)
            .map_err(|_| StoreError::Blob("job settings"))?,
        failure: unpack_option(row.get(10)?)?,
        failures: row.get(11)?,
        retry_at: row.get(12)?,
        guard: unpack_option(row.get(13)?)?,
        guard_since: row.get(14)?,
    })
}

/// Whether a job still has the rules and settings it was read with. Others made everything due, and what is due for them is not
/// to be planned by those before.
pub(crate) fn is_current(tx: &Transaction<'_>, job: &JobRow) -> Result<bool> {
    let (version, settings): (i64, String) = tx
        .prepare_cached("SELECT rules_version, settings FROM job WHERE id = ?1")?
        .query_row([job.id.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let settings: JobSettings =
        serde_json::from_str(&settings).map_err(|_| StoreError::Blob("job settings"))?;
    Ok(version == job.rules_version && settings == job.settings)
}

fn agent(row: &Row<'_>) -> Result<AgentRow> {
    Ok(AgentRow {
        id: AgentId(row.get(0)?),
        guid: row.get(1)?,
        name: row.get(2)?,
        granted: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
        enrolled_at: row.get(4)?,
        last_seen: row.get(5)?,
        revoked_at: row.get(6)?,
        facts: json(row.get(7)?),
        certificate: Certificate {
            fingerprint: row.get(8)?,
            not_before: row.get(9)?,
            not_after: row.get(10)?,
            authority: row.get(11)?,
        },
        drained_at: row.get(12)?,
    })
}

/// Under which the number of the newest assignment of agents is kept.
const ASSIGNMENTS: &str = "agentConfigGeneration";

const AGENT: &str =
    "SELECT a.id, a.guid, a.name, a.granted, a.enrolled_at, a.last_seen, a.revoked_at, a.facts,
  c.fingerprint, c.not_before, c.not_after, c.authority, a.drained_at FROM agent a JOIN certificate c ON c.agent = a.id";

fn taken(what: &str, name: &str) -> StoreError {
    StoreError::Refused(
        Refusal::new(Code::Conflict).with("text", format!("a {what} named {name} exists already")),
    )
}

pub(crate) fn collect<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Makes everything the source holds due for a job.
pub(crate) fn everything_due(
    tx: &Transaction<'_>,
    job: JobId,
    source: ConnectorId,
    bits: i64,
    now: i64,
) -> Result<usize> {
    let (first, _) = crate::link_range(job);
    // References the rules did not ask for may be known, and not exported, since long ago.
    tx.execute(
        "INSERT INTO due_reference (id, whole, stamp, since)
         SELECT DISTINCT ?1 | e.src, 1, ?2, ?2 FROM edge e CROSS JOIN link l ON l.id = ?1 | e.src
         WHERE (e.flags & 1) <> ((e.flags & (SELECT 2 << slot FROM job WHERE id = ?3)) <> 0) AND l.situation = 1
         ON CONFLICT (id) DO UPDATE SET whole = 1, stamp = max(stamp + 1, excluded.stamp)",
        params![first, now, job.0],
    )?;
    Ok(tx.execute(
        "INSERT INTO due (id, reasons, stamp, since) SELECT ?1 | id, ?3, ?4, ?4 FROM object
         WHERE connector = ?2 AND (state = 2 OR EXISTS (SELECT 1 FROM link WHERE link.id = ?1 | object.id))
         ON CONFLICT (id) DO UPDATE SET reasons = reasons | excluded.reasons, stamp = max(stamp + 1, excluded.stamp)",
        params![first, source.0, bits, now],
    )?)
}

/// The next cycle of a job looks at everything.
pub(crate) fn begin_anew(tx: &Transaction<'_>, job: JobId) -> Result<()> {
    tx.execute("UPDATE job SET is_initial = 1 WHERE id = ?1", [job.0])?;
    Ok(())
}

/// Makes a job, paused; everything its source already holds becomes due.
pub(crate) fn insert_job(
    tx: &Transaction<'_>,
    new: &NewJob,
    guid: &str,
    actor: &str,
    now: i64,
) -> Result<i64> {
    let settings =
        serde_json::to_string(&new.settings).map_err(|_| StoreError::Blob("job settings"))?;
    if tx
        .prepare("SELECT 1 FROM job WHERE name = ?1")?
        .exists([&new.name])?
    {
        return Err(taken("job", &new.name));
    }
    // The first bit nobody has: a job that was removed has taken back its marks.
    let taken_slots: Vec<i64> = {
        let mut statement = tx.prepare("SELECT slot FROM job WHERE source = ?1")?;
        let rows = statement.query_map([new.source.0], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let slot = (0..=61)
        .find(|slot| !taken_slots.contains(slot))
        .unwrap_or(61);
    if slot > 60 {
        return Err(StoreError::Refused(
            Refusal::new(Code::Conflict)
                .with("text", "a connector can be the source of at most 61 jobs"),
        ));
    }
    // A number is never given twice: what the log says of a removed job stays its own.
    tx.execute(
        "INSERT INTO job (id, guid, name, source, target, slot, state, rules, settings, created_at)
         VALUES (1 + max((SELECT coalesce(max(id), 0) FROM job), (SELECT coalesce(max(id), 0) FROM removed_job)),
           ?1, ?2, ?3, ?4, ?5, 'paused', ?6, ?7, ?8)",
        params![guid, new.name, new.source.0, new.target.0, slot, new.rules, settings, now],
    )?;
    let id = tx.last_insert_rowid();
    let first = RulesChange {
        rules: &new.rules,
        actor,
        why: "the job was created",
        expected: None,
        setting: None,
    };
    rules::keep(tx, id, 1, &first, now)?;
    everything_due(tx, JobId(id), new.source, reason::RULES, now)?;
    Ok(id)
}

/// Makes a connector.
pub(crate) fn insert_connector(
    tx: &Transaction<'_>,
    new: &NewConnector,
    guid: &str,
    now: i64,
) -> Result<i64> {
    if tx
        .prepare("SELECT 1 FROM connector WHERE name = ?1")?
        .exists([&new.name])?
    {
        return Err(taken("connector", &new.name));
    }
    tx.execute(
        "INSERT INTO connector (guid, name, kind, config, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![guid, new.name, new.kind, new.config.to_string(), now],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Stores settings; what decides about conflicts makes everything due that waits for such a decision.
pub(crate) fn store_settings(
    tx: &Transaction<'_>,
    before: &JobRow,
    settings: &JobSettings,
    now: i64,
) -> Result<()> {
    let text = serde_json::to_string(settings).map_err(|_| StoreError::Blob("job settings"))?;
    let decides_anew = before.settings.takeover() != settings.takeover()
        || before.settings.leaver_grace_days != settings.leaver_grace_days
        || before.settings.skip_out_of_scope_deletions != settings.skip_out_of_scope_deletions
        || before.settings.set_conflicts_aside != settings.set_conflicts_aside;
    tx.execute(
        "UPDATE job SET settings = ?2 WHERE id = ?1",
        params![before.id.0, text],
    )?;
    if decides_anew {
        everything_due(
            tx,
            before.id,
            before.source,
            reason::ASKED | reason::RETRY,
            now,
        )?;
    }
    Ok(())
}

impl Engine {
    /// Creates a connector.
    ///
    /// # Errors
    /// Conflict if the name is taken.
    pub fn create_connector(&self, new: &NewConnector) -> Result<ConnectorRow> {
        let guid = self.new_id().to_string();
        let now = self.now();
        let id = self.write("engine.create_connector", |tx| {
            insert_connector(tx, new, &guid, now)
        })?;
        self.connector(ConnectorId(id))
    }

    /// All connectors.
    ///
    /// # Errors
    /// Of the store.
    pub fn connectors(&self) -> Result<Vec<ConnectorRow>> {
        self.read(|c| collect(c, &format!("{CONNECTOR} ORDER BY id"), [], connector))
    }

    /// Where a source's last read ended.
    ///
    /// # Errors
    /// NotFound.
    pub fn watermark(&self, id: ConnectorId) -> Result<Option<Vec<u8>>> {
        self.read(|db| {
            db.query_row(
                "SELECT watermark FROM connector WHERE id = ?1",
                [id.0],
                |row| row.get(0),
            )
            .optional()?
            .ok_or_else(|| not_found("connector", &id.to_string()))
        })
    }

    /// One connector.
    ///
    /// # Errors
    /// NotFound.
    pub fn connector(&self, id: ConnectorId) -> Result<ConnectorRow> {
        let found =
            self.read(|c| collect(c, &format!("{CONNECTOR} WHERE id = ?1"), [id.0], connector))?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| not_found("connector", &id.to_string()))
    }

    /// One connector by name or outside id.
    ///
    /// # Errors
    /// NotFound.
    pub fn connector_named(&self, name: &str) -> Result<ConnectorRow> {
        let found = self.read(|c| {
            collect(
                c,
                &format!("{CONNECTOR} WHERE name = ?1 OR guid = ?1"),
                [name],
                connector,
            )
        })?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| not_found("connector", name))
    }

    /// Remembers what discovery said.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_connector_info(&self, id: ConnectorId, info: &serde_json::Value) -> Result<()> {
        self.write("engine.connector_info", |tx| {
            tx.execute(
                "UPDATE connector SET info = ?2 WHERE id = ?1",
                params![id.0, info.to_string()],
            )?;
            Ok(())
        })
    }

    /// Changes what is given of a connector's configuration; null takes a setting away.
    ///
    /// # Errors
    /// NotFound.
    pub fn change_connector_config(
        &self,
        id: ConnectorId,
        change: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<ConnectorRow> {
        let mut config = match self.connector(id)?.config {
            serde_json::Value::Object(config) => config,
            _ => serde_json::Map::new(),
        };
        for (name, value) in change {
            match value {
                serde_json::Value::Null => drop(config.remove(name)),
                value => drop(config.insert(name.clone(), value.clone())),
            }
        }
        let text = serde_json::Value::Object(config).to_string();
        self.write("engine.connector_config", |tx| {
            tx.execute(
                "UPDATE connector SET config = ?2 WHERE id = ?1",
                params![id.0, text],
            )?;
            Ok(())
        })?;
        self.connector(id)
    }

    /// Creates a job, paused. Everything its source already holds becomes due.
    ///
    /// # Errors
    /// Conflict if the name is taken, NotFound without source or target.
    pub fn create_job(&self, new: &NewJob) -> Result<JobRow> {
        self.create_job_as(new, SERVER)
    }

    /// The same, asked for by somebody.
    ///
    /// # Errors
    /// Conflict if the name is taken, NotFound without source or target.
    pub fn create_job_as(&self, new: &NewJob, actor: &str) -> Result<JobRow> {
        self.connector(new.source)?;
        self.connector(new.target)?;
        let guid = self.new_id().to_string();
        let now = self.now();
        let id = self.write("engine.create_job", |tx| {
            insert_job(tx, new, &guid, actor, now)
        })?;
        self.job(JobId(id))
    }

    /// All jobs.
    ///
    /// # Errors
    /// Of the store.
    pub fn jobs(&self) -> Result<Vec<JobRow>> {
        self.read(|c| collect(c, &format!("{JOB} ORDER BY id"), [], job))
    }

    /// One job.
    ///
    /// # Errors
    /// NotFound.
    pub fn job(&self, id: JobId) -> Result<JobRow> {
        let found = self.read(|c| collect(c, &format!("{JOB} WHERE id = ?1"), [id.0], job))?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| not_found("job", &id.to_string()))
    }

    /// One job by name or outside id.
    ///
    /// # Errors
    /// NotFound.
    pub fn job_named(&self, name: &str) -> Result<JobRow> {
        let found = self.read(|c| {
            collect(
                c,
                &format!("{JOB} WHERE name = ?1 OR guid = ?1"),
                [name],
                job,
            )
        })?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| not_found("job", name))
    }

    /// Starts or pauses a job. Starting clears its failure.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_job_state(&self, id: JobId, state: JobState) -> Result<()> {
        self.write("engine.job_state", |tx| {
            tx.execute(
                "UPDATE job SET state = ?2, failure = NULL, failures = 0, retry_at = NULL WHERE id = ?1",
                params![id.0, state.name()],
            )?;
            Ok(())
        })
    }

    /// Changes the settings of a job. What decides about conflicts makes everything due that waits for such a decision.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_job_settings(&self, id: JobId, settings: &JobSettings) -> Result<()> {
        let before = self.job(id)?;
        let now = self.now();
        self.write("engine.job_settings", |tx| {
            store_settings(tx, &before, settings, now)
        })
    }

    /// Replaces the (already checked) rules of a job; everything becomes due.
    ///
    /// # Errors
    /// NotFound.
    pub fn set_job_rules(&self, id: JobId, rules: &str) -> Result<()> {
        let change = RulesChange {
            rules,
            actor: SERVER,
            why: "",
            expected: None,
            setting: None,
        };
        self.change_rules(id, &change).map(drop)
    }

    /// Makes everything due again: the next planning looks at every object.
    ///
    /// # Errors
    /// NotFound.
    pub fn plan_everything(&self, id: JobId) -> Result<usize> {
        let row = self.job(id)?;
        let now = self.now();
        self.write("engine.plan_everything", |tx| {
            begin_anew(tx, id)?;
            everything_due(tx, id, row.source, reason::ASKED, now)
        })
    }

    /// Remembers that a whole job failed (target not reachable, credential refused), or that it works again.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_job_failure(&self, id: JobId, failure: Option<&Refusal>) -> Result<()> {
        let now = self.now();
        let failures = self.job(id)?.failures + 1;
        self.write("engine.job_failure", |tx| {
            match failure {
                Some(why) => tx.execute(
                    "UPDATE job SET failure = ?2, failed_at = ?3, failures = ?4, retry_at = ?5 WHERE id = ?1",
                    params![id.0, pack(why)?, now, failures, sync_core::guard::connection_retry_at(now, failures)],
                )?,
                None => tx.execute(
                    "UPDATE job SET failure = NULL, failures = 0, retry_at = NULL WHERE id = ?1 AND failure IS NOT NULL",
                    [id.0],
                )?,
            };
            Ok(())
        })
    }

    /// Stores the digest of a one-time enrolment token for these connectors (none: any).
    ///
    /// # Errors
    /// Of the store.
    pub fn add_enrolment_token(
        &self,
        hash: &str,
        granted: &[String],
        expires_at: i64,
    ) -> Result<()> {
        let now = self.now();
        let granted = serde_json::to_string(granted).map_err(|_| StoreError::Blob("grant"))?;
        self.write("engine.add_token", |tx| {
            tx.execute("DELETE FROM enrolment_token WHERE expires_at < ?1 - 86400000", [now])?;
            tx.execute(
                "INSERT INTO enrolment_token (hash, granted, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
                params![hash, granted, now, expires_at],
            )?;
            Ok(())
        })
    }

    /// Uses up a one-time enrolment token; what it grants, or `None` if it is unknown, used or expired.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_enrolment_token(&self, hash: &str) -> Result<Option<Vec<String>>> {
        let now = self.now();
        self.write("engine.take_token", |tx| {
            let granted: Option<String> = tx
                .query_row(
                    "UPDATE enrolment_token SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2 RETURNING granted",
                    params![hash, now],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(granted.map(|text| serde_json::from_str(&text).unwrap_or_default()))
        })
    }

    /// Remembers an agent with its first certificate.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_agent(&self, new: &NewAgent) -> Result<AgentId> {
        let now = self.now();
        let guid = self.new_id().to_string();
        let granted = serde_json::to_string(&new.granted).map_err(|_| StoreError::Blob("grant"))?;
        self.write("engine.add_agent", |tx| {
            tx.execute(
                "INSERT INTO agent (guid, name, granted, enrolled_at, last_seen, facts) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
                params![guid, new.name, granted, now, new.facts.to_string()],
            )?;
            let id = AgentId(tx.last_insert_rowid());
            add_certificate(tx, id, &new.certificate)?;
            Ok(id)
        })
    }

    /// Adds a renewed certificate; the earlier ones stay valid until they expire.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_certificate(&self, id: AgentId, certificate: &Certificate) -> Result<()> {
        let now = self.now();
        self.write("engine.add_certificate", |tx| {
            tx.execute(
                "DELETE FROM certificate WHERE agent = ?1 AND not_after < ?2",
                params![id.0, now],
            )?;
            add_certificate(tx, id, certificate)
        })
    }

    /// All agents, each with the certificate that lives longest.
    ///
    /// # Errors
    /// Of the store.
    pub fn agents(&self) -> Result<Vec<AgentRow>> {
        let sql = format!(
            "{AGENT} WHERE a.removed_at IS NULL AND c.fingerprint = (SELECT fingerprint FROM certificate WHERE agent = a.id ORDER BY not_after DESC, fingerprint LIMIT 1) ORDER BY a.id"
        );
        self.read(|c| collect(c, &sql, [], agent))
    }

    /// The agent that owns this certificate.
    ///
    /// # Errors
    /// Of the store.
    pub fn agent_by_fingerprint(&self, fingerprint: &str) -> Result<Option<AgentRow>> {
        let sql = format!("{AGENT} WHERE c.fingerprint = ?1");
        Ok(self
            .read(|c| collect(c, &sql, [fingerprint], agent))?
            .into_iter()
            .next())
    }

    /// Notes which authority issued the certificates of before anybody noted that: there was one only.
    ///
    /// # Errors
    /// Of the store.
    pub fn name_authority(&self, authority: &str) -> Result<()> {
        self.write("engine.name_authority", |tx| {
            tx.execute(
                "UPDATE certificate SET authority = ?1 WHERE authority = ''",
                [authority],
            )?;
            Ok(())
        })
    }

    /// Notes a sign of life, with what the agent says of itself.
    ///
    /// # Errors
    /// Of the store.
    pub fn touch_agent(&self, id: AgentId, facts: &serde_json::Value) -> Result<()> {
        self.touch_agents(&[(id, facts.clone())])
    }

    /// The same for several at once, in the order given.
    ///
    /// # Errors
    /// Of the store.
    pub fn touch_agents(&self, beats: &[(AgentId, serde_json::Value)]) -> Result<()> {
        let now = self.now();
        self.write("engine.touch_agent", |tx| {
            let mut touch = tx.prepare_cached(
                "UPDATE agent SET last_seen = ?2, facts = json_patch(facts, ?3) WHERE id = ?1",
            )?;
            for (id, facts) in beats {
                touch.execute(params![id.0, now, facts.to_string()])?;
            }
            Ok(())
        })
    }

    /// Revokes an agent by name or outside id. Says whether there was one.
    ///
    /// # Errors
    /// Of the store.
    pub fn revoke_agent(&self, name: &str) -> Result<bool> {
        let now = self.now();
        self.write("engine.revoke_agent", |tx| {
            Ok(tx.execute(
                "UPDATE agent SET revoked_at = ?2 WHERE (guid = ?1 OR name = ?1) AND revoked_at IS NULL AND removed_at IS NULL",
                params![name, now],
            )? > 0)
        })
    }

    /// Lets an agent take no new work from now on, or lets it work again. False: it is so already.
    ///
    /// # Errors
    /// Of the store.
    pub fn drain_agent(&self, id: AgentId, is_drained: bool) -> Result<bool> {
        let since = is_drained.then(|| self.now());
        self.write("engine.drain_agent", |tx| {
            Ok(tx.execute(
                "UPDATE agent SET drained_at = ?2 WHERE id = ?1 AND (drained_at IS NULL) = (?2 IS NOT NULL)",
                params![id.0, since],
            )? > 0)
        })
    }

    /// Which connectors an agent may serve from now on; none: any. The number of the assignment, which only grows.
    ///
    /// # Errors
    /// Of the store.
    pub fn assign_agent(&self, id: AgentId, connectors: &[String]) -> Result<u64> {
        let granted = serde_json::to_string(connectors).map_err(|_| StoreError::Blob("grant"))?;
        self.write("engine.assign_agent", |tx| {
            tx.execute(
                "UPDATE agent SET granted = ?2 WHERE id = ?1",
                params![id.0, granted],
            )?;
            let generation: i64 = tx.query_row(
                "INSERT INTO meta (key, value) VALUES (?1, '1') ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) RETURNING CAST(value AS INTEGER)",
                [ASSIGNMENTS],
                |row| row.get(0),
            )?;
            Ok(u64::try_from(generation).unwrap_or(0))
        })
    }

    /// Revokes an agent and lists it no longer; its certificate stays known, and refused.
    ///
    /// # Errors
    /// Of the store.
    pub fn remove_agent(&self, id: AgentId) -> Result<()> {
        let now = self.now();
        self.write("engine.remove_agent", |tx| {
            tx.execute(
                "UPDATE agent SET removed_at = ?2, revoked_at = COALESCE(revoked_at, ?2) WHERE id = ?1",
                params![id.0, now],
            )?;
            Ok(())
        })
    }

    /// Writes a line of the audit trail: who did what.
    ///
    /// # Errors
    /// Of the store.
    pub fn audit(&self, actor: &str, act: &str, detail: &str) -> Result<()> {
        let now = self.now();
        self.write("engine.audit", |tx| {
            tx.execute(
                "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, ?3, ?4)",
                params![now, actor, act, detail],
            )?;
            Ok(())
        })
    }

    /// A small setting of the server itself.
    ///
    /// # Errors
    /// Of the store.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        self.read(|c| {
            Ok(
                c.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                    row.get(0)
                })
                .optional()?,
            )
        })
    }

    /// Stores a small setting of the server itself.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        self.write("engine.setting", |tx| {
            tx.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [key, value],
            )?;
            Ok(())
        })
    }
}

/// Writes a line of the audit trail in the transaction of what it is about.
pub(crate) fn note_act(
    tx: &Transaction<'_>,
    actor: &str,
    act: &str,
    detail: &str,
    now: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, ?3, ?4)",
        params![now, actor, act, detail],
    )?;
    Ok(())
}

fn add_certificate(tx: &Transaction<'_>, id: AgentId, certificate: &Certificate) -> Result<()> {
    tx.execute(
        "INSERT INTO certificate (fingerprint, agent, not_before, not_after, authority) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            certificate.fingerprint,
            id.0,
            certificate.not_before,
            certificate.not_after,
            certificate.authority
        ],
    )?;
    Ok(())
}

/// NotFound, naming what and which.
pub(crate) fn not_found(what: &str, which: &str) -> StoreError {
    StoreError::Refused(
        Refusal::new(Code::NotFound)
            .with("what", what)
            .with("name", which),
    )
}
