//! Disasters: whatever happens to the source, nothing destructive happens unasked, the cause has a name, and everything
//! recovers by itself once it is cured.

mod causes;
mod deletions;
mod identity;
mod losses;
mod reading;
pub mod undo;

use std::time::Duration;

use engine::{Action, ConnectorRow, JobRow, Record, Status};
use scenarios::Story;
use sync_core::{code::Code, operation::Refusal};

fn connector(story: &Story) -> ConnectorRow {
    story
        .world
        .app
        .engine()
        .connector(story.world.source_id())
        .unwrap()
}

fn job(story: &Story) -> JobRow {
    story.world.app.engine().job(story.world.job.id).unwrap()
}

/// Rings the bells until something is so.
async fn until(story: &Story, what: &str, is_so: impl Fn(&Story) -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    while !is_so(story) {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not come: {:?} {:?}",
            connector(story),
            job(story).failure
        );
        story.world.app.jobs_changed();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Lets the loops run for a while in which nothing may happen.
async fn idle(story: &Story) {
    for _ in 0..15 {
        story.world.app.jobs_changed();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn fails_with(story: &Story, code: Code) {
    until(story, code.name(), |story| {
        connector(story).failure.is_some_and(|why| why.code == code)
    })
    .await;
}

async fn is_doubted_with(story: &Story, code: Code) {
    until(story, code.name(), |story| {
        connector(story).suspect.is_some_and(|why| why.code == code)
    })
    .await;
}

/// Waits until the job has failed so often that it is in quarantine, and says when it will be looked at next.
async fn is_quarantined(story: &Story) {
    until(story, "the quarantine", |story| {
        let standing = story.world.app.engine().standing(story.world.job.id);
        standing.unwrap().standing.quarantine.is_some()
    })
    .await;
    until(story, "a time for the next look", |story| {
        let activity = story.world.app.activity(story.world.job.id);
        activity.next_look.is_some()
    })
    .await;
}

/// Makes the next read a full one.
fn want_full_read(story: &Story) {
    let why = Refusal::new(Code::SourceCookieRefused);
    story
        .world
        .app
        .engine()
        .require_full_read(story.world.source_id(), &why)
        .unwrap();
}

/// What was deleted or disabled since.
fn destroyed(story: &Story, mark: i64) -> Vec<Record> {
    let mut records = story.world.log_since(mark);
    records.retain(|record| {
        matches!(record.action, Action::Delete | Action::Disable)
            && record.status == Status::Success
    });
    records
}

/// Cured: the source is read again without complaint, and the two sides agree.
async fn recovers(story: &Story) {
    story.world.sync().await;
    let row = connector(story);
    assert_eq!((row.failure, row.suspect), (None, None));
    assert_eq!(job(story).failure, None);
    story.agrees().await;
}
