//! Entry points for fuzzing: rules and expressions as people write them. No promise is made about them.
//!
//! Never asserts what they mean. Trap: an input that once broke something lies in `fuzz/finds` and is replayed by the tests
//! below.

use crate::{
    expression::{
        compile::{Slots, compile},
        evaluate::{Environment, evaluate},
        parse::parse,
    },
    mapping::Context,
    schema::{Discovered, cases, diff, preset, read::Schema},
    value::{Attributes, Value},
};

/// Rules in JSON: checked, also against systems that have next to nothing, compared with nothing, and run as cases.
pub fn schema(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let known = Discovered {
        source: Some(Vec::new()),
        target: Some(Vec::new()),
    };
    let _ = preset::load_for(text, &known);
    if let Ok(schema) = serde_json::from_str::<Schema>(text) {
        let _ = diff::diff(&Schema::default(), &schema);
    }
    let rules = preset::load(text);
    if let (Ok(cases), Ok(rules)) = (
        cases::read(text),
        rules.or_else(|_| preset::default_rules()),
    ) {
        let _ = cases::run(&rules, &cases);
    }
}

/// An expression; what compiles is evaluated for a person.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(parsed) = parse(text) else { return };
    let mut slots = Slots::default();
    let Ok(node) = compile(&parsed, &mut slots) else {
        return;
    };
    let mut attributes = Attributes::default();
    for (name, value) in [
        ("mail", "ada@canal.example"),
        ("cn", "Zo\u{eb} M\u{fc}ller"),
        ("n", "-42"),
    ] {
        attributes.set(name, vec![Value::text(value)]);
    }
    let domains = ["canal.example".to_owned()];
    let context = Context {
        domain_fqdn: "canal.example",
        domain_netbios: "CANAL",
        verified_domains: &domains,
        initial_domain: "canal.onmicrosoft.example",
        ..Context::default()
    };
    let values = slots.bind(&attributes);
    let _ = evaluate(&node, &Environment::new(&values, &context));
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../../fuzz/replay.rs");

    #[test]
    fn no_rules_that_were_ever_found_break_the_check() {
        replay("schema", schema);
    }

    #[test]
    fn no_expression_that_was_ever_found_breaks_the_evaluation() {
        replay("expression", expression);
    }
}
