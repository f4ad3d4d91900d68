//! The guard: how the tenant is protected, and where the budgets stand.

use axum::{Json, extract::State};
use engine::Engine;
use sync_core::guard::{Prevention, PreventionKind};
use wire::api::v1::{Budget, Guard, JobBudget, Prevention as Shown};

use super::{
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{access::actor, agents::blocking, app::App};

/// `GET /guard`.
pub async fn show(State(app): State<App>) -> Answer<Guard> {
    let guard = blocking(app.engine(), |engine| {
        let mut jobs = Vec::new();
        for job in engine.jobs()? {
            let (own, tenant) = engine.guard_budgets(&job)?;
            jobs.push(JobBudget {
                job: job.name.clone(),
                own: budget(&own),
                tenant: budget(&tenant),
                alarm: job.guard.as_ref().map(Into::into),
            });
        }
        Ok(Guard {
            prevention: shown(&engine.deletion_prevention()?),
            jobs,
        })
    })
    .await?;
    Ok(Json(guard))
}

fn budget(budget: &engine::Budget) -> Budget {
    Budget {
        threshold: budget.threshold,
        carried_out: budget.losses.done,
        waiting: budget.losses.waiting,
        linked: budget.losses.linked,
        memberships_removed: budget.losses.memberships_done,
        memberships_waiting: budget.losses.memberships_waiting,
    }
}

pub(crate) fn shown(prevention: &Prevention) -> Shown {
    Shown {
        synchronization_prevention_type: Some(prevention.kind.name().into()),
        alert_threshold: Some(prevention.threshold),
    }
}

/// `PATCH /guard`: changes how the tenant is protected.
pub async fn change(State(app): State<App>, Body(change): Body<Shown>) -> Answer<Guard> {
    set(&app, change).await?;
    show(State(app)).await
}

/// Changes how the tenant is protected.
///
/// # Errors
/// `RequestInvalid` if it is no kind of protection, or no threshold.
pub async fn set(app: &App, change: Shown) -> Result<(), ApiError> {
    let now = blocking(app.engine(), Engine::deletion_prevention).await?;
    let whole = Shown {
        synchronization_prevention_type: change
            .synchronization_prevention_type
            .or_else(|| Some(now.kind.name().into())),
        alert_threshold: change.alert_threshold.or(Some(now.threshold)),
    };
    let prevention = prevention_of(&whole)?;
    blocking(app.engine(), move |engine| {
        engine.set_deletion_prevention(&prevention, &actor())
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// The protection these words mean; what is left out is as usual.
///
/// # Errors
/// In words, what is wrong with it.
pub(crate) fn prevention_of(told: &Shown) -> Result<Prevention, ApiError> {
    let usual = Prevention::default();
    let prevention = Prevention {
        kind: match told.synchronization_prevention_type.as_deref() {
            None => usual.kind,
            Some("disabled") => PreventionKind::Disabled,
            Some("enabledForCount") => PreventionKind::EnabledForCount,
            Some("enabledForPercentage") => PreventionKind::EnabledForPercentage,
            Some(other) => {
                return Err(ApiError::invalid(format!(
                    "{other} is not a kind of protection; known: disabled, enabledForCount, enabledForPercentage"
                )));
            }
        },
        threshold: told.alert_threshold.unwrap_or(usual.threshold),
    };
    let is_valid = match prevention.kind {
        PreventionKind::Disabled => true,
        PreventionKind::EnabledForCount => prevention.threshold > 0,
        PreventionKind::EnabledForPercentage => (1..=100).contains(&prevention.threshold),
    };
    match is_valid {
        true => Ok(prevention),
        false => Err(ApiError::invalid(
            "the threshold is a count of at least 1, or 1 to 100 percent",
        )),
    }
}
