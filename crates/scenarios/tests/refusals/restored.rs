//! One of the two databases put back from a backup beside the other: noticed at the start, and both agree again without
//! anything made twice or deleted for it.
//!
//! Trap: the source is not restored. What happened in it after the backup reached the target once already, and is told again.

use std::path::{Path, PathBuf};

use sync_core::code::Code;
use uuid::Uuid;
use wire::api::v1::{DirectoryObject, Page};

use super::stores::Stand;

/// What happens between the backup and the restoration.
struct Since {
    stand: Stand,
    backup: PathBuf,
    log_end: i64,
}

/// Copies one of the databases of a stopped server, with what lies beside it.
fn copy(store: &str, from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm"] {
        let name = format!("{store}{end}");
        let _ = std::fs::remove_file(to.join(&name));
        if from.join(&name).exists() {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}

fn group(stand: &Stand, name: &str, members: &[Uuid]) -> Uuid {
    let forest = &stand.company.forest;
    let account = [("sAMAccountName", name)];
    let group = forest
        .add_group(&forest.domain_dn(), name, &account)
        .unwrap();
    for member in members {
        forest.add_member(group, *member).unwrap();
    }
    group
}

fn person(stand: &Stand, name: &str) -> Uuid {
    let forest = &stand.company.forest;
    let mail = format!("{name}@canal.example");
    let attributes = [
        ("sAMAccountName", name),
        ("userPrincipalName", mail.as_str()),
        ("displayName", name),
    ];
    forest
        .add_user(&forest.domain_dn(), name, &attributes)
        .unwrap()
}

/// A backup of both databases, and then a life: people and groups come, change, lose members and go.
async fn live(people: usize) -> Since {
    let mut stand = Stand::prepare(people, None).await;
    let old: Vec<Uuid> = (0..4)
        .map(|n| person(&stand, &format!("before{n}")))
        .collect();
    let kept = group(&stand, "kept", &old);
    let emptied = group(&stand, "emptied", &old);
    stand.installation.resume();
    stand.installation.sync();
    stand.installation.stop_server();
    let backup = stand.dir.path().join("backup");
    std::fs::create_dir(&backup).unwrap();
    for store in ["engine.db", "directory.db"] {
        copy(store, &stand.installation.data(), &backup);
    }
    stand.installation.start_server();
    let forest = stand.company.forest.clone();
    let new = person(&stand, "after");
    forest.add_member(kept, new).unwrap();
    group(&stand, "new", &[new, old[0]]);
    forest.remove_member(emptied, old[1]).unwrap();
    forest.set(old[2], "department", "Later").unwrap();
    forest.delete(old[3]).unwrap();
    stand.installation.sync();
    let report = stand.installation.verify();
    assert!(report.agree, "{report:#?}");
    let log_end = stand.installation.log_end();
    stand.installation.stop_server();
    Since {
        stand,
        backup,
        log_end,
    }
}

impl Since {
    /// Puts one of the databases back and starts.
    fn restore(&mut self, store: &str) {
        copy(store, &self.backup, &self.stand.installation.data());
        self.stand.installation.start_server();
    }

    /// It was noticed which database was restored.
    fn is_noticed(&self, restored: &str) {
        let notice = super::until("the notice", || {
            let status = self.stand.installation.status();
            status.notice.ok_or_else(|| "no notice".to_owned())
        });
        assert_eq!(notice.code, Code::StoreRestored.name());
        assert_eq!(notice.arguments["restored"], restored, "{notice:#?}");
        super::is_told_well(&self.stand.installation, &notice, "directory.db");
    }

    /// Both agree, nothing is there twice, and nobody was deleted but the one who was deleted in the source.
    fn is_whole(&self, since: i64) {
        let installation = &self.stand.installation;
        installation.sync();
        let report = installation.verify();
        assert!(report.agree, "{report:#?}");
        let status = installation.status();
        assert_eq!(status.held_deletions, 0, "{status:#?}");
        let deleted: Vec<String> = installation
            .log_since(since)
            .into_iter()
            .filter(|record| ["delete", "disable"].contains(&record.provisioning_action.as_str()))
            .map(|record| record.source_identity.display_name)
            .collect();
        assert!(deleted.len() <= 1, "{deleted:?}");
        for (kind, name) in [("users", "after"), ("groups", "new")] {
            assert_eq!(self.named(kind, name), 1, "{name}");
        }
    }

    /// How many objects of the tenant directory have this display name.
    fn named(&self, kind: &str, name: &str) -> usize {
        let ask = ["directory", kind, "--name", name];
        let found: Page<DirectoryObject> = self.stand.installation.ask(&ask);
        let same = found.items.iter().filter(|one| one.display_name == name);
        same.count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_engine_beside_a_newer_directory_is_noticed_and_agrees_again() {
    let mut since = live(30).await;
    since.restore("engine.db");
    since.is_noticed("engine.db");
    // The log is the engine's: it is that of the backup too.
    since.is_whole(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_directory_beside_a_newer_engine_is_noticed_and_made_whole_again() {
    let mut since = live(30).await;
    since.restore("directory.db");
    since.is_noticed("directory.db");
    since.is_whole(since.log_end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_is_no_restoration() {
    let mut stand = Stand::begin(30, None).await;
    for (round, point) in ["engine.report.before", "engine.report.after"]
        .iter()
        .enumerate()
    {
        stand.installation.stop_server();
        stand.installation.start_doomed_server(point);
        stand.change_everybody(&format!("Round {round}"));
        let member = person(&stand, &format!("round{round}"));
        group(&stand, &format!("ring{round}"), &[member]);
        let deadline = std::time::Instant::now() + super::PATIENCE;
        while stand.installation.server_lives() {
            assert!(std::time::Instant::now() < deadline, "{point} never came");
            std::thread::sleep(super::LOOK_AGAIN);
        }
        stand.installation.start_server();
        stand.installation.sync();
        assert_eq!(stand.installation.status().notice, None, "{point}");
        assert!(stand.installation.verify().agree, "{point}");
    }
}
