//! An authenticated connection to one server of the list, with what the server says of itself.
//!
//! Never retries a refused password. Trap: the change numbers of the naming context (contextCSN) are of the moment they are
//! read, and stand at the root of the database even if only a part of it is read.

use std::sync::Arc;

use ldap::{Connection, Entry, Error, Filter, Query, Scope};
use sync_core::code::Code;

use super::{
    schema::Schema,
    watermark::{self, Position},
};
use crate::{
    ldap::{config::LdapConfig, connect, failure},
    source::{SourceError, Watermark, source_error},
};

/// Databases that hold no people.
const NOT_FOR_PEOPLE: &[&str] = &[
    "cn=accesslog",
    "cn=changelog",
    "cn=config",
    "cn=monitor",
    "cn=schema",
    "o=netscaperoot",
];
const ROOT_DSE: &[&str] = &[
    "namingContexts",
    "supportedControl",
    "subschemaSubentry",
    "structuralObjectClass",
    "vendorName",
    "vendorVersion",
];

/// A connection.
pub(super) struct Session {
    pub connection: Connection,
    /// Address of the server.
    pub server: String,
    /// Root of what is read, as the server spells it.
    pub base: String,
    /// Root of the database that is in.
    suffix: String,
    /// Whether the server offers content synchronisation.
    pub can_synchronise: bool,
    /// Whether it is a 389 Directory Server: it names entries by its own nsUniqueId and not by entryUUID, unless it is asked
    /// as OpenLDAP's consumers ask, and its cookies are of this server alone.
    pub is_389: bool,
    pub product: String,
    pub schema: Arc<Schema>,
}

impl Session {
    /// Connects to the first server of the list that can be used and has everything that was read before.
    ///
    /// # Errors
    /// `SourceReplicaLags` if there is one that can be used, but none that has that.
    pub async fn open(config: &LdapConfig, floor: Option<&Watermark>) -> Result<Self, SourceError> {
        let accept = async |connection| {
            let session = Self::describe(connection, config).await?;
            match session.lag(floor).await? {
                None => Ok(session),
                Some(lag) => Err(lag),
            }
        };
        connect::first_usable(config, accept).await
    }

    /// What of the things read before from another server replication has not brought to this one yet. The server they were
    /// read from may have been restored, and is then read as it is.
    pub async fn lag(&self, floor: Option<&Watermark>) -> Result<Option<SourceError>, SourceError> {
        let position = floor
            .and_then(|stored| Position::read(stored, &self.server, &self.base).ok())
            .filter(|position| position.server != self.server);
        let Some(cookie) = position.and_then(|position| position.cookie()) else {
            return Ok(None);
        };
        let has = self.change_numbers().await?;
        // Nothing can be said of a server that does not show where it stands.
        if has.is_empty() {
            return Ok(None);
        }
        let behind = watermark::behind(&watermark::change_numbers(&cookie), &has).map(
            |(wanted, reached)| {
                format!("{wanted} was read before and the server has reached {reached}")
            },
        );
        Ok(behind.map(|text| watermark::refusal(Code::SourceReplicaLags, &self.server, text)))
    }

    async fn describe(connection: Connection, config: &LdapConfig) -> Result<Self, SourceError> {
        let server = connection.server().to_owned();
        let told = |operation: &'static str| {
            let server = server.clone();
            move |error: Error| failure::refusal(&server, operation, &error)
        };
        let query = Query::new("", Scope::Base).attributes(ROOT_DSE.iter().copied());
        let found = connection
            .search_all(&query)
            .await
            .map_err(told("read the root DSE"))?;
        let root = found.into_iter().next().unwrap_or_else(|| Entry {
            dn: String::new(),
            attributes: Vec::new(),
        });
        let contexts = texts(&root, "namingContexts");
        let wanted = match &config.naming_context {
            Some(given) => given.clone(),
            None => only_context(&contexts, &server)?,
        };
        let base = read_base(&connection, &wanted).await?;
        let schema = read_schema(&connection, &root).await?;
        let suffix = contexts
            .into_iter()
            .filter(|suffix| is_below(&base, suffix))
            .max_by_key(String::len)
            .unwrap_or_else(|| base.clone());
        let controls = texts(&root, "supportedControl");
        Ok(Self {
            can_synchronise: controls.iter().any(|oid| oid == ldap::SYNC_REQUEST),
            is_389: root
                .text("vendorName")
                .is_some_and(|vendor| vendor.starts_with("389 ")),
            product: product(&root),
            schema: Arc::new(schema),
            connection,
            server,
            base,
            suffix,
        })
    }

    /// Turns a failure into a refusal.
    pub fn told(&self, operation: &'static str) -> impl Fn(Error) -> SourceError + use<> {
        let server = self.server.clone();
        move |error| failure::refusal(&server, operation, &error)
    }

    /// The newest change of every provider that this server has; none where it does not say.
    pub async fn change_numbers(&self) -> Result<Vec<String>, SourceError> {
        let query = Query::new(&self.suffix, Scope::Base).attributes(["contextCSN"]);
        let found = match self.connection.search_all(&query).await {
            Ok(found) => found,
            Err(error) if error.is_answer() => Vec::new(),
            Err(error) => return Err(self.told("read contextCSN")(error)),
        };
        let mut numbers = found
            .first()
            .map_or_else(Vec::new, |entry| texts(entry, "contextCSN"));
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Makes sure that "not there" is not "not allowed to see".
    pub async fn prove_readable(&self) -> Result<(), SourceError> {
        read_base(&self.connection, &self.base).await.map(drop)
    }

    /// DNS name of the directory: of its `dc`s, or made of whatever its root is called.
    pub fn domain(&self) -> String {
        domain(&self.suffix)
    }
}

fn texts(entry: &Entry, name: &str) -> Vec<String> {
    let values = entry.values(name).unwrap_or_default().iter();
    let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
    texts.map(str::to_owned).collect()
}

fn is_below(dn: &str, outer: &str) -> bool {
    let (dn, outer) = (dn.to_lowercase(), outer.to_lowercase());
    dn == outer || dn.ends_with(&format!(",{outer}"))
}

fn only_context(contexts: &[String], server: &str) -> Result<String, SourceError> {
    let is_for_people = |name: &&String| {
        !NOT_FOR_PEOPLE.contains(&name.to_ascii_lowercase().as_str()) && !name.is_empty()
    };
    let all: Vec<&String> = contexts.iter().filter(is_for_people).collect();
    let refuse = |code, text: String| Err(source_error(code, server, "read the root DSE", text));
    match all[..] {
        [only] => Ok(only.clone()),
        [] => refuse(
            Code::SourceBaseNotFound,
            "the server names no naming context; give one with naming_context".into(),
        ),
        _ => {
            let names: Vec<String> = all.into_iter().cloned().collect();
            let names = names.join("; ");
            refuse(
                Code::ConfigurationInvalid,
                format!(
                    "the server has several naming contexts ({names}); choose one with naming_context"
                ),
            )
        }
    }
}

/// Makes sure that the root of what is to be read is there and can be seen; its name as the server spells it.
async fn read_base(connection: &Connection, base: &str) -> Result<String, SourceError> {
    let operation = "read the naming context";
    let server = connection.server();
    let query = Query::new(base, Scope::Base).attributes(["objectClass", "entryUUID"]);
    let found = connection.search_all(&query).await.map_err(|error| {
        failure::refusal(server, operation, &error).with("naming_context", base)
    })?;
    let missing = |what: &str, code| {
        Err(source_error(code, server, operation, what).with("naming_context", base))
    };
    match found.into_iter().next() {
        Some(entry) if entry.first("entryUUID").is_some() => Ok(entry.dn),
        Some(_) => missing(
            "its entryUUID is not shown; the account needs to read operational attributes, and the server to have them (RFC 4530)",
            Code::SourceInsufficientAccess,
        )
        .map_err(|refusal| refusal.with("right", "read entryUUID")),
        None => missing(
            "it is not shown to this account",
            Code::SourceInsufficientAccess,
        )
        .map_err(|refusal| refusal.with("right", "read")),
    }
}

async fn read_schema(connection: &Connection, root: &Entry) -> Result<Schema, SourceError> {
    let operation = "read the schema";
    let server = connection.server();
    let place = root.text("subschemaSubentry").unwrap_or("cn=Subschema");
    let query = Query::new(place, Scope::Base)
        .filter(Filter::Equality("objectClass".into(), "subschema".into()))
        .attributes(["attributeTypes", "objectClasses"]);
    let found = connection
        .search_all(&query)
        .await
        .map_err(|error| failure::refusal(server, operation, &error))?;
    let entry = found.into_iter().next();
    let texts = |name: &str| {
        entry
            .as_ref()
            .map_or_else(Vec::new, |entry| texts(entry, name))
    };
    let (attributes, classes) = (texts("attributeTypes"), texts("objectClasses"));
    let schema = Schema::read(
        attributes.iter().map(String::as_str),
        classes.iter().map(String::as_str),
    );
    match schema.is_empty() {
        false => Ok(schema),
        true => Err(source_error(
            Code::SourceInsufficientAccess,
            server,
            operation,
            format!("{place} is not shown to this account"),
        )
        .with("right", format!("read {place}"))),
    }
}

fn product(root: &Entry) -> String {
    let text = |name: &str| root.text(name).unwrap_or_default();
    match (text("vendorName"), text("structuralObjectClass")) {
        ("", "OpenLDAProotDSE") => "OpenLDAP".into(),
        ("", _) => "LDAP directory".into(),
        (vendor, _) => format!("{vendor} {}", text("vendorVersion"))
            .trim()
            .to_owned(),
    }
}

fn domain(dn: &str) -> String {
    let mut labels = Vec::new();
    let mut others = Vec::new();
    let mut rest = dn;
    while !rest.is_empty() {
        let (rdn, parent) = ldap::dn::split_first(rest);
        if let Some((attribute, value)) = rdn.split_once('=') {
            let label: String = value
                .to_lowercase()
                .chars()
                .map(|c| if c.is_alphanumeric() { c } else { '-' })
                .collect();
            match attribute.trim().eq_ignore_ascii_case("dc") {
                true => labels.push(label),
                false => others.push(label),
            }
        }
        rest = parent;
    }
    match labels.is_empty() {
        true => others.join("."),
        false => labels.join("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_made_of_its_components_or_of_what_there_is() {
        assert_eq!(domain("ou=x,dc=Canal,dc=example"), "canal.example");
        assert_eq!(domain("o=Canal Example"), "canal-example");
        assert_eq!(domain("dc=a\\,b,dc=c"), "a--b.c");
    }

    #[test]
    fn one_context_is_taken_and_several_have_to_be_chosen_from() {
        let check = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            only_context(&names, "s").map_err(|refusal| refusal.code)
        };
        assert_eq!(check(&["cn=Accesslog", "dc=x"]), Ok("dc=x".into()));
        assert_eq!(check(&[]), Err(Code::SourceBaseNotFound));
        assert_eq!(check(&["dc=x", "o=y"]), Err(Code::ConfigurationInvalid));
    }
}
