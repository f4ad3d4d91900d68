//! Bodies and query parameters, refused in our own form when they cannot be understood.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::request::Parts,
};
use engine::{Engine, JobRow, StoreError};
use serde::{Deserialize, de::DeserializeOwned};
use wire::api::v1::{MAX_PAGE_ITEMS, PAGE_ITEMS};

use super::error::ApiError;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::invalid(error.body_text()))?;
        let body =
            serde_json::from_slice(&bytes).map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(Self(body))
    }
}

/// Query parameters.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(parameters) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::invalid(error.body_text()))?;
        Ok(Self(parameters))
    }
}

/// The parameters of every list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slice {
    /// At most so many.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// Only of this job (name or id).
    pub job: Option<String>,
    /// Only of this connector (name or id).
    pub connector: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// Text to search for.
    pub text: Option<String>,
    /// Name of an object.
    pub name: Option<String>,
    /// Whether to count what takes long.
    pub detail: Option<bool>,
}

/// The job of this name or id, or all of them.
///
/// # Errors
/// `NotFound`; of the store.
pub fn jobs_named(engine: &Engine, name: Option<&str>) -> Result<Vec<JobRow>, StoreError> {
    match name {
        Some(name) => Ok(vec![engine.job_named(name)?]),
        None => engine.jobs(),
    }
}

/// Items of the page that is asked for.
pub fn page_size(limit: Option<u32>) -> usize {
    limit.unwrap_or(PAGE_ITEMS).clamp(1, MAX_PAGE_ITEMS) as usize
}
