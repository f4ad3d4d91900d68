//! Every example of every function, run.

use super::*;
use crate::{
    expression::{
        compile::{Slots, compile},
        evaluate::{Environment, Halt, evaluate},
        parse::parse,
        random::{Chance, Seed},
    },
    mapping::context::Context,
};

/// What an expression gives for the sample, as text: the values, `ignored`, or `error: …`.
pub(crate) fn result(text: &str) -> String {
    let mut slots = Slots::default();
    let node = match parse(text) {
        Ok(tree) => compile(&tree, &mut slots).unwrap_or_else(|e| panic!("{text}: {e:?}")),
        Err(failure) => panic!("{text}: {failure}"),
    };
    let attributes = sample::object();
    let values = slots.bind(&attributes);
    let domains = ["canal.example".to_owned(), "tenant.example".to_owned()];
    let context = Context {
        domain_fqdn: "canal.example",
        domain_netbios: "CANAL",
        verified_domains: &domains,
        initial_domain: "tenant.example",
        now: Some("2021-09-27T14:09:16Z".parse().unwrap()),
        ..Context::default()
    };
    let seed = Seed::new([3; 32]);
    let mut environment = Environment::new(&values, &context);
    environment.chance = Some(Chance {
        seed: &seed,
        object: b"anna",
        attribute: "x",
    });
    match evaluate(&node, &environment) {
        Ok(values) => format!("{:?}", &values[..]),
        Err(Halt::Ignore) => "ignored".into(),
        Err(Halt::Fail(failure)) => format!("error: {}", failure.message),
    }
}

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for function in ALL {
        assert!(!function.examples.is_empty(), "{}", function.name);
        for (expression, expected) in function.examples {
            let got = result(expression);
            let wanted = match *expected {
                "ignored" => "ignored".to_owned(),
                error if error.starts_with("error: ") => error.to_owned(),
                value => result(value),
            };
            if got != wanted {
                wrong.push(format!("{expression}\n  gives {got}\n  not   {wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_is_sorted_and_signatures_are_readable() {
    assert!(ALL.is_sorted_by(|a, b| a.name < b.name));
    assert!(
        ALL.iter()
            .all(|f| find(f.name).is_some_and(|found| found.name == f.name))
    );
    assert_eq!(find("trim").map(|f| f.name), None);
    assert_eq!(
        find("InStr").unwrap().signature(),
        "InStr(text, wanted, [start], [compare])"
    );
    for function in ALL {
        let open = function.parameters.iter().rev().skip(1);
        assert!(
            open.clone().all(|p| p.presence != Presence::Repeated),
            "{}",
            function.name
        );
        assert!(function.manual.ends_with('.'), "{}", function.name);
    }
}

#[test]
fn growth_is_bounded() {
    let doubling = |depth: usize| {
        let mut text = "Join(\"\", \"0123456789\")".to_owned();
        for _ in 0..depth {
            text = format!("Replace({text}, \"0\", , , \"00000000000000000000\")");
        }
        result(&text)
    };
    assert!(doubling(2).len() > 100);
    assert!(doubling(12).starts_with("error: Replace: the text would be longer than"));
}

#[test]
fn failures_inside_arguments_reach_the_outside_only_if_evaluated() {
    assert_eq!(
        result("Trim(Left(\"a\", \"x\"))"),
        "error: Left: argument 2 is no integer"
    );
    assert_eq!(result("Coalesce(\"a\", Error(\"no\"))"), result("\"a\""));
    assert_eq!(
        result("BitAnd([proxyAddresses], 3)"),
        "error: BitAnd: 3 values where one is expected; use Item or Join"
    );
    assert_eq!(
        result("Left([proxyAddresses], 4)"),
        result("Split(\"smtp,SMTP,x500\", \",\")")
    );
    assert_eq!(
        result("Word([proxyAddresses], 1, \":\") & \"!\""),
        result("Split(\"smtp!,SMTP!,x500!\", \",\")")
    );
    assert!(result("[proxyAddresses] & [proxyAddresses]").contains("use Join or Select"));
    assert!(result("[proxyAddresses] = \"x\"").contains("use Item, Contains or Where"));
    assert_eq!(result("False && Error(\"no\") = 1"), result("False"));
    assert_eq!(result("NULL & NULL"), result("NULL"));
    assert_eq!(result("[sn] & \"!\""), result("\"Müller!\""));
}
