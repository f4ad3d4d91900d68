//! The source connector against real OpenLDAP servers.

mod lab;

use connectors::{ReadEnd, Source, source::ObjectName, source::ReadOne};
use ldap::ChangeKind;
use sync_core::{
    code::Code,
    id::Anchor,
    object::{EntryKind, ReadSpec},
};

use crate::model::Model;
use lab::{BASE, GROUPS, Lab, PEOPLE};

fn spec() -> ReadSpec {
    let names = |list: &[&str]| list.iter().map(|name| (*name).into()).collect();
    ReadSpec {
        classes: names(&[
            "inetOrgPerson",
            "groupOfNames",
            "groupOfUniqueNames",
            "posixGroup",
        ]),
        attributes: names(&[
            "cn",
            "sn",
            "uid",
            "mail",
            "title",
            "description",
            "jpegPhoto",
            "gidNumber",
            "shoeSize",
        ]),
        links: names(&["member", "uniqueMember", "memberUid", "manager", "owner"]),
        containers: Vec::new(),
    }
}

/// A server with a source and what was read from it.
struct Story {
    lab: Lab,
    source: connectors::ldap::OpenLdapSource,
    model: Model,
    spec: ReadSpec,
}

impl Story {
    async fn begin(name: &str, ip: &str, options: &[&str]) -> Option<Self> {
        let lab = Lab::raise(name, ip, options).await?;
        let source = lab.source();
        Some(Self {
            lab,
            source,
            model: Model::default(),
            spec: spec(),
        })
    }

    /// Reads on, and holds the sum against a plain search.
    async fn read(&mut self) {
        self.model.read(&mut self.source, &self.spec).await;
        let mut fresh = self.lab.source();
        self.model.compare(&mut fresh, &self.spec).await;
    }

    async fn anchor(&mut self, dn: &str) -> Anchor {
        let name = ObjectName::Dn(dn.to_owned());
        match self.source.read_one(&self.spec, &name).await.unwrap() {
            ReadOne::Live {
                entry, dn: found, ..
            } => {
                assert_eq!(found, dn);
                entry.anchor
            }
            other => panic!("{dn}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_arrives_and_an_unchanged_directory_tells_nothing() {
    let Some(mut story) = Story::begin("olchange", "127.0.0.71", &[]).await else {
        return;
    };
    let ada = story.lab.person("ada").await;
    let bob = story.lab.person("bob").await;
    let team = story
        .lab
        .group(
            "groupOfNames",
            "team",
            "member",
            &[&ada, "uid=nobody,dc=nowhere"],
        )
        .await;
    story.read().await;
    let ada_anchor = story.anchor(&ada).await;
    assert_eq!(
        story.model.live(&ada_anchor).attributes.text("sn"),
        Some("Test")
    );
    story.read().await;
    assert_eq!(story.model.last_entries, 0);

    story.lab.replace(&ada, "title", &["Countess"]).await;
    story
        .lab
        .change(&team, ChangeKind::Add, "member", &[&bob])
        .await;
    story.lab.replace(&bob, "manager", &[&ada]).await;
    story.read().await;
    assert_eq!(
        story.model.live(&ada_anchor).attributes.text("title"),
        Some("Countess")
    );

    story.lab.replace(&bob, "manager", &[]).await;
    story.lab.replace(&ada, "title", &[]).await;
    story.lab.admin.delete(&bob).await.unwrap();
    story.read().await;
    story.lab.admin.delete(&ada).await.unwrap();
    story.read().await;
    assert!(story.model.is_deleted(&ada_anchor));
    assert_eq!(story.model.wholes(), 1, "only the group is left");
    assert_eq!(story.lab.env["SLAPD_BASE"], BASE);
    assert!(GROUPS.ends_with(BASE) && PEOPLE.ends_with(BASE));
}

/// Names change: of people, of containers, with and without members following.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_change_are_followed_and_those_that_come_later_are_linked() {
    let Some(mut story) = Story::begin("olnames", "127.0.0.72", &["--memberof"]).await else {
        return;
    };
    let inner = story.lab.unit("inner", PEOPLE).await;
    let ada = story.lab.person_in(&inner, "ada").await;
    let bob = story.lab.person("Bob  Smith").await;
    // Spelt by hand, and one who is not there yet.
    let members = [
        "UID=ADA , ou=Inner,ou=people, dc=canal,dc=example",
        "uid=bob smith,ou=people,dc=canal,dc=example",
        "uid=carl,ou=people,dc=canal,dc=example",
    ];
    let team = story
        .lab
        .group("groupOfNames", "team", "member", &members)
        .await;
    story.read().await;
    let team_anchor = story.anchor(&team).await;
    let count = |story: &Story| story.model.live(&team_anchor).links["member"].len();
    assert_eq!(count(&story), 2);

    let carl = story.lab.person("carl").await;
    story.read().await;
    assert_eq!(count(&story), 3, "a member that comes later is linked");

    let admin = &story.lab.admin;
    admin.rename(&bob, "uid=robert", None).await.unwrap();
    story.read().await;
    assert_eq!(count(&story), 3, "the server follows the rename");

    // A process that was started anew knows nothing of names.
    story.source = fresh(&story);
    let dora = story.lab.person("dora").await;
    story.read().await;
    story
        .lab
        .change(&team, ChangeKind::Add, "member", &[&dora])
        .await;
    story.read().await;
    assert_eq!(count(&story), 4);

    let ada_anchor = story.anchor(&ada).await;
    let outer = story.lab.unit("outer", BASE).await;
    story.read().await;
    let admin = &story.lab.admin;
    admin
        .rename(&inner, "ou=renamed", Some(&outer))
        .await
        .unwrap();
    story.model.read(&mut story.source, &story.spec).await;
    assert_eq!(
        story.model.dn(&ada_anchor, BASE),
        "uid=ada,ou=renamed,ou=outer,dc=canal,dc=example",
        "the container took its people along"
    );

    story.lab.admin.delete(&carl).await.unwrap();
    story.read_only().await;
    let carl = story.lab.person("carl").await;
    story
        .lab
        .change(&team, ChangeKind::Add, "member", &[&carl])
        .await;
    story.read_only().await;
    assert!(story.model.live(&team_anchor).links["member"].len() >= 3);
}

/// A source of its own settings, so that nothing remembered fits it.
fn fresh(story: &Story) -> connectors::ldap::OpenLdapSource {
    let mut config = story.lab.config();
    config.page_size_entries = 99;
    connectors::ldap::OpenLdapSource::new(config)
}

impl Story {
    async fn read_only(&mut self) {
        self.model.read(&mut self.source, &self.spec).await;
    }

    async fn end(&mut self) -> ReadEnd {
        let watermark = self.model.watermark.clone().unwrap();
        let end = self
            .model
            .try_delta(&mut self.source, &self.spec, watermark)
            .await;
        end.unwrap()
    }

    async fn full(&mut self) {
        let end = self
            .model
            .try_full(&mut self.source, &self.spec)
            .await
            .unwrap();
        let ReadEnd::Complete { watermark, .. } = end else {
            panic!("{end:?}");
        };
        self.model.watermark = Some(watermark);
    }

    async fn needs_full(&mut self) -> Code {
        match self.end().await {
            ReadEnd::NeedsFullRead(refusal) => refusal.code,
            end @ ReadEnd::Complete { .. } => panic!("{end:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_every_kind_have_their_members() {
    let Some(mut story) = Story::begin("olgroups", "127.0.0.73", &[]).await else {
        return;
    };
    let lab = &story.lab;
    // Groups before their members: links are held back until they are known.
    let ada = "uid=ada,ou=people,dc=canal,dc=example";
    let bob = "uid=bob,ou=people,dc=canal,dc=example";
    let unique = format!("{bob}#'0101'B");
    let names = lab
        .group("groupOfNames", "names", "member", &[ada, bob])
        .await;
    let uniques = lab
        .group(
            "groupOfUniqueNames",
            "uniques",
            "uniqueMember",
            &[ada, &unique],
        )
        .await;
    let posix = lab
        .group("posixGroup", "posix", "memberUid", &["ADA", "nobody"])
        .await;
    let nested = lab
        .group("groupOfNames", "nested", "member", &[&names, &posix])
        .await;
    lab.person("ada").await;
    lab.person("bob").await;
    let many: Vec<String> = (0..5_000).map(|n| format!("uid=m{n},{PEOPLE}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let large = lab.group("groupOfNames", "large", "member", &many).await;
    for n in 0..500 {
        lab.person(&format!("m{n}")).await;
    }
    story.read().await;
    let sizes = async |story: &mut Story, dn: &str, attribute: &str| {
        let anchor = story.anchor(dn).await;
        let links = &story.model.live(&anchor).links;
        links
            .get(attribute)
            .map_or(0, std::collections::BTreeSet::len)
    };
    assert_eq!(sizes(&mut story, &names, "member").await, 2);
    assert_eq!(sizes(&mut story, &uniques, "uniquemember").await, 2);
    assert_eq!(sizes(&mut story, &posix, "memberuid").await, 1);
    assert_eq!(sizes(&mut story, &nested, "member").await, 2);
    assert_eq!(sizes(&mut story, &large, "member").await, 500);

    // One change in a large group; an account name that changes hands.
    story
        .lab
        .change(&large, ChangeKind::Delete, "member", &[many[7]])
        .await;
    story
        .lab
        .change(&posix, ChangeKind::Add, "memberUid", &["bob"])
        .await;
    story.lab.person("nobody").await;
    story.read().await;
    assert_eq!(sizes(&mut story, &large, "member").await, 499);
    assert_eq!(sizes(&mut story, &posix, "memberuid").await, 3);
    story.lab.replace(&posix, "memberUid", &[]).await;
    story.read().await;
    assert_eq!(sizes(&mut story, &posix, "memberuid").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_deletions_names_what_is_there() {
    let Some(mut story) = Story::begin("olpresent", "127.0.0.74", &["--sessionlog", "0"]).await
    else {
        return;
    };
    for n in 0..600 {
        story.lab.person(&format!("p{n}")).await;
    }
    story.read().await;
    let gone = story.anchor(&format!("uid=p7,{PEOPLE}")).await;
    let stays = story.anchor(&format!("uid=p8,{PEOPLE}")).await;
    story
        .lab
        .admin
        .delete(&format!("uid=p7,{PEOPLE}"))
        .await
        .unwrap();
    story
        .lab
        .replace(&format!("uid=p9,{PEOPLE}"), "title", &["x"])
        .await;
    let end = story.end().await;
    assert!(
        matches!(
            end,
            ReadEnd::Complete {
                is_census: true,
                ..
            }
        ),
        "{end:?}"
    );
    assert!(story.model.present.contains(&stays));
    assert!(!story.model.present.contains(&gone));
    assert!(!story.model.is_deleted(&gone), "absence is not deletion");
    assert!(story.model.present.len() > 590);
    let ReadEnd::Complete {
        watermark, method, ..
    } = end
    else {
        unreachable!()
    };
    assert_eq!((method.name.as_str(), method.weaker), ("RFC 4533", None));
    story.model.watermark = Some(watermark);
    let end = story.end().await;
    assert!(
        matches!(
            end,
            ReadEnd::Complete {
                is_census: false,
                ..
            }
        ),
        "nothing changed: {end:?}"
    );
    assert_eq!(story.model.last_entries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_that_cannot_be_continued_lead_to_a_full_read() {
    let Some(mut story) = Story::begin("olcookie", "127.0.0.75", &[]).await else {
        return;
    };
    story.lab.person("ada").await;
    story.read().await;
    let good = story.model.watermark.clone();

    story.model.watermark = Some(b"{\"version\":9}".to_vec());
    assert_eq!(story.needs_full().await, Code::SourceCookieRefused);
    story.model.watermark = good;

    // Restored from a backup, and then further changed: newer than the cookie, and yet without what it stands for.
    let backup = story.lab.folder.path().join("backup.ldif");
    let backup = backup.to_str().unwrap().to_owned();
    story.lab.script(&["dump", &backup]);
    story
        .lab
        .replace(&format!("uid=ada,{PEOPLE}"), "title", &["lost"])
        .await;
    story.read().await;
    story.lab.script(&["restore", &backup]);
    story.lab.reconnect().await;
    assert_eq!(story.needs_full().await, Code::SourceReplicaReset);
    story.lab.person("after").await;
    assert_eq!(
        story.needs_full().await,
        Code::SourceReplicaReset,
        "newer again, but its past is another"
    );
    story.full().await;
    story.read().await;

    // A person that was added after the backup is gone without having been deleted.
    story.lab.script(&["dump", &backup]);
    story.lab.person("short").await;
    story.read().await;
    story.lab.script(&["restore", &backup]);
    story.lab.reconnect().await;
    story.lab.person("later").await;
    assert_eq!(story.needs_full().await, Code::SourceReplicaReset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_synchronisation_is_read_by_time_and_says_what_is_weaker() {
    let Some(mut story) = Story::begin("oltime", "127.0.0.76", &["--no-sync"]).await else {
        return;
    };
    let ada = story.lab.person("ada").await;
    let bob = story.lab.person("bob").await;
    let team = story
        .lab
        .group("groupOfNames", "team", "member", &[&ada])
        .await;
    story.read().await;
    story
        .lab
        .change(&team, ChangeKind::Add, "member", &[&bob])
        .await;
    story.lab.replace(&ada, "title", &["x"]).await;
    story.lab.person("carl").await;
    story.read().await;
    story.lab.admin.delete(&bob).await.unwrap();
    let end = story.end().await;
    let ReadEnd::Complete {
        method, is_census, ..
    } = end
    else {
        panic!("{end:?}");
    };
    assert_eq!(
        (method.name.as_str(), is_census),
        ("modifyTimestamp", false)
    );
    assert_eq!(method.weaker.unwrap().code, Code::SourceSyncNotOffered);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_the_server_finds_by_a_search_are_read_whenever_their_group_is() {
    let Some(mut story) = Story::begin("oldyn", "127.0.0.80", &["--dynlist"]).await else {
        return;
    };
    story.spec.classes.push("groupOfURLs".into());
    let url = format!("ldap:///{PEOPLE}??sub?(title=x)");
    let dynamic = format!("cn=dynamic,{GROUPS}");
    let values = [
        ("objectClass", "groupOfURLs"),
        ("cn", "dynamic"),
        ("memberURL", &url),
    ];
    story.lab.add(&dynamic, &values).await;
    let ada = story.lab.person("ada").await;
    story.lab.replace(&ada, "title", &["x"]).await;
    story.read().await;
    let anchor = story.anchor(&dynamic).await;
    assert_eq!(story.model.live(&anchor).links["member"].len(), 1);
    story.lab.replace(&ada, "title", &["y"]).await;
    story
        .lab
        .replace(&dynamic, "description", &["touched"])
        .await;
    story.read().await;
    assert!(story.model.live(&anchor).links.is_empty());
}

/// A person moves into a container that took over the name of another one, all in one delta.
#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_takes_over_a_name_is_the_parent_from_then_on() {
    let Some(mut story) = Story::begin("olparent", "127.0.0.81", &[]).await else {
        return;
    };
    let ada = story.lab.person("ada").await;
    let old = story.lab.unit("team", BASE).await;
    story.read().await;
    story
        .lab
        .admin
        .rename(&old, "ou=former", None)
        .await
        .unwrap();
    let team = story.lab.unit("team", BASE).await;
    story
        .lab
        .admin
        .rename(&ada, "uid=ada", Some(&team))
        .await
        .unwrap();
    story.read().await;
    let anchor = story.anchor(&format!("uid=ada,{team}")).await;
    assert_eq!(story.model.dn(&anchor, BASE), format!("uid=ada,{team}"));
}

struct Rung(tokio::sync::mpsc::UnboundedSender<&'static str>);

impl connectors::source::Bell for Rung {
    fn armed(&self) {
        self.0.send("armed").unwrap();
    }
    fn ring(&self) {
        self.0.send("ring").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_rings_for_every_kind_of_change_and_for_what_was_missed() {
    let Some(mut story) = Story::begin("olwatch", "127.0.0.77", &[]).await else {
        return;
    };
    let ada = story.lab.person("ada").await;
    story.read().await;
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (watermark, spec) = (story.model.watermark.clone(), story.spec.clone());
    let mut source = story.lab.source();
    let watch = tokio::spawn(async move { source.watch(&spec, watermark, &Rung(sender)).await });
    assert_eq!(heard.recv().await, Some("armed"));
    story.lab.replace(&ada, "title", &["x"]).await;
    assert_eq!(heard.recv().await, Some("ring"));
    story.lab.admin.rename(&ada, "uid=ida", None).await.unwrap();
    assert_eq!(heard.recv().await, Some("ring"));
    story
        .lab
        .admin
        .delete(&format!("uid=ida,{PEOPLE}"))
        .await
        .unwrap();
    assert_eq!(heard.recv().await, Some("ring"));
    watch.abort();

    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (watermark, spec) = (story.model.watermark.clone(), story.spec.clone());
    let mut source = story.lab.source();
    let watch = tokio::spawn(async move { source.watch(&spec, watermark, &Rung(sender)).await });
    assert_eq!(
        heard.recv().await,
        Some("ring"),
        "what changed before rings as well"
    );
    while heard.recv().await != Some("armed") {}
    story.lab.script(&["down"]);
    let end = watch.await.unwrap();
    assert!(end.is_err() || matches!(end, Ok(connectors::source::WatchEnd::Ended)));
}

#[tokio::test(flavor = "multi_thread")]
// LONG: one story, told in order.
async fn who_reads_is_proven_in_every_way_and_failures_name_place_and_cure() {
    let Some(story) = Story::begin("olwho", "127.0.0.78", &["--tls"]).await else {
        return;
    };
    use connectors::ldap::{Authentication, ClientCertificate, OpenLdapSource, TlsMode};
    let lab = &story.lab;
    let external = |url: &str| {
        let mut config = lab.config();
        config.urls = vec![url.to_owned()];
        config.authentication = Authentication::External;
        (config.bind, config.secret) = (None, None);
        config.tls = TlsMode::Verified;
        config.ca_file = Some(lab.path("SLAPD_CA"));
        config
    };
    let info = OpenLdapSource::new(external(&lab.env["SLAPD_LDAPI"]))
        .discover()
        .await
        .unwrap();
    assert_eq!(
        (
            info.naming_context.as_str(),
            info.domain_fqdn.as_str(),
            info.product.as_str()
        ),
        (BASE, "canal.example", "OpenLDAP")
    );
    let uid = info.attributes.iter().find(|a| &*a.name == "uid").unwrap();
    assert!(uid.is_multivalued);

    let certificate = ClientCertificate {
        certificate_file: lab.path("SLAPD_CLIENT_CERTIFICATE"),
        key_file: lab.path("SLAPD_CLIENT_KEY"),
    };
    let mut config = external(&lab.env["SLAPD_LDAPS"]);
    let refusal = OpenLdapSource::new(config.clone())
        .discover()
        .await
        .unwrap_err();
    assert_eq!(refusal.code, Code::ConfigurationInvalid);
    config.client_certificate = Some(certificate);
    OpenLdapSource::new(config).discover().await.unwrap();

    let mut config = lab.config();
    config.urls = vec![lab.env["SLAPD_LDAPS"].clone()];
    config.tls = TlsMode::Verified;
    let refusal = OpenLdapSource::new(config.clone())
        .discover()
        .await
        .unwrap_err();
    assert_eq!(refusal.code, Code::SourceCertificateUntrusted);
    config.ca_file = Some(lab.path("SLAPD_CA"));
    let mut source = OpenLdapSource::new(config.clone());
    source.discover().await.unwrap();
    assert_eq!(source.containers().await.unwrap().len(), 3);

    let mut wrong = config.clone();
    wrong.naming_context = Some("dc=other,dc=example".into());
    let refusal = OpenLdapSource::new(wrong).discover().await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceBaseNotFound);
    assert_eq!(
        refusal.argument("naming_context"),
        Some("dc=other,dc=example")
    );
    let mut wrong = config;
    let path = lab.folder.path().join("wrong");
    lab::write_secret(&path, "not the password");
    wrong.secret = Some(connectors::ldap::Secret::File(path));
    let refusal = OpenLdapSource::new(wrong).discover().await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceCredentialRefused);
    assert!(!refusal.to_string().contains("not the password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_in_the_containers_is_whole_and_what_comes_in_is_read() {
    let Some(mut story) = Story::begin("olscope", "127.0.0.79", &[]).await else {
        return;
    };
    let staff = story.lab.unit("staff", BASE).await;
    let other = story.lab.unit("other", BASE).await;
    let ada = story.lab.person_in(&staff, "ada").await;
    let team = story.lab.unit("team", &other).await;
    let bob = story.lab.person_in(&team, "bob").await;
    let anchor = story.anchor(&staff).await;
    story.spec.containers = vec![anchor];
    story.read().await;
    assert_eq!(story.model.wholes(), 1);
    let (ada, bob_anchor) = (story.anchor(&ada).await, story.anchor(&bob).await);
    assert_eq!(story.model.live(&bob_anchor).kind, EntryKind::Skeleton);
    // A container that moves in brings its people, though the server does not send them.
    story
        .lab
        .admin
        .rename(&team, "ou=team", Some(&staff))
        .await
        .unwrap();
    story.read().await;
    assert_eq!(story.model.live(&bob_anchor).kind, EntryKind::Whole);
    let name = ObjectName::Anchor(ada);
    let one = story.source.read_one(&story.spec, &name).await.unwrap();
    assert!(matches!(one, ReadOne::Live { .. }));
    story
        .lab
        .admin
        .delete(&format!("uid=ada,{staff}"))
        .await
        .unwrap();
    let one = story.source.read_one(&story.spec, &name).await.unwrap();
    assert_eq!(one, ReadOne::NotFound);
}
