//! A source that shows less than before: not believed, not acted on, read again until it is right.

use forest::{FaultSettings, Restore, Rights};
use scenarios::{Story, world::private_file};
use sync_core::code::Code;

use super::{
    connector, destroyed, fails_with, idle, is_doubted_with, is_quarantined, recovers, until,
    want_full_read,
};

/// A full read under a fault is doubted, changes nothing, and heals when the fault ends.
async fn doubted(code: Code, fault: impl FnOnce(&mut FaultSettings)) {
    let mut story = Story::begin(200).await;
    // Or what failed would be tried again, and logged, while this goes on.
    story.clean_up();
    story.world.sync().await;
    let (log, target) = (story.world.log_end(), story.target_sequence());
    story.forest.faults().set(fault);
    want_full_read(&story);
    is_doubted_with(&story, code).await;
    idle(&story).await;
    story.forest.faults().clear();
    recovers(&story).await;
    assert_eq!(
        story.world.log_end(),
        log,
        "{:#?}",
        story.world.log_since(log)
    );
    assert_eq!(story.target_sequence(), target, "something was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_read_any_more_deletes_nobody() {
    let mut story = Story::begin(200).await;
    story.clean_up();
    story.world.sync().await;
    let (log, target) = (story.world.log_end(), story.target_sequence());
    story
        .forest
        .faults()
        .set(|faults| faults.denies_reading = true);
    want_full_read(&story);
    fails_with(&story, Code::SourceInsufficientAccess).await;
    idle(&story).await;
    story.forest.faults().clear();
    recovers(&story).await;
    assert_eq!(
        (story.world.log_end(), story.target_sequence()),
        (log, target)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_answer_deletes_nobody() {
    doubted(Code::SourceReadEmpty, |faults| {
        faults.truncate_after_entries = Some(1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_answer_deletes_nobody() {
    doubted(Code::SourceReadShrunk, |faults| {
        faults.truncate_after_entries = Some(150)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_attribute_clears_nothing() {
    doubted(Code::SourceReadThinned, |faults| {
        faults.hidden_attributes.insert("telephonenumber".into());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_not_a_complete_read() {
    let mut story = Story::begin(200).await;
    story.clean_up();
    story.world.sync().await;
    let (log, reads) = (story.world.log_end(), connector(&story).complete_reads);
    story
        .forest
        .faults()
        .set(|faults| faults.drop_after_entries = Some(50));
    want_full_read(&story);
    until(&story, "a failure", |story| {
        connector(story).failure.is_some()
    })
    .await;
    idle(&story).await;
    assert_eq!(connector(&story).complete_reads, reads);
    // The domain controller answers all the time; only an attempt shows that it is cured.
    is_quarantined(&story).await;
    story.forest.faults().clear();
    recovers(&story).await;
    // the first read that ends well may have begun before the full one was asked for
    until(&story, "a full read", |story| {
        connector(story).complete_reads == reads + 1
    })
    .await;
    idle(&story).await;
    assert_eq!(story.world.log_end(), log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_dirsync_changes_come_a_weaker_way_that_is_named() {
    let story = Story::begin(30).await;
    let anna = story.person("Anna Recht");
    story.step("joins", |_| {}, &["create Anna Recht"]).await;
    let account = story
        .forest
        .guid_of("CN=svc-hybridge,CN=Users,DC=canal,DC=example")
        .unwrap();
    let is_by = |name: &'static str| move |story: &Story| connector(story).method["name"] == name;
    assert!(is_by("DirSync")(&story));
    story.forest.set_rights(account, Rights::USER).unwrap();
    until(&story, "the weaker way", is_by("uSNChanged")).await;
    let weak = connector(&story);
    assert!(weak.is_weak);
    assert!(!weak.method["weaker"].is_null(), "{:?}", weak.method);
    let change = |title: &'static str| {
        move |forest: &forest::Forest| forest.set(anna, "title", title).unwrap()
    };
    let line = ["update Anna Recht: jobTitle"];
    story
        .step("without the right", change("Judge"), &line)
        .await;
    story.forest.set_rights(account, Rights::SYNC).unwrap();
    until(&story, "DirSync", is_by("DirSync")).await;
    assert!(!connector(&story).is_weak);
    story.step("with it again", change("Advocate"), &line).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_has_a_name_and_nothing_is_missed() {
    let mut story = Story::begin(30).await;
    // What is in escrow would be tried again while the refused password rests.
    story.clean_up();
    story.world.sync().await;
    let anna = story.person("Anna Slot");
    story.step("joins", |_| {}, &["create Anna Slot"]).await;
    let account = story
        .forest
        .guid_of("CN=svc-hybridge,CN=Users,DC=canal,DC=example")
        .unwrap();
    let forest = story.forest.clone();
    type Cure<'a> = (&'a str, &'a dyn Fn(&Story));
    let cures: [Cure<'_>; 2] = [
        ("put right in the agent's file", &|story| {
            private_file(&story.world.dir, "forest-secret", "Another.1");
        }),
        ("put right in the directory", &|_| {
            forest.set_password(account, "Another.1").unwrap();
        }),
    ];
    for (wrong, (how, cure)) in ["Another.1", "Another.2"].iter().zip(cures) {
        let mark = story.world.log_end();
        story.forest.set_password(account, wrong).unwrap();
        fails_with(&story, Code::SourceCredentialRefused).await;
        is_quarantined(&story).await;
        story.forest.set(anna, "title", how).unwrap();
        cure(&story);
        recovers(&story).await;
        story.logged(how, mark, &["update Anna Slot: jobTitle"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_cookie_and_a_new_invocation_lead_to_a_full_read_without_a_gap() {
    let story = Story::begin(200).await;
    let [anna, bert] = ["Anna Koek", "Bert Koek"].map(|name| story.person(name));
    story
        .step("join", |_| {}, &["create Anna Koek", "create Bert Koek"])
        .await;
    let reads = connector(&story).complete_reads;
    let mark = story.world.log_end();
    story
        .forest
        .faults()
        .set(|faults| faults.refuses_cookies = true);
    story.forest.set(anna, "title", "Baker").unwrap();
    until(&story, "a full read", |story| {
        connector(story).complete_reads > reads
    })
    .await;
    story.forest.faults().clear();
    recovers(&story).await;
    story.logged("cookie refused", mark, &["update Anna Koek: jobTitle"]);

    let reads = connector(&story).complete_reads;
    let mark = story.world.log_end();
    story.forest.change_invocation_id();
    story.forest.delete(bert).unwrap();
    recovers(&story).await;
    assert!(connector(&story).complete_reads > reads);
    story.logged("new invocation", mark, &["delete Bert Koek"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_loses_nobody_unasked() {
    for how in [Restore::NewInvocation, Restore::Rollback] {
        let story = Story::begin(200).await;
        let old = story.person("Olga Oud");
        story.step("joins", |_| {}, &["create Olga Oud"]).await;
        let id = story.target("Olga Oud").id;
        let backup = story.forest.snapshot();
        story
            .step(
                "leaves",
                |forest| forest.delete(old).unwrap(),
                &["delete Olga Oud"],
            )
            .await;
        story.person("Nina Nieuw");
        story
            .step("after the backup", |_| {}, &["create Nina Nieuw"])
            .await;
        let mark = story.world.log_end();
        story.forest.restore(&backup, how);
        until(&story, "the held deletion", |story| {
            !story
                .world
                .app
                .engine()
                .staged_deletes(story.world.job.id, 0, 10)
                .unwrap()
                .is_empty()
        })
        .await;
        idle(&story).await;
        assert!(destroyed(&story, mark).is_empty(), "{how:?}");
        let staged = story
            .world
            .app
            .engine()
            .staged_deletes(story.world.job.id, 0, 10)
            .unwrap();
        assert_eq!(staged.len(), 1);
        assert_eq!(
            (staged[0].name.as_str(), staged[0].source_state),
            ("Nina Nieuw", engine::ObjectState::Missing)
        );
        assert_eq!(
            story.target("Olga Oud").id,
            id,
            "who is back in the source is back in the target"
        );
        assert!(story.tree().named("Nina Nieuw").is_some());
        let choice = engine::DeleteChoice::Some(vec![staged[0].link]);
        story
            .world
            .app
            .engine()
            .allow_deletes(story.world.job.id, &choice, "test")
            .unwrap();
        recovers(&story).await;
        assert!(story.tree().named("Nina Nieuw").is_none());
    }
}
