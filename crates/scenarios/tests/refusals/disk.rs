//! A full disk, below the engine and below the directory: work stops with a code, nothing is half written, and it goes on by
//! itself once there is room.
//!
//! Trap: only the store in question is moved to the small disk, behind a symbolic link, so that it is known whose write
//! fails.

use std::collections::BTreeSet;

use sync_core::code::Code;

use super::{is_told_well, stores::Stand, until};

/// People who arrive while the disk is full.
const ARRIVE: usize = 300;

/// A stand whose `store` is on a disk of its own, full.
async fn with_full_disk(store: &str) -> Stand {
    let mut stand = Stand::begin(30, Some("64m")).await;
    stand.installation.stop_server();
    let room = stand.installation.room();
    room.shell("mkdir small && mount -t tmpfs -o size=8m small small");
    room.shell(&format!("mv {store} small/ && ln -s small/{store} {store}"));
    stand.installation.start_server();
    stand.installation.sync();
    let room = stand.installation.room();
    room.shell("dd if=/dev/zero of=small/ballast bs=1k 2>/dev/null; test -s small/ballast");
    stand
}

fn arrive(stand: &Stand) {
    let forest = &stand.company.forest;
    let unit = format!("OU=Late,{}", forest.domain_dn());
    forest.add_ou(&forest.domain_dn(), "Late").unwrap();
    let notes = "n".repeat(500);
    for number in 0..ARRIVE {
        let account = format!("late{number}");
        let attributes = [
            ("sAMAccountName", account.as_str()),
            ("streetAddress", &notes),
        ];
        forest.add_user(&unit, &account, &attributes).unwrap();
    }
}

/// Work has stopped for want of room in this store, and the server still answers.
fn is_stopped_by(stand: &mut Stand, store: &str) {
    let problem = until("a full disk", || {
        let status = stand.installation.status();
        let all = [status.failure, status.source.position.failure];
        let mut told = all.clone().into_iter().flatten();
        told.find(|problem| problem.code == Code::DiskFull.name())
            .ok_or_else(|| format!("{all:?}"))
    });
    is_told_well(&stand.installation, &problem, store);
    assert!(stand.installation.server_lives());
}

/// It goes on by itself: everybody is there, once.
fn goes_on(stand: &Stand, mark: i64) {
    stand.installation.sync();
    let report = stand.installation.verify();
    assert!(report.agree, "{report:#?}");
    let records = stand.installation.log_since(mark);
    let created = records
        .iter()
        .filter(|record| record.provisioning_action == "create" && record.status == "success");
    let ids: Vec<&str> = created.map(|one| one.source_identity.id.as_str()).collect();
    let different: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!((ids.len(), different.len()), (ARRIVE, ARRIVE));
}

async fn stops_and_goes_on(store: &str) {
    let mut stand = with_full_disk(store).await;
    let mark = stand.installation.log_end();
    arrive(&stand);
    is_stopped_by(&mut stand, store);
    stand
        .installation
        .room()
        .shell("mount -o remount,size=64m small");
    goes_on(&stand, mark);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_below_the_engine_stops_work_until_there_is_room() {
    stops_and_goes_on("engine.db").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_below_the_directory_stops_work_until_there_is_room() {
    stops_and_goes_on("directory.db").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_on_a_full_disk_refuses_to_start_until_there_is_room() {
    let mut stand = with_full_disk("engine.db").await;
    let mark = stand.installation.log_end();
    arrive(&stand);
    is_stopped_by(&mut stand, "engine.db");
    stand.installation.kill_server();
    let refused = stand.installation.server_refuses();
    assert_eq!(refused.problem.code, Code::DiskFull.name(), "{refused:#?}");
    assert_eq!(refused.code, Some(2));
    assert!(refused.told.contains("engine.db"), "{}", refused.told);
    let room = stand.installation.room();
    room.shell("mount -o remount,size=64m small");
    stand.installation.start_server();
    goes_on(&stand, mark);
}
