//! The fault matrix: each fault made for real, diagnosed by a doctor that sees only the agent's machine, cured, and seen cured.
//!
//! Needs root (namespaces, firewall) and the lab's packages. Trap: what counts is the first failed check; later ones may be
//! effects.

mod links;
mod rows;
mod site;
mod sources;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use serde::Serialize;
use wire::agent::v1::{Check, CheckState, Examination};

use rows::{Act, Expected, Row};
use site::Site;

/// How long what was cured may take to be well again: the agent's longest pause, and a look.
const PATIENCE: Duration = Duration::from_secs(90);

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// Rows.
    pub scenarios: u32,
    /// Rows whose fault was found first by check, code and cause, with its cure, and that were well again after it.
    pub correct: u32,
    /// Failures found where there was no fault.
    pub false_alarms: u32,
    /// Looks at an agent that was well.
    pub healthy_looks: u32,
    /// What was missed, in words.
    pub misses: Vec<String>,
}

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Rows whose names hold one of these words; none: all.
    pub words: Vec<String>,
    /// Looks at the healthy site before the rows.
    pub healthy_looks: u32,
}

/// Runs the rows.
pub fn run(plan: &Plan, mut told: impl FnMut(&str)) -> Matrix {
    let is_wanted = |row: &&Row| {
        plan.words.is_empty()
            || plan
                .words
                .iter()
                .any(|word| row.name.contains(word.as_str()))
    };
    let of_link: Vec<&Row> = links::ROWS.iter().filter(is_wanted).collect();
    let of_controller: Vec<&Row> = sources::ROWS.iter().filter(is_wanted).collect();
    let mut site = Site::raise();
    let mut matrix = Matrix::default();
    for _ in 0..plan.healthy_looks {
        look_healthy(&mut matrix, &site, &mut told);
    }
    for row in of_link {
        count(&mut matrix, &mut site, row, &mut told);
    }
    if !of_controller.is_empty() {
        site.raise_controller();
        look_healthy(&mut matrix, &site, &mut told);
    }
    for row in of_controller {
        count(&mut matrix, &mut site, row, &mut told);
    }
    matrix
}

fn look_healthy(matrix: &mut Matrix, site: &Site, told: &mut impl FnMut(&str)) {
    matrix.healthy_looks += 1;
    if let Some(check) = unwell(&site.doctor(&[])) {
        matrix.false_alarms += 1;
        told(&format!("FALSE ALARM: {}", shown(&check)));
    }
}

fn count(matrix: &mut Matrix, site: &mut Site, row: &Row, told: &mut impl FnMut(&str)) {
    matrix.scenarios += 1;
    let begun = Instant::now();
    let made = acted(site, row.make, "made");
    let found = made.and_then(|()| judged(site, row));
    if found.is_err() && matches!(row.expected, Expected::Nothing) {
        matrix.false_alarms += 1;
    }
    let cured = acted(site, row.cure, "cured");
    let judged = found.and(cured).and_then(|()| is_well_again(site));
    let seconds = begun.elapsed().as_secs();
    match judged {
        Ok(()) => {
            matrix.correct += 1;
            told(&format!("ok      {} ({seconds} s)", row.name));
        }
        Err(miss) => {
            told(&format!("MISSED  {}: {miss} ({seconds} s)", row.name));
            matrix.misses.push(format!("{}: {miss}", row.name));
        }
    }
}

/// Does something to the site. What cannot be done is a miss of this row and ends no other.
fn acted(site: &mut Site, act: Act, what: &str) -> Result<(), String> {
    let done = catch_unwind(AssertUnwindSafe(|| act(site)));
    done.map_err(|_| format!("it could not be {what}"))
}

/// Whether what was found is what is there.
fn judged(site: &Site, row: &Row) -> Result<(), String> {
    let (state, id, code, cause, cure) = match row.expected {
        Expected::Failed(id, code, cause, cure) => (CheckState::Failed, id, code, cause, cure),
        Expected::Warning(id, code, cause, cure) => (CheckState::Warning, id, code, cause, cure),
        Expected::Told(code, words) => {
            let said = site.told.contains(code.name()) && site.told.contains(words);
            return said
                .then_some(())
                .ok_or_else(|| format!("it was told {:?}", site.told));
        }
        Expected::Nothing => {
            return unwell(&site.doctor(row.below)).map_or(Ok(()), |check| Err(shown(&check)));
        }
    };
    let found = site.doctor(row.below);
    let mut sick = found.checks.iter().filter(|check| check.state == state);
    let first = sick.next().ok_or("nothing was found")?;
    let is_first = state == CheckState::Failed || unwell(&found).is_none();
    let is_right = is_first
        && first.id == id
        && first.code.as_deref() == Some(code.name())
        && first.cause.as_deref() == Some(cause);
    if !is_right {
        return Err(format!("found {}", shown(first)));
    }
    let told = first.cure.as_deref().unwrap_or_default();
    match told.contains(cure) {
        true => Ok(()),
        false => Err(format!("the cure is {told:?}")),
    }
}

/// Whether applying the cure ended it: the doctor finds nothing, and the agent, the same process if it lived, has no failure.
fn is_well_again(site: &Site) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let still = match unwell(&site.doctor(&[])) {
            Some(check) => shown(&check),
            None => match site.state().and_then(|state| state.failure) {
                Some(failure) => format!("the agent says {}", failure.text),
                None => return Ok(()),
            },
        };
        if Instant::now() > deadline {
            return Err(format!("it is not well again: {still}"));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn unwell(found: &Examination) -> Option<Check> {
    let mut checks = found.checks.iter();
    checks
        .find(|check| check.state == CheckState::Failed)
        .cloned()
}

fn shown(check: &Check) -> String {
    let (code, cause) = (check.code.as_deref(), check.cause.as_deref());
    let (code, cause) = (code.unwrap_or("-"), cause.unwrap_or("-"));
    format!("{} {code} {cause} ({})", check.id, check.text)
}
