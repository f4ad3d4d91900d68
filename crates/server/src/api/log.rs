//! The provisioning log, rendered from compact records.
//!
//! Trap: newest first pages towards the past with `after`, oldest first towards the future.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use engine::{Action, ConnectorRow, Engine, JobRow, LogQuery, Record, Status, StoreError};
use jiff::Timestamp;
use serde::Deserialize;
use sync_core::{
    code::Code,
    id::{ConnectorId, LinkId},
};
use wire::api::v1::{Identity, LogRecord, ModifiedProperty, Page, Problem, Step, System};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Parameters, page_size},
    objects,
};
use crate::{agents::blocking, app::App};

// LIMIT: references named in a record as shown.
const REFERENCES_NAMED: usize = 20;

/// Filters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filters {
    object: Option<String>,
    job: Option<String>,
    code: Option<String>,
    action: Option<String>,
    status: Option<String>,
    run: Option<i64>,
    cycle: Option<String>,
    since: Option<String>,
    until: Option<String>,
    order: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /log`.
pub async fn list(
    State(app): State<App>,
    Parameters(filters): Parameters<Filters>,
) -> Answer<Page<LogRecord>> {
    let query = query(&filters)?;
    let objects = match &filters.object {
        None => None,
        Some(name) => Some(objects::resolve(&app, name, None).await?),
    };
    let page = blocking(app.engine(), move |engine| {
        let mut query = query;
        if let Some(job) = &filters.job {
            query.job = Some(engine.job_named(job)?.id.0);
        }
        if let Some(run) = filters.run {
            let before = Some(sync_core::id::RunId(run.saturating_add(1)));
            let found = engine.runs(None, before, 1)?;
            within(found.first().filter(|row| row.id.0 == run), &mut query);
        }
        if let Some(cycle) = query.cycle {
            within(engine.run_of_cycle(cycle)?.as_ref(), &mut query);
        }
        let links = match objects {
            None => vec![None],
            Some(objects) => links(engine, &objects)?.into_iter().map(Some).collect(),
        };
        read(engine, &query, &links)
    })
    .await?;
    Ok(Json(page))
}

fn query(filters: &Filters) -> Result<LogQuery, ApiError> {
    let ascending = match filters.order.as_deref() {
        None | Some("newest") => false,
        Some("oldest") => true,
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "{other} is not an order; known: newest, oldest"
            )));
        }
    };
    let place = filters.after.as_deref().map(str::parse::<i64>).transpose();
    let place = place.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    Ok(LogQuery {
        action: named(filters.action.as_deref(), &ACTIONS, Action::name)?,
        status: named(filters.status.as_deref(), &STATUSES, Status::name)?,
        code: filters.code.as_deref().map(code).transpose()?,
        cycle: filters.cycle.as_deref().map(cycle).transpose()?,
        after: place.filter(|_| ascending),
        before: place.filter(|_| !ascending),
        since: filters.since.as_deref().map(moment).transpose()?,
        until: filters.until.as_deref().map(moment).transpose()?,
        ascending,
        limit: page_size(filters.limit),
        ..LogQuery::default()
    })
}

const ACTIONS: [Action; 7] = [
    Action::Create,
    Action::Update,
    Action::Disable,
    Action::Delete,
    Action::Restore,
    Action::StagedDelete,
    Action::Skip,
];
const STATUSES: [Status; 4] = [
    Status::Success,
    Status::Failure,
    Status::Skipped,
    Status::Warning,
];

fn named<T: Copy>(
    text: Option<&str>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text else {
        return Ok(None);
    };
    match all.iter().copied().find(|one| name(*one) == text) {
        Some(found) => Ok(Some(found)),
        None => {
            let known: Vec<&str> = all.iter().map(|one| name(*one)).collect();
            Err(ApiError::invalid(format!(
                "{text} is not known here; known: {}",
                known.join(", ")
            )))
        }
    }
}

fn code(name: &str) -> Result<Code, ApiError> {
    let found = Code::ALL
        .iter()
        .copied()
        .find(|code| code.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        ApiError::invalid(format!("{name} is not a code; `hybridge codes` lists all"))
    })
}

fn cycle(text: &str) -> Result<uuid::Uuid, ApiError> {
    uuid::Uuid::try_parse(text).map_err(|_| {
        ApiError::invalid(format!(
            "{text} is not the id of a cycle; `hybridge runs` shows them"
        ))
    })
}

fn moment(text: &str) -> Result<i64, ApiError> {
    let time: Timestamp = text.parse().map_err(|_| {
        ApiError::invalid(format!("{text} is not a time such as 2026-01-31T12:00:00Z"))
    })?;
    Ok(time.as_millisecond())
}

/// Narrows a query to a cycle, by its id and, for the sake of speed, by its time.
fn within(run: Option<&engine::RunRow>, query: &mut LogQuery) {
    let Some(row) = run else {
        query.until = Some(i64::MIN);
        return;
    };
    query.cycle = Some(row.guid);
    query.job = Some(row.job.0);
    query.since = query.since.max(Some(row.started_at));
    if let Some(ended) = row.ended_at {
        query.until = Some(query.until.unwrap_or(i64::MAX).min(ended.saturating_add(1)));
    }
}

/// The links of these objects, in all jobs.
pub fn links(
    engine: &Engine,
    objects: &[sync_core::id::ObjectId],
) -> Result<Vec<LinkId>, StoreError> {
    let jobs = engine.jobs()?;
    let all = jobs.iter().flat_map(|job| {
        objects
            .iter()
            .map(|object| engine::link_id(job.id, *object))
    });
    Ok(all.collect())
}

/// Records about these links (`None`: about all), rendered.
pub fn read(
    engine: &Engine,
    query: &LogQuery,
    links: &[Option<LinkId>],
) -> Result<Page<LogRecord>, StoreError> {
    let mut records = Vec::new();
    let mut has_more = false;
    for link in links {
        let page = engine.log(&LogQuery {
            link: *link,
            ..query.clone()
        })?;
        has_more |= page.has_more;
        records.extend(page.records);
    }
    records.sort_by_key(|record| {
        if query.ascending {
            record.sequence
        } else {
            -record.sequence
        }
    });
    has_more |= records.len() > query.limit;
    records.truncate(query.limit);
    let next = records
        .last()
        .filter(|_| has_more)
        .map(|last| last.sequence.to_string());
    let names = Names::read(engine)?;
    Ok(Page {
        items: records.iter().map(|record| names.render(record)).collect(),
        next,
    })
}

/// Records as shown.
///
/// # Errors
/// Of the store.
pub fn render(engine: &Engine, records: &[Record]) -> Result<Vec<LogRecord>, StoreError> {
    let names = Names::read(engine)?;
    Ok(records.iter().map(|record| names.render(record)).collect())
}

/// Names of jobs and connectors, for rendering.
struct Names {
    jobs: BTreeMap<i64, JobRow>,
    connectors: BTreeMap<ConnectorId, ConnectorRow>,
}

impl Names {
    fn read(engine: &Engine) -> Result<Self, StoreError> {
        Ok(Self {
            jobs: engine
                .jobs()?
                .into_iter()
                .map(|job| (job.id.0, job))
                .collect(),
            connectors: engine
                .connectors()?
                .into_iter()
                .map(|row| (row.id, row))
                .collect(),
        })
    }

    fn system(&self, id: Option<ConnectorId>) -> System {
        let row = id.and_then(|id| self.connectors.get(&id));
        row.map_or_else(System::default, |row| System {
            id: row.guid.clone(),
            display_name: row.name.clone(),
        })
    }

    fn render(&self, record: &Record) -> LogRecord {
        let job = self.jobs.get(&record.job);
        LogRecord {
            id: record.sequence.to_string(),
            activity_date_time: time(record.at),
            job_id: job.map(|job| job.guid.clone()).unwrap_or_default(),
            cycle_id: match record.cycle.is_nil() {
                true => String::new(),
                false => record.cycle.to_string(),
            },
            change_id: format!("{}-{}", record.job, record.sequence),
            provisioning_action: record.action.name().into(),
            duration_in_milliseconds: record.at.saturating_sub(record.since).max(0).unsigned_abs(),
            status: record.status.name().into(),
            problem: record.refusal.as_ref().map(Problem::from),
            provisioning_steps: steps(record),
            modified_properties: modified(record),
            source_system: self.system(job.map(|job| job.source)),
            target_system: self.system(job.map(|job| job.target)),
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
}

fn step(name: &str, kind: &str, status: &str, description: String) -> Step {
    Step {
        name: name.into(),
        provisioning_step_type: kind.into(),
        status: status.into(),
        description,
        ..Step::default()
    }
}

/// The steps a record went through, in the names administrators of the originals know.
fn steps(record: &Record) -> Vec<Step> {
    let why = engine::reason::names(record.reasons).join(", ");
    let import = if record.action == Action::Create {
        "EntryImportAdd"
    } else {
        "EntryImport"
    };
    let mut steps = vec![step(import, "import", "success", why)];
    let reason = record
        .refusal
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    if record.status == Status::Skipped {
        steps.push(step(
            "EntrySynchronizationScoping",
            "scoping",
            "skipped",
            reason,
        ));
        return steps;
    }
    steps.push(step(
        "EntrySynchronizationScoping",
        "scoping",
        "success",
        String::new(),
    ));
    let (processing, export) = match record.action {
        Action::Create | Action::Restore => ("EntrySynchronizationAdd", "EntryExportAdd"),
        Action::Delete => ("EntrySynchronizationDelete", "EntryExportDelete"),
        _ => ("EntrySynchronizationUpdate", "EntryExportUpdate"),
    };
    steps.push(step(processing, "processing", "success", String::new()));
    if !record.references.is_empty() {
        steps.push(step(
            "ReferenceResolution",
            "referenceResolution",
            "success",
            String::new(),
        ));
    }
    steps.push(step(export, "export", record.status.name(), reason));
    steps
}

fn modified(record: &Record) -> Vec<ModifiedProperty> {
    let text = |values: &[sync_core::value::Value]| {
        let texts: Vec<String> = values.iter().map(|value| value.display()).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    };
    let mut all: Vec<ModifiedProperty> = record
        .changes
        .iter()
        .map(|(name, old, new)| ModifiedProperty {
            display_name: name.to_string(),
            old_value: text(old),
            new_value: text(new),
        })
        .collect();
    let ids = |ids: &[String]| {
        let first = ids
            .iter()
            .take(REFERENCES_NAMED)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        let more = ids.len().saturating_sub(REFERENCES_NAMED);
        match (ids.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(first),
            (false, more) => Some(format!("{first}; and {more} more")),
        }
    };
    all.extend(record.references.iter().map(|note| ModifiedProperty {
        display_name: note.attribute.to_string(),
        old_value: ids(&note.removed),
        new_value: ids(&note.added),
    }));
    all
}

fn summary(record: &Record) -> String {
    if let Some(why) = &record.refusal {
        let detail = why.argument("reason").or_else(|| why.argument("text"));
        return match detail {
            Some(detail) => detail.to_owned(),
            None => {
                let parts: Vec<String> = why
                    .arguments
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"))
                    .collect();
                format!("{} {}", why.code.title(), parts.join(", "))
                    .trim_end()
                    .to_owned()
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
    for note in &record.references {
        parts.push(format!(
            "{} +{} -{}",
            note.attribute,
            note.added.len(),
            note.removed.len()
        ));
    }
    parts.join(", ")
}
