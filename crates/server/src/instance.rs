//! Which server this is: an id in a file of the data directory.
//!
//! Not in the databases and not in a backup: what was restored elsewhere, or copied without this file, is another server, and a
//! target that knows this one refuses it. Trap: a copy of the whole directory has the same id; there only the generation of the
//! fence tells who came later.

use std::path::Path;

use uuid::Uuid;

use crate::pki::{PkiError, files};

const FILE: &str = "server-instance";

/// Takes the id of the data directory, or makes one.
///
/// # Errors
/// The file is unreadable, unwritable or readable by others.
pub fn open(data_directory: &Path, new: impl FnOnce() -> Uuid) -> Result<Uuid, PkiError> {
    let path = data_directory.join(FILE);
    let known = files::read_private(&path)?.and_then(|text| text.trim().parse().ok());
    if let Some(known) = known {
        return Ok(known);
    }
    let made = new();
    files::write_private(&path, &made.to_string())?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_stays_itself_and_differs_from_others() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = open(one.path(), || Uuid::from_u128(1)).unwrap();
        assert_eq!(open(one.path(), || Uuid::from_u128(2)).unwrap(), first);
        assert_ne!(open(other.path(), || Uuid::from_u128(3)).unwrap(), first);
    }
}
