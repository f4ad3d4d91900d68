//! Searching a connector space for a text, slice by slice.
//!
//! There is no index of texts: they are read rarely, and an index would cost every write. Trap: a slice may be empty
//! although there is more; only `next` says when the end is reached.

use rusqlite::params;
use sync_core::id::{ConnectorId, ObjectId};

use super::object::{Names, SPACE_OBJECT, SpaceObject, space_object};
use crate::store::{Engine, Result};

// LIMIT: objects looked at in one slice.
const SLICE: usize = 20_000;

/// Attributes a text is looked for in, besides DN and anchor.
const SEARCHED: [&str; 7] = [
    "displayName",
    "userPrincipalName",
    "sAMAccountName",
    "mail",
    "name",
    "uid",
    "cn",
];

/// What a slice of the search found.
#[derive(Clone, Debug, Default)]
pub struct SearchSlice {
    /// The objects.
    pub found: Vec<SpaceObject>,
    /// Where to go on; `None`: that was all.
    pub next: Option<ObjectId>,
}

impl Engine {
    /// Looks for a text in DN, names and anchor of objects after `after`, stopping after `limit` hits or one slice.
    ///
    /// # Errors
    /// Of the store.
    pub fn search(
        &self,
        connector: Option<ConnectorId>,
        text: &str,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<SearchSlice> {
        let wanted = text.trim().to_lowercase();
        self.look_through(connector, after, limit, |object| {
            let object = &object.object;
            let holds = |text: &str| text.to_lowercase().contains(&wanted);
            let in_attributes = || {
                let values = SEARCHED
                    .iter()
                    .filter_map(|name| object.attributes.text(name));
                values.into_iter().any(holds)
            };
            in_attributes() || holds(&object.dn) || object.anchor.guid_text().starts_with(&wanted)
        })
    }

    /// The objects whose attribute has exactly this text, without regard to case.
    ///
    /// # Errors
    /// Of the store.
    pub fn objects_with(
        &self,
        attribute: &str,
        text: &str,
        limit: usize,
    ) -> Result<Vec<SpaceObject>> {
        let wanted = text.trim().to_lowercase();
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let slice =
                self.look_through(None, after, limit.saturating_sub(all.len()), |object| {
                    let values = object
                        .object
                        .attributes
                        .values(attribute)
                        .unwrap_or_default();
                    let mut texts = values.iter().filter_map(|value| value.as_text());
                    texts.any(|text| text.to_lowercase() == wanted)
                })?;
            all.extend(slice.found);
            after = slice.next;
            if after.is_none() || all.len() >= limit {
                return Ok(all);
            }
        }
    }

    fn look_through(
        &self,
        connector: Option<ConnectorId>,
        after: Option<ObjectId>,
        limit: usize,
        is_wanted: impl Fn(&SpaceObject) -> bool,
    ) -> Result<SearchSlice> {
        self.read(|connection| {
            let mut names = Names::new(connection);
            let mut statement = connection.prepare_cached(&format!(
                "{SPACE_OBJECT} WHERE id > ?1 ORDER BY id LIMIT ?2"
            ))?;
            let mut rows = statement.query(params![after.map_or(0, |id| id.0), SLICE])?;
            let mut slice = SearchSlice::default();
            let mut seen = 0;
            while let Some(row) = rows.next()? {
                seen += 1;
                let id = ObjectId(row.get(0)?);
                let of: i64 = row.get(1)?;
                slice.next = Some(id);
                if connector.is_some_and(|wanted| wanted.0 != of) {
                    continue;
                }
                let object = space_object(self, &mut names, row)?;
                if is_wanted(&object) {
                    slice.found.push(object);
                    if slice.found.len() >= limit {
                        return Ok(slice);
                    }
                }
            }
            if seen < SLICE {
                slice.next = None;
            }
            Ok(slice)
        })
    }
}
