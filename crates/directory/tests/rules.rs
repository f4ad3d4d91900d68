//! The rules objects have to follow, seen from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use common::{Bench, DAY_MS, attributes, code, create, done, group, one, texts, update, user};
use directory::{DeleteScope, Directory, Kind, Operation, Outcome, Refusal, State, Value};
use uuid::Uuid;

fn delete(id: Uuid) -> Operation {
    Operation::Delete {
        id,
        expected_version: None,
        scope: DeleteScope::Any,
    }
}

fn restore(id: Uuid, pairs: &[(&str, &str)]) -> Operation {
    Operation::Restore {
        id,
        expected_version: None,
        set: attributes(pairs),
    }
}

fn refusal(directory: &Directory, operation: Operation) -> Refusal {
    one(directory, &directory.administrator().writer(), operation)
        .refusal()
        .unwrap()
        .clone()
}

#[test]
fn a_refused_operation_leaves_its_neighbours_alone() {
    let bench = Bench::new();
    let directory = bench.open();
    let mut wrong = user("berta");
    wrong.insert("userPrincipalName".to_owned(), "ANNA@contoso.com".into());
    let batch = vec![
        create(Kind::User, user("anna")),
        create(Kind::User, wrong),
        create(Kind::User, user("carla")),
    ];
    let outcomes = directory
        .apply(&directory.administrator().writer(), batch)
        .unwrap();
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.refusal().map(Refusal::code))
        .collect();
    assert_eq!(codes, [None, Some("AttributeValueMustBeUnique"), None]);
    assert_eq!(
        directory.counts(&directory.administrator()).unwrap()[&Kind::User].live,
        2
    );
    // Nothing of the refused one stuck: its other keys are free.
    assert_eq!(code(&directory, create(Kind::User, user("berta"))), "done");
}

#[test]
fn a_clash_names_the_owner() {
    let bench = Bench::new();
    let directory = bench.open();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let mut again = user("other");
    again.insert("onPremisesImmutableId".to_owned(), "anchor anna".into());
    match refusal(&directory, create(Kind::User, again)) {
        Refusal::AttributeValueMustBeUnique(clash) => {
            assert_eq!(
                (clash.attribute, clash.owner_id, clash.owner_kind),
                ("onPremisesImmutableId", anna, Kind::User)
            );
            assert_eq!(
                (clash.owner_name.as_str(), clash.is_owner_deleted),
                ("anna", false)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repeated_creation_is_recognised_by_its_anchor() {
    let bench = Bench::new();
    let directory = bench.open();
    let anna = done(&directory, create(Kind::User, user("anna")));
    match refusal(&directory, create(Kind::User, user("anna"))) {
        Refusal::AttributeValueMustBeUnique(clash) => {
            assert_eq!(
                (clash.attribute, clash.owner_id),
                ("onPremisesImmutableId", anna)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn uniqueness_ignores_case_and_crosses_kinds_where_it_should() {
    let bench = Bench::new();
    let directory = bench.open();
    done(&directory, create(Kind::User, user("anna")));
    let with = |nickname: &str, name: &str, value: Value| {
        let mut user = user(nickname);
        user.insert(name.to_owned(), value);
        create(Kind::User, user)
    };
    let taken = "AttributeValueMustBeUnique";
    assert_eq!(
        code(
            &directory,
            with("b1", "userPrincipalName", "Anna@CONTOSO.com".into())
        ),
        taken
    );
    assert_eq!(
        code(&directory, with("b2", "mailNickname", "ANNA".into())),
        taken
    );
    assert_eq!(
        code(
            &directory,
            with("b3", "proxyAddresses", texts(&["smtp:ANNA@contoso.com"]))
        ),
        taken
    );
    assert_eq!(
        code(&directory, with("b4", "mail", "anna@Contoso.com".into())),
        taken
    );
    assert_eq!(
        code(&directory, group("Anna")),
        taken,
        "users and groups share nicknames"
    );
    let contact = |pairs| create(Kind::Contact, attributes(pairs));
    assert_eq!(
        code(
            &directory,
            contact(&[("displayName", "c"), ("mail", "anna@contoso.com")])
        ),
        "ObjectTypeMismatch"
    );
    assert_eq!(
        code(
            &directory,
            contact(&[
                ("displayName", "c"),
                ("mailNickname", "anna"),
                ("onPremisesImmutableId", "anchor anna")
            ])
        ),
        "done",
        "contacts may repeat nicknames, and anchors count per kind"
    );
    assert_eq!(
        code(
            &directory,
            with("b5", "onPremisesImmutableId", "ANCHOR anna".into())
        ),
        "done",
        "anchors have case"
    );
}

#[test]
fn values_are_free_again_after_update_and_hard_delete() {
    let bench = Bench::new();
    let directory = bench.open();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let rename = attributes(&[
        ("userPrincipalName", "anne@contoso.com"),
        ("mailNickname", "anne"),
    ]);
    done(&directory, update(anna, rename));
    let mut second = user("anna");
    second.insert("proxyAddresses".to_owned(), texts(&[]));
    second.insert("onPremisesImmutableId".to_owned(), "second".into());
    let second = done(&directory, create(Kind::User, second));
    assert_eq!(
        code(
            &directory,
            update(anna, attributes(&[("mailNickname", "anna")]))
        ),
        "AttributeValueMustBeUnique"
    );
    done(
        &directory,
        Operation::HardDelete {
            id: second,
            expected_version: None,
        },
    );
    assert_eq!(
        code(
            &directory,
            update(anna, attributes(&[("mailNickname", "anna")]))
        ),
        "done"
    );
}

#[test]
fn required_unknown_long_and_mistyped_values_have_their_codes() {
    let bench = Bench::new();
    let directory = bench.open();
    let id = done(&directory, create(Kind::User, user("anna")));
    assert_eq!(
        refusal(
            &directory,
            create(Kind::User, attributes(&[("displayName", "x")]))
        ),
        Refusal::MandatoryFieldsMissing {
            kind: Kind::User,
            attributes: vec!["userPrincipalName", "mailNickname"]
        }
    );
    let set = |name: &str, value: Value| update(id, [(name.to_owned(), value)].into());
    for (name, value, expected) in [
        ("displayName", Value::from(""), "MandatoryFieldsMissing"),
        ("shoeSize", "42".into(), "SchemaAttributeNotFound"),
        ("securityEnabled", true.into(), "SchemaAttributeNotFound"),
        ("givenName", "x".repeat(65).into(), "ExceededAllowedLength"),
        ("givenName", "ü".repeat(64).into(), "done"),
        (
            "givenName",
            texts(&["a", "b"]),
            "SchemaPropertyCanOnlyAcceptValue",
        ),
        ("givenName", Value::Texts(vec![]), "done"),
        (
            "accountEnabled",
            "yes".into(),
            "SchemaPropertyCanOnlyAcceptValue",
        ),
        ("members", texts(&["a"]), "SchemaAttributeNotFound"),
        ("manager", "a".into(), "SchemaPropertyCanOnlyAcceptValue"),
        (
            "userCertificate",
            Value::Binaries((0..16).map(|n| vec![n]).collect()),
            "ExceededAllowedLength",
        ),
        (
            "proxyAddresses",
            Value::Texts(
                (0..301)
                    .map(|n| format!("smtp:{n}@x.example").into())
                    .collect(),
            ),
            "ExceededAllowedLength",
        ),
        (
            "userPrincipalName",
            "anna@fabrikam.com".into(),
            "InvalidDomain",
        ),
    ] {
        assert_eq!(code(&directory, set(name, value)), expected, "{name}");
    }
    assert!(
        directory
            .get(&directory.administrator(), id)
            .unwrap()
            .unwrap()
            .text("givenName")
            .is_none()
    );
}

#[test]
fn a_version_guards_against_lost_updates_and_stays_when_nothing_changes() {
    let bench = Bench::new();
    let directory = bench.open();
    let writer = directory.administrator().writer();
    let (id, first) = one(&directory, &writer, create(Kind::User, user("anna")))
        .done()
        .unwrap();
    let city = |expected_version, city: &str| Operation::Update {
        id,
        expected_version,
        set: attributes(&[("city", city)]),
        references: vec![],
    };
    let (_, second) = one(&directory, &writer, city(Some(first), "Delft"))
        .done()
        .unwrap();
    assert!(second > first);
    assert_eq!(
        one(&directory, &writer, city(Some(second), "Delft")),
        Outcome::Done {
            id,
            version: second
        }
    );
    assert_eq!(
        one(&directory, &writer, city(Some(first), "Gouda")).refusal(),
        Some(&Refusal::PreconditionFailed {
            id,
            expected: first,
            actual: second
        })
    );
}

#[test]
fn the_anchor_of_a_synchronised_object_cannot_be_replaced() {
    let bench = Bench::new();
    let directory = bench.open();
    let id = done(&directory, create(Kind::User, user("anna")));
    let anchor = |value| update(id, attributes(&[("onPremisesImmutableId", value)]));
    assert_eq!(
        code(&directory, anchor("of the cloud")),
        "done",
        "not synchronised yet"
    );
    done(
        &directory,
        update(
            id,
            [("onPremisesSyncEnabled".to_owned(), Value::Bool(true))].into(),
        ),
    );
    assert_eq!(code(&directory, anchor("another")), "SourceAnchorChanged");
    assert_eq!(code(&directory, anchor("")), "done");
    assert_eq!(code(&directory, anchor("another")), "done");
}

#[test]
fn synchronisation_may_not_delete_what_it_does_not_own() {
    let bench = Bench::new();
    let directory = bench.open();
    let id = done(&directory, create(Kind::User, user("anna")));
    let delete = || Operation::Delete {
        id,
        expected_version: None,
        scope: DeleteScope::SynchronisedOnly,
    };
    assert_eq!(code(&directory, delete()), "DeletionAccessViolation");
    done(
        &directory,
        update(
            id,
            [("onPremisesSyncEnabled".to_owned(), Value::Bool(true))].into(),
        ),
    );
    assert_eq!(code(&directory, delete()), "done");
    assert_eq!(
        refusal(&directory, delete()),
        Refusal::NotFound {
            id,
            is_deleted: true
        }
    );
}

#[test]
fn a_deleted_user_gives_its_name_away_and_keeps_its_anchor() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    let anna = done(&directory, create(Kind::User, user("anna")));
    done(&directory, delete(anna));
    assert!(matches!(
        directory.get(&caller, anna).unwrap().unwrap().state,
        State::SoftDeleted { .. }
    ));
    assert_eq!(
        directory
            .deleted_items(&caller, None, 10)
            .unwrap()
            .items
            .len(),
        1
    );

    match refusal(&directory, create(Kind::User, user("anna"))) {
        Refusal::AttributeValueMustBeUnique(clash) => {
            assert_eq!(
                (clash.attribute, clash.owner_id, clash.is_owner_deleted),
                ("onPremisesImmutableId", anna, true)
            );
        }
        other => panic!("{other:?}"),
    }
    let mut heir = user("anna");
    heir.insert("onPremisesImmutableId".to_owned(), "heir".into());
    done(&directory, create(Kind::User, heir));

    assert_eq!(
        code(&directory, restore(anna, &[])),
        "AttributeValueMustBeUnique"
    );
    let mut set = attributes(&[
        ("userPrincipalName", "anna2@contoso.com"),
        ("mailNickname", "anna2"),
    ]);
    set.insert("proxyAddresses".to_owned(), texts(&[]));
    assert_eq!(
        code(
            &directory,
            Operation::Restore {
                id: anna,
                expected_version: None,
                set
            }
        ),
        "done"
    );
    assert_eq!(code(&directory, restore(anna, &[])), "NotDeleted");
}

#[test]
fn deleted_users_are_purged_after_thirty_days_and_others_at_once() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let staff = done(&directory, group("staff"));
    done(&directory, delete(anna));
    done(&directory, delete(staff));
    assert!(directory.get(&caller, staff).unwrap().is_none());

    bench.pass(30 * DAY_MS - 1);
    assert_eq!(
        directory.purge_expired(&caller, bench.now()).unwrap().users,
        0
    );
    bench.pass(1);
    assert_eq!(
        directory.purge_expired(&caller, bench.now()).unwrap().users,
        1
    );
    assert!(directory.get(&caller, anna).unwrap().is_none());
    assert_eq!(
        code(&directory, create(Kind::User, user("anna"))),
        "done",
        "all keys are free"
    );
}

#[test]
fn domains_in_use_and_the_initial_one_stay() {
    let bench = Bench::new();
    let directory = bench.open();
    let administrator = directory.administrator();
    directory
        .add_verified_domain(&administrator, "Fabrikam.COM.")
        .unwrap();
    let mut anna = user("anna");
    anna.insert("userPrincipalName".to_owned(), "anna@fabrikam.com".into());
    let id = done(&directory, create(Kind::User, anna));
    assert!(
        directory
            .remove_verified_domain(&administrator, "fabrikam.com")
            .is_err()
    );
    assert!(
        directory
            .remove_verified_domain(&administrator, "contoso.hybridge.example")
            .is_err()
    );
    done(&directory, delete(id));
    directory
        .remove_verified_domain(&administrator, "fabrikam.com")
        .unwrap();
    assert_eq!(code(&directory, restore(id, &[])), "InvalidDomain");
    assert!(
        directory
            .add_verified_domain(&administrator, "no domain")
            .is_err()
    );
}

#[test]
fn the_quota_counts_deleted_users_too() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.quota_objects = Some(2);
    let directory = Directory::open(bench.path(), options).unwrap();
    directory
        .add_verified_domain(&directory.administrator(), "contoso.com")
        .unwrap();
    let anna = done(&directory, create(Kind::User, user("anna")));
    done(&directory, create(Kind::User, user("berta")));
    done(&directory, delete(anna));
    assert_eq!(
        code(&directory, create(Kind::User, user("carla"))),
        "QuotaExceeded"
    );
    done(
        &directory,
        Operation::HardDelete {
            id: anna,
            expected_version: None,
        },
    );
    assert_eq!(code(&directory, create(Kind::User, user("carla"))), "done");
}
