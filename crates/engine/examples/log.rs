//! What the provisioning log costs: `log [RECORDS] [OBJECTS] [FOLDER] [BATCH]` fills a connector space, writes records as outcomes
//! would, and tells bytes and processor time for each, and how long it takes to find the records of one object by its objectGUID
//! among all of them.
//!
//! A folder that is named is kept; where it holds a log already, that is asked and nothing is written. Trap: what was just
//! written is in the page cache; `echo 3 > /proc/sys/vm/drop_caches` before asking again tells of a disk that nobody read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine::{
    Action, Engine, JobRow, JobSettings, LogQuery, NewConnector, NewJob, Options, ReadResult,
    Record, Status,
};
use sync_core::{
    id::{Anchor, LinkId},
    object::{Entry, EntryKind, ReadSpec},
    value::{Attributes, Value, Values},
};

/// 2026-01-01, unix ms.
const START: i64 = 1_767_225_600_000;
/// Records in one transaction; the disk is waited for once for each.
const BATCH: usize = 500;
const QUESTIONS: usize = 2_000;

fn main() {
    let mut words = std::env::args().skip(1);
    let mut number = |usual: u64| {
        words
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(usual)
    };
    let (records, objects) = (number(1_000_000), number(100_000));
    let folder = words.next().map(std::path::PathBuf::from);
    let directory = tempfile::tempdir_in(".").unwrap();
    let place = folder.as_deref().unwrap_or(directory.path());
    std::fs::create_dir_all(place).unwrap();
    let batch = words
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(BATCH);
    let engine = Engine::open(place, options()).unwrap();
    if engine.jobs().unwrap().is_empty() {
        let job = job(&engine);
        fill(&engine, &job, objects);
        write(&engine, job.id.0, (records, objects), batch);
    }
    ask(&engine, objects);
}

/// Fills the connector space, so that objects are found by their anchors as an administrator asks for them.
fn fill(engine: &Engine, job: &JobRow, objects: u64) {
    let spec = ReadSpec {
        classes: vec!["user".into()],
        attributes: vec!["displayName".into()],
        links: vec![],
        containers: vec![],
    };
    let order = engine.begin_read(job.source, &spec).unwrap();
    let all: Vec<u64> = (0..objects).collect();
    for (number, page) in all.chunks(1_000).enumerate() {
        let entries: Vec<Entry> = page.iter().map(|object| entry(*object)).collect();
        let number = u32::try_from(number).unwrap();
        engine.observe(order.read, number, &entries, None).unwrap();
    }
    let result = ReadResult::complete(b"end");
    engine.end_read(order.read, &result).unwrap();
}

fn entry(object: u64) -> Entry {
    let name = format!("Person {object}");
    let values = [("displayName", vec![Value::text(name.as_str())])];
    Entry {
        class: Some("user".into()),
        rdn: Some(format!("CN={name}").into()),
        attributes: values.into_iter().collect::<Attributes>(),
        ..Entry::new(anchor(object), EntryKind::Whole)
    }
}

/// An objectGUID is random, so neighbours in it are not neighbours in time.
fn anchor(object: u64) -> Anchor {
    let scattered = object.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&scattered.to_be_bytes());
    bytes[8..].copy_from_slice(&object.to_le_bytes());
    Anchor::new(bytes)
}

/// The link of an object of this anchor, looked for in every connector space.
fn found_by_anchor(engine: &Engine, anchor: &Anchor) -> Option<LinkId> {
    let job = engine.jobs().unwrap().first()?.id;
    let spaces = engine.connectors().unwrap();
    let object = spaces
        .iter()
        .find_map(|space| engine.object_by_anchor(space.id, anchor).unwrap())?;
    Some(engine::link_id(job, object))
}

/// Records: first one of everybody, then of whoever it is.
fn records_of(job: i64, records: u64, objects: u64) -> impl Iterator<Item = Record> {
    let mut random = 7_u64;
    (0..records).map(move |number| {
        let object = match number < objects {
            true => number,
            false => next(&mut random) % objects,
        };
        record(job, number, object, number < objects)
    })
}

/// Writes the records, and tells what they cost besides being made up.
// LONG: one story, told in order.
fn write(engine: &Engine, job: i64, (records, objects): (u64, u64), size: usize) {
    let begun = processor();
    for record in records_of(job, records, objects) {
        std::hint::black_box(record);
    }
    let making = processor().saturating_sub(begun);
    let (wall, begun) = (Instant::now(), processor());
    let mut batch = Vec::with_capacity(size);
    for (number, record) in records_of(job, records, objects).enumerate() {
        batch.push(record);
        if batch.len() == size {
            engine.add_records(std::mem::take(&mut batch)).unwrap();
        }
        if number % 100_000 == 0 {
            while engine.compact_log().unwrap() {}
        }
    }
    engine.add_records(batch).unwrap();
    let spent = processor().saturating_sub(begun).saturating_sub(making);
    let size = engine.log_size().unwrap();
    let of = |total: u64| total as f64 / records as f64;
    println!(
        "records {records}, objects {objects}, {:.0} s",
        wall.elapsed().as_secs_f64()
    );
    println!("bytes for each, in segments: {:.1}", of(size.bytes));
    let file = std::fs::metadata(engine.path()).unwrap().len();
    println!("bytes for each, of the whole file: {:.1}", of(file));
    println!(
        "processor time for each: {:.2} us",
        spent.as_secs_f64() * 1e6 / records as f64
    );
}

/// Asks for the records of objects chosen at random.
fn ask(engine: &Engine, objects: u64) {
    let mut random = 11_u64;
    let mut times: Vec<Duration> = Vec::with_capacity(QUESTIONS);
    let mut found = 0;
    for _ in 0..QUESTIONS {
        let asked = anchor(next(&mut random) % objects);
        let at = Instant::now();
        let link = found_by_anchor(engine, &asked);
        assert!(link.is_some(), "nobody has this objectGUID");
        let query = LogQuery {
            link,
            limit: 100,
            ..LogQuery::default()
        };
        let records = engine.log(&query).unwrap().records;
        times.push(at.elapsed());
        assert!(records.iter().all(|record| record.anchor == asked));
        found += records.len();
    }
    times.sort_unstable();
    let at = |part: usize| times[(QUESTIONS * part / 1_000).min(QUESTIONS - 1)].as_secs_f64() * 1e3;
    println!(
        "records of one object ({:.1} on average): p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        found as f64 / QUESTIONS as f64,
        at(500),
        at(990),
        at(1_000),
    );
}

/// A clock that moves on with every look, and ids in order.
fn options() -> Options {
    let (clock, ids) = (AtomicI64::new(START), AtomicU64::new(1));
    Options {
        clock: Arc::new(move || clock.fetch_add(20, Ordering::Relaxed)),
        ids: Arc::new(move || {
            uuid::Uuid::from_u128(u128::from(ids.fetch_add(1, Ordering::Relaxed)))
        }),
        commit_hook: None,
    }
}

fn job(engine: &Engine) -> JobRow {
    let connector = |name: &str| {
        let new = NewConnector {
            name: name.into(),
            kind: "ad".into(),
            config: serde_json::json!({}),
        };
        engine.create_connector(&new).unwrap().id
    };
    let new = NewJob {
        name: "job".into(),
        source: connector("source"),
        target: connector("target"),
        rules: "{}".into(),
        settings: JobSettings::default(),
    };
    engine.create_job(&new).unwrap()
}

fn link(job: i64, object: u64) -> LinkId {
    LinkId((job << 40) | object.cast_signed().saturating_add(1))
}

/// A creation with a dozen values, or a change of two.
fn record(job: i64, number: u64, object: u64, is_new: bool) -> Record {
    let text = |name: &str| {
        Values::from([Value::text(format!("{name} {} of {object}", number % 977))].as_slice())
    };
    let none = || Values::from([].as_slice());
    let names: &[&str] = match is_new {
        true => &[
            "displayName",
            "givenName",
            "surname",
            "userPrincipalName",
            "mail",
            "mailNickname",
            "department",
            "jobTitle",
            "city",
            "country",
            "telephoneNumber",
            "employeeId",
        ],
        false => &["department", "jobTitle"],
    };
    let change = |name: &&str| match is_new {
        true => ((*name).into(), none(), text(name)),
        false => ((*name).into(), text("before"), text(name)),
    };
    let at = START + number.cast_signed();
    Record {
        sequence: 0,
        at,
        since: at - 20,
        link: link(job, object).0,
        job,
        action: if is_new {
            Action::Create
        } else {
            Action::Update
        },
        status: Status::Success,
        class: "user".into(),
        name: format!("Person {object}"),
        anchor: anchor(object),
        target: Some(format!("6c409270-f78a-4bc6-af23-{object:012x}")),
        refusal: None,
        changes: names.iter().map(change).collect(),
        references: Vec::new(),
        reasons: 1,
        cycle: uuid::Uuid::nil(),
    }
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Processor time of this process so far.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
