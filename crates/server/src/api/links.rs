//! Links of a job: shown, undone and put right one by one.
//!
//! Only of a paused job, and always with an entry in the audit. Trap: an object of the target still has the anchor and the
//! memberships of whoever it belonged to; both are taken from it when somebody else gets it (`release`).

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{Engine, JobRow, LinkChange, LinkRow, StoreError};
use serde::Deserialize;
use sync_core::{
    code::Code,
    id::{LinkId, ObjectId, TargetId},
    operation::{Lookup, Refusal, TargetObject},
    plan::Situation,
};
use wire::api::v1::{Link, LinkRequest, Page};

use super::{
    convert::{situation, time},
    error::{Answer, ApiError},
    extract::{Body, Parameters, page_size},
    objects,
};
use crate::{access::actor, agents::blocking, app::App, release};

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

impl Named {
    /// The object of this name.
    pub fn of(object: &str) -> Self {
        Self {
            object: object.to_owned(),
        }
    }
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

/// `POST /jobs/{name}/links/unlink`: forgets which target object belongs to a source object, and takes from it what it had as
/// that.
pub async fn unlink(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<LinkRequest>,
) -> Answer<Link> {
    let (job, object) = found(&app, name, &request.object).await?;
    let before = link(&app, &job, object).await?;
    let row = job.clone();
    let told = format!("{}: {} ({})", row.name, before.dn, before.anchor);
    blocking(app.engine(), move |engine| {
        engine.unlink(&row, &change(&row, object, &told, &actor()))
    })
    .await?;
    if let Some(former) = &before.target {
        release::from_job(&app, &job, former).await?;
    }
    Ok(Json(link(&app, &job, object).await?))
}

fn change<'a>(job: &JobRow, object: ObjectId, name: &'a str, actor: &'a str) -> LinkChange<'a> {
    LinkChange {
        link: engine::link_id(job.id, object),
        actor,
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
    let told = format!("{}: {} ({})", row.name, before.dn, before.anchor);
    let (id, class) = (held.id.clone(), held.class.clone());
    blocking(app.engine(), move |engine| {
        engine.relink(&row, &change(&row, object, &told, &actor()), &id, &class)
    })
    .await?;
    let former = before.target.filter(|former| **former != *held.id.0);
    for id in former.as_deref().into_iter().chain([&*held.id.0]) {
        release::from_job(&app, &job, id).await?;
    }
    Ok(Json(link(&app, &job, object).await?))
}

async fn target_object(app: &App, job: &JobRow, id: String) -> Result<TargetObject, ApiError> {
    let target = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(target)).await?;
    let asked = Lookup::Id(TargetId::from(id.to_lowercase()));
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
