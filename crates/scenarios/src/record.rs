//! Records of the provisioning log in one line each, so that a test can say exactly which it expects.
//!
//! Never shows values, only what was done to whom and which attributes it touched. Trap: lines are sorted, since objects
//! planned together are logged in the order of their rows, which is nobody's business.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Record, Status};

/// One line per record, sorted.
///
/// Done: `update Anna: mobile, members +1 -0`; failed: `create! Anna: InvalidDomain`; done
/// but for a value: `create~ Anna: not userPrincipalName`; not done: `skip Anna: OutOfScope`.
pub fn lines(records: &[Record]) -> Vec<String> {
    apart(records.iter().map(line))
}

/// The same lines, sorted, with references apart from creations: whether a reference goes along with the creation or follows
/// depends on what was in the target at that moment, which is nobody's business either.
pub fn apart(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = lines.into_iter().collect();
    let created: BTreeSet<String> = lines.iter().filter_map(|line| created(line)).collect();
    let mut apart = Vec::new();
    let mut references: BTreeMap<String, BTreeMap<String, (u64, u64)>> = BTreeMap::new();
    for line in lines {
        let (head, changes) = match line.rsplit_once(": ") {
            Some((head, detail)) => (head, changes(detail)),
            None => (line.as_str(), None),
        };
        let name = created_or_updated(head).filter(|name| created.contains(*name));
        let (Some(changes), Some(name)) = (changes, name) else {
            apart.push(line);
            continue;
        };
        if head.starts_with("create ") {
            apart.push(head.to_owned());
        }
        let sums = references.entry(name.to_owned()).or_default();
        for (attribute, (added, removed)) in changes {
            let sum = sums.entry(attribute).or_default();
            *sum = (sum.0 + added, sum.1 + removed);
        }
    }
    for (name, sums) in references {
        let sums = sums.into_iter();
        let sums =
            sums.map(|(attribute, (added, removed))| format!("{attribute} +{added} -{removed}"));
        apart.push(format!(
            "update {name}: {}",
            sums.collect::<Vec<_>>().join(", ")
        ));
    }
    apart.sort();
    apart
}

fn created_or_updated(head: &str) -> Option<&str> {
    head.strip_prefix("create ")
        .or_else(|| head.strip_prefix("update "))
}

/// Whom a line says to have been created.
fn created(line: &str) -> Option<String> {
    let line = line.strip_prefix("create ")?;
    let name = line
        .rsplit_once(": ")
        .filter(|(_, detail)| changes(detail).is_some());
    Some(name.map_or(line, |(name, _)| name).to_owned())
}

/// The changes of references a detail consists of; `None` if it says anything else.
fn changes(detail: &str) -> Option<Vec<(String, (u64, u64))>> {
    detail.split(", ").map(change).collect()
}

fn change(part: &str) -> Option<(String, (u64, u64))> {
    let (attribute, counts) = part.split_once(" +")?;
    let (added, removed) = counts.split_once(" -")?;
    Some((
        attribute.to_owned(),
        (added.parse().ok()?, removed.parse().ok()?),
    ))
}

fn line(record: &Record) -> String {
    let mut head = format!(
        "{}{} {}",
        record.action.name(),
        mark(record.status),
        record.name
    );
    let detail = match &record.refusal {
        Some(why) if record.status == Status::Warning => {
            let name = why.argument("attribute").unwrap_or_default();
            let touched = touched(record);
            let dash = if touched.is_empty() { "" } else { ", " };
            format!("{touched}{dash}not {name}")
        }
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
        Status::Warning => "~",
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

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn references_of_a_creation_stand_apart_however_they_came() {
        let wanted = [
            "create Crew",
            "skip Odd: NoReason",
            "update Crew: manager +1 -0, members +3 -0",
            "update Old: members +1 -0",
        ];
        let told: [&[&str]; 2] = [
            &[
                "create Crew: members +2 -0, manager +1 -0",
                "update Crew: members +1 -0",
            ],
            &["update Crew: manager +1 -0, members +3 -0", "create Crew"],
        ];
        for lines in told {
            let more = ["skip Odd: NoReason", "update Old: members +1 -0"];
            let lines = lines.iter().chain(&more).map(ToString::to_string);
            assert_eq!(apart(lines), wanted);
        }
        let kept = [
            "create! Crew: InvalidDomain",
            "update Ada: jobTitle, members +1 -0",
        ];
        assert_eq!(apart(kept.map(str::to_owned)), kept);
    }
}
