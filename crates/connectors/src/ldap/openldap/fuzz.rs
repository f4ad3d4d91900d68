//! What fuzzing of the `openldap` dialect runs.
//!
//! Never connects. Trap: one input is read as a position, as a cookie and as subschema alike.

use super::{
    schema::Schema,
    values,
    watermark::{Position, behind, change_numbers},
};

/// A stored position, a cookie, or lines of subschema.
pub fn position(bytes: &[u8]) {
    if let Ok(position) = Position::read(bytes, "ldap://test", "dc=canal,dc=example") {
        let again = Position::read(&position.encode(), "ldap://test", &position.base);
        assert_eq!(again, Ok(position.clone()));
        let numbers = change_numbers(&position.cookie().unwrap_or_default());
        assert_eq!(behind(&numbers, &numbers), None);
    }
    let _ = (
        change_numbers(bytes),
        values::uuid(bytes),
        values::plain_name(bytes),
    );
    if let Ok(text) = std::str::from_utf8(bytes) {
        let schema = Schema::read(text.lines(), text.lines());
        let _ = (schema.infos(), schema.aliases());
    }
}
