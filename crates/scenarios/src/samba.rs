//! A Samba domain of the lab: raised, changed over LDAP as an administrator would, taken down again.
//!
//! Never touches the database directly except through the lab's script, for what LDAP does not offer. Changes are those of a
//! [`Hand`]. Trap: an object is deleted by a verb of its own here, because it can come back.

use std::{collections::HashMap, net::Ipv4Addr, ops::Deref, path::Path, process::Command};

use ldap::{Change, ChangeKind, Connection, Query, Scope};

use crate::hand::Hand;
pub use crate::hand::{below, container_of};

/// Password of the account that synchronises.
const SYNC_PASSWORD: &str = "Secret.Sync1 ü";
/// Addresses tried, as other runs may be under way on this machine.
const ADDRESSES: u32 = 8;

pub struct Domain {
    name: String,
    values: HashMap<String, String>,
    hand: Hand,
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
        let hand = Hand::new(connect(&values).await);
        let base = values["LAB_BASE"].clone();
        Self {
            name: name.to_owned(),
            values,
            hand,
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
        self.hand.take_up(connect(&self.values).await);
    }

    /// Changes go to the second controller from now on.
    pub async fn write_at_partner(&self) {
        let partner = self.partner.as_ref().expect("a second controller");
        self.hand.take_up(connect(&partner.values).await);
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
        let second = Hand::new(connect(&partner.values).await);
        second.shows(dn, attribute, value).await;
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
        self.connection().modify(&dn, changes).await.unwrap();
        if !rights.is_empty() {
            self.grant(rights);
        }
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

    /// A connection of the account that synchronises, which sees what that sees.
    pub async fn as_sync_account(&self) -> Connection {
        let connection = open(&self.values).await;
        let name = format!("svc-hybridge@{}", self.dns());
        connection.simple_bind(&name, SYNC_PASSWORD).await.unwrap();
        connection
    }

    /// Whether the controller takes this name and password.
    pub async fn accepts(&self, name: &str, password: &str) -> bool {
        let connection = open(&self.values).await;
        connection.simple_bind(name, password).await.is_ok()
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

    /// Deletes an object; returns its objectGUID as text, by which it can be restored.
    pub async fn delete(&self, dn: &str) -> String {
        let guid = self.guid(dn).await;
        self.hand.delete(dn).await;
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
            .connection()
            .search_all(&query)
            .await
            .unwrap_or_else(|error| panic!("{dn}: {error}"));
        sync_core::id::Anchor::new(found[0].first("objectGUID").unwrap()).guid_text()
    }

    /// The security identifier of an account or group, as text.
    pub async fn sid(&self, dn: &str) -> String {
        let query = Query::new(dn, Scope::Base).attributes(["objectSid"]);
        let found = self
            .connection()
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
        let found = self.connection().search_all(&query).await.unwrap();
        found.into_iter().map(|entry| entry.dn).collect()
    }

    /// Distinguished name and principal name of everybody in a container.
    pub async fn principals(&self, container: &str) -> Vec<(String, String)> {
        let query = Query::new(container, Scope::Subtree).attributes(["userPrincipalName"]);
        let found = self.connection().search_all(&query).await.unwrap();
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
        let found = self.connection().search_all(&query).await.unwrap();
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
        self.rename_to(dn, &rdn).await
    }
}

impl Deref for Domain {
    type Target = Hand;

    fn deref(&self) -> &Hand {
        &self.hand
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let _ = lab(&["destroy", &self.name]);
    }
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
