//! Answers of the Graph-shaped API.
//!
//! Trap: an answer without a body has no content type either; clients take one for a body.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::GraphError;

const JSON: &str = "application/json;odata.metadata=minimal;charset=utf-8";

/// What an act answers with.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200 with this.
    Ok(Value),
    /// 201 with this.
    Created(Value),
    /// 200 with this as plain text: a number that was asked for by `/$count`.
    Text(String),
    /// 204.
    Done,
}

impl Reply {
    /// Status and body.
    pub fn parts(self) -> (StatusCode, Option<Value>) {
        match self {
            Self::Ok(body) => (StatusCode::OK, Some(body)),
            Self::Created(body) => (StatusCode::CREATED, Some(body)),
            Self::Text(text) => (StatusCode::OK, Some(text.into())),
            Self::Done => (StatusCode::NO_CONTENT, None),
        }
    }
}

/// The whole response.
pub fn finished(answer: Result<Reply, GraphError>, id: &str, client: &str, now: &str) -> Response {
    let is_text = matches!(answer, Ok(Reply::Text(_)));
    let mut response = match answer {
        Ok(Reply::Text(text)) => text.into_response(),
        Ok(reply) => match reply.parts() {
            (status, Some(body)) => (status, Json(body)).into_response(),
            (status, None) => status.into_response(),
        },
        Err(error) => error.answer(id, client, now),
    };
    let headers = response.headers_mut();
    if headers.contains_key(CONTENT_TYPE) && !is_text {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    for (name, value) in [
        ("request-id", id),
        ("client-request-id", client),
        ("odata-version", "4.0"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
