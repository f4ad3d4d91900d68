//! Records of the provisioning log in one line each, so that a test can say exactly which it expects.
//!
//! Never shows values, only what was done to whom and which attributes it touched. Trap: lines are sorted, since objects
//! planned together are logged in the order of their rows, which is nobody's business.

use engine::{Record, Status};

/// One line per record, sorted.
///
/// Done: `update Anna: mobile, members +1 -0`; failed: `create! Anna: InvalidDomain`; not done: `skip Anna: OutOfScope`.
pub fn lines(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<String> = records.iter().map(line).collect();
    lines.sort();
    lines
}

fn line(record: &Record) -> String {
    let mut head = format!(
        "{}{} {}",
        record.action.name(),
        mark(record.status),
        record.name
    );
    let detail = match &record.refusal {
        Some(why) => {
            let word = why.argument("scope").or_else(|| why.argument("reason"));
            word.map_or_else(|| why.code.to_string(), str::to_owned)
        }
        None => touched(record),
    };
    if !detail.is_empty() {
        head.push_str(": ");
        head.push_str(&detail);
    }
    head
}

fn mark(status: Status) -> &'static str {
    match status {
        Status::Failure => "!",
        Status::Success | Status::Skipped => "",
    }
}

/// Creating touches nearly everything; only the references are worth saying then.
fn touched(record: &Record) -> String {
    let is_new = record.action == engine::Action::Create;
    let mut names: Vec<String> = Vec::new();
    if !is_new {
        names.extend(record.changes.iter().map(|(name, ..)| name.to_string()));
    }
    names.sort();
    for note in &record.references {
        names.push(format!(
            "{} +{} -{}",
            note.attribute,
            note.added.len(),
            note.removed.len()
        ));
    }
    names.join(", ")
}
