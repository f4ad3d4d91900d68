//! A whole configuration put in force in one transaction, or not at all.
//!
//! Never checks rules or settings; whoever brings them has. Trap: it is put in force over what was looked at; whatever was
//! changed meanwhile, by anybody, stands in the audit trail and makes it a conflict.

use rusqlite::params;
use sync_core::{
    code::Code,
    id::{ConnectorId, JobId},
    operation::Refusal,
};

use crate::{
    access::{insert_client, set_permissions},
    config::{
        JobSettings, JobState, NewConnector, NewJob, insert_connector, insert_job, note_act,
        store_settings,
    },
    rules::{RulesChange, change_in},
    store::{Engine, Result, StoreError},
};

/// A job to be made, with its connectors by name: they may be made with it.
#[derive(Clone, Debug)]
pub struct ConfiguredJob {
    /// Name.
    pub name: String,
    /// Name of its source.
    pub source: String,
    /// Name of its target.
    pub target: String,
    /// synchronizationSchema JSON, already checked.
    pub rules: String,
    /// Settings.
    pub settings: JobSettings,
    /// Whether it runs.
    pub state: JobState,
}

/// What changes of a job that is there.
#[derive(Clone, Debug)]
pub struct JobAlteration {
    /// The job.
    pub id: JobId,
    /// New rules, already checked, and a setting that changes with them.
    pub rules: Option<(String, Option<(String, String)>)>,
    /// New settings.
    pub settings: Option<JobSettings>,
    /// Whether it runs.
    pub state: Option<JobState>,
}

/// What changes in all.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationChange {
    /// The mark of the configuration that was looked at.
    pub mark: i64,
    /// Connectors to be made.
    pub connectors: Vec<NewConnector>,
    /// Connectors whose configuration changes.
    pub configs: Vec<(ConnectorId, serde_json::Value)>,
    /// Jobs to be made.
    pub jobs: Vec<ConfiguredJob>,
    /// Jobs that change.
    pub altered: Vec<JobAlteration>,
    /// Settings of the server, by key.
    pub settings: Vec<(String, String)>,
    /// API clients to be made, with their permissions; none has a secret yet.
    pub clients: Vec<(String, Vec<String>)>,
    /// Client ids of those that are there, with their new permissions.
    pub permissions: Vec<(String, Vec<String>)>,
}

impl Engine {
    /// A number that changes whenever anybody changes the configuration.
    ///
    /// # Errors
    /// Of the store.
    pub fn configuration_mark(&self) -> Result<i64> {
        self.read(|c| {
            Ok(
                c.query_row("SELECT coalesce(max(id), 0) FROM audit", [], |row| {
                    row.get(0)
                })?,
            )
        })
    }

    /// Puts a configuration in force.
    ///
    /// # Errors
    /// Conflict if it was changed since it was looked at, or a name is taken; NotFound. Nothing of it is stored then.
    pub fn apply_configuration(&self, change: &ConfigurationChange, actor: &str) -> Result<()> {
        let now = self.now();
        let before = self.jobs()?;
        self.write("engine.apply_configuration", |tx| {
            let mark: i64 =
                tx.query_row("SELECT coalesce(max(id), 0) FROM audit", [], |row| row.get(0))?;
            if mark != change.mark {
                return Err(StoreError::Refused(Refusal::new(Code::Conflict).with(
                    "text",
                    "the configuration was changed by somebody else meanwhile (`hybridge audit`); look at the differences again",
                )));
            }
            for new in &change.connectors {
                insert_connector(tx, new, &self.new_id().to_string(), now)?;
            }
            for (id, config) in &change.configs {
                tx.execute(
                    "UPDATE connector SET config = ?2 WHERE id = ?1",
                    params![id.0, config.to_string()],
                )?;
            }
            for job in &change.jobs {
                let named = |name: &str| -> Result<ConnectorId> {
                    let found = tx.query_row("SELECT id FROM connector WHERE name = ?1", [name], |row| row.get(0));
                    found.map(ConnectorId).map_err(|_| crate::config::not_found("connector", name))
                };
                let new = NewJob {
                    name: job.name.clone(),
                    source: named(&job.source)?,
                    target: named(&job.target)?,
                    rules: job.rules.clone(),
                    settings: job.settings.clone(),
                };
                let id = insert_job(tx, &new, &self.new_id().to_string(), actor, now)?;
                tx.execute("UPDATE job SET state = ?2 WHERE id = ?1", params![id, job.state.name()])?;
            }
            for job in &change.altered {
                let Some(row) = before.iter().find(|row| row.id == job.id) else {
                    return Err(crate::config::not_found("job", &job.id.to_string()));
                };
                if let Some(settings) = &job.settings {
                    store_settings(tx, row, settings, now)?;
                }
                if let Some((rules, setting)) = &job.rules {
                    let change = RulesChange {
                        rules,
                        actor,
                        why: "a configuration was applied",
                        expected: Some(row.rules_version),
                        setting: setting.as_ref().map(|(key, value)| (key.as_str(), value.as_str())),
                    };
                    change_in(tx, job.id, &change, now)?;
                }
                if let Some(state) = job.state {
                    tx.execute("UPDATE job SET state = ?2 WHERE id = ?1", params![job.id.0, state.name()])?;
                }
            }
            for (key, value) in &change.settings {
                tx.execute(
                    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    [key, value],
                )?;
            }
            for (name, permissions) in &change.clients {
                insert_client(tx, (&self.new_id().to_string(), name), permissions, actor, now)?;
            }
            for (guid, permissions) in &change.permissions {
                set_permissions(tx, guid, permissions)?;
            }
            let detail = format!(
                "{} connectors and {} jobs made, {} connectors and {} jobs changed, {} settings, {} API clients made, {} changed",
                change.connectors.len(),
                change.jobs.len(),
                change.configs.len(),
                change.altered.len(),
                change.settings.len(),
                change.clients.len(),
                change.permissions.len()
            );
            note_act(tx, actor, "apply configuration", &detail, now)
        })
    }
}
