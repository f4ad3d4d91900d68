//! Places in the text of an expression.
//!
//! Never computed from offsets afterwards: the lexer counts while it reads. Trap: lines and columns count from 1 and in
//! characters, offsets from 0 and in bytes.

use std::fmt;

/// A place in the text of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
}

impl Position {
    /// The beginning.
    pub const START: Self = Self {
        offset: 0,
        line: 1,
        column: 1,
    };

    /// The place after `passed`, which begins here.
    #[must_use]
    pub fn after(mut self, passed: &str) -> Self {
        self.offset += passed.len();
        match passed.rsplit_once('\n') {
            None => self.column += passed.chars().count(),
            Some((before, last)) => {
                self.line += before.matches('\n').count() + 1;
                self.column = 1 + last.chars().count();
            }
        }
        self
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "at character {}", self.column),
            line => write!(f, "at line {line}, character {}", self.column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted() {
        let shown = |text: &str| Position::START.after(text).to_string();
        assert_eq!(shown(""), "at character 1");
        assert_eq!(shown("äö"), "at character 3");
        assert_eq!(shown("a\nb\r\nç"), "at line 3, character 2");
        assert_eq!(Position::START.after("ä").offset, 2);
    }
}
