//! The judge.
use tokio::sync::mpsc;
use sync_core::operation::Refusal;
use wire::api::v1::{Report, VerifyEvent};
use crate::app::App;
pub async fn run(_app: &App, _job: &engine::JobRow, _told: &mpsc::Sender<VerifyEvent>) -> Result<Report, Refusal> { Ok(Report::default()) }
