//! Groups: members added and removed, many, nested, across units; groups and contacts deleted and restored.

use scenarios::samba::cn;

use super::Story;

// LONG: one story, told in order.
pub async fn gain_and_lose_members(story: &Story) {
    let unit = story.unit.clone();
    let people = story
        .domain
        .names(
            &format!("OU=Bulk,{}", story.domain.base),
            "objectClass",
            "user",
        )
        .await;
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let (few, rest) = people.split_at(3);
    let mut all = String::new();
    story
        .step(
            "a group appears with members who were there before",
            async |domain| {
                let elsewhere = domain.unit("Groups", &domain.base).await;
                all = domain.group("Everybody", "everybody", &elsewhere).await;
                domain.put(&all, "member", few).await;
            },
            &["create Everybody", "update Everybody: members +3 -0"],
        )
        .await;
    let line = format!("update Everybody: members +{} -0", rest.len());
    story
        .step(
            "everybody joins",
            async |domain| domain.put(&all, "member", rest).await,
            &[&line],
        )
        .await;
    assert_eq!(story.references(&all, "members").0, people.len() as u64);
    story
        .step(
            "some leave",
            async |domain| domain.take(&all, "member", few).await,
            &["update Everybody: members +0 -3"],
        )
        .await;
    story
        .step(
            "one leaves, another joins",
            async |domain| {
                domain.take(&all, "member", &rest[..1]).await;
                domain.put(&all, "member", &few[..1]).await;
            },
            &["update Everybody: members +1 -1"],
        )
        .await;
    story
        .step(
            "one leaves and comes back",
            async |domain| {
                domain.take(&all, "member", &few[..1]).await;
                domain.put(&all, "member", &few[..1]).await;
            },
            &[],
        )
        .await;
    story
        .step(
            "the group is renamed and described",
            async |domain| {
                all = domain.rename(&all, "Everyone").await;
                domain.set(&all, "description", &["all of us"]).await;
            },
            &["update Everyone: commonName, description, displayName, onPremisesDistinguishedName"],
        )
        .await;
    let line = format!("update Everyone: members +0 -{}", rest.len());
    story
        .step(
            "everybody leaves",
            async |domain| domain.set(&all, "member", &[]).await,
            &[&line],
        )
        .await;
    let _ = unit;
}

pub async fn are_nested_deleted_and_restored(story: &Story) {
    let unit = story.unit.clone();
    let (inner, outer) = (cn("Inner", &unit), cn("Outer", &unit));
    let gerda = cn("Gerda Chef", &unit);
    story
        .step(
            "nested groups, the outer one first",
            async |domain| {
                domain.group("Outer", "outer", &unit).await;
                domain.group("Inner", "inner", &unit).await;
                domain.person("Gerda Chef", "gerda", &unit).await;
                domain.put(&outer, "member", &[&inner]).await;
                domain.put(&inner, "member", &[&gerda]).await;
            },
            &[
                "create Gerda Chef",
                "create Inner",
                "create Outer",
                "update Inner: members +1 -0",
                "update Outer: members +1 -0",
            ],
        )
        .await;
    let round =
        async |domain: &scenarios::samba::Domain| domain.put(&inner, "member", &[&outer]).await;
    story
        .step("a circle", round, &["update Inner: members +1 -0"])
        .await;
    let mut guid = String::new();
    story
        .step(
            "the inner one is deleted",
            async |domain| guid = domain.delete(&inner).await,
            &["delete Inner"],
        )
        .await;
    assert_eq!(story.references(&outer, "members").0, 0);
    story
        .step(
            "and restored, with its members and memberships",
            async |domain| domain.restore(&guid),
            &[
                "create Inner",
                "update Inner: members +2 -0",
                "update Outer: members +1 -0",
            ],
        )
        .await;
    assert_eq!(
        story.references(&inner, "members").1,
        ["Gerda Chef", "Outer"]
    );
}

pub async fn hold_contacts(story: &Story) {
    let unit = story.unit.clone();
    let (hugo, list) = (cn("Hugo Gast", &unit), cn("Guests", &unit));
    story
        .step(
            "a contact in a list",
            async |domain| {
                domain
                    .contact("Hugo Gast", "hugo@guest.example", &unit)
                    .await;
                domain.group("Guests", "guestlist", &unit).await;
                domain.put(&list, "member", &[&hugo]).await;
            },
            &[
                "create Guests",
                "create Hugo Gast",
                "update Guests: members +1 -0",
            ],
        )
        .await;
    story
        .step(
            "the contact changes",
            async |domain| domain.set(&hugo, "mail", &["h.gast@guest.example"]).await,
            &["update Hugo Gast: mail, proxyAddresses"],
        )
        .await;
    let mut guid = String::new();
    story
        .step(
            "the contact goes",
            async |domain| guid = domain.delete(&hugo).await,
            &["delete Hugo Gast"],
        )
        .await;
    assert_eq!(story.references(&list, "members").0, 0);
    story
        .step(
            "and comes back",
            async |domain| domain.restore(&guid),
            &["create Hugo Gast", "update Guests: members +1 -0"],
        )
        .await;
}

/// A member that is out of scope waits; once it is in scope, it is a member.
pub async fn wait_for_members(story: &Story) {
    let unit = story.unit.clone();
    let (irma, list) = (cn("Irma Stil", &unit), cn("Waiting", &unit));
    story
        .step(
            "a contact without an address in a list",
            async |domain| {
                domain.add(&irma, &[("objectClass", "contact")]).await;
                domain.group("Waiting", "waiting", &unit).await;
                domain.put(&list, "member", &[&irma]).await;
            },
            &[
                "create Waiting",
                "skip Irma Stil: no filter of the scope matches",
            ],
        )
        .await;
    assert_eq!(story.references(&list, "members").0, 0);
    story
        .step(
            "the contact gets an address",
            async |domain| domain.set(&irma, "mail", &["irma@guest.example"]).await,
            &["create Irma Stil", "update Waiting: members +1 -0"],
        )
        .await;
    story
        .step(
            "and loses it",
            async |domain| domain.set(&irma, "mail", &[]).await,
            &["delete Irma Stil"],
        )
        .await;
    assert_eq!(story.references(&list, "members").0, 0);
}
