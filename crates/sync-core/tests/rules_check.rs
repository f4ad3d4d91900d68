//! Checking against what the systems have, and rules that nobody would write by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value as Json, json};
use sync_core::{
    code::Code,
    object::{AttributeInfo, AttributeType},
    schema::{
        Discovered, Problem,
        discovered::{TargetAttribute, TargetClass},
        limits,
        preset::{self, load_for},
        read::Schema,
    },
};

fn attribute(name: &str) -> AttributeInfo {
    AttributeInfo {
        name: name.into(),
        kind: AttributeType::Text,
        is_multivalued: false,
    }
}

fn known() -> Discovered {
    let target = |name: &str, is_reference, is_required| TargetAttribute {
        name: name.into(),
        is_reference,
        is_required,
    };
    Discovered {
        source: Some(
            ["cn", "mail", "department", "contosoBadge"]
                .map(attribute)
                .into(),
        ),
        target: Some(vec![TargetClass {
            name: "User".into(),
            attributes: vec![
                target("displayName", false, true),
                target("mail", false, false),
                target("manager", true, false),
            ],
        }]),
    }
}

fn rules(attributes: Json, scope: Json) -> Json {
    json!({ "synchronizationRules": [{ "objectMappings": [{
        "sourceObjectName": "user", "targetObjectName": "User", "scope": scope, "attributeMappings": attributes
    }] }] })
}

fn maps(target: &str, expression: &str) -> Json {
    json!({ "targetAttributeName": target, "source": { "type": "Function", "expression": expression } })
}

fn texts(problems: &[Problem]) -> Vec<String> {
    let shorten = |problem: &Problem| {
        problem
            .to_string()
            .replace("$.synchronizationRules[0].objectMappings[0].", "")
    };
    problems.iter().map(shorten).collect()
}

#[test]
fn attributes_that_neither_source_nor_target_has_are_found_with_a_suggestion() {
    let scope = json!({ "groups": [{ "clauses": [
        { "operatorName": "EQUALS", "sourceOperandName": "deparment", "targetOperand": { "values": ["x"] } }] }] });
    let document = rules(
        json!([
            maps("displayName", "Join(\" \", [cn], [conotsoBadge])"),
            maps("mial", "[mail]"),
            maps("manager", "Trim([cn])"),
        ]),
        scope,
    );
    let (result, notes) = load_for(&document.to_string(), &known());
    let problems = result.unwrap_err();
    assert_eq!(
        texts(&problems),
        [
            "attributeMappings[0].source: the source has no attribute conotsoBadge; did you mean contosoBadge?",
            "scope.groups[0].clauses[0].sourceOperandName: the source has no attribute deparment; did you mean department?",
            "attributeMappings[1].targetAttributeName: User has no attribute mial; did you mean mail?",
            "attributeMappings[2].targetAttributeName: manager refers to other objects, and its source is no attribute; map a linked attribute of the source to it",
        ]
    );
    assert!(
        problems
            .iter()
            .all(|p| p.code == Code::SchemaAttributeNotFound)
    );
    assert_eq!(notes, []);
}

#[test]
fn custom_attributes_are_ordinary_and_those_of_absent_products_are_a_note() {
    let document = rules(
        json!([
            maps("displayName", "[contosoBadge]"),
            maps("mail", "[extensionAttribute1]")
        ]),
        Json::Null,
    );
    let (result, notes) = load_for(&document.to_string(), &known());
    assert!(result.is_ok(), "{:?}", result.err());
    assert_eq!(
        texts(&notes),
        [
            "attributeMappings[1].source: the source has no attribute extensionAttribute1; it counts as empty; leave it if the product that adds it may be installed later"
        ]
    );
}

#[test]
fn a_class_or_a_required_attribute_the_target_misses_is_found() {
    let without = rules(json!([maps("mail", "[mail]")]), Json::Null);
    let (result, _) = load_for(&without.to_string(), &known());
    assert_eq!(
        texts(&result.unwrap_err()),
        [
            "attributeMappings: User must have displayName, and nothing is mapped to it; map a source to displayName"
        ]
    );
    let mut other = rules(json!([maps("displayName", "[cn]")]), Json::Null);
    other["synchronizationRules"][0]["objectMappings"][0]["targetObjectName"] = "Usre".into();
    let (result, _) = load_for(&other.to_string(), &known());
    assert_eq!(
        texts(&result.unwrap_err()),
        ["targetObjectName: the target has no objects of class Usre; did you mean User?"]
    );
}

#[test]
fn attributes_the_schema_itself_defines_are_there() {
    let mut document = rules(json!([maps("displayName", "[badge]")]), Json::Null);
    document["directories"] = json!([{ "name": "AD", "objects": [
        { "name": "user", "attributes": [{ "name": "badge", "type": "String" }] }] }]);
    document["synchronizationRules"][0]["sourceDirectoryName"] = "AD".into();
    let (result, _) = load_for(&document.to_string(), &known());
    assert!(result.is_ok(), "{:?}", result.err());
    document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][0] =
        maps("displayName", "[bagde]");
    let (result, _) = load_for(&document.to_string(), &Discovered::default());
    assert_eq!(
        texts(&result.unwrap_err()),
        ["attributeMappings[0].source: the source has no attribute bagde; did you mean badge?"]
    );
}

#[test]
fn nothing_is_missing_where_nothing_was_discovered() {
    let document = rules(json!([maps("nowhere", "[anything]")]), Json::Null);
    assert!(
        load_for(&document.to_string(), &Discovered::default())
            .0
            .is_ok()
    );
}

#[test]
fn containers_and_groups_must_be_names_and_the_same_in_every_rule() {
    let rule = |containers: Json, groups: Json| json!({ "containerFilter": containers, "groupFilter": groups, "objectMappings": [] });
    let load = |rules: Json| {
        let document = json!({ "synchronizationRules": rules });
        preset::load(&document.to_string()).map_err(|problems| texts(&problems))
    };
    let bad = load(json!([rule(
        json!({ "includedContainers": ["Sales", "OU=a,DC=x"], "excludedContainers": ["ou=A, dc=X"] }),
        json!({ "includedGroups": ["CN=g,DC=x", ""] }),
    )]));
    assert_eq!(
        bad.unwrap_err(),
        [
            "$.synchronizationRules[0].containerFilter.includedContainers[0]: \"Sales\" is no distinguished name; write it as OU=Sales,DC=example,DC=com",
            "$.synchronizationRules[0].containerFilter.excludedContainers: ou=A, dc=X is included and excluded; remove it from one of the two lists",
            "$.synchronizationRules[0].groupFilter.includedGroups[1]: \"\" is no distinguished name; write it as OU=Sales,DC=example,DC=com",
        ]
    );
    let different = load(json!([
        rule(json!({ "includedContainers": ["OU=a,DC=x"] }), Json::Null),
        rule(Json::Null, Json::Null)
    ]));
    assert_eq!(
        different.unwrap_err(),
        [
            "$.synchronizationRules[1]: its containers or groups are others than those of synchronizationRules[0]; put rules with other containers or groups into a job of their own"
        ]
    );
    let same = load(json!([rule(
        Json::Null,
        json!({ "includedGroups": ["CN=g,DC=x"], "includeNestedMembers": true })
    )]))
    .unwrap();
    assert_eq!(same.groups().named, ["CN=g,DC=x"]);
    assert!(same.groups().is_transitive);
}

#[test]
fn groups_of_the_scope_are_read_with_their_members() {
    let document = json!({ "synchronizationRules": [{ "groupFilter": { "includedGroups": ["CN=g,DC=x"] },
        "objectMappings": [{ "sourceObjectName": "user", "targetObjectName": "User" }] }] });
    let rules = preset::load(&document.to_string()).unwrap();
    let spec = sync_core::schema::checked::read_spec(&rules);
    let has = |names: &[sync_core::value::Name], name: &str| names.iter().any(|n| &**n == name);
    assert!(has(&spec.classes, "group") && has(&spec.classes, "user"));
    assert!(has(&spec.links, "member"));
}

#[test]
fn mistakes_of_form_and_of_meaning_are_told_together() {
    let mut document = rules(json!([maps("mial", "Trm([a])")]), Json::Null);
    document["synchronizationRules"][0]["priority"] = "first".into();
    let (result, _) = load_for(&document.to_string(), &known());
    let found = texts(&result.unwrap_err());
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].contains("an integer is expected here, not a text"));
    assert!(found[1].contains("there is no function Trm"));
    assert!(found[2].contains("User has no attribute mial"));
    assert!(found[3].contains("User must have displayName"));
}

#[test]
fn any_schema_is_written_back_as_an_equal_document() {
    for text in [preset::AD_TO_DIRECTORY, preset::OPENLDAP_TO_DIRECTORY] {
        let document: Json = serde_json::from_str(text).unwrap();
        let schema: Schema = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&schema).unwrap(), document);
    }
    let strange = json!({ "x": 1e300, "y": [null, { "z": "\u{0}" }], "version": null, "directories": null,
        "synchronizationRules": [{ "priority": null, "newThing": { "deep": [[[]]] }, "objectMappings": [
            { "scope": { "groups": [], "unknownGroups": [1] }, "metadata": [{ "key": "k", "value": "v" }] }] }] });
    let schema: Schema = serde_json::from_value(strange.clone()).unwrap();
    assert_eq!(serde_json::to_value(&schema).unwrap(), strange);
}

fn one(text: &str) -> Problem {
    let problems = preset::load(text).unwrap_err();
    assert_eq!(problems.len(), 1, "{:?}", texts(&problems));
    assert_eq!(problems[0].code, Code::SchemaInvalid);
    problems[0].clone()
}

#[test]
fn truncated_rules_are_refused_wherever_they_end() {
    let text = preset::AD_TO_DIRECTORY.trim_end();
    for end in (0..text.len()).step_by(997) {
        if text.is_char_boundary(end) {
            one(&text[..end]);
        }
    }
}

#[test]
fn any_depth_of_nesting_is_refused_or_read() {
    for depth in [100, 1_000, 100_000] {
        let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        one(&lists);
        let source = format!(
            "{}null{}",
            "{\"parameters\":[{\"value\":".repeat(depth),
            "}]}".repeat(depth)
        );
        let document = format!(
            "{{\"synchronizationRules\":[{{\"objectMappings\":[{{\"sourceObjectName\":\"u\",\"targetObjectName\":\"u\",\"attributeMappings\":[{{\"targetAttributeName\":\"a\",\"source\":{source}}}]}}]}}]}}"
        );
        assert!(preset::load(&document).is_err(), "{depth}");
    }
    let unknown = format!("{{\"x\":{}{}}}", "[".repeat(50), "]".repeat(50));
    assert_eq!(one(&unknown).path, "$.synchronizationRules");
}

#[test]
fn too_much_of_anything_is_told_by_its_limit() {
    let mapping = maps("a", "[b]");
    let many = rules(
        Json::Array(vec![mapping; limits::MAX_ATTRIBUTE_MAPPINGS + 1]),
        Json::Null,
    );
    assert!(
        one(&many.to_string())
            .message
            .contains("mappings of attributes")
    );
    let clause = json!({ "operatorName": "REGEX MATCH", "sourceOperandName": "a", "targetOperand": { "values": ["(\\w{500}){20}"] } });
    let scope = json!({ "groups": [{ "clauses": vec![clause; limits::MAX_REGEX_CLAUSES + 1] }] });
    assert!(
        one(&rules(json!([]), scope).to_string())
            .message
            .contains("regular expression")
    );
    let long = rules(
        json!([maps("a", &"x".repeat(limits::MAX_SCHEMA_BYTES))]),
        Json::Null,
    );
    assert!(one(&long.to_string()).message.contains("bytes"));
    let definitions = json!({ "directories": [{ "objects": [{ "attributes": vec![json!({}); limits::MAX_DEFINITIONS + 1] }] }] });
    assert!(
        one(&definitions.to_string())
            .message
            .contains("definitions")
    );
}

#[test]
fn thousands_of_mistakes_are_told_up_to_a_limit() {
    // Every name is near to many others: the dearest case for suggestions.
    let near = |n: usize| format!("attribute{}{n:06}", "x".repeat(80));
    let attributes: Vec<Json> = (0..limits::MAX_ATTRIBUTE_MAPPINGS)
        .map(|n| maps(&near(n), &format!("[{}]", near(n + 1))))
        .collect();
    let mut known = known();
    known.source = Some((0..300).map(|n| attribute(&near(900_000 + n))).collect());
    let (result, _) = load_for(
        &rules(Json::Array(attributes), Json::Null).to_string(),
        &known,
    );
    assert_eq!(result.unwrap_err().len(), limits::MAX_PROBLEMS);
    let wrong = vec![json!(5); 100_000];
    let (result, _) = load_for(&rules(Json::Array(wrong), Json::Null).to_string(), &known);
    assert!(result.unwrap_err().len() <= limits::MAX_PROBLEMS + 10);
}

#[test]
fn a_system_cannot_be_its_own_target() {
    let document = json!({ "synchronizationRules": [{ "sourceDirectoryName": "AD", "targetDirectoryName": "ad" }] });
    let problem = one(&document.to_string());
    assert!(problem.message.contains("both source and target"));
}
