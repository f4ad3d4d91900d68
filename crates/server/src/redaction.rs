//! Which values people do not see: those that rules redact, in any version a job ever had, and secrets whatever the rules say.
//!
//! It fails closed: where the rules cannot be read, nothing is shown. Trap: an attribute of the source is hidden as a whole where an
//! expression with `Redact` names it, even if another mapping shows what becomes of it.

use std::collections::BTreeSet;

use engine::{Engine, StoreError};
use serde_json::Value as Json;
use sync_core::{
    expression::steps::REDACTED,
    id::{ConnectorId, JobId},
    value::{Attributes, Value},
};
use wire::api::v1::Values;

use crate::api::convert;

/// Attributes whose values are secrets whatever the rules say.
const SECRETS: [&str; 5] = [
    "password",
    "passwordprofile",
    "userpassword",
    "unicodepwd",
    "credentialdata",
];

const REDACT: &str = "Redact";

/// What is hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    is_everything: bool,
    // INVARIANT: lower case.
    targets: BTreeSet<String>,
    sources: BTreeSet<String>,
}

impl Hidden {
    /// What the rules of a job hide, or hid in any version; also of a job that was removed.
    pub fn of_job(engine: &Engine, job: JobId) -> Self {
        Self::read(engine, job).unwrap_or_else(|_| Self {
            is_everything: true,
            ..Self::default()
        })
    }

    /// What the rules of any job hide that reads this source.
    ///
    /// # Errors
    /// Of the store.
    pub fn of_source(engine: &Engine, source: ConnectorId) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for job in engine.jobs()? {
            if job.source == source {
                let own = Self::of_job(engine, job.id);
                all.is_everything |= own.is_everything;
                all.targets.extend(own.targets);
                all.sources.extend(own.sources);
            }
        }
        Ok(all)
    }

    fn read(engine: &Engine, job: JobId) -> Result<Self, StoreError> {
        let mut hidden = Self::default();
        for version in engine.rules_versions(job)? {
            hidden.add(&engine.rules_at(job, version.version)?);
        }
        Ok(hidden)
    }

    /// Also what these rules hide.
    pub fn add(&mut self, rules: &str) {
        if rules.contains(REDACT) {
            match serde_json::from_str(rules) {
                Ok(rules) => self.look(&rules),
                Err(_) => self.is_everything = true,
            }
        }
    }

    fn look(&mut self, json: &Json) {
        match json {
            Json::Object(members) => {
                let target = members.get("targetAttributeName").and_then(Json::as_str);
                let source = members.get("source");
                if let (Some(target), Some(source)) = (target, source)
                    && source.to_string().contains(REDACT)
                {
                    self.targets.insert(target.to_lowercase());
                    sources(source, &mut self.sources);
                }
                members.values().for_each(|one| self.look(one));
            }
            Json::Array(all) => all.iter().for_each(|one| self.look(one)),
            _ => {}
        }
    }

    /// Whether the values of an attribute of the target are not shown.
    pub fn hides(&self, target: &str) -> bool {
        let target = target.to_lowercase();
        self.is_everything || SECRETS.contains(&&*target) || self.targets.contains(&target)
    }

    /// Whether the values of an attribute of the source are not shown.
    pub fn hides_source(&self, source: &str) -> bool {
        let source = source.to_lowercase();
        self.is_everything || SECRETS.contains(&&*source) || self.sources.contains(&source)
    }

    /// Values of an attribute of the target as people may see them: what is hidden, as one word, if there is anything.
    pub fn texts(&self, target: &str, values: &[Value]) -> Vec<String> {
        match values {
            [] => Vec::new(),
            _ if self.hides(target) => vec![REDACTED.to_owned()],
            values => values.iter().map(Value::display).collect(),
        }
    }

    /// Attributes of the target as people may see them.
    pub fn values(&self, attributes: &Attributes) -> Values {
        without(convert::values(attributes), |name| self.hides(name))
    }

    /// Attributes of the source as people may see them.
    pub fn source_values(&self, attributes: &Attributes) -> Values {
        without(convert::values(attributes), |name| self.hides_source(name))
    }
}

/// With one word in place of what is hidden.
fn without(mut all: Values, is_hidden: impl Fn(&str) -> bool) -> Values {
    for (name, values) in &mut all {
        if !values.is_empty() && is_hidden(name) {
            *values = vec![REDACTED.to_owned()];
        }
    }
    all
}

/// The attributes that a mapping's source names, in its text (`[name]`) and in its tree.
fn sources(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::String(text) => {
            let parts = text.split('[').skip(1);
            let names = parts.filter_map(|part| part.split_once(']'));
            found.extend(names.map(|(name, _)| name.trim().to_lowercase()));
        }
        Json::Object(members) => {
            let is_attribute = members.get("type").and_then(Json::as_str) == Some("Attribute");
            let name = members.get("name").and_then(Json::as_str);
            found.extend(name.filter(|_| is_attribute).map(str::to_lowercase));
            members.values().for_each(|one| sources(one, found));
        }
        Json::Array(all) => all.iter().for_each(|one| sources(one, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hidden() -> Hidden {
        let rules = json!({ "synchronizationRules": [{ "objectMappings": [{ "attributeMappings": [
            { "targetAttributeName": "JobTitle", "source": { "expression": "Redact(Trim([title]))" } },
            { "targetAttributeName": "mobile", "source": { "type": "Function", "name": "Redact",
                "parameters": [{ "key": "source", "value": { "type": "Attribute", "name": "Mobile" } }] } },
            { "targetAttributeName": "city", "source": { "expression": "[l]" } },
        ] }] }] });
        let mut hidden = Hidden::default();
        hidden.add(&rules.to_string());
        hidden
    }

    #[test]
    fn what_rules_redact_is_known_by_target_and_source_in_text_and_tree() {
        let hidden = hidden();
        for name in ["jobTitle", "MOBILE", "unicodePwd"] {
            assert!(hidden.hides(name), "{name}");
        }
        for name in ["title", "mobile", "userPassword"] {
            assert!(hidden.hides_source(name), "{name}");
        }
        assert!(!hidden.hides("city") && !hidden.hides_source("l"));
        assert!(!hidden.hides("title") && !hidden.hides_source("jobTitle"));
    }

    #[test]
    fn what_is_hidden_is_one_word_if_there_is_anything() {
        let hidden = hidden();
        let two = [Value::from("a"), Value::from("b")];
        assert_eq!(hidden.texts("jobTitle", &two), [REDACTED]);
        assert_eq!(hidden.texts("jobTitle", &[]), [""; 0]);
        assert_eq!(hidden.texts("city", &two), ["a", "b"]);
    }

    #[test]
    fn rules_that_cannot_be_read_hide_everything() {
        let mut hidden = hidden();
        hidden.add("{ Redact");
        assert!(hidden.hides("city") && hidden.hides_source("l"));
    }
}
