//! The way of one piece of work: on the desk, under a lease, perhaps back on the desk, over.
//!
//! One task per piece; it alone speaks to whoever asked. Never leases again what an agent has begun: its parts are already
//! with the asker; a doorbell is the exception. Trap: the deadline does not run while the asker stores a part, or a slow disk would kill a healthy read.

use std::time::Duration;

use jiff::Timestamp;
use sync_core::{code::Code, id::ReadId, operation::Refusal};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use wire::agent::v1::{Receipt, Work};

use super::{
    Desk,
    consumer::Consumer,
    lease::{Command, End, Part, Word},
    signalling,
    state::{Hold, milliseconds},
    timed_out,
};
use std::sync::Arc;

/// A piece of work and its limits.
pub struct Order {
    pub connector: String,
    pub read: Option<ReadId>,
    pub work: Work,
    pub first: u32,
    pub give_up: Instant,
    pub abort: CancellationToken,
}

type Reply = tokio::sync::oneshot::Sender<Receipt>;

enum Ended {
    /// The agent said its last word; whoever waits for the receipt gets it.
    Said(End, Reply),
    /// Something else ended it.
    Cut(Refusal),
    /// The agent never said a word, or has gone before it said any that matters.
    Silent,
}

/// Carries a piece of work through.
pub async fn run(desk: Arc<Desk>, order: Order, consumer: Consumer) {
    let mut left = desk.limits.handovers.max(1);
    loop {
        let mut hold = match queued(&desk, &order).await {
            Ok(hold) => hold,
            Err(refusal) => {
                let _ = consumer.end(Err(refusal), 0).await;
                return;
            }
        };
        left -= 1;
        let mut next = order.first;
        match leased(&desk, &order, &consumer, &mut hold, &mut next).await {
            Ended::Silent if left > 0 => {
                debug!(
                    lease = hold.lease,
                    connector = order.connector,
                    "handed out again"
                );
                desk.lock().release(&hold.lease, false);
            }
            Ended::Silent => {
                let refusal = tracked(signalling(&order.connector), &order, &hold.lease);
                return finish(&desk, consumer, &hold, Err(refusal)).await;
            }
            Ended::Cut(refusal) => {
                let refusal = tracked(refusal, &order, &hold.lease);
                return finish(&desk, consumer, &hold, Err(refusal)).await;
            }
            Ended::Said(end, reply) => {
                let end = said(end, &order, &hold.lease);
                let taken = consumer.end(Ok(end), next - order.first).await;
                desk.lock().release(&hold.lease, taken.is_ok());
                let _ = reply.send(match taken {
                    Ok(()) => Receipt::Accepted { deadline_ms: 0 },
                    Err(refusal) => Receipt::Refused {
                        refusal: refusal.into(),
                    },
                });
                return;
            }
        }
    }
}

/// With what it takes to find the same in the logs of both ends: the lease (also in the agent's log), what it belongs to, the time.
fn tracked(refusal: Refusal, order: &Order, lease: &str) -> Refusal {
    let refusal = refusal
        .with("tracking", lease)
        .with("at", Timestamp::now().to_string());
    match order.read {
        Some(read) => refusal.with("correlation", format!("read-{}", read.0)),
        None => refusal,
    }
}

/// The last word of an agent; a failure in it is tracked.
fn said(end: End, order: &Order, lease: &str) -> End {
    match end {
        End::Read(Err(refusal)) => End::Read(Err(tracked(refusal, order, lease))),
        End::Answer(Err(refusal)) => End::Answer(Err(tracked(refusal, order, lease))),
        other => other,
    }
}

// The fence dies before the asker hears of it: nothing can arrive after its end.
async fn finish(desk: &Desk, consumer: Consumer, hold: &Hold, end: Result<End, Refusal>) {
    desk.lock().release(&hold.lease, false);
    let _ = consumer.end(end, 0).await;
}

/// Waits on the desk until somebody takes the work.
async fn queued(desk: &Desk, order: &Order) -> Result<Hold, Refusal> {
    let (id, hold) = desk.lock().lay(&order.connector, order.work.clone());
    desk.bell.notify_waiters();
    let mut hold = hold;
    let refusal = tokio::select! {
        biased;
        taken = &mut hold => match taken {
            Ok(hold) => return Ok(hold),
            Err(_) => timed_out(&order.connector),
        },
        () = order.abort.cancelled() => stopped(),
        () = sleep_until(order.give_up) => timed_out(&order.connector),
        refusal = abandoned(desk, &order.connector) => refusal,
    };
    let refusal = tracked(refusal, order, &format!("{id:x}"));
    desk.lock().take_back(id);
    // Somebody may have taken it just before it was taken back; the lease must not stay behind.
    if let Ok(taken) = hold.try_recv() {
        desk.lock().release(&taken.lease, false);
    }
    Err(refusal)
}

/// Returns when every agent of the connector has gone.
async fn abandoned(desk: &Desk, connector: &str) -> Refusal {
    let pause = (desk.limits.presence / 4).max(Duration::from_millis(10));
    let laid = Instant::now();
    loop {
        sleep(pause).await;
        // Whoever is there has had the time to ask, also after a long poll that broke.
        if laid.elapsed() > desk.limits.presence
            && let Err(refusal) = desk.check_ears(connector).await
            && is_about_agents(&refusal)
        {
            return refusal;
        }
        match desk.check_agents(connector).await {
            Err(refusal) if is_about_agents(&refusal) => return refusal,
            _ => {}
        }
    }
}

fn is_about_agents(refusal: &Refusal) -> bool {
    matches!(
        refusal.code,
        Code::HybridIdentityServiceNoAgentsAssigned
            | Code::HybridIdentityServiceNoActiveAgents
            | Code::HybridIdentityServiceInvalidResource
            | Code::HybridIdentityServiceAgentSignalingError
    )
}

/// Listens to the agent until the work is over.
async fn leased(
    desk: &Desk,
    order: &Order,
    consumer: &Consumer,
    hold: &mut Hold,
    next: &mut u32,
) -> Ended {
    let mut deadline = Instant::now() + desk.limits.handover;
    let mut is_silent = true;
    loop {
        let command = tokio::select! {
            // In this order: a word that comes after the deadline is too late, even if both are seen at once.
            biased;
            () = order.abort.cancelled() => return Ended::Cut(stopped()),
            () = hold.expelled.cancelled() => return Ended::Cut(timed_out(&order.connector).with("text", "the agent was revoked")),
            () = hold.orphaned.cancelled() => {
                info!(lease = hold.lease, connector = order.connector, "lease {} is over: its agent was started anew", hold.lease);
                return match consumer.can_begin_again() || *next == order.first {
                    true => Ended::Silent,
                    false => Ended::Cut(timed_out(&order.connector).with("text", "the agent was started anew in the middle of the work")),
                };
            }
            () = sleep_until(deadline) => {
                info!(lease = hold.lease, connector = order.connector, "lease {} expired", hold.lease);
                return if is_silent { Ended::Silent } else { Ended::Cut(timed_out(&order.connector)) };
            }
            command = hold.commands.recv() => command,
        };
        let Some(Command { word, reply }) = command else {
            return Ended::Cut(stopped());
        };
        is_silent = false;
        let receipt = match word {
            Word::Extend => accepted(desk),
            Word::End(end) => return Ended::Said(end, reply),
            Word::Part(number, part) => {
                match take_part(order, consumer, next, number, part).await {
                    Ok(true) => accepted(desk),
                    Ok(false) => Receipt::NotNext { expected: *next },
                    Err(refusal) => {
                        let _ = reply.send(Receipt::Refused {
                            refusal: refusal.clone().into(),
                        });
                        return Ended::Cut(refusal);
                    }
                }
            }
        };
        deadline = Instant::now() + desk.limits.lease;
        let _ = reply.send(receipt);
    }
}

/// Takes a part if it is the next; a part taken before is taken again without effect.
async fn take_part(
    order: &Order,
    consumer: &Consumer,
    next: &mut u32,
    number: u32,
    part: Part,
) -> Result<bool, Refusal> {
    if let Part::Page(read, _) = part
        && order.read != Some(read)
    {
        return Err(Refusal::new(Code::RequestInvalid).with("text", "the page is of another read"));
    }
    if number != *next {
        return Ok(number >= order.first && number.checked_add(1) == Some(*next));
    }
    let following = number.checked_add(1).ok_or_else(|| {
        Refusal::new(Code::RequestInvalid).with("text", "the number of parts is exhausted")
    })?;
    consumer.part(part).await?;
    *next = following;
    Ok(true)
}

fn accepted(desk: &Desk) -> Receipt {
    Receipt::Accepted {
        deadline_ms: milliseconds(desk.limits.lease),
    }
}

fn stopped() -> Refusal {
    Refusal::new(Code::Conflict).with("text", "the work was stopped")
}
