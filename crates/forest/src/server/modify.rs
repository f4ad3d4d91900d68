//! Changes that clients make: add, delete, modify, rename and move; and compare.
//!
//! Restoring a deleted object is a modify that takes `isDeleted` away and gives a new `distinguishedName`.

use crate::proto::{Add, Change, ChangeKind, Code, Control, ModifyDn, Operation, Outcome};
use crate::schema::{self, attr};
use crate::server::conn::Session;
use crate::server::controls::{self, Asked};
use crate::server::search::{not_bound, refer};
use crate::store::{NewObject, ObjectId, Origin, Refusal, Resolved, State, View};

impl Session {
    /// Carries out a change or a comparison.
    pub(super) fn change(&mut self, operation: &Operation, controls: &[Control]) -> Outcome {
        let asked = match controls::read(controls) {
            Ok(asked) => asked,
            Err(outcome) => return outcome,
        };
        let Some(rights) = self.rights() else {
            return not_bound();
        };
        if let Operation::Compare(dn, attribute, value) = operation {
            return compare(&self.forest.read(), dn, attribute, value);
        }
        if !rights.may_write {
            return Outcome::of(
                Code::InsufficientAccessRights,
                "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            );
        }
        if !self.is_secure && sets_password(operation) {
            return Outcome::of(
                Code::UnwillingToPerform,
                "00002077: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM): a password needs an encrypted connection",
            );
        }
        let named = match operation {
            Operation::Add(add) => add.dn.clone(),
            Operation::Delete(dn) | Operation::Modify(dn, _) => dn.clone(),
            Operation::ModifyDn(rename) => rename.dn.clone(),
            _ => String::new(),
        };
        let result = self
            .forest
            .write(|state| carry_out(state, operation, &asked));
        match result {
            Ok(()) => Outcome::success(),
            Err(refusal) => refer(refusal.outcome(), &named),
        }
    }
}

fn sets_password(operation: &Operation) -> bool {
    let is_password = |name: &str| name.eq_ignore_ascii_case("unicodePwd");
    match operation {
        Operation::Modify(_, changes) => {
            changes.iter().any(|change| is_password(&change.attribute))
        }
        Operation::Add(add) => add.attributes.iter().any(|(name, _)| is_password(name)),
        _ => false,
    }
}

fn carry_out(state: &mut State, operation: &Operation, asked: &Asked) -> Result<(), Refusal> {
    match operation {
        Operation::Add(add) => create(state, add),
        Operation::Delete(dn) => {
            let id = seen(state, dn, asked)?;
            if asked.is_tree_delete {
                state.delete_tree(id).map(drop)
            } else {
                state.delete(id)
            }
        }
        Operation::Modify(dn, changes) => modify(state, dn, changes, asked),
        Operation::ModifyDn(rename) => place(state, rename, asked),
        _ => Ok(()),
    }
}

/// The object of that name, if this client sees it.
fn seen(state: &State, dn: &str, asked: &Asked) -> Result<ObjectId, Refusal> {
    let id = state.find(dn)?;
    let object = state.object(id);
    if asked.view.shows(object.is_deleted, object.is_recycled) {
        Ok(id)
    } else {
        Err(state.no_such_object(state.domain()))
    }
}

fn create(state: &mut State, add: &Add) -> Result<(), Refusal> {
    if let Resolved::Found(_) = state.resolve(&add.dn)? {
        return Err(Refusal::new(
            Code::EntryAlreadyExists,
            "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0",
        ));
    }
    let parts = crate::dn::parse(&add.dn).unwrap_or_default();
    let (_, parent) = split_name(&add.dn);
    let parent = state.find(parent)?;
    let named: Vec<_> = add
        .attributes
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("objectClass"))
        .flat_map(|(_, values)| values)
        .map(|value| std::str::from_utf8(value).ok().and_then(schema::class))
        .collect();
    if named.contains(&None) {
        return Err(Refusal::new(
            Code::NoSuchAttribute,
            "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation (objectClass), data 0",
        ));
    }
    let class = named
        .into_iter()
        .flatten()
        .max_by_key(|class| schema::class_chain(class).len())
        .filter(|class| class.name != "top")
        .ok_or_else(|| {
            Refusal::new(
                Code::ObjectClassViolation,
                "0000207C: UpdErr: DSID-031A1216, problem 6002 (OBJ_CLASS_VIOLATION): name a class of the schema",
            )
        })?;
    let rdn = parts
        .into_iter()
        .next()
        .filter(|rdn| schema::attribute(&rdn.attribute) == schema::attribute(class.naming))
        .ok_or_else(|| {
            Refusal::new(
                Code::NamingViolation,
                "00002099: NameErr: DSID-03050F7A, problem 2003 (NAMING_VIOLATION): another naming attribute",
            )
        })?;
    let new = NewObject {
        parent,
        class,
        name: rdn.value,
        attributes: add.attributes.clone(),
        guid: None,
        rid: None,
    };
    state.create(new, Origin::Client).map(drop)
}

/// Cuts the first RDN off.
fn split_name(dn: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let mut is_quoted = false;
    for (place, c) in dn.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => return (&dn[..place], &dn[place + 1..]),
            _ => {}
        }
    }
    (dn, "")
}

fn modify(state: &mut State, dn: &str, changes: &[Change], asked: &Asked) -> Result<(), Refusal> {
    let id = seen(state, dn, asked)?;
    let is = |change: &Change, attribute| schema::attribute(&change.attribute) == Some(attribute);
    let is_restored = changes
        .iter()
        .any(|change| is(change, attr::IS_DELETED) && change.kind == ChangeKind::Delete);
    if is_restored && asked.view.deleted {
        let place = changes
            .iter()
            .find(|change| is(change, attr::DISTINGUISHED_NAME))
            .and_then(|change| std::str::from_utf8(change.values.first()?).ok())
            .ok_or_else(|| {
                Refusal::new(
                    Code::UnwillingToPerform,
                    "00002077: SvcErr: DSID-031A11E5, problem 5003 (WILL_NOT_PERFORM): give distinguishedName too",
                )
            })?
            .to_owned();
        let (rdn, parent) = split_name(&place);
        let parent = state.find(parent)?;
        let name = state.new_name(id, rdn)?;
        return state.undelete(id, &name, parent);
    }
    let origin = if asked.is_permissive {
        Origin::Permissive
    } else {
        Origin::Client
    };
    state.modify(id, changes, origin)
}

fn place(state: &mut State, rename: &ModifyDn, asked: &Asked) -> Result<(), Refusal> {
    let id = seen(state, &rename.dn, asked)?;
    let name = state.new_name(id, &rename.new_rdn)?;
    let parent = rename
        .new_superior
        .as_deref()
        .map(|dn| state.find(dn))
        .transpose()?;
    state.place(id, Some(&name), parent)
}

fn compare(state: &State, dn: &str, attribute: &str, value: &[u8]) -> Outcome {
    let id = match state.find(dn) {
        Ok(id) => id,
        Err(refusal) => return refer(refusal.outcome(), dn),
    };
    let Some(known) = schema::attribute(attribute) else {
        return Outcome::of(Code::NoSuchAttribute, "this attribute is not in the schema");
    };
    if !state.is_present(id, known, View::default()) {
        return Outcome::of(Code::NoSuchAttribute, "the object has no such attribute");
    }
    let filter = crate::proto::Filter::Equal(attribute.to_owned(), value.to_vec());
    let is_equal = super::filter::Ready::new(&filter, state).matches(state, id, View::default());
    Outcome::of(
        if is_equal {
            Code::CompareTrue
        } else {
            Code::CompareFalse
        },
        "",
    )
}
