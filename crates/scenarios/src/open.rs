//! What is still open in an engine: what will be carried out, or become something that waits for a person.
//!
//! Never counts what waits for a person already. Trap: references of an object whose deletion is held or refused stay due
//! until that is decided, so they are no sign of work.

use engine::Engine;

/// Each kind, and how many of it there are in which rows.
const OPEN: [(&str, &str); 7] = [
    ("due", "due"),
    (
        "references due",
        "due_reference WHERE NOT EXISTS (SELECT 1 FROM link WHERE link.id = due_reference.id AND pending_state IN (5, 6))",
    ),
    ("subtrees", "subtree"),
    ("principals searched for", "principal_search"),
    ("looked up", "lookup"),
    ("ready or sent", "link WHERE pending_state IN (1, 3, 7)"),
    ("settling", "link WHERE pending_state = 4"),
];

/// What is open, with how much of it; empty when everything is done.
pub fn open(engine: &Engine) -> Vec<(&'static str, i64)> {
    let counted = engine.read(|c| {
        let mut open = Vec::new();
        for (kind, rows) in OPEN {
            let sql = format!("SELECT count(*) FROM {rows}");
            let count: i64 = c.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
            if count > 0 {
                open.push((kind, count));
            }
        }
        Ok(open)
    });
    counted.unwrap()
}
