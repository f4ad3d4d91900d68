//! `POST /agent/v1/heartbeat`: the agent lives, and learns whether something is wanted of it.
//!
//! Trap: the agent's clock is shown to people and never computed with.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use jiff::Timestamp;
use tracing::warn;
use wire::agent::v1::{Heartbeat, HeartbeatAnswer};

use super::{LinkState, Problem, body::Control, problem::superseded};
use crate::{
    caller::AgentCaller,
    pki::{AgentRecord, Authority, Beat},
    tls::PeerAddress,
};

// LIMIT: connectors remembered that an agent may not serve.
const MOST_BARRED: usize = 64;

pub async fn heartbeat(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    Extension(from): Extension<PeerAddress>,
    Control(beat): Control<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, Problem> {
    let was_shared = link.desk.is_shared(agent.id);
    if !link.desk.admits(&agent, &beat.session) {
        if !was_shared {
            warn!(agent = agent.id.0, from = %from.0, "two processes use the identity of agent {}: a copied machine, or a stolen key", agent.name);
        }
        return Err(superseded());
    }
    let now = Timestamp::now();
    let (connectors, mut barred): (Vec<_>, Vec<_>) = beat
        .connectors
        .into_iter()
        .partition(|hosted| agent.may_serve(&hosted.connector));
    barred.truncate(MOST_BARRED);
    let beat = Beat {
        at: now,
        version: beat.version,
        uptime_ms: beat.uptime_ms,
        memory_bytes: beat.memory_bytes,
        clock_ahead_ms: beat.clock_ms.saturating_sub(now.as_millisecond()),
        connectors,
        authorities: beat.authorities,
        unroutable: barred.into_iter().map(|hosted| hosted.connector).collect(),
    };
    let (authority, follows) = trust(&link, &agent, &beat.authorities);
    link.directory.heartbeat(agent.id, beat).await?;
    Ok(Json(HeartbeatAnswer {
        server_time_ms: now.as_millisecond(),
        revoked: agent.is_revoked,
        config_generation: link.directory.config_generation().await?,
        renew: follows || agent.certificate.is_due_for_renewal(now),
        authority,
    }))
}

/// The authorities an agent is to trust, if it trusts others, and whether it needs a certificate of a newer one.
fn trust(link: &LinkState, agent: &AgentRecord, told: &[String]) -> (Option<String>, bool) {
    let all = link.authority.all();
    let is_known = |one: &Arc<Authority>| told.contains(&one.fingerprint().to_string());
    let is_same = told.len() == all.len() && all.iter().all(is_known);
    // An agent of before says nothing; it gets the trust along with its certificate.
    let authority = (!told.is_empty() && !is_same).then(|| link.authority.pem());
    let newest = link.authority.issuing().fingerprint();
    let follows = all.len() > 1 && agent.certificate.authority != Some(newest);
    (authority, follows)
}
