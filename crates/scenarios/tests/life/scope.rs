//! Scope: containers that are renamed and moved, groups within groups, filters that change.

use engine::JobSettings;
use scenarios::{
    Story,
    story::{UNIT, add_members},
};
use serde_json::{Value as Json, json};
use sync_core::schema::preset;

/// Changes the rule of the preset, and puts the result in force.
fn set_rule(story: &Story, change: impl FnOnce(&mut Json)) {
    let mut rules: Json = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
    change(&mut rules["synchronizationRules"][0]);
    let engine = story.world.app.engine();
    engine
        .set_job_rules(story.world.job.id, &rules.to_string())
        .unwrap();
    story.world.app.jobs_changed();
}

fn filter(rule: &mut Json, clauses: Json) {
    rule["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "staff", "clauses": clauses }]);
}

/// Starts the job, with a guard that lets these small numbers through.
async fn start(story: &Story) {
    let engine = story.world.app.engine();
    let job = engine.job(story.world.job.id).unwrap();
    let settings = JobSettings {
        delete_threshold_percent: 100,
        ..job.settings
    };
    engine.set_job_settings(job.id, &settings).unwrap();
    story.world.start_job();
    story.world.sync().await;
}

fn names(story: &Story) -> Vec<String> {
    let tree = story.tree();
    let mut names: Vec<String> = tree
        .objects
        .values()
        .filter_map(|object| object.text("displayName").map(str::to_owned))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_in_scope_stays_itself_whatever_it_is_called_and_wherever_it_is() {
    let mut story = Story::prepare(30).await;
    story.faults.clear();
    let forest = story.forest.clone();
    let quay = forest.add_ou(UNIT, "Quay").unwrap();
    let quay_dn = format!("OU=Quay,{UNIT}");
    forest.add_ou(&quay_dn, "Old").unwrap();
    forest.add_ou(&format!("OU=Old,{quay_dn}"), "Kept").unwrap();
    story.person("Hal Buiten");
    let ida = story.person_in(&quay_dn, "Ida Kade", &[]);
    story.person_in(&format!("OU=Old,{quay_dn}"), "Jan Oud", &[]);
    story.person_in(&format!("OU=Kept,OU=Old,{quay_dn}"), "Kees Bewaard", &[]);
    set_rule(&story, |rule| {
        rule["containerFilter"] = json!({
            "includedContainers": [quay_dn, format!("OU=Kept,OU=Old,{quay_dn}")],
            "excludedContainers": [format!("ou=old, {quay_dn}")] });
    });
    start(&story).await;
    assert_eq!(names(&story), ["Ida Kade", "Kees Bewaard"]);
    story.agrees().await;

    // Renamed, moved, and another one put where it was: the container is its anchor.
    let line = |name: &str| format!("update {name}: onPremisesDistinguishedName");
    let both = [line("Ida Kade"), line("Kees Bewaard")];
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    story
        .step(
            "renamed",
            |forest| forest.rename(quay, "Kade").unwrap(),
            &both,
        )
        .await;
    let domain = forest.domain_dn();
    story
        .step(
            "moved",
            |forest| forest.move_to(quay, &domain).unwrap(),
            &both,
        )
        .await;
    forest.add_ou(UNIT, "Quay").unwrap();
    let mark = story.world.log_end();
    story.person_in(&quay_dn, "Lot Later", &[]);
    story.world.sync().await;
    story.logged("another container of the old name", mark, &[]);
    assert_eq!(names(&story), ["Ida Kade", "Kees Bewaard"]);
    story
        .step(
            "leaves",
            |forest| forest.move_to(ida, &quay_dn).unwrap(),
            &["delete Ida Kade"],
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_groups_and_of_the_groups_in_them_are_in_scope() {
    let mut story = Story::prepare(30).await;
    story.faults.clear();
    let forest = story.forest.clone();
    let [mia, nico, olga] = ["Mia Lid", "Nico Lid", "Olga Los"].map(|name| story.person(name));
    let [fleet, ship, boat] = ["Fleet", "Ship", "Boat"].map(|name| story.group(name));
    add_members(&forest, fleet, &[mia, ship]);
    add_members(&forest, ship, &[nico]);
    let group = format!("CN=Fleet,{UNIT}");
    set_rule(&story, |rule| {
        rule["groupFilter"] =
            json!({ "includedGroups": [group.clone()], "includeNestedMembers": true });
    });
    start(&story).await;
    assert_eq!(names(&story), ["Fleet", "Mia Lid", "Nico Lid", "Ship"]);
    story.agrees().await;

    let change = async |change: &dyn Fn(&forest::Forest), expected: &[&str]| {
        change(&forest);
        story.world.sync().await;
        assert_eq!(names(&story), expected);
        story.agrees().await;
    };
    let nests = |forest: &forest::Forest| {
        add_members(forest, boat, &[olga]);
        add_members(forest, ship, &[boat]);
    };
    let all = ["Boat", "Fleet", "Mia Lid", "Nico Lid", "Olga Los", "Ship"];
    change(&nests, &all).await;
    let leaves = |forest: &forest::Forest| forest.remove_member(ship, boat).unwrap();
    change(&leaves, &["Fleet", "Mia Lid", "Nico Lid", "Ship"]).await;
    let renames = |forest: &forest::Forest| forest.rename(fleet, "Vloot").unwrap();
    change(&renames, &["Fleet", "Mia Lid", "Nico Lid", "Ship"]).await;
    let dies = |forest: &forest::Forest| forest.delete(ship).unwrap();
    change(&dies, &["Fleet", "Mia Lid"]).await;
    let returns = |forest: &forest::Forest| forest.undelete(ship).unwrap();
    change(&returns, &["Fleet", "Mia Lid", "Nico Lid", "Ship"]).await;

    // Without its group nobody knows who is in scope: nothing comes and nothing goes.
    forest.delete(fleet).unwrap();
    forest.remove_member(ship, nico).unwrap();
    story.world.sync().await;
    assert_eq!(names(&story).len(), 3, "{:?}", names(&story));
    let back = |forest: &forest::Forest| forest.undelete(fleet).unwrap();
    change(&back, &["Fleet", "Mia Lid", "Ship"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_group_does_not_bring_members_of_its_groups() {
    let mut story = Story::prepare(30).await;
    story.faults.clear();
    let [mia, nico] = ["Mia Lid", "Nico Lid"].map(|name| story.person(name));
    let [fleet, ship] = ["Fleet", "Ship"].map(|name| story.group(name));
    add_members(&story.forest, fleet, &[mia, ship]);
    add_members(&story.forest, ship, &[nico]);
    set_rule(&story, |rule| {
        rule["groupFilter"] = json!({ "includedGroups": [format!("CN=Fleet,{UNIT}")] });
    });
    start(&story).await;
    assert_eq!(names(&story), ["Fleet", "Mia Lid", "Ship"]);
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_filter_waits_for_what_it_asks_for_and_then_decides() {
    let mut story = Story::prepare(30).await;
    story.faults.clear();
    let unit = json!({ "includedContainers": [UNIT] });
    let people = ["Anna Een", "Bob Twee", "Cor Drie"];
    for (index, name) in people.into_iter().enumerate() {
        let badge = ["red", "red", "blue"][index];
        story.person_in(UNIT, name, &[("roomNumber", badge)]);
    }
    set_rule(&story, |rule| rule["containerFilter"] = unit.clone());
    start(&story).await;
    assert_eq!(names(&story), people);
    set_rule(&story, |rule| {
        rule["containerFilter"] = unit.clone();
        filter(
            rule,
            json!([{ "operatorName": "EQUALS", "sourceOperandName": "roomNumber", "targetOperand": { "values": ["red"] } }]),
        );
    });
    let mark = story.world.log_end();
    story.world.sync().await;
    story.logged("a filter on what was not read", mark, &["delete Cor Drie"]);
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_the_scope_stays_if_the_job_says_so() {
    let mut story = Story::prepare(30).await;
    story.faults.clear();
    let forest = story.forest.clone();
    let inside = format!("OU=Inside,{UNIT}");
    forest.add_ou(UNIT, "Inside").unwrap();
    let anna = story.person_in(&inside, "Anna Een", &[]);
    let bob = story.person_in(&inside, "Bob Twee", &[]);
    set_rule(&story, |rule| {
        rule["containerFilter"] = json!({ "includedContainers": [inside.clone()] });
    });
    let settings = JobSettings {
        skip_out_of_scope_deletions: true,
        ..story.world.job.settings.clone()
    };
    let (engine, job) = (story.world.app.engine(), story.world.job.id);
    engine.set_job_settings(job, &settings).unwrap();
    start(&story).await;
    forest.move_to(anna, UNIT).unwrap();
    story.world.sync().await;
    assert_eq!(names(&story), ["Anna Een", "Bob Twee"]);
    // Deleted is not the same as out of scope.
    forest.delete(bob).unwrap();
    story.world.sync().await;
    assert_eq!(names(&story), ["Anna Een"]);
}
