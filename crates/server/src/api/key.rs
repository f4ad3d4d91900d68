//! The master key: what it seals, a new one, and the end of the old ones.
//!
//! Never answers with a key. Trap: a backup must not be made meanwhile, or its secrets would be under two keys.

use axum::{Json, extract::State};
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::{MasterKey, SealedSecret};

use super::error::{Answer, ApiError};
use crate::{
    access::{acting_here, actor, present_actor},
    app::App,
    pki::PkiError,
};

/// `GET /key`.
pub async fn show(State(app): State<App>) -> Answer<MasterKey> {
    act(app, |app| shown(app, Vec::new())).await
}

/// `POST /key/rotate`: everything is sealed under a new key; the old one stays to open older backups.
pub async fn rotate(State(app): State<App>) -> Answer<MasterKey> {
    let _turn = turn(&app)?;
    act(app, |app| {
        let id = app.vault().rotate().map_err(|error| told(&error))?;
        audit(app, "rotate master key", &id)?;
        shown(app, Vec::new())
    })
    .await
}

/// `POST /key/retire`: the old keys are taken off.
pub async fn retire(State(app): State<App>) -> Answer<MasterKey> {
    let _turn = turn(&app)?;
    act(app, |app| {
        let gone = app.vault().retire().map_err(|error| told(&error))?;
        audit(app, "retire master keys", &gone.join(", "))?;
        shown(app, gone)
    })
    .await
}

fn turn(app: &App) -> Result<tokio::sync::OwnedMutexGuard<()>, ApiError> {
    app.backups().try_lock_owned().map_err(|_| {
        ApiError::from(
            Refusal::new(Code::Conflict)
                .with("text", "a backup is being made; wait until it is done"),
        )
    })
}

/// Runs what blocks on a thread of its own, as whoever asks.
async fn act(
    app: App,
    work: impl FnOnce(&App) -> Result<MasterKey, Refusal> + Send + 'static,
) -> Answer<MasterKey> {
    let caller = present_actor();
    let done = tokio::task::spawn_blocking(move || acting_here(caller, || work(&app)));
    let done = done
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))?;
    Ok(Json(done?))
}

fn audit(app: &App, act: &str, detail: &str) -> Result<(), Refusal> {
    let noted = app.engine().audit(&actor(), act, detail);
    noted.map_err(|error| error.refusal())
}

fn shown(app: &App, retired: Vec<String>) -> Result<MasterKey, Refusal> {
    let ring = app.vault().ring();
    let mut ids = ring.ids().into_iter();
    let kept = app.vault().kept().map_err(|error| told(&error))?;
    Ok(MasterKey {
        id: ids.next().unwrap_or_default(),
        origin: ring.origin().to_string(),
        older: ids.collect(),
        secrets: kept
            .into_iter()
            .map(|kept| SealedSecret {
                name: kept.name.to_owned(),
                key: kept.key,
            })
            .collect(),
        retired,
    })
}

fn told(error: &PkiError) -> Refusal {
    Refusal::new(error.code()).with("text", error.to_string())
}
