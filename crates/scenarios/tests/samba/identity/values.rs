//! Values the target refuses, of new objects and of those that are linked already; and its store in the hands of somebody else.

use std::time::{Duration, Instant};

use scenarios::samba::cn;
use serde_json::json;
use sync_core::code::Code;

use super::{Story, refusals::limit};

/// One byte more than a photo may have.
const PHOTO_BYTES: usize = 102_401;
/// Sixteen bytes, and what they are as a source anchor.
const OTHER_ANCHOR: (&[u8], &str) = (b"fedcba9876543210", "ZmVkY2JhOTg3NjU0MzIxMA==");
/// How long the store may be held before that is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// What nobody holds and nobody may hold, set at people who have long been there.
pub(super) async fn are_refused(story: &Story) {
    let dns = story.domain.dns();
    // The controller takes no longer thumbnail than the target, but other photos of any size.
    photos_come_from(story, "jpegPhoto");
    story
        .change(async |_| {
            for (name, account) in [
                ("Pia Foto", "pia"),
                ("Ubo Wissel", "ubo"),
                ("Vera Vast", "vera"),
            ] {
                let nickname = ("mailNickname", account);
                story.born(name, account, &[nickname]).await;
            }
        })
        .await;
    story.arrived("three with a nickname").await;
    let (ubo, vera) = (cn("Ubo Wissel", &story.unit), cn("Vera Vast", &story.unit));
    let held = story.target(&ubo, "mail");
    story
        .change(async |domain| {
            let photo = vec![7_u8; PHOTO_BYTES];
            let pia = cn("Pia Foto", &story.unit);
            domain.set_bytes(&pia, "jpegPhoto", &photo).await;
            story.has("Ubo Wissel", "mailNickname", &["vera"]).await;
            story.has("Vera Vast", "targetAddress", &["nowhere"]).await;
        })
        .await;
    story.comes(
        "three ask for what cannot be",
        &[
            "update! Pia Foto: ExceededAllowedLength",
            "update! Ubo Wissel: AttributeValueMustBeUnique",
            "update! Vera Vast: IdentityDataValidationFailed",
        ],
    );
    let most = (PHOTO_BYTES - 1).to_string();
    assert_eq!(limit(story, "Pia Foto"), ("thumbnailPhoto".into(), most));
    assert_eq!(story.target(&ubo, "mailNickname"), ["ubo"]);
    assert_eq!(story.target(&vera, "targetAddress"), [""; 0]);
    story
        .change(async |domain| {
            let pia = cn("Pia Foto", &story.unit);
            let photo = vec![7_u8; PHOTO_BYTES - 1];
            domain.set_bytes(&pia, "jpegPhoto", &photo).await;
            story.has("Ubo Wissel", "mailNickname", &["ubo2"]).await;
            let address = format!("SMTP:vera@elsewhere.{dns}");
            story.has("Vera Vast", "targetAddress", &[&address]).await;
        })
        .await;
    story.arrived("what can be").await;
    assert_eq!(story.target(&ubo, "mailNickname"), ["ubo2"]);

    // An address is set aside instead, also of somebody who has long been there.
    let taken = format!("vera@{dns}");
    story
        .change(async |_| {
            let both = [format!("SMTP:ubo@{dns}"), format!("smtp:{taken}")];
            let both = [both[0].as_str(), &both[1]];
            story.has("Ubo Wissel", "proxyAddresses", &both).await;
            story.has("Ubo Wissel", "title", &["Mate"]).await;
        })
        .await;
    story.comes(
        "somebody else's address",
        &["update Ubo Wissel: AttributeValueMustBeUnique"],
    );
    assert_eq!(story.target(&ubo, "jobTitle"), ["Mate"]);
    assert_eq!(story.target(&ubo, "mail"), held);
    story
        .change(async |_| {
            let other = format!("verandah@{dns}");
            story.has("Vera Vast", "mail", &[&other]).await;
            story.has("Vera Vast", "userPrincipalName", &[&other]).await;
        })
        .await;
    story.arrived("it is given up").await;
    let addresses = story.target(&ubo, "proxyAddresses");
    assert!(
        addresses.contains(&format!("smtp:{taken}")),
        "{addresses:?}"
    );
}

/// The photo of the target comes from another attribute.
fn photos_come_from(story: &Story, name: &str) {
    story.installation.set_rule(|rule| {
        let mappings = rule["objectMappings"].as_array_mut().unwrap();
        let attributes = mappings
            .iter_mut()
            .flat_map(|mapping| mapping["attributeMappings"].as_array_mut().unwrap());
        for attribute in attributes {
            if attribute["targetAttributeName"] == "thumbnailPhoto" {
                attribute["source"] = json!({ "type": "Attribute", "name": name });
            }
        }
    });
}

/// An account that another tool brought under another anchor has the same security identifier, which is unique; that anchor
/// brings the two together.
pub(super) async fn identifiers_clash(story: &Story) {
    let dns = story.domain.dns();
    let wim = cn("Wim Oud", &story.unit);
    let (mut id, mut sid) = (String::new(), String::new());
    story
        .change(async |domain| {
            story.born("Wim Oud", "wim", &[]).await;
            sid = domain.sid(&wim).await;
            let name = format!("userPrincipalName=willem@{dns}");
            let identifier = format!("onPremisesSecurityIdentifier={sid}");
            let anchor = format!("onPremisesImmutableId={}", OTHER_ANCHOR.1);
            let all = [
                name.as_str(),
                "mailNickname=willem",
                "displayName=Willem",
                &identifier,
                &anchor,
            ];
            id = story.in_the_tenant("user", &all);
        })
        .await;
    story.comes(
        "the same account under another anchor",
        &["create! Wim Oud: AttributeValueMustBeUnique"],
    );
    let view = story.installation.show(&wim);
    let link = view.jobs[0].link.clone().unwrap();
    let arguments = link.reason.unwrap().arguments;
    assert_eq!(arguments["attribute"], "onPremisesSecurityIdentifier");
    assert_eq!(arguments["value"], sid);
    story
        .change(async |domain| {
            let anchor = OTHER_ANCHOR.0;
            domain
                .set_bytes(&wim, "mS-DS-ConsistencyGuid", anchor)
                .await;
        })
        .await;
    story.arrived("the anchor it was brought under").await;
    assert_eq!(story.target_id(&wim), id);
    assert_eq!(story.upn("Wim Oud"), [format!("wim@{dns}")]);
}

/// Another program holds the tenant's database: that is told, and over by itself when it lets go.
pub(super) async fn wait_for_the_store(story: &Story) {
    let wim = cn("Wim Oud", &story.unit);
    let path = story.installation.data().join("directory.db");
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder.busy_timeout(PATIENCE).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    story.domain.set(&wim, "title", &["Waiting"]).await;
    let until = Instant::now() + PATIENCE;
    let problem = loop {
        if let Some(problem) = story.installation.status().failure {
            break problem;
        }
        assert!(Instant::now() < until, "nothing is told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(problem.code, Code::StoreLocked.name(), "{problem:#?}");
    assert!(problem.message.contains("directory.db"), "{problem:#?}");
    assert!(!problem.cure.is_empty(), "{problem:#?}");
    assert_eq!(story.target(&wim, "jobTitle"), [""; 0]);
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    story.arrives("let go of", &["update Wim Oud: jobTitle"]);
}
