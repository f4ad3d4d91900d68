//! The schema that is served: attributes and classes with the syntaxes and flags of a plain AD schema,
//! extended by what Exchange adds.
//!
//! It is fixed; nothing changes it at run time. The trap: attribute numbers ([`AttributeId`]) are places
//! in a table and mean nothing outside the process.

mod attributes;
mod classes;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use attributes::attr;
pub use classes::ClassDef;

/// Place of an attribute in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeId(pub u16);

/// Attribute syntaxes (MS-ADTS 3.1.1.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// String(Unicode).
    Unicode,
    /// String(IA5).
    Ia5,
    /// String(Printable).
    Printable,
    /// String(Numeric).
    Numeric,
    /// Integer, 32 bits.
    Integer,
    /// LargeInteger, 64 bits.
    Large,
    /// Boolean.
    Boolean,
    /// String(Octet).
    Octets,
    /// String(Sid).
    Sid,
    /// Object(DS-DN): a reference to an object.
    Dn,
    /// String(Generalized-Time).
    Time,
    /// String(Object-Identifier).
    Oid,
}

impl Syntax {
    /// attributeSyntax and oMSyntax.
    pub fn numbers(self) -> (&'static str, i32) {
        match self {
            Self::Unicode => ("2.5.5.12", 64),
            Self::Ia5 => ("2.5.5.5", 22),
            Self::Printable => ("2.5.5.5", 19),
            Self::Numeric => ("2.5.5.6", 18),
            Self::Integer => ("2.5.5.9", 2),
            Self::Large => ("2.5.5.16", 65),
            Self::Boolean => ("2.5.5.8", 1),
            Self::Octets => ("2.5.5.10", 4),
            Self::Sid => ("2.5.5.17", 4),
            Self::Dn => ("2.5.5.1", 127),
            Self::Time => ("2.5.5.11", 24),
            Self::Oid => ("2.5.5.2", 6),
        }
    }

    /// Values are compared as text without regard to case.
    pub fn is_caseless(self) -> bool {
        matches!(
            self,
            Self::Unicode | Self::Ia5 | Self::Printable | Self::Numeric | Self::Boolean | Self::Oid
        )
    }

    /// Whether `value` may be stored under this syntax.
    pub fn accepts(self, value: &[u8]) -> bool {
        let text = std::str::from_utf8(value).ok();
        match self {
            Self::Octets => true,
            Self::Sid => value.len() >= 8,
            Self::Integer => text.is_some_and(|t| t.parse::<i32>().is_ok()),
            Self::Large => text.is_some_and(|t| t.parse::<i64>().is_ok()),
            Self::Boolean => matches!(value, b"TRUE" | b"FALSE"),
            Self::Time => text.is_some_and(|t| t.len() >= 15 && t.ends_with('Z')),
            Self::Ia5 | Self::Printable | Self::Numeric => value.is_ascii() && !value.is_empty(),
            Self::Unicode | Self::Dn | Self::Oid => text.is_some_and(|t| !t.is_empty()),
        }
    }
}

/// One attribute of the schema.
#[derive(Debug, Clone)]
pub struct AttributeDef {
    /// lDAPDisplayName.
    pub name: &'static str,
    /// attributeID.
    pub oid: String,
    /// Its syntax.
    pub syntax: Syntax,
    /// isSingleValued.
    pub is_single: bool,
    /// linkID, if it is a link: even forward, odd back.
    pub link_id: Option<u32>,
    /// searchFlags; bit 1 indexed, bit 8 kept on tombstones.
    pub search_flags: i32,
    /// rangeUpper.
    pub range_upper: Option<usize>,
    /// Computed when read, never stored.
    pub is_constructed: bool,
    /// Differs between domain controllers, so change tracking passes over it.
    pub is_local: bool,
    /// Only the server itself may set it.
    pub is_system: bool,
    /// Many objects hold the same values, so the store shares them.
    pub is_common: bool,
    /// Its name, encoded as it stands in a message.
    pub encoded: Vec<u8>,
}

impl AttributeDef {
    /// systemFlags: base schema, constructed, not replicated.
    pub fn system_flags(&self) -> i32 {
        0x10 | if self.is_constructed { 4 } else { 0 } | i32::from(self.is_local)
    }

    /// A forward link.
    pub fn is_forward_link(&self) -> bool {
        self.link_id.is_some_and(|id| id % 2 == 0)
    }

    /// A back link.
    pub fn is_back_link(&self) -> bool {
        self.link_id.is_some_and(|id| id % 2 == 1)
    }
}

/// Attributes and classes with their look-up tables.
#[derive(Debug)]
pub struct Schema {
    /// All attributes; the place is the [`AttributeId`].
    pub attributes: Vec<AttributeDef>,
    by_name: HashMap<String, AttributeId>,
    chains: Vec<Vec<&'static str>>,
    encoded_chains: Vec<Vec<u8>>,
    forward_of: HashMap<AttributeId, AttributeId>,
    back_of: HashMap<AttributeId, AttributeId>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::build);

impl Schema {
    fn build() -> Self {
        let attributes = attributes::all();
        let mut by_name = HashMap::new();
        let mut by_link = HashMap::new();
        for (place, def) in attributes.iter().enumerate() {
            let id = AttributeId(place as u16);
            by_name.insert(def.name.to_owned(), id);
            by_name.insert(def.name.to_ascii_lowercase(), id);
            by_name.insert(def.oid.clone(), id);
            if let Some(link) = def.link_id {
                by_link.insert(link, id);
            }
        }
        let forward_of: HashMap<AttributeId, AttributeId> = by_link
            .iter()
            .filter(|(link, _)| **link % 2 == 1)
            .filter_map(|(link, back)| Some((*back, *by_link.get(&(link - 1))?)))
            .collect();
        let chains: Vec<Vec<&'static str>> = classes::ALL.iter().map(chain).collect();
        Self {
            attributes,
            by_name,
            encoded_chains: chains.iter().map(crate::store::encode).collect(),
            chains,
            back_of: forward_of.iter().map(|(back, to)| (*to, *back)).collect(),
            forward_of,
        }
    }
}

/// The attribute of that name or OID, in any case.
pub fn attribute(name: &str) -> Option<AttributeId> {
    // Most ask in the schema's own spelling.
    let known = SCHEMA.by_name.get(name);
    known
        .or_else(|| SCHEMA.by_name.get(&name.to_ascii_lowercase()))
        .copied()
}

/// What the schema says about an attribute.
pub fn definition(id: AttributeId) -> &'static AttributeDef {
    // The numbers are only made by `attribute` and the table itself; a foreign one falls to the first row.
    SCHEMA
        .attributes
        .get(usize::from(id.0))
        .unwrap_or_else(|| &SCHEMA.attributes[0])
}

/// The forward link behind a back link.
pub fn forward_of(back: AttributeId) -> Option<AttributeId> {
    SCHEMA.forward_of.get(&back).copied()
}

/// The back link that mirrors a forward link.
pub fn back_of(forward: AttributeId) -> Option<AttributeId> {
    SCHEMA.back_of.get(&forward).copied()
}

/// All attributes.
pub fn attributes() -> impl Iterator<Item = (AttributeId, &'static AttributeDef)> {
    (0u16..).map(AttributeId).zip(SCHEMA.attributes.iter())
}

/// All classes.
pub fn classes() -> &'static [ClassDef] {
    classes::ALL
}

/// The class of that name, in any case.
pub fn class(name: &str) -> Option<&'static ClassDef> {
    classes::ALL
        .iter()
        .find(|class| class.name.eq_ignore_ascii_case(name))
}

/// Place of a class in the table.
pub fn class_place(class_def: &'static ClassDef) -> usize {
    classes::ALL
        .iter()
        .position(|one| std::ptr::eq(one, class_def))
        .unwrap_or_default()
}

/// Names of a class and all above it, `top` first.
pub fn class_chain(class_def: &'static ClassDef) -> &'static [&'static str] {
    SCHEMA
        .chains
        .get(class_place(class_def))
        .map_or(&[], Vec::as_slice)
}

/// The same, encoded as the values of objectClass.
pub fn encoded_class_chain(class_def: &'static ClassDef) -> &'static [u8] {
    SCHEMA
        .encoded_chains
        .get(class_place(class_def))
        .map_or(&[], Vec::as_slice)
}

fn chain(class_def: &'static ClassDef) -> Vec<&'static str> {
    let mut chain = vec![class_def.name];
    let mut current = class_def;
    while let Some(above) = class(current.superior).filter(|above| above.name != current.name) {
        chain.push(above.name);
        current = above;
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_oids_are_unique() {
        let mut seen = std::collections::HashSet::new();
        for (_, def) in attributes() {
            assert!(seen.insert(def.name.to_ascii_lowercase()), "{}", def.name);
            assert!(seen.insert(def.oid.clone()), "{} {}", def.name, def.oid);
        }
    }

    #[test]
    fn constants_point_at_their_rows() {
        assert_eq!(definition(attr::MEMBER).name, "member");
        assert_eq!(
            definition(attr::USER_ACCOUNT_CONTROL).name,
            "userAccountControl"
        );
        assert_eq!(attribute("MEMBEROF"), Some(attr::MEMBER_OF));
        assert_eq!(forward_of(attr::MEMBER_OF), Some(attr::MEMBER));
        assert_eq!(attribute("2.5.4.3"), Some(attr::CN));
    }

    #[test]
    fn class_chains_begin_at_top() {
        let chain = class_chain(class("inetOrgPerson").unwrap());
        assert_eq!(
            chain,
            [
                "top",
                "person",
                "organizationalPerson",
                "user",
                "inetOrgPerson"
            ]
        );
    }
}
