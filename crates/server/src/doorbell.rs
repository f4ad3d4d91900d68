//! The doorbell of a source: the source says that something changed, and the next read begins at once.
//!
//! Never reads and never says what changed: it only wakes the read loop, whose interval stays as fallback. Quiet while no job
//! of the source runs. Trap: what changed between the last read and the moment the doorbell was armed did not ring, so being
//! armed is itself a reason to read.

use std::time::Duration;

use connectors::source::WatchEnd;
use engine::JobState;
use sync_core::{id::ConnectorId, object::ReadSpec, operation::Refusal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    agents::blocking,
    app::App,
    desk::{Rang, Watched},
    scheduler::read_spec,
};

/// How a doorbell is doing: for people to look at, gone with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doorbell {
    /// What it does.
    pub state: DoorbellState,
    /// Rings heard since the server started.
    pub rings: u64,
    /// When it rang last, unix ms.
    pub rang_at: Option<i64>,
    /// When the oldest ring came that no read has answered yet, unix ms.
    pub unanswered_since: Option<i64>,
    /// Why it is not armed, if there is a reason.
    pub why: Option<Refusal>,
}

/// What a doorbell does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DoorbellState {
    /// No job of the source runs, or the source was not read yet.
    #[default]
    Off,
    /// An agent is asked to watch.
    Hanging,
    /// Every change rings.
    Armed,
    /// The source cannot tell of changes.
    Unsupported,
    /// It fell off and is hung up again.
    Failing,
}

impl DoorbellState {
    /// The word people see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Hanging => "hanging",
            Self::Armed => "armed",
            Self::Unsupported => "unsupported",
            Self::Failing => "failing",
        }
    }
}

impl Doorbell {
    /// A read that began at this time ended well: older rings are answered.
    pub fn answered(&mut self, began: i64) {
        if self.unanswered_since.is_some_and(|since| since <= began) {
            // A ring that came while the read ran is answered by the next one, which is about to begin.
            self.unanswered_since = self.rang_at.filter(|rang| *rang > began);
        }
    }

    fn rang(&mut self, now: i64) {
        self.rings += 1;
        self.rang_at = Some(now);
        self.unanswered_since.get_or_insert(now);
    }

    fn becomes(&mut self, state: DoorbellState, why: Option<Refusal>) {
        self.state = state;
        self.why = why;
    }
}

/// The source may be read for the first time soon; then the doorbell is hung up.
const UNTIL_FIRST_READ: Duration = Duration::from_millis(500);
/// A source that cannot tell of changes may learn it (an upgrade, a setting).
const UNTIL_ASKED_AGAIN: Duration = Duration::from_secs(600);
/// After the source ended a watch.
const UNTIL_HUNG_AGAIN: Duration = Duration::from_secs(1);
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Keeps a source's doorbell hung up until `shutdown`.
pub async fn run(app: App, id: ConnectorId, shutdown: CancellationToken) {
    let mut generation = app.generation();
    let mut retry = SHORTEST_RETRY;
    loop {
        let hung = tokio::select! {
            () = shutdown.cancelled() => return,
            hung = hang(&app, id, &mut generation) => hung,
        };
        let pause = match hung {
            Ok(pause) => {
                retry = SHORTEST_RETRY;
                pause
            }
            Err(why) => {
                if app.doorbell(id).why.as_ref().map(|known| known.code) != Some(why.code) {
                    warn!(connector = %id, code = %why.code, "the doorbell fell off, reading by the clock: {why}");
                }
                app.note_doorbell(id, |doorbell| {
                    doorbell.becomes(DoorbellState::Failing, Some(why));
                });
                retry = (retry * 2).min(LONGEST_RETRY);
                retry
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = generation.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Hangs the doorbell up and listens. Returns how long to wait before hanging it up again.
async fn hang(
    app: &App,
    id: ConnectorId,
    generation: &mut watch::Receiver<u64>,
) -> Result<Duration, Refusal> {
    generation.mark_unchanged();
    let source = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let Some(spec) = wanted(app, id).await? else {
        app.note_doorbell(id, |doorbell| doorbell.becomes(DoorbellState::Off, None));
        return Ok(LONGEST_RETRY);
    };
    // A source that cannot be read is not asked by a second way: a refused password tried twice as often locks the account.
    if source.complete_reads == 0 || source.failure.is_some() {
        return Ok(UNTIL_FIRST_READ);
    }
    let watermark = blocking(app.engine(), move |engine| engine.watermark(id)).await?;
    let mut watching = app.desk().watch(&source.name, &spec, watermark).await?;
    if app.doorbell(id).state != DoorbellState::Failing {
        app.note_doorbell(id, |doorbell| {
            doorbell.becomes(DoorbellState::Hanging, None)
        });
    }
    loop {
        let word = tokio::select! {
            word = watching.next() => word,
            changed = generation.changed() => {
                // Paused, or other attributes are wanted: this watch is over.
                if changed.is_err() || wanted(app, id).await?.as_ref() != Some(&spec) {
                    return Ok(Duration::ZERO);
                }
                continue;
            }
        };
        match word {
            None => return Ok(UNTIL_HUNG_AGAIN),
            Some(Err(why)) => return Err(why),
            Some(Ok(Watched::Rang(rang))) => heard(app, id, rang),
            Some(Ok(Watched::Ended(WatchEnd::Ended))) => return Ok(UNTIL_HUNG_AGAIN),
            Some(Ok(Watched::Ended(WatchEnd::Unsupported(why)))) => {
                info!(connector = %source.name, "changes are found by the clock only: {why}");
                app.note_doorbell(id, |doorbell| {
                    doorbell.becomes(DoorbellState::Unsupported, Some(why));
                });
                return Ok(UNTIL_ASKED_AGAIN);
            }
        }
    }
}

fn heard(app: &App, id: ConnectorId, rang: Rang) {
    let now = app.engine().now();
    app.note_doorbell(id, |doorbell| match rang {
        Rang::Armed => doorbell.becomes(DoorbellState::Armed, None),
        Rang::Changed => doorbell.rang(now),
    });
    app.ring(id).notify_one();
}

/// What the running jobs of a source read; none if none of them wants to be told of changes.
async fn wanted(app: &App, id: ConnectorId) -> Result<Option<ReadSpec>, Refusal> {
    let source = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let mut jobs = blocking(app.engine(), engine::Engine::jobs).await?;
    jobs.retain(|job| job.source == id && job.state == JobState::Active);
    if !jobs.iter().any(|job| job.settings.doorbell) {
        return Ok(None);
    }
    Ok(Some(read_spec(app, &source, &jobs).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_answered_by_a_read_that_began_after_it() {
        let mut doorbell = Doorbell::default();
        doorbell.rang(100);
        doorbell.answered(99);
        assert_eq!(doorbell.unanswered_since, Some(100));
        doorbell.rang(150);
        doorbell.answered(120);
        assert_eq!(doorbell.unanswered_since, Some(150));
        doorbell.answered(150);
        assert_eq!(doorbell.unanswered_since, None);
        assert_eq!(doorbell.rings, 2);
    }
}
