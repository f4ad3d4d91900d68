//! Who is who: taking over what the target holds already, and what it is refused for.

use directory::{ADMINISTRATIVE_ROLES, Attributes, Operation, Value};
use scenarios::Story;
use uuid::Uuid;

/// An object that lives only in the target.
fn in_the_cloud(story: &Story, kind: directory::Kind, attributes: &[(&str, &str)]) -> Uuid {
    let attributes: Attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect();
    apply(
        story,
        Operation::Create {
            kind,
            attributes,
            references: Vec::new(),
        },
    )
}

fn set_in_the_cloud(story: &Story, id: Uuid, attribute: &str, value: Value) {
    let set = [(attribute.to_owned(), value)];
    apply(
        story,
        Operation::Update {
            id,
            expected_version: None,
            set: set.into_iter().collect(),
            references: Vec::new(),
        },
    );
}

fn apply(story: &Story, operation: Operation) -> Uuid {
    let directory = story.world.app.directory();
    let writer = directory.administrator().writer();
    let outcomes = directory.apply(&writer, vec![operation]).unwrap();
    outcomes[0]
        .done()
        .unwrap_or_else(|| panic!("{:?}", outcomes[0]))
        .0
}

fn user_in_the_cloud(story: &Story, alias: &str) -> Uuid {
    let name = format!("{alias}@canal.example");
    let attributes = [
        ("userPrincipalName", name.as_str()),
        ("mailNickname", alias),
        ("displayName", alias),
    ];
    in_the_cloud(story, directory::Kind::User, &attributes)
}

/// The refusal of the newest record about somebody.
fn refusal(story: &Story, name: &str) -> sync_core::operation::Refusal {
    let records = story.world.log_since(0);
    let of = |record: &engine::Record| record.name == name && record.refusal.is_some();
    let record = records.into_iter().rev().find(of).unwrap();
    record.refusal.unwrap()
}

async fn quiet_story() -> Story {
    let mut story = Story::begin(10).await;
    story.clean_up();
    story.world.sync().await;
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_roles_is_taken_over_only_when_they_are_gone_or_somebody_says_so() {
    let mut story = quiet_story().await;
    let account = user_in_the_cloud(&story, "adabaas");
    let roles = |names: &[&str]| Value::Texts(names.iter().map(|n| (*n).into()).collect());
    set_in_the_cloud(
        &story,
        account,
        ADMINISTRATIVE_ROLES,
        roles(&["Global Administrator"]),
    );
    story.faults = vec![("ExistingAdminRoleConflict", 1)];
    let ada = |_: &forest::Forest| _ = story.person("Ada Baas");
    let refused = ["create! Ada Baas: ExistingAdminRoleConflict"];
    story.step("she arrives", ada, &refused).await;
    let why = refusal(&story, "Ada Baas");
    assert_eq!(why.argument("owner"), Some(account.to_string().as_str()));
    assert_eq!(why.argument("roles"), Some("Global Administrator"));
    assert_eq!(why.argument("attribute"), Some("userPrincipalName"));
    story.faults.clear();
    let mark = story.world.log_end();
    story
        .world
        .settle(|settings| settings.match_administrators = true);
    story.world.sync().await;
    story.agrees().await;
    assert!(story.world.log_end() > mark);
    assert_eq!(story.target("Ada Baas").id, account);
    let kept = story.target("Ada Baas");
    assert_eq!(
        kept.attributes.get(ADMINISTRATIVE_ROLES),
        Some(&roles(&["Global Administrator"])),
        "taking over takes no roles away"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_taken_over_waits_with_its_code_until_it_may() {
    let mut story = quiet_story().await;
    story.world.settle(|settings| {
        settings.hard_match = false;
        settings.soft_match = false;
    });
    // He is not to arrive before there is somebody with his anchor.
    story.world.pause_job();
    let bob = story.person("Bob Anker");
    let anchored = user_in_the_cloud(&story, "anders");
    let anchor = sync_core::id::Anchor::from_guid_text(&bob.to_string()).unwrap();
    set_in_the_cloud(
        &story,
        anchored,
        "onPremisesImmutableId",
        anchor.base64().into(),
    );
    let soft = user_in_the_cloud(&story, "carazacht");
    story.faults = vec![("AttributeValueMustBeUnique", 1), ("InvalidHardMatch", 1)];
    let expected = [
        "create! Bob Anker: InvalidHardMatch",
        "create! Cara Zacht: SoftMatchSwitchedOff",
    ];
    let both = |_: &forest::Forest| {
        story.person("Cara Zacht");
        story.world.start_job();
    };
    story.step("both arrive", both, &expected).await;
    let why = refusal(&story, "Cara Zacht");
    assert_eq!(why.argument("reason"), Some("SoftMatchSwitchedOff"));
    story.faults.clear();
    story.world.settle(|settings| {
        settings.hard_match = true;
        settings.soft_match = true;
    });
    story.world.sync().await;
    story.agrees().await;
    assert_eq!(story.target("Bob Anker").id, anchored);
    assert_eq!(story.target("Cara Zacht").id, soft);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_name_does_not_move_between_federations() {
    let mut story = quiet_story().await;
    let directory = story.world.app.directory().clone();
    let administrator = directory.administrator();
    for domain in ["one.example", "two.example"] {
        directory
            .add_verified_domain(&administrator, domain)
            .unwrap();
        directory
            .set_domain_federated(&administrator, domain, true)
            .unwrap();
    }
    let mut dick = Uuid::nil();
    let name = |name: &str| vec![forest::Edit::set("userPrincipalName", name)];
    story
        .step(
            "joins",
            |forest| {
                dick = story.person("Dick Trouw");
                forest.modify(dick, name("dick@one.example")).unwrap();
            },
            &["create Dick Trouw"],
        )
        .await;
    story.faults = vec![("FederatedDomainChangeError", 1)];
    story
        .step(
            "moves",
            |forest| forest.modify(dick, name("dick@two.example")).unwrap(),
            &["update! Dick Trouw: FederatedDomainChangeError"],
        )
        .await;
    let why = refusal(&story, "Dick Trouw");
    assert_eq!(why.argument("before"), Some("one.example"));
    assert_eq!(
        why.argument("initialDomain"),
        Some("canal.hybridge.example")
    );
    story.faults.clear();
    let update = ["update Dick Trouw: onPremisesUserPrincipalName, userPrincipalName"];
    story
        .step(
            "goes by an ordinary domain",
            |forest| forest.modify(dick, name("dick@canal.example")).unwrap(),
            &update,
        )
        .await;
    story
        .step(
            "and on",
            |forest| forest.modify(dick, name("dick@two.example")).unwrap(),
            &update,
        )
        .await;
}

async fn resilient_story() -> Story {
    let story = quiet_story().await;
    story
        .world
        .settle(|settings| settings.set_conflicts_aside = true);
    story.world.sync().await;
    story
}

fn addresses(story: &Story, name: &str) -> Vec<String> {
    match story.target(name).attributes.get("proxyAddresses") {
        Some(Value::Texts(texts)) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn a_duplicate_is_set_aside_and_heals_when_its_holder_gives_it_up() {
    let mut story = resilient_story().await;
    let anna = story.person("Anna Een");
    story.step("the first", |_| {}, &["create Anna Een"]).await;
    let taken = "annaeen@canal.example";
    story.faults = vec![("AttributeValueMustBeUnique", 1)];
    let namesake = |forest: &forest::Forest| {
        let address = format!("SMTP:{taken}");
        let attributes = [
            ("sAMAccountName", "annatwee"),
            ("userPrincipalName", taken),
            ("displayName", "Anna Twee"),
            ("mail", taken),
            ("mailNickname", "annatwee"),
            ("proxyAddresses", address.as_str()),
        ];
        let guid = forest
            .add_user(scenarios::story::UNIT, "Anna Twee", &attributes)
            .unwrap();
        let more = forest::Edit::add("proxyAddresses", "smtp:tweede@canal.example");
        forest.modify(guid, vec![more]).unwrap();
    };
    let expected = ["create~ Anna Twee: not userPrincipalName"];
    story.step("a namesake", namesake, &expected).await;
    let second = story.target("Anna Twee");
    let name = second.text("userPrincipalName").unwrap();
    assert!(
        name.starts_with("annaeen") && name.ends_with("@canal.hybridge.example"),
        "{name}"
    );
    assert_eq!(
        addresses(&story, "Anna Twee"),
        ["smtp:tweede@canal.example"]
    );
    assert_eq!(second.text("mail"), None);
    let why = refusal(&story, "Anna Twee");
    let first = story.target("Anna Een").id.to_string();
    assert_eq!(why.argument("owner"), Some(first.as_str()));
    assert_eq!(why.argument("value"), Some(taken));

    let link = story
        .world
        .app
        .engine()
        .links_of_target(&second.id.to_string());
    let link = link.unwrap()[0];
    let kept = |story: &Story| story.world.app.engine().asides(link).unwrap().len();
    assert_eq!(kept(&story), 2, "name and address");
    // Other changes pass, and the placeholder stays.
    let title = |forest: &forest::Forest| {
        let two = forest.guid_of("CN=Anna Twee,OU=Story,DC=canal,DC=example");
        forest
            .modify(two.unwrap(), vec![forest::Edit::set("title", "Clerk")])
            .unwrap();
    };
    story
        .step("works", title, &["update Anna Twee: jobTitle"])
        .await;
    assert_eq!(
        story.target("Anna Twee").text("userPrincipalName"),
        Some(name)
    );
    story.faults.clear();
    let gone = [
        "delete Anna Een",
        "update Anna Twee: mail, proxyAddresses, userPrincipalName",
    ];
    story
        .step("the holder leaves", |f| f.delete(anna).unwrap(), &gone)
        .await;
    assert_eq!(
        story.target("Anna Twee").text("userPrincipalName"),
        Some(taken)
    );
    assert_eq!(kept(&story), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_keeps_its_name_when_the_one_it_wants_is_taken() {
    let mut story = resilient_story().await;
    let (bert, carl) = (story.person("Bert Twee"), story.person("Carl Drie"));
    let both = ["create Bert Twee", "create Carl Drie"];
    story.step("two", |_| {}, &both).await;
    story.faults = vec![("AttributeValueMustBeUnique", 1)];
    let wants = |forest: &forest::Forest| {
        let name = forest::Edit::set("userPrincipalName", "carldrie@canal.example");
        let more = forest::Edit::set("title", "Cook");
        forest.modify(bert, vec![name, more]).unwrap();
    };
    let expected =
        ["update~ Bert Twee: jobTitle, onPremisesUserPrincipalName, not userPrincipalName"];
    story.step("wants his name", wants, &expected).await;
    assert_eq!(
        story.target("Bert Twee").text("userPrincipalName"),
        Some("berttwee@canal.example")
    );
    // The source gives in: nothing is aside any more.
    story.faults.clear();
    let back = forest::Edit::set("userPrincipalName", "berttwee@canal.example");
    let expected = ["update Bert Twee: onPremisesUserPrincipalName"];
    story
        .step(
            "gives in",
            |f| f.modify(bert, vec![back]).unwrap(),
            &expected,
        )
        .await;
    let count = story.world.app.engine().aside_count(story.world.job.id);
    assert_eq!(count.unwrap(), 0);
    // Switched off, the whole object is refused.
    story
        .world
        .settle(|settings| settings.set_conflicts_aside = false);
    story.world.sync().await;
    story.faults = vec![("AttributeValueMustBeUnique", 1)];
    let wants = |forest: &forest::Forest| {
        let name = forest::Edit::set("userPrincipalName", "berttwee@canal.example");
        let more = forest::Edit::set("title", "Clerk");
        forest.modify(carl, vec![name, more]).unwrap();
    };
    let expected = ["update! Carl Drie: AttributeValueMustBeUnique"];
    story.step("off", wants, &expected).await;
    assert_eq!(story.target("Carl Drie").text("jobTitle"), None);
}

/// Three values go round in one delta, with conflicts set aside or not: nobody is left with a placeholder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_people_exchange_their_names_in_a_ring() {
    let story = resilient_story().await;
    let names = ["Eva Links", "Fons Rechts", "Gijs Midden"];
    let people: Vec<Uuid> = names.iter().map(|name| story.person(name)).collect();
    let created = [
        "create Eva Links",
        "create Fons Rechts",
        "create Gijs Midden",
    ];
    story.step("join", |_| {}, &created).await;
    let mark = story.world.log_end();
    story.forest.write(|state| {
        for (index, guid) in people.iter().enumerate() {
            let next = scenarios::story::alias(names[(index + 1) % names.len()]);
            let change = forest::proto::Change {
                kind: forest::proto::ChangeKind::Replace,
                attribute: "userPrincipalName".into(),
                values: vec![format!("{next}@canal.example").into_bytes()],
            };
            let id = state.by_guid(*guid).unwrap();
            state
                .modify(id, &[change], forest::store::Origin::Forest)
                .unwrap();
        }
    });
    story.world.sync().await;
    story.agrees().await;
    for record in story.world.log_since(mark) {
        assert_eq!(record.status, engine::Status::Success, "{record:#?}");
    }
    for (index, name) in names.iter().enumerate() {
        let next = scenarios::story::alias(names[(index + 1) % names.len()]);
        assert_eq!(
            story.target(name).text("userPrincipalName"),
            Some(format!("{next}@canal.example").as_str())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_verified_afterwards_gives_people_their_own_names() {
    let story = resilient_story().await;
    let mut hans = Uuid::nil();
    let name = |name: &str| vec![forest::Edit::set("userPrincipalName", name)];
    story
        .step(
            "joins",
            |forest| {
                hans = story.person("Hans Later");
                forest.modify(hans, name("hans@later.example")).unwrap();
            },
            &["create Hans Later"],
        )
        .await;
    let now = story.target("Hans Later");
    assert_eq!(
        now.text("userPrincipalName"),
        Some("hanslater@canal.hybridge.example")
    );
    let mark = story.world.log_end();
    let app = &story.world.app;
    app.verify_domain("later.example").unwrap();
    story.world.sync().await;
    story.logged("verified", mark, &["update Hans Later: userPrincipalName"]);
    story.agrees().await;
    assert_eq!(
        story.target("Hans Later").text("userPrincipalName"),
        Some("hans@later.example")
    );
}

fn link_of(story: &Story, guid: Uuid) -> sync_core::id::LinkId {
    let engine = story.world.app.engine();
    let anchor = sync_core::id::Anchor::from_guid_text(&guid.to_string()).unwrap();
    let object = engine.object_by_anchor(story.world.connector.id, &anchor);
    engine::link_id(story.world.job.id, object.unwrap().unwrap())
}

fn pause(story: &Story) -> engine::JobRow {
    story.world.pause_job();
    story.world.app.engine().job(story.world.job.id).unwrap()
}

/// A link is let go of, twice without harm, and an account that somebody made by hand takes the old one's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn links_are_undone_and_put_right_while_the_job_is_paused() {
    let story = quiet_story().await;
    let kim = story.person("Kim Een");
    story.person("Lou Twee");
    let crew = story.group("Crew");
    story.forest.add_member(crew, kim).unwrap();
    let created = [
        "create Crew",
        "create Kim Een",
        "create Lou Twee",
        "update Crew: members +1 -0",
    ];
    story.step("join", |_| {}, &created).await;
    let engine = story.world.app.engine().clone();
    let (first, second) = (story.target("Kim Een").id, story.target("Lou Twee").id);
    let change = |link| engine::LinkChange {
        link,
        actor: "administrator",
        name: "a test",
    };
    let kim_link = link_of(&story, kim);
    let running = engine.job(story.world.job.id).unwrap();
    let refused = engine.unlink(&running, &change(kim_link)).unwrap_err();
    assert!(refused.to_string().contains("Conflict"), "{refused}");

    let job = pause(&story);
    let target = |id: Uuid| sync_core::id::TargetId::from(id.to_string());
    let class = "User".into();
    let taken = engine.relink(&job, &change(kim_link), &target(second), &class);
    assert!(taken.unwrap_err().to_string().contains("Conflict"));
    for _ in 0..2 {
        engine.unlink(&job, &change(kim_link)).unwrap();
    }
    // What the account had as Kim is taken from it.
    let app = &story.world.app;
    let crew_members = |who: Uuid| {
        let directory = app.directory();
        let page = directory.member_of(&directory.administrator(), who, None, 10);
        page.unwrap().items.len()
    };
    assert_eq!(crew_members(first), 1);
    server::release::from_job(app, &job, &first.to_string())
        .await
        .unwrap();
    assert_eq!(crew_members(first), 0);
    assert_eq!(
        story
            .target_by_id(first)
            .unwrap()
            .text("onPremisesImmutableId"),
        None
    );
    // The account it was linked to goes, and one that was made by hand takes its place.
    let spare = user_in_the_cloud(&story, "spare");
    apply(
        &story,
        Operation::HardDelete {
            id: first,
            expected_version: None,
        },
    );
    engine
        .relink(&job, &change(kim_link), &target(spare), &class)
        .unwrap();
    story.world.start_job();
    story.world.sync().await;
    story.agrees().await;
    assert_eq!(story.target("Kim Een").id, spare);
    assert_eq!(story.target("Lou Twee").id, second);
    assert_eq!(crew_members(spare), 1);
}

/// A contact with the address of a person keeps the person out until it is gone; it is never turned into the person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_waits_for_the_contact_that_has_the_address() {
    let mut story = resilient_story().await;
    let contact = in_the_cloud(
        &story,
        directory::Kind::Contact,
        &[
            ("displayName", "Mia Buiten"),
            ("mail", "miabinnen@canal.example"),
        ],
    );
    story.faults = vec![("ObjectTypeMismatch", 1)];
    let refused = ["create! Mia Binnen: ObjectTypeMismatch"];
    story
        .step("she joins", |_| _ = story.person("Mia Binnen"), &refused)
        .await;
    let why = refusal(&story, "Mia Binnen");
    assert_eq!(why.argument("owner"), Some(contact.to_string().as_str()));
    assert_eq!(why.argument("ownerClass"), Some("Contact"));
    story.faults.clear();
    apply(
        &story,
        Operation::HardDelete {
            id: contact,
            expected_version: None,
        },
    );
    story
        .world
        .app
        .engine()
        .plan_everything(story.world.job.id)
        .unwrap();
    story.world.app.jobs_changed();
    story.world.sync().await;
    story.agrees().await;
    assert_eq!(story.target("Mia Binnen").kind, directory::Kind::User);
}
