//! Two objects want one value: an error of that object alone, which heals by itself; and swaps.

use forest::{Edit, Forest};
use scenarios::Story;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn a_duplicate_address_concerns_one_object_and_heals_when_released() {
    let mut story = Story::begin(30).await;
    let anna = story.person("Anna Een");
    story.step("the first", |_| {}, &["create Anna Een"]).await;
    let bert = story.person("Bert Twee");
    let carl = story.person("Carl Drie");
    story
        .step(
            "two more",
            |_| {},
            &["create Bert Twee", "create Carl Drie"],
        )
        .await;
    let shared = "smtp:office@canal.example";
    let add = |forest: &Forest| {
        forest
            .modify(anna, vec![Edit::add("proxyAddresses", shared)])
            .unwrap()
    };
    story
        .step(
            "takes an address",
            add,
            &["update Anna Een: proxyAddresses"],
        )
        .await;
    let faults = std::mem::replace(
        &mut story.faults,
        vec![
            ("AttributeValueMustBeUnique", 4),
            ("ExceededAllowedLength", 1),
        ],
    );
    let again = |forest: &Forest| {
        forest
            .modify(
                bert,
                vec![
                    Edit::add("proxyAddresses", shared),
                    Edit::set("title", "Clerk"),
                ],
            )
            .unwrap();
        forest
            .modify(carl, vec![Edit::set("title", "Cook")])
            .unwrap();
    };
    let expected = [
        "update! Bert Twee: AttributeValueMustBeUnique",
        "update Carl Drie: jobTitle",
    ];
    story
        .step("a second one takes it too", again, &expected)
        .await;
    let record = story
        .world
        .log_since(0)
        .into_iter()
        .rev()
        .find(|record| record.refusal.is_some())
        .unwrap();
    let why = record.refusal.unwrap();
    assert_eq!(why.argument("attribute"), Some("proxyAddresses"));
    assert_eq!(why.argument("value"), Some(shared));
    assert_eq!(
        why.argument("owner"),
        Some(story.target("Anna Een").id.to_string().as_str())
    );
    story.step("nothing more happens", |_| {}, &[]).await;
    story.faults = faults;
    let release = |forest: &Forest| {
        forest
            .modify(anna, vec![Edit::remove("proxyAddresses", shared)])
            .unwrap()
    };
    let expected = [
        "update Anna Een: proxyAddresses",
        "update Bert Twee: jobTitle, proxyAddresses",
    ];
    story
        .step("the first releases it", release, &expected)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_person_with_a_taken_name_arrives_when_the_owner_leaves() {
    let mut story = Story::begin(30).await;
    let old = story.person("Dora Oud");
    story.step("the first", |_| {}, &["create Dora Oud"]).await;
    story.faults = vec![
        ("AttributeValueMustBeUnique", 4),
        ("ExceededAllowedLength", 1),
    ];
    let id = story.target("Dora Oud").id.to_string();
    story
        .step(
            "a namesake",
            |_| {
                let more = [("mail", "doraoud@canal.example")];
                let parent = format!("OU=Story,{}", story.forest.domain_dn());
                let all = [
                    ("sAMAccountName", "doranieuw"),
                    ("displayName", "Dora Nieuw"),
                    more[0],
                ];
                story.forest.add_user(&parent, "Dora Nieuw", &all).unwrap();
            },
            &["create! Dora Nieuw: InvalidSoftMatch"],
        )
        .await;
    let refusal = story.world.log_since(0).pop().unwrap().refusal.unwrap();
    assert_eq!(refusal.argument("owner"), Some(id.as_str()));
    story.faults = scenarios::story::DIRT.to_vec();
    let expected = ["delete Dora Oud", "create Dora Nieuw"];
    story
        .step(
            "the owner leaves",
            |forest| forest.delete(old).unwrap(),
            &expected,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_swap_their_names() {
    let story = Story::begin(30).await;
    let eva = story.person("Eva Links");
    let fons = story.person("Fons Rechts");
    story
        .step("join", |_| {}, &["create Eva Links", "create Fons Rechts"])
        .await;
    let swap = |forest: &Forest| {
        let take = |state: &mut forest::store::State, guid, name: &str| {
            let change = forest::proto::Change {
                kind: forest::proto::ChangeKind::Replace,
                attribute: "userPrincipalName".into(),
                values: vec![format!("{name}@canal.example").into_bytes()],
            };
            let id = state.by_guid(guid).unwrap();
            state
                .modify(id, &[change], forest::store::Origin::Forest)
                .unwrap();
        };
        forest.write(|state| {
            take(state, eva, "fonsrechts");
            take(state, fons, "evalinks");
        });
    };
    let mark = story.world.log_end();
    swap(&story.forest);
    story.world.sync().await;
    story.agrees().await;
    let records = story.world.log_since(mark);
    assert!(
        records
            .iter()
            .all(|record| record.status == engine::Status::Success),
        "{records:#?}"
    );
    assert_eq!(
        story.target("Eva Links").text("userPrincipalName"),
        Some("fonsrechts@canal.example")
    );
    assert_eq!(
        story.target("Fons Rechts").text("userPrincipalName"),
        Some("evalinks@canal.example")
    );
}
