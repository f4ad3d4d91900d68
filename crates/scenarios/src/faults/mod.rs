//! The fault matrix: each fault made for real, diagnosed by a doctor that sees only the agent's machine, cured, and seen cured.
//!
//! Needs root (namespaces, firewall) and the lab's packages. Trap: what counts is the first failed check; later ones may be
//! effects.

mod rows;
mod site;

use serde::Serialize;
use wire::agent::v1::{CheckState, Examination};

use rows::{ROWS, Row};
use site::Site;

/// How often a healthy site is looked at, before the rows and after each of them.
const HEALTHY_LOOKS: u32 = 5;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// Rows.
    pub scenarios: u32,
    /// Rows whose fault was found first by check, code and cause, with a cure, and that were well again after it.
    pub correct: u32,
    /// Failures found where there was no fault.
    pub false_alarms: u32,
    /// What was missed, in words.
    pub misses: Vec<String>,
}

/// Runs the rows whose names hold one of these words; none: all.
pub fn run(words: &[String], mut told: impl FnMut(&str)) -> Matrix {
    let mut site = Site::raise();
    let mut matrix = Matrix::default();
    for _ in 0..HEALTHY_LOOKS {
        if let Some(alarm) = failure(&site.doctor(&[])) {
            matrix.false_alarms += 1;
            told(&format!("false alarm: {alarm}"));
        }
    }
    let is_wanted =
        |row: &&Row| words.is_empty() || words.iter().any(|word| row.name.contains(word));
    for row in ROWS.iter().filter(is_wanted) {
        matrix.scenarios += 1;
        match try_row(&mut site, row) {
            Ok(()) => {
                matrix.correct += 1;
                told(&format!("ok      {}", row.name));
            }
            Err(miss) => {
                told(&format!("MISSED  {}: {miss}", row.name));
                matrix.misses.push(format!("{}: {miss}", row.name));
            }
        }
        if let Some(alarm) = failure(&site.doctor(&[])) {
            matrix.false_alarms += 1;
            told(&format!("not well after {}: {alarm}", row.name));
        }
    }
    matrix
}

fn try_row(site: &mut Site, row: &Row) -> Result<(), String> {
    (row.make)(site);
    let found = site.doctor(row.below);
    (row.cure)(site);
    let (id, code, cause) = row.found;
    let first = found
        .checks
        .iter()
        .find(|check| check.state == CheckState::Failed);
    let first = first.ok_or_else(|| "nothing was found".to_owned())?;
    let is_right = first.id == id
        && first.code.as_deref() == Some(code.name())
        && first.cause.as_deref() == Some(cause);
    if !is_right {
        let (code, cause) = (first.code.as_deref(), first.cause.as_deref());
        return Err(format!(
            "found {} {} {} ({})",
            first.id,
            code.unwrap_or("-"),
            cause.unwrap_or("-"),
            first.text
        ));
    }
    match first.cure.as_deref() {
        Some(cure) if !cure.is_empty() => Ok(()),
        _ => Err("it names no cure".into()),
    }
}

fn failure(found: &Examination) -> Option<String> {
    let failed = found
        .checks
        .iter()
        .find(|check| check.state == CheckState::Failed)?;
    Some(format!("{}: {}", failed.id, failed.text))
}
