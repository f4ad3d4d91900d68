//! Whether each member of a schema has the type it must have: all that have not, each with its place.
//!
//! What is mistyped is put out of the way, so that the rest can be checked too. Never judges what a member says. Trap: an
//! element of a list is replaced and not removed, or the places of those behind it would be wrong.

use serde_json::{Map, Value as Json};

use super::{limits::MAX_PROBLEMS, problem::Problem};
use crate::code::Code;

/// Something that has a form in JSON.
pub(super) trait Shaped {
    /// What stands in for a mistyped element of a list.
    fn blank() -> Json;
    /// Reports what is mistyped in it, and puts it out of the way.
    fn mend(json: &mut Json, path: &str, findings: &mut Findings);
}

/// What was found.
#[derive(Default)]
pub(super) struct Findings(pub Vec<Problem>);

impl Findings {
    fn mistyped(&mut self, path: &str, wanted: &str, found: &Json) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(Problem {
                path: path.to_owned(),
                code: Code::SchemaInvalid,
                message: format!("{wanted} is expected here, not {}", kind_of(found)),
                cure: Some(format!("write {wanted}, or leave the member out")),
            });
        }
    }

    /// The members of an object; anything else is reported and made an empty object.
    pub fn object<'j>(
        &mut self,
        json: &'j mut Json,
        path: &str,
    ) -> Option<&'j mut Map<String, Json>> {
        if !json.is_object() {
            self.mistyped(path, "an object", json);
            *json = Json::Object(Map::new());
        }
        json.as_object_mut()
    }

    /// A member that may be absent or `null`.
    pub fn member<T: Shaped>(&mut self, members: &mut Map<String, Json>, path: &str, name: &str) {
        match members.get_mut(name) {
            None | Some(Json::Null) => {}
            Some(json) => T::mend(json, &format!("{path}.{name}"), self),
        }
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// The name in JSON of a field (`source_object_name` → `sourceObjectName`).
pub(super) fn member_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    for (index, word) in field.trim_start_matches("r#").split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => name.push(first.to_ascii_uppercase()),
            Some(first) => name.push(first),
            None => {}
        }
        name.extend(letters);
    }
    name
}

macro_rules! plain {
    ($($kind:ty, $is:ident, $wanted:literal;)*) => {$(
        impl Shaped for $kind {
            fn blank() -> Json {
                Json::from(<$kind>::default())
            }

            fn mend(json: &mut Json, path: &str, findings: &mut Findings) {
                if !json.$is() {
                    findings.mistyped(path, $wanted, json);
                    *json = Json::Null;
                }
            }
        }
    )*};
}

plain! {
    String, is_string, "a text";
    bool, is_boolean, "a truth value";
    i64, is_i64, "an integer";
}

impl<T: Shaped> Shaped for Vec<T> {
    fn blank() -> Json {
        Json::Array(Vec::new())
    }

    fn mend(json: &mut Json, path: &str, findings: &mut Findings) {
        let Some(elements) = json.as_array_mut() else {
            findings.mistyped(path, "a list", json);
            *json = Json::Null;
            return;
        };
        for (index, element) in elements.iter_mut().enumerate() {
            T::mend(element, &format!("{path}[{index}]"), findings);
            if element.is_null() {
                *element = T::blank();
            }
        }
    }
}

impl<T: Shaped> Shaped for Box<T> {
    fn blank() -> Json {
        T::blank()
    }

    fn mend(json: &mut Json, path: &str, findings: &mut Findings) {
        T::mend(json, path, findings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::read::Schema;
    use serde_json::json;

    fn found(mut document: Json) -> Vec<String> {
        let mut findings = Findings::default();
        Schema::mend(&mut document, "$", &mut findings);
        serde_json::from_value::<Schema>(document).unwrap();
        findings.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistyped_member_is_told_with_its_place() {
        let document = json!({
            "id": 5,
            "directories": [null, { "name": "d", "objects": [{ "attributes": "all" }] }],
            "synchronizationRules": [
                { "priority": "1", "objectMappings": [
                    { "enabled": "yes", "scope": { "groups": [{ "clauses": [{ "targetOperand": { "values": ["a", 5] } }] }] },
                      "attributeMappings": [{ "matchingPriority": 1.5, "source": { "parameters": [{ "value": [] }] } }] }] },
                "rule"
            ]
        });
        let all = found(document);
        let starts = [
            "$.directories[0]: an object is expected here, not null",
            "$.directories[1].objects[0].attributes: a list is expected here, not a text",
            "$.synchronizationRules[0].priority: an integer is expected here, not a text",
            "$.synchronizationRules[0].objectMappings[0].enabled: a truth value is expected here, not a text",
            "$.synchronizationRules[0].objectMappings[0].scope.groups[0].clauses[0].targetOperand.values[1]: a text is expected here, not a number",
            "$.synchronizationRules[0].objectMappings[0].attributeMappings[0].matchingPriority: an integer is expected here, not a number",
            "$.synchronizationRules[0].objectMappings[0].attributeMappings[0].source.parameters[0].value: an object is expected here, not a list",
            "$.synchronizationRules[1]: an object is expected here, not a text",
        ];
        assert_eq!(all.len(), starts.len(), "{all:#?}");
        for start in starts {
            assert!(
                all.iter().any(|have| have.starts_with(start)),
                "missing: {start}\n{all:#?}"
            );
        }
    }

    #[test]
    fn a_whole_document_of_another_kind_is_one_finding() {
        for document in [json!([]), json!("x"), json!(1), json!(null)] {
            assert_eq!(found(document).len(), 1);
        }
        assert_eq!(found(json!({})).len(), 0);
    }
}
