//! `/healthz`, `/readyz` and `/metrics`, as whatever runs and watches services asks for them.
//!
//! On the server's own address the first two are open to everybody and say only yes or no; on a listener of its own, which only
//! this machine can reach, they say why, and the metrics need no token. Trap: not ready is no reason to restart the process;
//! whoever restarts it for that interrupts what it is just doing to become ready.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use sync_core::{code::Code, operation::Refusal};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    access,
    agents::blocking,
    api::{error::ApiError, metrics},
    app::App,
    start,
};

/// A loop that did not turn for so long hangs.
const LONGEST_TURN: i64 = 5 * 60_000;
/// How long a store may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub is_well: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

fn check(name: &'static str, why: Option<String>) -> Check {
    Check {
        name,
        is_well: why.is_none(),
        why,
    }
}

/// Whether the process does its work: its loops turn.
fn healthy(app: &App) -> Vec<Check> {
    let still = app.engine().now().saturating_sub(app.last_turn());
    let why = (still > LONGEST_TURN)
        .then(|| format!("the main loop has not turned for {} s", still / 1_000));
    vec![check("loops", why)]
}

/// Whether it can do what it is for: both stores answer, and they were brought together.
async fn ready(app: &App) -> Vec<Check> {
    let stores = blocking(app.engine(), engine::Engine::is_usable);
    let engine = match tokio::time::timeout(PATIENCE, stores).await {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why.to_string()),
        Err(_) => Some(format!("no answer within {} seconds", PATIENCE.as_secs())),
    };
    let directory = app.directory().clone();
    let asked = tokio::task::spawn_blocking(move || directory.sequence(&directory.administrator()));
    let directory = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(_))) => None,
        Ok(Ok(Err(fault))) => Some(fault.to_string()),
        _ => Some(format!("no answer within {} seconds", PATIENCE.as_secs())),
    };
    let apart = (!app.is_rejoined()).then(|| {
        "engine and directory are being brought together after one was restored".to_owned()
    });
    let closing = app
        .desk()
        .is_closed()
        .then(|| "it is being stopped".to_owned());
    vec![
        check("engine", engine),
        check("directory", directory),
        check("rejoined", apart),
        check("running", closing),
    ]
}

fn answer(checks: Vec<Check>, tells_why: bool) -> Response {
    let is_well = checks.iter().all(|one| one.is_well);
    let (code, status) = match is_well {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let checks = if tells_why { checks } else { Vec::new() };
    (code, Json(Answer { status, checks })).into_response()
}

/// The routes on the server's own address.
pub fn router(app: App) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|State(app): State<App>| async move { answer(healthy(&app), false) }),
        )
        .route(
            "/readyz",
            get(|State(app): State<App>| async move { answer(ready(&app).await, false) }),
        )
        .route("/metrics", get(guarded))
        .with_state(app)
}

async fn guarded(State(app): State<App>, headers: HeaderMap) -> Response {
    let allowed = match access::caller_of(&app, &headers).await {
        Ok(caller) => caller.demand(access::Permission::SynchronizationRead),
        Err(why) => Err(why),
    };
    match allowed {
        Ok(()) => metrics::metrics(State(app)).await.into_response(),
        Err(why) => ApiError::from(why).into_response(),
    }
}

/// Opens the listener that only this machine can reach.
///
/// # Errors
/// `ConfigurationInvalid` unless it is a loopback address; `AddressInUse`.
pub async fn listen(
    app: App,
    address: SocketAddr,
    shutdown: CancellationToken,
) -> Result<SocketAddr, Refusal> {
    let invalid = |code: Code, text: String| Refusal::new(code).with("text", text);
    if !address.ip().is_loopback() {
        let text = format!(
            "health and metrics are told without encryption and without a token, so {address} must be an address of this machine only, such as 127.0.0.1:9464; from elsewhere ask the server's own address"
        );
        return Err(invalid(Code::ConfigurationInvalid, text));
    }
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| start::not_listening(address, &error))?;
    let bound = listener
        .local_addr()
        .map_err(|error| invalid(Code::InternalFault, error.to_string()))?;
    let routes = Router::new()
        .route(
            "/healthz",
            get(|State(app): State<App>| async move { answer(healthy(&app), true) }),
        )
        .route(
            "/readyz",
            get(|State(app): State<App>| async move { answer(ready(&app).await, true) }),
        )
        .route("/metrics", get(metrics::metrics))
        .with_state(app);
    tokio::spawn(async move {
        let served =
            axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned());
        if let Err(error) = served.await {
            tracing::warn!("the listener of health and metrics ended: {error}");
        }
    });
    Ok(bound)
}
