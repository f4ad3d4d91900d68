//! The initial cycle on the screen, and what came of it.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sync_core::code::Code;
use wire::api::v1::{JobStatus, LogRecord, Phase};

use super::world::{World, fault};
use crate::{
    commands::status,
    failure::Failure,
    output::Output,
    show::{count, duration, plural, short},
};

/// How often the status is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// An initial cycle without any progress for so long has failed.
const STUCK: Duration = Duration::from_secs(120);
// LIMIT: examples shown per reason.
const EXAMPLES: usize = 3;

/// The present status of the job.
///
/// # Errors
/// By code.
pub async fn look(world: &World) -> Result<JobStatus, Failure> {
    let page = status::ask(&world.client, Some(&world.job.id)).await?;
    let first = page.items.into_iter().next();
    first.ok_or_else(|| Failure::text(Code::NotFound, world.client.url(), "the job has no status"))
}

/// Whether everything that was read is visible.
pub fn is_caught_up(status: &JobStatus) -> bool {
    status.phase == Phase::Incremental
        && status.lag.is_none()
        && status.progress.to_plan == 0
        && status.progress.to_export == 0
}

/// Waits for the end of the initial cycle, showing how far it is. Returns the last status and how long it took.
///
/// # Errors
/// By code: the agent ended, or nothing moves any more.
pub async fn initial_cycle(
    world: &mut World,
    output: Output,
) -> Result<(JobStatus, Duration), Failure> {
    let begun = Instant::now();
    let bar = bar(output);
    let mut moved = (Instant::now(), (0, 0, 0));
    loop {
        if let Some(failure) = world.agent_failure() {
            return Err(failure);
        }
        let status = look(world).await?;
        let linked = status.situations.get("linked").copied().unwrap_or(0);
        let progress = &status.progress;
        bar.set_message(format!(
            "read {}  in the directory {}  to go {}  {:.0} objects/s",
            count(progress.read),
            count(linked),
            count(progress.to_plan + progress.to_export),
            progress.objects_per_second,
        ));
        if is_caught_up(&status) {
            bar.finish_and_clear();
            return Ok((status, begun.elapsed()));
        }
        let now = (progress.read, linked, progress.to_plan + progress.to_export);
        if moved.1 != now {
            moved = (Instant::now(), now);
        }
        if moved.0.elapsed() > STUCK {
            return Err(stuck(world, &status));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn stuck(world: &World, status: &JobStatus) -> Failure {
    let position = &status.source.position;
    match status
        .failure
        .as_ref()
        .or(position.failure.as_ref())
        .or(position.suspect.as_ref())
    {
        Some(problem) => Failure::told(problem.clone(), "the demo's job"),
        None => fault(
            "the demo's job",
            format!("nothing moves; logs are in {}", world.directory().display()),
        ),
    }
}

fn bar(output: Output) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if output == Output::Json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// What was created, skipped and refused, with examples.
///
/// # Errors
/// By code.
pub async fn summary(world: &World, status: &JobStatus, took: Duration) -> Result<String, Failure> {
    let mut text = format!(
        "created in {}:",
        duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    );
    for (class, number) in &status.linked {
        text.push_str(&format!("\n  {}", plural(*number, &class.to_lowercase())));
    }
    if !status.skipped_codes.is_empty() {
        text.push_str("\nskipped, on purpose:");
        for (reason, number) in &status.skipped_codes {
            text.push_str(&format!("\n  {:>5}  {reason}", count(*number)));
        }
    }
    if !status.escrow_codes.is_empty() {
        text.push_str("\nrefused, and tried again later:");
    }
    for (code, number) in &status.escrow_codes {
        let title = Code::from_name(code).map_or("", Code::title);
        text.push_str(&format!("\n  {:>5}  {code}: {title}", count(*number)));
        let query = [
            ("code", Some(code.clone())),
            ("status", Some("failure".into())),
        ];
        let page = world
            .client
            .list::<LogRecord>("log", &query, EXAMPLES)
            .await?;
        for record in &page.items {
            text.push_str(&format!(
                "\n         {}: {}",
                short(&record.source_identity.display_name),
                record.summary
            ));
        }
    }
    Ok(text)
}
