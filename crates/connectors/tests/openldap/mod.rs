//! The source connector against real OpenLDAP servers.

mod lab;

use connectors::{ReadEnd, ReadMode, Source, source::ObjectName, source::ReadOne};
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
            ReadOne::Live { entry, dn: found } => {
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
