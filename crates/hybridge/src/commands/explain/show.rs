//! An explanation in words: the answer first, then what led to it, job by job.
//!
//! Never cuts what decides: clauses, matching, differences. Trap: values of a directory go through `one_line`, or they could
//! steer the terminal.

use wire::api::v1::{
    DueView, Escrow, ExplainedAttribute, ExplainedJob, ExplainedReference, ExplainedScope,
    Explanation, Hold, MatchAttempt, Missing,
};

use crate::{
    commands::log,
    output::{fields, one_line},
    show::{count, duration, problem, time, values},
};

/// The explanation.
pub fn people(explanation: &Explanation) -> String {
    let mut parts = vec![one_line(&explanation.sentence)];
    if let Some(object) = &explanation.object {
        parts.push(fields(&[
            ("object", object.dn.clone()),
            ("anchor", object.anchor.clone()),
            ("class", object.class.clone()),
            ("state", object.state.clone()),
            ("connector", object.connector.clone()),
        ]));
    }
    parts.extend(explanation.missing.as_ref().map(missing));
    parts.extend(explanation.jobs.iter().map(job));
    if !explanation.records.is_empty() {
        parts.push(format!(
            "last records\n{}",
            log::lines(&explanation.records)
        ));
    }
    parts.join("\n\n")
}

fn missing(missing: &Missing) -> String {
    let mut text = format!("looked for as {}", missing.forms.join(", "));
    for one in &missing.looked_in {
        let read = match (one.was_read, one.reading) {
            (_, Some(entries)) => format!("a read is under way, {} entries so far", count(entries)),
            (true, None) => "it was read completely".to_owned(),
            (false, None) => "it was never read completely".to_owned(),
        };
        text.push_str(&format!(
            "\n  {}: not in the connector space ({read}); its source says {} {}",
            one_line(&one.connector),
            one.source,
            one_line(&one.dn)
        ));
        if let Some(found) = &one.problem {
            text.push_str(&format!("\n{}", problem(found)));
        }
    }
    text
}

fn job(job: &ExplainedJob) -> String {
    let mut text = format!("job {}: {}", one_line(&job.job.name), job.state);
    if let Some(found) = &job.problem {
        text.push_str(&format!("\n{}", problem(found)));
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n\n  {title}\n{}", lines.join("\n")));
        }
    };
    section("scope", job.scopes.iter().map(scope).collect());
    section("matching", job.matching.iter().map(attempt).collect());
    section("attributes", job.attributes.iter().map(attribute).collect());
    let references = job.references.iter().filter(|one| one.wanted > 0);
    section("references", references.map(reference).collect());
    let waiting = job.waited_for_by.iter();
    section(
        "waited for by",
        waiting
            .map(|one| format!("    {}", one_line(&one.name)))
            .collect(),
    );
    section("held", job.holds.iter().map(held).collect());
    section("link", link(job));
    section("still to come", still_to_come(job));
    text
}

fn scope(scope: &ExplainedScope) -> String {
    let verdict = match scope.is_in_scope {
        true => "in scope",
        false => "out of scope",
    };
    let mut text = format!(
        "    {}: {verdict}: {}",
        one_line(&scope.mapping),
        one_line(&scope.why)
    );
    for (name, value) in [("containers", &scope.containers), ("groups", &scope.groups)] {
        if value != "any" {
            text.push_str(&format!("\n      {name}: {value}"));
        }
    }
    for group in &scope.clauses {
        let applies = match group.applies {
            true => "",
            false => " (only for new objects)",
        };
        text.push_str(&format!(
            "\n      {:<7} {} {}{applies}",
            group.truth,
            group.role,
            one_line(&group.name)
        ));
        for clause in &group.clauses {
            let met = match clause.values.as_slice() {
                [] => "no value".to_owned(),
                values => one_line(&values.join(" | ")),
            };
            text.push_str(&format!(
                "\n        {:<7} {}: {met}",
                clause.truth,
                one_line(&clause.clause)
            ));
        }
    }
    text
}

fn attempt(attempt: &MatchAttempt) -> String {
    let found: Vec<String> = attempt
        .found
        .iter()
        .map(|one| {
            let deleted = if one.is_deleted { ", soft-deleted" } else { "" };
            let own = if one.is_own { ", its own" } else { "" };
            format!(
                "{} {} ({}{deleted}{own})",
                one.class,
                one.id,
                one_line(&one.name)
            )
        })
        .collect();
    let found = match found.is_empty() {
        true => "nothing".to_owned(),
        false => found.join(", "),
    };
    format!(
        "    {:<4} {} = {}: {found}",
        attempt.kind,
        attempt.attribute,
        one_line(&attempt.value)
    )
}

fn texts(values: &[String]) -> String {
    match values {
        [] => "(nothing)".to_owned(),
        values => one_line(&values.join(" | ")),
    }
}

fn attribute(attribute: &ExplainedAttribute) -> String {
    let sign = match attribute.agrees {
        Some(true) => "=",
        Some(false) => "≠",
        None => " ",
    };
    let mut text = format!(
        "  {sign} {}: {} [{}]",
        attribute.name,
        texts(&attribute.result),
        attribute.outcome
    );
    if let Some(why) = &attribute.failure {
        text.push_str(&format!("\n      failed: {}", one_line(why)));
    }
    text.push_str(&format!("\n      from {}", one_line(&attribute.mapping)));
    for (name, values) in &attribute.inputs {
        text.push_str(&format!("\n        {name} = {}", texts(values)));
    }
    for step in &attribute.steps {
        let gave = match &step.failure {
            Some(why) => one_line(why),
            None => one_line(&serde_json::Value::Array(step.value.clone()).to_string()),
        };
        text.push_str(&format!(
            "\n        {} → {gave}",
            one_line(&step.expression)
        ));
    }
    if attribute.agrees == Some(false) || attribute.exported.as_ref() != Some(&attribute.result) {
        if let Some(exported) = &attribute.exported {
            text.push_str(&format!("\n      last exported: {}", texts(exported)));
        }
        if let Some(target) = &attribute.target {
            text.push_str(&format!("\n      in the target: {}", texts(target)));
        }
    }
    text
}

fn reference(one: &ExplainedReference) -> String {
    let mut text = format!(
        "    {} from {}: {} of {} in the target",
        one.name,
        one.source,
        count(one.held),
        count(one.wanted)
    );
    if one.waiting.count > 0 {
        text.push_str(&format!(
            ", {} wait ({} of them for what is not to be there)",
            count(one.waiting.count),
            count(one.outside)
        ));
    }
    for awaited in &one.waits {
        text.push_str(&format!(
            "\n      waits for {}: {}",
            one_line(&awaited.object.name),
            awaited.text
        ));
    }
    text
}

fn held(hold: &Hold) -> String {
    let by = match hold.undo {
        Some(undo) => format!(" (undo {undo})"),
        None => String::new(),
    };
    format!(
        "    {} {} {}: {}, since {}{by}; id {}",
        hold.state,
        hold.kind,
        one_line(&hold.attribute),
        one_line(&hold.what),
        time(&hold.since),
        hold.id
    )
}

fn link(job: &ExplainedJob) -> Vec<String> {
    let Some(link) = &job.link else {
        return vec!["    never planned".to_owned()];
    };
    let mut lines = vec![format!(
        "    {} {} {}, since {}",
        link.situation,
        link.class,
        link.target.as_deref().unwrap_or("-"),
        time(&link.changed_at)
    )];
    lines.extend(link.reason.as_ref().map(problem));
    lines
}

fn due(due: &DueView) -> String {
    format!(
        "    due since {} ({}), for {}: {} objects come before it",
        time(&due.since),
        due.reasons.join(", "),
        duration(due.age_ms),
        count(due.behind)
    )
}

fn escrow(escrow: &Escrow) -> String {
    let again = escrow
        .retry_at
        .as_deref()
        .map_or("when something changes".to_owned(), time);
    format!(
        "    failed {} times, tried again {again}",
        count(escrow.attempts.into())
    )
}

fn still_to_come(job: &ExplainedJob) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(job.due.as_ref().map(due));
    if let Some(pending) = &job.pending {
        lines.push(format!("    pending: {} ({})", pending.verb, pending.state));
        lines.push(values(&pending.attributes, "      "));
    }
    lines.extend(job.escrow.as_ref().map(escrow));
    if !job.next.is_empty() {
        lines.push(format!("    planning would {} it", job.next));
        lines.push(values(&job.writes, "      "));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_comes_first_and_a_difference_shows_both_sides() {
        let attribute = ExplainedAttribute {
            name: "department".into(),
            mapping: "[department]".into(),
            outcome: "value".into(),
            result: vec!["Locks".into()],
            exported: Some(vec!["Locks".into()]),
            target: Some(vec!["Bridges\u{1b}[2J".into()]),
            agrees: Some(false),
            ..ExplainedAttribute::default()
        };
        let text = people(&Explanation {
            sentence: "Ada is not in sync".into(),
            jobs: vec![ExplainedJob {
                attributes: vec![attribute],
                ..ExplainedJob::default()
            }],
            ..Explanation::default()
        });
        assert!(text.starts_with("Ada is not in sync\n"), "{text}");
        assert!(text.contains("≠ department: Locks"), "{text}");
        assert!(text.contains("in the target: Bridges\u{fffd}[2J"), "{text}");
    }
}
