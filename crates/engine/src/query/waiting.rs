//! References that wait for their other end: which, and why it is not in the target.
//!
//! Nothing here writes. Trap: a reference to somebody who is rightly not in the target waits as well, for the day the rules
//! or the source change; that is a reason like any other, and no fault.

use rusqlite::{Connection, OptionalExtension as _, params};
use sync_core::{
    id::{JobId, ObjectId},
    operation::Refusal,
    value::Name,
};

use crate::{
    crossing::{Crossing, place_of},
    observe::refusal_of,
    store::{Engine, Result},
};

/// Why the other end of a reference is not in the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingReason {
    /// It is due, or its operation is planned.
    OnItsWay,
    /// It failed, and is tried again.
    Failed(Refusal),
    /// The rules leave it out.
    OutOfScope(Option<Refusal>),
    /// It was deleted.
    Gone,
    /// Only the reference to it was read.
    NotRead,
    /// It is of a domain that no source reads.
    NoConnector {
        /// DNS name of the domain.
        domain: String,
    },
    /// It is of a domain that is read, and was not shown.
    NotShown {
        /// The source that reads the domain.
        connector: String,
    },
    /// It is an account of another forest that no source has shown.
    ForeignAccount {
        /// Its security identifier.
        sid: String,
    },
    /// A source shows it, and no job brings it into this target.
    NoJob {
        /// The source.
        connector: String,
    },
}

/// A reference that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingReference {
    /// Who refers.
    pub holder: ObjectId,
    /// By which linked attribute of the source.
    pub attribute: Name,
    /// To whom.
    pub object: ObjectId,
    /// Why it waits.
    pub reason: WaitingReason,
}

/// A place in the list of waiting references: object referred to, holder, attribute.
pub type WaitingPlace = (i64, i64, i64);

impl Engine {
    /// References of a job that wait, behind this place, at most `limit`, with the place to go on from.
    ///
    /// # Errors
    /// Of the store.
    pub fn waiting_references(
        &self,
        job: JobId,
        after: Option<WaitingPlace>,
        limit: usize,
    ) -> Result<(Vec<WaitingReference>, Option<WaitingPlace>)> {
        let (dst, src, attribute) = after.unwrap_or((0, 0, 0));
        self.read(|c| {
            let crossing = Crossing::of(c, job)?;
            let mut statement = c.prepare_cached(
                "SELECT dst, src, attribute FROM waiting WHERE job = ?1 AND (dst, src, attribute) > (?2, ?3, ?4)
                 ORDER BY dst, src, attribute LIMIT ?5",
            )?;
            let rows = statement.query_map(params![job.0, dst, src, attribute, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let places: Vec<WaitingPlace> = rows.collect::<rusqlite::Result<_>>()?;
            let mut known: Option<(i64, WaitingReason)> = None;
            let mut found = Vec::with_capacity(places.len());
            for (dst, src, attribute) in &places {
                // Many who refer to the same object follow each other.
                let reason = match &known {
                    Some((object, reason)) if object == dst => reason.clone(),
                    _ => reason(c, &crossing, job, *dst)?,
                };
                known = Some((*dst, reason.clone()));
                found.push(WaitingReference {
                    holder: ObjectId(*src),
                    attribute: self.name(*attribute).unwrap_or_else(|| "?".into()),
                    object: ObjectId(*dst),
                    reason,
                });
            }
            let next = places.last().filter(|_| places.len() == limit).copied();
            Ok((found, next))
        })
    }

    /// Why an object that is referred to is not in the target of a job.
    ///
    /// # Errors
    /// Of the store.
    pub fn waiting_reason(&self, job: JobId, object: ObjectId) -> Result<WaitingReason> {
        self.read(|c| reason(c, &Crossing::of(c, job)?, job, object.0))
    }
}

fn reason(c: &Connection, crossing: &Crossing, job: JobId, dst: i64) -> Result<WaitingReason> {
    let stands_for = sid_of_principal(c, dst)?;
    if let Some((sid, false)) = stands_for {
        return Ok(WaitingReason::ForeignAccount { sid });
    }
    let mut ends = vec![(job, dst)];
    ends.extend(crossing.meant_by(c, dst)?);
    // What stands for somebody is never in the target itself.
    ends.retain(|(_, row)| stands_for.is_none() || *row != dst);
    let mut told = None;
    for (job, row) in ends {
        match in_job(c, job, row)? {
            Some(best @ (WaitingReason::OnItsWay | WaitingReason::Failed(_))) => return Ok(best),
            other => told = told.or(other),
        }
    }
    match told {
        Some(told) => Ok(told),
        None => unknown(c, crossing, dst),
    }
}

/// How it stands in one job; `None`: the job knows nothing of it.
fn in_job(c: &Connection, job: JobId, row: i64) -> Result<Option<WaitingReason>> {
    let link = crate::link_id(job, ObjectId(row)).0;
    let is_due = c
        .prepare_cached("SELECT 1 FROM due WHERE id = ?1")?
        .exists([link])?;
    let found: Option<(i64, i64, i64, Option<Vec<u8>>)> = c
        .prepare_cached(
            "SELECT situation, pending_state, attempts, reason FROM link WHERE id = ?1",
        )?
        .query_row([link], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let state = place_of(c, row)?.map_or(0, |(_, _, state)| state);
    Ok(match found {
        _ if is_due && state != 0 => Some(WaitingReason::OnItsWay),
        Some((_, pending, _, _)) if pending > 0 => Some(WaitingReason::OnItsWay),
        Some((_, _, attempts, why)) if attempts > 0 => refusal_of(why)?.map(WaitingReason::Failed),
        // Linked meanwhile: its reference is planned next.
        Some((1, ..)) => Some(WaitingReason::OnItsWay),
        _ if state == 3 => Some(WaitingReason::Gone),
        Some((3, _, _, why)) => Some(WaitingReason::OutOfScope(refusal_of(why)?)),
        Some((2 | 4, ..)) => Some(WaitingReason::Gone),
        _ if state == 1 => Some(WaitingReason::OutOfScope(None)),
        _ => None,
    })
}

/// The identifier a foreign security principal stands for, and whether its account was shown.
fn sid_of_principal(c: &Connection, object: i64) -> Result<Option<(String, bool)>> {
    Ok(
        c.prepare_cached("SELECT sid, account IS NOT NULL FROM principal WHERE object = ?1")?
            .query_row([object], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
    )
}

/// Nothing of this target's jobs knows it.
fn unknown(c: &Connection, crossing: &Crossing, dst: i64) -> Result<WaitingReason> {
    let account: Option<i64> = c
        .prepare_cached("SELECT account FROM principal WHERE object = ?1")?
        .query_row([dst], |row| row.get(0))
        .optional()?
        .flatten();
    if let Some(account) = account {
        let shown: Option<String> = c
            .prepare_cached(
                "SELECT c.name FROM object o JOIN connector c ON c.id = o.connector WHERE o.id = ?1",
            )?
            .query_row([account], |row| row.get(0))
            .optional()?;
        return Ok(
            shown.map_or(WaitingReason::NotRead, |connector| WaitingReason::NoJob {
                connector,
            }),
        );
    }
    if let Some(connector) = crossing.shown_elsewhere(c, dst)? {
        return Ok(WaitingReason::NoJob { connector });
    }
    let name: Option<String> = c
        .prepare_cached("SELECT rdn FROM object WHERE id = ?1 AND state = 0")?
        .query_row([dst], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(domain) = name.as_deref().and_then(domain_of) else {
        return Ok(WaitingReason::NotRead);
    };
    let reader: Option<String> = c
        .prepare_cached(
            "SELECT name FROM connector WHERE lower(info ->> '$.domain_fqdn') = ?1 ORDER BY id LIMIT 1",
        )?
        .query_row([&domain], |row| row.get(0))
        .optional()?;
    Ok(match reader {
        Some(connector) => WaitingReason::NotShown { connector },
        None => WaitingReason::NoConnector { domain },
    })
}

/// The DNS name of the domain a distinguished name ends with.
fn domain_of(dn: &str) -> Option<String> {
    let mut labels = Vec::new();
    for part in dn.rsplit(',') {
        // A comma in a value parts it in the middle; the end of the name has none.
        match part.trim_start().split_once('=') {
            Some((kind, label)) if kind.eq_ignore_ascii_case("DC") => {
                labels.push(label.to_lowercase());
            }
            _ => break,
        }
    }
    labels.reverse();
    (!labels.is_empty()).then(|| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_the_end_of_a_name() {
        let of = |dn: &str| domain_of(dn);
        assert_eq!(
            of("CN=A,OU=B,DC=Dock,DC=canal,DC=example").as_deref(),
            Some("dock.canal.example")
        );
        assert_eq!(of(r"CN=Jo\, de,DC=x").as_deref(), Some("x"));
        assert_eq!(of("cn=a,o=canal"), None);
    }
}
