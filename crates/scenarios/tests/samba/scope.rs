//! Scope in a real domain: containers that are renamed and moved, groups within groups, a filter on what nobody read.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{ALL, Setting, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_groups_and_filters_decide_who_of_a_real_domain_is_in_scope() {
    let story = Story::prepare(&Setting {
        name: "scscope",
        first: Ipv4Addr::new(127, 0, 2, 41),
        people: 0,
        rights: ALL,
        has_partner: false,
    })
    .await;
    // Everybody comes and goes here, and nobody is there to allow it.
    let unguarded = ["--guard-count", "0", "--guard-percent", "0"];
    let settings = [&["job", "settings", "main"], &unguarded[..]].concat();
    story.installation.ask::<Value>(&settings);
    containers(&story).await;
    groups(&story).await;
    filters(&story).await;
}

/// What was changed arrives, and these are in the target.
fn holds(story: &Story, what: &str, names: &[&str]) {
    story.installation.sync();
    assert_eq!(story.installation.names(), names, "{what}");
    story.installation.agrees(what);
}

async fn containers(story: &Story) {
    let (domain, unit) = (&story.domain, &story.unit);
    let quay = domain.unit("Quay", unit).await;
    let old = domain.unit("Old", &quay).await;
    let kept = domain.unit("Kept", &old).await;
    domain.person("Hal Buiten", "hal", unit).await;
    domain.person("Ida Kade", "ida", &quay).await;
    domain.person("Jan Oud", "jan", &old).await;
    domain.person("Kees Bewaard", "kees", &kept).await;
    story.installation.set_rule(|rule| {
        rule["containerFilter"] =
            json!({ "includedContainers": [quay, kept], "excludedContainers": [old] });
    });
    story.installation.resume();
    holds(story, "containers", &["Ida Kade", "Kees Bewaard"]);

    let renamed = domain.rename(&quay, "Kade").await;
    holds(
        story,
        "a container is renamed",
        &["Ida Kade", "Kees Bewaard"],
    );
    let moved = domain.move_to(&renamed, &domain.base).await;
    holds(story, "a container is moved", &["Ida Kade", "Kees Bewaard"]);
    let another = domain.unit("Quay", unit).await;
    domain.person("Lot Later", "lot", &another).await;
    holds(
        story,
        "another container takes the name",
        &["Ida Kade", "Kees Bewaard"],
    );
    domain
        .move_to(&format!("CN=Ida Kade,{moved}"), &another)
        .await;
    holds(story, "a person leaves", &["Kees Bewaard"]);
}

async fn groups(story: &Story) {
    let (domain, unit) = (&story.domain, &story.unit);
    let place = domain.unit("Groups", unit).await;
    let fleet = domain.group("Fleet", "fleet", &place).await;
    let ship = domain.group("Ship", "ship", &place).await;
    let boat = domain.group("Boat", "boat", unit).await;
    let mia = domain.person("Mia Lid", "mia", unit).await;
    let nico = domain.person("Nico Lid", "nico", &place).await;
    let olga = domain.person("Olga Lid", "olga", unit).await;
    domain.put(&fleet, "member", &[&mia, &ship]).await;
    domain.put(&ship, "member", &[&nico]).await;
    domain.put(&boat, "member", &[&olga]).await;
    story.installation.set_rule(|rule| {
        rule["containerFilter"] = Value::Null;
        rule["groupFilter"] = json!({ "includedGroups": [fleet], "includeNestedMembers": true });
    });
    let nested = ["Fleet", "Mia Lid", "Nico Lid", "Ship"];
    holds(story, "a group with a group in it", &nested);
    domain.put(&ship, "member", &[&boat]).await;
    let all = ["Boat", "Fleet", "Mia Lid", "Nico Lid", "Olga Lid", "Ship"];
    holds(story, "a third group", &all);
    let fleet = domain.rename(&fleet, "Vloot").await;
    domain.take(&ship, "member", &[&boat]).await;
    holds(
        story,
        "the group is renamed",
        &["Mia Lid", "Nico Lid", "Ship", "Vloot"],
    );
    domain.take(&fleet, "member", &[&ship]).await;
    holds(story, "a group leaves", &["Mia Lid", "Vloot"]);
    domain.put(&fleet, "member", &[&ship]).await;
    holds(
        story,
        "and comes back",
        &["Mia Lid", "Nico Lid", "Ship", "Vloot"],
    );
    story.installation.set_rule(|rule| {
        rule["groupFilter"]["includeNestedMembers"] = false.into();
    });
    holds(story, "direct members only", &["Mia Lid", "Ship", "Vloot"]);
}

async fn filters(story: &Story) {
    let (domain, unit) = (&story.domain, &story.unit);
    let place = domain.unit("Filters", unit).await;
    for (name, account, room) in [("Rik Rood", "rik", "red"), ("Bas Blauw", "bas", "blue")] {
        let dn = domain.person(name, account, &place).await;
        domain.set(&dn, "roomNumber", &[room]).await;
    }
    story.installation.set_rule(|rule| {
        rule["groupFilter"] = Value::Null;
        rule["containerFilter"] = json!({ "includedContainers": [place] });
    });
    holds(story, "both", &["Bas Blauw", "Rik Rood"]);
    story.installation.set_rule(|rule| {
        rule["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "red", "clauses": [
            { "operatorName": "EQUALS", "sourceOperandName": "roomNumber", "targetOperand": { "values": ["red"] } }] }]);
    });
    holds(story, "a filter on what nobody read", &["Rik Rood"]);
    leavers_stay(story);
}

/// Whoever leaves the scope stays in the target while the job says so, and goes when it does not any more.
fn leavers_stay(story: &Story) {
    let skip = |word: &str| {
        let settings = [
            "job",
            "settings",
            "main",
            "--skip-out-of-scope-deletions",
            word,
        ];
        story.installation.ask::<Value>(&settings);
    };
    skip("on");
    story.installation.set_rule(|rule| {
        let clause = &mut rule["objectMappings"][0]["scope"]["groups"][0]["clauses"][0];
        clause["targetOperand"]["values"] = json!(["blue"]);
    });
    story.installation.sync();
    assert_eq!(story.installation.names(), ["Bas Blauw", "Rik Rood"]);
    skip("off");
    holds(story, "the rest leaves", &["Bas Blauw"]);
}
