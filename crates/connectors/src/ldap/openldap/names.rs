//! Which object a name means: distinguished names (and account names) to anchors, for a whole directory in little memory.
//!
//! A name is kept as a keyed hash of 64 bits beside its entryUUID, 25 bytes in all; two names of one directory of a million
//! fall on the same hash with a chance of one in thirty million, and nobody can make them do so, because the key is random.
//! Never asks the server. Trap: names are compared as the server compares them (RFC 4514 spelling, case, blanks, aliases of
//! attributes), or a member written by hand would point to nobody.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState},
};

use ldap::dn;

/// An entryUUID in the order of RFC 4530.
pub(super) type Uuid = [u8; 16];
/// A name as a hash.
pub(super) type Key = u64;

/// Keys are hashes already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type ByKey<V> = HashMap<Key, V, BuildHasherDefault<AsItIs>>;
// LIMIT: names above others that are remembered, and bytes of one.
const MOST_ABOVE: usize = 1_024;
const LONGEST_ABOVE: usize = 1_024;
// LIMIT: names that mean nobody are remembered up to this many.
const MOST_DANGLING: usize = 500_000;

/// Makes keys of names.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: RandomState,
    /// First names of attributes by their others, folded.
    aliases: HashMap<String, String>,
    spelled: Vec<u8>,
    /// Names that others were below lately, as they were spelled, with their keys.
    above: HashMap<Box<str>, Key>,
}

impl Keys {
    pub fn new(aliases: HashMap<String, String>) -> Self {
        Self {
            aliases,
            ..Self::default()
        }
    }

    /// The key of a distinguished name: of its first part and the key of what is above it, which is mostly known already.
    pub fn of_dn(&mut self, name: &str) -> Key {
        let (rdn, parent) = dn::split_first(name);
        let parent = match self.above.get(parent) {
            Some(key) => *key,
            None => self.of_above(parent),
        };
        match name.is_empty() {
            true => parent,
            false => self.of_rdn(rdn, parent),
        }
    }

    /// As [`Self::of_dn`], from the root down, for a name that will come again.
    fn of_above(&mut self, name: &str) -> Key {
        let mut rdns = Vec::new();
        let mut rest = name;
        while !rest.is_empty() {
            let (rdn, parent) = dn::split_first(rest);
            rdns.push(rdn);
            rest = parent;
        }
        let of_nothing = self.finish(0, 0);
        let key = rdns.into_iter().rev();
        let key = key.fold(of_nothing, |above, rdn| self.of_rdn(rdn, above));
        if name.len() <= LONGEST_ABOVE {
            if self.above.len() >= MOST_ABOVE {
                self.above.clear();
            }
            self.above.insert(name.into(), key);
        }
        key
    }

    fn of_rdn(&mut self, rdn: &str, above: Key) -> Key {
        self.spelled.clear();
        fold(rdn, &self.aliases, &mut self.spelled);
        let key = self.finish(above, 0);
        self.spelled.clear();
        key
    }

    /// The key of an account name (`uid`).
    pub fn of_uid(&mut self, value: &str) -> Key {
        self.spelled.clear();
        fold_value(value.as_bytes(), &mut self.spelled);
        let key = self.finish(0, 1);
        self.spelled.clear();
        key
    }

    fn finish(&self, above: Key, space: u8) -> Key {
        let mut hasher = self.state.build_hasher();
        hasher.write(&self.spelled);
        // What follows has a fixed length, so nothing that is spelled can look like it.
        hasher.write_u64(above);
        hasher.write_u8(space);
        hasher.finish()
    }
}

/// What every name means.
#[derive(Default)]
pub(super) struct Names {
    pub keys: Keys,
    known: ByKey<Uuid>,
    /// Names that objects refer to and that mean nobody; `None`: not known which.
    dangling: Option<HashSet<Key, BuildHasherDefault<AsItIs>>>,
    /// Whether a name that is not here means nobody.
    pub is_complete: bool,
}

impl Names {
    pub fn new(aliases: HashMap<String, String>) -> Self {
        Self {
            keys: Keys::new(aliases),
            ..Self::default()
        }
    }

    /// Forgets everything, to learn a whole directory.
    pub fn begin_whole(&mut self) {
        self.known = ByKey::default();
        self.dangling = Some(HashSet::default());
        self.is_complete = false;
    }

    /// Learns that a name means this object; whether that is news.
    pub fn learn(&mut self, key: Key, uuid: Uuid) -> bool {
        self.known.insert(key, uuid) != Some(uuid)
    }

    pub fn find(&self, key: Key) -> Option<Uuid> {
        self.known.get(&key).copied()
    }

    /// Remembers that a name means nobody.
    pub fn note_dangling(&mut self, key: Key) {
        if let Some(dangling) = &mut self.dangling {
            if dangling.len() < MOST_DANGLING {
                dangling.insert(key);
            } else {
                self.dangling = None;
            }
        }
    }

    /// Whether somebody may refer to this name without it having meant anybody.
    pub fn may_be_awaited(&mut self, key: Key) -> bool {
        match &mut self.dangling {
            None => true,
            Some(dangling) => dangling.remove(&key),
        }
    }

    /// Forgets names of objects that are gone, or that have other names now; those in `keep` stay. Returns whose names were
    /// forgotten.
    pub fn forget(&mut self, uuids: &HashSet<Uuid>, keep: &HashSet<Key>) -> HashSet<Uuid> {
        let mut lost = HashSet::new();
        if uuids.is_empty() {
            return lost;
        }
        let dangling = &mut self.dangling;
        self.known.retain(|key, uuid| {
            let stays = !uuids.contains(uuid) || keep.contains(key);
            if !stays {
                lost.insert(*uuid);
                if let Some(dangling) = dangling {
                    dangling.insert(*key);
                }
            }
            stays
        });
        lost
    }

    /// What is known now is everything; of the names referred to, those that mean nobody are awaited.
    pub fn end_whole(&mut self, referred: Option<HashSet<Key>>) {
        self.is_complete = true;
        self.dangling = referred.map(|keys| {
            let known = &self.known;
            keys.into_iter()
                .filter(|key| !known.contains_key(key))
                .collect()
        });
    }

    /// Forgets what every name means; who is awaited is not known any more either.
    pub fn forget_all(&mut self) {
        self.known = ByKey::default();
        self.dangling = None;
        self.is_complete = false;
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.known.len()
    }
}

/// Writes a relative distinguished name the one way all its spellings share.
fn fold(rdn: &str, aliases: &HashMap<String, String>, out: &mut Vec<u8>) {
    if !has_plus(rdn) {
        return fold_pair(rdn, aliases, out);
    }
    let fold_part = |part| {
        let mut folded = Vec::new();
        fold_pair(part, aliases, &mut folded);
        folded
    };
    let mut parts: Vec<Vec<u8>> = split_plus(rdn).into_iter().map(fold_part).collect();
    parts.sort_unstable();
    for part in parts {
        out.extend(part);
        out.push(2);
    }
}

fn has_plus(rdn: &str) -> bool {
    rdn.as_bytes().contains(&b'+')
}

/// The pairs of an RDN of several.
fn split_plus(rdn: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut is_escaped = false;
    for (at, c) in rdn.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '+' => {
                parts.extend(rdn.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(rdn.get(from..));
    parts
}

fn fold_pair(pair: &str, aliases: &HashMap<String, String>, out: &mut Vec<u8>) {
    let (attribute, value) = pair.split_once('=').unwrap_or((pair, ""));
    let attribute = attribute.trim();
    let start = out.len();
    out.extend(attribute.bytes().map(|b| b.to_ascii_lowercase()));
    let folded = out
        .get(start..)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    if let Some(first) = folded.and_then(|name| aliases.get(name)) {
        out.truncate(start);
        out.extend(first.bytes());
    }
    out.push(0);
    if value.as_bytes().contains(&b'\\') {
        fold_value(&unescaped(value), out);
    } else {
        fold_value(value.as_bytes(), out);
    }
}

/// RFC 4514 §2.4, backwards.
fn unescaped(value: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match (byte, tail) {
            (b'\\', [a, b, more @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                bytes.push(digit(*a) << 4 | digit(*b));
                more
            }
            (b'\\', [escaped, more @ ..]) => {
                bytes.push(*escaped);
                more
            }
            _ => {
                bytes.push(byte);
                tail
            }
        };
    }
    bytes
}

fn digit(hexadecimal: u8) -> u8 {
    match hexadecimal {
        b'0'..=b'9' => hexadecimal - b'0',
        b'a'..=b'f' => hexadecimal - b'a' + 10,
        _ => hexadecimal.wrapping_sub(b'A').wrapping_add(10) & 15,
    }
}

/// RFC 4518 as far as names need it: case, and blanks at the ends and in a row.
fn fold_value(value: &[u8], out: &mut Vec<u8>) {
    if !value.is_ascii() {
        let folded = String::from_utf8_lossy(value).to_lowercase();
        return fold_blanks(folded.bytes(), out);
    }
    fold_blanks(value.iter().map(u8::to_ascii_lowercase), out);
}

fn fold_blanks(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    let mut is_owed = false;
    let mut has_begun = false;
    for byte in bytes {
        if byte == b' ' {
            is_owed = has_begun;
            continue;
        }
        if std::mem::take(&mut is_owed) {
            out.push(b' ');
        }
        has_begun = true;
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let aliases = [("userid".to_owned(), "uid".to_owned())].into();
        let mut keys = Keys::new(aliases);
        keys.of_dn(a) == keys.of_dn(b)
    }

    #[test]
    fn spellings_of_one_name_have_one_key() {
        assert!(same(
            "uid=ada,ou=People,dc=x",
            "UID = Ada , OU=people,  dc=X"
        ));
        assert!(same("uid=ada,dc=x", "userid=ada,dc=x"));
        assert!(same(
            "cn=Müller\\, Jo,dc=x",
            "cn=M\\C3\\BCLLER\\2C  jo,dc=x"
        ));
        assert!(same("cn=a+sn=b,dc=x", "sn=B+cn=A,dc=x"));
        assert!(same("cn=\\ a\\ ,dc=x", "cn=a,dc=x"));
    }

    #[test]
    fn other_names_have_other_keys() {
        assert!(!same("uid=ada,dc=x", "cn=ada,dc=x"));
        assert!(!same("uid=ada,dc=x", "uid=ada\\,dc=x"));
        assert!(!same("cn=a b,dc=x", "cn=ab,dc=x"));
        assert!(!same("cn=a\\+sn=b,dc=x", "cn=a+sn=b,dc=x"));
        assert!(!same("cn=a,dc=x", "cn=a,dc=x,dc=x"));
        assert!(!same("", "dc=x"));
        let mut keys = Keys::default();
        assert_ne!(keys.of_dn("ada"), keys.of_uid("ada"));
        assert_eq!(keys.of_uid("Ada "), keys.of_uid("ada"));
    }

    #[test]
    fn a_name_has_the_same_key_whatever_came_before() {
        let mut keys = Keys::default();
        let name = "uid=ada,ou=People,dc=x";
        let key = keys.of_dn(name);
        let above = keys.of_dn("OU=people,dc=x");
        for n in 0..3 * MOST_ABOVE {
            keys.of_dn(&format!("cn=a,ou={n},dc=x"));
            assert_eq!(keys.of_dn("uid=ada, ou=People,dc=x"), key);
        }
        let long = format!("ou={},dc=x", "x".repeat(2 * LONGEST_ABOVE));
        assert_eq!(
            keys.of_dn(&format!("uid=ada,{long}")),
            keys.of_dn(&format!("UID=ADA,{long}"))
        );
        assert_eq!(keys.of_dn(name), key);
        assert_eq!(keys.of_dn("ou=People,dc=x"), above);
        // A name of a million parts is one name, and not a million calls deep.
        assert_ne!(keys.of_dn(&"a=b,".repeat(1 << 20)), key);
        assert!(keys.above.len() <= MOST_ABOVE);
    }

    #[test]
    fn names_of_who_is_gone_are_awaited() {
        let mut names = Names::default();
        names.begin_whole();
        let (a, b) = (names.keys.of_dn("cn=a"), names.keys.of_dn("cn=b"));
        assert!(names.learn(a, [1; 16]) && !names.learn(a, [1; 16]));
        names.learn(b, [2; 16]);
        assert!(!names.may_be_awaited(a));
        let lost = names.forget(&[[1; 16], [3; 16]].into(), &HashSet::new());
        assert_eq!(lost, [[1; 16]].into());
        assert_eq!((names.find(a), names.find(b)), (None, Some([2; 16])));
        assert!(names.may_be_awaited(a) && !names.may_be_awaited(a));
        names.learn(a, [2; 16]);
        names.forget(&[[2; 16]].into(), &[a].into());
        assert_eq!((names.find(a), names.len()), (Some([2; 16]), 1));
    }
}
