//! Marking many references of one object as held by the target, in one pass over them.
//!
//! Trap: only for what goes as planned: each reference is still there, and nothing about it is due. Whatever else happened
//! meanwhile is told one by one (`export.rs`).

use crate::{export::EdgeChange, group::Transaction, store::Result};

/// Fewer than this are marked one by one.
const FEW: usize = 8;

/// Marks all of them and says so, or touches nothing.
pub(crate) fn all_added(
    tx: &Transaction<'_>,
    src: i64,
    edges: &[EdgeChange],
    bit: i64,
) -> Result<bool> {
    let Some(first) = edges.first() else {
        return Ok(true);
    };
    let is_plain = edges.len() >= FEW
        && edges
            .iter()
            .all(|edge| edge.add && edge.attribute == first.attribute);
    if !is_plain {
        return Ok(false);
    }
    let mut wanted: Vec<i64> = edges.iter().map(|edge| edge.dst).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let range = Range {
        src,
        attribute: first.attribute,
        bit,
    };
    match range.open(tx, &wanted)? {
        Some(open) if open == wanted => range.mark(tx, &wanted)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// References of one attribute of one object.
struct Range {
    src: i64,
    attribute: i64,
    bit: i64,
}

impl Range {
    /// References between the first and the last of these that the source has and the target has not; `None`: there is too
    /// much else between them for a pass to be worth it.
    fn open(&self, tx: &Transaction<'_>, wanted: &[i64]) -> Result<Option<Vec<i64>>> {
        let (Some(low), Some(high)) = (wanted.first(), wanted.last()) else {
            return Ok(None);
        };
        let most = 4 * wanted.len();
        let mut statement = tx.prepare_cached(
            "SELECT dst, flags FROM edge WHERE src = ?1 AND attribute = ?2 AND dst BETWEEN ?3 AND ?4 ORDER BY dst",
        )?;
        let mut rows = statement.query([self.src, self.attribute, *low, *high])?;
        let mut open = Vec::with_capacity(wanted.len());
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            seen += 1;
            if seen > most {
                return Ok(None);
            }
            let flags: i64 = row.get(1)?;
            if flags & 1 == 1 && flags & self.bit == 0 {
                open.push(row.get(0)?);
            }
        }
        Ok(Some(open))
    }

    fn mark(&self, tx: &Transaction<'_>, wanted: &[i64]) -> Result<()> {
        if let (Some(low), Some(high)) = (wanted.first(), wanted.last()) {
            tx.prepare_cached(
                "UPDATE edge SET flags = flags | ?5
                 WHERE src = ?1 AND attribute = ?2 AND dst BETWEEN ?3 AND ?4 AND flags & 1 = 1 AND flags & ?5 = 0",
            )?
            .execute([self.src, self.attribute, *low, *high, self.bit])?;
        }
        Ok(())
    }
}
