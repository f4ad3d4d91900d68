//! The doorbell: watching a source, and telling the server that something changed.
//!
//! Never says what changed. Trap: a change that comes while a ring is on its way needs a ring of its own, because the server
//! may have begun to read before it.

use std::sync::atomic::{AtomicBool, Ordering};

use connectors::{
    Source,
    source::{Bell, WatchEnd, Watermark},
};
use sync_core::{object::ReadSpec, operation::Refusal};
use tokio::sync::Notify;
use wire::agent::v1::{Answer, Ring};

use crate::lease::Lease;

/// What the source has said and the server was not yet told.
#[derive(Default)]
struct Button {
    is_armed: AtomicBool,
    is_rung: AtomicBool,
    pressed: Notify,
}

impl Bell for Button {
    fn armed(&self) {
        self.is_armed.store(true, Ordering::Relaxed);
        self.pressed.notify_one();
    }

    fn ring(&self) {
        self.is_rung.store(true, Ordering::Relaxed);
        self.pressed.notify_one();
    }
}

/// Watches until the source ends it; the answer that ends the work.
pub async fn watch(
    lease: &Lease,
    source: &mut Box<dyn Source>,
    spec: &ReadSpec,
    watermark: Option<Watermark>,
) -> Result<Answer, Refusal> {
    let button = Button::default();
    let end = tokio::select! {
        end = source.watch(spec, watermark, &button) => end?,
        Err(refusal) = tell(lease, &button) => return Err(refusal),
    };
    Ok(Answer::WatchEnd {
        unsupported: match end {
            WatchEnd::Unsupported(why) => Some(why.into()),
            WatchEnd::Ended => None,
        },
    })
}

/// Tells the server of every press, one ring for all that came meanwhile. Returns only when the server takes no more.
async fn tell(lease: &Lease, button: &Button) -> Result<std::convert::Infallible, Refusal> {
    let mut number = 0_u32;
    loop {
        button.pressed.notified().await;
        let is_armed = button.is_armed.swap(false, Ordering::Relaxed);
        let is_rung = button.is_rung.swap(false, Ordering::Relaxed);
        for is_armed in [is_armed.then_some(true), is_rung.then_some(false)]
            .into_iter()
            .flatten()
        {
            let ring = Ring { number, is_armed };
            lease.post(&format!("rings/{number}"), &ring).await?;
            number = number.wrapping_add(1);
        }
    }
}
