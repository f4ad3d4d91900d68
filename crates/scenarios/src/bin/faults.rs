//! `faults [--json] [WORD]...`: the fault matrix. Rows to stderr as they come, the result last to stdout.

use std::process::ExitCode;

fn main() -> ExitCode {
    let (options, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word == "--json");
    let matrix = scenarios::faults::run(&words, |line| eprintln!("{line}"));
    let is_whole = matrix.correct == matrix.scenarios && matrix.false_alarms == 0;
    if options.is_empty() {
        println!(
            "{} of {} faults found by cause and cured, {} false alarms",
            matrix.correct, matrix.scenarios, matrix.false_alarms
        );
    } else {
        println!("{}", serde_json::to_string(&matrix).unwrap_or_default());
    }
    ExitCode::from(u8::from(!is_whole))
}
