//! `POST /jobs/{name}/verify`: the judge's progress and report, one JSON document per line.

use axum::{
    body::Body,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::Response,
};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use wire::api::v1::VerifyEvent;

use super::error::ApiError;
use crate::{agents::blocking, app::App, verify};

// LIMIT: lines waiting for a slow reader.
const LINES: usize = 16;

/// Starts the judge and streams what it says. When the reader goes away, the judge stops.
pub async fn verify(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let (sender, receiver) = mpsc::channel::<VerifyEvent>(LINES);
    tokio::spawn(async move {
        let event = match verify::run(&app, &job, &sender).await {
            Ok(report) => VerifyEvent::Report(report),
            Err(why) => VerifyEvent::Failed(why.into()),
        };
        let _ = sender.send(event).await;
    });
    lines(receiver)
}

/// An answer of one JSON document per line, for as long as somebody tells something.
pub(super) fn lines<T: Serialize + Send + 'static>(
    receiver: mpsc::Receiver<T>,
) -> Result<Response, ApiError> {
    let lines = stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        let mut line = serde_json::to_vec(&event).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(line), receiver))
    });
    let response = Response::builder().header(CONTENT_TYPE, "application/x-ndjson");
    response
        .body(Body::from_stream(lines))
        .map_err(|error| ApiError::invalid(error.to_string()))
}
