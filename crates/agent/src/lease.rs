//! A lease as the agent holds it: kept alive while work goes on, and dead for ever once the server or the clock says so.
//!
//! Never outlives its monotonic deadline on its own authority. Trap: while a part is under way the deadline does not count:
//! the server may be storing it, and its answer decides.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use sync_core::{code::Code, operation::Refusal};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wire::agent::v1::{Leased, Receipt, frame};

use crate::{
    error::AgentError,
    link::{CONTROL_TIMEOUT, FRAME_TIMEOUT, Link},
};

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Packs a message of about this many bytes.
///
/// # Errors
/// If it is too large for one frame.
pub fn pack<T: Serialize>(message: &T, bytes: usize) -> Result<Bytes, Refusal> {
    match frame::pack_about(message, bytes) {
        Ok(frame) => Ok(frame.into()),
        Err(fault) => Err(Refusal::new(Code::RequestInvalid).with("text", fault.to_string())),
    }
}

/// A lease.
pub struct Lease {
    link: Arc<Link>,
    id: String,
    fence: u64,
    deadline: Mutex<Instant>,
    posting: AtomicU32,
    lost: CancellationToken,
}

impl Lease {
    pub fn new(link: Arc<Link>, leased: &Leased) -> Self {
        let deadline = Instant::now() + Duration::from_millis(leased.deadline_ms);
        Self {
            link,
            id: leased.lease.clone(),
            fence: leased.fence,
            deadline: Mutex::new(deadline),
            posting: AtomicU32::new(0),
            lost: CancellationToken::new(),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Keeps the lease alive; returns when it is lost.
    pub async fn keep(&self) {
        loop {
            self.extend().await;
            if self.lost.is_cancelled() {
                return;
            }
            let third = self.left() / 3;
            tokio::select! {
                () = sleep(third.max(SHORTEST_PAUSE)) => {}
                () = self.lost.cancelled() => return,
            }
        }
    }

    async fn extend(&self) {
        let sent = Instant::now();
        let path = format!("/leases/{}/extend?fence={}", self.id, self.fence);
        match self.link.control(&path, &(), CONTROL_TIMEOUT).await {
            Ok(Receipt::Accepted { deadline_ms }) => self.prolong(sent, deadline_ms),
            Ok(_) => self.lost.cancel(),
            Err(fault) if fault.is_passing() => {
                if self.left().is_zero() && self.posting.load(Ordering::Relaxed) == 0 {
                    self.lost.cancel();
                }
            }
            Err(_) => self.lost.cancel(),
        }
    }

    /// Sends a part, an end or an answer, and repeats it until the server has taken it.
    pub async fn post<T: Serialize>(&self, place: &str, message: &T) -> Result<(), Refusal> {
        self.post_frame(place, pack(message, 0)?).await
    }

    /// As [`Self::post`], for a message that is packed already.
    pub async fn post_frame(&self, place: &str, frame: Bytes) -> Result<(), Refusal> {
        let path = format!("/leases/{}/{place}?fence={}", self.id, self.fence);
        self.posting.fetch_add(1, Ordering::Relaxed);
        let taken = self.repeat(&path, frame).await;
        self.posting.fetch_sub(1, Ordering::Relaxed);
        taken
    }

    async fn repeat(&self, path: &str, frame: Bytes) -> Result<(), Refusal> {
        loop {
            if self.left().is_zero() || self.lost.is_cancelled() {
                return Err(self.over());
            }
            let sent = Instant::now();
            match self.link.frame(path, frame.clone(), FRAME_TIMEOUT).await {
                Ok(Receipt::Accepted { deadline_ms }) => {
                    self.prolong(sent, deadline_ms);
                    return Ok(());
                }
                Ok(receipt) => return Err(self.refused(receipt)),
                Err(fault) if fault.is_passing() => sleep(RETRY_PAUSE).await,
                Err(fault) => return Err(self.failed(&fault)),
            }
        }
    }

    // A whole lease from the moment the message left is never longer than what the server grants from its receipt.
    fn prolong(&self, sent: Instant, milliseconds: u64) {
        let next = sent + Duration::from_millis(milliseconds);
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        *deadline = next.max(*deadline);
    }

    fn left(&self) -> Duration {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.saturating_duration_since(Instant::now())
    }

    fn refused(&self, receipt: Receipt) -> Refusal {
        self.lost.cancel();
        match receipt {
            Receipt::Refused { refusal } => refusal.into(),
            Receipt::NotNext { expected } => self
                .over()
                .with("text", format!("the server expects part {expected}")),
            Receipt::Accepted { .. } | Receipt::Unknown => self.over(),
        }
    }

    fn failed(&self, fault: &AgentError) -> Refusal {
        if matches!(fault, AgentError::CertificateRefused { .. }) {
            self.lost.cancel();
        }
        fault.refusal()
    }

    fn over(&self) -> Refusal {
        Refusal::new(Code::TimeOut).with("lease", &self.id)
    }
}
