//! Regular expressions with bounded size and bounded work.
//!
//! Never backtracks: the time of a search grows with the product of pattern and text, nothing worse. Trap: finding *all*
//! matches may look at the rest of the text once for each of them, so whoever loops pays for each search.

use regex::{Captures, Regex, RegexBuilder};

use super::{MAX_PATTERN_BYTES, MAX_REGEX_BYTES, MAX_SEARCHED_BYTES};

/// Compiled sizes up to which a search is charged this often.
const WEIGHTS: [(usize, u32); 3] = [(1 << 15, 1), (1 << 18, 8), (MAX_REGEX_BYTES, 32)];

/// Work a pattern costs that has to be compiled for one object alone.
pub(crate) const COMPILE_WORK: u32 = 100_000;

/// A regular expression that knows what searching with it costs.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    weight: u32,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(format!(
                "the regular expression is longer than {MAX_PATTERN_BYTES} bytes"
            ));
        }
        let mut fault = String::new();
        for (size, weight) in WEIGHTS {
            match build(text, size) {
                Ok(regex) => return Ok(Self { regex, weight }),
                Err(regex::Error::CompiledTooBig(_)) => {
                    fault = format!("it needs more than {MAX_REGEX_BYTES} bytes when compiled");
                }
                Err(other) => {
                    fault = last_line(&other);
                    break;
                }
            }
        }
        Err(format!("the regular expression cannot be used: {fault}"))
    }

    /// The next match at or after a byte.
    pub(crate) fn captures_at<'t>(&self, text: &'t str, at: usize) -> Option<Captures<'t>> {
        self.regex.captures_at(text, at)
    }

    /// Whether there is a group of this name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        let mut names = self.regex.capture_names().flatten();
        names.any(|have| have == name)
    }

    /// What a search in this many bytes may cost.
    ///
    /// # Errors
    /// The text is too long to be searched.
    pub(crate) fn work(&self, bytes: usize) -> Result<u32, String> {
        match u32::try_from(bytes) {
            Ok(count) if bytes <= MAX_SEARCHED_BYTES => {
                Ok((count / 16 + 1).saturating_mul(self.weight))
            }
            _ => Err(format!(
                "the text is longer than the {MAX_SEARCHED_BYTES} bytes a regular expression may search"
            )),
        }
    }

    /// The regular expression, for those who search with it once per object.
    pub fn into_regex(self) -> Regex {
        self.regex
    }
}

fn build(text: &str, size: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .size_limit(size)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .build()
}

fn last_line(fault: &regex::Error) -> String {
    let text = fault.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_are_too_much_are_refused() {
        let refused = |text: &str| Pattern::new(text).unwrap_err();
        assert!(refused("(?=x)").contains("look-around"));
        assert!(refused(&"a".repeat(MAX_PATTERN_BYTES + 1)).contains("longer than 4000 bytes"));
        for text in [
            r"(((a{100}){100}){100}){100}",
            r"\w{5000}",
            &"(a*)*".repeat(300).replace('a', r"\p{L}"),
        ] {
            assert!(refused(text).contains("when compiled"), "{text}");
        }
        assert!(refused(&format!("{}a{}", "(".repeat(1500), ")".repeat(1500))).contains("nest"));
    }

    #[test]
    fn larger_patterns_cost_more() {
        let work = |text: &str| Pattern::new(text).unwrap().work(1600).unwrap();
        assert_eq!(work("^[a-z]+@"), 101);
        assert!(work(r"\w+@\w+\.\w+") > 101);
        let pattern = Pattern::new("a").unwrap();
        assert!(pattern.work(MAX_SEARCHED_BYTES).is_ok());
        assert!(pattern.work(MAX_SEARCHED_BYTES + 1).is_err());
    }
}
