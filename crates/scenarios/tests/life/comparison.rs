//! The whole source is compared from time to time; changes go on meanwhile, and what reading them missed is found.

use std::time::Duration;

use forest::Organisation;
use scenarios::{Source, Story, Tree, World, world};
use sync_core::code::Code;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(120);

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn compare_now(world: &World) {
    world::compare_now(&world.app.config().data_directory);
}

/// When the source was compared last, unix ms.
fn compared_at(world: &World) -> i64 {
    let row = world.app.engine().connector(world.source_id()).unwrap();
    row.compared_at.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_become_visible_while_the_whole_source_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let organisation = Organisation {
        people: 300,
        seed: 7,
    };
    let company = organisation.build().unwrap();
    let forest = company.forest.clone();
    let (mut source, _served) = Source::forest(&forest, &dir).await;
    // Very small pages, each of which takes its time: the comparison lasts as long as that of a large directory.
    source.settings["page_size_entries"] = 2.into();
    let world = World::new(dir, &source, world::quick_settings()).await;
    world.start_job();
    world.sync().await;
    let person = forest
        .listing()
        .into_iter()
        .find(|one| one.text("employeeID").is_some())
        .unwrap();
    let name = person.text("displayName").unwrap().to_owned();
    let department = |world: &World| {
        let tree = Tree::of(&world.app);
        let object = tree.named(&name).unwrap();
        object.text("department").map(str::to_owned)
    };
    compare_now(&world);
    let comparing = || world.app.comparing(world.source_id());
    forest
        .faults()
        .set(|faults| faults.delay = Duration::from_millis(60));
    until("the comparison begins", || comparing().since.is_some()).await;
    let begun = comparing().since;
    let reads = world.reads();
    forest
        .set(person.guid, "department", "Seen meanwhile")
        .unwrap();
    until("the change", || {
        department(&world).as_deref() == Some("Seen meanwhile")
    })
    .await;
    // What a page shows is in the target before the read has ended.
    until("the end of the read", || world.reads() > reads).await;
    assert_eq!(comparing().since, begun, "the comparison still goes on");
    assert_eq!(compared_at(&world), 0);
    forest.faults().clear();
    until("the comparison ends", || compared_at(&world) > 0).await;
    world.sync().await;
    let kinds: Vec<String> = world.read_modes();
    assert_eq!(
        kinds.iter().filter(|mode| *mode == "full").count(),
        1,
        "{kinds:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reading_changes_missed_is_found_by_the_comparison() {
    let story = Story::begin(60).await;
    let forest = &story.forest;
    let ida = story.person("Ida Kade");
    story.step("joins", |_| {}, &["create Ida Kade"]).await;
    // A right that was missing for a while: the change is told of without its value, and is not told again.
    let hide = |is_hidden: bool| {
        forest.faults().set(|faults| {
            faults.hidden_attributes.clear();
            if is_hidden {
                faults.hidden_attributes.insert("title".into());
            }
        });
    };
    hide(true);
    forest.set(ida, "title", "Cook").unwrap();
    story.world.sync().await;
    hide(false);
    story.world.sync().await;
    assert_eq!(story.target("Ida Kade").text("jobTitle"), None);
    let mark = story.world.log_end();
    compare_now(&story.world);
    until("the comparison", || compared_at(&story.world) > 0).await;
    story.world.sync().await;
    assert_eq!(story.target("Ida Kade").text("jobTitle"), Some("Cook"));
    story.logged("found", mark, &["update Ida Kade: jobTitle"]);
    story.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_with_a_lost_right_changes_nothing_and_is_told() {
    let story = Story::begin(120).await;
    let before = story.target_sequence();
    story.forest.faults().set(|faults| {
        faults.hidden_attributes.insert("department".into());
    });
    compare_now(&story.world);
    let suspect = || {
        let engine = story.world.app.engine();
        engine.connector(story.world.source_id()).unwrap().suspect
    };
    until("the doubt", || suspect().is_some()).await;
    assert_eq!(suspect().unwrap().code, Code::SourceReadThinned);
    assert_eq!(story.target_sequence(), before);
    story.forest.faults().clear();
    until("the doubt is over", || suspect().is_none()).await;
    story.world.sync().await;
    story.agrees().await;
    assert_eq!(story.target_sequence(), before);
}
