//! What differs between two sets of rules, in the words of the rules: mappings, clauses, containers, not lines of text.
//!
//! Never judges, and works on rules that would not pass a check. Trap: mappings are paired by their classes and target
//! attributes, filters by their names; order means nothing but among mappings of the same classes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{read, tree};

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The mapping of objects (`user → User`), or the part of the schema.
    pub place: String,
    /// What of it: `attribute displayName`, `filter sales`, `included containers`.
    pub subject: String,
    /// As it was; `None`: it was not there.
    pub before: Option<String>,
    /// As it is; `None`: it is not there any more.
    pub after: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (place, subject) = (&self.place, &self.subject);
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {place}: {subject}: {after}"),
            (Some(before), None) => write!(f, "- {place}: {subject}: {before}"),
            (before, after) => write!(
                f,
                "~ {place}: {subject}: {} → {}",
                before.as_deref().unwrap_or_default(),
                after.as_deref().unwrap_or_default()
            ),
        }
    }
}

/// Everything that differs, in the order of places and subjects.
pub fn diff(before: &read::Schema, after: &read::Schema) -> Vec<Change> {
    let (before, after) = (described(before), described(after));
    let mut keys: Vec<&Key> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let changes = keys.into_iter().filter_map(|key| {
        let (old, new) = (before.get(key), after.get(key));
        (old != new).then(|| Change {
            place: key.place.clone(),
            subject: key.subject.clone(),
            before: old.cloned(),
            after: new.cloned(),
        })
    });
    changes.collect()
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: String,
    subject: String,
}

/// Everything rules say, as lines that can be held against each other.
type Lines = BTreeMap<Key, String>;

fn described(schema: &read::Schema) -> Lines {
    let mut lines = Lines::new();
    rest(&mut lines, "schema", &schema.extra);
    for directory in schema.directories.list() {
        self::directory(&mut lines, directory);
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let rules = schema.synchronization_rules.list();
    for (index, rule) in rules.iter().enumerate() {
        let name = match (rules.len(), rule.name.text()) {
            (1, _) => "rule".to_owned(),
            (_, "") => format!("rule {}", index + 1),
            (_, name) => format!("rule {name}"),
        };
        self::rule(&mut lines, &name, rule);
        for mapping in rule.object_mappings.list() {
            let classes = format!(
                "{} → {}",
                mapping.source_object_name.text(),
                mapping.target_object_name.text()
            );
            let count = seen.entry(classes.to_lowercase()).or_default();
            *count += 1;
            let place = match *count {
                1 => classes,
                number => format!("{classes} ({number})"),
            };
            object_mapping(&mut lines, &place, mapping);
        }
    }
    lines
}

fn put(lines: &mut Lines, place: &str, subject: impl Into<String>, text: impl Into<String>) {
    let key = Key {
        place: place.to_owned(),
        subject: subject.into(),
    };
    let text = text.into();
    // Two of the same name are one line, so that nothing is lost.
    lines
        .entry(key)
        .and_modify(|have| {
            have.push_str("; ");
            have.push_str(&text);
        })
        .or_insert(text);
}

/// Members this version does not know.
fn rest(lines: &mut Lines, place: &str, extra: &Map<String, Json>) {
    for (name, value) in extra {
        put(lines, place, format!("member {name}"), value.to_string());
    }
}

fn directory(lines: &mut Lines, directory: &read::Directory) {
    let place = format!("directory {}", directory.name.text());
    rest(lines, &place, &directory.extra);
    for object in directory.objects.list() {
        let class = object.name.text();
        let place = format!("{place}, class {class}");
        rest(lines, &place, &object.extra);
        for attribute in object.attributes.list() {
            let mut text = attribute.r#type.text().to_owned();
            for (flag, word) in [
                (&attribute.multivalued, "several values"),
                (&attribute.required, "required"),
            ] {
                if flag.get() == Some(&true) {
                    text.push_str(", ");
                    text.push_str(word);
                }
            }
            text.push_str(&others(&attribute.extra));
            let name = attribute.name.text();
            put(lines, &place, format!("definition {name}"), text);
        }
    }
}

fn others(extra: &Map<String, Json>) -> String {
    let one = |(name, value): (&String, &Json)| format!(", {name} {value}");
    extra.iter().map(one).collect()
}

fn rule(lines: &mut Lines, place: &str, rule: &read::Rule) {
    let direction = format!(
        "{} → {}",
        rule.source_directory_name.text(),
        rule.target_directory_name.text()
    );
    put(lines, place, "direction", direction);
    if let Some(priority) = rule.priority.get() {
        put(lines, place, "priority", priority.to_string());
    }
    if !rule.name.text().is_empty() {
        put(lines, place, "name", rule.name.text());
    }
    rest(lines, place, &rule.extra);
    if let Some(filter) = rule.container_filter.get() {
        for name in filter.included_containers.list() {
            put(
                lines,
                place,
                format!("included container {name}"),
                "in scope",
            );
        }
        for name in filter.excluded_containers.list() {
            put(
                lines,
                place,
                format!("excluded container {name}"),
                "out of scope",
            );
        }
        rest(lines, place, &filter.extra);
    }
    if let Some(filter) = rule.group_filter.get() {
        let how = match filter.include_nested_members.get() {
            Some(true) => "members and members of nested groups are in scope",
            _ => "direct members are in scope",
        };
        for name in filter.included_groups.list() {
            put(lines, place, format!("group {name}"), how);
        }
        rest(lines, place, &filter.extra);
    }
}

fn object_mapping(lines: &mut Lines, place: &str, mapping: &read::ObjectMapping) {
    let state = match mapping.enabled.get() {
        Some(false) => "switched off",
        _ => "in use",
    };
    put(lines, place, "mapping", state);
    if !mapping.name.text().is_empty() {
        put(lines, place, "name", mapping.name.text());
    }
    if let Some(flows) = mapping.flow_types.get() {
        put(lines, place, "flows", flows);
    }
    rest(lines, place, &mapping.extra);
    for attribute in mapping.attribute_mappings.list() {
        let name = attribute.target_attribute_name.text();
        put(
            lines,
            place,
            format!("attribute {name}"),
            attribute_mapping(attribute),
        );
    }
    let Some(scope) = mapping.scope.get() else {
        return;
    };
    let lists = [
        ("filter", &scope.groups),
        ("input filter", &scope.input_filter_groups),
        ("category filter", &scope.category_filter_groups),
        ("exclusion", &scope.exclusions),
    ];
    for (list, groups) in lists {
        for (index, group) in groups.list().iter().enumerate() {
            let name = match group.name.text() {
                "" => (index + 1).to_string(),
                name => name.to_owned(),
            };
            put(lines, place, format!("{list} {name}"), filter_group(group));
        }
    }
    rest(lines, place, &scope.extra);
}

/// How a target attribute is filled, in one line.
fn attribute_mapping(attribute: &read::AttributeMapping) -> String {
    let mut text = match attribute.source.get() {
        None => "no source".to_owned(),
        Some(source) => match tree::expression(source, 0) {
            Ok(expression) => expression.to_string(),
            Err(_) => serde_json::to_string(source).unwrap_or_default(),
        },
    };
    if let Some(default) = attribute.default_value.get() {
        text.push_str(&format!(", default {default:?}"));
    }
    for (member, usual) in [
        (&attribute.flow_type, "Always"),
        (&attribute.flow_behavior, "FlowWhenChanged"),
    ] {
        if let Some(value) = member.get().filter(|value| *value != usual) {
            text.push_str(&format!(", {value}"));
        }
    }
    if let Some(priority) = attribute.matching_priority.get().filter(|n| **n != 0) {
        text.push_str(&format!(", matching priority {priority}"));
    }
    text.push_str(&others(&attribute.extra));
    text
}

/// The clauses of a filter, in one line.
fn filter_group(group: &read::FilterGroup) -> String {
    let clause = |clause: &read::FilterClause| {
        let values = clause
            .target_operand
            .get()
            .map_or(&[][..], |operand| operand.values.list());
        let mut text = format!(
            "{} {}",
            clause.source_operand_name.text(),
            clause.operator_name.text()
        );
        if !values.is_empty() {
            text.push(' ');
            text.push_str(&values.join(", "));
        }
        text.push_str(&others(&clause.extra));
        text
    };
    let clauses: Vec<String> = group.clauses.list().iter().map(clause).collect();
    let mut text = clauses.join(" AND ");
    if group.only_new_objects.get() == Some(&true) {
        text.push_str(", new objects only");
    }
    text.push_str(&others(&group.extra));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changes(before: Json, after: Json) -> Vec<String> {
        let read = |json| serde_json::from_value::<read::Schema>(json).unwrap();
        let all = diff(&read(before), &read(after));
        all.iter().map(ToString::to_string).collect()
    }

    fn schema(attributes: Json, scope: Json, containers: Json) -> Json {
        json!({ "directories": [], "synchronizationRules": [{ "name": "r", "containerFilter": { "includedContainers": containers },
            "objectMappings": [{ "sourceObjectName": "user", "targetObjectName": "User", "scope": scope,
                "attributeMappings": attributes }] }] })
    }

    #[test]
    fn equal_rules_do_not_differ_whatever_their_order() {
        let one =
            json!({ "targetAttributeName": "a", "source": { "type": "Attribute", "name": "x" } });
        let other =
            json!({ "targetAttributeName": "b", "source": { "expression": "Trim( [y] )" } });
        let spaced = json!({ "targetAttributeName": "b", "source": { "type": "Function", "expression": "Trim([y])" } });
        let before = schema(json!([one, other]), Json::Null, json!(["OU=a,DC=x"]));
        let after = schema(json!([spaced, one]), Json::Null, json!(["OU=a,DC=x"]));
        assert_eq!(changes(before, after), [""; 0]);
    }

    #[test]
    fn mappings_clauses_and_containers_are_told_one_by_one() {
        let clause = |value: &str| {
            json!({ "groups": [{ "name": "staff", "clauses": [
            { "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": [value] } },
            { "operatorName": "IS NOT NULL", "sourceOperandName": "mail" }] }] })
        };
        let before = schema(
            json!([
                { "targetAttributeName": "a", "source": { "type": "Attribute", "name": "x" } },
                { "targetAttributeName": "b", "source": { "type": "Attribute", "name": "y" }, "matchingPriority": 1 },
            ]),
            clause("Sales"),
            json!(["OU=a,DC=x"]),
        );
        let after = schema(
            json!([
                { "targetAttributeName": "b", "source": { "type": "Attribute", "name": "y" }, "flowType": "ObjectAddOnly" },
                { "targetAttributeName": "c", "defaultValue": "d", "source": { "type": "Constant", "name": "k" } },
            ]),
            clause("Purchase"),
            json!(["OU=b,DC=x"]),
        );
        assert_eq!(
            changes(before, after),
            [
                "- rule: included container OU=a,DC=x: in scope",
                "+ rule: included container OU=b,DC=x: in scope",
                "- user → User: attribute a: [x]",
                "~ user → User: attribute b: [y], matching priority 1 → [y], ObjectAddOnly",
                "+ user → User: attribute c: \"k\", default \"d\"",
                "~ user → User: filter staff: department EQUALS Sales AND mail IS NOT NULL → department EQUALS Purchase AND mail IS NOT NULL",
            ]
        );
    }

    #[test]
    fn what_this_version_does_not_know_is_told_as_it_stands() {
        let before = json!({ "version": "1", "synchronizationRules": [{ "objectMappings": [] }] });
        let after = json!({ "version": "2", "synchronizationRules": [{ "objectMappings": [], "new": { "x": 1 } }] });
        assert_eq!(
            changes(before, after),
            [
                "+ rule: member new: {\"x\":1}",
                "~ schema: member version: \"1\" → \"2\""
            ]
        );
    }

    #[test]
    fn rules_with_mistakes_can_be_compared() {
        let with = |expression: &str| {
            schema(
                json!([{ "targetAttributeName": "a", "source": { "type": "Function", "expression": expression } }]),
                Json::Null,
                json!([]),
            )
        };
        let found = changes(with("Trim("), with("Trim([a])"));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("~ user → User: attribute a: {"),
            "{found:?}"
        );
    }
}
