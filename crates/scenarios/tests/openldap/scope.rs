//! Scope in a real OpenLDAP directory: groups of different kinds in one another, and containers that are renamed.

use serde_json::{Value, json};

use super::Story;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_and_containers_decide_who_of_a_real_directory_is_in_scope() {
    let story = Story::begin("scoldaps", "127.0.0.93", 12, &[]).await;
    // Everybody comes and goes here, and nobody is there to allow it.
    let unguarded = ["--guard-count", "0", "--guard-percent", "0"];
    let settings = [&["job", "settings", "main"], &unguarded[..]].concat();
    story.installation.ask::<Value>(&settings);
    groups(&story).await;
    containers(&story).await;
}

/// What was changed arrives, and these are in the target.
fn holds(story: &Story, what: &str, names: &[&str]) {
    story.installation.sync();
    assert_eq!(story.installation.names(), names, "{what}");
    story.installation.agrees(what);
}

async fn groups(story: &Story) {
    let (directory, unit) = (&story.directory, &story.unit);
    let crew = format!("cn=unique,ou=groups,{}", directory.base);
    let mia = directory.person("Mia Lid", "mia", unit).await;
    let fleet = directory
        .group("Fleet", unit, &[&story.old_hand(4), &crew])
        .await;
    story.installation.set_rule(|rule| {
        rule["groupFilter"] = json!({ "includedGroups": [fleet], "includeNestedMembers": true });
    });
    holds(
        story,
        "a group of another kind in it",
        &["Fleet", "Old hand 3", "Old hand 4", "unique"],
    );
    directory.put(&crew, "uniqueMember", &[&mia]).await;
    holds(
        story,
        "one more in the inner group",
        &["Fleet", "Mia Lid", "Old hand 3", "Old hand 4", "unique"],
    );
    let fleet = directory.rename(&fleet, "Vloot").await;
    directory.take(&fleet, "member", &[&crew]).await;
    holds(story, "the inner group leaves", &["Old hand 4", "Vloot"]);
}

async fn containers(story: &Story) {
    let (directory, unit) = (&story.directory, &story.unit);
    let quay = directory.unit("Quay", unit).await;
    directory.person("Ida Kade", "ida", &quay).await;
    story.installation.set_rule(|rule| {
        rule["groupFilter"] = Value::Null;
        rule["containerFilter"] = json!({ "includedContainers": [quay] });
    });
    holds(story, "a container", &["Ida Kade"]);
    let renamed = directory.rename(&quay, "Kade").await;
    directory.person("Jan Kade", "jan", &renamed).await;
    holds(story, "it is renamed", &["Ida Kade", "Jan Kade"]);
}
