//! Scope: containers that are renamed and moved, groups within groups, filters that change.

use std::sync::Arc;

use engine::JobSettings;
use scenarios::{
    Story,
    story::{UNIT, add_members},
};
use serde_json::{Value as Json, json};
use sync_core::schema::preset;
use wire::api::v1::{PreviewEvent, PreviewReport};

/// Changes the rule of the preset, and puts the result in force.
fn set_rule(story: &Story, change: impl FnOnce(&mut Json)) {
    let engine = story.world.app.engine();
    let rules = rules_with(change);
    engine.set_job_rules(story.world.job.id, &rules).unwrap();
    story.world.app.jobs_changed();
}

fn filter(rule: &mut Json, clauses: Json) {
    rule["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "staff", "clauses": clauses }]);
}

/// The preset with another rule.
fn rules_with(change: impl FnOnce(&mut Json)) -> String {
    let mut rules: Json = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
    change(&mut rules["synchronizationRules"][0]);
    rules.to_string()
}

/// What a preview of these rules says: actions with names, sorted, and whom it cannot say anything of.
async fn previewed(story: &Story, rules: &str) -> (Vec<String>, PreviewReport) {
    let app = &story.world.app;
    let job = Arc::new(app.engine().job(story.world.job.id).unwrap());
    let rules = Arc::new(preset::load(rules).unwrap());
    let (told, mut heard) = tokio::sync::mpsc::channel(100_000);
    let report = server::preview::run(
        app,
        &job,
        rules,
        server::redaction::Hidden::default(),
        &told,
    )
    .await
    .unwrap();
    drop(told);
    let mut lines = Vec::new();
    while let Some(event) = heard.recv().await {
        if let PreviewEvent::Object(object) = event {
            lines.push(format!("{} {}", object.action, object.name));
        }
    }
    lines.sort();
    (lines, report)
}

/// Puts rules in force, and says what was logged: actions with names, sorted, each once.
async fn carried_out(story: &Story, rules: &str) -> Vec<String> {
    let mark = story.world.log_end();
    let engine = story.world.app.engine();
    engine.set_job_rules(story.world.job.id, rules).unwrap();
    story.world.app.jobs_changed();
    story.world.sync().await;
    let records = story.world.log_since(mark);
    let done = records
        .iter()
        .filter(|record| record.status == engine::Status::Success)
        .filter(|record| !record.changes.is_empty() || record.references.is_empty());
    let mut lines: Vec<String> = done
        .map(|record| format!("{} {}", record.action.name(), record.name))
        .collect();
    lines.sort();
    lines.dedup();
    lines
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
    // Once the job does not say so any more, who stayed leaves.
    let settings = JobSettings {
        skip_out_of_scope_deletions: false,
        ..settings
    };
    engine.set_job_settings(job, &settings).unwrap();
    story.world.app.jobs_changed();
    story.world.sync().await;
    assert!(names(&story).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_of_changed_rules_is_what_then_happens() {
    let mut story = Story::prepare(40).await;
    story.clean_up();
    let quay = format!("OU=Quay,{UNIT}");
    story.forest.add_ou(UNIT, "Quay").unwrap();
    let mut people = Vec::new();
    for (index, name) in ["Ada Een", "Bob Twee", "Cor Drie", "Dirk Vier"]
        .into_iter()
        .enumerate()
    {
        let place = [UNIT, &quay][index % 2];
        people.push(story.person_in(place, name, &[("department", ["Sales", "Ops"][index / 2])]));
    }
    let crew = story.group("Crew");
    add_members(&story.forest, crew, &people[..3]);
    let unit = |rule: &mut Json| rule["containerFilter"] = json!({ "includedContainers": [UNIT] });
    let department = |rule: &mut Json, name: &str| {
        filter(
            rule,
            json!([{ "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": [name] } }]),
        );
    };
    set_rule(&story, unit);
    start(&story).await;
    let changes: Vec<String> = vec![
        rules_with(|rule| {
            unit(rule);
            department(rule, "Sales");
        }),
        rules_with(|rule| {
            unit(rule);
            department(rule, "Ops");
            rule["objectMappings"][0]["attributeMappings"]
                .as_array_mut()
                .unwrap()
                .retain(|one| one["targetAttributeName"] != "jobTitle");
        }),
        rules_with(|rule| {
            rule["containerFilter"] =
                json!({ "includedContainers": [UNIT], "excludedContainers": [quay.clone()] });
        }),
        rules_with(|rule| {
            unit(rule);
            rule["objectMappings"][0]["attributeMappings"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .filter(|one| one["targetAttributeName"] == "companyName")
                .for_each(|one| one["source"] = json!({ "type": "Constant", "name": "Canal" }));
        }),
        // Groups may lie anywhere, so more is read for it; all of this story's was read already.
        rules_with(|rule| {
            rule["groupFilter"] = json!({ "includedGroups": [format!("CN=Crew,{UNIT}")] });
            unit(rule);
        }),
    ];
    for (index, rules) in changes.iter().enumerate() {
        let (expected, report) = previewed(&story, rules).await;
        let none: [String; 0] = [];
        assert_eq!(report.not_read, none, "change {index}");
        assert_eq!(
            carried_out(&story, rules).await,
            expected,
            "change {index}: {report:?}"
        );
        story.world.agrees().await;
    }
    assert_eq!(names(&story), ["Ada Een", "Bob Twee", "Cor Drie", "Crew"]);
}
