//! Errors as answers: `{ "error": { code, message, cause, cure, arguments } }`.
//!
//! Trap: the status says whether asking again helps; the code says everything else.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sync_core::{
    code::{Blame, Code},
    operation::Refusal,
};
use wire::api::v1::ErrorAnswer;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError(pub Refusal);

/// What a handler returns.
pub type Answer<T> = Result<Json<T>, ApiError>;

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<engine::StoreError> for ApiError {
    fn from(error: engine::StoreError) -> Self {
        Self(error.refusal())
    }
}

impl From<crate::app::StartError> for ApiError {
    fn from(error: crate::app::StartError) -> Self {
        Self(error.refusal)
    }
}

impl ApiError {
    /// A request that cannot be understood, and why.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self(Refusal::new(Code::RequestInvalid).with("text", text))
    }

    /// There is no such thing.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self(
            Refusal::new(Code::NotFound)
                .with("what", what)
                .with("name", name),
        )
    }

    /// The HTTP status that says the same.
    pub(crate) fn status(&self) -> StatusCode {
        match self.0.code {
            Code::NotAuthenticated => StatusCode::UNAUTHORIZED,
            Code::NotAllowed => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Conflict
            | Code::AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService => {
                StatusCode::CONFLICT
            }
            Code::RequestInvalid
            | Code::SchemaInvalid
            | Code::ExpressionInvalid
            | Code::ConfigurationInvalid => StatusCode::BAD_REQUEST,
            Code::InternalFault | Code::StoreDamaged => StatusCode::INTERNAL_SERVER_ERROR,
            Code::TimeOut | Code::SourceTimeOut => StatusCode::GATEWAY_TIMEOUT,
            code => match code.blame() {
                Blame::Us => StatusCode::SERVICE_UNAVAILABLE,
                Blame::Rules => StatusCode::CONFLICT,
                Blame::Source | Blame::Target | Blame::Network => StatusCode::BAD_GATEWAY,
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = %self.0.code, "a request of the administrator failed: {}", self.0);
        }
        let body = ErrorAnswer {
            error: (&self.0).into(),
        };
        (status, Json(body)).into_response()
    }
}
