//! Quarantine, restart and the words of run histories, as text scripts with stored output in `tests/cycle/`.
//!
//! A script is commands; below each stands what came of it, after `> `. `UPDATE_SCRIPTS=1 cargo test -p sync-core --test cycle`
//! writes the output anew; what changed is then read, not believed. The clock is the script's own and begins at 0.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs
)]

use std::path::{Path, PathBuf};

use sync_core::{
    code::Code,
    cycle::{
        Change, Ending, Failures, Reset, RunStatus, Side, Standing,
        quarantine::{COMPLETE_FAILURES, Looks, is_busy_too_long},
    },
    operation::Refusal,
};

macro_rules! scripts {
    ($($name:ident)*) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

scripts! {
    evaluation_begins_at_five_thousand
    proportion_just_below_and_above
    base_just_below_and_above
    total_just_below_and_above
    the_four_worked_examples
    complete_failures_in_a_row
    credentials_at_once
    what_never_leads_to_quarantine
    twenty_eight_days
    one_success_ends_it
    clear_and_demand
    the_reason_changes
    initial_cycle_is_completed_by_pruning
    the_guard_holds_and_slows_nothing
    an_attempt_before_its_time
    words_of_run_histories
    restart_criteria
    busy_for_a_day
    looks_between_attempts
}

#[test]
fn every_script_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut listed = LISTED.to_vec();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cycle")
}

fn check(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let stored = std::fs::read_to_string(&path).unwrap();
    let mut job = Job::default();
    let mut text = String::new();
    for line in stored.lines().filter(|line| !line.starts_with("> ")) {
        text.push_str(line);
        text.push('\n');
        let command = line.trim();
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        for said in job.carry_out(command) {
            text.push_str("> ");
            text.push_str(&said);
            text.push('\n');
        }
    }
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    assert!(text == stored, "{name}: expected\n{stored}\nfound\n{text}");
}

#[derive(Default)]
struct Job {
    standing: Standing,
    looks: Looks,
    now: i64,
}

impl Job {
    // LONG: one arm a command of the scripts.
    fn carry_out(&mut self, command: &str) -> Vec<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["verdict", rest @ ..] => vec![verdict(rest)],
            ["pass", length] => {
                self.now += length_of(length);
                vec![format!("it is {}", moment(self.now))]
            }
            ["read", code] => self.told(|job, now| {
                job.fails(
                    Side::Source,
                    &Refusal::new(code_of(code)),
                    COMPLETE_FAILURES,
                    now,
                )
            }),
            ["write", code] => self.told(|job, now| {
                job.fails(
                    Side::Target,
                    &Refusal::new(code_of(code)),
                    COMPLETE_FAILURES,
                    now,
                )
            }),
            ["read-works"] => self.told(|job, now| job.succeeds(Side::Source, now)),
            ["write-works"] => self.told(|job, now| job.succeeds(Side::Target, now)),
            ["ends", rest @ ..] => self.told(|job, now| job.ends(&failures(rest), false, now)),
            ["initial-ends", rest @ ..] => {
                self.told(|job, now| job.ends(&failures(rest), true, now))
            }
            ["holds"] => {
                self.told(|job, now| job.holds(Some(&Refusal::new(Code::TooManyDeletes)), now))
            }
            ["decided"] => self.told(|job, now| job.holds(None, now)),
            ["demand"] => {
                self.told(|job, now| job.demanded(Refusal::new(Code::QuarantinedOnDemand), now))
            }
            ["hope"] => {
                let is = self.standing.is_hopeful(self.now);
                vec![format!(
                    "{}",
                    if is {
                        "it is tried now"
                    } else {
                        "nothing to hope for"
                    }
                )]
            }
            ["clear"] => self.told(|job, _| job.clear()),
            ["try"] => vec![self.may_try()],
            ["attempts", code] => self.attempts(code),
            ["status", rest @ ..] => vec![RunStatus::of(&ending(rest)).to_string()],
            ["reset", rest @ ..] => vec![match Reset::parse(&rest.join(" ")) {
                Ok(reset) => format!("{reset}; links: {}", reset.has_links()),
                Err(why) => why,
            }],
            ["busy-since", length] => {
                vec![format!(
                    "escalated: {}",
                    is_busy_too_long(self.now - length_of(length), self.now)
                )]
            }
            ["look", answer] => {
                self.looks = self.looks.and(*answer == "answered");
                vec![format!("next look in {} s", self.looks.pause_ms() / 1_000)]
            }
            ["waits-for"] => {
                let waits = |side| self.standing.waits_for(side, self.now);
                vec![format!(
                    "source: {}, target: {}",
                    waits(Side::Source),
                    waits(Side::Target)
                )]
            }
            _ => panic!("not a command: {command}"),
        }
    }

    fn told(&mut self, act: impl FnOnce(&mut Standing, i64) -> Change) -> Vec<String> {
        let change = act(&mut self.standing, self.now);
        let mut said = match change {
            Change::None => "no change".to_owned(),
            Change::Imposed(reason) => format!("quarantine, told: {}", reason.name()),
            Change::Kept(reason) => format!("stays in effect: {}", reason.name()),
            Change::Lifted(reason) => format!("ended: {}", reason.name()),
        };
        if let Some(held) = self.standing.quarantine {
            let next = held.next_attempt.map_or("none".into(), moment);
            said.push_str(&format!(
                "; current {}, next attempt {next}, series {} of {}",
                moment(held.current_began),
                moment(held.series_began),
                held.series_count
            ));
        }
        if self.standing.in_a_row > 0 {
            said.push_str(&format!("; {} in a row", self.standing.in_a_row));
        }
        if self.standing.are_escrows_pruned {
            said.push_str("; escrows pruned");
        }
        vec![said]
    }

    fn may_try(&self) -> String {
        match self.standing.quarantine {
            Some(held) if held.is_over(self.now) => {
                format!("disabled since {}", moment(held.ends_at()))
            }
            _ if self.standing.lets_try(self.now) => "goes on".into(),
            _ => "waits".into(),
        }
    }

    /// Every attempt at its time fails in the same way, until nothing is tried any more.
    fn attempts(&mut self, code: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let held = self.standing.quarantine.expect("in quarantine");
            let Some(at) = held.next_attempt.filter(|at| !held.is_over(*at)) else {
                break;
            };
            assert!(!self.standing.lets_try(at - 1), "not before its time");
            self.now = at;
            said.extend(self.carry_out(&format!("read {code}")));
        }
        self.now = self.standing.quarantine.expect("in quarantine").ends_at() - 1;
        said.push(format!("{}: {}", moment(self.now), self.may_try()));
        self.now += 1;
        said.push(format!("{}: {}", moment(self.now), self.may_try()));
        said
    }
}

fn numbers<'a>(words: &'a [&'a str]) -> impl Fn(&str) -> u64 + 'a {
    move |name| {
        let prefix = format!("{name}=");
        let found = words.iter().find_map(|word| word.strip_prefix(&prefix));
        found.map_or(0, |text| text.parse().unwrap())
    }
}

fn failures(words: &[&str]) -> Failures {
    let number = numbers(words);
    Failures {
        base: number("failed"),
        references: number("references"),
        succeeded: number("ok"),
    }
}

fn verdict(words: &[&str]) -> String {
    let verdict = failures(words).verdict();
    verdict.map_or("goes on".into(), |reason| reason.name().into())
}

fn ending(words: &[&str]) -> Ending {
    let number = numbers(words);
    let failure = words.iter().find_map(|word| word.strip_prefix("failure="));
    Ending {
        failure: failure.map(code_of),
        had_begun: words.contains(&"begun"),
        sync_errors: number("sync"),
        export_errors: number("export"),
        warnings: number("warnings"),
        is_held: words.contains(&"held"),
        is_over_limit: words.contains(&"over"),
    }
}

fn code_of(name: &str) -> Code {
    Code::from_name(name).unwrap_or_else(|| panic!("no code {name}"))
}

/// `6h`, `3d`, `5m`, `1ms`.
fn length_of(text: &str) -> i64 {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        unit => panic!("no unit {unit}"),
    };
    digits.parse::<i64>().unwrap() * unit
}

fn moment(at: i64) -> String {
    let (hours, rest) = (at / 3_600_000, at % 3_600_000);
    match rest {
        0 => format!("{hours}h"),
        rest if rest % 60_000 == 0 => format!("{hours}h{}m", rest / 60_000),
        rest => format!("{hours}h{rest}ms"),
    }
}
