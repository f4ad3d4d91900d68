//! What kind of forest is served, and the limits it enforces.

use std::time::Duration;

/// Settings of a forest; they do not change once it is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// DNS name of the domain.
    pub domain: String,
    /// DNS name of the forest's first domain, if this one is another.
    pub root_domain: Option<String>,
    /// NetBIOS name of the domain.
    pub netbios: String,
    /// Host name of the domain controller, without the domain.
    pub host: String,
    /// Seed of every GUID and of the domain's SID.
    pub seed: u64,
    /// Deleted objects keep their attributes.
    pub has_recycle_bin: bool,
    /// Simple binds without TLS are let in.
    pub allows_plain_bind: bool,
    /// Searches from the domain's root mention the contexts below it.
    pub sends_references: bool,
    /// Days a deleted object is kept.
    pub tombstone_lifetime_days: u32,
    /// Most entries in one answer (MaxPageSize).
    pub page_limit_entries: usize,
    /// Most values of one attribute in one entry (MaxValRange).
    pub range_limit_values: usize,
    /// Most octets of entries in one DirSync answer, whatever the client asks.
    pub dirsync_limit_bytes: usize,
    /// Longest time a search may take (MaxQueryDuration).
    pub query_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            domain: "canal.example".into(),
            root_domain: None,
            netbios: "CANAL".into(),
            host: "dc1".into(),
            seed: 1,
            has_recycle_bin: true,
            allows_plain_bind: false,
            sends_references: true,
            tombstone_lifetime_days: 180,
            page_limit_entries: 1_000,
            range_limit_values: 1_500,
            dirsync_limit_bytes: 10 << 20,
            query_limit: Duration::from_secs(120),
        }
    }
}

impl Options {
    /// DN of the domain's root.
    pub fn domain_dn(&self) -> String {
        dn_of(&self.domain)
    }

    /// DN of the root of the forest's first domain, below which configuration and schema are.
    pub fn root_dn(&self) -> String {
        dn_of(self.root_domain.as_ref().unwrap_or(&self.domain))
    }

    /// Full name of the domain controller.
    pub fn host_name(&self) -> String {
        format!("{}.{}", self.host, self.domain)
    }
}

fn dn_of(domain: &str) -> String {
    let labels: Vec<String> = domain
        .split('.')
        .map(|label| format!("DC={label}"))
        .collect();
    labels.join(",")
}
