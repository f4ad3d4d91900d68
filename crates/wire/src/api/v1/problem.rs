//! What went wrong, in words: a code with cause and cure taken from its page.
//!
//! Never invents text: cause and cure are sections of the code's page, compiled in. Trap: codes of a newer server are not
//! known here; they pass through as text, without a page.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

/// A code, what happened, why, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Problem {
    /// The code's name.
    pub code: String,
    /// One line: what happened, with its arguments.
    pub message: String,
    /// Why, in general.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cure: String,
    /// Names and values (server, attribute, value, owner …).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
}

/// Body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: Problem,
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let page = refusal.code.page_en();
        Self {
            code: refusal.code.name().into(),
            message: message(refusal),
            cause: section(page, "Cause").unwrap_or_default(),
            cure: section(page, "What to do").unwrap_or_default(),
            arguments: refusal.arguments.iter().cloned().collect(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

impl Problem {
    /// The code, if this version knows it.
    pub fn known_code(&self) -> Option<Code> {
        Code::from_name(&self.code)
    }
}

fn message(refusal: &Refusal) -> String {
    let mut text = refusal.code.title().to_owned();
    for (index, (name, value)) in refusal.arguments.iter().enumerate() {
        text.push_str(if index == 0 { " (" } else { ", " });
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
    }
    if !refusal.arguments.is_empty() {
        text.push(')');
    }
    text
}

/// The first paragraph below the heading `## <heading>` of a page, as one line. `None` if there is none.
pub fn section(page: &str, heading: &str) -> Option<String> {
    let mut lines = page.lines().skip_while(|line| {
        line.strip_prefix("## ")
            .is_none_or(|have| have.trim() != heading)
    });
    lines.next()?;
    let paragraph: Vec<&str> = lines
        .map(str::trim)
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    (!paragraph.is_empty()).then(|| paragraph.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_paragraph_of_the_section_as_one_line() {
        let page = "# X\n\nmeaning\n\n## Cause\n\nOne.\nTwo.\n\nMore.\n\n## What to do\n";
        assert_eq!(section(page, "Cause").as_deref(), Some("One. Two."));
        assert_eq!(section(page, "What to do"), None);
        assert_eq!(section(page, "Nothing"), None);
    }

    #[test]
    fn says_what_happened_with_its_arguments() {
        let problem = Problem::from(&Refusal::new(Code::SourceBaseNotFound).with("base", "OU=x"));
        assert_eq!(problem.code, "SourceBaseNotFound");
        assert!(problem.message.ends_with("(base: OU=x)"));
        assert_eq!(problem.known_code(), Some(Code::SourceBaseNotFound));
    }
}
