//! Random operations against a naive model, with reopening in between.
//!
//! The model keeps everything in maps and finds clashes by looking at every object. It shares no code with the store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Bench, attributes, create, one, texts, update};
use directory::{DeleteScope, Directory, Kind, Operation, ReferenceChange};
use proptest::prelude::*;
use uuid::Uuid;

const NAMES: usize = 6;
const OBJECTS: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    CreateUser {
        name: usize,
        alias: usize,
        anchor: usize,
    },
    CreateGroup {
        name: usize,
    },
    Rename {
        object: usize,
        name: usize,
    },
    SetAlias {
        object: usize,
        alias: usize,
    },
    Delete {
        object: usize,
    },
    HardDelete {
        object: usize,
    },
    Restore {
        object: usize,
        name: Option<usize>,
    },
    AddMember {
        group: usize,
        member: usize,
    },
    RemoveMember {
        group: usize,
        member: usize,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (name, object) = (0..NAMES, 0..OBJECTS);
    prop_oneof![
        4 => (name.clone(), name.clone(), name.clone())
            .prop_map(|(name, alias, anchor)| Step::CreateUser { name, alias, anchor }),
        2 => name.clone().prop_map(|name| Step::CreateGroup { name }),
        2 => (object.clone(), name.clone()).prop_map(|(object, name)| Step::Rename { object, name }),
        2 => (object.clone(), name.clone()).prop_map(|(object, alias)| Step::SetAlias { object, alias }),
        3 => object.clone().prop_map(|object| Step::Delete { object }),
        1 => object.clone().prop_map(|object| Step::HardDelete { object }),
        3 => (object.clone(), proptest::option::of(name)).prop_map(|(object, name)| Step::Restore { object, name }),
        3 => (object.clone(), object.clone()).prop_map(|(group, member)| Step::AddMember { group, member }),
        1 => (object.clone(), object).prop_map(|(group, member)| Step::RemoveMember { group, member }),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Debug)]
struct Thing {
    id: Uuid,
    is_user: bool,
    is_deleted: bool,
    name: usize,
    alias: usize,
    anchor: usize,
    members: BTreeSet<usize>,
}

/// What the directory should hold; places are never reused.
#[derive(Default)]
struct Model {
    things: BTreeMap<usize, Thing>,
    made: usize,
}

impl Model {
    /// Whether another object forbids `thing` to live: same name (sign-in and nickname), alias, or anchor.
    fn clashes(&self, place: Option<usize>, thing: &Thing) -> bool {
        self.things
            .iter()
            .filter(|(other, _)| Some(**other) != place)
            .any(|(_, other)| {
                let is_live = !other.is_deleted;
                let same_name = is_live && other.name == thing.name;
                let both_users = other.is_user && thing.is_user;
                let same_alias = is_live && both_users && other.alias == thing.alias;
                same_name || same_alias || (both_users && other.anchor == thing.anchor)
            })
    }

    fn live(&self, place: usize) -> Option<&Thing> {
        self.things.get(&place).filter(|thing| !thing.is_deleted)
    }

    fn create(&mut self, thing: Thing) -> bool {
        let place = self.made % OBJECTS;
        let is_full = self.things.contains_key(&place);
        if is_full || self.clashes(None, &thing) {
            return false;
        }
        self.things.insert(place, thing);
        self.made += 1;
        true
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut Thing)) -> bool {
        let Some(mut thing) = self.live(place).cloned() else {
            return false;
        };
        change(&mut thing);
        if self.clashes(Some(place), &thing) {
            return false;
        }
        self.things.insert(place, thing);
        true
    }

    fn destroy(&mut self, place: usize) {
        self.things.remove(&place);
        for thing in self.things.values_mut() {
            thing.members.remove(&place);
        }
    }
}

fn name(number: usize) -> String {
    format!("name{number}")
}

fn address(alias: usize) -> directory::Value {
    // Case must not matter.
    let prefix = if alias.is_multiple_of(2) {
        "SMTP"
    } else {
        "smtp"
    };
    texts(&[&format!("{prefix}:Alias{alias}@contoso.com")])
}

fn user_named(number: usize) -> directory::Attributes {
    attributes(&[
        (
            "userPrincipalName",
            &format!("{}@contoso.com", name(number)),
        ),
        ("mailNickname", &name(number)),
    ])
}

fn member_change(add: Vec<Uuid>, remove: Vec<Uuid>) -> ReferenceChange {
    ReferenceChange {
        attribute: "members".to_owned(),
        add,
        remove,
    }
}

fn thing(is_user: bool, name: usize, alias: usize, anchor: usize) -> Thing {
    Thing {
        id: Uuid::nil(),
        is_user,
        is_deleted: false,
        name,
        alias,
        anchor,
        members: BTreeSet::new(),
    }
}

/// Carries a step out on both; panics where they differ.
// LONG: one arm a step of the model.
fn run(model: &mut Model, directory: &Directory, step: &Step) {
    let apply = |operation| {
        one(directory, &directory.administrator().writer(), operation)
            .done()
            .map(|done| done.0)
    };
    let id = |model: &Model, place: usize| model.things.get(&place).map(|thing| thing.id);
    match *step {
        Step::CreateUser { .. } | Step::CreateGroup { .. } => {
            let (made, operation) = creation(step);
            let place = model.made % OBJECTS;
            if model.things.contains_key(&place) {
                return;
            }
            let (expected, actual) = (model.create(made), apply(operation));
            assert_eq!(actual.is_some(), expected, "{step:?}");
            if let (Some(id), Some(made)) = (actual, model.things.get_mut(&place)) {
                made.id = id;
            }
        }
        Step::Rename {
            object,
            name: number,
        } => {
            let Some(target) = id(model, object) else {
                return;
            };
            let is_user = model.things[&object].is_user;
            let set = if is_user {
                user_named(number)
            } else {
                attributes(&[("mailNickname", &name(number))])
            };
            let expected = model.change(object, |thing| thing.name = number);
            assert_eq!(apply(update(target, set)).is_some(), expected, "{step:?}");
        }
        Step::SetAlias { object, alias } => {
            let Some(target) = id(model, object).filter(|_| model.things[&object].is_user) else {
                return;
            };
            let expected = model.change(object, |thing| thing.alias = alias);
            let set = [("proxyAddresses".to_owned(), address(alias))].into();
            assert_eq!(apply(update(target, set)).is_some(), expected, "{step:?}");
        }
        Step::Delete { object } => {
            let Some(target) = id(model, object) else {
                return;
            };
            let operation = Operation::Delete {
                id: target,
                expected_version: None,
                scope: DeleteScope::Any,
            };
            let is_live = model.live(object).is_some();
            assert_eq!(apply(operation).is_some(), is_live, "{step:?}");
            match model.things[&object].is_user {
                true => model.things.get_mut(&object).unwrap().is_deleted = true,
                false => model.destroy(object),
            }
        }
        Step::HardDelete { object } => {
            let Some(target) = id(model, object) else {
                return;
            };
            assert!(
                apply(Operation::HardDelete {
                    id: target,
                    expected_version: None
                })
                .is_some(),
                "{step:?}"
            );
            model.destroy(object);
        }
        Step::Restore {
            object,
            name: number,
        } => {
            let Some(target) = id(model, object) else {
                return;
            };
            let set = number.map(user_named).unwrap_or_default();
            let mut restored = model.things[&object].clone();
            let was_deleted = std::mem::replace(&mut restored.is_deleted, false);
            restored.name = number.unwrap_or(restored.name);
            let expected = was_deleted && !model.clashes(Some(object), &restored);
            let actual = apply(Operation::Restore {
                id: target,
                expected_version: None,
                set,
            });
            assert_eq!(actual.is_some(), expected, "{step:?}");
            if expected {
                model.things.insert(object, restored);
            }
        }
        Step::AddMember { group, member } | Step::RemoveMember { group, member } => {
            let (Some(target), Some(other)) = (id(model, group), id(model, member)) else {
                return;
            };
            let is_adding = matches!(step, Step::AddMember { .. });
            let can_hold = model.live(group).is_some_and(|group| !group.is_user);
            let can_join = !is_adding || (group != member && model.live(member).is_some());
            let change = match is_adding {
                true => member_change(vec![other], vec![]),
                false => member_change(vec![], vec![other]),
            };
            let actual = apply(Operation::ChangeReferences {
                id: target,
                expected_version: None,
                change,
            });
            assert_eq!(actual.is_some(), can_hold && can_join, "{step:?}");
            if can_hold && can_join {
                let members = &mut model.things.get_mut(&group).unwrap().members;
                if is_adding {
                    members.insert(member)
                } else {
                    members.remove(&member)
                };
            }
        }
        Step::Reopen => {}
    }
}

fn creation(step: &Step) -> (Thing, Operation) {
    match *step {
        Step::CreateUser {
            name: number,
            alias,
            anchor,
        } => {
            let mut set = user_named(number);
            set.insert("displayName".to_owned(), "somebody".into());
            set.insert(
                "onPremisesImmutableId".to_owned(),
                format!("anchor{anchor}").into(),
            );
            set.insert("proxyAddresses".to_owned(), address(alias));
            (thing(true, number, alias, anchor), create(Kind::User, set))
        }
        Step::CreateGroup { name: number } => {
            let set = attributes(&[
                ("displayName", "some group"),
                ("mailNickname", &name(number)),
            ]);
            (thing(false, number, 0, 0), create(Kind::Group, set))
        }
        _ => unreachable!("only creations are passed"),
    }
}

fn check_equal(model: &Model, directory: &Directory) {
    let caller = directory.administrator();
    let mut stored = BTreeMap::new();
    directory
        .scan(&caller, |object| stored.insert(object.id, object).is_none())
        .unwrap();
    assert_eq!(stored.len(), model.things.len());
    for thing in model.things.values() {
        let object = &stored[&thing.id];
        assert_eq!(object.is_live(), !thing.is_deleted);
        assert_eq!(object.text("mailNickname"), Some(name(thing.name).as_str()));
        if !thing.is_user && !thing.is_deleted {
            let expected: BTreeSet<Uuid> = thing
                .members
                .iter()
                .filter_map(|&place| model.live(place))
                .map(|member| member.id)
                .collect();
            let page = directory.members(&caller, thing.id, None, 100).unwrap();
            assert_eq!(
                page.items
                    .iter()
                    .map(|member| member.id)
                    .collect::<BTreeSet<_>>(),
                expected
            );
        }
    }
}

/// Following the feed from the beginning leads to the same set of live objects as reading everything.
fn check_feed(model: &Model, directory: &Directory) {
    let caller = directory.administrator();
    let (mut live, mut next) = (BTreeSet::new(), 0);
    loop {
        let page = directory.changes(&caller, next, 3).unwrap();
        for change in page.changes {
            match change.event {
                directory::Event::Created
                | directory::Event::Restored
                | directory::Event::Updated => {
                    live.insert(change.id);
                }
                directory::Event::SoftDeleted | directory::Event::Deleted => {
                    live.remove(&change.id);
                }
                directory::Event::ReferencesChanged(_) => {}
            }
        }
        next = page.next;
        if !page.has_more {
            break;
        }
    }
    let expected: BTreeSet<Uuid> = model
        .things
        .values()
        .filter(|thing| !thing.is_deleted)
        .map(|thing| thing.id)
        .collect();
    assert_eq!(live, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_directory_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..80)) {
        let bench = Bench::new();
        let mut directory = bench.open();
        let mut model = Model::default();
        for step in &steps {
            if matches!(step, Step::Reopen) {
                directory.close().unwrap();
                directory = bench.open();
            }
            run(&mut model, &directory, step);
        }
        check_equal(&model, &directory);
        check_feed(&model, &directory);
        directory.close().unwrap();
        let directory = bench.open();
        check_equal(&model, &directory);
    }
}
