//! Binds, rights, and what anonymous clients see.

use crate::client::*;
use forest::proto::oid;
use forest::{Forest, Options, Rights};
use ldap3_proto::proto::*;

#[tokio::test]
async fn all_three_forms_of_a_name_bind() {
    let (_forest, server) = served(Options::default()).await;
    for name in [
        "CN=sync,CN=Users,DC=canal,DC=example",
        "SYNC@canal.example",
        "CANAL\\sync",
        "canal.example\\Sync",
    ] {
        let mut client = Client::connect(&server).await;
        assert_eq!(
            client.bind(name, PASSWORD).await.code,
            LdapResultCode::Success,
            "{name}"
        );
    }
}

#[tokio::test]
async fn refused_binds_say_why_as_ad_does() {
    let (forest, server) = served(Options::default()).await;
    let cases = [
        ("wrong", "52e", "512", None),
        ("disabled", "533", "514", None),
        (
            "locked",
            "775",
            "512",
            Some(("lockoutTime", "134120736000000000")),
        ),
        (
            "expired",
            "701",
            "512",
            Some(("accountExpires", "130000000000000000")),
        ),
        ("stale", "532", "8389120", None),
        ("fresh", "773", "512", Some(("pwdLastSet", "0"))),
    ];
    for (name, data, control, extra) in cases {
        let guid = forest.add_account(name, "right", Rights::USER).unwrap();
        forest.set(guid, "userAccountControl", control).unwrap();
        if let Some((attribute, value)) = extra {
            forest.set(guid, attribute, value).unwrap();
        }
        let password = if name == "wrong" { "no" } else { "right" };
        let mut client = Client::connect(&server).await;
        let result = client.bind(&format!("CANAL\\{name}"), password).await;
        assert_eq!(result.code, LdapResultCode::InvalidCredentials, "{name}");
        assert!(
            result.message.starts_with("80090308:"),
            "{}",
            result.message
        );
        assert!(
            result.message.contains(&format!("data {data},")),
            "{name}: {}",
            result.message
        );
    }
}

#[tokio::test]
async fn plain_binds_are_refused_unless_allowed() {
    let forest = Forest::new(Options::default()).unwrap();
    let server = forest
        .serve("127.0.0.1:0".parse().unwrap(), None)
        .await
        .unwrap();
    let mut client = Client::connect(&server).await;
    let result = client.bind("CANAL\\Administrator", "whatever").await;
    assert_eq!(result.code, LdapResultCode::StrongerAuthRequired);
    server.shutdown().await;
}

#[tokio::test]
async fn anonymous_clients_see_only_the_root_dse() {
    let (_forest, server) = served(Options::default()).await;
    let mut client = Client::connect(&server).await;
    let root = client.get("", &["*"]).await;
    assert_eq!(values(&root, "defaultNamingContext").unwrap(), [ROOT]);
    assert!(
        values(&root, "supportedControl")
            .unwrap()
            .iter()
            .any(|one| one == oid::DIRSYNC)
    );
    assert_eq!(values(&root, "supportedCapabilities").unwrap().len(), 5);
    let found = client
        .search(ROOT, LdapSearchScope::Base, "(objectClass=*)", &[], vec![])
        .await;
    assert_eq!(found.done.code, LdapResultCode::OperationsError);
    assert!(found.done.message.starts_with("000004DC"));
}

#[tokio::test]
async fn the_dsa_tells_its_invocation_and_the_configuration_the_tombstone_lifetime() {
    let (forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let root = client.get("", &["dsServiceName"]).await;
    let dsa = values(&root, "dsServiceName").unwrap().remove(0);
    let object = client.get(&dsa, &["invocationId"]).await;
    let known = forest.read().invocation.to_bytes_le().to_vec();
    assert_eq!(object.attributes[0].vals, [known]);
    let service =
        "CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration,DC=canal,DC=example";
    assert_eq!(
        values(
            &client.get(service, &["tombstoneLifetime"]).await,
            "tombstoneLifetime"
        )
        .unwrap(),
        ["180"]
    );
}

#[tokio::test]
async fn rights_change_while_the_connection_lives() {
    let (forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let sync = forest
        .guid_of("CN=sync,CN=Users,DC=canal,DC=example")
        .unwrap();
    forest
        .set_rights(
            sync,
            Rights {
                may_dirsync: false,
                ..Rights::USER
            },
        )
        .unwrap();
    let plain = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![dirsync(0, &[])],
        )
        .await;
    assert_eq!(plain.done.code, LdapResultCode::InsufficentAccessRights);
    let secured = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![dirsync(1, &[])],
        )
        .await;
    assert_eq!(secured.done.code, LdapResultCode::Success);
    forest
        .set_rights(
            sync,
            Rights {
                may_read: false,
                ..Rights::USER
            },
        )
        .unwrap();
    let blind = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=user)",
            &[],
            vec![],
        )
        .await;
    assert_eq!(
        (blind.done.code, blind.entries.len()),
        (LdapResultCode::Success, 0)
    );
    let refused = client
        .change(LdapOp::DelRequest(USERS.into()), vec![])
        .await;
    assert_eq!(refused.code, LdapResultCode::InsufficentAccessRights);
}

#[tokio::test]
async fn unknown_critical_controls_are_refused_and_others_passed_over() {
    let (_forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Base,
            "(objectClass=*)",
            &["dc"],
            vec![control("1.2.3.4")],
        )
        .await;
    assert_eq!(
        found.done.code,
        LdapResultCode::UnavailableCriticalExtension
    );
    let lax = ldap3_proto::control::LdapControl::Unknown {
        oid: "1.2.3.4".into(),
        criticality: false,
        value: None,
    };
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Base,
            "(objectClass=*)",
            &["dc"],
            vec![lax],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::Success);
}

#[tokio::test]
async fn foreign_names_are_referred_and_missing_ones_matched() {
    let (_forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let found = client
        .search(
            "OU=x,DC=elsewhere,DC=org",
            LdapSearchScope::Base,
            "(objectClass=*)",
            &[],
            vec![],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::Referral);
    let found = client
        .search(
            "CN=nobody,CN=Users,DC=canal,DC=example",
            LdapSearchScope::Base,
            "(objectClass=*)",
            &[],
            vec![],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::NoSuchObject);
    assert_eq!(found.done.matcheddn, USERS);
    let found = client
        .search(
            "nonsense",
            LdapSearchScope::Base,
            "(objectClass=*)",
            &[],
            vec![],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::InvalidDNSyntax);
    let found = client
        .search(ROOT, LdapSearchScope::Subtree, "(cn=nobody)", &[], vec![])
        .await;
    assert_eq!(found.references.len(), 3);
}
