//! The whole: nothing written when nothing changed, restarts in the middle, and random life against a fresh start.

use std::collections::{BTreeMap, BTreeSet};

use forest::{Edit, Life};
use scenarios::{Story, Tree, is_full};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_nothing_changes_nothing_is_written() {
    let story = Story::begin(200).await;
    let (log, target) = (story.world.log_end(), story.target_sequence());
    for _ in 0..3 {
        story.world.sync().await;
    }
    let why = sync_core::operation::Refusal::new(sync_core::code::Code::SourceCookieRefused);
    story
        .world
        .app
        .engine()
        .require_full_read(story.world.source_id(), &why)
        .unwrap();
    story.world.sync().await;
    assert_eq!(
        story.world.log_end(),
        log,
        "{:#?}",
        story.world.log_since(log)
    );
    assert_eq!(story.target_sequence(), target);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_and_agent_go_on_where_they_stopped() {
    let mut story = Story::begin(200).await;
    let anna = story.person("Anna Wacht");
    story.step("joins", |_| {}, &["create Anna Wacht"]).await;

    let mark = story.world.log_end();
    story.world.stop_agent().await;
    story.forest.set(anna, "title", "Pilot").unwrap();
    story.world.start_agent();
    story.world.sync().await;
    story.logged("agent restarted", mark, &["update Anna Wacht: jobTitle"]);

    let mark = story.world.log_end();
    story.forest.set(anna, "title", "Harbour master").unwrap();
    story = story.restart_server().await;
    story.world.sync().await;
    story.logged("server restarted", mark, &["update Anna Wacht: jobTitle"]);
    story.agrees().await;
    let (log, target) = (story.world.log_end(), story.target_sequence());
    story.world.sync().await;
    assert_eq!(
        (story.world.log_end(), story.target_sequence()),
        (log, target)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_the_middle_of_the_first_cycle_loses_and_doubles_nothing() {
    let mut story = Story::prepare(if is_full() { 4_000 } else { 1_000 }).await;
    story.world.start_job();
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        story = story.restart_server().await;
    }
    story.world.sync().await;
    story.agrees().await;
    let created: Vec<Uuid> = story
        .world
        .log_since(0)
        .iter()
        .filter(|record| {
            record.action == engine::Action::Create && record.status == engine::Status::Success
        })
        .map(|record| record.target.as_deref().unwrap().parse().unwrap())
        .collect();
    let distinct: BTreeSet<Uuid> = created.iter().copied().collect();
    assert_eq!(created.len(), distinct.len(), "an object was created twice");
    assert_eq!(distinct, story.tree().objects.keys().copied().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_of_changes_ends_where_a_fresh_start_ends() {
    let (people, changes) = if is_full() {
        (1_000, 2_000)
    } else {
        (200, 200)
    };
    // Who of two gets a value that both want depends on who came first; that is for other tests.
    let mut story = Story::begin(people).await;
    story.clean_up();
    let mut life = Life::new(11);
    let mut made = Vec::new();
    for number in 0..changes {
        made.push(life.next(&story.forest).unwrap().description);
        if number % 40 == 39 {
            story.world.sync().await;
        }
        if number == changes / 2 {
            story = story.restart_server().await;
        }
    }
    story.world.sync().await;
    story.agrees().await;
    let lived = content(&story.tree());
    let fresh = Story::over(story.company, tempfile::tempdir().unwrap()).await;
    fresh.world.start_job();
    fresh.world.sync().await;
    let started = content(&fresh.tree());
    for (anchor, fields) in &started {
        let have = lived.get(anchor).cloned().unwrap_or_default();
        let missing: Vec<_> = fields.difference(&have).collect();
        let extra: Vec<_> = have.difference(fields).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{anchor} lacks {missing:?} and has {extra:?} after {made:#?}"
        );
    }
    assert_eq!(lived.len(), started.len());
}

/// Everything the directory holds, field by field, by source anchor instead of id.
fn content(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let anchor = |id: &Uuid| {
        let object = tree.objects.get(id)?;
        Some(
            object
                .text("onPremisesImmutableId")
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let fields = |object: &directory::Object| {
        let mut fields: BTreeSet<String> = object
            .attributes
            .iter()
            .map(|(name, value)| format!("{name} = {value:?}"))
            .collect();
        for ((source, attribute), ends) in &tree.references {
            if *source == object.id {
                fields.extend(
                    ends.iter()
                        .filter_map(anchor)
                        .map(|end| format!("{attribute} -> {end}")),
                );
            }
        }
        fields
    };
    tree.objects
        .values()
        .filter_map(|object| Some((anchor(&object.id)?, fields(object))))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_job_does_nothing_and_catches_up() {
    let story = Story::begin(30).await;
    let anna = story.person("Anna Rust");
    story.step("joins", |_| {}, &["create Anna Rust"]).await;
    story.world.pause_job();
    let mark = story.world.log_end();
    story
        .forest
        .modify(anna, vec![Edit::set("title", "Rower")])
        .unwrap();
    for _ in 0..5 {
        story.world.app.jobs_changed();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    story.logged("paused", mark, &[]);
    story.world.start_job();
    story.world.sync().await;
    story.logged("started again", mark, &["update Anna Rust: jobTitle"]);
}
