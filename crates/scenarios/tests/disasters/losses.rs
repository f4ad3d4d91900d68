//! Members and addresses that go in masses, rules with a mistake, and slices below the limit: held, with the cause by name.

use std::collections::BTreeMap;

use directory::Object;
use engine::{Action, DeleteChoice, JobSettings, Status};
use forest::Edit;
use scenarios::{
    Story,
    story::{add_members, key},
};
use serde_json::json;
use sync_core::{code::Code, id::Anchor, schema::preset};
use uuid::Uuid;

use super::{destroyed, idle, job};

/// Everybody with a number, in order.
fn people(story: &Story) -> Vec<Uuid> {
    let all = story.forest.listing().into_iter();
    all.filter(|one| one.text("employeeID").is_some())
        .map(|one| one.guid)
        .collect()
}

fn alarm(story: &Story, argument: &str) -> String {
    let guard = job(story).guard.expect("the guard is not up");
    assert_eq!(guard.code, Code::TooManyDeletes);
    guard.argument(argument).unwrap_or_default().to_owned()
}

fn losses(story: &Story) -> usize {
    let engine = story.world.app.engine();
    engine
        .staged_losses(story.world.job.id, 0, 100_000)
        .unwrap()
        .len()
}

/// Memberships of all groups together.
fn memberships(story: &Story) -> usize {
    let tree = story.tree();
    let members = tree.references.iter();
    members
        .filter(|((_, name), _)| *name == "members")
        .map(|(_, all)| all.len())
        .sum()
}

/// How large a disaster is: as people tell of them in the full tier, and a tenth of that otherwise.
fn large(full: usize) -> usize {
    match scenarios::is_full() {
        true => full,
        false => full / 10,
    }
}

/// Sets a limit by count, and none by part.
fn limit(story: &Story, count: u64) {
    let engine = story.world.app.engine();
    let settings = JobSettings {
        delete_threshold: count,
        delete_threshold_percent: 0,
        ..job(story).settings
    };
    engine
        .set_job_settings(story.world.job.id, &settings)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_that_lose_members_in_masses_are_held_and_nothing_else_is() {
    let (many, most) = (large(600), large(400));
    let story = Story::begin(large(2_000)).await;
    limit(&story, most as u64);
    let people = people(&story);
    let groups: Vec<Uuid> = (0..many)
        .map(|n| story.group(&format!("Crew {n:03}")))
        .collect();
    for group in &groups {
        add_members(&story.forest, *group, &people[..3]);
    }
    let crowd = story.group("Crowd");
    add_members(&story.forest, crowd, &people[..120]);
    story.world.sync().await;
    let (mark, before) = (story.world.log_end(), memberships(&story));

    // One member each, of hundreds of groups.
    for group in &groups {
        story.forest.remove_member(*group, people[0]).unwrap();
    }
    story.world.sync().await;
    idle(&story).await;
    let gone = before - memberships(&story);
    assert!(gone < most, "{gone} memberships went before the limit");
    assert_eq!(losses(&story), many - gone);
    assert_eq!(alarm(&story, "cause"), "MembersRemoved");

    // Allow of some does exactly those.
    let held = story
        .world
        .app
        .engine()
        .staged_losses(story.world.job.id, 0, 1_000)
        .unwrap();
    let some: Vec<_> = held.iter().take(2).map(|one| (one.link, true)).collect();
    let engine = story.world.app.engine();
    engine
        .allow_deletes(story.world.job.id, &DeleteChoice::Losses(some), "test")
        .unwrap();
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(before - memberships(&story), gone + 2);

    // The source is put right: nothing is left of it.
    for group in &groups {
        story.forest.add_member(*group, people[0]).unwrap();
    }
    story.world.sync().await;
    idle(&story).await;
    assert_eq!((losses(&story), memberships(&story)), (0, before));
    assert_eq!(job(&story).guard, None);

    // A big group is emptied: below every other limit, and held.
    let emptied = Edit::Remove(
        "member".into(),
        people[..120]
            .iter()
            .map(|guid| key(*guid).into_bytes())
            .collect(),
    );
    story.forest.modify(crowd, vec![emptied]).unwrap();
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(memberships(&story), before);
    assert_eq!(alarm(&story, "layer"), "group");
    assert_eq!(alarm(&story, "most"), "Crowd");
    assert!(destroyed(&story, mark).is_empty());
    let report = story.world.judged().await;
    assert!(report.agree, "{:#?}", report.differences);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_cleared_on_everybody_are_held_and_other_changes_flow() {
    let (most, many) = (large(400), large(4_000));
    let mut story = Story::begin(many.max(200)).await;
    story.clean_up();
    story.world.sync().await;
    limit(&story, most as u64);
    let people = people(&story);
    let tree = by_anchor(&story);
    let with_mail: Vec<Uuid> = people
        .iter()
        .copied()
        .filter(|guid| of_person(&tree, *guid).is_some_and(|one| one.text("mail").is_some()))
        .take(many)
        .collect();
    assert!(with_mail.len() > 3 * most / 2);
    for guid in &with_mail {
        let edits = vec![
            Edit::clear("mail"),
            Edit::clear("telephoneNumber"),
            Edit::set("department", "Everywhere"),
        ];
        story.forest.modify(*guid, edits).unwrap();
    }
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(alarm(&story, "cause"), "ValuesCleared");
    let held = losses(&story);
    assert!(
        held > with_mail.len() - most,
        "{held} of {}",
        with_mail.len()
    );
    let tree = by_anchor(&story);
    for guid in &with_mail {
        let department = of_person(&tree, *guid).and_then(|one| one.text("department"));
        assert_eq!(department, Some("Everywhere"), "the rest flows");
    }
    let report = story.world.judged().await;
    assert!(report.agree, "{:#?}", report.differences);
}

/// What the target holds, by source anchor.
fn by_anchor(story: &Story) -> BTreeMap<String, Object> {
    let anchored = |one: Object| Some((one.text("onPremisesImmutableId")?.to_owned(), one));
    story
        .tree()
        .objects
        .into_values()
        .filter_map(anchored)
        .collect()
}

fn of_person(tree: &BTreeMap<String, Object>, guid: Uuid) -> Option<&Object> {
    tree.get(&Anchor::new(guid.to_bytes_le()).base64())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_with_a_typing_error_is_held_and_named() {
    let story = Story::begin(200).await;
    let (mark, users) = (story.world.log_end(), story.users());
    let mut rules: serde_json::Value = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
    rules["synchronizationRules"][0]["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "staff", "clauses": [
        { "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": ["Salse"] } }] }]);
    let engine = story.world.app.engine();
    engine
        .set_job_rules(story.world.job.id, &rules.to_string())
        .unwrap();
    story.world.app.jobs_changed();
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(alarm(&story, "cause"), "RulesChanged");
    assert_eq!(alarm(&story, "rulesVersion"), "2");
    assert_eq!(story.users(), users);
    assert!(destroyed(&story, mark).is_empty());
    engine
        .set_job_rules(story.world.job.id, preset::AD_TO_DIRECTORY)
        .unwrap();
    story.world.app.jobs_changed();
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(job(&story).guard, None);
    story.agrees().await;
}

/// Who was made since.
fn created(story: &Story, mark: i64) -> Vec<String> {
    let records = story.world.log_since(mark).into_iter();
    let made = records.filter(|one| one.action == Action::Create && one.status == Status::Success);
    made.map(|one| one.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_cycles_below_the_limit_are_caught_by_the_window_and_undone() {
    let story = Story::begin(large(5_000)).await;
    limit(&story, large(500) as u64);
    let slice = large(450);
    let (mark, users) = (story.world.log_end(), story.users());
    let begun = story.world.app.engine().now();
    let people = people(&story);
    for cycle in 0..10 {
        for guid in &people[cycle * slice..(cycle + 1) * slice] {
            story.forest.delete(*guid).unwrap();
        }
        story.world.sync().await;
    }
    idle(&story).await;
    let gone = destroyed(&story, mark).len();
    assert!(gone < large(500), "{gone} went");
    assert_eq!(alarm(&story, "cause"), "DeletedInSource");
    // Two people of the organisation want one address. If the one who has it goes, the other one gets it, and is a user now.
    let made = created(&story, mark);
    assert_eq!(story.users(), users - gone + made.len());
    // Decided that all of it stays, and what went comes back.
    let engine = story.world.app.engine();
    engine
        .refuse_deletes(story.world.job.id, &DeleteChoice::All, "test")
        .unwrap();
    super::undo::undo(&story, begun);
    story.world.app.jobs_changed();
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(story.users(), users);
    let report = story.world.judged().await;
    assert!(report.agree, "{:#?}", report.differences);
}
