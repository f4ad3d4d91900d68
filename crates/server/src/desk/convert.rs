//! Conversions between the connectors' types and the link's, on the server's side.
//!
//! Never fails: what the link can express, the connectors can. Trap: the agent converts the other way round with code of its
//! own; the golden files of the link hold the two together.

use connectors::source::{
    Container, Listed, ObjectName, Page, ReadEnd, ReadMethod, ReadMode, ReadOne, SourceInfo,
    WatchEnd,
};
use sync_core::{code::Code, id::ReadId, operation::Refusal};
use wire::{
    agent::v1::{self, Mode, Named, Work, frame::FrameError},
    bytes::Bytes,
};

use super::{Answer, Call, End, Part, Rang, ReadOrder};

pub fn read_work(order: ReadOrder) -> Work {
    Work::Read {
        read: order.read.0,
        spec: (&order.spec).into(),
        mode: match order.mode {
            ReadMode::Full => Mode::Full,
            ReadMode::Delta(watermark) => Mode::Delta(Bytes(watermark)),
            ReadMode::Backfill => Mode::Backfill,
        },
        position: order.position.map(Bytes),
        first_page: order.first_page,
    }
}

pub fn call_work(call: Call) -> Work {
    match call {
        Call::Discover => Work::Discover,
        Call::Examine => Work::Examine,
        Call::Containers { position } => Work::Containers {
            position: position.map(Bytes),
        },
        Call::ReadOne {
            spec,
            name,
            position,
        } => Work::ReadOne {
            spec: (&spec).into(),
            position: position.map(Bytes),
            with_others: true,
            name: match name {
                ObjectName::Anchor(anchor) => Named::Anchor((&anchor).into()),
                ObjectName::Dn(dn) => Named::Dn(dn),
                ObjectName::UserPrincipalName(name) => Named::UserPrincipalName(name),
                ObjectName::AccountName(name) => Named::AccountName(name),
            },
        },
    }
}

/// A frame that cannot be understood, as a refusal.
pub fn refusal_of_frame(fault: &FrameError) -> Refusal {
    Refusal::new(Code::RequestInvalid).with("text", fault.to_string())
}

impl From<v1::PageIn> for Part {
    fn from(page: v1::PageIn) -> Self {
        let read = ReadId(page.read);
        let page = Page {
            number: page.number,
            entries: page.entries,
            watermark: page.watermark,
        };
        Self::Page(read, page)
    }
}

impl From<v1::Listing> for Part {
    fn from(listing: v1::Listing) -> Self {
        let listed = |listed: v1::Listed| Listed {
            entry: listed.entry.into(),
            dn: listed.dn,
        };
        Self::Listing(listing.entries.into_iter().map(listed).collect())
    }
}

impl From<v1::Ring> for Part {
    fn from(ring: v1::Ring) -> Self {
        Self::Ring(match ring.is_armed {
            true => Rang::Armed,
            false => Rang::Changed,
        })
    }
}

impl From<v1::ReadEnd> for End {
    fn from(end: v1::ReadEnd) -> Self {
        Self::Read(match end {
            v1::ReadEnd::Complete {
                watermark,
                seen,
                is_census,
                method,
            } => Ok(ReadEnd::Complete {
                watermark: watermark.0,
                seen: seen.into_iter().collect(),
                is_census,
                method: ReadMethod {
                    name: method.name,
                    server: method.server,
                    weaker: method.weaker.map(Into::into),
                },
            }),
            v1::ReadEnd::NeedsFullRead(refusal) => Ok(ReadEnd::NeedsFullRead(refusal.into())),
            v1::ReadEnd::Failed(refusal) => Err(refusal.into()),
        })
    }
}

impl From<v1::Answer> for End {
    fn from(answer: v1::Answer) -> Self {
        let answer = match answer {
            v1::Answer::ListingEnd { chunks } => return Self::Listing { chunks },
            v1::Answer::WatchEnd { unsupported } => {
                return Self::Watch(
                    unsupported.map_or(WatchEnd::Ended, |why| WatchEnd::Unsupported(why.into())),
                );
            }
            v1::Answer::Refused(refusal) => Err(refusal.into()),
            v1::Answer::Source(facts) => Ok(Answer::Source(source(facts))),
            v1::Answer::Containers(all) => {
                let container = |c: v1::Container| Container {
                    anchor: c.anchor.into(),
                    dn: c.dn,
                };
                Ok(Answer::Containers(all.into_iter().map(container).collect()))
            }
            v1::Answer::Live { entry, dn } => Ok(Answer::One(live(*entry, dn, Vec::new()))),
            v1::Answer::LiveAmongOthers { entry, dn, others } => {
                Ok(Answer::One(live(*entry, dn, others)))
            }
            v1::Answer::Deleted(anchor) => Ok(Answer::One(ReadOne::Deleted(anchor.into()))),
            v1::Answer::Examined { report } => Ok(Answer::Examined(report)),
            v1::Answer::NotFound => Ok(Answer::One(ReadOne::NotFound)),
        };
        Self::Answer(answer)
    }
}

fn live(entry: v1::Entry, dn: String, others: Vec<v1::Entry>) -> ReadOne {
    ReadOne::Live {
        entry: Box::new(entry.into()),
        dn,
        elsewhere: others.into_iter().map(Into::into).collect(),
    }
}

fn source(facts: v1::SourceFacts) -> SourceInfo {
    SourceInfo {
        realm: facts.realm,
        naming_context: facts.naming_context,
        domain_fqdn: facts.domain_fqdn,
        domain_netbios: facts.domain_netbios,
        server: facts.server,
        replica: facts.replica,
        product: facts.product,
        attributes: facts.attributes.into_iter().map(Into::into).collect(),
        tombstone_lifetime_seconds: facts.tombstone_lifetime_seconds,
    }
}
