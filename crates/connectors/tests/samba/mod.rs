//! The `ad` source against a real Samba AD domain controller.
//!
//! The controller, a fresh one, is that of `HYBRIDGE_TEST_AD_URL`, `_CA`, `_BIND`, `_PASSWORD`, `_BASE`; without these the lab raises one
//! and takes it down again. What the deltas add up to is always compared with a fresh plain search.

mod lab;
mod negotiate;
mod permissions;
mod two;

pub use lab::write_secret;

use crate::{
    bell::{Heard, Watch},
    model::{Model, spec},
};
use connectors::{
    ReadEnd, Source,
    ldap::{AdSource, LdapConfig, Secret, TlsMode},
    source::{ObjectName, ReadOne},
};
use lab::Lab;
use ldap::{Change, ChangeKind, Entry};
use sync_core::{
    code::Code,
    id::Anchor,
    object::{AttributeType, EntryKind, ReadSpec},
    value::Value,
};

/// Names with everything that has to be escaped somewhere, or is not what it seems.
const NAMES: &[&str] = &[
    "Müller, Jo",
    "Zoe\u{308} Nfd",
    "Ann \"Q\" O'Hara",
    "back\\slash",
    "a+b=c;<d>",
    "#hash",
    "🎉 party",
    "שלום",
    "two  blanks",
];

struct Story {
    lab: Lab,
    source: AdSource,
    model: Model,
    writer: ldap::Connection,
    ou: String,
}

impl Story {
    async fn begin(lab: Lab, ou: &str) -> Self {
        let writer = lab.connect().await;
        let ou = format!("OU={ou},{}", lab.base);
        let story = Self {
            source: AdSource::new(lab.config()),
            model: Model::default(),
            lab,
            writer,
            ou,
        };
        let ou = story.ou.clone();
        story
            .add(&ou, &[("objectClass", "organizationalUnit")])
            .await;
        story
    }

    /// The same, told of by an account with this right only.
    async fn begin_as(lab: Lab, ou: &str, right: &str) -> Self {
        let mut story = Self::begin(lab, ou).await;
        let users = format!("CN=Users,{}", story.lab.base);
        let config = story.lab.account(&story.writer, &users, "reader").await;
        story.lab.grant("reader", right);
        story.source = AdSource::new(config);
        story
    }

    async fn add(&self, dn: &str, attributes: &[(&str, &str)]) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]))
            .collect();
        self.writer.add(dn, attributes).await.unwrap();
    }

    async fn user(&self, name: &str, account: &str) -> String {
        let dn = format!("CN={},{}", ldap::dn::escape_value(name), self.ou);
        self.add(&dn, &[("objectClass", "user"), ("sAMAccountName", account)])
            .await;
        dn
    }

    async fn group(&self, name: &str) -> String {
        let dn = format!("CN={name},{}", self.ou);
        self.add(&dn, &[("objectClass", "group"), ("sAMAccountName", name)])
            .await;
        dn
    }

    async fn change(&self, dn: &str, kind: ChangeKind, attribute: &str, values: &[&str]) {
        let values = values.iter().map(|value| value.as_bytes());
        let change = Change::new(kind, attribute, values);
        self.writer.modify(dn, vec![change]).await.unwrap();
    }

    async fn anchor(&self, dn: &str) -> Anchor {
        self.anchor_with(&self.writer, dn).await
    }

    async fn anchor_with(&self, reader: &ldap::Connection, dn: &str) -> Anchor {
        let query = ldap::Query::new(dn, ldap::Scope::Base).attributes(["objectGUID"]);
        let found: Vec<Entry> = reader.search_all(&query).await.unwrap();
        Anchor::new(found[0].first("objectGUID").unwrap())
    }

    /// Reads what changed and compares the sum with a plain search.
    async fn delta(&mut self, spec: &ReadSpec) {
        self.model.read(&mut self.source, spec).await;
        self.model.compare(&mut self.source, spec).await;
    }

    async fn undelete(&self, anchor: &Anchor, dn: &str) {
        let changes = vec![
            Change::new(ChangeKind::Delete, "isDeleted", Vec::<Vec<u8>>::new()),
            Change::new(ChangeKind::Replace, "distinguishedName", [dn.as_bytes()]),
        ];
        let base = format!("<GUID={}>", anchor.guid_text());
        let query = ldap::Query::new(&base, ldap::Scope::Base)
            .attributes(["cn"])
            .control(ldap::show_deleted());
        let found = self.writer.search_all(&query).await.unwrap();
        self.writer
            .modify_with(&found[0].dn, changes, vec![ldap::show_deleted()])
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_in_a_real_domain_arrives() {
    let Some(lab) = Lab::raise("adchange", "127.0.0.31", &[]) else {
        return;
    };
    let mut story = Story::begin(lab, "Changes").await;
    describes_itself(&mut story).await;
    changes_ring(&story).await;
    every_change(&mut story).await;
    assert_eq!(story.model.method.name, "DirSync");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_in_a_real_domain_arrives_without_the_right_to_dirsync() {
    let Some(lab) = Lab::raise("adnum", "127.0.0.33", &[]) else {
        return;
    };
    let mut story = Story::begin_as(lab, "Changes", "+deleted").await;
    every_change(&mut story).await;
    assert_eq!(story.model.method.name, "uSNChanged");
    story.lab.grant("reader", "+get");
    let watermark = story.model.watermark.clone().unwrap();
    let end = story
        .model
        .try_delta(&mut story.source, &spec(), watermark)
        .await;
    match end.unwrap() {
        ReadEnd::NeedsFullRead(why) => assert_eq!(why.code, Code::SourceMethodChanged),
        other => panic!("{other:?}"),
    }
}

async fn every_change(story: &mut Story) {
    plain_changes(story).await;
    memberships(story).await;
    moves_and_renames(story).await;
    deletion_and_restoration(story).await;
    single_objects(story).await;
    containers_of_the_spec(story).await;
}

async fn describes_itself(story: &mut Story) {
    let info = story.source.discover().await.unwrap();
    assert_eq!(info.naming_context, story.lab.base);
    assert_eq!(info.realm, info.domain_fqdn);
    assert!(!info.domain_netbios.is_empty() && info.product.contains("Samba"));
    assert_eq!(info.replica.len(), 36);
    assert_eq!(info.tombstone_lifetime_seconds, 180 * 86_400);
    let kind = |name: &str| {
        let found = info.attributes.iter().find(|a| &*a.name == name).unwrap();
        (found.kind, found.is_multivalued)
    };
    assert_eq!(kind("member"), (AttributeType::Reference, true));
    assert_eq!(kind("pwdLastSet"), (AttributeType::FileTime, false));
    assert_eq!(kind("objectSid"), (AttributeType::Binary, false));
    assert_eq!(
        kind("isCriticalSystemObject"),
        (AttributeType::Boolean, false)
    );
    let containers = story.source.containers().await.unwrap();
    assert_eq!(containers[0].dn, story.lab.base);
    assert!(containers.iter().any(|found| found.dn == story.ou));
}

async fn changes_ring(story: &Story) {
    let mut watch = Watch::begin(AdSource::new(story.lab.config()), spec());
    assert_eq!(watch.next().await, Some(Heard::Armed));
    let dn = story.user("Rings", "rings").await;
    assert_eq!(watch.next().await, Some(Heard::Ring));
    watch.hush();
    story
        .change(&dn, ChangeKind::Replace, "title", &["Bosun"])
        .await;
    assert_eq!(watch.next().await, Some(Heard::Ring));
    story.writer.delete(&dn).await.unwrap();
    assert_eq!(watch.next().await, Some(Heard::Ring));
}

async fn plain_changes(story: &mut Story) {
    let spec = spec();
    for (index, name) in NAMES.iter().enumerate() {
        let dn = story.user(name, &format!("odd{index}")).await;
        story
            .change(&dn, ChangeKind::Replace, "title", &[name])
            .await;
    }
    let administrator = format!("CN=Administrator,CN=Users,{}", story.lab.base);
    let administrator = story.anchor(&administrator).await;
    story.delta(&spec).await;
    let state = story.model.live(&administrator);
    assert_eq!(
        state.attributes.first("isCriticalSystemObject"),
        Some(&Value::Boolean(true))
    );
    assert!(matches!(
        state.attributes.first("objectSid"),
        Some(Value::Binary(_))
    ));
    assert!(matches!(state.attributes.first("pwdLastSet"), Some(Value::Integer(n)) if *n > 0));
    let ou = story.anchor(&story.ou).await;
    assert_eq!(story.model.live(&ou).kind, EntryKind::Skeleton);

    let dn = format!("CN={},{}", ldap::dn::escape_value(NAMES[0]), story.ou);
    let anchor = story.anchor(&dn).await;
    assert_eq!(story.model.dn(&anchor, &story.lab.base), dn);
    story
        .change(&dn, ChangeKind::Replace, "description", &["new"])
        .await;
    story.change(&dn, ChangeKind::Replace, "title", &[]).await;
    story.delta(&spec).await;
    let state = story.model.live(&anchor);
    assert_eq!(state.attributes.text("description"), Some("new"));
    assert_eq!(state.attributes.values("title"), None);
    assert_eq!(story.model.last_entries, 1, "a delta holds what changed");
    story.delta(&spec).await;
    assert_eq!(story.model.last_entries, 0, "nothing changed");
}

async fn memberships(story: &mut Story) {
    let spec = spec();
    let (ann, bob) = (
        story.user("Ann", "ann").await,
        story.user("Bob", "bob").await,
    );
    let (inner, outer) = (story.group("inner").await, story.group("outer").await);
    story
        .change(&inner, ChangeKind::Add, "member", &[&ann])
        .await;
    story
        .change(&outer, ChangeKind::Add, "member", &[&inner, &bob])
        .await;
    story
        .change(&ann, ChangeKind::Replace, "manager", &[&bob])
        .await;
    story.delta(&spec).await;
    let outer_anchor = story.anchor(&outer).await;
    assert_eq!(story.model.live(&outer_anchor).links["member"].len(), 2);
    story
        .change(&outer, ChangeKind::Delete, "member", &[&bob])
        .await;
    story
        .change(&inner, ChangeKind::Add, "member", &[&bob])
        .await;
    story
        .change(&ann, ChangeKind::Replace, "manager", &[&ann])
        .await;
    story.delta(&spec).await;
    assert_eq!(story.model.live(&outer_anchor).links["member"].len(), 1);
    story
        .change(&ann, ChangeKind::Replace, "manager", &[])
        .await;
    story.delta(&spec).await;
}

async fn moves_and_renames(story: &mut Story) {
    let spec = spec();
    let ann = format!("CN=Ann,{}", story.ou);
    let anchor = story.anchor(&ann).await;
    story
        .writer
        .rename(&ann, "CN=Anna\\, renamed", None)
        .await
        .unwrap();
    story.delta(&spec).await;
    assert_eq!(
        story.model.live(&anchor).attributes.text("cn"),
        Some("Anna, renamed")
    );
    let inner = format!("OU=Inner,{}", story.ou);
    story
        .add(&inner, &[("objectClass", "organizationalUnit")])
        .await;
    let renamed = format!("CN=Anna\\, renamed,{}", story.ou);
    story
        .writer
        .rename(&renamed, "CN=Ann", Some(&inner))
        .await
        .unwrap();
    story.delta(&spec).await;
    story
        .writer
        .rename(&inner, "OU=Inner2", None)
        .await
        .unwrap();
    story.delta(&spec).await;
    assert_eq!(
        story.model.last_entries, 1,
        "a renamed container is one entry"
    );
    let dn = format!("CN=Ann,OU=Inner2,{}", story.ou);
    assert_eq!(story.model.dn(&anchor, &story.lab.base), dn);
}

async fn deletion_and_restoration(story: &mut Story) {
    let spec = spec();
    let bob = format!("CN=Bob,{}", story.ou);
    let anchor = story.anchor(&bob).await;
    story
        .change(&bob, ChangeKind::Replace, "title", &["kept"])
        .await;
    story.delta(&spec).await;
    story.writer.delete(&bob).await.unwrap();
    story.delta(&spec).await;
    assert!(story.model.is_deleted(&anchor));
    let name = ObjectName::Anchor(anchor.clone());
    let found = story.source.read_one(&spec, &name).await.unwrap();
    assert_eq!(found, ReadOne::Deleted(anchor.clone()));
    // Without the recycle bin a restored object comes back stripped.
    story.undelete(&anchor, &bob).await;
    story.delta(&spec).await;
    let state = story.model.live(&anchor);
    assert_eq!(state.kind, EntryKind::Whole);
    assert_eq!(state.attributes.text("title"), None);
}

async fn single_objects(story: &mut Story) {
    let spec = spec();
    let carl = story.user("Carl (x)*", "carl").await;
    let upn = "c*(a)rl@lab.test";
    story
        .change(&carl, ChangeKind::Replace, "userPrincipalName", &[upn])
        .await;
    let anchor = story.anchor(&carl).await;
    for name in [
        ObjectName::Anchor(anchor.clone()),
        ObjectName::Dn(carl.clone()),
        ObjectName::UserPrincipalName(upn.into()),
        ObjectName::AccountName("carl".into()),
    ] {
        match story.source.read_one(&spec, &name).await.unwrap() {
            ReadOne::Live {
                entry,
                dn,
                elsewhere,
            } => {
                assert_eq!(elsewhere, [], "nothing refers to others");
                assert_eq!((&entry.anchor, &dn), (&anchor, &carl));
                assert_eq!(entry.attributes.text("userPrincipalName"), Some(upn));
                assert!(entry.version.is_some());
            }
            other => panic!("{name:?}: {other:?}"),
        }
    }
    for name in [
        ObjectName::Anchor(Anchor::new([7; 16])),
        ObjectName::Dn(format!("CN=nobody,{}", story.lab.base)),
        ObjectName::Dn("no name at all".into()),
        ObjectName::AccountName("*".into()),
    ] {
        let found = story.source.read_one(&spec, &name).await.unwrap();
        assert_eq!(found, ReadOne::NotFound, "{name:?}");
    }
    story.delta(&spec).await;
}

async fn containers_of_the_spec(story: &mut Story) {
    let chosen = format!("OU=Chosen,{}", story.ou);
    story
        .add(&chosen, &[("objectClass", "organizationalUnit")])
        .await;
    let mut spec = spec();
    spec.containers = vec![story.anchor(&chosen).await];
    // Whoever changes the spec reads everything once with the new one.
    story.model = Model::default();
    story.delta(&spec).await;
    let inside = story.model.wholes();
    assert_eq!(inside, 0, "nothing is in the chosen container yet");
    // A person moves in, then a container with a person in it, then both leave.
    let carl = format!("CN={},{}", ldap::dn::escape_value("Carl (x)*"), story.ou);
    let carl_anchor = story.anchor(&carl).await;
    story
        .change(&carl, ChangeKind::Replace, "title", &["outside"])
        .await;
    story.delta(&spec).await;
    assert_eq!(story.model.last_entries, 0, "what is outside stays outside");
    story
        .writer
        .rename(&carl, "CN=Carl", Some(&chosen))
        .await
        .unwrap();
    story.delta(&spec).await;
    assert_eq!(
        story.model.live(&carl_anchor).attributes.text("title"),
        Some("outside")
    );
    let inner = format!("OU=Inner2,{}", story.ou);
    story
        .writer
        .rename(&inner, "OU=Inner2", Some(&chosen))
        .await
        .unwrap();
    story.delta(&spec).await;
    assert_eq!(story.model.wholes(), 2);
    story
        .writer
        .rename(&format!("CN=Carl,{chosen}"), "CN=Carl", Some(&story.ou))
        .await
        .unwrap();
    story.delta(&spec).await;
    assert_eq!(story.model.live(&carl_anchor).kind, EntryKind::Skeleton);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_condition_of_a_real_domain_is_told_by_its_code() {
    let Some(lab) = Lab::raise("adcond", "127.0.0.32", &["--recycle-bin"]) else {
        return;
    };
    let mut story = Story::begin(lab, "Conditions").await;
    let spec = spec();
    story.delta(&spec).await;
    refused_cookie(&mut story, &spec).await;
    deleted_member(&mut story, &spec).await;
    let failing = async |change: &dyn Fn(&mut LdapConfig)| {
        let mut config = story.lab.config();
        change(&mut config);
        AdSource::new(config).discover().await.unwrap_err()
    };
    let wrong = |text: &str| {
        let path = story.lab.folder.path().join("wrong");
        lab::write_secret(&path, text);
        Secret::File(path)
    };

    let secret = wrong("not the password");
    let refusal = failing(&|c| {
        c.secret = Some(secret.clone());
        c.urls.push("ldaps://127.0.0.1:1".into());
    })
    .await;
    assert_eq!(refusal.code, Code::SourceCredentialRefused);
    assert!(!refusal.to_string().contains("not the password"));

    let plain = format!("ldap://{}", story.lab.host());
    let refusal = failing(&|c| {
        c.urls = vec![plain.clone()];
        c.tls = TlsMode::PlainForTests;
    })
    .await;
    assert_eq!(refusal.code, Code::SourceStrongAuthRequired);

    let refusal = failing(&|c| c.ca_file = None).await;
    assert_eq!(refusal.code, Code::SourceCertificateUntrusted);
    let refusal = failing(&|c| c.server_name = Some("other.example".into())).await;
    assert_eq!(refusal.code, Code::SourceNameMismatch);
    let refusal = failing(&|c| c.urls = vec!["ldaps://nowhere.invalid".into()]).await;
    assert_eq!(refusal.code, Code::SourceNameNotResolved);
    let refusal =
        failing(&|c| c.urls = vec!["ldaps://127.0.0.1:1".into(), "ldaps://127.0.0.1:2".into()])
            .await;
    assert_eq!(refusal.code, Code::SourceUnreachable);
    let text = refusal.argument("text").unwrap();
    assert!(
        text.contains("127.0.0.1:1") && text.contains("127.0.0.1:2"),
        "{text}"
    );

    fail_over_and_start_tls(&story, &plain).await;
    missing_right(&story, &spec).await;
}

async fn refused_cookie(story: &mut Story, spec: &ReadSpec) {
    let watermark = story.model.watermark.clone().unwrap();
    let mut position: serde_json::Value = serde_json::from_slice(&watermark).unwrap();
    position["cookie"] = "Z2FyYmFnZQ==".into();
    let damaged = serde_json::to_vec(&position).unwrap();
    let end = story
        .model
        .try_delta(&mut story.source, spec, damaged)
        .await;
    match end {
        Ok(ReadEnd::NeedsFullRead(refusal)) => assert_eq!(refusal.code, Code::SourceCookieRefused),
        other => panic!("{other:?}"),
    }
}

/// With the recycle bin on, Samba goes on showing links to deleted objects; nobody may be told of them.
async fn deleted_member(story: &mut Story, spec: &ReadSpec) {
    let (group, leaver) = (
        story.group("keep").await,
        story.user("Leaver", "leaver").await,
    );
    story
        .change(&group, ChangeKind::Add, "member", &[&leaver])
        .await;
    story.delta(spec).await;
    let (group_anchor, anchor) = (story.anchor(&group).await, story.anchor(&leaver).await);
    assert_eq!(story.model.live(&group_anchor).links["member"].len(), 1);
    story.writer.delete(&leaver).await.unwrap();
    story.delta(spec).await;
    assert!(story.model.is_deleted(&anchor));
    assert!(story.model.live(&group_anchor).links["member"].is_empty());
    story.writer.rename(&group, "CN=kept", None).await.unwrap();
    story.delta(spec).await;
}

async fn fail_over_and_start_tls(story: &Story, plain: &str) {
    let mut config = story.lab.config();
    config.urls = vec!["ldaps://127.0.0.1:1".into(), plain.to_owned()];
    let info = AdSource::new(config).discover().await.unwrap();
    assert_eq!(info.naming_context, story.lab.base);
}

async fn missing_right(story: &Story, spec: &ReadSpec) {
    let config = story.lab.account(&story.writer, &story.ou, "plain").await;
    let mut source = AdSource::new(config.clone());
    let mut model = Model::default();
    model.read(&mut source, spec).await;
    let weaker = model.method.weaker.clone().unwrap();
    assert_eq!(model.method.name, "uSNChanged");
    assert_eq!(weaker.code, Code::SourceInsufficientAccess);
    assert_eq!(
        weaker.argument("right"),
        Some("Replicating Directory Changes")
    );
    assert_eq!(
        weaker.argument("naming_context"),
        Some(story.lab.base.as_str())
    );
    // Samba never tells such an account of a deletion.
    let container = format!("CN=Deleted Objects,{}", story.lab.base);
    assert_eq!(weaker.argument("container"), Some(container.as_str()));
    let gone = story.user("Gone unseen", "unseen").await;
    let anchor = story.anchor(&gone).await;
    model.read(&mut source, spec).await;
    story.writer.delete(&gone).await.unwrap();
    model.read(&mut source, spec).await;
    assert!(!model.is_deleted(&anchor), "nothing proves a deletion");
    let name = ObjectName::Anchor(anchor);
    let found = source.read_one(spec, &name).await.unwrap();
    assert_eq!(found, ReadOne::NotFound);

    story.lab.grant("plain", "+deleted");
    model.read(&mut source, spec).await;
    let weaker = model.method.weaker.clone().unwrap();
    assert_eq!(weaker.argument("container"), None);

    let dn = format!("CN=plain,{}", story.ou);
    story
        .change(&dn, ChangeKind::Replace, "userAccountControl", &["514"])
        .await;
    let refusal = AdSource::new(config).discover().await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceAccountUnusable);
}
