//! What the alarm says of a disaster: things made anew, a group of the scope emptied or deleted, attributes that changed, rules
//! that clear values. Each is put right in the source, and nothing is left of it.

use engine::{JobSettings, JobState};
use forest::{Edit, Forest};
use scenarios::{
    Story,
    story::{UNIT, add_members, key},
};
use serde_json::{Value as Json, json};
use sync_core::{code::Code, schema::preset};
use uuid::Uuid;

use super::{destroyed, idle, job};

const CREW: usize = 24;

fn name(n: usize) -> String {
    format!("Roer {n:02}")
}

/// A crew in the target, and a guard that holds at half of it.
async fn crew(
    settings: impl FnOnce(&mut JobSettings),
    rule: impl FnOnce(&mut Json),
) -> (Story, Vec<Uuid>) {
    let mut story = Story::prepare(30).await;
    story.clean_up();
    let people: Vec<Uuid> = (0..CREW)
        .map(|n| story.person_in(UNIT, &name(n), &[("department", "Locks")]))
        .collect();
    let fleet = story.group("Fleet");
    add_members(&story.forest, fleet, &people);
    let mut wanted = JobSettings {
        delete_threshold: CREW as u64 / 2,
        delete_threshold_percent: 0,
        ..job(&story).settings
    };
    settings(&mut wanted);
    let engine = story.world.app.engine();
    engine
        .set_job_settings(story.world.job.id, &wanted)
        .unwrap();
    set_rule(&story, rule);
    story.world.start_job();
    story.world.sync().await;
    (story, people)
}

fn set_rule(story: &Story, change: impl FnOnce(&mut Json)) {
    let mut rules: Json = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
    change(&mut rules["synchronizationRules"][0]);
    let engine = story.world.app.engine();
    engine
        .set_job_rules(story.world.job.id, &rules.to_string())
        .unwrap();
    story.world.app.jobs_changed();
}

/// A change made while nothing is read, and everything that follows from it.
async fn at_once(story: &Story, change: impl FnOnce(&Forest)) {
    let engine = story.world.app.engine();
    engine
        .set_job_state(story.world.job.id, JobState::Paused)
        .unwrap();
    story.world.app.jobs_changed();
    change(&story.forest);
    story.world.start_job();
    story.world.sync().await;
    idle(story).await;
}

/// The guard holds, for this reason; nobody is gone.
fn is_held(story: &Story, cause: &str, says: &str, mark: i64) {
    let guard = job(story).guard.expect("the guard is not up");
    assert_eq!(guard.code, Code::TooManyDeletes);
    assert_eq!(guard.argument("cause"), Some(cause), "{guard:?}");
    let text = guard.argument("text").unwrap_or_default();
    assert!(text.contains(says), "{text}");
    assert!(destroyed(story, mark).is_empty());
}

async fn is_over(story: &Story) {
    assert_eq!(job(story).guard, None);
    story.agrees().await;
}

async fn made_anew(sets_aside: bool) {
    let (story, people) = crew(|settings| settings.set_conflicts_aside = sets_aside, |_| {}).await;
    let (mark, ids) = (story.world.log_end(), story.target(&name(3)).id);
    let mut anew = Vec::new();
    at_once(&story, |forest| {
        for (n, guid) in people.iter().enumerate() {
            forest.delete(*guid).unwrap();
            anew.push(story.person(&name(n)));
        }
    })
    .await;
    is_held(&story, "MadeAnew", "made anew", mark);
    assert_eq!(story.target(&name(3)).id, ids);
    at_once(&story, |forest| {
        for guid in &anew {
            forest.delete(*guid).unwrap();
        }
        for guid in &people {
            forest.undelete(*guid).unwrap();
        }
        let fleet = forest.guid_of(&format!("CN=Fleet,{UNIT}")).unwrap();
        for guid in &people {
            // Some came back with their memberships.
            let _ = forest.add_member(fleet, *guid);
        }
    })
    .await;
    assert_eq!(story.target(&name(3)).id, ids);
    assert_eq!(job(&story).guard, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_deleted_and_made_anew_are_told_from_leavers() {
    made_anew(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_made_anew_are_told_where_they_do_without_their_names() {
    made_anew(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_the_scope_that_is_emptied_or_deleted_costs_nobody() {
    let group = format!("CN=Fleet,{UNIT}");
    let (story, people) = crew(
        |_| {},
        |rule| rule["groupFilter"] = json!({ "includedGroups": [group] }),
    )
    .await;
    let (mark, users) = (story.world.log_end(), story.users());
    assert_eq!(users, CREW);
    let fleet = story.forest.guid_of(&format!("CN=Fleet,{UNIT}")).unwrap();
    let all: Vec<Vec<u8>> = people.iter().map(|guid| key(*guid).into_bytes()).collect();
    at_once(&story, |forest| {
        let emptied = Edit::Remove("member".into(), all.clone());
        forest.modify(fleet, vec![emptied]).unwrap();
    })
    .await;
    is_held(
        &story,
        "ScopeGroupChanged",
        "no members of a group of the scope",
        mark,
    );
    assert_eq!(story.users(), users);
    at_once(&story, |forest| add_members(forest, fleet, &people)).await;
    is_over(&story).await;

    // Deleted: nobody knows who is in scope, so nobody goes, and nothing is asked.
    at_once(&story, |forest| forest.delete(fleet).unwrap()).await;
    assert_eq!(story.users(), users);
    let gone: Vec<String> = destroyed(&story, mark)
        .into_iter()
        .map(|record| record.name)
        .filter(|name| name.starts_with("Roer"))
        .collect();
    assert_eq!(gone, Vec::<String>::new());
    at_once(&story, |forest| {
        forest.undelete(fleet).unwrap();
        for guid in &people {
            let _ = forest.add_member(fleet, *guid);
        }
    })
    .await;
    assert_eq!(story.users(), users);
    is_over(&story).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_changed_in_masses_are_named() {
    let (story, people) = crew(
        |_| {},
        |rule| {
            rule["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "staff", "clauses": [
                { "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": ["Locks"] } }] }]);
        },
    )
    .await;
    let (mark, users) = (story.world.log_end(), story.users());
    let rename = |department: &'static str| {
        let people = people.clone();
        move |forest: &Forest| {
            for guid in &people {
                forest.set(*guid, "department", department).unwrap();
            }
        }
    };
    at_once(&story, rename("Weirs")).await;
    is_held(
        &story,
        "AttributesChanged",
        "their attributes changed",
        mark,
    );
    assert_eq!(story.users(), users);
    at_once(&story, rename("Locks")).await;
    is_over(&story).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_clear_an_attribute_of_everybody_are_named_with_their_version() {
    let (story, _) = crew(|_| {}, |_| {}).await;
    let mark = story.world.log_end();
    set_rule(&story, |rule| {
        let mappings = rule["objectMappings"][0]["attributeMappings"]
            .as_array_mut()
            .unwrap();
        for mapping in mappings {
            if mapping["targetAttributeName"] == "department" {
                mapping["source"] = json!({ "type": "Attribute", "name": "roomNumber", "expression": "[roomNumber]" });
            }
        }
    });
    story.world.sync().await;
    idle(&story).await;
    is_held(
        &story,
        "ValuesCleared",
        "since the rules changed (version 3)",
        mark,
    );
    let guard = job(&story).guard.unwrap();
    assert_eq!(guard.argument("most"), Some("department"));
    set_rule(&story, |_| {});
    story.world.sync().await;
    idle(&story).await;
    is_over(&story).await;
}
