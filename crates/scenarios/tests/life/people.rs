//! People: joined, changed, renamed, disabled, deleted, restored; and their managers.

use forest::Edit;
use scenarios::{Story, story::UNIT};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_joins_changes_leaves_and_returns() {
    let story = Story::begin(200).await;
    story.agrees().await;
    attributes(&story).await;
    names(&story).await;
    enabling(&story).await;
    leaving(&story).await;
}

async fn attributes(story: &Story) {
    let mut anna = Uuid::nil();
    story
        .step(
            "joins",
            |_| {
                anna = story.person_in(
                    UNIT,
                    "Anna Prins",
                    &[("title", "Bosun"), ("mobile", "+31 6 1")],
                )
            },
            &["create Anna Prins"],
        )
        .await;
    let set = |attribute: &str, value: &str| Edit::set(attribute, value);
    story
        .step(
            "changes",
            |forest| {
                forest
                    .modify(
                        anna,
                        vec![set("title", "Skipper"), set("telephoneNumber", "+31 20 1")],
                    )
                    .unwrap()
            },
            &["update Anna Prins: businessPhones, jobTitle, telephoneNumber"],
        )
        .await;
    assert_eq!(story.target("Anna Prins").text("jobTitle"), Some("Skipper"));
    story
        .step(
            "loses a value",
            |forest| forest.modify(anna, vec![Edit::clear("mobile")]).unwrap(),
            &["update Anna Prins: mobile"],
        )
        .await;
    assert_eq!(story.target("Anna Prins").text("mobile"), None);
}

async fn names(story: &Story) {
    let bert = story.person("Bert Smit");
    story.step("joins", |_| {}, &["create Bert Smit"]).await;
    let id = story.target("Bert Smit").id;
    story
        .step(
            "is renamed",
            |forest| {
                forest.rename(bert, "Bert Vos").unwrap();
                forest
                    .modify(
                        bert,
                        vec![Edit::set("displayName", "Bert Vos"), Edit::set("userPrincipalName", "bertvos@canal.example")],
                    )
                    .unwrap();
            },
            &["update Bert Vos: commonName, displayName, onPremisesDistinguishedName, onPremisesUserPrincipalName, userPrincipalName"],
        )
        .await;
    let now = story.target("Bert Vos");
    assert_eq!(now.id, id);
    assert_eq!(now.text("userPrincipalName"), Some("bertvos@canal.example"));
}

async fn enabling(story: &Story) {
    let carla = story.person("Carla Bos");
    story.step("joins", |_| {}, &["create Carla Bos"]).await;
    story
        .step(
            "is disabled",
            |forest| forest.set_enabled(carla, false).unwrap(),
            &["disable Carla Bos: accountEnabled"],
        )
        .await;
    story
        .step(
            "is enabled",
            |forest| forest.set_enabled(carla, true).unwrap(),
            &["update Carla Bos: accountEnabled"],
        )
        .await;
}

async fn leaving(story: &Story) {
    let dirk = story.person("Dirk Mol");
    let group = story.group("Deckhands");
    story.forest.add_member(group, dirk).unwrap();
    story
        .step(
            "joins a group",
            |_| {},
            &[
                "create Dirk Mol",
                "create Deckhands",
                "update Deckhands: members +1 -0",
            ],
        )
        .await;
    let id = story.target("Dirk Mol").id;
    let gone = ["delete Dirk Mol", "update Deckhands: members +0 -1"];
    story
        .step("is deleted", |forest| forest.delete(dirk).unwrap(), &gone)
        .await;
    assert!(
        story
            .target_by_id(id)
            .is_some_and(|object| !object.is_live()),
        "the person is not in the bin"
    );
    assert_eq!(story.tree().members("Deckhands"), [""; 0]);
    story
        .step(
            "is restored",
            |forest| forest.undelete(dirk).unwrap(),
            &["restore Dirk Mol", "update Deckhands: members +1 -0"],
        )
        .await;
    assert_eq!(story.target("Dirk Mol").id, id);
    assert_eq!(story.tree().members("Deckhands"), ["Dirk Mol"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_is_set_changed_and_cleared() {
    let story = Story::begin(30).await;
    let eva = story.person("Eva Kok");
    let finn = story.person("Finn Baas");
    let gerda = story.person("Gerda Chef");
    story.forest.link(eva, "manager", finn, true).unwrap();
    let created = [
        "create Eva Kok",
        "create Finn Baas",
        "create Gerda Chef",
        "update Eva Kok: manager +1 -0",
    ];
    story.step("join", |_| {}, &created).await;
    assert_eq!(story.tree().manager("Eva Kok"), Some("Finn Baas"));
    let to_gerda = Edit::Set(
        "manager".into(),
        vec![scenarios::story::key(gerda).into_bytes()],
    );
    story
        .step(
            "changes",
            |forest| forest.modify(eva, vec![to_gerda]).unwrap(),
            &["update Eva Kok: manager +1 -1"],
        )
        .await;
    assert_eq!(story.tree().manager("Eva Kok"), Some("Gerda Chef"));
    story
        .step(
            "is cleared",
            |forest| forest.modify(eva, vec![Edit::clear("manager")]).unwrap(),
            &["update Eva Kok: manager +0 -1"],
        )
        .await;
    assert_eq!(story.tree().manager("Eva Kok"), None);
}
