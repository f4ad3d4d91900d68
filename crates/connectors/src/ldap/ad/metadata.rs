//! Which attributes of an object changed last, and when on this controller: replPropertyMetaData.
//!
//! Only asked for what a plain search cannot show: that an object was moved, renamed or restored. Trap: the numbers of the
//! controller that made a change and of this controller stand beside each other; only the latter compares with a position.
//!
//! # Source
//! MS-DRSR §5.131 PROPERTY_META_DATA_VECTOR, MS-ADTS §3.1.1.1.9 Replication Metadata

use bytes::Bytes;

/// The attributes' numbers (attributeID, by the default prefix table).
const NAME: u32 = 0x0009_0001;
const IS_DELETED: u32 = 0x0002_0030;
const HEAD_BYTES: usize = 16;
const STAMP_BYTES: usize = 48;
const LOCAL_USN_AT: usize = 40;

/// What happened to an object since a position, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    /// Its name or its container may be another.
    pub may_have_moved: bool,
    /// It was deleted and came back.
    pub was_restored: bool,
}

/// What the metadata of a living object says of the time from this number on. Without metadata it may have moved.
pub(super) fn since(metadata: Option<&Bytes>, from: i64) -> Since {
    let Some(stamps) = metadata.and_then(|blob| stamps(blob)) else {
        return Since {
            may_have_moved: true,
            was_restored: false,
        };
    };
    let touched = |attribute| {
        stamps
            .iter()
            .any(|(which, usn)| *which == attribute && *usn >= from)
    };
    Since {
        may_have_moved: touched(NAME),
        was_restored: touched(IS_DELETED),
    }
}

/// Attribute and local number of every stamp.
fn stamps(blob: &[u8]) -> Option<Vec<(u32, i64)>> {
    let number = |at: usize| {
        let bytes = blob.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let (version, count) = (number(0)?, usize::try_from(number(8)?).ok()?);
    let all = blob.get(HEAD_BYTES..)?.chunks_exact(STAMP_BYTES);
    let all: Option<Vec<_>> = all.take(count).map(stamp).collect();
    all.filter(|all| version == 1 && all.len() == count)
}

fn stamp(bytes: &[u8]) -> Option<(u32, i64)> {
    let attribute = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let usn = bytes.get(LOCAL_USN_AT..STAMP_BYTES)?.try_into().ok()?;
    Some((attribute, i64::from_le_bytes(usn)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(stamps: &[(u32, i64)]) -> Bytes {
        let mut blob = vec![1, 0, 0, 0, 0, 0, 0, 0];
        blob.extend_from_slice(&u32::try_from(stamps.len()).unwrap().to_le_bytes());
        blob.extend_from_slice(&[0; 4]);
        for (attribute, usn) in stamps {
            blob.extend_from_slice(&attribute.to_le_bytes());
            blob.extend_from_slice(&[0; 36]);
            blob.extend_from_slice(&usn.to_le_bytes());
        }
        blob.into()
    }

    fn check(stamps: &[(u32, i64)]) -> (bool, bool) {
        let since = since(Some(&blob(stamps)), 100);
        (since.may_have_moved, since.was_restored)
    }

    #[test]
    fn a_stamp_at_or_after_the_position_tells_of_a_move_or_a_return() {
        assert_eq!(check(&[(NAME, 99), (12, 150)]), (false, false));
        assert_eq!(check(&[(NAME, 100)]), (true, false));
        assert_eq!(check(&[(NAME, 100), (IS_DELETED, 100)]), (true, true));
    }

    #[test]
    fn what_cannot_be_read_may_have_moved() {
        assert!(since(None, 1).may_have_moved);
        let damaged = blob(&[(NAME, 5)]).slice(..40);
        assert!(since(Some(&damaged), 100).may_have_moved);
    }
}
