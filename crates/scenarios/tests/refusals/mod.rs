//! Everything that can be refused: each refusal has a code, names place and cure, loses nothing, and is over by itself once
//! it is cured.
//!
//! Real processes, driven as an administrator drives them. Trap: a cure is waited for, never helped along by pausing or
//! restarting what has to recover by itself.

mod disk;
mod restored;
mod source;
mod start;
mod stores;

use std::time::{Duration, Instant};

use scenarios::processes::Installation;
use sync_core::code::Code;
use wire::api::v1::Problem;

/// How long a refusal may take to be noticed, or a cure.
const PATIENCE: Duration = Duration::from_secs(150);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Waits until something is so.
fn until<T>(what: &str, look: impl Fn() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(told) => assert!(Instant::now() < deadline, "{what} did not come: {told}"),
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Waits until the status of the job shows this code for its source, and gives the whole of it.
fn source_fails_with(installation: &Installation, code: Code) -> Problem {
    until(code.name(), || {
        let status = installation.status();
        match status.source.position.failure {
            Some(problem) if problem.code == code.name() => {
                // A refused credential is a reason for quarantine at once.
                let is_refused = matches!(
                    code,
                    Code::SourceCredentialRefused | Code::SourceAccountUnusable
                );
                match is_refused {
                    true => assert!(["failing", "quarantine"].contains(&status.state.as_str())),
                    false => assert_eq!(status.state, "failing"),
                }
                Ok(problem)
            }
            other => Err(format!("{other:?}")),
        }
    })
}

/// A refusal that a person can act on: a place, a cause, a cure, and a page of its code.
fn is_told_well(installation: &Installation, problem: &Problem, place: &str) {
    assert!(problem.message.contains(place), "{place}: {problem:#?}");
    assert!(!problem.cause.is_empty(), "{problem:#?}");
    assert!(!problem.cure.is_empty(), "{problem:#?}");
    let page: serde_json::Value = installation.ask(&["codes", &problem.code]);
    assert!(page["page"].as_str().unwrap().contains("## What to do"));
}
