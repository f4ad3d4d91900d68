//! A real 389 Directory Server: first read by the time of changes, then by its content synchronisation. In the full tier only,
//! because it installs a server that nothing else needs.

use std::time::{Duration, Instant};

use scenarios::{processes::line, slapd::Directory};
use serde_json::json;
use sync_core::code::Code;

use super::Story;

const PEOPLE: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);

async fn raise() -> Story {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::raise_389("scds", "127.0.0.100").await;
    let people = format!("ou=people,{}", directory.base);
    let groups = format!("ou=groups,{}", directory.base);
    let mut names = Vec::new();
    for number in 0..PEOPLE {
        let name = format!("Old hand {number}");
        names.push(
            directory
                .person(&name, &format!("u{number}"), &people)
                .await,
        );
    }
    let members: Vec<&str> = names.iter().map(String::as_str).collect();
    directory.group("everybody", &groups, &members).await;
    let settings = json!({ "urls": [directory.value("SLAPD_URI")], "tls": "plain_for_tests" });
    Story::with(dir, directory, settings, PEOPLE).await
}

fn hand(story: &Story, number: usize) -> String {
    let base = &story.directory.base;
    scenarios::samba::below(
        "cn",
        &format!("Old hand {number}"),
        &format!("ou=people,{base}"),
    )
}

fn method(story: &Story) -> (String, Option<Code>) {
    let method = story.installation.status().source.position.method.unwrap();
    let weaker = method.weaker.and_then(|why| why.known_code());
    (method.name, weaker)
}

async fn a_life(story: &Story, who: &str) {
    let unit = story.unit.clone();
    let person = scenarios::samba::below("cn", who, &unit);
    story
        .step(
            "joins, with a group",
            async |directory| {
                let account = who.to_lowercase();
                directory.person(who, &account, &unit).await;
                directory.set(&person, "title", &["Mate", "Cook"]).await;
                directory.group(&format!("{who}s"), &unit, &[&person]).await;
            },
            &[
                &format!("create {who}"),
                &format!("create {who}s"),
                &format!("update {who}s: members +1 -0"),
            ],
        )
        .await;
    story
        .step(
            "changes",
            async |directory| {
                directory.set(&person, "title", &["Captain"]).await;
                directory.set(&person, "manager", &[&hand(story, 1)]).await;
            },
            &[
                &format!("update {who}: jobTitle"),
                &format!("update {who}: manager +1 -0"),
            ],
        )
        .await;
    story
        .step(
            "loses values",
            async |directory| {
                directory.set(&person, "title", &[]).await;
                directory.set(&person, "manager", &[]).await;
            },
            &[
                &format!("update {who}: jobTitle"),
                &format!("update {who}: manager +0 -1"),
            ],
        )
        .await;
}

/// Returns the place in the log before somebody was found missing.
async fn by_time(story: &Story) -> i64 {
    let expected = (
        "modifyTimestamp".to_owned(),
        Some(Code::SourceSyncNotOffered),
    );
    assert_eq!(method(story), expected);
    a_life(story, "Anna").await;
    let before = story.mark.get();
    story.directory.delete(&hand(story, 9)).await;
    story.installation.sync();
    story.installation.compare_now();
    super::trouble::is_held_until_allowed(story, "Old hand 9");
    before
}

async fn by_synchronisation(story: &mut Story, before: i64) {
    story.directory.lab("synchronise", &[]);
    story.directory.reconnect().await;
    let deadline = Instant::now() + PATIENCE;
    while method(story).0 != "RFC 4533" {
        assert!(Instant::now() < deadline, "{:?}", method(story));
        story.installation.sync();
    }
    assert_eq!(method(story).1, None);
    story.installation.sync();
    story.installation.agrees("it synchronises");
    // The group still names who was found missing. That this is nobody shows when it is read whole: by the comparison if that
    // came upon it before the person was gone, or else now; once in any case.
    let records = story.installation.log_since(before);
    let is_update = |line: &String| line.starts_with("update");
    let updates: Vec<String> = records.iter().map(line).filter(is_update).collect();
    assert_eq!(updates, ["update everybody: members +0 -1"]);
    story.mark.set(story.installation.log_end());
    a_life(story, "Bert").await;
    let gone = hand(story, 8);
    story
        .step(
            "leaves",
            async |directory| directory.delete(&gone).await,
            &["delete Old hand 8", "update everybody: members +0 -1"],
        )
        .await;
    let unit = story.unit.clone();
    // Of nobody's group: the server leaves the old name in groups, and by that they name nobody.
    let carl = scenarios::samba::below("cn", "Carl", &unit);
    let joins = async |directory: &Directory| drop(directory.person("Carl", "carl", &unit).await);
    story.step("joins", joins, &["create Carl"]).await;
    let mut now = String::new();
    story
        .step(
            "is renamed",
            async |directory| now = directory.rename(&carl, "Carl Vos").await,
            &["update Carl Vos: commonName, displayName, onPremisesDistinguishedName"],
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_is_read_by_time_and_then_by_its_own_synchronisation() {
    if !scenarios::is_full() {
        return;
    }
    let mut story = raise().await;
    let before = by_time(&story).await;
    by_synchronisation(&mut story, before).await;
}
