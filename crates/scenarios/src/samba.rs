//! A Samba domain of the lab: raised, changed over LDAP as an administrator would, taken down again.
//!
//! Never touches the database directly except through the lab's script, for what LDAP does not offer. Trap: names given to
//! the verbs here are raw; they are escaped into distinguished names in one place, [`below`].

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ldap::{Change, ChangeKind, Connection, Query, Scope};

/// Password of the account that synchronises.
const SYNC_PASSWORD: &str = "Secret.Sync1 ü";
/// Addresses tried, as other runs may be under way on this machine.
const ADDRESSES: u32 = 8;
/// How long replication may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Values in one request.
const CHUNK: usize = 1_000;

pub struct Domain {
    name: String,
    values: HashMap<String, String>,
    writer: Mutex<Connection>,
    partner: Option<Partner>,
    /// Its naming context.
    pub base: String,
}

/// A second controller of the domain.
struct Partner {
    name: String,
    values: HashMap<String, String>,
}

impl Drop for Partner {
    fn drop(&mut self) {
        let _ = lab(&["destroy", &self.name]);
    }
}

/// An object as a plain search shows it.
pub struct Found {
    pub dn: String,
    /// objectGUID as text.
    pub guid: String,
    pub is_critical: bool,
    /// A contact without an address.
    pub is_silent_contact: bool,
}

impl Found {
    /// Why the preset leaves it out; `None`: it does not.
    pub fn expected_skip(&self) -> Option<&'static str> {
        if self.is_critical {
            Some("excluded as critical system object")
        } else if self.dn.contains("CNF:") {
            Some("excluded as replication conflict")
        } else if self.is_silent_contact {
            Some("no filter of the scope matches")
        } else {
            None
        }
    }
}

/// The name of an object below a container: the one place where raw names are escaped.
pub fn below(kind: &str, name: &str, container: &str) -> String {
    format!("{kind}={},{container}", ldap::dn::escape_value(name))
}

/// `CN=…` below a container.
pub fn cn(name: &str, container: &str) -> String {
    below("CN", name, container)
}

/// `OU=…` below a container.
pub fn ou(name: &str, container: &str) -> String {
    below("OU", name, container)
}

impl Domain {
    /// A new domain with a recycle bin, on the first of the lab's addresses from this one on that nobody else uses.
    pub async fn raise(name: &str, first: Ipv4Addr) -> Self {
        Self::raise_with(name, first, &["--recycle-bin"]).await
    }

    /// The same, with options of the lab's script.
    pub async fn raise_with(name: &str, first: Ipv4Addr, options: &[&str]) -> Self {
        packages();
        let values = raise(name, first, options);
        let writer = Mutex::new(connect(&values).await);
        let base = values["LAB_BASE"].clone();
        Self {
            name: name.to_owned(),
            values,
            writer,
            partner: None,
            base,
        }
    }

    /// A second controller, on the first free address from this one on.
    pub fn raise_partner(&mut self, first: Ipv4Addr) {
        let name = format!("{}b", self.name);
        let values = raise(&name, first, &["--join", &self.name]);
        self.partner = Some(Partner { name, values });
    }

    /// Addresses of the controllers, the first one first.
    pub fn urls(&self) -> Vec<String> {
        let partner = self.partner.iter().map(|partner| &partner.values);
        let all = [&self.values].into_iter().chain(partner);
        all.map(|values| format!("ldaps://{}", values["LAB_DC_IP"]))
            .collect()
    }

    /// Changes go to the first controller from now on.
    pub async fn write_at_first(&self) {
        self.write_with(connect(&self.values).await);
    }

    /// Changes go to the second controller from now on.
    pub async fn write_at_partner(&self) {
        let partner = self.partner.as_ref().expect("a second controller");
        self.write_with(connect(&partner.values).await);
    }

    fn write_with(&self, writer: Connection) {
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = writer;
    }

    fn writer(&self) -> Connection {
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the second controller takes over what the first one holds (MS-ADTS 6.1.1.2.2.1.2.1.1, NTDSDSA_OPT_DISABLE_INBOUND_REPL).
    pub async fn partner_receives(&self, receives: bool) {
        let partner = self.partner.as_ref().expect("a second controller");
        let writer = connect(&partner.values).await;
        let query = Query::new("", Scope::Base).attributes(["dsServiceName"]);
        let root = writer.search_all(&query).await.unwrap();
        let settings = root[0].text("dsServiceName").unwrap().to_owned();
        let options = if receives { "1" } else { "3" };
        let change = Change::new(ChangeKind::Replace, "options", [options]);
        writer.modify(&settings, vec![change]).await.unwrap();
    }

    /// Waits until the second controller shows an object with this value.
    pub async fn partner_shows(&self, dn: &str, attribute: &str, value: &str) {
        let partner = self.partner.as_ref().expect("a second controller");
        let reader = connect(&partner.values).await;
        let query = Query::new(dn, Scope::Base).attributes([attribute]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = reader.search_all(&query).await.unwrap_or_default();
            if found.first().and_then(|entry| entry.text(attribute)) == Some(value) {
                return;
            }
            assert!(Instant::now() < deadline, "{dn} does not reach the second");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A value of the lab's environment.
    pub fn value(&self, name: &str) -> &str {
        &self.values[name]
    }

    /// DNS name.
    pub fn dns(&self) -> String {
        self.value("LAB_REALM").to_lowercase()
    }

    /// An account with these rights (see the lab's script) and nothing more; returns its bind name and password.
    pub async fn sync_account(&self, rights: &[&str]) -> (String, &'static str) {
        let dn = cn("svc-hybridge", &format!("CN=Users,{}", self.base));
        let account = [("objectClass", "user"), ("sAMAccountName", "svc-hybridge")];
        self.add(&dn, &account).await;
        let password: Vec<u8> = format!("\"{SYNC_PASSWORD}\"")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let changes = vec![
            Change::new(ChangeKind::Replace, "unicodePwd", [password]),
            Change::new(ChangeKind::Replace, "userAccountControl", ["512"]),
        ];
        self.writer().modify(&dn, changes).await.unwrap();
        self.grant(rights);
        (format!("svc-hybridge@{}", self.dns()), SYNC_PASSWORD)
    }

    /// Grants rights to the account that synchronises, or takes them.
    pub fn grant(&self, rights: &[&str]) {
        self.lab("rights", &[&["svc-hybridge"], rights].concat());
    }

    /// A verb of the lab about this domain.
    pub fn lab(&self, verb: &str, arguments: &[&str]) -> String {
        let all = [&[verb, &self.name], arguments].concat();
        lab(&all).unwrap_or_else(|text| panic!("{verb} {arguments:?}: {text}"))
    }

    /// A new connection for the verbs here, after the controller was restarted.
    pub async fn reconnect(&mut self) {
        self.write_at_first().await;
    }

    /// Whether the controller takes this name and password.
    pub async fn accepts(&self, name: &str, password: &str) -> bool {
        let connection = open(&self.values).await;
        connection.simple_bind(name, password).await.is_ok()
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
        self.writer()
            .add(dn, all)
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
    }

    /// An organisational unit; returns its name.
    pub async fn unit(&self, name: &str, container: &str) -> String {
        let dn = ou(name, container);
        self.add(&dn, &[("objectClass", "organizationalUnit")])
            .await;
        dn
    }

    /// An enabled person with an account, a principal name and an address; returns its name.
    pub async fn person(&self, name: &str, account: &str, container: &str) -> String {
        let dn = cn(name, container);
        let address = format!("{account}@{}", self.dns());
        let attributes = [
            ("objectClass", "user"),
            ("sAMAccountName", account),
            ("userPrincipalName", &address),
            ("mail", &address),
            ("displayName", name),
            // PASSWD_NOTREQD, or an account without a password cannot be enabled.
            ("userAccountControl", "544"),
        ];
        self.add(&dn, &attributes).await;
        dn
    }

    /// A global security group; returns its name.
    pub async fn group(&self, name: &str, account: &str, container: &str) -> String {
        let dn = cn(name, container);
        self.add(
            &dn,
            &[("objectClass", "group"), ("sAMAccountName", account)],
        )
        .await;
        dn
    }

    /// A contact with an address; returns its name.
    pub async fn contact(&self, name: &str, address: &str, container: &str) -> String {
        let dn = cn(name, container);
        self.add(
            &dn,
            &[
                ("objectClass", "contact"),
                ("mail", address),
                ("displayName", name),
            ],
        )
        .await;
        dn
    }

    async fn change(&self, dn: &str, kind: ChangeKind, attribute: &str, values: &[&str]) {
        let change = Change::new(kind, attribute, values.iter().map(|value| value.as_bytes()));
        let done = self.writer().modify(dn, vec![change]).await;
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
        self.writer()
            .rename(dn, &rdn, None)
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{}", container_of(dn))
    }

    /// Moves an object into another container; returns its name.
    pub async fn move_to(&self, dn: &str, container: &str) -> String {
        let rdn = &dn[..dn.len() - container_of(dn).len() - 1];
        self.writer()
            .rename(dn, rdn, Some(container))
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{container}")
    }

    /// Deletes an object; returns its objectGUID as text, by which it can be restored.
    pub async fn delete(&self, dn: &str) -> String {
        let guid = self.guid(dn).await;
        self.writer()
            .delete(dn)
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
        guid
    }

    /// Brings an object back from the recycle bin, to where it was.
    pub fn restore(&self, guid: &str) {
        self.lab("undelete", &[guid]);
    }

    /// The objectGUID of an object, as text.
    pub async fn guid(&self, dn: &str) -> String {
        let query = Query::new(dn, Scope::Base).attributes(["objectGUID"]);
        let found = self
            .writer()
            .search_all(&query)
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
        sync_core::id::Anchor::new(found[0].first("objectGUID").unwrap()).guid_text()
    }

    /// The security identifier of an account or group, as text.
    pub async fn sid(&self, dn: &str) -> String {
        let query = Query::new(dn, Scope::Base).attributes(["objectSid"]);
        let found = self
            .writer()
            .search_all(&query)
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
        sync_core::sid::text(found[0].first("objectSid").unwrap()).unwrap()
    }

    /// Names of the objects directly or indirectly below a container that match a filter `(attribute=value)`.
    pub async fn names(&self, container: &str, attribute: &str, value: &str) -> Vec<String> {
        let filter = ldap::Filter::Equality(attribute.into(), value.into());
        let query = Query::new(container, Scope::Subtree)
            .filter(filter)
            .attributes(["cn"]);
        let found = self.writer().search_all(&query).await.unwrap();
        found.into_iter().map(|entry| entry.dn).collect()
    }

    /// Distinguished name and principal name of everybody in a container.
    pub async fn principals(&self, container: &str) -> Vec<(String, String)> {
        let query = Query::new(container, Scope::Subtree).attributes(["userPrincipalName"]);
        let found = self.writer().search_all(&query).await.unwrap();
        let named = found.into_iter().filter_map(|entry| {
            let name = entry.text("userPrincipalName")?.to_owned();
            Some((entry.dn, name))
        });
        named.collect()
    }

    /// Everything a plain search shows that the preset could be about.
    pub async fn objects(&self) -> Vec<Found> {
        let kinds = ["user", "group", "contact"];
        let kinds = kinds.map(|kind| ldap::Filter::Equality("objectClass".into(), kind.into()));
        let query = Query::new(&self.base, Scope::Subtree)
            .filter(ldap::Filter::Or(kinds.to_vec()))
            .attributes([
                "objectGUID",
                "objectClass",
                "isCriticalSystemObject",
                "mail",
            ]);
        let found = self.writer().search_all(&query).await.unwrap();
        let classes = |entry: &ldap::Entry| format!("{:?}", entry.values("objectClass"));
        let mut all = Vec::new();
        for entry in found
            .iter()
            .filter(|entry| !classes(entry).contains("computer"))
        {
            let guid = entry.first("objectGUID").unwrap().to_vec();
            all.push(Found {
                dn: entry.dn.clone(),
                guid: sync_core::id::Anchor::new(guid).guid_text(),
                is_critical: entry.text("isCriticalSystemObject") == Some("TRUE"),
                is_silent_contact: classes(entry).contains("contact")
                    && entry.text("mail").is_none(),
            });
        }
        all
    }

    /// A rename such as replication makes of the loser of two objects with one name (MS-ADTS 3.1.1.5.1.2); returns its name.
    pub async fn make_conflict_victim(&self, dn: &str, name: &str) -> String {
        let guid = self.guid(dn).await;
        let rdn = format!("CN={}\\0ACNF:{guid}", ldap::dn::escape_value(name));
        let done = self.writer().rename(dn, &rdn, None).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{}", container_of(dn))
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let _ = lab(&["destroy", &self.name]);
    }
}

/// The container of an object: everything after the first comma that is not escaped.
pub fn container_of(dn: &str) -> &str {
    let mut is_escaped = false;
    for (at, byte) in dn.bytes().enumerate() {
        match byte {
            b'\\' if !is_escaped => is_escaped = true,
            b',' if !is_escaped => return &dn[at + 1..],
            _ => is_escaped = false,
        }
    }
    ""
}

async fn open(values: &HashMap<String, String>) -> Connection {
    let trust = ldap::Trust::CaFile(values["LAB_CA"].clone().into());
    let options = ldap::Options {
        security: ldap::Security::Verified(ldap::client_config(&trust, None).unwrap()),
        server_name: None,
        timeouts: ldap::Timeouts::default(),
    };
    let endpoint = format!("ldaps://{}", values["LAB_DC_IP"]).parse().unwrap();
    ldap::connect(&endpoint, &options).await.unwrap()
}

async fn connect(values: &HashMap<String, String>) -> Connection {
    let connection = open(values).await;
    let administrator = (&values["LAB_ADMIN"], &values["LAB_ADMIN_PASS"]);
    connection
        .simple_bind(administrator.0, administrator.1)
        .await
        .unwrap();
    connection
}

/// Raises a controller on the first of the lab's addresses from this one on that nobody else uses; returns its environment.
fn raise(name: &str, first: Ipv4Addr, options: &[&str]) -> HashMap<String, String> {
    let _ = lab(&["destroy", name]);
    let mut told = String::new();
    let addresses = (0..ADDRESSES).map(|n| Ipv4Addr::from_bits(first.to_bits() + n).to_string());
    let is_up = |ip: String| match lab(&[&["up", name, "--ip", &ip], options].concat()) {
        Ok(_) => true,
        Err(text) => {
            let is_taken = text.contains("answers at");
            told = text;
            assert!(is_taken, "no domain controller: {told}");
            false
        }
    };
    let is_raised = addresses.into_iter().any(is_up);
    assert!(is_raised, "no domain controller: {told}");
    let text = lab(&["env", name]).unwrap();
    let pair = |line: &str| {
        let (key, value) = line.split_once('=')?;
        Some((key.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// Fails with one line that names what is missing.
fn packages() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/packages.sh");
    let output = Command::new(script).arg("--check").output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}

fn lab(arguments: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/samba-lab.sh");
    let output = Command::new(script)
        .args(arguments)
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
