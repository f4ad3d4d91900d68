//! Links of a job: shown, undone and put right one by one.
//!
//! Only of a paused job, and always with an entry in the audit. Trap: a target object that carries the anchor of another
//! source object cannot get a new one while it has the old; here, where an administrator says whose it is, the old one is
//! cleared first.

use axum::{
    Json,
    extract::{Path, State},
};
use directory::{Operation, Outcome, Value};
use engine::{Engine, JobRow, LinkChange, LinkRow, StoreError};
use serde::Deserialize;
use sync_core::{
    code::Code,
    id::{LinkId, ObjectId, TargetId},
    operation::{Lookup, Refusal, TargetObject},
    plan::{IMMUTABLE_ID, Situation},
};
use uuid::Uuid;
use wire::api::v1::{Link, LinkRequest, Page};

use super::{
    convert::{situation, time},
    error::{Answer, ApiError},
    extract::{Body, Parameters, page_size},
    objects,
};
use crate::{agents::blocking, app::App};

const SITUATIONS: [Situation; 5] = [
    Situation::Unlinked,
    Situation::Linked,
    Situation::Deleted,
    Situation::Skipped,
    Situation::Lost,
];

/// Which links.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    situation: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// `GET /jobs/{name}/links`.
pub async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(wanted): Parameters<Wanted>,
) -> Answer<Page<Link>> {
    let of = wanted
        .situation
        .as_deref()
        .map(situation_named)
        .transpose()?;
    let after = wanted.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let size = page_size(wanted.limit);
    let page = blocking(app.engine(), move |engine| {
        let job = engine.job_named(&name)?;
        let rows = engine.links(job.id, of, after.map(LinkId), size)?;
        let next = (rows.len() == size)
            .then(|| rows.last().map(|row| row.link.0.to_string()))
            .flatten();
        let items: Result<Vec<Link>, StoreError> =
            rows.iter().map(|row| shown(engine, row)).collect();
        Ok(Page {
            items: items?,
            next,
        })
    })
    .await?;
    Ok(Json(page))
}

fn situation_named(name: &str) -> Result<Situation, ApiError> {
    let found = SITUATIONS.into_iter().find(|one| situation(*one) == name);
    found.ok_or_else(|| {
        ApiError::invalid("situation is one of unlinked, linked, deleted, skipped, lost")
    })
}

fn shown(engine: &Engine, row: &LinkRow) -> Result<Link, StoreError> {
    let space = engine.space_object(engine::object_of(row.link))?;
    let source = space.as_ref().map(|space| &space.object);
    let name = source
        .and_then(|object| object.attributes.text("displayName"))
        .or_else(|| row.exported.text("displayName"));
    Ok(Link {
        anchor: source
            .map(|object| object.anchor.guid_text())
            .unwrap_or_default(),
        dn: source.map(|object| object.dn.clone()).unwrap_or_default(),
        display_name: name.unwrap_or_default().to_owned(),
        situation: situation(row.situation).into(),
        class: row.class.as_deref().unwrap_or_default().to_owned(),
        target: row.target.clone(),
        source_anchor: row.source_anchor.clone(),
        reason: row.reason.as_ref().map(Into::into),
        is_due: row.is_due,
        changed_at: time(row.changed_at),
    })
}

/// Which object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Named {
    object: String,
}

/// `GET /jobs/{name}/link?object=`: the link of one object, by anchor, DN, UPN or target id.
pub async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(named): Parameters<Named>,
) -> Answer<Link> {
    let (job, object) = found(&app, name, &named.object).await?;
    Ok(Json(link(&app, &job, object).await?))
}

async fn link(app: &App, job: &JobRow, object: ObjectId) -> Result<Link, ApiError> {
    let id = job.id;
    let found = blocking(app.engine(), move |engine| {
        let row = engine.link_row(id, object)?;
        row.map(|row| shown(engine, &row)).transpose()
    })
    .await?;
    found.ok_or_else(|| ApiError::not_found("link", &object.to_string()))
}

/// The job and the one object of its source that is meant.
async fn found(app: &App, name: String, object: &str) -> Result<(JobRow, ObjectId), ApiError> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let source = job.source;
    let connector = blocking(app.engine(), move |engine| engine.connector(source)).await?;
    let objects = objects::resolve(app, object, Some(&connector.name)).await?;
    match objects.as_slice() {
        [one] => Ok((job, *one)),
        _ => Err(ApiError::invalid(
            "the name fits several objects; give the anchor of one of them",
        )),
    }
}

/// `POST /jobs/{name}/links/unlink`: forgets which target object belongs to a source object.
pub async fn unlink(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<LinkRequest>,
) -> Answer<Link> {
    let (job, object) = found(&app, name, &request.object).await?;
    let before = link(&app, &job, object).await?;
    let row = job.clone();
    blocking(app.engine(), move |engine| {
        let told = format!("{}: {} ({})", row.name, before.dn, before.anchor);
        let change = change(&row, object, &told);
        engine.unlink(&row, &change)
    })
    .await?;
    Ok(Json(link(&app, &job, object).await?))
}

fn change<'a>(job: &JobRow, object: ObjectId, name: &'a str) -> LinkChange<'a> {
    LinkChange {
        link: engine::link_id(job.id, object),
        actor: "administrator",
        name,
    }
}

/// `POST /jobs/{name}/links/relink`: says which target object belongs to a source object.
pub async fn relink(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<LinkRequest>,
) -> Answer<Link> {
    let target = request
        .target
        .filter(|target| !target.is_empty())
        .ok_or_else(|| ApiError::invalid("target is missing"))?;
    let (job, object) = found(&app, name, &request.object).await?;
    let before = link(&app, &job, object).await?;
    let held = target_object(&app, &job, target).await?;
    let row = job.clone();
    let (id, class) = (held.id.clone(), held.class.clone());
    blocking(app.engine(), move |engine| {
        let told = format!("{}: {} ({})", row.name, before.dn, before.anchor);
        engine.relink(&row, &change(&row, object, &told), &id, &class)
    })
    .await?;
    clear_anchor(&app, &held).await?;
    Ok(Json(link(&app, &job, object).await?))
}

async fn target_object(app: &App, job: &JobRow, id: String) -> Result<TargetObject, ApiError> {
    let target = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(target)).await?;
    let asked = Lookup::Id(TargetId(id.to_lowercase()));
    let found = app.target(&row)?.find(&[asked]).await?;
    let found = found.into_iter().flatten().next();
    match found {
        None => Err(ApiError::not_found("target object", &id)),
        Some(object) if object.is_deleted => Err(Refusal::new(Code::Conflict)
            .with("target", id)
            .with("text", "the target object is deleted; restore it first")
            .into()),
        Some(object) => Ok(object),
    }
}

/// The anchor of whoever it belonged to. The right one is written when the link is planned.
async fn clear_anchor(app: &App, held: &TargetObject) -> Result<(), ApiError> {
    let (Some(_), Ok(id)) = (&held.source_anchor, Uuid::try_parse(&held.id.0)) else {
        return Ok(());
    };
    let directory = app.directory().clone();
    let done = tokio::task::spawn_blocking(move || {
        let set = [(IMMUTABLE_ID.to_owned(), Value::Text(String::new()))];
        let operation = Operation::Update {
            id,
            expected_version: None,
            set: set.into_iter().collect(),
            references: Vec::new(),
        };
        directory.apply(&directory.administrator().writer(), vec![operation])
    })
    .await
    .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a directory thread ended"))?;
    let outcomes =
        done.map_err(|fault| Refusal::new(Code::TargetFault).with("text", fault.to_string()))?;
    match outcomes.iter().find_map(Outcome::refusal) {
        Some(why) => Err(Refusal::new(Code::Conflict)
            .with("target", &held.id.0)
            .with("text", why.to_string())
            .into()),
        None => Ok(()),
    }
}
