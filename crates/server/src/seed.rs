//! The secret from which random values in expressions are made, in a private file of the data directory.
//!
//! Never changed once it is there: objects keep the values that were made from it. Trap: it belongs into a backup like the
//! databases; with another one, rules that are always applied would write other values.

use std::path::Path;

use sync_core::expression::random::Seed;

use crate::pki::{Fingerprint, PkiError, files, new_token};

/// Name of the file within the data directory.
const SEED_FILE: &str = "expression-seed";

/// Takes the seed of the data directory, or makes one.
///
/// # Errors
/// The file is unreadable, unwritable or readable by others, or there is no randomness.
pub fn open(data_directory: &Path) -> Result<Seed, PkiError> {
    let path = data_directory.join(SEED_FILE);
    let text = match files::read_private(&path)? {
        Some(text) => text,
        None => {
            let (text, _) = new_token()?;
            files::write_private(&path, &text)?;
            text
        }
    };
    Ok(Seed::new(Fingerprint::of(text.trim().as_bytes()).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_stays_and_differs_between_servers() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = open(one.path()).unwrap();
        assert!(open(one.path()).unwrap() == first);
        assert!(open(other.path()).unwrap() != first);
    }
}
