//! `chaos --agents N --faults N --people N --seed N [--json]`: several agents while everything around them fails at random.
//!
//! Run by `cargo xtask chaos`, which builds the programs it starts and checks its words. Tells each fault with its recovery as it
//! comes, and last a summary. Trap: it must stand beside `hybridge` and `hybridge-agent` of the same build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use scenarios::chaos::{Options, run};
use serde_json::json;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| -> u64 {
        let place = words.iter().position(|word| word == name);
        let value = place.and_then(|place| words.get(place + 1)).unwrap();
        value.parse().unwrap()
    };
    let options = Options {
        agents: number("--agents") as usize,
        faults: number("--faults") as usize,
        people: number("--people") as usize,
        seed: number("--seed"),
    };
    let mut told = 0;
    let outcome = run(options, |one| {
        told += 1;
        let seconds = one.after.as_secs_f64();
        eprintln!(
            "{told} of {}: {:?}, work went on after {seconds:.1} s",
            options.faults, one.fault
        );
    })
    .await;
    let [p50, p99] = [50, 99].map(|of| outcome.percentile(of).as_secs_f64());
    if words.iter().any(|word| word == "--json") {
        let summary = json!({
            "seed": options.seed, "agents": options.agents, "faults": options.faults,
            "changes": outcome.changes, "objects": outcome.objects,
            "recovery_p50_s": p50, "recovery_p99_s": p99,
        });
        println!("{summary}");
    } else {
        println!(
            "{} faults, {} changes: source and target agree, nothing was made twice; work went on after {p50:.1} s (p50), {p99:.1} s (p99)",
            options.faults, outcome.changes
        );
    }
}
