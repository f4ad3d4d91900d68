//! The forms of particular attributes: sign-in names, addresses, nicknames.
//!
//! Never corrects a value; whoever sends it must. Trap: character rules for addresses hold for SMTP only, since X500
//! addresses rightly contain spaces and semicolons.

use super::Domains;
use crate::keys::fold;
use crate::refusal::Refusal;
use crate::schema::{Attribute, Kind, number};
use crate::value::{Text, Value};

/// Longest part of a user principal name before the `@`.
const MAX_UPN_LOCAL_CHARS: usize = 64;
/// Longest part of a user principal name after the `@`.
const MAX_UPN_DOMAIN_CHARS: usize = 48;
/// Longest source anchor; characters other than letters and digits count threefold, see [`anchor_weight`].
const MAX_ANCHOR_WEIGHT: usize = 60;

pub(super) fn check(
    kind: Kind,
    attribute: &'static Attribute,
    value: &Value,
    domains: &Domains,
) -> Result<(), Refusal> {
    let name = attribute.name;
    match (attribute.number, value) {
        (number::USER_PRINCIPAL_NAME, Value::Text(text)) => {
            check_user_principal_name(name, text, domains)
        }
        (number::DISPLAY_NAME, Value::Text(text)) => {
            refuse_if(text.trim().is_empty(), name, text, "it is blank")
        }
        (number::MAIL_NICKNAME, Value::Text(text)) => check_nickname(kind, name, text),
        (number::MAIL, Value::Text(text)) => check_mailbox(name, text, text),
        (number::PROXY_ADDRESSES, Value::Texts(texts)) => check_proxy_addresses(name, texts),
        (number::TARGET_ADDRESS, Value::Text(text)) => check_target_address(name, text),
        (number::IMMUTABLE_ID, Value::Text(text)) => check_anchor(name, text),
        (number::USAGE_LOCATION, Value::Text(text)) => {
            let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            refuse_if(
                !is_code,
                name,
                text,
                "it is not a country code of two letters",
            )
        }
        _ => Ok(()),
    }
}

fn refuse_if(
    is_wrong: bool,
    attribute: &'static str,
    value: &str,
    reason: &'static str,
) -> Result<(), Refusal> {
    match is_wrong {
        true => Err(Refusal::IdentityDataValidationFailed {
            attribute,
            value: value.to_owned(),
            reason,
        }),
        false => Ok(()),
    }
}

/// Letters, digits and `' . - _ ! # ^ ~`, one `@`, not ending with a dot before it, a verified domain after it.
pub(super) fn check_user_principal_name(
    attribute: &'static str,
    upn: &str,
    domains: &Domains,
) -> Result<(), Refusal> {
    let too_long = |part: &str, max| match part.chars().count() {
        actual if actual > max => Err(Refusal::ExceededAllowedLength {
            attribute,
            unit: "characters",
            max,
            actual,
        }),
        _ => Ok(()),
    };
    let Some((local, domain)) = upn.split_once('@') else {
        return refuse_if(true, attribute, upn, "it has no @");
    };
    refuse_if(
        domain.contains('@'),
        attribute,
        upn,
        "it has more than one @",
    )?;
    refuse_if(
        local.is_empty(),
        attribute,
        upn,
        "nothing stands before the @",
    )?;
    too_long(local, MAX_UPN_LOCAL_CHARS)?;
    too_long(domain, MAX_UPN_DOMAIN_CHARS)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    refuse_if(
        !local.chars().all(is_allowed),
        attribute,
        upn,
        "it has a character that is not allowed",
    )?;
    refuse_if(
        local.ends_with('.'),
        attribute,
        upn,
        "a dot stands before the @",
    )?;
    match domains.contains(&fold(domain)) {
        true => Ok(()),
        false => Err(Refusal::InvalidDomain {
            attribute,
            domain: domain.to_owned(),
        }),
    }
}

fn check_nickname(kind: Kind, attribute: &'static str, nickname: &str) -> Result<(), Refusal> {
    if kind == Kind::Contact {
        return Ok(());
    }
    refuse_if(
        nickname.starts_with('.'),
        attribute,
        nickname,
        "it begins with a dot",
    )?;
    refuse_if(
        nickname.chars().any(char::is_whitespace),
        attribute,
        nickname,
        "it has a space",
    )?;
    let is_special = |c: char| c.is_control() || "@()\\[]\";:<>,".contains(c);
    refuse_if(
        nickname.chars().any(is_special),
        attribute,
        nickname,
        "it has a character that is not allowed",
    )
}

fn check_mailbox(attribute: &'static str, whole: &str, mailbox: &str) -> Result<(), Refusal> {
    let parts = mailbox.split_once('@');
    let is_address = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
    });
    refuse_if(
        !is_address,
        attribute,
        whole,
        "it is not an address of the form name@domain",
    )?;
    let is_forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>();,[]\"".contains(c);
    refuse_if(
        mailbox.chars().any(is_forbidden),
        attribute,
        whole,
        "it has a space or a character that is not allowed",
    )
}

fn check_proxy_addresses(attribute: &'static str, addresses: &[Text]) -> Result<(), Refusal> {
    for address in addresses {
        let parts = address
            .split_once(':')
            .filter(|(protocol, rest)| is_protocol(protocol) && !rest.is_empty());
        match parts {
            None => refuse_if(
                true,
                attribute,
                address,
                "it has no protocol such as smtp: in front",
            )?,
            Some((protocol, mailbox)) if protocol.eq_ignore_ascii_case("smtp") => {
                check_mailbox(attribute, address, mailbox)?;
            }
            Some(_) => {}
        }
    }
    let mut primaries = addresses
        .iter()
        .filter(|address| address.starts_with("SMTP:"));
    match (primaries.next(), primaries.next()) {
        (Some(_), Some(second)) => refuse_if(
            true,
            attribute,
            second,
            "only one address may have SMTP: in capitals",
        ),
        _ => Ok(()),
    }
}

fn is_protocol(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_target_address(attribute: &'static str, address: &str) -> Result<(), Refusal> {
    match address.split_once(':') {
        Some((protocol, mailbox)) if protocol.eq_ignore_ascii_case("smtp") => {
            check_mailbox(attribute, address, mailbox)
        }
        _ => refuse_if(true, attribute, address, "it has no SMTP: in front"),
    }
}

/// Base64 of a GUID is always good; anything else has to be short and plain.
fn check_anchor(attribute: &'static str, anchor: &str) -> Result<(), Refusal> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    if anchor.len() == 24 && anchor.chars().all(is_base64) {
        return Ok(());
    }
    let is_forbidden = |c: char| c.is_control() || "\\!#$%&*?^`{}|~<>()';:,[]\"@_".contains(c);
    refuse_if(
        anchor.chars().any(is_forbidden),
        attribute,
        anchor,
        "it has a character that is not allowed",
    )?;
    let actual = anchor_weight(anchor);
    match actual < MAX_ANCHOR_WEIGHT {
        true => Ok(()),
        false => Err(Refusal::ExceededAllowedLength {
            attribute,
            unit: "characters",
            max: MAX_ANCHOR_WEIGHT - 1,
            actual,
        }),
    }
}

fn anchor_weight(anchor: &str) -> usize {
    anchor
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { 1 } else { 3 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::attribute;

    fn code(kind: Kind, name: &str, value: impl Into<Value>) -> &'static str {
        let domains = Domains::from(["contoso.com".to_owned()]);
        let attribute = attribute(kind, name).unwrap();
        match check(kind, attribute, &value.into(), &domains) {
            Ok(()) => "ok",
            Err(refusal) => refusal.code(),
        }
    }

    #[test]
    fn judges_user_principal_names() {
        let long = format!("{}@contoso.com", "a".repeat(65));
        for (upn, expected) in [
            ("anna.o'neil-x_!#^~@Contoso.COM", "ok"),
            ("anna", "IdentityDataValidationFailed"),
            ("@contoso.com", "IdentityDataValidationFailed"),
            ("a@b@contoso.com", "IdentityDataValidationFailed"),
            ("anna.@contoso.com", "IdentityDataValidationFailed"),
            ("an na@contoso.com", "IdentityDataValidationFailed"),
            ("jürgen@contoso.com", "IdentityDataValidationFailed"),
            ("anna+x@contoso.com", "IdentityDataValidationFailed"),
            ("anna@contoso.local", "InvalidDomain"),
            ("anna@", "InvalidDomain"),
            (&long, "ExceededAllowedLength"),
        ] {
            assert_eq!(
                code(Kind::User, "userPrincipalName", upn),
                expected,
                "{upn}"
            );
        }
    }

    #[test]
    fn judges_proxy_addresses() {
        let judge = |values: &[&str]| {
            let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
            code(Kind::User, "proxyAddresses", values)
        };
        assert_eq!(
            judge(&[
                "SMTP:a@x.example",
                "smtp:b@x.example",
                "X500:/o=A B;C/cn=d",
                "sip:a@x"
            ]),
            "ok"
        );
        for wrong in [
            "a@x.example",
            "smtp:",
            ":a@x",
            "smtp:a",
            "smtp:a b@x",
            "smtp:<a@x>",
            "smtp:a@",
        ] {
            assert_eq!(judge(&[wrong]), "IdentityDataValidationFailed", "{wrong}");
        }
        assert_eq!(
            judge(&["SMTP:a@x", "SMTP:b@x"]),
            "IdentityDataValidationFailed"
        );
    }

    #[test]
    fn judges_nicknames_anchors_and_the_rest() {
        for (name, value, expected) in [
            ("mailNickname", "anna", "ok"),
            ("mailNickname", ".anna", "IdentityDataValidationFailed"),
            ("mailNickname", "an na", "IdentityDataValidationFailed"),
            ("displayName", " \t", "IdentityDataValidationFailed"),
            ("targetAddress", "SMTP:a@x.example", "ok"),
            (
                "targetAddress",
                "a@x.example",
                "IdentityDataValidationFailed",
            ),
            ("usageLocation", "NL", "ok"),
            ("usageLocation", "N1", "IdentityDataValidationFailed"),
            ("onPremisesImmutableId", "AAECAwQFBgcICQoLDA0+/w==", "ok"),
            ("onPremisesImmutableId", "person 4711", "ok"),
            (
                "onPremisesImmutableId",
                "a@b",
                "IdentityDataValidationFailed",
            ),
        ] {
            assert_eq!(code(Kind::User, name, value), expected, "{name} {value}");
        }
        assert_eq!(
            code(Kind::User, "onPremisesImmutableId", "a".repeat(60)),
            "ExceededAllowedLength"
        );
        assert_eq!(code(Kind::Contact, "mailNickname", "Jan de Vries"), "ok");
    }
}
