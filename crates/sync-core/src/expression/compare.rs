//! Comparison of values, three-valued.
//!
//! Never fails on null: a comparison with a missing value is unknown. Trap: text is compared with regard to case; a number
//! and a text that is a number are compared as numbers, and two texts that say date and time as moments.

use std::cmp::Ordering;

use super::ast::Operator;
use crate::{functions::time::moment_of, value::Value};

/// The truth of `left operator right`; `None`: unknown, because a side has no value.
///
/// # Errors
/// A side has several values, or the two cannot be ordered.
pub fn compare(
    operator: Operator,
    left: &[Value],
    right: &[Value],
) -> Result<Option<bool>, String> {
    let (left, right) = match (left, right) {
        ([], _) | (_, []) => return Ok(None),
        ([left], [right]) => (left, right),
        _ => return Err("several values cannot be compared; use Item, Contains or Where".into()),
    };
    if let Operator::Equal | Operator::Unequal = operator {
        let is_equal = order(left, right) == Some(Ordering::Equal);
        return Ok(Some(is_equal == (operator == Operator::Equal)));
    }
    let order = order(left, right)
        .ok_or("these two values have no order: one is a truth value or bytes")?;
    Ok(Some(match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) if a == b => Some(Ordering::Equal),
        (Value::Text(a), Value::Text(b)) => Some(match (moment_of(a), moment_of(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.cmp(b),
        }),
        (Value::Integer(_) | Value::Text(_), Value::Integer(_) | Value::Text(_)) => {
            Some(left.as_integer()?.cmp(&right.as_integer()?))
        }
        (Value::Binary(a), Value::Binary(b)) => (a == b).then_some(Ordering::Equal),
        _ => (truth(left)? == truth(right)?).then_some(Ordering::Equal),
    }
}

/// The truth of a value; `None` if it is not a truth value.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(truth) => Some(*truth),
        Value::Integer(number) => Some(*number != 0),
        Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Text(_) => value.as_integer().map(|number| number != 0),
        Value::Binary(_) => None,
    }
}

/// Three-valued "and".
pub fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Three-valued "or".
pub fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_tables_with_unknown_are_kleene_s() {
        let all = [Some(true), None, Some(false)];
        let table =
            |f: fn(Option<bool>, Option<bool>) -> Option<bool>| all.map(|a| all.map(|b| f(a, b)));
        let (t, u, f) = (Some(true), None, Some(false));
        assert_eq!(table(and), [[t, u, f], [u, u, f], [f, f, f]]);
        assert_eq!(table(or), [[t, t, t], [t, u, u], [t, u, f]]);
    }

    #[test]
    fn missing_values_are_unknown_and_types_are_respected() {
        use Operator::{Equal, Greater, Unequal};
        let check = |operator, left: &[Value], right: &[Value]| compare(operator, left, right);
        assert_eq!(check(Equal, &[], &["x".into()]), Ok(None));
        assert_eq!(check(Unequal, &["x".into()], &[]), Ok(None));
        assert_eq!(check(Equal, &["x".into()], &["X".into()]), Ok(Some(false)));
        assert_eq!(check(Equal, &[2.into()], &["02".into()]), Ok(Some(true)));
        assert_eq!(check(Equal, &["a".into()], &[2.into()]), Ok(Some(false)));
        assert_eq!(check(Greater, &[10.into()], &[9.into()]), Ok(Some(true)));
        assert_eq!(
            check(Equal, &[true.into()], &["TRUE".into()]),
            Ok(Some(true))
        );
        assert!(check(Greater, &[true.into()], &[false.into()]).is_err());
        assert!(check(Equal, &["a".into(), "b".into()], &["a".into()]).is_err());
    }
}
