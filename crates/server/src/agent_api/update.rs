//! `POST /agent/v1/update/…`: the updater beside an agent asks what is offered, for its turn, and whether the agent is heard.
//!
//! Trap: the updater is another process than the agent with the same certificate, so nothing here counts as the agent's sign of life.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRef, State},
    http::StatusCode,
    routing::post,
};
use engine::{Engine, UpdateNote};
use jiff::{Timestamp, tz::TimeZone};
use sync_core::{
    code::Code,
    operation::Refusal,
    update::{DAY_MINUTES, Policy, wished},
};
use wire::agent::v1::{
    LARGEST_CONTROL_BYTES,
    update::{
        Heard, ManifestAnswer, ManifestRequest, PartRequest, Turn, TurnRequest, UpdateReport,
    },
};

use super::{LinkState, Problem, body::Control};
use crate::{agents::blocking, caller::AgentCaller, updates::Releases};

/// How long a turn lasts unless it is asked for again.
const TURN_MS: i64 = 15 * 60_000;
// LIMIT: characters of what an updater says.
const LONGEST_WORD: usize = 64;
const LONGEST_TEXT: usize = 2_000;

/// What these handlers need.
#[derive(Clone)]
pub struct UpdateState {
    /// Who calls, and whether it is connected.
    pub link: LinkState,
    /// What is remembered.
    pub engine: Engine,
    /// What is offered.
    pub releases: Arc<Releases>,
}

impl FromRef<UpdateState> for LinkState {
    fn from_ref(state: &UpdateState) -> Self {
        state.link.clone()
    }
}

/// The routes.
pub fn update_router(state: UpdateState) -> Router {
    Router::new()
        .route("/agent/v1/update/report", post(report))
        .route("/agent/v1/update/manifest", post(manifest))
        .route("/agent/v1/update/part", post(part))
        .route("/agent/v1/update/turn", post(turn))
        .layer(DefaultBodyLimit::max(LARGEST_CONTROL_BYTES))
        .with_state(state)
}

async fn report(
    AgentCaller(agent): AgentCaller,
    State(state): State<UpdateState>,
    Control(told): Control<UpdateReport>,
) -> Result<Json<Heard>, Problem> {
    let cut = |text: String, most| text.chars().take(most).collect::<String>();
    let note = UpdateNote {
        updater: cut(told.updater, LONGEST_WORD),
        program: cut(told.program, LONGEST_WORD),
        phase: cut(told.phase, LONGEST_WORD),
        version: cut(told.version, LONGEST_WORD),
        code: cut(told.code, LONGEST_WORD),
        text: cut(told.text, LONGEST_TEXT),
    };
    let is_connected = state.link.desk.is_connected(agent.id);
    let heard = blocking(&state.engine, move |engine| {
        engine.note_update(agent.id, &note)?;
        let row = engine.agents()?.into_iter().find(|row| row.id == agent.id);
        let Some((at, facts)) = row.and_then(|row| Some((row.last_seen?, row.facts))) else {
            return Ok(Heard::default());
        };
        let version = facts.get("version").and_then(|version| version.as_str());
        let uptime = facts.get("uptimeMs").and_then(|uptime| uptime.as_u64());
        Ok(Heard {
            version: version.unwrap_or_default().to_owned(),
            age_ms: u64::try_from(engine.now().saturating_sub(at)).unwrap_or(0),
            uptime_ms: uptime.unwrap_or(0),
            is_connected,
        })
    });
    Ok(Json(heard.await?))
}

async fn manifest(
    _: AgentCaller,
    State(state): State<UpdateState>,
    Control(asked): Control<ManifestRequest>,
) -> Result<Json<ManifestAnswer>, Problem> {
    let releases = Arc::clone(&state.releases);
    let manifest = read(move || releases.manifest(&asked.channel)).await?;
    Ok(Json(ManifestAnswer { manifest }))
}

async fn part(
    _: AgentCaller,
    State(state): State<UpdateState>,
    Control(asked): Control<PartRequest>,
) -> Result<Vec<u8>, Problem> {
    let releases = Arc::clone(&state.releases);
    let part = read(move || releases.part(&asked.channel, &asked.file, asked.offset)).await?;
    part.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            Code::NotFound,
            "the release holds no such file",
            "put the whole release into the server's folder of updates",
        )
    })
}

async fn read<T: Send + 'static>(
    act: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let fault =
        |text: String| Problem::from(Refusal::new(Code::StoreUnwritable).with("text", text));
    tokio::task::spawn_blocking(act)
        .await
        .map_err(|error| fault(error.to_string()))?
        .map_err(|error| fault(format!("a release cannot be read: {error}")))
}

async fn turn(
    AgentCaller(agent): AgentCaller,
    State(state): State<UpdateState>,
    Control(asked): Control<TurnRequest>,
) -> Result<Json<Turn>, Problem> {
    let taken = blocking(&state.engine, move |engine| {
        let policy = engine.update_policy()?;
        let now = engine.now();
        if let Err(wait) = wished(&policy, &asked.version, now, minute(&policy, now)) {
            return Ok(Err(wait));
        }
        engine.take_update_turn(agent.id, &asked.version, TURN_MS)
    })
    .await?;
    Ok(Json(match taken {
        Ok(()) => Turn {
            is_granted: true,
            for_ms: TURN_MS.unsigned_abs(),
            why: String::new(),
        },
        Err(wait) => Turn {
            why: wait.to_string(),
            ..Turn::default()
        },
    }))
}

/// The minute of the day in the zone of the policy; a zone this machine does not know counts as UTC.
fn minute(policy: &Policy, now: i64) -> u16 {
    let zone = TimeZone::get(&policy.zone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let clock = at.to_zoned(zone).time();
    let minutes = i32::from(clock.hour()) * 60 + i32::from(clock.minute());
    u16::try_from(minutes).unwrap_or(0) % DAY_MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_in_its_own_zone() {
        let at: Timestamp = "2026-07-01T21:30:00Z".parse().unwrap();
        let of = |zone: &str| {
            let policy = Policy {
                zone: zone.into(),
                ..Policy::default()
            };
            minute(&policy, at.as_millisecond())
        };
        assert_eq!(of("UTC"), 21 * 60 + 30);
        assert_eq!(of("Europe/Amsterdam"), 23 * 60 + 30);
        assert_eq!(of("Nowhere/Nothing"), 21 * 60 + 30);
    }
}
