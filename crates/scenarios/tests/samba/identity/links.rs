//! Which target object is whose: anchors that are written later, and links put right by hand.

use scenarios::{bench::Api, samba::cn};
use serde_json::{Value, json};

use super::Story;

/// An anchor written later is no new one if it says the same.
pub(super) async fn anchors_are_written_later(story: &Story) {
    let sas = cn("Sas Anker", &story.unit);
    let guid = uuid::Uuid::parse_str(&story.domain.guid(&sas).await).unwrap();
    let id = story.target_id(&sas);
    story
        .step(
            "its own number is written",
            async |domain| {
                let own = guid.to_bytes_le();
                domain.set_bytes(&sas, "mS-DS-ConsistencyGuid", &own).await;
            },
            &[],
        )
        .await;
    // Deleted and made anew with the same anchor, as in a move between domains: it stays the same object.
    let title = ("title", "Moved");
    story
        .change(async |domain| {
            domain.delete(&sas).await;
            story.born("Sas Verhuisd", "sas", &[title]).await;
            let moved = cn("Sas Verhuisd", &story.unit);
            let old = guid.to_bytes_le();
            domain
                .set_bytes(&moved, "mS-DS-ConsistencyGuid", &old)
                .await;
        })
        .await;
    // Its SID is another one, which is unique: the old one was given up with the link.
    story.arrived("moved").await;
    assert_eq!(story.target_id(&cn("Sas Verhuisd", &story.unit)), id);
    let deleted: Value = story.say(&["directory", "users", "--deleted"]);
    assert!(!deleted.to_string().contains(&id), "{deleted}");
}

/// Two links are found to be the wrong way round, and are put right; people, names and memberships follow.
pub(super) async fn are_crossed(story: &Story) {
    let (eva, gijs) = (cn("Eva Links", &story.unit), cn("Gijs Midden", &story.unit));
    let unit = story.unit.clone();
    let crew = cn("Crew", &unit);
    story
        .step(
            "a group",
            async |domain| {
                domain.group("Crew", "crew", &unit).await;
                domain.put(&crew, "member", &[&eva]).await;
            },
            &["create Crew", "update Crew: members +1 -0"],
        )
        .await;
    let (first, second) = (story.target_id(&eva), story.target_id(&gijs));
    let names = (story.upn("Eva Links"), story.upn("Gijs Midden"));
    story.installation.pause();
    story.say(&["links", "unlink", &eva, "--yes"]);
    let refused = story
        .installation
        .run(&["links", "relink", &eva, "--to", &second, "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "it is somebody else's");
    story.say(&["links", "relink", &gijs, "--to", &first, "--yes"]);
    story.say(&["links", "relink", &eva, "--to", &second, "--yes"]);
    story.installation.resume();
    story.arrived("crossed").await;
    assert_eq!(story.target_id(&eva), second);
    assert_eq!(story.target_id(&gijs), first);
    assert_eq!((story.upn("Eva Links"), story.upn("Gijs Midden")), names);
    let members = story.references(&crew, "members");
    assert_eq!(members, (1, vec!["Eva Links".into()]));

    // The same back again, as a program does it.
    let api = Api::new(&story.installation.data());
    story.installation.pause();
    let unlinked = api
        .post("jobs/main/links/unlink", json!({ "object": eva }))
        .await;
    assert_eq!(unlinked["target"], Value::Null, "{unlinked}");
    for (object, target) in [(&gijs, &second), (&eva, &first)] {
        let asked = json!({ "object": object, "target": target });
        let linked = api.post("jobs/main/links/relink", asked).await;
        assert_eq!(linked["target"], json!(target), "{linked}");
    }
    story.installation.resume();
    story.arrived("crossed again").await;
    assert_eq!(story.target_id(&eva), first);
    assert_eq!(story.target_id(&gijs), second);
    assert_eq!((story.upn("Eva Links"), story.upn("Gijs Midden")), names);
    let members = story.references(&crew, "members");
    assert_eq!(members, (1, vec!["Eva Links".into()]));
}
