//! Bringing engine and directory together again when one of them was restored from a backup.
//!
//! Runs once, before anything is planned. Never writes to the directory: what may differ is made due, is read back by the
//! planner, and goes the way of every other change, guard included. Trap: after a crash the directory is ahead of the engine
//! too, by what was in doubt; that is no restoration and is not told as one.

use std::{collections::BTreeMap, sync::Arc};

use connectors::{Target, target::ListedTarget};
use directory::{Directory, Event, Fault};
use engine::{Engine, JobRow, MappedReference};
use sync_core::{
    code::Code,
    id::{JobId, LinkId, TargetId},
    operation::{Lookup, Refusal},
};
use tokio::runtime::Handle;
use tracing::warn;

use crate::{
    agents::{blocking, placed},
    app::App,
    planner::references_of,
    scheduler::rules_of,
    stores::{Gap, close_gap, fault_of},
};

/// Links, changes and objects looked at once.
const BATCH: usize = 2_000;

/// Brings them together, and tells every job what was noticed.
///
/// # Errors
/// Of the stores; then it is begun again.
pub async fn run(app: &App) -> Result<(), Refusal> {
    let noticed = match app.gap() {
        Gap::None => None,
        Gap::EngineIsOlder(mark) => catch_up(app, mark).await?,
        Gap::DirectoryIsOlder(version) => Some(rewind(app, version).await?),
    };
    let Some(noticed) = noticed else {
        return Ok(());
    };
    warn!(code = %noticed.code, "{noticed}");
    for job in blocking(app.engine(), Engine::jobs).await? {
        app.note(job.id, |activity| activity.notice = Some(noticed.clone()));
    }
    Ok(())
}

fn notice(app: &App, restored: &str, count: u64) -> Refusal {
    Refusal::new(Code::StoreRestored)
        .with("restored", restored)
        .with("objects", count.to_string())
        .with("directory", app.directory().path().display().to_string())
}

/// The directory is ahead: whatever it changed without the engine's knowledge is read back.
async fn catch_up(app: &App, mark: u64) -> Result<Option<Refusal>, Refusal> {
    let mut since = mark;
    let mut count = 0;
    loop {
        let directory = app.directory().clone();
        let read = tokio::task::spawn_blocking(move || changes(&directory, since)).await;
        let read = read.map_err(|_| {
            Refusal::new(Code::InternalFault).with("text", "the directory's thread ended")
        })?;
        let page = match read {
            Ok(page) => page,
            // It does not remember that far back: everything is doubted.
            Err(Fault::FeedExpired { .. }) => return rewind(app, 0).await.map(Some),
            Err(fault) => return Err(fault_of(app.directory().path(), &fault)),
        };
        count += blocking(app.engine(), move |engine| {
            engine.doubt_targets(&page.changed)
        })
        .await?;
        since = page.next;
        if !page.has_more {
            break;
        }
    }
    blocking(app.engine(), move |engine| engine.set_target_mark(since)).await?;
    Ok((count > 0).then(|| notice(app, "engine.db", count)))
}

/// Part of what the directory changed.
struct Changes {
    changed: Vec<(TargetId, u64)>,
    next: u64,
    has_more: bool,
}

fn changes(directory: &Directory, since: u64) -> Result<Changes, Fault> {
    let page = directory.changes(&directory.administrator(), since, BATCH)?;
    // References are told apart from their object; either way it is the object that is read back.
    let object = |change: &directory::Change| match change.event {
        Event::Created
        | Event::Updated
        | Event::SoftDeleted
        | Event::Restored
        | Event::Deleted
        | Event::ReferencesChanged(_) => (change.id.to_string().into(), change.sequence),
    };
    Ok(Changes {
        changed: page.changes.iter().map(object).collect(),
        next: page.next,
        has_more: page.has_more,
    })
}

/// The directory is behind: whatever the engine believes of later versions is doubted.
async fn rewind(app: &App, version: u64) -> Result<Refusal, Refusal> {
    let jobs = blocking(app.engine(), Engine::jobs).await?;
    let jobs: BTreeMap<JobId, Arc<JobRow>> = jobs
        .into_iter()
        .map(|job| (job.id, Arc::new(job)))
        .collect();
    let mut after = LinkId(0);
    let mut count = 0;
    loop {
        let links = blocking(app.engine(), move |engine| {
            engine.links_after(version, after, BATCH)
        })
        .await?;
        let Some(last) = links.last() else { break };
        after = last.link;
        count += links.len() as u64;
        let mut by_job: BTreeMap<JobId, Vec<engine::DoubtedLink>> = BTreeMap::new();
        for link in links {
            by_job
                .entry(engine::job_of(link.link))
                .or_default()
                .push(link);
        }
        for (id, links) in by_job {
            if let Some(job) = jobs.get(&id) {
                rewind_links(app, job, links).await?;
            }
        }
    }
    for job in jobs.values() {
        believe_references(app, job).await?;
    }
    blocking(app.engine(), close_gap).await?;
    Ok(notice(app, "directory.db", count))
}

async fn target_of(app: &App, job: &JobRow) -> Result<Arc<dyn Target>, Refusal> {
    let id = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    app.target(&row)
}

async fn rewind_links(
    app: &App,
    job: &Arc<JobRow>,
    links: Vec<engine::DoubtedLink>,
) -> Result<(), Refusal> {
    let questions: Vec<Lookup> = links
        .iter()
        .map(|link| Lookup::Id(link.target.clone()))
        .collect();
    let answers = target_of(app, job).await?.find(&questions).await?;
    let found: Vec<(LinkId, bool)> = links
        .iter()
        .zip(answers)
        .map(|(link, found)| (link.link, found.iter().any(|object| !object.is_deleted)))
        .collect();
    let job = job.clone();
    blocking(app.engine(), move |engine| engine.rewind(&job, &found)).await
}

/// Tells the engine which references the doubted objects hold.
async fn believe_references(app: &App, job: &Arc<JobRow>) -> Result<(), Refusal> {
    let target = target_of(app, job).await?;
    let mapped = references_of(&*rules_of(job)?);
    let (engine, job, runtime) = (app.engine().clone(), job.clone(), Handle::current());
    let told = tokio::task::spawn_blocking(move || {
        let mut teller = Teller {
            engine,
            job,
            mapped,
            held: Vec::new(),
            failure: None,
        };
        runtime.block_on(target.enumerate(&mut |listed| teller.take(listed)))?;
        teller.tell();
        teller.failure.map_or(Ok(()), Err)
    });
    told.await.map_err(|_| {
        Refusal::new(Code::InternalFault).with("text", "the comparison of references broke off")
    })?
}

struct Teller {
    engine: Engine,
    job: Arc<JobRow>,
    mapped: Vec<MappedReference>,
    held: Vec<(TargetId, engine::HeldReferences)>,
    failure: Option<Refusal>,
}

impl Teller {
    fn take(&mut self, listed: ListedTarget) -> bool {
        if !listed.references.is_empty() {
            self.held.push((listed.object.id, listed.references));
        }
        if self.held.len() >= BATCH {
            self.tell();
        }
        self.failure.is_none()
    }

    fn tell(&mut self) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            let told = self
                .engine
                .believe_references(&self.job, &self.mapped, &held);
            self.failure = told.err().map(|error| placed(&self.engine, &error));
        }
    }
}
