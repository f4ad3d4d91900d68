//! Opening, and what a store that cannot be opened says; backup; transactions.

use std::{fs, path::Path};

use engine::{Engine, OpenError, StoreError};
use sync_core::code::Code;

use super::{
    bench::Bench,
    invariants,
    source::{group, user, with},
};

fn fault(bench: &Bench, directory: &Path) -> OpenError {
    match Engine::open(directory, bench.options()) {
        Ok(_) => panic!("it opens"),
        Err(error) => error,
    }
}

#[test]
fn a_store_in_use_is_locked_and_free_again_afterwards() {
    let mut bench = Bench::new();
    let error = fault(&bench, bench.directory.path());
    assert_eq!(error.code(), Code::StoreLocked);
    bench.close();
    assert!(
        !bench.directory.path().join("engine.db-wal").exists(),
        "a closed store is one file"
    );
    bench.restart();
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let mut bench = Bench::new();
    bench.close();
    let file = bench.directory.path().join("engine.db");
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')",
        [],
    )
    .unwrap();
    drop(raw);
    let error = fault(&bench, bench.directory.path());
    assert!(
        matches!(&error, OpenError::Newer { have: 99, .. }),
        "{error}"
    );
    assert_eq!(error.code(), Code::StoreNewer);
}

#[test]
fn a_file_that_is_no_store_is_damaged() {
    let mut bench = Bench::new();
    bench.close();
    fs::write(
        bench.directory.path().join("engine.db"),
        vec![b'x'; 100_000],
    )
    .unwrap();
    assert_eq!(
        fault(&bench, bench.directory.path()).code(),
        Code::StoreDamaged
    );
}

#[test]
fn a_store_with_overwritten_pages_is_damaged_or_says_so_when_read() {
    let mut bench = Bench::new();
    bench.start_with(&(1..200).map(|n| user(n, "u")).collect::<Vec<_>>());
    bench.close();
    let file = bench.directory.path().join("engine.db");
    let mut bytes = fs::read(&file).unwrap();
    bytes[8_192..].fill(0xA5);
    fs::write(&file, bytes).unwrap();
    assert_eq!(
        fault(&bench, bench.directory.path()).code(),
        Code::StoreDamaged
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let bench = Bench::new();
    let file = bench.directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = fault(&bench, &file.join("below"));
    assert_eq!(error.code(), Code::StoreUnwritable);
    assert!(error.to_string().contains("below"));
    let taken = bench.directory.path().join("taken");
    fs::create_dir_all(taken.join("engine.db")).unwrap();
    assert_eq!(fault(&bench, &taken).code(), Code::StoreUnwritable);
}

#[test]
fn a_backup_taken_while_running_opens_and_holds_the_same() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2]), user(2, "a")]);
    let place = bench.directory.path().join("backup");
    fs::create_dir_all(&place).unwrap();
    bench.engine().backup(&place.join("engine.db")).unwrap();
    bench.delta(&[user(3, "after")]);
    let copy = Engine::open(&place, bench.options()).unwrap();
    invariants::check(&copy);
    let job = copy.job_named("job").unwrap();
    assert_eq!(copy.linked_count(job.id).unwrap(), 2);
    let known = copy
        .object_by_anchor(bench.source_id, &super::source::anchor(3))
        .unwrap();
    assert_eq!(known, None);
    assert_eq!(copy.log_end().unwrap(), bench.engine().log_end().unwrap());
}

#[test]
fn a_transaction_that_fails_leaves_nothing_behind_not_even_names() {
    let bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    let e = bench.engine();
    e.read(|c| Ok(c.execute_batch("SELECT 1")?)).unwrap();
    let order = e
        .begin_read(bench.source_id, &super::bench::spec())
        .unwrap();
    let raw = rusqlite::Connection::open(e.path()).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER no BEFORE INSERT ON object BEGIN SELECT raise(FAIL, 'no'); END",
    )
    .unwrap();
    let new = with(user(2, "b"), &[("neverSeenBefore", "x")]);
    let result = e.observe(order.read, 0, &[with(user(1, "z"), &[]), new.clone()], None);
    assert!(result.is_err());
    assert_eq!(
        bench.item(1).source.attributes.text("displayName"),
        Some("a")
    );
    assert_eq!(e.name_id("neverSeenBefore"), None);
    raw.execute_batch("DROP TRIGGER no").unwrap();
    e.observe(order.read, 0, &[new], None).unwrap();
    assert_eq!(
        bench.item(2).source.attributes.text("neverSeenBefore"),
        Some("x")
    );
}

#[test]
fn every_write_announces_its_boundary_before_and_after() {
    let mut bench = Bench::new();
    bench.boundaries.lock().unwrap().clear();
    bench.start_with(&[user(1, "a")]);
    let seen = bench.boundaries.lock().unwrap().clone();
    for boundary in [
        "engine.begin_read",
        "engine.observe",
        "engine.end_read",
        "engine.store_plans",
        "engine.report",
    ] {
        let at = seen
            .iter()
            .position(|name| *name == format!("{boundary}.before"));
        let at = at.unwrap_or_else(|| panic!("{boundary} is not announced: {seen:?}"));
        assert_eq!(seen[at + 1], format!("{boundary}.after"));
    }
}

#[test]
fn refusals_of_the_store_keep_their_code() {
    let refused = sync_core::operation::Refusal::new(Code::NotFound);
    assert_eq!(StoreError::Refused(refused.clone()).refusal(), refused);
    assert_eq!(StoreError::Blob("x").refusal().code, Code::StoreDamaged);
}

/// The index of waiting operations covers only rows that wait, and is used only by statements that say so themselves: any
/// other walks all links of the job.
#[test]
fn statements_about_waiting_operations_say_what_their_index_covers() {
    let bench = Bench::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![
        sources.clone(),
        sources.join("query"),
        sources.join("guard"),
    ];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).expect("a folder").flatten() {
            let Ok(text) = std::fs::read_to_string(file.path()) else {
                continue;
            };
            let is_range =
                |line: &&str| line.contains("pending_state") && line.contains(" BETWEEN ");
            for line in text.lines().filter(is_range) {
                let says = line.contains("pending_state > 0") || line.contains("coalesce");
                assert!(says, "{}: {line}", file.path().display());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
    let plan: String = bench
        .engine()
        .read(|c| {
            Ok(c.query_row(
                "EXPLAIN QUERY PLAN SELECT id FROM link WHERE pending_state > 0 AND pending_state = ?1 AND id BETWEEN ?2 AND ?3",
                [1, 1, 2],
                |row| row.get(3),
            )?)
        })
        .expect("a plan");
    assert!(plan.contains("link_pending"), "{plan}");
}
