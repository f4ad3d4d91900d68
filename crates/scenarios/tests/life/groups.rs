//! Groups and contacts: members one by one, thousands of them, groups within groups, gone and back.

use forest::Edit;
use scenarios::{
    Story, is_full,
    story::{UNIT, add_members},
};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_one_by_one() {
    let story = Story::begin(30).await;
    let mut people = Vec::new();
    let before = |story: &Story, people: &mut Vec<Uuid>| people.push(story.person("Karel Eerst"));
    story
        .step(
            "a member before its group",
            |_| before(&story, &mut people),
            &["create Karel Eerst"],
        )
        .await;
    let crew = story.group("Crew");
    story
        .step(
            "the group",
            |forest| forest.add_member(crew, people[0]).unwrap(),
            &["create Crew", "update Crew: members +1 -0"],
        )
        .await;
    story
        .step(
            "a member after its group",
            |forest| {
                let late = story.person("Lena Laat");
                forest.add_member(crew, late).unwrap();
                people.push(late);
            },
            &["create Lena Laat", "update Crew: members +1 -0"],
        )
        .await;
    assert_eq!(story.tree().members("Crew"), ["Karel Eerst", "Lena Laat"]);
    let leave = |forest: &forest::Forest| forest.remove_member(crew, people[0]).unwrap();
    story
        .step("leaves", leave, &["update Crew: members +0 -1"])
        .await;
    assert_eq!(story.tree().members("Crew"), ["Lena Laat"]);
    let swap = |forest: &forest::Forest| {
        let member = |guid| vec![scenarios::story::key(guid).into_bytes()];
        let edits = vec![
            Edit::Remove("member".into(), member(people[1])),
            Edit::Add("member".into(), member(people[0])),
        ];
        forest.modify(crew, edits).unwrap();
    };
    story
        .step("one for another", swap, &["update Crew: members +1 -1"])
        .await;
    assert_eq!(story.tree().members("Crew"), ["Karel Eerst"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_large_group_costs_one_edge() {
    // More than one range of values (1 500); in the full tier more than one operation (5 000).
    let members = if is_full() { 6_000 } else { 1_600 };
    let story = Story::prepare(members + 100).await;
    let forest = &story.forest;
    let everybody = story.group("Everybody");
    let people: Vec<Uuid> = forest
        .listing()
        .into_iter()
        .filter(|listed| listed.text("employeeID").is_some())
        .map(|listed| listed.guid)
        .collect();
    add_members(forest, everybody, &people[..members]);
    story.world.start_job();
    story.world.sync().await;
    story.agrees().await;
    let target = story.target("Everybody").id;
    let count = || {
        story
            .tree()
            .references
            .get(&(target, "members"))
            .map_or(0, Vec::len)
    };
    let whole = count();
    assert!(whole >= members - 4, "only {whole} members");
    let join =
        |forest: &forest::Forest| forest.add_member(everybody, people[members + 50]).unwrap();
    story
        .step("one joins", join, &["update Everybody: members +1 -0"])
        .await;
    assert_eq!(count(), whole + 1);
    let leave = |forest: &forest::Forest| forest.remove_member(everybody, people[3]).unwrap();
    story
        .step("one leaves", leave, &["update Everybody: members +0 -1"])
        .await;
    assert_eq!(count(), whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_nest_die_and_return() {
    let story = Story::begin(30).await;
    let [mia, nico] = ["Mia Lid", "Nico Lid"].map(|name| story.person(name));
    let [outer, inner] = ["Fleet", "Ship"].map(|name| story.group(name));
    add_members(&story.forest, outer, &[inner, mia]);
    add_members(&story.forest, inner, &[mia, nico]);
    let all = [
        "create Mia Lid",
        "create Nico Lid",
        "create Fleet",
        "create Ship",
        "update Fleet: members +2 -0",
        "update Ship: members +2 -0",
    ];
    story.step("nested", |_| {}, &all).await;
    assert_eq!(story.tree().members("Fleet"), ["Mia Lid", "Ship"]);
    let first = story.target("Ship").id;
    story
        .step(
            "is deleted",
            |forest| forest.delete(inner).unwrap(),
            &["delete Ship"],
        )
        .await;
    assert_eq!(
        story.target_by_id(first),
        None,
        "a deleted group is gone for good"
    );
    assert_eq!(story.tree().members("Fleet"), ["Mia Lid"]);
    story
        .step(
            "is restored",
            |forest| forest.undelete(inner).unwrap(),
            &[
                "create Ship",
                "update Fleet: members +1 -0",
                "update Ship: members +2 -0",
            ],
        )
        .await;
    assert_ne!(story.target("Ship").id, first);
    assert_eq!(story.tree().members("Fleet"), ["Mia Lid", "Ship"]);
    assert_eq!(story.tree().members("Ship"), ["Mia Lid", "Nico Lid"]);
    let circle = |forest: &forest::Forest| forest.add_member(inner, outer).unwrap();
    story
        .step("a circle", circle, &["update Ship: members +1 -0"])
        .await;
    assert_eq!(
        story.tree().members("Ship"),
        ["Fleet", "Mia Lid", "Nico Lid"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_in_scope_while_it_has_mail() {
    let story = Story::begin(30).await;
    let forest = &story.forest;
    let mail = [
        ("displayName", "Otto Extern"),
        ("mail", "otto@partner.example"),
    ];
    forest.add_contact(UNIT, "Otto Extern", &mail).unwrap();
    let none = forest
        .add_contact(UNIT, "Piet Zonder", &[("displayName", "Piet Zonder")])
        .unwrap();
    story
        .step(
            "two contacts",
            |_| {},
            &["create Otto Extern", "skip Piet Zonder: NoFilterMatched"],
        )
        .await;
    assert_eq!(
        story.target("Otto Extern").text("mail"),
        Some("otto@partner.example")
    );
    let gets = |forest: &forest::Forest| forest.set(none, "mail", "piet@partner.example").unwrap();
    story
        .step("gets an address", gets, &["create Piet Zonder"])
        .await;
    let loses = |forest: &forest::Forest| forest.modify(none, vec![Edit::clear("mail")]).unwrap();
    story.step("loses it", loses, &["delete Piet Zonder"]).await;
    assert!(story.tree().named("Piet Zonder").is_none());
}
