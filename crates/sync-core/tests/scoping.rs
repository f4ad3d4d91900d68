//! Scoping as it is documented: every operator and every mode. The word before each case is the row it stands for, in the
//! order of the table of operators of the originals' scoping filters, their default exclusions and their container scopes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::{Value as Json, json};
use sync_core::{
    id::Anchor,
    mapping::{Containers, Context, SourceView, evaluate},
    schema::{checked::Rules, preset},
    scope::{ScopeReason, Verdict},
    value::{Attributes, Name, Value},
};

fn rules(scope: Json, rule: Json) -> Rules {
    let mut document = json!({ "synchronizationRules": [{ "objectMappings": [{ "sourceObjectName": "user",
        "targetObjectName": "User", "scope": scope, "attributeMappings": [] }] }] });
    for (name, value) in rule.as_object().unwrap() {
        document["synchronizationRules"][0][name] = value.clone();
    }
    preset::load(&document.to_string()).unwrap()
}

fn clause(operator: &str, operands: &[&str]) -> Json {
    json!({ "operatorName": operator, "sourceOperandName": "a", "targetOperand": { "values": operands } })
}

fn filters(groups: &[&[Json]]) -> Json {
    let group = |clauses: &&[Json]| json!({ "clauses": clauses });
    json!({ "groups": groups.iter().map(group).collect::<Vec<_>>() })
}

/// In scope, out of it, or out because nobody knows.
#[derive(Debug, PartialEq)]
enum Is {
    In,
    Out,
    Unknown,
}

fn judged(rules: &Rules, attributes: &Attributes, counts: &[(Name, u64)]) -> Is {
    let anchor = Anchor::new([1]);
    let view = SourceView {
        link_counts: counts,
        ..SourceView::new(&anchor, "user", attributes)
    };
    match evaluate(rules, &view, &Context::default()).scope {
        Verdict::InScope => Is::In,
        Verdict::Out {
            reason: ScopeReason::NoFilterMatched { filters, .. },
        } if filters[0].clauses.iter().all(|c| c.truth != Some(false)) => Is::Unknown,
        Verdict::Out { .. } => Is::Out,
    }
}

type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a [Value], Is);

#[test]
// LONG: a table.
fn every_operator_decides_as_documented() {
    let b = |bytes: &[u8]| Value::binary(bytes);
    let cases: &[Case<'_>] = &[
        ("equal", "EQUALS", &["Sales"], &["Sales".into()], Is::In),
        (
            "case counts",
            "EQUALS",
            &["sales"],
            &["Sales".into()],
            Is::Out,
        ),
        ("integer", "EQUALS", &["512"], &[512.into()], Is::In),
        ("no value", "EQUALS", &["Sales"], &[], Is::Unknown),
        ("unequal", "NOT EQUALS", &["Ops"], &["Sales".into()], Is::In),
        ("no value", "NOT EQUALS", &["Ops"], &[], Is::Unknown),
        ("true", "IS TRUE", &[], &[true.into()], Is::In),
        ("text", "IS TRUE", &[], &["TRUE".into()], Is::In),
        ("other text", "IS TRUE", &[], &["yes".into()], Is::Unknown),
        ("no value", "IS TRUE", &[], &[], Is::Unknown),
        ("false", "IS FALSE", &[], &[false.into()], Is::In),
        ("true", "IS FALSE", &[], &[true.into()], Is::Out),
        ("no value", "IS FALSE", &[], &[], Is::Unknown),
        ("no value", "IS NULL", &[], &[], Is::In),
        ("value", "IS NULL", &[], &["x".into()], Is::Out),
        ("bytes", "IS NOT NULL", &[], &[b(&[0])], Is::In),
        ("no value", "IS NOT NULL", &[], &[], Is::Out),
        ("other name", "PRESENT", &[], &["x".into()], Is::In),
        (
            "integer",
            "REGEX MATCH",
            &["([1-9][0-9])"],
            &[42.into()],
            Is::In,
        ),
        (
            "case counts",
            "REGEX MATCH",
            &["^ab"],
            &["AB".into()],
            Is::Out,
        ),
        ("no value", "REGEX MATCH", &[".*"], &[], Is::Unknown),
        (
            "no match",
            "NOT REGEX MATCH",
            &["^x"],
            &["ab".into()],
            Is::In,
        ),
        ("no value", "NOT REGEX MATCH", &["^x"], &[], Is::Unknown),
        ("above", "Greater_Than", &["5"], &[6.into()], Is::In),
        ("equal", "Greater_Than", &["5"], &[5.into()], Is::Out),
        (
            "no integer",
            "Greater_Than",
            &["5"],
            &["x".into()],
            Is::Unknown,
        ),
        (
            "equal",
            "Greater_Than_OR_EQUALS",
            &["5"],
            &["5".into()],
            Is::In,
        ),
        (
            "below",
            "Greater_Than_OR_EQUALS",
            &["5"],
            &[4.into()],
            Is::Out,
        ),
        ("part", "Includes", &["ale"], &["Sales".into()], Is::In),
        (
            "case counts",
            "Includes",
            &["SAL"],
            &["Sales".into()],
            Is::Out,
        ),
        ("end", "ENDS_WITH", &["les"], &["Sales".into()], Is::In),
        (
            "not the end",
            "ENDS_WITH",
            &["Sal"],
            &["Sales".into()],
            Is::Out,
        ),
        (
            "in the list",
            "&",
            &["Ops", "Sales"],
            &["Sales".into()],
            Is::In,
        ),
        ("not in it", "&", &["Ops"], &["Sales".into()], Is::Out),
        ("not in it", "!&", &["Ops", "HR"], &["Sales".into()], Is::In),
        (
            "in the list",
            "!&",
            &["Ops", "Sales"],
            &["Sales".into()],
            Is::Out,
        ),
        ("no value", "!&", &["Ops"], &[], Is::Unknown),
        ("other name", "!&L", &["Ops"], &["Sales".into()], Is::In),
        (
            "beginning",
            "STARTS WITH",
            &["Sal"],
            &["Sales".into()],
            Is::In,
        ),
        ("some bits", "HAS BITS", &["2"], &[514.into()], Is::In),
        ("no bits", "HAS BITS", &["2"], &[512.into()], Is::Out),
        // Several values: one has to satisfy a positive operator, all a negative one.
        (
            "one of two",
            "EQUALS",
            &["a"],
            &["b".into(), "a".into()],
            Is::In,
        ),
        (
            "one of two",
            "NOT EQUALS",
            &["a"],
            &["b".into(), "a".into()],
            Is::Out,
        ),
        // Bytes cannot be compared with text.
        ("bytes", "Includes", &["x"], &[b(b"x")], Is::Unknown),
    ];
    for (row, operator, operands, values, expected) in cases {
        let rules = rules(filters(&[&[clause(operator, operands)]]), json!({}));
        let mut attributes = Attributes::new();
        if !values.is_empty() {
            attributes.set("a", values.to_vec());
        }
        let found = judged(&rules, &attributes, &[]);
        assert_eq!(
            found, *expected,
            "{operator} {operands:?}, {row}: {values:?}"
        );
    }
}

#[test]
fn numbers_of_links_are_compared() {
    let rules = rules(
        filters(&[&[clause("COUNT GREATER THAN OR EQUALS", &["2"])]]),
        json!({}),
    );
    let counted = |count: u64| judged(&rules, &Attributes::new(), &[("a".into(), count)]);
    assert_eq!((counted(1), counted(2)), (Is::Out, Is::In));
    assert_eq!(judged(&rules, &Attributes::new(), &[]), Is::Out);
}

#[test]
fn operators_of_the_originals_that_are_none_here_say_what_to_do_instead() {
    for (operator, cure) in [
        (
            "IS_MEMBER_OF",
            "name the groups in groupFilter.includedGroups",
        ),
        (
            "VALID CERT MATCH",
            "use IS NOT NULL: certificates are not looked into",
        ),
        ("EQUAL", "did you mean EQUALS?"),
    ] {
        let document = json!({ "synchronizationRules": [{ "objectMappings": [{ "sourceObjectName": "user",
            "targetObjectName": "User", "scope": filters(&[&[clause(operator, &["x"])]]) }] }] });
        let problems = preset::load(&document.to_string()).unwrap_err();
        assert_eq!(problems[0].cure.as_deref(), Some(cure), "{operator}");
    }
}

#[test]
fn clauses_are_all_needed_and_filters_are_alternatives() {
    let one = |value: &str| clause("EQUALS", &[value]);
    let present = |name: &str| json!({ "operatorName": "IS NOT NULL", "sourceOperandName": name });
    let rules = rules(
        filters(&[&[one("x"), present("b")], &[one("y")]]),
        json!({}),
    );
    let is = |pairs: &[(&str, &str)]| {
        let attributes = pairs.iter().map(|(n, v)| (*n, vec![Value::from(*v)]));
        judged(&rules, &attributes.collect(), &[])
    };
    assert_eq!(is(&[("a", "x"), ("b", "1")]), Is::In);
    assert_eq!(is(&[("a", "x")]), Is::Out);
    assert_eq!(is(&[("a", "y")]), Is::In);
    assert_eq!(is(&[("a", "z"), ("b", "1")]), Is::Out);
}

fn reason(rules: &Rules, view: SourceView<'_>, context: &Context<'_>) -> &'static str {
    match evaluate(rules, &view, context).scope {
        Verdict::InScope => "in",
        Verdict::Out { reason } => reason.kind(),
    }
}

#[test]
fn an_input_filter_only_keeps_from_entering_and_an_exclusion_may_spare_who_is_there() {
    let yes = json!([{ "clauses": [clause("EQUALS", &["yes"])] }]);
    let input = rules(json!({ "inputFilterGroups": yes.clone() }), json!({}));
    let spares = rules(
        json!({ "exclusions": [{ "clauses": [clause("EQUALS", &["yes"])], "onlyNewObjects": true }] }),
        json!({}),
    );
    let (anchor, held) = (Anchor::new([1]), Attributes::new());
    let no = Attributes::new();
    let yes: Attributes = [("a", vec![Value::from("yes")])].into_iter().collect();
    let new = SourceView::new(&anchor, "user", &no);
    let context = Context::default();
    assert_eq!(reason(&input, new, &context), "NoInputFilterMatched");
    let view = SourceView::new(&anchor, "user", &yes);
    let there = SourceView {
        held: Some(&held),
        ..view
    };
    assert_eq!(reason(&input, view, &context), "in");
    assert_eq!(reason(&spares, view, &context), "Excluded");
    assert_eq!(reason(&spares, there, &context), "in");
}

#[test]
fn an_exclusion_wins_over_every_filter_and_needs_to_be_true() {
    let rules = rules(
        json!({ "groups": [{ "clauses": [clause("IS NOT NULL", &[])] }],
            "exclusions": [{ "name": "robots", "clauses": [
                { "operatorName": "IS TRUE", "sourceOperandName": "robot" }] }] }),
        json!({}),
    );
    let anchor = Anchor::new([1]);
    let is = |pairs: &[(&str, Value)]| {
        let attributes: Attributes = pairs.iter().map(|(n, v)| (*n, vec![v.clone()])).collect();
        let view = SourceView::new(&anchor, "user", &attributes);
        reason(&rules, view, &Context::default())
    };
    assert_eq!(is(&[("a", "x".into()), ("robot", true.into())]), "Excluded");
    assert_eq!(is(&[("a", "x".into()), ("robot", "perhaps".into())]), "in");
    assert_eq!(is(&[("a", "x".into())]), "in");
}

#[test]
fn the_nearest_container_decides_and_nested_ones_are_inside() {
    let rules = rules(
        Json::Null,
        json!({ "containerFilter": {
            "includedContainers": ["OU=A,DC=x", "OU=C,OU=B,OU=A,DC=x"], "excludedContainers": ["OU=B,OU=A,DC=x"] } }),
    );
    let place = |n: u8| Anchor::new([n]);
    let (a, b, c) = (place(10), place(11), place(12));
    let (included, excluded) = ([a.clone(), c.clone()], [b.clone()]);
    let context = Context {
        containers: Containers {
            included: &included,
            excluded: &excluded,
        },
        ..Context::default()
    };
    let (anchor, attributes) = (place(1), Attributes::new());
    let is = |ancestors: &[&Anchor]| {
        let ancestors: Vec<Anchor> = ancestors.iter().map(|a| (*a).clone()).collect();
        let view = SourceView {
            ancestors: &ancestors,
            ..SourceView::new(&anchor, "user", &attributes)
        };
        reason(&rules, view, &context)
    };
    let root = place(0);
    for (row, ancestors, expected) in [
        ("in it", vec![&a, &root], "in"),
        ("nested", vec![&anchor, &a, &root], "in"),
        ("excluded", vec![&b, &a, &root], "OutsideContainers"),
        (
            "in an excluded one",
            vec![&anchor, &b, &a, &root],
            "OutsideContainers",
        ),
        ("included again", vec![&c, &b, &a, &root], "in"),
        ("moved with its container", vec![&a, &anchor, &root], "in"),
        ("elsewhere", vec![&root], "OutsideContainers"),
    ] {
        assert_eq!(is(&ancestors), expected, "{row}");
    }
}

#[test]
fn a_group_of_the_scope_lets_its_members_in_and_nobody_it_does_not_know() {
    let rules = rules(
        Json::Null,
        json!({ "groupFilter": { "includedGroups": ["CN=g,DC=x"] } }),
    );
    let (anchor, attributes) = (Anchor::new([1]), Attributes::new());
    let is = |is_group_member| {
        let view = SourceView {
            is_group_member,
            ..SourceView::new(&anchor, "user", &attributes)
        };
        reason(&rules, view, &Context::default())
    };
    assert_eq!(is(Some(true)), "in");
    assert_eq!(is(Some(false)), "OutsideGroups");
    assert_eq!(is(None), "GroupsUnknown");
}
