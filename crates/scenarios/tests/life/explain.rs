//! `explain`: what it says of every object is what stands in the target, and where it is not, it says why.

use std::collections::BTreeMap;

use directory::{Object, Value};
use engine::{DeleteChoice, JobSettings};
use scenarios::{
    Story,
    story::{UNIT, add_members},
};
use sync_core::id::ObjectId;
use wire::api::v1::{ExplainedJob, ExplainedReference, Explanation};

async fn explained(story: &Story, name: &str) -> Explanation {
    server::api::explain::of(&story.world.app, name, None, None)
        .await
        .unwrap()
}

/// What the only job makes of an object.
async fn in_job(story: &Story, name: &str) -> ExplainedJob {
    let mut explanation = explained(story, name).await;
    assert_eq!(explanation.jobs.len(), 1, "{explanation:#?}");
    let job = explanation.jobs.remove(0);
    assert_eq!(explanation.sentence, job.sentence);
    job
}

/// What the target fills by itself.
const OWN: [&str; 2] = ["onPremisesSyncEnabled", "onPremisesLastSyncDateTime"];

/// Every value of a target object as text, sorted.
fn texts(value: &Value) -> Vec<String> {
    let mut all = match value {
        Value::Text(text) => vec![text.to_string()],
        Value::Texts(texts) => texts.iter().map(ToString::to_string).collect(),
        Value::Integer(number) => vec![number.to_string()],
        Value::Bool(true) => vec!["True".into()],
        Value::Bool(false) => vec!["False".into()],
        Value::Binary(bytes) => vec![sync_core::value::Value::binary(bytes.clone()).display()],
        Value::Binaries(all) => all
            .iter()
            .map(|bytes| sync_core::value::Value::binary(bytes.clone()).display())
            .collect(),
    };
    all.sort();
    all
}

fn sorted(values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    values.sort();
    values
}

/// Every value that is explained stands in the target, and every value that stands there is explained. Returns how many.
fn stand_as_explained(job: &ExplainedJob, object: &Object) -> usize {
    let mut compared = 0;
    for attribute in &job.attributes {
        let stands = object
            .attributes
            .get(&attribute.name)
            .map(texts)
            .unwrap_or_default();
        let result = sorted(&attribute.result);
        assert_ne!(attribute.agrees, Some(false), "{attribute:#?}");
        match attribute.outcome.as_str() {
            "value" | "cleared" => assert_eq!(result, stands, "{attribute:#?}"),
            "added" => assert!(
                result.iter().all(|value| stands.contains(value)),
                "{stands:?}: {attribute:#?}"
            ),
            // Whatever it has been since it was created.
            "leftAlone" | "default" | "atCreation" => continue,
            outcome => panic!("{outcome}: {attribute:#?}"),
        }
        compared += 1;
    }
    for (name, _) in object.attributes.iter() {
        let is_explained = job.attributes.iter().any(|one| one.name == name) || OWN.contains(&name);
        assert!(is_explained, "{name} of {} is not explained", object.id);
    }
    compared
}

/// Of some objects, what is explained of each is what stands in the target. Returns how many values were held against it.
pub async fn some_stand_as_explained(
    story: &Story,
    rng: &mut fastrand::Rng,
    count: usize,
) -> usize {
    let tree = story.tree();
    let engine = story.world.app.engine();
    let job = engine.job(story.world.job.id).unwrap();
    let items = engine.plan_items(&job, ObjectId(0), 100_000).unwrap();
    let mut compared = 0;
    for item in rng.choose_multiple(items, count) {
        let job = in_job(story, &item.source.anchor.guid_text()).await;
        let target = item.view.target.as_ref().map(|id| id.0.parse().unwrap());
        match (
            job.state.as_str(),
            target.and_then(|id| tree.objects.get(&id)),
        ) {
            ("inSync" | "waiting", Some(object)) => compared += stand_as_explained(&job, object),
            ("failed", _) | ("outOfScope", None) => {}
            _ => panic!("{job:#?}"),
        }
    }
    compared
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn what_is_explained_of_every_object_is_what_stands_in_the_target() {
    let story = Story::begin(if scenarios::is_full() { 1_000 } else { 120 }).await;
    let tree = story.tree();
    let engine = story.world.app.engine();
    let items = engine
        .plan_items(&story.world.job, ObjectId(0), 100_000)
        .unwrap();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = 0;
    let (mut compared, mut referred) = (0, 0);
    for item in items {
        let anchor = item.source.anchor.guid_text();
        let job = in_job(&story, &anchor).await;
        *states.entry(job.state.clone()).or_default() += 1;
        let target = item.view.target.as_ref().map(|id| id.0.parse().unwrap());
        let Some(object) = target.and_then(|id| tree.objects.get(&id)) else {
            assert!(
                matches!(job.state.as_str(), "outOfScope" | "failed"),
                "{job:#?}"
            );
            continue;
        };
        seen += 1;
        // Groups wait for those of their members that were refused.
        let waits = |one: &ExplainedReference| one.waiting.count > one.outside;
        let state = match job.references.iter().any(waits) {
            true => "waiting",
            false => "inSync",
        };
        assert_eq!(job.state, state, "{job:#?}");
        assert!(job.scopes.iter().any(|scope| scope.is_in_scope));
        assert!(job.matching[0].found.iter().any(|one| one.is_own));
        compared += stand_as_explained(&job, object);
        for reference in &job.references {
            let key = |(from, name): &(uuid::Uuid, &'static str)| {
                *from == object.id && *name == reference.name
            };
            let mut held = tree.references.iter().filter(|(one, _)| key(one));
            let held = held.next().map_or(0, |(_, to)| to.len());
            assert_eq!(reference.held, held as u64, "{reference:#?}");
            referred += held;
            assert_eq!(
                reference.held + reference.waiting.count,
                reference.wanted,
                "{reference:#?}"
            );
        }
    }
    assert_eq!(seen, tree.objects.len());
    assert!(referred > seen, "{referred} references of {seen} objects");
    assert!(compared > seen * 10, "{compared} values of {seen} objects");
    assert_eq!(
        states.get("failed").copied().unwrap_or(0),
        story
            .faults
            .iter()
            .map(|(_, count)| *count as usize)
            .sum::<usize>(),
        "{states:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_found_by_every_name_it_has() {
    let story = Story::begin(30).await;
    let anna = story.person("Anna Wacht");
    story.step("joins", |_| {}, &["create Anna Wacht"]).await;
    let target = story.target("Anna Wacht").id.to_string();
    let guid = anna.to_string();
    let dn = format!("CN=Anna Wacht,{UNIT}");
    for name in [
        guid.as_str(),
        &target,
        &dn,
        "annawacht@canal.example",
        "annawacht",
    ] {
        let explanation = explained(&story, name).await;
        assert!(explanation.is_in_sync, "{name}: {explanation:#?}");
        assert!(explanation.sentence.contains("Anna Wacht is in sync"));
        assert!(!explanation.records.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_job_has_not_come_to_yet_is_said_to_be_due() {
    let story = Story::begin(30).await;
    let anna = story.person("Anna Wacht");
    story.step("joins", |_| {}, &["create Anna Wacht"]).await;
    let engine = story.world.app.engine();
    story.world.pause_job();
    engine.plan_everything(story.world.job.id).unwrap();
    let job = in_job(&story, &anna.to_string()).await;
    assert_eq!(job.state, "due", "{job:#?}");
    assert!(job.due.as_ref().unwrap().behind > 10, "{job:#?}");
    assert!(job.sentence.contains("not reached yet"), "{}", job.sentence);
    assert!(job.cure.contains("hybridge job start"), "{}", job.cure);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_excluded_and_waiting_objects_say_why() {
    let story = Story::begin(30).await;
    let first = story.person("Anna Eerst");
    story.step("joins", |_| {}, &["create Anna Eerst"]).await;
    let address = "SMTP:annaeerst@canal.example";
    let second = story.person_in(UNIT, "Anna Tweede", &[]);
    let group = story.group("Lock keepers");
    story
        .forest
        .modify(second, vec![forest::Edit::set("proxyAddresses", address)])
        .unwrap();
    let excluded = story.person_in(UNIT, "Krbtgt Two", &[("isCriticalSystemObject", "TRUE")]);
    add_members(&story.forest, group, &[first, second, excluded]);
    story.world.sync().await;

    let job = in_job(&story, &second.to_string()).await;
    assert_eq!(job.state, "failed", "{job:#?}");
    let escrow = job.escrow.as_ref().unwrap();
    assert!(escrow.attempts > 0 && escrow.reason.is_some(), "{escrow:?}");
    let retry_at: jiff::Timestamp = escrow.retry_at.as_deref().unwrap().parse().unwrap();
    assert!(retry_at > jiff::Timestamp::now(), "{escrow:?}");
    assert!(!job.cure.is_empty() && job.sentence.contains(&job.cure));

    let job = in_job(&story, &excluded.to_string()).await;
    assert_eq!((job.state.as_str(), job.is_in_sync), ("outOfScope", true));
    let groups = &job.scopes[0].clauses;
    let hit = groups
        .iter()
        .find(|group| group.role == "exclusion" && group.truth == "true");
    assert_eq!(hit.unwrap().clauses[0].values, ["True"], "{groups:#?}");

    let job = in_job(&story, &group.to_string()).await;
    assert_eq!(job.state, "waiting", "{job:#?}");
    let members = job.references.iter().find(|one| one.name == "members");
    let members = members.unwrap();
    assert_eq!((members.wanted, members.held), (3, 1), "{members:#?}");
    assert_eq!((members.waiting.count, members.outside), (2, 1));
    let mut reasons: Vec<&str> = members
        .waits
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["failed", "outOfScope"], "{members:#?}");
    let job = in_job(&story, &second.to_string()).await;
    assert!(job.waited_for_by[0].name.contains("Lock keepers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_nobody_knows_is_looked_for_in_the_source_too() {
    let story = Story::begin(30).await;
    let explanation = explained(&story, "nobody@canal.example").await;
    let missing = explanation.missing.as_ref().unwrap();
    assert_eq!(missing.looked_in[0].source, "notFound", "{missing:#?}");
    assert!(explanation.sentence.contains("spelling"));

    // Nothing reads it any more, and the source has it all the same.
    story.world.pause_job();
    let late = story.person("Anna Laat");
    let explanation = explained(&story, &late.to_string()).await;
    if let Some(missing) = &explanation.missing {
        assert_eq!(missing.looked_in[0].source, "live", "{missing:#?}");
        assert!(missing.looked_in[0].dn.contains("Anna Laat"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_of_an_object_names_who_holds_it_and_what_ends_it() {
    let story = Story::begin(30).await;
    let engine = story.world.app.engine();
    let anna = story.person_in(UNIT, "Anna Wacht", &[("department", "Locks")]);
    let bart = story.person("Bart Wacht");
    let group = story.group("Lock keepers");
    add_members(&story.forest, group, &[anna, bart]);
    story.world.sync().await;
    let strict = JobSettings {
        delete_threshold: 1,
        ..engine.job(story.world.job.id).unwrap().settings
    };
    engine
        .set_job_settings(story.world.job.id, &strict)
        .unwrap();
    let begun = engine.now();
    let cleared = forest::Edit::clear("department");
    story.forest.modify(anna, vec![cleared]).unwrap();
    story.forest.remove_member(group, bart).unwrap();
    story.world.sync().await;

    let job = in_job(&story, &anna.to_string()).await;
    assert_eq!(
        (job.state.as_str(), job.is_in_sync),
        ("held", false),
        "{job:#?}"
    );
    let text = "the clearing of department is held by the guard";
    assert!(job.sentence.contains(text), "{}", job.sentence);
    assert!(job.cure.contains("deletes allow"), "{}", job.cure);
    assert_eq!(job.holds.len(), 1, "{job:#?}");
    assert_eq!(
        (job.holds[0].state.as_str(), job.holds[0].what.as_str()),
        ("held", "Locks instead of nothing")
    );
    let job = in_job(&story, &group.to_string()).await;
    let text = "the removal of 1 of member is held by the guard";
    assert!(job.sentence.contains(text), "{}", job.sentence);

    engine
        .refuse_deletes(story.world.job.id, &DeleteChoice::All, "test")
        .unwrap();
    let job = in_job(&story, &anna.to_string()).await;
    assert_eq!(job.state, "held");
    assert!(job.sentence.contains("was refused"), "{}", job.sentence);
    for guid in [anna, group] {
        let guid = guid.to_string();
        assert!(!explained(&story, &guid).await.is_in_sync);
    }

    // What was undone says so, and that it can be released.
    story
        .forest
        .set(bart, "displayName", "Bart Anders")
        .unwrap();
    story.world.sync().await;
    crate::disasters::undo::undo(&story, begun);
    story.world.app.jobs_changed();
    story.world.sync().await;
    let job = in_job(&story, &bart.to_string()).await;
    assert_eq!(job.state, "held", "{job:#?}");
    let text = "the change of displayName was undone";
    assert!(job.sentence.contains(text), "{}", job.sentence);
    assert!(job.cure.contains("holds release"), "{}", job.cure);
}
