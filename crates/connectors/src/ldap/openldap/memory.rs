//! What is known of a directory's names between two reads, for as long as the process lives.
//!
//! It belongs to exactly one position: whoever reads from another one begins without it. Never needed for a right answer,
//! only for a quick one. Trap: it is taken out while a read runs, so that a read that fails leaves nothing stale behind.

use std::sync::{Mutex, PoisonError};

use super::names::Names;
use crate::{ldap::config::LdapConfig, source::Watermark};

// LIMIT: directories remembered; the one used longest ago is forgotten.
const MOST: usize = 16;

struct Remembered {
    config: LdapConfig,
    watermark: Watermark,
    names: Names,
}

static ALL: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());

/// Takes out what is known at this position.
pub(super) fn take(config: &LdapConfig, watermark: &[u8]) -> Option<Names> {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let at = all
        .iter()
        .position(|one| one.watermark == watermark && one.config == *config)?;
    Some(all.remove(at).names)
}

/// Keeps what is known at this position, and nothing else of this directory.
pub(super) fn keep(config: &LdapConfig, watermark: &[u8], names: Names) {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|one| one.config != *config);
    if all.len() >= MOST {
        all.remove(0);
    }
    all.push(Remembered {
        config: config.clone(),
        watermark: watermark.to_vec(),
        names,
    });
}
