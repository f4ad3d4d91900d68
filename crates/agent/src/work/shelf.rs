//! Sources between two pieces of work, so that in a burst of changes a delta does not begin with a new connection.
//!
//! Only a source whose work ended well is kept, and none gets old: a changed password, a locked account or a right that was
//! taken away shows only on a new connection, and must not go unnoticed for long. Trap: a source keeps what it learnt of the
//! directory; whoever takes it must not expect a fresh one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use connectors::Source;
use tokio::time::Instant;

/// How old a source may become.
const OLDEST: Duration = Duration::from_secs(5);
// LIMIT: sources kept for one connector.
const MOST: usize = 2;

/// A source and when it was made.
pub struct Aged {
    pub source: Box<dyn Source>,
    made: Instant,
}

impl Aged {
    pub fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            made: Instant::now(),
        }
    }
}

/// The shelf.
#[derive(Default)]
pub struct Shelf {
    sources: Mutex<HashMap<String, Vec<Aged>>>,
}

impl Shelf {
    /// A source of this connector that is not too old.
    pub fn take(&self, connector: &str) -> Option<Aged> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = sources.get_mut(connector)?;
        kept.retain(|aged| aged.made.elapsed() < OLDEST);
        kept.pop()
    }

    /// Keeps a source whose work ended well.
    pub fn keep(&self, connector: &str, aged: Aged) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = sources.entry(connector.to_owned()).or_default();
        kept.retain(|aged| aged.made.elapsed() < OLDEST);
        if kept.len() < MOST && aged.made.elapsed() < OLDEST {
            kept.push(aged);
        }
    }

    /// Lets go of sources nobody has come for in time.
    pub fn sweep(&self) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for kept in sources.values_mut() {
            kept.retain(|aged| aged.made.elapsed() < OLDEST);
        }
    }
}
