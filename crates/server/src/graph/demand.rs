//! `provisionOnDemand`: one object, or a group with a few of its members, now and with its whole record as answer.
//!
//! Trap: members that are not named are not looked at one by one; the group's references to them are as they are.

use axum::extract::{Path, State};
use serde_json::{Map, Value as Json, json};
use wire::api::v1::{LogRecord, OnDemand, OnDemandReport};

use super::{Cx, GraphError, Reply, Result, connections, jobs::found, log, members, schema, text};
use crate::api::{convert::time, cycles, extract::Body};

// LIMIT: members of a group in one request, as Microsoft Graph has it.
const MOST_MEMBERS: usize = 5;
// LIMIT: objects in one request.
const MOST_SUBJECTS: usize = 5;

/// An object that is asked for.
struct Subject {
    name: String,
    members: Vec<String>,
}

/// `POST …/provisionOnDemand`.
pub async fn run(cx: &Cx) -> Result<Reply> {
    let now = cx.app.engine().now();
    cx.app
        .demand_throttle()
        .take(&cx.caller.name, now)
        .map_err(|seconds| {
            GraphError::too_many(
                seconds,
                format!("five requests in ten seconds are answered; try again in {seconds} s"),
            )
        })?;
    let row = found(cx).await?;
    let subjects = subjects(cx, &schema::rule_ids(&row))?;
    let mut results = Vec::new();
    for subject in &subjects {
        // Members first, so that the group finds them in the target.
        for name in subject.members.iter().chain([&subject.name]) {
            results.push(one(cx, &row.guid, name).await?);
        }
    }
    let failed = results.iter().find(|one| one["result"] == "Failure");
    let last = results.last();
    let told = failed.or(last).cloned().unwrap_or_default();
    let records: Vec<&Json> = results.iter().filter_map(|one| one.get("record")).collect();
    let value = match records.as_slice() {
        [only] => (*only).clone(),
        all => json!(all),
    };
    let key = json!({ "result": told["result"], "details": told["details"] });
    Ok(Reply::Ok(json!({
        "@odata.context": cx.context("microsoft.graph.stringKeyStringValuePair"),
        "key": key.to_string(),
        "value": value.to_string(),
    })))
}

fn subjects(cx: &Cx, rules: &[String]) -> Result<Vec<Subject>> {
    let body = members(&cx.body, &["parameters"])?;
    let parameters = body.get("parameters").and_then(Json::as_array);
    let parameters = parameters.filter(|all| !all.is_empty());
    let parameters =
        parameters.ok_or_else(|| GraphError::bad("the body lacks parameters, a list"))?;
    let mut all = Vec::new();
    for parameter in parameters {
        let parameter = members(parameter, &["ruleId", "subjects"])?;
        let rule = text(parameter, "ruleId")?;
        if !rules.iter().any(|known| known.eq_ignore_ascii_case(rule)) {
            return Err(GraphError::bad(format!(
                "there is no rule {rule} in the schema of this job; known: {}",
                rules.join(", ")
            )));
        }
        let asked = parameter.get("subjects").and_then(Json::as_array);
        for one in asked.ok_or_else(|| GraphError::bad("a parameter lacks subjects, a list"))? {
            all.push(subject(one)?);
        }
    }
    match all.len() {
        0 => Err(GraphError::bad("no subject is named")),
        count if count > MOST_SUBJECTS => Err(GraphError::bad(format!(
            "at most {MOST_SUBJECTS} subjects are taken at once"
        ))),
        _ => Ok(all),
    }
}

fn subject(json: &Json) -> Result<Subject> {
    let one = members(json, &["objectId", "objectTypeName", "links"])?;
    let empty = Map::new();
    let links = match one.get("links") {
        None | Some(Json::Null) => &empty,
        Some(links) => members(links, &["members"])?,
    };
    let none = Vec::new();
    let listed = links
        .get("members")
        .and_then(Json::as_array)
        .unwrap_or(&none);
    if listed.len() > MOST_MEMBERS {
        return Err(GraphError::bad(format!(
            "at most {MOST_MEMBERS} members of a group are taken at once"
        )));
    }
    let member = |json: &Json| {
        let member = members(json, &["objectId", "objectTypeName"])?;
        Ok(text(member, "objectId")?.to_owned())
    };
    Ok(Subject {
        name: text(one, "objectId")?.to_owned(),
        members: listed.iter().map(member).collect::<Result<_>>()?,
    })
}

/// Provisions one object; its result, details and record.
async fn one(cx: &Cx, job: &str, name: &str) -> Result<Json> {
    let began = cx.app.engine().now();
    let asked = OnDemand {
        object: Some(name.to_owned()),
        ..OnDemand::default()
    };
    let app = State(cx.app.clone());
    let report = cycles::provision(app, Path(job.to_owned()), Body(asked))
        .await?
        .0;
    let ended = cx.app.engine().now();
    let last = report.records.last();
    let (result, details) = judged(&report, last);
    let mut record = match last {
        Some(record) => log::rendered(cx, record).await?,
        None => json!({}),
    };
    if let Json::Object(members) = &mut record {
        let anchor = match last {
            Some(record) => record.source_identity.id.clone(),
            None => connections::anchor(cx, job, name).await?,
        };
        members.insert("reportableIdentifier".into(), anchor.into());
        members.insert("startTime".into(), time(began).into());
        members.insert("endTime".into(), time(ended).into());
    }
    Ok(json!({ "result": result, "details": details, "record": record }))
}

fn judged(report: &OnDemandReport, last: Option<&LogRecord>) -> (&'static str, Json) {
    let Some(record) = last else {
        return match report.unfinished {
            0 => (
                "Skipped",
                json!({ "errorCode": "RedundantExport", "reason": "the target holds already what the rules want" }),
            ),
            _ => (
                "Failure",
                json!({ "errorCode": "TimeOut", "reason": "it is still being worked at; look at the log later" }),
            ),
        };
    };
    let details = record.problem.as_ref().map(|why| {
        json!({ "errorCode": why.code, "reason": why.message, "recommendedAction": why.cure })
    });
    let result = match record.status.as_str() {
        "success" | "warning" => "Success",
        "skipped" => "Skipped",
        _ => "Failure",
    };
    (result, details.unwrap_or(Json::Null))
}
