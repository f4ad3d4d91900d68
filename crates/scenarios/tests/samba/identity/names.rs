//! Names that change hands, that two want, that are made up and given back.

use std::collections::BTreeMap;

use scenarios::{processes, samba::cn};
use wire::api::v1::Tenant;

use super::Story;

/// Two people exchange everything in one delta, and three their names in a ring. The controller lets nobody have a principal
/// name that begins like somebody else's account name, so these begin otherwise.
pub(super) async fn change_hands(story: &Story) {
    let dns = story.domain.dns();
    let people = [
        ("Eva Links", "eva"),
        ("Fons Rechts", "fons"),
        ("Gijs Midden", "gijs"),
    ];
    story
        .change(async |_| {
            for (name, account) in people {
                let principal = format!("x.{account}@{dns}");
                let own = [
                    ("mailNickname", account),
                    ("userPrincipalName", principal.as_str()),
                    ("mail", principal.as_str()),
                ];
                story.born(name, account, &own).await;
            }
        })
        .await;
    story.arrived("three join").await;
    let ids: Vec<String> = people
        .iter()
        .map(|(name, _)| story.target_id(&cn(name, &story.unit)))
        .collect();
    let becomes = async |name: &str, alias: &str| {
        let principal = format!("x.{alias}@{dns}");
        for attribute in ["userPrincipalName", "mail"] {
            story.has(name, attribute, &[&principal]).await;
        }
        story.has(name, "mailNickname", &[alias]).await;
    };
    let all = "mail, mailNickname, onPremisesUserPrincipalName, proxyAddresses, userPrincipalName";
    story
        .step(
            "two exchange everything",
            async |_| {
                becomes("Eva Links", "between").await;
                becomes("Fons Rechts", "eva").await;
                becomes("Eva Links", "fons").await;
            },
            &[
                &format!("update Eva Links: {all}"),
                &format!("update Fons Rechts: {all}"),
            ],
        )
        .await;
    assert_eq!(story.upn("Eva Links"), [format!("x.fons@{dns}")]);
    assert_eq!(story.upn("Fons Rechts"), [format!("x.eva@{dns}")]);
    story
        .step(
            "three in a ring",
            async |_| {
                becomes("Eva Links", "between").await;
                becomes("Gijs Midden", "fons").await;
                becomes("Fons Rechts", "gijs").await;
                becomes("Eva Links", "eva").await;
            },
            &[
                &format!("update Eva Links: {all}"),
                &format!("update Fons Rechts: {all}"),
                &format!("update Gijs Midden: {all}"),
            ],
        )
        .await;
    let names: BTreeMap<&str, Vec<String>> = people
        .iter()
        .map(|(name, _)| (*name, story.upn(name)))
        .collect();
    let expected = [
        ("Eva Links", "eva"),
        ("Fons Rechts", "gijs"),
        ("Gijs Midden", "fons"),
    ];
    for (name, alias) in expected {
        assert_eq!(names[name], [format!("x.{alias}@{dns}")], "{name}");
    }
    for ((name, _), id) in people.iter().zip(ids) {
        assert_eq!(story.target_id(&cn(name, &story.unit)), id, "{name}");
    }
}

/// The second one with an address arrives without it, and gets it when the first one leaves.
pub(super) async fn duplicates_heal(story: &Story) {
    let dns = story.domain.dns();
    let address = format!("dora@{dns}");
    story
        .change(async |_| drop(story.born("Dora Eerst", "dora", &[]).await))
        .await;
    story.arrived("the first one").await;
    story
        .change(async |_| {
            // A nickname is unique as well, and is not set aside.
            let own = [("mail", address.as_str()), ("mailNickname", "doris")];
            story.born("Doris Later", "doris", &own).await;
        })
        .await;
    story.comes(
        "one address twice",
        &["create Doris Later: AttributeValueMustBeUnique"],
    );
    let doris = cn("Doris Later", &story.unit);
    assert_eq!(story.target(&doris, "mail"), [""; 0]);
    let view = story.installation.show(&doris);
    let aside = &view.jobs[0].link.as_ref().unwrap().set_aside;
    assert!(
        aside.iter().any(|one| one.value.ends_with(&address)),
        "{aside:?}"
    );
    story
        .step(
            "the first one leaves",
            async |domain| drop(domain.delete(&cn("Dora Eerst", &story.unit)).await),
            &[
                "delete Dora Eerst",
                "update Doris Later: mail, proxyAddresses",
            ],
        )
        .await;
    assert_eq!(story.target(&doris, "mail"), [address]);
}

/// Somebody who was a contact becomes a colleague, and a colleague a contact; neither is ever turned into the other.
pub(super) async fn contacts_become_people(story: &Story) {
    let dns = story.domain.dns();
    let mail = format!("kees@{dns}");
    let unit = story.unit.clone();
    let contact = cn("Kees Gast", &unit);
    story
        .step(
            "a contact",
            async |domain| drop(domain.contact("Kees Gast", &mail, &unit).await),
            &["create Kees Gast"],
        )
        .await;
    story
        .change(async |_| drop(story.born("Kees Vast", "kees", &[]).await))
        .await;
    story.comes(
        "the account is there first",
        &["create! Kees Vast: ObjectTypeMismatch"],
    );
    story
        .step(
            "the contact goes",
            async |domain| drop(domain.delete(&contact).await),
            &["create Kees Vast", "delete Kees Gast"],
        )
        .await;
    let kees = cn("Kees Vast", &unit);
    assert_eq!(story.target(&kees, "mail"), std::slice::from_ref(&mail));
    story
        .change(async |domain| {
            domain.delete(&kees).await;
            domain.contact("Kees Oud", &mail, &unit).await;
        })
        .await;
    story.installation.sync();
    story.mark.set(story.installation.log_end());
    story.installation.agrees("a contact again");
    assert_eq!(story.target(&cn("Kees Oud", &unit), "mail"), [mail]);
    assert_eq!(story.code(&cn("Kees Oud", &unit)), "");
}

/// A step: what it is called, what is changed in the source, and the nickname and the principal name it leads to.
type Made<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, String);

/// The five cases the documents tell of names that are made up, and what a domain verified afterwards changes.
pub(super) async fn are_made_up_and_given_back(story: &Story) {
    let dns = story.domain.dns();
    let tenant: Tenant = story.installation.ask(&["directory", "show"]);
    let initial = tenant.initial_domain;
    let una = cn("Una Vijf", &story.unit);
    let held = |what: &str, nickname: &str, principal: &str| {
        assert_eq!(story.target(&una, "mailNickname"), [nickname], "{what}");
        assert_eq!(
            story.target(&una, "userPrincipalName"),
            [principal],
            "{what}"
        );
    };
    let (primary, mail) = (format!("SMTP:us1@{dns}"), format!("us2@{dns}"));
    let more = [
        ("userPrincipalName", "us3@later.example"),
        ("mail", mail.as_str()),
        ("proxyAddresses", primary.as_str()),
    ];
    story
        .change(async |_| drop(story.born("Una Vijf", "una", &more).await))
        .await;
    story.arrived("first").await;
    held("first", "us1", &format!("us1@{initial}"));
    let steps: [Made<'_>; 4] = [
        (
            "a nickname",
            &[("mailNickname", "us4")],
            "us4",
            format!("us1@{initial}"),
        ),
        (
            "another name there",
            &[("userPrincipalName", "us5@later.example")],
            "us4",
            format!("us4@{initial}"),
        ),
        (
            "other addresses",
            &[
                ("proxyAddresses", "SMTP:us6@other.example"),
                ("mail", "us7@other.example"),
            ],
            "us4",
            format!("us4@{initial}"),
        ),
        (
            "a verified domain",
            &[("userPrincipalName", &mail)],
            "us4",
            mail.clone(),
        ),
    ];
    for (what, changes, nickname, principal) in &steps {
        story
            .change(async |_| {
                for (attribute, value) in *changes {
                    story.has("Una Vijf", attribute, &[value]).await;
                }
            })
            .await;
        story.installation.sync();
        held(what, nickname, principal);
    }
    story
        .change(async |_| {
            let name = ("userPrincipalName", "hans@later.example");
            story.born("Hans Later", "hans", &[name]).await;
            // Without a name of its own it is made of account and domain.
            story
                .born("Noor Naamloos", "noor", &[("userPrincipalName", "")])
                .await;
        })
        .await;
    story.arrived("two more").await;
    assert_eq!(story.upn("Hans Later"), [format!("hans@{initial}")]);
    assert_eq!(story.upn("Noor Naamloos"), [format!("noor@{dns}")]);
    story.say(&["directory", "domains", "add", "later.example"]);
    let mark = story.mark.get();
    story.arrived("verified").await;
    let changed = story.installation.log_since(mark);
    let changed: Vec<String> = changed
        .iter()
        .filter(|record| record.provisioning_action != "skip")
        .map(processes::line)
        .collect();
    assert_eq!(changed, ["update Hans Later: userPrincipalName"]);
    assert_eq!(story.upn("Hans Later"), ["hans@later.example"]);
}
