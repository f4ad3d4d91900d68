//! A job that is removed: nothing of it is left but what the log needs, and nobody gets its number.

use engine::{Action, ConfigurationChange, ConfiguredJob, JobState, RemovalMode, RemovedObject};
use sync_core::{code::Code, plan::Situation};

use super::{bench::Bench, source::user};

fn linked() -> Bench {
    let mut bench = Bench::new();
    let people: Vec<_> = (1..6).map(|n| user(n, &format!("Person {n}"))).collect();
    bench.start_with(&people);
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 5);
    bench
}

fn released(bench: &Bench) -> Vec<RemovedObject> {
    let rows = bench
        .engine()
        .links(bench.job_id, Some(Situation::Linked), None, 100)
        .unwrap();
    let told = rows.into_iter().map(|row| RemovedObject {
        link: row.link,
        name: row.exported.text("displayName").unwrap_or_default().into(),
        target: row.target,
        action: Action::Update,
        changes: Vec::new(),
        failure: None,
    });
    told.collect()
}

#[test]
fn nothing_is_left_of_a_removed_job_but_its_log_and_its_rules() {
    let bench = linked();
    let (e, job) = (bench.engine(), bench.job());
    let wrong = e
        .begin_removal(&job, RemovalMode::Release, Some(4), "ada")
        .unwrap_err();
    assert_eq!(wrong.refusal().code, Code::Conflict);
    let removal = e
        .begin_removal(&job, RemovalMode::Release, Some(5), "ada")
        .unwrap();
    assert_eq!((removal.objects, removal.actor.as_str()), (5, "ada"));
    assert_eq!(e.job(job.id).unwrap().state, JobState::Paused);
    let before = bench.log().len();
    e.note_removed(&job, &released(&bench)).unwrap();
    assert_eq!(bench.log().len(), before + 5);
    while !e.forget_job(&job, &removal).unwrap() {}
    assert_eq!(e.job(job.id).unwrap_err().refusal().code, Code::NotFound);
    let left: i64 = e
        .read(|c| {
            Ok(c.query_row(
                "SELECT (SELECT count(*) FROM link) + (SELECT count(*) FROM due) + (SELECT count(*) FROM tally)
                  + (SELECT count(*) FROM harm) + (SELECT count(*) FROM removal) + (SELECT count(*) FROM edge WHERE flags & ~1)",
                [],
                |row| row.get(0),
            )?)
        })
        .unwrap();
    assert_eq!(left, 0);
    assert!(bench.log().len() >= before + 5, "the log stays");
    assert_eq!(e.removed_jobs().unwrap()[0].guid, job.guid);
    assert!(!e.rules_versions(job.id).unwrap().is_empty());
    // The next job is another one, and its first bit is free again.
    let next = bench.new_job(&job.name, job.target, job.settings.clone());
    assert!(next.id > job.id);
    assert_eq!(
        (next.slot, next.name.as_str()),
        (job.slot, job.name.as_str())
    );
}

#[test]
fn what_was_refused_stays_linked_and_a_removal_can_be_taken_back() {
    let bench = linked();
    let (e, job) = (bench.engine(), bench.job());
    e.begin_removal(&job, RemovalMode::Delete, None, "ada")
        .unwrap();
    let mut objects = released(&bench);
    for object in &mut objects[2..] {
        object.failure = Some(sync_core::operation::Refusal::new(Code::TargetFault));
    }
    e.note_removed(&job, &objects).unwrap();
    assert_eq!(e.linked_count(job.id).unwrap(), 3);
    e.removal_failed(job.id, 3, objects[4].failure.as_ref())
        .unwrap();
    let state = e.removal(job.id).unwrap().unwrap();
    assert_eq!(
        (state.failed, state.failure.map(|why| why.code)),
        (3, Some(Code::TargetFault))
    );
    e.cancel_removal(&job, "ada").unwrap();
    assert_eq!(e.removal(job.id).unwrap(), None);
    assert_eq!(
        e.cancel_removal(&job, "ada").unwrap_err().refusal().code,
        Code::NotFound
    );
}

#[test]
fn a_configuration_is_put_in_force_over_what_was_looked_at_or_not_at_all() {
    let bench = linked();
    let (e, job) = (bench.engine(), bench.job());
    let new = |name: &str, source: &str| ConfiguredJob {
        name: name.into(),
        source: source.into(),
        target: e.connector(job.target).unwrap().name,
        rules: job.rules.clone(),
        settings: job.settings.clone(),
        state: JobState::Active,
    };
    let source = bench.source().name;
    let mut change = ConfigurationChange {
        mark: e.configuration_mark().unwrap(),
        jobs: vec![new("second", &source), new("third", "nowhere")],
        ..ConfigurationChange::default()
    };
    assert_eq!(
        e.apply_configuration(&change, "ada")
            .unwrap_err()
            .refusal()
            .code,
        Code::NotFound
    );
    assert_eq!(e.jobs().unwrap().len(), 1, "the first of the two was made");
    change.jobs.pop();
    e.audit("bob", "something", "").unwrap();
    assert_eq!(
        e.apply_configuration(&change, "ada")
            .unwrap_err()
            .refusal()
            .code,
        Code::Conflict
    );
    change.mark = e.configuration_mark().unwrap();
    e.apply_configuration(&change, "ada").unwrap();
    assert_eq!(e.job_named("second").unwrap().state, JobState::Active);
}
