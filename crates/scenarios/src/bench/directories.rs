//! The directories that are read: how they are raised, searched and changed.
//!
//! Every one is a process of its own and is read over TLS by Hybridge. Trap: the search and the replica are spared TLS, so the comparison leans against Hybridge, never for it.

use std::{
    collections::HashMap,
    fs,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use ldap::{Change, ChangeKind, Connection, Endpoint, Options, Query, Scope, Security, Timeouts};
use serde::Deserialize;
use serde_json::{Value, json};
use sync_core::id::Anchor;

use super::{
    Kind,
    installation::{self, Process, private_file},
    organisation, say,
    slapd::{self, Slapd},
};

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Changed {
    /// User principal name of the person in the tenant directory.
    pub upn: String,
    /// The value that is to appear there.
    pub value: String,
    /// When, in nanoseconds since 1970.
    at_ns: u128,
}

impl Changed {
    /// Milliseconds since.
    pub fn age_ms(&self) -> f64 {
        now_ns().saturating_sub(self.at_ns) as f64 / 1e6
    }
}

fn now_ns() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
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
    search: Vec<String>,
    server: Server,
}

enum Server {
    Slapd {
        server: Slapd,
        people: usize,
        changed: usize,
        writer: Option<Connection>,
    },
    Forest {
        process: Process,
        names: HashMap<String, String>,
    },
}

/// What the forest's process says when it is ready.
#[derive(Deserialize)]
struct Ready {
    url: String,
    ldaps: String,
    base: String,
    bind: String,
    password_file: PathBuf,
    ca_file: PathBuf,
}

/// What it says to a change.
#[derive(Deserialize)]
struct Told {
    at_ns: u128,
    guid: String,
    value: String,
}

impl Directory {
    /// Raises one with so many people.
    pub async fn raise(kind: Kind, dir: &Path, people: usize) -> Self {
        fs::create_dir_all(dir).unwrap();
        match kind {
            Kind::Slapd => Self::slapd(dir, people).await,
            Kind::Forest => Self::forest(dir, people).await,
        }
    }

    async fn slapd(dir: &Path, people: usize) -> Self {
        say(format!("loading {people} people into slapd"));
        let ldif = dir.join("company.ldif");
        let mut file = BufWriter::new(fs::File::create(&ldif).unwrap());
        organisation::write(people, &mut file).unwrap();
        file.flush().unwrap();
        drop(file);
        let server = Slapd::loaded(&dir.join("provider"), &ldif).await;
        fs::remove_file(ldif).unwrap();
        let secret = dir.join("secret");
        private_file(&secret, slapd::PASSWORD);
        let authority = dir.join("provider/tls/ca.pem");
        let settings = json!({
            "urls": [format!("ldaps://localhost:{}", server.tls_port)],
            "bind": slapd::ADMIN,
            "secret": { "file": secret },
            "ca_file": authority,
        });
        Self {
            kind: "openldap",
            settings,
            domains: vec!["bench.example".into()],
            containers: Vec::new(),
            search: search(
                &[
                    &server.url,
                    slapd::ADMIN,
                    slapd::PASSWORD,
                    organisation::SUFFIX,
                ],
                &["*", "entryUUID"],
            ),
            server: Server::Slapd {
                server,
                people,
                changed: 0,
                writer: None,
            },
        }
    }

    async fn forest(dir: &Path, people: usize) -> Self {
        say(format!("growing a forest of {people} people"));
        let mut command = Command::new(installation::program("forest"));
        command
            .args(["--people", &people.to_string(), "--plain", "--directory"])
            .arg(dir);
        let mut process = Process::start(
            command.stdin(Stdio::piped()).stdout(Stdio::piped()),
            &dir.join("forest.log"),
        );
        let ready: Ready = serde_json::from_str(&process.line()).expect("the forest grows");
        let password = fs::read_to_string(&ready.password_file).unwrap();
        let settings = json!({
            "urls": [ready.ldaps],
            "bind": ready.bind,
            "secret": { "file": ready.password_file },
            "ca_file": ready.ca_file,
        });
        let names = names(&ready, &password).await;
        Self {
            kind: "ad",
            settings,
            domains: vec!["canal.example".into()],
            containers: Vec::new(),
            search: search(&[&ready.url, &ready.bind, &password, &ready.base], &["*"]),
            server: Server::Forest { process, names },
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
            Server::Slapd { server, .. } => Some(server),
            Server::Forest { .. } => None,
        }
    }

    /// Changes one value of the next person.
    pub async fn change(&mut self) -> Changed {
        match &mut self.server {
            Server::Slapd {
                server,
                people,
                changed,
                writer,
            } => {
                let number = *changed * 7 % *people;
                *changed += 1;
                let value = format!("+31 20 557 {changed:07}");
                if writer.is_none() {
                    *writer = server.connect().await;
                }
                let change = Change::new(ChangeKind::Replace, "telephoneNumber", [value.as_str()]);
                let connection = writer.as_ref().expect("slapd answers");
                connection
                    .modify(&organisation::person(number), vec![change])
                    .await
                    .unwrap();
                Changed {
                    upn: organisation::address(number),
                    value,
                    at_ns: now_ns(),
                }
            }
            Server::Forest { process, names } => {
                let told: Told = serde_json::from_str(&process.ask("modify-one")).unwrap();
                Changed {
                    upn: names[&told.guid].clone(),
                    value: told.value,
                    at_ns: told.at_ns,
                }
            }
        }
    }
}

/// The principal name of everybody, by objectGUID.
async fn names(ready: &Ready, password: &str) -> HashMap<String, String> {
    let connection = connect(&ready.url, &ready.bind, password).await;
    let query =
        Query::new(&ready.base, Scope::Subtree).attributes(["objectGUID", "userPrincipalName"]);
    let mut names = HashMap::new();
    for entry in connection.search_all_paged(query, 1_000).await.unwrap() {
        if let (Some(guid), Some(upn)) =
            (entry.first("objectGUID"), entry.text("userPrincipalName"))
        {
            names.insert(Anchor::new(guid.to_vec()).guid_text(), upn.to_owned());
        }
    }
    names
}

async fn connect(url: &str, bind: &str, password: &str) -> Connection {
    let endpoint: Endpoint = url.parse().unwrap();
    let options = Options {
        security: Security::PlainForTests,
        server_name: None,
        timeouts: Timeouts::default(),
    };
    let connection = ldap::connect(&endpoint, &options).await.unwrap();
    connection.simple_bind(bind, password).await.unwrap();
    connection
}

/// Arguments of a paged search for everything.
fn search([url, bind, password, base]: &[&str; 4], attributes: &[&str]) -> Vec<String> {
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
