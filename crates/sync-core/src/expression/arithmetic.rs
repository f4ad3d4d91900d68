//! Sums, differences, products and quotients of integers.
//!
//! Never wraps around and never rounds silently to something else than whole numbers. Trap: `+` does not join texts; `&` does.

use super::ast::Operator;
use crate::value::Value;

/// The result of an operation.
///
/// # Errors
/// A side is no integer, the result is too large, or it is divided by zero.
pub fn apply(operator: Operator, left: &Value, right: &Value) -> Result<i64, String> {
    let (a, b) = (integer(left)?, integer(right)?);
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        _ if b == 0 => return Err("division by zero".into()),
        _ => a.checked_div(b),
    };
    result.ok_or_else(too_large)
}

/// The number with the other sign.
///
/// # Errors
/// It is no integer, or the result is too large.
pub fn negative(value: &Value) -> Result<i64, String> {
    integer(value)?.checked_neg().ok_or_else(too_large)
}

fn too_large() -> String {
    "the result does not fit into 64 bits".into()
}

fn integer(value: &Value) -> Result<i64, String> {
    value.as_integer().ok_or_else(|| {
        let shown: String = value.display().chars().take(40).collect();
        format!("{shown:?} is no integer; texts are joined with &")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_exact_or_refused() {
        let check = |operator, a: &str, b: &str| apply(operator, &a.into(), &b.into());
        assert_eq!(check(Operator::Add, "2", "3"), Ok(5));
        assert_eq!(check(Operator::Subtract, "2", "3"), Ok(-1));
        assert_eq!(check(Operator::Multiply, "-2", "3"), Ok(-6));
        assert_eq!(check(Operator::Divide, "7", "2"), Ok(3));
        assert_eq!(check(Operator::Divide, "-7", "2"), Ok(-3));
        assert_eq!(
            check(Operator::Divide, "7", "0"),
            Err("division by zero".into())
        );
        let most = i64::MAX.to_string();
        let least = i64::MIN.to_string();
        for (operator, a, b) in [
            (Operator::Add, &*most, "1"),
            (Operator::Subtract, &*least, "1"),
            (Operator::Multiply, &*most, "2"),
            (Operator::Divide, &*least, "-1"),
        ] {
            assert_eq!(check(operator, a, b), Err(too_large()));
        }
        assert_eq!(negative(&i64::MIN.into()), Err(too_large()));
        assert!(
            check(Operator::Add, "a", "1")
                .unwrap_err()
                .contains("joined with &")
        );
        assert!(apply(Operator::Add, &true.into(), &1.into()).is_err());
    }
}
