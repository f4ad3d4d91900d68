//! Leases, with an agent played by hand: replays, late pages, freezes, lost answers.

use std::sync::Arc;

use agent::error::AgentError;
use server::{desk::DeskLimits, pki::TokenGrant};
use sync_core::{code::Code, id::AgentId};
use wire::agent::v1::{Leased, Page, ReadEnd, Receipt, RefusalText, Work, frame};

use crate::lab::*;

async fn page(puppet: &Puppet, lease: &Leased, read: i64, number: u32) -> Receipt {
    let page = Page {
        read,
        number,
        entries: vec![entry(number).into()],
        watermark: None,
    };
    let frame = frame::pack(&page).unwrap().into();
    let path = format!(
        "/leases/{}/pages/{number}?fence={}",
        lease.lease, lease.fence
    );
    puppet.link.frame(&path, frame, SOON).await.unwrap()
}

async fn end(puppet: &Puppet, lease: &Leased) -> Receipt {
    let end = ReadEnd::Complete {
        watermark: wire::bytes::Bytes(vec![1]),
        seen: vec![],
        is_census: false,
        method: Default::default(),
    };
    let path = format!("/leases/{}/read-end?fence={}", lease.lease, lease.fence);
    puppet
        .link
        .frame(&path, frame::pack(&end).unwrap().into(), SOON)
        .await
        .unwrap()
}

async fn extend(puppet: &Puppet, lease: &Leased) -> Receipt {
    let path = format!("/leases/{}/extend?fence={}", lease.lease, lease.fence);
    puppet.link.control(&path, &(), SOON).await.unwrap()
}

fn is_accepted(receipt: &Receipt) -> bool {
    matches!(receipt, Receipt::Accepted { .. })
}

fn is_refused(receipt: &Receipt, code: Code) -> bool {
    matches!(receipt, Receipt::Refused { refusal: RefusalText { code: have, .. } } if have == code.name())
}

async fn reading(lab: &Lab) -> Arc<Basket> {
    let basket = Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    basket
}

#[tokio::test]
async fn replayed_and_disordered_pages_are_harmless() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let basket = reading(&lab).await;
    let lease = puppet.one_lease().await;
    assert!(matches!(
        lease.work,
        Work::Read {
            read: 7,
            first_page: 0,
            ..
        }
    ));
    assert_eq!(
        page(&puppet, &lease, 7, 1).await,
        Receipt::NotNext { expected: 0 }
    );
    assert!(is_accepted(&page(&puppet, &lease, 7, 0).await));
    assert!(
        is_accepted(&page(&puppet, &lease, 7, 0).await),
        "a replay is accepted"
    );
    assert!(is_accepted(&page(&puppet, &lease, 7, 1).await));
    assert_eq!(
        page(&puppet, &lease, 7, 0).await,
        Receipt::NotNext { expected: 2 }
    );
    assert_eq!(
        page(&puppet, &lease, 7, u32::MAX).await,
        Receipt::NotNext { expected: 2 }
    );
    assert_eq!(basket.numbers(), [0, 1]);
    assert!(is_accepted(&end(&puppet, &lease).await));
    assert!(basket.ended().await.is_ok());
    assert!(
        is_accepted(&end(&puppet, &lease).await),
        "a repeated last word is accepted"
    );
    assert!(is_refused(
        &page(&puppet, &lease, 7, 2).await,
        Code::Conflict
    ));
    assert!(is_refused(&extend(&puppet, &lease).await, Code::Conflict));
}

#[tokio::test]
async fn an_agent_that_was_frozen_is_refused_when_it_wakes() {
    let lab = Lab::start(short()).await;
    let puppet = lab.puppet().await;
    let basket = reading(&lab).await;
    let lease = puppet.one_lease().await;
    assert!(is_accepted(&page(&puppet, &lease, 7, 0).await));
    assert_eq!(basket.ended().await.unwrap_err().code, Code::TimeOut);
    assert!(is_refused(
        &page(&puppet, &lease, 7, 1).await,
        Code::Conflict
    ));
    assert!(is_refused(&end(&puppet, &lease).await, Code::Conflict));
    assert_eq!(basket.numbers(), [0], "nothing arrived after the end");
}

#[tokio::test]
async fn work_nobody_said_a_word_about_is_handed_out_again() {
    let lab = Lab::start(short()).await;
    let puppet = lab.puppet().await;
    let basket = reading(&lab).await;
    let lost = puppet.one_lease().await;
    let again = puppet.one_lease().await;
    assert!(again.fence > lost.fence);
    assert!(is_refused(
        &page(&puppet, &lost, 7, 0).await,
        Code::Conflict
    ));
    assert!(is_accepted(&page(&puppet, &again, 7, 0).await));
    assert!(is_accepted(&end(&puppet, &again).await));
    assert!(basket.ended().await.is_ok());
}

#[tokio::test]
async fn an_agent_started_anew_takes_over_what_it_had_leased_at_once() {
    // A minute's lease: nothing here can wait for its end.
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let (dead, alive) = (puppet.twin(&lab, "first"), puppet.twin(&lab, "second"));
    let untouched = reading(&lab).await;
    let kept = dead.one_lease().await;
    assert!(is_accepted(&extend(&dead, &kept).await));
    alive.beat().await.unwrap();
    let again = alive.one_lease().await;
    assert!(again.fence > kept.fence);
    assert!(is_refused(&page(&dead, &kept, 7, 0).await, Code::Conflict));
    assert!(is_refused(&end(&dead, &kept).await, Code::Conflict));
    assert!(is_accepted(&page(&alive, &again, 7, 0).await));
    assert!(is_accepted(&end(&alive, &again).await));
    assert!(untouched.ended().await.is_ok());
}

#[tokio::test]
async fn a_read_that_had_begun_ends_when_its_agent_is_started_anew() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let (dead, alive) = (puppet.twin(&lab, "first"), puppet.twin(&lab, "second"));
    let basket = reading(&lab).await;
    let lease = dead.one_lease().await;
    assert!(is_accepted(&page(&dead, &lease, 7, 0).await));
    assert!(alive.lease(0).await.unwrap().is_empty());
    // What it brought cannot be taken back: it is read anew.
    assert_eq!(basket.ended().await.unwrap_err().code, Code::TimeOut);
    assert!(is_refused(&page(&dead, &lease, 7, 1).await, Code::Conflict));
    assert_eq!(basket.numbers(), [0]);
}

#[tokio::test]
async fn a_twin_that_wakes_gets_no_work_as_long_as_its_successor_is_there() {
    let limits = DeskLimits {
        presence: std::time::Duration::from_secs(4),
        ..DeskLimits::default()
    };
    let lab = Lab::start(limits).await;
    let puppet = lab.puppet().await;
    let (frozen, successor) = (puppet.twin(&lab, "first"), puppet.twin(&lab, "second"));
    frozen.beat().await.unwrap();
    successor.beat().await.unwrap();
    let _basket = reading(&lab).await;
    let is_sent_away = |told: Result<Vec<Leased>, AgentError>| match told {
        Err(error) => {
            assert_eq!(error.code(), Code::AgentSuperseded);
            assert!(!error.is_passing());
            true
        }
        Ok(_) => false,
    };
    assert!(is_sent_away(frozen.lease(0).await));
    assert_eq!(
        frozen.beat().await.unwrap_err().code(),
        Code::AgentSuperseded
    );
    // It was not told of, and did not end, what the successor does.
    let lease = successor.one_lease().await;
    assert!(is_sent_away(frozen.lease(0).await));
    assert!(is_accepted(&extend(&successor, &lease).await));
    // Once the successor has gone it may work again.
    wait_until(|| async { frozen.lease(0).await.is_ok() }).await;
    assert!(is_refused(
        &extend(&successor, &lease).await,
        Code::Conflict
    ));
}

#[tokio::test]
async fn work_that_is_taken_and_lost_every_time_is_a_fault_of_signalling() {
    let lab = Lab::start(short()).await;
    let puppet = lab.puppet().await;
    let basket = reading(&lab).await;
    puppet.one_lease().await;
    puppet.one_lease().await;
    let refusal = basket.ended().await.unwrap_err();
    assert_eq!(refusal.code, Code::HybridIdentityServiceAgentSignalingError);
    assert_eq!(refusal.argument("correlation"), Some("read-7"));
    assert!(refusal.argument("tracking").is_some() && refusal.argument("at").is_some());
}

#[tokio::test]
async fn an_agent_that_lives_and_never_asks_for_work_is_a_fault_of_signalling() {
    let limits = DeskLimits {
        presence: std::time::Duration::from_millis(400),
        ..DeskLimits::default()
    };
    let lab = Lab::start(limits).await;
    let puppet = lab.puppet().await;
    let basket = reading(&lab).await;
    let beats = async {
        while puppet.beat().await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let refusal = tokio::select! {
        refusal = basket.ended() => refusal.unwrap_err(),
        () = beats => panic!("the agent is refused"),
    };
    assert_eq!(refusal.code, Code::HybridIdentityServiceAgentSignalingError);
}

#[tokio::test]
async fn an_agent_that_may_not_serve_what_it_has_settings_for_cannot_be_routed_to() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let agent = AgentId(puppet.identity.agent_id);
    let only = |connectors: &[&str]| TokenGrant {
        connectors: connectors.iter().map(|name| (*name).to_owned()).collect(),
    };
    lab.directory.assign(agent, only(&["elsewhere"]));
    puppet.beat().await.unwrap();
    let offered = || {
        lab.desk
            .offer_read(CONNECTOR, order(), Arc::new(Basket::default()))
    };
    let refusal = offered().await.unwrap_err();
    assert_eq!(refusal.code, Code::HybridIdentityServiceInvalidResource);
    assert!(
        refusal
            .argument("cure")
            .unwrap()
            .contains("hybridge agent assign")
    );
    // The cure ends it with the next sign of life; nothing is started anew.
    lab.directory.assign(agent, only(&[CONNECTOR]));
    puppet.beat().await.unwrap();
    assert!(offered().await.is_ok());
}

#[tokio::test]
async fn a_drained_agent_ends_what_it_has_begun_and_takes_nothing_new() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let agent = AgentId(puppet.identity.agent_id);
    let begun = reading(&lab).await;
    let lease = puppet.one_lease().await;
    assert!(is_accepted(&page(&puppet, &lease, 7, 0).await));
    lab.directory.drain(agent, true);
    lab.desk.drain(agent);
    let waiting = reading(&lab).await;
    assert!(puppet.lease(0).await.unwrap().is_empty());
    assert!(is_accepted(&end(&puppet, &lease).await));
    assert!(begun.ended().await.is_ok());
    lab.directory.drain(agent, false);
    let lease = puppet.one_lease().await;
    assert!(is_accepted(&end(&puppet, &lease).await));
    assert!(waiting.ended().await.is_ok());
}

#[tokio::test]
async fn what_an_agent_may_serve_no_longer_goes_to_another_one() {
    let lab = Lab::start(DeskLimits::default()).await;
    let (first, second) = (lab.puppet().await, lab.puppet().await);
    let agent = AgentId(first.identity.agent_id);
    let basket = reading(&lab).await;
    let lease = first.one_lease().await;
    assert!(is_accepted(&extend(&first, &lease).await));
    let elsewhere = TokenGrant {
        connectors: vec!["elsewhere".into()],
    };
    lab.directory.assign(agent, elsewhere);
    lab.desk
        .unassign(agent, |connector| connector == "elsewhere");
    let taken = second.one_lease().await;
    assert!(taken.fence > lease.fence);
    assert!(is_refused(
        &page(&first, &lease, 7, 0).await,
        Code::Conflict
    ));
    assert!(first.lease(0).await.unwrap().is_empty());
    assert!(is_accepted(&end(&second, &taken).await));
    assert!(basket.ended().await.is_ok());
}

#[tokio::test]
async fn a_lease_answers_only_to_its_agent_its_fence_and_its_read() {
    let lab = Lab::start(DeskLimits::default()).await;
    let (puppet, thief) = (lab.puppet().await, lab.puppet().await);
    let basket = reading(&lab).await;
    let lease = puppet.one_lease().await;
    let guessed = Leased {
        fence: lease.fence + 1,
        ..lease.clone()
    };
    assert!(is_refused(
        &page(&thief, &lease, 7, 0).await,
        Code::Conflict
    ));
    assert!(is_refused(
        &page(&puppet, &guessed, 7, 0).await,
        Code::Conflict
    ));
    assert!(is_refused(
        &page(&puppet, &lease, 8, 0).await,
        Code::RequestInvalid
    ));
    assert_eq!(basket.ended().await.unwrap_err().code, Code::RequestInvalid);
    assert!(basket.numbers().is_empty());
}

#[tokio::test]
async fn a_lease_of_before_the_restart_is_dead() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let before = reading(&lab).await;
    let lease = puppet.one_lease().await;
    assert!(is_accepted(&extend(&puppet, &lease).await));
    let lab = lab.restart(DeskLimits::default()).await;
    assert!(before.ended().await.is_err());
    assert!(is_refused(
        &page(&puppet, &lease, 7, 0).await,
        Code::Conflict
    ));
    let after = reading(&lab).await;
    assert!(puppet.one_lease().await.fence > lease.fence);
    assert!(after.numbers().is_empty());
}

#[tokio::test]
async fn the_right_code_says_whether_agents_are_missing_or_silent() {
    let lab = Lab::start(short()).await;
    let basket = Arc::new(Basket::default());
    let refused = lab
        .desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::HybridIdentityServiceNoAgentsAssigned);
    let _puppet = lab.puppet().await;
    // Offered while the agent counts as there; it goes away without taking it.
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    assert_eq!(
        basket.ended().await.unwrap_err().code,
        Code::HybridIdentityServiceNoActiveAgents
    );
    let refused = lab
        .desk
        .offer_read(CONNECTOR, order(), basket)
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::HybridIdentityServiceNoActiveAgents);
}
