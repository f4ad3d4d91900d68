//! A store in a directory of its own, with a clock that stands still, one job, and a target beside it.
//!
//! `plan`, `export` and `catch_up` do what the server's loops do, with the core's own `decide`.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use engine::{
    ConnectorRow, DueItem, Engine, GuardOutcome, JobRow, JobSettings, LinkRow, LogQuery,
    MappedReference, NewConnector, NewJob, ObjectState, Options, PendingState, Planned,
    PlannedChange, PlannedOutcome, ReadResult, Record,
};
use sync_core::{
    code::Code,
    grace,
    id::{ConnectorId, JobId, LinkId, ObjectId, TargetId},
    object::{Entry, ReadSpec},
    operation::{Lookup, Outcome, Refusal, Verb},
    plan::{Answers, Decision, Desired, Settled, Wanted, decide, settle},
};

use super::{invariants, source::anchor, target::Target};

/// Where the clock stands at the beginning: 2026-01-01.
pub const START: i64 = 1_767_225_600_000;
/// Long enough for every settle time and every escrow.
pub const LONG: i64 = 27 * 3_600_000;

pub struct Bench {
    pub directory: tempfile::TempDir,
    pub target: Target,
    pub source_id: ConnectorId,
    pub job_id: JobId,
    /// References that go along with a creation.
    pub travelling: Vec<MappedReference>,
    pub boundaries: Arc<Mutex<Vec<String>>>,
    clock: Arc<AtomicI64>,
    ids: Arc<AtomicU64>,
    engine: Option<Engine>,
}

impl Bench {
    /// One source, one target, one job with settings that never hold anything back.
    pub fn new() -> Self {
        Self::with(JobSettings {
            delete_threshold: 100_000,
            delete_threshold_percent: 1_000,
            group_threshold_percent: 0,
            membership_threshold: 0,
            settle_seconds: 0,
            ..JobSettings::default()
        })
    }

    /// One source, one target, one job with these settings.
    pub fn with(settings: JobSettings) -> Self {
        let mut bench = Self {
            directory: tempfile::tempdir().expect("a directory"),
            target: Target::default(),
            source_id: ConnectorId(0),
            job_id: JobId(0),
            travelling: Vec::new(),
            boundaries: Arc::default(),
            clock: Arc::new(AtomicI64::new(START)),
            ids: Arc::default(),
            engine: None,
        };
        bench.engine = Some(bench.open());
        bench.source_id = bench.new_connector("source").id;
        let target = bench.new_connector("target").id;
        bench.job_id = bench.new_job("job", target, settings).id;
        bench
    }

    /// Clock, ids and commit hook of this bench.
    pub fn options(&self) -> Options {
        let (clock, ids, boundaries) = (
            self.clock.clone(),
            self.ids.clone(),
            self.boundaries.clone(),
        );
        Options {
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            ids: Arc::new(move || {
                uuid::Uuid::from_u128(u128::from(ids.fetch_add(1, Ordering::SeqCst)))
            }),
            commit_hook: Some(Arc::new(move |name| {
                boundaries
                    .lock()
                    .expect("no test panics here")
                    .push(name.to_owned());
            })),
        }
    }

    fn open(&self) -> Engine {
        Engine::open(self.directory.path(), self.options()).expect("the store opens")
    }

    pub fn new_connector(&self, name: &str) -> ConnectorRow {
        let new = NewConnector {
            name: name.into(),
            kind: "ad".into(),
            config: serde_json::json!({}),
        };
        self.engine().create_connector(&new).expect("a connector")
    }

    pub fn new_job(&self, name: &str, target: ConnectorId, settings: JobSettings) -> JobRow {
        let new = NewJob {
            name: name.into(),
            source: self.source_id,
            target,
            rules: "{}".into(),
            settings,
        };
        self.engine().create_job(&new).expect("a job")
    }

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("open")
    }

    pub fn job(&self) -> JobRow {
        self.engine().job(self.job_id).expect("the job")
    }

    pub fn source(&self) -> ConnectorRow {
        self.engine().connector(self.source_id).expect("the source")
    }

    /// Lets time pass.
    pub fn pass(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Closes the store and opens it again, as a server does after it was killed.
    pub fn restart(&mut self) {
        self.close();
        self.engine = Some(self.open());
        self.engine().doubt_ready().expect("doubt");
    }

    pub fn close(&mut self) {
        self.engine = None;
    }

    /// A full read of exactly these entries, believed or not.
    pub fn read_full(&self, entries: &[Entry]) -> Option<Refusal> {
        let e = self.engine();
        e.require_full_read(self.source_id, &Refusal::new(Code::SourceCookieRefused))
            .expect("ok");
        let order = e.begin_read(self.source_id, &spec()).expect("begins");
        assert_eq!(order.mode, "full");
        e.observe(order.read, 0, entries, None).expect("a page");
        e.end_read(order.read, &ReadResult::complete(b"full"))
            .expect("ends")
    }

    /// A delta of one page; says how many objects changed.
    pub fn delta(&self, entries: &[Entry]) -> usize {
        let e = self.engine();
        let order = e.begin_read(self.source_id, &spec()).expect("begins");
        assert_eq!(order.mode, "delta");
        let observed = e
            .observe(order.read, 0, entries, Some(b"page"))
            .expect("a page");
        e.end_read(order.read, &ReadResult::complete(b"end"))
            .expect("ends");
        observed.changed
    }

    pub fn object(&self, number: u16) -> ObjectId {
        let found = self
            .engine()
            .object_by_anchor(self.source_id, &anchor(number));
        found.expect("ok").expect("the object is known")
    }

    pub fn state(&self, number: u16) -> ObjectState {
        self.item(number).source.state
    }

    /// The object as it would be planned now.
    pub fn item(&self, number: u16) -> DueItem {
        let found = self.engine().plan_item(self.job_id, self.object(number));
        found.expect("ok").expect("the object is known")
    }

    pub fn link(&self, number: u16) -> LinkId {
        engine::link_id(self.job_id, self.object(number))
    }

    pub fn link_row(&self, number: u16) -> LinkRow {
        let found = self.engine().link_row(self.job_id, self.object(number));
        found.expect("ok").expect("the link is known")
    }

    pub fn pending(&self, number: u16) -> PendingState {
        self.item(number).pending
    }

    /// Numbers that are due, in order of their rows, with the reasons.
    pub fn due(&self) -> Vec<(String, i64)> {
        let items = self.engine().take_due(self.job_id, 100_000).expect("due");
        items
            .into_iter()
            .map(|item| (item.source.rdn, item.reasons))
            .collect()
    }

    pub fn log(&self) -> Vec<Record> {
        let all = LogQuery {
            ascending: true,
            limit: usize::MAX,
            ..LogQuery::default()
        };
        self.engine().log(&all).expect("log").records
    }

    /// Plans everything due; says how many were planned.
    pub fn plan(&self) -> usize {
        let mut planned = 0;
        loop {
            let items = self.engine().take_due(self.job_id, 50).expect("due");
            if items.is_empty() {
                return planned;
            }
            planned += items.len();
            let days = self.job().settings.leaver_grace_days;
            let plans: Vec<_> = items
                .into_iter()
                .map(|item| decided_with(&self.target, item, days, self.now()))
                .collect();
            self.engine()
                .store_plans(&self.job(), &plans, &self.travelling)
                .expect("plans");
        }
    }

    pub fn ready(&self) -> Vec<PlannedChange> {
        self.engine()
            .take_ready(self.job_id, 100_000)
            .expect("ready")
    }

    pub fn report(&self, outcomes: &[(PlannedChange, Outcome)]) {
        self.engine()
            .report(&self.job(), outcomes)
            .expect("a report");
    }

    /// Carries out everything ready; says how many operations were reported.
    pub fn export(&mut self) -> usize {
        let ready = self.ready();
        let outcomes: Vec<_> = ready
            .into_iter()
            .map(|mut change| {
                let outcome = carried_out(&mut self.target, &mut change);
                (change, outcome)
            })
            .collect();
        self.report(&outcomes);
        outcomes.len()
    }

    pub fn plan_references(&self) -> engine::ReferenceWork {
        self.engine()
            .plan_references(&self.job(), &mapped(), 500)
            .expect("references")
    }

    pub fn release(&self) -> GuardOutcome {
        self.engine().settle_guard(self.job_id).expect("settled");
        self.engine()
            .release_settled(&self.job())
            .expect("released")
    }

    /// Does what the server's loop of a job does until nothing is left to do now.
    pub fn catch_up(&mut self) {
        for _ in 0..10_000 {
            if self.export() > 0 {
                continue;
            }
            let woken = self.engine().wake().expect("wake");
            if self.plan() > 0 || woken || self.plan_references().links > 0 {
                continue;
            }
            if matches!(self.release(), GuardOutcome::Released(n) if n > 0) {
                continue;
            }
            return;
        }
        panic!("the job never comes to rest");
    }

    /// The source holds these, and the target has all of it.
    pub fn start_with(&mut self, entries: &[Entry]) {
        assert_eq!(self.read_full(entries), None);
        self.catch_up();
    }

    /// Names of the members of a group in the target, sorted.
    pub fn members(&self, number: u16) -> Vec<String> {
        let (_, group) = self
            .target
            .by_anchor(&anchor(number).base64())
            .expect("in the target");
        let name = |id: &String| {
            self.target.objects[id]
                .attributes
                .text("displayName")
                .unwrap_or("?")
                .to_owned()
        };
        let mut names: Vec<_> = group.members.iter().map(name).collect();
        names.sort();
        names
    }

    /// The display name in the target.
    pub fn name_in_target(&self, number: u16) -> Option<String> {
        let (_, held) = self.target.by_anchor(&anchor(number).base64())?;
        held.attributes.text("displayName").map(str::to_owned)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(engine) = &self.engine
            && !std::thread::panicking()
        {
            invariants::check(engine);
        }
    }
}

/// The read spec of the job.
pub fn spec() -> ReadSpec {
    ReadSpec {
        classes: vec!["user".into(), "group".into()],
        attributes: vec!["displayName".into(), "mail".into()],
        links: vec!["member".into()],
        containers: vec![],
    }
}

/// The reference the job flows.
pub fn mapped() -> Vec<MappedReference> {
    vec![MappedReference {
        class: "group".into(),
        source: "member".into(),
        target: "members".into(),
        is_multivalued: true,
    }]
}

/// What the source object wants of the target. `title` is "out": out of scope; "off": disabled; "bad": a mistake.
pub fn wanted(item: &DueItem) -> Wanted {
    let why = |text: &str| Refusal::new(Code::EntrySynchronizationSkipped).with("reason", text);
    match item.source.state {
        ObjectState::Stub | ObjectState::Vanished => return Wanted::Undecided(why("unknown")),
        ObjectState::Deleted => return Wanted::Absent(why("DeletedInSource")),
        ObjectState::Skeleton | ObjectState::Missing => {
            return Wanted::Absent(why("gone"));
        }
        ObjectState::Live => {}
    }
    let attributes = &item.source.attributes;
    let title = attributes.text("title").unwrap_or_default();
    match title {
        "out" => return Wanted::Absent(why("out of scope")),
        "bad" => return Wanted::Faulty(Refusal::new(Code::SchemaInvalid).with("text", "bad")),
        _ => {}
    }
    let is_user = item.source.class.as_deref() == Some("user");
    let mut desired = Desired {
        class: Some(if is_user { "User" } else { "Group" }.into()),
        source_anchor: item.source.anchor.base64(),
        ..Desired::default()
    };
    for name in ["displayName", "mail"] {
        desired
            .attributes
            .set(name, attributes.values(name).unwrap_or_default().to_vec());
    }
    desired
        .attributes
        .set("path", vec![item.source.dn.as_str().into()]);
    desired
        .attributes
        .set("accountEnabled", vec![(title != "off").into()]);
    if let Some(mail) = attributes.text("soft") {
        desired.matching = vec![Lookup::Attribute("User".into(), "mail".into(), mail.into())];
    }
    Wanted::Present(Box::new(desired))
}

/// The item planned against a target, by a job without grace.
pub fn decided(target: &Target, item: DueItem) -> Planned {
    decided_with(target, item, 0, START)
}

/// The item planned against a target, as the server's planner does it.
pub fn decided_with(target: &Target, mut item: DueItem, grace_days: u64, now: i64) -> Planned {
    let mut wanted = wanted(&item);
    let leaves = match &wanted {
        Wanted::Absent(why) => Some(why.clone()),
        _ => None,
    };
    let keeps = item.holds.apply(&mut wanted, &item.view);
    if !(keeps && matches!(wanted, Wanted::Absent(_))) {
        grace::apply(&mut wanted, &item.view, &mut item.leaver, grace_days, now);
    }
    item.why = leaves.filter(|_| matches!(wanted, Wanted::Present(_)));
    let mut decision = decide(&wanted, &item.view, None);
    if let Decision::Ask(questions) = &decision {
        let answers: Answers = questions
            .iter()
            .enumerate()
            .map(|(n, asked)| (n, target.find(asked)))
            .collect();
        decision = decide(&wanted, &item.view, Some(&answers));
    }
    let outcome = match decision {
        Decision::Ask(_) => panic!("asked twice"),
        Decision::Skip(why) => PlannedOutcome::Skip(why),
        Decision::Same(confirmed) => PlannedOutcome::Same(confirmed),
        Decision::Refuse(why) => PlannedOutcome::Refuse(why),
        Decision::Operate(draft) => PlannedOutcome::Operate(draft),
    };
    Planned {
        name: item.source.rdn.clone(),
        item,
        outcome,
        takes_from: None,
    }
}

/// Carries out a ready operation as the server's exporter does: what is unknown is read back first.
pub fn carried_out(target: &mut Target, change: &mut PlannedChange) -> Outcome {
    let is_creation = change.pending.verb == Verb::Create;
    if change.is_unknown
        && let Some(outcome) = settled(target, change)
    {
        if is_creation {
            alone(change);
        }
        return outcome;
    }
    match target.apply(&change.operation()) {
        Outcome::Refused(why) if is_creation && why.code == Code::InvalidAnchor => {
            alone(change);
            target.apply(&change.operation())
        }
        outcome => outcome,
    }
}

/// As the exporter does it: the references of a creation follow by themselves.
fn alone(change: &mut PlannedChange) {
    change.pending.references.clear();
    change.pending.edges.clear();
}

fn settled(target: &Target, change: &PlannedChange) -> Option<Outcome> {
    let pending = &change.pending;
    let lookup = match (&pending.target, pending.verb) {
        (Some(id), verb) if verb != Verb::Create => Lookup::Id(TargetId::from(id.as_str())),
        _ => Lookup::SourceAnchor(pending.class.clone(), pending.source_anchor.clone()),
    };
    let found = target.find(&lookup).into_iter().next();
    let settled = settle(
        pending.verb,
        &pending.attributes,
        &pending.precondition,
        found.as_ref(),
        pending.references.is_empty(),
    );
    match (settled, found) {
        (Settled::NotDone, _) => None,
        (Settled::Differs, _) => Some(Outcome::Stale),
        (Settled::Done, Some(object)) => Some(Outcome::Done {
            target: object.id,
            version: object.version,
        }),
        (Settled::Done, None) => Some(Outcome::Done {
            target: pending.target.clone().unwrap_or_default().into(),
            version: 0,
        }),
    }
}
