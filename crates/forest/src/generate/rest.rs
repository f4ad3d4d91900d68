//! Contacts, service accounts, computers, and what an old directory has gathered.

use super::names::{PEOPLE, latin};
use super::{Builder, Units};
use crate::store::{Refusal, random_guid};

impl Builder<'_> {
    /// People of other companies; says how many.
    pub(super) fn contacts(&mut self, units: &Units) -> Result<usize, Refusal> {
        let count = (self.size / 50).max(2);
        for number in 0..count {
            let (_, given, family) = PEOPLE[number % PEOPLE.len()];
            let (given, family) = (
                given[number / PEOPLE.len() % given.len()],
                family[self.rng.usize(0..family.len())],
            );
            let address = format!(
                "{}.{}.{number}@partner.example",
                latin(given),
                latin(family)
            );
            let name = format!("{given} {family} (Partner {number})");
            self.add(
                units.contacts,
                "contact",
                &name,
                vec![
                    ("givenName", given.to_owned()),
                    ("sn", family.to_owned()),
                    ("displayName", name.clone()),
                    ("mail", address.clone()),
                    ("mailNickname", format!("ext.{}{number}", latin(family))),
                    ("targetAddress", format!("SMTP:{address}")),
                    ("proxyAddresses", format!("SMTP:{address}")),
                    ("company", "Partner & Zonen B.V.".to_owned()),
                ],
            )?;
        }
        Ok(count)
    }

    pub(super) fn service_accounts(&mut self, units: &Units) -> Result<(), Refusal> {
        let domain = self.state.options.domain.clone();
        for number in 1..=(self.size / 200).max(3) {
            let account = format!(
                "svc-{}{number}",
                ["backup", "sql", "print", "scan"][number % 4]
            );
            self.add(
                units.services,
                "user",
                &account,
                vec![
                    ("sAMAccountName", account.clone()),
                    ("userPrincipalName", format!("{account}@{domain}")),
                    ("displayName", format!("Service {account}")),
                    ("userAccountControl", "66048".to_owned()),
                    ("servicePrincipalName", format!("HTTP/{account}.{domain}")),
                ],
            )?;
        }
        Ok(())
    }

    pub(super) fn computers(&mut self, units: &Units) -> Result<(), Refusal> {
        let domain = self.state.options.domain.clone();
        for number in 1..=(self.size / 100).clamp(2, 50) {
            let name = format!("WS{number:05}");
            self.add(
                units.computers,
                "computer",
                &name,
                vec![
                    ("sAMAccountName", format!("{name}$")),
                    ("dNSHostName", format!("{}.{domain}", name.to_lowercase())),
                    ("operatingSystem", "Windows 11 Enterprise".to_owned()),
                    ("operatingSystemVersion", "10.0 (22631)".to_owned()),
                ],
            )?;
        }
        Ok(())
    }

    /// A replication victim, an account of an older synchronisation, principals of another forest.
    pub(super) fn old_remains(&mut self, units: &Units) -> Result<(), Refusal> {
        let domain = self.state.options.domain.clone();
        let victim = random_guid(&mut self.rng);
        let users = units.users.first().copied().unwrap_or(units.company);
        self.add(
            users,
            "user",
            &format!("Jan Modaal\nCNF:{victim}"),
            vec![
                ("sAMAccountName", "$DUPLICATE-5e1".to_owned()),
                ("displayName", "Jan Modaal".to_owned()),
                ("userPrincipalName", format!("jan.modaal.cnf@{domain}")),
                ("userAccountControl", "512".to_owned()),
            ],
        )?;
        let root = self.state.options.domain_dn();
        let built_in = self.state.find(&format!("CN=Users,{root}"))?;
        self.add(
            built_in,
            "user",
            "MSOL_5e1fa7c0b2d9",
            vec![
                ("sAMAccountName", "MSOL_5e1fa7c0b2d9".to_owned()),
                ("userAccountControl", "66048".to_owned()),
                (
                    "description",
                    "Account of an earlier directory synchronisation".to_owned(),
                ),
            ],
        )?;
        let foreign = self
            .state
            .find(&format!("CN=ForeignSecurityPrincipals,{root}"))?;
        for rid in [1_104, 1_622, 2_017] {
            let sid = format!("S-1-5-21-1417001333-920026266-1801674531-{rid}");
            let id = self.add(foreign, "foreignSecurityPrincipal", &sid, vec![])?;
            self.state.set_sid(id, &sid);
        }
        Ok(())
    }
}
