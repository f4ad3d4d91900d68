//! References over the borders of a source: their other end is an object another source shows, or another job holds.
//!
//! A reference always points to a row of the space it was read into. That row stands for an object of another space if it is
//! a foreign security principal (then by the account's SID), or if another domain of the same realm shows its anchor. Nothing
//! of this is stored with the reference, so it does not matter which side comes first. Trap: with one job per target nothing
//! can cross, and nothing is asked.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    id::{Anchor, ConnectorId, JobId, LinkId, ObjectId, TargetId},
    plan::Situation,
};

use crate::{
    due::situation_of,
    group::Transaction,
    observe::make_references_due,
    store::{Engine, Result},
};

/// The other end of a reference, as the target has it.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) situation: Situation,
    pub(crate) target: Arc<str>,
    /// The link that holds it: perhaps of another job.
    pub(crate) link: LinkId,
}

/// A job that fills the same target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sibling {
    pub(crate) job: JobId,
    pub(crate) slot: u32,
    source: i64,
}

/// All jobs of one target, as one of them sees them.
pub(crate) struct Crossing {
    own: JobId,
    siblings: Vec<Sibling>,
    /// Sources with the realm in which their anchors are unique.
    realms: Vec<(i64, Option<String>)>,
}

impl Crossing {
    pub(crate) fn of(c: &Connection, own: JobId) -> Result<Self> {
        let mut statement = c.prepare_cached(
            "SELECT id, source, slot FROM job WHERE target = (SELECT target FROM job WHERE id = ?1) ORDER BY id",
        )?;
        let rows = statement.query_map([own.0], |row| {
            Ok(Sibling {
                job: JobId(row.get(0)?),
                source: row.get(1)?,
                slot: row.get(2)?,
            })
        })?;
        let siblings: Vec<Sibling> = rows.collect::<rusqlite::Result<_>>()?;
        let mut realms: Vec<(i64, Option<String>)> = Vec::new();
        if siblings.len() > 1 {
            for sibling in &siblings {
                if realms.iter().all(|(source, _)| *source != sibling.source) {
                    realms.push((sibling.source, realm_of(c, sibling.source)?));
                }
            }
        }
        Ok(Self {
            own,
            siblings,
            realms,
        })
    }

    /// The job that looks.
    pub(crate) fn own(&self) -> JobId {
        self.own
    }

    /// Whether no other job fills the target.
    pub(crate) fn is_alone(&self) -> bool {
        self.siblings.len() <= 1
    }

    /// What a reference to this row refers to in the target: the job's own object, else one of another job.
    pub(crate) fn end_of(&self, c: &Connection, dst: i64) -> Result<Option<End>> {
        let own = end(c, self.own, dst)?;
        let is_there = |end: &Option<End>| {
            end.as_ref()
                .is_some_and(|end| end.situation == Situation::Linked)
        };
        if self.is_alone() || is_there(&own) {
            return Ok(own);
        }
        let mut found = own;
        for (job, row) in self.meant_by(c, dst)? {
            let other = end(c, job, row)?;
            if is_there(&other) {
                return Ok(other);
            }
            found = found.or(other);
        }
        Ok(found)
    }

    /// The rows a reference to this one may mean in other jobs.
    pub(crate) fn meant_by(&self, c: &Connection, dst: i64) -> Result<Vec<(JobId, i64)>> {
        let Some((connector, anchor, _)) = place_of(c, dst)? else {
            return Ok(Vec::new());
        };
        let mut rows = vec![(connector, dst)];
        match account_of(c, dst)? {
            Some(account) => {
                rows.extend(place_of(c, account)?.map(|(connector, _, _)| (connector, account)));
            }
            None => rows.extend(self.namesakes(c, connector, &anchor)?),
        }
        Ok(self.in_jobs(&rows))
    }

    /// The rows by which references of other jobs lead to this object.
    pub(crate) fn referred_to_as(
        &self,
        c: &Connection,
        object: i64,
    ) -> Result<Vec<(Sibling, i64)>> {
        if self.is_alone() {
            return Ok(Vec::new());
        }
        let rows = self.names_of(c, object)?;
        let others = self
            .siblings
            .iter()
            .filter(|sibling| sibling.job != self.own);
        Ok(others
            .flat_map(|sibling| {
                let own = rows.iter().filter(|(source, _)| *source == sibling.source);
                own.map(|(_, row)| (*sibling, *row))
            })
            .collect())
    }

    /// The rows of any source that lead to an object: its own, those of the same anchor, those that stand for it.
    fn names_of(&self, c: &Connection, object: i64) -> Result<Vec<(i64, i64)>> {
        let Some((connector, anchor, _)) = place_of(c, object)? else {
            return Ok(Vec::new());
        };
        let mut rows = vec![(connector, object)];
        rows.extend(self.namesakes(c, connector, &anchor)?);
        for row in stand_ins(c, object)? {
            rows.extend(place_of(c, row)?.map(|(connector, _, _)| (connector, row)));
        }
        Ok(rows)
    }

    /// The rows by which references of this job lead to an object of the target, whichever job holds it; its own first.
    pub(crate) fn rows_of_target(&self, c: &Connection, target: &TargetId) -> Result<Vec<i64>> {
        let mut holders: Vec<(JobId, i64)> = Vec::new();
        {
            let mut statement = c.prepare_cached(
                "SELECT id FROM link WHERE target = ?1 AND situation = 1 ORDER BY id",
            )?;
            let mut rows = statement.query([&target.0])?;
            while let Some(row) = rows.next()? {
                let link = LinkId(row.get(0)?);
                holders.push((crate::job_of(link), crate::object_of(link).0));
            }
        }
        let own = self.siblings.iter().find(|sibling| sibling.job == self.own);
        let (Some(own), false) = (own, holders.is_empty()) else {
            return Ok(Vec::new());
        };
        let is_sibling = |job: &JobId| self.siblings.iter().any(|sibling| sibling.job == *job);
        let mut found = Vec::new();
        for (job, object) in holders {
            if job == self.own {
                found.insert(0, object);
            } else if is_sibling(&job) {
                let rows = self.names_of(c, object)?;
                found.extend(
                    rows.iter()
                        .filter(|(source, _)| *source == own.source)
                        .map(|(_, row)| *row),
                );
            }
        }
        Ok(found)
    }

    /// A source of the same realm that shows the object this row leads to, whether a job takes it or not.
    pub(crate) fn shown_elsewhere(&self, c: &Connection, dst: i64) -> Result<Option<String>> {
        let Some((connector, anchor, _)) = place_of(c, dst)? else {
            return Ok(None);
        };
        let Some(realm) = realm_of(c, connector)? else {
            return Ok(None);
        };
        Ok(c.prepare_cached(
            "SELECT c.name FROM connector c JOIN object o ON o.connector = c.id
             WHERE c.id <> ?1 AND c.info ->> '$.realm' = ?2 AND o.anchor = ?3 AND o.state = 2 LIMIT 1",
        )?
        .query_row(params![connector, realm, anchor], |row| row.get(0))
        .optional()?)
    }

    fn in_jobs(&self, rows: &[(i64, i64)]) -> Vec<(JobId, i64)> {
        let others = self
            .siblings
            .iter()
            .filter(|sibling| sibling.job != self.own);
        others
            .flat_map(|sibling| {
                let own = rows.iter().filter(|(source, _)| *source == sibling.source);
                own.map(|(_, row)| (sibling.job, *row))
            })
            .collect()
    }

    /// Rows of the same anchor in other sources of the same realm.
    fn namesakes(&self, c: &Connection, connector: i64, anchor: &[u8]) -> Result<Vec<(i64, i64)>> {
        let realm_of = |source: i64| {
            let mut known = self.realms.iter().filter(|(id, _)| *id == source);
            known.next().and_then(|(_, realm)| realm.as_deref())
        };
        let mut found = Vec::new();
        let Some(realm) = realm_of(connector) else {
            return Ok(found);
        };
        for (source, other) in &self.realms {
            if *source == connector || other.as_deref() != Some(realm) {
                continue;
            }
            let row: Option<i64> = c
                .prepare_cached("SELECT id FROM object WHERE connector = ?1 AND anchor = ?2")?
                .query_row(params![source, anchor], |row| row.get(0))
                .optional()?;
            found.extend(row.map(|row| (*source, row)));
        }
        Ok(found)
    }
}

fn realm_of(c: &Connection, connector: i64) -> Result<Option<String>> {
    let realm: Option<String> = c
        .prepare_cached("SELECT info ->> '$.realm' FROM connector WHERE id = ?1")?
        .query_row([connector], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(realm.filter(|realm| !realm.is_empty()))
}

pub(crate) fn place_of(c: &Connection, object: i64) -> Result<Option<(i64, Vec<u8>, i64)>> {
    Ok(
        c.prepare_cached("SELECT connector, anchor, state FROM object WHERE id = ?1")?
            .query_row([object], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?,
    )
}

fn account_of(c: &Connection, object: i64) -> Result<Option<i64>> {
    Ok(
        c.prepare_cached("SELECT account FROM principal WHERE object = ?1")?
            .query_row([object], |row| row.get(0))
            .optional()?
            .flatten(),
    )
}

/// The foreign security principals that stand for an account.
fn stand_ins(c: &Connection, account: i64) -> Result<Vec<i64>> {
    let mut statement = c.prepare_cached("SELECT object FROM principal WHERE account = ?1")?;
    let rows = statement.query_map([account], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How an object stands in one job.
fn end(c: &Connection, job: JobId, object: i64) -> Result<Option<End>> {
    let link = crate::link_id(job, ObjectId(object));
    let found: Option<(i64, Option<Arc<str>>)> = c
        .prepare_cached("SELECT situation, target FROM link WHERE id = ?1")?
        .query_row([link.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(situation, target)| {
        Some(End {
            situation: situation_of(situation),
            target: target?,
            link,
        })
    }))
}

/// Whether the source showed that an object is deleted.
pub(crate) fn is_deleted_in_source(c: &Connection, object: i64) -> Result<bool> {
    Ok(
        c.prepare_cached("SELECT 1 FROM object WHERE id = ?1 AND state = 3")?
            .exists([object])?,
    )
}

/// Makes due, in one job, the references that wait for this row.
pub(crate) fn wake_waiting(tx: &Transaction<'_>, job: JobId, dst: i64, now: i64) -> Result<()> {
    let mut waiting: Vec<(i64, i64)> = Vec::new();
    {
        let mut statement =
            tx.prepare_cached("SELECT src, attribute FROM waiting WHERE job = ?1 AND dst = ?2")?;
        let mut rows = statement.query([job.0, dst])?;
        while let Some(row) = rows.next()? {
            waiting.push((row.get(0)?, row.get(1)?));
        }
    }
    for (src, attribute) in &waiting {
        edge_due(tx, job, *src, *attribute, dst, now)?;
    }
    if !waiting.is_empty() {
        tx.prepare_cached("DELETE FROM waiting WHERE job = ?1 AND dst = ?2")?
            .execute([job.0, dst])?;
    }
    Ok(())
}

/// Makes one reference due.
pub(crate) fn edge_due(
    tx: &Transaction<'_>,
    job: JobId,
    src: i64,
    attribute: i64,
    dst: i64,
    now: i64,
) -> Result<()> {
    let holder = crate::link_id(job, ObjectId(src)).0;
    tx.prepare_cached("INSERT OR IGNORE INTO due_edge (id, attribute, dst) VALUES (?1, ?2, ?3)")?
        .execute([holder, attribute, dst])?;
    make_references_due(tx, holder, false, now)
}

/// References other jobs have exported to an object.
struct Exported {
    job: JobId,
    bit: i64,
    dst: i64,
    edges: Vec<(i64, i64, i64)>,
}

fn exported_by_others(
    tx: &Transaction<'_>,
    crossing: &Crossing,
    object: i64,
) -> Result<Vec<Exported>> {
    let mut all = Vec::new();
    for (sibling, dst) in crossing.referred_to_as(tx, object)? {
        let bit = 2_i64 << sibling.slot;
        let mut statement = tx.prepare_cached(
            "SELECT src, attribute, flags FROM edge WHERE dst = ?1 AND flags & ?2 <> 0",
        )?;
        let rows = statement.query_map([dst, bit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        all.push(Exported {
            job: sibling.job,
            bit,
            dst,
            edges: rows.collect::<rusqlite::Result<_>>()?,
        });
    }
    Ok(all)
}

/// The target has an object of this job deleted softly: references of other jobs to it are to be taken back, unless the
/// object only left the scope and may return.
pub(crate) fn take_back_of_others(
    tx: &Transaction<'_>,
    crossing: &Crossing,
    object: i64,
    now: i64,
) -> Result<()> {
    let is_deleted = is_deleted_in_source(tx, object)?;
    for exported in exported_by_others(tx, crossing, object)? {
        for (src, attribute, flags) in exported.edges {
            if is_deleted || flags & 1 == 0 {
                edge_due(tx, exported.job, src, attribute, exported.dst, now)?;
            }
        }
    }
    Ok(())
}

/// The target object is gone for good: no reference of another job to it is there any more.
pub(crate) fn forget_of_others(
    tx: &Transaction<'_>,
    crossing: &Crossing,
    object: i64,
    now: i64,
) -> Result<()> {
    for exported in exported_by_others(tx, crossing, object)? {
        for (src, attribute, flags) in exported.edges {
            crate::export::clear_bit(tx, src, attribute, exported.dst, exported.bit)?;
            if flags & 1 == 1 {
                edge_due(tx, exported.job, src, attribute, exported.dst, now)?;
            }
        }
    }
    Ok(())
}

/// Whether foreign security principals of other sources are known, whose accounts this source may show.
pub(crate) fn are_awaited(c: &Connection, connector: i64) -> Result<bool> {
    Ok(c.prepare_cached(
        "SELECT 1 FROM principal p JOIN object o ON o.id = p.object WHERE o.connector <> ?1 LIMIT 1",
    )?
    .exists([connector])?)
}

/// Whether this row is a foreign security principal.
pub(crate) fn is_principal(c: &Connection, object: i64) -> Result<bool> {
    Ok(
        c.prepare_cached("SELECT 1 FROM principal WHERE object = ?1")?
            .exists([object])?,
    )
}

/// A source showed a foreign security principal: the other sources are looked through for its account.
pub(crate) fn note_principal(
    tx: &Transaction<'_>,
    connector: i64,
    object: i64,
    sid: &str,
) -> Result<()> {
    let is_new = tx
        .prepare_cached(
            "INSERT INTO principal (object, sid) VALUES (?1, ?2)
             ON CONFLICT (object) DO UPDATE SET sid = excluded.sid, account = NULL WHERE sid <> excluded.sid",
        )?
        .execute(params![object, sid])?
        > 0;
    if is_new {
        tx.prepare_cached(
            "INSERT INTO principal_search (connector) SELECT id FROM connector WHERE kind = 'ad' AND id <> ?1
             ON CONFLICT (connector) DO UPDATE SET cursor = 0",
        )?
        .execute([connector])?;
    }
    Ok(())
}

/// A source showed an account: whoever stands for it in another source leads to it from now on.
pub(crate) fn note_account(
    tx: &Transaction<'_>,
    connector: i64,
    object: i64,
    sid: &str,
    now: i64,
) -> Result<()> {
    let mut found: Vec<(i64, i64)> = Vec::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT p.object, o.connector FROM principal p JOIN object o ON o.id = p.object
             WHERE p.sid = ?1 AND p.account IS NOT ?2 AND o.connector <> ?3",
        )?;
        let mut rows = statement.query(params![sid, object, connector])?;
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, row.get(1)?));
        }
    }
    for (principal, source) in found {
        tx.prepare_cached("UPDATE principal SET account = ?2 WHERE object = ?1")?
            .execute([principal, object])?;
        for job in crate::observe::jobs_of(tx, sync_core::id::ConnectorId(source))? {
            wake_waiting(tx, JobId(job), principal, now)?;
        }
    }
    Ok(())
}

/// Whether a source is still to be looked through for accounts.
pub(crate) fn is_searching(c: &Connection) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM principal_search LIMIT 1")?
        .exists([])?)
}

/// A job's view over its borders.
impl Engine {
    /// Where references to these anchors of a job's source lead in the target, if another job holds what they mean.
    ///
    /// # Errors
    /// Of the store.
    pub fn held_by_others(
        &self,
        job: JobId,
        source: ConnectorId,
        anchors: &[Anchor],
    ) -> Result<Vec<Option<TargetId>>> {
        self.read(|c| {
            let crossing = Crossing::of(c, job)?;
            let held = |anchor: &Anchor| {
                let row: Option<i64> = c
                    .prepare_cached("SELECT id FROM object WHERE connector = ?1 AND anchor = ?2")?
                    .query_row(params![source.0, anchor.as_bytes()], |row| row.get(0))
                    .optional()?;
                let end = match row {
                    Some(row) => crossing.end_of(c, row)?,
                    None => None,
                };
                let is_others = |end: &End| {
                    end.situation == Situation::Linked && crate::job_of(end.link) != job
                };
                Ok(end.filter(is_others).map(|end| TargetId(end.target)))
            };
            anchors.iter().map(held).collect()
        })
    }

    /// The objects of a job's target that other jobs hold; none if no other job fills it.
    ///
    /// # Errors
    /// Of the store.
    pub fn targets_of_others(&self, job: JobId) -> Result<Vec<TargetId>> {
        self.read(|c| {
            let crossing = Crossing::of(c, job)?;
            let mut all = Vec::new();
            for sibling in crossing.siblings.iter().filter(|sibling| sibling.job != job) {
                let (first, last) = crate::link_range(sibling.job);
                let mut statement = c.prepare_cached(
                    "SELECT target FROM link WHERE id BETWEEN ?1 AND ?2 AND situation = 1 AND target IS NOT NULL",
                )?;
                let rows = statement.query_map([first, last], |row| row.get(0).map(TargetId))?;
                for row in rows {
                    all.push(row?);
                }
            }
            Ok(all)
        })
    }

    /// Looks through a chunk of a source for accounts that others stand for.
    pub(crate) fn search_accounts(&self, tx: &Transaction<'_>, now: i64) -> Result<()> {
        // LIMIT: objects looked at in one transaction.
        const CHUNK: usize = 2_000;
        let next: Option<(i64, i64)> = tx
            .prepare_cached(
                "SELECT connector, cursor FROM principal_search ORDER BY connector LIMIT 1",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((connector, cursor)) = next else {
            return Ok(());
        };
        let mut objects: Vec<(i64, Vec<u8>)> = Vec::new();
        {
            // The plus keeps SQLite from going by connector, which would sort everything for every chunk.
            let mut statement = tx.prepare_cached(
                "SELECT id, attributes FROM object WHERE id > ?2 AND +connector = ?1 AND state = 2 AND attributes IS NOT NULL
                 ORDER BY id LIMIT ?3",
            )?;
            let mut rows = statement.query(params![connector, cursor, CHUNK])?;
            while let Some(row) = rows.next()? {
                objects.push((row.get(0)?, row.get(1)?));
            }
        }
        for (object, blob) in &objects {
            if let Some(sid) = sid_of(&self.codec().attributes(blob)?) {
                note_account(tx, connector, *object, &sid, now)?;
            }
        }
        match objects.last() {
            Some((last, _)) if objects.len() == CHUNK => {
                tx.execute(
                    "UPDATE principal_search SET cursor = ?2 WHERE connector = ?1",
                    [connector, *last],
                )?;
            }
            _ => {
                tx.execute(
                    "DELETE FROM principal_search WHERE connector = ?1",
                    [connector],
                )?;
            }
        }
        Ok(())
    }
}

/// The security identifier among some attributes, as text.
pub(crate) fn sid_of(attributes: &sync_core::value::Attributes) -> Option<String> {
    use sync_core::{sid, value::Value};
    match attributes.first(sid::ATTRIBUTE)? {
        Value::Binary(bytes) => sid::text(bytes),
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    }
}
