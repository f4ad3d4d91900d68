//! An OpenLDAP server (or a 389 Directory Server) of the lab: raised, changed over LDAP as an administrator would, taken down again.
//!
//! Never touches the database directly except through the lab's script; changes are those of a [`Hand`]. Trap: after a restart of
//! the server the hand has to take up a new connection ([`Directory::reconnect`]).

use std::{collections::HashMap, ops::Deref, path::Path, process::Command};

use ldap::Connection;

use crate::hand::{Hand, below};

/// Members given as a group is made; the rest follows.
const AT_FIRST: usize = 1_000;

pub struct Directory {
    name: String,
    /// The lab's script that raised it.
    script: &'static str,
    values: HashMap<String, String>,
    hand: Hand,
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
        let hand = Hand::new(connect(&values).await);
        Self {
            name: name.to_owned(),
            script,
            base: values["SLAPD_BASE"].clone(),
            values,
            hand,
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
        self.hand.take_up(connect(&self.values).await);
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
        let (first, rest) = members.split_at(members.len().min(AT_FIRST));
        let mut attributes = vec![("objectClass", "groupOfNames"), ("cn", name)];
        attributes.extend(first.iter().map(|member| ("member", *member)));
        self.add(&dn, &attributes).await;
        self.put(&dn, "member", rest).await;
        dn
    }
}

impl Deref for Directory {
    type Target = Hand;

    fn deref(&self) -> &Hand {
        &self.hand
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
