//! The values of an object that have to be unique, each once, in the spaces they share.
//!
//! Pure. Trap: `mail` and the addresses of `proxyAddresses` are one space, sign-in names and nicknames are one each.

use crate::value::Attributes;

/// Which values may not be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Space {
    SignIn,
    Address,
    Nickname,
}

/// A value that has to be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub space: Space,
    /// Folded.
    pub text: String,
    /// Whether the object is known by it: the primary address, a sign-in name, a nickname.
    pub is_first: bool,
}

/// The texts of an attribute.
pub(super) fn texts<'a>(
    attributes: &'a Attributes,
    name: &str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = attributes.values(name).unwrap_or_default();
    values.iter().filter_map(|value| value.as_text())
}

/// Protocol and address of a proxy address.
pub(super) fn split(value: &str) -> Option<(&str, &str)> {
    value.trim().split_once(':')
}

/// The address of an `smtp:` value, of either case; a value without protocol is one.
pub(super) fn smtp(value: &str) -> Option<&str> {
    match split(value) {
        Some((protocol, address)) => protocol.eq_ignore_ascii_case("smtp").then_some(address),
        None => Some(value),
    }
}

pub(super) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A proxy address as a key: addresses without protocol, others with it.
pub(super) fn address_key(value: &str) -> String {
    fold(smtp(value).unwrap_or(value))
}

/// All claims, each once; the first of two equal ones stays, with the better rank of both.
pub(super) fn claims(attributes: &Attributes) -> Vec<Claim> {
    let mut all: Vec<Claim> = Vec::new();
    let mut add = |space, text: String, is_first| {
        if text.is_empty() {
            return;
        }
        let known = all
            .iter_mut()
            .find(|claim| claim.space == space && claim.text == text);
        match known {
            Some(claim) => claim.is_first |= is_first,
            None => all.push(Claim {
                space,
                text,
                is_first,
            }),
        }
    };
    for name in texts(attributes, "userPrincipalName") {
        add(Space::SignIn, fold(name), true);
    }
    for nickname in texts(attributes, "mailNickname") {
        add(Space::Nickname, fold(nickname), true);
    }
    for value in texts(attributes, "proxyAddresses") {
        let is_primary = value.trim_start().starts_with("SMTP:");
        add(Space::Address, address_key(value), is_primary);
    }
    for mail in texts(attributes, "mail") {
        add(Space::Address, fold(mail), true);
    }
    all
}
