//! Versions of a job's rules: each is kept with who, when and why, and any can be taken back.
//!
//! Never changes or removes a version: taking one back makes a new one with the old text. Never checks rules either. Trap:
//! whoever changes rules says which version was looked at; a change made meanwhile by somebody else is a conflict, not lost.

use rusqlite::{OptionalExtension, params};
use sync_core::{code::Code, id::JobId, operation::Refusal};

use crate::{
    config::{everything_due, not_found},
    group::Transaction,
    reason,
    store::{Engine, Result, StoreError},
};

/// A version of rules, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesVersion {
    /// Counts from 1.
    pub version: i64,
    /// When it came into force, unix ms.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Why, in that person's words.
    pub why: String,
}

/// New rules for a job.
#[derive(Clone, Copy, Debug)]
pub struct RulesChange<'a> {
    /// synchronizationSchema JSON, already checked.
    pub rules: &'a str,
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub why: &'a str,
    /// The version that was looked at; `None`: whichever is in force.
    pub expected: Option<i64>,
    /// A setting that changes with them: key and value.
    pub setting: Option<(&'a str, &'a str)>,
}

/// Stores a version of a job's rules.
pub(crate) fn keep(
    tx: &Transaction<'_>,
    job: i64,
    version: i64,
    change: &RulesChange<'_>,
    now: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO rules_version (job, version, at, actor, why, rules) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![job, version, now, change.actor, change.why, change.rules],
    )?;
    Ok(())
}

/// Puts rules in force; everything becomes due.
pub(crate) fn change_in(
    tx: &Transaction<'_>,
    id: JobId,
    change: &RulesChange<'_>,
    now: i64,
) -> Result<i64> {
    let found: Option<(i64, i64, String, String)> = tx
        .query_row(
            "SELECT rules_version, source, rules, name FROM job WHERE id = ?1",
            [id.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let Some((version, source, rules, name)) = found else {
        return Err(not_found("job", &id.to_string()));
    };
    if let Some(expected) = change.expected.filter(|expected| *expected != version) {
        let text = format!(
            "version {version} is in force, not version {expected}; look at the rules again"
        );
        return Err(StoreError::Refused(
            Refusal::new(Code::Conflict)
                .with("job", name)
                .with("text", text),
        ));
    }
    if rules == change.rules {
        return Ok(version);
    }
    let next = version + 1;
    tx.execute(
        "UPDATE job SET rules = ?2, rules_version = ?3 WHERE id = ?1",
        params![id.0, change.rules, next],
    )?;
    keep(tx, id.0, next, change, now)?;
    if let Some((key, value)) = change.setting {
        tx.execute("UPDATE meta SET value = ?2 WHERE key = ?1", [key, value])?;
    }
    tx.execute(
        "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, 'change rules', ?3)",
        params![
            now,
            change.actor,
            format!("{name}: version {next}: {}", change.why)
        ],
    )?;
    let source = sync_core::id::ConnectorId(source);
    crate::config::begin_anew(tx, id)?;
    everything_due(tx, id, source, reason::RULES, now)?;
    Ok(next)
}

impl Engine {
    /// Replaces the (already checked) rules of a job; everything becomes due. Returns the new version. Rules that are the same
    /// text as those in force are no new version.
    ///
    /// # Errors
    /// NotFound; Conflict if another version is in force than the one that was looked at.
    pub fn change_rules(&self, id: JobId, change: &RulesChange<'_>) -> Result<i64> {
        let now = self.now();
        self.write("engine.change_rules", |tx| change_in(tx, id, change, now))
    }

    /// All versions of a job's rules, the newest first.
    ///
    /// # Errors
    /// Of the store.
    pub fn rules_versions(&self, job: JobId) -> Result<Vec<RulesVersion>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT version, at, actor, why FROM rules_version WHERE job = ?1 ORDER BY version DESC",
            )?;
            let rows = statement.query_map([job.0], |row| {
                Ok(RulesVersion {
                    version: row.get(0)?,
                    at: row.get(1)?,
                    actor: row.get(2)?,
                    why: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The text of one version, as it was given.
    ///
    /// # Errors
    /// NotFound.
    pub fn rules_at(&self, job: JobId, version: i64) -> Result<String> {
        self.read(|c| {
            c.prepare_cached("SELECT rules FROM rules_version WHERE job = ?1 AND version = ?2")?
                .query_row([job.0, version], |row| row.get(0))
                .optional()?
                .ok_or_else(|| not_found("version of the rules", &version.to_string()))
        })
    }
}
