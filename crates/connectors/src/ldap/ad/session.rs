//! An authenticated connection to one controller of the list, with what the controller says of itself.
//!
//! Never retries a refused password. Trap: the root DSE's numbers (clock, update sequence number) are of the moment they are
//! read; [`Session::standing`] reads them afresh.

use ldap::{Connection, DirSyncFlags, Entry, Error, Filter, Query, Scope};
use sync_core::{code::Code, object::ReadSpec, operation::Refusal};

use super::{
    schema::{self, Schema},
    values,
    vector::Vector,
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

/// ACTIVE_DIRECTORY_PARTIAL_SECRETS: the controller is a read-only one (MS-ADTS §3.1.1.3.4.3).
const PARTIAL_SECRETS: &str = "1.2.840.113556.1.4.1920";
/// How Samba's vendorName begins.
const SAMBA: &str = "Samba";
/// How far below the highest committed number the last change is looked for, step by step: other naming contexts and
/// attributes that are not replicated use up numbers too.
const LAST_CHANGE_REACHES: [i64; 4] = [500, 10_000, 1_000_000, i64::MAX];
const LAST_CHANGE_PAGE: u32 = 1000;

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
    /// Where invocationId is read: the controller's NTDS Settings.
    service: String,
    pub tombstone_lifetime_seconds: i64,
    pub product: String,
}

impl Session {
    /// Connects to the first controller of the list that can be used and holds everything that is known already.
    ///
    /// # Errors
    /// `SourceReplicaLags` if there is one that can be used, but none that holds that.
    pub async fn open(config: &LdapConfig, known: &Vector) -> Result<Self, SourceError> {
        let accept = async |connection| {
            let session = Self::describe(connection, config).await?;
            match session.lag(known).await? {
                None => Ok(session),
                Some(lag) => Err(lag),
            }
        };
        connect::first_usable(config, accept).await
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
        let service = needed("dsServiceName")?;
        let replica = invocation_id(&connection, &service).await?;
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
            service,
            tombstone_lifetime_seconds,
            connection,
        })
    }

    /// Turns a failure into a refusal.
    pub fn told(&self, operation: &'static str) -> impl Fn(Error) -> SourceError + use<> {
        let server = self.connection.server().to_owned();
        move |error| failure::refusal(&server, operation, &error)
    }

    /// Whether the session may be used again: the connection lives, and the controller has not become another replica
    /// meanwhile (MS-ADTS §3.1.1.1.4: a new invocationId).
    pub async fn is_still_itself(&self) -> bool {
        !self.connection.is_closed()
            && invocation_id(&self.connection, &self.service)
                .await
                .is_ok_and(|replica| replica == self.replica)
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

    /// What this controller's copy of the naming context holds; `None`: it has never replicated, or does not show it.
    pub async fn vector(&self, standing: &Standing) -> Result<Option<Vector>, SourceError> {
        let query = Query::new(&self.naming_context, Scope::Base)
            .attributes(["replUpToDateVector", "msDS-NCReplCursors"]);
        let found = self
            .connection
            .search_all(&query)
            .await
            .map_err(self.told("read what the controller has received"))?;
        let Some(root) = found.first() else {
            return Ok(None);
        };
        let stored = root.first("replUpToDateVector");
        let held = match stored.and_then(|blob| Vector::from_blob(blob)) {
            Some(held) => Some(held),
            None => root.values("msDS-NCReplCursors").map(|texts| {
                let texts = texts
                    .iter()
                    .filter_map(|text| std::str::from_utf8(text).ok());
                Vector::from_texts(texts)
            }),
        };
        Ok(held.map(|mut held| {
            held.set(&standing.replica, standing.usn);
            held
        }))
    }

    /// What this controller has not received of what is known already, as a refusal. Nothing can be said of a controller that
    /// does not show what it holds.
    pub async fn lag(&self, known: &Vector) -> Result<Option<Refusal>, SourceError> {
        if !known.is_about_others(&self.replica_text()) {
            return Ok(None);
        }
        let standing = self.standing().await?;
        let mut known = known.clone();
        // Whether it is itself what it was is judged by the position.
        known.set(&standing.replica, 0);
        let missing = self
            .vector(&standing)
            .await?
            .and_then(|held| held.lacks(&known));
        Ok(missing.map(|missing| {
            source_error(
                Code::SourceReplicaLags,
                self.connection.server(),
                "compare what the controller has received with what was read",
                format!(
                    "of the controller with invocationId {} it holds the updates up to {}, and {} has been read",
                    missing.replica, missing.has, missing.usn
                ),
            )
            .with("replica", missing.replica)
        }))
    }

    /// The highest uSNChanged in the naming context; `None`: nothing is shown.
    pub async fn last_change(&self, standing: &Standing) -> Result<Option<i64>, SourceError> {
        for reach in LAST_CHANGE_REACHES {
            let from = standing.usn.saturating_sub(reach).max(1);
            let query = Query::new(&self.naming_context, Scope::Subtree)
                .filter(Filter::GreaterOrEqual(
                    "uSNChanged".into(),
                    from.to_string(),
                ))
                .attributes(["uSNChanged"])
                .control(ldap::show_deleted())
                .control(ldap::show_recycled());
            let found = self
                .connection
                .search_all_paged(query, LAST_CHANGE_PAGE)
                .await
                .map_err(self.told("find the last change"))?;
            let last = found.iter().filter_map(usn_changed).max();
            if last.is_some() || from == 1 {
                return Ok(last);
            }
        }
        Ok(None)
    }

    pub fn is_samba(&self) -> bool {
        self.product.starts_with(SAMBA)
    }

    /// Whether deleted objects are shown to this account. Active Directory shows deletions by DirSync to whoever may use that
    /// (MS-ADTS 3.1.1.3.4.1.3); Samba hides them from accounts that may not read the container they are moved to.
    pub async fn shows_deletions(&self) -> Result<bool, SourceError> {
        let query = Query::new(self.deleted_objects(), Scope::Base)
            .attributes(["cn"])
            .control(ldap::show_deleted());
        match self.connection.search_all(&query).await {
            Ok(found) => Ok(found
                .first()
                .is_some_and(|entry| entry.text("cn").is_some())),
            Err(error) if error.is_answer() => Ok(false),
            Err(error) => Err(self.told("look at the container of deleted objects")(error)),
        }
    }

    /// The container deleted objects are moved to.
    pub fn deleted_objects(&self) -> String {
        format!("CN=Deleted Objects,{}", self.naming_context)
    }

    /// Whether the account may use DirSync.
    pub async fn may_dirsync(&self) -> Result<bool, SourceError> {
        // Samba gathers everything the filter finds before it counts bytes; Windows walks the whole index for a rare match.
        let filter = match self.is_samba() {
            true => Filter::Equality("distinguishedName".into(), self.naming_context.clone()),
            false => Filter::Present("objectClass".into()),
        };
        let query = Query::new(&self.naming_context, Scope::Subtree)
            .filter(filter)
            .attributes(["objectGUID"]);
        let flags = DirSyncFlags::default();
        let told = self.told("try DirSync");
        let mut sync = self
            .connection
            .dirsync(&query, flags, 1, &[])
            .map_err(&told)?;
        match sync.next().await {
            Ok(_) => Ok(true),
            Err(error) if error.is_answer() => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    /// Whether the controller says that it knows this control.
    pub async fn has_control(&self, oid: &str) -> Result<bool, SourceError> {
        self.root_holds("supportedControl", oid).await
    }

    /// Whether the controller says that it has this capability.
    pub async fn has_capability(&self, oid: &str) -> Result<bool, SourceError> {
        self.root_holds("supportedCapabilities", oid).await
    }

    /// Whether the controller is a read-only one. Windows says so by a capability, Samba only at its NTDS Settings
    /// (msDS-isRODC, which MS-ADTS has computed).
    pub async fn is_read_only(&self) -> Result<bool, SourceError> {
        if self.has_capability(PARTIAL_SECRETS).await? {
            return Ok(true);
        }
        let query = Query::new(&self.service, Scope::Base).attributes(["msDS-isRODC"]);
        let found = match self.connection.search_all(&query).await {
            Ok(found) => found,
            // Who may not see the settings is told nothing of them; everything else works all the same.
            Err(error) if error.is_answer() => return Ok(false),
            Err(error) => return Err(self.told("read the controller's settings")(error)),
        };
        let said = found.first().and_then(|entry| entry.text("msDS-isRODC"));
        Ok(said.is_some_and(|said| said.eq_ignore_ascii_case("TRUE")))
    }

    async fn root_holds(&self, attribute: &str, oid: &str) -> Result<bool, SourceError> {
        let query = Query::new("", Scope::Base).attributes([attribute]);
        let found = self
            .connection
            .search_all(&query)
            .await
            .map_err(self.told("read the root DSE"))?;
        let values = found.first().and_then(|entry| entry.values(attribute));
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

/// An object's update sequence number.
pub(super) fn usn_changed(entry: &Entry) -> Option<i64> {
    entry.text("uSNChanged")?.parse().ok()
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
