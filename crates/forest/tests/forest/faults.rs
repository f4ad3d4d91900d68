//! The faults do what they say, and can be taken back.

use crate::client::*;
use forest::Options;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;

#[tokio::test]
// LONG: one story, told in order.
async fn faults_act_at_once_and_can_be_cleared() {
    let (forest, server) = served(Options::default()).await;
    for n in 0..40 {
        forest
            .add_user(USERS, &format!("u{n}"), &[("title", "Clerk")])
            .unwrap();
    }
    let mut client = Client::bound(&server).await;
    let faults = forest.faults();
    faults.set(|on| on.is_busy = true);
    let busy = client
        .search(
            USERS,
            LdapSearchScope::OneLevel,
            "(title=Clerk)",
            &[],
            vec![],
        )
        .await;
    assert_eq!(busy.done.code, LdapResultCode::Busy);
    faults.clear();
    faults.set(|on| on.denies_reading = true);
    let blind = client
        .search(
            USERS,
            LdapSearchScope::OneLevel,
            "(title=Clerk)",
            &[],
            vec![],
        )
        .await;
    assert_eq!(
        (blind.done.code, blind.entries.len()),
        (LdapResultCode::Success, 0)
    );
    let (nothing, _) = client.round(INCREMENTAL, &[], &[]).await;
    assert!(nothing.is_empty());
    faults.clear();
    faults.set(|on| {
        on.hidden_attributes.insert("title".into());
    });
    let (entries, cookie) = client.round(INCREMENTAL, &[], &["title", "cn"]).await;
    assert!(entries.iter().all(|entry| values(entry, "title").is_none()));
    faults.clear();
    faults.set(|on| on.refuses_cookies = true);
    let refused = client
        .search(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &[],
            vec![dirsync(0, &cookie)],
        )
        .await;
    assert_eq!(
        refused.done.code,
        LdapResultCode::UnavailableCriticalExtension
    );
    faults.clear();
    faults.set(|on| on.truncate_after_entries = Some(10));
    let short = client
        .search(
            USERS,
            LdapSearchScope::OneLevel,
            "(title=Clerk)",
            &[],
            vec![LdapControl::SimplePagedResults {
                size: 10,
                cookie: vec![],
            }],
        )
        .await;
    assert_eq!(short.entries.len(), 10);
    assert!(
        matches!(short.controls.as_slice(), [LdapControl::SimplePagedResults { cookie, .. }] if cookie.is_empty())
    );
}

#[tokio::test]
async fn a_connection_is_dropped_after_so_many_entries() {
    let (forest, server) = served(Options::default()).await;
    let mut client = Client::bound(&server).await;
    forest.faults().set(|on| on.drop_after_entries = Some(4));
    client
        .start(
            ROOT,
            LdapSearchScope::Subtree,
            "(objectClass=*)",
            &["cn"],
            vec![],
        )
        .await;
    let mut count = 0;
    while let Some(message) = client.receive().await {
        assert!(matches!(message.op, LdapOp::SearchResultEntry(_)));
        count += 1;
    }
    assert_eq!(count, 4);
}
