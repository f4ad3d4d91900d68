//! DirSync: full reads, deltas, links, deletions, names, cookies.

use crate::client::*;
use forest::{Forest, Options, Restore};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;

fn person(forest: &Forest, name: &str) -> uuid::Uuid {
    forest
        .add_user(
            USERS,
            name,
            &[
                ("sAMAccountName", name),
                ("title", "Clerk"),
                ("mobile", "1"),
            ],
        )
        .unwrap()
}

fn of<'a>(
    entries: &'a [LdapSearchResultEntry],
    forest: &Forest,
    guid: uuid::Uuid,
) -> &'a LdapSearchResultEntry {
    let octets = guid.to_bytes_le().to_vec();
    let _ = forest;
    entries
        .iter()
        .find(|entry| {
            entry
                .attributes
                .iter()
                .any(|one| one.atype == "objectGUID" && one.vals == [octets.clone()])
        })
        .expect("the object is in the answer")
}

#[tokio::test]
async fn a_full_read_pages_at_a_thousand_and_a_quiet_delta_is_empty() {
    let (forest, server) = served(Options::default()).await;
    for n in 0..1_500 {
        person(&forest, &format!("u{n}"));
    }
    let mut client = Client::bound(&server).await;
    let (first, has_more, cookie) = client.dirsync(INCREMENTAL, &[], &["*"]).await;
    assert!(has_more && first.len() >= 1_000 && first.len() < 1_010);
    assert!(cookie.starts_with(b"MSDS"));
    let (rest, cookie) = client.round(INCREMENTAL, &cookie, &["*"]).await;
    let users = first
        .iter()
        .chain(&rest)
        .filter(|entry| entry.dn.contains("CN=u"))
        .count();
    assert_eq!(users, 1_500);
    let (nothing, _) = client.round(INCREMENTAL, &cookie, &["*"]).await;
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_delta_holds_changed_attributes_only_and_cleared_ones_empty() {
    let (forest, server) = served(Options::default()).await;
    let one = person(&forest, "one");
    let two = person(&forest, "two");
    let mut client = Client::bound(&server).await;
    let (_, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    forest.set(one, "title", "Manager").unwrap();
    forest
        .modify(one, vec![forest::Edit::clear("mobile")])
        .unwrap();
    forest.set(two, "title", "Clerk").unwrap();
    let (delta, cookie) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert_eq!(delta.len(), 1, "a value set to what it was is no change");
    let mut seen = names(&delta[0]);
    seen.sort_unstable();
    assert_eq!(seen, ["instanceType", "mobile", "objectGUID", "title"]);
    assert_eq!(values(&delta[0], "mobile").unwrap(), Vec::<String>::new());
    assert_eq!(values(&delta[0], "title").unwrap(), ["Manager"]);
    forest.set(one, "title", "Director").unwrap();
    let (unasked, _) = client.round(INCREMENTAL, &cookie, &["mobile"]).await;
    assert!(
        unasked.is_empty(),
        "only changes of the listed attributes count"
    );
}

#[tokio::test]
async fn links_come_as_values_added_and_removed() {
    let (forest, server) = served(Options::default()).await;
    let (one, two, three) = (
        person(&forest, "one"),
        person(&forest, "two"),
        person(&forest, "three"),
    );
    let group = forest.add_group(USERS, "G", &[]).unwrap();
    forest.add_member(group, one).unwrap();
    forest.add_member(group, two).unwrap();
    let mut client = Client::bound(&server).await;
    let (full, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    assert_eq!(
        values(of(&full, &forest, group), "member;range=1-1")
            .unwrap()
            .len(),
        2
    );
    forest.remove_member(group, one).unwrap();
    forest.add_member(group, three).unwrap();
    let (delta, _) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert_eq!(delta.len(), 1);
    assert_eq!(
        values(&delta[0], "member;range=0-0").unwrap(),
        [forest.dn_of(one).unwrap()]
    );
    assert_eq!(
        values(&delta[0], "member;range=1-1").unwrap(),
        [forest.dn_of(three).unwrap()]
    );
    let (whole, _) = client.round(0, &cookie, &[]).await;
    assert_eq!(
        values(&whole[0], "member").unwrap().len(),
        2,
        "without the flag all values come"
    );
}

#[tokio::test]
async fn long_lists_of_links_are_spread_over_entries() {
    let (forest, server) = served(Options {
        range_limit_values: 10,
        ..Options::default()
    })
    .await;
    let group = forest.add_group(USERS, "G", &[]).unwrap();
    for n in 0..25 {
        forest
            .add_member(group, person(&forest, &format!("u{n}")))
            .unwrap();
    }
    let mut client = Client::bound(&server).await;
    let (full, _) = client.round(INCREMENTAL, &[], &["member", "cn"]).await;
    let dn = forest.dn_of(group).unwrap();
    let sizes: Vec<usize> = full
        .iter()
        .filter(|entry| entry.dn == dn)
        .map(|entry| values(entry, "member;range=1-1").unwrap().len())
        .collect();
    assert_eq!(sizes, [10, 10, 5]);
}

#[tokio::test]
async fn a_deletion_shows_the_tombstone_and_leaves_its_groups_unmentioned() {
    let (forest, server) = served(Options::default()).await;
    let one = person(&forest, "one");
    let group = forest.add_group(USERS, "G", &[]).unwrap();
    forest.add_member(group, one).unwrap();
    let mut client = Client::bound(&server).await;
    let (_, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    forest.delete(one).unwrap();
    let (delta, cookie) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert_eq!(delta.len(), 1);
    assert_eq!(
        delta[0].dn,
        format!("CN=one\\0ADEL:{one},CN=Deleted Objects,{ROOT}")
    );
    assert_eq!(values(&delta[0], "isDeleted").unwrap(), ["TRUE"]);
    assert_eq!(values(&delta[0], "lastKnownParent").unwrap(), [USERS]);
    assert_eq!(
        values(&delta[0], "title"),
        None,
        "the recycle bin keeps attributes"
    );
    assert!(
        client
            .get(&forest.dn_of(group).unwrap(), &["member"])
            .await
            .attributes
            .is_empty()
    );
    forest.undelete(one).unwrap();
    let (delta, _) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert_eq!(delta[0].dn, format!("CN=one,{USERS}"));
    assert_eq!(
        values(&delta[0], "isDeleted").unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(forest.get(group).unwrap().attributes["member"].len(), 1);
}

#[tokio::test]
async fn without_the_recycle_bin_deletion_strips_the_object() {
    let (forest, server) = served(Options {
        has_recycle_bin: false,
        ..Options::default()
    })
    .await;
    let one = person(&forest, "one");
    let mut client = Client::bound(&server).await;
    let (_, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    forest.delete(one).unwrap();
    let (delta, _) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert_eq!(values(&delta[0], "isRecycled").unwrap(), ["TRUE"]);
    assert_eq!(values(&delta[0], "title").unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_moved_container_comes_alone() {
    let (forest, server) = served(Options::default()).await;
    let above = forest.add_ou(ROOT, "Above").unwrap();
    let unit = forest.add_ou(ROOT, "Unit").unwrap();
    let below = forest
        .add_user("OU=Unit,DC=canal,DC=example", "below", &[])
        .unwrap();
    let mut client = Client::bound(&server).await;
    let (_, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    forest
        .move_to(unit, "OU=Above,DC=canal,DC=example")
        .unwrap();
    let (delta, cookie) = client
        .round(INCREMENTAL, &cookie, &["name", "parentGUID"])
        .await;
    assert_eq!(delta.len(), 1);
    assert_eq!(delta[0].dn, "OU=Unit,OU=Above,DC=canal,DC=example");
    let parent = delta[0]
        .attributes
        .iter()
        .find(|one| one.atype == "parentGUID")
        .unwrap();
    assert_eq!(parent.vals, [above.to_bytes_le().to_vec()]);
    forest.rename(below, "Née Below").unwrap();
    let (delta, _) = client
        .round(INCREMENTAL, &cookie, &["name", "parentGUID", "cn"])
        .await;
    assert_eq!(values(&delta[0], "name").unwrap(), ["Née Below"]);
    assert!(names(&delta[0]).contains(&"parentGUID"));
}

#[tokio::test]
async fn ancestors_come_first_when_asked() {
    let (forest, server) = served(Options::default()).await;
    let late = forest.add_ou(ROOT, "Late").unwrap();
    forest
        .add_user("OU=Late,DC=canal,DC=example", "early", &[])
        .unwrap();
    forest
        .set(late, "description", "changed after its child")
        .unwrap();
    let mut client = Client::bound(&server).await;
    let place = |entries: &[LdapSearchResultEntry], start: &str| {
        entries
            .iter()
            .position(|e| e.dn.starts_with(start))
            .unwrap()
    };
    let (entries, _) = client.round(INCREMENTAL, &[], &[]).await;
    assert!(place(&entries, "CN=early") < place(&entries, "OU=Late"));
    let (entries, _) = client.round(INCREMENTAL | 0x800, &[], &[]).await;
    assert!(place(&entries, "OU=Late") < place(&entries, "CN=early"));
}

#[tokio::test]
async fn bad_requests_are_answered_never_met_with_silence() {
    let (forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let (_, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    let mut torn = cookie.clone();
    torn[30] ^= 1;
    for bad in [b"nonsense".to_vec(), cookie[..20].to_vec(), torn] {
        let found = client
            .search(
                ROOT,
                LdapSearchScope::Subtree,
                "(objectClass=*)",
                &[],
                vec![dirsync(0, &bad)],
            )
            .await;
        assert_eq!(
            found.done.code,
            LdapResultCode::UnavailableCriticalExtension
        );
    }
    forest
        .faults()
        .set(|faults| faults.cookie_refusal = forest::CookieRefusal::UnwillingToPerform);
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![dirsync(0, b"x")],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::UnwillingToPerform);
    let found = client
        .search(
            USERS,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![dirsync(0, &[])],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::InsufficentAccessRights);
    let garbled = LdapControl::Unknown {
        oid: "1.2.840.113556.1.4.841".into(),
        criticality: true,
        value: Some(vec![1, 2, 3]),
    };
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![garbled],
        )
        .await;
    assert_eq!(
        found.done.code,
        LdapResultCode::UnavailableCriticalExtension
    );
}

#[tokio::test]
async fn small_answers_are_cut_by_octets() {
    let (forest, server) = served(Options::default()).await;
    for n in 0..200 {
        person(&forest, &format!("u{n}"));
    }
    let mut client = Client::bound(&server).await;
    let small = LdapControl::AdDirsync {
        flags: INCREMENTAL,
        max_bytes: 8_192,
        cookie: Some(vec![]),
    };
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![small],
        )
        .await;
    assert!(found.entries.len() < 100, "{}", found.entries.len());
    assert!(matches!(
        found.controls.as_slice(),
        [LdapControl::AdDirsync { flags: 1, .. }]
    ));
}

#[tokio::test]
async fn a_restored_database_repeats_under_a_new_identity_and_hides_changes_under_the_old() {
    let (forest, server) = served(Options::default()).await;
    let one = person(&forest, "one");
    let backup = forest.snapshot();
    forest.set(one, "title", "lost in the restore").unwrap();
    let mut client = Client::bound(&server).await;
    let (full, cookie) = client.round(INCREMENTAL, &[], &[]).await;
    forest.restore(&backup, Restore::Rollback);
    let mut client = Client::bound(&server).await;
    forest.set(one, "title", "after the rollback").unwrap();
    let (unseen, _) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert!(unseen.is_empty(), "numbers used again stay unseen");
    forest.restore(&backup, Restore::NewInvocation);
    let mut client = Client::bound(&server).await;
    let (again, _) = client.round(INCREMENTAL, &cookie, &[]).await;
    assert_eq!(again.len(), full.len());
    assert_eq!(
        values(of(&again, &forest, one), "title").unwrap(),
        ["Clerk"]
    );
}
