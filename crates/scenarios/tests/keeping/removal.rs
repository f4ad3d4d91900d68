//! Jobs are removed, and their objects kept, released, disabled or deleted, as it was said; also when the server dies meanwhile.

use std::time::{Duration, Instant};

use forest::{Organisation, Served};
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use wire::api::v1::{DirectoryObject, JobRemoval, Page};

const PATIENCE: Duration = Duration::from_secs(120);

struct Stand {
    installation: Installation,
    _served: Served,
    _dir: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 30,
            seed: 6,
        }
        .build()
        .unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        let installation = Installation::new(&source);
        installation.resume();
        installation.sync();
        Self {
            installation,
            _served,
            _dir: dir,
        }
    }

    fn users(&self) -> Vec<DirectoryObject> {
        let page: Page<DirectoryObject> =
            self.installation
                .ask(&["directory", "users", "--limit", "100000"]);
        page.items
    }

    fn attribute(&self, id: &str, name: &str) -> Vec<String> {
        let object: DirectoryObject = self.installation.ask(&["directory", "object", id]);
        object.attributes.get(name).cloned().unwrap_or_default()
    }

    fn code(&self, arguments: &[&str]) -> String {
        let output = self.installation.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["error"]["code"].as_str().unwrap().to_owned()
    }

    fn is_gone(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let jobs: Value = self.installation.ask(&["job", "list"]);
            if jobs["items"].as_array().unwrap().is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "the job stays: {jobs}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn create(&self) {
        self.installation.ask::<Value>(&[
            "job",
            "create",
            "main",
            "--source",
            "ad",
            "--settle",
            "1",
            "--interval",
            "1",
        ]);
        self.installation.resume();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn released_objects_stay_as_the_tenants_own_and_a_new_job_finds_them_again() {
    let stand = Stand::new().await;
    let before = stand.users();
    let preview: JobRemoval = stand.installation.ask(&["job", "delete", "main"]);
    assert!(
        preview.objects.is_none() && preview.linked >= 30 && preview.is_active_here,
        "{preview:?}"
    );
    assert_eq!(preview.classes.values().sum::<u64>(), preview.linked);
    stand
        .installation
        .ask::<Value>(&["job", "delete", "main", "--objects", "release", "--wait"]);
    stand.is_gone();
    let after = stand.users();
    assert_eq!(after.len(), before.len());
    let synchronised = |one: &DirectoryObject| stand.attribute(&one.id, "onPremisesSyncEnabled");
    assert_eq!(synchronised(&after[0]), ["False"]);
    // The log still says what was done, of a job that is gone.
    let log: Value = stand
        .installation
        .ask(&["log", "--limit", "1000", "--action", "update"]);
    let records = log["items"].as_array().unwrap();
    let released = records.iter().filter(|one| {
        one["summary"]
            .as_str()
            .is_some_and(|text| text.contains("onPremisesSyncEnabled"))
    });
    assert_eq!(released.count() as u64, preview.linked);
    assert!(
        records
            .iter()
            .all(|one| !one["jobId"].as_str().unwrap().is_empty())
    );
    let audit: Value = stand.installation.ask(&["audit"]);
    let acts: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["act"].as_str().unwrap())
        .collect();
    assert!(
        acts.contains(&"remove job") && acts.contains(&"job removed"),
        "{acts:?}"
    );
    // A job of the same name is another job, and takes the same objects over.
    stand.create();
    stand.installation.sync();
    let report = stand.installation.verify();
    assert!(report.agree, "{report:#?}");
    assert_eq!(stand.users().len(), before.len(), "nobody was made twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_asks_for_the_number_and_for_more_than_the_guard_lets_through() {
    let mut stand = Stand::new().await;
    let preview: JobRemoval = stand.installation.ask(&["job", "delete", "main"]);
    assert!(
        preview.guard.is_some(),
        "all of them is more than the guard lets through"
    );
    let (right, wrong) = (preview.linked.to_string(), (preview.linked - 1).to_string());
    let delete = ["job", "delete", "main", "--objects", "delete"];
    let with = |more: &[&'static str], count: Option<&str>| {
        let mut all: Vec<String> = delete.iter().map(|one| (*one).to_owned()).collect();
        if let Some(count) = count {
            all.extend(["--expected".to_owned(), count.to_owned()]);
        }
        all.extend(more.iter().map(|one| (*one).to_owned()));
        all
    };
    let code = |all: Vec<String>| stand.code(&all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code(with(&[], None)), "RequestInvalid");
    assert_eq!(code(with(&[], Some(&right))), "TooManyDeletes");
    assert_eq!(code(with(&["--beyond-guard"], Some(&wrong))), "Conflict");
    assert!(stand.users().len() >= 30, "somebody was deleted");
    // The server dies in the middle, and goes on when it is started again.
    stand.installation.stop_server();
    stand
        .installation
        .start_doomed_server("engine.note_removed.before");
    let all = with(&["--beyond-guard"], Some(&right));
    let _ = stand
        .installation
        .run(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let deadline = Instant::now() + PATIENCE;
    while stand.installation.server_lives() {
        assert!(Instant::now() < deadline, "it never came to that");
        std::thread::sleep(Duration::from_millis(20));
    }
    stand.installation.start_server();
    stand.is_gone();
    assert_eq!(stand.users().len(), 0);
    let log: Value = stand
        .installation
        .ask(&["log", "--limit", "1000", "--action", "delete"]);
    assert_eq!(
        log["items"].as_array().unwrap().len() as u64,
        preview.linked,
        "each once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabled_accounts_stay_and_cannot_sign_in() {
    let stand = Stand::new().await;
    let preview: JobRemoval = stand.installation.ask(&["job", "delete", "main"]);
    let expected = preview.linked.to_string();
    let before = stand.users().len();
    stand.installation.ask::<Value>(&[
        "job",
        "delete",
        "main",
        "--objects",
        "disable",
        "--expected",
        &expected,
        "--beyond-guard",
        "--wait",
    ]);
    let users = stand.users();
    assert_eq!(users.len(), before);
    for user in users.iter().take(5) {
        assert_eq!(
            stand.attribute(&user.id, "accountEnabled"),
            ["False"],
            "{}",
            user.display_name
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_in_staging_is_only_forgotten_and_its_objects_are_as_they_were() {
    let stand = Stand::new().await;
    stand.installation.ask::<Value>(&["staging", "enter"]);
    assert_eq!(
        stand.code(&["job", "delete", "main", "--objects", "release"]),
        "Conflict"
    );
    let before = stand.users();
    stand
        .installation
        .ask::<Value>(&["job", "delete", "main", "--objects", "keep", "--wait"]);
    assert_eq!(stand.users().len(), before.len());
    assert_eq!(
        stand.attribute(&before[0].id, "onPremisesSyncEnabled"),
        ["True"]
    );
    stand.create();
    stand.installation.ask::<Value>(&["staging", "promote"]);
    stand.installation.sync();
    assert!(stand.installation.verify().agree);
    assert_eq!(stand.users().len(), before.len());
}
