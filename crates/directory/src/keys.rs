//! Which values have to be unique, and in which folded form they are compared.
//!
//! Never touches the store. Namespaces:
//! - `userPrincipalName`, `onPremisesSecurityIdentifier`: one each for the tenant.
//! - addresses: one for the tenant and all kinds; `mail` claims `smtp:<mail>` in it, so a `mail` that is also a proxy
//!   address of the same object costs nothing, and nobody else can have it.
//! - `mailNickname`: users and groups share one, because both become `<nickname>@<initial domain>`; contacts get no
//!   address here and may repeat a nickname.
//! - `onPremisesImmutableId`, `deviceId`: one per kind; compared byte by byte, as anchors are.
//!
//! Trap: a soft-deleted user keeps only its immutable id; the rest is free for others, and a restore may clash.

use unicode_normalization::UnicodeNormalization;

use crate::schema::Kind;
use crate::schema::number;
use crate::values::Values;

// Clashes are reported in the order of the namespaces: the anchor first, so that a repeated creation is told from two
// people who want the same name. The numbers are stored.
/// With the number of the kind added.
const IMMUTABLE_ID: u8 = 0;
const SECURITY_IDENTIFIER: u8 = 8;
const UPN: u8 = 9;
const ADDRESS: u8 = 10;
const NICKNAME: u8 = 11;
const DEVICE_ID: u8 = 12;

/// One unique key an object lays claim to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim<'a> {
    pub(crate) key: Vec<u8>,
    pub(crate) attribute: &'static str,
    pub(crate) value: &'a str,
}

impl Claim<'_> {
    pub(crate) fn is_address(&self) -> bool {
        self.key.first() == Some(&ADDRESS)
    }
}

/// Comparison form of a text: compatibility-normalised and without case, also outside ASCII.
///
/// Going through upper case first makes ß equal ss and all sigmas equal.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .collect()
}

fn key(namespace: u8, value: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(value.len() + 1);
    key.push(namespace);
    key.extend_from_slice(value.as_bytes());
    key
}

pub(crate) fn user_principal_name(value: &str) -> Vec<u8> {
    key(UPN, &fold(value))
}

pub(crate) fn address(value: &str) -> Vec<u8> {
    key(ADDRESS, &fold(value))
}

pub(crate) fn mail(value: &str) -> Vec<u8> {
    key(ADDRESS, &format!("smtp:{}", fold(value)))
}

pub(crate) fn nickname(value: &str) -> Vec<u8> {
    key(NICKNAME, &fold(value))
}

pub(crate) fn security_identifier(value: &str) -> Vec<u8> {
    key(SECURITY_IDENTIFIER, value)
}

pub(crate) fn immutable_id(kind: Kind, value: &str) -> Vec<u8> {
    key(IMMUTABLE_ID | kind.byte(), value)
}

pub(crate) fn device_id(value: &str) -> Vec<u8> {
    key(DEVICE_ID, &fold(value))
}

/// The keys from which all user principal names follow.
pub(crate) fn user_principal_names() -> (Vec<u8>, Vec<u8>) {
    (vec![UPN], vec![UPN + 1])
}

/// All claims of a live object, sorted, each key once.
pub(crate) fn claims(kind: Kind, values: &Values) -> Vec<Claim<'_>> {
    let mut claims = Vec::with_capacity(8);
    let mut claim = |attribute, value, key| {
        claims.push(Claim {
            key,
            attribute,
            value,
        })
    };
    if let Some(value) = values.text(number::USER_PRINCIPAL_NAME) {
        claim("userPrincipalName", value, user_principal_name(value));
    }
    if let Some(value) = values.text(number::MAIL) {
        claim("mail", value, mail(value));
    }
    for value in values.texts(number::PROXY_ADDRESSES) {
        claim("proxyAddresses", value, address(value));
    }
    if let Some(value) = values.text(number::MAIL_NICKNAME)
        && matches!(kind, Kind::User | Kind::Group)
    {
        claim("mailNickname", value, nickname(value));
    }
    if let Some(value) = values.text(number::SECURITY_IDENTIFIER) {
        claim(
            "onPremisesSecurityIdentifier",
            value,
            security_identifier(value),
        );
    }
    if let Some(value) = values.text(number::DEVICE_ID) {
        claim("deviceId", value, device_id(value));
    }
    if let Some(value) = values.text(number::IMMUTABLE_ID) {
        claim("onPremisesImmutableId", value, immutable_id(kind, value));
    }
    claims.sort_unstable();
    claims.dedup_by(|later, earlier| later.key == earlier.key);
    claims
}

/// The claims that outlive a soft deletion.
pub(crate) fn reserved_claims(kind: Kind, values: &Values) -> Vec<Claim<'_>> {
    let mut claims = claims(kind, values);
    claims.retain(|claim| claim.attribute == "onPremisesImmutableId");
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_ignores_case_width_and_composition() {
        for (left, right) in [
            ("SMTP:Anna@Contoso.COM", "smtp:anna@contoso.com"),
            ("MÜLLER", "mu\u{308}ller"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("Ａｎｎａ", "anna"),
        ] {
            assert_eq!(fold(left), fold(right), "{left} and {right}");
        }
        assert_ne!(fold("anna"), fold("änna"));
    }

    #[test]
    fn mail_and_the_same_proxy_address_are_one_claim() {
        use crate::value::Value;
        let mut values = Values::default();
        values.insert(number::MAIL, Value::from("A@x.example"));
        let addresses = vec!["SMTP:a@X.example".into(), "smtp:b@x.example".into()];
        values.insert(number::PROXY_ADDRESSES, Value::Texts(addresses));
        assert_eq!(claims(Kind::User, &values).len(), 2);
    }
}
