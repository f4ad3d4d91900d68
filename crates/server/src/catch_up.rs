//! Planning and exporting side by side, until nothing is due and nothing is ready.
//!
//! Three stages that overlap: objects, and after them references, are planned while operations are carried out in the
//! target, and those while the outcomes of the ones before are stored. Never plans an object whose operation is ready: its outcome comes first, or what
//! the target is just doing would be superseded and miss in the log. Trap: the next batch is
//! taken from behind those whose outcomes are not stored yet, or they would be carried out twice.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use connectors::Target;
use engine::{JobRow, JobState, MappedReference};
use sync_core::{id::LinkId, operation::Refusal};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinHandle},
};

use crate::{
    agents::blocking,
    app::App,
    exporter::{self, Exported},
    planner::{self, Surroundings},
    scheduler::{add, is_first_read, may_plan, note_progress, surroundings},
};

/// Planned operations that may wait before planning pauses: enough to keep the target busy.
const BACKLOG: usize = 3 * exporter::BATCH;
/// Objects whose references are planned at once, if they have few.
const REFERENCE_BATCH: usize = 2_000;
/// Moved containers gone through before a pause, new rules and the like are looked at again.
const MOVED_CONTAINERS: usize = 1_000;
/// How long to wait for an outcome before looking again.
const OUTCOMES: Duration = Duration::from_millis(200);

// LIMIT: batches whose outcomes are being stored while the next one is carried out.
const STORING: usize = 2;

/// Outcomes on their way into the store.
type Storing = JoinHandle<Result<Exported, Refusal>>;

/// What a catch-up came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// Steps of planning and of exporting that had something to do.
    pub steps: usize,
}

/// What a catch-up may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct May {
    /// Plan what is due.
    pub plan: bool,
    /// Carry out what is ready; otherwise it waits, and is planned anew when its object changes.
    pub export: bool,
}

/// What the two sides know of each other.
#[derive(Default)]
struct Between {
    /// Whether anything is carried out.
    exports: bool,
    /// Operations planned and not reported yet, as far as this catch-up knows.
    waiting: AtomicUsize,
    planning_is_over: AtomicBool,
    exporting_is_over: AtomicBool,
    planned: Notify,
    reported: Notify,
}

/// Plans what is due (if that is allowed) and exports what is ready.
///
/// # Errors
/// Those of planning and of the target; whatever was carried out is stored before they are returned.
pub async fn run(
    app: &App,
    job: &Arc<JobRow>,
    target: &Arc<dyn Target>,
    may: May,
) -> Result<CaughtUp, Refusal> {
    let between = Between {
        exports: may.export,
        ..Between::default()
    };
    let planning = async {
        let planned = match may.plan {
            true => plan_all(app, job, target, &between).await,
            false => Ok(0),
        };
        between.planning_is_over.store(true, Ordering::Release);
        between.planned.notify_one();
        planned
    };
    let exporting = async {
        let exported = match may.export {
            true => export_all(app, job, target, &between).await,
            false => Ok(0),
        };
        between.exporting_is_over.store(true, Ordering::Release);
        between.reported.notify_one();
        exported
    };
    let (planned, exported) = tokio::join!(planning, exporting);
    Ok(CaughtUp {
        steps: planned? + exported?,
    })
}

// LONG: one loop with what it carries from batch to batch.
async fn plan_all(
    app: &App,
    job: &Arc<JobRow>,
    target: &Arc<dyn Target>,
    between: &Between,
) -> Result<usize, Refusal> {
    let (id, source) = (job.id, job.source);
    let bell = app.wake(id);
    let mut known: Option<Arc<Surroundings>> = None;
    let mut steps = 0;
    loop {
        while between.exports
            && between.waiting.load(Ordering::Acquire) > BACKLOG
            && !between.exporting_is_over.load(Ordering::Acquire)
        {
            between.reported.notified().await;
        }
        let is_over = between.exports && between.exporting_is_over.load(Ordering::Acquire);
        if is_over || !is_running(app, job, between.exports).await? {
            return Ok(steps);
        }
        let (source, is_walked) = blocking(app.engine(), move |engine| {
            let mut is_walked = false;
            // Of moved containers one makes nothing due, and the next one does.
            for _ in 0..MOVED_CONTAINERS {
                is_walked = !engine.wake()?;
                if is_walked || engine.has_due(id)? {
                    break;
                }
            }
            Ok((engine.connector(source)?, is_walked))
        })
        .await?;
        if !may_plan(app, &source, id) {
            return Ok(steps);
        }
        let has_due = blocking(app.engine(), move |engine| engine.has_due(id)).await?;
        // A run does not end while moved containers are still gone through.
        if !has_due && !is_walked {
            steps += 1;
            continue;
        }
        if !has_due {
            // References to what a first read has not shown yet would only be put off.
            if is_first_read(app, &source, id) {
                if !between.exports || between.waiting.load(Ordering::Acquire) == 0 {
                    return Ok(steps);
                }
                // Not over while something is carried out: what is read meanwhile is planned beside it.
                tokio::select! {
                    () = bell.notified() => {}
                    () = between.reported.notified() => {}
                    () = tokio::time::sleep(OUTCOMES) => {}
                }
                continue;
            }
            let has_references =
                blocking(app.engine(), move |engine| engine.has_due_references(id)).await?;
            let planned = match has_references {
                true => {
                    let mapped = known_or_asked(app, job, &mut known).await?.references();
                    plan_references(app, job, mapped, between).await?
                }
                false => 0,
            };
            match planned {
                0 if !between.exports || between.waiting.load(Ordering::Acquire) == 0 => {
                    return Ok(steps);
                }
                // The rest of a large group is planned when the part before has been carried out.
                0 => drop(tokio::time::timeout(OUTCOMES, between.reported.notified()).await),
                _ => steps += 1,
            }
            continue;
        }
        let surroundings = known_or_asked(app, job, &mut known).await?;
        let step = planner::step(app.engine(), job, &surroundings, target, |ready| {
            between.waiting.fetch_add(ready, Ordering::AcqRel);
            between.planned.notify_one();
        })
        .await?;
        if step.planned == 0 && !between.exports {
            return Ok(steps);
        }
        if step.planned == 0 {
            // All that is due waits for outcomes. They come, or exporting ends.
            between.planned.notify_one();
            let _ = tokio::time::timeout(OUTCOMES, between.reported.notified()).await;
            continue;
        }
        steps += 1;
        note_progress(app, job, "planning", |activity| {
            activity.planned += step.planned as u64;
            add(&mut activity.counts, &step.counts);
        })
        .await;
    }
}

/// What a catch-up plans with; asked for once.
async fn known_or_asked(
    app: &App,
    job: &JobRow,
    known: &mut Option<Arc<Surroundings>>,
) -> Result<Arc<Surroundings>, Refusal> {
    match known {
        Some(known) => Ok(Arc::clone(known)),
        None => Ok(Arc::clone(known.insert(surroundings(app, job).await?))),
    }
}

/// Plans a step of references; how many objects were looked at.
async fn plan_references(
    app: &App,
    job: &Arc<JobRow>,
    mapped: Vec<MappedReference>,
    between: &Between,
) -> Result<usize, Refusal> {
    let row = job.clone();
    let work = blocking(app.engine(), move |engine| {
        engine.plan_references(&row, &mapped, REFERENCE_BATCH)
    })
    .await?;
    if work.links > 0 {
        between.waiting.fetch_add(work.operations, Ordering::AcqRel);
        between.planned.notify_one();
        note_progress(app, job, "references", |_| {}).await;
    }
    Ok(work.links)
}

// LONG: one loop with what it carries from batch to batch.
async fn export_all(
    app: &App,
    job: &Arc<JobRow>,
    target: &Arc<dyn Target>,
    between: &Between,
) -> Result<usize, Refusal> {
    let mut after: Option<LinkId> = None;
    let mut storing: VecDeque<Storing> = VecDeque::new();
    let mut steps = 0;
    loop {
        let is_running = is_running(app, job, true).await?;
        let over = between.planning_is_over.load(Ordering::Acquire);
        let carried = match is_running {
            true => exporter::carry_out(app.engine(), job, target, after, exporter::BATCH).await,
            false => Ok(None),
        };
        // Whatever came of this batch, those before it are stored.
        let (carried, most) = match carried {
            Ok(Some(carried)) => (Some(carried), STORING - 1),
            Ok(None) if is_running && !over => (None, STORING),
            Ok(None) => (None, 0),
            Err(why) => {
                all_stored(app, job, between, &mut storing, 0).await?;
                return Err(why);
            }
        };
        steps += all_stored(app, job, between, &mut storing, most).await?;
        match carried {
            Some(carried) => {
                after = Some(carried.last);
                let (engine, job) = (app.engine().clone(), job.clone());
                storing.push_back(tokio::spawn(async move {
                    exporter::store(&engine, &job, carried).await
                }));
            }
            None if !storing.is_empty() => {
                // More may be planned behind what is being stored; the front is looked at again when all of it is stored.
                if let Some(oldest) = storing.front_mut() {
                    tokio::select! {
                        () = between.planned.notified() => continue,
                        stored = oldest => {
                            storing.pop_front();
                            steps += 1;
                            let noted = stored_one(app, job, between, stored).await;
                            if noted.is_err() {
                                all_stored(app, job, between, &mut storing, 0).await?;
                            }
                            noted?;
                        }
                    }
                }
                if storing.is_empty() {
                    after = None;
                }
            }
            None if after.is_some() => after = None,
            None if over || !is_running => return Ok(steps),
            None => {
                // Nothing is ready, whatever was counted: an operation may have been replaced before it was carried out.
                between.waiting.store(0, Ordering::Release);
                between.reported.notify_one();
                between.planned.notified().await;
            }
        }
    }
}

/// Waits until at most so many batches are still being stored; how many were. If one of them fails, the others are waited for
/// all the same, or their operations would be carried out again while they are stored.
async fn all_stored(
    app: &App,
    job: &JobRow,
    between: &Between,
    storing: &mut VecDeque<Storing>,
    most: usize,
) -> Result<usize, Refusal> {
    let (mut steps, mut failed) = (0, None);
    while storing.len() > most || (failed.is_some() && !storing.is_empty()) {
        let Some(oldest) = storing.pop_front() else {
            break;
        };
        steps += 1;
        if let Err(why) = stored_one(app, job, between, oldest.await).await {
            failed.get_or_insert(why);
        }
    }
    failed.map_or(Ok(steps), Err)
}

async fn stored_one(
    app: &App,
    job: &JobRow,
    between: &Between,
    stored: Result<Result<Exported, Refusal>, JoinError>,
) -> Result<(), Refusal> {
    let exported = stored.map_err(|_| {
        Refusal::new(sync_core::code::Code::InternalFault).with("text", "a store task ended")
    })??;
    let rest = |waiting: usize| Some(waiting.saturating_sub(exported.reported));
    let _ = between
        .waiting
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, rest);
    between.reported.notify_one();
    note_progress(app, job, "exporting", |activity| {
        activity.exported += exported.reported as u64;
        add(&mut activity.counts, &exported.counts);
    })
    .await;
    Ok(())
}

/// Whether the job still runs as it did: a pause, staging, other rules and other settings take effect between two batches.
async fn is_running(app: &App, job: &JobRow, exports: bool) -> Result<bool, Refusal> {
    let id = job.id;
    let (now, is_staged) = blocking(app.engine(), move |engine| {
        Ok((engine.job(id)?, engine.is_staged(id)?))
    })
    .await?;
    Ok(is_staged != exports
        && now.state == JobState::Active
        && now.rules_version == job.rules_version
        && now.settings == job.settings)
}
