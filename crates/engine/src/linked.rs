//! Target ids of linked objects as the writer last saw them, so that whoever is a member of many groups is looked up once.
//!
//! Only the writer asks, so what it has not committed yet is seen as well. SQLite itself tells of every row of `link` that is
//! written, and that row is forgotten; when something was undone, all of it is. Never knows more than a fixed number of
//! links. Trap: only ids that are UUIDs in their usual spelling are remembered, because others need more memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use sync_core::{id::LinkId, quick::QuickMap};
use uuid::Uuid;

// LIMIT: links remembered (7/8 of a power of two, so that a full map is a full one); when there are more it begins anew.
const MOST: usize = if cfg!(test) { 1_000 } else { 1_835_008 };

/// Target ids by link.
#[derive(Default)]
pub(crate) struct Linked(Mutex<QuickMap<i64, Uuid>>);

impl Linked {
    /// Has every link forgotten that this connection writes.
    pub(crate) fn watch(self: &Arc<Self>, writer: &mut Connection) -> rusqlite::Result<()> {
        let linked = Arc::clone(self);
        writer.update_hook(Some(move |_, _: &str, table: &str, row| {
            if table == "link" {
                linked.entries().remove(&row);
            }
        }))
    }

    /// The target id of a link that is linked, if it is known.
    pub(crate) fn find(&self, link: LinkId) -> Option<Arc<str>> {
        let id = self.entries().get(&link.0).copied()?;
        let mut text = Uuid::encode_buffer();
        Some(Arc::from(&*id.hyphenated().encode_lower(&mut text)))
    }

    /// Remembers a link that is linked, as it is stored now.
    pub(crate) fn know(&self, link: LinkId, target: &str) {
        let Ok(id) = Uuid::try_parse(target) else {
            return;
        };
        let mut text = Uuid::encode_buffer();
        if *id.hyphenated().encode_lower(&mut text) != *target {
            return;
        }
        let mut entries = self.entries();
        if entries.len() >= MOST {
            entries.clear();
        }
        entries.insert(link.0, id);
    }

    /// Something was undone: what was seen of it may never have been.
    pub(crate) fn forget_all(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> MutexGuard<'_, QuickMap<i64, Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d";

    #[test]
    fn knows_what_it_was_told_until_the_row_is_written() {
        let linked = Arc::<Linked>::default();
        let mut writer = Connection::open_in_memory().unwrap();
        writer
            .execute_batch("CREATE TABLE link (id INTEGER PRIMARY KEY, situation INTEGER); CREATE TABLE other (id INTEGER PRIMARY KEY);")
            .unwrap();
        linked.watch(&mut writer).unwrap();
        let writes = [
            "INSERT INTO link (id, situation) VALUES (7, 0)",
            "UPDATE link SET situation = 2",
            "INSERT OR REPLACE INTO link (id, situation) VALUES (7, 3)",
            "INSERT INTO link (id, situation) VALUES (7, 1) ON CONFLICT (id) DO UPDATE SET situation = 4",
            "DELETE FROM link WHERE id = 7",
        ];
        for sql in writes {
            linked.know(LinkId(7), ID);
            writer
                .execute("INSERT INTO other DEFAULT VALUES", [])
                .unwrap();
            assert_eq!(linked.find(LinkId(7)).as_deref(), Some(ID), "{sql}");
            writer.execute_batch(sql).unwrap();
            assert_eq!(linked.find(LinkId(7)), None, "{sql}");
        }
        linked.know(LinkId(8), ID);
        linked.forget_all();
        assert_eq!(linked.find(LinkId(8)), None);
    }

    #[test]
    fn begins_anew_when_it_is_full() {
        let linked = Linked::default();
        for link in 0..=1_000 {
            linked.know(LinkId(link), ID);
            assert!(linked.entries().len() <= MOST);
        }
        assert_eq!(linked.find(LinkId(1)), None);
        assert_eq!(linked.find(LinkId(1_000)).as_deref(), Some(ID));
    }

    #[test]
    fn an_id_in_another_spelling_is_not_known() {
        let linked = Linked::default();
        for id in [
            "42",
            "uid=anna,dc=example",
            &ID.to_uppercase(),
            &ID.replace('-', ""),
        ] {
            linked.know(LinkId(1), id);
            assert_eq!(linked.find(LinkId(1)), None, "{id}");
        }
    }
}
