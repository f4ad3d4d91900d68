//! What values may look like and how much there may be of them: every rule at its very limit, and one beyond it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use common::{Bench, attributes, code, create, done, one, texts, update, user};
use directory::{Directory, Kind, Operation, Refusal, Value};

const FORM: &str = "IdentityDataValidationFailed";

fn set(name: &str, value: Value) -> directory::Attributes {
    [(name.to_owned(), value)].into()
}

fn numbered(count: usize, one: impl Fn(usize) -> String) -> Value {
    Value::Texts((0..count).map(|number| one(number).into()).collect())
}

fn certificates(count: usize, length: usize) -> Value {
    let one = |number: usize| {
        let mut bytes = vec![0; length];
        bytes[0] = u8::try_from(number).unwrap();
        bytes
    };
    Value::Binaries((0..count).map(one).collect())
}

/// An address of so many characters with its protocol.
fn address(length: usize) -> Value {
    let local = "a".repeat(length - "smtp:@x.example".len());
    texts(&[&format!("smtp:{local}@x.example")])
}

fn upn(local: usize, domain: &str) -> Value {
    format!("{}@{domain}", "u".repeat(local)).into()
}

#[test]
// LONG: a table.
fn lengths_and_numbers_are_allowed_up_to_their_limit() {
    let bench = Bench::new();
    let directory = bench.open();
    let long_domain = format!("{}.contoso.com", "d".repeat(36));
    assert_eq!(long_domain.len(), 48);
    let longer_domain = format!("d{long_domain}");
    for domain in [&long_domain, &longer_domain] {
        directory
            .add_verified_domain(&directory.administrator(), domain)
            .unwrap();
    }
    let anna = done(&directory, create(Kind::User, user("anna")));
    let x = |count: usize| Value::from("x".repeat(count));
    let cases: Vec<(&str, Value, Value)> = vec![
        ("displayName", x(256), x(257)),
        ("givenName", x(64), x(65)),
        ("surname", x(64), x(65)),
        ("mailNickname", x(64), x(65)),
        (
            "userPrincipalName",
            upn(64, "contoso.com"),
            upn(65, "contoso.com"),
        ),
        (
            "userPrincipalName",
            upn(64, &long_domain),
            upn(64, &longer_domain),
        ),
        ("proxyAddresses", address(256), address(257)),
        (
            "proxyAddresses",
            numbered(300, |n| format!("smtp:{n}@x.example")),
            numbered(301, |n| format!("smtp:{n}@x.example")),
        ),
        ("userCertificate", certificates(15, 8), certificates(16, 8)),
        (
            "userSMIMECertificate",
            certificates(15, 8),
            certificates(16, 8),
        ),
        (
            "thumbnailPhoto",
            Value::Binary(vec![7; 102_400]),
            Value::Binary(vec![7; 102_401]),
        ),
        ("extensionAttribute1", x(1024), x(1025)),
        ("extensionAttribute15", x(1024), x(1025)),
        (
            "targetAddress",
            format!("SMTP:{}@x.example", "a".repeat(241)).into(),
            format!("SMTP:{}@x.example", "a".repeat(242)).into(),
        ),
        // What is not a letter or digit counts threefold.
        ("onPremisesImmutableId", x(59), x(60)),
        (
            "onPremisesImmutableId",
            "-".repeat(19).into(),
            "-".repeat(20).into(),
        ),
    ];
    for (name, fits, does_not) in cases {
        let shown = format!("{name} {}", format!("{does_not:?}").len());
        assert_eq!(
            code(&directory, update(anna, set(name, fits))),
            "done",
            "{shown}"
        );
        let outcome = one(
            &directory,
            &directory.administrator().writer(),
            update(anna, set(name, does_not)),
        );
        match outcome.refusal() {
            Some(Refusal::ExceededAllowedLength {
                attribute,
                max,
                actual,
                ..
            }) => {
                assert_eq!(*attribute, name);
                assert!(actual > max, "{shown}");
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
}

fn check(directory: &Directory, operation: Operation, expected: &str, shown: &str) {
    assert_eq!(code(directory, operation), expected, "{shown}");
}

#[test]
fn every_forbidden_character_is_refused_where_it_is_forbidden() {
    let bench = Bench::new();
    let directory = bench.open();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let try_it = |name: &str, value: String, expected: &str| {
        let shown = format!("{name} {value:?}");
        let value = match name {
            "proxyAddresses" => texts(&[&value]),
            _ => value.into(),
        };
        check(&directory, update(anna, set(name, value)), expected, &shown);
    };
    for c in "\\%&*+/=?{}|<>();:,[]\" üß名".chars() {
        try_it("userPrincipalName", format!("a{c}b@contoso.com"), FORM);
    }
    for c in "'.-_!#^~09azAZ".chars() {
        try_it("userPrincipalName", format!("a{c}b@contoso.com"), "done");
    }
    for end in [".", "&", " ", "@"] {
        try_it("userPrincipalName", format!("a{end}@contoso.com"), FORM);
    }
    for c in "<>();,[]\" \t".chars() {
        try_it("proxyAddresses", format!("smtp:a{c}b@x.example"), FORM);
        try_it("mail", format!("a{c}b@x.example"), FORM);
        try_it("targetAddress", format!("SMTP:a{c}b@x.example"), FORM);
    }
    for value in ["a@x.example", "smtp:a", "smtp:@x", "smtp:a@", "smtp:a@b@c"] {
        try_it("proxyAddresses", value.into(), FORM);
    }
    for value in ["a", "@x", "a@", "a@b@c"] {
        try_it("mail", value.into(), FORM);
    }
    try_it("targetAddress", "a@x.example".into(), FORM);
    for value in [".a", "a b", " a", "a@b", "a\tb"] {
        try_it("mailNickname", value.into(), FORM);
    }
    try_it("mailNickname", "a.b".into(), "done");
    for value in [" ", "\t \u{a0}"] {
        try_it("displayName", value.into(), FORM);
    }
    for c in "\\!#$%&*?^`{}|~<>()';:,[]\"@_".chars() {
        try_it("onPremisesImmutableId", format!("a{c}b"), FORM);
    }
    // What Base64 is made of, in whatever length: anchors are Base64.
    for c in "+/=-. ".chars() {
        try_it("onPremisesImmutableId", format!("a{c}b"), "done");
    }
}

/// What must be unique in a tenant, also between the kinds, and with which attribute a clash is told.
#[test]
// LONG: a table.
fn a_clash_is_told_with_its_attribute() {
    let bench = Bench::new();
    let directory = bench.open();
    let mut anna = user("anna");
    let sid = "S-1-5-21-1-2-3-1104";
    anna.insert("onPremisesSecurityIdentifier".to_owned(), sid.into());
    anna.insert("mail".to_owned(), "anna@contoso.com".into());
    let id = done(&directory, create(Kind::User, anna));
    let clash = |kind: Kind, name: &str, value: Value| {
        let mut other = match kind {
            Kind::User => user("berta"),
            _ => attributes(&[("displayName", "b"), ("mailNickname", "berta")]),
        };
        other.insert(name.to_owned(), value);
        let outcome = one(
            &directory,
            &directory.administrator().writer(),
            create(kind, other),
        );
        match outcome.refusal() {
            Some(Refusal::AttributeValueMustBeUnique(clash)) => {
                assert_eq!(clash.owner_id, id, "{name}");
                format!("unique {}", clash.attribute)
            }
            Some(Refusal::ObjectTypeMismatch(clash)) => {
                assert_eq!((clash.owner_id, clash.owner_kind), (id, Kind::User));
                format!("mismatch {}", clash.attribute)
            }
            other => panic!("{kind} {name}: {other:?}"),
        }
    };
    for (name, value) in [
        ("userPrincipalName", "ANNA@contoso.com"),
        ("mail", "Anna@Contoso.com"),
        ("mailNickname", "Anna"),
        ("onPremisesSecurityIdentifier", sid),
        ("onPremisesImmutableId", "anchor anna"),
    ] {
        let told = clash(Kind::User, name, value.into());
        assert_eq!(told, format!("unique {name}"));
    }
    let taken = texts(&["smtp:anna@contoso.com"]);
    assert_eq!(
        clash(Kind::User, "proxyAddresses", taken.clone()),
        "unique proxyAddresses"
    );
    for kind in [Kind::Group, Kind::Contact] {
        assert_eq!(
            clash(kind, "proxyAddresses", taken.clone()),
            "mismatch proxyAddresses"
        );
        assert_eq!(
            clash(kind, "mail", "anna@contoso.com".into()),
            "mismatch mail"
        );
    }
    let security = clash(Kind::Group, "onPremisesSecurityIdentifier", sid.into());
    assert_eq!(security, "unique onPremisesSecurityIdentifier");
    // Told by the identifier even if the name clashes, too: it says that it is the same person with another anchor.
    let mut same = user("anna");
    same.insert("onPremisesSecurityIdentifier".to_owned(), sid.into());
    same.insert("onPremisesImmutableId".to_owned(), "another".into());
    let outcome = one(
        &directory,
        &directory.administrator().writer(),
        create(Kind::User, same),
    );
    match outcome.refusal() {
        Some(Refusal::AttributeValueMustBeUnique(clash)) => {
            assert_eq!(clash.attribute, "onPremisesSecurityIdentifier");
        }
        other => panic!("{other:?}"),
    }
}
