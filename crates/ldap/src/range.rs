//! Range retrieval: AD gives at most 1 500 values of an attribute at once, as `member;range=0-1499`.
//!
//! Never assumes the server's limit: it continues from where the server stopped until `*`. Trap: ranges are read one by
//! one, so values added or removed meanwhile may be seen or missed; the next delta tells.
//!
//! # Source
//! MS-ADTS §3.1.1.3.1.3.3 Range Retrieval of Attribute Values

use bytes::Bytes;
use ldap3_proto::control::LdapControl;

use crate::{
    connection::Connection,
    error::Error,
    message::Entry,
    search::{Query, Scope},
};

/// The bounds of a range, both inclusive; no end: to the last value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First index.
    pub from: u64,
    /// Last index.
    pub to: Option<u64>,
}

/// Splits `member;range=0-1499` into the attribute and its range; any other description has no range.
pub fn split_range(description: &str) -> (&str, Option<Range>) {
    let Some((name, option)) = description.split_once(';') else {
        return (description, None);
    };
    let is_range = option
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("range="));
    let bounds = option.get(6..).and_then(|bounds| bounds.split_once('-'));
    match (is_range, bounds) {
        (true, Some((from, to))) => (name, parse(from, to)),
        _ => (description, None),
    }
}

fn parse(from: &str, to: &str) -> Option<Range> {
    let from = from.parse().ok()?;
    let to = match to {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    Some(Range { from, to })
}

impl Connection {
    /// Values of one attribute from an index on, as many as the server gives, and the index to continue from (`None`: these
    /// were the last).
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Incomplete`] if the object is not shown, silence, or a broken connection.
    pub async fn values_from(
        &self,
        base: &str,
        attribute: &str,
        from: u64,
        controls: &[LdapControl],
    ) -> Result<(Vec<Bytes>, Option<u64>), Error> {
        let mut query =
            Query::new(base, Scope::Base).attributes([format!("{attribute};range={from}-*")]);
        query.controls = controls.to_vec();
        let search = self.search_as("range retrieval", &query)?;
        let missing = search.incomplete("the object");
        let entry = search.entries().await?.into_iter().next().ok_or(missing)?;
        Ok(chunk(entry, attribute, from))
    }

    /// All values of one attribute.
    ///
    /// # Errors
    /// As [`Connection::values_from`].
    pub async fn all_values(
        &self,
        base: &str,
        attribute: &str,
        controls: &[LdapControl],
    ) -> Result<Vec<Bytes>, Error> {
        let mut all = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let (mut values, after) = self.values_from(base, attribute, from, controls).await?;
            all.append(&mut values);
            next = after;
        }
        Ok(all)
    }
}

fn chunk(entry: Entry, attribute: &str, asked: u64) -> (Vec<Bytes>, Option<u64>) {
    for (description, values) in entry.attributes {
        let (name, range) = split_range(&description);
        if !name.eq_ignore_ascii_case(attribute) {
            continue;
        }
        // Only progress continues: a server that repeats itself must not keep us for ever.
        let next = range
            .and_then(|range| range.to)
            .and_then(|to| to.checked_add(1))
            .filter(|next| *next > asked && !values.is_empty());
        return (values.into_vec(), next);
    }
    (Vec::new(), None)
}
