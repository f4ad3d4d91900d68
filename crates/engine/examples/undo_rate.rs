//! How long an undo of many changes takes: planned from the log, stored, planned anew and carried out.
//!
//! `cargo run --release -p engine --example undo_rate [CHANGES]`. The target answers at once, so what is measured is the
//! engine with its store on disk. Trap: a third of the changes are deletions with memberships, a third are new values, a
//! third are memberships that were removed.
#![allow(clippy::disallowed_methods)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use engine::{
    Engine, JobSettings, MappedReference, NewConnector, NewJob, Options, Planned, PlannedOutcome,
    ReadResult, UndoQuery,
};
use sync_core::{
    guard::{Prevention, PreventionKind},
    id::Anchor,
    object::{Entry, EntryKind, LinkChange, ReadSpec},
    operation::{Outcome, Refusal, TargetObject},
    plan::{Answers, Decision, Desired, Wanted, decide},
    value::Attributes,
};

type Failure = Box<dyn std::error::Error>;

const MEMBERS: usize = 50;

fn anchor(number: usize) -> Anchor {
    let mut bytes = [0_u8; 16];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Anchor::new(bytes)
}

fn texts(pairs: &[(&str, &str)]) -> Attributes {
    let pairs = pairs.iter();
    pairs
        .map(|(name, text)| (*name, vec![(*text).into()]))
        .collect()
}

fn whole(number: usize, class: &str, title: &str) -> Entry {
    let name = format!("Person {number}");
    let mail = format!("person{number}@canal.example");
    Entry {
        class: Some(class.into()),
        rdn: Some(format!("CN={name}").into()),
        attributes: texts(&[("displayName", &name), ("mail", &mail), ("title", title)]),
        ..Entry::new(anchor(number), EntryKind::Whole)
    }
}

/// What the default rules would want, as far as it matters here.
fn wanted(item: &engine::DueItem) -> Wanted {
    if item.source.state == engine::ObjectState::Deleted {
        let why = Refusal::new(sync_core::code::Code::EntrySynchronizationSkipped);
        return Wanted::Absent(why.with("reason", "DeletedInSource"));
    }
    let is_user = item.source.class.as_deref() == Some("user");
    Wanted::Present(Box::new(Desired {
        class: Some(if is_user { "User" } else { "Group" }.into()),
        source_anchor: item.source.anchor.base64(),
        attributes: item.source.attributes.clone(),
        ..Desired::default()
    }))
}

struct Setting {
    engine: Engine,
    job: engine::JobRow,
    mapped: Vec<MappedReference>,
}

impl Setting {
    fn read(&self, entries: &[Entry], is_full: bool) -> Result<(), Failure> {
        let spec = ReadSpec {
            classes: vec!["user".into(), "group".into()],
            attributes: vec!["displayName".into(), "mail".into(), "title".into()],
            links: vec!["member".into()],
            containers: vec![],
        };
        let order = self.engine.begin_read(self.job.source, &spec)?;
        for (number, page) in entries.chunks(1_000).enumerate() {
            let number = u32::try_from(number)?;
            let mark = (!is_full).then_some(&b"p"[..]);
            self.engine.observe(order.read, number, page, mark)?;
        }
        self.engine
            .end_read(order.read, &ReadResult::complete(b"end"))?;
        Ok(())
    }

    /// What the target answers: who was deleted is there, softly deleted.
    fn answer(item: &engine::DueItem) -> Answers {
        let found = item.view.target.clone().map(|id| TargetObject {
            id,
            class: "User".into(),
            version: item.view.version,
            is_deleted: true,
            source_anchor: Some(item.source.anchor.base64()),
            attributes: Attributes::new(),
        });
        found.map(|found| (0, vec![found])).into_iter().collect()
    }

    fn plan(&self, mut item: engine::DueItem) -> Planned {
        let mut wanted = wanted(&item);
        item.holds.apply(&mut wanted, &item.view);
        let mut decision = decide(&wanted, &item.view, None);
        if let Decision::Ask(_) = decision {
            decision = decide(&wanted, &item.view, Some(&Self::answer(&item)));
        }
        let outcome = match decision {
            Decision::Ask(_) => {
                PlannedOutcome::Refuse(Refusal::new(sync_core::code::Code::InternalFault))
            }
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

    fn catch_up(&self) -> Result<usize, Failure> {
        let mut operations = 0;
        loop {
            let items = self.engine.take_due(self.job.id, 2_000)?;
            let mut did = items.len();
            let plans: Vec<_> = items.into_iter().map(|item| self.plan(item)).collect();
            self.engine.store_plans(&self.job, &plans, &[])?;
            did += self
                .engine
                .plan_references(&self.job, &self.mapped, 2_000)?
                .links;
            self.engine.release_settled(&self.job)?;
            let ready = self.engine.take_ready(self.job.id, 2_000)?;
            did += ready.len();
            operations += ready.len();
            let outcomes: Vec<_> = ready
                .into_iter()
                .map(|change| {
                    let id = change.pending.target.clone();
                    let id = id.unwrap_or_else(|| format!("t{}", change.link.0));
                    let done = Outcome::Done {
                        target: id.into(),
                        version: u64::from(change.generation),
                    };
                    (change, done)
                })
                .collect();
            self.engine.report(&self.job, &outcomes)?;
            if did == 0 {
                return Ok(operations);
            }
        }
    }
}

fn setting(directory: &std::path::Path) -> Result<Setting, Failure> {
    let begun = Instant::now();
    let options = Options {
        clock: Arc::new(move || {
            1_700_000_000_000 + i64::try_from(begun.elapsed().as_millis()).unwrap_or(0)
        }),
        ids: Arc::new(uuid::Uuid::nil),
        commit_hook: None,
    };
    let engine = Engine::open(directory, options)?;
    let connector = |name: &str| NewConnector {
        name: name.into(),
        kind: "ad".into(),
        config: serde_json::json!({}),
    };
    let source = engine.create_connector(&connector("source"))?;
    let unprotected = Prevention {
        kind: PreventionKind::Disabled,
        threshold: 0,
    };
    engine.set_deletion_prevention(&unprotected, "bench")?;
    let job = engine.create_job(&NewJob {
        name: "job".into(),
        source: source.id,
        target: source.id,
        rules: "{}".into(),
        settings: JobSettings {
            delete_threshold: 0,
            delete_threshold_percent: 0,
            group_threshold_percent: 0,
            membership_threshold: 0,
            settle_seconds: 0,
            ..JobSettings::default()
        },
    })?;
    Ok(Setting {
        engine,
        job,
        mapped: vec![MappedReference {
            class: "group".into(),
            source: "member".into(),
            target: "members".into(),
            is_multivalued: true,
        }],
    })
}

fn main() -> Result<(), Failure> {
    let changes: usize = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |text| text.parse())?;
    let each = changes / 3;
    let directory = tempfile::tempdir()?;
    let setting = setting(directory.path())?;
    let mut all: Vec<Entry> = (0..each * 3).map(|n| whole(n, "user", "Clerk")).collect();
    let groups = each * 3 / MEMBERS;
    all.extend((0..groups).map(|group| Entry {
        links: vec![LinkChange {
            attribute: "member".into(),
            complete: true,
            added: (0..MEMBERS).map(|n| anchor(group * MEMBERS + n)).collect(),
            removed: vec![],
        }],
        ..whole(1_000_000 + group, "group", "Crew")
    }));
    setting.read(&all, true)?;
    setting.catch_up()?;
    std::thread::sleep(Duration::from_millis(5));
    let since = setting.engine.now();
    // A third is deleted, a third gets another title, of a third the memberships are removed.
    let mut change: Vec<Entry> = (0..each)
        .map(|n| Entry::new(anchor(n), EntryKind::Deleted))
        .collect();
    change.extend((each..2 * each).map(|n| whole(n, "user", "Wrong")));
    change.extend((0..groups).map(|group| Entry {
        links: vec![LinkChange {
            attribute: "member".into(),
            complete: false,
            added: vec![],
            removed: (0..MEMBERS)
                .map(|n| group * MEMBERS + n)
                .filter(|n| *n >= 2 * each)
                .map(anchor)
                .collect(),
        }],
        ..Entry::new(anchor(1_000_000 + group), EntryKind::Part)
    }));
    setting.read(&change, false)?;
    let done = setting.catch_up()?;
    let begun = Instant::now();
    let query = UndoQuery {
        since: Some(since),
        ..UndoQuery::default()
    };
    let plan = setting
        .engine
        .plan_undo(&setting.job, &query, &setting.mapped)?;
    let planned = begun.elapsed();
    let references: usize = plan.items.iter().map(|item| item.references.len()).sum();
    setting
        .engine
        .undo(&setting.job, &plan, "bench", "everything")?;
    let stored = begun.elapsed();
    let operations = setting.catch_up()?;
    let whole = begun.elapsed();
    println!(
        "{done} operations to undo: {} objects, {references} references; planned in {planned:?}, stored after {stored:?}, \
         carried out in {operations} operations after {whole:?}",
        plan.items.len(),
    );
    let again = setting
        .engine
        .plan_undo(&setting.job, &query, &setting.mapped)?;
    println!("left to undo: {}", again.items.len());
    Ok(())
}
