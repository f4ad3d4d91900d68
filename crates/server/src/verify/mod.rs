//! The judge: reads the source afresh, reads the whole target, and says whether the target holds what the rules want.
//!
//! It shares nothing with the engine's way to the same result: plain searches instead of deltas, the rules evaluated over
//! what was just read, no stored state. Only afterwards is the engine asked, about single objects, why a difference found
//! is there (on its way, held, failed). Trap: source and target are not read at the same moment, so a difference that
//! nothing explains is looked at again before it is reported.

mod compare;
mod explain;
pub(crate) mod source;
mod target;

use std::{sync::Arc, time::Duration};

use connectors::Target;
use engine::{JobRow, JobState};
use sync_core::{
    code::Code,
    expression::steps::REDACTED,
    id::TargetId,
    operation::{Lookup, Refusal},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use wire::api::v1::{Difference, Explained, Report, VerifyEvent};

use crate::{agents::blocking, app::App, redaction::Hidden, scheduler};

// LIMIT: differences of each kind that are reported in full; all are counted.
const REPORTED: usize = 200;
// LIMIT: differences whose reason is asked for; more are counted as unexplained.
const EXPLAINED: usize = 20_000;
// LIMIT: objects the target is asked for at once.
const LOOKED_UP: usize = 100;
/// Looks at everything at most so often when something is unexplained.
const ROUNDS: usize = 3;
/// How long the job gets to catch up between two looks.
const CATCH_UP: Duration = Duration::from_secs(30);

/// Where progress is told.
pub type Told = mpsc::Sender<VerifyEvent>;

/// Tells how far a phase is. A reader that went away is noticed elsewhere.
pub(super) async fn tell(told: &Told, phase: &str, objects: usize) {
    let phase = phase.to_owned();
    let event = VerifyEvent::Progress {
        phase,
        objects: objects as u64,
    };
    let _ = told.send(event).await;
}

/// A difference as found, before it is explained.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub difference: Difference,
    /// What the rules themselves say against the object.
    pub fault: Option<Refusal>,
    /// Whether it is about references.
    pub is_reference: bool,
}

/// Compares source and target of a job completely.
///
/// # Errors
/// If source or target cannot be read; a report is never made from half of it.
pub async fn run(app: &App, job: &JobRow, told: &Told) -> Result<Report, Refusal> {
    let begun = Instant::now();
    let mut round = 1;
    loop {
        let looked = look(app, job, told).await;
        note_lag(app, job, looked.as_ref().err());
        let mut report = looked?;
        report.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if report.agree || round == ROUNDS || job.state == JobState::Paused || told.is_closed() {
            return Ok(report);
        }
        round += 1;
        tell(told, "catching up", 0).await;
        catch_up(app, job).await?;
    }
}

/// A source that lags behind what was read is shown beside the job, where an administrator says that what there is holds.
fn note_lag(app: &App, job: &JobRow, failure: Option<&Refusal>) {
    let is_lag = |why: &Refusal| why.code == Code::SourceReplicaLags;
    app.note_comparing(job.source, |comparing| match failure {
        Some(why) if is_lag(why) => comparing.failure = Some(why.clone()),
        Some(_) => {}
        None => comparing.failure = comparing.failure.take().filter(|why| !is_lag(why)),
    });
}

/// Has the source read once more, and waits until nothing is due.
async fn catch_up(app: &App, job: &JobRow) -> Result<(), Refusal> {
    let until = Instant::now() + CATCH_UP;
    let (source, id) = (job.source, job.id);
    let asked = app.engine().now();
    app.read_wake(source).notify_one();
    while Instant::now() < until {
        sleep(Duration::from_millis(250)).await;
        let (row, numbers) = blocking(app.engine(), move |engine| {
            Ok((engine.connector(source)?, engine.job_numbers(id, false)?))
        })
        .await?;
        let is_read = row.last_read_at.is_some_and(|at| at > asked);
        let rest = numbers.to_plan + numbers.references_to_plan + numbers.to_export;
        if is_read && rest == 0 {
            break;
        }
    }
    Ok(())
}

/// One complete look.
async fn look(app: &App, job: &JobRow, told: &Told) -> Result<Report, Refusal> {
    let (source_id, target_id) = (job.source, job.target);
    let (source_row, target_row) = blocking(app.engine(), move |engine| {
        Ok((engine.connector(source_id)?, engine.connector(target_id)?))
    })
    .await?;
    let surroundings = scheduler::surroundings(app, job).await?;
    let connector: Arc<dyn Target> = app.target(&target_row)?;
    let mut held = target::read(&connector, told).await?;
    let wanted = source::read(app, (job, &source_row), &surroundings, &mut held, told).await?;
    tell(told, "compare", wanted.objects.len()).await;
    let mut report = Report {
        job: job.name.clone(),
        source_objects: wanted.seen,
        expected_objects: wanted.objects.len() as u64,
        target_objects: held.objects.len() as u64,
        values_compared: wanted.values_compared,
        out_of_scope: wanted.out_of_scope.clone(),
        ..Report::default()
    };
    let (found, overflow, references) = compare::finish(wanted, held);
    report.references_compared = references;
    report.difference_count = overflow;
    sort(app, job, found, &mut report).await?;
    look_up(app, job, &connector, &mut report).await?;
    report.agree = report.difference_count == 0;
    Ok(report)
}

/// What the target holds where reported values differ: the comparison knows digests only.
async fn look_up(
    app: &App,
    job: &JobRow,
    target: &Arc<dyn Target>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let id = job.id;
    let hidden = blocking(app.engine(), move |engine| Ok(Hidden::of_job(engine, id))).await?;
    let explained = report.explained.iter_mut().map(|one| &mut one.difference);
    let all = report.differences.iter_mut().chain(explained);
    let mut open: Vec<&mut Difference> = all
        .filter(|one| !one.target.is_empty() && !one.attribute.is_empty() && one.found.is_empty())
        .collect();
    for part in open.chunks_mut(LOOKED_UP) {
        let ask = |one: &&mut Difference| Lookup::Id(TargetId::from(one.target.as_str()));
        let asked: Vec<Lookup> = part.iter().map(ask).collect();
        let answers = target.find(&asked).await?;
        for (difference, answer) in part.iter_mut().zip(answers) {
            let object = answer.into_iter().next();
            let values = object
                .as_ref()
                .and_then(|object| object.attributes.values(&difference.attribute));
            difference.found = hidden.texts(&difference.attribute, values.unwrap_or_default());
        }
    }
    Ok(())
}

/// What rules redact is said to differ, not how.
fn hide(difference: &mut Difference) {
    for side in [&mut difference.expected, &mut difference.found] {
        if !side.is_empty() {
            *side = vec![REDACTED.to_owned()];
        }
    }
}

/// Sets explained differences apart from the others.
async fn sort(
    app: &App,
    job: &JobRow,
    found: Vec<Found>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let job = job.clone();
    let sorted = blocking(app.engine(), move |engine| {
        let hidden = Hidden::of_job(engine, job.id);
        let explain = |(index, found): (usize, Found)| {
            let reason = match index < EXPLAINED {
                true => explain::explain(engine, &job, &found)?,
                false => None,
            };
            let mut difference = found.difference;
            if !found.is_reference && hidden.hides(&difference.attribute) {
                hide(&mut difference);
            }
            Ok((difference, reason))
        };
        found
            .into_iter()
            .enumerate()
            .map(explain)
            .collect::<Result<Vec<_>, engine::StoreError>>()
    })
    .await?;
    for (difference, reason) in sorted {
        match reason {
            None => {
                report.difference_count += 1;
                if report.differences.len() < REPORTED {
                    report.differences.push(difference);
                }
            }
            Some((kind, why)) => {
                report.explained_count += 1;
                let name = why.as_ref().map_or(kind, |why| why.code.name());
                *report.explained_by.entry(name.to_owned()).or_default() += 1;
                if report.explained.len() < REPORTED {
                    let reason = why.map(Into::into);
                    report.explained.push(Explained {
                        difference,
                        kind: kind.into(),
                        reason,
                    });
                }
            }
        }
    }
    Ok(())
}
