//! Changes made over LDAP, notification, restoring.

use crate::client::*;
use forest::Options;
use forest::proto::oid;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;

fn attribute(name: &str, texts: &[&str]) -> LdapPartialAttribute {
    LdapPartialAttribute {
        atype: name.into(),
        vals: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
    }
}

fn add(dn: &str, attributes: Vec<LdapPartialAttribute>) -> LdapOp {
    LdapOp::AddRequest(LdapAddRequest {
        dn: dn.into(),
        attributes,
    })
}

fn modify(dn: &str, changes: &[(LdapModifyType, &str, &[&str])]) -> LdapOp {
    LdapOp::ModifyRequest(LdapModifyRequest {
        dn: dn.into(),
        changes: changes
            .iter()
            .map(|(kind, name, texts)| LdapModify {
                operation: kind.clone(),
                modification: attribute(name, texts),
            })
            .collect(),
    })
}

fn rename(dn: &str, newrdn: &str, above: Option<&str>) -> LdapOp {
    LdapOp::ModifyDNRequest(LdapModifyDNRequest {
        dn: dn.into(),
        newrdn: newrdn.into(),
        deleteoldrdn: true,
        new_superior: above.map(str::to_owned),
    })
}

#[tokio::test]
async fn objects_are_added_changed_renamed_moved_and_deleted() {
    let (forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let before = forest.read().usn;
    let dn = "CN=O'Neil\\, Zoë \\2b 1,CN=Users,DC=canal,DC=example";
    let made = client
        .change(
            add(
                dn,
                vec![
                    attribute("objectClass", &["top", "user"]),
                    attribute("sAMAccountName", &["zoneil"]),
                ],
            ),
            vec![],
        )
        .await;
    assert_eq!(made.code, LdapResultCode::Success, "{}", made.message);
    let entry = client
        .get(
            dn,
            &[
                "cn",
                "name",
                "sAMAccountType",
                "uSNCreated",
                "objectSid",
                "objectCategory",
            ],
        )
        .await;
    assert_eq!(values(&entry, "cn").unwrap(), ["O'Neil, Zoë + 1"]);
    assert_eq!(values(&entry, "sAMAccountType").unwrap(), ["805306368"]);
    assert_eq!(
        values(&entry, "objectCategory").unwrap(),
        ["CN=Person,CN=Schema,CN=Configuration,DC=canal,DC=example"]
    );
    assert!(
        values(&entry, "uSNCreated").unwrap()[0]
            .parse::<u64>()
            .unwrap()
            > before
    );
    let guid = forest.guid_of(dn).unwrap();

    let changed = client
        .change(
            modify(
                dn,
                &[
                    (LdapModifyType::Replace, "title", &["Boss"]),
                    (
                        LdapModifyType::Add,
                        "proxyAddresses",
                        &["SMTP:z@x.y", "smtp:a@x.y"],
                    ),
                ],
            ),
            vec![],
        )
        .await;
    assert_eq!(changed.code, LdapResultCode::Success);
    assert_eq!(forest.get(guid).unwrap().text("title"), Some("Boss"));

    assert_eq!(
        client
            .change(
                add(
                    "OU=New,DC=canal,DC=example",
                    vec![attribute("objectClass", &["organizationalUnit"])]
                ),
                vec![]
            )
            .await
            .code,
        LdapResultCode::Success
    );
    let moved = client
        .change(
            rename(dn, "CN=Zoë", Some("OU=New,DC=canal,DC=example")),
            vec![],
        )
        .await;
    assert_eq!(moved.code, LdapResultCode::Success, "{}", moved.message);
    assert_eq!(
        forest.dn_of(guid).unwrap(),
        "CN=Zoë,OU=New,DC=canal,DC=example"
    );

    let full = client
        .change(
            LdapOp::DelRequest("OU=New,DC=canal,DC=example".into()),
            vec![],
        )
        .await;
    assert_eq!(full.code, LdapResultCode::NotAllowedOnNonLeaf);
    let tree = client
        .change(
            LdapOp::DelRequest("OU=New,DC=canal,DC=example".into()),
            vec![control(oid::TREE_DELETE)],
        )
        .await;
    assert_eq!(tree.code, LdapResultCode::Success);
    assert!(forest.listing().iter().all(|listed| listed.guid != guid));
}

#[tokio::test]
async fn refusals_carry_the_codes_of_ad() {
    let (forest, server) = served(Options::default()).await;
    let one = forest
        .add_user(
            USERS,
            "one",
            &[
                ("sAMAccountName", "one"),
                ("userPrincipalName", "one@canal.example"),
            ],
        )
        .unwrap();
    forest
        .add_user(USERS, "two", &[("sAMAccountName", "two")])
        .unwrap();
    let group = forest.add_group(USERS, "G", &[]).unwrap();
    forest.add_member(group, one).unwrap();
    let mut client = Client::bound(&server).await;
    let (dn, two, group) = (
        "CN=one,CN=Users,DC=canal,DC=example",
        "CN=two,CN=Users,DC=canal,DC=example",
        "CN=G,CN=Users,DC=canal,DC=example",
    );
    use LdapModifyType::{Add, Delete, Replace};
    use LdapResultCode as Code;
    let user = || vec![attribute("objectClass", &["user"])];
    let cases = vec![
        (add(dn, user()), Code::EntryAlreadyExists),
        (
            add("CN=x,OU=absent,DC=canal,DC=example", user()),
            Code::NoSuchObject,
        ),
        (
            add(
                "CN=x,CN=Users,DC=canal,DC=example",
                vec![attribute("objectClass", &["nonsense"])],
            ),
            Code::ObjectClassViolation,
        ),
        (add("nonsense", user()), Code::InvalidDNSyntax),
        (
            modify(dn, &[(Replace, "nonsense", &["x"])]),
            Code::NoSuchAttribute,
        ),
        (
            modify(dn, &[(Replace, "title", &["a", "b"])]),
            Code::ConstraintViolation,
        ),
        (
            modify(dn, &[(Replace, "givenName", &[&"x".repeat(65)])]),
            Code::ConstraintViolation,
        ),
        (modify(dn, &[(Delete, "title", &[])]), Code::NoSuchAttribute),
        (
            modify(dn, &[(Replace, "countryCode", &["many"])]),
            Code::InvalidAttributeSyntax,
        ),
        (
            modify(dn, &[(Replace, "cn", &["x"])]),
            Code::NotALlowedOnRDN,
        ),
        (
            modify(dn, &[(Replace, "uSNChanged", &["1"])]),
            Code::ConstraintViolation,
        ),
        (
            modify(two, &[(Replace, "sAMAccountName", &["ONE"])]),
            Code::EntryAlreadyExists,
        ),
        (
            modify(
                two,
                &[(Replace, "userPrincipalName", &["ONE@canal.example"])],
            ),
            Code::ConstraintViolation,
        ),
        (
            modify(group, &[(Add, "member", &[dn])]),
            Code::AttributeOrValueExists,
        ),
        (
            modify(group, &[(Delete, "member", &[two])]),
            Code::UnwillingToPerform,
        ),
        (
            modify(
                group,
                &[(Add, "member", &["CN=absent,DC=canal,DC=example"])],
            ),
            Code::NoSuchObject,
        ),
        (rename(dn, "CN=two", None), Code::EntryAlreadyExists),
        (rename(dn, "OU=one", None), Code::NamingViolation),
        (
            LdapOp::DelRequest("CN=absent,DC=canal,DC=example".into()),
            Code::NoSuchObject,
        ),
        (
            LdapOp::DelRequest("CN=krbtgt,CN=Users,DC=canal,DC=example".into()),
            Code::UnwillingToPerform,
        ),
    ];
    for (op, code) in cases {
        let text = format!("{op:?}");
        assert_eq!(client.change(op, vec![]).await.code, code, "{text}");
    }
    let half = client
        .change(
            modify(
                dn,
                &[(Replace, "title", &["kept?"]), (Delete, "mobile", &[])],
            ),
            vec![],
        )
        .await;
    assert_eq!(half.code, Code::NoSuchAttribute);
    assert_eq!(
        forest.get(one).unwrap().text("title"),
        None,
        "a refused change leaves nothing behind"
    );
    let lenient = client
        .change(
            modify(group, &[(Add, "member", &[dn])]),
            vec![control(oid::PERMISSIVE_MODIFY)],
        )
        .await;
    assert_eq!(lenient.code, Code::Success);
}

#[tokio::test]
async fn a_deleted_object_is_hidden_shown_and_restored() {
    let (forest, server) = served(Options::default()).await;
    let one = forest
        .add_user(
            USERS,
            "one",
            &[("sAMAccountName", "one"), ("title", "Clerk")],
        )
        .unwrap();
    let mut client = Client::bound(&server).await;
    client
        .change(
            LdapOp::DelRequest("CN=one,CN=Users,DC=canal,DC=example".into()),
            vec![],
        )
        .await;
    let base = format!("<GUID={one}>");
    let hidden = client
        .search(&base, LdapSearchScope::Base, "(objectClass=*)", &[], vec![])
        .await;
    assert_eq!(hidden.done.code, LdapResultCode::NoSuchObject);
    let show = || LdapControl::ShowDeleted { criticality: true };
    let shown = client
        .search(
            &base,
            LdapSearchScope::Base,
            "(isDeleted=TRUE)",
            &["title"],
            vec![show()],
        )
        .await;
    assert_eq!(values(&shown.entries[0], "title").unwrap(), ["Clerk"]);
    let back = modify(
        &shown.entries[0].dn,
        &[
            (LdapModifyType::Delete, "isDeleted", &[]),
            (
                LdapModifyType::Replace,
                "distinguishedName",
                &["CN=one,CN=Users,DC=canal,DC=example"],
            ),
        ],
    );
    let restored = client.change(back, vec![show()]).await;
    assert_eq!(
        restored.code,
        LdapResultCode::Success,
        "{}",
        restored.message
    );
    assert_eq!(
        forest.dn_of(one).unwrap(),
        "CN=one,CN=Users,DC=canal,DC=example"
    );
}

#[tokio::test]
async fn a_watched_container_tells_of_changes_until_abandoned() {
    let (forest, server) = served(Options::default()).await;
    let one = forest
        .add_user(USERS, "one", &[("sAMAccountName", "one")])
        .unwrap();
    let mut client = Client::bound(&server).await;
    let id = client
        .start(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &["title"],
            vec![control(oid::NOTIFICATION)],
        )
        .await;
    client
        .send(
            LdapOp::ExtendedRequest(LdapExtendedRequest {
                name: OID_WHOAMI.into(),
                value: None,
            }),
            vec![],
        )
        .await;
    match client.receive().await.unwrap().op {
        LdapOp::ExtendedResponse(response) => assert_eq!(response.value.unwrap(), b"u:CANAL\\sync"),
        other => panic!("{other:?}"),
    }
    forest.set(one, "title", "Heard").unwrap();
    let told = client.receive().await.unwrap();
    assert_eq!(told.msgid, id);
    match told.op {
        LdapOp::SearchResultEntry(entry) => assert_eq!(values(&entry, "title").unwrap(), ["Heard"]),
        other => panic!("{other:?}"),
    }
    client.send(LdapOp::AbandonRequest(id), vec![]).await;
    let after = client.get(USERS, &["cn"]).await;
    assert_eq!(after.dn, USERS);
    forest.set(one, "title", "Unheard").unwrap();
    assert_eq!(
        client.get(USERS, &["cn"]).await.dn,
        USERS,
        "nothing comes in between"
    );
}
