//! `hybridge links`: shown to anybody who asks, changed only while the job is paused and only when it is meant.

use crate::world::world;

#[test]
fn links_are_listed_and_shown_by_any_name_of_their_object() {
    let world = world();
    let page = world.json(&["links", "list", "--situation", "linked", "--limit", "3"]);
    let link = &page["items"][0];
    assert_eq!(link["situation"], "linked");
    let (anchor, target) = (&link["anchor"], &link["target"]);
    for name in [anchor, target, &link["dn"]] {
        let shown = world.json(&["links", "show", name.as_str().unwrap()]);
        assert_eq!(&shown["anchor"], anchor, "{name}");
        assert_eq!(&shown["target"], target, "{name}");
    }
    let ran = world.ask(&["links", "list", "--situation", "married"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("RequestInvalid"), "{ran:?}");
}

#[test]
fn a_link_of_a_running_job_stays_and_nothing_is_done_without_a_yes() {
    let world = world();
    let page = world.json(&["links", "list", "--situation", "linked", "--limit", "2"]);
    let anchor = page["items"][1]["anchor"].as_str().unwrap();
    let ran = world.ask(&["links", "unlink", anchor]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("--yes"), "{ran:?}");
    let ran = world.ask(&["links", "unlink", anchor, "--yes"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("Conflict") && ran.err.contains("hybridge job pause"),
        "{ran:?}"
    );
    let ran = world.ask(&["links", "relink", anchor, "--to", "nobody", "--yes"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("NotFound"), "{ran:?}");
    let shown = world.json(&["links", "show", anchor]);
    assert_eq!(shown["situation"], "linked");
}
