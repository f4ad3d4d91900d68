//! Rules that fail for somebody: the object waits whole, everybody else goes on, and whoever leaves still leaves.

use forest::Edit;
use scenarios::Story;
use serde_json::{Value, json};

/// Rules that fail for whoever has a title nobody knows.
fn choosy() -> String {
    let preset = sync_core::schema::preset::AD_TO_DIRECTORY;
    let mut rules: Value = serde_json::from_str(preset).unwrap();
    let mappings = rules["synchronizationRules"][0]["objectMappings"]
        .as_array_mut()
        .unwrap();
    let expression = "IIF([title] = \"Unknown\", Error(\"no such title\"), [title])";
    let attributes = mappings
        .iter_mut()
        .flat_map(|mapping| mapping["attributeMappings"].as_array_mut().unwrap());
    for attribute in attributes {
        if attribute["targetAttributeName"] == "jobTitle" {
            attribute["source"] = json!({ "type": "Function", "expression": expression });
        }
    }
    rules.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_the_rules_fail_for_waits_whole_and_is_not_kept_from_leaving() {
    let mut story = Story::prepare(10).await;
    story.clean_up();
    let engine = story.world.app.engine().clone();
    engine.set_job_rules(story.world.job.id, &choosy()).unwrap();
    story.world.app.jobs_changed();
    story.world.start_job();
    let ada = story.person("Ada Kapitein");
    story.world.sync().await;
    story.agrees().await;

    story.faults = vec![("ExpressionFailed", 2)];
    let mut bob = uuid::Uuid::nil();
    let wrong = |forest: &forest::Forest| {
        let title = [("title", "Unknown")];
        bob = story.person_in(scenarios::story::UNIT, "Bob Stuurman", &title);
        story.person("Cor Kok");
        let edits = vec![
            Edit::set("title", "Unknown"),
            Edit::set("department", "Deck"),
        ];
        forest.modify(ada, edits).unwrap();
    };
    let expected = [
        "create Cor Kok",
        "create! Bob Stuurman: ExpressionFailed",
        "update! Ada Kapitein: ExpressionFailed",
    ];
    story.step("a title nobody knows", wrong, &expected).await;
    assert!(story.tree().named("Bob Stuurman").is_none(), "half of him");
    let kept = story.target("Ada Kapitein");
    assert_eq!(
        (kept.text("jobTitle"), kept.text("department")),
        (None, None)
    );

    story.faults = vec![("ExpressionFailed", 1)];
    let leaves = |forest: &forest::Forest| forest.delete(ada).unwrap();
    story
        .step("she leaves", leaves, &["delete Ada Kapitein"])
        .await;
    assert!(story.tree().named("Ada Kapitein").is_none());

    story.faults.clear();
    let title = Edit::set("title", "Mate");
    let right = |forest: &forest::Forest| forest.modify(bob, vec![title]).unwrap();
    story
        .step("the value is put right", right, &["create Bob Stuurman"])
        .await;
    assert_eq!(story.target("Bob Stuurman").text("jobTitle"), Some("Mate"));
}
