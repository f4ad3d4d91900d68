//! Listings, counts, and reading everything.
//!
//! Never holds more than a page in memory. Trap: a filter on an attribute without a key reads all objects of the kind;
//! a page of it may be short, or empty, and still have a next one.

use rusqlite::params;

use super::{OBJECT, Object, Page, PageToken, ROW, object, page_limit, sql_limit, start};
use crate::fault::Fault;
use crate::keys;
use crate::principal::Reads;
use crate::schema::Kind;
use crate::store::Directory;

/// How many objects a filtered page looks at before it is handed out, full or not.
const MAX_EXAMINED: usize = 50_000;

/// Which objects a listing shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All.
    All,
    /// Users whose principal name begins so, in the order of the names.
    UserPrincipalNamePrefix(String),
    /// Objects one of whose texts in that attribute begins so, ignoring case.
    Prefix {
        /// The attribute.
        attribute: String,
        /// The beginning.
        text: String,
    },
}

/// How many objects of a kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that live.
    pub live: u64,
    /// Those that can be restored.
    pub soft_deleted: u64,
}

impl Directory {
    /// Live objects of a kind.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn list(
        &self,
        caller: &impl Reads,
        kind: Kind,
        filter: &Filter,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<Object>, Fault> {
        match filter {
            Filter::All => self.list_rows(caller, kind, token, size, |_| true),
            Filter::UserPrincipalNamePrefix(text) => self.list_by_name(caller, text, token, size),
            Filter::Prefix { attribute, text } => {
                let text = keys::fold(text);
                self.list_rows(caller, kind, token, size, |object| {
                    begins_with(object, attribute, &text)
                })
            }
        }
    }

    /// Soft-deleted users, in the order of their creation.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn deleted_items(
        &self,
        caller: &impl Reads,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<Object>, Fault> {
        let (after, size) = (start(token)?, page_limit(size));
        self.read(caller, |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{OBJECT} WHERE o.deleted_at IS NOT NULL AND o.id > ?1 ORDER BY o.id LIMIT ?2"
            ))?;
            let mut rows = statement.query(params![after, sql_limit(size)])?;
            let (mut items, mut last) = (Vec::new(), after);
            while let Some(row) = rows.next()? {
                last = row.get(ROW)?;
                items.push(object(row)?);
            }
            let next = (items.len() == size).then(|| PageToken::after_row(last));
            Ok(Page { items, next })
        })
    }

    /// How many objects of each kind there are.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn counts(
        &self,
        caller: &impl Reads,
    ) -> Result<std::collections::BTreeMap<Kind, Counts>, Fault> {
        self.read(caller, |connection| {
            let mut counts: std::collections::BTreeMap<Kind, Counts> = Kind::ALL
                .into_iter()
                .map(|kind| (kind, Counts::default()))
                .collect();
            let mut statement = connection
                .prepare_cached("SELECT kind, state, count(*) FROM object GROUP BY kind, state")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let entry = counts.entry(super::kind(row.get(0)?)?).or_default();
                let number = row.get::<_, i64>(2)?.unsigned_abs();
                match row.get::<_, i64>(1)? {
                    0 => entry.live = number,
                    _ => entry.soft_deleted = number,
                }
            }
            Ok(counts)
        })
    }

    /// Shows every object, live and soft-deleted, in the order of creation, in one snapshot.
    ///
    /// The receiver answers whether to go on.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn scan(
        &self,
        caller: &impl Reads,
        mut receive: impl FnMut(Object) -> bool,
    ) -> Result<(), Fault> {
        self.read(caller, |connection| {
            let mut statement = connection.prepare_cached(&format!("{OBJECT} ORDER BY o.id"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if !receive(object(row)?) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn list_rows(
        &self,
        caller: &impl Reads,
        kind: Kind,
        token: Option<&PageToken>,
        size: usize,
        is_wanted: impl Fn(&Object) -> bool,
    ) -> Result<Page<Object>, Fault> {
        let (after, size) = (start(token)?, page_limit(size));
        self.read(caller, |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{OBJECT} WHERE o.kind = ?1 AND o.state = 0 AND o.id > ?2 ORDER BY o.id LIMIT ?3"
            ))?;
            let mut rows =
                statement.query(params![kind.number(), after, sql_limit(MAX_EXAMINED)])?;
            let (mut items, mut last, mut examined) = (Vec::new(), after, 0);
            while items.len() < size
                && let Some(row) = rows.next()?
            {
                examined += 1;
                last = row.get(ROW)?;
                items.extend(Some(object(row)?).filter(&is_wanted));
            }
            let is_cut = items.len() == size || examined == MAX_EXAMINED;
            Ok(Page {
                items,
                next: is_cut.then(|| PageToken::after_row(last)),
            })
        })
    }

    fn list_by_name(
        &self,
        caller: &impl Reads,
        prefix: &str,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<Object>, Fault> {
        let from = keys::user_principal_name(prefix);
        let after = token.map(PageToken::bytes).transpose()?;
        if after
            .as_ref()
            .is_some_and(|after| !after.starts_with(&from))
        {
            return Err(Fault::InvalidPageToken);
        }
        let size = page_limit(size);
        self.read(caller, |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{OBJECT_BY_KEY} WHERE k.key >= ?1 AND k.key > ?2 ORDER BY k.key LIMIT ?3"
            ))?;
            let mut rows =
                statement.query(params![from, after.unwrap_or_default(), sql_limit(size)])?;
            let (mut items, mut last) = (Vec::new(), Vec::new());
            while let Some(row) = rows.next()? {
                let key: Vec<u8> = row.get(KEY)?;
                if !key.starts_with(&from) {
                    break;
                }
                items.push(object(row)?);
                last = key;
            }
            let next = (items.len() == size).then(|| PageToken::after_key(&last));
            Ok(Page { items, next })
        })
    }
}

/// Like [`OBJECT`], through the key table.
const OBJECT_BY_KEY: &str = "SELECT o.uuid, o.kind, o.state, o.version, o.created_at, o.changed_at, o.deleted_at, \
                             o.attributes, p.app_id, o.id, k.key FROM unique_key k JOIN object o ON o.id = k.object \
                             LEFT JOIN principal p ON p.id = o.changed_by";

/// Position of the key in [`OBJECT_BY_KEY`].
const KEY: usize = 10;

fn begins_with(object: &Object, attribute: &str, folded: &str) -> bool {
    let texts = object
        .attributes
        .get(attribute)
        .map_or(&[][..], crate::Value::as_texts);
    texts
        .iter()
        .any(|text| keys::fold(text).starts_with(folded))
}
