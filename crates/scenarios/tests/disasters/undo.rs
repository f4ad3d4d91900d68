//! Undo with everything around it: people with their ids and memberships, groups made anew, and what stays undone.

use std::collections::BTreeMap;

use engine::{UndoQuery, UndoRow};
use scenarios::{Story, story::add_members};
use server::planner::references_of;
use sync_core::schema::preset;
use uuid::Uuid;

use super::idle;

/// Undoes everything since a time.
pub fn undo(story: &Story, since: i64) -> UndoRow {
    let engine = story.world.app.engine();
    let job = super::job(story);
    let mapped = references_of(&preset::load(&job.rules).unwrap());
    let query = UndoQuery {
        since: Some(since),
        ..UndoQuery::default()
    };
    let plan = engine.plan_undo(&job, &query, &mapped).unwrap();
    engine.undo(&job, &plan, "test", "since").unwrap()
}

/// Ids by name, and memberships by name.
fn shape(story: &Story) -> (BTreeMap<String, Uuid>, BTreeMap<String, Vec<String>>) {
    let tree = story.tree();
    let mut ids = BTreeMap::new();
    for object in tree.objects.values() {
        if let Some(name) = object.text("displayName") {
            ids.insert(name.to_owned(), object.id);
        }
    }
    let members = ids
        .keys()
        .filter(|name| name.starts_with("Crew"))
        .map(|name| (name.clone(), tree.members(name)))
        .collect();
    (ids, members)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_groups_that_were_deleted_come_back_and_stay_until_the_source_has_them_again() {
    let story = Story::begin(100).await;
    let crew: Vec<Uuid> = ["Ada Roer", "Ben Roer", "Cor Roer", "Dik Roer"]
        .map(|name| story.person(name))
        .to_vec();
    let (one, two) = (story.group("Crew one"), story.group("Crew two"));
    add_members(&story.forest, one, &crew);
    add_members(&story.forest, two, &[crew[0], one]);
    story.world.sync().await;
    let before = shape(&story);
    let since = story.world.app.engine().now();

    for guid in [crew[0], crew[1], one] {
        story.forest.delete(guid).unwrap();
    }
    story.forest.set(crew[2], "displayName", "Wrong").unwrap();
    story.forest.remove_member(two, crew[0]).unwrap_or_default();
    story.world.sync().await;
    idle(&story).await;
    assert!(story.tree().named("Ada Roer").is_none());
    assert!(story.tree().named("Crew one").is_none());

    undo(&story, since);
    story.world.app.jobs_changed();
    story.world.sync().await;
    idle(&story).await;
    let after = shape(&story);
    assert_eq!(after.1, before.1, "memberships");
    for name in ["Ada Roer", "Ben Roer", "Cor Roer"] {
        assert_eq!(after.0[name], before.0[name], "{name} has its id");
    }
    let report = story.world.judged().await;
    assert!(report.agree, "{:#?}", report.differences);

    // Neither a full read nor a restart does again what was undone.
    super::want_full_read(&story);
    story.world.sync().await;
    let story = story.restart_server().await;
    story
        .world
        .app
        .engine()
        .plan_everything(story.world.job.id)
        .unwrap();
    story.world.app.jobs_changed();
    story.world.sync().await;
    idle(&story).await;
    assert_eq!(shape(&story), after);

    // The source has them again: nothing is held any more.
    for guid in [crew[0], crew[1], one] {
        story.forest.undelete(guid).unwrap();
    }
    story
        .forest
        .set(crew[2], "displayName", "Cor Roer")
        .unwrap();
    // The membership the source took away itself does not come back with her.
    let _ = story.forest.add_member(two, crew[0]);
    story.world.sync().await;
    idle(&story).await;
    let engine = story.world.app.engine();
    let held = engine.held_links(story.world.job.id, 0, 100).unwrap();
    let objects: Vec<_> = held.iter().map(|link| engine.holds_of(*link)).collect();
    assert!(held.is_empty(), "{objects:?}");
    story.agrees().await;
}
