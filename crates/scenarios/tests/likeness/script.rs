//! The script: the same requests to one server after the other, theme by theme.
//!
//! Every request is about objects that [`populate`] made, so that both sides hold the same. Trap: a step that changes
//! something changes it for the steps after it.

use std::path::PathBuf;

use super::client::*;
use super::transcript::Transcript;

pub mod changes;
pub mod dirsync;
pub mod reading;
pub mod refusals;

/// Password of the ordinary account that the script makes.
pub const PLAIN_PASSWORD: &str = "Plain.User-1";
/// People.
pub const PEOPLE: &[(&str, &str)] = &[
    ("ada", "Engineer"),
    ("bob", "Lock keeper"),
    ("cyd", "Lock keeper"),
    ("dan", "Clerk"),
    ("eve", "Clerk"),
    ("fay", "Diver"),
];
/// More than one page of Windows holds and than one attribute shows at once.
pub const CROWD: usize = 1_600;

pub mod oid {
    pub const PAGED: &str = "1.2.840.113556.1.4.319";
    pub const DIRSYNC: &str = "1.2.840.113556.1.4.841";
    pub const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
    pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
    pub const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
    pub const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
    pub const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
    pub const PERMISSIVE: &str = "1.2.840.113556.1.4.1413";
    pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
}

/// One of the two servers.
pub struct Side {
    pub address: String,
    pub ca: PathBuf,
    pub admin: (String, String),
    pub base: String,
    pub netbios: String,
    pub transcript: Transcript,
}

impl Side {
    pub async fn stranger(&self) -> Client {
        Client::connect(&self.address, &self.ca).await
    }

    pub async fn bound(&self, name: &str, password: &str) -> Client {
        let mut client = self.stranger().await;
        let reply = client.bind(name, password).await;
        assert_eq!(reply.code, 0, "{name}: {}", reply.text);
        client
    }

    pub async fn admin(&self) -> Client {
        self.bound(&self.admin.0, &self.admin.1).await
    }

    pub async fn plain(&self) -> Client {
        self.bound(&format!("{}\\plain", self.netbios), PLAIN_PASSWORD)
            .await
    }

    /// The unit where everything happens.
    pub fn unit(&self) -> String {
        format!("OU=Likeness,{}", self.base)
    }

    /// An object directly in the unit.
    pub fn dn(&self, name: &str) -> String {
        format!("CN={name},{}", self.unit())
    }
}

/// Makes the objects that the script is about.
// LONG: a table.
pub async fn populate(side: &mut Side) {
    let mut client = side.admin().await;
    let unit = side.unit();
    let inner = format!("OU=Inner,{unit}");
    let other = format!("OU=Other,{unit}");
    let mut all = vec![
        added(&unit, &[("objectClass", &["organizationalUnit"])]),
        added(&inner, &[("objectClass", &["organizationalUnit"])]),
        added(&other, &[("objectClass", &["organizationalUnit"])]),
    ];
    for (name, title) in PEOPLE {
        let principal = format!("{name}@example.org");
        let attributes: Attributes<'_> = &[
            ("objectClass", &["user"]),
            ("sAMAccountName", &[name]),
            ("userPrincipalName", &[&principal]),
            ("mail", &[&principal]),
            (
                "proxyAddresses",
                &[
                    &format!("SMTP:{principal}"),
                    &format!("smtp:{name}@b.example.org"),
                ],
            ),
            ("givenName", &[name]),
            ("sn", &["Müller-Weiß"]),
            ("title", &[title]),
            ("department", &["Locks & Bridges"]),
            ("telephoneNumber", &["+31 20 555 1000"]),
        ];
        all.push(added(&side.dn(name), attributes));
    }
    let contact: Attributes<'_> = &[
        ("objectClass", &["contact"]),
        ("mail", &["c@partner.example"]),
    ];
    all.push(added(
        &format!("CN=Odd\\, \\\"Name\\\" \\+ 1,{unit}"),
        contact,
    ));
    let crowd: Vec<String> = (0..CROWD).map(|n| format!("CN=c{n:04},{other}")).collect();
    all.extend(crowd.iter().map(|dn| added(dn, contact)));
    client.add_many(&all).await;

    let members: Vec<String> = ["ada", "bob", "cyd"]
        .iter()
        .map(|name| side.dn(name))
        .collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let staff: Attributes<'_> = &[
        ("objectClass", &["group"]),
        ("sAMAccountName", &["staff"]),
        ("member", &members),
    ];
    let outer_members = [side.dn("staff"), side.dn("dan")];
    let outer_members: Vec<&str> = outer_members.iter().map(String::as_str).collect();
    let groups = [
        added(&side.dn("staff"), staff),
        added(
            &side.dn("outer"),
            &[
                ("objectClass", &["group"]),
                ("sAMAccountName", &["outer"]),
                ("member", &outer_members),
            ],
        ),
        added(
            &side.dn("crowd"),
            &[
                ("objectClass", &["group"]),
                ("sAMAccountName", &["crowd"]),
                ("member", &crowd),
            ],
        ),
    ];
    client.add_many(&groups).await;
    let manager = side.dn("ada");
    let done = client
        .modify(&side.dn("bob"), &[(2, "manager", &[manager.as_bytes()])])
        .await;
    assert_eq!(done.code, 0, "{}", done.text);
    accounts(side, &mut client).await;
    learn(side, &mut client).await;
}

/// Accounts that can, and that cannot, sign in.
async fn accounts(side: &Side, client: &mut Client) {
    let password: Vec<u8> = format!("\"{PLAIN_PASSWORD}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, control) in [
        ("plain", "512"),
        ("shut", "514"),
        ("fresh", "512"),
        ("gone", "512"),
    ] {
        let dn = side.dn(name);
        let made = client
            .add(
                &dn,
                &[("objectClass", &["user"]), ("sAMAccountName", &[name])],
            )
            .await;
        assert_eq!(made.code, 0, "{name}: {}", made.text);
        let done = client.modify(&dn, &[(2, "unicodePwd", &[&password])]).await;
        assert_eq!(done.code, 0, "{name}: {}", done.text);
        let control = [control.as_bytes()];
        let mut changes: Vec<Change> = vec![(2, "userAccountControl", &control)];
        match name {
            "fresh" => changes.push((2, "pwdLastSet", &[b"0"])),
            "gone" => changes.push((2, "accountExpires", &[b"130000000000000000"])),
            _ => {}
        }
        let done = client.modify(&dn, &changes).await;
        assert_eq!(done.code, 0, "{name}: {}", done.text);
    }
}

/// Learns which GUID is whose.
async fn learn(side: &mut Side, client: &mut Client) {
    let base = side.base.clone();
    let root = Search::new(&base, &anything())
        .scope(0)
        .attributes(&["objectGUID"]);
    let people = around(0xa2, &[starts("cn", "c0")]);
    let unit = Search::new(
        &side.unit(),
        &around(0xa0, &[people, around(0xa2, &[starts("cn", "c1")])]),
    )
    .attributes(&["objectGUID"]);
    for search in [root, unit] {
        for entry in client.search(&search).await.entries {
            if let Some(guid) = entry.values("objectGUID").and_then(|values| values.first()) {
                side.transcript.labels.learn(guid, &entry.dn);
            }
        }
    }
}

/// Everything, in order.
pub async fn run(side: &mut Side) {
    reading::run(side).await;
    refusals::run(side).await;
    dirsync::run(side).await;
    changes::run(side).await;
}
