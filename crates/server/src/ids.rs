//! Ids for new things.
//!
//! Two forms: random ones, and ones that ascend in the order they are made (UUID version 7, RFC 9562). Objects of the tenant
//! directory get the latter: two indexes are kept by their ids, and what comes in order is put at the end of an index, where
//! what comes at random writes a page of its own for nearly each object. Trap: an id that ascends tells when it was made, so
//! none of these may be a secret.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::{Builder, Uuid};

/// Bits below the milliseconds: the part of one that has gone by.
const FRACTION_BITS: u32 = 12;

/// A random version 4 id.
pub(crate) fn random() -> Uuid {
    Builder::from_random_bytes(random_bytes()).into_uuid()
}

/// An id that is greater than each one this process made before.
pub(crate) fn ascending() -> Uuid {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    of(tick(since.as_nanos()), random_bytes())
}

/// Milliseconds with their fraction, later than every one before, also if the clock was set back.
fn tick(nanoseconds: u128) -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = u64::try_from((nanoseconds << FRACTION_BITS) / 1_000_000).unwrap_or(u64::MAX >> 4);
    let later = |last: u64| now.max(last.saturating_add(1));
    let last = LAST
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
            Some(later(last))
        })
        .unwrap_or_default();
    later(last)
}

fn of(tick: u64, mut bytes: [u8; 16]) -> Uuid {
    let milliseconds = (tick >> FRACTION_BITS).to_be_bytes();
    let fraction = (tick & ((1 << FRACTION_BITS) - 1)).to_be_bytes();
    for (to, from) in bytes.iter_mut().zip(milliseconds.iter().skip(2)) {
        *to = *from;
    }
    // Version and variant are set over the bits that are theirs.
    for (to, from) in bytes.iter_mut().skip(6).zip(fraction.iter().skip(6)) {
        *to = *from;
    }
    Builder::from_bytes(bytes)
        .with_version(uuid::Version::SortRand)
        .with_variant(uuid::Variant::RFC4122)
        .into_uuid()
}

fn random_bytes() -> [u8; 16] {
    let mut bytes = [0_u8; 16];
    // Without randomness nothing may go on: ids would repeat.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_ascend_do_so_and_say_their_version() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| ascending()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(random().get_version_num(), 4);
    }

    #[test]
    fn the_time_is_the_first_part_and_the_rest_is_random() {
        let tick = (0x0123_4567_89AB_u64 << FRACTION_BITS) | 0xCDE;
        let id = of(tick, [0xFF; 16]).to_string();
        assert_eq!(id, "01234567-89ab-7cde-bfff-ffffffffffff");
    }

    #[test]
    fn a_clock_that_is_set_back_changes_nothing_about_the_order() {
        let late = tick(u128::from(u32::MAX) * 1_000_000_000 * 2);
        assert_eq!(tick(0), late + 1);
    }
}
