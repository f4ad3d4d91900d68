//! The comparison of a whole source with the connector space, from time to time, beside the reads of changes.
//!
//! The source is listed by plain search, never by the mechanism changes are found by: what that missed is what is looked for.
//! Never holds anything up: changes are read and planned meanwhile. Trap: the agent needs a second free hand for it.

use std::time::Duration;

use engine::{ComparisonEnd, JobState};
use sync_core::{id::ConnectorId, object::Entry, operation::Refusal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{agents::blocking, app::App, scheduler::read_spec};

/// How a comparison is doing: for people to look at, gone with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparing {
    /// Since when one is under way, unix ms.
    pub since: Option<i64>,
    /// Objects listed so far.
    pub listed: u64,
    /// Why the last one was not ended.
    pub failure: Option<Refusal>,
}

/// How often it is looked whether it is time for one.
const LOOK: Duration = Duration::from_secs(5);
/// After one that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Compares a source whenever it is time, until `shutdown`.
pub async fn run(app: App, id: ConnectorId, shutdown: CancellationToken) {
    loop {
        let compared = tokio::select! {
            () = shutdown.cancelled() => return,
            compared = once(&app, id) => compared,
        };
        let pause = match compared {
            Ok(()) => LOOK,
            Err(why) => {
                app.engine().give_up_comparison(id);
                if app.comparing(id).failure.as_ref().map(|known| known.code) != Some(why.code) {
                    warn!(connector = %id, code = %why.code, "the source cannot be compared whole: {why}");
                }
                app.note_comparing(id, |comparing| {
                    comparing.since = None;
                    comparing.failure = Some(why);
                });
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Compares a source, if it is time.
async fn once(app: &App, id: ConnectorId) -> Result<(), Refusal> {
    if !blocking(app.engine(), move |engine| engine.is_comparison_due(id)).await? {
        return Ok(());
    }
    let source = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let mut jobs = blocking(app.engine(), engine::Engine::jobs).await?;
    jobs.retain(|job| job.source == id && job.state == JobState::Active);
    // A source that cannot be read is not asked by a second way: a refused password tried twice as often locks the account.
    if jobs.is_empty() || source.failure.is_some() {
        return Ok(());
    }
    let spec = read_spec(app, &source, &jobs).await?;
    let begun = blocking(app.engine(), move |engine| {
        engine.begin_comparison(id, &spec)
    })
    .await?;
    let Some(order) = begun else {
        return Ok(());
    };
    info!(connector = %source.name, code = %order.why.code, "comparing the whole source: {}", order.why);
    let now = app.engine().now();
    app.note_comparing(id, |comparing| {
        comparing.since = Some(now);
        comparing.listed = 0;
    });
    let mut listing = app
        .desk()
        .enumerate(&source.name, order.spec, Some(order.position))
        .await?;
    while let Some(chunk) = listing.next().await {
        let entries: Vec<Entry> = chunk?.into_iter().map(|listed| listed.entry).collect();
        let count = entries.len() as u64;
        blocking(app.engine(), move |engine| {
            engine.compare_listed(id, &entries)
        })
        .await?;
        app.note_comparing(id, |comparing| comparing.listed += count);
    }
    let compared = blocking(app.engine(), move |engine| engine.end_comparison(id)).await?;
    told(&source.name, &compared);
    app.note_comparing(id, |comparing| {
        comparing.since = None;
        comparing.failure = None;
    });
    // What was found is looked up after the next read, or a full read follows.
    if !compared.is_stale {
        app.read_wake(id).notify_one();
    }
    Ok(())
}

fn told(source: &str, compared: &ComparisonEnd) {
    let ComparisonEnd {
        listed,
        differing,
        absent,
        ..
    } = compared;
    match &compared.full_read {
        Some(why) => {
            warn!(connector = %source, code = %why.code, "the whole source was compared and is read anew: {why}");
        }
        None if compared.is_stale => {
            info!(connector = %source, "the source was read anew meanwhile, the comparison says nothing");
        }
        None => {
            info!(connector = %source, listed, differing, absent, "the whole source was compared: {listed} objects, {differing} differ, {absent} are not there");
        }
    }
}
