//! What a restart forgets: the flags of the documented restart criteria.
//!
//! Trap: an empty scope is not "nothing"; it means the same as the portal's restart. `ForceDeletes` forgets nothing, it lets
//! the deletions go that the guard holds.

use std::fmt;

/// What a restart forgets.
///
/// # Source
/// Microsoft Graph, resource type synchronizationJobRestartCriteria
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset(u8);

const FLAGS: [(&str, Reset); 6] = [
    ("Escrows", Reset::ESCROWS),
    ("QuarantineState", Reset::QUARANTINE_STATE),
    ("Watermark", Reset::WATERMARK),
    ("ConnectorDataStore", Reset::CONNECTOR_DATA_STORE),
    ("Links", Reset::LINKS),
    ("ForceDeletes", Reset::FORCE_DELETES),
];

impl Reset {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Failed objects and the counters that lead to quarantine.
    pub const ESCROWS: Self = Self(1);
    /// The quarantine.
    pub const QUARANTINE_STATE: Self = Self(2);
    /// The read position: every object is looked at again.
    pub const WATERMARK: Self = Self(4);
    /// What is remembered of the source and of what was exported.
    pub const CONNECTOR_DATA_STORE: Self = Self(8);
    /// Which target object belongs to which source object; only as part of `Full`.
    const LINKS: Self = Self(16);
    /// Lets the deletions go that the guard holds.
    pub const FORCE_DELETES: Self = Self(32);
    /// Everything, links included; deletions that are held stay held.
    pub const FULL: Self = Self(1 | 2 | 4 | 8 | 16);
    /// What a restart without a word about it forgets.
    pub const USUAL: Self = Self(1 | 2 | 4);

    /// Whether all of these are among them.
    pub fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether links are forgotten.
    pub fn has_links(self) -> bool {
        self.has(Self::LINKS)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reads `Watermark, Escrows`; an empty text means the usual. Case does not matter.
    ///
    /// # Errors
    /// The word that is not known, with those that are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = || {
            text.split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
        };
        if words().next().is_none() {
            return Ok(Self::USUAL);
        }
        let mut all = Self::NONE;
        for word in words() {
            let is = |name: &str| word.eq_ignore_ascii_case(name);
            let flag = match word {
                _ if is("None") => Self::NONE,
                _ if is("Full") => Self::FULL,
                _ => FLAGS
                    .iter()
                    .find(|(name, flag)| is(name) && *flag != Self::LINKS)
                    .map(|(_, flag)| *flag)
                    .ok_or_else(|| {
                        format!(
                            "{word} is nothing that can be reset; known: None, Watermark, Escrows, QuarantineState, \
                             ConnectorDataStore, Full, ForceDeletes"
                        )
                    })?,
            };
            all = all.and(flag);
        }
        Ok(all)
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("None");
        }
        let mut words: Vec<&str> = Vec::new();
        let rest = match self.has(Self::FULL) {
            true => {
                words.push("Full");
                Self(self.0 & !Self::FULL.0)
            }
            false => *self,
        };
        words.extend(
            FLAGS
                .iter()
                .filter(|(_, flag)| rest.has(*flag))
                .map(|(name, _)| *name),
        );
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_scope_is_the_usual_restart() {
        for text in ["", "  ", ","] {
            assert_eq!(Reset::parse(text), Ok(Reset::USUAL));
        }
        assert_eq!(
            Reset::USUAL.to_string(),
            "Escrows,QuarantineState,Watermark"
        );
    }

    #[test]
    fn flags_combine_whatever_their_case_and_print_as_they_are_read() {
        let some = Reset::parse("watermark, ESCROWS").unwrap();
        assert!(some.has(Reset::WATERMARK) && some.has(Reset::ESCROWS));
        assert!(!some.has(Reset::QUARANTINE_STATE) && !some.has_links());
        assert_eq!(Reset::parse("None"), Ok(Reset::NONE));
        for text in ["None", "Full", "Full,ForceDeletes", "Escrows,ForceDeletes"] {
            assert_eq!(Reset::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn full_takes_links_along_and_nothing_else_does() {
        assert!(Reset::FULL.has_links());
        assert!(!Reset::FULL.has(Reset::FORCE_DELETES));
        assert!(
            !Reset::parse("Watermark,Escrows,QuarantineState,ConnectorDataStore,ForceDeletes")
                .unwrap()
                .has_links()
        );
        let unknown = Reset::parse("Links").unwrap_err();
        assert!(unknown.contains("known: None"), "{unknown}");
    }
}
