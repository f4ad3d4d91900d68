//! The fault matrix: a few rows of every kind in the quick tier, all of them in the full one.

use scenarios::{
    faults::{Plan, run},
    is_full,
};

/// Rows of the quick tier: no controller, nothing that has to be waited for.
const QUICK: &[&str] = &[
    "agent frozen",
    "identity readable by others",
    "secret missing",
    "alias leads nowhere",
    "name server rejects",
    "name leads to a wrong address",
    "wrong port in the settings",
    "two faults: stopped agent",
];

#[test]
fn faults_are_found_by_their_cause_and_cured() {
    let words = match is_full() {
        true => Vec::new(),
        false => QUICK.iter().map(|word| (*word).to_owned()).collect(),
    };
    let plan = Plan {
        words,
        healthy_looks: if is_full() { 60 } else { 3 },
    };
    let matrix = run(&plan, |line| eprintln!("{line}"));
    assert_eq!(matrix.misses, Vec::<String>::new());
    assert_eq!(matrix.false_alarms, 0);
    assert_eq!(matrix.correct, matrix.scenarios);
    let expected = if is_full() { 60 } else { QUICK.len() };
    assert!(usize::try_from(matrix.scenarios).unwrap() >= expected);
}
