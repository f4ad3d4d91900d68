//! The tenant's authorities: who they are, a new one, the end of the old one.

use axum::{Json, extract::State};
use sync_core::operation::Refusal;
use wire::api::v1::{AgentBehind, Authorities, Retirement, TrustedAuthority};

use super::{convert::time_option, error::Answer, extract::Body};
use crate::{
    access::actor,
    agents::{blocking, placed},
    app::App,
    rollover,
};

/// `GET /authority`.
pub async fn show(State(app): State<App>) -> Answer<Authorities> {
    answer(app, |_, _| Ok(())).await
}

/// `POST /authority/roll`.
pub async fn roll(State(app): State<App>) -> Answer<Authorities> {
    answer(app, rollover::roll).await
}

/// `POST /authority/retire`.
pub async fn retire(
    State(app): State<App>,
    Body(retirement): Body<Retirement>,
) -> Answer<Authorities> {
    answer(app, move |app, actor| {
        rollover::retire(app, retirement.cut_off, actor).map(drop)
    })
    .await
}

/// Does something and shows how it stands afterwards.
async fn answer(
    app: App,
    act: impl FnOnce(&App, &str) -> Result<(), Refusal> + Send + 'static,
) -> Answer<Authorities> {
    let own = app.clone();
    let done = blocking(app.engine(), move |_| {
        Ok(act(&own, &actor()).and_then(|()| shown(&own)))
    });
    Ok(Json(done.await??))
}

fn shown(app: &App) -> Result<Authorities, Refusal> {
    let known = app.authority();
    let (presents, issues) = (known.fingerprint(), known.issuing().fingerprint());
    let authorities = known.all().into_iter().map(|one| {
        let (from, until) = one.life();
        TrustedAuthority {
            number: one.number(),
            fingerprint: one.fingerprint().to_string(),
            not_before: from.to_string(),
            not_after: until.to_string(),
            presents: one.fingerprint() == presents,
            issues: one.fingerprint() == issues,
        }
    });
    let behind = rollover::behind(app).map_err(|error| placed(app.engine(), &error))?;
    Ok(Authorities {
        authorities: authorities.collect(),
        pem: known.pem(),
        behind: behind
            .into_iter()
            .map(|one| AgentBehind {
                name: one.name,
                last_seen_at: time_option(one.last_seen),
            })
            .collect(),
        leaves_at: rollover::leaves_at(app).map(|at| at.to_string()),
    })
}
