//! The handle that programs hold: every change as a method, the listing that tests compare with, backups.
//!
//! Cloning it gives another handle to the same forest. Methods lock for as long as they run and never
//! across an await. Every change reaches clients that asked to be notified, whoever made it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::broadcast;
use uuid::Uuid;

use crate::bootstrap;
use crate::faults::Faults;
use crate::options::Options;
use crate::proto::{Change, ChangeKind, Code};
use crate::schema::{self, attr};
use crate::store::{NewObject, ObjectId, Origin, Refusal, Rights, State, Value, View};

/// Notifications kept for a slow connection before it misses some.
const NOTIFICATION_BACKLOG: usize = 4_096;

/// A forest. See the crate's documentation.
#[derive(Debug, Clone)]
pub struct Forest {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: RwLock<State>,
    faults: Faults,
    changes: broadcast::Sender<ObjectId>,
    restarts: AtomicU64,
}

/// One change of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Put these values in place of all; none clears it.
    Set(String, Vec<Vec<u8>>),
    /// Add values.
    Add(String, Vec<Vec<u8>>),
    /// Remove values.
    Remove(String, Vec<Vec<u8>>),
}

impl Edit {
    /// One text value in place of all.
    pub fn set(attribute: &str, value: &str) -> Self {
        Self::Set(attribute.into(), vec![value.into()])
    }

    /// No value any more.
    pub fn clear(attribute: &str) -> Self {
        Self::Set(attribute.into(), Vec::new())
    }

    /// One more text value.
    pub fn add(attribute: &str, value: &str) -> Self {
        Self::Add(attribute.into(), vec![value.into()])
    }

    /// One text value less.
    pub fn remove(attribute: &str, value: &str) -> Self {
        Self::Remove(attribute.into(), vec![value.into()])
    }

    pub(crate) fn into_change(self) -> Change {
        let (kind, attribute, values) = match self {
            Self::Set(attribute, values) => (ChangeKind::Replace, attribute, values),
            Self::Add(attribute, values) => (ChangeKind::Add, attribute, values),
            Self::Remove(attribute, values) => (ChangeKind::Delete, attribute, values),
        };
        Change {
            kind,
            attribute,
            values,
        }
    }
}

/// One live object with everything a reader would see.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// objectGUID.
    pub guid: Uuid,
    /// Distinguished name.
    pub dn: String,
    /// Structural class.
    pub class: &'static str,
    /// Attributes with their values; references as DNs.
    pub attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Listed {
    /// The first value as text.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        std::str::from_utf8(self.attributes.get(attribute)?.first()?).ok()
    }
}

/// The whole state at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot(Box<State>);

/// How a snapshot comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restore {
    /// As a supported restore does: with a new invocationId.
    NewInvocation,
    /// As a copied disk does: the old invocationId, change numbers used again.
    Rollback,
}

impl Forest {
    /// An empty domain with what every domain has built in.
    pub fn new(options: Options) -> Result<Self, Refusal> {
        let (changes, _) = broadcast::channel(NOTIFICATION_BACKLOG);
        Ok(Self {
            inner: Arc::new(Inner {
                state: RwLock::new(bootstrap::build(options)?),
                faults: Faults::default(),
                changes,
                restarts: AtomicU64::new(0),
            }),
        })
    }

    /// Faults of the server.
    pub fn faults(&self) -> Faults {
        self.inner.faults.clone()
    }

    /// Looks at the state; hold it briefly.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.inner
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells whoever is notified.
    pub fn write<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self
            .inner
            .state
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = state.usn;
        let result = act(&mut state);
        if self.inner.changes.receiver_count() > 0 && state.usn > before {
            for (_, id) in state.by_usn.range((before + 1, ObjectId(0))..) {
                // Nobody listening any more is no failure.
                let _ = self.inner.changes.send(*id);
            }
        }
        result
    }

    /// How often the state was replaced; what a connection remembers is void after that.
    pub(crate) fn restarts(&self) -> u64 {
        self.inner.restarts.load(Ordering::SeqCst)
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<ObjectId> {
        self.inner.changes.subscribe()
    }

    /// DN of the domain's root.
    pub fn domain_dn(&self) -> String {
        self.read().options.domain_dn()
    }

    /// Creates an object of any class below `parent`.
    pub fn add(
        &self,
        class: &str,
        parent: &str,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Uuid, Refusal> {
        let class = schema::class(class).ok_or_else(|| {
            Refusal::new(
                Code::ObjectClassViolation,
                format!("class {class} is not in the schema"),
            )
        })?;
        let mut grouped: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
        for (attribute, value) in attributes {
            grouped
                .entry(attribute)
                .or_default()
                .push(value.as_bytes().to_vec());
        }
        let attributes = grouped
            .into_iter()
            .map(|(attribute, values)| (attribute.to_owned(), values))
            .collect();
        self.write(|state| {
            let parent = state.find(parent)?;
            let new = NewObject {
                parent,
                class,
                name: name.to_owned(),
                attributes,
                guid: None,
                rid: None,
            };
            let id = state.create(new, Origin::Forest)?;
            Ok(state.object(id).guid)
        })
    }

    /// Creates a person's account, enabled unless `userAccountControl` says otherwise.
    pub fn add_user(
        &self,
        parent: &str,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Uuid, Refusal> {
        let mut all = attributes.to_vec();
        if !all.iter().any(|(name, _)| *name == "userAccountControl") {
            all.push(("userAccountControl", "512"));
        }
        self.add("user", parent, name, &all)
    }

    /// Creates a group, global security unless `groupType` says otherwise.
    pub fn add_group(
        &self,
        parent: &str,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Uuid, Refusal> {
        let mut all = attributes.to_vec();
        if !all.iter().any(|(name, _)| *name == "sAMAccountName") {
            all.push(("sAMAccountName", name));
        }
        self.add("group", parent, name, &all)
    }

    /// Creates a contact.
    pub fn add_contact(
        &self,
        parent: &str,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Uuid, Refusal> {
        self.add("contact", parent, name, attributes)
    }

    /// Creates an organisational unit.
    pub fn add_ou(&self, parent: &str, name: &str) -> Result<Uuid, Refusal> {
        self.add("organizationalUnit", parent, name, &[])
    }

    /// Changes attributes of one object, all or none.
    pub fn modify(&self, guid: Uuid, edits: Vec<Edit>) -> Result<(), Refusal> {
        let changes: Vec<Change> = edits.into_iter().map(Edit::into_change).collect();
        self.on(guid, |state, id| state.modify(id, &changes, Origin::Forest))
    }

    /// Sets one text value.
    pub fn set(&self, guid: Uuid, attribute: &str, value: &str) -> Result<(), Refusal> {
        self.modify(guid, vec![Edit::set(attribute, value)])
    }

    /// Knows an object of another domain of the forest from now on, so that something here can refer to it.
    pub fn know(&self, there: &Self, guid: Uuid) -> Result<(), Refusal> {
        let (dn, sid) = {
            let state = there.read();
            let id = state.find(&format!("<GUID={guid}>"))?;
            (state.dn(id), state.sid(id).map(|sid| sid.to_vec()))
        };
        self.write(|state| state.push_phantom(&dn, guid, sid.as_deref()))
    }

    /// Makes `member` a member.
    pub fn add_member(&self, group: Uuid, member: Uuid) -> Result<(), Refusal> {
        self.link(group, "member", member, true)
    }

    /// Ends a membership.
    pub fn remove_member(&self, group: Uuid, member: Uuid) -> Result<(), Refusal> {
        self.link(group, "member", member, false)
    }

    /// Adds or removes one reference.
    pub fn link(
        &self,
        from: Uuid,
        attribute: &str,
        to: Uuid,
        is_present: bool,
    ) -> Result<(), Refusal> {
        let key = format!("<GUID={to}>").into_bytes();
        let edit = if is_present {
            Edit::Add(attribute.into(), vec![key])
        } else {
            Edit::Remove(attribute.into(), vec![key])
        };
        self.modify(from, vec![edit])
    }

    /// Gives an object another relative name.
    pub fn rename(&self, guid: Uuid, name: &str) -> Result<(), Refusal> {
        self.on(guid, |state, id| state.place(id, Some(name), None))
    }

    /// Moves an object, with everything below it, under another parent.
    pub fn move_to(&self, guid: Uuid, parent: &str) -> Result<(), Refusal> {
        self.on(guid, |state, id| {
            let parent = state.find(parent)?;
            state.place(id, None, Some(parent))
        })
    }

    /// Deletes an object with nothing below it.
    pub fn delete(&self, guid: Uuid) -> Result<(), Refusal> {
        self.on(guid, |state, id| state.delete(id))
    }

    /// Deletes an object and everything below; says how many that were.
    pub fn delete_tree(&self, guid: Uuid) -> Result<usize, Refusal> {
        self.on(guid, |state, id| state.delete_tree(id))
    }

    /// Restores a deleted object to where it was.
    pub fn undelete(&self, guid: Uuid) -> Result<(), Refusal> {
        self.on(guid, |state, id| {
            let parent = state.targets(id, attr::LAST_KNOWN_PARENT, true).next();
            let name = state
                .object(id)
                .text(attr::LAST_KNOWN_RDN)
                .map(str::to_owned);
            match (parent, name) {
                (Some(parent), Some(name)) => state.undelete(id, &name, parent),
                _ => Err(Refusal::new(
                    Code::UnwillingToPerform,
                    "the object is not deleted",
                )),
            }
        })
    }

    /// Enables or disables an account.
    pub fn set_enabled(&self, guid: Uuid, is_enabled: bool) -> Result<(), Refusal> {
        self.on(guid, |state, id| {
            let control = state
                .object(id)
                .number(attr::USER_ACCOUNT_CONTROL)
                .unwrap_or(512);
            let control = if is_enabled {
                control & !2
            } else {
                control | 2
            };
            let change = Edit::set("userAccountControl", &control.to_string()).into_change();
            state.modify(id, &[change], Origin::Forest)
        })
    }

    /// Creates or changes an account that clients bind with; its rights can be changed later.
    pub fn add_account(&self, name: &str, password: &str, rights: Rights) -> Result<Uuid, Refusal> {
        let domain = self.read().options.domain.clone();
        let users = format!("CN=Users,{}", self.domain_dn());
        let known = {
            let state = self.read();
            state.by_account(name).map(|id| state.object(id).guid)
        };
        let guid = match known {
            Some(guid) => guid,
            None => self.add_user(
                &users,
                name,
                &[
                    ("sAMAccountName", name),
                    ("userPrincipalName", &format!("{name}@{domain}")),
                    ("userAccountControl", "66048"),
                    ("pwdLastSet", "134120736000000000"),
                ],
            )?,
        };
        self.set_password(guid, password)?;
        self.set_rights(guid, rights)?;
        Ok(guid)
    }

    /// Sets an account's password.
    pub fn set_password(&self, guid: Uuid, password: &str) -> Result<(), Refusal> {
        self.on(guid, |state, id| {
            state.set_password(id, password);
            Ok(())
        })
    }

    /// Sets what an account may do, at once.
    pub fn set_rights(&self, guid: Uuid, rights: Rights) -> Result<(), Refusal> {
        self.on(guid, |state, id| {
            state.set_rights(id, rights);
            Ok(())
        })
    }

    /// The DN of a live or deleted object.
    pub fn dn_of(&self, guid: Uuid) -> Option<String> {
        let state = self.read();
        state.by_guid(guid).map(|id| state.dn(id))
    }

    /// The GUID of the object with that DN.
    pub fn guid_of(&self, dn: &str) -> Option<Uuid> {
        let state = self.read();
        state.find(dn).ok().map(|id| state.object(id).guid)
    }

    /// One object with all attributes, deleted or not.
    pub fn get(&self, guid: Uuid) -> Option<Listed> {
        let state = self.read();
        state.by_guid(guid).map(|id| listed(&state, id))
    }

    /// All live objects of the domain, in the order of their creation.
    pub fn listing(&self) -> Vec<Listed> {
        let state = self.read();
        state
            .ids()
            .filter(|id| !state.object(*id).is_deleted)
            .filter(|id| state.context_of(*id) == state.domain())
            .map(|id| listed(&state, id))
            .collect()
    }

    /// The whole state, cheap to keep.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(Box::new(self.read().clone()))
    }

    /// Puts an earlier state back, as after a disaster. Connections end, as they do when the domain
    /// controller restarts.
    pub fn restore(&self, snapshot: &Snapshot, how: Restore) {
        self.write(|state| {
            self.inner.restarts.fetch_add(1, Ordering::SeqCst);
            *state = (*snapshot.0).clone();
            if how == Restore::NewInvocation {
                renew(state);
            }
        });
    }

    /// Gives the domain controller's database a new identity.
    pub fn change_invocation_id(&self) -> Uuid {
        self.write(renew)
    }

    fn on<T>(
        &self,
        guid: Uuid,
        act: impl FnOnce(&mut State, ObjectId) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.write(|state| {
            let id = state.by_guid(guid).ok_or_else(|| {
                Refusal::new(Code::NoSuchObject, format!("no object has the GUID {guid}"))
            })?;
            act(state, id)
        })
    }
}

fn renew(state: &mut State) -> Uuid {
    // Taken from the clock too, so that two restores of one snapshot differ.
    let clock = jiff::Timestamp::now().as_nanosecond() as u128;
    let random = state.rng.u128(..);
    state.invocation = uuid::Builder::from_random_bytes((random ^ clock).to_be_bytes()).into_uuid();
    state.invocation
}

fn listed(state: &State, id: ObjectId) -> Listed {
    let mut attributes = BTreeMap::new();
    for (attribute, def) in schema::attributes() {
        let mut values = Vec::new();
        state.visit(id, attribute, View::default(), &mut |value| {
            values.push(match value {
                Value::Octets(octets) => octets.into_owned(),
                Value::Object(to) => state.dn(to).into_bytes(),
            });
            ControlFlow::Continue(())
        });
        if !values.is_empty() {
            attributes.insert(def.name.to_owned(), values);
        }
    }
    Listed {
        guid: state.object(id).guid,
        dn: state.dn(id),
        class: state.object(id).class.name,
        attributes,
    }
}
