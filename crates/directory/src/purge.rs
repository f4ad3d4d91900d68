//! What time does: deleted users go for good, the old end of the change feed goes.
//!
//! Never runs by itself; somebody calls it, a few times a day. Trap: it works in portions of one transaction each, so
//! that writers wait for a portion at most.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::apply::destroy;
use crate::batch::Act;
use crate::fault::Fault;
use crate::principal::Administrator;
use crate::read::kind;
use crate::schema::Kind;
use crate::store::Directory;
use crate::values::Values;

const PORTION: i64 = 1_000;

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Users that can no longer be restored.
    pub users: u64,
    /// Entries of the change feed that are no longer kept.
    pub feed_entries: u64,
}

struct Expired {
    row: i64,
    uuid: Uuid,
    kind: Kind,
    values: Values,
}

impl Directory {
    /// Destroys users deleted longer ago than the retention, and trims the change feed.
    ///
    /// # Errors
    /// When the store fails; portions done before stay done.
    pub fn purge_expired(
        &self,
        administrator: &Administrator,
        now: Timestamp,
    ) -> Result<Purged, Fault> {
        let mut purged = Purged::default();
        let users_before = before(now, self.options.soft_delete_retention);
        loop {
            let count = self.write(administrator, Act::PURGE, |batch| {
                let expired = expired(batch.connection(), users_before)?;
                for user in &expired {
                    destroy(batch, user.row, user.uuid, user.kind, &user.values)?;
                }
                Ok(expired.len())
            })?;
            purged.users += u64::try_from(count).unwrap_or_default();
            if count == 0 {
                break;
            }
        }
        purged.feed_entries =
            self.trim_changes(administrator, before(now, self.options.change_retention))?;
        Ok(purged)
    }

    fn trim_changes(&self, administrator: &Administrator, before: i64) -> Result<u64, Fault> {
        self.write(administrator, Act::TRIM, |batch| {
            let connection = batch.connection();
            let mut trimmed = 0;
            let mut trimmed_to: Option<i64> = None;
            for table in ["tombstone", "reference_change"] {
                // The clock may have been set back, so the feed is cut where the first entry to be kept stands.
                let first_kept: Option<i64> = connection
                    .query_row(
                        &format!(
                            "SELECT version FROM {table} WHERE at >= ?1 ORDER BY version LIMIT 1"
                        ),
                        [before],
                        |row| row.get(0),
                    )
                    .optional()?;
                let cut = first_kept.unwrap_or(i64::MAX);
                let last: Option<i64> = connection.query_row(
                    &format!("SELECT max(version) FROM {table} WHERE version < ?1"),
                    [cut],
                    |row| row.get(0),
                )?;
                trimmed += connection
                    .execute(&format!("DELETE FROM {table} WHERE version < ?1"), [cut])?;
                trimmed_to = trimmed_to.max(last);
            }
            if let Some(version) = trimmed_to {
                connection.execute(
                    "UPDATE tenant SET trimmed_to = max(trimmed_to, ?1)",
                    [version],
                )?;
            }
            Ok(u64::try_from(trimmed).unwrap_or_default())
        })
    }
}

fn before(now: Timestamp, retention: SignedDuration) -> i64 {
    now.checked_sub(retention)
        .unwrap_or(Timestamp::MIN)
        .as_millisecond()
}

fn expired(connection: &Connection, before: i64) -> Result<Vec<Expired>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, uuid, kind, attributes FROM object WHERE deleted_at IS NOT NULL AND deleted_at <= ?1
         ORDER BY deleted_at LIMIT ?2",
    )?;
    let mut rows = statement.query(params![before, PORTION])?;
    let mut expired = Vec::new();
    while let Some(row) = rows.next()? {
        expired.push(Expired {
            row: row.get(0)?,
            uuid: Uuid::from_bytes(row.get(1)?),
            kind: kind(row.get(2)?)?,
            values: Values::decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?,
        });
    }
    Ok(expired)
}
