//! Following references in both directions.
//!
//! Never shows an end that is soft-deleted. Trap: groups may contain each other in a circle; the transitive reading
//! visits each object once and may meet the group it started from.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{Page, PageToken, kind, page_limit, sql_limit, start};
use crate::fault::Fault;
use crate::principal::Reads;
use crate::schema::{Kind, ValueType, by_number, number, schema};
use crate::store::Directory;

/// One end of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectReference {
    /// The object.
    pub id: Uuid,
    /// What it is.
    pub kind: Kind,
}

const TARGETS: &str = "SELECT o.id, o.uuid, o.kind FROM edge e JOIN object o ON o.id = e.target \
     WHERE e.source = (SELECT id FROM object WHERE uuid = ?1) AND e.attribute = ?2 AND e.target > ?3 AND o.state = 0 \
     ORDER BY e.target LIMIT ?4";

const SOURCES: &str = "SELECT o.id, o.uuid, o.kind FROM edge e JOIN object o ON o.id = e.source \
     WHERE e.target = (SELECT id FROM object WHERE uuid = ?1) AND e.attribute = ?2 AND e.source > ?3 AND o.state = 0 \
     ORDER BY e.source LIMIT ?4";

const TRANSITIVE: &str = "WITH RECURSIVE reached(id) AS (\
     SELECT target FROM edge WHERE source = (SELECT id FROM object WHERE uuid = ?1) AND attribute = ?2 \
     UNION SELECT e.target FROM reached r JOIN edge e ON e.source = r.id WHERE e.attribute = ?2) \
     SELECT o.id, o.uuid, o.kind FROM reached r JOIN object o ON o.id = r.id \
     WHERE o.state = 0 AND o.id > ?3 ORDER BY o.id LIMIT ?4";

impl Directory {
    /// The direct members of a group.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn members(
        &self,
        caller: &impl Reads,
        group: Uuid,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        self.follow(caller, TARGETS, group, number::MEMBERS, token, size)
    }

    /// Everything inside a group, also through groups within it; each object once.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn transitive_members(
        &self,
        caller: &impl Reads,
        group: Uuid,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        self.follow(caller, TRANSITIVE, group, number::MEMBERS, token, size)
    }

    /// The groups an object is a direct member of.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn member_of(
        &self,
        caller: &impl Reads,
        id: Uuid,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        self.follow(caller, SOURCES, id, number::MEMBERS, token, size)
    }

    /// The manager of a user or contact.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn manager(&self, caller: &impl Reads, id: Uuid) -> Result<Option<Uuid>, Fault> {
        let page = self.follow(caller, TARGETS, id, number::MANAGER, None, 1)?;
        Ok(page.items.first().map(|manager| manager.id))
    }

    /// What any reference attribute of an object points at; empty for an attribute that is none.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn references(
        &self,
        caller: &impl Reads,
        id: Uuid,
        attribute: &str,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        self.follow_named(caller, TARGETS, id, attribute, token, size)
    }

    /// The objects whose reference attribute points at this one; empty for an attribute that is none.
    ///
    /// # Errors
    /// When the caller is not admitted, the token is of another listing, or the store fails.
    pub fn holders(
        &self,
        caller: &impl Reads,
        id: Uuid,
        attribute: &str,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        self.follow_named(caller, SOURCES, id, attribute, token, size)
    }

    /// Shows every reference between live objects, in one snapshot: object, attribute, object pointed at.
    ///
    /// The receiver answers whether to go on.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn scan_references(
        &self,
        caller: &impl Reads,
        mut receive: impl FnMut(Uuid, &'static str, Uuid) -> bool,
    ) -> Result<(), Fault> {
        self.read(caller, |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT s.uuid, e.attribute, t.uuid FROM edge e JOIN object s ON s.id = e.source \
                 JOIN object t ON t.id = e.target WHERE s.state = 0 AND t.state = 0 ORDER BY e.source, e.attribute, e.target",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let Some(attribute) = by_number(row.get(1)?) else { continue };
                if !receive(Uuid::from_bytes(row.get(0)?), attribute.name, Uuid::from_bytes(row.get(2)?)) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn follow_named(
        &self,
        caller: &impl Reads,
        sql: &str,
        id: Uuid,
        attribute: &str,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        match reference_number(attribute) {
            Some(number) => self.follow(caller, sql, id, number, token, size),
            None => Ok(Page {
                items: Vec::new(),
                next: None,
            }),
        }
    }

    fn follow(
        &self,
        caller: &impl Reads,
        sql: &str,
        id: Uuid,
        attribute: u16,
        token: Option<&PageToken>,
        size: usize,
    ) -> Result<Page<ObjectReference>, Fault> {
        let (after, size) = (start(token)?, page_limit(size));
        self.read(caller, |connection| {
            page(connection, sql, id, attribute, after, size)
        })
    }
}

fn page(
    connection: &Connection,
    sql: &str,
    id: Uuid,
    attribute: u16,
    after: i64,
    size: usize,
) -> Result<Page<ObjectReference>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![
        &id.as_bytes()[..],
        attribute,
        after,
        sql_limit(size)
    ])?;
    let (mut items, mut last) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        items.push(ObjectReference {
            id: Uuid::from_bytes(row.get(1)?),
            kind: kind(row.get(2)?)?,
        });
    }
    let next = (items.len() == size).then(|| PageToken::after_row(last));
    Ok(Page { items, next })
}

fn reference_number(name: &str) -> Option<u16> {
    let mut attributes = Kind::ALL.into_iter().flat_map(schema);
    let found = attributes
        .find(|attribute| attribute.name == name && attribute.value_type == ValueType::Reference);
    found.map(|attribute| attribute.number)
}
