//! The doorbell from end to end, with a real agent.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use connectors::source::WatchEnd;
use server::desk::{DeskLimits, Rang, ReadOrder, Watched, Watching};
use sync_core::{code::Code, operation::Refusal};

use crate::lab::*;

async fn word(watching: &mut Watching) -> Result<Watched, Refusal> {
    tokio::time::timeout(Duration::from_secs(20), watching.next())
        .await
        .unwrap()
        .unwrap()
}

async fn hung(lab: &Lab, watermark: Option<Vec<u8>>) -> Watching {
    let watch = lab.desk.watch(CONNECTOR, &spec(), watermark).await;
    watch.unwrap()
}

fn button() -> (Arc<Button>, Fake) {
    let button = Arc::new(Button::default());
    let fake = Fake {
        button: Some(button.clone()),
        ..Fake::default()
    };
    (button, fake)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doorbell_is_armed_rings_and_falls_silent_when_nobody_listens() {
    let lab = Lab::start(DeskLimits::default()).await;
    let (button, fake) = button();
    let _agent = lab.agent(fake).await;
    let mut watching = hung(&lab, Some(vec![9])).await;
    assert_eq!(word(&mut watching).await, Ok(Watched::Rang(Rang::Armed)));
    for _ in 0..3 {
        button.press.notify_one();
        assert_eq!(word(&mut watching).await, Ok(Watched::Rang(Rang::Changed)));
    }
    assert_eq!(button.watchers.load(Ordering::Relaxed), 1);
    drop(watching);
    // The agent learns of it at its next ring or extension.
    button.press.notify_one();
    while button.watchers.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_tell_of_changes_says_why() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab.agent(Fake::default()).await;
    let mut watching = hung(&lab, None).await;
    let why = Refusal::new(Code::RequestInvalid);
    let end = Ok(Watched::Ended(WatchEnd::Unsupported(why)));
    assert_eq!(word(&mut watching).await, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn doorbells_leave_every_hand_free_for_reading() {
    let lab = Lab::start(DeskLimits::default()).await;
    let (_, fake) = button();
    let _agent = lab.agent(fake).await;
    let mut watches = Vec::new();
    // More than the pieces of work an agent does at once.
    for _ in 0..6 {
        let mut watching = hung(&lab, Some(vec![9])).await;
        assert_eq!(word(&mut watching).await, Ok(Watched::Rang(Rang::Armed)));
        watches.push(watching);
    }
    let basket = Arc::new(Basket::default());
    let order: ReadOrder = order();
    let read = lab.desk.offer_read(CONNECTOR, order, basket.clone());
    read.await.unwrap();
    assert!(basket.ended().await.is_ok());
    assert_eq!(basket.numbers(), [0, 1, 2]);
}
