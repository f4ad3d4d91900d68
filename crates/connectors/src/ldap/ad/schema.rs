//! The attribute types of Active Directory's schema.
//!
//! Never guesses: an attribute the schema does not have is not asked for. Trap: FILETIME and plain large integers share a
//! syntax; only the attribute's name tells them apart.
//!
//! # Source
//! MS-ADTS §3.1.1.2.2.2 LDAP Representations

use std::collections::HashMap;

use ldap::{Entry, Filter, Query, Scope};
use sync_core::{
    object::{AttributeInfo, AttributeType},
    value::Name,
};

/// Large integers that are points in time.
const FILE_TIMES: &[&str] = &[
    "accountexpires",
    "badpasswordtime",
    "creationtime",
    "lastlogoff",
    "lastlogon",
    "lastlogontimestamp",
    "lockouttime",
    "ms-mcs-admpwdexpirationtime",
    "msds-lastfailedinteractivelogontime",
    "msds-lastsuccessfulinteractivelogontime",
    "msds-userpasswordexpirytimecomputed",
    "pwdlastset",
];
/// How many names are asked for in one search.
const NAMES_PER_SEARCH: usize = 200;

/// One attribute of the schema.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub info: AttributeInfo,
    /// Whether its values are links: kept apart, replicated value by value.
    pub is_linked: bool,
}

/// Attributes by folded name.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema(HashMap<String, Attribute>);

impl Schema {
    pub fn of(entries: &[Entry]) -> Self {
        Self(
            entries
                .iter()
                .filter_map(read)
                .map(|attribute| (attribute.info.name.to_ascii_lowercase(), attribute))
                .collect(),
        )
    }

    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.0.get(&name.to_ascii_lowercase())
    }

    /// All attributes, sorted by name.
    pub fn infos(&self) -> Vec<AttributeInfo> {
        let mut infos: Vec<_> = self.0.values().map(|found| found.info.clone()).collect();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        infos
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// The search for all attributes.
pub(super) fn query_all(schema_context: &str) -> Query {
    query(
        schema_context,
        Filter::Equality("objectClass".into(), "attributeSchema".into()),
    )
}

/// The searches for the attributes of these names.
pub(super) fn query_named(schema_context: &str, names: &[&Name]) -> Vec<Query> {
    names
        .chunks(NAMES_PER_SEARCH)
        .map(|chunk| {
            let named = chunk
                .iter()
                .map(|name| Filter::Equality("lDAPDisplayName".into(), name.to_string()))
                .collect();
            query(schema_context, Filter::Or(named))
        })
        .collect()
}

fn query(schema_context: &str, filter: Filter) -> Query {
    Query::new(schema_context, Scope::OneLevel)
        .filter(filter)
        .attributes([
            "lDAPDisplayName",
            "attributeSyntax",
            "oMSyntax",
            "isSingleValued",
            "linkID",
        ])
}

fn read(entry: &Entry) -> Option<Attribute> {
    let name = entry.text("lDAPDisplayName")?;
    let kind = kind(name, entry.text("attributeSyntax")?);
    // A forward link has an even linkID, its back link the odd one after it.
    let link: Option<i64> = entry.text("linkID").and_then(|id| id.parse().ok());
    Some(Attribute {
        info: AttributeInfo {
            name: name.into(),
            kind,
            is_multivalued: entry.text("isSingleValued") != Some("TRUE"),
        },
        is_linked: link.is_some_and(|id| id % 2 == 0),
    })
}

fn kind(name: &str, syntax: &str) -> AttributeType {
    match syntax {
        "2.5.5.1" => AttributeType::Reference,
        "2.5.5.8" => AttributeType::Boolean,
        "2.5.5.9" => AttributeType::Integer,
        "2.5.5.10" | "2.5.5.15" | "2.5.5.17" => AttributeType::Binary,
        "2.5.5.11" => AttributeType::Time,
        "2.5.5.16" if FILE_TIMES.contains(&name.to_ascii_lowercase().as_str()) => {
            AttributeType::FileTime
        }
        "2.5.5.16" => AttributeType::Integer,
        _ => AttributeType::Text,
    }
}
