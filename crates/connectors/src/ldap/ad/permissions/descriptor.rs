//! Access control lists as a directory stores them (MS-DTYP §2.4.6, §2.4.5, §2.4.4).
//!
//! Reads and answers; never builds one. Trap: a denial counts before any grant, but only on the object it is written for or
//! inherited to.

use std::collections::BTreeSet;

use sync_core::sid;

use super::needs::{Need, Place};

const ALLOWED: u8 = 0;
const DENIED: u8 = 1;
const ALLOWED_OBJECT: u8 = 5;
const DENIED_OBJECT: u8 = 6;

const CONTAINER_INHERIT: u8 = 0x02;
const INHERIT_ONLY: u8 = 0x08;

const HAS_TYPE: u32 = 1;
const HAS_INHERITED_TYPE: u32 = 2;
/// GENERIC_ALL, GENERIC_READ, GENERIC_WRITE and what they stand for (MS-ADTS §5.1.3.2).
const GENERIC: [(u32, u32); 3] = [
    (0x1000_0000, 0x000f_01ff),
    (0x8000_0000, 0x0002_0094),
    (0x4000_0000, 0x0002_0028),
];
// LIMIT: entries of a list.
const MOST_ENTRIES: u16 = 4096;

type Guid = [u8; 16];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ace {
    is_allowed: bool,
    flags: u8,
    mask: u32,
    /// What of the object; `None`: all of it.
    kind: Option<Guid>,
    /// Objects of which class inherit it; `None`: of all.
    inherited_by: Option<Guid>,
    sid: String,
}

/// A list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl(Vec<Ace>);

impl Acl {
    /// Reads the list of a self-relative security descriptor; `None`: it is not one.
    pub fn read(descriptor: &[u8]) -> Option<Self> {
        let at = usize::try_from(long(descriptor, 16)?).ok()?;
        // No list at all: everybody may do everything, and it is not for us to find that well.
        if at == 0 {
            return Some(Self::default());
        }
        let count = short(descriptor, at.checked_add(4)?)?;
        if count > MOST_ENTRIES {
            return None;
        }
        let mut entries = Vec::new();
        let mut next = at.checked_add(8)?;
        for _ in 0..count {
            let length = usize::from(short(descriptor, next.checked_add(2)?)?);
            let end = next.checked_add(length)?;
            let bytes = descriptor.get(next..end).filter(|bytes| bytes.len() >= 8)?;
            entries.extend(ace(bytes));
            next = end;
        }
        Some(Self(entries))
    }

    /// Whether what is needed is granted from here: to this object, or to those below that inherit.
    pub fn grants(&self, groups: &BTreeSet<String>, need: &Need) -> bool {
        self.decides(groups, need, |ace| match need.place {
            Place::Root => ace.flags & INHERIT_ONLY == 0,
            Place::Below => {
                let class = need.class.map(|class| class.guid());
                let fits = ace.inherited_by.is_none() || ace.inherited_by == class;
                ace.flags & CONTAINER_INHERIT != 0 && fits
            }
        })
    }

    /// Whether this object itself grants what is needed.
    pub fn allows_itself(&self, groups: &BTreeSet<String>, need: &Need) -> bool {
        self.decides(groups, need, |ace| ace.flags & INHERIT_ONLY == 0)
    }

    fn decides(
        &self,
        groups: &BTreeSet<String>,
        need: &Need,
        counts: impl Fn(&Ace) -> bool,
    ) -> bool {
        let mut left = need.mask;
        let wanted = need.kind.map(|kind| kind.guid());
        for ace in self
            .0
            .iter()
            .filter(|ace| groups.contains(&ace.sid) && counts(ace))
        {
            if ace.is_allowed {
                if ace.kind.is_none() || ace.kind == wanted {
                    left &= !ace.mask;
                }
            } else if ace.mask & left != 0 && (ace.kind.is_none() || ace.kind == wanted) {
                return false;
            }
            if left == 0 {
                return true;
            }
        }
        false
    }
}

fn ace(bytes: &[u8]) -> Option<Ace> {
    let (kind, flags) = (*bytes.first()?, *bytes.get(1)?);
    let mut mask = long(bytes, 4)?;
    for (generic, stands_for) in GENERIC {
        if mask & generic != 0 {
            mask |= stands_for;
        }
    }
    let mut at = 8;
    let (mut object, mut inherited_by) = (None, None);
    if matches!(kind, ALLOWED_OBJECT | DENIED_OBJECT) {
        let present = long(bytes, at)?;
        at += 4;
        for (flag, slot) in [
            (HAS_TYPE, &mut object),
            (HAS_INHERITED_TYPE, &mut inherited_by),
        ] {
            if present & flag != 0 {
                *slot = Some(bytes.get(at..at + 16)?.try_into().ok()?);
                at += 16;
            }
        }
    } else if !matches!(kind, ALLOWED | DENIED) {
        return None;
    }
    let rest = bytes.get(at..)?;
    let length = 8 + 4 * usize::from(*rest.get(1)?);
    Some(Ace {
        is_allowed: matches!(kind, ALLOWED | ALLOWED_OBJECT),
        flags,
        mask,
        kind: object,
        inherited_by,
        sid: sid::text(rest.get(..length)?)?,
    })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ad::permissions::Feature;

    fn groups() -> BTreeSet<String> {
        ["S-1-5-21-1-2-3-1000".to_owned()].into()
    }

    fn entry(is_allowed: bool, flags: u8, mask: u32, kind: Option<Guid>) -> Ace {
        Ace {
            is_allowed,
            flags,
            mask,
            kind,
            inherited_by: None,
            sid: "S-1-5-21-1-2-3-1000".into(),
        }
    }

    #[test]
    fn a_denial_before_a_grant_counts_and_inherit_only_does_not_count_here() {
        let need = Feature::DirSync.needs().into_iter().next().unwrap();
        let kind = need.kind.map(|kind| kind.guid());
        let check = |entries: Vec<Ace>| Acl(entries).grants(&groups(), &need);
        let grant = entry(true, 0, need.mask, kind);
        assert!(check(vec![grant.clone()]));
        assert!(check(vec![entry(true, 0, 0x000f_01ff, None)]));
        assert!(!check(vec![
            entry(false, 0, need.mask, None),
            grant.clone()
        ]));
        assert!(!check(vec![entry(true, INHERIT_ONLY, need.mask, kind)]));
        assert!(!check(vec![entry(true, 0, need.mask, Some([7; 16]))]));
        let stranger = Ace {
            sid: "S-1-5-21-9-9-9-9".into(),
            ..grant
        };
        assert!(!check(vec![stranger]));
    }

    #[test]
    fn arbitrary_bytes_are_no_list_and_never_panic() {
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..20_000 {
            let length = random.usize(0..200);
            let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            if let Some(at) = bytes.get_mut(16..20) {
                at.copy_from_slice(&20_u32.to_le_bytes());
            }
            let _ = Acl::read(&bytes);
        }
    }
}
