//! A real domain controller: Samba, raised by the lab, loaded while it is stopped, changed over LDAPS.
//!
//! Never measures the controller itself; its processes count as others. Trap: the lab lets it write without waiting for the
//! disk, and lets simple binds in without TLS, which `ldapsearch` uses and Hybridge does not.

use std::{net::Ipv4Addr, path::Path};

use serde_json::json;

use super::{
    directories::{Changed, Directory, Server, Since, search},
    installation::private_file,
    organisation, say,
};
use crate::samba::{Domain, cn, ou};

/// Name in the lab.
const NAME: &str = "bench";
/// The first address tried.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 41);
/// What the account that synchronises may do: DirSync, and list deleted objects.
const RIGHTS: &[&str] = &["+get", "+deleted"];
/// A store that is made for many objects, binds without TLS for the search it is compared with, and one process that answers:
/// what one of several processes changes, the others look for every five seconds only, and so notify of it.
const OPTIONS: &[&str] = &[
    "--recycle-bin",
    "--backend",
    "mdb",
    "--conf",
    "ldap server require strong auth = no",
    "--conf",
    "prefork children = 1",
];
/// The unit the lab loads into.
const UNIT: &str = "Bulk";
/// Port of LDAPS.
const PORT: u16 = 636;

/// The domain and who is in it.
pub struct Controller {
    domain: Domain,
    /// Distinguished name and principal name of everybody.
    people: Vec<(String, String)>,
    changed: usize,
    /// The largest group.
    largest: String,
    /// Somebody in it.
    member: String,
}

/// Raises a domain of so many people.
pub async fn raise(dir: &Path, people: usize) -> Directory {
    say("raising a domain controller");
    let mut domain = Domain::raise_with(NAME, FIRST, OPTIONS).await;
    say(format!("loading {people} people into Samba"));
    load(&mut domain, people).await;
    let (bind, password) = domain.sync_account(RIGHTS).await;
    let secret = dir.join("secret");
    private_file(&secret, password);
    let settings = json!({
        "urls": domain.urls(),
        "bind": bind,
        "secret": { "file": secret },
        "ca_file": domain.value("LAB_CA"),
    });
    let plain = format!("ldap://{}", domain.value("LAB_DC_IP"));
    let administrator = [domain.value("LAB_ADMIN"), domain.value("LAB_ADMIN_PASS")];
    let place = [&plain, administrator[0], administrator[1], &domain.base];
    Directory {
        kind: "ad",
        settings,
        domains: vec![domain.dns()],
        containers: Vec::new(),
        port: PORT,
        search: search(&place, &["*"]),
        server: Server::Samba(Controller::new(domain, people).await),
    }
}

/// Loads people with all attributes, and the same groups as elsewhere.
async fn load(domain: &mut Domain, people: usize) {
    let huge = organisation::largest_size(people);
    let others = organisation::groups(people) - 1;
    let members = organisation::members_of_others(people);
    let groups = format!("1x{huge},{others}x{members}");
    domain.lab("down", &[]);
    let people = people.to_string();
    domain.lab(
        "bulk",
        &["--all-attributes", "-n", &people, "--groups", &groups],
    );
    domain.lab("start", &[]);
    domain.reconnect().await;
}

impl Controller {
    async fn new(domain: Domain, people: usize) -> Self {
        let unit = ou(UNIT, &domain.base);
        let huge = organisation::largest_size(people);
        let largest = cn(&format!("G{huge}-1"), &unit);
        let everybody = domain.principals(&unit).await;
        assert_eq!(everybody.len(), people, "not everybody was loaded");
        let mut members = domain.names(&unit, "memberOf", &largest).await;
        assert_eq!(members.len(), huge, "not every member was loaded");
        Self {
            domain,
            people: everybody,
            changed: 0,
            largest,
            member: members.swap_remove(huge / 2),
        }
    }

    /// Gives the next person another telephone number.
    pub async fn change(&mut self) -> Changed {
        let (dn, upn) = &self.people[self.changed * 7 % self.people.len()];
        self.changed += 1;
        let value = format!("+31 20 557 {:07}", self.changed);
        self.domain.set(dn, "telephoneNumber", &[&value]).await;
        Changed {
            upn: upn.clone(),
            value,
            since: Since::now(),
        }
    }

    /// Takes somebody out of the largest group, or puts them back.
    pub async fn membership(&mut self, is_member: bool) -> Since {
        let (group, member) = (&self.largest, [self.member.as_str()]);
        match is_member {
            true => self.domain.put(group, "member", &member).await,
            false => self.domain.take(group, "member", &member).await,
        }
        Since::now()
    }
}
