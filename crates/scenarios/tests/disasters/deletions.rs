//! Far too many deletions and disables: held, named, decided by a person, or put right in the source.

use std::collections::BTreeSet;

use engine::{Action, DeleteChoice, PendingState};
use scenarios::{Story, is_full};
use sync_core::{code::Code, id::Anchor, operation::Verb};
use uuid::Uuid;

use super::{destroyed, idle, job};

/// The people below a DN.
fn people_below(story: &Story, unit: &str) -> Vec<(Uuid, String)> {
    let suffix = format!(",{unit}");
    let people = story
        .forest
        .listing()
        .into_iter()
        .filter(|one| one.class == "user" && one.dn.ends_with(&suffix));
    people
        .map(|one| {
            (
                one.guid,
                one.text("displayName")
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_unit_is_held_refused_allowed_in_part_and_restored() {
    let story = Story::begin(if is_full() { 2_000 } else { 300 }).await;
    story.agrees().await;
    let unit = story.forest.guid_of(&story.company.large_unit).unwrap();
    let below = people_below(&story, &story.company.large_unit);
    // By anchor: who could not be created may have a namesake elsewhere.
    let tree = story.tree();
    let there: BTreeSet<&str> = tree
        .objects
        .values()
        .filter_map(|one| one.text("onPremisesImmutableId"))
        .collect();
    let held: Vec<&(Uuid, String)> = below
        .iter()
        .filter(|(guid, _)| there.contains(&*Anchor::new(guid.to_bytes_le()).base64()))
        .collect();
    assert!(held.len() >= below.len() - 4);
    let (mark, users) = (story.world.log_end(), story.users());

    story.forest.delete_tree(unit).unwrap();
    story.world.sync().await;
    let guard = job(&story).guard.expect("the guard is not up");
    assert_eq!(guard.code, Code::TooManyDeletes);
    let staged = story
        .world
        .app
        .engine()
        .staged_deletes(story.world.job.id, 0, 10_000)
        .unwrap();
    assert!(
        staged.len() >= below.len() - 4,
        "{} of {} staged",
        staged.len(),
        below.len()
    );
    let names: BTreeSet<&str> = staged.iter().map(|one| one.name.as_str()).collect();
    for (_, name) in held {
        assert!(names.contains(name.as_str()), "{name} is not named");
    }
    assert!(
        staged
            .iter()
            .all(|one| one.verb == Verb::Delete && one.state == PendingState::Held)
    );
    // The judge knows what is held, and does not take memberships of the held for a difference of their groups.
    let report = story.world.judged().await;
    assert!(report.agree, "{:#?}", report.differences);
    assert!(report.explained.len() >= staged.len().min(50));
    let records = story.world.log_since(mark);
    assert_eq!(
        records
            .iter()
            .filter(|one| one.action == Action::StagedDelete)
            .count(),
        staged.len()
    );
    assert!(destroyed(&story, mark).is_empty());
    assert_eq!(story.users(), users);

    let story = refused_across_a_restart(story, mark, users).await;
    let three: Vec<_> = staged.iter().take(3).map(|one| one.link).collect();
    allowed_in_part(&story, &three, users).await;
    put_right(&story, unit, &below, users).await;
}

async fn refused_across_a_restart(story: Story, mark: i64, users: usize) -> Story {
    let engine = story.world.app.engine();
    let count = engine
        .refuse_deletes(story.world.job.id, &DeleteChoice::All, "test")
        .unwrap();
    assert!(count > 0);
    assert_eq!(job(&story).guard, None, "nothing is undecided any more");
    let story = story.restart_server().await;
    story.world.sync().await;
    super::want_full_read(&story);
    story.world.sync().await;
    idle(&story).await;
    assert!(destroyed(&story, mark).is_empty());
    assert_eq!(story.users(), users);
    let staged = story
        .world
        .app
        .engine()
        .staged_deletes(story.world.job.id, 0, 10_000)
        .unwrap();
    assert_eq!(staged.len(), count);
    assert!(staged.iter().all(|one| one.state == PendingState::Refused));
    story
}

async fn allowed_in_part(story: &Story, links: &[sync_core::id::LinkId], users: usize) {
    let mark = story.world.log_end();
    let engine = story.world.app.engine();
    let allowed = engine
        .allow_deletes(
            story.world.job.id,
            &DeleteChoice::Some(links.to_vec()),
            "test",
        )
        .unwrap();
    assert_eq!(allowed, links.len());
    story.world.sync().await;
    idle(story).await;
    let gone: BTreeSet<i64> = destroyed(story, mark)
        .iter()
        .map(|record| record.link)
        .collect();
    assert_eq!(gone, links.iter().map(|link| link.0).collect());
    assert_eq!(story.users(), users - links.len());
}

async fn put_right(story: &Story, unit: Uuid, below: &[(Uuid, String)], users: usize) {
    let mark = story.world.log_end();
    story.forest.undelete(unit).unwrap();
    for (guid, _) in below {
        story.forest.undelete(*guid).unwrap();
    }
    story.world.sync().await;
    let engine = story.world.app.engine();
    assert!(
        engine
            .staged_deletes(story.world.job.id, 0, 10_000)
            .unwrap()
            .is_empty()
    );
    assert_eq!(job(story).guard, None);
    assert_eq!(story.users(), users);
    let restored = story
        .world
        .log_since(mark)
        .iter()
        .filter(|one| one.action == Action::Restore)
        .count();
    assert_eq!(restored, 3);
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_disabled_is_held_and_released_when_enabled_again() {
    let story = Story::begin(200).await;
    let enabled: Vec<Uuid> = story
        .forest
        .listing()
        .into_iter()
        .filter(|one| one.text("employeeID").is_some())
        .filter(|one| {
            one.text("userAccountControl")
                .is_some_and(|text| text.parse::<i64>().unwrap() & 2 == 0)
        })
        .map(|one| one.guid)
        .collect();
    let (mark, target) = (story.world.log_end(), story.target_sequence());
    for guid in &enabled {
        story.forest.set_enabled(*guid, false).unwrap();
    }
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(
        job(&story).guard.map(|why| why.code),
        Some(Code::TooManyDeletes)
    );
    let staged = story
        .world
        .app
        .engine()
        .staged_deletes(story.world.job.id, 0, 10_000)
        .unwrap();
    assert!(staged.len() >= enabled.len() - 4);
    assert!(staged.iter().all(|one| one.verb == Verb::Disable));
    assert!(destroyed(&story, mark).is_empty());
    assert_eq!(story.target_sequence(), target, "something was written");
    for guid in &enabled {
        story.forest.set_enabled(*guid, true).unwrap();
    }
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(job(&story).guard, None);
    assert_eq!(story.target_sequence(), target, "something was written");
    story.agrees().await;
}
