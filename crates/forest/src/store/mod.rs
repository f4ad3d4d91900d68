//! The directory itself: objects in three naming contexts, their values with the change number of each,
//! links with their history, and the look-up tables.
//!
//! It knows nothing of LDAP connections. Names are never stored whole: an object holds its parent and its
//! own relative name, so moving a container costs the same however much lies below it. The trap: objects
//! are never taken out of [`State::objects`]; deleted ones move to the deleted objects container.

mod block;
mod check;
mod index;
mod links;
mod object;
mod place;
mod read;
mod write;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

pub use block::{Values, encode};
pub use object::{LinkSet, LinkValue, Object, Sid, Stored};
pub use read::{Value, View, filetime, generalized, guid_octets, guid_of_text};
pub use write::{NewObject, Origin};

use crate::dn;
use crate::options::Options;
use crate::proto::{Code, Outcome};
use crate::schema::{AttributeId, attr};
use block::Block;
use index::NameIndex;
use write::domain_sid_prefix;

/// Place of an object in the store; stable for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// A change or look-up that the directory refuses.
#[derive(Debug, Error, Clone, PartialEq)]
#[error("{code:?}: {text}")]
pub struct Refusal {
    /// LDAP result code.
    pub code: Code,
    /// Text in AD's style.
    pub text: String,
    /// The part of the name that exists.
    pub matched: String,
}

impl Refusal {
    /// A refusal without a matched name.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            matched: String::new(),
        }
    }

    /// As the end of an LDAP operation.
    pub fn outcome(self) -> Outcome {
        Outcome {
            code: self.code,
            matched: self.matched,
            text: self.text,
            referrals: Vec::new(),
        }
    }
}

/// What an account may do. Tests flip these while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Sees objects; without it searches succeed and find nothing, as in AD.
    pub may_read: bool,
    /// Holds "replicating directory changes".
    pub may_dirsync: bool,
    /// Changes objects.
    pub may_write: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Self = Self {
        may_read: true,
        may_dirsync: true,
        may_write: true,
    };
    /// What any authenticated user has.
    pub const USER: Self = Self {
        may_read: true,
        may_dirsync: false,
        may_write: false,
    };
    /// What a synchronisation account has.
    pub const SYNC: Self = Self {
        may_read: true,
        may_dirsync: true,
        may_write: false,
    };
}

/// One naming context.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its root object.
    pub root: ObjectId,
    /// Its deleted objects container.
    pub deleted: Option<ObjectId>,
    parts: Vec<String>,
}

/// The whole state. Cloning it is the snapshot that a restored backup is played from.
#[derive(Debug, Clone)]
pub struct State {
    /// All objects; the place is the [`ObjectId`].
    pub objects: Vec<Object>,
    /// Naming contexts: domain, configuration, schema.
    pub contexts: Vec<Context>,
    /// Highest change number given out.
    pub usn: u64,
    /// Identity of this copy of the database; changes when it is restored.
    pub invocation: Uuid,
    /// Where the directory service agent's own object is.
    pub dsa: Option<ObjectId>,
    /// Settings.
    pub options: Arc<Options>,
    /// Objects by their latest change.
    pub by_usn: BTreeSet<(u64, ObjectId)>,
    /// Time used instead of the clock while an organisation is generated.
    pub fixed_time: Option<i64>,
    pub(crate) rng: fastrand::Rng,
    pub(crate) next_rid: u32,
    by_guid: HashMap<Uuid, ObjectId>,
    by_rid: HashMap<u32, ObjectId>,
    by_sid: HashMap<Arc<[u8]>, ObjectId>,
    /// By the folded account name.
    by_account: NameIndex,
    /// By the folded principal name.
    by_principal: NameIndex,
    /// By the parent and the key of the relative name.
    by_name: NameIndex,
    children: HashMap<ObjectId, BTreeSet<ObjectId>>,
    /// Everything of a SID of this domain but its last part.
    sid_prefix: Vec<u8>,
    /// Blocks that many objects share.
    commons: HashSet<Block>,
    /// Default category of each class, in the order of the classes.
    categories: Vec<Option<ObjectId>>,
    passwords: HashMap<ObjectId, String>,
    rights: HashMap<ObjectId, Rights>,
}

/// Where a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// To an object.
    Found(ObjectId),
    /// To nothing; the deepest object on the way that exists.
    Missing(ObjectId),
    /// Out of this forest.
    Foreign,
}

impl State {
    /// An empty store; `bootstrap` fills it.
    pub(crate) fn empty(options: Arc<Options>) -> Self {
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let invocation = random_guid(&mut rng);
        Self {
            objects: Vec::new(),
            contexts: Vec::new(),
            usn: 4_096,
            invocation,
            dsa: None,
            by_usn: BTreeSet::new(),
            fixed_time: None,
            rng,
            next_rid: 1_103,
            by_guid: HashMap::new(),
            by_rid: HashMap::new(),
            by_sid: HashMap::new(),
            by_account: NameIndex::default(),
            by_principal: NameIndex::default(),
            by_name: NameIndex::default(),
            children: HashMap::new(),
            sid_prefix: domain_sid_prefix(options.seed),
            commons: HashSet::new(),
            categories: Vec::new(),
            passwords: HashMap::new(),
            rights: HashMap::new(),
            options,
        }
    }

    /// Seconds since 1970, from the clock or the fixed time.
    pub fn now(&self) -> i64 {
        self.fixed_time
            .unwrap_or_else(|| jiff::Timestamp::now().as_second())
    }

    /// The object at that place.
    pub fn object(&self, id: ObjectId) -> &Object {
        // INVARIANT: an ObjectId is only made when its object is pushed, and objects are never taken out.
        &self.objects[id.0 as usize]
    }

    pub(crate) fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        &mut self.objects[id.0 as usize]
    }

    /// All objects' places.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> + use<> {
        (0..self.objects.len() as u32).map(ObjectId)
    }

    /// By objectGUID.
    pub fn by_guid(&self, guid: Uuid) -> Option<ObjectId> {
        self.by_guid.get(&guid).copied()
    }

    /// Makes room for so many more objects.
    pub(crate) fn expect(&mut self, count: usize) {
        self.objects.reserve(count);
        self.by_guid.reserve(count);
        self.by_rid.reserve(count);
        for index in [
            &mut self.by_account,
            &mut self.by_principal,
            &mut self.by_name,
        ] {
            index.reserve(count);
        }
    }

    /// By the octets of objectSid.
    pub fn by_sid(&self, sid: &[u8]) -> Option<ObjectId> {
        let relative = sid
            .strip_prefix(self.sid_prefix.as_slice())
            .and_then(|rid| <[u8; 4]>::try_from(rid).ok());
        match relative {
            Some(rid) => self.by_rid.get(&u32::from_le_bytes(rid)).copied(),
            None => self.by_sid.get(sid).copied(),
        }
    }

    /// Octets of an object's objectSid.
    pub fn sid(&self, id: ObjectId) -> Option<Cow<'_, [u8]>> {
        match &self.object(id).sid {
            Sid::None => None,
            Sid::Relative(rid) => {
                let mut sid = self.sid_prefix.clone();
                sid.extend_from_slice(&rid.to_le_bytes());
                Some(Cow::Owned(sid))
            }
            Sid::Whole(sid) => Some(Cow::Borrowed(sid)),
        }
    }

    /// Live object by sAMAccountName.
    pub fn by_account(&self, name: &str) -> Option<ObjectId> {
        self.named(&self.by_account, attr::SAM, name).next()
    }

    /// Live objects by userPrincipalName; more than one when the data is dirty.
    pub fn by_principal(&self, name: &str) -> Vec<ObjectId> {
        self.named(&self.by_principal, attr::UPN, name).collect()
    }

    fn named<'a>(
        &'a self,
        index: &'a NameIndex,
        attribute: AttributeId,
        name: &str,
    ) -> impl Iterator<Item = ObjectId> + use<'a> {
        let folded = dn::fold(name);
        index.candidates(index::hash(&folded)).filter(move |id| {
            let text = self.object(*id).text(attribute);
            text.is_some_and(|text| dn::is_same(text, &folded))
        })
    }

    /// The object with that key below a parent.
    pub(crate) fn child(&self, parent: ObjectId, key: &str) -> Option<ObjectId> {
        let mut candidates = self.by_name.candidates(index::hash((parent, key)));
        candidates.find(|id| {
            let object = self.object(*id);
            object.parent == Some(parent)
                && key.split_once('=').is_some_and(|(naming, name)| {
                    naming == object.class.naming && dn::is_same(&object.rdn, name)
                })
        })
    }

    /// Direct children in the order of their creation.
    pub fn children(&self, id: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        self.children.get(&id).into_iter().flatten().copied()
    }

    /// Has anything below it.
    pub fn has_children(&self, id: ObjectId) -> bool {
        self.children.get(&id).is_some_and(|ids| !ids.is_empty())
    }

    /// The naming context an object lies in, by its root.
    pub fn context_of(&self, id: ObjectId) -> ObjectId {
        let mut current = id;
        while let Some(parent) = self.object(current).parent {
            current = parent;
        }
        current
    }

    /// The context with that root.
    pub fn context(&self, root: ObjectId) -> Option<&Context> {
        self.contexts.iter().find(|context| context.root == root)
    }

    /// The root of the domain.
    pub fn domain(&self) -> ObjectId {
        self.contexts.first().map_or(ObjectId(0), |c| c.root)
    }

    /// Is `id` the same as `above`, or below it?
    pub fn is_within(&self, id: ObjectId, above: ObjectId) -> bool {
        let mut current = Some(id);
        while let Some(one) = current {
            if one == above {
                return true;
            }
            current = self.object(one).parent;
        }
        false
    }

    /// The object's distinguished name.
    pub fn dn(&self, id: ObjectId) -> String {
        let mut text = String::with_capacity(96);
        self.write_dn(id, &mut text);
        text
    }

    /// Writes the object's distinguished name at the end of `text`.
    pub(crate) fn write_dn(&self, id: ObjectId, text: &mut String) {
        let mut current = id;
        loop {
            let object = self.object(current);
            match object.parent {
                Some(parent) => {
                    text.push_str(naming_prefix(object.class.naming));
                    dn::write_escaped(&object.rdn, text);
                    text.push(',');
                    current = parent;
                }
                None => {
                    text.push_str(&object.rdn);
                    return;
                }
            }
        }
    }

    /// Follows a distinguished name.
    pub fn resolve(&self, text: &str) -> Result<Resolved, Refusal> {
        let parts = parts(text)?;
        let Some(context) = self
            .contexts
            .iter()
            .filter(|context| parts.ends_with(&context.parts))
            .max_by_key(|context| context.parts.len())
        else {
            return Ok(Resolved::Foreign);
        };
        let below = parts.len() - context.parts.len();
        let mut current = context.root;
        for part in parts.iter().take(below).rev() {
            match self.child(current, part) {
                Some(child) => current = child,
                None => return Ok(Resolved::Missing(current)),
            }
        }
        Ok(Resolved::Found(current))
    }

    /// Follows a name that has to exist: a DN, `<GUID=…>`, or `<SID=…>`.
    pub fn find(&self, text: &str) -> Result<ObjectId, Refusal> {
        if let Some(inner) = text.trim().strip_prefix('<') {
            return self.find_by_key(inner);
        }
        match self.resolve(text)? {
            Resolved::Found(id) => Ok(id),
            Resolved::Missing(matched) => Err(self.no_such_object(matched)),
            Resolved::Foreign => Err(Refusal::new(
                Code::Referral,
                "0000202B: RefErr: DSID-03100835, data 0, 1 access points",
            )),
        }
    }

    fn find_by_key(&self, inner: &str) -> Result<ObjectId, Refusal> {
        let key = inner.split('>').next().unwrap_or_default();
        let found = match key.split_once('=') {
            Some((kind, value)) if kind.eq_ignore_ascii_case("GUID") => {
                read::guid_of_text(value).and_then(|guid| self.by_guid(guid))
            }
            Some((kind, value)) if kind.eq_ignore_ascii_case("SID") => {
                crate::sid::read(value).and_then(|sid| self.by_sid(&sid))
            }
            _ => {
                return Err(Refusal::new(
                    Code::InvalidDnSyntax,
                    "0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350",
                ));
            }
        };
        found.ok_or_else(|| self.no_such_object(self.domain()))
    }

    pub(crate) fn no_such_object(&self, matched: ObjectId) -> Refusal {
        let matched = self.dn(matched);
        Refusal {
            code: Code::NoSuchObject,
            text: format!(
                "0000208D: NameErr: DSID-0310028C, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{matched}'\n"
            ),
            matched,
        }
    }

    /// The account's rights; none for one that never got any.
    pub fn rights(&self, id: ObjectId) -> Rights {
        self.rights.get(&id).copied().unwrap_or(Rights::USER)
    }

    /// Grants exactly these rights.
    pub fn set_rights(&mut self, id: ObjectId, rights: Rights) {
        self.rights.insert(id, rights);
    }

    /// Is this the account's password? False for accounts without one.
    pub fn has_password(&self, id: ObjectId, password: &[u8]) -> bool {
        self.passwords
            .get(&id)
            .is_some_and(|known| known.as_bytes() == password)
    }

    /// Sets a password without any policy.
    pub fn set_password(&mut self, id: ObjectId, password: &str) {
        self.passwords.insert(id, password.to_owned());
    }
}

/// Comparable parts of a name, leaf first.
pub(crate) fn parts(text: &str) -> Result<Vec<String>, Refusal> {
    let parsed = dn::parse(text).map_err(|_| {
        Refusal::new(
            Code::InvalidDnSyntax,
            "0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350, best match of:",
        )
    })?;
    Ok(parsed
        .iter()
        .map(|rdn| child_key(&rdn.attribute, &rdn.value))
        .collect())
}

pub(crate) fn child_key(attribute: &str, value: &str) -> String {
    let mut key = attribute.to_ascii_lowercase();
    key.push('=');
    key.push_str(&dn::fold(value));
    key
}

fn naming_prefix(naming: &str) -> &'static str {
    match naming {
        "ou" => "OU=",
        "dc" => "DC=",
        _ => "CN=",
    }
}

/// A random GUID (version 4) from a seeded source.
pub(crate) fn random_guid(rng: &mut fastrand::Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid()
}
