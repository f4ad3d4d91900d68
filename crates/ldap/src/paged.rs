//! Searches in pages (RFC 2696), as AD demands for more than 1 000 entries.
//!
//! The pages are joined into one stream. Trap: a page's cookie is bound to its connection; after a reconnect the search
//! must begin again.

use ldap3_proto::control::LdapControl;

use crate::{
    ber::{INTEGER, OCTETS, Reader, SEQUENCE},
    connection::Connection,
    error::Error,
    message::Entry,
    search::{Item, Query, Search},
};

const PAGED: &str = "1.2.840.113556.1.4.319";

/// A running paged search.
pub struct Paged {
    connection: Connection,
    query: Query,
    page_size: u32,
    search: Search,
}

impl Connection {
    /// Starts a paged search.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn paged(&self, query: Query, page_size: u32) -> Result<Paged, Error> {
        let search = page(self, &query, page_size, Vec::new())?;
        Ok(Paged {
            connection: self.clone(),
            query,
            page_size,
            search,
        })
    }

    /// All entries of a paged search.
    ///
    /// # Errors
    /// As [`Paged::next`].
    pub async fn search_all_paged(
        &self,
        query: Query,
        page_size: u32,
    ) -> Result<Vec<Entry>, Error> {
        let mut paged = self.paged(query, page_size)?;
        let mut entries = Vec::new();
        while let Some(entry) = paged.next().await? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

fn page(
    connection: &Connection,
    query: &Query,
    page_size: u32,
    cookie: Vec<u8>,
) -> Result<Search, Error> {
    let query = query.clone().control(LdapControl::SimplePagedResults {
        size: i64::from(page_size),
        cookie,
    });
    connection.search_as("paged search", &query)
}

impl Paged {
    /// The next entry; `None` at the end of the last page. References to other servers are passed over.
    ///
    /// # Errors
    /// [`Error::Refused`] if a page ends with anything but success, [`Error::Incomplete`] if it does not say whether there
    /// are more, silence, or a broken connection.
    pub async fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            match self.search.next().await? {
                Item::Entry(entry) => return Ok(Some(entry)),
                Item::Reference(_) => {}
                Item::Done(outcome) => {
                    let outcome = self.search.succeeded(outcome)?;
                    let value = outcome.control(PAGED).and_then(|c| c.value.as_deref());
                    let cookie = value
                        .and_then(cookie)
                        .ok_or_else(|| self.search.incomplete("a cookie for the next page"))?;
                    if cookie.is_empty() {
                        return Ok(None);
                    }
                    self.search = page(&self.connection, &self.query, self.page_size, cookie)?;
                }
            }
        }
    }
}

pub(crate) fn cookie(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
    parts.integer(INTEGER).ok()?;
    Some(parts.expect(OCTETS).ok()?.to_vec())
}
