//! Going on together with a target that stands elsewhere than remembered: one of the two was restored from a backup.
//!
//! The engine remembers the highest version the target ever answered with. Never decides what differs: it makes due what may
//! differ, and planning reads it back. Trap: versions are given out again by a target that was restored, so everything that
//! carries a later one is doubted before anything is planned.

use rusqlite::{OptionalExtension, params};
use sync_core::{
    id::{LinkId, TargetId},
    plan::Situation,
    value::Name,
};

use crate::{
    config::JobRow,
    crossing::Crossing,
    due::{Tally, situation_number, situation_of},
    export::PendingState,
    group::Transaction,
    observe::{class_name, make_due, make_references_due},
    reason,
    reference::MappedReference,
    store::{Engine, Result},
};

/// Setting: the highest version a target answered with.
const MARK: &str = "targetMark";

/// A link whose last change in the target is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtedLink {
    /// The link.
    pub link: LinkId,
    /// Its object in the target.
    pub target: TargetId,
}

/// Where a reference attribute points to, as the target holds it.
pub type HeldReferences = Vec<(Name, Vec<TargetId>)>;

impl Engine {
    /// The highest version the target ever answered with. `None`: nothing was remembered yet.
    ///
    /// # Errors
    /// Of the store.
    pub fn target_mark(&self) -> Result<Option<u64>> {
        Ok(self.setting(MARK)?.and_then(|text| text.parse().ok()))
    }

    /// Remembers where the target stands.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_target_mark(&self, version: u64) -> Result<()> {
        self.set_setting(MARK, &version.to_string())
    }

    /// Links with an object in the target that was changed after this version, by number; at most `limit`.
    ///
    /// # Errors
    /// Of the store.
    pub fn links_after(
        &self,
        version: u64,
        after: LinkId,
        limit: usize,
    ) -> Result<Vec<DoubtedLink>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, target FROM link WHERE id > ?1 AND version > ?2 AND target IS NOT NULL
                   AND situation IN (1, 2) ORDER BY id LIMIT ?3",
            )?;
            let rows = statement.query_map(
                params![after.0, i64::try_from(version).unwrap_or(i64::MAX), limit],
                |row| {
                    Ok(DoubtedLink {
                        link: LinkId(row.get(0)?),
                        target: TargetId(row.get(1)?),
                    })
                },
            )?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The target was restored. Each link with whether its object is there: what is, is read back, whatever was believed
    /// of it; what is not, is made anew.
    ///
    /// # Errors
    /// Of the store.
    pub fn rewind(&self, job: &JobRow, links: &[(LinkId, bool)]) -> Result<()> {
        let now = self.now();
        self.write("engine.rewind", |tx| {
            let mut tally = Tally::default();
            for (link, is_there) in links {
                let Some(situation) = situation(tx, *link)? else {
                    continue;
                };
                match (situation, is_there) {
                    (Situation::Linked | Situation::Deleted, true) => {
                        tally.moved(Some(situation), Situation::Linked);
                        doubt(tx, job, *link, now)?;
                    }
                    (Situation::Linked, false) => {
                        tally.moved(Some(situation), Situation::Lost);
                        self.forget_exported_edges(
                            tx,
                            (job, &Crossing::of(tx, job.id)?),
                            *link,
                            now,
                        )?;
                        lose(tx, *link, now)?;
                    }
                    _ => {}
                }
            }
            tally.store(tx, job.id)
        })
    }

    /// What the restored target holds of the references of doubted objects: that, and nothing else, counts as exported.
    ///
    /// # Errors
    /// Of the store.
    pub fn believe_references(
        &self,
        job: &JobRow,
        mapped: &[MappedReference],
        held: &[(TargetId, HeldReferences)],
    ) -> Result<()> {
        let now = self.now();
        self.write("engine.believe_references", |tx| {
            let crossing = Crossing::of(tx, job.id)?;
            for (target, references) in held {
                let Some((link, is_doubted)) = link_of(tx, job, target)? else {
                    continue;
                };
                if is_doubted {
                    self.believe(tx, (job, &crossing), mapped, link, references)?;
                    make_references_due(tx, link.0, true, now)?;
                }
            }
            Ok(())
        })
    }

    fn believe(
        &self,
        tx: &Transaction<'_>,
        (job, crossing): (&JobRow, &Crossing),
        mapped: &[MappedReference],
        link: LinkId,
        references: &HeldReferences,
    ) -> Result<()> {
        let src = crate::object_of(link).0;
        let class: Option<i64> = tx
            .prepare_cached("SELECT class FROM object WHERE id = ?1")?
            .query_row([src], |row| row.get(0))?;
        let class = class_name(self, class).unwrap_or_else(|| "".into());
        for (attribute, targets) in references {
            let source = mapped.iter().find(|mapping| {
                mapping.target == *attribute && class.eq_ignore_ascii_case(&mapping.class)
            });
            let Some(id) = source.and_then(|mapping| self.name_id(&mapping.source)) else {
                continue;
            };
            for target in targets {
                let rows = crossing.rows_of_target(tx, target)?;
                if let Some(dst) = referred_to(tx, (src, id), &rows)? {
                    tx.prepare_cached(
                        "INSERT INTO edge (src, attribute, dst, flags) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (src, attribute, dst) DO UPDATE SET flags = flags | excluded.flags",
                    )?
                    .execute([src, id, dst, bit(job)])?;
                }
            }
        }
        Ok(())
    }

    /// The target changed objects at these versions. Those the engine knows nothing of are read back; returns how many.
    ///
    /// # Errors
    /// Of the store.
    pub fn doubt_targets(&self, changed: &[(TargetId, u64)]) -> Result<u64> {
        let now = self.now();
        self.write("engine.doubt_targets", |tx| {
            let mut count = 0;
            for (target, version) in changed {
                // What is in doubt since the last process ended is read back anyway.
                let known: Option<i64> = tx
                    .prepare_cached(
                        "SELECT id FROM link WHERE target = ?1 AND version < ?2 AND situation = 1 AND pending_state <> ?3",
                    )?
                    .query_row(
                        params![
                            target.0,
                            i64::try_from(*version).unwrap_or(i64::MAX),
                            PendingState::Unknown.number()
                        ],
                        |row| row.get(0),
                    )
                    .optional()?;
                if let Some(link) = known {
                    tx.prepare_cached("UPDATE link SET stale = 2 WHERE id = ?1")?
                        .execute([link])?;
                    make_due(tx, link, reason::STALE, now)?;
                    count += 1;
                }
            }
            Ok(count)
        })
    }
}

/// Remembers the highest version of a report.
pub(crate) fn raise_mark(tx: &Transaction<'_>, version: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value
         WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)",
    )?
    .execute([MARK, &version.to_string()])?;
    Ok(())
}

fn bit(job: &JobRow) -> i64 {
    2_i64 << job.slot
}

fn situation(tx: &Transaction<'_>, link: LinkId) -> Result<Option<Situation>> {
    let number: Option<i64> = tx
        .prepare_cached("SELECT situation FROM link WHERE id = ?1")?
        .query_row([link.0], |row| row.get(0))
        .optional()?;
    Ok(number.map(situation_of))
}

/// The link of a target object in a job, and whether it is doubted.
fn link_of(
    tx: &Transaction<'_>,
    job: &JobRow,
    target: &TargetId,
) -> Result<Option<(LinkId, bool)>> {
    let (first, last) = crate::link_range(job.id);
    Ok(tx
        .prepare_cached(
            "SELECT id, stale = 2 FROM link WHERE target = ?1 AND id BETWEEN ?2 AND ?3 AND situation = 1",
        )?
        .query_row(params![target.0, first, last], |row| {
            Ok((LinkId(row.get(0)?), row.get(1)?))
        })
        .optional()?)
}

/// Of several rows that mean one object the one the source refers to, else the first.
fn referred_to(
    tx: &Transaction<'_>,
    (src, attribute): (i64, i64),
    rows: &[i64],
) -> Result<Option<i64>> {
    let mut statement =
        tx.prepare_cached("SELECT 1 FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3")?;
    for row in rows {
        if statement.exists([src, attribute, *row])? {
            return Ok(Some(*row));
        }
    }
    Ok(rows.first().copied())
}

/// Nothing is believed of it: it is read back, and its references are exported again unless the target shows them.
fn doubt(tx: &Transaction<'_>, job: &JobRow, link: LinkId, now: i64) -> Result<()> {
    tx.prepare_cached("UPDATE link SET situation = 1, stale = 2, changed_at = ?2 WHERE id = ?1")?
        .execute([link.0, now])?;
    tx.prepare_cached(
        "UPDATE edge SET flags = flags & ~?2 WHERE src = ?1 AND flags & ?2 <> 0 AND flags & 1 = 1",
    )?
    .execute([crate::object_of(link).0, bit(job)])?;
    make_due(tx, link.0, reason::STALE, now)?;
    make_references_due(tx, link.0, true, now)
}

fn lose(tx: &Transaction<'_>, link: LinkId, now: i64) -> Result<()> {
    tx.prepare_cached(
        "UPDATE link SET situation = ?2, version = 0, stale = 0, pending = NULL, pending_state = 0,
           generation = generation + 1, changed_at = ?3 WHERE id = ?1",
    )?
    .execute(params![link.0, situation_number(Situation::Lost), now])?;
    make_due(tx, link.0, reason::STALE, now)?;
    make_references_due(tx, link.0, true, now)
}
