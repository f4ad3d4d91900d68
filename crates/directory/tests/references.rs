//! Memberships, managers and the change feed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use common::{Bench, DAY_MS, attributes, code, create, done, group, one, update, user};
use directory::{DeleteScope, Directory, Event, Fault, Kind, Operation, ReferenceChange};
use uuid::Uuid;

fn change(id: Uuid, attribute: &str, add: &[Uuid], remove: &[Uuid]) -> Operation {
    let change = ReferenceChange {
        attribute: attribute.to_owned(),
        add: add.to_vec(),
        remove: remove.to_vec(),
    };
    Operation::ChangeReferences {
        id,
        expected_version: None,
        change,
    }
}

fn members(directory: &Directory, group: Uuid) -> Vec<Uuid> {
    let page = directory
        .members(&directory.administrator(), group, None, 1000)
        .unwrap();
    page.items.iter().map(|member| member.id).collect()
}

fn delete(id: Uuid) -> Operation {
    Operation::Delete {
        id,
        expected_version: None,
        scope: DeleteScope::Any,
    }
}

#[test]
fn repeated_adds_and_removes_succeed_without_effect() {
    let bench = Bench::new();
    let directory = bench.open();
    let writer = directory.administrator().writer();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let staff = done(&directory, group("staff"));
    let first = one(
        &directory,
        &writer,
        change(staff, "members", &[anna, anna], &[]),
    )
    .done()
    .unwrap();
    assert_eq!(
        one(&directory, &writer, change(staff, "members", &[anna], &[])).done(),
        Some(first)
    );
    assert_eq!(members(&directory, staff), [anna]);
    let removed = one(&directory, &writer, change(staff, "members", &[], &[anna]))
        .done()
        .unwrap();
    assert!(removed.1 > first.1);
    assert_eq!(
        one(
            &directory,
            &writer,
            change(staff, "members", &[], &[anna, Uuid::nil()])
        )
        .done(),
        Some(removed)
    );
    assert!(members(&directory, staff).is_empty());
}

#[test]
fn wrong_references_are_refused_by_name() {
    let bench = Bench::new();
    let directory = bench.open();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let berta = done(&directory, create(Kind::User, user("berta")));
    let carla = done(&directory, create(Kind::User, user("carla")));
    let staff = done(&directory, group("staff"));
    let unresolved = "UnableToResolveReferenceAttributeValue";
    assert_eq!(
        code(
            &directory,
            change(staff, "members", &[anna, Uuid::nil()], &[])
        ),
        unresolved
    );
    assert!(
        members(&directory, staff).is_empty(),
        "nothing of a refused change is written"
    );
    assert_eq!(
        code(&directory, change(staff, "members", &[staff], &[])),
        "InvalidReference"
    );
    assert_eq!(
        code(&directory, change(anna, "manager", &[staff], &[])),
        "InvalidReference"
    );
    assert_eq!(
        code(&directory, change(anna, "manager", &[berta, carla], &[])),
        "SchemaPropertyCanOnlyAcceptValue"
    );
    assert_eq!(
        code(&directory, change(anna, "members", &[berta], &[])),
        "SchemaAttributeNotFound"
    );
    assert_eq!(
        code(&directory, change(staff, "displayName", &[berta], &[])),
        "SchemaAttributeNotFound"
    );
    done(&directory, delete(carla));
    assert_eq!(
        code(&directory, change(staff, "members", &[carla], &[])),
        unresolved
    );
}

#[test]
fn a_new_manager_replaces_the_old_one() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    let [anna, berta, carla] =
        ["anna", "berta", "carla"].map(|name| done(&directory, create(Kind::User, user(name))));
    done(&directory, change(anna, "manager", &[berta], &[]));
    done(&directory, change(anna, "manager", &[carla], &[]));
    assert_eq!(directory.manager(&caller, anna).unwrap(), Some(carla));
    assert_eq!(
        directory
            .references(&caller, anna, "manager", None, 10)
            .unwrap()
            .items
            .len(),
        1
    );
    done(&directory, change(anna, "manager", &[], &[carla]));
    assert_eq!(directory.manager(&caller, anna).unwrap(), None);
}

#[test]
fn nested_and_circular_groups_are_read_through() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let [a, b, c] = ["a", "b", "c"].map(|name| done(&directory, group(name)));
    done(&directory, change(a, "members", &[b], &[]));
    done(&directory, change(b, "members", &[c], &[]));
    done(&directory, change(c, "members", &[a, anna], &[]));
    let mut reached = Vec::new();
    let mut token = None;
    loop {
        let page = directory
            .transitive_members(&caller, a, token.as_ref(), 2)
            .unwrap();
        reached.extend(page.items.iter().map(|each| each.id));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(reached, [anna, a, b, c]);
    let groups = directory.member_of(&caller, anna, None, 10).unwrap().items;
    assert_eq!(groups.iter().map(|group| group.id).collect::<Vec<_>>(), [c]);
}

#[test]
fn memberships_of_a_deleted_user_return_with_it_and_those_of_a_group_do_not() {
    let bench = Bench::new();
    let directory = bench.open();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let [staff, club] = ["staff", "club"].map(|name| done(&directory, group(name)));
    done(&directory, change(staff, "members", &[anna, club], &[]));
    done(&directory, change(club, "members", &[anna], &[]));
    done(&directory, delete(anna));
    assert_eq!(members(&directory, staff), [club]);
    done(&directory, delete(club));
    done(
        &directory,
        Operation::Restore {
            id: anna,
            expected_version: None,
            set: attributes(&[]),
        },
    );
    assert_eq!(members(&directory, staff), [anna]);
    let mut edges = 0;
    directory
        .scan_references(&directory.administrator(), |_, _, _| {
            edges += 1;
            true
        })
        .unwrap();
    assert_eq!(edges, 1);
}

#[test]
fn an_update_may_change_attributes_and_references_in_one_version() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let reference = |attribute: &str, add| ReferenceChange {
        attribute: attribute.to_owned(),
        add,
        remove: vec![],
    };
    let operation = Operation::Create {
        kind: Kind::Group,
        attributes: attributes(&[("displayName", "staff"), ("mailNickname", "staff")]),
        references: vec![
            reference("members", vec![anna]),
            reference("owners", vec![anna]),
        ],
    };
    let staff = done(&directory, operation);
    assert_eq!(members(&directory, staff), [anna]);
    let before = directory.sequence(&caller).unwrap();
    let operation = Operation::Update {
        id: staff,
        expected_version: Some(before),
        set: attributes(&[("description", "all")]),
        references: vec![ReferenceChange {
            attribute: "members".to_owned(),
            add: vec![],
            remove: vec![anna],
        }],
    };
    done(&directory, operation);
    assert_eq!(directory.sequence(&caller).unwrap(), before + 1);
    assert!(members(&directory, staff).is_empty());
}

#[test]
fn the_feed_tells_what_happened_since() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    let [anna, berta, carla] =
        ["anna", "berta", "carla"].map(|name| done(&directory, create(Kind::User, user(name))));
    let staff = done(&directory, group("staff"));
    let since = directory.sequence(&caller).unwrap();
    done(&directory, delete(carla));
    done(&directory, update(anna, attributes(&[("city", "Delft")])));
    let middle = directory.sequence(&caller).unwrap();
    done(
        &directory,
        Operation::Restore {
            id: carla,
            expected_version: None,
            set: attributes(&[]),
        },
    );
    done(&directory, delete(berta));
    done(&directory, change(staff, "members", &[anna], &[]));
    let dora = done(&directory, create(Kind::User, user("dora")));
    done(
        &directory,
        Operation::HardDelete {
            id: anna,
            expected_version: None,
        },
    );

    let events = |since| {
        let (mut events, mut next) = (Vec::new(), since);
        loop {
            let page = directory.changes(&caller, next, 2).unwrap();
            events.extend(
                page.changes
                    .into_iter()
                    .map(|change| (change.id, change.event)),
            );
            next = page.next;
            if !page.has_more {
                return events;
            }
        }
    };
    let all = events(since);
    assert_eq!(all.len(), 6, "{all:?}");
    assert_eq!(all[0], (carla, Event::Restored));
    assert_eq!(all[1], (berta, Event::SoftDeleted));
    assert_eq!(all[2], (staff, Event::Updated));
    assert!(
        matches!(&all[3], (id, Event::ReferencesChanged(changes)) if *id == staff && changes[0].added == [anna])
    );
    assert_eq!(all[4], (dora, Event::Created));
    assert_eq!(all[5], (anna, Event::Deleted));
    assert_eq!(events(middle), all);
    assert!(events(directory.sequence(&caller).unwrap()).is_empty());

    bench.pass(31 * DAY_MS);
    assert_eq!(
        directory.purge_expired(&caller, bench.now()).unwrap().users,
        1
    );
    assert!(matches!(
        directory.changes(&caller, since, 10),
        Err(Fault::FeedExpired { .. })
    ));
}

#[test]
fn a_creation_refused_for_a_reference_leaves_its_keys_free() {
    let bench = Bench::new();
    let directory = bench.open();
    let before = directory.sequence(&directory.administrator()).unwrap();
    let refused = Operation::Create {
        kind: Kind::User,
        attributes: user("anna"),
        references: vec![ReferenceChange {
            attribute: "manager".to_owned(),
            add: vec![Uuid::nil()],
            remove: Vec::new(),
        }],
    };
    assert_eq!(
        code(&directory, refused),
        "UnableToResolveReferenceAttributeValue"
    );
    let after = directory.sequence(&directory.administrator()).unwrap();
    assert_eq!(after, before, "nothing happened");
    assert_eq!(code(&directory, create(Kind::User, user("anna"))), "done");
}

#[test]
fn who_was_deleted_in_the_same_batch_cannot_become_a_member() {
    let bench = Bench::new();
    let directory = bench.open();
    let writer = directory.administrator().writer();
    let anna = done(&directory, create(Kind::User, user("anna")));
    let old = done(&directory, group("old"));
    let staff = done(&directory, group("staff"));
    let batch = vec![
        change(staff, "members", &[anna, old], &[]),
        delete(anna),
        delete(old),
        change(staff, "members", &[anna], &[]),
        change(staff, "members", &[old], &[]),
        Operation::Restore {
            id: anna,
            expected_version: None,
            set: Default::default(),
        },
        change(staff, "members", &[anna], &[]),
    ];
    let outcomes = directory.apply(&writer, batch).unwrap();
    let refused: Vec<bool> = outcomes
        .iter()
        .map(|outcome| outcome.refusal().is_some())
        .collect();
    assert_eq!(refused, [false, false, false, true, true, false, false]);
    assert_eq!(members(&directory, staff), [anna]);
}

#[test]
fn many_members_are_added_to_those_that_are_there() {
    let bench = Bench::new();
    let directory = bench.open();
    let people: Vec<Uuid> = (0..40)
        .map(|number| done(&directory, create(Kind::User, user(&format!("u{number}")))))
        .collect();
    let staff = done(&directory, group("staff"));
    let scattered: Vec<Uuid> = people.iter().step_by(3).copied().collect();
    done(&directory, change(staff, "members", &scattered, &[]));
    let feed = directory.sequence(&directory.administrator()).unwrap();
    let first = done(&directory, change(staff, "members", &people, &[]));
    let sequence = directory.sequence(&directory.administrator()).unwrap();
    assert_eq!((first, sequence), (staff, feed + 1));
    done(&directory, change(staff, "members", &people, &[]));
    let same = directory.sequence(&directory.administrator()).unwrap();
    assert_eq!(same, sequence, "what is there already changes nothing");
    let mut expected = people.clone();
    expected.sort_unstable();
    let mut found = members(&directory, staff);
    found.sort_unstable();
    assert_eq!(found, expected);
}
