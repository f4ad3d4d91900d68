//! Reads from end to end, with a real agent.

use std::sync::Arc;

use connectors::source::{ReadEnd, ReadMode};
use server::desk::{DeskLimits, ReadOrder};
use sync_core::code::Code;

use crate::lab::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_many_pages_arrives_whole_and_in_order() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab
        .agent(Fake {
            pages: 200,
            per_page: 20,
            ..Fake::default()
        })
        .await;
    let basket = Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    let end = basket.ended().await.unwrap();
    let seen = [("user".into(), 4_000)].into();
    assert_eq!(
        end,
        ReadEnd::Complete {
            watermark: vec![255],
            seen,
            is_census: false,
            method: Default::default(),
        }
    );
    assert_eq!(basket.numbers(), (0..200).collect::<Vec<_>>());
    let pages = basket.pages.lock().unwrap();
    let entries: Vec<_> = pages.iter().flat_map(|page| page.entries.clone()).collect();
    assert_eq!(entries, (0..4_000).map(entry).collect::<Vec<_>>());
    assert_eq!(pages[7].watermark, Some(vec![7]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heavy_page_is_divided_and_its_watermark_comes_last() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab
        .agent(Fake {
            pages: 1,
            per_page: 20,
            heavy: 1 << 20,
            ..Fake::default()
        })
        .await;
    let basket = Arc::new(Basket::default());
    let order = ReadOrder {
        first_page: 5,
        ..order()
    };
    lab.desk
        .offer_read(CONNECTOR, order, basket.clone())
        .await
        .unwrap();
    basket.ended().await.unwrap();
    assert_eq!(basket.numbers(), [5, 6, 7]);
    let pages = basket.pages.lock().unwrap();
    assert_eq!(
        pages.iter().map(|page| page.entries.len()).sum::<usize>(),
        20
    );
    assert!(pages[0].watermark.is_none() && pages[1].watermark.is_none());
    assert_eq!(pages[2].watermark, Some(vec![0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_cannot_be_continued_is_said_so() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab.agent(Fake::default()).await;
    let basket = Arc::new(Basket::default());
    let order = ReadOrder {
        mode: ReadMode::Delta(vec![1, 2]),
        ..order()
    };
    lab.desk
        .offer_read(CONNECTOR, order, basket.clone())
        .await
        .unwrap();
    match basket.ended().await.unwrap() {
        ReadEnd::NeedsFullRead(refusal) => assert_eq!(refusal.code, Code::SourceCookieRefused),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_source_keeps_its_lease_and_an_aborted_read_ends() {
    let lab = Lab::start(short()).await;
    let _agent = lab
        .agent(Fake {
            stuck_at: Some(1),
            ..Fake::default()
        })
        .await;
    let basket = Arc::new(Basket::default());
    let handle = lab
        .desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    wait_until(|| async { basket.numbers() == [0] }).await;
    // Several lease times: only the agent's extensions keep the read alive.
    tokio::time::sleep(short().lease * 4).await;
    assert!(basket.end.lock().unwrap().is_none());
    handle.abort();
    assert_eq!(basket.ended().await.unwrap_err().code, Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_stopped_says_so() {
    let lab = Lab::start(DeskLimits::default()).await;
    let mut agent = lab
        .agent(Fake {
            stuck_at: Some(1),
            ..Fake::default()
        })
        .await;
    let basket = Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    wait_until(|| async { basket.numbers() == [0] }).await;
    agent.shutdown.cancel();
    let refusal = basket.ended().await.unwrap_err();
    assert_eq!(refusal.argument("text"), Some("the agent was stopped"));
    (&mut agent.task).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_comes_back_by_itself_after_the_server_restarts() {
    let lab = Lab::start(DeskLimits::default()).await;
    let _agent = lab.agent(Fake::default()).await;
    let before = Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), before.clone())
        .await
        .unwrap();
    before.ended().await.unwrap();

    let lab = lab.restart(DeskLimits::default()).await;
    let after = Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), after.clone())
        .await
        .unwrap();
    after.ended().await.unwrap();
    assert_eq!(after.numbers(), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_share_the_reads_of_a_connector() {
    let lab = Lab::start(DeskLimits::default()).await;
    let first = lab
        .agent(Fake {
            stuck_at: Some(0),
            ..Fake::default()
        })
        .await;
    let baskets: Vec<_> = (0..4).map(|_| Arc::new(Basket::default())).collect();
    for basket in &baskets {
        lab.desk
            .offer_read(CONNECTOR, order(), basket.clone())
            .await
            .unwrap();
    }
    let waiting = Arc::new(Basket::default());
    // The first agent's hands are full; the second takes what is left.
    let _second = lab.agent(Fake::default()).await;
    lab.desk
        .offer_read(CONNECTOR, order(), waiting.clone())
        .await
        .unwrap();
    tokio::time::timeout(SOON, async {
        while waiting.end.lock().unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the second agent never took it");
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_over_a_wire_that_breaks_again_and_again_arrives_once_and_whole() {
    let lab = Lab::start(DeskLimits::default()).await;
    let (wire, connections) = breaking_wire(lab.address).await;
    let folder = tempfile::tempdir().unwrap();
    lab.try_enrol(&lab.token(SOON), folder.path())
        .await
        .unwrap();
    let fake = Fake {
        pages: 25,
        per_page: 20,
        heavy: 40_000,
        ..Fake::default()
    };
    let _agent = Running::start(folder, Some(format!("https://{wire}")), fake);
    let basket = Arc::new(Basket::default());
    wait_until(|| async {
        let offered = lab
            .desk
            .offer_read(CONNECTOR, order(), basket.clone())
            .await;
        offered.is_ok()
    })
    .await;
    basket.ended().await.unwrap();
    assert_eq!(basket.numbers(), (0..25).collect::<Vec<_>>());
    let connections = connections.load(std::sync::atomic::Ordering::Relaxed);
    assert!(connections > 8, "the wire broke only {connections} times");
}
