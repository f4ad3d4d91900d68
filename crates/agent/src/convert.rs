//! Conversions between the connectors' types and the link's, on the agent's side.
//!
//! Trap: the server converts the other way round with code of its own; the golden files of the link hold the two together.

use connectors::source::{Container, Listed, ObjectName, ReadEnd, ReadMode, ReadOne, SourceInfo};
use sync_core::operation::Refusal;
use wire::{
    agent::v1::{self, Answer, Mode, Named},
    bytes::Bytes,
};

pub fn mode(mode: Mode) -> ReadMode {
    match mode {
        Mode::Full => ReadMode::Full,
        Mode::Delta(watermark) => ReadMode::Delta(watermark.0),
        Mode::Backfill => ReadMode::Backfill,
    }
}

pub fn name(name: Named) -> ObjectName {
    match name {
        Named::Anchor(anchor) => ObjectName::Anchor(anchor.into()),
        Named::Dn(dn) => ObjectName::Dn(dn),
        Named::UserPrincipalName(name) => ObjectName::UserPrincipalName(name),
        Named::AccountName(name) => ObjectName::AccountName(name),
    }
}

pub fn read_end(end: Result<ReadEnd, Refusal>) -> v1::ReadEnd {
    match end {
        Ok(ReadEnd::Complete {
            watermark,
            seen,
            is_census,
            method,
        }) => v1::ReadEnd::Complete {
            watermark: Bytes(watermark),
            seen: seen.into_iter().collect(),
            is_census,
            method: v1::Method {
                name: method.name,
                server: method.server,
                weaker: method.weaker.map(Into::into),
            },
        },
        Ok(ReadEnd::NeedsFullRead(refusal)) => v1::ReadEnd::NeedsFullRead(refusal.into()),
        Err(refusal) => v1::ReadEnd::Failed(refusal.into()),
    }
}

pub fn source(info: SourceInfo) -> Answer {
    Answer::Source(v1::SourceFacts {
        realm: info.realm,
        naming_context: info.naming_context,
        domain_fqdn: info.domain_fqdn,
        domain_netbios: info.domain_netbios,
        server: info.server,
        replica: info.replica,
        product: info.product,
        attributes: info.attributes.into_iter().map(Into::into).collect(),
        tombstone_lifetime_seconds: info.tombstone_lifetime_seconds,
    })
}

pub fn containers(all: Vec<Container>) -> Answer {
    let container = |c: Container| v1::Container {
        anchor: (&c.anchor).into(),
        dn: c.dn,
    };
    Answer::Containers(all.into_iter().map(container).collect())
}

/// `with_others`: whether the server understands more than the object itself.
pub fn one(one: ReadOne, with_others: bool) -> Answer {
    match one {
        ReadOne::Live {
            entry,
            dn,
            elsewhere,
        } => {
            let entry = Box::new((*entry).into());
            match with_others && !elsewhere.is_empty() {
                true => Answer::LiveAmongOthers {
                    entry,
                    dn,
                    others: elsewhere.into_iter().map(Into::into).collect(),
                },
                false => Answer::Live { entry, dn },
            }
        }
        ReadOne::Deleted(anchor) => Answer::Deleted((&anchor).into()),
        ReadOne::NotFound => Answer::NotFound,
    }
}

pub fn listed(listed: Listed) -> v1::Listed {
    v1::Listed {
        entry: listed.entry.into(),
        dn: listed.dn,
    }
}
