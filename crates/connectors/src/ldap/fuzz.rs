//! Entry points for fuzzing: whatever the bytes of a directory, or of a stored position, reach. No promise is made about them.
//!
//! Never connects. Trap: an input that once broke something lies in `fuzz/finds` and is replayed by the tests below.

use super::{ad, openldap};

/// What DirSync tells of an object.
pub fn ad_entry(bytes: &[u8]) {
    ad::fuzz::entry(bytes);
}

/// A stored position of Active Directory.
pub fn ad_position(bytes: &[u8]) {
    ad::fuzz::position(bytes);
}

/// A stored position, or a cookie, or subschema, of OpenLDAP.
pub fn openldap_position(bytes: &[u8]) {
    openldap::fuzz::position(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../../../fuzz/replay.rs");

    #[test]
    fn no_object_that_was_ever_found_breaks_the_reader() {
        replay("ad_entry", ad_entry);
    }

    #[test]
    fn no_position_of_ad_that_was_ever_found_breaks_the_reader() {
        replay("ad_position", ad_position);
    }

    #[test]
    fn no_position_of_openldap_that_was_ever_found_breaks_the_reader() {
        replay("openldap_position", openldap_position);
    }
}
