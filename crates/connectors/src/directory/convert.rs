//! Between the directory's terms and the core's.
//!
//! Never decides anything. Trap: the directory types every attribute, so one text for an attribute that holds several
//! becomes a set of one, and several values for a single-valued attribute are a refusal, not a choice.

use std::collections::HashMap;

use ::directory::{Kind, Value as Stored, ValueType};
use sync_core::{
    code::Code,
    id::TargetId,
    operation::{ReferenceChange, Refusal, TargetObject},
    plan::IMMUTABLE_ID,
    value::{Attributes, Name, Value},
};
use uuid::Uuid;

/// `User` for `user`, and so on.
pub(super) fn class_of(kind: Kind) -> Name {
    match kind {
        Kind::User => "User".into(),
        Kind::Group => "Group".into(),
        Kind::Contact => "Contact".into(),
        Kind::Device => "Device".into(),
    }
}

pub(super) fn kind_of(class: &str) -> Option<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(class))
}

pub(super) fn attributes_to(
    kind: Kind,
    attributes: &Attributes,
) -> Result<::directory::Attributes, Refusal> {
    // Room for the anchor and the mark of synchronisation, which follow.
    let mut set = ::directory::Attributes::with_capacity(attributes.len() + 2);
    for (name, values) in attributes.iter() {
        let Some(attribute) = ::directory::attribute(kind, name) else {
            return Err(Refusal::new(Code::SchemaAttributeNotFound)
                .with("attribute", &**name)
                .with("class", kind.as_str()));
        };
        let wrong = |expected: &str| {
            Refusal::new(Code::SchemaPropertyCanOnlyAcceptValue)
                .with("attribute", &**name)
                .with("expected", expected)
        };
        let value = match (attribute.value_type, attribute.is_multi_valued, values) {
            (ValueType::Binary, true, _) => Stored::Binaries(
                values
                    .iter()
                    .map(bytes)
                    .collect::<Option<_>>()
                    .ok_or_else(|| wrong("binary values"))?,
            ),
            (_, true, _) => Stored::Texts(values.iter().map(text).collect()),
            (_, false, [_, _, ..]) => return Err(wrong("one value")),
            (ValueType::Binary, false, [value]) => {
                Stored::Binary(bytes(value).ok_or_else(|| wrong("a binary value"))?)
            }
            (ValueType::Binary, false, []) => Stored::Binary(Vec::new()),
            (ValueType::Integer, false, [value]) => {
                Stored::Integer(value.as_integer().ok_or_else(|| wrong("an integer"))?)
            }
            (ValueType::Bool, false, [Value::Boolean(truth)]) => Stored::Bool(*truth),
            (ValueType::Bool, false, [value]) => {
                match value.display().to_ascii_lowercase().as_str() {
                    "true" => Stored::Bool(true),
                    "false" => Stored::Bool(false),
                    _ => return Err(wrong("True or False")),
                }
            }
            (_, false, [value]) => Stored::Text(text(value)),
            (_, false, []) => Stored::Text(nothing()),
        };
        set.insert(attribute.name, value);
    }
    Ok(set)
}

/// A text is shared, not copied.
fn text(value: &Value) -> ::directory::Text {
    match value {
        Value::Text(text) => text.clone(),
        other => other.display().into(),
    }
}

/// What clears an attribute.
fn nothing() -> ::directory::Text {
    "".into()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Binary(bytes) => Some(bytes.to_vec()),
        Value::Text(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(_) | Value::Boolean(_) => None,
    }
}

pub(super) fn attributes_from(attributes: &::directory::Attributes) -> Attributes {
    let pairs = attributes.iter().map(|(name, value)| {
        let values = match value {
            Stored::Text(text) => vec![Value::Text(text.clone())],
            Stored::Integer(number) => vec![Value::Integer(*number)],
            Stored::Bool(truth) => vec![Value::Boolean(*truth)],
            Stored::Binary(bytes) => vec![Value::binary(bytes.as_slice())],
            Stored::Texts(texts) => texts.iter().cloned().map(Value::Text).collect(),
            Stored::Binaries(all) => all
                .iter()
                .map(|bytes| Value::binary(bytes.as_slice()))
                .collect(),
        };
        (name, values)
    });
    pairs.collect()
}

pub(super) fn object_from(object: &::directory::Object) -> TargetObject {
    TargetObject {
        id: object.id.to_string().into(),
        class: class_of(object.kind),
        version: object.version,
        is_deleted: !object.is_live(),
        source_anchor: object.text(IMMUTABLE_ID).map(str::to_owned),
        attributes: attributes_from(&object.attributes),
    }
}

pub(super) fn references_to(
    changes: &[ReferenceChange],
) -> Result<Vec<::directory::ReferenceChange>, Refusal> {
    let ids = |ids: &[TargetId]| -> Result<Vec<Uuid>, Refusal> {
        ids.iter()
            .map(|id| {
                Uuid::try_parse(&id.0).map_err(|_| {
                    Refusal::new(Code::UnableToResolveReferenceAttributeValue)
                        .with("reference", &*id.0)
                })
            })
            .collect()
    };
    changes
        .iter()
        .map(|change| {
            Ok(::directory::ReferenceChange {
                attribute: change.attribute.to_string(),
                add: ids(&change.add)?,
                remove: ids(&change.remove)?,
            })
        })
        .collect()
}

/// A refusal of the directory as a code with arguments.
pub(super) fn refusal_from(why: &::directory::Refusal) -> Refusal {
    use ::directory::Refusal as R;
    let refusal = match why {
        R::AttributeValueMustBeUnique(clash) => clashing(Code::AttributeValueMustBeUnique, clash),
        R::ObjectTypeMismatch(clash) => clashing(Code::ObjectTypeMismatch, clash),
        R::IdentityDataValidationFailed {
            attribute,
            value,
            reason,
        } => Refusal::new(Code::IdentityDataValidationFailed)
            .with("attribute", *attribute)
            .with("value", value)
            .with("rule", *reason),
        R::ExceededAllowedLength {
            attribute,
            unit,
            max,
            actual,
        } => Refusal::new(Code::ExceededAllowedLength)
            .with("attribute", *attribute)
            .with("unit", *unit)
            .with("max", max.to_string())
            .with("actual", actual.to_string()),
        R::InvalidDomain { attribute, domain } => Refusal::new(Code::InvalidDomain)
            .with("attribute", *attribute)
            .with("value", domain),
        R::MandatoryFieldsMissing { attributes, .. } => {
            Refusal::new(Code::MandatoryFieldsMissing).with("attributes", attributes.join(" "))
        }
        R::SchemaAttributeNotFound { attribute, .. } => {
            Refusal::new(Code::SchemaAttributeNotFound).with("attribute", attribute)
        }
        R::SchemaPropertyCanOnlyAcceptValue {
            attribute,
            expected,
        } => Refusal::new(Code::SchemaPropertyCanOnlyAcceptValue)
            .with("attribute", *attribute)
            .with("expected", *expected),
        R::DeletionAccessViolation { id } => {
            Refusal::new(Code::DeletionAccessViolation).with("target", id.to_string())
        }
        R::SourceAnchorChanged { id } => {
            Refusal::new(Code::SourceAnchorChanged).with("target", id.to_string())
        }
        R::UnableToResolveReferenceAttributeValue { attribute, id }
        | R::InvalidReference { attribute, id, .. } => {
            Refusal::new(Code::UnableToResolveReferenceAttributeValue)
                .with("attribute", *attribute)
                .with("reference", id.to_string())
        }
        R::FederatedDomainChange { from, to, initial } => {
            Refusal::new(Code::FederatedDomainChangeError)
                .with("attribute", "userPrincipalName")
                .with("before", from)
                .with("value", to)
                .with("initialDomain", initial)
        }
        R::AdministratorOnly { attribute } => {
            Refusal::new(Code::InsufficientRights).with("attribute", *attribute)
        }
        R::QuotaExceeded { limit } => {
            Refusal::new(Code::QuotaExceeded).with("limit", limit.to_string())
        }
        _ => Refusal::new(Code::TargetFault),
    };
    refusal.with("text", why.to_string())
}

fn clashing(code: Code, clash: &::directory::Clash) -> Refusal {
    Refusal::new(code)
        .with("attribute", clash.attribute)
        .with("value", &clash.value)
        .with("owner", clash.owner_id.to_string())
        .with("ownerClass", clash.owner_kind.as_str())
        .with("ownerName", &clash.owner_name)
}

/// References of all objects, gathered before the objects are listed.
#[derive(Default)]
pub(super) struct References(HashMap<Uuid, Vec<(Name, Vec<TargetId>)>>);

impl References {
    pub(super) fn add(&mut self, source: Uuid, attribute: &str, target: Uuid) {
        let all = self.0.entry(source).or_default();
        let target = TargetId::from(target.to_string());
        match all.iter_mut().find(|(name, _)| &**name == attribute) {
            Some((_, targets)) => targets.push(target),
            None => all.push((attribute.into(), vec![target])),
        }
    }

    pub(super) fn take(&mut self, source: Uuid) -> Vec<(Name, Vec<TargetId>)> {
        self.0.remove(&source).unwrap_or_default()
    }
}
