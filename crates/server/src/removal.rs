//! Removing a job: its objects are kept, released, disabled or deleted, and then it is forgotten.
//!
//! Nobody decides for the administrator: what becomes of the objects has to be said, with the number that was seen if anybody
//! loses something. It goes on after a restart, and what is refused is tried again. Trap: everything is written under the job's
//! fence; a server that is not active for the job can only forget it.

use std::time::Duration;

use directory::{
    Attributes, DeleteScope, Fence, Kind, Operation, Outcome, Refusal as Refused, Value,
};
use engine::{Action, JobRow, LinkRow, RemovalMode, RemovalRow, RemovedObject};
use sync_core::{
    code::Code,
    id::LinkId,
    operation::Refusal,
    plan::Situation,
    value::{Name, Value as Shown, Values},
};
use tracing::info;
use uuid::Uuid;

use crate::{
    agents::blocking,
    app::App,
    staging::{self, Exports},
};

/// Objects done at once.
const BATCH: usize = 500;
/// Time until what was refused is tried again.
const AGAIN: Duration = Duration::from_secs(60);

const SYNC_ENABLED: &str = "onPremisesSyncEnabled";
const ACCOUNT_ENABLED: &str = "accountEnabled";

/// How a step of a removal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removing {
    /// There is more to do.
    GoesOn,
    /// Something was refused; later again.
    Waits(Duration),
    /// The job is gone.
    Done,
}

/// One step of a removal.
///
/// # Errors
/// Those of store and target; then it is begun again where it was.
pub async fn step(app: &App, job: &JobRow, removal: &RemovalRow) -> Result<Removing, Refusal> {
    if removal.mode != RemovalMode::Keep {
        let fence = match staging::exports(app, job).await? {
            Exports::With(fence) => fence,
            Exports::Nothing => return Err(staged(job)),
        };
        let failed = all(app, job, removal.mode, &fence).await?;
        let (id, count, why) = (job.id, failed.0, failed.1);
        blocking(app.engine(), move |engine| {
            engine.removal_failed(id, count, why.as_ref())
        })
        .await?;
        if count > 0 {
            return Ok(Removing::Waits(AGAIN));
        }
    }
    // Whoever goes on with the objects must be able to take the job.
    if let Some(fence) = app.fence(job.id) {
        staging::plain_target(app, job)
            .await?
            .give_up(fence)
            .await?;
        app.hold_fence(job.id, None);
    }
    let (row, state) = (job.clone(), removal.clone());
    let is_gone = blocking(app.engine(), move |engine| engine.forget_job(&row, &state)).await?;
    if is_gone {
        info!(job = %job.name, "the job is removed");
        app.jobs_changed();
        return Ok(Removing::Done);
    }
    Ok(Removing::GoesOn)
}

/// Why the objects of a job in staging are left alone.
pub fn staged(job: &JobRow) -> Refusal {
    Refusal::new(Code::Conflict).with("job", &job.name).with(
        "text",
        "the job is in staging, so this server may not touch its objects: remove it with --objects keep, or promote it first",
    )
}

/// Goes once through all linked objects. How many were refused, and why one of them was.
async fn all(
    app: &App,
    job: &JobRow,
    mode: RemovalMode,
    fence: &Fence,
) -> Result<(i64, Option<Refusal>), Refusal> {
    let (mut after, mut failed, mut why) = (None, 0, None);
    loop {
        let id = job.id;
        let rows = blocking(app.engine(), move |engine| {
            engine.links(id, Some(Situation::Linked), after, BATCH)
        })
        .await?;
        let Some(last) = rows.last() else {
            return Ok((failed, why));
        };
        after = Some(last.link);
        let done = batch(app, rows, mode, fence.clone()).await?;
        for object in done.iter().filter(|one| one.failure.is_some()) {
            failed += 1;
            why = object.failure.clone();
        }
        let row = job.clone();
        blocking(app.engine(), move |engine| engine.note_removed(&row, &done)).await?;
    }
}

async fn batch(
    app: &App,
    rows: Vec<LinkRow>,
    mode: RemovalMode,
    fence: Fence,
) -> Result<Vec<RemovedObject>, Refusal> {
    let directory = app.directory().clone();
    let done = tokio::task::spawn_blocking(move || {
        let known: Vec<(LinkRow, Option<Uuid>)> = rows
            .into_iter()
            .map(|row| {
                let id = row
                    .target
                    .as_deref()
                    .and_then(|id| Uuid::try_parse(id).ok());
                (row, id)
            })
            .collect();
        let operations = known
            .iter()
            .filter_map(|(row, id)| Some(operation(row, (*id)?, mode)))
            .collect();
        let writer = directory.administrator().writer();
        let mut outcomes = directory
            .apply_fenced(&writer, &fence, operations)?
            .into_iter();
        let told = known.into_iter().map(|(row, id)| {
            let outcome = id.and_then(|_| outcomes.next());
            became(&row, mode, outcome)
        });
        Ok(told.collect())
    });
    done.await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a directory thread ended"))?
        .map_err(|fault: directory::Fault| match fault {
            directory::Fault::Fenced {
                name,
                holder_name,
                generation,
            } => Refusal::new(Code::FencedOff)
                .with("job", name)
                .with("server", holder_name)
                .with("generation", generation.to_string()),
            fault => crate::stores::fault_of(app.directory().path(), &fault),
        })
}

fn is_user(row: &LinkRow) -> bool {
    row.class
        .as_deref()
        .is_some_and(|class| class.eq_ignore_ascii_case(Kind::User.as_str()))
}

fn operation(row: &LinkRow, id: Uuid, mode: RemovalMode) -> Operation {
    if mode == RemovalMode::Delete {
        return Operation::Delete {
            id,
            expected_version: None,
            scope: DeleteScope::SynchronisedOnly,
        };
    }
    let mut set = Attributes::new();
    set.insert(SYNC_ENABLED.to_owned(), Value::Bool(false));
    if mode == RemovalMode::Disable && is_user(row) {
        set.insert(ACCOUNT_ENABLED.to_owned(), Value::Bool(false));
    }
    Operation::Update {
        id,
        expected_version: None,
        set,
        references: Vec::new(),
    }
}

/// What became of an object. One that is gone, or was released already, is done with.
fn became(row: &LinkRow, mode: RemovalMode, outcome: Option<Outcome>) -> RemovedObject {
    let failure = match outcome {
        Some(Outcome::Refused(
            Refused::NotFound { .. } | Refused::DeletionAccessViolation { .. },
        )) => None,
        Some(Outcome::Refused(why)) => Some(connectors::directory::refusal_of(&why)),
        Some(Outcome::Done { .. }) | None => None,
    };
    let disables = mode == RemovalMode::Disable && is_user(row);
    let (action, names): (Action, &[&str]) = match mode {
        RemovalMode::Delete => (Action::Delete, &[]),
        _ if disables => (Action::Disable, &[SYNC_ENABLED, ACCOUNT_ENABLED]),
        _ => (Action::Update, &[SYNC_ENABLED]),
    };
    let truth = |value: bool| -> Values { std::iter::once(Shown::Boolean(value)).collect() };
    let change = |name: &&str| (Name::from(*name), truth(true), truth(false));
    RemovedObject {
        link: LinkId(row.link.0),
        name: row
            .exported
            .text("displayName")
            .unwrap_or_default()
            .to_owned(),
        target: row.target.clone(),
        action,
        changes: names.iter().map(change).collect(),
        failure,
    }
}
