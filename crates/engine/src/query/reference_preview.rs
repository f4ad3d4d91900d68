//! What would become of references, if objects came, stayed and left as a preview says.
//!
//! Nothing here writes. Goes through the stored edges once, in their order, and keeps two bits per object. Trap: who leaves takes
//! along every reference to him, without any operation on those who refer to him.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};
use sync_core::{id::ObjectId, plan::Situation, value::Name};

use super::object::Names;
use crate::{
    MappedReference,
    config::JobRow,
    crossing::{Crossing, is_deleted_in_source},
    observe::class_name,
    store::{Engine, Result},
};

/// Which objects are in the target, before and after.
#[derive(Debug, Default)]
pub struct Fates {
    before: Vec<u64>,
    after: Vec<u64>,
}

impl Fates {
    /// Notes an object.
    pub fn note(&mut self, object: ObjectId, is_before: bool, is_after: bool) {
        for (bits, is_there) in [(&mut self.before, is_before), (&mut self.after, is_after)] {
            if is_there {
                set(bits, object.0);
            }
        }
    }

    fn was(&self, object: i64) -> bool {
        has(&self.before, object)
    }

    fn will_be(&self, object: i64) -> bool {
        has(&self.after, object)
    }
}

fn set(bits: &mut Vec<u64>, object: i64) {
    let (word, bit) = (usize::try_from(object / 64).unwrap_or(0), object % 64);
    if bits.len() <= word {
        bits.resize(word + 1024, 0);
    }
    if let Some(bits) = bits.get_mut(word) {
        *bits |= 1 << bit;
    }
}

fn has(bits: &[u64], object: i64) -> bool {
    let word = usize::try_from(object / 64).unwrap_or(usize::MAX);
    bits.get(word)
        .is_some_and(|bits| bits & (1 << (object % 64)) != 0)
}

/// Who refers, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedHolder {
    /// Row.
    pub id: ObjectId,
    /// Anchor as text.
    pub anchor: String,
    /// Class in the source.
    pub class: Name,
    /// Distinguished name.
    pub dn: String,
    /// Target object, if there is one.
    pub target: String,
    /// Whether it is in the target now.
    pub is_there: bool,
}

/// What would become of the references of one attribute of one object; of many, a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedReferences {
    /// Who refers.
    pub holder: PreviewedHolder,
    /// Linked attribute of the source.
    pub attribute: Name,
    /// Distinguished names of those it would refer to as well.
    pub added: Vec<String>,
    /// Distinguished names of those it would no longer refer to.
    pub removed: Vec<String>,
}

/// A place among the edges.
pub type EdgePlace = (i64, i64, i64);

/// Edges gone through at once.
const EDGES: usize = 20_000;
// LIMIT: references in one part.
const PART: usize = 1_000;

struct Look<'a> {
    engine: &'a Engine,
    c: &'a Connection,
    job: &'a JobRow,
    crossing: Crossing,
    names: Names<'a>,
    dns: HashMap<i64, String>,
    found: Vec<PreviewedReferences>,
    holder: Option<(i64, Option<PreviewedHolder>)>,
}

impl Engine {
    /// Changes of references behind this place, and the place to go on from.
    ///
    /// # Errors
    /// Of the store.
    pub fn preview_references(
        &self,
        job: &JobRow,
        mapped: &[MappedReference],
        fates: &Fates,
        after: EdgePlace,
    ) -> Result<(Vec<PreviewedReferences>, Option<EdgePlace>)> {
        self.read(|c| {
            let mut look = Look {
                engine: self,
                c,
                job,
                crossing: Crossing::of(c, job.id)?,
                names: Names::new(c),
                dns: HashMap::new(),
                found: Vec::new(),
                holder: None,
            };
            let mut statement = c.prepare_cached(
                "SELECT src, attribute, dst, flags FROM edge WHERE (src, attribute, dst) > (?1, ?2, ?3)
                 ORDER BY src, attribute, dst LIMIT ?4",
            )?;
            let limit = i64::try_from(EDGES).unwrap_or(i64::MAX);
            let mut rows = statement.query([after.0, after.1, after.2, limit])?;
            let (mut count, mut last) = (0, after);
            while let Some(row) = rows.next()? {
                let (src, attribute, dst, flags): (i64, i64, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                count += 1;
                last = (src, attribute, dst);
                if fates.will_be(src) {
                    look.edge(mapped, fates, last, flags)?;
                }
            }
            Ok((look.found, (count == EDGES).then_some(last)))
        })
    }
}

impl Look<'_> {
    fn edge(
        &mut self,
        mapped: &[MappedReference],
        fates: &Fates,
        (src, attribute, dst): EdgePlace,
        flags: i64,
    ) -> Result<()> {
        let is_in_source = flags & 1 == 1;
        let is_held = flags & (2_i64 << self.job.slot) != 0 && fates.was(src);
        let (mut was, mut will_be) = (fates.was(dst), fates.will_be(dst));
        // By far most edges stay as they are.
        if is_in_source && is_held && was && will_be {
            return Ok(());
        }
        if !will_be && self.is_there_otherwise(dst)? {
            (was, will_be) = (true, true);
        }
        let before = is_held && was;
        if !will_be && !before {
            return Ok(());
        }
        let Some(name) = self.engine.name(attribute) else {
            return Ok(());
        };
        let Some(holder) = self.holder(src, fates)? else {
            return Ok(());
        };
        let is_mapped = mapped.iter().any(|one| {
            one.source.eq_ignore_ascii_case(&name) && one.class.eq_ignore_ascii_case(&holder.class)
        });
        let is_wanted = match is_mapped {
            // Taken back only when the deletion of the other end is carried out.
            true => is_in_source || (is_held && is_deleted_in_source(self.c, dst)?),
            false => is_held,
        };
        let after = is_wanted && will_be;
        if before != after {
            self.note(holder, name, dst, after)?;
        }
        Ok(())
    }

    /// Whether another job has the other end in the target.
    fn is_there_otherwise(&self, dst: i64) -> Result<bool> {
        let end = self.crossing.end_of(self.c, dst)?;
        Ok(end.is_some_and(|end| {
            end.situation == Situation::Linked && crate::job_of(end.link) != self.job.id
        }))
    }

    fn note(
        &mut self,
        holder: PreviewedHolder,
        attribute: Name,
        dst: i64,
        is_added: bool,
    ) -> Result<()> {
        let dn = self.dn(dst)?;
        let is_full = |part: &PreviewedReferences| part.added.len() + part.removed.len() >= PART;
        let same = self.found.last().is_some_and(|part| {
            part.holder.id == holder.id && part.attribute == attribute && !is_full(part)
        });
        if !same {
            self.found.push(PreviewedReferences {
                holder,
                attribute,
                added: Vec::new(),
                removed: Vec::new(),
            });
        }
        if let Some(part) = self.found.last_mut() {
            match is_added {
                true => part.added.push(dn),
                false => part.removed.push(dn),
            }
        }
        Ok(())
    }

    fn dn(&mut self, object: i64) -> Result<String> {
        if let Some(dn) = self.dns.get(&object) {
            return Ok(dn.clone());
        }
        let (parent, rdn) = self
            .c
            .prepare_cached("SELECT parent, coalesce(rdn, '') FROM object WHERE id = ?1")?
            .query_row([object], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, String>(1)?))
            })?;
        let dn = self.names.above(parent, &rdn)?.0;
        self.dns.insert(object, dn.clone());
        Ok(dn)
    }

    /// `None`: it is not of the source of this job.
    fn holder(&mut self, src: i64, fates: &Fates) -> Result<Option<PreviewedHolder>> {
        if let Some((known, holder)) = &self.holder
            && *known == src
        {
            return Ok(holder.clone());
        }
        let found: Option<(i64, Vec<u8>, Option<i64>)> = self
            .c
            .prepare_cached("SELECT connector, anchor, class FROM object WHERE id = ?1")?
            .query_row([src], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let holder = match found {
            Some((connector, anchor, class)) if connector == self.job.source.0 => {
                let link = crate::link_id(self.job.id, ObjectId(src)).0;
                let target: Option<String> = self
                    .c
                    .prepare_cached("SELECT target FROM link WHERE id = ?1")?
                    .query_row([link], |row| row.get(0))
                    .optional()?
                    .flatten();
                Some(PreviewedHolder {
                    id: ObjectId(src),
                    anchor: sync_core::id::Anchor::new(anchor).guid_text(),
                    class: class_name(self.engine, class).unwrap_or_else(|| "".into()),
                    dn: self.dn(src)?,
                    // One that was there once may be made anew.
                    target: target.filter(|_| fates.was(src)).unwrap_or_default(),
                    is_there: fates.was(src),
                })
            }
            _ => None,
        };
        self.holder = Some((src, holder.clone()));
        Ok(holder)
    }
}
