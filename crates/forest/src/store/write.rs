//! Creating objects and changing their attributes.
//!
//! A change is checked whole before any of it is stored, and takes one change number. It never renames,
//! moves or deletes; that is `place`. The trap: replicated and generated data may break rules that a
//! client is held to (two people with one principal name), hence [`Origin`].

// LONG: creating and changing share one plan of values; single checks are in `check`.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::block::{Block, Record};
use super::check::{
    already_exists, bad_syntax, check_values, constraint, is_given_by_creation, link_exists,
    no_such_attribute, no_such_value, password, same, unwilling_member, value_exists,
};
use super::object::{Change as Stored, LinkValue};
use super::read::{filetime, generalized};
use super::{ObjectId, Refusal, Sid, State, child_key, encode, index, random_guid};
use crate::dn;
use crate::proto::{Change, ChangeKind, Code};
use crate::schema::{self, AttributeId, ClassDef, Syntax, attr};

/// Shared blocks that are remembered; objects beyond that keep theirs for themselves.
const COMMON_LIMIT: usize = 1 << 16;

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client: all rules hold.
    Client,
    /// A client that does not mind if it is already so (permissive modify).
    Permissive,
    /// The forest itself: system attributes and dirty data are allowed.
    Forest,
}

impl Origin {
    pub(super) fn is_forest(self) -> bool {
        self == Self::Forest
    }
}

/// An object to create.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// The object above.
    pub parent: ObjectId,
    /// Its class.
    pub class: &'static ClassDef,
    /// Value of its relative name.
    pub name: String,
    /// Its attributes, without class and name.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
    /// Its GUID, if it is known already.
    pub guid: Option<Uuid>,
    /// The last part of its SID, if it is a well-known one.
    pub rid: Option<u32>,
}

/// Checked changes, ready to be stored.
#[derive(Debug, Default)]
struct Plan {
    plain: BTreeMap<AttributeId, Vec<Vec<u8>>>,
    links: Vec<(AttributeId, ObjectId, bool)>,
    password: Option<String>,
}

impl State {
    /// The next change number.
    pub(crate) fn next_usn(&mut self) -> u64 {
        self.usn += 1;
        self.usn
    }

    /// Records that an object was changed.
    pub(crate) fn touch(&mut self, id: ObjectId, usn: u64) {
        let now = self.now();
        let object = self.object_mut(id);
        let before = std::mem::replace(&mut object.usn_changed, usn);
        object.when_changed = now;
        if before == usn {
            return;
        }
        self.by_usn.remove(&(before, id));
        self.by_usn.insert((usn, id));
    }

    /// Creates an object.
    pub fn create(&mut self, mut new: NewObject, origin: Origin) -> Result<ObjectId, Refusal> {
        self.check_place(&new)?;
        let naming = schema::attribute(new.class.naming).unwrap_or(attr::CN);
        let changes = std::mem::take(&mut new.attributes)
            .into_iter()
            .filter(|(name, _)| !is_given_by_creation(name, new.class.naming))
            .map(|(attribute, values)| Change {
                kind: ChangeKind::Replace,
                attribute,
                values,
            })
            .collect();
        let mut plan = self.plan(None, changes, origin)?;
        self.fill_defaults(&new, &mut plan);
        let usn = self.next_usn();
        let id = self.push(&new, naming, usn);
        self.carry_out(id, plan, usn);
        Ok(id)
    }

    fn check_place(&self, new: &NewObject) -> Result<(), Refusal> {
        self.check_parent(new.parent, new.class)?;
        self.check_name(new.parent, new.class.naming, &new.name)?;
        if new
            .guid
            .is_some_and(|guid| self.by_guid.contains_key(&guid))
        {
            return Err(already_exists());
        }
        Ok(())
    }

    /// The parent is a place for objects of the class; an account holds only what belongs to it, no other account.
    pub(super) fn check_parent(
        &self,
        parent: ObjectId,
        class: &'static ClassDef,
    ) -> Result<(), Refusal> {
        let above = self.object(parent);
        let is_account = above.class.has_sid && above.parent.is_some();
        let is_of_its_own = class.has_sid || matches!(class.name, "contact" | "organizationalUnit");
        if above.class.is_container && !above.is_deleted && !(is_account && is_of_its_own) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::NamingViolation,
            "00002099: NameErr: DSID-0305109C, problem 2003 (NAMING_VIOLATION): the parent cannot hold the object",
        ))
    }

    /// The name is free below that parent, and not too long.
    pub(crate) fn check_name(
        &self,
        parent: ObjectId,
        naming: &str,
        name: &str,
    ) -> Result<(), Refusal> {
        if self.child(parent, &child_key(naming, name)).is_some() {
            return Err(already_exists());
        }
        let length = name.chars().count();
        if length == 0 || length > 255 || (length > 64 && !name.contains('\n')) {
            return Err(Refusal::new(
                Code::ConstraintViolation,
                "00002082: AtrErr: DSID-03151E54, #1: problem 1005 (CONSTRAINT_ATT_TYPE): name is too long",
            ));
        }
        Ok(())
    }

    fn push(&mut self, new: &NewObject, naming: AttributeId, usn: u64) -> ObjectId {
        let id = ObjectId(self.objects.len() as u32);
        let guid = new.guid.unwrap_or_else(|| random_guid(&mut self.rng));
        let now = self.now();
        let rid = new.class.has_sid.then(|| self.new_rid(new.rid));
        self.objects.push(super::Object {
            guid,
            parent: Some(new.parent),
            class: new.class,
            naming,
            rdn: new.name.as_str().into(),
            sid: rid.map_or(Sid::None, Sid::Relative),
            own: Block::default(),
            common: Block::default(),
            links: Vec::new(),
            back: Vec::new(),
            usn_created: usn,
            usn_changed: usn,
            usn_placed: usn,
            usn_named: usn,
            when_created: now,
            when_changed: now,
            usn_deleted: 0,
            is_deleted: false,
            is_recycled: false,
        });
        self.by_guid.insert(guid, id);
        if let Some(rid) = rid {
            self.by_rid.insert(rid, id);
        }
        self.by_usn.insert((usn, id));
        let key = child_key(new.class.naming, &new.name);
        self.by_name
            .insert(index::hash((new.parent, key.as_str())), id);
        self.children.entry(new.parent).or_default().insert(id);
        id
    }

    /// Makes the root of a naming context.
    pub(crate) fn push_root(
        &mut self,
        dn_text: &str,
        class: &'static ClassDef,
        rid: Option<u32>,
    ) -> ObjectId {
        let usn = self.next_usn();
        let naming = schema::attribute(class.naming).unwrap_or(attr::CN);
        let new = NewObject {
            parent: ObjectId(u32::MAX),
            class,
            name: dn_text.to_owned(),
            attributes: Vec::new(),
            guid: None,
            rid,
        };
        let id = self.push(&new, naming, usn);
        let key = child_key(new.class.naming, &new.name);
        self.by_name
            .remove(index::hash((new.parent, key.as_str())), id);
        self.children.remove(&new.parent);
        self.object_mut(id).parent = None;
        self.contexts.push(super::Context {
            root: id,
            deleted: None,
            parts: super::parts(dn_text).unwrap_or_default(),
        });
        id
    }

    /// Keeps what a domain keeps of an object of another domain that it refers to: name and identifiers, and nothing a reader
    /// could find (a phantom).
    pub(crate) fn push_phantom(
        &mut self,
        dn_text: &str,
        guid: Uuid,
        sid: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let class = schema::class("container").ok_or_else(already_exists)?;
        if self.by_guid.contains_key(&guid) {
            return Err(already_exists());
        }
        let naming = schema::attribute(class.naming).unwrap_or(attr::CN);
        let new = NewObject {
            parent: ObjectId(u32::MAX),
            class,
            name: dn_text.to_owned(),
            attributes: Vec::new(),
            guid: Some(guid),
            rid: None,
        };
        let usn = self.next_usn();
        let id = self.push(&new, naming, usn);
        let key = child_key(new.class.naming, &new.name);
        self.by_name
            .remove(index::hash((new.parent, key.as_str())), id);
        self.children.remove(&new.parent);
        self.by_usn.remove(&(usn, id));
        let object = self.object_mut(id);
        object.parent = None;
        object.sid = sid.map_or(Sid::None, |sid| Sid::Whole(sid.into()));
        Ok(())
    }

    /// Whether only the name and identifiers of an object are known, because it is another domain's.
    pub(crate) fn is_phantom(&self, id: ObjectId) -> bool {
        self.object(id).parent.is_none() && self.context(id).is_none()
    }

    /// The last part of a new SID.
    fn new_rid(&mut self, rid: Option<u32>) -> u32 {
        rid.unwrap_or_else(|| {
            self.next_rid += 1;
            self.next_rid
        })
    }

    /// Octets of the domain's own SID.
    pub fn domain_sid(&self) -> Vec<u8> {
        let mut sid = self.sid_prefix.clone();
        if let Some(count) = sid.get_mut(1) {
            *count -= 1;
        }
        sid
    }

    /// Makes these changes to one object.
    pub fn modify(
        &mut self,
        id: ObjectId,
        changes: &[Change],
        origin: Origin,
    ) -> Result<(), Refusal> {
        if self.object(id).is_deleted && !origin.is_forest() {
            return Err(Refusal::new(
                Code::UnwillingToPerform,
                "00002077: SvcErr: DSID-03190DA3, problem 5003 (WILL_NOT_PERFORM): the object is deleted",
            ));
        }
        let plan = self.plan(Some(id), changes.to_vec(), origin)?;
        let usn = self.next_usn();
        if self.carry_out(id, plan, usn) {
            self.touch(id, usn);
        }
        Ok(())
    }

    fn plan(
        &self,
        id: Option<ObjectId>,
        changes: Vec<Change>,
        origin: Origin,
    ) -> Result<Plan, Refusal> {
        let mut plan = Plan::default();
        for change in changes {
            let attribute = schema::attribute(&change.attribute)
                .ok_or_else(|| no_such_attribute(&change.attribute))?;
            self.check_change(id, attribute, &change, origin)?;
            if attribute == attr::UNICODE_PWD {
                plan.password = Some(password(&change.values)?);
            } else if schema::definition(attribute).syntax == Syntax::Dn {
                self.plan_links(&mut plan, id, attribute, &change, origin)?;
            } else {
                self.plan_values(&mut plan, id, attribute, change, origin)?;
            }
        }
        self.check_unique(&plan, id, origin)?;
        Ok(plan)
    }

    fn check_change(
        &self,
        id: Option<ObjectId>,
        attribute: AttributeId,
        change: &Change,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let def = schema::definition(attribute);
        if attribute == attr::NAME || id.is_some_and(|id| self.object(id).naming == attribute) {
            return Err(Refusal::new(
                Code::NotAllowedOnRdn,
                "000020B1: UpdErr: DSID-030F1357, problem 6004 (CANT_ON_RDN), data 0",
            ));
        }
        if attribute == attr::OBJECT_CLASS || attribute == attr::OBJECT_CATEGORY {
            return Err(Refusal::new(
                Code::ObjectClassViolation,
                "00002072: UpdErr: DSID-030F0A57, problem 6002 (OBJ_CLASS_VIOLATION): the class does not change",
            ));
        }
        let is_protected = def.is_system || (def.is_constructed && attribute != attr::UNICODE_PWD);
        if is_protected && !origin.is_forest() {
            return Err(constraint(def.name, "only the system sets it"));
        }
        if def.syntax != Syntax::Dn {
            check_values(def, &change.values, origin)?;
        }
        Ok(())
    }

    fn plan_values(
        &self,
        plan: &mut Plan,
        id: Option<ObjectId>,
        attribute: AttributeId,
        change: Change,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let def = schema::definition(attribute);
        let values = plan.plain.entry(attribute).or_insert_with(|| {
            id.and_then(|id| self.object(id).stored(attribute))
                .map(|stored| stored.values.iter().map(<[u8]>::to_vec).collect())
                .unwrap_or_default()
        });
        match change.kind {
            ChangeKind::Replace => *values = change.values,
            ChangeKind::Delete if change.values.is_empty() => {
                if values.is_empty() && origin == Origin::Client {
                    return Err(no_such_value(def.name));
                }
                values.clear();
            }
            ChangeKind::Delete => {
                for gone in &change.values {
                    match values.iter().position(|have| same(def.syntax, have, gone)) {
                        Some(place) => drop(values.remove(place)),
                        None if origin == Origin::Client => return Err(no_such_value(def.name)),
                        None => {}
                    }
                }
            }
            ChangeKind::Add => {
                for value in change.values {
                    if !values.iter().any(|have| same(def.syntax, have, &value)) {
                        values.push(value);
                    } else if origin == Origin::Client {
                        return Err(value_exists(def.name));
                    }
                }
            }
        }
        if attribute == attr::PWD_LAST_SET && values.first().is_some_and(|v| v == b"-1") {
            *values = vec![filetime(self.now()).to_string().into_bytes()];
        }
        if def.is_single && values.len() > 1 {
            return Err(constraint(def.name, "it holds one value"));
        }
        Ok(())
    }

    // LONG: one pass over the changes of a request.
    fn plan_links(
        &self,
        plan: &mut Plan,
        id: Option<ObjectId>,
        attribute: AttributeId,
        change: &Change,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let def = schema::definition(attribute);
        let mut named = Vec::new();
        for value in &change.values {
            let text = std::str::from_utf8(value).map_err(|_| bad_syntax(def.name))?;
            named.push(self.find(text)?);
        }
        let is_held = |plan: &Plan, to: ObjectId| {
            let planned = plan
                .links
                .iter()
                .rev()
                .find(|(of, whom, _)| (*of, *whom) == (attribute, to));
            planned.map(|(_, _, held)| *held).unwrap_or_else(|| {
                id.and_then(|id| self.object(id).link_set(attribute))
                    .and_then(|set| set.value(to))
                    .is_some_and(LinkValue::is_present)
            })
        };
        let current: Vec<ObjectId> = id
            .into_iter()
            .flat_map(|id| self.targets(id, attribute, true))
            .collect();
        match change.kind {
            ChangeKind::Add => {
                for to in named {
                    if is_held(plan, to) {
                        if origin == Origin::Client {
                            return Err(link_exists(attribute));
                        }
                    } else {
                        plan.links.push((attribute, to, true));
                    }
                }
            }
            ChangeKind::Delete if change.values.is_empty() => {
                if current.is_empty() && origin == Origin::Client {
                    return Err(no_such_value(def.name));
                }
                plan.links
                    .extend(current.iter().map(|to| (attribute, *to, false)));
            }
            ChangeKind::Delete => {
                for to in named {
                    if !is_held(plan, to) && origin == Origin::Client {
                        return Err(unwilling_member(def.name));
                    }
                    plan.links.push((attribute, to, false));
                }
            }
            ChangeKind::Replace => {
                let gone = current.iter().filter(|to| !named.contains(to));
                plan.links.extend(gone.map(|to| (attribute, *to, false)));
                plan.links
                    .extend(named.iter().map(|to| (attribute, *to, true)));
            }
        }
        let is_overfull = def.is_single && {
            let mut held = current;
            held.extend(
                plan.links
                    .iter()
                    .filter(|link| link.0 == attribute)
                    .map(|link| link.1),
            );
            held.sort_unstable();
            held.dedup();
            held.into_iter().filter(|to| is_held(plan, *to)).count() > 1
        };
        if is_overfull {
            return Err(constraint(def.name, "it holds one value"));
        }
        Ok(())
    }

    fn check_unique(
        &self,
        plan: &Plan,
        id: Option<ObjectId>,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let wanted = |attribute| {
            let value = plan.plain.get(&attribute)?.first()?;
            std::str::from_utf8(value).ok()
        };
        if let Some(name) = wanted(attr::SAM)
            && self.by_account(name).is_some_and(|other| Some(other) != id)
        {
            return Err(Refusal::new(
                Code::EntryAlreadyExists,
                "00000524: UpdErr: DSID-031A11F8, problem 6005 (ENTRY_EXISTS): sAMAccountName is taken",
            ));
        }
        if let Some(name) = wanted(attr::UPN)
            && !origin.is_forest()
            && self
                .by_principal(name)
                .iter()
                .any(|other| Some(*other) != id)
        {
            return Err(Refusal::new(
                Code::ConstraintViolation,
                "000021C8: AtrErr: DSID-03200E96, #1: problem 1005 (CONSTRAINT_ATT_TYPE), Att 90290 (userPrincipalName)",
            ));
        }
        Ok(())
    }

    /// Stores the plan; says whether anything changed.
    fn carry_out(&mut self, id: ObjectId, plan: Plan, usn: u64) -> bool {
        let mut is_changed = self.store_changed(id, plan.plain, usn);
        for (attribute, to, is_present) in plan.links {
            is_changed |= self.put_link(id, attribute, to, is_present, usn);
        }
        if let Some(password) = plan.password {
            self.set_password(id, &password);
            let now = filetime(self.now()).to_string();
            self.object_mut(id)
                .store(attr::PWD_LAST_SET, usn, encode([now]));
            is_changed = true;
        }
        is_changed
    }

    /// Stores the values that differ from what is held, and keeps the look-up tables.
    fn store_changed(
        &mut self,
        id: ObjectId,
        values: BTreeMap<AttributeId, Vec<Vec<u8>>>,
        usn: u64,
    ) -> bool {
        let object = self.object(id);
        let changes: Vec<Stored> = values
            .into_iter()
            .map(|(attribute, values)| (attribute, usn, encode(values)))
            .filter(|(attribute, _, encoded)| {
                let known = object.stored(*attribute);
                known.map_or(!encoded.is_empty(), |stored| {
                    stored.values.encoded() != encoded.as_slice()
                })
            })
            .collect();
        if changes.is_empty() {
            return false;
        }
        let named: Vec<AttributeId> = changes
            .iter()
            .map(|change| change.0)
            .filter(|attribute| matches!(*attribute, attr::SAM | attr::UPN))
            .collect();
        for attribute in &named {
            self.unindex(id, *attribute);
        }
        let is_new = object_is_empty(self.object(id)) && self.object(id).usn_created == usn;
        let changes = if is_new {
            self.share(id, changes)
        } else {
            changes
        };
        self.object_mut(id).store_all(&changes);
        for attribute in &named {
            self.index(id, *attribute);
        }
        true
    }

    /// Puts what a new object has in common with many others into a block that they share; gives back the rest.
    fn share(&mut self, id: ObjectId, changes: Vec<Stored>) -> Vec<Stored> {
        let is_common = |attribute: AttributeId| schema::definition(attribute).is_common;
        let (common, own): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| is_common(change.0));
        let records = common
            .iter()
            .map(|(attribute, _, encoded)| Record::new(*attribute, None, encoded));
        let block = Block::pack(records);
        let shared = self.commons.get(&block).cloned();
        if shared.is_none() && self.commons.len() < COMMON_LIMIT {
            self.commons.insert(block.clone());
        }
        self.object_mut(id).common = shared.unwrap_or(block);
        own
    }

    /// Takes an object's account or principal name out of the look-up tables.
    pub(crate) fn unindex(&mut self, id: ObjectId, attribute: AttributeId) {
        let Some(hash) = self.hash_of(id, attribute) else {
            return;
        };
        match attribute {
            attr::SAM => self.by_account.remove(hash, id),
            attr::UPN => self.by_principal.remove(hash, id),
            _ => {}
        }
    }

    /// Puts an object's account or principal name into the look-up tables.
    pub(crate) fn index(&mut self, id: ObjectId, attribute: AttributeId) {
        let Some(hash) = self.hash_of(id, attribute) else {
            return;
        };
        match attribute {
            attr::SAM => self.by_account.insert(hash, id),
            attr::UPN => self.by_principal.insert(hash, id),
            _ => {}
        }
    }

    fn hash_of(&self, id: ObjectId, attribute: AttributeId) -> Option<u64> {
        let name = self.object(id).text(attribute)?;
        Some(index::hash(dn::fold(name)))
    }

    fn fill_defaults(&mut self, new: &NewObject, plan: &mut Plan) {
        let is_group = new.class.name == "group";
        if !new.class.has_sid || new.class.name == "domainDNS" {
            return;
        }
        let rng = &mut self.rng;
        plan.plain.entry(attr::SAM).or_insert_with(|| {
            let name = format!("${:06X}-{:012X}", rng.u32(..0x100_0000), rng.u64(..1 << 48));
            vec![name.into_bytes()]
        });
        let is_computer = matches!(
            new.class.name,
            "computer" | "msDS-GroupManagedServiceAccount"
        );
        let mut set = |attribute, value: &str| {
            plan.plain
                .entry(attribute)
                .or_insert_with(|| vec![value.as_bytes().to_vec()]);
        };
        if is_group {
            set(attr::GROUP_TYPE, "-2147483646");
        } else {
            set(
                attr::USER_ACCOUNT_CONTROL,
                if is_computer { "4096" } else { "546" },
            );
            set(
                attr::PRIMARY_GROUP_ID,
                if is_computer { "515" } else { "513" },
            );
            set(attr::PWD_LAST_SET, "0");
            set(attr::ACCOUNT_EXPIRES, "9223372036854775807");
            for name in [
                "codePage",
                "countryCode",
                "badPwdCount",
                "logonCount",
                "lastLogon",
                "lastLogoff",
                "badPasswordTime",
            ] {
                if let Some(attribute) = schema::attribute(name) {
                    set(attribute, "0");
                }
            }
        }
        let kind = match (is_group, is_computer) {
            (true, _) => sam_type_of_group(plan),
            (_, true) => "805306369",
            _ => "805306368",
        };
        plan.plain
            .insert(attr::SAM_TYPE, vec![kind.as_bytes().to_vec()]);
    }

    /// Gives an object a SID of another domain or of the machine.
    pub(crate) fn set_sid(&mut self, id: ObjectId, text: &str) {
        let Some(sid) = crate::sid::read(text) else {
            return;
        };
        let sid: Arc<[u8]> = sid.into();
        let whole = Sid::Whole(sid.clone());
        match std::mem::replace(&mut self.object_mut(id).sid, whole) {
            Sid::None => {}
            Sid::Relative(rid) => drop(self.by_rid.remove(&rid)),
            Sid::Whole(old) => drop(self.by_sid.remove(&old)),
        }
        self.by_sid.insert(sid, id);
    }

    /// whenCreated and whenChanged as the generator wants them.
    pub(crate) fn set_times(&mut self, id: ObjectId, created: i64) {
        let object = self.object_mut(id);
        object.when_created = created;
        object.when_changed = object.when_changed.max(created);
        debug_assert!(generalized(created).ends_with('Z'));
    }
}

fn object_is_empty(object: &super::Object) -> bool {
    object.own.is_empty() && object.common.is_empty()
}

/// Everything of a SID of the domain but the last part, which varies.
pub(super) fn domain_sid_prefix(seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5_1d);
    let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
    for _ in 0..3 {
        sid.extend_from_slice(&rng.u32(1_000_000..).to_le_bytes());
    }
    sid
}

fn sam_type_of_group(plan: &Plan) -> &'static str {
    let kind = plan
        .plain
        .get(&attr::GROUP_TYPE)
        .and_then(|values| {
            std::str::from_utf8(values.first()?)
                .ok()?
                .parse::<i64>()
                .ok()
        })
        .unwrap_or(-2_147_483_646);
    match (kind < 0, kind & 4 != 0) {
        (true, false) => "268435456",
        (false, false) => "268435457",
        (true, true) => "536870912",
        (false, true) => "536870913",
    }
}
