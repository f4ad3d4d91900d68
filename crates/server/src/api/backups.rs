//! Backups: made while the server runs, and listed. Checking and putting back need no server (`hybridge backup`).
//!
//! Trap: a large database takes longer than a caller waits for an answer, so the answer begins at once and tells progress.

use std::{path::PathBuf, time::Duration};

use axum::{Json, extract::State, response::Response};
use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};
use tokio::{sync::mpsc, time::Instant};
use wire::api::v1::{Backup, BackupEvent, NewBackup, Page};

use super::{
    error::{Answer, ApiError},
    extract::Body,
    verify::lines,
};
use crate::{
    access::actor,
    agents::blocking,
    app::App,
    backup::{self, Found},
};

/// Time between two signs of progress.
const SIGN: Duration = Duration::from_millis(500);

fn folder(app: &App) -> PathBuf {
    let config = app.config();
    let chosen = config.extras.backup_directory.clone();
    chosen.unwrap_or_else(|| config.data_directory.join(backup::FOLDER))
}

/// A backup as shown.
pub fn shown(found: &Found) -> Backup {
    let mut shown = Backup {
        path: found.path.display().to_string(),
        bytes: found.bytes,
        ..Backup::default()
    };
    match &found.manifest {
        Err(why) => shown.problem = Some(why.into()),
        Ok(manifest) => {
            shown.made_at.clone_from(&manifest.made_at);
            shown.version.clone_from(&manifest.version);
            shown.tenant.clone_from(&manifest.tenant);
            shown.sealed_under.clone_from(&manifest.sealed_under);
            let names = manifest.files.iter().map(|file| file.name.clone());
            shown.files = names.collect();
        }
    }
    shown
}

async fn thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))?
}

/// `GET /backups`.
pub async fn list(State(app): State<App>) -> Answer<Page<Backup>> {
    let all = thread(move || backup::list(&folder(&app))).await?;
    Ok(Json(Page::whole(all.iter().map(shown).collect())))
}

/// `POST /backups`: one at a time.
pub async fn create(
    State(app): State<App>,
    Body(new): Body<NewBackup>,
) -> Result<Response, ApiError> {
    if new.keep == Some(0) {
        return Err(ApiError::invalid("at least one backup is kept"));
    }
    let Ok(turn) = app.backups().try_lock_owned() else {
        return Err(Refusal::new(Code::Conflict)
            .with("text", "a backup is being made; wait until it is done")
            .into());
    };
    let (sender, receiver) = mpsc::channel::<BackupEvent>(16);
    let actor = actor();
    tokio::spawn(async move {
        let event = match made(&app, new, &sender, actor.to_string()).await {
            Ok(backup) => BackupEvent::Done(backup),
            Err(why) => BackupEvent::Failed((&why).into()),
        };
        drop(turn);
        let _ = sender.send(event).await;
    });
    lines(receiver)
}

/// Goes on when the caller has gone away: a backup that was asked for is wanted.
async fn made(
    app: &App,
    new: NewBackup,
    sender: &mpsc::Sender<BackupEvent>,
    actor: String,
) -> Result<Backup, Refusal> {
    let (own, sender) = (app.clone(), sender.clone());
    let backup = thread(move || {
        let folder = folder(&own);
        let data = own.config().data_directory.clone();
        let mut told = Instant::now();
        let found = backup::make(
            own.engine(),
            own.directory(),
            &data,
            &folder,
            Timestamp::now(),
            |copied, total| {
                if told.elapsed() > SIGN {
                    told = Instant::now();
                    let _ = sender.try_send(BackupEvent::Progress { copied, total });
                }
            },
        )?;
        let mut backup = shown(&found);
        if let Some(keep) = new.keep {
            let gone = backup::prune(&folder, keep as usize)?;
            backup.removed = gone.iter().map(|path| path.display().to_string()).collect();
        }
        Ok(backup)
    })
    .await?;
    let path = backup.path.clone();
    blocking(app.engine(), move |engine| {
        engine.audit(&actor, "create backup", &path)
    })
    .await?;
    Ok(backup)
}
