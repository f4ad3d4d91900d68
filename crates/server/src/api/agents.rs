//! Agents and enrolment tokens.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{AgentRow, ConnectorRow, Engine};
use sync_core::{code::Code, operation::Refusal};
use wire::{
    agent::v1::{Check, CheckState, Examination},
    api::v1::{Agent, Assignment, EnrolmentToken, NewToken, Page},
};

use super::{
    convert::{time, time_option},
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{access::actor, agents::blocking, app::App, domain, pki::new_token};

/// Life of a token unless told otherwise, in seconds.
const TOKEN_SECONDS: u64 = 3_600;
/// Longest life of a token, in seconds.
const LONGEST_TOKEN_SECONDS: u64 = 7 * 86_400;

/// `POST /enrolment-tokens`: makes a token; this answer is the only place where it can be seen.
pub async fn create_token(
    State(app): State<App>,
    Body(new): Body<NewToken>,
) -> Answer<EnrolmentToken> {
    let seconds = if new.lifetime_seconds == 0 {
        TOKEN_SECONDS
    } else {
        new.lifetime_seconds
    };
    if seconds > LONGEST_TOKEN_SECONDS {
        return Err(ApiError::invalid(format!(
            "a token lives at most {LONGEST_TOKEN_SECONDS} seconds"
        )));
    }
    let (token, print) = new_token()
        .map_err(|error| ApiError::from(crate::app::StartError::from(refusal(&error))))?;
    let expires = app
        .engine()
        .now()
        .saturating_add(i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000));
    let mut connectors = new.connectors;
    let known = blocking(app.engine(), Engine::connectors).await?;
    for name in &connectors {
        if known.iter().all(|row| row.name != *name) {
            return Err(ApiError::not_found("connector", name));
        }
    }
    for name in &new.domains {
        let before = connectors.len();
        let of_domain =
            |row: &&ConnectorRow| domain::of(row).is_some_and(|own| own.eq_ignore_ascii_case(name));
        connectors.extend(known.iter().filter(of_domain).map(|row| row.name.clone()));
        // A token for a domain nobody reads would be one for any, or for none.
        if connectors.len() == before {
            let cure = format!(
                "say which connector reads it: hybridge connector set NAME --domain {name} (hybridge connector list names them)"
            );
            let why = Refusal::new(Code::NotFound)
                .with("what", "connector of the domain")
                .with("name", name)
                .with("cure", cure);
            return Err(ApiError(why));
        }
    }
    connectors.sort();
    connectors.dedup();
    blocking(app.engine(), move |engine| {
        engine.add_enrolment_token(&print.to_string(), &connectors, expires)?;
        let what = match connectors.is_empty() {
            true => time(expires),
            false => format!("{} for {}", time(expires), connectors.join(", ")),
        };
        engine.audit(&actor(), "create enrolment token", &what)
    })
    .await?;
    Ok(Json(EnrolmentToken {
        token,
        expires_at: time(expires),
        server: app.url(),
        authority_fingerprint: app.authority().fingerprint().to_string(),
    }))
}

fn refusal(error: &crate::pki::PkiError) -> sync_core::operation::Refusal {
    sync_core::operation::Refusal::new(error.code()).with("text", error.to_string())
}

/// `GET /agents`: all of them.
pub async fn list(State(app): State<App>) -> Answer<Page<Agent>> {
    let rows = blocking(app.engine(), Engine::agents).await?;
    Ok(Json(Page::whole(
        rows.iter().map(|row| shown(&app, row)).collect(),
    )))
}

/// `POST /agents/{name}/revoke`: from now on it is refused.
pub async fn revoke(State(app): State<App>, Path(name): Path<String>) -> Answer<Agent> {
    let row = found(&app, &name).await?;
    let (id, of) = (row.guid.clone(), row.name.clone());
    blocking(app.engine(), move |engine| {
        match engine.revoke_agent(&id)? {
            true => engine.audit(&actor(), "revoke agent", &of),
            false => Ok(()),
        }
    })
    .await?;
    app.desk().expel(row.id);
    Ok(Json(shown(&app, &found(&app, &row.guid).await?)))
}

/// The agent of this name or id.
pub(super) async fn found(app: &App, name: &str) -> Result<AgentRow, ApiError> {
    chosen(blocking(app.engine(), Engine::agents).await?, name)
}

/// The one that is meant: by its id, or else by its name. Of two of one name that both work none is taken for the other.
fn chosen(mut rows: Vec<AgentRow>, name: &str) -> Result<AgentRow, ApiError> {
    if let Some(at) = rows.iter().position(|row| row.guid == name) {
        return Ok(rows.swap_remove(at));
    }
    rows.retain(|row| row.name == name);
    // A name may have been given again after its first bearer was revoked.
    rows.sort_by_key(|row| row.revoked_at.is_some());
    let at_work = rows.iter().filter(|row| row.revoked_at.is_none());
    let told: Vec<String> = at_work.map(told_apart).collect();
    if told.len() > 1 {
        let text = format!(
            "{} agents are called {name}: {}",
            told.len(),
            told.join("; ")
        );
        let cure = "give the id in place of the name; nothing was done";
        let why = Refusal::new(Code::Conflict).with("text", text);
        return Err(ApiError(why.with("cure", cure)));
    }
    let first = rows.into_iter().next();
    first.ok_or_else(|| ApiError::not_found("agent", name))
}

/// By what an administrator knows which one it is.
fn told_apart(row: &AgentRow) -> String {
    let host = row.facts.get("host").and_then(|host| host.as_str());
    let seen = row.last_seen.map(time);
    format!(
        "{} on {}, last seen {}",
        row.guid,
        host.unwrap_or("an unknown host"),
        seen.as_deref().unwrap_or("never")
    )
}

/// `POST /agents/{name}/drain`: it ends what it has begun and takes nothing new; its doorbells go to others.
pub async fn drain(State(app): State<App>, Path(name): Path<String>) -> Answer<Agent> {
    set_drained(&app, &name, true).await
}

/// `POST /agents/{name}/resume`: it takes work again.
pub async fn resume(State(app): State<App>, Path(name): Path<String>) -> Answer<Agent> {
    set_drained(&app, &name, false).await
}

async fn set_drained(app: &App, name: &str, is_drained: bool) -> Answer<Agent> {
    let row = found(app, name).await?;
    let (id, shown_name) = (row.id, row.name.clone());
    blocking(app.engine(), move |engine| {
        if engine.drain_agent(id, is_drained)? {
            let act = if is_drained {
                "drain agent"
            } else {
                "resume agent"
            };
            engine.audit(&actor(), act, &shown_name)?;
        }
        Ok(())
    })
    .await?;
    if is_drained {
        app.desk().drain(id);
    }
    Ok(Json(shown(app, &found(app, name).await?)))
}

/// `POST /agents/{name}/assign`: which connectors it may serve; what it holds of others goes to somebody else.
pub async fn assign(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(new): Body<Assignment>,
) -> Answer<Agent> {
    let row = found(&app, &name).await?;
    let known = blocking(app.engine(), Engine::connectors).await?;
    for connector in &new.connectors {
        if known.iter().all(|row| row.name != *connector) {
            return Err(ApiError::not_found("connector", connector));
        }
    }
    let (id, connectors, of) = (row.id, new.connectors.clone(), row.name.clone());
    blocking(app.engine(), move |engine| {
        engine.assign_agent(id, &connectors)?;
        let which = match connectors.is_empty() {
            true => "any connector".to_owned(),
            false => connectors.join(", "),
        };
        engine.audit(&actor(), "assign agent", &format!("{of}: {which}"))
    })
    .await?;
    let may_serve = |connector: &str| {
        new.connectors.is_empty() || new.connectors.iter().any(|name| name == connector)
    };
    app.desk().unassign(id, may_serve);
    Ok(Json(shown(&app, &found(&app, &name).await?)))
}

/// `DELETE /agents/{name}`: it is refused from now on, and listed no longer.
pub async fn remove(State(app): State<App>, Path(name): Path<String>) -> Answer<Agent> {
    let row = found(&app, &name).await?;
    let (id, of) = (row.id, row.name.clone());
    blocking(app.engine(), move |engine| {
        engine.remove_agent(id)?;
        engine.audit(&actor(), "remove agent", &of)
    })
    .await?;
    app.desk().expel(id);
    Ok(Json(Agent {
        state: "revoked".into(),
        ..shown(&app, &row)
    }))
}

/// `POST /agents/{name}/doctor`: what the server knows of an agent, and what the agent finds when it examines itself.
pub async fn doctor(State(app): State<App>, Path(name): Path<String>) -> Answer<Examination> {
    let row = found(&app, &name).await?;
    let agent = shown(&app, &row);
    let mut checks = vec![known(&agent)];
    if app.desk().is_shared(row.id) {
        checks.push(shared(&agent.name));
    }
    if let Some(clock) = clock(&agent) {
        checks.push(clock);
    }
    if app.desk().is_connected(row.id) {
        match app.desk().examine(row.id, DOCTOR_TIMEOUT).await {
            Ok(report) => {
                let found: Examination = serde_json::from_str(&report).unwrap_or_default();
                checks.extend(found.checks);
            }
            Err(refusal) => checks.push(Check {
                id: "examination".into(),
                state: CheckState::Failed,
                code: Some(refusal.code.name().into()),
                cause: Some("no-answer".into()),
                text: refusal.to_string(),
                cure: Some(ON_THE_MACHINE.into()),
                ..Check::default()
            }),
        }
    }
    let now = time(app.engine().now());
    Ok(Json(Examination::new(
        now,
        env!("CARGO_PKG_VERSION"),
        checks,
    )))
}

const DOCTOR_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(120);
const ON_THE_MACHINE: &str = "hybridge-agent doctor, on the agent's machine";
const CLOCK_NOTED_MS: i64 = 30_000;

/// What the server knows of the agent by itself.
fn known(agent: &Agent) -> Check {
    let last = agent.last_seen_at.as_deref().unwrap_or("never");
    let (state, code, cause, cure) = match agent.state.as_str() {
        "connected" => (CheckState::Ok, None, None, None),
        "drained" => (
            CheckState::Warning,
            Some(Code::HybridIdentityServiceNoActiveAgents),
            Some("drained"),
            Some("hybridge agent resume NAME, if it is to take work again"),
        ),
        "revoked" => (
            CheckState::Failed,
            Some(Code::AgentCertificateRefused),
            Some("revoked"),
            Some("hybridge agent token, then hybridge-agent enrol on the agent's machine"),
        ),
        "expired" => (
            CheckState::Failed,
            Some(Code::AgentCertificateRefused),
            Some("expired"),
            Some("hybridge agent token, then hybridge-agent enrol on the agent's machine"),
        ),
        _ => (
            CheckState::Failed,
            Some(Code::HybridIdentityServiceNoActiveAgents),
            Some("silent"),
            Some(ON_THE_MACHINE),
        ),
    };
    Check {
        id: "registered".into(),
        state,
        code: code.map(|code| code.name().into()),
        cause: cause.map(Into::into),
        text: format!("agent {} is {}; last heard {last}", agent.name, agent.state),
        cure: cure.map(Into::into),
        ..Check::default()
    }
}

/// Two processes use one identity.
fn shared(name: &str) -> Check {
    Check {
        id: "identity".into(),
        state: CheckState::Warning,
        code: Some(Code::AgentSuperseded.name().into()),
        cause: Some("two-places".into()),
        text: format!(
            "two processes have used the identity of agent {name} at once within the last hour"
        ),
        cure: Some(format!(
            "stop one of the two; if you know of one only, its key was copied: hybridge agent revoke {name}, then enrol anew"
        )),
        ..Check::default()
    }
}

/// What its last heartbeat said about its clock.
fn clock(agent: &Agent) -> Option<Check> {
    let ahead = agent.facts.get("clockAheadMs")?.as_i64()?;
    if ahead.abs() <= CLOCK_NOTED_MS {
        return None;
    }
    Some(Check {
        id: "heartbeat-clock".into(),
        state: CheckState::Warning,
        code: Some(Code::SourceClockDiffers.name().into()),
        cause: Some("clock".into()),
        text: format!(
            "the agent's clock differs from the server's by {} s",
            ahead.abs() / 1_000
        ),
        cure: Some("set the clock of the agent's machine".into()),
        ..Check::default()
    })
}

fn shown(app: &App, row: &AgentRow) -> Agent {
    let now = app.engine().now();
    let state = if row.revoked_at.is_some() {
        "revoked"
    } else if row.certificate.not_after <= now {
        "expired"
    } else if app.desk().is_connected(row.id) && row.drained_at.is_some() {
        "drained"
    } else if app.desk().is_connected(row.id) {
        "connected"
    } else {
        "silent"
    };
    Agent {
        id: row.guid.clone(),
        name: row.name.clone(),
        state: state.into(),
        last_seen_at: time_option(row.last_seen),
        enrolled_at: time(row.enrolled_at),
        certificate_expires_at: time(row.certificate.not_after),
        revoked_at: time_option(row.revoked_at),
        drained_at: time_option(row.drained_at),
        assigned: row.granted.clone(),
        is_shared: app.desk().is_shared(row.id),
        facts: row.facts.clone(),
    }
}
