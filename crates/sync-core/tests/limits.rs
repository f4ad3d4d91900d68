//! Expressions made to exhaust time or memory: each ends soon, with a value or a failure that says which limit it met.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value as Json, json};
use sync_core::{
    code::Code,
    expression::{
        MAX_VALUES, refusal,
        trial::{self, Tried},
    },
    id::Anchor,
    mapping::{Context, SourceView},
    schema::{check, preset, read::Schema, tree},
    value::{Attributes, Value},
};

/// An object with a long text, many values, and many long ones.
fn attributes() -> Attributes {
    let many = (0..2_000).map(|number| Value::from(number.to_string()));
    [
        ("long", vec![Value::from("a".repeat(60_000))]),
        ("longer", vec![Value::from("ab".repeat(500_000))]),
        ("many", many.collect::<Vec<_>>()),
        ("pattern", vec![Value::from("(a|aa)+$")]),
    ]
    .into_iter()
    .collect()
}

fn tried(text: &str) -> Result<Tried, String> {
    let attributes = attributes();
    let anchor = Anchor::new([1; 16]);
    let view = SourceView::new(&anchor, "user", &attributes);
    let trial = trial::run(text, &view, &Context::default());
    trial
        .map(|trial| trial.result)
        .map_err(|failures| refusal(&failures).to_string())
}

/// What it failed with.
fn failure(text: &str) -> String {
    match tried(text) {
        Ok(Tried::Failed(failure)) => failure.to_string(),
        Ok(other) => panic!("{text}: {:.200}", format!("{other:?}")),
        Err(mistakes) => mistakes,
    }
}

fn check_fails(text: &str, with: &str) {
    let message = failure(text);
    let shown: String = text.chars().take(100).collect();
    assert!(message.contains(with), "{shown}: {message}");
    assert!(message.contains("at character"), "{shown}: {message}");
}

#[test]
fn long_and_deep_expressions_are_refused_with_a_code() {
    let ten_megabytes = "[a] & ".repeat(1_700_000);
    check_fails(&ten_megabytes, "longer than 40000 bytes");
    check_fails(
        &format!("\"{}\"", "x".repeat(10_000_000)),
        "longer than 40000 bytes",
    );
    for (open, close) in [
        ("Trim(", ")"),
        ("(", ")"),
        ("IIF(True, 1, ", ")"),
        ("-", ""),
        ("!", ""),
    ] {
        for depth in [65, 1_000, 2_500] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            check_fails(&text, "nested deeper than 64");
        }
    }
    check_fails(&"1 + ".repeat(5_000), "too many operators in a row");
    let wide = format!("Join(\",\"{})", ", 1".repeat(10_000));
    assert!(matches!(tried(&wide), Ok(Tried::Values(_))));
    assert!(failure("Trim(").starts_with(Code::ExpressionInvalid.name()));
}

#[test]
fn nested_trees_are_refused_however_they_are_built() {
    let mut source = json!({ "type": "Attribute", "name": "a" });
    for _ in 0..60 {
        source = json!({ "type": "Function", "name": "Trim", "parameters": [{ "key": "source", "value": source }] });
    }
    let read =
        |source: &Json| tree::expression(&serde_json::from_value(source.clone()).unwrap(), 0);
    assert!(read(&source).is_ok());
    for _ in 0..10 {
        source = json!({ "type": "Function", "name": "Trim", "parameters": [{ "key": "source", "value": source }] });
    }
    assert!(read(&source).unwrap_err().message.contains("deep"));
    // Leaves of text below a tree make it deeper than either is.
    let deep = format!("{}[a]{}", "Trim(".repeat(40), ")".repeat(40));
    let mut source = json!({ "type": "Function", "expression": deep });
    for _ in 0..40 {
        source = json!({ "type": "Function", "name": "Trim", "parameters": [{ "key": "source", "value": source }] });
    }
    assert!(
        read(&source)
            .unwrap_err()
            .message
            .contains("deeper than 64")
    );
    let leaf =
        json!({ "key": "source", "value": { "type": "Constant", "name": "x".repeat(1000) } });
    let wide = json!({ "type": "Function", "name": "Join", "parameters": vec![leaf; 1000] });
    assert!(
        read(&wide)
            .unwrap_err()
            .message
            .contains("longer than 40000 bytes")
    );
    let text = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(preset::load(&text).is_err());
}

#[test]
fn what_is_made_is_bounded() {
    check_fails("Append([longer], [longer])", "longer than 1048576 bytes");
    let nested = (0..40).fold("[long]".to_owned(), |text, _| {
        format!("With($x, {text}, $x & $x)")
    });
    check_fails(&nested, "longer than 1048576 bytes");
    check_fails(
        "PadLeft(\"a\", 9223372036854775807, \"b\")",
        "longer than 1048576 bytes",
    );
    check_fails(
        "Replace([longer], \"a\", , , \"aaaaaa\")",
        "longer than 1048576 bytes",
    );
    check_fails(
        "Select($a, [many], Select($b, [many], $b))",
        &format!("more than {MAX_VALUES} values"),
    );
    check_fails(
        "Split([longer], \"b\")",
        &format!("more than {MAX_VALUES} values"),
    );
    check_fails("Select($a, [many], [longer] & $a)", "would take too long");
    check_fails(
        "Select($a, [many], PadLeft($a, 100000, \"x\"))",
        "would take too long",
    );
    check_fails(
        "Join(\"\", [many], [longer], [longer])",
        "longer than 1048576 bytes",
    );
}

#[test]
fn work_is_bounded() {
    for depth in [1, 4, 8] {
        let loops = (0..depth).fold("False".to_owned(), |body, index| {
            format!("Count(Where($v{index}, [many], {body} = 1)) > 0")
        });
        let outcome = tried(&loops);
        match depth {
            1 => assert!(matches!(outcome, Ok(Tried::Values(_))), "{outcome:?}"),
            _ => check_fails(&loops, "would take too long"),
        }
    }
    check_fails(
        "Select($a, [many], Select($b, [many], Select($c, [many], NULL)))",
        "would take too long",
    );
    check_fails(
        "Count(Where($a, [many], Len(Append([long], $a)) = 0))",
        "would take too long",
    );
}

#[test]
fn catastrophic_patterns_end_soon() {
    // Quick, because nothing backtracks.
    for pattern in [
        "(a+)+$",
        "(a|aa)+$",
        "(.*)(.*)(.*)(.*)x",
        "^(a?){50}a{50}$",
        "([a-z]*)*!",
    ] {
        let text = format!("Replace([long], , \"{pattern}\", , \"\", , )");
        assert!(matches!(tried(&text), Ok(Tried::Values(_))), "{pattern}");
    }
    // Finding all matches could look at the rest of the text for each of them.
    check_fails(
        "Replace([long], , \".*x|a\", , \"\", , )",
        "would take too long",
    );
    check_fails(
        "RegexReplace([long], \"[a-z]+!|a\", \"b\")",
        "would take too long",
    );
    check_fails(
        "RegexReplace([longer], \"a\", \"b\")",
        "65536 bytes a regular expression may search",
    );
    check_fails(
        "Select($a, [many], RegexReplace([long], [pattern], $a))",
        "would take too long",
    );
    check_fails("Replace([a], , \"(?=x)\", , \"\", , )", "look-around");
    check_fails("RegexReplace([a], \"(x)\\1\", \"\")", "backreferences");
    check_fails(
        "RegexReplace([a], \"((x{100}){100}){100}\", \"\")",
        "when compiled",
    );
    let long = format!("RegexReplace([a], \"{}\", \"\")", "x".repeat(5_000));
    check_fails(&long, "longer than 4000 bytes");
}

#[test]
fn rules_with_such_expressions_are_refused_with_their_place() {
    let deep = format!("{}[a]{}", "Trim(".repeat(100), ")".repeat(100));
    let huge = "x".repeat(10_000_000);
    let mapping = |expression: &str| json!({ "targetAttributeName": expression.len().to_string(), "source": { "type": "Function", "expression": expression } });
    let document = json!({ "synchronizationRules": [{ "objectMappings": [{ "sourceObjectName": "user", "targetObjectName": "User",
        "attributeMappings": [mapping(&deep), mapping(&huge), mapping("RegexReplace([a], \"(?<!x)\", \"\")")] }] }] });
    let schema: Schema = serde_json::from_value(document).unwrap();
    let problems = check(&schema).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for problem in &problems {
        assert_eq!(problem.code, Code::SchemaInvalid);
        assert!(
            problem.path.contains("attributeMappings["),
            "{}",
            problem.path
        );
        assert!(problem.message.len() < 500, "{}", problem.message);
    }
}
