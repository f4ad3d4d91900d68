//! The file: lock, reopening, damage, newer schema, crash between commits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::os::unix::fs::FileExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Bench, create, done, user};
use directory::{Directory, FileCheck, Kind, LookupKey, OpenError};

#[test]
fn what_was_written_is_there_after_reopening() {
    let bench = Bench::new();
    let directory = bench.open();
    let id = done(&directory, create(Kind::User, user("anna")));
    let tenant = directory.tenant(&directory.administrator()).unwrap();
    directory.close().unwrap();

    let directory = bench.open();
    let caller = directory.administrator();
    let found = directory.get(&caller, id).unwrap().unwrap();
    assert_eq!(found.text("displayName"), Some("anna"));
    assert_eq!(directory.tenant(&caller).unwrap(), tenant);
    assert_eq!(
        directory.verified_domains(&caller).unwrap(),
        ["contoso.com", "contoso.hybridge.example"]
    );
    assert!(directory.sequence(&caller).unwrap() >= found.version);
}

#[test]
fn a_second_opener_is_refused_until_the_first_closes() {
    let bench = Bench::new();
    let directory = bench.open();
    let second = Directory::open(bench.path(), bench.options());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    assert!(
        second
            .unwrap_err()
            .to_string()
            .contains("in use by another process")
    );
    directory.close().unwrap();
    Directory::open(bench.path(), bench.options()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let bench = Bench::new();
    bench.open().close().unwrap();
    let raw = rusqlite::Connection::open(bench.path()).unwrap();
    raw.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (99, 'future', '2030-01-01T00:00:00Z', '1')",
        [],
    )
    .unwrap();
    drop(raw);
    let error = Directory::open(bench.path(), bench.options()).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::NewerSchema {
                found: 99,
                supported: 40,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn files_of_other_programs_are_refused() {
    let bench = Bench::new();
    let raw = rusqlite::Connection::open(bench.path()).unwrap();
    raw.execute_batch("CREATE TABLE songs (title TEXT)")
        .unwrap();
    drop(raw);
    let error = Directory::open(bench.path(), bench.options()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");

    let bench = Bench::new();
    std::fs::write(
        bench.path(),
        b"this is a letter, not a database".repeat(100),
    )
    .unwrap();
    let error = Directory::open(bench.path(), bench.options()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(
        error.to_string().contains("restore it from a backup"),
        "{error}"
    );
}

#[test]
fn damage_inside_the_file_is_found_by_the_check() {
    let bench = Bench::new();
    let directory = bench.open();
    for number in 0..200 {
        done(
            &directory,
            create(Kind::User, user(&format!("user{number}"))),
        );
    }
    directory.close().unwrap();
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(bench.path())
        .unwrap();
    let pages = file.metadata().unwrap().len() / 8192;
    for page in 2..pages {
        file.write_all_at(&[0xA5; 512], page * 8192).unwrap();
    }
    drop(file);
    let mut options = bench.options();
    options.file_check = FileCheck::Always;
    let error = Directory::open(bench.path(), options).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_missing_folder_is_named() {
    let bench = Bench::new();
    let path = bench.path().join("nowhere").join("directory.sqlite");
    let error = Directory::open(&path, bench.options()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[test]
fn an_initial_domain_must_be_a_domain() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.tenant.initial_domain = "not a domain".to_owned();
    let error = Directory::open(bench.path(), options).unwrap_err();
    assert!(matches!(error, OpenError::InvalidOptions(_)), "{error:?}");
}

/// Dies at `edge`, then reopens; says whether the user is there.
fn survives_dying_at(edge: &'static str) -> bool {
    let bench = Bench::new();
    bench.open().close().unwrap();
    let is_armed = Arc::new(AtomicBool::new(false));
    let mut options = bench.options();
    let armed = Arc::clone(&is_armed);
    options.commit_hook = Some(Arc::new(move |at| {
        assert!(
            !(at == edge && armed.load(Ordering::SeqCst)),
            "killed at {at}"
        );
    }));
    let directory = Directory::open(bench.path(), options).unwrap();
    is_armed.store(true, Ordering::SeqCst);
    let death = std::panic::catch_unwind(AssertUnwindSafe(|| {
        done(&directory, create(Kind::User, user("anna")))
    }));
    assert!(death.is_err());
    drop(directory); // without closing: the mark of the open file stays

    let directory = Directory::open(bench.path(), bench.options()).unwrap();
    let key = LookupKey::UserPrincipalName("anna@contoso.com".to_owned());
    let found = directory
        .get_by(&directory.administrator(), None, key)
        .unwrap();
    done(&directory, create(Kind::User, user("next")));
    found.is_some()
}

#[test]
fn dying_before_a_commit_loses_the_batch_and_after_it_nothing() {
    assert!(!survives_dying_at("directory.apply.before_commit"));
    assert!(survives_dying_at("directory.apply.after_commit"));
}

#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let directory = bench.open();
    done(&directory, create(Kind::User, user("anna")));
    for entry in std::fs::read_dir(bench.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            entry.path()
        );
    }
}

#[test]
fn pages_are_eight_kibibytes_and_the_log_is_written_ahead() {
    let bench = Bench::new();
    bench.open().close().unwrap();
    let raw = rusqlite::Connection::open(bench.path()).unwrap();
    let page_size: i64 = raw
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .unwrap();
    let journal: String = raw
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!((page_size, journal.as_str()), (8192, "wal"));
    drop(raw);
    let left: Vec<_> = std::fs::read_dir(bench.path().parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(
        left.len(),
        2,
        "closed properly, only the file and its lock remain: {left:?}"
    );
}
