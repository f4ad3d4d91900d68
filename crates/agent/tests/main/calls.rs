//! The call lane.

use std::time::Duration;

use connectors::source::{ObjectName, ReadOne};
use server::desk::{Answer, Call, DeskLimits};
use sync_core::{code::Code, id::Anchor, operation::Refusal};

use crate::lab::*;

async fn ask(lab: &Lab, call: Call) -> Result<Answer, Refusal> {
    lab.desk.call(CONNECTOR, call, SOON).await
}

fn one(name: ObjectName) -> Call {
    Call::ReadOne {
        spec: spec(),
        name,
        position: Some(vec![4, 2]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_gets_its_answer() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab.agent(Fake::default()).await;
    match ask(&lab, Call::Discover).await.unwrap() {
        Answer::Source(info) => assert_eq!(info.realm, "canal.example"),
        other => panic!("{other:?}"),
    }
    match ask(&lab, Call::Containers { position: None })
        .await
        .unwrap()
    {
        Answer::Containers(all) => assert_eq!(all[0].dn, "OU=people"),
        other => panic!("{other:?}"),
    }
    let dn = "CN=Jo\\, Müller".to_owned();
    let live = ReadOne::Live {
        entry: Box::new(entry(1)),
        dn: dn.clone(),
        elsewhere: vec![another()],
    };
    assert_eq!(
        ask(&lab, one(ObjectName::Dn(dn))).await,
        Ok(Answer::One(live))
    );
    let anchor = Anchor::new([9; 16]);
    let gone = ask(&lab, one(ObjectName::Anchor(anchor.clone()))).await;
    assert_eq!(gone, Ok(Answer::One(ReadOne::Deleted(anchor))));
    let nothing = ask(&lab, one(ObjectName::AccountName("x".into()))).await;
    assert_eq!(nothing, Ok(Answer::One(ReadOne::NotFound)));
    let busy = ask(&lab, one(ObjectName::UserPrincipalName("x".into())))
        .await
        .unwrap_err();
    assert_eq!(
        (busy.code, busy.argument("server")),
        (Code::SourceBusy, Some("dc1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_comes_in_chunks_and_complete() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab
        .agent(Fake {
            listed: 6_300,
            ..Fake::default()
        })
        .await;
    let mut listing = lab.desk.enumerate(CONNECTOR, spec(), None).await.unwrap();
    let (mut chunks, mut listed) = (0, Vec::new());
    while let Some(chunk) = listing.next().await {
        chunks += 1;
        listed.extend(chunk.unwrap());
    }
    assert_eq!(chunks, 13);
    assert_eq!(listed.len(), 6_300);
    assert_eq!(
        (&listed[6_299].entry, listed[6_299].dn.as_str()),
        (&entry(6_299), "CN=6299")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_listing_is_complete_and_an_unread_one_stops() {
    let lab = Lab::start(short()).await;
    let _agent = lab
        .agent(Fake {
            listed: 0,
            ..Fake::default()
        })
        .await;
    let mut listing = lab.desk.enumerate(CONNECTOR, spec(), None).await.unwrap();
    assert!(listing.next().await.is_none());

    let lab = Lab::start(short()).await;
    let _agent = lab
        .agent(Fake {
            listed: u32::MAX,
            ..Fake::default()
        })
        .await;
    let mut listing = lab.desk.enumerate(CONNECTOR, spec(), None).await.unwrap();
    assert_eq!(listing.next().await.unwrap().unwrap().len(), 500);
    drop(listing);
    // The agent's hands are free again, or this would not be answered.
    ask(&lab, Call::Discover).await.unwrap();
}

#[tokio::test]
async fn no_answer_is_a_time_out() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let call = lab
        .desk
        .call(CONNECTOR, Call::Discover, Duration::from_millis(100));
    assert_eq!(call.await.unwrap_err().code, Code::TimeOut);
    assert!(
        puppet.lease(50).await.unwrap().is_empty(),
        "the question is off the desk"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_breaks_over_a_request_ends_that_work_alone() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab.agent(Fake::default()).await;
    // The made-up source takes one class only, and breaks over two.
    let mut broken = order();
    broken.spec.classes = vec!["user".into(), "group".into()];
    let basket = std::sync::Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, broken, basket.clone())
        .await
        .unwrap();
    let refusal = basket.ended().await.unwrap_err();
    assert_eq!(
        refusal.code,
        Code::HybridSynchronizationActiveDirectoryInternalServerError
    );
    assert_eq!(refusal.argument("correlation"), Some("read-7"));
    assert!(refusal.argument("tracking").is_some());
    // The agent lives, and does what comes next.
    assert!(ask(&lab, Call::Discover).await.is_ok());
}
