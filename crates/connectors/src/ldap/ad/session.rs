//! An authenticated connection to one controller of the list, with what the controller says of itself.
//!
//! Never retries a refused password. Trap: the root DSE's numbers (clock, update sequence number) are of the moment they are
//! read; [`Session::standing`] reads them afresh.

use ldap::{Connection, Entry, Error, Filter, Query, Scope};
use sync_core::{code::Code, object::ReadSpec};

use super::{
    schema::{self, Schema},
    values,
    watermark::Standing,
};
use crate::{
    ldap::{config::LdapConfig, connect, failure},
    source::{SourceError, source_error},
};

const DAY: i64 = 86_400;
/// MS-ADTS §6.1.1.2.4.1.1 Directory Service: an absent tombstoneLifetime means 60 days.
const DEFAULT_TOMBSTONE_DAYS: i64 = 60;
const ROOT_DSE: &[&str] = &[
    "defaultNamingContext",
    "schemaNamingContext",
    "configurationNamingContext",
    "rootDomainNamingContext",
    "dnsHostName",
    "dsServiceName",
    "highestCommittedUSN",
    "currentTime",
    "vendorName",
    "domainFunctionality",
];

/// How Samba's vendorName begins.
const SAMBA: &str = "Samba";

/// A connection.
pub(super) struct Session {
    pub connection: Connection,
    /// DNS name of the controller, lower case.
    pub server: String,
    pub naming_context: String,
    pub schema_context: String,
    pub configuration_context: String,
    pub root_domain: String,
    /// invocationId.
    pub replica: [u8; 16],
    pub tombstone_lifetime_seconds: i64,
    pub product: String,
}

impl Session {
    /// Connects to the first controller of the list that can be used.
    pub async fn open(config: &LdapConfig) -> Result<Self, SourceError> {
        connect::first_usable(config, |connection| Self::describe(connection, config)).await
    }

    async fn describe(connection: Connection, config: &LdapConfig) -> Result<Self, SourceError> {
        let url = connection.server().to_owned();
        let root = root_dse(&connection)
            .await
            .map_err(|error| failure::refusal(&url, "read the root DSE", &error))?;
        let text = |name: &str| root.text(name).unwrap_or_default().to_owned();
        let needed = |name: &str| {
            root.text(name).map(str::to_owned).ok_or_else(|| {
                source_error(
                    Code::SourceProtocolError,
                    &url,
                    "read the root DSE",
                    format!("no {name}: this is not an Active Directory domain controller"),
                )
            })
        };
        if let Some(given) = &config.naming_context {
            demand_base(&connection, given).await?;
        }
        let configuration_context = needed("configurationNamingContext")?;
        let replica = invocation_id(&connection, &needed("dsServiceName")?).await?;
        let tombstone_lifetime_seconds =
            tombstone_lifetime(&connection, &configuration_context).await?;
        Ok(Self {
            server: needed("dnsHostName")?.to_lowercase(),
            naming_context: match &config.naming_context {
                Some(given) => given.clone(),
                None => needed("defaultNamingContext")?,
            },
            schema_context: needed("schemaNamingContext")?,
            root_domain: needed("rootDomainNamingContext")?,
            product: product(&text("vendorName"), &text("domainFunctionality")),
            configuration_context,
            replica,
            tombstone_lifetime_seconds,
            connection,
        })
    }

    /// Turns a failure into a refusal.
    pub fn told(&self, operation: &'static str) -> impl Fn(Error) -> SourceError + use<> {
        let server = self.connection.server().to_owned();
        move |error| failure::refusal(&server, operation, &error)
    }

    /// What the controller says of itself now.
    pub async fn standing(&self) -> Result<Standing, SourceError> {
        let operation = "read the root DSE";
        let root = root_dse(&self.connection)
            .await
            .map_err(self.told(operation))?;
        let usn = root
            .text("highestCommittedUSN")
            .and_then(|t| t.parse().ok());
        let now = root.text("currentTime").and_then(values::generalized_time);
        match (usn, now) {
            (Some(usn), Some(now)) => Ok(Standing {
                server: self.server.clone(),
                replica: self.replica_text(),
                usn,
                now,
                naming_context: self.naming_context.clone(),
                tombstone_lifetime_seconds: self.tombstone_lifetime_seconds,
            }),
            _ => Err(source_error(
                Code::SourceProtocolError,
                self.connection.server(),
                operation,
                "no highestCommittedUSN or currentTime",
            )),
        }
    }

    /// Refuses an account that would never learn of a deletion. Active Directory shows deletions to whoever may read changes
    /// (MS-ADTS 3.1.1.3.4.1.3); Samba hides them from accounts that may not read the container they are moved to.
    pub async fn demand_sight_of_deletions(&self) -> Result<(), SourceError> {
        if !self.product.starts_with(SAMBA) {
            return Ok(());
        }
        let operation = "look at the container of deleted objects";
        let base = format!("CN=Deleted Objects,{}", self.naming_context);
        let query = Query::new(&base, Scope::Base)
            .attributes(["cn"])
            .control(ldap::show_deleted());
        let is_seen = match self.connection.search_all(&query).await {
            Ok(found) => found
                .first()
                .is_some_and(|entry| entry.text("cn").is_some()),
            Err(error) if error.is_answer() => false,
            Err(error) => return Err(self.told(operation)(error)),
        };
        if is_seen {
            return Ok(());
        }
        let text = "Samba hides deletions from an account that may not read this container";
        let code = Code::SourceInsufficientAccess;
        Err(
            source_error(code, self.connection.server(), operation, text)
                .with("right", "List contents and read properties")
                .with("container", base),
        )
    }

    /// Whether the controller says that it knows this control.
    pub async fn has_control(&self, oid: &str) -> Result<bool, SourceError> {
        let query = Query::new("", Scope::Base).attributes(["supportedControl"]);
        let found = self
            .connection
            .search_all(&query)
            .await
            .map_err(self.told("read the root DSE"))?;
        let values = found
            .first()
            .and_then(|entry| entry.values("supportedControl"));
        Ok(values.is_some_and(|values| values.iter().any(|value| value == oid)))
    }

    pub fn replica_text(&self) -> String {
        sync_core::id::Anchor::new(self.replica).guid_text()
    }

    /// The schema of the attributes of a read spec.
    pub async fn schema_of(&self, spec: &ReadSpec) -> Result<Schema, SourceError> {
        let names: Vec<_> = spec.attributes.iter().chain(&spec.links).collect();
        let mut schema = Schema::default();
        for query in schema::query_named(&self.schema_context, &names) {
            let found = self
                .connection
                .search_all(&query)
                .await
                .map_err(self.told("read the schema"))?;
            schema.extend(Schema::of(&found));
        }
        Ok(schema)
    }

    /// NetBIOS and DNS name of the domain.
    pub async fn domain_names(&self) -> Result<(String, String), SourceError> {
        let filter = Filter::And(vec![
            Filter::Equality("objectClass".into(), "crossRef".into()),
            Filter::Equality("nCName".into(), self.naming_context.clone()),
        ]);
        let base = format!("CN=Partitions,{}", self.configuration_context);
        let query = Query::new(base, Scope::OneLevel)
            .filter(filter)
            .attributes(["nETBIOSName", "dnsRoot"]);
        let found = self
            .connection
            .search_all(&query)
            .await
            .map_err(self.told("read the partitions"))?;
        let text = |name: &str| {
            let value = found.first().and_then(|entry| entry.text(name));
            value.unwrap_or_default().to_owned()
        };
        let fqdn = match text("dnsRoot") {
            none if none.is_empty() => dns_name(&self.naming_context),
            fqdn => fqdn.to_lowercase(),
        };
        Ok((text("nETBIOSName"), fqdn))
    }
}

async fn root_dse(connection: &Connection) -> Result<Entry, Error> {
    let query = Query::new("", Scope::Base).attributes(ROOT_DSE.iter().copied());
    let found = connection.search_all(&query).await?;
    found.into_iter().next().ok_or_else(|| Error::Incomplete {
        server: connection.server().to_owned(),
        operation: "read the root DSE",
        what: "an entry",
    })
}

/// Refuses a naming context the controller does not have. Without this its absence would look like a missing right.
async fn demand_base(connection: &Connection, base: &str) -> Result<(), SourceError> {
    let operation = "look at the naming context";
    let query = Query::new(base, Scope::Base).attributes(["objectClass"]);
    let told = |refusal: SourceError| refusal.with("base", base);
    let found = connection
        .search_all(&query)
        .await
        .map_err(|error| told(failure::refusal(connection.server(), operation, &error)))?;
    if found.is_empty() {
        let text = "the controller shows no such object";
        let code = Code::SourceBaseNotFound;
        return Err(told(source_error(
            code,
            connection.server(),
            operation,
            text,
        )));
    }
    Ok(())
}

async fn invocation_id(connection: &Connection, service: &str) -> Result<[u8; 16], SourceError> {
    let operation = "read invocationId";
    let query = Query::new(service, Scope::Base).attributes(["invocationId"]);
    let found = connection
        .search_all(&query)
        .await
        .map_err(|error| failure::refusal(connection.server(), operation, &error))?;
    found
        .first()
        .and_then(|entry| entry.first("invocationId"))
        .and_then(|value| value[..].try_into().ok())
        .ok_or_else(|| {
            source_error(
                Code::SourceInsufficientAccess,
                connection.server(),
                operation,
                format!("invocationId of {service} is not shown"),
            )
            .with("right", "Read all properties of the NTDS Settings object")
        })
}

async fn tombstone_lifetime(
    connection: &Connection,
    configuration_context: &str,
) -> Result<i64, SourceError> {
    let base = format!("CN=Directory Service,CN=Windows NT,CN=Services,{configuration_context}");
    let query = Query::new(base, Scope::Base).attributes(["tombstoneLifetime"]);
    let found = match connection.search_all(&query).await {
        Ok(found) => found,
        // Not readable for this account: the shortest that AD ever assumes is the safe answer.
        Err(error) if error.is_answer() => Vec::new(),
        Err(error) => {
            let operation = "read tombstoneLifetime";
            return Err(failure::refusal(connection.server(), operation, &error));
        }
    };
    let days: Option<i64> = found
        .first()
        .and_then(|entry| entry.text("tombstoneLifetime"))
        .and_then(|days| days.parse().ok());
    Ok(days
        .filter(|days| *days >= 2)
        .unwrap_or(DEFAULT_TOMBSTONE_DAYS)
        * DAY)
}

fn product(vendor: &str, level: &str) -> String {
    let name = match vendor {
        "" => "Active Directory",
        vendor => vendor,
    };
    format!("{name}, domain functional level {level}")
}

/// `DC=canal,DC=example` as `canal.example`.
pub(in crate::ldap) fn dns_name(dn: &str) -> String {
    let mut labels = Vec::new();
    let mut rest = dn;
    while !rest.is_empty() {
        let (rdn, parent) = ldap::dn::split_first(rest);
        if let Some((_, label)) = rdn.split_once('=') {
            labels.push(label.to_lowercase());
        }
        rest = parent;
    }
    labels.join(".")
}
