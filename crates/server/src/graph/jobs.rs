//! Synchronisation jobs of a source.
//!
//! Trap: a job's id has three parts (template, tenant, our own id); the last alone is understood, too.

use axum::extract::{Path, State};
use engine::JobRow;
use serde_json::{Map, Value as Json, json};
use sync_core::cycle::Reset;
use wire::api::v1::NewJob;

use super::{
    Cx, GraphError, Reply, Result, members,
    odata::{Field, Kind},
    principals::{self, job_template},
    schema, status, text,
};
use crate::{
    access::actor,
    agents::blocking,
    api::{connectors, extract::Body, jobs, removal},
    app::{App, DIRECTORY_CONNECTOR},
    cycles::act,
};

// LIMIT: numbers tried for the name of another job of the same source.
const MOST_NAMES: usize = 1_000;

/// The id of a job as Graph writes it.
pub fn id_of(app: &App, kind: &str, guid: &str) -> String {
    format!(
        "{}.{}.{guid}",
        job_template(kind),
        app.tenant_id().replace('-', "")
    )
}

/// Our own id within one of Graph's.
pub fn guid_within(id: &str) -> &str {
    id.rsplit('.').next().unwrap_or(id)
}

/// The job in the path, which must be one of the service principal in the path.
pub async fn found(cx: &Cx) -> Result<JobRow> {
    let source = cx.source().await?;
    let id = cx.parameter(1).to_owned();
    let guid = guid_within(&id).to_lowercase();
    let row = blocking(cx.app.engine(), move |engine| {
        let all = engine.jobs()?;
        Ok(all.into_iter().find(|job| job.guid == guid))
    })
    .await?;
    let is_it = |row: &JobRow| {
        row.source == source.id
            && (!id.contains('.')
                || id.eq_ignore_ascii_case(&id_of(&cx.app, &source.kind, &row.guid)))
    };
    row.filter(is_it)
        .ok_or_else(|| GraphError::not_found("synchronization job", &id))
}

/// A job as Graph shows it.
async fn shown(cx: &Cx, row: JobRow) -> Result<Json> {
    let source = cx.source().await?;
    let settings = status::settings(&row, &source);
    let template = job_template(&source.kind);
    let id = id_of(&cx.app, &source.kind, &row.guid);
    let (schedule, status) = status::of(&cx.app, &row).await?;
    let mut job = json!({
        "id": id, "templateId": template, "schedule": schedule, "status": status,
        "synchronizationJobSettings": settings,
    });
    if let (true, Json::Object(members)) = (
        cx.options.expand.iter().any(|name| name == "schema"),
        &mut job,
    ) {
        members.insert("schema".into(), schema::of_job(cx, &row).await?);
    }
    Ok(job)
}

/// `GET …/jobs`.
pub async fn list(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let rows = blocking(cx.app.engine(), engine::Engine::jobs).await?;
    let mut items = Vec::new();
    for row in rows.into_iter().filter(|row| row.source == source.id) {
        items.push(shown(cx, row).await?);
    }
    const FIELDS: &[Field] = &[
        ("id", Kind::Text),
        ("templateId", Kind::Text),
        ("schedule/state", Kind::Text),
        ("status/code", Kind::Text),
    ];
    principals::all(cx, &context(cx), items, FIELDS)
}

fn context(cx: &Cx) -> String {
    format!(
        "servicePrincipals('{}')/synchronization/jobs",
        cx.parameter(0)
    )
}

/// `GET …/jobs/{id}`.
pub async fn show(cx: &Cx) -> Result<Reply> {
    if let Some(other) = cx.options.expand.iter().find(|name| *name != "schema") {
        return Err(GraphError::bad(format!(
            "$expand={other} is not supported here; supported: schema"
        )));
    }
    let row = found(cx).await?;
    let job = shown(cx, row).await?;
    principals::item(cx, &context(cx), job)
}

/// `POST …/jobs`.
pub async fn create(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let body = members(
        &cx.body,
        &["templateId", "id", "schedule", "synchronizationJobSettings"],
    )?;
    let template = text(body, "templateId")?;
    let known = job_template(&source.kind);
    if template != known {
        return Err(GraphError::bad(format!(
            "{template} is not a template of a source of kind {}; known: {known}",
            source.kind
        )));
    }
    if let Some(other) = ["schedule", "synchronizationJobSettings"]
        .iter()
        .find(|name| body.get(**name).is_some_and(|value| !value.is_null()))
    {
        return Err(GraphError::bad(format!(
            "{other} cannot be given with a new job; make the job and change its settings with `hybridge job set`"
        )));
    }
    let name = free_name(cx, &source.name).await?;
    let new = NewJob {
        name,
        source: source.guid.clone(),
        target: DIRECTORY_CONNECTOR.into(),
        ..NewJob::default()
    };
    let made = jobs::create(State(cx.app.clone()), Body(new)).await?.0;
    let row = blocking(cx.app.engine(), move |engine| engine.job_named(&made.id)).await?;
    let mut job = shown(cx, row).await?;
    if let Json::Object(members) = &mut job {
        members.insert(
            "@odata.context".into(),
            cx.context(&format!("{}/$entity", context(cx))).into(),
        );
    }
    Ok(Reply::Created(job))
}

/// A job is named after its source; another one of the same source gets a number.
async fn free_name(cx: &Cx, source: &str) -> Result<String> {
    let rows = blocking(cx.app.engine(), engine::Engine::jobs).await?;
    let is_taken = |name: &String| rows.iter().any(|row| row.name == *name);
    let names = (1..=MOST_NAMES).map(|number| match number {
        1 => source.to_owned(),
        number => format!("{source} {number}"),
    });
    let mut free = names.filter(|name| !is_taken(name));
    free.next()
        .ok_or_else(|| GraphError::conflict(format!("{source} has too many jobs")))
}

/// `POST …/start`.
pub async fn start(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let _ = jobs::start(State(cx.app.clone()), Path(row.guid)).await?;
    Ok(Reply::Done)
}

/// `POST …/pause`.
pub async fn pause(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let _ = jobs::pause(State(cx.app.clone()), Path(row.guid)).await?;
    Ok(Reply::Done)
}

/// `DELETE …/jobs/{id}`.
pub async fn delete(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    // As in the original the objects stay, and nobody synchronises them any more. What another server is active for is only
    // forgotten here.
    let mode = match crate::staging::is_staged(&cx.app, row.id).await? {
        true => engine::RemovalMode::Keep,
        false => engine::RemovalMode::Release,
    };
    removal::remove(&cx.app, &row, mode, &removal::Wanted::default()).await?;
    Ok(Reply::Done)
}

/// `POST …/restart`.
pub async fn restart(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let reset = Reset::parse(&flags(&cx.body)?.join(",")).map_err(GraphError::bad)?;
    act::restart(&cx.app, &row, reset, &actor()).await?;
    Ok(Reply::Done)
}

/// Flags of a restart, as they are written.
const FLAGS: &[&str] = &[
    "None",
    "ConnectorDataStore",
    "Escrows",
    "Watermark",
    "QuarantineState",
    "Full",
    "ForceDeletes",
];

fn flags(body: &Json) -> Result<Vec<&'static str>> {
    if body.is_null() {
        return Ok(Vec::new());
    }
    let body = members(body, &["criteria"])?;
    let empty = Map::new();
    let criteria = match body.get("criteria") {
        None | Some(Json::Null) => &empty,
        Some(criteria) => members(criteria, &["resetScope"])?,
    };
    let text = match criteria.get("resetScope") {
        None | Some(Json::Null) => "",
        Some(Json::String(text)) => text,
        Some(_) => {
            return Err(GraphError::bad(
                "resetScope is a text of names with commas between",
            ));
        }
    };
    let one = |name: &str| {
        let known = FLAGS.iter().find(|known| known.eq_ignore_ascii_case(name));
        known.copied().ok_or_else(|| {
            GraphError::bad(format!(
                "resetScope has {name}, which is not known; known: {}",
                FLAGS.join(", ")
            ))
        })
    };
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(one).collect()
}

/// `POST …/validateCredentials`, of a job or before there is one.
pub async fn validate(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let empty = Json::Object(Map::new());
    let body = if cx.body.is_null() { &empty } else { &cx.body };
    let body = members(
        body,
        &[
            "applicationIdentifier",
            "templateId",
            "useSavedCredentials",
            "credentials",
        ],
    )?;
    let given = body
        .get("credentials")
        .and_then(Json::as_array)
        .map_or(0, Vec::len);
    let is_saved = body.get("useSavedCredentials").and_then(Json::as_bool);
    if given > 0 && is_saved != Some(true) {
        return Err(GraphError::bad(
            "this server takes no credential of a source: it stays with the agent (hybridge-agent.toml); ask with useSavedCredentials true to try the agent's",
        ));
    }
    let tried = connectors::test(State(cx.app.clone()), Path(source.guid)).await;
    match tried {
        Ok(_) => Ok(Reply::Done),
        Err(error) => {
            let mut error = GraphError::from(error);
            error.status = axum::http::StatusCode::BAD_REQUEST;
            error.code = "CredentialValidationUnavailable";
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_a_restart_are_read_with_any_spacing_and_case() {
        let of = |text: &str| flags(&json!({ "criteria": { "resetScope": text } }));
        assert_eq!(
            of("watermark,Escrows ,  QuarantineState").unwrap(),
            ["Watermark", "Escrows", "QuarantineState"]
        );
        assert!(of("").unwrap().is_empty());
        assert!(flags(&Json::Null).unwrap().is_empty());
        assert!(flags(&json!({ "criteria": null })).unwrap().is_empty());
        assert!(of("Everything").unwrap_err().message.contains("Everything"));
        assert!(flags(&json!({ "criteria": { "resetScope": 1 } })).is_err());
        assert!(
            flags(&json!({ "scope": "Full" }))
                .unwrap_err()
                .message
                .contains("scope")
        );
    }

    #[test]
    fn the_last_part_of_an_id_is_ours() {
        assert_eq!(guid_within("AD2AADProvisioning.30b5.5c29-1"), "5c29-1");
        assert_eq!(guid_within("5c29-1"), "5c29-1");
    }
}
