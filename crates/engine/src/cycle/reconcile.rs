//! The target compared with what was left there: changes made behind our back.
//!
//! Compares and remembers; what is to be put right is doubted, read back and planned like every other change, so that the
//! guard sees it. Trap: what is on its way, or newer here than in the list that was read, is no difference.

use std::{collections::HashSet, sync::Arc};

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    code::Code,
    id::{Anchor, LinkId, TargetId},
    operation::Refusal,
    value::{Attributes, Value},
};

use crate::{
    JobRow, MappedReference,
    crossing::Crossing,
    group::Transaction,
    log::{Action, Record, Status},
    observe::{attributes_of, class_name},
    rejoin::HeldReferences,
    store::{Engine, Result},
};

/// An object of the target, as it was listed.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedObject {
    /// Id.
    pub target: TargetId,
    /// Version.
    pub version: u64,
    /// Its values.
    pub attributes: Attributes,
    /// Its references.
    pub references: HeldReferences,
}

/// What comparing one object came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// No link of the job knows it.
    Unknown,
    /// It is as it was left, or on its way.
    Same(LinkId),
    /// Somebody wrote to it, and what was left there is still there.
    Touched(TargetChange),
    /// It is not as it was left.
    Changed(TargetChange),
}

/// A linked object that is not as it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetChange {
    /// The link.
    pub link: LinkId,
    /// Target object.
    pub target: TargetId,
    /// Its version; 0: it is not there.
    pub version: u64,
    /// Name for people.
    pub name: String,
    /// Attributes that differ; none if it is not there.
    pub attributes: Vec<String>,
}

impl Engine {
    /// Compares listed objects with what was left there, in order.
    ///
    /// # Errors
    /// Of the store.
    pub fn compare_with_target(
        &self,
        job: &JobRow,
        mapped: &[MappedReference],
        listed: &[ListedObject],
    ) -> Result<Vec<Compared>> {
        self.read(|c| {
            let crossing = Crossing::of(c, job.id)?;
            listed
                .iter()
                .map(|object| self.compare(c, (job, &crossing), mapped, object))
                .collect()
        })
    }

    fn compare(
        &self,
        c: &Connection,
        (job, crossing): (&JobRow, &Crossing),
        mapped: &[MappedReference],
        listed: &ListedObject,
    ) -> Result<Compared> {
        let (first, last) = crate::link_range(job.id);
        let mut statement = c.prepare_cached(
            "SELECT l.id, l.version, l.exported, l.pending_state, l.stale, o.class FROM link l
             JOIN object o ON o.id = l.id & 1099511627775
             WHERE l.target = ?1 AND l.id BETWEEN ?2 AND ?3 AND l.situation = 1",
        )?;
        let mut rows = statement.query(params![listed.target.0, first, last])?;
        let Some(row) = rows.next()? else {
            return Ok(Compared::Unknown);
        };
        let link = LinkId(row.get(0)?);
        let known: i64 = row.get(1)?;
        let is_busy = row.get::<_, i64>(3)? != 0 || row.get::<_, i64>(4)? != 0;
        if is_busy || listed.version <= known.cast_unsigned() {
            return Ok(Compared::Same(link));
        }
        let exported = attributes_of(self, row.get(2)?)?;
        let class = class_name(self, row.get(5)?).unwrap_or_else(|| "".into());
        let mut differing: Vec<String> = exported
            .iter()
            .filter(|(name, values)| {
                !is_same(values, listed.attributes.values(name).unwrap_or_default())
            })
            .map(|(name, _)| name.to_string())
            .collect();
        differing.extend(self.differing_references(
            c,
            (job, crossing),
            mapped,
            (link, &class),
            listed,
        )?);
        let is_touched_only = differing.is_empty();
        let change = TargetChange {
            link,
            target: listed.target.clone(),
            version: listed.version,
            name: exported.text("displayName").unwrap_or_default().to_owned(),
            attributes: differing,
        };
        Ok(match is_touched_only {
            true => Compared::Touched(change),
            false => Compared::Changed(change),
        })
    }

    fn differing_references(
        &self,
        c: &Connection,
        (job, crossing): (&JobRow, &Crossing),
        mapped: &[MappedReference],
        (link, class): (LinkId, &str),
        listed: &ListedObject,
    ) -> Result<Vec<String>> {
        let mut differing = Vec::new();
        for mapping in mapped
            .iter()
            .filter(|mapping| class.eq_ignore_ascii_case(&mapping.class))
        {
            let Some(attribute) = self.name_id(&mapping.source) else {
                continue;
            };
            let mut statement = c.prepare_cached(
                "SELECT dst FROM edge WHERE src = ?1 AND attribute = ?2 AND flags & ?3 <> 0",
            )?;
            let src = crate::object_of(link).0;
            let mut rows = statement.query(params![src, attribute, 2_i64 << job.slot])?;
            let mut left: HashSet<Arc<str>> = HashSet::new();
            while let Some(row) = rows.next()? {
                left.extend(crossing.end_of(c, row.get(0)?)?.map(|end| end.target));
            }
            let held: HashSet<Arc<str>> = listed
                .references
                .iter()
                .filter(|(name, _)| *name == mapping.target)
                .flat_map(|(_, targets)| targets.iter().map(|target| target.0.clone()))
                .collect();
            if left != held {
                differing.push(mapping.target.to_string());
            }
        }
        Ok(differing)
    }

    /// Linked objects of a job that are not among these, whose operations are all carried out.
    ///
    /// # Errors
    /// Of the store.
    pub fn missing_in_target(
        &self,
        job: &JobRow,
        seen: &HashSet<LinkId>,
    ) -> Result<Vec<TargetChange>> {
        let (first, last) = crate::link_range(job.id);
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, target, exported FROM link
                 WHERE id BETWEEN ?1 AND ?2 AND situation = 1 AND pending_state = 0 AND stale = 0 AND target IS NOT NULL",
            )?;
            let mut rows = statement.query([first, last])?;
            let mut missing = Vec::new();
            while let Some(row) = rows.next()? {
                let link = LinkId(row.get(0)?);
                if seen.contains(&link) {
                    continue;
                }
                let exported = attributes_of(self, row.get(2)?)?;
                missing.push(TargetChange {
                    link,
                    target: TargetId(row.get(1)?),
                    version: 0,
                    name: exported.text("displayName").unwrap_or_default().to_owned(),
                    attributes: Vec::new(),
                });
            }
            Ok(missing)
        })
    }

    /// Remembers what a reconciliation found instead of what the one before found. What is new is logged.
    ///
    /// # Errors
    /// Of the store.
    pub fn note_target_changes(&self, job: &JobRow, found: &[TargetChange]) -> Result<()> {
        let now = self.now();
        let (first, last) = crate::link_range(job.id);
        self.write("engine.target_changes", |tx| {
            let mut records = Vec::new();
            let ids: HashSet<i64> = found.iter().map(|change| change.link.0).collect();
            let mut gone: Vec<i64> = Vec::new();
            {
                let mut statement =
                    tx.prepare_cached("SELECT id FROM target_change WHERE id BETWEEN ?1 AND ?2")?;
                let rows = statement.query_map([first, last], |row| row.get::<_, i64>(0))?;
                for id in rows {
                    let id = id?;
                    if !ids.contains(&id) {
                        gone.push(id);
                    }
                }
            }
            for id in gone {
                tx.execute("DELETE FROM target_change WHERE id = ?1", [id])?;
            }
            for change in found {
                if is_news(tx, change, now)? {
                    records.push(self.change_record(tx, job, change, now)?);
                }
            }
            self.append_log(tx, records, now)
        })
    }

    fn change_record(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        change: &TargetChange,
        now: i64,
    ) -> Result<Record> {
        let (class, anchor): (Option<i64>, Vec<u8>) = tx
            .prepare_cached("SELECT class, anchor FROM object WHERE id = ?1")?
            .query_row([crate::object_of(change.link).0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let what = match change.version {
            0 => "the object is not in the target any more".to_owned(),
            _ => change.attributes.join(", "),
        };
        Ok(Record {
            sequence: 0,
            at: now,
            since: now,
            link: change.link.0,
            job: job.id.0,
            action: Action::Skip,
            status: Status::Warning,
            class: class_name(self, class)
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            name: change.name.clone(),
            anchor: Anchor::new(anchor),
            target: Some(change.target.to_string()),
            refusal: Some(Refusal::new(Code::TargetChanged).with("text", what)),
            changes: Vec::new(),
            references: Vec::new(),
            reasons: 0,
            cycle: uuid::Uuid::nil(),
        })
    }
}

/// Remembers a change; says whether it was not known as it is now.
fn is_news(tx: &Transaction<'_>, change: &TargetChange, now: i64) -> Result<bool> {
    let attributes = serde_json::json!(change.attributes).to_string();
    let before: Option<String> = tx
        .prepare_cached("SELECT attributes FROM target_change WHERE id = ?1")?
        .query_row([change.link.0], |row| row.get(0))
        .optional()?;
    tx.prepare_cached(
        "INSERT INTO target_change (id, version, attributes, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, attributes = excluded.attributes",
    )?
    .execute(params![change.link.0, change.version.cast_signed(), attributes, now])?;
    Ok(before.as_ref() != Some(&attributes))
}

/// Whether values are the same as a set.
fn is_same(left: &[Value], right: &[Value]) -> bool {
    let texts = |values: &[Value]| -> Vec<String> {
        let mut texts: Vec<String> = values.iter().map(Value::display).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    left == right || texts(left) == texts(right)
}
