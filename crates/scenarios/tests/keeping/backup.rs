//! Backups of a server that works, put back on a machine that has nothing, and processes killed in the middle of both.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use forest::{Forest, Generated, Organisation, Served};
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use sync_core::code::Code;
use wire::api::v1::{Backup, ErrorAnswer, Page};

const PATIENCE: Duration = Duration::from_secs(120);

struct Stand {
    installation: Installation,
    company: Generated,
    _served: Served,
    _dir: tempfile::TempDir,
}

impl Stand {
    async fn new(people: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation { people, seed: 11 }.build().unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        let installation = Installation::new(&source);
        installation.resume();
        installation.sync();
        Self {
            installation,
            company,
            _served,
            _dir: dir,
        }
    }

    /// Somebody arrives in the source.
    fn arrives(&self, name: &str) {
        arrives(&self.company.forest, name);
    }

    fn agrees(&self, what: &str) {
        self.installation.sync();
        let report = self.installation.verify();
        assert!(report.agree, "{what}: {report:#?}");
    }

    fn backups(&self) -> Vec<Backup> {
        self.installation
            .ask::<Page<Backup>>(&["backup", "list"])
            .items
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.installation.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        let answer: ErrorAnswer = serde_json::from_slice(&output.stdout).unwrap();
        answer.error.code
    }
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_continuous_change_is_whole_on_an_empty_machine() {
    let mut stand = Stand::new(60).await;
    let (stop, forest) = (
        Arc::new(AtomicBool::new(false)),
        stand.company.forest.clone(),
    );
    let changing = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                arrives(&forest, &format!("while{count}"));
                count += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            count
        }
    });
    let made: Vec<Backup> = (0..3)
        .map(|_| stand.installation.ask(&["backup", "create"]))
        .collect();
    stop.store(true, Ordering::Relaxed);
    let count = changing.join().unwrap();
    assert!(count > 3, "only {count} changes while backups were made");
    let listed = stand.backups();
    assert_eq!(listed.len(), 3);
    assert!(
        listed
            .iter()
            .all(|one| one.problem.is_none() && one.bytes > 0)
    );
    for backup in &made {
        stand
            .installation
            .ask::<Value>(&["backup", "verify", &backup.path]);
    }
    assert_eq!(
        stand.refusal(&["backup", "restore", &made[2].path, "--replace"]),
        Code::StoreLocked.name()
    );
    stand.agrees("before");
    stand.installation.stop_server();
    assert_eq!(
        stand.refusal(&["backup", "restore", &made[2].path]),
        Code::Conflict.name()
    );
    // The machine is lost: only one backup is left of it.
    let kept = stand.installation.data().with_extension("kept.tar");
    std::fs::copy(&made[2].path, &kept).unwrap();
    let key = stand.installation.data().with_extension("key");
    std::fs::copy(stand.installation.data().join("master-key"), &key).unwrap();
    std::fs::remove_dir_all(stand.installation.data()).unwrap();
    let kept = kept.to_str().unwrap().to_owned();
    stand.installation.ask::<Value>(&[
        "backup",
        "restore",
        &kept,
        "--master-key-file",
        key.to_str().unwrap(),
    ]);
    stand.installation.start_server();
    // Another machine is another server: it waits until somebody says that the first one is lost.
    let waiting = stand.installation.run(&["staging", "promote"]);
    assert!(!waiting.status.success(), "it took the job by itself");
    stand
        .installation
        .ask::<Value>(&["staging", "promote", "--take-over"]);
    stand.arrives("afterwards");
    stand.agrees("after");
    let names = stand.installation.names();
    for wanted in ["while0", "afterwards", &format!("while{}", count - 1)] {
        let same = names.iter().filter(|name| *name == wanted).count();
        assert_eq!(same, 1, "{wanted}");
    }
    let deletions = stand.installation.log_since(0);
    assert!(
        deletions
            .iter()
            .all(|record| record.provisioning_action != "delete")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_makes_a_backup_leaves_none_and_makes_the_next() {
    let mut stand = Stand::new(30).await;
    for point in ["backup.copied", "backup.written"] {
        stand.installation.stop_server();
        stand.installation.start_doomed_server(point);
        let ran = stand.installation.run(&["backup", "create"]);
        assert!(!ran.status.success(), "{point} never came");
        let deadline = Instant::now() + PATIENCE;
        while stand.installation.server_lives() {
            assert!(Instant::now() < deadline, "{point} never came");
            std::thread::sleep(Duration::from_millis(20));
        }
        stand.installation.start_server();
        assert_eq!(stand.backups(), [], "{point}");
    }
    let made: Backup = stand.installation.ask(&["backup", "create", "--keep", "1"]);
    stand
        .installation
        .ask::<Value>(&["backup", "verify", &made.path]);
    let folder = std::path::Path::new(&made.path).parent().unwrap();
    let left = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(left, 1, "remains of what was interrupted");
    stand.agrees("at the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restoration_killed_anywhere_is_carried_through_or_never_began() {
    let mut stand = Stand::new(30).await;
    let made: Backup = stand.installation.ask(&["backup", "create"]);
    for (round, point) in [
        "restore.taken",
        "restore.decided",
        "restore.aside",
        "restore.placed",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("later{round}");
        stand.arrives(&name);
        stand.agrees(point);
        stand.installation.stop_server();
        let ran = stand
            .installation
            .run_doomed(point, &["backup", "restore", &made.path, "--replace"]);
        assert!(!ran.status.success(), "{point} never came");
        stand.installation.start_server();
        // The log is that of the backup, or not: the person who came later is known, or comes again. Never twice, never half.
        stand.agrees(point);
        let names = stand.installation.names();
        assert_eq!(
            names.iter().filter(|one| **one == name).count(),
            1,
            "{point}"
        );
        let note = stand.installation.data().join("restoration.json");
        assert!(!note.exists(), "{point}");
    }
}
