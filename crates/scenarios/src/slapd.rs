//! An OpenLDAP server (or a 389 Directory Server) of the lab: raised, changed over LDAP as an administrator would, taken down again.
//!
//! Never touches the database directly except through the lab's script. Trap: names given to the verbs here are raw; they are
//! escaped into distinguished names in one place, [`crate::samba::below`].

use std::{collections::HashMap, path::Path, process::Command};

use ldap::{Change, ChangeKind, Connection};

use crate::samba::{below, container_of};

/// How long replication may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Values in one request.
const CHUNK: usize = 1_000;

pub struct Directory {
    name: String,
    /// The lab's script that raised it.
    script: &'static str,
    values: HashMap<String, String>,
    writer: Connection,
    /// Its naming context.
    pub base: String,
}

impl Directory {
    /// A new server on this address.
    pub async fn raise(name: &str, ip: &str, options: &[&str]) -> Self {
        let options = [&["--port", "3389", "--tls"], options].concat();
        Self::raise_by("slapd-lab.sh", name, ip, &options).await
    }

    /// A new 389 Directory Server on this address. The packages it needs are installed.
    pub async fn raise_389(name: &str, ip: &str) -> Self {
        let script = "ds389-lab.sh";
        let packages = lab(script, &["packages"]);
        packages.unwrap_or_else(|text| panic!("no packages: {text}"));
        Self::raise_by(script, name, ip, &["--port", "3390"]).await
    }

    async fn raise_by(script: &'static str, name: &str, ip: &str, options: &[&str]) -> Self {
        lab(script, &["destroy", name]).ok();
        let up = lab(script, &[&["up", name, "--ip", ip], options].concat());
        up.unwrap_or_else(|text| panic!("no server: {text}"));
        let text = lab(script, &["env", name]).unwrap();
        let pair = |line: &str| {
            let (key, value) = line.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        let values: HashMap<String, String> = text.lines().filter_map(pair).collect();
        let writer = connect(&values).await;
        Self {
            name: name.to_owned(),
            script,
            base: values["SLAPD_BASE"].clone(),
            values,
            writer,
        }
    }

    /// A value of the lab's environment.
    pub fn value(&self, name: &str) -> &str {
        &self.values[name]
    }

    /// A verb of the lab about this server.
    pub fn lab(&self, verb: &str, arguments: &[&str]) {
        let all = [&[verb, &self.name], arguments].concat();
        lab(self.script, &all).unwrap_or_else(|text| panic!("{verb} {arguments:?}: {text}"));
    }

    /// A new connection for the verbs here, after the server was restarted.
    pub async fn reconnect(&mut self) {
        self.writer = connect(&self.values).await;
    }

    /// Waits until the server shows this value.
    pub async fn shows(&self, dn: &str, attribute: &str, value: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        let query = ldap::Query::new(dn, ldap::Scope::Base).attributes([attribute]);
        loop {
            // Not there yet is an answer too.
            let found = self.writer.search_all(&query).await.unwrap_or_default();
            let entry = found.first();
            if entry.is_some_and(|entry| entry.text(attribute) == Some(value)) {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "{} does not show {attribute} {value} of {dn}",
                self.name
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// An object.
    pub async fn add(&self, dn: &str, attributes: &[(&str, &str)]) {
        let mut all: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
        for (name, value) in attributes {
            match all.iter_mut().find(|(have, _)| have == name) {
                Some((_, values)) => values.push(value.as_bytes().to_vec()),
                None => all.push(((*name).to_owned(), vec![value.as_bytes().to_vec()])),
            }
        }
        let done = self.writer.add(dn, all).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
    }

    /// An organisational unit; returns its name.
    pub async fn unit(&self, name: &str, container: &str) -> String {
        let dn = below("ou", name, container);
        let values = [("objectClass", "organizationalUnit"), ("ou", name)];
        self.add(&dn, &values).await;
        dn
    }

    /// A person with an account and an address; returns its name.
    pub async fn person(&self, name: &str, account: &str, container: &str) -> String {
        let dn = below("cn", name, container);
        let address = format!("{account}@canal.example");
        let attributes = [
            ("objectClass", "inetOrgPerson"),
            ("cn", name),
            ("sn", "Test"),
            ("uid", account),
            ("mail", &address),
        ];
        self.add(&dn, &attributes).await;
        dn
    }

    /// A group with its members; returns its name.
    pub async fn group(&self, name: &str, container: &str, members: &[&str]) -> String {
        let dn = below("cn", name, container);
        let (first, rest) = members.split_at(members.len().min(CHUNK));
        let mut attributes = vec![("objectClass", "groupOfNames"), ("cn", name)];
        attributes.extend(first.iter().map(|member| ("member", *member)));
        self.add(&dn, &attributes).await;
        self.put(&dn, "member", rest).await;
        dn
    }

    async fn change(&self, dn: &str, kind: ChangeKind, attribute: &str, values: &[&str]) {
        let change = Change::new(kind, attribute, values.iter().map(|value| value.as_bytes()));
        let done = self.writer.modify(dn, vec![change]).await;
        done.unwrap_or_else(|error| panic!("{dn} {attribute}: {error}"));
    }

    /// Replaces all values of an attribute; none: clears it.
    pub async fn set(&self, dn: &str, attribute: &str, values: &[&str]) {
        self.change(dn, ChangeKind::Replace, attribute, values)
            .await;
    }

    /// Adds values, such as members.
    pub async fn put(&self, dn: &str, attribute: &str, values: &[&str]) {
        for chunk in values.chunks(CHUNK) {
            self.change(dn, ChangeKind::Add, attribute, chunk).await;
        }
    }

    /// Takes values away.
    pub async fn take(&self, dn: &str, attribute: &str, values: &[&str]) {
        for chunk in values.chunks(CHUNK) {
            self.change(dn, ChangeKind::Delete, attribute, chunk).await;
        }
    }

    /// Gives an object another name in its container; returns its name.
    pub async fn rename(&self, dn: &str, name: &str) -> String {
        let (kind, _) = dn.split_once('=').unwrap();
        let rdn = format!("{kind}={}", ldap::dn::escape_value(name));
        let done = self.writer.rename(dn, &rdn, None).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{}", container_of(dn))
    }

    /// Moves an object into another container; returns its name.
    pub async fn move_to(&self, dn: &str, container: &str) -> String {
        let rdn = &dn[..dn.len() - container_of(dn).len() - 1];
        let done = self.writer.rename(dn, rdn, Some(container)).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{container}")
    }

    /// Deletes an object.
    pub async fn delete(&self, dn: &str) {
        let done = self.writer.delete(dn).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = lab(self.script, &["destroy", &self.name]);
    }
}

async fn connect(values: &HashMap<String, String>) -> Connection {
    let options = ldap::Options {
        security: ldap::Security::PlainForTests,
        server_name: None,
        timeouts: ldap::Timeouts::default(),
    };
    let endpoint = values["SLAPD_URI"].parse().unwrap();
    let connection = ldap::connect(&endpoint, &options).await.unwrap();
    let administrator = (&values["SLAPD_ADMIN"], &values["SLAPD_PASSWORD"]);
    let bound = connection
        .simple_bind(administrator.0, administrator.1)
        .await;
    bound.unwrap();
    connection
}

fn lab(script: &str, arguments: &[&str]) -> Result<String, String> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab");
    let script = lab.join(script);
    let output = Command::new(script).args(arguments).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
