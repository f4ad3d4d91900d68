//! The README's transcript is what the program prints.
//!
//! Everything that differs from run to run (times, rates, ids) is blotted out on both sides; the rest must be the same.

use std::process::Command;

/// The lines of the README's transcript, and the arguments of its command.
fn transcript() -> (Vec<String>, Vec<String>) {
    let readme = include_str!("../../../README.md");
    let (_, after) = readme
        .split_once("<!-- transcript")
        .expect("the README marks its transcript");
    let block = after.split("```").nth(1).expect("a code block follows");
    let mut lines = block.lines().skip(1).map(str::to_owned);
    let command = lines.next().expect("the first line is the command");
    let (_, arguments) = command
        .split_once(" -- ")
        .expect("cargo run … -- arguments");
    (
        lines.collect(),
        arguments.split_whitespace().map(str::to_owned).collect(),
    )
}

/// A line without what differs from run to run: ids, and the numbers of lines about time.
fn blot(line: &str) -> String {
    let is_about_time = ["created in", "per second"]
        .iter()
        .any(|words| line.contains(words));
    let word = |word: &str| {
        let is_id = word.len() >= 36 && word.matches('-').count() >= 4;
        let is_number = word.chars().next().is_some_and(|c| c.is_ascii_digit());
        // What took a second here may take half of one there.
        let is_unit = ["ms", "s", "ms:", "s:"].contains(&word);
        if is_id || (is_about_time && (is_number || is_unit)) {
            "…".to_owned()
        } else {
            word.to_owned()
        }
    };
    line.split_whitespace()
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_transcript_of_the_readme_is_what_the_demo_prints() {
    let (expected, arguments) = transcript();
    let output = Command::new(env!("CARGO_BIN_EXE_hybridge"))
        .args(&arguments)
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let data = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{talk}\n{data}");
    let printed: Vec<String> = talk.lines().chain(data.lines()).map(blot).collect();
    for line in expected.iter().map(|line| blot(line)) {
        assert!(
            printed.contains(&line),
            "the README says\n  {line}\nbut the demo prints\n{talk}\n{data}"
        );
    }
    assert!(expected.len() > 10);
}
