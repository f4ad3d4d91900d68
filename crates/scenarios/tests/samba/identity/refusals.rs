//! What a source object is refused for, and how that ends.

use scenarios::samba::cn;
use serde_json::Value;
use wire::api::v1::DirectoryObject;

use super::Story;

/// Sixteen bytes that can be typed, and what they are as a source anchor.
const ANCHOR: (&str, &str) = ("0123456789abcdef", "MDEyMzQ1Njc4OWFiY2RlZg==");

/// Those who are in the target before anything goes wrong.
pub(super) struct Before {
    /// What the account of the administrator is.
    ruler: String,
    /// The account that carries an anchor.
    anchored: String,
    /// The account with a name that matches.
    soft: String,
    /// A contact with somebody's address.
    contact: String,
}

impl Before {
    pub(super) async fn joined(story: &Story) -> Self {
        let dns = story.domain.dns();
        story
            .change(async |domain| {
                let one = ("userPrincipalName", "fien@one.example");
                story.born("Fien Trouw", "fien", &[one]).await;
                story.born("Dirk Weg", "dirk", &[]).await;
                story.born("Sas Anker", "sas", &[]).await;
                let nickname = ("mailNickname", "nel");
                story.born("Nel Een", "nel", &[nickname]).await;
                let post = domain.group("Post A", "posta", &story.unit).await;
                let mail = format!("post@{dns}");
                domain.set(&post, "mail", &[&mail]).await;
            })
            .await;
        story.arrived("before").await;
        let user = |alias: &str, more: &str| {
            let name = format!("userPrincipalName={alias}@{dns}");
            let (nickname, shown) = (
                format!("mailNickname={alias}"),
                format!("displayName={alias}"),
            );
            let all = [name.as_str(), &nickname, &shown, more];
            story.in_the_tenant("user", &all[..if more.is_empty() { 3 } else { 4 }])
        };
        let ruler = user("ruler", "");
        story.say(&[
            "directory",
            "roles",
            &ruler,
            "--role",
            "Global Administrator",
        ]);
        let anchor = format!("onPremisesImmutableId={}", ANCHOR.1);
        Self {
            ruler,
            anchored: user("anchored", &anchor),
            soft: user("softly", ""),
            contact: story.in_the_tenant(
                "contact",
                &["displayName=Outside", &format!("mail=shared@{dns}")],
            ),
        }
    }
}

/// Everything that can go wrong goes wrong in one delta, and each is told by its code.
// LONG: one story, told in order.
pub(super) async fn come(story: &Story, before: &Before) {
    let dns = story.domain.dns();
    let matches = ["--hard-match", "off", "--soft-match", "off"];
    story.say(&[&["job", "settings", "main"], &matches[..]].concat());
    let dirk = story.target_id(&cn("Dirk Weg", &story.unit));
    story.say(&["directory", "authority", &dirk, "tenant"]);
    story.comes("managed there", &["skip Dirk Weg: ManagedInTarget"]);
    story
        .change(async |domain| {
            story.born("Rik Baas", "ruler", &[]).await;
            let anchor = ("mS-DS-ConsistencyGuid", ANCHOR.0);
            story.born("Anke Anker", "anke", &[anchor]).await;
            story.born("Sofie Zacht", "softly", &[]).await;
            story.born("Tom Dubbel", "shared", &[]).await;
            story
                .born("Nol Twee", "nol", &[("mailNickname", "nel")])
                .await;
            story
                .born("Fred Vorm", "fred", &[("mailNickname", "fr ed")])
                .await;
            let certificates: Vec<String> = (0..16).map(|n| format!("certificate {n}")).collect();
            let certificates = certificates
                .iter()
                .map(|one| ("userCertificate", one.as_str()));
            let all: Vec<(&str, &str)> = certificates.collect();
            story.born("Cees Cert", "cees", &all).await;
            let addresses: Vec<String> = (0..301).map(|n| format!("smtp:lot{n}@{dns}")).collect();
            let addresses = addresses.iter().map(|one| ("proxyAddresses", one.as_str()));
            let all: Vec<(&str, &str)> = addresses.collect();
            story.born("Lot Lang", "lot", &all).await;
            let long = "x".repeat(1025);
            story
                .born("Else Ext", "else", &[("extensionAttribute1", &long)])
                .await;
            let post = domain.group("Post B", "postb", &story.unit).await;
            domain.set(&post, "mail", &[&format!("post@{dns}")]).await;
            story
                .has("Fien Trouw", "userPrincipalName", &["fien@two.example"])
                .await;
            story
                .has("Sas Anker", "mS-DS-ConsistencyGuid", &["another anchor!!"])
                .await;
            story.has("Sas Anker", "title", &["Mate"]).await;
            domain.delete(&cn("Dirk Weg", &story.unit)).await;
        })
        .await;
    story.comes(
        "everything goes wrong",
        &[
            "create! Anke Anker: InvalidHardMatch",
            "create! Cees Cert: ExceededAllowedLength",
            "create! Else Ext: ExceededAllowedLength",
            "create! Fred Vorm: IdentityDataValidationFailed",
            "create! Lot Lang: ExceededAllowedLength",
            "create! Nol Twee: AttributeValueMustBeUnique",
            "create! Post B: InvalidSoftMatch",
            "create! Rik Baas: ExistingAdminRoleConflict",
            "create! Sofie Zacht: SoftMatchSwitchedOff",
            "create! Tom Dubbel: ObjectTypeMismatch",
            "delete! Dirk Weg: DeletionAccessViolation",
            "update! Fien Trouw: FederatedDomainChangeError",
            "update! Sas Anker: SourceAnchorChanged",
        ],
    );
    let limits = ["Cees Cert", "Lot Lang", "Else Ext"].map(|name| limit(story, name));
    let expected = [
        ("userCertificate", "15"),
        ("proxyAddresses", "300"),
        ("extensionAttribute1", "1024"),
    ];
    assert_eq!(
        limits,
        expected.map(|(name, max)| (name.into(), max.into()))
    );
    assert_eq!(
        story.target(&cn("Sas Anker", &story.unit), "jobTitle"),
        [""; 0],
        "blocked"
    );
    let kept: DirectoryObject = story
        .installation
        .ask(&["directory", "object", &before.ruler]);
    assert!(!kept.is_synchronised);
}

/// The attribute somebody has too much in, and how much is allowed.
pub(super) fn limit(story: &Story, name: &str) -> (String, String) {
    let view = story.installation.show(&cn(name, &story.unit));
    let link = view.jobs[0].link.clone().unwrap();
    let arguments = link.reason.unwrap().arguments;
    (arguments["attribute"].clone(), arguments["max"].clone())
}

/// Each cure is the one its page names; everybody arrives, and those who were there before stay the same object.
pub(super) async fn go(story: &Story, before: &Before) {
    let dns = story.domain.dns();
    let dirk = format!("dirk@{dns}");
    story
        .change(async |domain| {
            story.say(&["directory", "roles", &before.ruler, "--none"]);
            story.say(&["directory", "delete", &before.contact]);
            let matches = ["--hard-match", "on", "--soft-match", "on"];
            story.say(&[&["job", "settings", "main"], &matches[..]].concat());
            story.say(&["directory", "authority", &dirk, "source"]);
            certificates_flow_while_there_are_few(story);
            story.has("Nol Twee", "mailNickname", &["nol"]).await;
            story.has("Fred Vorm", "mailNickname", &["fred"]).await;
            story.has("Lot Lang", "proxyAddresses", &[]).await;
            story
                .has("Else Ext", "extensionAttribute1", &["short"])
                .await;
            let mail = format!("postb@{dns}");
            domain
                .set(&cn("Post B", &story.unit), "mail", &[&mail])
                .await;
            let ordinary = format!("fien@{dns}");
            story
                .has("Fien Trouw", "userPrincipalName", &[&ordinary])
                .await;
            story.has("Sas Anker", "mS-DS-ConsistencyGuid", &[]).await;
        })
        .await;
    story.arrived("everything is put right").await;
    let id = |name: &str| story.target_id(&cn(name, &story.unit));
    assert_eq!(id("Rik Baas"), before.ruler);
    assert_eq!(id("Anke Anker"), before.anchored);
    assert_eq!(id("Sofie Zacht"), before.soft);
    assert_eq!(
        story.target(&cn("Sas Anker", &story.unit), "jobTitle"),
        ["Mate"]
    );
    let certificates = story.target(&cn("Cees Cert", &story.unit), "userCertificate");
    assert_eq!(certificates, [""; 0]);
    let gone: Value = story.say(&["directory", "users", "--deleted"]);
    assert!(gone.to_string().contains("Dirk Weg"), "{gone}");
    // The ordinary domain was the way by; roles are given back and stay.
    story.say(&[
        "directory",
        "roles",
        &before.ruler,
        "--role",
        "Global Administrator",
    ]);
    story
        .change(async |_| {
            story
                .has("Fien Trouw", "userPrincipalName", &["fien@two.example"])
                .await;
            story.has("Rik Baas", "title", &["Chief"]).await;
        })
        .await;
    story.arrived("on to the other federation").await;
    assert_eq!(story.upn("Fien Trouw"), ["fien@two.example"]);
    let chief = story.target(&cn("Rik Baas", &story.unit), "jobTitle");
    assert_eq!(chief, ["Chief"]);
}

/// The documented cure of too many certificates.
fn certificates_flow_while_there_are_few(story: &Story) {
    story.installation.set_rule(|rule| {
        let mappings = rule["objectMappings"].as_array_mut().unwrap();
        let attributes = mappings
            .iter_mut()
            .flat_map(|mapping| mapping["attributeMappings"].as_array_mut().unwrap());
        for attribute in attributes {
            if attribute["targetAttributeName"] == "userCertificate" {
                let few = "IIF(Count([userCertificate]) <= 15, [userCertificate], NULL)";
                attribute["source"] = serde_json::json!({ "type": "Function", "expression": few });
            }
        }
    });
}
