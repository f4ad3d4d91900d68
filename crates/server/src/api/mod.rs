//! The administrator's API: `/api/v1`, one file per noun.
//!
//! Every route is behind one gate that asks for a token, and for the permission of the route, before anything else is looked at. Never decides
//! anything: it reads the engine, calls its writers, and asks desk and target. Trap: the engine blocks, so every call of it
//! goes through a blocking thread.

mod agents;
mod alerts;
mod audit;
mod authority;
pub mod backups;
mod cloud;
mod configuration;
pub(crate) mod connectors;
pub(crate) mod convert;
pub(crate) mod cycles;
mod deletions;
pub(crate) mod directory;
pub(crate) mod error;
pub mod explain;
mod expression;
pub(crate) mod extract;
pub(crate) mod guard;
mod holds;
mod idfix;
pub(crate) mod jobs;
mod key;
pub(crate) mod links;
pub(crate) mod log;
mod logs;
pub(crate) mod metrics;
mod notifications;
pub(crate) mod objects;
mod pending;
mod preview;
pub(crate) mod removal;
mod render;
pub(crate) mod retention;
pub mod routes;
mod rules;
pub(crate) mod runs;
mod staging;
pub(crate) mod status;
mod undo;
mod updates;
mod verify;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::BASE;

use crate::{access, app::App, graph, health};

pub use directory::repair_account;
use error::ApiError;

// LIMIT: bytes of a request (rules of a job are the largest).
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;

/// All routes of the API.
// LONG: a table.
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
        .route("/configuration", get(configuration::show))
        .route("/configuration/plan", post(configuration::plan))
        .route("/configuration/apply", post(configuration::apply))
        .route("/enrolment-tokens", post(agents::create_token))
        .route("/api-clients", get(access::list).post(access::create))
        .route("/api-clients/{name}", delete(access::delete))
        .route("/api-clients/{name}/rotate", post(access::rotate))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}", get(alerts::show))
        .route("/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/audit", get(audit::list))
        .route("/backups", get(backups::list).post(backups::create))
        .route("/key", get(key::show))
        .route("/key/rotate", post(key::rotate))
        .route("/key/retire", post(key::retire))
        .route("/authority", get(authority::show))
        .route("/authority/roll", post(authority::roll))
        .route("/authority/retire", post(authority::retire))
        .route("/agents", get(agents::list))
        .route("/agents/{name}", delete(agents::remove))
        .route("/agents/{name}/drain", post(agents::drain))
        .route("/agents/{name}/resume", post(agents::resume))
        .route("/agents/{name}/assign", post(agents::assign))
        .route("/agents/{name}/revoke", post(agents::revoke))
        .route("/agents/{name}/doctor", post(agents::doctor))
        .route("/agent-updates", get(updates::show).patch(updates::change))
        .route("/agent-updates/retry", post(updates::retry))
        .route("/agents/{name}/trace", post(logs::trace_agent))
        .route("/logs/trace", post(logs::trace))
        .route("/logs/export", post(logs::export))
        .route("/jobs", get(jobs::list).post(jobs::create))
        .route(
            "/jobs/{name}",
            get(jobs::show).patch(jobs::change).delete(removal::begin),
        )
        .route(
            "/jobs/{name}/removal",
            get(removal::show).delete(removal::cancel),
        )
        .route("/jobs/{name}/start", post(jobs::start))
        .route("/jobs/{name}/pause", post(jobs::pause))
        .route("/jobs/{name}/restart", post(cycles::restart))
        .route("/jobs/{name}/sync", post(cycles::synchronise))
        .route("/jobs/{name}/status", get(cycles::status))
        .route("/jobs/{name}/quarantine", post(cycles::quarantine))
        .route("/jobs/{name}/clear", post(cycles::clear))
        .route("/jobs/{name}/escrow", get(cycles::escrow))
        .route("/jobs/{name}/escrow/retry", post(cycles::retry))
        .route("/jobs/{name}/provision", post(cycles::provision))
        .route("/jobs/{name}/reconcile", post(cycles::reconcile))
        .route(
            "/jobs/{name}/references/waiting",
            get(explain::awaited::list),
        )
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
        .route("/staging", get(staging::show))
        .route("/staging/enter", post(staging::enter))
        .route("/staging/promote", post(staging::promote))
        .route("/status", get(status::status))
        .route("/metrics", get(metrics::metrics))
        .route("/objects", get(objects::search))
        .route("/object", get(objects::show))
        .route("/explain", get(explain::explain))
        .route("/idfix", post(idfix::idfix))
        .route("/log", get(log::list))
        .route(
            "/log/retention",
            get(retention::show).patch(retention::change),
        )
        .route("/pending", get(pending::list))
        .route("/runs", get(runs::list))
        .route(
            "/notifications",
            get(notifications::show).patch(notifications::change),
        )
        .route("/notifications/test", post(notifications::test))
        .route("/deletions", get(deletions::list))
        .route("/deletions/allow", post(deletions::allow))
        .route("/deletions/refuse", post(deletions::refuse))
        .route("/guard", get(guard::show).patch(guard::change))
        .route("/undo", post(undo::undo))
        .route("/holds", get(holds::list))
        .route("/holds/release", post(holds::release))
        .route("/directory", get(directory::tenant))
        .route(
            "/directory/objects",
            get(directory::objects).post(cloud::create),
        )
        .route(
            "/directory/objects/{name}",
            get(directory::object)
                .patch(cloud::change)
                .delete(cloud::remove),
        )
        .route("/directory/objects/{name}/restore", post(cloud::restore))
        .route(
            "/directory/objects/{name}/authority",
            post(cloud::authority),
        )
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
        .route("/directory/repair", post(directory::repair))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn_with_state(app.clone(), gate))
        .with_state(app.clone());
    Router::new()
        .nest(BASE, routes)
        .merge(access::router(app.clone()))
        .merge(health::router(app.clone()))
        .merge(graph::router(app))
}

/// Nothing behind this is reached without a token, and nothing without the permission it needs.
async fn gate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let caller = match access::caller_of(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(why) => return ApiError::from(why).into_response(),
    };
    let route = request.extensions().get::<MatchedPath>();
    let route = route.and_then(|path| path.as_str().strip_prefix(BASE));
    // Without a route there is nothing to protect: it is not found.
    if let Some(route) = route {
        let needed = access::of_route(request.method(), route);
        if let Err(why) = caller.demand(needed) {
            return ApiError::from(why).into_response();
        }
    }
    let name = caller.name.clone();
    request.extensions_mut().insert(caller);
    access::acting(name, next.run(request)).await
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
