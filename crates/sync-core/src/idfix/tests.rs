//! One table per rule.

use super::*;
use crate::{
    id::TargetId,
    operation::TargetObject,
    value::{Attributes, Value},
};

fn verified() -> Vec<String> {
    vec!["tenant.example".into(), "canal.example".into()]
}

fn domains(verified: &[String]) -> Domains<'_> {
    Domains {
        verified,
        initial: "tenant.example",
    }
}

/// `faults → value` of a value; `ok` if nothing is wrong.
fn told(attribute: &str, value: &str) -> String {
    let verified = verified();
    let checked = check(attribute, value, Kind::User, false, domains(&verified));
    let Some(found) = checked else {
        return "ok".into();
    };
    if let Some(value) = &found.value {
        let again = check(attribute, value, Kind::User, false, domains(&verified));
        assert_eq!(
            again, None,
            "{attribute}: the correction {value} of {value} is wrong too"
        );
    }
    let faults: Vec<&str> = found.faults.iter().map(|fault| fault.name()).collect();
    format!("{} → {}", faults.join("+"), found.value.unwrap_or_default())
}

fn table(attribute: &str, rows: &[(&str, &str)]) {
    for (value, expected) in rows {
        assert_eq!(told(attribute, value), *expected, "{attribute} {value:?}");
    }
}

#[test]
fn names_of_people_have_lengths_and_no_blanks_around_them() {
    let long = "n".repeat(257);
    assert_eq!(
        told("displayName", &long),
        format!("length → {}", "n".repeat(256))
    );
    table(
        "displayName",
        &[("Ada", "ok"), (" Ada ", "blank → Ada"), ("  ", "blank → ")],
    );
    for attribute in ["givenName", "sn"] {
        assert_eq!(told(attribute, &"n".repeat(64)), "ok");
        assert_eq!(
            told(attribute, &"n".repeat(65)),
            format!("length → {}", "n".repeat(64))
        );
    }
}

#[test]
fn nicknames_have_no_leading_dot_and_no_spaces() {
    table(
        "mailNickname",
        &[
            ("ada", "ok"),
            (".ada", "character → ada"),
            ("a da", "character → ada"),
            ("...", "character → "),
        ],
    );
    assert_eq!(
        told("mailNickname", &"n".repeat(65)),
        format!("length → {}", "n".repeat(64))
    );
}

#[test]
fn mail_is_an_address_below_a_domain_that_can_be_verified() {
    table(
        "mail",
        &[
            ("ada@canal.example", "ok"),
            ("ada@contoso.com", "ok"),
            ("ada", "format → "),
            ("@canal.example", "localpart → "),
            ("a da@canal.example", "character → ada@canal.example"),
            ("ada@canal.local", "topleveldomain → ada@canal.example"),
            ("ada@canal", "topleveldomain → ada@canal.example"),
            ("ada@-x.com", "domainpart → ada@canal.example"),
            (".ada.@canal.example", "localpart → ada@canal.example"),
        ],
    );
}

#[test]
fn proxy_addresses_of_mail_are_addresses_and_others_are_left_alone() {
    table(
        "proxyAddresses",
        &[
            ("SMTP:ada@canal.example", "ok"),
            (
                "smtp:a(d)a@canal.example",
                "character → smtp:ada@canal.example",
            ),
            (
                "SMTP:ada @canal.example",
                "character → SMTP:ada@canal.example",
            ),
            (
                "smtp:ada@canal.local",
                "topleveldomain → smtp:ada@canal.example",
            ),
            ("X500:/o=Canal/cn=Ada (old); 1", "ok"),
            ("sip:ada@canal.local", "ok"),
            ("ada@canal.example", "format → smtp:ada@canal.example"),
            ("smtp:", "blank → "),
            (":x", "format → "),
        ],
    );
    let long = format!("smtp:{}@canal.example", "a".repeat(250));
    assert_eq!(told("proxyAddresses", &long), "length → ");
}

#[test]
fn target_addresses_begin_with_their_protocol() {
    table(
        "targetAddress",
        &[
            ("SMTP:ada@canal.example", "ok"),
            ("smtp:ada@canal.example", "format → SMTP:ada@canal.example"),
            ("ada@canal.example", "format → SMTP:ada@canal.example"),
            (
                "SMTP:a da@canal.example",
                "character → SMTP:ada@canal.example",
            ),
            ("X400:c=nl", "format → "),
        ],
    );
}

#[test]
fn account_names_matter_only_without_a_sign_in_name() {
    table(
        "sAMAccountName",
        &[
            ("ada", "ok"),
            ("a[d]a'", "character → ada"),
            ("abcdefghijklmnopqrstu", "length → abcdefghijklmnopqrst"),
        ],
    );
    let verified = verified();
    let found = check(
        "sAMAccountName",
        "a[d]a",
        Kind::User,
        true,
        domains(&verified),
    );
    assert_eq!(found, None);
    let found = check(
        "sAMAccountName",
        "A long name of a group",
        Kind::Group,
        false,
        domains(&verified),
    );
    assert_eq!(found, None);
}

#[test]
fn sign_in_names_are_plain_short_and_routable() {
    table(
        "userPrincipalName",
        &[
            ("ada@canal.example", "ok"),
            ("o'neill_a-b.c!d#e^f~g@canal.example", "ok"),
            ("ada@contoso.com", "ok"),
            ("adä@canal.example", "character → ada@canal.example"),
            ("a%d&a@canal.example", "character → ada@canal.example"),
            ("ada.@canal.example", "localpart → ada@canal.example"),
            ("ada @canal.example", "character → ada@canal.example"),
            ("ada@canal.local", "topleveldomain → ada@canal.example"),
            ("ada", "format → ada@canal.example"),
            ("@canal.example", "localpart → "),
        ],
    );
    let long = format!("{}@canal.example", "a".repeat(65));
    let cut = format!("length → {}@canal.example", "a".repeat(64));
    assert_eq!(told("userPrincipalName", &long), cut);
    let wide = format!("ada@{}.com", "d".repeat(48));
    assert_eq!(
        told("userPrincipalName", &wide),
        "length → ada@canal.example"
    );
}

fn person(values: &[(&str, &[&str])]) -> Attributes {
    let pair = |(name, values): &(&str, &[&str])| {
        let values: Vec<_> = values.iter().map(|value| Value::from(*value)).collect();
        ((*name).to_owned(), values)
    };
    values.iter().map(pair).collect()
}

/// Scans objects with these attributes; each finding as a line.
fn scanned(objects: &[Attributes], target: &[TargetObject]) -> Vec<String> {
    let anchors: Vec<String> = (0..objects.len()).map(|n| format!("a{n}")).collect();
    let subject = |n: usize| Subject {
        anchor: anchors[n].as_bytes(),
        kind: Kind::User,
        source_anchor: Some(&anchors[n]),
        attributes: &objects[n],
    };
    let mut census = Census::new(7);
    (0..objects.len()).for_each(|n| census.add(&subject(n)));
    target.iter().for_each(|object| census.add_target(object));
    let verified = verified();
    let mut scan = Scan::new(&census, domains(&verified));
    let mut lines = Vec::new();
    for n in 0..objects.len() {
        for found in scan.check(&subject(n)) {
            let faults: Vec<&str> = found.faults.iter().map(|fault| fault.name()).collect();
            lines.push(format!(
                "{n} {} {} {} {} {}",
                found.attribute,
                faults.join("+"),
                found.value,
                found.proposal.action(),
                found.proposal.update()
            ));
        }
    }
    lines
}

#[test]
fn of_equal_values_one_is_kept_and_the_others_get_another() {
    let one = person(&[("userPrincipalName", &["ada@canal.example"])]);
    let two = person(&[("userPrincipalName", &["ADA@canal.example"])]);
    let taken = person(&[("userPrincipalName", &["ada2@canal.example"])]);
    assert_eq!(
        scanned(&[one, two, taken], &[]),
        [
            "0 userPrincipalName duplicate ada@canal.example COMPLETE ",
            "1 userPrincipalName duplicate ADA@canal.example EDIT ADA3@canal.example",
        ]
    );
}

#[test]
fn who_is_known_by_an_address_keeps_it_and_an_alias_goes() {
    let alias = person(&[(
        "proxyAddresses",
        &["SMTP:b@canal.example", "smtp:info@canal.example"],
    )]);
    let primary = person(&[
        ("mail", &["info@canal.example"]),
        ("proxyAddresses", &["SMTP:info@canal.example"]),
    ]);
    assert_eq!(
        scanned(&[alias, primary], &[]),
        [
            "0 proxyAddresses duplicate smtp:info@canal.example REMOVE ",
            "1 mail duplicate info@canal.example COMPLETE ",
            "1 proxyAddresses duplicate SMTP:info@canal.example COMPLETE ",
        ]
    );
}

#[test]
fn mail_and_primary_address_change_together() {
    let both = || {
        person(&[
            ("mail", &["x@canal.example"]),
            ("proxyAddresses", &["SMTP:x@canal.example"]),
        ])
    };
    let lines = scanned(&[both(), both()], &[]);
    assert_eq!(
        lines[2..],
        [
            "1 mail duplicate x@canal.example EDIT x2@canal.example",
            "1 proxyAddresses duplicate SMTP:x@canal.example EDIT SMTP:x2@canal.example",
        ]
    );
}

fn held(class: &str, anchor: Option<&str>, attributes: Attributes) -> TargetObject {
    TargetObject {
        id: TargetId("1".into()),
        class: class.into(),
        version: 1,
        is_deleted: false,
        source_anchor: anchor.map(str::to_owned),
        attributes,
    }
}

#[test]
fn values_of_the_target_count_unless_they_are_its_own_or_it_is_taken_over() {
    let ada = || person(&[("proxyAddresses", &["SMTP:ada@canal.example"])]);
    let lines = |class, anchor| scanned(&[ada()], &[held(class, anchor, ada())]);
    assert_eq!(lines("User", Some("a0")), [""; 0]);
    assert_eq!(lines("User", None), [""; 0]);
    assert_eq!(
        lines("User", Some("other")),
        ["0 proxyAddresses duplicate SMTP:ada@canal.example EDIT SMTP:ada2@canal.example"]
    );
    assert_eq!(
        lines("Group", None),
        ["0 proxyAddresses typeconflict SMTP:ada@canal.example EDIT SMTP:ada2@canal.example"]
    );
}

#[test]
fn two_corrections_never_give_the_same_value() {
    let a = person(&[("userPrincipalName", &["adä@canal.example"])]);
    let b = person(&[("userPrincipalName", &["adà@canal.example"])]);
    let c = person(&[("userPrincipalName", &["ada@canal.example"])]);
    assert_eq!(
        scanned(&[a, b, c], &[]),
        [
            "0 userPrincipalName character adä@canal.example EDIT ada2@canal.example",
            "1 userPrincipalName character adà@canal.example EDIT ada3@canal.example",
        ]
    );
}

#[test]
fn suffixes_that_only_have_to_be_verified_are_counted_and_no_fault() {
    let ada = person(&[("userPrincipalName", &["ada@contoso.com"])]);
    let census = Census::new(1);
    let verified = verified();
    let mut scan = Scan::new(&census, domains(&verified));
    let subject = Subject {
        anchor: b"a",
        kind: Kind::User,
        source_anchor: None,
        attributes: &ada,
    };
    assert_eq!(scan.check(&subject), []);
    assert_eq!(scan.unverified["contoso.com"], 1);
}
