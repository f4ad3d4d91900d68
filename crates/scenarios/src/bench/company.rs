//! The company in OpenLDAP: loaded offline, changed over one connection.
//!
//! Never asks the server who is in it: everything follows from the number of people. Trap: members are named by their distinguished names
//! exactly as they were loaded.

use std::{
    fs,
    io::{BufWriter, Write as _},
    path::Path,
};

use ldap::{Change, ChangeKind, Connection};
use serde_json::json;

use super::{
    directories::{Changed, Directory, Server, Since, search},
    installation::private_file,
    organisation, say,
    slapd::{self, Slapd},
};

/// The server and who is in it.
pub struct Company {
    /// The server.
    pub server: Slapd,
    people: usize,
    changed: usize,
    writer: Connection,
}

/// Raises a directory of so many people.
pub async fn raise(dir: &Path, people: usize) -> Directory {
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
    let settings = json!({
        "urls": [format!("ldaps://localhost:{}", server.tls_port)],
        "bind": slapd::ADMIN,
        "secret": { "file": secret },
        "ca_file": dir.join("provider/tls/ca.pem"),
    });
    let place = [
        &server.url,
        slapd::ADMIN,
        slapd::PASSWORD,
        organisation::SUFFIX,
    ];
    Directory {
        kind: "openldap",
        settings,
        domains: vec!["bench.example".into()],
        containers: Vec::new(),
        port: server.tls_port,
        search: search(&place, &["*", "entryUUID"]),
        server: Server::Slapd(Company {
            writer: server.connect().await.expect("slapd answers"),
            server,
            people,
            changed: 0,
        }),
    }
}

impl Company {
    async fn modify(&self, dn: &str, kind: ChangeKind, attribute: &str, value: &str) -> Since {
        let change = Change::new(kind, attribute, [value]);
        self.writer.modify(dn, vec![change]).await.unwrap();
        Since::now()
    }

    /// Gives the next person another telephone number.
    pub async fn change(&mut self) -> Changed {
        let number = self.changed * 7 % self.people;
        self.changed += 1;
        let value = format!("+31 20 557 {:07}", self.changed);
        let person = organisation::person(number);
        let since = self
            .modify(&person, ChangeKind::Replace, "telephoneNumber", &value)
            .await;
        Changed {
            upn: organisation::address(number),
            value,
            since,
        }
    }

    /// Takes somebody out of the largest group, or puts them back.
    pub async fn membership(&mut self, is_member: bool) -> Since {
        let kind = match is_member {
            true => ChangeKind::Add,
            false => ChangeKind::Delete,
        };
        let member = organisation::person(organisation::some_member(self.people));
        self.modify(&organisation::largest(), kind, "member", &member)
            .await
    }
}
