//! Reconciliation: the target read whole and compared with what was left there.
//!
//! What is found is reported, or put right the usual way: doubted, read back, planned, guarded. Never deletes anything of its
//! own: a synchronised object nobody knows is only named. Trap: the target is read while the job works, so what is on its
//! way is no difference.

use std::{collections::HashSet, sync::Arc};

use connectors::{Target, target::ListedTarget};
use engine::{
    Compared, Engine, JobRow, JobState, ListedObject, MappedReference, Reconcile, TargetChange,
};
use sync_core::{
    code::Code,
    id::{LinkId, TargetId},
    operation::Refusal,
};
use tokio::runtime::Handle;
use tracing::{info, warn};
use wire::api::v1::{Reconciled, TargetDifference};

use crate::{
    agents::{blocking, placed},
    app::App,
    planner::references_of,
    scheduler::rules_of,
};

/// Objects compared at once.
const BATCH: usize = 2_000;
// LIMIT: differences named in a report; all are counted.
const NAMED: usize = 200;

/// Compares the target of a job with what was left there. `corrects`: what is found is put right.
///
/// # Errors
/// If the target cannot be read to its end; then nothing is put right.
pub async fn run(app: &App, job: &JobRow, corrects: bool) -> Result<Reconciled, Refusal> {
    let job = Arc::new(job.clone());
    let id = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let target = app.target(&row)?;
    let mapped = references_of(&*rules_of(&job)?);
    let look = Look {
        engine: app.engine().clone(),
        job: job.clone(),
        mapped,
        listed: Vec::new(),
        seen: HashSet::new(),
        found: Vec::new(),
        held: Vec::new(),
        touched: Vec::new(),
        corrects,
        report: Reconciled {
            is_corrected: corrects,
            ..Reconciled::default()
        },
        failure: None,
    };
    let runtime = Handle::current();
    let look = tokio::task::spawn_blocking(move || look.all(&target, &runtime))
        .await
        .map_err(|_| {
            Refusal::new(Code::InternalFault)
                .with("text", "the comparison with the target broke off")
        })??;
    finish(app, &job, look, corrects).await
}

/// One look at the whole target.
struct Look {
    engine: Engine,
    job: Arc<JobRow>,
    mapped: Vec<MappedReference>,
    listed: Vec<(ListedObject, bool)>,
    seen: HashSet<LinkId>,
    found: Vec<TargetChange>,
    /// References of what is to be put right.
    held: Vec<(TargetId, engine::HeldReferences)>,
    /// Objects somebody wrote to that hold what was left there.
    touched: Vec<LinkId>,
    corrects: bool,
    report: Reconciled,
    failure: Option<Refusal>,
}

impl Look {
    fn all(mut self, target: &Arc<dyn Target>, runtime: &Handle) -> Result<Self, Refusal> {
        runtime.block_on(target.enumerate(&mut |listed| self.take(listed)))?;
        self.compare();
        match self.failure.take() {
            Some(why) => Err(why),
            None => Ok(self),
        }
    }

    fn take(&mut self, listed: ListedTarget) -> bool {
        let object = listed.object;
        if !object.is_deleted {
            let is_ours = object.source_anchor.is_some();
            let listed = ListedObject {
                target: object.id,
                version: object.version,
                attributes: object.attributes,
                references: listed.references,
            };
            self.listed.push((listed, is_ours));
        }
        if self.listed.len() >= BATCH {
            self.compare();
        }
        self.failure.is_none()
    }

    fn compare(&mut self) {
        let (listed, ours): (Vec<ListedObject>, Vec<bool>) =
            std::mem::take(&mut self.listed).into_iter().unzip();
        self.report.target_objects += listed.len() as u64;
        let compared = self
            .engine
            .compare_with_target(&self.job, &self.mapped, &listed);
        let compared = match compared {
            Ok(compared) => compared,
            Err(error) => {
                self.failure = Some(placed(&self.engine, &error));
                return;
            }
        };
        for ((object, is_ours), compared) in listed.into_iter().zip(ours).zip(compared) {
            match compared {
                Compared::Same(link) => drop(self.seen.insert(link)),
                Compared::Touched(change) => {
                    self.seen.insert(change.link);
                    if self.corrects {
                        // It may hold a value where we left none: reading it back tells.
                        self.held.push((object.target, object.references));
                        self.touched.push(change.link);
                    }
                }
                Compared::Changed(change) => {
                    self.seen.insert(change.link);
                    if self.corrects {
                        self.held.push((object.target, object.references));
                    }
                    self.found.push(change);
                }
                Compared::Unknown if is_ours => {
                    self.report.unknown += 1;
                    let name = object.attributes.text("displayName").unwrap_or_default();
                    self.name("unknown", &object.target.0, name, Vec::new());
                }
                Compared::Unknown => {}
            }
        }
    }

    fn name(&mut self, kind: &str, target: &str, name: &str, attributes: Vec<String>) {
        if self.report.first.len() < NAMED {
            self.report.first.push(TargetDifference {
                target: target.to_owned(),
                name: name.to_owned(),
                kind: kind.to_owned(),
                attributes,
            });
        }
    }
}

async fn finish(
    app: &App,
    job: &Arc<JobRow>,
    mut look: Look,
    corrects: bool,
) -> Result<Reconciled, Refusal> {
    let (row, seen) = (job.clone(), std::mem::take(&mut look.seen));
    look.report.compared = seen.len() as u64;
    let missing = blocking(app.engine(), move |engine| {
        engine.missing_in_target(&row, &seen)
    })
    .await?;
    look.report.missing = missing.len() as u64;
    look.report.changed = look.found.len() as u64;
    let mut all = std::mem::take(&mut look.found);
    all.extend(missing);
    for change in &all {
        let kind = match change.version {
            0 => "missing",
            _ => "changed",
        };
        look.name(
            kind,
            &change.target.0,
            &change.name,
            change.attributes.clone(),
        );
    }
    let (row, mapped, held, touched) = (job.clone(), look.mapped, look.held, look.touched);
    blocking(app.engine(), move |engine| {
        engine.note_target_changes(&row, &all)?;
        if corrects && !(all.is_empty() && touched.is_empty()) {
            let mut doubted: Vec<(LinkId, bool)> = all
                .iter()
                .map(|change| (change.link, change.version > 0))
                .collect();
            doubted.extend(touched.iter().map(|link| (*link, true)));
            engine.rewind(&row, &doubted)?;
            engine.believe_references(&row, &mapped, &held)?;
        }
        engine.set_setting(&key(&row), &engine.now().to_string())
    })
    .await?;
    if corrects {
        app.wake(job.id).notify_one();
    }
    Ok(look.report)
}

fn key(job: &JobRow) -> String {
    format!("reconciled.{}", job.guid)
}

/// Reconciles the jobs whose time has come; one after the other.
pub(crate) async fn those_due(app: &App) {
    let jobs = match blocking(app.engine(), Engine::jobs).await {
        Ok(jobs) => jobs,
        Err(why) => return warn!(code = %why.code, "jobs cannot be listed: {why}"),
    };
    for job in jobs {
        let corrects = match job.settings.reconcile {
            Reconcile::Off => continue,
            Reconcile::Report => false,
            Reconcile::Correct => true,
        };
        match is_due(app, &job).await {
            Ok(false) => {}
            Ok(true) => match run(app, &job, corrects).await {
                Ok(report) => {
                    info!(job = %job.name, changed = report.changed, missing = report.missing, unknown = report.unknown, "the target was compared with what was left there");
                }
                Err(why) => {
                    warn!(job = %job.name, code = %why.code, "the target cannot be compared: {why}");
                }
            },
            Err(why) => {
                warn!(job = %job.name, code = %why.code, "it is not known when the target was compared last: {why}")
            }
        }
    }
}

async fn is_due(app: &App, job: &JobRow) -> Result<bool, Refusal> {
    if job.state == JobState::Paused {
        return Ok(false);
    }
    let (row, hours) = (job.clone(), job.settings.reconcile_hours);
    blocking(app.engine(), move |engine| {
        let now = engine.now();
        let last = engine
            .setting(&key(&row))?
            .and_then(|text| text.parse::<i64>().ok());
        let length = i64::try_from(hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
        let is_time = last.is_none_or(|last| last > now || now.saturating_sub(last) >= length);
        Ok(is_time
            && engine.standing(row.id)?.standing.lets_try(now)
            && engine.standing(row.id)?.steady_first.is_some())
    })
    .await
}
