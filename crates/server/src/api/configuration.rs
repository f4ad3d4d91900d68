//! The whole configuration: read, compared with what is wanted, put in force.

use axum::{Json, extract::State};
use wire::api::v1::{Configuration, ConfigurationPlan, ConfigurationRequest};

use super::{error::Answer, extract::Body};
use crate::{app::App, configuration};

/// `GET /configuration`.
pub async fn show(State(app): State<App>) -> Answer<Configuration> {
    Ok(Json(configuration::read(&app).await?.configuration))
}

/// `POST /configuration/plan`: changes nothing.
pub async fn plan(
    State(app): State<App>,
    Body(request): Body<ConfigurationRequest>,
) -> Answer<ConfigurationPlan> {
    Ok(Json(configuration::plan(&app, request).await?))
}

/// `POST /configuration/apply`.
pub async fn apply(
    State(app): State<App>,
    Body(request): Body<ConfigurationRequest>,
) -> Answer<ConfigurationPlan> {
    Ok(Json(configuration::apply(&app, request).await?))
}
