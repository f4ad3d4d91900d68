//! The domain controller of a test: given by the environment, or raised and taken down again.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
};

use connectors::ldap::{LdapConfig, Secret};
use tempfile::TempDir;

const ACCOUNT_PASSWORD: &str = "Passw0rd.Plain1";

pub struct Lab {
    pub url: String,
    ca: PathBuf,
    bind: String,
    password: String,
    pub base: String,
    pub folder: TempDir,
    raised: Option<String>,
}

impl Lab {
    /// The controller to test against; `None` only if `HYBRIDGE_TEST_AD=none` says that there is to be none.
    pub fn raise(name: &str, ip: &str, options: &[&str]) -> Option<Self> {
        if std::env::var("HYBRIDGE_TEST_AD").is_ok_and(|value| value == "none") {
            return None;
        }
        if let Ok(url) = std::env::var("HYBRIDGE_TEST_AD_URL") {
            let given = |name: &str| {
                let name = format!("HYBRIDGE_TEST_AD_{name}");
                std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set"))
            };
            return Some(Self {
                url,
                ca: given("CA").into(),
                bind: given("BIND"),
                password: given("PASSWORD"),
                base: given("BASE"),
                folder: folder(),
                raised: None,
            });
        }
        script(&["destroy", name]).ok();
        let up = script(&[&["up", name, "--ip", ip], options].concat());
        up.unwrap_or_else(|text| panic!("no domain controller: {text}"));
        let text = script(&["env", name]).unwrap();
        let values: HashMap<&str, &str> = text.lines().filter_map(|l| l.split_once('=')).collect();
        let value = |name: &str| values[name].trim_matches(['\'', '"']).to_owned();
        Some(Self {
            url: format!("ldaps://{ip}"),
            ca: value("LAB_CA").into(),
            bind: value("LAB_ADMIN"),
            password: value("LAB_ADMIN_PASS"),
            base: value("LAB_BASE"),
            folder: folder(),
            raised: Some(name.to_owned()),
        })
    }

    pub fn host(&self) -> &str {
        self.url.strip_prefix("ldaps://").unwrap()
    }

    pub fn config(&self) -> LdapConfig {
        let secret = self.folder.path().join("secret");
        write_secret(&secret, &self.password);
        LdapConfig {
            ca_file: Some(self.ca.clone()),
            page_size_entries: 100,
            ..LdapConfig::simple(vec![self.url.clone()], &self.bind, Secret::File(secret))
        }
    }

    /// Makes an account without any right of its own; returns the configuration to read with it.
    pub async fn account(
        &self,
        writer: &ldap::Connection,
        container: &str,
        name: &str,
    ) -> LdapConfig {
        let dn = format!("CN={name},{container}");
        let text = |value: &str| vec![value.as_bytes().to_vec()];
        let attributes = vec![
            ("objectClass".to_owned(), text("user")),
            ("sAMAccountName".to_owned(), text(name)),
        ];
        writer.add(&dn, attributes).await.unwrap();
        let password: Vec<u8> = format!("\"{ACCOUNT_PASSWORD}\"")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let kind = ldap::ChangeKind::Replace;
        let changes = vec![
            ldap::Change::new(kind, "unicodePwd", [password]),
            ldap::Change::new(kind, "userAccountControl", ["512"]),
        ];
        writer.modify(&dn, changes).await.unwrap();
        let secret = self.folder.path().join(name);
        write_secret(&secret, ACCOUNT_PASSWORD);
        let mut config = self.config();
        config.bind = Some(dn);
        config.secret = Some(Secret::File(secret));
        config
    }

    /// A verb of the lab about this controller, which the lab must have raised.
    pub fn lab(&self, verb: &str, arguments: &[&str]) {
        let name = self.raised.as_deref().expect("raised by the lab");
        script(&[&[verb, name], arguments].concat()).unwrap();
    }

    /// Grants or takes a right; only of a controller the lab raised.
    pub fn grant(&self, account: &str, right: &str) {
        let name = self.raised.as_deref().expect("raised by the lab");
        script(&["rights", name, account, right]).unwrap();
    }

    /// One of the values the lab tells of its controller; only of one the lab raised.
    pub fn about(&self, name: &str) -> String {
        let raised = self.raised.as_deref().expect("raised by the lab");
        let text = script(&["env", raised]).unwrap();
        let mut values = text.lines().filter_map(|line| line.split_once('='));
        let (_, value) = values.find(|(have, _)| *have == name).unwrap();
        value.to_owned()
    }

    /// Runs a line that begins with `samba-tool` as the domain's administrator; only of a controller the lab raised.
    pub fn run(&self, line: &str) {
        let name = self.raised.as_deref().expect("raised by the lab");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/samba-lab.sh");
        let shell = format!(
            "samba-tool() {{ '{}' tool {name} \"$@\"; }}\n{line}",
            script.display()
        );
        let output = Command::new("bash").args(["-c", &shell]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {text}");
    }

    /// The keys of an account, in a file; only of a controller the lab raised.
    pub fn keytab(&self, account: &str) -> PathBuf {
        let raised = self.raised.as_deref().expect("raised by the lab");
        let path = self.folder.path().join(format!("{account}.keytab"));
        script(&["keytab", raised, account, path.to_str().unwrap()]).unwrap();
        path
    }

    /// A connection to change the directory with.
    pub async fn connect(&self) -> ldap::Connection {
        let trust = ldap::Trust::CaFile(self.ca.clone());
        let options = ldap::Options {
            security: ldap::Security::Verified(ldap::client_config(&trust, None).unwrap()),
            server_name: None,
            timeouts: ldap::Timeouts::default(),
        };
        let endpoint = self.url.parse().unwrap();
        let connection = ldap::connect(&endpoint, &options).await.unwrap();
        connection
            .simple_bind(&self.bind, &self.password)
            .await
            .unwrap();
        connection
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(name) = &self.raised {
            let _ = script(&["destroy", name]);
        }
    }
}

pub fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn script(arguments: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/samba-lab.sh");
    let output = Command::new(script).args(arguments).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
