//! The fault matrix: a few rows of every kind in the quick tier, all of them in the full one.

use scenarios::{
    faults::{Plan, run},
    is_full,
};

/// Rows of the quick tier: no controller, nothing that has to be waited for.
const QUICK: &[&str] = &[
    "agent frozen",
    "alias leads nowhere",
    "firewall rejects with a reset",
    "TLS is inspected",
    "clock two hours ahead",
    "proxy wants credentials",
    "connector the server does not know",
    "certificate of the agent expired",
    "disk full",
    "token used before",
    "slow wire",
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
