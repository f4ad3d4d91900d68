//! What a row of the matrix is.
//!
//! A row puts right what it did. Trap: rows run one after the other on one site, so a row that does not clean up spoils the next.

use sync_core::code::Code;

use super::site::Site;

/// What is done to a site.
pub type Act = fn(&mut Site);

/// What must be found: check, code, cause, and what the cure says.
#[derive(Clone, Copy)]
pub enum Expected {
    /// The first failed check.
    Failed(&'static str, Code, &'static str, &'static str),
    /// The first warning, and no failure.
    Warning(&'static str, Code, &'static str, &'static str),
    /// What a program said: its code, and words of the cure.
    Told(Code, &'static str),
    /// No failure: there is no fault.
    Nothing,
}

/// A fault.
pub struct Row {
    pub name: &'static str,
    pub make: Act,
    pub expected: Expected,
    pub cure: Act,
    /// The doctor runs below this (another time, another account).
    pub below: &'static [&'static str],
}

/// A fault that is found first by a failed check.
pub const fn row(
    name: &'static str,
    make: Act,
    (id, code, cause, says): (&'static str, Code, &'static str, &'static str),
    cure: Act,
) -> Row {
    of(name, make, Expected::Failed(id, code, cause, says), cure)
}

/// Any row.
pub const fn of(name: &'static str, make: Act, expected: Expected, cure: Act) -> Row {
    Row {
        name,
        make,
        expected,
        cure,
        below: &[],
    }
}

/// A row whose doctor runs at another time.
pub const fn at(name: &'static str, below: &'static [&'static str], expected: Expected) -> Row {
    Row {
        below,
        ..of(name, nothing, expected, nothing)
    }
}

/// Nothing is done.
pub fn nothing(_: &mut Site) {}
