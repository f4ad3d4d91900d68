//! The directories that are read, whatever they are: how they are searched and changed.
//!
//! Every one is a process of its own and is read over TLS by Hybridge. Trap: the search and the replica are spared TLS, so the comparison leans against Hybridge, never for it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    Kind,
    company::{self, Company},
    controller::{self, Controller},
    forest::{self, Forest},
    slapd::Slapd,
};

/// When something was done, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Since(pub u128);

impl Since {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(since.map_or(0, |since| since.as_nanos()))
    }

    /// Milliseconds since.
    pub fn age_ms(self) -> f64 {
        Self::now().0.saturating_sub(self.0) as f64 / 1e6
    }
}

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Changed {
    /// User principal name of the person in the tenant directory.
    pub upn: String,
    /// The value that is to appear there.
    pub value: String,
    /// When.
    pub since: Since,
}

/// A directory that is up.
pub struct Directory {
    /// Kind of the connector.
    pub kind: &'static str,
    /// The agent's settings.
    pub settings: Value,
    /// Domains of the tenant.
    pub domains: Vec<String>,
    /// Containers in scope.
    pub containers: Vec<String>,
    /// Port the agent reads from.
    pub port: u16,
    /// Arguments of a paged search for everything.
    pub search: Vec<String>,
    /// Which it is.
    pub server: Server,
}

/// Which directory it is.
pub enum Server {
    /// OpenLDAP.
    Slapd(Company),
    /// The in-memory directory.
    Forest(Forest),
    /// A domain controller.
    Samba(Controller),
}

impl Directory {
    /// Raises one with so many people.
    pub async fn raise(kind: Kind, dir: &Path, people: usize) -> Self {
        fs::create_dir_all(dir).unwrap();
        match kind {
            Kind::Slapd => company::raise(dir, people).await,
            Kind::Forest => forest::raise(dir, people).await,
            Kind::Samba => controller::raise(dir, people).await,
        }
    }

    /// Reads everything once with the tool everybody has.
    pub fn search(&self) -> bool {
        let status = Command::new("ldapsearch")
            .args(&self.search)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("ldapsearch starts: apt-get install ldap-utils");
        // A referral to another context is no failure: everything in this one was printed.
        matches!(status.code(), Some(0 | 10))
    }

    /// The server as one that can be replicated.
    pub fn provider(&self) -> Option<&Slapd> {
        match &self.server {
            Server::Slapd(company) => Some(&company.server),
            Server::Forest(_) | Server::Samba(_) => None,
        }
    }

    /// Changes one value of the next person.
    pub async fn change(&mut self) -> Changed {
        match &mut self.server {
            Server::Slapd(company) => company.change().await,
            Server::Forest(forest) => forest.change(),
            Server::Samba(controller) => controller.change().await,
        }
    }

    /// Takes one member out of the group that holds half of all people, or puts one into it.
    pub async fn membership(&mut self, is_member: bool) -> Since {
        match &mut self.server {
            Server::Slapd(company) => company.membership(is_member).await,
            Server::Forest(forest) => forest.membership(is_member),
            Server::Samba(controller) => controller.membership(is_member).await,
        }
    }
}

/// Arguments of a paged search for everything.
pub fn search([url, bind, password, base]: &[&str; 4], attributes: &[&str]) -> Vec<String> {
    let words = [
        "-x",
        "-LLL",
        "-o",
        "ldif-wrap=no",
        "-E",
        "pr=1000/noprompt",
        "-H",
        url,
        "-D",
        bind,
        "-w",
        password,
        "-b",
        base,
    ];
    let all = words.iter().chain(&["(objectClass=*)"]).chain(attributes);
    all.map(|word| (*word).to_owned()).collect()
}
