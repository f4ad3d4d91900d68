//! A preview is what then happens: random changes of rules over a generated organisation, held against what the target holds
//! before and after, not against what was planned.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use directory::{Object, Value};
use engine::JobSettings;
use fastrand::Rng;
use forest::Organisation;
use scenarios::{Story, is_full};
use serde_json::{Value as Json, json};
use sync_core::schema::preset;
use uuid::Uuid;
use wire::api::v1::{PreviewEvent, PreviewObject, PreviewReferences, PreviewReport};

/// Objects of which everything is explained after each change.
const EXPLAINED: usize = 6;

/// What the target holds: live objects with their attributes as texts.
type Held = BTreeMap<Uuid, BTreeMap<String, Vec<String>>>;

fn held(story: &Story) -> Held {
    let attributes = |object: &Object| {
        let texts = |value: &Value| {
            let mut texts = match value {
                Value::Text(text) => vec![text.to_string()],
                Value::Integer(number) => vec![number.to_string()],
                Value::Bool(true) => vec!["True".into()],
                Value::Bool(false) => vec!["False".into()],
                Value::Texts(texts) => texts.iter().map(ToString::to_string).collect(),
                Value::Binary(_) | Value::Binaries(_) => vec!["bytes".into()],
            };
            texts.sort();
            texts
        };
        let all = object.attributes.iter();
        all.map(|(name, value)| (name.to_owned(), texts(value)))
            .filter(|(name, _)| name != "onPremisesSyncEnabled")
            .collect()
    };
    let tree = story.tree();
    let live = tree.objects.iter();
    live.map(|(id, object)| (*id, attributes(object))).collect()
}

/// References between live objects of the target, by id: object, attribute, object referred to.
type Refers = BTreeSet<(Uuid, String, Uuid)>;

fn refers(story: &Story) -> Refers {
    let tree = story.tree();
    let all = tree.references.iter().flat_map(|((from, name), to)| {
        let one = move |to: &Uuid| (*from, (*name).to_owned(), *to);
        to.iter().map(one)
    });
    all.collect()
}

/// What differs between the references of two states.
fn references_differ(before: &Refers, after: &Refers, gone: &BTreeSet<Uuid>) -> BTreeSet<String> {
    let line =
        |sign: &str, (from, name, to): &(Uuid, String, Uuid)| format!("{sign} {from} {name} {to}");
    let added = after.difference(before).map(|one| line("+", one));
    // Whoever leaves takes his own along; that is told of him, and not of each of them.
    let removed = before
        .difference(after)
        .filter(|(from, ..)| !gone.contains(from));
    added.chain(removed.map(|one| line("-", one))).collect()
}

/// What a preview says of references, with the ids that its names have in the target by now.
fn references_expected(story: &Story, parts: &[PreviewReferences]) -> BTreeSet<String> {
    let engine = story.world.app.engine();
    let (job, source) = (story.world.job.id, story.world.connector.id);
    let id = |dn: &str| -> String {
        let object = engine.object_at_dn(source, dn).unwrap().unwrap();
        let link = engine.link_row(job, object).unwrap().unwrap();
        link.target.unwrap()
    };
    let mut lines = BTreeSet::new();
    for part in parts {
        let from = id(&part.dn);
        assert!(part.target.is_empty() || part.target == from, "{part:?}");
        for (sign, names) in [("+", &part.added), ("-", &part.removed)] {
            for name in names {
                lines.insert(format!("{sign} {from} {} {}", part.name, id(name)));
            }
        }
    }
    lines
}

/// What differs between two states of the target, in lines.
fn difference(before: &Held, after: &Held) -> Vec<String> {
    let name = |attributes: &BTreeMap<String, Vec<String>>| attributes["displayName"].join("");
    let mut lines = Vec::new();
    for (id, had) in before {
        let Some(has) = after.get(id) else {
            lines.push(format!("leave {id}"));
            continue;
        };
        let names: BTreeSet<&String> = had.keys().chain(has.keys()).collect();
        for attribute in names {
            let (was, is) = (had.get(attribute), has.get(attribute));
            if was != is {
                let shown = |values: Option<&Vec<String>>| values.cloned().unwrap_or_default();
                lines.push(format!(
                    "change {id} {attribute}: {:?} → {:?}",
                    shown(was),
                    shown(is)
                ));
            }
        }
    }
    let came = after.iter().filter(|(id, _)| !before.contains_key(id));
    lines.extend(came.map(|(_, attributes)| format!("enter {}", name(attributes))));
    lines.sort();
    lines
}

/// What a preview says will differ, in the same lines.
fn expected(objects: &[PreviewObject]) -> Vec<String> {
    let mut lines = Vec::new();
    for object in objects {
        match object.fate.as_str() {
            "leave" => lines.push(format!("leave {}", object.target)),
            "enter" => lines.push(format!("enter {}", object.name)),
            "change" => {
                for change in &object.changes {
                    let sorted = |values: &[String]| {
                        let mut values = values.to_vec();
                        values.sort();
                        values
                    };
                    lines.push(format!(
                        "change {} {}: {:?} → {:?}",
                        object.target,
                        change.name,
                        sorted(&change.before),
                        sorted(&change.after)
                    ));
                }
            }
            _ => {}
        }
    }
    lines.sort();
    lines
}

struct Previewed {
    objects: Vec<PreviewObject>,
    references: Vec<PreviewReferences>,
    report: PreviewReport,
}

async fn preview(story: &Story, rules: &str) -> Previewed {
    let app = &story.world.app;
    let job = Arc::new(app.engine().job(story.world.job.id).unwrap());
    let rules = Arc::new(preset::load(rules).unwrap());
    let (told, mut heard) = tokio::sync::mpsc::channel(1_000_000);
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
    let (mut objects, mut references) = (Vec::new(), Vec::new());
    while let Some(event) = heard.recv().await {
        match event {
            PreviewEvent::Object(object) => objects.push(object),
            PreviewEvent::References(part) => references.push(part),
            _ => {}
        }
    }
    Previewed {
        objects,
        references,
        report,
    }
}

/// What random rules are made of.
struct Material {
    rng: Rng,
    departments: Vec<String>,
    containers: Vec<String>,
    groups: Vec<String>,
}

impl Material {
    fn of(story: &Story, seed: u64) -> Self {
        let (mut departments, mut containers, mut groups) =
            (BTreeSet::new(), Vec::new(), Vec::new());
        for listed in story.forest.listing() {
            departments.extend(listed.text("department").map(str::to_owned));
            let is_ours = listed.dn.contains(&story.company.company);
            match listed.class {
                "organizationalUnit" if is_ours => containers.push(listed.dn.clone()),
                "group" if is_ours => groups.push(listed.dn.clone()),
                _ => {}
            }
        }
        Self {
            rng: Rng::with_seed(seed),
            departments: departments.into_iter().collect(),
            containers,
            groups,
        }
    }

    fn some(&mut self, all: &[String], most: usize) -> Vec<String> {
        let count = self.rng.usize(1..=most);
        let mut chosen: Vec<String> = (0..count)
            .map(|_| all[self.rng.usize(..all.len())].clone())
            .collect();
        chosen.sort();
        chosen.dedup();
        chosen
    }

    /// The preset with a few random changes.
    fn rules(&mut self) -> String {
        let mut rules: Json = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
        let rule = &mut rules["synchronizationRules"][0];
        if self.rng.bool() {
            self.filter(rule);
        }
        match self.rng.usize(..4) {
            0 => self.place(rule),
            1 => {
                let groups = self.groups.clone();
                let groups = self.some(&groups, 2);
                let nested = self.rng.bool();
                rule["groupFilter"] =
                    json!({ "includedGroups": groups, "includeNestedMembers": nested });
            }
            _ => {}
        }
        for _ in 0..self.rng.usize(..4) {
            self.mapping(rule);
        }
        if self.rng.usize(..4) == 0 {
            self.flow(rule);
        }
        if self.rng.usize(..3) == 0 {
            self.reference(rule);
        }
        rules.to_string()
    }

    fn filter(&mut self, rule: &mut Json) {
        let departments = self.departments.clone();
        let chosen = self.some(&departments, 3);
        let operator = ["&", "!&"][self.rng.usize(..2)];
        rule["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "random", "clauses": [
            { "operatorName": operator, "sourceOperandName": "department", "targetOperand": { "values": chosen } }] }]);
    }

    /// A reference is mapped no more, of people or of groups.
    fn reference(&mut self, rule: &mut Json) {
        let names = ["manager", "members", "managedBy"];
        let name = names[self.rng.usize(..names.len())];
        for mapping in rule["objectMappings"].as_array_mut().unwrap() {
            let attributes = mapping["attributeMappings"].as_array_mut().unwrap();
            attributes.retain(|one| one["targetAttributeName"] != name);
        }
    }

    fn place(&mut self, rule: &mut Json) {
        let containers = self.containers.clone();
        let included = self.some(&containers, 3);
        let mut excluded = self.some(&containers, 2);
        excluded.retain(|dn| !included.contains(dn));
        rule["containerFilter"] =
            json!({ "includedContainers": included, "excludedContainers": excluded });
    }

    /// A mapping flows at other times, or has something for those who have nothing.
    fn flow(&mut self, rule: &mut Json) {
        let attributes = rule["objectMappings"][0]["attributeMappings"]
            .as_array_mut()
            .unwrap();
        let names = ["jobTitle", "companyName", "city", "department", "mobile"];
        let name = names[self.rng.usize(..names.len())];
        let found = attributes
            .iter_mut()
            .find(|one| one["targetAttributeName"] == name);
        let mapping = found.unwrap();
        match self.rng.bool() {
            true => mapping["flowType"] = "ObjectAddOnly".into(),
            false => mapping["defaultValue"] = "None".into(),
        }
    }

    fn mapping(&mut self, rule: &mut Json) {
        let sources = [
            ("jobTitle", "ToUpper([title])"),
            ("companyName", "\"Canal\""),
            ("displayName", "Join(\" \", [sn], [givenName], [cn])"),
            ("city", "NULL"),
            (
                "mobile",
                "IIF([department] = \"Operations\", NULL, [mobile])",
            ),
            ("extensionAttribute1", "Left([extensionAttribute1], 3)"),
            ("description", "Join(\" \", [title], [l])"),
            ("accountEnabled", "[department] <> \"Operations\""),
            ("state", "IgnoreFlowIfNullOrEmpty(Left([st], 2))"),
            (
                "facsimileTelephoneNumber",
                "Switch([l], NULL, \"Delft\", \"1\", \"Gouda\", \"2\")",
            ),
            (
                "mailNickname",
                "Join(\".\", ToLower([sAMAccountName]), \"x\")",
            ),
            (
                "businessPhones",
                "IIF(IsPresent([telephoneNumber]), [telephoneNumber], [mobile])",
            ),
            // Whoever it fails for stays as he is.
            (
                "officeLocation",
                "IIF([department] = \"Operations\", Error(\"no\"), [l])",
            ),
        ];
        let (target, expression) = sources[self.rng.usize(..sources.len())];
        let attributes = rule["objectMappings"][0]["attributeMappings"]
            .as_array_mut()
            .unwrap();
        let source = json!({ "type": "Function", "expression": expression });
        let mut found = attributes
            .iter_mut()
            .filter(|one| one["targetAttributeName"] == target);
        match found.next() {
            Some(mapping) => mapping["source"] = source,
            None => attributes.push(json!({ "targetAttributeName": target, "source": source })),
        }
    }
}

/// One organisation under random changes of its rules, each taken back again.
// LONG: one story, told in order.
async fn is_as_previewed(organisation: u64, changes: u64, people: usize) {
    let company = Organisation {
        people,
        seed: organisation,
    }
    .build()
    .unwrap();
    let mut story = Story::over(company, tempfile::tempdir().unwrap()).await;
    story.clean_up();
    let (engine, job) = (story.world.app.engine().clone(), story.world.job.id);
    let settings = JobSettings {
        delete_threshold: 1_000_000,
        delete_threshold_percent: 1_000_000,
        ..story.world.job.settings.clone()
    };
    engine.set_job_settings(job, &settings).unwrap();
    story.world.start_job();
    story.world.sync().await;
    let put = async |rules: &str| {
        engine.set_job_rules(job, rules).unwrap();
        story.world.app.jobs_changed();
        story.world.sync().await;
    };
    let (mut compared, mut references, mut explained) = (0, 0, 0);
    for seed in 0..changes {
        let mut material = Material::of(&story, seed ^ organisation << 32);
        for rules in [material.rules(), preset::AD_TO_DIRECTORY.to_owned()] {
            let (before, referred) = (held(&story), refers(&story));
            let previewed = preview(&story, &rules).await;
            let report = &previewed.report;
            put(&rules).await;
            let after = held(&story);
            // What was not read when the preview was made could not be in it.
            if report.unread == 0 && report.not_read.is_empty() {
                compared += 1;
                let gone = before.keys().filter(|id| !after.contains_key(id));
                let gone: BTreeSet<Uuid> = gone.copied().collect();
                let done_references = references_differ(&referred, &refers(&story), &gone);
                references += done_references.len();
                assert_eq!(
                    done_references,
                    references_expected(&story, &previewed.references),
                    "organisation {organisation}, seed {seed}: {report:#?}\n{rules}"
                );
                assert_eq!(
                    difference(&before, &after),
                    expected(&previewed.objects),
                    "organisation {organisation}, seed {seed}: {report:#?}\n{rules}"
                );
            }
            let rng = &mut material.rng;
            explained += super::explain::some_stand_as_explained(&story, rng, EXPLAINED).await;
            if report.fail == 0 {
                story.world.agrees().await;
            }
        }
    }
    assert!(compared >= changes, "only {compared} previews were whole");
    assert!(references > 100, "only {references} references changed");
    assert!(explained > 100, "only {explained} values were explained");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_changes_of_rules_do_what_their_preview_says_and_are_explained() {
    let (changes, people) = if is_full() { (20, 100) } else { (6, 60) };
    is_as_previewed(11, changes, people).await;
}

/// The same over organisations of other seeds, each a test of its own, so that none takes long.
async fn is_as_previewed_in_full(organisation: u64) {
    if is_full() {
        is_as_previewed(organisation, 20, 100).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_organisation_does_what_previews_say_and_is_explained() {
    is_as_previewed_in_full(12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_organisation_does_what_previews_say_and_is_explained() {
    is_as_previewed_in_full(13).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_organisation_does_what_previews_say_and_is_explained() {
    is_as_previewed_in_full(14).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifth_organisation_does_what_previews_say_and_is_explained() {
    is_as_previewed_in_full(15).await;
}
