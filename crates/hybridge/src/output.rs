//! What is printed: data to stdout, as a table for people or as one JSON document for programs; talk to stderr.
//!
//! Never decides what is shown. Trap: a reader that goes away (`| head`) is not an error.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use sync_core::code::Code;

use crate::failure::Failure;

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Tables and sentences.
    People,
    /// One JSON document.
    Json,
}

impl Output {
    /// Prints data: the JSON of it, or what `people` makes of it.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn data<T: Serialize + ?Sized>(
        self,
        value: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self {
            Self::People => print(&people(value)),
            Self::Json => print(&json(value)?),
        }
    }

    /// Says something on stderr; nothing is said to programs.
    pub fn say(self, text: impl AsRef<str>) {
        if self == Self::People {
            let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
        }
    }

    /// Asks for a word before something is done; `to_do` says what, as in "to undo this". Where nobody can be asked, `--yes` is.
    ///
    /// # Errors
    /// `RequestInvalid` if nobody can be asked, or the answer is another one.
    pub fn confirm(self, word: &str, to_do: &str) -> Result<(), Failure> {
        let refuse = |text: &str| Err(Failure::text(Code::RequestInvalid, "the arguments", text));
        if self == Self::Json || !std::io::stdin().is_terminal() {
            return refuse(&format!("add --yes {to_do} without being asked"));
        }
        self.say(format!("\nType {word} {to_do}:"));
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        match line.trim() == word {
            true => Ok(()),
            false => refuse("not confirmed; nothing was done"),
        }
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| std::io::Error::other(error).into())
}

/// Prints a line to stdout. A reader that went away ends the process quietly.
///
/// # Errors
/// If stdout cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let text = text.trim_end_matches('\n');
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// A table without lines. `nothing` is said instead of an empty one.
pub fn table(headers: &[&str], rows: Vec<Vec<String>>, nothing: &str) -> String {
    if rows.is_empty() {
        return nothing.to_owned();
    }
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headers.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| one_line(cell)));
    }
    table.trim_fmt()
}

/// The text without control characters, so that a value from a directory cannot steer the terminal.
pub fn one_line(text: &str) -> String {
    let is_unsafe =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if is_unsafe(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Lines of names and values, aligned; empty values are left out.
pub fn fields(pairs: &[(&str, String)]) -> String {
    let shown = pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = shown.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = shown.map(|(name, value)| format!("{name:<width$}  {}", one_line(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// An optional text, or a dash.
pub fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_steer_the_terminal() {
        assert_eq!(
            one_line("a\u{1b}[2J\nb\u{202e}"),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}"
        );
    }

    #[test]
    fn empty_tables_say_so() {
        assert_eq!(table(&["A"], vec![], "no agents"), "no agents");
        assert!(table(&["A", "B"], vec![vec!["1".into(), "2".into()]], "").contains("1"));
    }
}
