//! `GET /metrics`: what a monitoring system watches, in the Prometheus text format.
//!
//! Only what is cheap to ask, because it is asked every few seconds. Never a name of an object. Trap: a name in a label is
//! quoted by the rules of the format (backslash, quote, line feed), or one odd job name breaks the whole page.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use engine::{ConnectorRow, Engine, JobNumbers, JobRow, JobState, StoreError};

use super::{error::ApiError, status::oldest};
use crate::{agents::blocking, app::App, doorbell::DoorbellState};

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A job's row, its source and its numbers.
type Numbers = (JobRow, ConnectorRow, JobNumbers);

/// All metrics.
pub async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let all = blocking(app.engine(), numbers).await?;
    Ok(([(CONTENT_TYPE, FORMAT)], page(&app, &all)).into_response())
}

fn numbers(engine: &Engine) -> Result<Vec<Numbers>, StoreError> {
    let jobs = engine.jobs()?;
    jobs.into_iter()
        .map(|job| {
            let source = engine.connector(job.source)?;
            let numbers = engine.job_numbers(job.id, false)?;
            Ok((job, source, numbers))
        })
        .collect()
}

fn page(app: &App, all: &[Numbers]) -> String {
    let mut text = String::new();
    let now = app.engine().now();
    let seconds = |since: i64| now.saturating_sub(since).max(0) as f64 / 1_000.0;
    let mut per_job = |name: &str, help: &str, value: &dyn Fn(&Numbers) -> f64| {
        head(&mut text, name, help, "gauge");
        for numbers in all {
            line(&mut text, name, ("job", &numbers.0.name), value(numbers));
        }
    };
    per_job(
        "hybridge_oldest_unsynced_change_seconds",
        "Age of the oldest change that was heard of and is not visible in the target yet",
        &|(_, source, numbers)| oldest(numbers, &app.doorbell(source.id)).map_or(0.0, seconds),
    );
    per_job(
        "hybridge_job_running",
        "1 if the job is not paused",
        &|(job, ..)| f64::from(u8::from(job.state == JobState::Active)),
    );
    per_job(
        "hybridge_job_failing",
        "1 if the job or its source fails as a whole",
        &|(job, source, _)| f64::from(u8::from(job.failure.is_some() || source.failure.is_some())),
    );
    per_job(
        "hybridge_objects_to_plan",
        "Objects that wait to be planned",
        &|(.., numbers)| numbers.to_plan as f64,
    );
    per_job(
        "hybridge_operations_to_export",
        "Operations that wait to be carried out",
        &|(.., numbers)| numbers.to_export as f64,
    );
    per_job(
        "hybridge_objects_in_escrow",
        "Objects whose last operation failed and is tried again",
        &|(.., numbers)| numbers.escrow as f64,
    );
    per_job(
        "hybridge_deletions_held",
        "Deletions the guard holds",
        &|(.., numbers)| numbers.held as f64,
    );
    doorbells(app, all, &mut text);
    text
}

fn doorbells(app: &App, all: &[Numbers], text: &mut String) {
    let mut sources: Vec<&ConnectorRow> = all.iter().map(|(_, source, _)| source).collect();
    sources.dedup_by_key(|source| source.id);
    let name = "hybridge_doorbell_armed";
    head(
        text,
        name,
        "1 if the source tells of changes at once",
        "gauge",
    );
    for source in &sources {
        let is_armed = app.doorbell(source.id).state == DoorbellState::Armed;
        line(
            text,
            name,
            ("connector", &source.name),
            f64::from(u8::from(is_armed)),
        );
    }
    let name = "hybridge_doorbell_rings_total";
    head(
        text,
        name,
        "Rings heard since the server started",
        "counter",
    );
    for source in &sources {
        let rings = app.doorbell(source.id).rings as f64;
        line(text, name, ("connector", &source.name), rings);
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, (label, value): (&str, &str), number: f64) {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    let _ = writeln!(text, "{name}{{{label}=\"{value}\"}} {number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_do_not_break_the_page() {
        let mut text = String::new();
        head(&mut text, "m", "what it is", "gauge");
        line(&mut text, "m", ("job", "a\"b\\c\nd"), 1.5);
        assert_eq!(
            text,
            "# HELP m what it is\n# TYPE m gauge\nm{job=\"a\\\"b\\\\c\\nd\"} 1.5\n"
        );
    }
}
