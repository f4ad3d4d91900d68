//! Cycles as an administrator asks for them: on demand, restarted, paused; the target compared; the service account broken
//! and mended.

use std::time::Duration;

use directory::{Operation, ReferenceChange, Value};
use reqwest::Method;
use scenarios::{Story, bench::Api, story::UNIT};
use serde_json::{Value as Json, json};
use server::cycles::{
    act,
    on_demand::{self, Provisioned, Wanted},
    reconcile, status,
};
use sync_core::{
    code::Code,
    cycle::{Reason, Reset},
};
use uuid::Uuid;

fn job(story: &Story) -> engine::JobRow {
    story.world.app.engine().job(story.world.job.id).unwrap()
}

/// Nothing is read unless somebody asks.
async fn only_on_demand() -> Story {
    let mut story = Story::begin(30).await;
    story.clean_up();
    story.world.sync().await;
    story.world.read_only_when_asked().await;
    story
}

async fn provision(story: &Story, wanted: Wanted) -> Provisioned {
    let done = on_demand::run(&story.world.app, &job(story), &wanted, None)
        .await
        .unwrap();
    assert_eq!(done.unfinished, []);
    done
}

fn lines(done: &Provisioned) -> Vec<String> {
    scenarios::record::lines(&done.records)
        .into_iter()
        .map(|line| line.to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_object_a_container_and_a_group_are_provisioned_on_demand() {
    let story = only_on_demand().await;
    let (anna, bert) = (story.person("Anna Prins"), story.person("Bert Smit"));
    let done = provision(&story, Wanted::Object(format!("CN=Anna Prins,{UNIT}"))).await;
    assert_eq!(lines(&done), ["create Anna Prins"]);
    let run = story
        .world
        .app
        .engine()
        .run_of_cycle(done.cycle)
        .unwrap()
        .unwrap();
    assert_eq!(run.kind, "onDemand");
    assert!(run.scope.contains("Anna Prins"), "{}", run.scope);
    assert!(
        story.tree().named("Bert Smit").is_none(),
        "nobody asked for him"
    );
    // By another name, with nothing to do.
    let again = provision(&story, Wanted::Object("annaprins@canal.example".into())).await;
    assert_eq!(lines(&again), [""; 0]);
    let group = story.group("Deckhands");
    scenarios::story::add_members(&story.forest, group, &[anna, bert]);
    let done = provision(&story, Wanted::Group(format!("CN=Deckhands,{UNIT}"))).await;
    assert!(
        lines(&done).contains(&"create Bert Smit".to_owned()),
        "{:?}",
        lines(&done)
    );
    assert_eq!(
        story.tree().members("Deckhands"),
        ["Anna Prins", "Bert Smit"]
    );
    story.person("Carla Bos");
    story.forest.set(anna, "title", "Bosun").unwrap();
    let done = provision(&story, Wanted::Container(UNIT.into())).await;
    let told = lines(&done);
    assert!(told.contains(&"create Carla Bos".to_owned()), "{told:?}");
    assert!(
        told.contains(&"update Anna Prins: jobTitle".to_owned()),
        "{told:?}"
    );
    story.world.sync().await;
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_with_some_of_its_members_is_provisioned_through_the_graph_shaped_api() {
    let story = only_on_demand().await;
    let crew: Vec<Uuid> = (0..6).map(|n| story.person(&format!("Maat {n}"))).collect();
    let group = story.group("Bemanning");
    scenarios::story::add_members(&story.forest, group, &crew);
    let api = Api::new(&story.world.dir.path().join("server"));
    let job = job(&story);
    let place = format!(
        "servicePrincipals/{}/synchronization/jobs/{}",
        story.world.connector.guid, job.guid
    );
    let (_, schema) = api
        .graph(Method::GET, &format!("{place}/schema"), None)
        .await;
    let rule = schema["synchronizationRules"][0]["id"].clone();
    let asked = |members: usize| {
        let member =
            |n| json!({ "objectId": format!("CN=Maat {n},{UNIT}"), "objectTypeName": "user" });
        let members: Vec<Json> = (0..members).map(member).collect();
        json!({ "parameters": [{ "ruleId": rule, "subjects": [{
            "objectId": format!("CN=Bemanning,{UNIT}"), "objectTypeName": "group", "links": { "members": members } }] }] })
    };
    let act = format!("{place}/provisionOnDemand");
    let (status, told) = api.graph(Method::POST, &act, Some(asked(6))).await;
    assert_eq!(status, 400, "{told}");
    let message = told["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("at most 5 members"), "{message}");
    assert!(story.tree().named("Maat 0").is_none(), "nothing was done");

    let (status, told) = api.graph(Method::POST, &act, Some(asked(2))).await;
    assert_eq!(status, 200, "{told}");
    let key: Json = serde_json::from_str(told["key"].as_str().unwrap()).unwrap();
    assert_eq!(key["result"], "Success", "{key}");
    let records: Json = serde_json::from_str(told["value"].as_str().unwrap()).unwrap();
    let names: Vec<&str> = records
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["sourceIdentity"]["displayName"].as_str())
        .collect();
    assert_eq!(names, ["Maat 0", "Maat 1", "Bemanning"]);
    assert_eq!(story.tree().members("Bemanning"), ["Maat 0", "Maat 1"]);
    assert!(story.tree().named("Maat 2").is_none(), "nobody asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_or_must_not_run_is_said() {
    let story = only_on_demand().await;
    let app = &story.world.app;
    let nobody = Wanted::Object(format!("CN=Nobody,{UNIT}"));
    let why = on_demand::run(app, &job(&story), &nobody, None)
        .await
        .unwrap_err();
    assert_eq!(why.code, Code::NotFound);
    act::quarantine(app, &job(&story), "looking into it", "test")
        .await
        .unwrap();
    let why = on_demand::run(app, &job(&story), &nobody, None)
        .await
        .unwrap_err();
    assert_eq!(why.code, Code::Conflict);
    assert!(why.to_string().contains("hybridge job clear"), "{why}");
    act::clear(app, &job(&story), "test").await.unwrap();
    act::pause(app, &job(&story), "test").await.unwrap();
    let why = on_demand::run(app, &job(&story), &nobody, None)
        .await
        .unwrap_err();
    assert!(why.to_string().contains("hybridge job start"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_in_quarantine_waits_and_loses_nothing() {
    let mut story = Story::begin(30).await;
    story.clean_up();
    story.world.sync().await;
    let app = story.world.app.clone();
    act::quarantine(&app, &job(&story), "looking into it", "test")
        .await
        .unwrap();
    let mark = story.world.log_end();
    story.person("Dirk Mol");
    for _ in 0..20 {
        app.jobs_changed();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(story.world.log_since(mark), []);
    let told = status::of(
        app.engine(),
        &job(&story),
        &app.activity(story.world.job.id),
    )
    .unwrap();
    assert_eq!(told.code, "Quarantine");
    let held = told.quarantine.unwrap();
    assert_eq!(
        (held.reason.as_str(), held.next_attempt),
        ("QuarantinedOnDemand", None)
    );
    // The store is one process's own.
    drop(app);
    let story = story.restart_server().await;
    act::clear(&story.world.app, &job(&story), "test")
        .await
        .unwrap();
    story.world.sync().await;
    story.logged("after the quarantine", mark, &["create Dirk Mol"]);
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_looks_at_everything_and_writes_nothing() {
    let mut story = Story::begin(60).await;
    story.clean_up();
    story.world.sync().await;
    for reset in [Reset::USUAL, Reset::FULL] {
        let (mark, before) = (story.world.log_end(), story.target_sequence());
        let reads = story
            .world
            .app
            .engine()
            .connector(story.world.source_id())
            .unwrap()
            .complete_reads;
        act::restart(&story.world.app, &job(&story), reset, "test")
            .await
            .unwrap();
        story.world.sync().await;
        let source = story
            .world
            .app
            .engine()
            .connector(story.world.source_id())
            .unwrap();
        assert!(
            source.complete_reads > reads,
            "{reset}: the source was not read whole"
        );
        let writes: Vec<_> = story
            .world
            .log_since(mark)
            .into_iter()
            .filter(|record| record.action != engine::Action::Skip && !record.changes.is_empty())
            .collect();
        assert_eq!(writes, [], "{reset}");
        if reset == Reset::USUAL {
            assert_eq!(story.target_sequence(), before, "{reset}");
        }
        story.agrees().await;
    }
}

fn apply(story: &Story, operation: Operation) {
    let directory = story.world.app.directory();
    let writer = directory.administrator().writer();
    let outcomes = directory.apply(&writer, vec![operation]).unwrap();
    assert!(outcomes[0].done().is_some(), "{outcomes:?}");
}

fn set(story: &Story, id: Uuid, attribute: &str, value: &str) {
    let set = [(attribute.to_owned(), Value::from(value))];
    apply(
        story,
        Operation::Update {
            id,
            expected_version: None,
            set: set.into_iter().collect(),
            references: Vec::new(),
        },
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn changes_made_behind_our_back_are_reported_and_put_right_when_asked() {
    let mut story = Story::begin(60).await;
    story.clean_up();
    let anna = story.person_in(UNIT, "Anna Prins", &[("title", "Bosun")]);
    story.person("Bert Smit");
    story.person("Carla Bos");
    story.person("Dirk Mol");
    let group = story.group("Deckhands");
    scenarios::story::add_members(&story.forest, group, &[anna]);
    story.world.sync().await;
    let app = &story.world.app;
    let clean = reconcile::run(app, &job(&story), false).await.unwrap();
    assert_eq!(
        (clean.changed, clean.missing, clean.unknown),
        (0, 0, 0),
        "{clean:?}"
    );
    assert!(clean.compared > 60);
    // A value, a membership added, a membership taken away, and somebody gone for good.
    set(&story, story.target("Anna Prins").id, "jobTitle", "Pirate");
    // Where nothing was left there is nothing to compare; putting right takes it away all the same.
    set(&story, story.target("Dirk Mol").id, "jobTitle", "Pirate");
    apply(
        &story,
        Operation::ChangeReferences {
            id: story.target("Deckhands").id,
            expected_version: None,
            change: ReferenceChange {
                attribute: "members".into(),
                add: vec![story.target("Bert Smit").id],
                remove: vec![story.target("Anna Prins").id],
            },
        },
    );
    apply(
        &story,
        Operation::HardDelete {
            id: story.target("Carla Bos").id,
            expected_version: None,
        },
    );
    let mark = story.world.log_end();
    let found = reconcile::run(app, &job(&story), false).await.unwrap();
    assert_eq!(
        (found.changed, found.missing, found.is_corrected),
        (2, 1, false),
        "{found:?}"
    );
    let of = |name: &str| {
        let one = found.first.iter().find(|one| one.name == name).unwrap();
        (one.kind.clone(), one.attributes.clone())
    };
    assert_eq!(
        of("Anna Prins"),
        ("changed".into(), vec!["jobTitle".into()])
    );
    assert_eq!(of("Deckhands"), ("changed".into(), vec!["members".into()]));
    assert_eq!(of("Carla Bos").0, "missing");
    // Reported once, and nothing was touched.
    reconcile::run(app, &job(&story), false).await.unwrap();
    let told = story.world.log_since(mark);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().all(|record| {
        record
            .refusal
            .as_ref()
            .is_some_and(|why| why.code == Code::TargetChanged)
    }));
    assert_eq!(story.target("Anna Prins").text("jobTitle"), Some("Pirate"));
    let corrected = reconcile::run(app, &job(&story), true).await.unwrap();
    assert!(corrected.is_corrected);
    story.world.sync().await;
    story.agrees().await;
    assert_eq!(story.target("Anna Prins").text("jobTitle"), Some("Bosun"));
    assert_eq!(story.target("Dirk Mol").text("jobTitle"), None);
    assert_eq!(story.tree().members("Deckhands"), ["Anna Prins"]);
    assert!(story.tree().named("Carla Bos").is_some());
}

/// Waits until the job's standing names this code.
async fn quarantined_with(story: &Story, code: Code) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        story.world.app.jobs_changed();
        let standing = story
            .world
            .app
            .engine()
            .standing(story.world.job.id)
            .unwrap()
            .standing;
        let is_so = standing.error.is_some_and(|error| error.code == code)
            && standing
                .quarantine
                .is_some_and(|held| held.reason == Reason::EncounteredQuarantineException);
        if is_so {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{code} did not come: {:?}",
            job(story).failure
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_service_account_is_told_apart_and_mended() {
    let mut story = Story::begin(30).await;
    story.clean_up();
    story.world.sync().await;
    let app = story.world.app.clone();
    let directory = app.directory().clone();
    let own = || {
        let all = directory
            .service_principals(&directory.administrator())
            .unwrap();
        all.last().unwrap().clone()
    };
    let credential = "directory-credential.json";
    let mut number = 0;
    for code in [
        Code::CredentialMissing,
        Code::CredentialExpired,
        Code::CredentialWrong,
    ] {
        match code {
            // The account lost its last credential.
            Code::CredentialMissing => {
                for one in own().credentials {
                    directory
                        .remove_credential(&directory.administrator(), one.id)
                        .unwrap();
                }
            }
            // Its credential is past its date.
            Code::CredentialExpired => app.issue_directory_credential(0).unwrap(),
            // Another secret than the one on record.
            _ => {
                let text = app.vault().read(credential).unwrap().unwrap();
                let mut stored: serde_json::Value = serde_json::from_str(&text).unwrap();
                stored["secret"] = "not the secret".into();
                app.vault().write(credential, &stored.to_string()).unwrap();
            }
        }
        number += 1;
        let name = format!("Eva Kok{number}");
        story.person(&name);
        app.read_wake(story.world.source_id()).notify_one();
        quarantined_with(&story, code).await;
        assert!(story.tree().named(&name).is_none());
        let (mended, problem) = server::api::repair_account(&app).await.unwrap();
        assert_eq!(problem.map(|why| why.code), Some(code));
        assert!(mended.is_some());
        story.world.sync().await;
        assert!(story.tree().named(&name).is_some(), "{code}");
        assert_eq!(
            app.engine()
                .standing(story.world.job.id)
                .unwrap()
                .standing
                .quarantine,
            None
        );
    }
    let (mended, problem) = server::api::repair_account(&app).await.unwrap();
    assert_eq!((mended, problem), (None, None), "what works is left alone");
    story.agrees().await;
}
