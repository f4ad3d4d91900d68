//! The administrator's API: `/api/v1`, one file per noun.
//!
//! Every route is behind one gate that asks for the administrator's token before anything else is looked at. Never decides
//! anything: it reads the engine, calls its writers, and asks desk and target. Trap: the engine blocks, so every call of it
//! goes through a blocking thread.

mod agents;
mod connectors;
mod convert;
mod deletions;
mod directory;
mod error;
pub mod explain;
mod expression;
mod extract;
mod idfix;
mod jobs;
mod links;
mod log;
mod metrics;
mod objects;
mod pending;
mod preview;
mod rules;
mod runs;
mod status;
mod verify;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, FromRequestParts as _, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::BASE;

use crate::{app::App, caller::AdminCaller, pki::AdminKey};

use error::ApiError;

// LIMIT: bytes of a request (rules of a job are the largest).
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;

impl FromRef<App> for AdminKey {
    fn from_ref(app: &App) -> Self {
        app.admin_key().clone()
    }
}

/// All routes of the API.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route(
            "/connectors",
            get(connectors::list).post(connectors::create),
        )
        .route(
            "/connectors/{name}",
            get(connectors::show).patch(connectors::change),
        )
        .route("/connectors/{name}/test", post(connectors::test))
        .route("/connectors/{name}/containers", get(connectors::containers))
        .route("/connectors/{name}/believe", post(connectors::believe))
        .route("/enrolment-tokens", post(agents::create_token))
        .route("/agents", get(agents::list))
        .route("/agents/{name}/revoke", post(agents::revoke))
        .route("/jobs", get(jobs::list).post(jobs::create))
        .route(
            "/jobs/{name}",
            get(jobs::show).patch(jobs::change).delete(jobs::remove),
        )
        .route("/jobs/{name}/start", post(jobs::start))
        .route("/jobs/{name}/pause", post(jobs::pause))
        .route("/jobs/{name}/restart", post(jobs::restart))
        .route("/jobs/{name}/links", get(links::list))
        .route("/jobs/{name}/link", get(links::show))
        .route("/jobs/{name}/links/unlink", post(links::unlink))
        .route("/jobs/{name}/links/relink", post(links::relink))
        .route("/jobs/{name}/verify", post(verify::verify))
        .route("/jobs/{name}/preview", post(preview::preview))
        .route("/jobs/{name}/rules", get(rules::show).post(rules::change))
        .route("/jobs/{name}/rules/versions", get(rules::versions))
        .route("/jobs/{name}/rules/diff", get(rules::compare))
        .route("/jobs/{name}/rules/check", post(rules::check))
        .route("/jobs/{name}/rules/rollback", post(rules::rollback))
        .route("/jobs/{name}/expression", post(expression::evaluate))
        .route("/status", get(status::status))
        .route("/metrics", get(metrics::metrics))
        .route("/objects", get(objects::search))
        .route("/object", get(objects::show))
        .route("/explain", get(explain::explain))
        .route("/idfix", post(idfix::idfix))
        .route("/log", get(log::list))
        .route("/pending", get(pending::list))
        .route("/runs", get(runs::list))
        .route("/deletions", get(deletions::list))
        .route("/deletions/allow", post(deletions::allow))
        .route("/deletions/refuse", post(deletions::refuse))
        .route("/directory", get(directory::tenant))
        .route("/directory/objects", get(directory::objects))
        .route("/directory/objects/{name}", get(directory::object))
        .route("/directory/objects/{name}/roles", post(directory::roles))
        .route(
            "/directory/domains",
            get(directory::domains).post(directory::add_domain),
        )
        .route(
            "/directory/domains/{name}",
            delete(directory::remove_domain),
        )
        .route("/directory/credential", post(directory::rotate))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn_with_state(app.clone(), gate))
        .with_state(app);
    Router::new().nest(BASE, routes)
}

/// Nothing behind this is reached without the administrator's token.
async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match AdminCaller::from_request_parts(&mut parts, &app).await {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(_) => ApiError::from(Refusal::new(Code::NotAuthenticated)).into_response(),
    }
}

async fn unknown(request: Request) -> ApiError {
    Refusal::new(Code::NotFound)
        .with("what", "request")
        .with(
            "name",
            format!("{} {}", request.method(), request.uri().path()),
        )
        .into()
}
