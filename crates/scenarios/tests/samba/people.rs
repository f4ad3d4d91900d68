//! People: joined, changed, renamed, moved, disabled, deleted, restored from the recycle bin.

use scenarios::samba::{cn, container_of};

use super::Story;

pub async fn change(story: &Story) {
    let anna = cn("Anna Prins", &story.unit);
    let unit = story.unit.clone();
    story
        .step(
            "joins",
            async |domain| {
                domain.person("Anna Prins", "anna", &unit).await;
                domain.set(&anna, "title", &["Bosun"]).await;
                domain.set(&anna, "mobile", &["+31 6 1"]).await;
            },
            &["create Anna Prins"],
        )
        .await;
    story
        .step(
            "changes",
            async |domain| {
                domain.set(&anna, "title", &["Skipper"]).await;
                domain
                    .set(&anna, "otherMobile", &["+31 6 2", "+31 6 3"])
                    .await;
            },
            &["update Anna Prins: jobTitle, otherMobile"],
        )
        .await;
    assert_eq!(story.target(&anna, "jobTitle"), ["Skipper"]);
    story
        .step(
            "loses a value",
            async |domain| {
                domain.set(&anna, "mobile", &[]).await;
                domain.take(&anna, "otherMobile", &["+31 6 2"]).await;
            },
            &["update Anna Prins: mobile, otherMobile"],
        )
        .await;
    assert_eq!(story.target(&anna, "mobile"), [""; 0]);
    story
        .step(
            "nothing of interest changes",
            async |domain| domain.set(&anna, "comment", &["x"]).await,
            &[],
        )
        .await;
    story
        .step(
            "changes there and back",
            async |domain| {
                domain.set(&anna, "title", &["Admiral"]).await;
                domain.set(&anna, "title", &["Skipper"]).await;
            },
            &[],
        )
        .await;
}

pub async fn are_renamed_and_moved(story: &Story) {
    let bert = cn("Bert Smit", &story.unit);
    let unit = story.unit.clone();
    story
        .step(
            "joins",
            async |domain| drop(domain.person("Bert Smit", "bert", &unit).await),
            &["create Bert Smit"],
        )
        .await;
    let id = story.target_id(&bert);
    story
        .step(
            "is renamed",
            async |domain| {
                let bert = domain.rename(&bert, "Bert Vos").await;
                domain.set(&bert, "displayName", &["Bert Vos"]).await;
                let name = format!("bert.vos@{}", domain.dns());
                domain.set(&bert, "userPrincipalName", &[&name]).await;
            },
            &["update Bert Vos: commonName, displayName, onPremisesDistinguishedName, onPremisesUserPrincipalName, userPrincipalName"],
        )
        .await;
    let bert = cn("Bert Vos", &story.unit);
    assert_eq!(story.target_id(&bert), id);
    let dns = story.domain.dns();
    assert_eq!(
        story.target(&bert, "userPrincipalName"),
        [format!("bert.vos@{dns}")]
    );
    story
        .step(
            "moves",
            async |domain| {
                let there = domain.unit("Elsewhere", &unit).await;
                domain.move_to(&bert, &there).await;
            },
            &["update Bert Vos: onPremisesDistinguishedName"],
        )
        .await;
    let there = scenarios::samba::ou("Elsewhere", &unit);
    assert_eq!(story.target_id(&cn("Bert Vos", &there)), id);
}

pub async fn are_disabled(story: &Story) {
    let carla = cn("Carla Bos", &story.unit);
    let unit = story.unit.clone();
    story
        .step(
            "joins",
            async |domain| drop(domain.person("Carla Bos", "carla", &unit).await),
            &["create Carla Bos"],
        )
        .await;
    let control = async |value: &str| {
        story
            .domain
            .set(&carla, "userAccountControl", &[value])
            .await
    };
    story
        .step(
            "is disabled",
            async |_| control("546").await,
            &["disable Carla Bos: accountEnabled"],
        )
        .await;
    assert_eq!(story.target(&carla, "accountEnabled"), ["False"]);
    story
        .step(
            "is enabled",
            async |_| control("544").await,
            &["update Carla Bos: accountEnabled"],
        )
        .await;
}

pub async fn leave_and_return(story: &Story) {
    let (dirk, crew) = (cn("Dirk Mol", &story.unit), cn("Crew", &story.unit));
    let eva = cn("Eva Kok", &story.unit);
    let unit = story.unit.clone();
    story
        .step(
            "join",
            async |domain| {
                domain.person("Dirk Mol", "dirk", &unit).await;
                domain.person("Eva Kok", "eva", &unit).await;
                domain.set(&dirk, "title", &["Cook"]).await;
                domain.set(&dirk, "manager", &[&eva]).await;
                domain.set(&eva, "manager", &[&dirk]).await;
                domain.group("Crew", "crew", &unit).await;
                domain.put(&crew, "member", &[&dirk, &eva]).await;
            },
            &[
                "create Crew",
                "create Dirk Mol",
                "create Eva Kok",
                "update Crew: members +2 -0",
                "update Dirk Mol: manager +1 -0",
                "update Eva Kok: manager +1 -0",
            ],
        )
        .await;
    let id = story.target_id(&dirk);
    let mut guid = String::new();
    story
        .step(
            "leaves",
            async |domain| guid = domain.delete(&dirk).await,
            // A person goes into the bin, and so is taken out of what refers to it.
            &[
                "delete Dirk Mol",
                "update Crew: members +0 -1",
                "update Eva Kok: manager +0 -1",
            ],
        )
        .await;
    assert_eq!(
        story.references(&crew, "members"),
        (1, vec!["Eva Kok".into()])
    );
    assert_eq!(story.references(&eva, "manager").0, 0);
    story
        .step(
            "returns",
            async |domain| domain.restore(&guid),
            &[
                "restore Dirk Mol",
                "update Crew: members +1 -0",
                "update Eva Kok: manager +1 -0",
            ],
        )
        .await;
    assert_eq!(story.target_id(&dirk), id);
    assert_eq!(story.target(&dirk, "jobTitle"), ["Cook"]);
    assert_eq!(story.references(&crew, "members").0, 2);
    assert_eq!(
        story.references(&eva, "manager"),
        (1, vec!["Dirk Mol".into()])
    );
    assert_eq!(container_of(&dirk), story.unit);
}
