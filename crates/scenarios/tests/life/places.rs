//! Places: people moved between units, units renamed and moved with everybody in them.

use forest::Organisation;
use scenarios::{Story, story::UNIT};

const NAMES: &str = "update";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_follow_their_units() {
    let story = Story::begin(30).await;
    let forest = &story.forest;
    let quay = forest.add_ou(UNIT, "Quay").unwrap();
    forest.add_ou(&format!("OU=Quay,{UNIT}"), "Crane").unwrap();
    let hal = story.person("Hal Stuurman");
    story.person_in(&format!("OU=Quay,{UNIT}"), "Ida Kade", &[]);
    story.person_in(&format!("OU=Crane,OU=Quay,{UNIT}"), "Jan Kraan", &[]);
    story
        .step(
            "join",
            |_| {},
            &["create Hal Stuurman", "create Ida Kade", "create Jan Kraan"],
        )
        .await;
    let dn = |name: &str| {
        story
            .target(name)
            .text("onPremisesDistinguishedName")
            .unwrap()
            .to_owned()
    };
    let line = |name: &str| format!("{NAMES} {name}: onPremisesDistinguishedName");
    let (all, two) = (
        [line("Hal Stuurman"), line("Ida Kade"), line("Jan Kraan")],
        [line("Ida Kade"), line("Jan Kraan")],
    );
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let two: Vec<&str> = two.iter().map(String::as_str).collect();

    let quay_dn = format!("OU=Quay,{UNIT}");
    story
        .step(
            "moves",
            |forest| forest.move_to(hal, &quay_dn).unwrap(),
            &[&line("Hal Stuurman")],
        )
        .await;
    assert_eq!(dn("Hal Stuurman"), format!("CN=Hal Stuurman,{quay_dn}"));

    story
        .step(
            "unit renamed",
            |forest| forest.rename(quay, "Kade, Noord").unwrap(),
            &all,
        )
        .await;
    assert_eq!(
        dn("Jan Kraan"),
        format!("CN=Jan Kraan,OU=Crane,OU=Kade\\, Noord,{UNIT}")
    );

    let back = |forest: &forest::Forest| forest.move_to(hal, UNIT).unwrap();
    story
        .step("moves back", back, &[&line("Hal Stuurman")])
        .await;
    let domain = forest.domain_dn();
    story
        .step(
            "unit moved",
            |forest| forest.move_to(quay, &domain).unwrap(),
            &two,
        )
        .await;
    assert_eq!(
        dn("Jan Kraan"),
        format!("CN=Jan Kraan,OU=Crane,OU=Kade\\, Noord,{domain}")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_is_one_run_however_many_empty_units_lie_between() {
    let story = Story::begin(30).await;
    let quay = story.forest.add_ou(UNIT, "Quay").unwrap();
    let top = format!("OU=Quay,{UNIT}");
    let mut deepest = top.clone();
    for level in 0..8 {
        let name = format!("Level {level}");
        story.forest.add_ou(&deepest, &name).unwrap();
        deepest = format!("OU={name},{deepest}");
    }
    story.person_in(&top, "Ida Kade", &[]);
    story.person_in(&deepest, "Jan Kraan", &[]);
    let joined = ["create Ida Kade", "create Jan Kraan"];
    story.step("join", |_| {}, &joined).await;
    let runs = || {
        story
            .world
            .app
            .engine()
            .runs(None, None, 100)
            .unwrap()
            .len()
    };
    let before = runs();

    let line = |name: &str| format!("{NAMES} {name}: onPremisesDistinguishedName");
    let rename = |forest: &forest::Forest| forest.rename(quay, "Kade").unwrap();
    let lines = [line("Ida Kade"), line("Jan Kraan")];
    story
        .step("unit renamed", rename, &[&lines[0], &lines[1]])
        .await;
    assert_eq!(runs() - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_of_thousands_is_renamed_in_chunks() {
    // More than two chunks of what is directly below one container.
    let people = if scenarios::is_full() { 16_000 } else { 8_000 };
    let company = Organisation { people, seed: 5 }.build().unwrap();
    let large = company.forest.guid_of(&company.large_unit).unwrap();
    let story = Story::over(company, tempfile::tempdir().unwrap()).await;
    story.world.start_job();
    story.world.sync().await;
    let mark = story.world.log_end();
    story.forest.rename(large, "Sluices").unwrap();
    story.world.sync().await;
    let records = story.world.log_since(mark);
    assert!(
        records.len() > people * 28 / 100,
        "only {} records",
        records.len()
    );
    for record in &records {
        let names: Vec<&str> = record.changes.iter().map(|(name, ..)| &**name).collect();
        assert_eq!(names, ["onPremisesDistinguishedName"], "{record:?}");
    }
    let renamed = story
        .tree()
        .objects
        .values()
        .filter(|object| {
            object
                .text("onPremisesDistinguishedName")
                .is_some_and(|dn| dn.contains("OU=Sluices,"))
        })
        .count();
    assert_eq!(renamed, records.len());
}
