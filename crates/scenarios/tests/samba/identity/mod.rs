//! Who is who in a real domain: every refusal provoked by a real change and ended by its documented cure, names that change
//! hands, links put right by an administrator. Nothing is restarted on the way.
//!
//! Trap: the controller itself lets no two accounts have one principal name, so an exchange goes by a third name; read as one
//! delta, it is an exchange all the same. Of two new objects of one delta nobody can say which is read first, so whoever is
//! to have a value first joins before.

mod links;
mod names;
mod refusals;
mod values;

use std::net::Ipv4Addr;

use scenarios::samba::{Domain, cn};
use serde_json::Value;
use wire::api::v1::DirectoryObject;

use super::{ALL, Setting, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_who_they_are_in_a_real_domain() {
    let setting = Setting {
        name: "scidentity",
        first: Ipv4Addr::new(127, 0, 6, 41),
        people: 0,
        rights: ALL,
        has_partner: false,
    };
    let options = ["--recycle-bin", "--exchange"];
    let domain = Domain::raise_with(setting.name, setting.first, &options).await;
    let story = Story::in_domain(domain, &setting).await;
    let unguarded = ["--guard-count", "0", "--guard-percent", "0"];
    story.say(&[&["job", "settings", "main"], &unguarded[..]].concat());
    for federation in ["one.example", "two.example"] {
        story.say(&[
            "directory",
            "domains",
            "add",
            federation,
            "--federated",
            "on",
        ]);
    }
    story.installation.resume();
    story.arrived("the domain as it is").await;

    let before = refusals::Before::joined(&story).await;
    refusals::come(&story, &before).await;
    refusals::go(&story, &before).await;
    links::anchors_are_written_later(&story).await;
    names::change_hands(&story).await;
    names::duplicates_heal(&story).await;
    names::contacts_become_people(&story).await;
    names::are_made_up_and_given_back(&story).await;
    links::are_crossed(&story).await;
    values::are_refused(&story).await;
    values::identifiers_clash(&story).await;
    values::wait_for_the_store(&story).await;
}

impl Story {
    /// A verb of the administrator.
    pub(super) fn say(&self, arguments: &[&str]) -> Value {
        self.installation.ask(arguments)
    }

    /// An object that lives only in the tenant; returns its id.
    fn in_the_tenant(&self, kind: &str, attributes: &[&str]) -> String {
        let verb = [&["directory", "create", kind], attributes].concat();
        let made: DirectoryObject = self.installation.ask(&verb);
        made.id
    }

    /// What was done has arrived, without a failure, and source and target agree.
    async fn arrived(&self, what: &str) {
        self.installation.sync();
        for record in self.installation.log_since(self.mark.get()) {
            assert_ne!(record.status, "failure", "{what}: {record:#?}");
        }
        self.mark.set(self.installation.log_end());
        self.installation.agrees(what);
    }

    /// Changes the source while nobody reads.
    async fn change(&self, change: impl AsyncFnOnce(&Domain)) {
        self.installation.pause();
        change(&self.domain).await;
        self.installation.resume();
    }

    /// The code of what an object was refused for last; empty if it was not.
    fn code(&self, dn: &str) -> String {
        let view = self.installation.show(dn);
        let link = view.jobs[0].link.as_ref();
        let reason = link.and_then(|link| link.reason.as_ref());
        reason.map_or_else(String::new, |reason| reason.code.clone())
    }

    fn upn(&self, name: &str) -> Vec<String> {
        self.target(&cn(name, &self.unit), "userPrincipalName")
    }

    async fn has(&self, name: &str, attribute: &str, values: &[&str]) {
        self.domain
            .set(&cn(name, &self.unit), attribute, values)
            .await;
    }

    /// A person with these attributes besides the ordinary ones; returns its name.
    async fn born(&self, name: &str, account: &str, more: &[(&str, &str)]) -> String {
        let dn = cn(name, &self.unit);
        let principal = format!("{account}@{}", self.domain.dns());
        let mut attributes = vec![
            ("objectClass", "user"),
            ("sAMAccountName", account),
            ("displayName", name),
            ("userAccountControl", "544"),
        ];
        let is_given = |name: &str| more.iter().any(|(given, _)| *given == name);
        for own in ["userPrincipalName", "mail"] {
            if !is_given(own) {
                attributes.push((own, &principal));
            }
        }
        let is_meant = |(_, value): &&(&str, &str)| !value.is_empty();
        attributes.extend(more.iter().filter(is_meant));
        self.domain.add(&dn, &attributes).await;
        dn
    }
}
