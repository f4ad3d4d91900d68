//! Of several programs one may write, and the directory refuses the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Barrier;

use common::Bench;
use directory::{Directory, Fault, Fence, Operation, Writer};
use uuid::Uuid;

const ONE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn writer(directory: &Directory) -> Writer {
    directory.administrator().writer()
}

fn take(directory: &Directory, holder: Uuid, seen: Option<u64>) -> Result<Fence, Fault> {
    let name = if holder == ONE { "one" } else { "other" };
    directory.take_fence(&writer(directory), "main", holder, name, seen)
}

fn person(name: &str) -> Vec<Operation> {
    vec![common::create(directory::Kind::User, common::user(name))]
}

fn count(directory: &Directory) -> u64 {
    directory.sequence(&directory.administrator()).unwrap()
}

fn is_fenced(result: Result<impl std::fmt::Debug, Fault>) -> (String, u64) {
    match result {
        Err(Fault::Fenced {
            holder_name,
            generation,
            ..
        }) => (holder_name, generation),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_was_overtaken_is_refused_and_nothing_of_it_is_written() {
    let bench = Bench::new();
    let directory = bench.open();
    let old = take(&directory, ONE, None).unwrap();
    directory
        .apply_fenced(&writer(&directory), &old, person("ada"))
        .unwrap();
    assert_eq!(is_fenced(take(&directory, OTHER, None)), ("one".into(), 1));
    assert_eq!(
        is_fenced(take(&directory, OTHER, Some(7))),
        ("one".into(), 1)
    );
    let new = take(&directory, OTHER, Some(1)).unwrap();
    assert_eq!(new.generation, 2);
    let before = count(&directory);
    let refused = directory.apply_fenced(&writer(&directory), &old, person("eve"));
    assert_eq!(is_fenced(refused), ("other".into(), 2));
    assert_eq!(count(&directory), before);
    directory
        .apply_fenced(&writer(&directory), &new, person("bob"))
        .unwrap();
    assert!(count(&directory) > before);
}

#[test]
fn an_earlier_self_is_refused_too() {
    let bench = Bench::new();
    let directory = bench.open();
    let first = take(&directory, ONE, None).unwrap();
    let again = take(&directory, ONE, None).unwrap();
    assert_eq!((first.generation, again.generation), (1, 2));
    is_fenced(directory.apply_fenced(&writer(&directory), &first, person("ada")));
    directory
        .apply_fenced(&writer(&directory), &again, person("ada"))
        .unwrap();
}

#[test]
fn what_was_given_up_is_free_and_who_gave_it_up_is_refused() {
    let bench = Bench::new();
    let directory = bench.open();
    let fence = take(&directory, ONE, None).unwrap();
    directory
        .release_fence(&writer(&directory), &fence)
        .unwrap();
    is_fenced(directory.apply_fenced(&writer(&directory), &fence, person("ada")));
    let next = take(&directory, OTHER, None).unwrap();
    assert_eq!(next.generation, 2);
    // Giving up what one does not hold any more takes it from nobody.
    directory
        .release_fence(&writer(&directory), &fence)
        .unwrap();
    directory
        .apply_fenced(&writer(&directory), &next, person("ada"))
        .unwrap();
    let held = directory
        .fence(&directory.administrator(), "main")
        .unwrap()
        .unwrap();
    assert_eq!((held.holder, held.generation), (Some(OTHER), 2));
    assert_eq!(
        directory
            .fence(&directory.administrator(), "unknown")
            .unwrap(),
        None
    );
}

#[test]
fn of_many_who_take_over_at_once_exactly_one_has_it() {
    let bench = Bench::new();
    let directory = bench.open();
    take(&directory, ONE, None).unwrap();
    let barrier = Barrier::new(8);
    let won: Vec<Fence> = std::thread::scope(|scope| {
        let racing: Vec<_> = (10..18)
            .map(|id| {
                let (directory, barrier) = (&directory, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    take(directory, Uuid::from_u128(id), Some(1)).ok()
                })
            })
            .collect();
        racing
            .into_iter()
            .filter_map(|one| one.join().unwrap())
            .collect()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    directory
        .apply_fenced(&writer(&directory), &won[0], person("ada"))
        .unwrap();
}

#[test]
fn a_fence_survives_the_end_of_the_process() {
    let bench = Bench::new();
    let directory = bench.open();
    let fence = take(&directory, ONE, None).unwrap();
    directory.close().unwrap();
    let directory = bench.open();
    directory
        .apply_fenced(&writer(&directory), &fence, person("ada"))
        .unwrap();
    is_fenced(take(&directory, OTHER, None));
}
