//! An account with no right but those every user has: it may not use DirSync and is not shown what was deleted.
//!
//! Trap: such an account reads that somebody is gone, and not that he was deleted; so nothing is deleted before somebody says so.

use std::net::Ipv4Addr;

use scenarios::samba::cn;
use sync_core::code::Code;

use super::{Setting, Story};

const NONE: &[&str] = &[];

/// The status says what is weaker, and which rights would help.
fn is_told(story: &Story) {
    let method = story.installation.status().source.position.method.unwrap();
    assert_eq!(method.name, "uSNChanged");
    let weaker = method.weaker.unwrap();
    assert_eq!(weaker.known_code(), Some(Code::SourceInsufficientAccess));
    let told = |name: &str| weaker.arguments[name].as_str();
    assert_eq!(told("right"), "Replicating Directory Changes");
    assert_eq!(told("further_right"), "List contents and read properties");
    let container = format!("CN=Deleted Objects,{}", story.domain.base);
    assert_eq!(told("container"), container);
    for part in ["deletions are hidden", "waits for an administrator"] {
        assert!(told("text").contains(part), "{weaker:#?}");
    }
    assert!(!weaker.cure.is_empty());
    let shown = story.installation.run_for_people(&["status", "main"]);
    for part in ["uSNChanged", &container, "List contents"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_that_are_not_shown_are_found_by_the_comparison_and_wait() {
    let story = Story::begin(&Setting {
        name: "scblind",
        first: Ipv4Addr::new(127, 0, 4, 41),
        people: 20,
        rights: NONE,
        has_partner: false,
    })
    .await;
    is_told(&story);
    let unit = story.unit.clone();
    let [karel, lies] = ["Karel Weg", "Lies Weg"].map(|name| cn(name, &unit));
    story
        .step(
            "join",
            async |domain| {
                domain.person("Karel Weg", "karel", &unit).await;
                domain.person("Lies Weg", "lies", &unit).await;
            },
            &["create Karel Weg", "create Lies Weg"],
        )
        .await;
    let title =
        async |domain: &scenarios::samba::Domain| domain.set(&lies, "title", &["Cook"]).await;
    story
        .step("changes are seen", title, &["update Lies Weg: jobTitle"])
        .await;
    story.domain.delete(&karel).await;
    story.comes("nobody says that he was deleted", &[]);
    assert!(story.installation.names().contains(&"Karel Weg".to_owned()));
    story.installation.compare_now();
    story.installation.holds_deletion_of("Karel Weg");
    story.comes(
        "he is missed, looked for, and not deleted for it",
        &[
            "skip Karel Weg: ObjectVanished",
            "stagedDelete Karel Weg: ObjectVanished",
        ],
    );
    assert!(story.installation.names().contains(&"Karel Weg".to_owned()));
    story.installation.allow_deletions();
    story.arrives("somebody says so", &["delete Karel Weg"]);
    story.domain.grant(&["+deleted"]);
    story
        .step(
            "leaves where deletions are shown",
            async |domain| drop(domain.delete(&lies).await),
            &["delete Lies Weg"],
        )
        .await;
    let method = story.installation.status().source.position.method.unwrap();
    let weaker = method.weaker.unwrap();
    assert_eq!(weaker.arguments.get("further_right"), None, "{weaker:#?}");
}
