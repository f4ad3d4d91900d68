//! `DNComponent`.

use super::prelude::*;

pub(super) static DN_COMPONENT: Function = Function {
    name: "DNComponent",
    parameters: &[
        required("dn", Takes::Text),
        required("number", Takes::Integer),
    ],
    manual: "The value of the n-th relative name of a distinguished name, counted from 1 at the left; null if there is none.",
    examples: &[
        ("DNComponent([distinguishedName], 1)", "\"Müller, Anna\""),
        ("DNComponent([distinguishedName], 2)", "\"People\""),
        ("DNComponent(\"CN=a\", 5)", "NULL"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(dn), Some(number)) = (a.text(0)?, a.integer(1)?) else {
        return Ok(null());
    };
    let index = usize::try_from(number - 1).map_err(|_| a.fail("numbers begin at 1"))?;
    Ok(rdn_values(&dn).nth(index).map_or_else(null, one))
}

/// The values of the relative names, escapes undone.
fn rdn_values(dn: &str) -> impl Iterator<Item = String> {
    split_dn(dn).into_iter().map(|rdn| {
        let value = rdn.split_once('=').map_or("", |(_, value)| value);
        unescape(value.trim())
    })
}

fn split_dn(dn: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, c) in dn.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ',' => {
                parts.push(dn.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(dn.get(start..).unwrap_or_default());
    parts
}

/// Undoes the escapes of RFC 4514 §2.4: a backslash before a character, or before two hexadecimal digits.
fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let hex = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (c, hex) {
            ('\\', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            ('\\', None) => rest = after,
            _ => {
                bytes.extend(c.to_string().bytes());
                rest = after;
            }
        }
        // The character after a plain backslash is taken as it is.
        if (c, hex) == ('\\', None)
            && let Some(literal) = rest.chars().next()
        {
            bytes.extend(literal.to_string().bytes());
            rest = rest.get(literal.len_utf8()..).unwrap_or_default();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
