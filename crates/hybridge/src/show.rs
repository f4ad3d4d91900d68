//! Times, durations and sizes in words.
//!
//! Trap: times come as RFC 3339 in UTC and are shown in UTC, because logs of two systems are compared side by side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use wire::api::v1::{Problem, References, Values};

use crate::output::one_line;

/// The objects that others refer to: a line for each attribute, with the first of them by name.
pub fn references(all: &BTreeMap<String, References>) -> String {
    let line = |(name, references): (&String, &References)| {
        let first = references.first.iter();
        let names: Vec<String> = first.map(|one| one_line(&one.name)).collect();
        let more = match references.count > names.len() as u64 {
            true => ", …",
            false => "",
        };
        let (all, names) = (count(references.count), names.join(", "));
        format!("  {name}: {all} ({names}{more})")
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How changes are found, in one line.
pub fn method_line(method: &wire::api::v1::Method) -> String {
    let line = format!("{} on {}", method.name, method.server);
    match &method.weaker {
        None => line,
        Some(weaker) => {
            let told = |name: &str| weaker.arguments.get(name).cloned();
            let text = told("text").unwrap_or_else(|| weaker.message.clone());
            let further = match (told("further_right"), told("container")) {
                (Some(right), Some(container)) => format!(", and {right} on {container}"),
                _ => String::new(),
            };
            let right = told("right").map(|right| format!("; cure: the right {right}{further}"));
            format!("{line}, weaker: {text}{}", right.unwrap_or_default())
        }
    }
}

/// A problem in words: code, what happened, cause and cure.
pub fn problem(problem: &Problem) -> String {
    let mut text = format!("  {}: {}", problem.code, one_line(&problem.message));
    for (name, value) in [("cause", &problem.cause), ("cure", &problem.cure)] {
        if !value.is_empty() {
            text.push_str(&format!("\n  {name}: {value}"));
        }
    }
    text.push_str(&format!("\n  see: hybridge codes {}", problem.code));
    text
}

/// A name short enough for a table.
pub fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Attributes in words, one line each; long ones are cut.
pub fn values(values: &Values, indent: &str) -> String {
    const LONGEST: usize = 160;
    let line = |(name, values): (&String, &Vec<String>)| {
        let mut text = match values.as_slice() {
            [] => "(cleared)".to_owned(),
            values => one_line(&values.join(" | ")),
        };
        if let Some((at, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(at);
            text.push('…');
        }
        format!("{indent}{name}: {text}")
    };
    values.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `2026-01-31 12:00:00` of an RFC 3339 text; the text itself if it is none.
pub fn time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// The time, or a dash.
pub fn time_or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".into(), |text| time(text))
}

/// How long ago, or until when, in words.
pub fn ago(text: &str, now: Timestamp) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    let ms = now.as_millisecond() - time.as_millisecond();
    match ms < 0 {
        true => format!("in {}", duration(ms.unsigned_abs())),
        false => format!("{} ago", duration(ms.unsigned_abs())),
    }
}

/// A duration given in milliseconds.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{}.{} s", seconds, ms % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A number with a thin gap every three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `word` for one, `words` otherwise.
pub fn plural(number: u64, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ => format!("{} {word}s", count(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(12), "12");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(1_250), "1.2 s");
        assert_eq!(duration(3_661_000), "1 h 1 min");
        assert_eq!(plural(1, "object"), "1 object");
        assert_eq!(plural(2_000, "object"), "2 000 objects");
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(time("2026-01-31T12:00:00.5Z"), "2026-01-31 12:00:00");
        let now = "2026-01-31T12:01:00Z".parse().unwrap();
        assert_eq!(ago("2026-01-31T12:00:30Z", now), "30.0 s ago");
        assert_eq!(ago("2026-01-31T12:01:30Z", now), "in 30.0 s");
    }
}
