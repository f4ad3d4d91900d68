//! Comparing a source whole with its connector space, beside the reads of changes.
//!
//! Nothing that is shown is merged: what differs, and what is not shown, is only noted, judged, and then looked up one by
//! one. So changes are read and planned all the while, and a listing made with a lost right changes nothing. Never deletes.
//! Trap: a listing is minutes old when it ends; what a read touched meanwhile is left out, because the read knew better.

use std::collections::{HashMap, HashSet, hash_map::Entry as Place};

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    code::Code,
    id::{Anchor, ConnectorId},
    object::{Entry, ReadSpec},
    operation::Refusal,
    value::{Attributes, Name, Value},
};

use crate::{
    group::Transaction,
    observe::{ReadMemory, attributes_of, class_name},
    read::{LOOKUP_DIFFERS, Wanted, vanished},
    store::{Engine, Result, StoreError, pack},
};

// LIMIT: objects that are looked up one by one; where more differ, reading everything anew is cheaper.
const DIFFERING: usize = 5_000;

/// What is to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparisonOrder {
    /// What to list.
    pub spec: ReadSpec,
    /// Where the last read ended: nothing older may be shown.
    pub position: Vec<u8>,
    /// Why.
    pub why: Refusal,
}

/// What a comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComparisonEnd {
    /// Objects that were listed.
    pub listed: u64,
    /// Those that differ from what is known, and are looked up.
    pub differing: usize,
    /// Objects that were not listed, and are looked up.
    pub absent: usize,
    /// Why a full read follows instead of look-ups.
    pub full_read: Option<Refusal>,
    /// The source was read anew or is read for something else meanwhile: the comparison says nothing.
    pub is_stale: bool,
}

/// What is remembered of a comparison only while it runs.
pub(crate) struct Comparing {
    order: ComparisonOrder,
    /// When the source was compared before this.
    last: Option<i64>,
    /// The newest object when it began: what came later need not be listed.
    newest: i64,
    listed: ReadMemory,
    /// What reads merged meanwhile.
    touched: ReadMemory,
    differing: Vec<Anchor>,
    count: u64,
}

/// An object as it is stored.
struct Known {
    id: i64,
    parent: Option<i64>,
    class: Option<i64>,
    state: i64,
    rdn: Option<String>,
    attributes: Option<Vec<u8>>,
}

impl Engine {
    /// Begins a comparison, if it is time for one and the source is read for this. One under way is given up.
    ///
    /// # Errors
    /// NotFound.
    pub fn begin_comparison(
        &self,
        connector: ConnectorId,
        spec: &ReadSpec,
    ) -> Result<Option<ComparisonOrder>> {
        let now = self.now();
        let (wanted, newest) = self.read(|c| {
            let newest: i64 =
                c.query_row("SELECT coalesce(max(id), 0) FROM object", [], |row| {
                    row.get(0)
                })?;
            Ok((Wanted::of(c, connector)?, newest))
        })?;
        let is_level = wanted.needs == "delta" && wanted.stored.as_ref() == Some(spec);
        let (Some(why), Some(position), true) =
            (wanted.comparison.due(now), wanted.watermark, is_level)
        else {
            return Ok(None);
        };
        let order = ComparisonOrder {
            spec: spec.clone(),
            position,
            why,
        };
        let comparing = Comparing {
            order: order.clone(),
            last: wanted.comparison.last,
            newest,
            listed: ReadMemory::new(connector, true, false),
            touched: ReadMemory::new(connector, false, false),
            differing: Vec::new(),
            count: 0,
        };
        self.comparisons().insert(connector.0, comparing);
        Ok(Some(order))
    }

    /// Whether it is time to compare a source.
    ///
    /// # Errors
    /// NotFound.
    pub fn is_comparison_due(&self, connector: ConnectorId) -> Result<bool> {
        let now = self.now();
        let wanted = self.read(|c| Wanted::of(c, connector))?;
        let is_read = wanted.needs == "delta" && wanted.watermark.is_some();
        Ok(is_read && wanted.comparison.due(now).is_some())
    }

    /// Compares what was listed with what is known.
    ///
    /// # Errors
    /// Conflict, if no comparison is under way.
    pub fn compare_listed(&self, connector: ConnectorId, entries: &[Entry]) -> Result<()> {
        let (mut listed, mut differing) = (Vec::with_capacity(entries.len()), Vec::new());
        self.read(|c| {
            let mut look = Look {
                engine: self,
                c,
                connector,
                containers: HashMap::new(),
            };
            for entry in entries {
                let known = look.find(&entry.anchor)?;
                listed.extend(known.as_ref().map(|known| known.id));
                if !look.is_same(entry, known)? {
                    differing.push(entry.anchor.clone());
                }
            }
            Ok(())
        })?;
        let mut comparisons = self.comparisons();
        let Some(comparing) = comparisons.get_mut(&connector.0) else {
            return Err(not_under_way());
        };
        comparing.listed.note(&listed, entries);
        comparing.count += entries.len() as u64;
        // One more than the limit says that there are too many.
        let room = (DIFFERING + 1).saturating_sub(comparing.differing.len());
        comparing.differing.extend(differing.into_iter().take(room));
        Ok(())
    }

    /// Ends a comparison after everything was listed: judges it, and notes what has to be looked up.
    ///
    /// # Errors
    /// Conflict, if no comparison is under way.
    pub fn end_comparison(&self, connector: ConnectorId) -> Result<ComparisonEnd> {
        let Some(comparing) = self.comparisons().remove(&connector.0) else {
            return Err(not_under_way());
        };
        let now = self.now();
        self.write("engine.end_comparison", |tx| {
            let wanted = Wanted::of(tx, connector)?;
            let is_stale = wanted.needs != "delta"
                || wanted.stored.as_ref() != Some(&comparing.order.spec)
                || wanted.comparison.last != comparing.last;
            let mut compared = ComparisonEnd {
                listed: comparing.count,
                is_stale,
                ..ComparisonEnd::default()
            };
            if is_stale {
                return Ok(compared);
            }
            compared.full_read = self.against(tx, connector, &comparing)?;
            if let Some(why) = &compared.full_read {
                tx.execute(
                    "UPDATE connector SET needs = 'full', needs_why = ?2 WHERE id = ?1",
                    params![connector.0, pack(why)?],
                )?;
                return Ok(compared);
            }
            compared.differing = look_up_differing(tx, connector, &comparing)?;
            compared.absent = look_up_absent(tx, connector, &comparing, now)?;
            let census = serde_json::to_string(&comparing.listed.census)
                .map_err(|_| StoreError::Blob("census"))?;
            tx.execute(
                "UPDATE connector SET compared_at = ?2, census = ?3 WHERE id = ?1",
                params![connector.0, now, census],
            )?;
            Ok(compared)
        })
    }

    /// Gives up a comparison that cannot be ended; it begins anew at another time.
    pub fn give_up_comparison(&self, connector: ConnectorId) {
        self.comparisons().remove(&connector.0);
    }

    /// What speaks for reading everything anew, and judging that, instead of looking up what was found.
    fn against(
        &self,
        tx: &Transaction<'_>,
        connector: ConnectorId,
        comparing: &Comparing,
    ) -> Result<Option<Refusal>> {
        let spec = pack(&comparing.order.spec)?;
        if let Some(doubt) = self.doubt(tx, connector, &comparing.listed.census, &spec)? {
            return Ok(Some(doubt));
        }
        let is_too_much = comparing.differing.len() > DIFFERING;
        Ok(is_too_much.then(|| {
            Refusal::new(Code::SourceComparisonDue)
                .with("text", format!("more than {DIFFERING} objects differ"))
        }))
    }

    /// Reads merged these objects: a comparison under way says nothing of them any more.
    pub(crate) fn touched(&self, connector: ConnectorId, objects: &[i64]) {
        if let Some(comparing) = self.comparisons().get_mut(&connector.0) {
            for object in objects {
                comparing.touched.see(*object);
            }
        }
    }
}

fn not_under_way() -> StoreError {
    let why = Refusal::new(Code::Conflict).with("text", "no comparison is under way");
    StoreError::Refused(why)
}

fn row_of(tx: &Transaction<'_>, connector: ConnectorId, anchor: &Anchor) -> Result<Option<i64>> {
    Ok(tx
        .prepare_cached("SELECT id FROM object WHERE connector = ?1 AND anchor = ?2")?
        .query_row(params![connector.0, anchor.as_bytes()], |row| row.get(0))
        .optional()?)
}

fn look_up_differing(
    tx: &Transaction<'_>,
    connector: ConnectorId,
    comparing: &Comparing,
) -> Result<usize> {
    let mut count = 0;
    for anchor in &comparing.differing {
        let object = match row_of(tx, connector, anchor)? {
            // A read has shown it since.
            Some(id) if comparing.touched.was_seen(id) => continue,
            Some(id) => id,
            None => {
                tx.prepare_cached(
                    "INSERT INTO object (connector, anchor, state) VALUES (?1, ?2, 0)",
                )?
                .execute(params![connector.0, anchor.as_bytes()])?;
                tx.last_insert_rowid()
            }
        };
        count += 1;
        tx.prepare_cached("INSERT OR IGNORE INTO lookup (object, why) VALUES (?1, ?2)")?
            .execute([object, LOOKUP_DIFFERS])?;
    }
    Ok(count)
}

/// What is known and was not listed is *vanished*, as after a full read. Containers are not listed, so they are not missed.
fn look_up_absent(
    tx: &Transaction<'_>,
    connector: ConnectorId,
    comparing: &Comparing,
    now: i64,
) -> Result<usize> {
    let jobs = comparing.listed.jobs(tx)?;
    let mut absent: Vec<i64> = Vec::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT id FROM object WHERE connector = ?1 AND state = 2 AND id <= ?2",
        )?;
        let mut rows = statement.query([connector.0, comparing.newest])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if !comparing.listed.was_seen(id) && !comparing.touched.was_seen(id) {
                absent.push(id);
            }
        }
    }
    for id in &absent {
        vanished(tx, &jobs, *id, true, now)?;
    }
    Ok(absent.len())
}

/// A look at stored objects.
struct Look<'a> {
    engine: &'a Engine,
    c: &'a Connection,
    connector: ConnectorId,
    /// Anchors of containers by row.
    containers: HashMap<i64, Option<Anchor>>,
}

impl Look<'_> {
    fn find(&self, anchor: &Anchor) -> Result<Option<Known>> {
        Ok(self
            .c
            .prepare_cached(
                "SELECT id, parent, class, state, rdn, attributes FROM object WHERE connector = ?1 AND anchor = ?2",
            )?
            .query_row(params![self.connector.0, anchor.as_bytes()], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    parent: row.get(1)?,
                    class: row.get(2)?,
                    state: row.get(3)?,
                    rdn: row.get(4)?,
                    attributes: row.get(5)?,
                })
            })
            .optional()?)
    }

    /// Whether an object is known as it was listed. The order of values, and what the listing does not say, are no difference.
    fn is_same(&mut self, entry: &Entry, known: Option<Known>) -> Result<bool> {
        let Some(known) = known.filter(|known| known.state == 2) else {
            return Ok(false);
        };
        if entry.rdn.is_some() && entry.rdn.as_deref() != known.rdn.as_deref() {
            return Ok(false);
        }
        let class = class_name(self.engine, known.class);
        let is_class = |listed: &Name| {
            let known = class.as_ref();
            known.is_some_and(|known| known.eq_ignore_ascii_case(listed))
        };
        if !entry.class.as_ref().is_none_or(is_class) {
            return Ok(false);
        }
        if let Some(listed) = &entry.parent
            && self.anchor_of(known.parent)?.as_ref() != Some(listed)
        {
            return Ok(false);
        }
        let attributes = attributes_of(self.engine, known.attributes)?;
        Ok(is_equal(&attributes, &entry.attributes) && self.is_linked_so(entry, known.id)?)
    }

    fn anchor_of(&mut self, row: Option<i64>) -> Result<Option<Anchor>> {
        let Some(row) = row else { return Ok(None) };
        let place = match self.containers.entry(row) {
            Place::Occupied(known) => return Ok(known.get().clone()),
            Place::Vacant(place) => place,
        };
        let anchor: Option<Vec<u8>> = self
            .c
            .prepare_cached("SELECT anchor FROM object WHERE id = ?1")?
            .query_row([row], |row| row.get(0))
            .optional()?;
        Ok(place.insert(anchor.map(Anchor::new)).clone())
    }

    fn is_linked_so(&self, entry: &Entry, object: i64) -> Result<bool> {
        let mut listed: HashMap<String, HashSet<&[u8]>> = HashMap::new();
        for link in &entry.links {
            let ends = listed.entry(link.attribute.to_lowercase()).or_default();
            ends.extend(link.added.iter().map(Anchor::as_bytes));
        }
        let mut missing: usize = listed.values().map(HashSet::len).sum();
        let mut statement = self.c.prepare_cached(
            "SELECT e.attribute, o.anchor FROM edge e JOIN object o ON o.id = e.dst WHERE e.src = ?1 AND e.flags & 1 = 1",
        )?;
        let mut rows = statement.query([object])?;
        let mut names: HashMap<i64, String> = HashMap::new();
        while let Some(row) = rows.next()? {
            let attribute: i64 = row.get(0)?;
            let name = names.entry(attribute).or_insert_with(|| {
                let name = class_name(self.engine, Some(attribute));
                name.map(|name| name.to_lowercase()).unwrap_or_default()
            });
            let anchor: Vec<u8> = row.get(1)?;
            if !listed
                .get(name)
                .is_some_and(|ends| ends.contains(&anchor[..]))
            {
                return Ok(false);
            }
            missing = missing.saturating_sub(1);
        }
        Ok(missing == 0)
    }
}

/// Whether these are the same values, in whatever order; an attribute without any is none.
fn is_equal(known: &Attributes, listed: &Attributes) -> bool {
    known == listed || in_order(known) == in_order(listed)
}

fn in_order(attributes: &Attributes) -> Vec<(String, Vec<&Value>)> {
    let mut all: Vec<(String, Vec<&Value>)> = attributes
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| {
            let mut values: Vec<&Value> = values.iter().collect();
            values.sort_unstable();
            (name.to_lowercase(), values)
        })
        .collect();
    all.sort_unstable();
    all
}
