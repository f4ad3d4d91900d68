//! The secret from which random values in expressions are made, in the vault.
//!
//! Never changed once it is there: objects keep the values that were made from it. Trap: it belongs into a backup like the
//! databases; with another one, rules that are always applied would write other values.

use sync_core::expression::random::Seed;
use zeroize::Zeroizing;

use crate::pki::{Fingerprint, PkiError, Vault, new_token};

/// Name of the file within the data directory.
const SEED_FILE: &str = "expression-seed";

/// Takes the seed of the data directory, or makes one.
///
/// # Errors
/// The file is unreadable, unwritable or readable by others, or there is no randomness.
pub fn open(vault: &Vault) -> Result<Seed, PkiError> {
    let text = match vault.read(SEED_FILE)? {
        Some(text) => text,
        None => {
            let text = Zeroizing::new(new_token()?.0);
            vault.write(SEED_FILE, &text)?;
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
        let seed =
            |folder: &tempfile::TempDir| open(&Vault::open(folder.path(), None).unwrap()).unwrap();
        let first = seed(&one);
        assert!(seed(&one) == first);
        assert!(seed(&other) != first);
    }
}
