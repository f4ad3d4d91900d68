//! Rights of an account of a real domain: found missing, granted by the lines that are printed for it, found granted.

use connectors::ldap::{
    examine::examine_ad,
    permissions::{Dialect, Feature, Need, rights, script},
};

use super::lab::Lab;

fn missing(found: &connectors::ldap::permissions::Rights) -> Vec<Need> {
    let missing = found.needs.iter().filter(|granted| !granted.is_granted);
    missing.map(|granted| granted.need.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_for_samba_tool_grant_exactly_what_was_missing() {
    let Some(lab) = Lab::raise("adrights", "127.0.0.37", &[]) else {
        return;
    };
    let writer = lab.connect().await;
    let config = lab
        .account(&writer, &format!("CN=Users,{}", lab.base), "reader")
        .await;
    assert!(!examine_ad(&config).await.unwrap().may_dirsync);
    // What creates and deletes comes last: it holds most of the others.
    for feature in [
        Feature::BasicRead,
        Feature::DirSync,
        Feature::ConsistencyGuid,
        Feature::PasswordHashSync,
        Feature::PasswordWriteBack,
        Feature::UserGroupCreateDelete,
    ] {
        let found = rights(&config, &[feature]).await.unwrap();
        assert_eq!(found.account.name, "reader");
        let lacking = missing(&found);
        if feature != Feature::BasicRead {
            assert!(!lacking.is_empty(), "{} was granted before", feature.name());
        }
        let lines = script(Dialect::SambaTool, &found.account, &lacking);
        lab.run(&format!("set -e\n{}", lines.join("\n")));
        let after = rights(&config, &[feature]).await.unwrap();
        assert_eq!(missing(&after), [], "{}", feature.name());
    }
    let facts = examine_ad(&config).await.unwrap();
    assert!(facts.may_dirsync && facts.sees_people, "{facts:?}");
    // What was granted works: the account sets the anchor of somebody, which it could not.
    let trust = ldap::Trust::CaFile(config.ca_file.clone().unwrap());
    let options = ldap::Options {
        security: ldap::Security::Verified(ldap::client_config(&trust, None).unwrap()),
        server_name: None,
        timeouts: ldap::Timeouts::default(),
    };
    let own = ldap::connect(&lab.url.parse().unwrap(), &options)
        .await
        .unwrap();
    let password = config.secret.clone().unwrap().read().unwrap();
    let bind = config.bind.clone().unwrap();
    own.simple_bind(&bind, secrecy::ExposeSecret::expose_secret(&password))
        .await
        .unwrap();
    let other = format!("CN=other,CN=Users,{}", lab.base);
    let text = |value: &str| vec![value.as_bytes().to_vec()];
    let attributes = vec![
        ("objectClass".to_owned(), text("user")),
        ("sAMAccountName".to_owned(), text("other")),
    ];
    own.add(&other, attributes).await.unwrap();
    let anchor = ldap::Change::new(
        ldap::ChangeKind::Replace,
        "mS-DS-ConsistencyGuid",
        [vec![7_u8; 16]],
    );
    own.modify(&other, vec![anchor]).await.unwrap();
}
