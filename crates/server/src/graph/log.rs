//! `auditLogs/provisioning`: the provisioning log as Graph's `provisioningObjectSummary`.
//!
//! What a filter surely asks for is looked up; the rest is held against records as they are rendered. Trap: a page may hold fewer
//! records than asked for and still have a next one, because a request looks through so many records and no more.

use std::collections::BTreeMap;

use engine::{Action, Engine, LogQuery, Status, StoreError};
use serde_json::{Map, Value as Json, json};
use sync_core::{
    code::{Blame, Code},
    id::{Anchor, LinkId},
};
use wire::api::v1::{LogRecord, Problem};

use super::{
    Cx, GraphError, Reply, Result, jobs,
    odata::{Bound, Field, Filter, Kind, Operator, pick},
    principals,
};
use crate::{agents::blocking, api::log, app::App};

// LIMIT: records one request looks through.
const MOST_SCANNED: usize = 20_000;
// LIMIT: records one request counts.
const MOST_COUNTED: usize = 200_000;
/// Records read at once.
const SLICE: usize = 500;
/// What tells the id of a record from that of its change.
const RECORD: &str = "0000-8000-8000";
const CHANGE: &str = "0000-8000-8001";

const FIELDS: &[Field] = &[
    ("id", Kind::Text),
    ("activityDateTime", Kind::Moment),
    ("tenantId", Kind::Text),
    ("jobId", Kind::Text),
    ("cycleId", Kind::Text),
    ("changeId", Kind::Text),
    ("provisioningAction", Kind::Text),
    ("action", Kind::Text),
    ("durationInMilliseconds", Kind::Number),
    ("provisioningStatusInfo/status", Kind::Text),
    (
        "provisioningStatusInfo/errorInformation/errorCode",
        Kind::Text,
    ),
    ("statusInfo/status", Kind::Text),
    ("statusInfo/errorCode", Kind::Text),
    ("sourceSystem/id", Kind::Text),
    ("sourceSystem/displayName", Kind::Text),
    ("targetSystem/id", Kind::Text),
    ("targetSystem/displayName", Kind::Text),
    ("sourceIdentity/id", Kind::Text),
    ("sourceIdentity/displayName", Kind::Text),
    ("sourceIdentity/identityType", Kind::Text),
    ("targetIdentity/id", Kind::Text),
    ("targetIdentity/displayName", Kind::Text),
    ("targetIdentity/identityType", Kind::Text),
    ("initiatedBy/id", Kind::Text),
    ("initiatedBy/displayName", Kind::Text),
    ("initiatedBy/initiatorType", Kind::Text),
    ("servicePrincipal/id", Kind::Text),
    ("servicePrincipal/displayName", Kind::Text),
];

/// The id of a record, as a GUID.
fn record_id(tenant: &str, sequence: &str, what: &str) -> String {
    let number: u64 = sequence.parse().unwrap_or(0);
    let head = tenant.get(..8).unwrap_or("00000000");
    format!("{head}-{what}-{number:012x}")
}

/// The number within such an id.
fn sequence_of(tenant: &str, id: &str) -> Option<i64> {
    let id = id.to_lowercase();
    let rest = id.strip_prefix(tenant.get(..8)?)?;
    let number = [RECORD, CHANGE]
        .iter()
        .find_map(|what| rest.strip_prefix(&format!("-{what}-")))?;
    i64::from_str_radix(number, 16)
        .ok()
        .filter(|_| number.len() == 12)
}

/// What records are rendered with.
struct Names {
    tenant: String,
    is_beta: bool,
    /// Graph's id of each job, by our own.
    jobs: BTreeMap<String, String>,
}

impl Names {
    async fn read(app: &App, is_beta: bool) -> Result<Self> {
        let own = app.clone();
        let jobs = blocking(app.engine(), move |engine| {
            let kinds: BTreeMap<_, _> = engine
                .connectors()?
                .into_iter()
                .map(|row| (row.id, row.kind))
                .collect();
            let all = engine.jobs()?.into_iter().map(|job| {
                let kind = kinds.get(&job.source).map_or("", String::as_str);
                (job.guid.clone(), jobs::id_of(&own, kind, &job.guid))
            });
            Ok(all.collect())
        })
        .await?;
        Ok(Self {
            tenant: app.tenant_id(),
            is_beta,
            jobs,
        })
    }

    fn render(&self, record: &LogRecord) -> Json {
        let action = match record.provisioning_action.as_str() {
            known @ ("create" | "update" | "delete" | "disable" | "stagedDelete") => known,
            _ => "other",
        };
        let system = |system: &wire::api::v1::System| json!({ "id": system.id, "displayName": system.display_name, "details": {} });
        let identity = |one: &wire::api::v1::Identity| json!({ "id": one.id, "displayName": one.display_name, "identityType": one.identity_type, "details": one.details });
        let steps: Vec<Json> = record.provisioning_steps.iter().map(|step| json!({
            "name": step.name, "provisioningStepType": step.provisioning_step_type, "status": step.status,
            "description": step.description, "details": step.details,
        })).collect();
        let modified: Vec<Json> = record.modified_properties.iter().map(|one| json!({
            "displayName": one.display_name, "oldValue": one.old_value, "newValue": one.new_value,
        })).collect();
        let mut shown = Map::new();
        let mut put = |name: &str, value: Json| drop(shown.insert(name.to_owned(), value));
        put("id", record_id(&self.tenant, &record.id, RECORD).into());
        put("activityDateTime", record.activity_date_time.clone().into());
        put("tenantId", self.tenant.clone().into());
        put(
            "jobId",
            self.jobs
                .get(&record.job_id)
                .unwrap_or(&record.job_id)
                .clone()
                .into(),
        );
        put("cycleId", record.cycle_id.clone().into());
        put(
            "changeId",
            record_id(&self.tenant, &record.id, CHANGE).into(),
        );
        put(
            "durationInMilliseconds",
            i32::try_from(record.duration_in_milliseconds)
                .unwrap_or(i32::MAX)
                .into(),
        );
        put(
            "initiatedBy",
            json!({ "id": "", "displayName": "Hybridge", "initiatorType": "system" }),
        );
        put(
            "servicePrincipal",
            json!({ "id": record.source_system.id, "displayName": record.source_system.display_name }),
        );
        put("sourceSystem", system(&record.source_system));
        put("targetSystem", system(&record.target_system));
        put("sourceIdentity", identity(&record.source_identity));
        put("targetIdentity", identity(&record.target_identity));
        put("provisioningSteps", steps.into());
        put("modifiedProperties", modified.into());
        match self.is_beta {
            false => {
                put("provisioningAction", action.into());
                let information = record.problem.as_ref().map(information);
                put(
                    "provisioningStatusInfo",
                    json!({ "status": record.status, "errorInformation": information }),
                );
            }
            true => {
                put("action", action.into());
                put("statusInfo", status_info(record));
            }
        }
        Json::Object(shown)
    }
}

fn information(problem: &Problem) -> Json {
    let is_ours = problem
        .known_code()
        .is_none_or(|code| code.blame() == Blame::Us);
    json!({
        "errorCode": problem.code,
        "reason": problem.message,
        "additionalDetails": problem.cause,
        "errorCategory": if is_ours { "failure" } else { "nonServiceFailure" },
        "recommendedAction": problem.cure,
    })
}

fn status_info(record: &LogRecord) -> Json {
    let mut info = record
        .problem
        .as_ref()
        .map_or_else(|| json!({}), information);
    let kind = if record.problem.is_some() {
        "statusDetails"
    } else {
        "statusBase"
    };
    if let Json::Object(members) = &mut info {
        members.insert(
            "@odata.type".into(),
            format!("#microsoft.graph.{kind}").into(),
        );
        members.insert("status".into(), record.status.clone().into());
    }
    info
}

/// A question that is understood.
struct Question {
    query: LogQuery,
    links: Vec<Option<LinkId>>,
    filter: Option<Filter>,
}

const ACTIONS: [(&str, Action); 5] = [
    ("create", Action::Create),
    ("update", Action::Update),
    ("delete", Action::Delete),
    ("disable", Action::Disable),
    ("stagedDelete", Action::StagedDelete),
];
const STATUSES: [Status; 4] = [
    Status::Success,
    Status::Failure,
    Status::Skipped,
    Status::Warning,
];

/// Takes from a filter what can be looked up.
fn narrow(
    engine: &Engine,
    tenant: &str,
    question: &mut Question,
) -> std::result::Result<(), StoreError> {
    let Some(filter) = &question.filter else {
        return Ok(());
    };
    let query = &mut question.query;
    for bound in filter.bounds() {
        if bound.path == "activityDateTime" {
            within(&bound, query);
            continue;
        }
        let (Operator::Equal, Some(text)) = (bound.operator, bound.text) else {
            continue;
        };
        match bound.path {
            "id" | "changeId" => match sequence_of(tenant, text) {
                Some(number) => {
                    query.after = query.after.max(Some(number - 1));
                    query.before = Some(query.before.unwrap_or(i64::MAX).min(number + 1));
                }
                None => query.until = Some(i64::MIN),
            },
            "jobId" => {
                let guid = jobs::guid_within(text).to_lowercase();
                let job = engine.jobs()?.into_iter().find(|job| job.guid == guid);
                query.job = Some(job.map_or(-1, |job| job.id.0));
            }
            "cycleId" => match uuid::Uuid::try_parse(text) {
                Ok(cycle) => log::within(engine.run_of_cycle(cycle)?.as_ref(), query),
                Err(_) => query.until = Some(i64::MIN),
            },
            "provisioningAction" | "action" => {
                let known = ACTIONS.iter().find(|(name, _)| *name == text);
                query.action = known.map(|(_, action)| *action).or(query.action);
            }
            "provisioningStatusInfo/status" | "statusInfo/status" => {
                let known = STATUSES.into_iter().find(|status| status.name() == text);
                query.status = known.or(query.status);
            }
            "provisioningStatusInfo/errorInformation/errorCode" | "statusInfo/errorCode" => {
                query.code = Code::from_name(text).or(query.code);
            }
            "sourceIdentity/id" => question.links = of_anchor(engine, text)?,
            "targetIdentity/id" => {
                let links = engine.links_of_target(&text.to_lowercase())?;
                question.links = links.into_iter().map(Some).collect();
            }
            _ => {}
        }
    }
    Ok(())
}

fn within(bound: &Bound<'_>, query: &mut LogQuery) {
    let Some(at) = bound.moment else { return };
    let (since, until) = match bound.operator {
        Operator::Greater => (Some(at.saturating_add(1)), None),
        Operator::GreaterOrEqual => (Some(at), None),
        Operator::Less => (None, Some(at)),
        Operator::LessOrEqual => (None, Some(at.saturating_add(1))),
        Operator::Equal => (Some(at), Some(at.saturating_add(1))),
        _ => (None, None),
    };
    query.since = query.since.max(since);
    if let Some(until) = until {
        query.until = Some(query.until.unwrap_or(i64::MAX).min(until));
    }
}

fn of_anchor(engine: &Engine, text: &str) -> std::result::Result<Vec<Option<LinkId>>, StoreError> {
    let Some(anchor) = Anchor::from_guid_text(text) else {
        return Ok(Vec::new());
    };
    let mut objects = Vec::new();
    for connector in engine.connectors()? {
        objects.extend(engine.object_by_anchor(connector.id, &anchor)?);
    }
    Ok(log::links(engine, &objects)?
        .into_iter()
        .map(Some)
        .collect())
}

/// What a pass over the log found.
#[derive(Default)]
struct Passed {
    items: Vec<Json>,
    count: usize,
    /// Where to go on.
    next: Option<i64>,
}

/// `GET /auditLogs/provisioning`.
pub async fn list(cx: &Cx) -> Result<Reply> {
    let mut question = question(cx)?;
    let names = Names::read(&cx.app, cx.is_beta).await?;
    let place = cx.options.place.as_deref().map(|token| {
        token
            .strip_prefix('r')
            .and_then(|number| number.parse::<i64>().ok())
    });
    let place = match place {
        Some(None) => {
            return Err(GraphError::bad(
                "$skiptoken is not one that was given out here",
            ));
        }
        Some(place) => place,
        None => None,
    };
    let (size, counts, tenant) = (cx.options.size(), cx.options.count, cx.app.tenant_id());
    let passed = blocking(cx.app.engine(), move |engine| {
        narrow(engine, &tenant, &mut question)?;
        let all = match counts {
            true => Some(all_of(engine, &question, &names)?),
            false => None,
        };
        let page = pass(engine, &question, &names, place, size, MOST_SCANNED)?;
        Ok((page, all))
    })
    .await?;
    let (page, all) = passed;
    let mut body = Map::new();
    body.insert(
        "@odata.context".into(),
        cx.context("auditLogs/provisioning").into(),
    );
    if let Some(all) = all {
        body.insert("@odata.count".into(), counted(&all)?.into());
    }
    if let Some(next) = page.next {
        body.insert(
            "@odata.nextLink".into(),
            cx.next(&cx.path(), &format!("r{next}")).into(),
        );
    }
    let items: std::result::Result<Vec<Json>, _> = page
        .items
        .into_iter()
        .map(|item| pick(item, &cx.options))
        .collect();
    body.insert("value".into(), items?.into());
    Ok(Reply::Ok(Json::Object(body)))
}

/// Looks through all records a question is about, and keeps none.
fn all_of(
    engine: &Engine,
    question: &Question,
    names: &Names,
) -> std::result::Result<Passed, StoreError> {
    pass(engine, question, names, None, usize::MAX, MOST_COUNTED)
}

fn counted(all: &Passed) -> Result<usize> {
    match all.next {
        None => Ok(all.count),
        Some(_) => Err(GraphError::bad(format!(
            "$count looks through at most {MOST_COUNTED} records; narrow $filter, by activityDateTime for instance"
        ))),
    }
}

/// `GET /auditLogs/provisioning/$count`.
pub async fn count(cx: &Cx) -> Result<Reply> {
    let mut question = question(cx)?;
    let names = Names::read(&cx.app, cx.is_beta).await?;
    let tenant = cx.app.tenant_id();
    let all = blocking(cx.app.engine(), move |engine| {
        narrow(engine, &tenant, &mut question)?;
        all_of(engine, &question, &names)
    })
    .await?;
    Ok(Reply::Text(counted(&all)?.to_string()))
}

fn question(cx: &Cx) -> Result<Question> {
    let ascending = match cx.options.order.as_slice() {
        [] => false,
        [(path, descends)] if path == "activityDateTime" => !descends,
        _ => {
            return Err(GraphError::bad(
                "$orderby orders the log by activityDateTime only",
            ));
        }
    };
    let filter = cx
        .options
        .filter
        .as_deref()
        .map(|text| Filter::read(text, FIELDS))
        .transpose()?;
    Ok(Question {
        query: LogQuery {
            ascending,
            limit: SLICE,
            ..LogQuery::default()
        },
        links: vec![None],
        filter,
    })
}

/// Goes through the log from a place until so many are found or so many were looked at.
fn pass(
    engine: &Engine,
    question: &Question,
    names: &Names,
    place: Option<i64>,
    size: usize,
    most: usize,
) -> std::result::Result<Passed, StoreError> {
    let mut passed = Passed::default();
    let keeps = size != usize::MAX;
    let (mut at, mut seen) = (place, 0);
    loop {
        let mut query = question.query.clone();
        if let Some(at) = at {
            match query.ascending {
                true => query.after = query.after.max(Some(at)),
                false => query.before = Some(query.before.unwrap_or(i64::MAX).min(at)),
            }
        }
        let page = log::read(engine, &query, &question.links)?;
        let has_more = page.next.is_some();
        for record in &page.items {
            if keeps && passed.items.len() >= size {
                passed.next = at;
                return Ok(passed);
            }
            at = record.id.parse().ok();
            seen += 1;
            let shown = names.render(record);
            if question
                .filter
                .as_ref()
                .is_none_or(|filter| filter.holds(&shown))
            {
                passed.count += 1;
                if keeps {
                    passed.items.push(shown);
                }
            }
        }
        if !has_more {
            return Ok(passed);
        }
        if seen >= most {
            passed.next = at;
            return Ok(passed);
        }
    }
}

/// A record as this API shows it.
pub(super) async fn rendered(cx: &Cx, record: &LogRecord) -> Result<Json> {
    let names = Names::read(&cx.app, cx.is_beta).await?;
    Ok(names.render(record))
}

/// `GET /auditLogs/provisioning/{id}`.
pub async fn one(cx: &Cx) -> Result<Reply> {
    let id = cx.parameter(0).to_owned();
    let not_found = || GraphError::not_found("record", &id);
    let number = sequence_of(&cx.app.tenant_id(), &id).ok_or_else(not_found)?;
    let names = Names::read(&cx.app, cx.is_beta).await?;
    let found = blocking(cx.app.engine(), move |engine| {
        let query = LogQuery {
            after: Some(number - 1),
            before: Some(number.saturating_add(1)),
            limit: 1,
            ..LogQuery::default()
        };
        log::read(engine, &query, &[None])
    })
    .await?;
    let record = found.items.first().ok_or_else(not_found)?;
    principals::item(cx, "auditLogs/provisioning", names.render(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_records_are_guids_that_lead_back_to_them() {
        let tenant = "30b500ea-f9c6-43b2-b788-04e80c1421fe";
        for what in [RECORD, CHANGE] {
            let id = record_id(tenant, "4711", what);
            assert!(uuid::Uuid::try_parse(&id).is_ok(), "{id}");
            assert_eq!(sequence_of(tenant, &id.to_uppercase()), Some(4711));
        }
        for wrong in [
            "",
            "30b500ea",
            "30b500ea-0000-8000-8002-000000000001",
            "40b500ea-0000-8000-8000-000000000001",
            "30b500ea-0000-8000-8000-1",
        ] {
            assert_eq!(sequence_of(tenant, wrong), None, "{wrong}");
        }
    }
}
