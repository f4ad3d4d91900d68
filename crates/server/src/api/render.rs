//! Records of the provisioning log as people read them: steps, changed values, reasons, what to do.
//!
//! Nothing of it is stored: a record holds codes and values, and this makes the words. Trap: values of attributes that rules say to
//! redact, in any version the job ever had, and of attributes that hold secrets, never leave here.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use engine::{Action, ConnectorRow, Engine, JobRow, Record, Status, StoreError};
use sync_core::{
    expression::steps::REDACTED,
    id::{ConnectorId, JobId, LinkId, TargetId},
    operation::Refusal,
    value::Value,
};
use wire::api::v1::{Identity, LogRecord, ModifiedProperty, Problem, Step, System};

use super::convert::time;
use crate::redaction::Hidden;

// LIMIT: references named in a record as shown.
const REFERENCES_NAMED: usize = 20;

/// Names of jobs and connectors, for rendering.
pub struct Names<'a> {
    engine: &'a Engine,
    jobs: BTreeMap<i64, JobRow>,
    removed: BTreeMap<i64, engine::RemovedJobRow>,
    connectors: BTreeMap<ConnectorId, ConnectorRow>,
    /// What is not shown, by job.
    hidden: RefCell<BTreeMap<i64, Rc<Hidden>>>,
}

impl<'a> Names<'a> {
    /// As they are now.
    ///
    /// # Errors
    /// Of the store.
    pub fn read(engine: &'a Engine) -> Result<Self, StoreError> {
        let jobs = engine.jobs()?.into_iter();
        let connectors = engine.connectors()?.into_iter();
        let removed = engine.removed_jobs()?.into_iter();
        Ok(Self {
            engine,
            jobs: jobs.map(|job| (job.id.0, job)).collect(),
            removed: removed.map(|job| (job.id.0, job)).collect(),
            connectors: connectors.map(|row| (row.id, row)).collect(),
            hidden: RefCell::default(),
        })
    }

    fn system(&self, id: Option<ConnectorId>) -> System {
        let row = id.and_then(|id| self.connectors.get(&id));
        row.map_or_else(System::default, |row| System {
            id: row.guid.clone(),
            display_name: row.name.clone(),
        })
    }

    /// What is not shown of a job.
    pub fn hidden(&self, job: i64) -> Rc<Hidden> {
        let mut all = self.hidden.borrow_mut();
        let known = all.entry(job);
        known
            .or_insert_with(|| Rc::new(Hidden::of_job(self.engine, JobId(job))))
            .clone()
    }

    /// The name of a job.
    pub fn job(&self, job: JobId) -> String {
        let row = self.jobs.get(&job.0);
        row.map(|row| row.name.clone()).unwrap_or_default()
    }

    /// Whether the values of an attribute are not shown.
    pub fn hides(&self, job: i64, attribute: &str) -> bool {
        self.hidden(job).hides(attribute)
    }

    /// Values of an attribute as people may see them: what is hidden, as one word, if there is anything.
    pub fn values(&self, job: i64, attribute: &str, values: &[Value]) -> Vec<String> {
        self.hidden(job).texts(attribute, values)
    }

    /// One record.
    pub fn render(&self, record: &Record) -> LogRecord {
        let job = self.jobs.get(&record.job);
        let removed = self.removed.get(&record.job);
        let source = self.system(job.map(|job| job.source).or(removed.map(|job| job.source)));
        let target = self.system(job.map(|job| job.target).or(removed.map(|job| job.target)));
        LogRecord {
            id: record.sequence.to_string(),
            activity_date_time: time(record.at),
            job_id: job
                .map(|job| &job.guid)
                .or(removed.map(|job| &job.guid))
                .cloned()
                .unwrap_or_default(),
            cycle_id: match record.cycle.is_nil() {
                true => String::new(),
                false => record.cycle.to_string(),
            },
            change_id: format!("{}-{}", record.job, record.sequence),
            provisioning_action: record.action.name().into(),
            duration_in_milliseconds: record.at.saturating_sub(record.since).max(0).unsigned_abs(),
            status: record.status.name().into(),
            problem: record.refusal.as_ref().map(Problem::from),
            provisioning_steps: self.steps(record, &source, &target),
            modified_properties: self.modified(record),
            source_system: source,
            target_system: target,
            source_identity: Identity {
                id: record.anchor.guid_text(),
                display_name: record.name.clone(),
                identity_type: record.class.clone(),
                ..Identity::default()
            },
            target_identity: Identity {
                id: record.target.clone().unwrap_or_default(),
                display_name: record.name.clone(),
                ..Identity::default()
            },
            summary: summary(record),
        }
    }

    /// The steps a record went through, in the names administrators of the originals know.
    fn steps(&self, record: &Record, source: &System, target: &System) -> Vec<Step> {
        let mut steps = vec![import(record, source), scoping(record)];
        if record.status == Status::Skipped {
            if !is_out_of_scope(record) {
                steps.push(matching(record, target));
            }
            let reason = record
                .refusal
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            steps.push(Step {
                name: "EntrySynchronizationSkip".into(),
                provisioning_step_type: "processing".into(),
                status: "skipped".into(),
                description: reason,
                details: skip_reason(record),
            });
            return steps;
        }
        steps.push(matching(record, target));
        steps.push(self.processing(record));
        if !record.references.is_empty() {
            steps.push(references(record));
        }
        steps.push(self.export(record, target));
        steps
    }

    fn processing(&self, record: &Record) -> Step {
        let value = |name: &str, values: &[Value]| match self.hides(record.job, name) {
            true => REDACTED.to_owned(),
            false => texts(values).unwrap_or_default(),
        };
        let details = record
            .changes
            .iter()
            .map(|(name, _, new)| (name.to_string(), value(name, new)));
        step(
            &format!("EntrySynchronization{}", word(record.action)),
            "processing",
            Status::Success,
            match record.changes.len() {
                0 => String::new(),
                count => format!("{count} attributes differ"),
            },
            details.collect(),
        )
    }

    fn export(&self, record: &Record, target: &System) -> Step {
        let mut details = BTreeMap::new();
        let mut put = |name: &str, value: String| drop(details.insert(name.to_owned(), value));
        put("target", target.display_name.clone());
        if let Some(id) = &record.target {
            put("targetId", id.clone());
        }
        let done = match record.action {
            Action::StagedDelete => "held: the deletion waits for an administrator",
            _ => "carried out",
        };
        let mut description = match (&record.refusal, record.status) {
            (Some(why), _) => why.to_string(),
            (None, _) => done.to_owned(),
        };
        if let Some(why) = &record.refusal {
            put("errorCode", why.code.name().to_owned());
            why.arguments
                .iter()
                .for_each(|(name, value)| put(name, value.clone()));
        }
        if record.status == Status::Failure
            && let Some((count, again)) = self.retry(record)
        {
            put("CountProcessed", count.to_string());
            let when = match &again {
                Some(at) => format!("will be retried again after {at}"),
                None => "is retried when something about it changes".to_owned(),
            };
            description.push_str(&format!("; retried {count} times, {when}"));
            if let Some(at) = again {
                put("NextRetry", at);
            }
        }
        step(
            &format!("EntryExport{}", word(record.action)),
            "export",
            record.status,
            description,
            details,
        )
    }

    /// How often an object that still fails was tried, and when it is tried next.
    fn retry(&self, record: &Record) -> Option<(u32, Option<String>)> {
        let object = engine::object_of(LinkId(record.link));
        let job = self.jobs.get(&record.job)?;
        let row = self.engine.link_row(job.id, object).ok()??;
        // What it fails with now may be something else than what this record says.
        let is_same =
            row.reason.as_ref().map(|why| why.code) == record.refusal.as_ref().map(|why| why.code);
        (row.attempts > 0 && is_same).then(|| (row.attempts, row.retry_at.map(time)))
    }

    fn modified(&self, record: &Record) -> Vec<ModifiedProperty> {
        let value = |name: &str, values: &[Value]| {
            let shown = texts(values);
            match self.hides(record.job, name) {
                true => shown.map(|_| REDACTED.to_owned()),
                false => shown,
            }
        };
        let changes = record
            .changes
            .iter()
            .map(|(name, old, new)| ModifiedProperty {
                display_name: name.to_string(),
                old_value: value(name, old),
                new_value: value(name, new),
            });
        let references = record.references.iter().map(|note| ModifiedProperty {
            display_name: note.attribute.to_string(),
            old_value: ids(&note.removed),
            new_value: ids(&note.added),
        });
        changes.chain(references).collect()
    }
}

/// What people know an object by.
pub struct Face {
    /// Its display name, or else its common name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its distinguished name.
    pub dn: String,
    /// Its anchor.
    pub anchor: String,
}

/// What people know the source object of a link by; empty if it is not there any more.
///
/// # Errors
/// Of the store.
pub fn face(engine: &Engine, link: LinkId) -> Result<Face, StoreError> {
    let object = engine.space_object(engine::object_of(link))?;
    let object = object.map(|found| found.object);
    let text = |name: &str| object.as_ref()?.attributes.text(name).map(str::to_owned);
    let name = text("displayName").or_else(|| text("cn"));
    let class = object.as_ref().and_then(|object| object.class.as_deref());
    let anchor = object.as_ref().map(|object| object.anchor.guid_text());
    Ok(Face {
        name: name.unwrap_or_default(),
        class: class.unwrap_or_default().to_owned(),
        anchor: anchor.unwrap_or_default(),
        dn: object.map(|object| object.dn).unwrap_or_default(),
    })
}

fn texts(values: &[Value]) -> Option<String> {
    let texts: Vec<String> = values.iter().map(Value::display).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn ids(ids: &[TargetId]) -> Option<String> {
    let first: Vec<&str> = ids.iter().take(REFERENCES_NAMED).map(|id| &*id.0).collect();
    let more = ids.len().saturating_sub(REFERENCES_NAMED);
    match (ids.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(first.join("; ")),
        (false, more) => Some(format!("{}; and {more} more", first.join("; "))),
    }
}

fn step(
    name: &str,
    kind: &str,
    status: Status,
    description: String,
    details: BTreeMap<String, String>,
) -> Step {
    Step {
        name: name.to_owned(),
        provisioning_step_type: kind.to_owned(),
        status: status.name().to_owned(),
        description,
        details,
    }
}

fn details<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    filled
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The last part of a step's name.
fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "Add",
        Action::Update => "Update",
        Action::Disable => "Disable",
        Action::Delete | Action::StagedDelete => "Delete",
        Action::Restore => "Restore",
        Action::Skip => "Skip",
    }
}

fn import(record: &Record, source: &System) -> Step {
    let name = match record.action {
        Action::Create => "EntryImportAdd",
        Action::Delete | Action::StagedDelete => "EntryImportDelete",
        _ => "EntryImport",
    };
    let why = engine::reason::names(record.reasons).join(", ");
    step(
        name,
        "import",
        Status::Success,
        format!(
            "read from {} ({why}) at {}",
            source.display_name,
            time(record.since)
        ),
        details([
            ("objectGUID", record.anchor.guid_text()),
            ("objectClass", record.class.clone()),
            ("reasons", why),
            ("system", source.display_name.clone()),
        ]),
    )
}

/// Whether it is not done because the object is not to be in the target.
fn is_out_of_scope(record: &Record) -> bool {
    record
        .refusal
        .as_ref()
        .is_some_and(|why| why.argument("scope").is_some())
}

fn scoping(record: &Record) -> Step {
    let leaves = matches!(
        record.action,
        Action::Delete | Action::Disable | Action::StagedDelete
    );
    let is_out = is_out_of_scope(record);
    let truth = |is: bool| if is { "True" } else { "False" }.to_owned();
    let why = record.refusal.as_ref().filter(|_| is_out);
    let result = |why: &Refusal| {
        let scope = why.argument("scope").unwrap_or_default();
        let reason = why.argument("reason").unwrap_or_default();
        serde_json::json!({ scope: reason }).to_string()
    };
    let (status, description) = match (is_out, leaves) {
        (true, _) => (
            Status::Skipped,
            why.map(ToString::to_string).unwrap_or_default(),
        ),
        (false, true) => (
            Status::Success,
            "the object is not to be in the target any more".to_owned(),
        ),
        (false, false) => (
            Status::Success,
            "scoping filter evaluation passed".to_owned(),
        ),
    };
    step(
        "EntrySynchronizationScoping",
        "scoping",
        status,
        description,
        details([
            ("Active in the source system", truth(!leaves)),
            ("Assigned", truth(!is_out && !leaves)),
            (
                "IsEffectivelyEntitledForProvisioning",
                truth(!is_out && !leaves),
            ),
            (
                "IsInProvisioningScopeDisplayName",
                truth(!is_out && !leaves),
            ),
            (
                "ScopeEvaluationResult",
                why.map_or_else(|| "{}".to_owned(), result),
            ),
        ]),
    )
}

fn matching(record: &Record, target: &System) -> Step {
    let description = match (record.action, record.status, &record.target) {
        (Action::Create, _, _) => format!(
            "no object of {} was found; a new one is made",
            target.display_name
        ),
        (_, _, Some(id)) => format!("it belongs to {id} of {}", target.display_name),
        (_, _, None) => format!("no object of {} belongs to it", target.display_name),
    };
    step(
        "EntryImport",
        "matching",
        Status::Success,
        description,
        details([
            ("system", target.display_name.clone()),
            ("targetId", record.target.clone().unwrap_or_default()),
        ]),
    )
}

fn skip_reason(record: &Record) -> BTreeMap<String, String> {
    let Some(why) = &record.refusal else {
        return BTreeMap::new();
    };
    let mut all: BTreeMap<String, String> = why.arguments.iter().cloned().collect();
    all.insert("SkipReason".into(), why.code.name().into());
    all
}

fn references(record: &Record) -> Step {
    let counts = record.references.iter().map(|note| {
        let text = format!("+{} -{}", note.added.len(), note.removed.len());
        (note.attribute.to_string(), text)
    });
    step(
        "EntryReferenceResolution",
        "referenceResolution",
        Status::Success,
        "both ends of these references are in the target".to_owned(),
        counts.collect(),
    )
}

fn summary(record: &Record) -> String {
    if let Some(why) = &record.refusal {
        let detail = why.argument("reason").or_else(|| why.argument("text"));
        return match detail {
            Some(detail) => detail.to_owned(),
            None => {
                let parts = why
                    .arguments
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"));
                let parts: Vec<String> = parts.collect();
                let text = format!("{} {}", why.code.title(), parts.join(", "));
                text.trim_end().to_owned()
            }
        };
    }
    let mut parts: Vec<String> = match record.action {
        Action::Create => vec![format!("{} values", record.changes.len())],
        _ => record
            .changes
            .iter()
            .map(|(name, _, _)| name.to_string())
            .collect(),
    };
    let references = record.references.iter();
    parts.extend(references.map(|note| {
        format!(
            "{} +{} -{}",
            note.attribute,
            note.added.len(),
            note.removed.len()
        )
    }));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_references_are_named_in_part_and_counted() {
        let all: Vec<TargetId> = (0..22).map(|n: i32| n.to_string().into()).collect();
        assert!(ids(&all).unwrap().ends_with("19; and 2 more"));
        assert_eq!(ids(&all[..1]).as_deref(), Some("0"));
        assert_eq!(ids(&[]), None);
    }
}
