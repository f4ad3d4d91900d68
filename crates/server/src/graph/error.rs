//! Errors as Microsoft Graph has them: `{ "error": { code, message, innerError } }`.
//!
//! Trap: `innerError/code` is our own code, with a page of its own; the outer one is what Graph's clients know.

use axum::{
    Json,
    http::{
        StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::Problem;

use crate::api::error::ApiError;

/// An error answer.
#[derive(Clone, Debug)]
pub struct GraphError {
    /// HTTP status.
    pub status: StatusCode,
    /// Graph's code.
    pub code: &'static str,
    /// In words.
    pub message: String,
    /// Our code.
    pub own: Option<Code>,
    /// When to come back, in seconds.
    pub retry_after: Option<u64>,
}

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            own: None,
            retry_after: None,
        }
    }

    /// A request that cannot be understood.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// There is no such thing.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            format!("there is no {what} {name}"),
        )
    }

    /// The thing is there, and cannot do this.
    pub fn method(method: &str, path: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("{path} does not take {method}"),
        )
    }

    /// Something stands in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message)
    }

    /// Too many requests.
    pub fn too_many(seconds: u64, message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                Code::TooManyRequests.name(),
                message,
            )
        }
    }

    /// The body of the answer.
    pub fn body(&self, request: &str, client: &str, now: &str) -> serde_json::Value {
        json!({ "error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "code": self.own.map(Code::name), "date": now, "request-id": request, "client-request-id": client,
            },
        } })
    }

    /// As an answer.
    pub fn answer(self, request: &str, client: &str, now: &str) -> Response {
        if self.status.is_server_error() {
            tracing::error!(
                request,
                "a request to the Graph-shaped API failed: {}",
                self.message
            );
        }
        let body = self.body(request, client, now);
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<String> for GraphError {
    /// A fault of the request.
    fn from(message: String) -> Self {
        Self::bad(message)
    }
}

impl From<Refusal> for GraphError {
    fn from(refusal: Refusal) -> Self {
        let own = refusal.code;
        let problem = Problem::from(&refusal);
        let message = match problem.cure.as_str() {
            "" => problem.message,
            cure => format!("{}. {cure}", problem.message),
        };
        let status = ApiError(refusal).status();
        let code = match status {
            StatusCode::UNAUTHORIZED => "InvalidAuthenticationToken",
            StatusCode::FORBIDDEN => "Authorization_RequestDenied",
            StatusCode::NOT_FOUND => "ResourceNotFound",
            StatusCode::CONFLICT => "Conflict",
            StatusCode::BAD_REQUEST => "BadRequest",
            StatusCode::BAD_GATEWAY => "BadGateway",
            StatusCode::GATEWAY_TIMEOUT => "GatewayTimeout",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            _ => "InternalServerError",
        };
        Self {
            own: Some(own),
            ..Self::new(status, code, message)
        }
    }
}

impl From<ApiError> for GraphError {
    fn from(error: ApiError) -> Self {
        error.0.into()
    }
}
