//! The link's requests, one file per act.
//!
//! Every request but enrolment and `/healthz` needs an admitted agent's certificate. Never trusts a body: sizes are limited
//! before they are read, forms are checked before they are believed. Trap: handlers may be dropped at any await (the agent
//! hung up); whatever must not be cut in half is done by the desk.

mod answer;
mod body;
mod enrol;
mod heartbeat;
mod lease;
mod page;
mod problem;
mod renew;
mod update;
mod whoami;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    routing::{get, post},
};
use sync_core::code::Code;
use wire::agent::v1::{LARGEST_CONTROL_BYTES, LARGEST_FRAME_BYTES};

use crate::{
    desk::Desk,
    pki::{AgentDirectory, Authorities},
};

pub use enrol::EnrolmentThrottle;
pub use problem::Problem;
pub use update::{UpdateState, update_router};

/// What the link's handlers need.
#[derive(Clone)]
pub struct LinkState {
    /// Work and answers.
    pub desk: Arc<Desk>,
    /// Who is admitted.
    pub directory: Arc<dyn AgentDirectory>,
    /// Who issues certificates.
    pub authority: Arc<Authorities>,
    /// Id of the tenant.
    pub server_id: Arc<str>,
    /// How often enrolment may fail.
    pub enrolments: Arc<EnrolmentThrottle>,
}

/// All routes of the link, and a `/healthz` that only says that somebody listens: for a link that is served by itself.
pub fn agent_router(state: LinkState) -> Router {
    link_router(state).route("/healthz", get(|| async { "ok" }))
}

/// All routes of the link.
pub fn link_router(state: LinkState) -> Router {
    let control = Router::new()
        .route("/agent/v1/enrol", post(enrol::enrol))
        .route("/agent/v1/renew", post(renew::renew))
        .route("/agent/v1/heartbeat", post(heartbeat::heartbeat))
        .route("/agent/v1/whoami", post(whoami::whoami))
        .route("/agent/v1/lease", post(lease::lease))
        .route("/agent/v1/leases/{lease}/extend", post(lease::extend))
        .layer(DefaultBodyLimit::max(LARGEST_CONTROL_BYTES));
    let frames = Router::new()
        .route("/agent/v1/leases/{lease}/pages/{number}", post(page::page))
        .route("/agent/v1/leases/{lease}/read-end", post(page::read_end))
        .route(
            "/agent/v1/leases/{lease}/listings/{number}",
            post(answer::listing),
        )
        .route(
            "/agent/v1/leases/{lease}/rings/{number}",
            post(answer::ring),
        )
        .route("/agent/v1/leases/{lease}/answer", post(answer::answer))
        .layer(DefaultBodyLimit::max(LARGEST_FRAME_BYTES));
    control
        .merge(frames)
        .route("/agent/{*rest}", axum::routing::any(unknown))
        .with_state(state)
}

async fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        Code::NotFound,
        "this server does not know this request",
        "the agent may be newer than the server: upgrade the server first",
    )
}
