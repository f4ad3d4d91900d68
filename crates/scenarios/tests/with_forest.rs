//! An organisation served by the forest arrives in the tenant directory.

use forest::Organisation;
use scenarios::{Source, Tree, World, world::quick_settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation {
        people: 200,
        seed: 7,
    }
    .build()
    .unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    let world = World::new(dir, &source, quick_settings()).await;
    world.start_job();
    let started = std::time::Instant::now();
    world.sync().await;
    let tree = Tree::of(&world.app);
    eprintln!(
        "{:?}: {} linked, {} users {} groups {} contacts, {} references",
        started.elapsed(),
        world.linked(),
        tree.count(directory::Kind::User),
        tree.count(directory::Kind::Group),
        tree.count(directory::Kind::Contact),
        tree.references.values().map(Vec::len).sum::<usize>()
    );
    for record in world.log_since(0) {
        if record.status != engine::Status::Success {
            eprintln!(
                "{} {:?} {:?} {} {}",
                record.class,
                record.action,
                record.status,
                record.name,
                record.refusal.map(|r| r.to_string()).unwrap_or_default()
            );
        }
    }
    assert!(tree.count(directory::Kind::User) > 190);
}
