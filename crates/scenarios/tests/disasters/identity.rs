//! Rules, credentials and agents: what stops the whole job has a code, and ends when its cause ends.

use scenarios::{Story, is_full};
use sync_core::{code::Code, schema::preset};

use super::{connector, fails_with, is_quarantined, job, recovers, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_rules_read_what_they_newly_need() {
    let mut story = Story::begin(200).await;
    story.clean_up();
    story.world.sync().await;
    let anna = story.person("Anna Regel");
    story.step("joins", |_| {}, &["create Anna Regel"]).await;
    let whole: serde_json::Value = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
    let mut without = whole.clone();
    for mapping in without["synchronizationRules"][0]["objectMappings"]
        .as_array_mut()
        .unwrap()
    {
        let attributes = mapping["attributeMappings"].as_array_mut().unwrap();
        attributes.retain(|one| one["targetAttributeName"] != "jobTitle");
    }
    let engine = story.world.app.engine();
    let mark = story.world.log_end();
    engine
        .set_job_rules(story.world.job.id, &without.to_string())
        .unwrap();
    story.forest.set(anna, "title", "Lawyer").unwrap();
    story.world.sync().await;
    story.logged("without titles", mark, &[]);
    engine
        .set_job_rules(story.world.job.id, &whole.to_string())
        .unwrap();
    recovers(&story).await;
    story.logged("with titles again", mark, &["update Anna Regel: jobTitle"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_credential_stops_the_job_until_there_is_a_new_one() {
    let story = Story::begin(30).await;
    story.world.app.issue_directory_credential(0).unwrap();
    story.person("Anna Verlopen");
    until(&story, "the failure", |story| {
        story
            .world
            .app
            .read_wake(story.world.source_id())
            .notify_one();
        job(story)
            .failure
            .is_some_and(|why| why.code == Code::CredentialExpired)
    })
    .await;
    assert!(story.tree().named("Anna Verlopen").is_none());
    story.world.app.issue_directory_credential(30).unwrap();
    recovers(&story).await;
    assert!(story.tree().named("Anna Verlopen").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_of_the_target_that_is_put_back_is_used_by_itself() {
    let story = Story::begin(30).await;
    let vault = story.world.app.vault().clone();
    let file = "directory-credential.json";
    let right = vault.read(file).unwrap().unwrap();
    let mut wrong: serde_json::Value = serde_json::from_str(&right).unwrap();
    wrong["secret"] = "not the secret".into();
    vault.write(file, &wrong.to_string()).unwrap();
    story.person("Anna Sleutel");
    story
        .world
        .app
        .read_wake(story.world.source_id())
        .notify_one();
    is_quarantined(&story).await;
    assert_eq!(job(&story).failure.unwrap().code, Code::CredentialWrong);
    assert!(story.tree().named("Anna Sleutel").is_none());
    vault.write(file, &right).unwrap();
    recovers(&story).await;
    assert!(story.tree().named("Anna Sleutel").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_the_target_that_may_only_read_is_told_from_a_wrong_one() {
    let story = Story::begin(30).await;
    let app = &story.world.app;
    let made = app
        .directory()
        .create_service_principal(
            &app.directory().administrator(),
            "reader",
            directory::Role::Reader,
            jiff::SignedDuration::from_hours(1),
        )
        .unwrap();
    let (vault, file) = (app.vault(), "directory-credential.json");
    let mut reader: serde_json::Value =
        serde_json::from_str(&vault.read(file).unwrap().unwrap()).unwrap();
    let members = reader.as_object_mut().unwrap();
    for (name, value) in members.iter_mut() {
        *value = match name.as_str() {
            "secret" => made.secret.expose().into(),
            _ => made.app_id.to_string().into(),
        };
    }
    assert_eq!(members.len(), 2);
    vault.write(file, &reader.to_string()).unwrap();
    story.person("Anna Leest");
    until(&story, "insufficient rights", |story| {
        let failure = job(story).failure;
        failure.is_some_and(|why| why.code == Code::InsufficientRights)
    })
    .await;
    assert!(story.tree().named("Anna Leest").is_none());
    app.issue_directory_credential(30).unwrap();
    recovers(&story).await;
    assert!(story.tree().named("Anna Leest").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_agent_has_a_name_and_is_not_missed_afterwards() {
    if !is_full() {
        // An agent counts as gone only after a minute.
        return;
    }
    let mut story = Story::begin(30).await;
    story.world.stop_agent().await;
    story.person("Anna Alleen");
    fails_with(&story, Code::HybridIdentityServiceNoActiveAgents).await;
    story.world.start_agent();
    recovers(&story).await;
    assert!(story.tree().named("Anna Alleen").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_assigned_elsewhere_has_a_name_and_the_assignment_ends_it() {
    if !is_full() {
        // An agent says what it serves three times a minute.
        return;
    }
    let story = Story::begin(30).await;
    let engine = story.world.app.engine();
    let agent = engine.agents().unwrap()[0].id;
    engine.assign_agent(agent, &["elsewhere".into()]).unwrap();
    story
        .world
        .app
        .desk()
        .unassign(agent, |name| name == "elsewhere");
    story.person("Anna Elders");
    fails_with(&story, Code::HybridIdentityServiceInvalidResource).await;
    let failure = connector(&story).failure.unwrap();
    assert!(
        failure
            .argument("cure")
            .unwrap()
            .contains("hybridge agent assign")
    );
    engine.assign_agent(agent, &[]).unwrap();
    recovers(&story).await;
    assert!(story.tree().named("Anna Elders").is_some());
}
