//! What differs between two configurations, place by place.
//!
//! Trap: what only the present one holds is left alone, and is told as that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wire::api::v1::{Configuration, ConfigurationDifference};

use super::Present;

// LIMIT: differing places told of one thing; rules may differ in thousands.
const PLACES: usize = 100;

/// What differs.
pub(super) fn between(now: &Configuration, wanted: &Configuration) -> Vec<ConfigurationDifference> {
    let mut all = Vec::new();
    of_kind(
        "connector",
        &documents(&now.connectors),
        &documents(&wanted.connectors),
        &mut all,
    );
    let mut jobs = wanted.jobs.clone();
    for job in &mut jobs {
        // As it will be stored: what is left out has its usual value.
        let full = crate::api::convert::changed(&engine::JobSettings::default(), &job.settings);
        job.settings = crate::api::convert::settings(&full);
        if job.state.is_empty() {
            job.state = "paused".into();
        }
    }
    of_kind("job", &documents(&now.jobs), &documents(&jobs), &mut all);
    let mut server = wanted.server.clone();
    let usual = Present::usual_server();
    server.log_days = server.log_days.or(usual.log_days);
    server.log_megabytes = server.log_megabytes.or(usual.log_megabytes);
    server.deletion_prevention = server.deletion_prevention.or(usual.deletion_prevention);
    within(
        ("notifications", ""),
        &json(&now.notifications),
        &json(&wanted.notifications),
        &mut all,
    );
    within(("server", ""), &json(&now.server), &json(&server), &mut all);
    for (kind, now, wanted) in [
        (
            "domain",
            documents(&now.domains),
            documents(&wanted.domains),
        ),
        (
            "apiClient",
            documents(&now.api_clients),
            documents(&wanted.api_clients),
        ),
    ] {
        of_kind(kind, &now, &wanted, &mut all);
    }
    all
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn documents<T: serde::Serialize>(all: &[T]) -> BTreeMap<String, Value> {
    let named = |one: &T| {
        let value = json(one);
        let name = value
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        (name.to_owned(), value)
    };
    all.iter().map(named).collect()
}

fn of_kind(
    kind: &str,
    now: &BTreeMap<String, Value>,
    wanted: &BTreeMap<String, Value>,
    all: &mut Vec<ConfigurationDifference>,
) {
    let names: BTreeSet<&String> = now.keys().chain(wanted.keys()).collect();
    for name in names {
        let whole = |what: &str| ConfigurationDifference {
            what: what.into(),
            kind: kind.into(),
            name: name.clone(),
            ..ConfigurationDifference::default()
        };
        match (now.get(name), wanted.get(name)) {
            (None, Some(_)) => all.push(whole("make")),
            (Some(_), None) => all.push(whole("leave")),
            (Some(now), Some(wanted)) => within((kind, name), now, wanted, all),
            (None, None) => {}
        }
    }
}

fn within(
    (kind, name): (&str, &str),
    now: &Value,
    wanted: &Value,
    all: &mut Vec<ConfigurationDifference>,
) {
    let mut places = Vec::new();
    compare("", Some(now), Some(wanted), &mut places);
    let more = places.len().saturating_sub(PLACES);
    places.truncate(PLACES);
    for (path, before, after) in places {
        all.push(ConfigurationDifference {
            what: "change".into(),
            kind: kind.into(),
            name: name.into(),
            path,
            before,
            after,
        });
    }
    if more > 0 {
        all.push(ConfigurationDifference {
            what: "change".into(),
            kind: kind.into(),
            name: name.into(),
            path: format!("and {more} more places"),
            ..ConfigurationDifference::default()
        });
    }
}

type Place = (String, Option<Value>, Option<Value>);

fn compare(path: &str, now: Option<&Value>, wanted: Option<&Value>, all: &mut Vec<Place>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match (now, wanted) {
        (now, wanted) if now == wanted => {}
        (Some(Value::Object(now)), Some(Value::Object(wanted))) => {
            let names: BTreeSet<&String> = now.keys().chain(wanted.keys()).collect();
            for name in names {
                compare(&below(name), now.get(name), wanted.get(name), all);
            }
        }
        (Some(Value::Array(now)), Some(Value::Array(wanted))) => {
            for place in 0..now.len().max(wanted.len()) {
                let path = format!("{path}[{place}]");
                compare(&path, now.get(place), wanted.get(place), all);
            }
        }
        (now, wanted) => all.push((path.to_owned(), now.cloned(), wanted.cloned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_place_and_both_sides() {
        let mut all = Vec::new();
        let now = serde_json::json!({ "a": { "b": [1, 2] }, "c": "x" });
        let wanted = serde_json::json!({ "a": { "b": [1, 3, 4] }, "d": true });
        compare("", Some(&now), Some(&wanted), &mut all);
        let told: Vec<&str> = all.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(told, ["a.b[1]", "a.b[2]", "c", "d"]);
        assert_eq!(all[0].1, Some(2.into()));
        assert_eq!((all[2].2.clone(), all[3].1.clone()), (None, None));
    }

    #[test]
    fn what_only_the_present_holds_is_left() {
        let now = [("a".to_owned(), Value::Null)].into();
        let mut all = Vec::new();
        of_kind("job", &now, &BTreeMap::new(), &mut all);
        assert_eq!((all[0].what.as_str(), all[0].name.as_str()), ("leave", "a"));
    }
}
