//! A real Samba domain, real processes: every change arrives whole, once, and is logged as what it is.
//!
//! Everything is done as an administrator does it: changes over LDAP, questions with `hybridge … --json`. Trap: while the
//! source changes the job is paused, because otherwise a read could see half of a change and log it as two.

mod blind;
mod disasters;
mod forests;
mod groups;
mod identity;
mod idfix;
mod initial;
mod names;
mod people;
mod places;
mod scope;
mod two;

use std::{cell::Cell, net::Ipv4Addr};

use scenarios::{
    Source,
    processes::{self, Installation},
    record,
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

/// What a story is told with.
struct Setting {
    /// Name of the domain in the lab.
    name: &'static str,
    /// The first address tried.
    first: Ipv4Addr,
    /// People of the lab's generator besides those of the story.
    people: usize,
    /// Rights of the account that synchronises.
    rights: &'static [&'static str],
    /// Whether the domain has a second controller.
    has_partner: bool,
}

/// All rights that are of use.
const ALL: &[&str] = &["+get", "+deleted"];
/// Without the right to use DirSync.
const BY_NUMBERS: &[&str] = &["+deleted"];

impl Story {
    /// A domain with an empty unit and so many people of the lab's generator; nothing is synchronised yet.
    async fn prepare(setting: &Setting) -> Self {
        let domain = Domain::raise(setting.name, setting.first).await;
        Self::in_domain(domain, setting).await
    }

    /// The same in a domain that was raised with options of its own.
    async fn in_domain(mut domain: Domain, setting: &Setting) -> Self {
        if setting.has_partner {
            domain.raise_partner(setting.first);
        }
        let people = setting.people;
        let dir = tempfile::tempdir().unwrap();
        let (bind, password) = domain.sync_account(setting.rights).await;
        if people > 0 {
            domain.lab("bulk", &["-n", &people.to_string()]);
        }
        let secret = private_file(&dir, "secret", password);
        let settings = serde_json::json!({
            "urls": domain.urls(),
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
    async fn begin(setting: &Setting) -> Self {
        let story = Self::prepare(setting).await;
        // In this life a large group is emptied, and nobody is there to allow it.
        let guard = ["--guard-group-percent", "0", "--guard-memberships", "0"];
        let settings = [&["job", "settings", "main"][..], &guard].concat();
        story.installation.ask::<serde_json::Value>(&settings);
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
        self.comes(what, expected);
        self.installation.agrees(what);
    }

    /// The same, without asking the source again.
    pub fn comes(&self, what: &str, expected: &[&str]) {
        self.installation.sync();
        let records = self.installation.log_since(self.mark.get());
        let lines = record::apart(records.iter().map(processes::line));
        let mut wanted: Vec<&str> = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(lines, wanted, "{what}");
        self.mark.set(self.installation.log_end());
    }

    /// By which mechanism changes are found, and the right that would make it better.
    pub fn method(&self) -> (String, Option<String>) {
        let method = self.installation.status().source.position.method.unwrap();
        let right = |weaker: wire::api::v1::Problem| weaker.arguments.get("right").cloned();
        (method.name, method.weaker.and_then(right))
    }

    /// A right that is granted is used by the next read, and one that is taken is not missed.
    async fn rights_come_and_go(&self) {
        let anna = cn("Anna Prins", &self.unit);
        let line = "update Anna Prins: department";
        let set = async |domain: &Domain, to: &str| domain.set(&anna, "department", &[to]).await;
        self.step(
            "the right is granted",
            async |domain| {
                domain.grant(&["+get"]);
                set(domain, "Bridge").await;
            },
            &[line],
        )
        .await;
        assert_eq!(self.method().0, "DirSync");
        self.step(
            "the right is taken",
            async |domain| {
                domain.grant(&["-get"]);
                set(domain, "Engine").await;
            },
            &[line],
        )
        .await;
        assert_eq!(self.method().0, "uSNChanged");
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

/// Everything that happens in the life of a domain.
async fn live(story: &mut Story) {
    people::change(story).await;
    people::are_renamed_and_moved(story).await;
    people::are_disabled(story).await;
    people::leave_and_return(story).await;
    places::take_their_people_along(story).await;
    groups::gain_and_lose_members(story).await;
    groups::are_nested_deleted_and_restored(story).await;
    groups::hold_contacts(story).await;
    groups::wait_for_members(story).await;
    names::of_every_kind_arrive(story).await;
    names::of_conflict_victims_stay_away(story).await;
    changes_wait_for_the_agent(story).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_in_a_real_domain_is_followed_by_real_processes() {
    let mut story = Story::begin(&Setting {
        name: "scstory",
        first: Ipv4Addr::new(127, 0, 0, 41),
        people: if scenarios::is_full() { 5_000 } else { 150 },
        rights: ALL,
        has_partner: false,
    })
    .await;
    assert_eq!(story.method(), ("DirSync".into(), None));
    live(&mut story).await;
    assert_eq!(story.method(), ("DirSync".into(), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_life_is_followed_without_the_right_to_dirsync() {
    let mut story = Story::begin(&Setting {
        name: "scnumbers",
        first: Ipv4Addr::new(127, 0, 1, 41),
        people: if scenarios::is_full() { 5_000 } else { 20 },
        rights: BY_NUMBERS,
        has_partner: false,
    })
    .await;
    let weaker = (
        "uSNChanged".to_owned(),
        Some("Replicating Directory Changes".to_owned()),
    );
    assert_eq!(story.method(), weaker);
    live(&mut story).await;
    assert_eq!(story.method(), weaker);
    story.rights_come_and_go().await;
}
