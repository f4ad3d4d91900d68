//! Who is who in a real domain: every refusal provoked by a real change and ended by its documented cure, without a restart.
//!
//! Trap: of two new objects of one delta nobody can say which is read first, so whoever is to have a value first joins before.

use std::net::Ipv4Addr;

use scenarios::samba::{Domain, cn};
use serde_json::Value;
use wire::api::v1::DirectoryObject;

use super::{ALL, Setting, Story};

/// Sixteen bytes that can be typed, and what they are as a source anchor.
const ANCHOR: (&str, &str) = ("0123456789abcdef", "MDEyMzQ1Njc4OWFiY2RlZg==");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_comes_by_a_real_change_and_goes_by_its_documented_cure() {
    let setting = Setting {
        name: "scidentity",
        first: Ipv4Addr::new(127, 0, 6, 41),
        people: 0,
        rights: ALL,
        has_partner: false,
    };
    let options = ["--recycle-bin", "--exchange"];
    let domain = Domain::raise_with(setting.name, setting.first, &options).await;
    let story = Story::in_domain(domain, &setting).await;
    story.say(&["job", "settings", "main", "--guard-percent", "100"]);
    for federation in ["one.example", "two.example"] {
        story.say(&[
            "directory",
            "domains",
            "add",
            federation,
            "--federated",
            "on",
        ]);
    }
    story.installation.resume();
    story.arrived("the domain as it is").await;

    let before = Before::joined(&story).await;
    refusals_come(&story, &before).await;
    refusals_go(&story, &before).await;
}

impl Story {
    /// A verb of the administrator.
    fn say(&self, arguments: &[&str]) -> Value {
        self.installation.ask(arguments)
    }

    /// An object that lives only in the tenant; returns its id.
    fn in_the_tenant(&self, kind: &str, attributes: &[&str]) -> String {
        let verb = [&["directory", "create", kind], attributes].concat();
        let made: DirectoryObject = self.installation.ask(&verb);
        made.id
    }

    /// What was done has arrived, without a failure, and source and target agree.
    async fn arrived(&self, what: &str) {
        self.installation.sync();
        for record in self.installation.log_since(self.mark.get()) {
            assert_ne!(record.status, "failure", "{what}: {record:#?}");
        }
        self.mark.set(self.installation.log_end());
        self.installation.agrees(what);
    }

    /// Changes the source while nobody reads.
    async fn change(&self, change: impl AsyncFnOnce(&Domain)) {
        self.installation.pause();
        change(&self.domain).await;
        self.installation.resume();
    }

    async fn has(&self, name: &str, attribute: &str, values: &[&str]) {
        self.domain
            .set(&cn(name, &self.unit), attribute, values)
            .await;
    }

    /// A person with these attributes besides the ordinary ones; returns its name.
    async fn born(&self, name: &str, account: &str, more: &[(&str, &str)]) -> String {
        let dn = cn(name, &self.unit);
        let principal = format!("{account}@{}", self.domain.dns());
        let mut attributes = vec![
            ("objectClass", "user"),
            ("sAMAccountName", account),
            ("displayName", name),
            ("userAccountControl", "544"),
        ];
        let is_given = |name: &str| more.iter().any(|(given, _)| *given == name);
        for own in ["userPrincipalName", "mail"] {
            if !is_given(own) {
                attributes.push((own, &principal));
            }
        }
        let is_meant = |(_, value): &&(&str, &str)| !value.is_empty();
        attributes.extend(more.iter().filter(is_meant));
        self.domain.add(&dn, &attributes).await;
        dn
    }
}

/// Those who are in the target before anything goes wrong.
struct Before {
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
    async fn joined(story: &Story) -> Self {
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
async fn refusals_come(story: &Story, before: &Before) {
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
    let limit = |name: &str| {
        let view = story.installation.show(&cn(name, &story.unit));
        let link = view.jobs[0].link.clone().unwrap();
        let arguments = link.reason.unwrap().arguments;
        (arguments["attribute"].clone(), arguments["max"].clone())
    };
    assert_eq!(limit("Cees Cert"), ("userCertificate".into(), "15".into()));
    assert_eq!(limit("Lot Lang"), ("proxyAddresses".into(), "300".into()));
    assert_eq!(
        limit("Else Ext"),
        ("extensionAttribute1".into(), "1024".into())
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

/// Each cure is the one its page names; everybody arrives, and those who were there before stay the same object.
async fn refusals_go(story: &Story, before: &Before) {
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
