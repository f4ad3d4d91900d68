//! Leased work: one file per act.
//!
//! Trap: when the lease is lost the source's future is dropped in the middle; sources abandon their request on drop.

mod cooldown;
mod enumerate;
mod read;
mod shelf;
mod watch;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU32},
    time::Instant,
};

use connectors::Source;
use sync_core::{code::Code, operation::Refusal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use wire::{
    agent::v1::{Answer, Leased, ReadEnd, Work},
    bytes::Bytes,
};

use crate::{
    config::{AgentConfig, ConnectorConfig, SourceFactory},
    convert,
    doctor::{Patient, Settings, examine},
    lease::Lease,
    link::Link,
    support,
};
use cooldown::Cooldown;
use shelf::{Aged, Shelf};

// LIMIT: bytes of the log that are sent in one answer.
const MOST_LINES: usize = 8 << 20;

/// What work needs.
pub struct Bench {
    pub link: Arc<Link>,
    /// Where its identity is.
    pub data_directory: PathBuf,
    pub config: AgentConfig,
    pub factory: Arc<dyn SourceFactory>,
    pub shutdown: CancellationToken,
    /// Sources between two pieces of work.
    pub shelf: Shelf,
    /// Credentials that were refused lately.
    pub cooldown: Cooldown,
    /// Pieces of work under way.
    pub busy: Arc<AtomicU32>,
    /// This process, for the server to tell it from one before.
    pub session: String,
}

/// Does a piece of work, as long as its lease lives.
pub async fn carry_out(bench: Arc<Bench>, leased: Leased) {
    let lease = Arc::new(Lease::new(bench.link.clone(), &leased));
    let connector = leased.connector.clone();
    let is_read = matches!(leased.work, Work::Read { .. });
    // By itself, so that a fault of a connector ends this work and nothing else.
    let mut doing = JoinSet::new();
    let (own_bench, own_lease) = (bench.clone(), lease.clone());
    doing.spawn(async move { answer(&own_bench, &own_lease, leased).await });
    let done = tokio::select! {
        done = doing.join_next() => match done {
            Some(Ok(done)) => done,
            _ => give_up(&lease, is_read, broken()).await,
        },
        () = lease.keep() => {
            warn!(lease = lease.id(), connector, "lease {} was lost, its work is dropped", lease.id());
            return;
        }
        () = bench.shutdown.cancelled() => {
            // Nothing more is said about the work but that it ended.
            doing.shutdown().await;
            let stopped = Refusal::new(Code::TimeOut).with("text", "the agent was stopped");
            give_up(&lease, is_read, stopped).await
        }
    };
    match done {
        Ok(()) => debug!(
            lease = lease.id(),
            connector,
            "work of lease {} done",
            lease.id()
        ),
        Err(refusal) => {
            warn!(lease = lease.id(), connector, %refusal, "work of lease {} was not taken", lease.id())
        }
    }
}

/// A connector broke over what it was asked.
fn broken() -> Refusal {
    Refusal::new(Code::HybridSynchronizationActiveDirectoryInternalServerError).with(
        "text",
        "the agent could not carry the request out; its log holds the place of the fault",
    )
}

// LONG: one arm a kind of work.
async fn answer(bench: &Bench, lease: &Arc<Lease>, leased: Leased) -> Result<(), Refusal> {
    // About the agent, and not about one of its sources.
    if let Some(answer) = bench.of_itself(&leased.work).await {
        return lease.post("answer", &ended(answer)).await;
    }
    let is_read = matches!(leased.work, Work::Read { .. });
    // A doorbell and a listing hold on to their source; the others put it back.
    let is_lasting = matches!(leased.work, Work::Watch { .. } | Work::Enumerate { .. });
    let shelved = match is_lasting {
        true => None,
        false => bench.shelf.take(&leased.connector),
    };
    let fresh = || bench.source(&leased.connector).map(Aged::new);
    let mut aged = match shelved.map_or_else(fresh, Ok) {
        Ok(aged) => aged,
        Err(refusal) => return give_up(lease, is_read, refusal).await,
    };
    let source = &mut aged.source;
    let answer = match leased.work {
        Work::Read {
            read,
            spec,
            mode,
            position,
            first_page,
        } => {
            floor(source, position);
            let order = read::Order {
                read,
                spec: spec.into(),
                mode: convert::mode(mode),
                first_page,
            };
            let (told, failure) = read::read(lease, source, order).await;
            bench.note(&leased.connector, failure.as_ref());
            if told.is_ok() && failure.is_none() {
                bench.shelf.keep(&leased.connector, aged);
            }
            return told;
        }
        Work::Enumerate { spec, position } => {
            floor(source, position);
            let answer = enumerate::enumerate(lease, aged.source, spec.into()).await;
            bench.note(&leased.connector, answer.as_ref().err());
            return lease.post("answer", &ended(answer)).await;
        }
        Work::Discover => source.discover().await.map(convert::source),
        Work::Containers { position } => {
            floor(source, position);
            source.containers().await.map(convert::containers)
        }
        Work::ReadOne {
            spec,
            name,
            position,
            with_others,
        } => {
            floor(source, position);
            let one = source.read_one(&spec.into(), &convert::name(name)).await;
            one.map(|one| convert::one(one, with_others))
        }
        Work::Watch { spec, watermark } => {
            let watermark = watermark.map(|watermark| watermark.0);
            watch::watch(lease, source, &spec.into(), watermark).await
        }
        Work::Examine | Work::Trace { .. } | Work::Logs { .. } | Work::Unknown => {
            Err(Refusal::new(Code::RequestInvalid).with(
                "text",
                "this agent is too old for this kind of work; upgrade it",
            ))
        }
    };
    bench.note(&leased.connector, answer.as_ref().err());
    if answer.is_ok() && !is_lasting {
        bench.shelf.keep(&leased.connector, aged);
    }
    lease.post("answer", &ended(answer)).await
}

/// Nothing older than this may be shown.
fn floor(source: &mut Box<dyn Source>, position: Option<Bytes>) {
    if let Some(position) = position {
        source.not_older_than(position.0);
    }
}

fn ended(answer: Result<Answer, Refusal>) -> Answer {
    answer.unwrap_or_else(|refusal| Answer::Refused(refusal.into()))
}

impl Bench {
    /// What is asked about the agent itself; `None`: something else is.
    async fn of_itself(&self, work: &Work) -> Option<Result<Answer, Refusal>> {
        let report = match work {
            Work::Examine => return Some(self.examine().await),
            Work::Trace { minutes } => support::trace(*minutes),
            Work::Logs {
                with_trace,
                most_bytes,
            } => {
                let most = (*most_bytes as usize).min(MOST_LINES);
                support::collect(&self.data_directory, &self.config, *with_trace, most)
            }
            _ => return None,
        };
        Some(report.map(|report| Answer::Examined { report }))
    }

    /// Looks at itself.
    async fn examine(&self) -> Result<Answer, Refusal> {
        let patient = Patient {
            data_directory: &self.data_directory,
            config: Settings::Read(Box::new(self.config.clone())),
            factory: &*self.factory,
            is_self: true,
        };
        let found = examine(&patient).await;
        match serde_json::to_string(&found) {
            Ok(report) => Ok(Answer::Examined { report }),
            Err(fault) => Err(Refusal::new(Code::InternalFault).with("text", fault.to_string())),
        }
    }

    fn settings(&self, connector: &str) -> Result<&ConnectorConfig, Refusal> {
        let mut known = self.config.connectors.iter();
        known.find(|have| have.name == connector).ok_or_else(|| {
            Refusal::new(Code::HybridIdentityServiceInvalidResource)
                .with("connector", connector)
                .with("text", "the agent has no settings for this connector")
        })
    }

    /// A source that is not connected yet, unless its credential was refused too lately.
    fn source(&self, connector: &str) -> Result<Box<dyn Source>, Refusal> {
        let settings = self.settings(connector)?;
        match self.cooldown.holds(settings, Instant::now()) {
            Some(before) => Err(before),
            None => self.factory.source(settings),
        }
    }

    /// How work on a source went that was connected for it.
    fn note(&self, connector: &str, failure: Option<&Refusal>) {
        if let Ok(settings) = self.settings(connector) {
            self.cooldown.note(settings, failure, Instant::now());
        }
    }
}

async fn give_up(lease: &Lease, is_read: bool, refusal: Refusal) -> Result<(), Refusal> {
    if is_read {
        lease
            .post("read-end", &ReadEnd::Failed(refusal.into()))
            .await
    } else {
        lease.post("answer", &Answer::Refused(refusal.into())).await
    }
}
