//! What Windows enforces: page size, values per entry, paging cookies per connection; and filters.

use crate::client::*;
use forest::{Forest, Options};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;

fn many(forest: &Forest, count: usize) -> Vec<uuid::Uuid> {
    (0..count)
        .map(|n| {
            forest
                .add_user(
                    USERS,
                    &format!("Person {n:05}"),
                    &[("sAMAccountName", &format!("p{n:05}"))],
                )
                .unwrap()
        })
        .collect()
}

fn paged(size: i64, cookie: &[u8]) -> LdapControl {
    LdapControl::SimplePagedResults {
        size,
        cookie: cookie.to_vec(),
    }
}

fn cookie(found: &Found) -> Vec<u8> {
    match found.controls.as_slice() {
        [LdapControl::SimplePagedResults { cookie, .. }] => cookie.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unpaged_search_ends_at_a_thousand() {
    let (forest, server) = served(Options::default()).await;
    many(&forest, 1_200);
    let mut client = Client::bound(&server).await;
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(sAMAccountName=p*)",
            &["cn"],
            vec![],
        )
        .await;
    assert_eq!(found.done.code, LdapResultCode::SizeLimitExceeded);
    assert_eq!(found.entries.len(), 1_000);
}

#[tokio::test]
async fn pages_hold_at_most_a_thousand_and_together_everything() {
    let (forest, server) = served(Options::default()).await;
    many(&forest, 2_500);
    let mut client = Client::bound(&server).await;
    let (mut sizes, mut at, mut seen) = (Vec::new(), Vec::new(), std::collections::HashSet::new());
    loop {
        let found = client
            .search(
                ROOT,
                LdapSearchScope::Subtree,
                "(sAMAccountName=p*)",
                &["cn"],
                vec![paged(5_000, &at)],
            )
            .await;
        assert_eq!(found.done.code, LdapResultCode::Success);
        sizes.push(found.entries.len());
        seen.extend(found.entries.iter().map(|entry| entry.dn.clone()));
        at = cookie(&found);
        if at.is_empty() {
            break;
        }
    }
    assert_eq!((sizes, seen.len()), (vec![1_000, 1_000, 500], 2_500));
}

#[tokio::test]
async fn a_paging_cookie_is_worthless_on_another_connection() {
    let (forest, server) = served(Options::default()).await;
    many(&forest, 50);
    let mut client = Client::bound(&server).await;
    let found = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(sAMAccountName=p*)",
            &["cn"],
            vec![paged(10, &[])],
        )
        .await;
    let mut other = Client::bound(&server).await;
    let refused = other
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(sAMAccountName=p*)",
            &["cn"],
            vec![paged(10, &cookie(&found))],
        )
        .await;
    assert_eq!(
        refused.done.code,
        LdapResultCode::UnavailableCriticalExtension
    );
}

#[tokio::test]
async fn large_groups_are_read_by_range() {
    let (forest, server) = served(Options::default()).await;
    let group = forest.add_group(USERS, "Everybody", &[]).unwrap();
    for member in many(&forest, 3_200) {
        forest.add_member(group, member).unwrap();
    }
    let dn = forest.dn_of(group).unwrap();
    let mut client = Client::bound(&server).await;
    let mut members = Vec::new();
    let mut steps = Vec::new();
    let mut wanted = "member".to_owned();
    loop {
        let entry = client.get(&dn, &[&wanted]).await;
        let name = names(&entry)[0].to_owned();
        members.extend(values(&entry, &name).unwrap());
        steps.push(name.clone());
        if name.ends_with('*') {
            break;
        }
        wanted = format!("member;range={}-*", members.len());
    }
    assert_eq!(
        steps,
        [
            "member;range=0-1499",
            "member;range=1500-2999",
            "member;range=3000-*"
        ]
    );
    members.sort();
    members.dedup();
    assert_eq!(members.len(), 3_200);
    let some = client.get(&dn, &["member;range=10-19"]).await;
    assert_eq!(names(&some), ["member;range=10-19"]);
    assert_eq!(some.attributes[0].vals.len(), 10);
}

#[tokio::test]
// LONG: a table.
async fn filters_find_what_they_say() {
    let (forest, server) = served(Options::default()).await;
    let people = many(&forest, 30);
    let inner = forest.add_group(USERS, "Inner", &[]).unwrap();
    let outer = forest.add_group(USERS, "Outer", &[]).unwrap();
    forest.add_member(inner, people[3]).unwrap();
    forest.add_member(outer, inner).unwrap();
    forest.set_enabled(people[7], false).unwrap();
    forest
        .set(people[9], "description", "a*(b)\\ Größe")
        .unwrap();
    let mut client = Client::bound(&server).await;
    let cases = [
        (
            "(&(objectCategory=person)(objectClass=user)(sAMAccountName=P0000*))",
            10,
        ),
        (
            "(&(sAMAccountName=p*)(userAccountControl:1.2.840.113556.1.4.803:=2))",
            1,
        ),
        (
            "(&(sAMAccountName=p*)(userAccountControl:1.2.840.113556.1.4.804:=514))",
            30,
        ),
        ("(&(sAMAccountName=p*)(!(description=*)))", 29),
        ("(!(nonsense=1))", 0),
        ("(|(nonsense=1)(sAMAccountName=p00001))", 1),
        ("(&(sAMAccountName>=p00028)(sAMAccountName<=p00029))", 2),
        ("(displayName=nobody)", 0),
        ("(sAMAccountName=*00*1*9)", 1),
    ];
    for (filter, count) in cases {
        let found = client
            .search(ROOT, LdapSearchScope::Subtree, filter, &["cn"], vec![])
            .await;
        assert_eq!(found.done.code, LdapResultCode::Success, "{filter}");
        assert_eq!(found.entries.len(), count, "{filter}");
    }
    // The foreign parser of filter texts takes neither names nor other letters as values.
    for (text, count) in [("A*(B)\\ GRÖßE", 1), ("A*(B)\\ GRÖSSE", 0)] {
        let equal = LdapFilter::Equality("description".into(), text.into());
        let found = client
            .find(ROOT, LdapSearchScope::Subtree, equal, &["cn"], vec![])
            .await;
        assert_eq!(found.entries.len(), count, "{text}");
    }
    let direct = LdapFilter::Equality(
        "memberOf".into(),
        "CN=outer,cn=users,dc=CANAL,dc=example".into(),
    );
    assert_eq!(
        client
            .find(ROOT, LdapSearchScope::Subtree, direct, &["cn"], vec![])
            .await
            .entries
            .len(),
        1
    );
    let chain = LdapFilter::Extensible(LdapMatchingRuleAssertion {
        matching_rule: Some("1.2.840.113556.1.4.1941".into()),
        type_: Some("memberOf".into()),
        match_value: "CN=Outer,CN=Users,DC=canal,DC=example".into(),
        dn_attributes: false,
    });
    assert_eq!(
        client
            .find(ROOT, LdapSearchScope::Subtree, chain, &["cn"], vec![])
            .await
            .entries
            .len(),
        2
    );
    let text = format!("(objectGUID={})", people[4]);
    let found = client
        .search(ROOT, LdapSearchScope::Subtree, &text, &["cn"], vec![])
        .await;
    assert_eq!(found.entries.len(), 1);
    let base = format!("<GUID={}>", people[4]);
    assert_eq!(
        client.get(&base, &["cn"]).await.dn,
        "CN=Person 00004,CN=Users,DC=canal,DC=example"
    );
}

#[tokio::test]
async fn extended_names_carry_guid_and_sid() {
    let (forest, server) = served(Options::default()).await;
    let one = forest
        .add_user(USERS, "Zoë", &[("sAMAccountName", "zoe")])
        .unwrap();
    let group = forest.add_group(USERS, "G", &[]).unwrap();
    forest.add_member(group, one).unwrap();
    let mut client = Client::bound(&server).await;
    let extended = LdapControl::ExtendedDn {
        criticality: true,
        format: 1,
    };
    let found = client
        .search(
            &forest.dn_of(group).unwrap(),
            LdapSearchScope::Base,
            "(objectClass=*)",
            &["member"],
            vec![extended],
        )
        .await;
    let member = values(&found.entries[0], "member").unwrap().remove(0);
    assert!(
        member.starts_with(&format!("<GUID={one}>;<SID=S-1-5-21-")),
        "{member}"
    );
    assert!(
        member.ends_with(">;CN=Zoë,CN=Users,DC=canal,DC=example"),
        "{member}"
    );
    let hex = LdapControl::ExtendedDn {
        criticality: true,
        format: 0,
    };
    let found = client
        .search(
            &forest.dn_of(one).unwrap(),
            LdapSearchScope::Base,
            "(objectClass=*)",
            &["cn"],
            vec![hex],
        )
        .await;
    let octets: String = one
        .to_bytes_le()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    assert!(
        found.entries[0]
            .dn
            .starts_with(&format!("<GUID={octets}>;<SID=0105")),
        "{}",
        found.entries[0].dn
    );
}

#[tokio::test]
async fn the_schema_is_read_in_pages() {
    let (_forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    let base = "CN=Schema,CN=Configuration,DC=canal,DC=example";
    let wanted = [
        "lDAPDisplayName",
        "attributeSyntax",
        "oMSyntax",
        "isSingleValued",
        "linkID",
    ];
    let found = client
        .search(
            base,
            LdapSearchScope::OneLevel,
            "(objectClass=attributeSchema)",
            &wanted,
            vec![paged(1_000, &[])],
        )
        .await;
    let member = found
        .entries
        .iter()
        .find(|entry| values(entry, "lDAPDisplayName").unwrap() == ["member"])
        .unwrap();
    assert_eq!(values(member, "attributeSyntax").unwrap(), ["2.5.5.1"]);
    assert_eq!(values(member, "linkID").unwrap(), ["2"]);
    assert_eq!(values(member, "isSingleValued").unwrap(), ["FALSE"]);
    for name in [
        "mS-DS-ConsistencyGuid",
        "mailNickname",
        "extensionAttribute15",
        "msExchRecipientTypeDetails",
        "targetAddress",
    ] {
        assert!(
            found
                .entries
                .iter()
                .any(|entry| values(entry, "lDAPDisplayName").unwrap() == [name]),
            "{name}"
        );
    }
}
