//! A real OpenLDAP server, real processes: every change arrives whole, once, and is logged as what it is.
//!
//! Everything is done as an administrator does it: changes over LDAP, questions with `hybridge … --json`. Trap: while the
//! source changes the job is paused, because otherwise a read could see half of a change and log it as two.

mod ds389;
mod life;
mod scope;
mod trouble;
mod two;

use std::{cell::Cell, fmt::Write as _};

use scenarios::{
    Source,
    processes::{self, Installation},
    record,
    slapd::Directory,
    world::private_file,
};
use serde_json::Value;
use tempfile::TempDir;

/// Directory and installation, told step by step.
pub struct Story {
    // Dropped in this order: the processes before the directory they read.
    pub installation: Installation,
    pub directory: Directory,
    /// Where the story happens.
    pub unit: String,
    mark: Cell<i64>,
    pub dir: TempDir,
}

impl Story {
    /// A directory with so many people and a group of all of them, synchronised.
    async fn begin(name: &str, ip: &str, people: usize, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let directory = Self::loaded(&dir, (name, ip), people, options).await;
        let urls = [directory.value("SLAPD_LDAPS").to_owned()];
        Self::over(dir, directory, &urls, people).await
    }

    async fn loaded(
        dir: &TempDir,
        (name, ip): (&str, &str),
        people: usize,
        options: &[&str],
    ) -> Directory {
        let file = dir.path().join("people.ldif");
        std::fs::write(&file, ldif(people)).unwrap();
        let load = ["--load", file.to_str().unwrap()];
        Directory::raise(name, ip, &[&load, options].concat()).await
    }

    /// A directory that is there, synchronised; these servers have it.
    async fn over(dir: TempDir, directory: Directory, urls: &[String], people: usize) -> Self {
        let settings = serde_json::json!({ "urls": urls, "ca_file": directory.value("SLAPD_CA") });
        Self::with(dir, directory, settings, people).await
    }

    /// The same, read with these settings.
    async fn with(dir: TempDir, directory: Directory, mut settings: Value, people: usize) -> Self {
        let password = directory.value("SLAPD_PASSWORD");
        settings["bind"] = directory.value("SLAPD_READER").into();
        settings["secret"] = serde_json::json!({ "file": private_file(&dir, "secret", password) });
        let source = Source {
            settings,
            domains: vec!["canal.example".into()],
        };
        let installation = Installation::of_kind("openldap", &source);
        installation.resume();
        installation.sync();
        let report = installation.agrees("initial cycle");
        assert!(report.target_objects >= people as u64, "{report:#?}");
        let unit = directory.unit("Story", &directory.base).await;
        let story = Self {
            mark: Cell::new(installation.log_end()),
            installation,
            directory,
            unit,
            dir,
        };
        story.arrives("a place for the story", &[]);
        story
    }

    /// Makes a change, waits until it has arrived, and compares: the target with the source, the log with what is expected.
    pub async fn step(&self, what: &str, change: impl AsyncFnOnce(&Directory), expected: &[&str]) {
        self.installation.pause();
        change(&self.directory).await;
        self.installation.resume();
        self.arrives(what, expected);
    }

    /// What was changed arrives, with exactly these lines in the log.
    pub fn arrives(&self, what: &str, expected: &[&str]) {
        self.installation.sync();
        self.is_logged(what, expected);
        self.installation.agrees(what);
    }

    fn is_logged(&self, what: &str, expected: &[&str]) {
        let records = self.installation.log_since(self.mark.get());
        let lines = record::apart(records.iter().map(processes::line));
        let mut wanted: Vec<&str> = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(lines, wanted, "{what}");
        self.mark.set(self.installation.log_end());
    }

    /// The name of a person who was there from the start.
    pub fn old_hand(&self, number: usize) -> String {
        format!("uid=u{number},ou=people,{}", self.directory.base)
    }

    /// The group of all who were there from the start.
    pub fn everybody(&self) -> String {
        format!("cn=everybody,ou=groups,{}", self.directory.base)
    }
}

/// Groups first, so that every link is to somebody who comes later.
fn ldif(people: usize) -> String {
    let base = "dc=canal,dc=example";
    let mut text = format!(
        "dn: {base}\nobjectClass: dcObject\nobjectClass: organization\no: Canal\ndc: canal\n\n"
    );
    for unit in ["groups", "people"] {
        write!(
            text,
            "dn: ou={unit},{base}\nobjectClass: organizationalUnit\nou: {unit}\n\n"
        )
        .unwrap();
    }
    write!(
        text,
        "dn: cn=everybody,ou=groups,{base}\nobjectClass: groupOfNames\ncn: everybody\n"
    )
    .unwrap();
    for n in 0..people {
        writeln!(text, "member: uid=u{n},ou=people,{base}").unwrap();
    }
    write!(
        text,
        "\ndn: cn=users,ou=groups,{base}\nobjectClass: posixGroup\ncn: users\ngidNumber: 100\nmemberUid: u1\nmemberUid: u2\n\n\
         dn: cn=unique,ou=groups,{base}\nobjectClass: groupOfUniqueNames\ncn: unique\nuniqueMember: uid=u3,ou=people,{base}\n\n\
         dn: cn=sync,{base}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: sync\nuserPassword: secret\n\n"
    )
    .unwrap();
    for n in 0..people {
        write!(
            text,
            "dn: uid=u{n},ou=people,{base}\nobjectClass: inetOrgPerson\nuid: u{n}\ncn: Old hand {n}\nsn: Hand\n\
             mail: u{n}@canal.example\nmanager: uid=u{},ou=people,{base}\n\n",
            n / 10
        )
        .unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_in_a_real_directory_is_followed_by_real_processes() {
    let people = if scenarios::is_full() { 50_000 } else { 5_000 };
    let story = Story::begin(
        "scoldap",
        "127.0.0.91",
        people,
        &["--memberof", "--ppolicy"],
    )
    .await;
    life::one_of_very_many_members(&story, people).await;
    life::people_change(&story).await;
    life::people_are_renamed_and_moved(&story).await;
    life::people_are_disabled(&story).await;
    life::people_leave_and_others_take_their_names(&story).await;
    life::containers_take_their_people_along(&story).await;
    life::groups_of_every_kind(&story).await;
    life::names_of_every_kind(&story).await;
    trouble::changes_that_overlap(&story).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_forgets_restarts_or_goes_back_deletes_nobody() {
    let mut story = Story::begin("scoldapt", "127.0.0.92", 60, &[]).await;
    trouble::provider_restarted(&mut story).await;
    trouble::deletions_forgotten(&mut story).await;
    trouble::provider_restored(&mut story).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_demands_a_refresh_is_read_anew() {
    let options = ["--sessionlog", "0", "--reloadhint"];
    let mut story = Story::begin("scoldapr", "127.0.0.96", 12, &options).await;
    trouble::refresh_demanded(&mut story, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_synchronisation_deletions_are_found_by_the_comparison() {
    let story = Story::begin("scoldapn", "127.0.0.97", 30, &["--no-sync"]).await;
    trouble::read_by_time(&story).await;
}
