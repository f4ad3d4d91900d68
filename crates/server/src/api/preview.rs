//! `POST /jobs/{name}/preview`: what a run or a change of rules would do, one JSON document per line.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use tokio::sync::mpsc;
use wire::api::v1::{PreviewEvent, PreviewRequest};

use super::{error::ApiError, extract::Body, verify::lines};
use crate::{agents::blocking, app::App, preview, redaction::Hidden, rules, scheduler};

// LIMIT: lines waiting for a slow reader.
const LINES: usize = 256;

/// Starts the preview and streams what it finds. When the reader goes away, it stops.
pub async fn preview(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(asked): Body<PreviewRequest>,
) -> Result<Response, ApiError> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let job = Arc::new(job);
    let id = job.id;
    let mut hidden = blocking(app.engine(), move |engine| Ok(Hidden::of_job(engine, id))).await?;
    let checked = match asked.rules {
        None => scheduler::rules_of(&job)?,
        Some(json) => {
            let known = rules::discovered(&app, job.source, job.target).await?;
            let text = json.to_string();
            hidden.add(&text);
            let checked = rules::check(text, known).await?;
            Arc::new(
                checked
                    .rules
                    .map_err(|problems| rules::refusal(&problems))?,
            )
        }
    };
    let (sender, receiver) = mpsc::channel::<PreviewEvent>(LINES);
    tokio::spawn(async move {
        let event = match preview::run(&app, &job, checked, hidden, &sender).await {
            Ok(report) => PreviewEvent::Report(report),
            Err(why) => PreviewEvent::Failed(why.into()),
        };
        let _ = sender.send(event).await;
    });
    lines(receiver)
}
