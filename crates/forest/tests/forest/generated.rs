//! Generated organisations and their life.

use std::collections::BTreeMap;

use forest::{ChangeKind, DirtKind, Forest, Generated, Life, Organisation};

fn build(people: usize, seed: u64) -> Generated {
    Organisation { people, seed }.build().unwrap()
}

#[test]
fn the_same_seed_makes_the_same_organisation_and_another_does_not() {
    let (one, two, other) = (build(150, 7), build(150, 7), build(150, 8));
    assert_eq!(one.forest.listing(), two.forest.listing());
    assert_eq!(one.dirt, two.dirt);
    assert_ne!(one.forest.listing(), other.forest.listing());
}

#[test]
fn two_thousand_people_have_what_a_company_has() {
    let company = build(2_000, 1);
    let all = company.forest.listing();
    let count = |class: &str| all.iter().filter(|one| one.class == class).count();
    let people = all
        .iter()
        .filter(|one| one.class == "user" && one.text("employeeID").is_some())
        .count();
    assert_eq!((people, company.people), (2_000, 2_000));
    let large = all
        .iter()
        .filter(|one| one.class == "user" && one.dn.ends_with(&company.large_unit))
        .count();
    assert!((590..=600).contains(&large), "{large}");
    let made = all
        .iter()
        .filter(|one| one.class == "group" && one.dn.contains("OU=Groups"))
        .count();
    assert_eq!(made, company.groups);
    assert!((190..=210).contains(&made), "{made}");
    assert_eq!(count("contact"), company.contacts);
    assert!(count("computer") > 10 && count("foreignSecurityPrincipal") == 3);
    let everybody = all
        .iter()
        .find(|one| one.text("cn") == Some("All Staff"))
        .unwrap();
    assert_eq!(everybody.attributes["member"].len(), 1_980);
    let nested = all
        .iter()
        .filter(|one| one.class == "group" && one.attributes.contains_key("memberOf"))
        .count();
    assert!(nested > 5);
    assert!(all.iter().any(|one| one.dn.contains("\\0ACNF:")));
    assert!(all.iter().any(|one| {
        one.text("sAMAccountName")
            .is_some_and(|name| name.starts_with("MSOL_"))
    }));
    assert!(
        all.iter()
            .filter(|one| one.text("isCriticalSystemObject") == Some("TRUE"))
            .count()
            > 10
    );
    let mut accounts = std::collections::HashSet::new();
    for one in all.iter().filter(|one| one.text("employeeID").is_some()) {
        let account = one.text("sAMAccountName").unwrap();
        assert!(
            account.chars().count() <= 20 && account.is_ascii(),
            "{account}"
        );
        assert!(accounts.insert(account.to_lowercase()));
        assert!(one.text("displayName").is_some());
    }
    let managed = all
        .iter()
        .filter(|one| one.attributes.contains_key("manager"))
        .count();
    assert_eq!(managed, 1_999);
}

#[test]
fn dirt_is_listed_and_true() {
    let company = build(2_000, 3);
    let mut found: BTreeMap<DirtKind, Vec<forest::Listed>> = BTreeMap::new();
    for dirt in &company.dirt {
        found
            .entry(dirt.what)
            .or_default()
            .push(company.forest.get(dirt.guid).unwrap());
    }
    assert_eq!(found.len(), 10);
    let pair = &found[&DirtKind::DuplicateProxyAddress];
    assert_eq!(pair.len(), 2);
    assert!(pair.iter().all(|one| {
        one.attributes["proxyAddresses"]
            .iter()
            .any(|v| v == b"smtp:info.desk@canal.example")
    }));
    let upper = found[&DirtKind::DuplicatePrincipalName][0]
        .text("userPrincipalName")
        .unwrap()
        .to_owned();
    let holders = company.forest.read().by_principal(&upper).len();
    assert_eq!(holders, 2);
    assert!(found[&DirtKind::MissingMail][0].text("mail").is_none());
    assert!(
        found[&DirtKind::MissingPrincipalName][0]
            .text("userPrincipalName")
            .is_none()
    );
    assert!(
        found[&DirtKind::SurroundingBlanks][0]
            .text("displayName")
            .unwrap()
            .starts_with("  ")
    );
    assert!(
        found[&DirtKind::OverlongDisplayName][0]
            .text("displayName")
            .unwrap()
            .len()
            > 256
    );
    assert!(
        !found[&DirtKind::EmptyGroup][0]
            .attributes
            .contains_key("member")
    );
    assert!(
        found[&DirtKind::ContactWithoutMail][0]
            .text("mail")
            .is_none()
    );
    assert_eq!(found[&DirtKind::DuplicateMailNickname].len(), 2);
}

fn live(forest: &Forest, changes: usize) -> Vec<forest::Change> {
    let mut life = Life::new(11);
    (0..changes).map(|_| life.next(forest).unwrap()).collect()
}

#[test]
fn life_is_repeatable_and_varied_and_each_change_is_a_change() {
    let (one, two) = (build(200, 5).forest, build(200, 5).forest);
    let before = one.read().usn;
    let changes = live(&one, 400);
    assert_eq!(changes, live(&two, 400));
    let kinds: std::collections::BTreeSet<ChangeKind> =
        changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    assert!(one.read().usn >= before + 400);
    let mut last = before;
    let fresh = build(200, 5).forest;
    let mut life = Life::new(11);
    for _ in 0..400 {
        let change = life.next(&fresh).unwrap();
        let state = fresh.read();
        let id = state.by_guid(change.guid).unwrap();
        assert!(state.object(id).usn_changed > last, "{change:?}");
        last = state.usn;
    }
}

#[test]
fn an_organisation_of_any_size_can_be_made() {
    for people in [0, 1, 5, 27, 60] {
        let company = build(people, 2);
        assert_eq!(company.people, people);
        assert!(company.forest.guid_of(&company.large_unit).is_some());
    }
}
