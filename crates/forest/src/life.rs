//! The organisation lives: a stream of changes, the same for the same seed and forest.
//!
//! Each call makes exactly one change and says what it was. It never deletes more than one object. The
//! trap: a change is drawn from what the forest is now, so a change made by somebody else in between
//! changes everything after it.

use uuid::Uuid;

use crate::generate::{attributes_of, gather};
use crate::handle::{Edit, Forest};
use crate::schema::{self, attr};
use crate::store::{NewObject, ObjectId, Origin, Refusal, State};

/// Attempts at finding somebody to whom a change applies.
const ATTEMPTS: usize = 40;

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// A new person.
    Joiner,
    /// To another unit.
    Mover,
    /// Account disabled.
    LeaverDisabled,
    /// Account deleted.
    LeaverDeleted,
    /// New family name, principal name and address.
    Marriage,
    /// New job or telephone number.
    Detail,
    /// An attribute loses its value.
    Cleared,
    /// A new member.
    MemberAdded,
    /// A member less.
    MemberRemoved,
    /// A new group.
    NewGroup,
    /// Another manager.
    ManagerChanged,
    /// A unit gets another name.
    UnitRenamed,
}

/// One change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What kind.
    pub kind: ChangeKind,
    /// The object that changed.
    pub guid: Uuid,
    /// Its DN after the change.
    pub dn: String,
    /// The change in words.
    pub description: String,
}

/// A source of changes.
#[derive(Debug)]
pub struct Life {
    rng: fastrand::Rng,
    made: usize,
}

/// Kinds with their weight in a hundred.
const WEIGHTS: &[(ChangeKind, u32)] = &[
    (ChangeKind::Detail, 28),
    (ChangeKind::MemberAdded, 16),
    (ChangeKind::MemberRemoved, 11),
    (ChangeKind::Joiner, 12),
    (ChangeKind::Mover, 8),
    (ChangeKind::ManagerChanged, 7),
    (ChangeKind::Marriage, 4),
    (ChangeKind::Cleared, 4),
    (ChangeKind::LeaverDisabled, 4),
    (ChangeKind::LeaverDeleted, 2),
    (ChangeKind::NewGroup, 3),
    (ChangeKind::UnitRenamed, 1),
];

type Made = Option<(ObjectId, String)>;

impl Life {
    /// Starts a stream.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            made: 0,
        }
    }

    /// Makes the next change. Fails only in a forest without people.
    pub fn next(&mut self, forest: &Forest) -> Result<Change, Refusal> {
        forest.write(|state| {
            for _ in 0..ATTEMPTS {
                let kind = self.kind();
                if let Some((id, description)) = self.make(state, kind)? {
                    self.made += 1;
                    return Ok(Change {
                        kind,
                        guid: state.object(id).guid,
                        dn: state.dn(id),
                        description,
                    });
                }
            }
            Err(Refusal::new(
                crate::proto::Code::UnwillingToPerform,
                "nothing in this forest can change; generate an organisation first",
            ))
        })
    }

    fn kind(&mut self) -> ChangeKind {
        let mut draw = self.rng.u32(0..100);
        for (kind, weight) in WEIGHTS {
            if draw < *weight {
                return *kind;
            }
            draw -= weight;
        }
        ChangeKind::Detail
    }

    fn make(&mut self, state: &mut State, kind: ChangeKind) -> Result<Made, Refusal> {
        match kind {
            ChangeKind::Joiner => self.join(state),
            ChangeKind::NewGroup => self.new_group(state),
            ChangeKind::UnitRenamed => self.rename_unit(state),
            ChangeKind::MemberAdded => self.membership(state, true),
            ChangeKind::MemberRemoved => self.membership(state, false),
            _ => match self.person(state) {
                Some(id) => self.change_person(state, kind, id),
                None => Ok(None),
            },
        }
    }

    // LONG: one arm a kind of change.
    fn change_person(
        &mut self,
        state: &mut State,
        kind: ChangeKind,
        id: ObjectId,
    ) -> Result<Made, Refusal> {
        let who = state.relative_name(id);
        let description = match kind {
            ChangeKind::Mover => {
                let Some(unit) = self
                    .unit_of_people(state)
                    .filter(|unit| state.object(id).parent != Some(*unit))
                else {
                    return Ok(None);
                };
                if state.check_name(unit, "cn", &who).is_err() {
                    return Ok(None);
                }
                state.place(id, None, Some(unit))?;
                format!("{who} moves to {}", state.dn(unit))
            }
            ChangeKind::LeaverDisabled => {
                let control = state
                    .object(id)
                    .number(attr::USER_ACCOUNT_CONTROL)
                    .unwrap_or(512);
                edit(
                    state,
                    id,
                    vec![Edit::set("userAccountControl", &(control | 2).to_string())],
                )?;
                format!("{who} leaves; the account is disabled")
            }
            ChangeKind::LeaverDeleted => {
                state.delete(id)?;
                format!("{who} left; the account is deleted")
            }
            ChangeKind::Marriage => return self.marry(state, id),
            ChangeKind::Cleared => {
                let names = [
                    "mobile",
                    "description",
                    "telephoneNumber",
                    "extensionAttribute7",
                ];
                let name = names[self.rng.usize(0..names.len())];
                let is_set =
                    schema::attribute(name).is_some_and(|a| state.object(id).text(a).is_some());
                if !is_set {
                    return Ok(None);
                }
                edit(state, id, vec![Edit::clear(name)])?;
                format!("{who} loses {name}")
            }
            ChangeKind::ManagerChanged => {
                let Some(boss) = self.person(state).filter(|boss| *boss != id) else {
                    return Ok(None);
                };
                if state.targets(id, attr::MANAGER, false).next() == Some(boss) {
                    return Ok(None);
                }
                edit(state, id, vec![Edit::set("manager", &key(state, boss))])?;
                format!("{who} now reports to {}", state.relative_name(boss))
            }
            _ => {
                self.made += 1;
                if self.rng.bool() {
                    let phone = format!("+31 20 556 {:04}", self.rng.u32(0..10_000));
                    edit(state, id, vec![Edit::set("telephoneNumber", &phone)])?;
                    format!("{who} gets the number {phone}")
                } else {
                    let title = format!("Project lead {}", self.made);
                    edit(state, id, vec![Edit::set("title", &title)])?;
                    format!("{who} becomes {title}")
                }
            }
        };
        Ok(Some((id, description)))
    }

    fn marry(&mut self, state: &mut State, id: ObjectId) -> Result<Made, Refusal> {
        let family = [
            "Zandstra",
            "Óskarsdóttir",
            "Brückner",
            "d'Arcy",
            "Håkansson",
        ][self.rng.usize(0..5)];
        let given = schema::attribute("givenName")
            .and_then(|a| state.object(id).text(a))
            .unwrap_or("Kim")
            .to_owned();
        let before = state.relative_name(id);
        let number = self.rng.u32(10..10_000);
        let name = format!("{given} {family} {number}");
        let parent = state.object(id).parent.unwrap_or(id);
        let alias = format!("z{number}.{}", state.object(id).usn_created);
        let principal = format!("{alias}@{}", state.options.domain);
        if state.check_name(parent, "cn", &name).is_err()
            || !state.by_principal(&principal).is_empty()
        {
            return Ok(None);
        }
        edit(
            state,
            id,
            vec![
                Edit::set("sn", family),
                Edit::set("displayName", &format!("{given} {family}")),
                Edit::set("userPrincipalName", &principal),
                Edit::set("mail", &principal),
                Edit::set("mailNickname", &alias),
                Edit::Set(
                    "proxyAddresses".into(),
                    vec![format!("SMTP:{principal}").into_bytes()],
                ),
            ],
        )?;
        state.place(id, Some(&name), None)?;
        Ok(Some((id, format!("{before} marries and is now {name}"))))
    }

    fn join(&mut self, state: &mut State) -> Result<Made, Refusal> {
        let Some(unit) = self.unit_of_people(state) else {
            return Ok(None);
        };
        let (site, department) = (self.rng.usize(0..5), self.rng.usize(0..8));
        let place = 1_000_000 + self.made * 97 * 50 * 60 + 1;
        let (name, mut attributes) =
            attributes_of(state, &mut self.rng, unit, site, department, place);
        attributes.push(("userAccountControl", "512".to_owned()));
        let id = create(state, unit, "user", &name, attributes)?;
        Ok(Some((id, format!("{name} joins"))))
    }

    fn new_group(&mut self, state: &mut State) -> Result<Made, Refusal> {
        let Some(parent) = self
            .draw(state, |state, id| {
                is_live(state, id, "group") && !is_built_in(state, id)
            })
            .and_then(|group| state.object(group).parent)
        else {
            return Ok(None);
        };
        let name = format!("Working group {}-{}", self.made, self.rng.u32(0..100_000));
        if state.by_account(&name).is_some() || state.check_name(parent, "cn", &name).is_err() {
            return Ok(None);
        }
        let id = create(
            state,
            parent,
            "group",
            &name,
            vec![
                ("sAMAccountName", name.clone()),
                ("displayName", name.clone()),
            ],
        )?;
        Ok(Some((id, format!("the group {name} is made"))))
    }

    fn rename_unit(&mut self, state: &mut State) -> Result<Made, Refusal> {
        let Some(unit) = self.draw(state, |state, id| {
            is_live(state, id, "organizationalUnit")
                && !is_built_in(state, id)
                && holds_people(state, id)
        }) else {
            return Ok(None);
        };
        let before = state.relative_name(unit);
        let base = before.split(" (").next().unwrap_or("Unit").to_owned();
        let name = format!("{base} ({})", self.rng.u32(2..10_000));
        let parent = state.object(unit).parent.unwrap_or(unit);
        if name == before || state.check_name(parent, "ou", &name).is_err() {
            return Ok(None);
        }
        state.place(unit, Some(&name), None)?;
        Ok(Some((
            unit,
            format!("the unit {before} is now called {name}"),
        )))
    }

    fn membership(&mut self, state: &mut State, is_added: bool) -> Result<Made, Refusal> {
        let Some(group) = self.draw(state, |state, id| {
            is_live(state, id, "group") && !is_built_in(state, id)
        }) else {
            return Ok(None);
        };
        let members: Vec<ObjectId> = state.targets(group, attr::MEMBER, false).collect();
        let group_name = state.relative_name(group);
        if is_added {
            let Some(person) = self
                .person(state)
                .filter(|person| !members.contains(person))
            else {
                return Ok(None);
            };
            edit(state, group, vec![Edit::add("member", &key(state, person))])?;
            return Ok(Some((
                group,
                format!("{} joins {group_name}", state.relative_name(person)),
            )));
        }
        if members.len() < 2 {
            return Ok(None);
        }
        let gone = members[self.rng.usize(0..members.len())];
        edit(
            state,
            group,
            vec![Edit::remove("member", &key(state, gone))],
        )?;
        Ok(Some((
            group,
            format!("{} leaves {group_name}", state.relative_name(gone)),
        )))
    }

    /// An enabled person of the organisation.
    fn person(&mut self, state: &State) -> Option<ObjectId> {
        self.draw(state, |state, id| {
            let object = state.object(id);
            is_live(state, id, "user")
                && !is_built_in(state, id)
                && object
                    .number(attr::USER_ACCOUNT_CONTROL)
                    .is_some_and(|control| control & 2 == 0)
                && schema::attribute("employeeID").is_some_and(|a| object.text(a).is_some())
        })
    }

    fn unit_of_people(&mut self, state: &State) -> Option<ObjectId> {
        self.person(state)
            .and_then(|person| state.object(person).parent)
    }

    fn draw(
        &mut self,
        state: &State,
        suits: impl Fn(&State, ObjectId) -> bool,
    ) -> Option<ObjectId> {
        let count = state.objects.len() as u32;
        let start = self.rng.u32(0..count.max(1));
        (0..count)
            .map(|step| ObjectId((start + step) % count))
            .find(|id| suits(state, *id))
    }
}

fn is_live(state: &State, id: ObjectId, class: &str) -> bool {
    let object = state.object(id);
    !object.is_deleted && object.class.name == class
}

/// In the containers that every domain has.
fn is_built_in(state: &State, id: ObjectId) -> bool {
    let object = state.object(id);
    object.text(attr::IS_CRITICAL) == Some("TRUE")
        || object.parent.is_none_or(|parent| {
            state.object(parent).class.name != "organizationalUnit" && parent != state.domain()
        })
}

fn holds_people(state: &State, unit: ObjectId) -> bool {
    state
        .children(unit)
        .any(|child| state.object(child).class.name == "user")
}

fn key(state: &State, id: ObjectId) -> String {
    format!("<GUID={}>", state.object(id).guid)
}

/// Creates an object with text attributes; equal names gather values.
pub(crate) fn create(
    state: &mut State,
    parent: ObjectId,
    class: &str,
    name: &str,
    attributes: Vec<(&str, String)>,
) -> Result<ObjectId, Refusal> {
    let class = schema::class(class).ok_or_else(|| {
        Refusal::new(
            crate::proto::Code::ObjectClassViolation,
            format!("class {class} is not in the schema"),
        )
    })?;
    let new = NewObject {
        parent,
        class,
        name: name.to_owned(),
        attributes: gather(attributes),
        guid: None,
        rid: None,
    };
    state.create(new, Origin::Forest)
}

fn edit(state: &mut State, id: ObjectId, edits: Vec<Edit>) -> Result<(), Refusal> {
    let changes: Vec<_> = edits.into_iter().map(Edit::into_change).collect();
    state.modify(id, &changes, Origin::Forest)
}
