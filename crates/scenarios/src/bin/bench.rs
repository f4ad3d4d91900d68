//! `bench initial|delta|unchanged|preview [--source slapd|forest|samba] [--people N] [--changes N] [--interval S] [--json] [--keep]`,
//! `bench agents [--agents N] [--json]`.
//!
//! Run by `cargo xtask bench`, which builds the programs it starts. Its words are checked there; whoever starts it by hand gets a panic
//! for wrong ones. Trap: it must stand beside `hybridge` and
//! `hybridge-agent` of the same build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use scenarios::bench::{Kind, Options, What, agents, run};

#[tokio::main(worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_json = words.iter().any(|word| word == "--json");
    if words.first().is_some_and(|word| word == "agents") {
        let idle = agents::run(number(&words, "--agents").unwrap_or(1_000)).await;
        match is_json {
            true => println!("{}", idle.json()),
            false => println!("{}", idle.table()),
        }
        return;
    }
    let result = run(&options(&words)).await;
    match is_json {
        true => println!("{}", result.json()),
        false => println!("{}", result.table()),
    }
}

fn value<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let place = words.iter().position(|word| word == name)?;
    let value = words.get(place + 1);
    Some(value.unwrap_or_else(|| panic!("{name} needs a value")))
}

fn number(words: &[String], name: &str) -> Option<usize> {
    value(words, name).map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} needs a number"))
    })
}

fn options(words: &[String]) -> Options {
    let what = match words.first().map(String::as_str) {
        Some("initial") => What::Initial,
        Some("delta") => What::Delta,
        Some("unchanged") => What::Unchanged,
        Some("preview") => What::Preview,
        other => panic!("bench initial|delta|unchanged|preview, not {other:?}"),
    };
    let number = |name| number(words, name);
    let source = match value(words, "--source") {
        None | Some("slapd") => Kind::Slapd,
        Some("forest") => Kind::Forest,
        Some("samba") => Kind::Samba,
        Some(other) => panic!("--source slapd|forest|samba, not {other}"),
    };
    let changes = if what == What::Delta { 1_000 } else { 100 };
    Options {
        what,
        source,
        people: number("--people").unwrap_or(10_000),
        changes: number("--changes").unwrap_or(changes),
        interval_seconds: number("--interval").map(|seconds| seconds as u64),
        keeps_data: words.iter().any(|word| word == "--keep"),
    }
}
