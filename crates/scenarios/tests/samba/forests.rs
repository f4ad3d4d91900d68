//! Two real forests into one tenant: accounts of each are members of the other's groups by objects that Samba makes for them.
//!
//! Trap: Samba of today cannot make a second domain in a forest, so that is tried with made-up domains only.

use std::net::Ipv4Addr;

use scenarios::{
    Source, Tree, World,
    samba::Domain,
    world::{private_file, quick_settings},
};
use server::cycles::on_demand::{self, Wanted};

use super::ALL;

/// What a connector needs of a domain.
async fn source(domain: &Domain, dir: &tempfile::TempDir, name: &str) -> Source {
    let (bind, password) = domain.sync_account(ALL).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_two_real_forests_find_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let here = Domain::raise_with("scforesta", Ipv4Addr::new(127, 0, 2, 41), &[]).await;
    let there = Domain::raise_with("scforestb", Ipv4Addr::new(127, 0, 3, 41), &[]).await;
    let mut first = source(&here, &dir, "here").await;
    first.domains = vec![here.dns(), there.dns()];
    let second = source(&there, &dir, "there").await;
    let (unit, other) = (
        here.unit("Story", &here.base).await,
        there.unit("Story", &there.base).await,
    );
    let anna = here.person("Anna Near", "anna", &unit).await;
    let bob = there.person("Bob Far", "bob", &other).await;
    let cor = there.person("Cor Gone", "cor", &other).await;
    // Only groups of a domain's own take in accounts of other forests (MS-ADTS 3.1.1.5.2.2).
    const LOCAL: &str = "-2147483644";
    let pilots = here.group("Pilots", "pilots", &unit).await;
    let keepers = there.group("Keepers", "keepers", &other).await;
    for (domain, group) in [(&here, &pilots), (&there, &keepers)] {
        // By way of a universal group, as a group of one kind does not become one of the other at once.
        domain.set(group, "groupType", &["-2147483640"]).await;
        domain.set(group, "groupType", &[LOCAL]).await;
        let name = &group[3..group.find(',').unwrap()];
        domain.set(group, "displayName", &[name]).await;
    }
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
