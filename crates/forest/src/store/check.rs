//! Checks of single values, and the refusals that changes end with, worded as AD words them.

use super::Refusal;
use super::write::Origin;
use crate::dn;
use crate::proto::Code;
use crate::schema::{self, Syntax};

pub(super) fn is_given_by_creation(name: &str, naming: &str) -> bool {
    [
        "objectClass",
        "name",
        "distinguishedName",
        "instanceType",
        "objectCategory",
        "objectGUID",
        "objectSid",
        naming,
    ]
    .iter()
    .any(|given| given.eq_ignore_ascii_case(name))
}

pub(super) fn check_values(
    def: &schema::AttributeDef,
    values: &[Vec<u8>],
    origin: Origin,
) -> Result<(), Refusal> {
    for value in values {
        if !def.syntax.accepts(value) {
            return Err(bad_syntax(def.name));
        }
        let length = std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count());
        if def.range_upper.is_some_and(|upper| length > upper) && !origin.is_forest() {
            return Err(constraint(def.name, "the value is too long"));
        }
    }
    Ok(())
}

/// Equal under the syntax's matching rule.
pub(super) fn same(syntax: Syntax, one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match (
        syntax.is_caseless(),
        std::str::from_utf8(one),
        std::str::from_utf8(other),
    ) {
        (true, Ok(one), Ok(other)) => dn::fold(one) == dn::fold(other),
        _ => false,
    }
}

pub(super) fn password(values: &[Vec<u8>]) -> Result<String, Refusal> {
    let wide: Vec<u16> = values
        .last()
        .map(|value| {
            value
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect()
        })
        .unwrap_or_default();
    String::from_utf16(&wide)
        .ok()
        .and_then(|text| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned()))
        .filter(|text| !text.is_empty())
        .ok_or_else(|| {
            Refusal::new(
                Code::UnwillingToPerform,
                "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM): quote the password and send it as UTF-16LE",
            )
        })
}

pub(super) fn already_exists() -> Refusal {
    Refusal::new(
        Code::EntryAlreadyExists,
        "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0",
    )
}

pub(super) fn no_such_attribute(name: &str) -> Refusal {
    Refusal::new(
        Code::NoSuchAttribute,
        format!(
            "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation ({name}), data 0"
        ),
    )
}

pub(super) fn no_such_value(name: &str) -> Refusal {
    Refusal::new(
        Code::NoSuchAttribute,
        format!(
            "00002085: AtrErr: DSID-03152BF8, #1: problem 1001 (NO_ATTRIBUTE_OR_VAL), Att {name}"
        ),
    )
}

pub(super) fn value_exists(name: &str) -> Refusal {
    Refusal::new(
        Code::AttributeOrValueExists,
        format!(
            "00002083: AtrErr: DSID-03151F08, #1: problem 1006 (ATT_OR_VALUE_EXISTS), Att {name}"
        ),
    )
}

/// Adding a member that is one already is refused with another code than other values.
pub(super) fn link_exists(attribute: schema::AttributeId) -> Refusal {
    if attribute != schema::attr::MEMBER {
        return value_exists(schema::definition(attribute).name);
    }
    Refusal::new(
        Code::EntryAlreadyExists,
        "00000562: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0",
    )
}

/// Removing a member that is none is refused with another code than other values.
pub(super) fn unwilling_member(name: &str) -> Refusal {
    Refusal::new(
        Code::UnwillingToPerform,
        format!(
            "00000561: SvcErr: DSID-031A1262, problem 5003 (WILL_NOT_PERFORM): no such value in {name}"
        ),
    )
}

pub(super) fn bad_syntax(name: &str) -> Refusal {
    Refusal::new(
        Code::InvalidAttributeSyntax,
        format!(
            "00000057: LdapErr: DSID-0C090CF4, comment: {name} does not take this value, data 0"
        ),
    )
}

pub(super) fn constraint(name: &str, why: &str) -> Refusal {
    Refusal::new(
        Code::ConstraintViolation,
        format!(
            "00002081: AtrErr: DSID-03151E07, #1: problem 1005 (CONSTRAINT_ATT_TYPE), Att {name}: {why}"
        ),
    )
}
