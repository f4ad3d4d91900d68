//! The server of a test: raised, and taken down again.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
};

use connectors::ldap::{LdapConfig, OpenLdapSource, Secret, TlsMode};
use ldap::{Change, ChangeKind};
use tempfile::TempDir;

pub const BASE: &str = "dc=canal,dc=example";
pub const PEOPLE: &str = "ou=people,dc=canal,dc=example";
pub const GROUPS: &str = "ou=groups,dc=canal,dc=example";

pub struct Lab {
    name: String,
    pub env: HashMap<String, String>,
    pub folder: TempDir,
    pub admin: ldap::Connection,
}

impl Lab {
    /// A server on an address of its own; `None` only if `HYBRIDGE_TEST_SLAPD=none` says that there is to be none.
    pub async fn raise(name: &str, ip: &str, options: &[&str]) -> Option<Self> {
        if std::env::var("HYBRIDGE_TEST_SLAPD").is_ok_and(|value| value == "none") {
            return None;
        }
        script(&["destroy", name]).ok();
        let up = ["up", name, "--ip", ip, "--port", "3389"];
        let up = script(&[&up, options].concat());
        up.unwrap_or_else(|text| panic!("no server: {text}"));
        let text = script(&["env", name]).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let env: HashMap<String, String> =
            pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let folder = tempfile::tempdir().unwrap();
        write_secret(&folder.path().join("secret"), "secret");
        let admin = connect(&env["SLAPD_URI"], &env["SLAPD_ADMIN"]).await;
        Some(Self {
            name: name.to_owned(),
            env,
            folder,
            admin,
        })
    }

    pub fn config(&self) -> LdapConfig {
        let secret = Secret::File(self.folder.path().join("secret"));
        LdapConfig {
            tls: TlsMode::PlainForTests,
            page_size_entries: 100,
            ..LdapConfig::simple(
                vec![self.env["SLAPD_URI"].clone()],
                &self.env["SLAPD_READER"],
                secret,
            )
        }
    }

    pub fn source(&self) -> OpenLdapSource {
        OpenLdapSource::new(self.config())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.env[name])
    }

    pub async fn person(&self, uid: &str) -> String {
        self.person_in(PEOPLE, uid).await
    }

    pub async fn person_in(&self, container: &str, uid: &str) -> String {
        let dn = format!("uid={uid},{container}");
        let mail = format!("{uid}@canal.example");
        let values = [
            ("objectClass", "inetOrgPerson"),
            ("uid", uid),
            ("cn", uid),
            ("sn", "Test"),
            ("mail", &mail),
        ];
        self.add(&dn, &values).await;
        dn
    }

    pub async fn group(&self, class: &str, cn: &str, attribute: &str, members: &[&str]) -> String {
        let dn = format!("cn={cn},{GROUPS}");
        let mut values = vec![("objectClass", class), ("cn", cn)];
        values.extend(members.iter().map(|member| (attribute, *member)));
        if class == "posixGroup" {
            values.push(("gidNumber", "1000"));
        }
        self.add(&dn, &values).await;
        dn
    }

    pub async fn unit(&self, name: &str, above: &str) -> String {
        let dn = format!("ou={name},{above}");
        let values = [("objectClass", "organizationalUnit"), ("ou", name)];
        self.add(&dn, &values).await;
        dn
    }

    pub async fn add(&self, dn: &str, values: &[(&str, &str)]) {
        let mut attributes: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
        for (name, value) in values {
            match attributes.iter_mut().find(|(have, _)| have == name) {
                Some((_, all)) => all.push(value.as_bytes().to_vec()),
                None => attributes.push(((*name).to_owned(), vec![value.as_bytes().to_vec()])),
            }
        }
        self.admin.add(dn, attributes).await.unwrap();
    }

    pub async fn change(&self, dn: &str, kind: ChangeKind, attribute: &str, values: &[&str]) {
        let change = Change::new(kind, attribute, values.iter().copied());
        self.admin.modify(dn, vec![change]).await.unwrap();
    }

    pub async fn replace(&self, dn: &str, attribute: &str, values: &[&str]) {
        self.change(dn, ChangeKind::Replace, attribute, values)
            .await;
    }

    pub fn script(&self, arguments: &[&str]) {
        let all: Vec<&str> = [arguments[0], &self.name]
            .into_iter()
            .chain(arguments[1..].iter().copied())
            .collect();
        script(&all).unwrap_or_else(|text| panic!("{arguments:?}: {text}"));
    }

    pub async fn reconnect(&mut self) {
        self.admin = connect(&self.env["SLAPD_URI"], &self.env["SLAPD_ADMIN"]).await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        script(&["destroy", &self.name]).ok();
    }
}

pub async fn connect(url: &str, name: &str) -> ldap::Connection {
    let options = ldap::Options {
        security: ldap::Security::PlainForTests,
        server_name: None,
        timeouts: ldap::Timeouts::default(),
    };
    let connection = ldap::connect(&url.parse().unwrap(), &options)
        .await
        .unwrap();
    connection.simple_bind(name, "secret").await.unwrap();
    connection
}

pub fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn script(arguments: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/slapd-lab.sh");
    let output = Command::new(script).args(arguments).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
