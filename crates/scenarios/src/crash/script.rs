//! A forest made by hand and a scripted set of changes, in acts that are applied one after another.
//!
//! Every kind of change occurs: creating, updating, clearing, renaming, moving, memberships, disabling, deleting, restoring,
//! a conflict and its end, and at last a deletion the guard must hold. Trap: a read may see an act half done, so changes of
//! one act must come to the same values however they are divided among operations.

use std::{collections::BTreeMap, sync::Mutex};

use forest::{Edit, Forest, Options};
use uuid::Uuid;

use super::stage::DOMAIN;

/// People in the script's forest.
pub const PEOPLE: usize = 36;
const GROUPS: usize = 6;

/// Applies the acts.
pub struct Script {
    forest: Forest,
    /// Who is deleted and restored.
    returning: Option<Uuid>,
    /// Who is called what; looking through the whole forest for each name takes minutes.
    names: Mutex<BTreeMap<String, Uuid>>,
}

/// How many acts there are; between them everything settles.
pub const ACTS: usize = 4;
/// The act that follows when the guard has become strict.
pub const LOSSES: usize = 4;
/// Who is let go of, of those the guard holds; everything else is refused.
pub const ALLOWED: [&str; 5] = ["p03", "p07", "p11", "p01", "g2"];

fn dn(ou: &str) -> String {
    format!("OU={ou},DC=canal,DC=example")
}

/// The forest every run of the script begins with.
pub fn forest() -> Forest {
    forest_of(PEOPLE)
}

/// The same with so many people.
pub fn forest_of(people: usize) -> Forest {
    let forest = Forest::new(Options::default()).unwrap();
    let script = Script {
        forest: forest.clone(),
        returning: None,
        names: Mutex::default(),
    };
    let root = forest.domain_dn();
    for ou in ["Staff", "Sales", "Groups", "Leavers"] {
        forest.add_ou(&root, ou).unwrap();
    }
    for n in 0..people {
        let ou = ["Staff", "Staff", "Sales", "Leavers"][n % 4];
        script.person(&dn(ou), &format!("p{n:02}"));
    }
    for n in 1..people {
        script.link(&format!("p{n:02}"), "manager", &format!("p{:02}", n / 5));
    }
    for n in 0..GROUPS {
        let name = format!("g{n}");
        let mail = format!("{name}@{DOMAIN}");
        forest
            .add_group(
                &dn("Groups"),
                &name,
                &[("displayName", &name), ("mail", &mail)],
            )
            .unwrap();
        for member in (n..people).step_by(GROUPS - n) {
            script.link(&name, "member", &format!("p{member:02}"));
        }
    }
    script.link("g0", "member", "g1");
    script.link("g1", "member", "g2");
    for n in 0..4 {
        script.contact(&format!("c{n}"));
    }
    script.link("g3", "member", "c0");
    forest.set_enabled(script.id("p05"), false).unwrap();
    forest
}

impl Script {
    /// A script for this forest.
    pub fn new(forest: &Forest) -> Self {
        let mut script = Self {
            forest: forest.clone(),
            returning: None,
            names: Mutex::default(),
        };
        script.returning = Some(script.id("p16"));
        script
    }

    /// Applies an act.
    pub fn act(&self, number: usize) {
        match number {
            0 => {}
            1 => self.changes(),
            2 => self.returns(),
            3 => self.disaster(),
            _ => self.losses(),
        }
    }

    fn id(&self, name: &str) -> Uuid {
        let mut names = self.names.lock().unwrap();
        if !names.contains_key(name) {
            let listing = self.forest.listing();
            let called = listing.iter();
            let called =
                called.filter_map(|object| Some((object.text("name")?.to_owned(), object.guid)));
            names.extend(called);
        }
        let found = names.get(name).copied();
        found.unwrap_or_else(|| panic!("nothing is called {name}"))
    }

    fn person(&self, parent: &str, name: &str) -> Uuid {
        let address = format!("{name}@{DOMAIN}");
        let proxy = format!("SMTP:{address}");
        let attributes = [
            ("sAMAccountName", name),
            ("userPrincipalName", &address),
            ("mail", &address),
            ("proxyAddresses", &proxy),
            ("displayName", name),
            ("givenName", "Given"),
            ("sn", name),
            ("title", "Clerk"),
            ("department", "Canal"),
            ("telephoneNumber", "+31 20 123"),
        ];
        self.forest.add_user(parent, name, &attributes).unwrap()
    }

    fn contact(&self, name: &str) -> Uuid {
        let mail = format!("{name}@elsewhere.example");
        let proxy = format!("SMTP:{mail}");
        let attributes = [
            ("displayName", name),
            ("mail", &*mail),
            ("proxyAddresses", &*proxy),
        ];
        self.forest
            .add_contact(&dn("Groups"), name, &attributes)
            .unwrap()
    }

    fn link(&self, from: &str, attribute: &str, to: &str) {
        self.forest
            .link(self.id(from), attribute, self.id(to), true)
            .unwrap();
    }

    fn unlink(&self, from: &str, attribute: &str, to: &str) {
        self.forest
            .link(self.id(from), attribute, self.id(to), false)
            .unwrap();
    }

    fn set(&self, name: &str, attribute: &str, value: &str) {
        self.forest.set(self.id(name), attribute, value).unwrap();
    }

    fn clear(&self, name: &str, attribute: &str) {
        self.forest
            .modify(self.id(name), vec![Edit::clear(attribute)])
            .unwrap();
    }

    /// Some thirty changes at once, one of them a conflict.
    fn changes(&self) {
        for name in ["n00", "n01", "n02"] {
            self.person(&dn("Staff"), name);
            self.link(name, "manager", "p01");
            self.link("g4", "member", name);
        }
        let members = ["p00", "n00", "g0", "c1"];
        self.forest
            .add_group(&dn("Groups"), "g9", &[("displayName", "g9")])
            .unwrap();
        for member in members {
            self.link("g9", "member", member);
        }
        self.contact("c9");
        self.set("p00", "title", "Director");
        self.set("p02", "displayName", "Zoë \"Z\" O'Neill");
        self.set("p04", "department", "Locks, and weirs");
        self.set("g2", "description", "A group of people");
        self.set("c2", "displayName", "Outside 2");
        self.clear("p06", "title");
        self.clear("p08", "telephoneNumber");
        self.set("p09", "userPrincipalName", &format!("renamed@{DOMAIN}"));
        let p29 = self.id("p29");
        self.forest.rename(p29, "p29 renamed").unwrap();
        self.forest.move_to(self.id("p12"), &dn("Groups")).unwrap();
        // Nobody comes to this unit, leaves it or is renamed in it meanwhile: that could take one step or two.
        let sales = self.forest.guid_of(&dn("Sales")).unwrap();
        self.forest.rename(sales, "Verkoop").unwrap();
        self.link("g3", "member", "p01");
        self.unlink("g0", "member", "g1");
        self.unlink("g1", "member", "p01");
        self.unlink("p13", "manager", "p02");
        self.link("p13", "manager", "p00");
        self.forest.set_enabled(self.id("p14"), false).unwrap();
        self.forest.set_enabled(self.id("p05"), true).unwrap();
        for name in ["p16", "p17", "g5", "c3"] {
            self.forest.delete(self.id(name)).unwrap();
        }
        // Two people with one address: the second one is refused it.
        let taken = format!("SMTP:p20@{DOMAIN}");
        self.set("p21", "proxyAddresses", &taken);
    }

    /// What was deleted comes back, the conflict ends, the disabled one is enabled.
    fn returns(&self) {
        self.forest.undelete(self.returning.unwrap()).unwrap();
        let address = format!("SMTP:other@{DOMAIN}");
        self.set("p20", "proxyAddresses", &address);
        self.set("p20", "mail", &format!("other@{DOMAIN}"));
        self.forest.set_enabled(self.id("p14"), true).unwrap();
        self.link("g0", "member", "g1");
        self.set("p00", "title", "Chair");
        self.clear("p00", "department");
    }

    /// Values and members go that a strict guard holds.
    fn losses(&self) {
        self.clear("p01", "title");
        self.clear("p10", "title");
        self.unlink("g2", "member", "p06");
        self.unlink("g0", "member", "p12");
        self.set("p10", "department", "Locks");
    }

    /// A unit with a quarter of the people is deleted: the guard has to hold that.
    fn disaster(&self) {
        let leavers = self.forest.guid_of(&dn("Leavers")).unwrap();
        self.forest.delete_tree(leavers).unwrap();
        self.set("p00", "title", "Emeritus");
    }
}
