//! Keytab files as MIT Kerberos, Heimdal and Samba write them (version 5.02).
//!
//! Reads only. Never chooses a key that cannot be used: only AES (RFC 3962) is offered to a KDC. Trap: a keytab usually holds
//! older keys of the account too; the one with the highest version is the valid one, and the strongest of those is taken.

use std::fmt;

use zeroize::Zeroizing;

/// The largest keytab that is read.
pub const MAX_KEYTAB_BYTES: usize = 1 << 20;

/// An encryption type that is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encryption {
    /// aes128-cts-hmac-sha1-96
    Aes128,
    /// aes256-cts-hmac-sha1-96
    Aes256,
}

impl Encryption {
    fn of(number: u16) -> Option<Self> {
        match number {
            17 => Some(Self::Aes128),
            18 => Some(Self::Aes256),
            _ => None,
        }
    }

    fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

/// A key of an account.
#[derive(Clone)]
pub struct Key {
    /// The account's name within its realm.
    pub name: String,
    /// The realm.
    pub realm: String,
    /// Key version.
    pub version: u32,
    /// What the key is for.
    pub encryption: Encryption,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Key({}@{}, version {})",
            self.name, self.realm, self.version
        )
    }
}

/// Why a keytab cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeytab {
    /// Not a keytab.
    #[error("it is not a keytab of version 5.02")]
    NotKeytab,
    /// It ends in the middle of an entry.
    #[error("it ends in the middle of an entry")]
    Truncated,
    /// It holds no key of the account.
    #[error("it holds no AES key of {account:?}, only of {found}; export one with AES encryption")]
    NoKey {
        /// Account that was looked for.
        account: String,
        /// Names that have a key.
        found: String,
    },
}

/// The newest and strongest AES key of an account (`name@REALM` or a bare name), in a keytab's bytes.
///
/// # Errors
/// If it is no keytab, or holds no such key.
pub fn find(bytes: &[u8], account: &str) -> Result<Key, BadKeytab> {
    let keys = parse(bytes)?;
    let name = account.rsplit_once('\\').map_or(account, |(_, name)| name);
    let (name, realm) = match name.rsplit_once('@') {
        Some((name, realm)) => (name, Some(realm)),
        None => (name, None),
    };
    let has_name = |key: &&Key| key.name.eq_ignore_ascii_case(name);
    let in_realm = |key: &&Key| realm.is_none_or(|realm| key.realm.eq_ignore_ascii_case(realm));
    let newest = |keys: Vec<&Key>| {
        let best = keys
            .into_iter()
            .max_by_key(|key| (key.version, key.encryption));
        best.cloned()
    };
    // A suffix need not be the realm; a key of the very realm is preferred.
    let of_realm = newest(keys.iter().filter(has_name).filter(in_realm).collect());
    of_realm
        .or_else(|| newest(keys.iter().filter(has_name).collect()))
        .ok_or_else(|| BadKeytab::NoKey {
            account: account.to_owned(),
            found: names(&keys),
        })
}

fn names(keys: &[Key]) -> String {
    let mut names: Vec<String> = keys
        .iter()
        .map(|key| format!("{}@{}", key.name, key.realm))
        .collect();
    names.sort();
    names.dedup();
    match names.is_empty() {
        true => "nobody".into(),
        false => names.join(", "),
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Key>, BadKeytab> {
    let mut rest = bytes.strip_prefix(&[5, 2]).ok_or(BadKeytab::NotKeytab)?;
    let mut keys = Vec::new();
    // Padding to a block of zeros ends some files.
    while rest.len() >= 4 {
        let size = i32::from_be_bytes(take::<4>(&mut rest)?);
        let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
        if size == 0 {
            break;
        }
        let entry = take_slice(&mut rest, length)?;
        // A negative size marks a hole where an entry was removed.
        if size > 0 {
            keys.extend(parse_entry(entry)?);
        }
    }
    Ok(keys)
}

fn parse_entry(mut entry: &[u8]) -> Result<Option<Key>, BadKeytab> {
    let rest = &mut entry;
    let components = u16::from_be_bytes(take(rest)?);
    let realm = text(rest)?;
    let mut parts = Vec::new();
    for _ in 0..components {
        parts.push(text(rest)?);
    }
    let _name_type: [u8; 4] = take(rest)?;
    let _timestamp: [u8; 4] = take(rest)?;
    let [short_version] = take(rest)?;
    let encryption = u16::from_be_bytes(take(rest)?);
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let bytes = Zeroizing::new(take_slice(rest, length)?.to_vec());
    // The long version follows where the writer knew it.
    let version = match take::<4>(rest).map(u32::from_be_bytes) {
        Ok(long) if long != 0 => long,
        _ => u32::from(short_version),
    };
    let usable = Encryption::of(encryption).filter(|kind| kind.key_bytes() == bytes.len());
    Ok(usable.map(|encryption| Key {
        name: parts.join("/"),
        realm,
        version,
        encryption,
        bytes,
    }))
}

fn text(rest: &mut &[u8]) -> Result<String, BadKeytab> {
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let bytes = take_slice(rest, length)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BadKeytab> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(BadKeytab::Truncated)?;
    *rest = tail;
    Ok(*head)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], BadKeytab> {
    let (head, tail) = rest.split_at_checked(length).ok_or(BadKeytab::Truncated)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(name: &str, realm: &str, version: u8, encryption: u16, key: &[u8]) -> Vec<u8> {
        let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
        let body = [
            &1_u16.to_be_bytes()[..],
            &text(realm),
            &text(name),
            &1_u32.to_be_bytes(),
            &0_u32.to_be_bytes(),
            &[version],
            &encryption.to_be_bytes(),
            &(key.len() as u16).to_be_bytes(),
            key,
        ]
        .concat();
        [&(body.len() as i32).to_be_bytes()[..], &body].concat()
    }

    fn keytab(entries: &[Vec<u8>]) -> Vec<u8> {
        [vec![5, 2], entries.concat()].concat()
    }

    #[test]
    fn the_newest_and_strongest_key_is_taken() {
        let file = keytab(&[
            entry("svc", "CANAL.EXAMPLE", 3, 18, &[3; 32]),
            entry("svc", "CANAL.EXAMPLE", 4, 17, &[17; 16]),
            entry("svc", "CANAL.EXAMPLE", 4, 18, &[18; 32]),
            entry("svc", "CANAL.EXAMPLE", 9, 23, &[23; 16]),
            entry("other", "CANAL.EXAMPLE", 8, 18, &[8; 32]),
        ]);
        for account in [
            "svc",
            "SVC@canal.example",
            "CANAL\\svc",
            "svc@elsewhere.example",
        ] {
            let key = find(&file, account).unwrap();
            assert_eq!((key.version, key.encryption), (4, Encryption::Aes256));
            assert_eq!(*key.bytes, [18; 32]);
            assert_eq!(key.realm, "CANAL.EXAMPLE");
        }
    }

    #[test]
    fn a_missing_key_is_told_with_the_names_that_are_there() {
        let file = keytab(&[entry("other", "R", 1, 18, &[8; 32])]);
        let error = find(&file, "svc").unwrap_err();
        assert!(error.to_string().contains("other@R"), "{error}");
        assert_eq!(
            find(b"not a keytab", "svc").unwrap_err(),
            BadKeytab::NotKeytab
        );
        let cut = &file[..file.len() - 1];
        assert_eq!(find(cut, "other").unwrap_err(), BadKeytab::Truncated);
    }

    #[test]
    fn holes_are_passed_over_and_keys_do_not_print() {
        let hole = [&(-6_i32).to_be_bytes()[..], &[0xff; 6]].concat();
        let file = keytab(&[hole, entry("svc", "R", 1, 17, &[0xab; 16])]);
        let key = find(&file, "svc").unwrap();
        assert_eq!(format!("{key:?}"), "Key(svc@R, version 1)");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let file = [vec![5, 2], bytes].concat();
            let _ = find(&file, "svc");
        }
    }
}
