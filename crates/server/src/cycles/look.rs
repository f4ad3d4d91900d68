//! Looks at the ends of jobs in quarantine: whether what could not be used can be used again.
//!
//! A look is a question (connect, sign in, say who you are), never a read or a write, and hope is all that comes of it: the
//! job is tried. It locks nobody's account, because an agent answers for a credential that was refused from memory, until
//! its own pause is over or the credential is another one. Trap: how the looks went is not stored; a server that was started
//! anew begins with the first one.

use std::{collections::BTreeMap, future::Future, sync::PoisonError, time::Duration};

use engine::{ConnectorRow, JobRow};
use sync_core::{
    cycle::{Side, quarantine::Looks},
    id::ConnectorId,
    operation::Refusal,
};

use super::is_hopeful;
use crate::{agents::blocking, app::App, desk::Call, scheduler::CALL_TIMEOUT};

/// How long whoever was given hope may take to begin.
const AT_ONCE: Duration = Duration::from_millis(10);
/// Least time between two looks, whoever asks for one.
const LEAST: Duration = Duration::from_secs(5);

/// The ends that are looked at.
pub type Watched = BTreeMap<ConnectorId, Watch>;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    looks: Looks,
    /// When the last look (or the watch) began, unix ms.
    since: i64,
    /// Somebody came who may know more: the next look is early.
    is_hastened: bool,
}

impl Watch {
    fn next(&self) -> i64 {
        let least = i64::try_from(LEAST.as_millis()).unwrap_or(i64::MAX);
        let pause = match self.is_hastened {
            true => least,
            false => self.looks.pause_ms(),
        };
        self.since.saturating_add(pause)
    }
}

/// Looks at a source for these jobs, if it is time. Says how long to wait.
pub(super) async fn at_source(app: &App, source: &ConnectorRow, jobs: Vec<JobRow>) -> Duration {
    let ask = app.desk().call(&source.name, Call::Discover, CALL_TIMEOUT);
    at(app, (source.id, jobs), async { ask.await.map(drop) }).await
}

/// Looks at the target of a job, if it is time. Says how long to wait.
///
/// # Errors
/// Of the store.
pub(super) async fn at_target(app: &App, job: &JobRow) -> Result<Duration, Refusal> {
    let id = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    // A target that cannot even be named (its credential is not there) does not answer either.
    let ask = async { app.target(&row)?.discover().await.map(drop) };
    Ok(at(app, (id, vec![job.clone()]), ask).await)
}

async fn at(
    app: &App,
    (end, jobs): (ConnectorId, Vec<JobRow>),
    ask: impl Future<Output = Result<(), Refusal>>,
) -> Duration {
    let left = left(app, end, &jobs);
    if !left.is_zero() {
        return left;
    }
    let is_answered = ask.await.is_ok();
    let now = app.engine().now();
    with(app, |watched| {
        if let Some(watch) = watched.get_mut(&end) {
            *watch = Watch {
                looks: watch.looks.and(is_answered),
                since: now,
                is_hastened: false,
            };
        }
    });
    if is_answered {
        is_hopeful(app, jobs).await;
        return AT_ONCE;
    }
    self::left(app, end, &jobs)
}

/// Time to the next look, which is shown with the jobs.
fn left(app: &App, end: ConnectorId, jobs: &[JobRow]) -> Duration {
    let now = app.engine().now();
    let next = with(app, |watched| {
        let begun = Watch {
            looks: Looks::default(),
            since: now,
            is_hastened: false,
        };
        let watch = watched.entry(end).or_insert(begun);
        // A clock that was set back makes nobody wait.
        watch.since = watch.since.min(now);
        watch.next()
    });
    for job in jobs {
        app.note(job.id, |activity| activity.next_look = Some(next));
    }
    Duration::from_millis(u64::try_from(next.saturating_sub(now)).unwrap_or(0))
}

/// It began or ended that an end cannot be used: the looks begin anew.
pub(super) fn forget(app: &App, end: ConnectorId) {
    with(app, |watched| watched.remove(&end));
}

/// Somebody came who may know more, such as an agent with other settings: the next look is early.
pub(crate) fn hasten(app: &App, end: ConnectorId) {
    with(app, |watched| {
        if let Some(watch) = watched.get_mut(&end) {
            watch.is_hastened = true;
        }
    });
}

/// The end of a job at this side.
pub(super) fn end_of(job: &JobRow, side: Side) -> ConnectorId {
    match side {
        Side::Source => job.source,
        Side::Target => job.target,
    }
}

fn with<T>(app: &App, act: impl FnOnce(&mut Watched) -> T) -> T {
    let mut watched = app.watched().lock().unwrap_or_else(PoisonError::into_inner);
    act(&mut watched)
}
