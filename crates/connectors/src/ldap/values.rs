//! LDAP values as typed values.
//!
//! Never fails: bytes that do not fit the schema's type are kept as they are (text, or binary if not UTF-8). Trap: a name is
//! text here; what a dialect puts around it is the dialect's to take off.

use sync_core::{object::AttributeType, value::Value};

/// One value of this type.
pub(super) fn typed(kind: AttributeType, bytes: &[u8]) -> Value {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Value::binary(bytes);
    };
    match kind {
        AttributeType::Binary => Value::binary(bytes),
        AttributeType::Boolean if text.eq_ignore_ascii_case("TRUE") => Value::Boolean(true),
        AttributeType::Boolean if text.eq_ignore_ascii_case("FALSE") => Value::Boolean(false),
        AttributeType::Integer | AttributeType::FileTime => match text.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::text(text),
        },
        AttributeType::Text
        | AttributeType::Boolean
        | AttributeType::Time
        | AttributeType::Reference => Value::text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_and_misfits_kept() {
        use AttributeType as T;
        assert_eq!(typed(T::Integer, b"-5"), Value::Integer(-5));
        assert_eq!(
            typed(T::FileTime, b"9223372036854775807"),
            Value::Integer(i64::MAX)
        );
        assert_eq!(typed(T::Boolean, b"TRUE"), Value::Boolean(true));
        assert_eq!(typed(T::Boolean, b"maybe"), Value::text("maybe"));
        assert_eq!(typed(T::Text, "Jürgen".as_bytes()), Value::text("Jürgen"));
        assert_eq!(typed(T::Text, b"\xff\xfe"), Value::binary(&b"\xff\xfe"[..]));
        assert_eq!(typed(T::Integer, b"many"), Value::text("many"));
        assert_eq!(typed(T::Binary, b"abc"), Value::binary(&b"abc"[..]));
        assert_eq!(typed(T::Reference, b"cn=x"), Value::text("cn=x"));
    }
}
