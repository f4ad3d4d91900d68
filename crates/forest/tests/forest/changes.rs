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
// LONG: one story, told in order.
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
// LONG: a table.
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
            Code::NoSuchAttribute,
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
            Code::EntryAlreadyExists,
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
    let gone = forest.add_user(USERS, "gone", &[]).unwrap();
    forest.delete(gone).unwrap();
    let by_guid = format!("<GUID={gone}>");
    let as_a_controller_does = vec![
        (add(&format!("CN=x,{dn}"), user()), Code::NamingViolation),
        (
            modify(dn, &[(Replace, "objectClass", &["group"])]),
            Code::ObjectClassViolation,
        ),
        (LdapOp::DelRequest(USERS.into()), Code::UnwillingToPerform),
        (LdapOp::DelRequest(by_guid.clone()), Code::NoSuchObject),
        (
            modify(&by_guid, &[(Replace, "title", &["x"])]),
            Code::NoSuchObject,
        ),
    ];
    for (op, code) in as_a_controller_does {
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

/// What the next message tells, which has to be an entry of this search.
async fn told(client: &mut Client, id: i32) -> String {
    let message = client.receive().await.unwrap();
    assert_eq!(message.msgid, id);
    match message.op {
        LdapOp::SearchResultEntry(entry) => entry.dn,
        other => panic!("{other:?}"),
    }
}

async fn watch(
    client: &mut Client,
    base: &str,
    scope: LdapSearchScope,
    filter: &str,
    controls: &[&str],
) -> i32 {
    let controls = [&[oid::NOTIFICATION], controls].concat();
    let controls = controls.into_iter().map(control).collect();
    client.start(base, scope, filter, &["cn"], controls).await
}

#[tokio::test]
async fn trees_are_watched_from_the_root_and_levels_and_objects_elsewhere() {
    let (forest, server) = served(Options::default()).await;
    let root = client_root(&server).await;
    assert!(root.iter().any(|listed| listed == oid::NOTIFICATION));
    forest.add_ou(ROOT, "Unit").unwrap();
    let unit = format!("OU=Unit,{ROOT}");
    let inner = forest.add_ou(&unit, "Inner").unwrap();
    let one = forest.add_user(&unit, "one", &[]).unwrap();
    let below = forest
        .add_user(&forest.dn_of(inner).unwrap(), "below", &[])
        .unwrap();
    let mut client = Client::bound(&server).await;
    use LdapSearchScope::{Base, OneLevel, Subtree};
    for (base, filter) in [(unit.as_str(), "(objectClass=*)"), (ROOT, "(cn=one)")] {
        let id = watch(&mut client, base, Subtree, filter, &[]).await;
        let message = client.receive().await.unwrap();
        assert_eq!(message.msgid, id);
        match message.op {
            LdapOp::SearchResultDone(done) => {
                assert_eq!(
                    done.code,
                    LdapResultCode::UnwillingToPerform,
                    "{base} {filter}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let level = watch(&mut client, &unit, OneLevel, "(objectClass=*)", &[]).await;
    let object = watch(&mut client, &unit, Base, "(objectClass=*)", &[]).await;
    assert_eq!(client.get(USERS, &["cn"]).await.dn, USERS, "both are held");
    forest.set(below, "title", "unheard").unwrap();
    forest.set(one, "title", "heard").unwrap();
    let unit_guid = forest.guid_of(&unit).unwrap();
    forest.set(unit_guid, "description", "heard").unwrap();
    assert_eq!(told(&mut client, level).await, format!("CN=one,{unit}"));
    assert_eq!(told(&mut client, object).await, unit);
}

async fn client_root(server: &forest::Served) -> Vec<String> {
    let mut client = Client::connect(server).await;
    let root = client.get("", &["supportedControl"]).await;
    values(&root, "supportedControl").unwrap()
}

#[tokio::test]
async fn deletions_are_told_to_those_who_ask_for_deleted_objects() {
    let (forest, server) = served(Options::default()).await;
    let one = forest.add_user(USERS, "one", &[]).unwrap();
    let mut client = Client::bound(&server).await;
    let scope = LdapSearchScope::Subtree;
    watch(&mut client, ROOT, scope.clone(), "(objectClass=*)", &[]).await;
    let all = watch(
        &mut client,
        ROOT,
        scope,
        "(objectClass=*)",
        &[oid::SHOW_DELETED],
    )
    .await;
    assert_eq!(client.get(USERS, &["cn"]).await.dn, USERS, "both are held");
    forest.delete(one).unwrap();
    assert!(told(&mut client, all).await.starts_with("CN=one\\0ADEL:"));
}

#[tokio::test]
async fn many_watch_but_each_connection_only_so_much() {
    let (forest, server) = served(Options::default()).await;
    let one = forest.add_user(USERS, "one", &[]).unwrap();
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = Client::bound(&server).await;
        let id = watch(
            &mut client,
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
        )
        .await;
        assert_eq!(client.get(USERS, &["cn"]).await.dn, USERS, "it is held");
        clients.push((client, id));
    }
    forest.set(one, "title", "heard").unwrap();
    for (client, id) in &mut clients {
        assert_eq!(told(client, *id).await, format!("CN=one,{USERS}"));
    }
    let (client, _) = &mut clients[0];
    let mut last = 0;
    for _ in 0..5 {
        last = watch(client, USERS, LdapSearchScope::Base, "(objectClass=*)", &[]).await;
    }
    let message = client.receive().await.unwrap();
    match message.op {
        LdapOp::SearchResultDone(done) => {
            assert_eq!(
                (message.msgid, done.code),
                (last, LdapResultCode::AdminLimitExceeded)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_burst_that_outruns_a_watcher_still_reaches_it() {
    let (forest, server) = served(Options::default()).await;
    let one = forest.add_user(USERS, "one", &[]).unwrap();
    let mut client = Client::bound(&server).await;
    let id = watch(
        &mut client,
        ROOT,
        LdapSearchScope::Subtree,
        "(objectClass=*)",
        &[],
    )
    .await;
    assert_eq!(client.get(USERS, &["cn"]).await.dn, USERS, "it is held");
    // More in one step than are kept for a slow reader.
    forest.write(|state| {
        let id = state.by_guid(one).unwrap();
        let unit = state.object(id).parent.unwrap();
        for number in 0..5_000 {
            let class = forest::schema::class("container").unwrap();
            let new = forest::store::NewObject {
                parent: unit,
                class,
                name: format!("Box {number}"),
                attributes: vec![],
                guid: None,
                rid: None,
            };
            state.create(new, forest::store::Origin::Forest).unwrap();
        }
    });
    assert_eq!(told(&mut client, id).await, ROOT);
    assert!(told(&mut client, id).await.contains("CN=Box"));
}
