//! Names and values of every spelling arrive byte for byte, and distinguished names with the right escapes.

use forest::Forest;
use scenarios::{Story, story::UNIT};

/// A name, and how RFC 4514 writes it.
const NAMES: &[(&str, &str)] = &[
    ("Müller Jürgen", "Müller Jürgen"),
    ("Mu\u{308}ller Nfd", "Mu\u{308}ller Nfd"),
    ("Emoji 🚢👩‍🔧", "Emoji 🚢👩‍🔧"),
    ("שרה כהן", "שרה כהן"),
    ("محمد علي", "محمد علي"),
    ("渡辺 さくら", "渡辺 さくら"),
    ("Jansen, Piet", "Jansen\\, Piet"),
    ("Piet \"de Boot\"", "Piet \\\"de Boot\\\""),
    ("Back\\slash", "Back\\\\slash"),
    ("A+B", "A\\+B"),
    ("A=B; <C>", "A\\=B\\; \\<C\\>"),
    ("#hash", "\\#hash"),
    (" leading", "\\ leading"),
    ("trailing ", "trailing\\ "),
    ("hard blank\u{a0}", "hard blank\u{a0}"),
    ("two  blanks  within", "two  blanks  within"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_spelling_arrives() {
    let story = Story::begin(30).await;
    let mark = story.world.log_end();
    let mut guids = Vec::new();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        let account = format!("spelling{number}");
        let attributes = [
            ("sAMAccountName", account.as_str()),
            ("employeeID", account.as_str()),
            ("displayName", name),
            ("title", name),
        ];
        guids.push(story.forest.add_user(UNIT, name, &attributes).unwrap());
    }
    story.world.sync().await;
    let records = story.world.log_since(mark);
    assert_eq!(records.len(), NAMES.len(), "{records:#?}");
    story.agrees().await;
    compare(&story, UNIT);

    let odd = "Été, \"+\" \\ = #1";
    let unit = story.forest.add_ou(UNIT, odd).unwrap();
    story.forest.write(|state| {
        for guid in &guids {
            let (id, parent) = (state.by_guid(*guid).unwrap(), state.by_guid(unit).unwrap());
            state.place(id, None, Some(parent)).unwrap();
        }
    });
    story.world.sync().await;
    story.agrees().await;
    compare(&story, &format!("OU=Été\\, \\\"\\+\\\" \\\\ \\= #1,{UNIT}"));
    a_name_that_differs_only_in_form(&story).await;
}

fn compare(story: &Story, parent: &str) {
    let tree = story.tree();
    for (number, (name, escaped)) in NAMES.iter().enumerate() {
        let account = format!("spelling{number}");
        let person = tree
            .objects
            .values()
            .find(|object| object.text("employeeId") == Some(&account))
            .unwrap_or_else(|| panic!("{name} is not in the target"));
        assert_eq!(person.text("displayName"), Some(name.trim()));
        assert_eq!(person.text("jobTitle"), Some(name.trim()));
        assert_eq!(person.text("commonName"), Some(*name));
        let dn = format!("CN={escaped},{parent}");
        assert_eq!(
            person.text("onPremisesDistinguishedName"),
            Some(dn.as_str())
        );
    }
}

/// Composed and decomposed spelling are different values: the change is carried over.
async fn a_name_that_differs_only_in_form(story: &Story) {
    let guid = story.person("Zoë Form");
    story.step("joins", |_| {}, &["create Zoë Form"]).await;
    let change = |forest: &Forest| forest.set(guid, "displayName", "Zoe\u{308} Form").unwrap();
    story
        .step(
            "decomposed",
            change,
            &["update Zoe\u{308} Form: displayName"],
        )
        .await;
}
