//! The doorbell: changes are read because they rang, bursts together, and a paused job hears nothing.

use std::time::Duration;

use scenarios::Story;
use server::doorbell::DoorbellState;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// An interval that cannot be what found a change.
const NEVER: u64 = 86_400;

/// An organisation in step with its target, read only when it rings from now on; and some of its people.
async fn by_doorbell_only() -> (Story, Vec<Uuid>) {
    let story = Story::prepare(60).await;
    let crew = (0..40).map(|n| story.person(&format!("Sailor {n}")));
    let crew = crew.collect();
    story.world.start_job();
    story.world.sync().await;
    settings(&story, NEVER, true);
    becomes(&story, DoorbellState::Armed).await;
    // A read may still be under way that began by the old interval.
    story.world.sync().await;
    (story, crew)
}

fn settings(story: &Story, interval_seconds: u64, doorbell: bool) {
    story.world.settle(|settings| {
        settings.interval_seconds = interval_seconds;
        settings.doorbell = doorbell;
    });
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn becomes(story: &Story, state: DoorbellState) {
    let id = story.world.source_id();
    let is_so = || story.world.app.doorbell(id).state == state;
    until(state.word(), is_so).await;
}

fn reads(story: &Story) -> i64 {
    let count = |c: &_| reads_of(c);
    story.world.app.engine().read(count).unwrap()
}

fn reads_of(connection: &rusqlite::Connection) -> Result<i64, engine::StoreError> {
    let sql = "SELECT count(*) FROM read";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_read_because_it_rang() {
    let (story, crew) = by_doorbell_only().await;
    let mark = story.world.log_end();
    story.forest.set(crew[0], "title", "Pilot").unwrap();
    until("the change", || story.world.log_end() > mark).await;
    let doorbell = story.world.app.doorbell(story.world.source_id());
    assert!(doorbell.rings >= 1, "{doorbell:?}");
    story.world.sync().await;
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_read_in_far_fewer_reads_than_it_has_changes() {
    let (story, crew) = by_doorbell_only().await;
    let (mark, before) = (story.world.log_end(), reads(&story));
    for round in 0..5 {
        for person in &crew {
            let title = format!("Title {round}");
            story.forest.set(*person, "title", &title).unwrap();
        }
    }
    let changes = 5 * crew.len();
    let last = |record: &engine::Record| format!("{record:?}").contains("Title 4");
    until("the burst", || story.world.log_since(mark).iter().any(last)).await;
    let taken = reads(&story) - before;
    story.world.sync().await;
    story.agrees().await;
    assert!(
        taken >= 1 && taken < changes as i64 / 4,
        "{taken} reads of {changes} changes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_job_hears_nothing_and_misses_nothing() {
    let (story, crew) = by_doorbell_only().await;
    let app = &story.world.app;
    story.world.pause_job();
    becomes(&story, DoorbellState::Off).await;
    let (before, rings) = (reads(&story), app.doorbell(story.world.source_id()).rings);
    let mark = story.world.log_end();
    for person in &crew {
        story.forest.set(*person, "title", "Deck hand").unwrap();
    }
    assert_eq!(reads(&story), before);
    assert_eq!(app.doorbell(story.world.source_id()).rings, rings);
    story.world.start_job();
    until("what was missed", || story.world.log_end() > mark).await;
    story.world.sync().await;
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_doorbell_the_interval_finds_changes() {
    let (story, crew) = by_doorbell_only().await;
    settings(&story, 1, false);
    becomes(&story, DoorbellState::Off).await;
    let mark = story.world.log_end();
    story.forest.set(crew[0], "title", "Stoker").unwrap();
    until("the change", || story.world.log_end() > mark).await;
    story.world.sync().await;
    story.agrees().await;
}
