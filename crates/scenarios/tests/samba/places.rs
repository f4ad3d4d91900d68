//! Units: renamed and moved with everybody in them, deleted when they are empty.

use scenarios::samba::cn;

use super::Story;

pub async fn take_their_people_along(story: &Story) {
    let unit = story.unit.clone();
    let (mut quay, mut crane) = (String::new(), String::new());
    story
        .step(
            "join",
            async |domain| {
                quay = domain.unit("Quay", &unit).await;
                crane = domain.unit("Crane", &quay).await;
                domain.person("Ida Kade", "ida", &quay).await;
                domain.person("Jan Kraan", "jan", &crane).await;
                domain.group("Lifters", "lifters", &crane).await;
            },
            &["create Ida Kade", "create Jan Kraan", "create Lifters"],
        )
        .await;
    let all = ["Ida Kade", "Jan Kraan", "Lifters"]
        .map(|name| format!("update {name}: onPremisesDistinguishedName"));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    story
        .step(
            "unit renamed",
            async |domain| quay = domain.rename(&quay, "Kade, \"Noord\"").await,
            &all,
        )
        .await;
    let jan = cn("Jan Kraan", &scenarios::samba::ou("Crane", &quay));
    assert_eq!(
        story.target(&jan, "onPremisesDistinguishedName"),
        std::slice::from_ref(&jan)
    );
    let mut there = String::new();
    story
        .step(
            "unit moved",
            async |domain| {
                there = domain.unit("Harbours+Docks", &domain.base).await;
                quay = domain.move_to(&quay, &there).await;
            },
            &all,
        )
        .await;
    story
        .step(
            "unit moved and renamed at once, a person moved out of it",
            async |domain| {
                domain.move_to(&cn("Ida Kade", &quay), &unit).await;
                quay = domain.move_to(&quay, &unit).await;
                quay = domain.rename(&quay, "Kade").await;
            },
            &all,
        )
        .await;
    let jan = cn("Jan Kraan", &scenarios::samba::ou("Crane", &quay));
    assert_eq!(
        story.target(&jan, "onPremisesDistinguishedName"),
        std::slice::from_ref(&jan)
    );
    story
        .step(
            "an empty unit is deleted",
            async |domain| drop(domain.delete(&there).await),
            &[],
        )
        .await;
}
