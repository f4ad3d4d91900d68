//! Whatever comes in, the rules give an answer: never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{cell::RefCell, sync::OnceLock};

use jiff::Timestamp;
use proptest::prelude::*;
use sync_core::{
    expression::{
        ast::{Expression, Kind, Operator, Sign},
        compile::{Slots, compile},
        evaluate::{Environment, evaluate},
        parse::parse,
        random::{Chance, Seed},
    },
    functions::{self, Presence, Takes},
    id::Anchor,
    mapping::{self, Context, SourceView},
    schema::{
        checked::Rules,
        default_rules, preset,
        read::{Member, Schema, Source},
        tree,
    },
    value::{Attributes, Value},
};

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..30).prop_map(Value::binary),
    ]
}

fn any_values() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(any_value(), 0..4)
}

fn operator() -> impl Strategy<Value = Operator> {
    prop::sample::select(Operator::ALL.to_vec())
}

fn node(kind: Kind) -> Expression {
    kind.into()
}

/// Any call with a possible number of arguments.
fn call(
    argument: impl Strategy<Value = Expression> + Clone + 'static,
) -> impl Strategy<Value = Expression> {
    prop::sample::select(functions::ALL).prop_flat_map(move |function| {
        let least = function
            .parameters
            .iter()
            .filter(|p| p.presence == Presence::Required)
            .count();
        let most = function.parameters.len() + 2;
        let binds =
            matches!(function.parameters.first(), Some(first) if first.takes == Takes::Variable);
        prop::collection::vec(prop::option::weighted(0.9, argument.clone()), least..=most).prop_map(
            move |mut arguments| {
                if let (true, Some(first)) = (binds, arguments.first_mut()) {
                    *first = Some(node(Kind::Variable("v".into())));
                }
                // A single blank argument is written like no argument, and means the same.
                if arguments == [None] {
                    arguments.clear();
                }
                node(Kind::Call(function.name.into(), arguments))
            },
        )
    })
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|text| node(Kind::Text(text))),
        any::<i64>().prop_map(|number| node(Kind::Number(number))),
        (-3_i64..12).prop_map(|number| node(Kind::Number(number))),
        any::<bool>().prop_map(|truth| node(Kind::Truth(truth))),
        Just(node(Kind::Null)),
        "[ab]".prop_map(|name| node(Kind::Attribute(name))),
        r#"[\\]\[ "a%'\t]{1,4}"#.prop_map(|name| node(Kind::Attribute(name))),
        Just(node(Kind::Variable("v".into()))),
        Just(node(Kind::Parameter("Domain.FQDN".into()))),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            4 => call(inner.clone().boxed()),
            2 => (operator(), inner.clone(), inner.clone()).prop_map(|(operator, left, right)| node(
                Kind::Binary(operator, Box::new(left), Box::new(right))
            )),
            1 => (any::<bool>(), inner).prop_map(|(is_not, operand)| node(Kind::Unary(
                if is_not { Sign::Not } else { Sign::Minus },
                Box::new(operand)
            ))),
        ]
    })
}

/// Leaves only the parts.
fn without_text(source: &mut Source) {
    if source.r#type.text() == "Function" {
        source.expression = Member::Absent;
    }
    let Member::Set(parameters) = &mut source.parameters else {
        return;
    };
    for parameter in parameters {
        if let Member::Set(value) = &mut parameter.value {
            without_text(value);
        }
    }
}

/// A call without the blank arguments at its end, which mean nothing and are not written as a tree.
fn without_trailing_blanks(expression: &mut Expression) {
    match &mut expression.kind {
        Kind::Call(_, arguments) => {
            while arguments.last().is_some_and(Option::is_none) {
                arguments.pop();
            }
            arguments
                .iter_mut()
                .flatten()
                .for_each(without_trailing_blanks);
        }
        Kind::Unary(_, operand) => without_trailing_blanks(operand),
        Kind::Binary(_, left, right) => {
            without_trailing_blanks(left);
            without_trailing_blanks(right);
        }
        _ => {}
    }
}

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| default_rules().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        if let Err(failure) = parse(&text) {
            prop_assert!(failure.position.offset <= text.len());
        }
    }

    #[test]
    fn text_of_the_language_s_own_letters_is_parsed_or_refused(text in r#"[\[\]"%&()<>=|,\\a-cA-C0-9 &H+*/!$\n-]{0,60}"#) {
        if let Ok(tree) = parse(&text) {
            prop_assert_eq!(parse(&tree.to_string()).unwrap(), tree);
        }
    }

    #[test]
    fn printing_and_parsing_give_the_same_tree(tree in expression()) {
        prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
    }

    #[test]
    fn the_tree_form_gives_the_same_expression(tree in expression()) {
        let mut written = tree::source(&tree);
        let text = serde_json::to_string(&written).unwrap();
        let read: Source = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(tree::expression(&read, 0), Ok(tree.clone()), "by its text");
        without_text(&mut written);
        let mut bare = tree;
        without_trailing_blanks(&mut bare);
        prop_assert_eq!(tree::expression(&written, 0), Ok(bare), "by its parts");
    }

    #[test]
    fn any_expression_gives_a_value_or_a_failure(tree in expression(), a in any_values(), b in any_values()) {
        let mut slots = Slots::default();
        let Ok(node) = compile(&tree, &mut slots) else { return Ok(()) };
        let attributes: Attributes = [("a", a), ("b", b)].into_iter().collect();
        let values = slots.bind(&attributes);
        let now = Some(Timestamp::UNIX_EPOCH);
        let context = Context { domain_fqdn: "x.example", initial_domain: "i.example", now, ..Context::default() };
        let seed = Seed::new([9; 32]);
        let once = || {
            let steps = RefCell::default();
            let mut environment = Environment::new(&values, &context);
            environment.chance = Some(Chance { seed: &seed, object: b"o", attribute: "a" });
            environment.steps = Some(&steps);
            let outcome = evaluate(&node, &environment).map(|v| v.into_owned());
            (outcome, steps.take())
        };
        prop_assert_eq!(once(), once());
    }

    #[test]
    fn any_object_gives_an_evaluation(
        class in prop::sample::select(vec!["user", "group", "contact", "x"]),
        rdn in any::<String>(),
        values in prop::collection::vec(any_values(), 200),
    ) {
        let names = rules().source_attributes().iter().cloned();
        let attributes: Attributes = names.zip(values).collect();
        let anchor = Anchor::new([1_u8; 16]);
        let mut view = SourceView::new(&anchor, class, &attributes);
        view.rdn = &rdn;
        let context = Context { initial_domain: "i.example", ..Context::default() };
        let found = mapping::evaluate(rules(), &view, &context);
        let is_readable = |values: &[Value]| values.iter().all(|v| v.as_text() != Some(""));
        prop_assert!(found.attributes.iter().all(|(_, values)| is_readable(values)));
        let held = found.attributes.clone();
        view.held = Some(&held);
        let again = mapping::evaluate(rules(), &view, &context);
        prop_assert_eq!(again.attributes, found.attributes, "evaluating what is held changes nothing");
    }

    #[test]
    fn a_damaged_preset_is_read_or_refused(at in 0_usize..60_000, with in any::<char>()) {
        let text = preset::AD_TO_DIRECTORY;
        let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let rest = text[at..].chars().next().map_or(0, char::len_utf8);
        let damaged = format!("{}{with}{}", &text[..at], &text[at + rest..]);
        let _ = preset::load(&damaged);
        let _ = serde_json::from_str::<Schema>(&text[..at]).is_err();
    }
}
