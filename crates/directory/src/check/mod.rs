//! Whether attributes may be written as they are: schema, types, lengths, forms, required ones.
//!
//! Never looks at other objects (uniqueness is the store's, in `apply`). Trap: a rule added here applies to what is
//! written from now on; what is stored already stays until it is touched.

mod form;

use std::collections::HashSet;

use crate::refusal::Refusal;
use crate::schema::{Attribute, Kind, ValueType, attribute, number, schema};
use crate::value::{Attributes, Value};
use crate::values::Values;

/// Folded names of the tenant's verified domains.
pub(crate) type Domains = HashSet<String>;

/// Lays `set` over `values`, checking every value that is set; an empty value clears.
///
/// # Errors
/// The first rule broken.
pub(crate) fn merge(
    kind: Kind,
    mut values: Values,
    set: Attributes,
    domains: &Domains,
) -> Result<Values, Refusal> {
    values.make_room(set.len());
    for (name, value) in set {
        let Some(attribute) = attribute(kind, &name) else {
            return Err(Refusal::SchemaAttributeNotFound {
                kind,
                attribute: name.into_owned(),
            });
        };
        let value = value.normalised();
        check_type(attribute, &value)?;
        if value.is_empty() {
            values.remove(attribute.number);
            continue;
        }
        check_size(attribute, &value)?;
        form::check(kind, attribute, &value, domains)?;
        values.insert(attribute.number, value);
    }
    check_required(kind, &values)?;
    Ok(values)
}

/// Checks again what may have become wrong while an object lay deleted.
pub(crate) fn check_domain(values: &Values, domains: &Domains) -> Result<(), Refusal> {
    match values.text(number::USER_PRINCIPAL_NAME) {
        Some(upn) => form::check_user_principal_name("userPrincipalName", upn, domains),
        None => Ok(()),
    }
}

fn check_required(kind: Kind, values: &Values) -> Result<(), Refusal> {
    let missing = schema(kind)
        .filter(|attribute| attribute.is_required_for(kind))
        .filter(|attribute| values.get(attribute.number).is_none());
    let attributes: Vec<_> = missing.map(|attribute| attribute.name).collect();
    match attributes.is_empty() {
        true => Ok(()),
        false => Err(Refusal::MandatoryFieldsMissing { kind, attributes }),
    }
}

fn check_type(attribute: &'static Attribute, value: &Value) -> Result<(), Refusal> {
    let fits = match (value, attribute.value_type) {
        (Value::Text(_), ValueType::Text) | (Value::Binary(_), ValueType::Binary) => {
            !attribute.is_multi_valued
        }
        (Value::Texts(_), ValueType::Text) | (Value::Binaries(_), ValueType::Binary) => {
            attribute.is_multi_valued
        }
        (Value::Integer(_), ValueType::Integer) | (Value::Bool(_), ValueType::Bool) => true,
        _ => false,
    };
    // Whoever clears need not know the type; references are not cleared by a value, though.
    let clears = value.is_empty() && attribute.value_type != ValueType::Reference;
    match fits || clears {
        true => Ok(()),
        false => Err(Refusal::SchemaPropertyCanOnlyAcceptValue {
            attribute: attribute.name,
            expected: expectation(attribute),
        }),
    }
}

fn expectation(attribute: &Attribute) -> &'static str {
    match (attribute.value_type, attribute.is_multi_valued) {
        (ValueType::Text, false) => "one text",
        (ValueType::Text, true) => "a set of texts",
        (ValueType::Integer, _) => "one whole number",
        (ValueType::Bool, _) => "true or false",
        (ValueType::Binary, false) => "one sequence of bytes",
        (ValueType::Binary, true) => "a set of byte sequences",
        (ValueType::Reference, _) => "changes of references",
    }
}

fn check_size(attribute: &'static Attribute, value: &Value) -> Result<(), Refusal> {
    let (unit, longest, count) = match value {
        Value::Text(text) => ("characters", text.chars().count(), 1),
        Value::Texts(texts) => (
            "characters",
            texts
                .iter()
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0),
            texts.len(),
        ),
        Value::Binary(bytes) => ("bytes", bytes.len(), 1),
        Value::Binaries(values) => (
            "bytes",
            values.iter().map(Vec::len).max().unwrap_or(0),
            values.len(),
        ),
        Value::Integer(_) | Value::Bool(_) => return Ok(()),
    };
    let name = attribute.name;
    match (attribute.max_length, attribute.max_values) {
        (Some(max), _) if longest > max => Err(Refusal::ExceededAllowedLength {
            attribute: name,
            unit,
            max,
            actual: longest,
        }),
        (_, Some(max)) if count > max => Err(Refusal::ExceededAllowedLength {
            attribute: name,
            unit: "values",
            max,
            actual: count,
        }),
        _ => Ok(()),
    }
}
