//! `faults [--json] [--healthy N] [WORD]...`: the fault matrix. Rows to stderr as they come, the result last to stdout.

use std::process::ExitCode;

use scenarios::faults::{Plan, run};

const HEALTHY_LOOKS: u32 = 20;

fn main() -> ExitCode {
    let mut plan = Plan {
        healthy_looks: HEALTHY_LOOKS,
        ..Plan::default()
    };
    let (mut is_json, mut words) = (false, std::env::args().skip(1));
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => is_json = true,
            "--healthy" => {
                let count = words.next().and_then(|count| count.parse().ok());
                plan.healthy_looks = count.unwrap_or(HEALTHY_LOOKS);
            }
            _ => plan.words.push(word),
        }
    }
    let matrix = run(&plan, |line| eprintln!("{line}"));
    let is_whole = matrix.correct == matrix.scenarios && matrix.false_alarms == 0;
    if is_json {
        println!("{}", serde_json::to_string(&matrix).unwrap_or_default());
    } else {
        println!(
            "{} of {} found by cause and cured, {} false alarms in {} looks at what was well",
            matrix.correct, matrix.scenarios, matrix.false_alarms, matrix.healthy_looks
        );
    }
    ExitCode::from(u8::from(!is_whole))
}
