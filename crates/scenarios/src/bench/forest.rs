//! The in-memory directory in the dialect of Active Directory, as a process of its own that is told what to change.
//!
//! Trap: it says when a change was made, as the time just before, and its clock is this machine's.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ldap::{Connection, Endpoint, Options, Query, Scope, Security, Timeouts};
use serde::Deserialize;
use serde_json::json;
use sync_core::id::Anchor;

use super::{
    directories::{Changed, Directory, Server, Since, search},
    installation::{self, Process},
    say,
};

/// The group that holds half of all people.
const LARGEST: &str = "All Staff";

/// The process, and everybody's name.
pub struct Forest {
    process: Process,
    names: HashMap<String, String>,
}

/// What it says when it is ready.
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

/// Raises a directory of so many people.
pub async fn raise(dir: &Path, people: usize) -> Directory {
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
    let (_, port) = ready
        .ldaps
        .rsplit_once(':')
        .expect("an address with a port");
    Directory {
        kind: "ad",
        settings,
        domains: vec!["canal.example".into()],
        containers: Vec::new(),
        port: port.parse().unwrap(),
        search: search(&[&ready.url, &ready.bind, &password, &ready.base], &["*"]),
        server: Server::Forest(Forest { process, names }),
    }
}

impl Forest {
    fn tell(&mut self, command: &str) -> Told {
        let answer = self.process.ask(command);
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{command}: {answer}"))
    }

    /// Gives the next person another telephone number.
    pub fn change(&mut self) -> Changed {
        let told = self.tell("modify-one");
        Changed {
            upn: self.names[&told.guid].clone(),
            value: told.value,
            since: Since(told.at_ns),
        }
    }

    /// Takes somebody out of the largest group, or puts somebody into it.
    pub fn membership(&mut self, is_member: bool) -> Since {
        let verb = if is_member {
            "add-member"
        } else {
            "remove-member"
        };
        Since(self.tell(&format!("{verb} {LARGEST}")).at_ns)
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
            names.insert(Anchor::new(guid).guid_text(), upn.to_owned());
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
