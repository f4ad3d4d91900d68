//! Those who asked: a read's sink, a listing's reader, a caller.
//!
//! Never sees leases or agents. Trap: the end is said exactly once, whatever happened before.

use std::sync::Arc;

use connectors::source::Listed;
use sync_core::{code::Code, operation::Refusal};
use tokio::sync::{mpsc, oneshot};

use super::{
    Answer, ReadSink, Watched,
    lease::{End, Part},
};

pub enum Consumer {
    Read(Arc<dyn ReadSink>),
    Listing(mpsc::Sender<Result<Vec<Listed>, Refusal>>),
    Call(Option<oneshot::Sender<Result<Answer, Refusal>>>),
    Watch(mpsc::Sender<Result<Watched, Refusal>>),
}

impl Consumer {
    /// Whether the work may be done again from its beginning after parts of it were taken: a ring is never wrong.
    pub fn can_begin_again(&self) -> bool {
        matches!(self, Self::Watch(_))
    }

    pub async fn part(&self, part: Part) -> Result<(), Refusal> {
        match (self, part) {
            (Self::Read(sink), Part::Page(_, page)) => sink.page(page).await,
            (Self::Listing(chunks), Part::Listing(chunk)) => {
                let gone = |_| Refusal::new(Code::Conflict).with("text", "nobody waits for it");
                chunks.send(Ok(chunk)).await.map_err(gone)
            }
            // While one ring waits to be heard, another of the same kind says nothing new.
            (Self::Watch(rings), Part::Ring(rang)) => match rings.try_send(Ok(Watched::Rang(rang)))
            {
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    Err(Refusal::new(Code::Conflict).with("text", "nobody waits for it"))
                }
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            },
            _ => Err(misfit()),
        }
    }

    /// Says the end. An end of the wrong kind is a failure of the work and returned as such.
    pub async fn end(self, end: Result<End, Refusal>, parts: u32) -> Result<(), Refusal> {
        let end = self.fitting(end, parts);
        let said = end.as_ref().map(|_| ()).map_err(Clone::clone);
        match (self, end) {
            (Self::Read(sink), Ok(End::Read(end))) => sink.end(end).await,
            (Self::Read(sink), Err(refusal)) => sink.end(Err(refusal)).await,
            (Self::Listing(chunks), Err(refusal)) => {
                let _ = chunks.send(Err(refusal)).await;
            }
            (Self::Watch(rings), Ok(End::Watch(end))) => {
                let _ = rings.send(Ok(Watched::Ended(end))).await;
            }
            (Self::Watch(rings), Err(refusal)) => {
                let _ = rings.send(Err(refusal)).await;
            }
            (Self::Call(Some(reply)), Ok(End::Answer(answer))) => {
                let _ = reply.send(answer);
            }
            (Self::Call(Some(reply)), Err(refusal)) => {
                let _ = reply.send(Err(refusal));
            }
            _ => {}
        }
        said
    }

    fn fitting(&self, end: Result<End, Refusal>, parts: u32) -> Result<End, Refusal> {
        match (self, end?) {
            (Self::Read(_), end @ End::Read(_)) => Ok(end),
            (Self::Call(_), end @ End::Answer(_)) => Ok(end),
            (Self::Watch(_), end @ End::Watch(_)) => Ok(end),
            (Self::Listing(_) | Self::Watch(_), End::Answer(Err(refusal))) => Err(refusal),
            (Self::Listing(_), end @ End::Listing { chunks }) if chunks == parts => Ok(end),
            (Self::Listing(_), End::Listing { .. }) => {
                Err(Refusal::new(Code::SourceReadEndedEarly)
                    .with("text", "chunks of the listing are missing"))
            }
            _ => Err(misfit()),
        }
    }
}

fn misfit() -> Refusal {
    Refusal::new(Code::RequestInvalid)
        .with("text", "the message does not belong to this kind of work")
}
