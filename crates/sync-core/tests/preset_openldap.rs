//! The default rules over hand-written OpenLDAP objects.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sync_core::{
    id::Anchor,
    mapping::{Context, Evaluation, SourceView, evaluate},
    schema::{checked, preset},
    scope::Verdict,
    value::{Attributes, Value},
};

fn run(class: &str, attributes: &[(&str, &[&str])]) -> Evaluation {
    let rules = preset::load(preset::OPENLDAP_TO_DIRECTORY).expect("the preset is valid");
    let domains = ["canal.example".to_owned(), "tenant.example".to_owned()];
    let context = Context {
        domain_fqdn: "canal.example",
        verified_domains: &domains,
        initial_domain: "tenant.example",
        ..Context::default()
    };
    let attributes: Attributes = attributes
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| Value::from(*value));
            (*name, values.collect::<Vec<_>>())
        })
        .collect();
    let anchor = Anchor::new((0..16).collect::<Vec<u8>>());
    let mut view = SourceView::new(&anchor, class, &attributes);
    view.dn = "uid=ada,ou=people,dc=canal,dc=example";
    view.rdn = "uid=ada";
    evaluate(&rules, &view, &context)
}

const ADA: &[(&str, &[&str])] = &[
    ("uid", &["ada"]),
    ("cn", &["Ada Byron", "Augusta Ada Byron"]),
    ("sn", &["Byron", "King"]),
    ("givenName", &["Ada "]),
    ("mail", &["ada.byron@canal.example", "ada@canal.example"]),
    ("departmentNumber", &["17"]),
    ("ou", &["Engines"]),
    ("employeeNumber", &["1815"]),
    ("title", &["Countess"]),
];

#[test]
fn a_person_comes_out_complete_and_signs_in_by_mail() {
    let found = run("inetOrgPerson", ADA);
    assert_eq!(found.scope, Verdict::InScope);
    assert_eq!(found.problems, []);
    assert_eq!(found.target_class.as_deref(), Some("User"));
    assert_eq!(
        found.source_anchor.as_deref(),
        Ok("AAECAwQFBgcICQoLDA0ODw==")
    );
    for (name, value) in [
        ("userPrincipalName", "ada.byron@canal.example"),
        ("mailNickname", "ada.byron"),
        ("displayName", "Ada Byron"),
        ("givenName", "Ada"),
        ("surname", "Byron"),
        ("mail", "ada.byron@canal.example"),
        ("department", "17"),
        ("employeeId", "1815"),
        ("jobTitle", "Countess"),
        ("onPremisesSamAccountName", "ada"),
        ("onPremisesDomainName", "canal.example"),
    ] {
        assert_eq!(found.attributes.text(name), Some(value), "{name}");
    }
    let enabled = found.attributes.values("accountEnabled");
    assert_eq!(enabled, Some(&[Value::Boolean(true)][..]));
    let references = found.references.iter().map(|r| (&*r.source, &*r.target));
    assert_eq!(
        references.collect::<Vec<_>>(),
        [("manager", "manager"), ("secretary", "assistant")]
    );
}

#[test]
fn a_person_without_mail_signs_in_by_account_name_at_the_directory_s_domain() {
    let found = run(
        "inetOrgPerson",
        &[("uid", &["ada"]), ("cn", &["Ada"]), ("sn", &["B"])],
    );
    assert_eq!(found.problems, []);
    assert_eq!(
        found.attributes.text("userPrincipalName"),
        Some("ada@canal.example")
    );
    assert_eq!(found.attributes.values("mail"), Some(&[][..]));
    let nameless = run("inetOrgPerson", &[("cn", &["Ada"]), ("sn", &["B"])]);
    assert!(matches!(nameless.scope, Verdict::Out { .. }));
}

#[test]
fn a_locked_person_stays_in_scope_without_sign_in() {
    let is_enabled = |name, value| {
        let mut all = ADA.to_vec();
        let values = [value];
        all.push((name, &values));
        run("inetOrgPerson", &all)
            .attributes
            .values("accountEnabled")
            == Some(&[Value::Boolean(true)][..])
    };
    assert!(!is_enabled("pwdAccountLockedTime", "000001010000Z"));
    assert!(
        is_enabled("pwdAccountLockedTime", "20261121034100Z"),
        "a lock that passes"
    );
    assert!(!is_enabled("nsAccountLock", "true"));
    assert!(is_enabled("loginShell", "/usr/sbin/nologin"));
}

#[test]
fn every_kind_of_group_gives_its_members_by_its_own_attribute() {
    for (class, attribute) in [
        ("groupOfNames", "member"),
        ("groupOfUniqueNames", "uniqueMember"),
        ("posixGroup", "memberUid"),
        ("groupOfURLs", "member"),
    ] {
        let found = run(
            class,
            &[("cn", &["engines"]), ("description", &["All of them"])],
        );
        assert_eq!(found.problems, [], "{class}");
        assert_eq!(found.target_class.as_deref(), Some("Group"));
        assert_eq!(found.attributes.text("displayName"), Some("engines"));
        assert_eq!(
            found.attributes.values("securityEnabled"),
            Some(&[Value::Boolean(true)][..])
        );
        assert_eq!(
            found.attributes.values("mailEnabled"),
            Some(&[Value::Boolean(false)][..])
        );
        let members = found
            .references
            .iter()
            .find(|r| &*r.target == "members")
            .unwrap();
        assert_eq!(&*members.source, attribute);
    }
}

#[test]
fn the_read_spec_asks_for_links_apart_from_values() {
    let rules = preset::load(preset::OPENLDAP_TO_DIRECTORY).unwrap();
    let spec = checked::read_spec(&rules);
    let links: Vec<&str> = spec.links.iter().map(|name| &**name).collect();
    assert_eq!(
        links,
        [
            "manager",
            "member",
            "memberUid",
            "owner",
            "secretary",
            "uniqueMember"
        ]
    );
    assert!(
        spec.attributes
            .iter()
            .any(|name| &**name == "pwdAccountLockedTime")
    );
    assert_eq!(
        preset::of_kind("openldap"),
        Some(preset::OPENLDAP_TO_DIRECTORY)
    );
    assert!(
        preset::SOURCE_KINDS
            .iter()
            .all(|kind| preset::of_kind(kind).is_some())
    );
}
