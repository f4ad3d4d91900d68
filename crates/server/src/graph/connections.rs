//! `objectConnections`: which target object belongs to a source object, one by one.
//!
//! Trap: forgetting one is idempotent, and needs a job that is paused; neither object is changed but for the anchor.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use engine::JobState;
use serde_json::{Value as Json, json};
use wire::api::v1::{Link, LinkRequest};

use super::{Cx, GraphError, Reply, Result, jobs::found, principals};
use crate::api::{
    extract::{Body, Parameters},
    links,
};

async fn link(cx: &Cx, job: &str) -> Result<Link> {
    let named = links::Named::of(cx.parameter(2));
    let app = State(cx.app.clone());
    Ok(links::show(app, Path(job.to_owned()), Parameters(named))
        .await?
        .0)
}

/// The anchor of an object by any of its names.
pub(super) async fn anchor(cx: &Cx, job: &str, name: &str) -> Result<String> {
    let app = State(cx.app.clone());
    let named = Parameters(links::Named::of(name));
    Ok(links::show(app, Path(job.to_owned()), named)
        .await?
        .0
        .anchor)
}

fn is_connected(link: &Link) -> bool {
    link.target.is_some() && link.situation != "unlinked"
}

/// `GET …/objectConnections('{id}')`: by the id of either side.
pub async fn show(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let link = link(cx, &row.guid).await?;
    if !is_connected(&link) {
        return Err(GraphError::not_found("object connection", cx.parameter(2)));
    }
    let shown: Json = json!({
        "id": cx.parameter(2),
        "objectId": link.anchor,
        "sourceAnchor": link.source_anchor,
        "targetAnchor": link.target,
        "displayName": link.display_name,
        "objectTypeName": link.class,
    });
    principals::item(cx, "objectConnections", shown)
}

/// `DELETE …/objectConnections('{id}')`.
pub async fn delete(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    if row.state != JobState::Paused {
        return Err(GraphError::conflict(
            "the job runs; an object connection can be deleted while its schedule is Paused or Disabled",
        ));
    }
    let link = match link(cx, &row.guid).await {
        Ok(link) if is_connected(&link) => link,
        // It is not there any more, which is what was asked for.
        Ok(_) => return Ok(Reply::Done),
        Err(error) if error.status == StatusCode::NOT_FOUND => return Ok(Reply::Done),
        Err(error) => return Err(error),
    };
    let request = LinkRequest {
        object: link.anchor,
        ..LinkRequest::default()
    };
    let _ = links::unlink(State(cx.app.clone()), Path(row.guid), Body(request)).await?;
    Ok(Reply::Done)
}
