//! Two real forests into one tenant: accounts of each are members of the other's groups by objects that Samba makes for them.
//!
//! Trap: Samba of today cannot make a second domain in a forest, so that is tried with made-up domains only.

use std::net::Ipv4Addr;

use ldap::{Query, Scope};
use scenarios::{
    Source, Tree, World,
    samba::Domain,
    world::{private_file, quick_settings},
};
use server::cycles::on_demand::{self, Wanted};

use super::{ALL, BY_NUMBERS};

/// Only groups of a domain's own take in accounts of other forests (MS-ADTS 3.1.1.5.2.2).
const LOCAL: &str = "-2147483644";

/// What a connector needs of a domain, with these rights there.
async fn source(domain: &Domain, dir: &tempfile::TempDir, name: &str, rights: &[&str]) -> Source {
    let (bind, password) = domain.sync_account(rights).await;
    let secret = private_file(dir, &format!("{name}-secret"), password);
    Source {
        settings: serde_json::json!({
            "urls": domain.urls(),
            "bind": bind,
            "secret": { "file": secret },
            "ca_file": domain.value("LAB_CA"),
        }),
        domains: Vec::new(),
    }
}

/// The value by which a group of another forest takes an account in: Samba makes the object that stands for it.
async fn by_sid(domain: &Domain, dn: &str) -> String {
    format!("<SID={}>", domain.sid(dn).await)
}

/// A group that takes in accounts of other forests.
async fn open_group(domain: &Domain, name: &str, container: &str) -> String {
    let group = domain.group(name, &name.to_lowercase(), container).await;
    // By way of a universal group, as a group of one kind does not become one of the other at once.
    domain.set(&group, "groupType", &["-2147483640"]).await;
    domain.set(&group, "groupType", &[LOCAL]).await;
    domain.set(&group, "displayName", &[name]).await;
    group
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_two_real_forests_find_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let here = Domain::raise_with("scforesta", Ipv4Addr::new(127, 0, 2, 41), &[]).await;
    let there = Domain::raise_with("scforestb", Ipv4Addr::new(127, 0, 3, 41), &[]).await;
    let mut first = source(&here, &dir, "here", ALL).await;
    first.domains = vec![here.dns(), there.dns()];
    let second = source(&there, &dir, "there", ALL).await;
    let (unit, other) = (
        here.unit("Story", &here.base).await,
        there.unit("Story", &there.base).await,
    );
    let anna = here.person("Anna Near", "anna", &unit).await;
    let bob = there.person("Bob Far", "bob", &other).await;
    let cor = there.person("Cor Gone", "cor", &other).await;
    let pilots = open_group(&here, "Pilots", &unit).await;
    let keepers = open_group(&there, "Keepers", &other).await;
    let (bob_there, cor_there) = (by_sid(&there, &bob).await, by_sid(&there, &cor).await);
    here.put(&pilots, "member", &[&anna, &bob_there, &cor_there])
        .await;
    let anna_here = by_sid(&here, &anna).await;
    there.put(&keepers, "member", &[&anna_here]).await;

    let mut world = World::new(dir, &first, quick_settings()).await;
    world.start_job();
    world.sync().await;
    assert_eq!(Tree::of(&world.app).members("Pilots"), ["Anna Near"]);
    world.add_source("there", &second).await;
    world.start_other(0);
    world.sync().await;
    let tree = Tree::of(&world.app);
    assert_eq!(tree.members("Pilots"), ["Anna Near", "Bob Far", "Cor Gone"]);
    assert_eq!(tree.members("Keepers"), ["Anna Near"]);

    there.delete(&cor).await;
    here.take(&pilots, "member", &[&bob_there]).await;
    world.sync().await;
    assert_eq!(Tree::of(&world.app).members("Pilots"), ["Anna Near"]);
    here.delete(&anna).await;
    world.sync().await;
    assert!(Tree::of(&world.app).members("Keepers").is_empty());
    world.agrees().await;

    // A group read by itself brings along who of another forest is in it, before any read of everything tells of them.
    let dora = there.person("Dora Far", "dora", &other).await;
    world.sync().await;
    world.read_only_when_asked().await;
    let before = world.reads();
    let dora_there = by_sid(&there, &dora).await;
    here.put(&pilots, "member", &[&dora_there]).await;
    let job = world.app.engine().job(world.job.id).unwrap();
    let done = on_demand::run(&world.app, &job, &Wanted::Group(pilots), None)
        .await
        .unwrap();
    assert_eq!(done.unfinished, []);
    assert_eq!(Tree::of(&world.app).members("Pilots"), ["Dora Far"]);
    assert_eq!(world.reads_after(world.connector.id, before), 0);
    world.agrees().await;
}

/// Whether the account that synchronises finds what stands for an account of another forest.
async fn is_seen_by_account(domain: &Domain, container: &str, sid: &str) -> bool {
    let connection = domain.as_sync_account().await;
    let query = Query::new(container, Scope::Subtree).attributes(["cn"]);
    let found = connection.search_all(&query).await.unwrap_or_default();
    found.iter().any(|entry| entry.dn.contains(sid))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_another_real_forest_is_found_by_an_account_that_may_not_see_what_stands_for_it()
 {
    if !scenarios::is_full() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let here = Domain::raise_with("scunseena", Ipv4Addr::new(127, 0, 2, 61), &[]).await;
    let there = Domain::raise_with("scunseenb", Ipv4Addr::new(127, 0, 3, 61), &[]).await;
    let rights = [BY_NUMBERS, &["+unseen"]].concat();
    let mut first = source(&here, &dir, "here", &rights).await;
    first.domains = vec![here.dns(), there.dns()];
    let second = source(&there, &dir, "there", ALL).await;
    let (unit, other) = (
        here.unit("Story", &here.base).await,
        there.unit("Story", &there.base).await,
    );
    let anna = here.person("Anna Near", "anna", &unit).await;
    let bob = there.person("Bob Far", "bob", &other).await;
    let cor = there.person("Cor Far", "cor", &other).await;
    let pilots = open_group(&here, "Pilots", &unit).await;
    let (bob_there, cor_there) = (by_sid(&there, &bob).await, by_sid(&there, &cor).await);
    here.put(&pilots, "member", &[&anna, &bob_there]).await;
    let container = format!("CN=ForeignSecurityPrincipals,{}", here.base);
    let stand_ins = here.names(&container, "objectClass", "foreignSecurityPrincipal");
    let sid = there.sid(&bob).await;
    assert!(stand_ins.await.iter().any(|dn| dn.contains(&sid)));
    assert!(!is_seen_by_account(&here, &container, &sid).await);

    let mut world = World::new(dir, &first, quick_settings()).await;
    world.start_job();
    world.sync().await;
    assert_eq!(Tree::of(&world.app).members("Pilots"), ["Anna Near"]);
    world.add_source("there", &second).await;
    world.start_other(0);
    world.sync().await;
    let members = || Tree::of(&world.app).members("Pilots");
    assert_eq!(members(), ["Anna Near", "Bob Far"]);
    here.put(&pilots, "member", &[&cor_there]).await;
    here.take(&pilots, "member", &[&bob_there]).await;
    world.sync().await;
    assert_eq!(members(), ["Anna Near", "Cor Far"]);
    there.delete(&cor).await;
    world.sync().await;
    assert_eq!(members(), ["Anna Near"]);
    world.agrees().await;
}
