//! Errors as answers: code, what happened, what to do.
//!
//! Never carries causes from inside; those are logged. Trap: refusals of the store become 503 or 500 here, so that an agent
//! tries again instead of giving up.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sync_core::{
    code::{Code, Retry},
    operation::Refusal,
};
use wire::agent::v1;

/// An error answer.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    body: v1::Problem,
}

impl Problem {
    /// An error with this status and code.
    pub fn new(status: StatusCode, code: Code, message: impl Into<String>, cure: &str) -> Self {
        let body = v1::Problem {
            code: code.name().into(),
            message: message.into(),
            cure: cure.into(),
        };
        Self { status, body }
    }

    /// A request that cannot be understood.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Code::RequestInvalid,
            message,
            "use an agent of this server's version",
        )
    }
}

/// Another process works with the agent's identity.
pub fn superseded() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        Code::AgentSuperseded,
        "another process that was started later works with this agent's identity",
        "stop one of the two; to have two agents, enrol the second with a token and a data directory of its own",
    )
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code.retry() {
            Retry::Later => StatusCode::SERVICE_UNAVAILABLE,
            Retry::Never | Retry::AfterReadBack => StatusCode::INTERNAL_SERVER_ERROR,
        };
        tracing::error!(%refusal, "a request of the link failed");
        let cure = "try again later; the server's log says more";
        Self::new(status, refusal.code, refusal.code.title(), cure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
