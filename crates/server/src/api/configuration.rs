//! The whole configuration: read, compared with what is wanted, put in force.

use axum::{Extension, Json, extract::State};
use wire::api::v1::{Configuration, ConfigurationPlan, ConfigurationRequest};

use super::{error::Answer, extract::Body};
use crate::{access::Caller, app::App, configuration};

/// `GET /configuration`.
pub async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Configuration> {
    let present = configuration::read(&app, &caller).await?;
    Ok(Json(present.configuration))
}

/// `POST /configuration/plan`: changes nothing.
pub async fn plan(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ConfigurationRequest>,
) -> Answer<ConfigurationPlan> {
    Ok(Json(configuration::plan(&app, &caller, request).await?))
}

/// `POST /configuration/apply`.
pub async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ConfigurationRequest>,
) -> Answer<ConfigurationPlan> {
    Ok(Json(configuration::apply(&app, &caller, request).await?))
}
