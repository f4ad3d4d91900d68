//! What checking says of rules with mistakes, and what the checked form does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value as Json, json};
use sync_core::{
    code::Code,
    expression::random::Seed,
    id::Anchor,
    mapping::{Containers, Context, SourceView, evaluate, explain},
    schema::{Problem, check, checked::Rules, preset, read::Schema},
    scope::{ScopeReason, Verdict},
    value::{Attributes, Value},
};

fn checked(document: Json) -> Result<Rules, Vec<Problem>> {
    check(&serde_json::from_value::<Schema>(document).unwrap())
}

/// A schema with one object mapping, user → User.
fn schema(scope: Json, attributes: Json) -> Json {
    json!({
        "directories": [{ "name": "target", "objects": [{ "name": "User", "attributes": [
            { "name": "displayName", "type": "String", "required": true },
            { "name": "userPrincipalName", "type": "String" },
            { "name": "accountEnabled", "type": "Boolean" },
            { "name": "level", "type": "Integer" },
            { "name": "phones", "type": "String", "multivalued": true },
            { "name": "boss", "type": "Reference" }
        ]}]}],
        "synchronizationRules": [{
            "sourceDirectoryName": "source", "targetDirectoryName": "target",
            "objectMappings": [{ "name": "users", "sourceObjectName": "user", "targetObjectName": "user",
                "scope": scope, "attributeMappings": attributes }]
        }]
    })
}

fn function(target: &str, expression: &str) -> Json {
    json!({ "targetAttributeName": target, "source": { "type": "Function", "expression": expression } })
}

fn problems(document: Json) -> Vec<(String, Code, String)> {
    let shorten = |path: &str| path.replace("$.synchronizationRules[0].objectMappings[0].", "");
    let list = checked(document).unwrap_err().into_iter();
    list.map(|p| {
        let cure = p.cure.map_or(String::new(), |cure| format!("; {cure}"));
        (shorten(&p.path), p.code, format!("{}{cure}", p.message))
    })
    .collect()
}

fn run(rules: &Rules, attributes: &[(&str, &[Value])]) -> sync_core::mapping::Evaluation {
    let attributes: Attributes = attributes.iter().map(|(n, v)| (*n, v.to_vec())).collect();
    let anchor = Anchor::new([1_u8]);
    evaluate(
        rules,
        &SourceView::new(&anchor, "user", &attributes),
        &Context::default(),
    )
}

#[test]
fn all_problems_are_reported_at_once_with_their_paths() {
    let scope = json!({ "groups": [
        { "name": "g", "clauses": [
            { "operatorName": "EQUAL", "sourceOperandName": "a", "targetOperand": { "values": ["x"] } },
            { "operatorName": "GREATER_THAN", "sourceOperandName": "a", "targetOperand": { "values": ["x"] } },
            { "operatorName": "REGEX MATCH", "sourceOperandName": "a", "targetOperand": { "values": ["(?=x)"] } },
            { "operatorName": "EQUALS", "sourceOperandName": "a", "targetOperand": { "values": [] } },
            { "operatorName": "IS NULL", "sourceOperandName": "" } ] },
        { "name": "empty", "clauses": [] } ],
        "categoryFilterGroups": [{ "name": "c" }] });
    let attributes = json!([
        function("displayName", "Trm([a])"),
        function("dispayName", "[a]"),
        function("level", "Left([a]"),
        { "targetAttributeName": "userPrincipalName", "matchingPriority": -1, "source": { "type": "Attribute", "name": "u" } },
        function("USERPRINCIPALNAME", "[a]"),
        { "targetAttributeName": "accountEnabled", "flowType": "Sometimes", "flowBehavior": "x", "matchingPriority": 2,
          "source": { "type": "Magic" } },
        { "targetAttributeName": "phones", "matchingPriority": 2, "source": { "type": "Attribute", "name": "p" } },
        { "source": { "type": "Attribute", "name": "p" } }
    ]);
    let found = problems(schema(scope, attributes));
    let text: Vec<String> = found
        .iter()
        .map(|(path, _, message)| format!("{path}: {message}"))
        .collect();
    let expected = [
        "scope.categoryFilterGroups: category filters are not supported; express them as groups",
        "scope.groups[0].clauses[0].operatorName: there is no operator \"EQUAL\"; did you mean EQUALS?",
        "scope.groups[0].clauses[1].targetOperand: GREATER_THAN needs an integer, not \"x\"; write a decimal number",
        "scope.groups[0].clauses[3].targetOperand: EQUALS cannot take 0 values; give it one value; & and !& take a list",
        "scope.groups[0].clauses[4].sourceOperandName: the attribute is missing; name a source attribute",
        "scope.groups[1]: the filter has no clauses; add a clause or remove the filter",
        "attributeMappings[0].source.expression: there is no function Trm (at character 1); did you mean Trim?",
        "attributeMappings[1].targetAttributeName: User has no attribute dispayName; did you mean displayName?",
        "attributeMappings[2].source: a comma or ) is expected here (at character 9)",
        "attributeMappings[3].matchingPriority: the matching priority -1 is not possible; use 0 for none, else 1 and up",
        "attributeMappings[4].targetAttributeName: USERPRINCIPALNAME is filled twice: attributeMappings[3] does it too; remove one of the two mappings",
        "attributeMappings[5].flowBehavior: there is no flow behaviour x; use FlowWhenChanged or FlowAlways",
        "attributeMappings[5].flowType: there is no flow type Sometimes; use Always, ObjectAddOnly or MultiValueAddOnly",
        "attributeMappings[5].source: there is no source type Magic (at character 1); use Attribute, Constant or Function",
        "attributeMappings[7]: the target attribute is missing; set targetAttributeName",
        "attributeMappings[6].matchingPriority: the matching priority 2 is used twice; give each matching attribute its own priority",
    ];
    for line in expected {
        assert!(
            text.iter().any(|have| have == line),
            "missing: {line}\n{text:#?}"
        );
    }
    assert!(text.iter().any(|have| have.contains("look-around")));
    assert_eq!(text.len(), expected.len() + 1, "{text:#?}");
    assert!(
        found
            .iter()
            .any(|(_, code, _)| *code == Code::SchemaAttributeNotFound)
    );
}

#[test]
fn what_is_no_schema_is_one_problem() {
    for text in [
        "",
        "[]",
        "{\"synchronizationRules\": 5}",
        "{",
        "{\"synchronizationRules\": [{\"objectMappings\": {}}]}",
    ] {
        let found = preset::load(text).unwrap_err();
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].code, Code::SchemaInvalid);
    }
    assert_eq!(
        preset::load("{}").unwrap_err()[0].path,
        "$.synchronizationRules"
    );
}

#[test]
fn values_take_the_target_s_type_or_are_a_problem() {
    let rules = checked(schema(Json::Null, json!([
        function("displayName", "[name]"),
        { "targetAttributeName": "accountEnabled", "source": { "type": "Constant", "name": "True" } },
        { "targetAttributeName": "level", "source": { "type": "Attribute", "name": "level" } },
        { "targetAttributeName": "boss", "source": { "type": "Attribute", "name": "superior" } }
    ]))).unwrap();
    let found = run(&rules, &[("name", &["n".into()]), ("level", &["7".into()])]);
    assert_eq!(
        found.attributes.values("accountEnabled"),
        Some(&[Value::Boolean(true)][..])
    );
    assert_eq!(
        found.attributes.values("level"),
        Some(&[Value::Integer(7)][..])
    );
    assert_eq!(found.references.len(), 1);
    assert_eq!(
        (
            &*found.references[0].source,
            found.references[0].is_multivalued
        ),
        ("superior", false)
    );
    let codes = |attributes: &[(&str, &[Value])]| -> Vec<Code> {
        run(&rules, attributes)
            .problems
            .iter()
            .map(|p| p.code)
            .collect()
    };
    assert_eq!(codes(&[]), [Code::MandatoryFieldsMissing]);
    assert_eq!(
        codes(&[("name", &["a".into(), "b".into()])]),
        [Code::SchemaPropertyCanOnlyAcceptValue]
    );
    assert_eq!(
        codes(&[("name", &["a".into()]), ("level", &["x".into()])]),
        [Code::DataValidationFailed]
    );
}

#[test]
fn an_object_without_the_value_it_is_recognised_by_is_left_out_and_told_so() {
    let mut document = schema(
        Json::Null,
        json!([function("displayName", "[name]"), {
            "targetAttributeName": "onPremisesImmutableId",
            "source": { "type": "Attribute", "name": "employeeNumber" } }]),
    );
    let known = &mut document["directories"][0]["objects"][0]["attributes"];
    let anchor = json!({ "name": "onPremisesImmutableId", "type": "String" });
    known.as_array_mut().unwrap().push(anchor);
    let rules = checked(document).unwrap();
    let anchor = |attributes: &[(&str, &[Value])]| {
        let found = run(&rules, attributes);
        found.source_anchor.map_err(|why| why.code)
    };
    let name: (&str, &[Value]) = ("name", &["n".into()]);
    assert_eq!(anchor(&[name]), Err(Code::ImportSkipped));
    assert_eq!(
        anchor(&[name, ("employeeNumber", &["7".into()])]),
        Ok("7".to_owned())
    );
}

#[test]
fn the_tree_form_means_the_same_as_the_text() {
    let tree = json!({ "type": "Function", "name": "Replace", "parameters": [
        { "key": "source", "value": { "type": "Attribute", "name": "a" } },
        { "key": "oldValue", "value": { "type": "Constant", "name": "-", "expression": "\"-\"" } },
        { "key": "replacementValue", "value": { "type": "Constant", "name": "_" } } ] });
    let switch = json!({ "type": "Function", "name": "Switch", "parameters": [
        { "key": "source", "value": { "type": "Attribute", "name": "a" } },
        { "key": "defaultValue", "value": { "type": "Constant", "name": "d" } },
        { "key": "switchValue", "value": { "type": "Constant", "name": "x-y" } },
        { "key": "switchValue", "value": { "type": "Constant", "name": "hit" } } ] });
    let rules = checked(schema(
        Json::Null,
        json!([
        { "targetAttributeName": "displayName", "source": tree },
        { "targetAttributeName": "userPrincipalName", "source": switch } ]),
    ))
    .unwrap();
    let found = run(&rules, &[("a", &["x-y".into()])]);
    assert_eq!(found.attributes.text("displayName"), Some("x_y"));
    assert_eq!(found.attributes.text("userPrincipalName"), Some("hit"));
}

#[test]
fn defaults_and_add_only_mappings_flow_at_creation() {
    let rules = checked(schema(Json::Null, json!([
        { "targetAttributeName": "displayName", "defaultValue": "nobody", "source": { "type": "Attribute", "name": "name" } },
        { "targetAttributeName": "level", "flowType": "ObjectAddOnly", "source": { "type": "Constant", "name": "1" } },
        { "targetAttributeName": "userPrincipalName", "defaultValue": "u", "source": null },
        { "targetAttributeName": "phones", "flowType": "MultiValueAddOnly", "source": { "type": "Attribute", "name": "p" } }
    ]))).unwrap();
    let found = run(&rules, &[("p", &["2".into(), "1".into(), "2".into()])]);
    assert_eq!(found.attributes.text("displayName"), Some("nobody"));
    let names: Vec<&str> = found.create_only.iter().map(|n| &**n).collect();
    assert_eq!(names, ["displayName", "level", "userPrincipalName"]);
    assert_eq!(
        found.attributes.values("phones"),
        Some(&["1".into(), "2".into()][..])
    );
    assert_eq!(found.add_only.len(), 1);
    let named = run(&rules, &[("name", &["n".into()])]);
    assert!(!named.create_only.contains("displayName"));
}

#[test]
fn candidates_are_chosen_for_new_objects_and_leave_others_alone() {
    let rules = checked(schema(
        Json::Null,
        json!([
            function("displayName", "\"x\""),
            function(
                "userPrincipalName",
                "SelectUniqueValue([cn], [cn] & \"1\", [missing])"
            ),
        ]),
    ))
    .unwrap();
    let found = run(&rules, &[("cn", &["a".into()])]);
    assert_eq!(found.problems, []);
    assert_eq!(found.attributes.values("userPrincipalName"), None);
    assert_eq!(found.choices.len(), 1);
    assert_eq!(&*found.choices[0].attribute, "userPrincipalName");
    assert_eq!(found.choices[0].candidates, ["a", "a1"]);
    let mut assumed = found.clone();
    assumed.assume_first_candidates();
    assert_eq!(assumed.attributes.text("userPrincipalName"), Some("a"));
    let attributes: Attributes = [("cn", vec!["a".into()])].into_iter().collect();
    let anchor = Anchor::new([1_u8; 16]);
    let held = Attributes::new();
    let mut view = SourceView::new(&anchor, "user", &attributes);
    view.held = Some(&held);
    let linked = evaluate(&rules, &view, &Context::default());
    assert_eq!(
        (
            linked.choices,
            linked.attributes.values("userPrincipalName")
        ),
        (vec![], None)
    );
    let inside = checked(schema(
        Json::Null,
        json!([function(
            "userPrincipalName",
            "Trim(SelectUniqueValue([cn], \"b\"))"
        )]),
    ));
    let problem = &inside.unwrap_err()[0];
    assert!(
        problem.message.contains("only at the outside"),
        "{}",
        problem.message
    );
}

#[test]
fn random_values_stay_the_same_for_an_object_and_are_hidden_on_demand() {
    let rules = checked(schema(
        Json::Null,
        json!([
            function("displayName", "Guid()"),
            function("userPrincipalName", "Redact(RandomString(20, 1, 1, 1, 1))"),
        ]),
    ))
    .unwrap();
    let seed = Seed::new([4; 32]);
    let context = Context {
        seed: Some(&seed),
        ..Context::default()
    };
    let attributes = Attributes::new();
    let of = |anchor: u8| {
        let anchor = Anchor::new([anchor; 16]);
        explain(
            &rules,
            &SourceView::new(&anchor, "user", &attributes),
            &context,
        )
    };
    assert_eq!(of(1).attributes, of(1).attributes);
    assert_ne!(
        of(1).attributes.text("displayName"),
        of(2).attributes.text("displayName")
    );
    let secret = of(1)
        .attributes
        .text("userPrincipalName")
        .unwrap()
        .to_owned();
    let trace = format!("{:?}", of(1).trace);
    assert!(
        trace.contains("[Redact]") && !trace.contains(&secret),
        "{trace}"
    );
    let without = explain(
        &rules,
        &SourceView::new(&Anchor::new([1; 16]), "user", &attributes),
        &Context::default(),
    );
    assert_eq!(without.problems.len(), 2);
}

#[test]
fn filters_are_ored_clauses_anded_and_unknown_is_said() {
    let scope = json!({ "groups": [
        { "name": "sales", "clauses": [
            { "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": ["Sales"] } },
            { "operatorName": "NOT EQUALS", "sourceOperandName": "city", "targetOperand": { "values": ["Ghent"] } } ] },
        { "name": "boss", "clauses": [{ "operatorName": "IS TRUE", "sourceOperandName": "isBoss" }] } ] });
    let rules = checked(schema(scope, json!([function("displayName", "\"x\"")]))).unwrap();
    let is_in = |attributes: &[(&str, &[Value])]| run(&rules, attributes).scope == Verdict::InScope;
    assert!(is_in(&[
        ("department", &["Sales".into()]),
        ("city", &["Delft".into()])
    ]));
    assert!(!is_in(&[
        ("department", &["Sales".into()]),
        ("city", &["Ghent".into()])
    ]));
    assert!(
        !is_in(&[("department", &["Sales".into()])]),
        "a missing city is unknown, not unequal"
    );
    assert!(is_in(&[("isBoss", &[true.into()])]));
    let Verdict::Out { reason } = run(&rules, &[("department", &["Sales".into()])]).scope else {
        panic!()
    };
    assert_eq!(
        reason.to_string(),
        "no filter of the scope matches; sales: department EQUALS Sales is true: Sales: city NOT EQUALS Ghent is unknown: no value; boss: isBoss IS TRUE is unknown: no value"
    );
    assert_eq!(reason.refusal().argument("scope"), Some("NoFilterMatched"));
}

#[test]
fn containers_named_by_rules_must_be_resolved() {
    let mut document = schema(Json::Null, json!([function("displayName", "\"x\"")]));
    document["synchronizationRules"][0]["containerFilter"] =
        json!({ "includedContainers": ["OU=a,DC=x"] });
    let rules = checked(document).unwrap();
    assert_eq!(rules.containers().included, ["OU=a,DC=x"]);
    let (anchor, ou, attributes) = (
        Anchor::new([1_u8]),
        [Anchor::new([2_u8])],
        Attributes::new(),
    );
    let mut view = SourceView::new(&anchor, "user", &attributes);
    view.ancestors = &ou;
    let out = evaluate(&rules, &view, &Context::default()).scope;
    assert!(matches!(
        out,
        Verdict::Out {
            reason: ScopeReason::OutsideContainers { .. }
        }
    ));
    let containers = Containers {
        included: &ou,
        excluded: &[],
    };
    let context = Context {
        containers,
        ..Context::default()
    };
    assert_eq!(evaluate(&rules, &view, &context).scope, Verdict::InScope);
}
