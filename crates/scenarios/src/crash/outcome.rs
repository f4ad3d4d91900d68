//! How a run ended: what the directory holds, what is held back, and what the log says was done; comparable between runs.
//!
//! Objects are named by their source anchor, so ids, versions and times of two runs do not matter. Operations are taken
//! apart into single values and references, because a crash may divide the same work otherwise. Trap: the log is also
//! replayed; it must lead to exactly what the directory holds, so a lost or doubled record shows even in a single run.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use directory::{Directory, Kind};
use engine::{Action, Engine, LogQuery, Record, Status};
use jiff::Timestamp;
use sync_core::{id::TargetId, value::Value};

/// One object as the directory holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub kind: String,
    pub is_live: bool,
    pub attributes: BTreeMap<String, String>,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// An object was created, deleted, disabled or restored.
    Object(&'static str, String),
    /// A value was changed: object, attribute, from, to.
    Value(String, String, String, String),
    /// A reference was added or removed: object, attribute, other end.
    Reference(bool, String, String, String),
    /// Something was not done: action, object, code.
    Not(&'static str, String, String),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub objects: BTreeMap<String, Held>,
    pub references: BTreeSet<(String, String, String)>,
    /// What is held: deletions, losses, and what was refused or undone.
    pub staged: BTreeSet<String>,
    /// What was done, and how often.
    pub deeds: BTreeMap<Deed, usize>,
}

fn random_id() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid()
}

impl Outcome {
    /// Of a data directory whose server has ended.
    pub fn of(data: &Path) -> Self {
        let directory = open_directory(data);
        let engine = open_engine(data);
        let records = records(&engine);
        let names = names(&directory, &records);
        let outcome = Self {
            objects: objects(&directory),
            references: references(&directory, &names),
            staged: staged(&engine),
            deeds: deeds(&records, &names),
        };
        outcome.replay(&records, &names);
        outcome
    }

    /// Says what differs from another run, by name; nothing if they ended alike.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut all = Vec::new();
        compare("object", &self.objects, &other.objects, &mut all);
        compare("deed", &self.deeds, &other.deeds, &mut all);
        for (what, a, b) in [("expected only", self, other), ("found only", other, self)] {
            for reference in a.references.difference(&b.references) {
                all.push(format!("reference {what}: {reference:?}"));
            }
            for staged in a.staged.difference(&b.staged) {
                all.push(format!("staged {what}: {staged}"));
            }
        }
        all
    }

    /// Follows the log from nothing: each record must fit what the ones before it led to, and the end is the directory.
    fn replay(&self, records: &[Record], names: &BTreeMap<String, String>) {
        let mut values: BTreeMap<(String, String), String> = BTreeMap::new();
        let mut references: BTreeSet<(String, String, String)> = BTreeSet::new();
        for record in records.iter().filter(|record| was_done(record)) {
            let who = name_of(record);
            for (attribute, old, new) in &record.changes {
                let key = (who.clone(), attribute.to_string());
                let had = values.insert(key, shown(new)).unwrap_or_default();
                let is_new = record.action == Action::Create;
                assert!(
                    is_new || had == shown(old),
                    "{who} {attribute}: log says {old:?}, before it was {had}"
                );
            }
            for note in &record.references {
                for (ids, is_added) in [(&note.removed, false), (&note.added, true)] {
                    for id in ids {
                        let edge = (
                            who.clone(),
                            note.attribute.to_string(),
                            names[&*id.0].clone(),
                        );
                        let fits = if is_added {
                            references.insert(edge.clone())
                        } else {
                            references.remove(&edge)
                        };
                        assert!(
                            fits,
                            "logged twice, or out of order: {edge:?} added: {is_added}"
                        );
                    }
                }
            }
            // A group or contact that is deleted takes its references with it.
            if record.action == Action::Delete && record.class != "user" {
                references.retain(|(from, _, to)| *from != who && *to != who);
                values.retain(|(object, _), _| *object != who);
            }
        }
        for ((who, attribute), value) in &values {
            let held = self
                .objects
                .get(who)
                .unwrap_or_else(|| panic!("{who} is in the log only"));
            let holds = held.attributes.get(attribute).cloned().unwrap_or_default();
            assert_eq!(*value, holds, "{who} {attribute}: the log leads elsewhere");
        }
        let is_shown = |end: &String| self.objects.get(end).is_some_and(|held| held.is_live);
        references.retain(|(from, _, to)| is_shown(from) && is_shown(to));
        assert_eq!(
            references, self.references,
            "the log leads to other references"
        );
    }
}

fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
    all: &mut Vec<String>,
) {
    let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let (expected, found) = (expected.get(key), found.get(key));
        if expected != found {
            all.push(format!(
                "{what} {key:?}: expected {expected:?}, found {found:?}"
            ));
        }
    }
}

fn open_directory(data: &Path) -> Directory {
    let seed = directory::TenantSeed {
        id: None,
        display_name: "unused".into(),
        initial_domain: "unused.example".into(),
    };
    let options = directory::Options::new(Arc::new(Timestamp::now), Arc::new(random_id), seed);
    Directory::open(data.join("directory.db"), options).unwrap()
}

fn open_engine(data: &Path) -> Engine {
    let options = engine::Options {
        clock: Arc::new(|| Timestamp::now().as_millisecond()),
        ids: Arc::new(random_id),
        commit_hook: None,
    };
    Engine::open(data, options).unwrap()
}

fn records(engine: &Engine) -> Vec<Record> {
    let query = LogQuery {
        ascending: true,
        limit: 1_000_000,
        ..LogQuery::default()
    };
    engine.log(&query).unwrap().records
}

fn name_of(record: &Record) -> String {
    record.anchor.base64()
}

/// Anchors by target id, from the directory and, for what is gone, from the log.
fn names(directory: &Directory, records: &[Record]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for record in records {
        if let Some(target) = &record.target {
            names.insert(target.clone(), name_of(record));
        }
    }
    let each = |object: directory::Object| {
        let anchor = object.text("onPremisesImmutableId").unwrap_or_default();
        names.insert(object.id.to_string(), anchor.to_owned());
        true
    };
    directory.scan(&directory.administrator(), each).unwrap();
    names
}

fn objects(directory: &Directory) -> BTreeMap<String, Held> {
    let mut objects = BTreeMap::new();
    let each = |object: directory::Object| {
        let anchor = object
            .text("onPremisesImmutableId")
            .unwrap_or_default()
            .to_owned();
        let attributes = connectors::directory::attributes_of(&object);
        let held = Held {
            kind: Kind::as_str(object.kind).to_owned(),
            is_live: object.is_live(),
            attributes: attributes
                .iter()
                .map(|(name, values)| (name.to_string(), shown(values)))
                .collect(),
        };
        let twice = objects.insert(anchor.clone(), held);
        assert!(twice.is_none(), "two objects have the anchor {anchor:?}");
        true
    };
    directory.scan(&directory.administrator(), each).unwrap();
    objects
}

fn references(
    directory: &Directory,
    names: &BTreeMap<String, String>,
) -> BTreeSet<(String, String, String)> {
    let mut references = BTreeSet::new();
    let each = |source: uuid::Uuid, attribute: &'static str, target: uuid::Uuid| {
        let name = |id: uuid::Uuid| names[&id.to_string()].clone();
        references.insert((name(source), attribute.to_owned(), name(target)));
        true
    };
    directory
        .scan_references(&directory.administrator(), each)
        .unwrap();
    references
}

fn staged(engine: &Engine) -> BTreeSet<String> {
    let jobs = engine.jobs().unwrap();
    let staged = engine.staged_deletes(jobs[0].id, 0, 100_000).unwrap();
    let mut all: BTreeSet<String> = staged
        .iter()
        .map(|one| format!("{:?} {} {}", one.verb, one.name, one.state.name()))
        .collect();
    for loss in engine.staged_losses(jobs[0].id, 0, 100_000).unwrap() {
        all.insert(format!("{} {:?}", loss.state.name(), loss.what));
    }
    for link in engine.held_links(jobs[0].id, 0, 100_000).unwrap() {
        for hold in engine.holds_of(link).unwrap() {
            let object = engine.space_object(engine::object_of(link)).unwrap();
            let anchor = object.map(|object| object.object.anchor.base64());
            all.insert(format!("{:?} {anchor:?} {:?}", hold.state, hold.what));
        }
    }
    all
}

fn shown(values: &[Value]) -> String {
    let mut texts: Vec<String> = values.iter().map(Value::display).collect();
    texts.sort();
    texts.join("|")
}

fn deeds(records: &[Record], names: &BTreeMap<String, String>) -> BTreeMap<Deed, usize> {
    let mut deeds: BTreeMap<Deed, usize> = BTreeMap::new();
    let mut add = |deed: Deed| *deeds.entry(deed).or_default() += 1;
    for record in records {
        let who = || name_of(record);
        if !was_done(record) {
            let code = record.refusal.as_ref().map(|why| why.code.to_string());
            add(Deed::Not(
                record.action.name(),
                who(),
                code.unwrap_or_default(),
            ));
            continue;
        }
        if record.action != Action::Update {
            add(Deed::Object(record.action.name(), who()));
        }
        for (attribute, old, new) in &record.changes {
            add(Deed::Value(
                who(),
                attribute.to_string(),
                shown(old),
                shown(new),
            ));
        }
        for note in &record.references {
            let other = |id: &TargetId| names[&*id.0].clone();
            for (ids, is_added) in [(&note.removed, false), (&note.added, true)] {
                for id in ids {
                    add(Deed::Reference(
                        is_added,
                        who(),
                        note.attribute.to_string(),
                        other(id),
                    ));
                }
            }
        }
        let is_empty = record.changes.is_empty() && record.references.is_empty();
        if record.action == Action::Update && is_empty {
            add(Deed::Object("update", who()));
        }
    }
    deeds
}

/// Whether a record tells of something the target holds since: also where a value was set aside.
fn was_done(record: &Record) -> bool {
    matches!(record.status, Status::Success | Status::Warning)
}
