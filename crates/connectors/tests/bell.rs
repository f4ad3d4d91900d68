//! A bell that tells a test what it heard.

use connectors::{
    Source,
    source::{Bell, SourceError, WatchEnd},
};
use sync_core::object::ReadSpec;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Armed,
    Ring,
}

struct Ear(UnboundedSender<Heard>);

impl Bell for Ear {
    fn armed(&self) {
        let _ = self.0.send(Heard::Armed);
    }

    fn ring(&self) {
        let _ = self.0.send(Heard::Ring);
    }
}

/// A watch under way.
pub struct Watch {
    heard: UnboundedReceiver<Heard>,
    pub end: JoinHandle<Result<WatchEnd, SourceError>>,
}

impl Watch {
    /// Watches with this source until it ends by itself or the test is over.
    pub fn begin(mut source: impl Source + 'static, spec: ReadSpec) -> Self {
        let (sender, heard) = unbounded_channel();
        let end = tokio::spawn(async move { source.watch(&spec, None, &Ear(sender)).await });
        Self { heard, end }
    }

    /// The next thing heard; `None`: the watch is over.
    pub async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Forgets what was heard up to now.
    pub fn hush(&mut self) {
        while self.heard.try_recv().is_ok() {}
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.abort();
    }
}
