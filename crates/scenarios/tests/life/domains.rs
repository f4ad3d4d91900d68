//! Two domains of one forest into one tenant: members and managers of the other domain, by name and identifier alone.
//!
//! Samba cannot make a second domain in a forest, so this is told with made-up domains over real LDAP, which refer to each
//! other as domain controllers do: the other domain's object is not there, and a value names it with its objectGUID. Trap: a
//! read of one domain shows nothing of the other, so which side is connected first decides what waits.

use forest::{Forest, Options};
use scenarios::{Source, Tree, World, world::quick_settings};
use uuid::Uuid;
use wire::api::v1::Report;

use super::forests::{group, person, source};

/// The first domain of the forest and one below it.
struct Family {
    world: World,
    parent: Forest,
    child: Forest,
    _served: [forest::Served; 2],
    second: Source,
}

const CHILD: &str = "dock.canal.example";

fn child_domain() -> Forest {
    let options = Options {
        domain: CHILD.into(),
        root_domain: Some("canal.example".into()),
        netbios: "DOCK".into(),
        seed: 8,
        ..Options::default()
    };
    let forest = Forest::new(options).unwrap();
    forest.add_ou(&forest.domain_dn(), "Story").unwrap();
    forest
}

impl Family {
    async fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (parent, child) = (super::forests::domain("canal", 7), child_domain());
        let (mut first, served) = source(&parent, &dir, "canal.example").await;
        let (second, also) = source(&child, &dir, CHILD).await;
        first.domains = vec!["canal.example".into(), CHILD.into()];
        let world = World::new(dir, &first, quick_settings()).await;
        Self {
            world,
            parent,
            child,
            _served: [served, also],
            second,
        }
    }

    async fn connect_child(&mut self) {
        self.world.add_source("dock", &self.second).await;
        self.world.start_other(0);
        self.world.sync().await;
    }

    fn tree(&self) -> Tree {
        Tree::of(&self.world.app)
    }

    fn manager(&self, name: &str) -> Option<String> {
        self.tree().manager(name).map(str::to_owned)
    }

    /// Both jobs agree with the target, references between them included; returns how many of the first job were compared.
    async fn agree(&self) -> u64 {
        let mut compared = 0;
        for job in [self.world.others[0].1.id, self.world.job.id] {
            let report: Report = self.world.judged_job(job).await;
            assert!(report.agree, "{report:#?}");
            compared = report.references_compared;
        }
        compared
    }
}

/// Makes an object of the other domain a member, as a controller does that knows of it by its name.
fn add_foreign(here: &Forest, there: &Forest, group: Uuid, member: Uuid) {
    here.know(there, member).unwrap();
    here.add_member(group, member).unwrap();
}

/// Somebody changes references in the target by hand.
fn write(family: &Family, id: Uuid, change: directory::ReferenceChange) {
    let directory = family.world.app.directory();
    let writer = directory.administrator().writer();
    let update = directory::Operation::Update {
        id,
        expected_version: None,
        set: directory::Attributes::new(),
        references: vec![change],
    };
    let outcomes = directory.apply(&writer, vec![update]).unwrap();
    assert!(outcomes[0].done().is_some(), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_managers_of_two_domains_of_a_forest_find_each_other() {
    let mut family = Family::begin().await;
    let (parent, child) = (family.parent.clone(), family.child.clone());
    let anna = person(&parent, "Anna Near", &[]);
    let (bob, cor) = (
        person(&child, "Bob Far", &[]),
        person(&child, "Cor Gone", &[]),
    );
    let pilots = group(&parent, "Pilots");
    parent.add_member(pilots, anna).unwrap();
    add_foreign(&parent, &child, pilots, bob);
    add_foreign(&parent, &child, pilots, cor);
    let keepers = group(&child, "Keepers");
    add_foreign(&child, &parent, keepers, anna);
    parent.link(anna, "manager", bob, true).unwrap();
    child.link(cor, "manager", anna, true).unwrap();

    family.world.start_job();
    family.world.sync().await;
    assert_eq!(family.tree().members("Pilots"), ["Anna Near"]);
    let name = pilots.to_string();
    let explained = server::api::explain::of(&family.world.app, &name, None, None)
        .await
        .unwrap();
    let mut references = explained.jobs[0].references.iter();
    let awaited = references.find(|one| one.name == "members").unwrap();
    assert!(
        awaited
            .waits
            .iter()
            .all(|one| one.reason == "noConnector" && one.text.contains(CHILD)),
        "{awaited:#?}"
    );
    assert_eq!(awaited.waiting.count, 2);

    family.connect_child().await;
    let tree = family.tree();
    assert_eq!(tree.members("Pilots"), ["Anna Near", "Bob Far", "Cor Gone"]);
    assert_eq!(tree.members("Keepers"), ["Anna Near"]);
    assert_eq!(family.manager("Anna Near").as_deref(), Some("Bob Far"));
    assert_eq!(family.manager("Cor Gone").as_deref(), Some("Anna Near"));
    assert_eq!(family.agree().await, 4, "three members and a manager");

    // The other domain says nothing here when one of its people goes: the account's own deletion takes it out.
    child.delete(cor).unwrap();
    family.world.sync().await;
    assert_eq!(family.tree().members("Pilots"), ["Anna Near", "Bob Far"]);
    // An object that is moved or renamed there stays itself.
    child.add_ou(&child.domain_dn(), "Other").unwrap();
    child.rename(bob, "Bob Moved").unwrap();
    let other = format!("OU=Other,{}", child.domain_dn());
    child.move_to(bob, &other).unwrap();
    child
        .modify(bob, vec![forest::Edit::set("displayName", "Bob Moved")])
        .unwrap();
    parent.link(anna, "manager", bob, false).unwrap();
    family.world.sync().await;
    assert_eq!(family.tree().members("Pilots"), ["Anna Near", "Bob Moved"]);
    assert_eq!(family.manager("Anna Near"), None);
    family.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_judges_references_between_jobs() {
    let mut family = Family::begin().await;
    let (parent, child) = (family.parent.clone(), family.child.clone());
    let bob = person(&child, "Bob Far", &[]);
    person(&child, "Cor Other", &[]);
    let pilots = group(&parent, "Pilots");
    add_foreign(&parent, &child, pilots, bob);
    family.connect_child().await;
    family.world.start_job();
    family.world.sync().await;
    assert_eq!(family.tree().members("Pilots"), ["Bob Far"]);
    family.agree().await;
    // Somebody puts another one into the group in the target, and takes the right one out.
    let tree = family.tree();
    let id = |name: &str| tree.named(name).unwrap().id;
    let exchange = directory::ReferenceChange {
        attribute: "members".into(),
        add: vec![id("Cor Other")],
        remove: vec![id("Bob Far")],
    };
    write(&family, id("Pilots"), exchange);
    let engine = family.world.app.engine();
    engine
        .set_job_state(family.world.job.id, engine::JobState::Paused)
        .unwrap();
    family.world.app.jobs_changed();
    let report = family.world.judged_job(family.world.job.id).await;
    let mut found: Vec<(&str, &str)> = report
        .differences
        .iter()
        .map(|one| (one.attribute.as_str(), one.why.as_str()))
        .collect();
    let expected = [
        ("members", "the reference is missing"),
        ("members", "the reference is too much"),
    ];
    found.sort_unstable();
    assert_eq!(found, expected, "{report:#?}");
}
