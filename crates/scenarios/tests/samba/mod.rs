//! A real Samba domain, real processes: every change arrives whole, once, and is logged as what it is.
//!
//! Everything is done as an administrator does it: changes over LDAP, questions with `hybridge … --json`. Trap: while the
//! source changes the job is paused, because otherwise a read could see half of a change and log it as two.

mod groups;
mod initial;
mod names;
mod people;
mod places;

use std::{cell::Cell, net::Ipv4Addr};

use scenarios::{
    Source,
    processes::{self, Installation},
    samba::{Domain, cn},
    world::private_file,
};
use tempfile::TempDir;

/// Domain and installation, told step by step.
pub struct Story {
    // Dropped in this order: the processes before the domain they read.
    pub installation: Installation,
    pub domain: Domain,
    /// Where the story happens.
    pub unit: String,
    mark: Cell<i64>,
    _dir: TempDir,
}

impl Story {
    /// A domain with an empty unit and so many people of the lab's generator; nothing is synchronised yet.
    async fn prepare(name: &str, first: Ipv4Addr, people: usize) -> Self {
        let domain = Domain::raise(name, first).await;
        let dir = tempfile::tempdir().unwrap();
        let (bind, password) = domain.sync_account().await;
        if people > 0 {
            domain.lab("bulk", &["-n", &people.to_string()]);
        }
        let secret = private_file(&dir, "secret", password);
        let settings = serde_json::json!({
            "urls": [format!("ldaps://{}", domain.value("LAB_DC_IP"))],
            "bind": bind,
            "secret": { "file": secret },
            "ca_file": domain.value("LAB_CA"),
        });
        let source = Source {
            settings,
            domains: vec![domain.dns()],
        };
        let installation = Installation::new(&source);
        let unit = domain.unit("Story", &domain.base).await;
        Self {
            installation,
            domain,
            unit,
            mark: Cell::new(0),
            _dir: dir,
        }
    }

    /// The same, with everything synchronised.
    async fn begin(name: &str, first: Ipv4Addr, people: usize) -> Self {
        let story = Self::prepare(name, first, people).await;
        initial::populate(&story).await;
        story.installation.resume();
        story.installation.sync();
        story.installation.agrees("initial cycle");
        initial::is_logged(&story).await;
        story.mark.set(story.installation.log_end());
        story
    }

    /// Makes a change, waits until it has arrived, and compares: the target with the source, the log with what is expected.
    pub async fn step(&self, what: &str, change: impl AsyncFnOnce(&Domain), expected: &[&str]) {
        self.installation.pause();
        change(&self.domain).await;
        self.installation.resume();
        self.arrives(what, expected);
    }

    /// What was changed arrives, with exactly these lines in the log.
    pub fn arrives(&self, what: &str, expected: &[&str]) {
        self.installation.sync();
        let records = self.installation.log_since(self.mark.get());
        let mut lines: Vec<String> = records.iter().map(processes::line).collect();
        lines.sort();
        let mut wanted: Vec<&str> = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(lines, wanted, "{what}");
        self.mark.set(self.installation.log_end());
        self.installation.agrees(what);
    }

    /// A value of the target object of a person, group or contact.
    pub fn target(&self, dn: &str, attribute: &str) -> Vec<String> {
        let view = self.installation.show(dn);
        let target = view.jobs[0]
            .target
            .as_ref()
            .unwrap_or_else(|| panic!("{dn} has no target: {view:#?}"));
        target
            .attributes
            .get(attribute)
            .cloned()
            .unwrap_or_default()
    }

    /// Id of the target object.
    pub fn target_id(&self, dn: &str) -> String {
        self.installation.show(dn).jobs[0]
            .target
            .as_ref()
            .unwrap()
            .id
            .clone()
    }

    /// Names of the objects the target object refers to, sorted; of many only the first.
    pub fn references(&self, dn: &str, attribute: &str) -> (u64, Vec<String>) {
        let view = self.installation.show(dn);
        let target = view.jobs[0].target.as_ref().unwrap();
        let Some(found) = target.references.get(attribute) else {
            return (0, Vec::new());
        };
        let mut names: Vec<String> = found.first.iter().map(|one| one.name.clone()).collect();
        names.sort();
        (found.count, names)
    }
}

/// Changes made while the agent is dead arrive when it is back.
async fn changes_wait_for_the_agent(story: &mut Story) {
    story.installation.kill_agent();
    let (anna, unit) = (cn("Anna Prins", &story.unit), story.unit.clone());
    story.domain.set(&anna, "department", &["Deck"]).await;
    let dn = story.domain.person("Late", "late", &unit).await;
    story.domain.delete(&dn).await;
    story.installation.start_agent();
    story.arrives("the agent is back", &["update Anna Prins: department"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_in_a_real_domain_is_followed_by_real_processes() {
    let people = if scenarios::is_full() { 5_000 } else { 150 };
    let mut story = Story::begin("scstory", Ipv4Addr::new(127, 0, 0, 41), people).await;
    people::change(&story).await;
    people::are_renamed_and_moved(&story).await;
    people::are_disabled(&story).await;
    people::leave_and_return(&story).await;
    places::take_their_people_along(&story).await;
    groups::gain_and_lose_members(&story).await;
    groups::are_nested_deleted_and_restored(&story).await;
    groups::hold_contacts(&story).await;
    groups::wait_for_members(&story).await;
    names::of_every_kind_arrive(&story).await;
    names::of_conflict_victims_stay_away(&story).await;
    changes_wait_for_the_agent(&mut story).await;
}
