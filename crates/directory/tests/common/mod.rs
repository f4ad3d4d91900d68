//! A directory in a folder of its own, with a clock and ids that a test controls.
#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use directory::{
    Attributes, Directory, Kind, Operation, Options, Outcome, TenantSeed, Value, Writer,
};
use jiff::Timestamp;
use uuid::Uuid;

pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub struct Bench {
    folder: tempfile::TempDir,
    pub clock: Arc<AtomicI64>,
    pub ids: Arc<AtomicU64>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(AtomicI64::new(1_700_000_000_000)),
            ids: Arc::new(AtomicU64::new(1)),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("directory.sqlite")
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    pub fn pass(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn options(&self) -> Options {
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Options::new(
            Arc::new(move || Timestamp::from_millisecond(clock.load(Ordering::SeqCst)).unwrap()),
            Arc::new(move || scattered(ids.fetch_add(1, Ordering::SeqCst))),
            TenantSeed {
                id: None,
                display_name: "Contoso".to_owned(),
                initial_domain: "contoso.hybridge.example".to_owned(),
            },
        )
    }

    pub fn open(&self) -> Directory {
        let directory = Directory::open(self.path(), self.options()).unwrap();
        directory
            .add_verified_domain(&directory.administrator(), "contoso.com")
            .unwrap();
        directory
    }
}

/// Ids that, like random ones, do not ascend.
pub fn scattered(number: u64) -> Uuid {
    let high = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Uuid::from_u64_pair(high, number)
}

pub fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

pub fn texts(values: &[&str]) -> Value {
    Value::Texts(values.iter().map(|&value| value.into()).collect())
}

pub fn user(nickname: &str) -> Attributes {
    let mut user = attributes(&[
        ("userPrincipalName", &format!("{nickname}@contoso.com")),
        ("displayName", nickname),
        ("mailNickname", nickname),
        ("onPremisesImmutableId", &format!("anchor {nickname}")),
    ]);
    user.insert(
        "proxyAddresses".to_owned(),
        texts(&[&format!("SMTP:{nickname}@contoso.com")]),
    );
    user
}

pub fn create(kind: Kind, attributes: Attributes) -> Operation {
    Operation::Create {
        kind,
        attributes,
        references: Vec::new(),
    }
}

pub fn update(id: Uuid, set: Attributes) -> Operation {
    Operation::Update {
        id,
        expected_version: None,
        set,
        references: Vec::new(),
    }
}

pub fn group(nickname: &str) -> Operation {
    create(
        Kind::Group,
        attributes(&[("displayName", nickname), ("mailNickname", nickname)]),
    )
}

pub fn one(directory: &Directory, writer: &Writer, operation: Operation) -> Outcome {
    directory.apply(writer, vec![operation]).unwrap().remove(0)
}

pub fn done(directory: &Directory, operation: Operation) -> Uuid {
    let outcome = one(directory, &directory.administrator().writer(), operation);
    outcome.done().unwrap_or_else(|| panic!("{outcome:?}")).0
}

pub fn code(directory: &Directory, operation: Operation) -> &'static str {
    let outcome = one(directory, &directory.administrator().writer(), operation);
    outcome.refusal().map_or("done", directory::Refusal::code)
}
