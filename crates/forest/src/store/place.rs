//! Renaming, moving, deleting and restoring.
//!
//! Children are never touched by what happens to their parent, except that deleting a tree deletes them
//! first. The trap: a deleted object's attributes stay only with the recycle bin; without it what is left
//! is a tombstone, and its links are forgotten in both directions.

use super::{ObjectId, Refusal, State, child_key, encode, index};
use crate::dn;
use crate::proto::Code;
use crate::schema::{self, attr};

impl State {
    /// Gives an object a new relative name, a new parent, or both.
    pub fn place(
        &mut self,
        id: ObjectId,
        name: Option<&str>,
        parent: Option<ObjectId>,
    ) -> Result<(), Refusal> {
        let object = self.object(id);
        let Some(old_parent) = object.parent else {
            return Err(unwilling("the root of a naming context stays"));
        };
        if object.is_deleted {
            return Err(unwilling("the object is deleted"));
        }
        let (naming, old_name) = (object.class.naming, object.rdn.to_string());
        let parent = parent.unwrap_or(old_parent);
        let name = name.unwrap_or(&old_name);
        self.check_new_parent(id, parent)?;
        let is_renamed = name != old_name;
        if parent == old_parent && !is_renamed {
            return Ok(());
        }
        let is_same_key = child_key(naming, name) == child_key(naming, &old_name);
        if parent != old_parent || !is_same_key {
            self.check_name(parent, naming, name)?;
        }
        let usn = self.next_usn();
        self.put(id, name, parent);
        let object = self.object_mut(id);
        object.usn_placed = usn;
        if is_renamed {
            object.usn_named = usn;
        }
        self.touch(id, usn);
        Ok(())
    }

    fn check_new_parent(&self, id: ObjectId, parent: ObjectId) -> Result<(), Refusal> {
        if self.is_within(parent, id) {
            return Err(unwilling("an object cannot be moved below itself"));
        }
        if self.context_of(parent) != self.context_of(id) {
            return Err(unwilling("an object stays in its naming context"));
        }
        self.check_parent(parent, self.object(id).class)
    }

    /// Moves the name in the tables; no checks, no change number.
    fn put(&mut self, id: ObjectId, name: &str, parent: ObjectId) {
        let object = self.object(id);
        let naming = object.class.naming;
        let old_key = child_key(naming, &object.rdn);
        if let Some(old) = object.parent {
            self.by_name
                .remove(index::hash((old, old_key.as_str())), id);
            if let Some(ids) = self.children.get_mut(&old) {
                ids.remove(&id);
            }
        }
        let key = child_key(naming, name);
        self.by_name.insert(index::hash((parent, key.as_str())), id);
        self.children.entry(parent).or_default().insert(id);
        let object = self.object_mut(id);
        object.parent = Some(parent);
        object.rdn = name.into();
    }

    /// Deletes one object that has nothing below it.
    pub fn delete(&mut self, id: ObjectId) -> Result<(), Refusal> {
        self.check_deletable(id)?;
        if self.has_children(id) {
            return Err(Refusal::new(
                Code::NotAllowedOnNonLeaf,
                "00002015: UpdErr: DSID-031A11E2, problem 6003 (CANT_ON_NON_LEAF), data 0",
            ));
        }
        self.bury(id);
        Ok(())
    }

    /// Deletes an object and everything below it, children first; says how many that were.
    pub fn delete_tree(&mut self, id: ObjectId) -> Result<usize, Refusal> {
        let mut order = vec![id];
        let mut place = 0;
        while let Some(one) = order.get(place).copied() {
            self.check_deletable(one)?;
            order.extend(self.children(one));
            place += 1;
        }
        for one in order.iter().rev() {
            self.bury(*one);
        }
        Ok(order.len())
    }

    fn check_deletable(&self, id: ObjectId) -> Result<(), Refusal> {
        let object = self.object(id);
        if object.parent.is_none() || object.text(attr::IS_CRITICAL) == Some("TRUE") {
            return Err(unwilling("a critical system object stays"));
        }
        if object.is_deleted {
            return Err(unwilling("the object is deleted already"));
        }
        Ok(())
    }

    fn bury(&mut self, id: ObjectId) {
        let Some(grave) = self
            .context(self.context_of(id))
            .and_then(|context| context.deleted)
        else {
            return;
        };
        let usn = self.next_usn();
        let (guid, name) = (self.object(id).guid, self.object(id).rdn.to_string());
        let old_parent = self.object(id).parent;
        for attribute in [attr::SAM, attr::UPN] {
            self.unindex(id, attribute);
        }
        if !self.options.has_recycle_bin {
            self.strip(id, usn);
        }
        self.put(id, &buried_name(&name, guid), grave);
        let object = self.object_mut(id);
        object.is_deleted = true;
        object.usn_deleted = usn;
        object.usn_placed = usn;
        object.usn_named = usn;
        object.store(attr::LAST_KNOWN_RDN, usn, encode([name]));
        if let Some(parent) = old_parent {
            self.point_to_parent(id, Some(parent), usn);
        }
        self.touch(id, usn);
    }

    fn point_to_parent(&mut self, id: ObjectId, parent: Option<ObjectId>, usn: u64) {
        let before: Vec<_> = self.targets(id, attr::LAST_KNOWN_PARENT, true).collect();
        for old in before {
            self.put_link(id, attr::LAST_KNOWN_PARENT, old, false, usn);
        }
        if let Some(parent) = parent {
            self.put_link(id, attr::LAST_KNOWN_PARENT, parent, true, usn);
        }
    }

    /// Leaves what a tombstone keeps (search flag 8) and clears the rest.
    fn strip(&mut self, id: ObjectId, usn: u64) {
        self.drop_links(id);
        let object = self.object_mut(id);
        object.is_recycled = true;
        let gone: Vec<_> = object
            .attributes()
            .filter(|stored| schema::definition(stored.attribute).search_flags & 8 == 0)
            .filter(|stored| !stored.values.is_empty())
            .map(|stored| (stored.attribute, usn, Vec::new()))
            .collect();
        object.store_all(&gone);
    }

    /// Brings a deleted object back to `parent` under `name`.
    pub fn undelete(&mut self, id: ObjectId, name: &str, parent: ObjectId) -> Result<(), Refusal> {
        if !self.object(id).is_deleted || self.context_of(id) == id {
            return Err(unwilling("the object is not deleted"));
        }
        let naming = self.object(id).class.naming;
        self.check_new_parent(id, parent)?;
        self.check_name(parent, naming, name)?;
        for attribute in [attr::SAM, attr::UPN] {
            if attribute == attr::SAM
                && let Some(account) = self.object(id).text(attribute)
                && self.by_account(account).is_some()
            {
                return Err(Refusal::new(
                    Code::EntryAlreadyExists,
                    "00000524: UpdErr: DSID-031A11F8, problem 6005 (ENTRY_EXISTS): sAMAccountName is taken",
                ));
            }
        }
        let usn = self.next_usn();
        self.put(id, name, parent);
        self.point_to_parent(id, None, usn);
        let object = self.object_mut(id);
        object.is_deleted = false;
        object.is_recycled = false;
        object.usn_deleted = usn;
        object.usn_placed = usn;
        object.usn_named = usn;
        object.store(attr::LAST_KNOWN_RDN, usn, Vec::new());
        for attribute in [attr::SAM, attr::UPN] {
            self.index(id, attribute);
        }
        self.touch(id, usn);
        Ok(())
    }

    /// Reads the last part of a name for a rename: it must use the object's own naming attribute.
    pub fn new_name(&self, id: ObjectId, rdn: &str) -> Result<String, Refusal> {
        let parts = dn::parse(rdn).map_err(|_| bad_name())?;
        let [part] = parts.as_slice() else {
            return Err(bad_name());
        };
        let naming = schema::attribute(&part.attribute);
        if naming != Some(self.object(id).naming) {
            return Err(Refusal::new(
                Code::NamingViolation,
                "00002099: NameErr: DSID-03050F7A, problem 2003 (NAMING_VIOLATION): another naming attribute",
            ));
        }
        Ok(part.value.clone())
    }
}

/// Name of a deleted object: the old one, a line feed, `DEL:` and the GUID, cut to fit.
fn buried_name(name: &str, guid: uuid::Uuid) -> String {
    let kept: String = name.chars().take(75).collect();
    format!("{kept}\nDEL:{guid}")
}

fn bad_name() -> Refusal {
    Refusal::new(
        Code::InvalidDnSyntax,
        "0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350",
    )
}

fn unwilling(why: &str) -> Refusal {
    Refusal::new(
        Code::UnwillingToPerform,
        format!("00002077: SvcErr: DSID-031A0FBF, problem 5003 (WILL_NOT_PERFORM): {why}"),
    )
}
