//! Sources between two pieces of work, so that a delta does not begin with a new connection.
//!
//! Only a source whose work ended well is kept, and only for a while: an idle connection may be cut by the network without a
//! word. Never holds more than a few per connector. Trap: a source keeps what it learnt of the directory; whoever takes it
//! must not expect a fresh one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use connectors::Source;
use tokio::time::Instant;

/// How long a source may lie unused: shorter than firewalls forget connections.
const KEPT: Duration = Duration::from_secs(60);
// LIMIT: sources kept for one connector.
const MOST: usize = 2;

/// Sources of one connector, with the time their work ended; the latest last.
type Kept = Vec<(Instant, Box<dyn Source>)>;

/// The shelf.
#[derive(Default)]
pub struct Shelf {
    sources: Mutex<HashMap<String, Kept>>,
}

impl Shelf {
    /// The source of this connector that was used last, if it is not too long ago.
    pub fn take(&self, connector: &str) -> Option<Box<dyn Source>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = sources.get_mut(connector)?;
        kept.retain(|(since, _)| since.elapsed() < KEPT);
        kept.pop().map(|(_, source)| source)
    }

    /// Keeps a source whose work ended well.
    pub fn keep(&self, connector: &str, source: Box<dyn Source>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = sources.entry(connector.to_owned()).or_default();
        kept.retain(|(since, _)| since.elapsed() < KEPT);
        if kept.len() < MOST {
            kept.push((Instant::now(), source));
        }
    }
}
