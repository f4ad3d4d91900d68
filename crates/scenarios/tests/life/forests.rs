//! Two forests into one tenant: their people are members of each other's groups, whichever is connected first.

use forest::{Forest, Options};
use scenarios::{Source, Tree, World, world::quick_settings};
use uuid::Uuid;
use wire::api::v1::{ExplainedReference, PreviewEvent};

/// Two forests that refer to each other.
struct Two {
    world: World,
    canal: Forest,
    dock: Forest,
    _served: [forest::Served; 2],
    sources: [Source; 2],
}

pub fn domain(name: &str, seed: u64) -> Forest {
    let forest = Forest::new(Options {
        domain: format!("{name}.example"),
        netbios: name.to_uppercase(),
        seed,
        ..Options::default()
    })
    .unwrap();
    forest.add_ou(&forest.domain_dn(), "Story").unwrap();
    forest
}

pub fn unit(forest: &Forest) -> String {
    format!("OU=Story,{}", forest.domain_dn())
}

pub fn person(forest: &Forest, name: &str, more: &[(&str, &str)]) -> Uuid {
    let alias = scenarios::story::alias(name);
    let domain = ldap_domain(&forest.domain_dn());
    let principal = format!("{alias}@{domain}");
    let mut attributes = vec![
        ("sAMAccountName", alias.as_str()),
        ("userPrincipalName", principal.as_str()),
        ("displayName", name),
        ("mail", principal.as_str()),
    ];
    attributes.extend_from_slice(more);
    forest.add_user(&unit(forest), name, &attributes).unwrap()
}

fn ldap_domain(dn: &str) -> String {
    let labels: Vec<&str> = dn
        .split(',')
        .filter_map(|part| part.strip_prefix("DC="))
        .collect();
    labels.join(".")
}

pub fn group(forest: &Forest, name: &str) -> Uuid {
    let attributes = [("displayName", name), ("groupType", "-2147483640")];
    forest.add_group(&unit(forest), name, &attributes).unwrap()
}

/// What a directory does when an account of a trusted forest becomes a member: it makes an object that stands for it.
fn stand_in(here: &Forest, there: &Forest, account: Uuid) -> Uuid {
    let sid = {
        let state = there.read();
        let id = state.find(&format!("<GUID={account}>")).unwrap();
        forest::sid::write(&state.sid(id).unwrap())
    };
    let container = format!("CN=ForeignSecurityPrincipals,{}", here.domain_dn());
    here.add("foreignSecurityPrincipal", &container, &sid, &[])
        .unwrap()
}

impl Two {
    /// Both are served, the first is connected and nothing is started.
    async fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (canal, dock) = (domain("canal", 7), domain("dock", 8));
        let (first, served) = source(&canal, &dir, "canal.example").await;
        let (second, also) = source(&dock, &dir, "dock.example").await;
        let both = Source {
            settings: first.settings.clone(),
            domains: vec!["canal.example".into(), "dock.example".into()],
        };
        let world = World::new(dir, &both, quick_settings()).await;
        Self {
            world,
            canal,
            dock,
            _served: [served, also],
            sources: [first, second],
        }
    }

    async fn connect_dock(&mut self) {
        self.world.add_source("dock", &self.sources[1]).await;
        self.world.start_other(0);
        self.world.sync().await;
    }

    fn tree(&self) -> Tree {
        Tree::of(&self.world.app)
    }

    async fn members_awaited(&self, group: Uuid) -> ExplainedReference {
        let name = group.to_string();
        let explained = server::api::explain::of(&self.world.app, &name, None, None)
            .await
            .unwrap();
        let mut references = explained.jobs[0].references.iter();
        references
            .find(|one| one.name == "members")
            .unwrap()
            .clone()
    }
}

/// A forest with an account of its own domain that may read it.
pub async fn source(
    forest: &Forest,
    dir: &tempfile::TempDir,
    domain: &str,
) -> (Source, forest::Served) {
    let inner = tempfile::tempdir_in(dir.path()).unwrap();
    let (mut source, served) = Source::forest(forest, &inner).await;
    source.settings["bind"] = format!("svc-hybridge@{domain}").into();
    // It lives as long as the world's own.
    let _kept = inner.keep();
    (source, served)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_of_another_forest_are_members_as_soon_as_it_is_connected_and_until_they_are_deleted()
 {
    let mut two = Two::begin().await;
    let near = person(&two.canal, "Anna Near", &[]);
    let (far, gone) = (
        person(&two.dock, "Bob Far", &[]),
        person(&two.dock, "Cor Gone", &[]),
    );
    let pilots = group(&two.canal, "Pilots");
    let (bob, cor) = (
        stand_in(&two.canal, &two.dock, far),
        stand_in(&two.canal, &two.dock, gone),
    );
    scenarios::story::add_members(&two.canal, pilots, &[near, bob, cor]);
    let keepers = group(&two.dock, "Keepers");
    let anna = stand_in(&two.dock, &two.canal, near);
    scenarios::story::add_members(&two.dock, keepers, &[anna, far]);

    two.world.start_job();
    two.world.sync().await;
    assert_eq!(two.tree().members("Pilots"), ["Anna Near"]);
    let awaited = two.members_awaited(pilots).await;
    assert_eq!(awaited.waiting.count, 2, "{awaited:#?}");
    assert!(
        awaited
            .waits
            .iter()
            .all(|one| one.reason == "foreignAccount" && one.text.contains("S-1-5-21-")),
        "{awaited:#?}"
    );

    two.connect_dock().await;
    assert_eq!(
        two.tree().members("Pilots"),
        ["Anna Near", "Bob Far", "Cor Gone"]
    );
    assert_eq!(two.tree().members("Keepers"), ["Anna Near", "Bob Far"]);
    assert_eq!(two.members_awaited(pilots).await.waiting.count, 0);

    // Somebody leaves there, and the group here says nothing of it.
    two.dock.delete(gone).unwrap();
    two.world.sync().await;
    assert_eq!(two.tree().members("Pilots"), ["Anna Near", "Bob Far"]);
    // The stand-in is taken out of the group, and its account stays.
    two.canal.remove_member(pilots, bob).unwrap();
    two.world.sync().await;
    assert_eq!(two.tree().members("Pilots"), ["Anna Near"]);
    assert!(two.tree().named("Bob Far").is_some());
    two.world.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forest_connected_first_is_found_by_one_that_comes_later() {
    let mut two = Two::begin().await;
    let far = person(&two.dock, "Bob Far", &[]);
    let pilots = group(&two.canal, "Pilots");
    let bob = stand_in(&two.canal, &two.dock, far);
    scenarios::story::add_members(&two.canal, pilots, &[bob]);
    two.connect_dock().await;
    assert!(two.tree().named("Bob Far").is_some());
    two.world.start_job();
    // The preview of the first run knows it already.
    two.world.sync().await;
    assert_eq!(two.tree().members("Pilots"), ["Bob Far"]);
    // Taken out of the scope there: the membership goes; and comes back with the account.
    let rules = sync_core::schema::preset::AD_TO_DIRECTORY;
    let mut narrow: serde_json::Value = serde_json::from_str(rules).unwrap();
    narrow["synchronizationRules"][0]["objectMappings"][0]["scope"]["groups"] = serde_json::json!([{ "name": "none", "clauses": [
        { "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": ["None"] } }] }]);
    let engine = two.world.app.engine().clone();
    let job = two.world.others[0].1.id;
    engine.set_job_rules(job, &narrow.to_string()).unwrap();
    two.world.app.jobs_changed();
    two.world.sync().await;
    assert!(two.tree().members("Pilots").is_empty());
    engine.set_job_rules(job, rules).unwrap();
    two.world.app.jobs_changed();
    two.world.sync().await;
    assert_eq!(two.tree().members("Pilots"), ["Bob Far"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_names_members_of_another_forest() {
    let mut two = Two::begin().await;
    let far = person(&two.dock, "Bob Far", &[]);
    two.connect_dock().await;
    let pilots = group(&two.canal, "Pilots");
    two.world.start_job();
    two.world.sync().await;
    let engine = two.world.app.engine().clone();
    two.world.pause_job();
    let bob = stand_in(&two.canal, &two.dock, far);
    scenarios::story::add_members(&two.canal, pilots, &[bob]);
    // Read, and not planned.
    let (group_entry, others) = read(&two, pilots).await;
    let connector = two.world.connector.id;
    engine
        .observe_among_others(connector, &group_entry, &others)
        .unwrap();
    while engine.wake().unwrap() {}
    let job = std::sync::Arc::new(engine.job(two.world.job.id).unwrap());
    let rules = std::sync::Arc::new(
        sync_core::schema::preset::load(sync_core::schema::preset::AD_TO_DIRECTORY).unwrap(),
    );
    let (told, mut heard) = tokio::sync::mpsc::channel(1_000);
    server::preview::run(
        &two.world.app,
        &job,
        rules,
        server::redaction::Hidden::default(),
        &told,
    )
    .await
    .unwrap();
    drop(told);
    let mut found = Vec::new();
    while let Some(event) = heard.recv().await {
        if let PreviewEvent::References(part) = event {
            found.push((part.name, part.added.len(), part.removed.len()));
        }
    }
    assert_eq!(found, [("members".to_owned(), 1, 0)]);
}

/// An object as the source shows it now, with what its references lead to elsewhere.
async fn read(two: &Two, guid: Uuid) -> (sync_core::object::Entry, Vec<sync_core::object::Entry>) {
    use connectors::{
        Source as _,
        ldap::{AdSource, LdapConfig},
        source::{ObjectName, ReadOne},
    };
    let config: LdapConfig = serde_json::from_value(two.sources[0].settings.clone()).unwrap();
    let spec = two.world.app.engine().last_spec(two.world.connector.id);
    let spec = spec.unwrap().unwrap();
    let anchor = sync_core::id::Anchor::from_guid_text(&guid.to_string()).unwrap();
    let name = ObjectName::Anchor(anchor);
    match AdSource::new(config).read_one(&spec, &name).await.unwrap() {
        ReadOne::Live {
            entry, elsewhere, ..
        } => (*entry, elsewhere),
        other => panic!("{other:?}"),
    }
}
