//! Rules and expressions made to hurt: each ends with a coded answer, within a bound of time and of memory.
//!
//! The bounds are those of a debug build on a busy machine, far above what is needed; what explodes exceeds any bound.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sync_core::{
    code::Code,
    expression::trial::{self, Tried},
    id::Anchor,
    mapping::{Context, SourceView},
    schema::preset,
    value::{Attributes, Value},
};

/// For one input.
const LONGEST: Duration = Duration::from_secs(20);
/// More than all inputs together may take beyond what the process had, in KiB.
const MOST_KIB: u64 = 400 * 1024;

/// What one hostile input came to.
struct Came {
    what: &'static str,
    code: Option<Code>,
    took: Duration,
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured here")]
fn timed(what: &'static str, act: impl FnOnce() -> Option<Code>) -> Came {
    let begun = Instant::now();
    let code = act();
    Came {
        what,
        code,
        took: begun.elapsed(),
    }
}

/// The most memory this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

fn rules(text: &str) -> Option<Code> {
    preset::load(text)
        .err()?
        .first()
        .map(|problem| problem.code)
}

fn expression(text: &str) -> Option<Code> {
    let long = "a".repeat(60_000);
    let many = (0..2_000).map(|number| Value::from(number.to_string()));
    let attributes: Attributes = [
        ("long", vec![Value::from(long)]),
        ("many", many.collect::<Vec<_>>()),
    ]
    .into_iter()
    .collect();
    let anchor = Anchor::new([1; 16]);
    let view = SourceView::new(&anchor, "user", &attributes);
    match trial::run(text, &view, &Context::default()) {
        Err(_) => Some(Code::ExpressionInvalid),
        Ok(trial) => match trial.result {
            Tried::Failed(_) => Some(Code::ExpressionFailed),
            _ => None,
        },
    }
}

fn mapping(expression: &str) -> Json {
    json!({ "targetAttributeName": "a", "source": { "type": "Function", "expression": expression } })
}

fn document(mappings: &[Json]) -> String {
    json!({ "synchronizationRules": [{ "objectMappings": [{
        "sourceObjectName": "user", "targetObjectName": "User", "attributeMappings": mappings }] }] })
    .to_string()
}

/// Rules whose parts lead back to themselves, as far as JSON can say it: a variable bound to itself, a tree of its own parts.
fn in_circles() -> [String; 2] {
    let itself = (0..40).fold("$x".to_owned(), |body, _| format!("With($x, {body}, $x)"));
    let mut tree = json!({ "type": "Attribute", "name": "a" });
    for _ in 0..25 {
        let twice = json!([{ "key": "1", "value": tree }, { "key": "2", "value": { "type": "Attribute", "name": "a" } }]);
        tree = json!({ "type": "Function", "name": "Append", "parameters": twice });
    }
    let whole = json!({ "targetAttributeName": "a", "source": tree });
    [document(&[mapping(&itself)]), document(&[whole])]
}

#[test]
fn whatever_is_thrown_at_the_rules_ends_soon_and_small() {
    let before = peak();
    let good = preset::AD_TO_DIRECTORY;
    let half = (0..=good.len() / 2)
        .rev()
        .find(|at| good.is_char_boundary(*at))
        .unwrap();
    let huge = "[a] & ".repeat(1_700_000);
    let quoted = format!("\"{}\"", "x".repeat(10_000_000));
    let deep = |open: &str, close: &str, depth: usize| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    let lists = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let [itself, tree] = in_circles();
    let bad_types = good.replace("\"attributeMappings\":", "\"attributeMappings\": 5, \"x\":");
    let expanding = (0..30).fold("[long]".to_owned(), |text, _| {
        format!("With($x, {text}, $x & $x)")
    });
    let came = [
        timed("truncated", || rules(&good[..half])),
        timed("mistyped", || rules(&bad_types)),
        timed("of one kind of bracket", || rules(&lists)),
        timed("ten megabytes in a mapping", || {
            rules(&document(&[mapping(&huge)]))
        }),
        timed("bound to itself", || {
            rules(&itself).or(Some(Code::SchemaInvalid))
        }),
        timed("a tree of its own parts", || {
            rules(&tree).or(Some(Code::SchemaInvalid))
        }),
        timed("ten megabytes of operators", || expression(&huge)),
        timed("ten megabytes of text", || expression(&quoted)),
        timed("calls, nested", || {
            expression(&deep("Trim(", ")", 1_000_000))
        }),
        timed("parentheses, nested", || {
            expression(&deep("(", ")", 1_000_000))
        }),
        timed("minus, nested", || expression(&deep("-", "", 1_000_000))),
        timed("look-around", || {
            expression("Replace([long], , \"(?=a+)+$\", , \"\", , )")
        }),
        timed("a large pattern", || {
            expression("RegexReplace([long], \"((x{100}){100}){100}\", \"\")")
        }),
        timed("every place of a long text", || {
            expression("RegexReplace([long], \"[a-z]+!|a\", \"b\")")
        }),
        timed("doubled thirty times", || expression(&expanding)),
        timed("loops in loops", || {
            expression("Select($a, [many], Select($b, [many], Select($c, [many], $a & $b)))")
        }),
    ];
    let grown = peak().saturating_sub(before);
    for one in &came {
        assert!(one.code.is_some(), "{} was taken", one.what);
        assert!(one.took < LONGEST, "{} took {:?}", one.what, one.took);
    }
    assert!(grown < MOST_KIB, "{grown} KiB");
    // What only seems to hurt is answered as well.
    for pattern in ["(a+)+$", "(a|aa)+$", "^(a?){50}a{50}$"] {
        let text = format!("Replace([long], , \"{pattern}\", , \"\", , )");
        let came = timed("a pattern that others backtrack over", || expression(&text));
        assert_eq!(came.code, None, "{pattern}");
        assert!(came.took < LONGEST, "{pattern} took {:?}", came.took);
    }
}
