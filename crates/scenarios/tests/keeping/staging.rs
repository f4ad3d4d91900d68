//! Servers that wait beside others: a real server and agent in staging, and two servers on one tenant directory, of which at most
//! one may write.
//!
//! Two processes cannot open one tenant directory, so where two servers meet in it they share one process; each has its own
//! engine, data directory, address, agent and credential. Where one replaces the other they are two processes, and the
//! tenant directory moves with a backup.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use forest::{Forest, Organisation};
use scenarios::{
    Source, World,
    processes::{Installation, run_over},
    world::quick_settings,
};
use serde_json::Value;
use server::{app::Extras, staging};
use sync_core::code::Code;
use wire::api::v1::{Backup, LogRecord, ObjectView, Page, PendingExport, Report, Staging};

const PATIENCE: Duration = Duration::from_secs(120);

fn arrives(forest: &Forest, name: &str) {
    let mail = format!("{name}@canal.example");
    let attributes = [
        ("sAMAccountName", name),
        ("userPrincipalName", mail.as_str()),
        ("displayName", name),
    ];
    forest
        .add_user(&forest.domain_dn(), name, &attributes)
        .unwrap();
}

fn until<T: std::fmt::Debug>(what: &str, look: impl Fn() -> T, is_so: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if is_so(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: {seen:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_staged_job_would_do_waits_through_restarts_and_is_done_when_it_is_promoted() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation {
        people: 30,
        seed: 9,
    }
    .build()
    .unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    let mut installation = Installation::new(&source);
    let staged: Staging = installation.ask(&["staging", "enter"]);
    assert!(staged.server.is_some() && staged.jobs[0].is_staged);
    installation.resume();
    let pending = |installation: &Installation| {
        let page: Page<PendingExport> = installation.ask(&["pending", "--limit", "100000"]);
        page.items
    };
    let planned = until(
        "everybody planned",
        || installation.status(),
        |status| {
            status.progress.to_export >= 30
                && status.progress.to_plan == 0
                && status.state == "staging"
        },
    );
    assert_eq!(installation.names(), Vec::<String>::new());
    let waiting = pending(&installation);
    assert!(
        waiting
            .iter()
            .all(|one| one.verb == "create" && one.state == "ready"),
        "{waiting:#?}"
    );
    // Newer plans replace older ones.
    arrives(&company.forest, "later");
    until(
        "the new one",
        || pending(&installation),
        |all| all.iter().any(|one| one.name == "later"),
    );
    let file = dir.path().join("pending.csv");
    installation.ask::<Value>(&["pending", "export", "--output", file.to_str().unwrap()]);
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        written.starts_with("job,class,name,dn,anchor,target,state,OMODT,attribute,AMODT,old,new")
    );
    assert!(written.contains(",add,displayName,add,"), "{written}");
    let counted: Value = installation.ask(&["pending", "analyse"]);
    let adds = counted["objects"].as_array().unwrap().iter();
    let adds: u64 = adds
        .filter(|row| row["omodt"] == "add")
        .map(|row| row["count"].as_u64().unwrap())
        .sum();
    assert!(adds > planned.progress.to_export, "{counted}");
    installation.stop_server();
    installation.start_server();
    until(
        "still planned",
        || pending(&installation),
        |all| all.len() as u64 > planned.progress.to_export,
    );
    let after = pending(&installation);
    assert!(
        after.iter().all(|one| one.state == "ready"),
        "nothing was sent, so nothing is in doubt"
    );
    assert_eq!(installation.names(), Vec::<String>::new());
    let refused = installation.run(&["job", "provision", "--object", "later"]);
    assert!(!refused.status.success(), "on demand in staging");
    let promoted: Staging = installation.ask(&["staging", "promote"]);
    assert!(promoted.server.is_none());
    let fence = promoted.jobs[0].fence.clone().unwrap();
    assert!(
        fence.is_held && fence.is_this && fence.generation >= 1,
        "{fence:?}"
    );
    installation.sync();
    let report = installation.verify();
    assert!(report.agree, "{report:#?}");
    assert!(installation.names().contains(&"later".to_owned()));
    // A start of the same server goes on by itself, with a higher generation.
    installation.stop_server();
    installation.start_server();
    arrives(&company.forest, "last");
    installation.sync();
    assert!(installation.names().contains(&"last".to_owned()));
    let again: Staging = installation.ask(&["staging", "show"]);
    assert!(again.jobs[0].fence.as_ref().unwrap().generation > fence.generation);
}

/// Two servers with one tenant directory: the second one is new, and in staging.
async fn two() -> (Forest, World, World, Vec<Box<dyn std::any::Any>>) {
    let (one_dir, other_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let company = Organisation {
        people: 25,
        seed: 4,
    }
    .build()
    .unwrap();
    let forest = company.forest.clone();
    let (source, served) = Source::forest(&forest, &one_dir).await;
    let one = World::new(one_dir, &source, quick_settings()).await;
    one.start_job();
    one.sync().await;
    let extras = Extras {
        begins_staged: true,
        shared_directory: Some(Arc::clone(one.app.directory())),
        ..Extras::default()
    };
    let other = World::with(other_dir, &source, quick_settings(), extras).await;
    other.start_job();
    // Everybody is found in the target; taking over waits as an operation, as everything does here.
    let planned = || {
        let engine = other.app.engine();
        let numbers = engine.job_numbers(other.job.id, false).unwrap();
        (numbers.to_plan, numbers.to_export)
    };
    until("everybody recognised", planned, |(plan, export)| {
        *plan == 0 && *export > 25
    });
    (
        forest,
        one,
        other,
        vec![Box::new(served), Box::new(company)],
    )
}

/// Names of people in the directory both use.
fn named(world: &World, name: &str) -> usize {
    let directory = world.app.directory();
    let mut count = 0;
    directory
        .scan(&directory.administrator(), |object| {
            count += usize::from(object.text("displayName") == Some(name));
            true
        })
        .unwrap();
    count
}

async fn promote(world: &World, seen: Option<u64>) -> Result<(), Code> {
    let engine = world.app.engine();
    staging::take(&world.app, &world.job, seen)
        .await
        .map_err(|why| why.code)?;
    let staged = engine.staging().unwrap();
    if staged.jobs.contains_key(&world.job.id) {
        engine.promote(Some(world.job.id), "test").unwrap();
    }
    engine.promote(None, "test").unwrap();
    world.app.jobs_changed();
    Ok(())
}

async fn generation(world: &World) -> u64 {
    let directory = world.app.directory();
    let fence = directory
        .fence(&directory.administrator(), &world.job.name)
        .unwrap();
    fence.unwrap().generation
}

/// Two server processes, each with a tenant directory of its own, as the guide has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn a_server_is_replaced_by_another_one_as_the_guide_says() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation {
        people: 30,
        seed: 12,
    }
    .build()
    .unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    let mut old = Installation::new(&source);
    old.resume();
    old.sync();
    let new = dir.path().join("new");
    let key = old.data().join("master-key");
    let put_back = |backup: &Backup| {
        let restore = ["backup", "restore", &backup.path, "--replace"];
        let with_key = ["--master-key-file", key.to_str().unwrap()];
        let restored = run_over(&new, &[&restore[..], &with_key].concat());
        let told = String::from_utf8_lossy(&restored.stdout);
        assert!(restored.status.success(), "{told}");
    };
    let folder = dir.path().join("files");
    let folder = folder.to_str().unwrap();
    // The new one is prepared beside the old one, which goes on: it waits, and is configured alike.
    put_back(&old.ask(&["backup", "create"]));
    let prepared = old.beside(&new);
    until(
        "the prepared one waits",
        || prepared.ask::<Staging>(&["staging", "show"]).jobs,
        |jobs| jobs[0].is_staged,
    );
    let refused = prepared.run(&["staging", "promote"]);
    assert!(!refused.status.success(), "the old one is active");
    old.ask::<Value>(&["config", "export", folder]);
    let same = prepared.run(&["config", "diff", folder]);
    assert!(same.status.success(), "configured otherwise");
    arrives(&company.forest, "before");
    old.sync();
    drop(prepared);
    // The old one stops writing; what comes from now on waits for the new one.
    old.ask::<Value>(&["staging", "enter"]);
    arrives(&company.forest, "between");
    until(
        "what came waits",
        || old.ask::<Page<PendingExport>>(&["pending"]).items,
        |all| all.iter().any(|one| one.name == "between"),
    );
    let ids: Vec<String> = ["before"].map(|name| old.target_id(name)).into();
    put_back(&old.ask(&["backup", "create"]));
    let address = old.address().to_owned();
    old.stop_server();
    // At the old one's address, so the agent finds it.
    let active = old.beside_at(&new, &address);
    let nobody: Staging = active.ask(&["staging", "show"]);
    let fence = nobody.jobs[0].fence.clone().unwrap();
    assert!(!fence.is_held, "{fence:?}");
    let promoted: Staging = active.ask(&["staging", "promote"]);
    assert!(promoted.jobs[0].fence.as_ref().unwrap().is_this);
    let has = |name: &str| -> bool {
        let people: Value = active.ask(&["directory", "users", "--limit", "1000"]);
        let mut people = people["items"].as_array().unwrap().iter();
        people.any(|one| one["displayName"] == name)
    };
    until(
        "what waited is carried out",
        || has("between"),
        |done| *done,
    );
    arrives(&company.forest, "after");
    until("it goes on", || has("after"), |done| *done);
    let report: Report = active.ask(&["verify", "main"]);
    assert!(report.agree, "{report:#?}");
    let view: ObjectView = active.ask(&["object", "show", "before@canal.example"]);
    assert_eq!(view.jobs[0].target.as_ref().unwrap().id, ids[0], "the same");
    let deletions: Page<LogRecord> = active.ask(&["log", "--limit", "100000"]);
    assert!(
        deletions
            .items
            .iter()
            .all(|one| one.provisioning_action != "delete")
    );
    drop(active);
    // The old one stays in staging, whenever it is started.
    old.start_server();
    let still: Staging = old.ask(&["staging", "show"]);
    assert!(still.server.is_some(), "{still:#?}");
    arrives(&company.forest, "later");
    until(
        "it plans and writes nothing",
        || old.ask::<Page<PendingExport>>(&["pending"]).items,
        |all| all.iter().any(|one| one.name == "later"),
    );
    assert!(!old.names().contains(&"later".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_on_one_directory_the_one_that_was_taken_over_from_writes_nothing_more() {
    let (forest, one, other, _kept) = two().await;
    // The second one sees every change, and writes none of them.
    arrives(&forest, "first");
    one.sync().await;
    assert_eq!(named(&one, "first"), 1);
    assert_eq!(promote(&other, None).await, Err(Code::FencedOff));
    assert_eq!(promote(&other, Some(0)).await, Err(Code::FencedOff));
    assert!(other.app.engine().is_staged(other.job.id).unwrap());
    // Taken over while the first one lives and believes that it is active.
    let seen = generation(&one).await;
    promote(&other, Some(seen)).await.unwrap();
    arrives(&forest, "second");
    until(
        "the new one is written",
        || named(&one, "second"),
        |count| *count == 1,
    );
    let engine = one.app.engine();
    until(
        "the old one knows",
        || engine.staging().unwrap().jobs.get(&one.job.id).cloned(),
        |row| {
            row.as_ref().is_some_and(|row| {
                row.why
                    .as_ref()
                    .is_some_and(|why| why.code == Code::FencedOff)
            })
        },
    );
    let end = one.log_end();
    for n in 0..5 {
        arrives(&forest, &format!("third{n}"));
    }
    until(
        "all written",
        || {
            (0..5)
                .map(|n| named(&one, &format!("third{n}")))
                .sum::<usize>()
        },
        |count| *count == 5,
    );
    let written = one.log_since(end);
    assert!(written.is_empty(), "the old one wrote {written:#?}");
    other.sync().await;
    // And back, with the first one asking where the second one gave up.
    other
        .app
        .engine()
        .stage(Some(other.job.id), "test", None)
        .unwrap();
    other.app.jobs_changed();
    until(
        "given up",
        || other.app.fence(other.job.id),
        Option::is_none,
    );
    promote(&one, None).await.unwrap();
    arrives(&forest, "fourth");
    until(
        "written by the first again",
        || named(&one, "fourth"),
        |count| *count == 1,
    );
    one.sync().await;
    assert_eq!(named(&one, "second"), 1, "nobody was made twice");
    assert!(generation(&one).await >= seen + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_take_over_from_a_third_at_once_do_not_both_succeed() {
    let (_, one, other, _kept) = two().await;
    let seen = generation(&one).await;
    let stranger = async {
        let target = one.app.engine().connector(one.job.target).unwrap();
        let target = one.app.target(&target).unwrap();
        drop(target);
        let directory = one.app.directory().clone();
        let name = one.job.name.clone();
        tokio::task::spawn_blocking(move || {
            let writer = directory.administrator().writer();
            directory
                .take_fence(
                    &writer,
                    &name,
                    uuid::Uuid::from_u128(7),
                    "third",
                    Some(seen),
                )
                .is_ok()
        })
        .await
        .unwrap()
    };
    let (first, second) = tokio::join!(promote(&other, Some(seen)), stranger);
    assert_ne!(first.is_ok(), second, "both or none: {first:?} {second}");
}
