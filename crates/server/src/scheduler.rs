//! The loops: one per source that reads, one per job that plans and exports.
//!
//! Each step is small, durable on its own and does the same whether it was woken by a bell or by the clock. Never holds
//! state that a restart would miss; [`Activity`] is only for people to look at. Trap: nothing is planned from a source
//! whose last full read is not believed, nor (except the first time) while a full read is under way.
// LONG: the loops of sources and jobs share what they know of a step; each is short, and apart they would be read together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use connectors::source::{ObjectName, Page, ReadEnd, ReadMode, ReadOne, SourceInfo};
use engine::{Completed, ConnectorRow, GuardOutcome, JobRow, JobState, ReadResult};
use sync_core::{
    code::Code,
    cycle::RunStatus,
    id::{ConnectorId, JobId},
    object::{Entry, EntryKind, ReadSpec},
    operation::Refusal,
    schema::{checked, preset},
};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    agents::{blocking, placed},
    app::App,
    catch_up, comparison, cycles,
    desk::{Answer, Call, ReadOrder, ReadSink},
    domain, doorbell, notify, places,
    planner::Surroundings,
    rejoin,
    removal::{self, Removing},
    staging::{self, Exports},
};

/// What a job is doing: for its status only, gone with the process.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// A word: reading, planning, exporting, references, settling, idle, waiting.
    pub phase: &'static str,
    /// Objects read since the present catch-up began.
    pub read: u64,
    /// Objects planned.
    pub planned: u64,
    /// Operations carried out or refused.
    pub exported: u64,
    /// When the present catch-up began, unix ms.
    pub since: Option<i64>,
    /// When the job last had nothing left to do, unix ms.
    pub idle_at: Option<i64>,
    /// When held deletes will be looked at next, unix ms.
    pub settles_at: Option<i64>,
    /// Mode of the read under way.
    pub reading: Option<String>,
    /// The run this catch-up is recorded as.
    pub run: Option<sync_core::id::RunId>,
    /// Somebody is recording the beginning of a run: planning and exporting notice progress at the same time.
    pub begins_run: bool,
    /// What was counted since it began.
    pub counts: BTreeMap<&'static str, u64>,
    /// Why the last step failed. Also kept here because a store that fails cannot remember it.
    pub failure: Option<Refusal>,
    /// Why the last read of the source failed, for the same reason.
    pub read_failure: Option<Refusal>,
    /// What was noticed when the server started.
    pub notice: Option<Refusal>,
    /// The attempt of a quarantine that is under way, by when the quarantine was last imposed.
    pub attempt: Option<i64>,
    /// When the last cycle began, unix ms.
    pub cycle_began: Option<i64>,
    /// In quarantine: when it is looked next whether the cause is gone, unix ms.
    pub next_look: Option<i64>,
}

/// How long a question to an agent may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The loops look by themselves at least this often.
const TICK: Duration = Duration::from_millis(1_000);
/// Objects looked up one by one after a read.
const LOOKUPS: usize = 200;

/// Least time from the beginning of one read to the next: what rings meanwhile is read together.
const SHORTEST_SPACING: Duration = Duration::from_millis(20);
/// The same, while the doorbell rings about nothing (an attribute nobody reads): it doubles up to this.
const LONGEST_SPACING: Duration = Duration::from_millis(1_000);

/// Runs all loops until `shutdown`.
pub async fn run(app: App, shutdown: CancellationToken) {
    // Nothing is planned or exported before engine and target are known to speak of the same things.
    while let Err(why) = rejoin::run(&app).await {
        app.note_turn();
        warn!(code = %why.code, "engine and directory cannot be brought together yet: {why}");
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TICK * 2) => {}
        }
    }
    app.note_rejoined();
    let mut jobs: HashMap<JobId, tokio::task::JoinHandle<()>> = HashMap::new();
    let mut sources: HashMap<ConnectorId, tokio::task::JoinHandle<()>> = HashMap::new();
    let mut doorbells: HashMap<ConnectorId, tokio::task::JoinHandle<()>> = HashMap::new();
    let notifying = tokio::spawn(notify::run(app.clone(), shutdown.clone()));
    let mut reconciling: Option<tokio::task::JoinHandle<()>> = None;
    let mut comparisons: HashMap<ConnectorId, tokio::task::JoinHandle<()>> = HashMap::new();
    let mut chores = tokio::time::interval(Duration::from_secs(60));
    loop {
        app.note_turn();
        match blocking(app.engine(), engine::Engine::jobs).await {
            Ok(rows) => {
                for row in rows {
                    sources.entry(row.source).or_insert_with(|| {
                        tokio::spawn(read_loop(app.clone(), row.source, shutdown.clone()))
                    });
                    doorbells.entry(row.source).or_insert_with(|| {
                        tokio::spawn(doorbell::run(app.clone(), row.source, shutdown.clone()))
                    });
                    comparisons.entry(row.source).or_insert_with(|| {
                        tokio::spawn(comparison::run(app.clone(), row.source, shutdown.clone()))
                    });
                    jobs.entry(row.id).or_insert_with(|| {
                        tokio::spawn(job_loop(app.clone(), row.id, shutdown.clone()))
                    });
                }
            }
            Err(why) => error!(code = %why.code, "jobs cannot be listed: {why}"),
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = app.jobs_changed_bell().notified() => {}
            _ = chores.tick() => {
                housekeeping(&app).await;
                if reconciling.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) {
                    let app = app.clone();
                    reconciling = Some(tokio::spawn(async move { cycles::reconcile::those_due(&app).await }));
                }
            }
        }
    }
    let _ = notifying.await;
    for (_, task) in jobs {
        let _ = task.await;
    }
    for (_, task) in sources.into_iter().chain(doorbells).chain(comparisons) {
        let _ = task.await;
    }
}

async fn housekeeping(app: &App) {
    if let Err(why) = blocking(app.engine(), |engine| {
        while engine.compact_log()? {}
        while crate::api::retention::enforce(engine)? {}
        while engine.forget_images()? {}
        Ok(())
    })
    .await
    {
        warn!(code = %why.code, "the log cannot be compacted: {why}");
    }
    // A server that waits beside another one leaves the target alone.
    let state = blocking(app.engine(), engine::Engine::staging).await;
    if state.is_ok_and(|state| state.server.is_some()) {
        return;
    }
    let directory = app.directory().clone();
    let purged = tokio::task::spawn_blocking(move || {
        directory.purge_expired(&directory.administrator(), jiff::Timestamp::now())
    });
    if let Ok(Err(fault)) = purged.await {
        warn!("expired users cannot be purged: {fault}");
    }
}

/// Checked rules, by the job and version they were checked for.
pub(crate) fn rules_of(job: &JobRow) -> Result<Arc<checked::Rules>, Refusal> {
    static KNOWN: Mutex<BTreeMap<(String, i64), Arc<checked::Rules>>> = Mutex::new(BTreeMap::new());
    let key = (job.guid.clone(), job.rules_version);
    if let Some(rules) = KNOWN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&key)
    {
        return Ok(rules.clone());
    }
    let rules = preset::load(&job.rules).map_err(|problems| {
        let first = problems
            .first()
            .map(|problem| format!("{}: {}", problem.path, problem.message));
        Refusal::new(Code::SchemaInvalid)
            .with("job", &job.name)
            .with("text", first.unwrap_or_default())
    })?;
    let rules = Arc::new(rules);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Earlier versions are not planned with any more.
    known.retain(|(guid, version), _| *guid != key.0 || *version > key.1);
    known.insert(key, rules.clone());
    Ok(rules)
}

async fn source_info(app: &App, source: &ConnectorRow) -> Result<SourceInfo, Refusal> {
    if let Ok(info) = serde_json::from_value::<SourceInfo>(source.info.clone())
        && !info.domain_fqdn.is_empty()
    {
        return Ok(info);
    }
    domain::meet(app, source, CALL_TIMEOUT).await
}

/// Everything a job is planned with.
///
/// # Errors
/// If the source was never reached, the target cannot be reached, or the rules are invalid.
pub async fn surroundings(app: &App, job: &JobRow) -> Result<Arc<Surroundings>, Refusal> {
    let source_id = job.source;
    let source = blocking(app.engine(), move |engine| engine.connector(source_id)).await?;
    let rules = rules_of(job)?;
    let places = places::of(app, job, &source, &rules).await?;
    surroundings_with(app, job, &source, rules, &places).await
}

/// Everything a job would be planned with, had it these rules.
///
/// # Errors
/// If the source was never reached, or the target cannot be reached.
pub async fn surroundings_with(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    rules: Arc<checked::Rules>,
    places: &places::Places,
) -> Result<Arc<Surroundings>, Refusal> {
    let target_id = job.target;
    let target_row = blocking(app.engine(), move |engine| engine.connector(target_id)).await?;
    let target = app.target(&target_row)?.discover().await?;
    Ok(Arc::new(Surroundings {
        source: Arc::new(source_info(app, source).await?),
        target: Arc::new(target),
        included: places.included.clone(),
        excluded: places.excluded.clone(),
        leaves_out_of_scope: job.settings.skip_out_of_scope_deletions,
        takeover: job.settings.takeover(),
        sets_aside: job.settings.set_conflicts_aside,
        stages: staging::is_staged(app, job.id).await?,
        leaver_grace_days: job.settings.leaver_grace_days,
        rules,
        now: jiff::Timestamp::now(),
        seed: app.seed().clone(),
    }))
}

/// What a source is to be read for: the union of what its jobs need.
///
/// # Errors
/// If rules are invalid, or containers or groups cannot be resolved.
pub async fn read_spec(
    app: &App,
    source: &ConnectorRow,
    jobs: &[JobRow],
) -> Result<ReadSpec, Refusal> {
    let mut union = ReadSpec::default();
    let mut everywhere = false;
    for job in jobs {
        let spec = places::spec(app, job, source, &*rules_of(job)?).await?;
        union.classes.extend(spec.classes);
        union.attributes.extend(spec.attributes);
        union.links.extend(spec.links);
        everywhere |= spec.containers.is_empty();
        union.containers.extend(spec.containers);
    }
    if everywhere {
        union.containers.clear();
    }
    if source.kind == "ad" {
        // By this other forests refer to an account, whatever the rules want to know of it.
        union.attributes.push(sync_core::sid::ATTRIBUTE.into());
    }
    for names in [&mut union.classes, &mut union.attributes, &mut union.links] {
        names.sort();
        names.dedup();
    }
    union.containers.sort();
    union.containers.dedup();
    Ok(union)
}

/// How a read ended: well, with a doubt, or with a failure.
type Ended = Result<Option<Refusal>, Refusal>;

/// Takes the pages of one read into the engine.
struct Sink {
    app: App,
    read: sync_core::id::ReadId,
    jobs: Vec<JobId>,
    plans_along: bool,
    changed: AtomicUsize,
    done: Mutex<Option<oneshot::Sender<Ended>>>,
}

#[async_trait]
impl ReadSink for Sink {
    async fn page(&self, page: Page) -> Result<(), Refusal> {
        let read = self.read;
        let engine = self.app.engine().clone();
        let observed = tokio::task::spawn_blocking(move || {
            engine
                .observe(read, page.number, &page.entries, page.watermark.as_deref())
                .map_err(|error| match error {
                    engine::ObserveError::Store(error) => placed(&engine, &error),
                    other => Refusal::new(Code::Conflict).with("text", other.to_string()),
                })
        })
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a store thread ended"))??;
        self.changed.fetch_add(observed.changed, Ordering::Relaxed);
        for job in &self.jobs {
            self.app
                .note(*job, |activity| activity.read += observed.entries as u64);
            if self.plans_along && observed.changed > 0 {
                self.app.wake(*job).notify_one();
            }
        }
        Ok(())
    }

    async fn end(&self, end: Result<ReadEnd, Refusal>) {
        let result = match end {
            Ok(ReadEnd::Complete {
                watermark,
                is_census,
                method,
                ..
            }) => ReadResult::Complete(Completed {
                watermark,
                is_census,
                is_weak: method.weaker.is_some(),
                method: serde_json::to_value(&method).unwrap_or_default(),
            }),
            Ok(ReadEnd::NeedsFullRead(why)) => ReadResult::NeedsFullRead(why),
            // The end of the process is no failure of the source: the next process abandons the read.
            Err(why) if self.app.desk().is_closed() => return self.tell(Err(why)),
            Err(why) => ReadResult::Failed(why),
        };
        let (read, told) = (self.read, result.clone());
        let ended = blocking(self.app.engine(), move |engine| {
            engine.end_read(read, &result)
        })
        .await;
        let answer = match (told, ended) {
            (_, Err(why)) | (ReadResult::Failed(why), Ok(_)) => Err(why),
            (ReadResult::NeedsFullRead(why), Ok(_)) => Ok(Some(why)),
            (ReadResult::Complete(_), Ok(doubt)) => Ok(doubt),
        };
        self.tell(answer);
    }
}

impl Sink {
    /// Tells the read's loop how it ended; once.
    fn tell(&self, answer: Ended) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = done.take() {
            let _ = done.send(answer);
        }
    }
}

async fn read_loop(app: App, id: ConnectorId, shutdown: CancellationToken) {
    let bell = app.read_wake(id);
    let ring = app.ring(id);
    let mut arrivals = app.desk().arrivals();
    let mut last_failure = None;
    let mut spacing = SHORTEST_SPACING;
    loop {
        let began = Instant::now();
        let pause = match read_once(&app, id).await {
            Ok(looked) => {
                if last_failure.take().is_some() {
                    note_reading(&app, id, None).await;
                }
                spacing = match looked.changed {
                    // Nobody reads here: whoever is started now need not wait.
                    _ if !looked.has_read => Duration::ZERO,
                    0 => (spacing * 2).clamp(SHORTEST_SPACING, LONGEST_SPACING),
                    _ => SHORTEST_SPACING,
                }
                .max(looked.spacing);
                looked.pause
            }
            Err(_) if shutdown.is_cancelled() => return,
            Err(why) => {
                if last_failure.as_ref() != Some(&why.code) {
                    warn!(connector = %id, code = %why.code, "reading failed: {why}");
                }
                last_failure = Some(why.code);
                cycles::reading_failed(&app, id, &why).await;
                note_reading(&app, id, Some(why)).await;
                retry_pause(&app, id).await
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = bell.notified() => {}
            // After a failure a ring changes nothing: the next attempt has its time.
            () = ring.notified(), if last_failure.is_none() => {}
            // An agent was started, perhaps with other settings: what failed before may go well now.
            Ok(()) = arrivals.changed(), if pause > TICK => cycles::look::hasten(&app, id),
            () = tokio::time::sleep(pause) => {}
        }
        // Many rings within a moment become one read.
        tokio::time::sleep_until(began + spacing).await;
    }
}

/// What a look at a source came to.
struct Looked {
    /// How long to wait before the next one.
    pause: Duration,
    /// Objects that were new or different.
    changed: usize,
    /// Least time from this read to the next.
    spacing: Duration,
    /// Whether the source was asked at all.
    has_read: bool,
}

impl Looked {
    fn at_nothing(pause: Duration) -> Self {
        Self {
            pause,
            changed: 0,
            spacing: Duration::ZERO,
            has_read: false,
        }
    }
}

/// Shows a failure of reading, or its end, with every job of the source.
async fn note_reading(app: &App, id: ConnectorId, why: Option<Refusal>) {
    let jobs = blocking(app.engine(), engine::Engine::jobs).await;
    for job in jobs
        .unwrap_or_default()
        .iter()
        .filter(|job| job.source == id)
    {
        app.note(job.id, |activity| activity.read_failure.clone_from(&why));
    }
}

/// How long to wait after a failure: as the engine remembers it.
async fn retry_pause(app: &App, id: ConnectorId) -> Duration {
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await;
    let until = row.ok().and_then(|row| row.retry_at).unwrap_or(0);
    let left = until.saturating_sub(app.engine().now()).clamp(500, 120_000);
    Duration::from_millis(u64::try_from(left).unwrap_or(500))
}

/// Reads a source once, if one of its jobs runs. Returns how long to wait before the next time.
async fn read_once(app: &App, id: ConnectorId) -> Result<Looked, Refusal> {
    let source = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let mut jobs = blocking(app.engine(), engine::Engine::jobs).await?;
    jobs.retain(|job| job.source == id && job.state == JobState::Active);
    // Who waits is still read for: another spec would have everything read twice.
    let read_for = jobs.clone();
    let held = cycles::hold_back(app, &source, &mut jobs).await?;
    if jobs.is_empty() {
        return Ok(Looked::at_nothing(
            held.wait.unwrap_or(Duration::from_secs(3600)),
        ));
    }
    let began = app.engine().now();
    let interval = jobs
        .iter()
        .map(|job| job.settings.interval_seconds)
        .min()
        .unwrap_or(10)
        .max(1);
    let order = match read_spec(app, &source, &read_for).await {
        Ok(spec) => blocking(app.engine(), move |engine| engine.begin_read(id, &spec)).await?,
        Err(why) => {
            let told = why.clone();
            blocking(app.engine(), move |engine| {
                engine.note_read_failure(id, &told)
            })
            .await?;
            return Err(why);
        }
    };
    if let Some(why) = &order.why {
        info!(connector = %source.name, mode = %order.mode, code = %why.code, "reading anew: {why}");
    }
    for job in &jobs {
        app.note(job.id, |activity| {
            activity.reading = Some(order.mode.clone())
        });
    }
    let result = read_with(app, &source, &jobs, order).await;
    for job in &jobs {
        app.note(job.id, |activity| activity.reading = None);
        app.wake(job.id).notify_one();
    }
    let (doubt, changed) = result?;
    if let Some(doubt) = doubt {
        if doubt.code.retry() == sync_core::code::Retry::Later && is_position_trouble(doubt.code) {
            return Ok(Looked {
                has_read: true,
                ..Looked::at_nothing(Duration::ZERO)
            });
        }
        return Err(doubt);
    }
    app.note_doorbell(id, |doorbell| doorbell.answered(began));
    cycles::reading_works(app, &jobs, held.for_source).await;
    let found = look_up(app, &source, &read_for).await?;
    let pause = match found {
        true => Duration::from_millis(50),
        false => Duration::from_secs(interval),
    };
    // The most eager job of a source decides how often it is read.
    let spacing = jobs
        .iter()
        .map(|job| job.settings.minimum_spacing_seconds)
        .min();
    Ok(Looked {
        pause,
        changed,
        spacing: Duration::from_secs(spacing.unwrap_or(0)),
        has_read: true,
    })
}

fn is_position_trouble(code: Code) -> bool {
    matches!(
        code,
        Code::SourceCookieRefused
            | Code::SourceReplicaReset
            | Code::SourceCookieTooOld
            | Code::SourceReadSpecChanged
            | Code::SourceServerChanged
            | Code::SourceMethodChanged
    )
}

async fn read_with(
    app: &App,
    source: &ConnectorRow,
    jobs: &[JobRow],
    order: engine::ReadOrder,
) -> Result<(Option<Refusal>, usize), Refusal> {
    let (done, ended) = oneshot::channel();
    let sink = Arc::new(Sink {
        app: app.clone(),
        read: order.read,
        jobs: jobs.iter().map(|job| job.id).collect(),
        plans_along: order.mode != "full" || source.complete_reads == 0,
        changed: AtomicUsize::new(0),
        done: Mutex::new(Some(done)),
    });
    let mode = match (order.mode.as_str(), order.watermark) {
        ("delta", Some(watermark)) => ReadMode::Delta(watermark),
        ("backfill", _) => ReadMode::Backfill,
        _ => ReadMode::Full,
    };
    let offered = ReadOrder {
        read: order.read,
        spec: order.spec,
        mode,
        position: order.floor,
        first_page: 0,
    };
    let is_whole = matches!(offered.mode, ReadMode::Full);
    let met = match is_whole && domain::of(source).is_some() {
        true => domain::meet(app, source, CALL_TIMEOUT).await.map(drop),
        false => Ok(()),
    };
    let taken = match met {
        Ok(()) => {
            app.desk()
                .offer_read(&source.name, offered, sink.clone())
                .await
        }
        Err(why) => Err(why),
    };
    if let Err(why) = taken {
        sink.end(Err(why)).await;
    }
    let doubt = ended.await.unwrap_or_else(|_| {
        Err(Refusal::new(Code::TimeOut).with("text", "the read was dropped"))
    })?;
    Ok((doubt, sink.changed.load(Ordering::Relaxed)))
}

/// Looks up, one by one, what a full read did not show and what a delta showed only in part. True if there is more.
async fn look_up(app: &App, source: &ConnectorRow, jobs: &[JobRow]) -> Result<bool, Refusal> {
    let id = source.id;
    let waiting = blocking(app.engine(), move |engine| engine.lookups(id, LOOKUPS)).await?;
    if waiting.is_empty() {
        return Ok(false);
    }
    let spec = read_spec(app, source, jobs).await?;
    let count = waiting.len();
    let position = blocking(app.engine(), move |engine| engine.watermark(id)).await?;
    for (object, anchor, _) in waiting {
        let call = Call::ReadOne {
            spec: spec.clone(),
            position: position.clone(),
            name: ObjectName::Anchor(anchor.clone()),
        };
        match app.desk().call(&source.name, call, CALL_TIMEOUT).await {
            Ok(Answer::One(ReadOne::Live {
                entry, elsewhere, ..
            })) => {
                blocking(app.engine(), move |engine| {
                    engine.observe_among_others(id, &entry, &elsewhere)
                })
                .await?;
            }
            Ok(Answer::One(ReadOne::Deleted(anchor))) => {
                let entry = Entry::new(anchor, EntryKind::Deleted);
                blocking(app.engine(), move |engine| engine.observe_one(id, &entry)).await?;
            }
            Ok(Answer::One(ReadOne::NotFound)) => {
                blocking(app.engine(), move |engine| {
                    engine.lookup_found_nothing(object)
                })
                .await?;
            }
            Ok(_) => {
                return Err(Refusal::new(Code::SourceProtocolError)
                    .with("text", "the agent answered another question"));
            }
            Err(why) => {
                warn!(connector = %source.name, object = %anchor, code = %why.code, "an object cannot be looked up: {why}");
                blocking(app.engine(), move |engine| engine.lookup_failed(object)).await?;
            }
        }
    }
    for job in jobs {
        app.wake(job.id).notify_one();
    }
    Ok(count == LOOKUPS)
}

async fn job_loop(app: App, id: JobId, shutdown: CancellationToken) {
    let bell = app.wake(id);
    let mut last_failure = None;
    loop {
        let pause = match job_step(&app, id).await {
            Ok(Next::Again) if shutdown.is_cancelled() => return,
            Ok(Next::Again) => {
                forgive(&app, id, &mut last_failure);
                continue;
            }
            Ok(Next::Wait(pause)) => {
                forgive(&app, id, &mut last_failure);
                pause
            }
            Err(_) if shutdown.is_cancelled() => return,
            // The job was removed.
            Err(why) if why.code == Code::NotFound && is_gone(&app, id).await => return,
            Err(why) => {
                if last_failure.as_ref() != Some(&why.code) {
                    warn!(job = %id, code = %why.code, "the job cannot go on: {why}");
                }
                last_failure = Some(why.code);
                if why.code == Code::FencedOff {
                    overtaken(&app, id, &why).await;
                    continue;
                }
                app.note(id, |activity| activity.failure = Some(why.clone()));
                let has_ended = end_run(&app, id, end_by(&why)).await;
                cycles::writing_failed(&app, id, &why, has_ended).await;
                note_failure(&app, id, Some(why)).await;
                TICK * 2
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = bell.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn is_gone(app: &App, id: JobId) -> bool {
    let jobs = blocking(app.engine(), engine::Engine::jobs).await;
    jobs.is_ok_and(|jobs| jobs.iter().all(|job| job.id != id))
}

/// Another server is active for the job: what is planned waits here, and that is no failure.
async fn overtaken(app: &App, id: JobId, why: &Refusal) {
    end_run(app, id, end_by(why)).await;
    let job = blocking(app.engine(), move |engine| engine.job(id)).await;
    let done = match job {
        Ok(job) => staging::fenced_off(app, &job, why).await,
        Err(why) => Err(why),
    };
    if let Err(why) = done {
        error!(job = %id, code = %why.code, "a job that was taken over cannot be put into staging: {why}");
        tokio::time::sleep(TICK).await;
    }
}

/// A step went well.
fn forgive(app: &App, id: JobId, last_failure: &mut Option<Code>) {
    if last_failure.take().is_some() {
        app.note(id, |activity| activity.failure = None);
    }
}

async fn note_failure(app: &App, id: JobId, why: Option<Refusal>) {
    if let Err(error) = blocking(app.engine(), move |engine| {
        engine.set_job_failure(id, why.as_ref())
    })
    .await
    {
        error!(job = %id, code = %error.code, "the failure of a job cannot be stored: {error}");
    }
}

enum Next {
    Again,
    Wait(Duration),
}

/// One step of a job: plan and export until nothing is left of it, then deletions.
async fn job_step(app: &App, id: JobId) -> Result<Next, Refusal> {
    let job = Arc::new(blocking(app.engine(), move |engine| engine.job(id)).await?);
    if let Some(removing) = blocking(app.engine(), move |engine| engine.removal(id)).await? {
        app.note(id, |activity| activity.phase = "removing");
        return Ok(match removal::step(app, &job, &removing).await? {
            Removing::Waits(pause) => Next::Wait(pause),
            Removing::GoesOn | Removing::Done => Next::Again,
        });
    }
    if job.state == JobState::Paused {
        let paused = engine::RunEnd {
            stopped: Some(RunStatus::StoppedUserTermination),
            ..engine::RunEnd::default()
        };
        end_run(app, id, paused).await;
        app.note(id, |activity| activity.phase = "paused");
        return Ok(Next::Wait(Duration::from_secs(3600)));
    }
    if let Some(pause) = cycles::may_begin(app, &job).await? {
        return Ok(Next::Wait(pause));
    }
    if let Some(at) = job.retry_at.filter(|at| *at > app.engine().now()) {
        let left = u64::try_from(at - app.engine().now()).unwrap_or(1_000);
        return Ok(Next::Wait(Duration::from_millis(left.min(120_000))));
    }
    let row = job.clone();
    blocking(app.engine(), move |engine| engine.expire_approvals(&row)).await?;
    let (source_id, target_id) = (job.source, job.target);
    let source = blocking(app.engine(), move |engine| engine.connector(source_id)).await?;
    let target_row = blocking(app.engine(), move |engine| engine.connector(target_id)).await?;
    let target = app.target(&target_row)?;
    // First whether the target answers at all: a quarantine ends or stays by that.
    cycles::attempt(app, &job, &target).await?;
    let (target, exports) = match staging::exports(app, &job).await? {
        Exports::With(fence) => (app.exporting_target(&target_row, fence)?, true),
        Exports::Nothing => (target, false),
    };
    let may_plan = may_plan(app, &source, id) && is_read_for(app, &job, &source).await?;
    let may = catch_up::May {
        plan: may_plan,
        export: exports,
    };
    let caught_up = catch_up::run(app, &job, &target, may).await?;
    if caught_up.steps > 0 {
        return Ok(Next::Again);
    }
    if !may_plan {
        app.note(id, |activity| activity.phase = "waiting");
        return Ok(Next::Wait(TICK));
    }
    if job.failure.is_some() {
        note_failure(app, id, None).await;
    }
    if is_first_read(app, &source, id) {
        return Ok(Next::Wait(TICK));
    }
    match exports {
        true => settle(app, &job).await,
        // The guard is asked about everything together, when it may be carried out.
        false => {
            end_run(app, id, engine::RunEnd::default()).await;
            app.note(id, |activity| {
                activity.phase = "staging";
                activity.since = None;
                activity.planned = 0;
            });
            Ok(Next::Wait(TICK))
        }
    }
}

fn is_reading_anew(app: &App, job: JobId) -> bool {
    app.activity(job).reading.as_deref() == Some("full")
}

/// Whether a source is just being read for the first time.
pub(crate) fn is_first_read(app: &App, source: &ConnectorRow, job: JobId) -> bool {
    is_reading_anew(app, job) && source.complete_reads == 0
}

/// Whether what is in the connector space may be planned from: its last full read is believed, and none is under way that
/// replaces an earlier one.
pub(crate) fn may_plan(app: &App, source: &ConnectorRow, job: JobId) -> bool {
    let is_read_anew = is_reading_anew(app, job) || source.needs == "full";
    let was_never_reached = source.info.get("realm").is_none()
        && source.complete_reads == 0
        && app.activity(job).reading.is_none();
    source.suspect.is_none() && !(is_read_anew && source.complete_reads > 0) && !was_never_reached
}

/// Whether the source was read for what the job's rules want to know now: what new rules ask for is not there before the next
/// read, and absent is not empty.
async fn is_read_for(app: &App, job: &JobRow, source: &ConnectorRow) -> Result<bool, Refusal> {
    if source.complete_reads == 0 {
        return Ok(true);
    }
    let id = source.id;
    let Some(read) = blocking(app.engine(), move |engine| engine.last_spec(id)).await? else {
        return Ok(true);
    };
    let wanted = places::spec(app, job, source, &*rules_of(job)?).await?;
    Ok(read.covers(&wanted))
}

pub(crate) fn add(to: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
    for (name, count) in from {
        *to.entry(name).or_default() += count;
    }
}

pub(crate) async fn note_progress(
    app: &App,
    job: &JobRow,
    phase: &'static str,
    change: impl FnOnce(&mut Activity),
) {
    let now = app.engine().now();
    let mut is_first = false;
    app.note(job.id, |activity| {
        if activity.since.is_none() {
            activity.since = Some(now);
        }
        activity.phase = phase;
        change(activity);
        is_first = activity.run.is_none() && !activity.begins_run;
        activity.begins_run |= is_first;
    });
    if is_first {
        let id = job.id;
        let begun = blocking(app.engine(), move |engine| engine.begin_run(id)).await;
        app.note(job.id, |activity| {
            activity.begins_run = false;
            if let Ok(run) = &begun {
                activity.run = Some(*run);
                activity.cycle_began = Some(now);
            }
        });
        if let Err(why) = begun {
            warn!(job = %job.name, code = %why.code, "a run cannot be recorded: {why}");
        }
    }
    if job.failure.is_some() {
        note_failure(app, job.id, None).await;
    }
}

/// Records the end of the present run; says whether there was one.
pub(crate) async fn end_run(app: &App, job: JobId, mut end: engine::RunEnd) -> bool {
    let activity = app.activity(job);
    // What is stored begins a run by itself, perhaps without a step that was told of it.
    let open = match activity.run {
        Some(run) => Some(run),
        None => {
            let open = blocking(app.engine(), move |engine| engine.open_run(job)).await;
            open.ok().flatten().map(|open| open.id)
        }
    };
    let Some(run) = open else { return false };
    let counted = activity
        .counts
        .iter()
        .map(|(name, n)| ((*name).to_owned(), *n));
    end.counts = counted.collect();
    for (name, count) in [
        ("read", activity.read),
        ("planned", activity.planned),
        ("exported", activity.exported),
    ] {
        end.counts.insert(name.into(), count);
    }
    let ended = blocking(app.engine(), move |engine| engine.end_run(run, &end)).await;
    if let Err(why) = ended {
        warn!(%job, code = %why.code, "the end of a run cannot be recorded: {why}");
    }
    app.note(job, |activity| {
        activity.run = None;
        activity.counts.clear();
        activity.read = 0;
        activity.planned = 0;
        activity.exported = 0;
    });
    true
}

/// A cycle that this stopped.
pub(crate) fn end_by(why: &Refusal) -> engine::RunEnd {
    engine::RunEnd {
        failure: Some(why.clone()),
        ..engine::RunEnd::default()
    }
}

/// The job has caught up: deletions that have settled go to the guard.
async fn settle(app: &App, job: &Arc<JobRow>) -> Result<Next, Refusal> {
    let row = job.clone();
    let outcome = blocking(app.engine(), move |engine| {
        engine.settle_guard(row.id)?;
        engine.release_settled(&row)
    })
    .await?;
    let now = app.engine().now();
    let idle = |app: &App| {
        app.note(job.id, |activity| {
            activity.phase = "idle";
            activity.idle_at = Some(now);
            activity.since = None;
            activity.settles_at = None;
            activity.read = 0;
            activity.planned = 0;
            activity.exported = 0;
        });
    };
    match outcome {
        GuardOutcome::Released(count) if count > 0 => {
            note_progress(app, job, "exporting", |_| {}).await;
            Ok(Next::Again)
        }
        GuardOutcome::Settling(until) => {
            app.note(job.id, |activity| {
                activity.phase = "settling";
                activity.settles_at = Some(until);
            });
            let left = u64::try_from(until - now).unwrap_or(0).clamp(10, 1_000);
            Ok(Next::Wait(Duration::from_millis(left)))
        }
        GuardOutcome::Held(count, why) => {
            if count > 0 {
                warn!(job = %job.name, count, code = %why.code, "the guard holds {count} deletions: {why}");
            }
            let held = engine::RunEnd {
                is_held: true,
                ..engine::RunEnd::default()
            };
            end_run(app, job.id, held).await;
            cycles::settled(app, job).await;
            idle(app);
            Ok(Next::Wait(TICK))
        }
        GuardOutcome::Idle | GuardOutcome::Released(_) => {
            end_run(app, job.id, engine::RunEnd::default()).await;
            cycles::settled(app, job).await;
            idle(app);
            Ok(Next::Wait(TICK))
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{NewConnector, NewJob};

    use super::*;

    #[tokio::test]
    async fn planning_and_exporting_that_notice_progress_at_once_begin_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(crate::app::Config {
            data_directory: folder.path().to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            names: vec!["127.0.0.1".into()],
            tenant_name: "Canal".into(),
            initial_domain: "canal.hybridge.example".into(),
            verified_domains: Vec::new(),
            adopts_directory: false,
            extras: Default::default(),
        })
        .unwrap();
        let source = NewConnector {
            name: "ad".into(),
            kind: "ad".into(),
            config: serde_json::json!({}),
        };
        let engine = app.engine();
        let source = engine.create_connector(&source).unwrap().id;
        let target = engine.connector_named(crate::app::DIRECTORY_CONNECTOR);
        let job = NewJob {
            name: "main".into(),
            source,
            target: target.unwrap().id,
            rules: preset::AD_TO_DIRECTORY.into(),
            settings: Default::default(),
        };
        let job = engine.create_job(&job).unwrap();
        tokio::join!(
            note_progress(&app, &job, "planning", |_| {}),
            note_progress(&app, &job, "exporting", |_| {}),
        );
        assert_eq!(engine.runs(None, None, 10).unwrap().len(), 1);
        end_run(&app, job.id, engine::RunEnd::default()).await;
        let runs = engine.runs(None, None, 10).unwrap();
        assert!(runs.iter().all(|run| run.ended_at.is_some()), "{runs:?}");
        note_progress(&app, &job, "planning", |_| {}).await;
        assert_eq!(engine.runs(None, None, 10).unwrap().len(), 2);
    }
}
