//! Entry points for fuzzing: rules and expressions as people write them. No promise is made about them.
//!
//! Never asserts what they mean. Trap: an input that once broke something lies in `fuzz/finds` and is replayed by the tests
//! below.

use crate::{
    expression::{
        parse::parse,
        random::Seed,
        trial::{self, Tried},
    },
    id::Anchor,
    mapping::{Context, SourceView},
    schema::{preset, tree},
    value::{Attributes, Value},
};

/// Rules in JSON.
pub fn schema(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = preset::load(text);
    }
}

/// An expression; what is understood reads back the same from its text and from its tree.
#[allow(clippy::panic, reason = "a find is meant to end the program")]
pub fn expression_parse(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(parsed) = parse(text) else { return };
    let written = parsed.to_string();
    // The canonical text may be longer than what was read, and then be too long.
    match parse(&written) {
        Ok(again) if again != parsed => panic!("{written} reads as something else"),
        _ => {}
    }
    match tree::expression(&tree::source(&parsed), 0) {
        Ok(again) if again != parsed => panic!("{written} is something else as a tree"),
        _ => {}
    }
}

/// An expression on the first line, evaluated for a person; the other lines are values of `[value]`.
pub fn expression_evaluate(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (expression, values) = text.split_once('\n').unwrap_or((text, ""));
    let single = |text: &str| vec![Value::text(text)];
    let attributes: Attributes = [
        ("mail", single("ada@canal.example")),
        ("cn", single("Zo\u{eb} M\u{fc}ller")),
        ("n", vec![(-42).into()]),
        ("bytes", vec![Value::binary([0, 1, 255])]),
        ("value", values.lines().map(Value::text).collect()),
    ]
    .into_iter()
    .collect();
    let (domains, seed) = (["canal.example".to_owned()], Seed::new([5; 32]));
    let context = Context {
        domain_fqdn: "canal.example",
        domain_netbios: "CANAL",
        verified_domains: &domains,
        initial_domain: "canal.onmicrosoft.example",
        now: "2021-09-27T14:09:16Z".parse().ok(),
        seed: Some(&seed),
        ..Context::default()
    };
    let anchor = Anchor::new([1; 16]);
    let mut view = SourceView::new(&anchor, "user", &attributes);
    view.dn = "CN=Zo\u{eb},OU=People,DC=canal,DC=example";
    if let Ok(trial) = trial::run(expression, &view, &context) {
        std::hint::black_box(matches!(trial.result, Tried::Values(_)));
    }
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
    fn no_expression_that_was_ever_found_reads_back_as_another() {
        replay("expression_parse", expression_parse);
    }

    #[test]
    fn no_expression_that_was_ever_found_breaks_the_evaluation() {
        replay("expression_evaluate", expression_evaluate);
    }
}
