//! A plain listing, in chunks.
//!
//! The source's callback cannot wait, so the listing runs on a thread of its own, held back while too many chunks are
//! under way. Trap: the thread must see that its lease is lost, or it would list a whole directory for nobody.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use connectors::{Source, source::Listed};
use sync_core::{code::Code, object::ReadSpec, operation::Refusal};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::agent::v1::{Answer, Listing};

use super::read::weigh;
use crate::{convert, lease::Lease};

// LIMIT: entries and bytes of a chunk, and chunks under way.
const CHUNK_ENTRIES: usize = 500;
const CHUNK_BYTES: usize = 4 << 20;
const CHUNKS_UNDER_WAY: u32 = 2;
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Counts chunks under way, and lets a thread wait until there are few.
#[derive(Default)]
struct Gate {
    under_way: Mutex<u32>,
    fewer: Condvar,
}

impl Gate {
    /// Waits on a thread that may block. False if nobody wants more.
    fn enter(&self, stop: &CancellationToken) -> bool {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while *under_way >= CHUNKS_UNDER_WAY && !stop.is_cancelled() {
            let waited = self.fewer.wait_timeout(under_way, LOOK_AGAIN);
            under_way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *under_way += 1;
        !stop.is_cancelled()
    }

    fn leave(&self) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *under_way = under_way.saturating_sub(1);
        self.fewer.notify_one();
    }
}

/// Cuts entries into chunks.
struct Cutter {
    chunk: Vec<Listed>,
    weight: usize,
    chunks: UnboundedSender<Vec<Listed>>,
    gate: Arc<Gate>,
    stop: CancellationToken,
}

impl Cutter {
    fn add(&mut self, listed: Listed) -> bool {
        self.weight += weigh(&listed.entry) + listed.dn.len();
        self.chunk.push(listed);
        if self.chunk.len() >= CHUNK_ENTRIES || self.weight >= CHUNK_BYTES {
            return self.cut();
        }
        !self.stop.is_cancelled()
    }

    fn cut(&mut self) -> bool {
        self.weight = 0;
        let chunk = std::mem::take(&mut self.chunk);
        self.gate.enter(&self.stop) && self.chunks.send(chunk).is_ok()
    }
}

/// Lists, chunk by chunk; the answer that ends it.
pub async fn enumerate(
    lease: &Lease,
    source: Box<dyn Source>,
    spec: ReadSpec,
) -> Result<Answer, Refusal> {
    let gate = Arc::new(Gate::default());
    let (sender, chunks) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let cutter = Cutter {
        chunk: Vec::new(),
        weight: 0,
        chunks: sender,
        gate: gate.clone(),
        stop: stop.clone(),
    };
    let guard = stop.drop_guard();
    let runtime = Handle::current();
    let listing = tokio::task::spawn_blocking(move || runtime.block_on(list(source, spec, cutter)));
    let sent = send(lease, chunks, &gate, guard).await?;
    match listing.await {
        Ok(listed) => listed.map(|()| Answer::ListingEnd { chunks: sent }),
        Err(_) => Err(Refusal::new(Code::InternalFault).with("text", "the listing broke off")),
    }
}

async fn list(
    mut source: Box<dyn Source>,
    spec: ReadSpec,
    mut cutter: Cutter,
) -> Result<(), Refusal> {
    let stop = cutter.stop.clone();
    let stopped = || Refusal::new(Code::Conflict).with("text", "nobody wants the listing any more");
    let mut each = |listed| cutter.add(listed);
    let listed = tokio::select! {
        listed = source.enumerate(&spec, &mut each) => listed,
        () = stop.cancelled() => return Err(stopped()),
    };
    listed?;
    if !cutter.chunk.is_empty() && !cutter.cut() {
        return Err(stopped());
    }
    Ok(())
}

async fn send(
    lease: &Lease,
    mut chunks: UnboundedReceiver<Vec<Listed>>,
    gate: &Gate,
    _stop_when_dropped: DropGuard,
) -> Result<u32, Refusal> {
    let mut number = 0;
    while let Some(chunk) = chunks.recv().await {
        let entries = chunk.into_iter().map(convert::listed).collect();
        lease
            .post(&format!("listings/{number}"), &Listing { number, entries })
            .await?;
        gate.leave();
        number += 1;
    }
    Ok(number)
}
