//! What must hold of the whole database at any moment, whatever happened before.

use engine::{Engine, LogQuery};

/// Each query lists offenders; none may be found.
const OFFENDERS: [(&str, &str); 13] = [
    (
        "a tally differs from a recount",
        "SELECT coalesce(a.k, b.k) || ' counted ' || coalesce(a.n, 0) || ' has ' || coalesce(b.n, 0) FROM
           (SELECT job || '/' || situation k, count n FROM tally WHERE count <> 0) a
           FULL JOIN (SELECT (id >> 40) || '/' || situation k, count(*) n FROM link GROUP BY 1) b ON a.k = b.k
         WHERE coalesce(a.n, 0) <> coalesce(b.n, 0)",
    ),
    ("an edge nobody has", "SELECT src || '>' || dst FROM edge WHERE flags = 0"),
    (
        "an edge is due without its holder",
        "SELECT id FROM due_edge WHERE id NOT IN (SELECT id FROM due_reference)",
    ),
    (
        "pending and its state disagree",
        "SELECT id FROM link WHERE (pending IS NULL) <> (pending_state = 0)",
    ),
    (
        "a linked object without a target",
        "SELECT id FROM link WHERE situation = 1 AND target IS NULL",
    ),
    (
        "work for what does not exist",
        "SELECT d.id FROM (SELECT id FROM due UNION SELECT id FROM due_later UNION SELECT id FROM due_reference) d
         WHERE NOT EXISTS (SELECT 1 FROM object WHERE id = d.id & 1099511627775)
            OR NOT EXISTS (SELECT 1 FROM job WHERE id = d.id >> 40)",
    ),
    (
        "an end of an edge does not exist",
        "SELECT src || '>' || dst FROM edge WHERE src NOT IN (SELECT id FROM object) OR dst NOT IN (SELECT id FROM object)",
    ),
    (
        "a reference waits that the source no longer has",
        "SELECT w.src || '>' || w.dst FROM waiting w LEFT JOIN edge e ON e.src = w.src AND e.attribute = w.attribute AND e.dst = w.dst
         WHERE coalesce(e.flags, 0) & 1 = 0",
    ),
    (
        "a reference waits for what is there",
        "SELECT w.src || '>' || w.dst FROM waiting w JOIN link l ON l.id = (w.job << 40) | w.dst WHERE l.situation = 1",
    ),
    (
        "a look-up of what is known to be live",
        "SELECT l.object FROM lookup l JOIN object o ON o.id = l.object WHERE o.state IN (0, 1, 2) AND l.why <> 3",
    ),
    (
        "two reads of one connector are open",
        "SELECT connector FROM read WHERE state = 'open' GROUP BY connector HAVING count(*) > 1",
    ),
    (
        "two jobs of one source share a bit",
        "SELECT source FROM job GROUP BY source, slot HAVING count(*) > 1",
    ),
    (
        "an object in escrow that nothing will wake",
        "SELECT id FROM link WHERE attempts > 0 AND pending_state = 0 AND id NOT IN (SELECT id FROM due_later)
           AND id NOT IN (SELECT id FROM due)",
    ),
];

/// Checks everything.
pub fn check(engine: &Engine) {
    for (claim, sql) in OFFENDERS {
        let offenders: Vec<String> = engine
            .read(|c| {
                let mut statement = c.prepare(sql)?;
                let rows = statement.query_map([], |row| {
                    row.get::<_, rusqlite::types::Value>(0)
                        .map(|v| format!("{v:?}"))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .expect(claim);
        assert!(offenders.is_empty(), "{claim}: {offenders:?}");
    }
    check_log(engine);
}

fn check_log(engine: &Engine) {
    let all = LogQuery {
        ascending: true,
        limit: usize::MAX,
        ..LogQuery::default()
    };
    let numbers: Vec<i64> = engine
        .log(&all)
        .expect("log")
        .records
        .iter()
        .map(|record| record.sequence)
        .collect();
    let end = engine.log_end().expect("log end");
    // What is old is deleted from the beginning on, and nowhere else.
    let first = numbers.first().copied().unwrap_or(1);
    assert_eq!(
        numbers,
        (first..=end).collect::<Vec<_>>(),
        "the log has a gap"
    );
}
