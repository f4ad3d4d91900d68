//! Objects: search in the connector spaces, and one object with all reasons.
//!
//! Scope and wanted values are evaluated at the moment of asking, by the same rules the planner uses; the target is asked
//! live. Trap: a name may fit several objects; then they are listed and nothing is guessed.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use connectors::Target;
use engine::{AsideRow, Engine, JobRow, LinkRow, LogQuery, ObjectState, SpaceObject, StoreError};
use sync_core::{
    code::Code,
    id::{Anchor, ConnectorId, ObjectId, TargetId},
    mapping::evaluate::Evaluation,
    operation::{Lookup, Refusal},
    plan::Situation,
    scope::Verdict,
};
use wire::api::v1::{
    FoundObject, LinkView, Named, ObjectInJob, ObjectView, Page, Problem, References, ScopeView,
    SetAside, TargetView,
};

use super::{
    convert::{situation, time},
    directory,
    error::{Answer, ApiError},
    extract::{Parameters, Slice, page_size},
    log, pending,
    render::Names,
};
use crate::{agents::blocking, app::App, planner, redaction::Hidden, scheduler};

// LIMIT: references named per attribute.
const REFERENCES_NAMED: usize = 10;
// LIMIT: records shown with an object.
const RECORDS_SHOWN: usize = 10;
// LIMIT: objects a name may fit before it is refused.
const MOST_FOUND: usize = 10;

/// `GET /objects`: those whose name or anchor holds the text.
pub async fn search(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<FoundObject>> {
    let text = slice
        .text
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| ApiError::invalid("text is missing"))?;
    let after = slice
        .after
        .map(|after| after.parse().map(ObjectId))
        .transpose();
    let after = after.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let size = page_size(slice.limit);
    let page = blocking(app.engine(), move |engine| {
        let connector = slice
            .connector
            .map(|name| engine.connector_named(&name))
            .transpose()?
            .map(|row| row.id);
        let found = engine.search(connector, &text, after, size)?;
        let names = connector_names(engine)?;
        Ok(Page {
            items: found
                .found
                .iter()
                .map(|object| shown(object, &names))
                .collect(),
            next: found.next.map(|next| next.to_string()),
        })
    })
    .await?;
    Ok(Json(page))
}

/// Names of all connectors.
///
/// # Errors
/// Of the store.
pub fn connector_names(engine: &Engine) -> Result<BTreeMap<ConnectorId, String>, StoreError> {
    Ok(engine
        .connectors()?
        .into_iter()
        .map(|row| (row.id, row.name))
        .collect())
}

fn state_name(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Stub => "stub",
        ObjectState::Skeleton => "skeleton",
        ObjectState::Live => "live",
        ObjectState::Deleted => "deleted",
        ObjectState::Vanished => "vanished",
        ObjectState::Missing => "missing",
    }
}

/// An object as a search finds it.
pub fn shown(found: &SpaceObject, connectors: &BTreeMap<ConnectorId, String>) -> FoundObject {
    let object = &found.object;
    let text = |name: &str| object.attributes.text(name).unwrap_or_default().to_owned();
    FoundObject {
        connector: connectors
            .get(&found.connector)
            .cloned()
            .unwrap_or_default(),
        anchor: object.anchor.guid_text(),
        dn: object.dn.clone(),
        class: object.class.as_deref().unwrap_or_default().to_owned(),
        state: state_name(object.state).into(),
        display_name: text("displayName"),
        user_principal_name: text("userPrincipalName"),
    }
}

/// The objects a name means: anchor, DN, UPN, target id, account name or display name, tried in that order.
pub async fn resolve(
    app: &App,
    name: &str,
    connector: Option<&str>,
) -> Result<Vec<ObjectId>, ApiError> {
    let (name, connector) = (name.trim().to_owned(), connector.map(str::to_owned));
    let asked = name.clone();
    let found = blocking(app.engine(), move |engine| {
        let wanted = connector
            .map(|name| engine.connector_named(&name))
            .transpose()?
            .map(|row| row.id);
        candidates(engine, &name, wanted)
    })
    .await?;
    match found.is_empty() {
        true => Err(ApiError::not_found("object", &asked)),
        false => Ok(found),
    }
}

fn candidates(
    engine: &Engine,
    name: &str,
    wanted: Option<ConnectorId>,
) -> Result<Vec<ObjectId>, StoreError> {
    let mut spaces: Vec<ConnectorId> = engine.connectors()?.into_iter().map(|row| row.id).collect();
    spaces.retain(|id| wanted.is_none_or(|wanted| wanted == *id));
    let mut found = Vec::new();
    if let Some(anchor) = Anchor::from_guid_text(name) {
        for space in &spaces {
            found.extend(engine.object_by_anchor(*space, &anchor)?);
        }
    }
    if found.is_empty() {
        let links = engine.links_of_target(&name.to_lowercase())?;
        found.extend(links.into_iter().map(engine::object_of));
    }
    if found.is_empty() && name.contains('=') {
        for space in &spaces {
            found.extend(engine.object_at_dn(*space, name)?);
        }
    }
    let attributes: &[&str] = match name.contains('@') {
        true => &["userPrincipalName", "mail"],
        false => &["sAMAccountName", "uid", "displayName", "cn"],
    };
    for attribute in attributes {
        if found.is_empty() {
            let objects = engine.objects_with(attribute, name, MOST_FOUND)?;
            let own = objects
                .iter()
                .filter(|object| wanted.is_none_or(|wanted| wanted == object.connector));
            found.extend(own.map(|object| object.object.id));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// `GET /object`: one object from source to target.
pub async fn show(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<ObjectView> {
    let name = slice
        .name
        .ok_or_else(|| ApiError::invalid("name is missing"))?;
    let found = resolve(&app, &name, slice.connector.as_deref()).await?;
    let id = only(&app, &name, found).await?;
    let (mut view, space, jobs) =
        blocking(app.engine(), move |engine| stored_view(engine, id)).await?;
    for job in jobs {
        if job.source == space.connector {
            view.jobs.push(in_job(&app, &job, &space).await?);
        }
    }
    Ok(Json(view))
}

/// The only one of those found.
pub async fn only(app: &App, name: &str, found: Vec<ObjectId>) -> Result<ObjectId, ApiError> {
    match found.as_slice() {
        [id] => Ok(*id),
        _ => Err(several(app, name, found).await?),
    }
}

async fn several(app: &App, name: &str, found: Vec<ObjectId>) -> Result<ApiError, ApiError> {
    let anchors = blocking(app.engine(), move |engine| {
        let objects = found
            .iter()
            .take(MOST_FOUND)
            .map(|id| engine.space_object(*id));
        objects.collect::<Result<Vec<_>, _>>()
    })
    .await?;
    let lines: Vec<String> = anchors
        .iter()
        .flatten()
        .map(|found| format!("{} ({})", found.object.anchor.guid_text(), found.object.dn))
        .collect();
    Ok(ApiError::invalid(format!(
        "{name} fits several objects; name one by its anchor: {}",
        lines.join(", ")
    )))
}

fn stored_view(
    engine: &Engine,
    id: ObjectId,
) -> Result<(ObjectView, SpaceObject, Vec<JobRow>), StoreError> {
    let found = engine.space_object(id)?.ok_or_else(|| {
        StoreError::Refused(
            Refusal::new(Code::NotFound)
                .with("what", "object")
                .with("name", id.to_string()),
        )
    })?;
    let mut references = BTreeMap::new();
    for row in engine.references_of(id, REFERENCES_NAMED)? {
        let mut first = Vec::new();
        for other in &row.first {
            if let Some(other) = engine.space_object(*other)? {
                first.push(Named {
                    id: other.object.anchor.guid_text(),
                    name: other.object.dn,
                });
            }
        }
        references.insert(
            row.attribute.to_string(),
            References {
                count: row.count,
                first,
            },
        );
    }
    let links: Vec<_> = log::links(engine, &[id])?.into_iter().map(Some).collect();
    let query = LogQuery {
        limit: RECORDS_SHOWN,
        ..LogQuery::default()
    };
    let view = ObjectView {
        object: shown(&found, &connector_names(engine)?),
        attributes: Hidden::of_source(engine, found.connector)?
            .source_values(&found.object.attributes),
        references,
        jobs: Vec::new(),
        records: log::read(engine, &query, &links)?.items,
    };
    Ok((view, found, engine.jobs()?))
}

async fn in_job(app: &App, job: &JobRow, space: &SpaceObject) -> Result<ObjectInJob, ApiError> {
    let (id, object) = (job.id, space.object.id);
    let connector = space.connector;
    let (item, link, pending, hidden, asides, source) = blocking(app.engine(), move |engine| {
        let names = Names::read(engine)?;
        let pending = engine.pending_export(engine::link_id(id, object))?;
        let pending = pending
            .map(|row| pending::shown(engine, &row, &names))
            .transpose()?;
        let mut item = engine.plan_item(id, object)?;
        engine.add_scope_links(id, item.as_mut_slice())?;
        let asides = engine.asides(engine::link_id(id, object))?;
        let (link, source) = (engine.link_row(id, object)?, engine.connector(connector)?);
        Ok((
            item,
            link,
            pending,
            Hidden::of_job(engine, id),
            asides,
            source,
        ))
    })
    .await?;
    let mut part = ObjectInJob {
        job: Named {
            id: job.guid.clone(),
            name: job.name.clone(),
        },
        is_due: link.as_ref().is_some_and(|link| link.is_due),
        pending,
        link: link.as_ref().map(|link| link_view(link, &asides, &hidden)),
        synchronised: link
            .as_ref()
            .and_then(|link| synchronised(link, &space.object.dn, &source.name)),
        ..ObjectInJob::default()
    };
    if let Some(item) = item {
        part.scope = Some(match scheduler::surroundings(app, job).await {
            Ok(surroundings) => {
                let evaluation =
                    planner::evaluation_of(&item, &surroundings.rules, &surroundings.context());
                scope(&evaluation, space.object.state, &hidden)
            }
            Err(why) => ScopeView {
                problems: vec![Problem::from(why)],
                ..ScopeView::default()
            },
        });
    }
    if let Some(target) = link.and_then(|link| link.target) {
        match target_view(app, job, &target, &hidden).await {
            Ok(view) => part.target = view,
            Err(why) => part.target_problem = Some(why.into()),
        }
    }
    Ok(part)
}

fn set_aside(row: &AsideRow) -> SetAside {
    SetAside {
        category: "PropertyConflict".into(),
        property_causing_error: row.aside.attribute.to_string(),
        value: row.aside.value.clone(),
        owner: row.aside.owner.clone(),
        occurred_date_time: time(row.since),
    }
}

/// From where and when an object was last brought in step; `None` if it is not in the target.
fn synchronised(link: &LinkRow, dn: &str, connector: &str) -> Option<String> {
    (link.situation == Situation::Linked).then(|| {
        let at = time(link.changed_at);
        match &link.reason {
            None => format!("synchronised from {dn} of {connector} at {at}"),
            Some(why) => format!(
                "synchronised from {dn} of {connector}; what changed since failed at {at} with {}",
                why.code
            ),
        }
    })
}

/// A link as shown.
pub fn link_view(link: &LinkRow, asides: &[AsideRow], hidden: &Hidden) -> LinkView {
    LinkView {
        situation: situation(link.situation).into(),
        class: link.class.as_deref().unwrap_or_default().to_owned(),
        target: link.target.clone(),
        source_anchor: link.source_anchor.clone(),
        version: link.version,
        exported: hidden.values(&link.exported),
        reason: link.reason.as_ref().map(Into::into),
        set_aside: asides.iter().map(set_aside).collect(),
        changed_at: time(link.changed_at),
    }
}

fn scope(evaluation: &Evaluation, state: ObjectState, hidden: &Hidden) -> ScopeView {
    let (is_in_scope, why) = match (&evaluation.scope, state) {
        (_, ObjectState::Deleted) => (false, "it was deleted in the source".to_owned()),
        (_, ObjectState::Vanished | ObjectState::Missing) => (
            false,
            "the last full read did not show it; its deletion is not proven".to_owned(),
        ),
        (_, ObjectState::Stub | ObjectState::Skeleton) => (
            false,
            "it is not read: its class or container is outside the scope".to_owned(),
        ),
        (Verdict::InScope, ObjectState::Live) => {
            let class = evaluation.target_class.as_deref().unwrap_or("?");
            (true, format!("it becomes a {class}; no exclusion matches"))
        }
        (Verdict::Out { reason }, ObjectState::Live) => (false, reason.to_string()),
    };
    let mut problems: Vec<Problem> = evaluation.problems.iter().map(Into::into).collect();
    if let (true, Err(why)) = (is_in_scope, &evaluation.source_anchor) {
        problems.push(why.into());
    }
    ScopeView {
        is_in_scope,
        why,
        attributes: hidden.values(&evaluation.attributes),
        problems,
    }
}

async fn target_view(
    app: &App,
    job: &JobRow,
    target: &str,
    hidden: &Hidden,
) -> Result<Option<TargetView>, Refusal> {
    let id = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let connector: Arc<dyn Target> = app.target(&row)?;
    let found = connector
        .find(&[Lookup::Id(TargetId::from(target))])
        .await?;
    let Some(object) = found.into_iter().flatten().next() else {
        return Ok(None);
    };
    let references = match row.kind.as_str() {
        "directory" => directory::references(app, &object.id.0)
            .await
            .map_err(|error| error.0)?,
        _ => BTreeMap::new(),
    };
    Ok(Some(TargetView {
        id: object.id.to_string(),
        class: object.class.to_string(),
        version: object.version,
        is_deleted: object.is_deleted,
        attributes: hidden.values(&object.attributes),
        references,
    }))
}
