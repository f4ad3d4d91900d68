//! Several source objects and one object of the target: who gets it, and what moves with it; values that go round; and the
//! hour after which a value that was set aside is tried again by itself.

use directory::{Attributes, Operation, Value};
use engine::{JobSettings, JobState, Status};
use forest::{Edit, Forest, proto, store};
use scenarios::{
    Story,
    story::{UNIT, alias},
};
use uuid::Uuid;

const CONSISTENCY: &str = "mS-DS-ConsistencyGuid";
const DISABLED: (&str, &str) = ("userAccountControl", "514");

/// A story without anything wrong in it, with these settings besides the quick ones.
async fn story(change: impl FnOnce(&mut JobSettings)) -> Story {
    let mut story = Story::begin(10).await;
    story.clean_up();
    story.world.settle(change);
    story.world.sync().await;
    story
}

/// Gives an object the anchor of another one.
fn anchored(forest: &Forest, guid: Uuid, as_this: Uuid) {
    let bytes = as_this.to_bytes_le().to_vec();
    let edit = Edit::Set(CONSISTENCY.into(), vec![bytes]);
    forest.modify(guid, vec![edit]).unwrap();
}

/// Somebody without a mailbox, so that nothing but the anchor can clash.
fn plain(story: &Story, name: &str, more: &[(&str, &str)]) -> Uuid {
    let account = alias(name);
    let mut all = vec![("sAMAccountName", account.as_str()), ("displayName", name)];
    all.extend_from_slice(more);
    story.forest.add_user(UNIT, name, &all).unwrap()
}

/// Source and target agree, but for the one of two with one anchor that waits.
async fn one_waits(story: &Story) {
    let report = story.world.judged().await;
    assert!(report.agree, "{report:#?}");
    let codes = report
        .explained
        .iter()
        .map(|one| one.reason.as_ref().map(|why| why.code.as_str()));
    let codes: Vec<_> = codes.collect();
    assert!(!codes.is_empty());
    assert!(
        codes
            .iter()
            .all(|code| *code == Some("DuplicateSourceEntries")),
        "{codes:?}"
    );
}

/// Two accounts of one person, one of them disabled: whichever is seen first, the enabled one is the one in the target.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_accounts_with_one_anchor_the_enabled_one_is_in_the_target() {
    for is_enabled_first in [true, false] {
        let story = story(|_| {}).await;
        let join = |story: &Story, is_enabled: bool| match is_enabled {
            true => plain(story, "Ada Wakker", &[]),
            false => plain(story, "Ada Slaap", &[DISABLED]),
        };
        let first = join(&story, is_enabled_first);
        story.world.sync().await;
        let name = |is_enabled| {
            if is_enabled {
                "Ada Wakker"
            } else {
                "Ada Slaap"
            }
        };
        let id = story.target(name(is_enabled_first)).id;
        let second = join(&story, !is_enabled_first);
        anchored(&story.forest, second, first);
        story.world.sync().await;
        one_waits(&story).await;
        let kept = story.target("Ada Wakker");
        assert_eq!(kept.id, id, "first enabled: {is_enabled_first}");
        assert_eq!(
            kept.attributes.get("accountEnabled"),
            Some(&Value::Bool(true))
        );
        assert!(story.tree().named("Ada Slaap").is_none());
        // The one that is in the target leaves: the other one is there instead, as the same object.
        let gone = if is_enabled_first { first } else { second };
        story.forest.delete(gone).unwrap();
        story.world.sync().await;
        story.agrees().await;
        let left = story.target("Ada Slaap");
        assert_eq!(left.id, id, "first enabled: {is_enabled_first}");
        assert_eq!(
            left.attributes.get("accountEnabled"),
            Some(&Value::Bool(false))
        );
    }
}

/// Two enabled accounts with one anchor: whoever has the object keeps it, however often the other one is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_equals_whoever_has_the_object_keeps_it() {
    let story = story(|_| {}).await;
    let one = plain(&story, "Bas Een", &[]);
    story.world.sync().await;
    let id = story.target("Bas Een").id;
    let before = story.target("Bas Een").version;
    let two = plain(&story, "Bas Twee", &[]);
    anchored(&story.forest, two, one);
    story.world.sync().await;
    one_waits(&story).await;
    let records = story.world.log_since(0);
    let why = records
        .iter()
        .rev()
        .find_map(|record| record.refusal.clone());
    let why = why.unwrap();
    assert_eq!(why.argument("target"), Some(id.to_string().as_str()));
    assert_eq!(why.argument("holder"), Some(one.to_string().as_str()));
    let engine = story.world.app.engine();
    for _ in 0..2 {
        engine.plan_everything(story.world.job.id).unwrap();
        story.world.app.jobs_changed();
        story.world.sync().await;
    }
    assert_eq!(
        story.target("Bas Een").version,
        before,
        "nothing was written"
    );
    // Put right as the page says.
    let edit = Edit::clear(CONSISTENCY);
    story.forest.modify(two, vec![edit]).unwrap();
    story.world.sync().await;
    story.agrees().await;
    assert_ne!(story.target("Bas Twee").id, id);
}

/// An account deleted and made anew with the same anchor, as in a move: the object stays, is never deleted, and is a member of
/// what the new account is a member of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_account_stays_the_same_object_with_the_memberships_it_has_now() {
    let story = story(|settings| settings.settle_seconds = 2).await;
    let old = story.person("Cas Oud");
    let (kept, left) = (story.group("Kept"), story.group("Left"));
    let boss = story.person("Dik Baas");
    for group in [kept, left] {
        story.forest.add_member(group, old).unwrap();
    }
    let manager = Edit::set("manager", &scenarios::story::key(boss));
    story.forest.modify(old, vec![manager]).unwrap();
    story.world.sync().await;
    story.agrees().await;
    let id = story.target("Cas Oud").id;
    let mark = story.world.log_end();
    story.forest.delete(old).unwrap();
    let new = story.person("Cas Nieuw");
    anchored(&story.forest, new, old);
    story.forest.add_member(kept, new).unwrap();
    story.world.sync().await;
    story.agrees().await;
    let records = story.world.log_since(mark);
    assert!(
        records
            .iter()
            .all(|one| one.action != engine::Action::Delete),
        "{records:#?}"
    );
    assert_eq!(story.target("Cas Nieuw").id, id);
    let directory = story.world.app.directory();
    let groups = directory
        .member_of(&directory.administrator(), id, None, 10)
        .unwrap();
    let kept = story.target("Kept").id;
    let ids: Vec<Uuid> = groups.items.iter().map(|one| one.id).collect();
    assert_eq!(
        ids,
        [kept],
        "the manager and the other group are no longer its own"
    );
}

fn replaced(attribute: &str, value: &str) -> proto::Change {
    proto::Change {
        kind: proto::ChangeKind::Replace,
        attribute: attribute.into(),
        values: vec![value.as_bytes().to_vec()],
    }
}

/// Everything of them that is unique goes round in one delta; nobody is left with a placeholder, and nothing is told as failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_exchange_names_and_addresses_in_rings_of_any_size() {
    for (resilient, names) in [
        (true, vec!["Eva Links", "Fons Rechts"]),
        (false, vec!["Eva Links", "Fons Rechts", "Gijs Midden"]),
        (true, vec!["Een", "Twee", "Drie", "Vier", "Vijf"]),
    ] {
        let story = story(|settings| settings.set_conflicts_aside = resilient).await;
        let people: Vec<Uuid> = names.iter().map(|name| story.person(name)).collect();
        story.world.sync().await;
        let ids: Vec<Uuid> = names.iter().map(|name| story.target(name).id).collect();
        let mark = story.world.log_end();
        let next = |index: usize| alias(names[(index + 1) % names.len()]);
        story.forest.write(|state| {
            for (index, guid) in people.iter().enumerate() {
                let principal = format!("{}@canal.example", next(index));
                let changes = [
                    replaced("userPrincipalName", &principal),
                    replaced("mail", &principal),
                    replaced("proxyAddresses", &format!("SMTP:{principal}")),
                    replaced("mailNickname", &next(index)),
                ];
                let id = state.by_guid(*guid).unwrap();
                state.modify(id, &changes, store::Origin::Forest).unwrap();
            }
        });
        story.world.sync().await;
        story.agrees().await;
        for record in story.world.log_since(mark) {
            assert_eq!(record.status, Status::Success, "{record:#?}");
        }
        for (index, name) in names.iter().enumerate() {
            let target = story.target(name);
            assert_eq!(target.id, ids[index], "{name}");
            let principal = format!("{}@canal.example", next(index));
            assert_eq!(target.text("userPrincipalName"), Some(principal.as_str()));
            assert_eq!(target.text("mail"), Some(principal.as_str()));
            assert_eq!(target.text("mailNickname"), Some(next(index).as_str()));
        }
    }
}

/// A ring that cannot be closed, because somebody outside has one of the values: everybody keeps what they had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ring_that_cannot_be_closed_takes_nothing_from_anybody() {
    let mut story = story(|_| {}).await;
    let (eva, fons) = (story.person("Eva Links"), story.person("Fons Rechts"));
    story.world.sync().await;
    let taken: Attributes = [
        ("userPrincipalName", "taken@canal.example"),
        ("mailNickname", "taken"),
        ("displayName", "Taken"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .collect();
    let directory = story.world.app.directory();
    let create = Operation::Create {
        kind: directory::Kind::User,
        attributes: taken,
        references: Vec::new(),
    };
    directory
        .apply(&directory.administrator().writer(), vec![create])
        .unwrap();
    story.faults = vec![("AttributeValueMustBeUnique", 2)];
    story.forest.write(|state| {
        for (guid, name, nickname) in [
            (eva, "fonsrechts", "taken"),
            (fons, "evalinks", "fonsrechts"),
        ] {
            let changes = [
                replaced("userPrincipalName", &format!("{name}@canal.example")),
                replaced("mailNickname", nickname),
            ];
            let id = state.by_guid(guid).unwrap();
            state.modify(id, &changes, store::Origin::Forest).unwrap();
        }
    });
    story.world.sync().await;
    for (name, alias) in [("Eva Links", "evalinks"), ("Fons Rechts", "fonsrechts")] {
        let target = story.target(name);
        let principal = format!("{alias}@canal.example");
        assert_eq!(target.text("userPrincipalName"), Some(principal.as_str()));
        assert_eq!(target.text("mailNickname"), Some(alias));
    }
    story.agrees().await;
}

/// Lets an hour pass for what is set aside.
fn an_hour_passes(story: &Story) {
    let path = story.world.dir.path().join("server").join(engine::FILE);
    let store = rusqlite::Connection::open(path).unwrap();
    store
        .busy_timeout(std::time::Duration::from_secs(20))
        .unwrap();
    let moved = store
        .execute("UPDATE aside SET tried_at = tried_at - 3600000", [])
        .unwrap();
    assert!(moved > 0, "nothing is set aside");
}

/// The value is given up where nobody of us sees it: nothing happens, until the hour has passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_tried_again_after_an_hour_by_itself() {
    let mut story = story(|settings| settings.set_conflicts_aside = true).await;
    let directory = story.world.app.directory().clone();
    let cloud: Attributes = [
        ("userPrincipalName", Value::from("cloud@canal.example")),
        ("mailNickname", "cloud".into()),
        ("displayName", "Cloud".into()),
        (
            "proxyAddresses",
            Value::Texts(vec!["smtp:wanted@canal.example".into()]),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let create = Operation::Create {
        kind: directory::Kind::User,
        attributes: cloud,
        references: Vec::new(),
    };
    let writer = directory.administrator().writer();
    let made = directory.apply(&writer, vec![create]).unwrap();
    let (id, _) = made[0].done().unwrap();
    let more = [("proxyAddresses", "smtp:wanted@canal.example")];
    story.faults = vec![("AttributeValueMustBeUnique", 1)];
    let will = story.person("Wil Graag");
    story
        .forest
        .modify(will, vec![Edit::add(more[0].0, more[0].1)])
        .unwrap();
    story.world.sync().await;
    story.agrees().await;
    let addresses = |story: &Story| match story.target("Wil Graag").attributes.get("proxyAddresses")
    {
        Some(Value::Texts(texts)) => texts.len(),
        _ => 0,
    };
    assert_eq!(addresses(&story), 1);
    // Tried in vain as long as it is held.
    let mark = story.world.log_end();
    an_hour_passes(&story);
    story.world.sync().await;
    assert_eq!(story.world.log_end(), mark, "a try in vain is nothing new");
    let set = [("proxyAddresses".to_owned(), Value::Texts(Vec::new()))];
    let give_up = Operation::Update {
        id,
        expected_version: None,
        set: set.into_iter().collect(),
        references: Vec::new(),
    };
    directory.apply(&writer, vec![give_up]).unwrap();
    story.world.sync().await;
    assert_eq!(addresses(&story), 1, "nobody has told us");
    an_hour_passes(&story);
    story.faults.clear();
    story.world.sync().await;
    story.logged("an hour later", mark, &["update Wil Graag: proxyAddresses"]);
    assert_eq!(addresses(&story), 2);
    story.agrees().await;
}

/// What the tenant manages itself is left alone, and is the source's again when somebody says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_given_to_the_tenant_is_left_alone_until_it_is_given_back() {
    let mut story = story(|_| {}).await;
    let ot = story.person("Ot Wissel");
    story.world.sync().await;
    let id = story.target("Ot Wissel").id;
    let manage = |story: &Story, by_source: bool| {
        let directory = story.world.app.directory();
        let set = [("onPremisesSyncEnabled".to_owned(), Value::Bool(by_source))];
        let update = Operation::Update {
            id,
            expected_version: None,
            set: set.into_iter().collect(),
            references: Vec::new(),
        };
        let writer = directory.administrator().writer();
        directory.apply(&writer, vec![update]).unwrap();
        let engine = story.world.app.engine();
        engine.heed_target(&id.to_string(), &[]).unwrap();
        story.world.app.jobs_changed();
    };
    manage(&story, false);
    story.world.sync().await;
    let edit = Edit::set("title", "Mate");
    story.forest.modify(ot, vec![edit]).unwrap();
    story.world.sync().await;
    assert_eq!(story.target("Ot Wissel").text("jobTitle"), None);
    let records = story.world.log_since(0);
    let skipped = records.iter().filter(|one| {
        let why = one.refusal.as_ref();
        why.and_then(|why| why.argument("reason")) == Some("ManagedInTarget")
    });
    assert_eq!(skipped.count(), 1, "told once");
    story.faults.clear();
    manage(&story, true);
    story.world.sync().await;
    assert_eq!(story.target("Ot Wissel").text("jobTitle"), Some("Mate"));
    assert_eq!(
        story
            .world
            .app
            .engine()
            .job(story.world.job.id)
            .unwrap()
            .state,
        JobState::Active
    );
    story.agrees().await;
}
