//! `POST /$batch`: several requests in one, one after the other.
//!
//! Trap: each is held against the caller's permissions by itself, and one that fails does not stop the others.

use std::collections::BTreeMap;

use axum::http::{Method, Uri};
use serde_json::{Map, Value as Json, json};

use super::{Cx, GraphError, Reply, Result, members, prepare, single, text};
use crate::api::convert::time;

// LIMIT: requests of a batch, as Microsoft Graph has it.
const MOST: usize = 20;

/// Carries out the requests of a batch.
pub async fn run(cx: &Cx) -> Result<Reply> {
    let body = members(&cx.body, &["requests"])?;
    let requests = body.get("requests").and_then(Json::as_array);
    let requests = requests.ok_or_else(|| GraphError::bad("the body lacks requests, a list"))?;
    if requests.len() > MOST {
        return Err(GraphError::bad(format!(
            "a batch has at most {MOST} requests"
        )));
    }
    let mut status: BTreeMap<String, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    for request in requests {
        let request = members(
            request,
            &["id", "method", "url", "headers", "body", "dependsOn"],
        )?;
        let id = text(request, "id")?;
        if status.contains_key(id) {
            return Err(GraphError::bad(format!(
                "the id {id} stands in the batch twice"
            )));
        }
        let needed = request.get("dependsOn").and_then(Json::as_array);
        let failed = needed
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .any(|before| status.get(before).is_none_or(|status| *status >= 400));
        let (code, body) = match failed {
            true => (
                424,
                json!({ "error": { "code": "FailedDependency", "message": "a request this one depends on failed or does not stand before it" } }),
            ),
            false => one(cx, request).await,
        };
        status.insert(id.to_owned(), code);
        responses.push(json!({ "id": id, "status": code, "headers": { "Content-Type": "application/json" }, "body": body }));
    }
    Ok(Reply::Ok(json!({ "responses": responses })))
}

async fn one(cx: &Cx, request: &Map<String, Json>) -> (u16, Json) {
    let done = match understood(cx, request).await {
        Ok(inner) => Box::pin(single(&inner)).await,
        Err(error) => Err(error),
    };
    match done.map(Reply::parts) {
        Ok((status, body)) => (status.as_u16(), body.unwrap_or_default()),
        Err(error) => {
            let id = cx.app.engine().new_id().to_string();
            let status = error.status.as_u16();
            let now = time(cx.app.engine().now());
            (status, error.body(&id, &id, &now))
        }
    }
}

async fn understood(cx: &Cx, request: &Map<String, Json>) -> Result<Cx> {
    let method: Method = text(request, "method")?
        .to_uppercase()
        .parse()
        .map_err(|_| GraphError::bad("a request of the batch has a method that is none"))?;
    let url = text(request, "url")?;
    let version = if cx.is_beta { "beta" } else { "v1.0" };
    let root = cx
        .base
        .strip_suffix(&format!("/{version}"))
        .unwrap_or(&cx.base);
    let uri: Uri = format!("/{version}/{}", url.trim_start_matches('/'))
        .parse()
        .map_err(|_| GraphError::bad(format!("{url} is not an address within this API")))?;
    let body = request.get("body").filter(|body| !body.is_null());
    let body = body.map(Json::to_string).unwrap_or_default();
    prepare(&cx.app, &cx.caller, root, &method, &uri, body.as_bytes()).await
}
