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
use sync_core::health::Kind;

use super::{error::ApiError, status::oldest};
use crate::{agents::blocking, app::App, doorbell::DoorbellState, health::Machine};

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

// LIMIT: alerts counted.
const MOST_ALERTS: usize = 10_000;

/// What is said of the server and not of a job.
fn whole(app: &App, alerts: &[engine::AlertRow], agents: usize, text: &mut String) {
    let name = "hybridge_alerts_open";
    head(text, name, "Alerts that last, by kind", "gauge");
    for kind in Kind::ALL {
        let count = alerts.iter().filter(|row| row.kind == kind.name()).count();
        line(text, name, ("kind", kind.name()), count as f64);
    }
    let mut machine = Machine::default();
    machine.look(&app.config().data_directory);
    let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let is_ready = u8::from(app.is_rejoined());
    let uptime = app
        .engine()
        .now()
        .saturating_sub(app.started().as_millisecond())
        .max(0);
    let single = [
        (
            "hybridge_rejoined",
            "1 once engine and directory were brought together",
            f64::from(is_ready),
        ),
        (
            "hybridge_uptime_seconds",
            "Time since the server started",
            uptime as f64 / 1_000.0,
        ),
        (
            "hybridge_agents_connected",
            "Agents that are connected",
            agents as f64,
        ),
        (
            "hybridge_memory_bytes",
            "Memory the server uses",
            machine.memory as f64,
        ),
        (
            "hybridge_disk_free_bytes",
            "Room on the disk of the data directory",
            machine.disk_free as f64,
        ),
        (
            "hybridge_engine_bytes",
            "Length of the engine's database",
            size(app.engine().path()) as f64,
        ),
        (
            "hybridge_directory_bytes",
            "Length of the tenant directory",
            size(app.directory().path()) as f64,
        ),
    ];
    for (name, help, value) in single {
        head(text, name, help, "gauge");
        let _ = writeln!(text, "{name} {value}");
    }
}

/// A job's row, its source and its numbers.
type Numbers = (JobRow, ConnectorRow, JobNumbers);

/// All metrics.
pub async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let (all, alerts, agents) = blocking(app.engine(), |engine| {
        let alerts = engine.alerts(engine::AlertView::Open, None, MOST_ALERTS)?;
        Ok((numbers(engine)?, alerts, engine.agents()?))
    })
    .await?;
    let mut text = page(&app, &all);
    let connected = agents.iter().filter(|row| app.desk().is_connected(row.id));
    whole(&app, &alerts, connected.count(), &mut text);
    Ok(([(CONTENT_TYPE, FORMAT)], text).into_response())
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
