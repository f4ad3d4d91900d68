//! Versions of rules: none is lost, none is changed, and two changes at once are told apart.

use engine::{RulesChange, reason};
use sync_core::code::Code;

use super::{bench::Bench, source::user};

fn change<'a>(rules: &'a str, why: &'a str, expected: Option<i64>) -> RulesChange<'a> {
    RulesChange {
        rules,
        actor: "ada",
        why,
        expected,
        setting: None,
    }
}

#[test]
fn every_version_is_kept_with_who_when_and_why() {
    let bench = Bench::new();
    let (engine, job) = (bench.engine(), bench.job_id);
    let first = bench.job().rules;
    assert_eq!(
        engine
            .change_rules(job, &change("{\"b\":2, \"a\":1}", "two", None))
            .unwrap(),
        2
    );
    assert_eq!(
        engine
            .change_rules(job, &change(&first, "back", Some(2)))
            .unwrap(),
        3
    );
    let versions = engine.rules_versions(job).unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|version| {
            (
                version.version,
                version.actor.as_str(),
                version.why.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (3, "ada", "back"),
            (2, "ada", "two"),
            // Nobody asked through the API, so it was the server itself.
            (1, "server", "the job was created")
        ]
    );
    assert!(versions.iter().all(|version| version.at == engine.now()));
    assert_eq!(engine.rules_at(job, 2).unwrap(), "{\"b\":2, \"a\":1}");
    assert_eq!(engine.rules_at(job, 3).unwrap(), first);
    assert_eq!(
        engine.rules_at(job, 4).unwrap_err().refusal().code,
        Code::NotFound
    );
}

#[test]
fn a_change_of_rules_that_were_changed_meanwhile_is_a_conflict() {
    let bench = Bench::new();
    let (engine, job) = (bench.engine(), bench.job_id);
    engine
        .change_rules(job, &change("{\"m\":1}", "mine", Some(1)))
        .unwrap();
    let refused = engine
        .change_rules(job, &change("[]", "yours", Some(1)))
        .unwrap_err();
    assert_eq!(refused.refusal().code, Code::Conflict);
    assert_eq!(bench.job().rules, "{\"m\":1}");
    assert_eq!(engine.rules_versions(job).unwrap().len(), 2);
}

#[test]
fn new_rules_make_everything_due_and_the_same_rules_nothing() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    bench.catch_up();
    let rules = bench.job().rules;
    let same = bench
        .engine()
        .change_rules(bench.job_id, &change(&rules, "same", None));
    assert_eq!(same.unwrap(), 1);
    assert_eq!(bench.due(), []);
    bench
        .engine()
        .change_rules(bench.job_id, &change("{\"x\":1}", "new", None))
        .unwrap();
    let due = bench.due();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].1, reason::RULES);
}
