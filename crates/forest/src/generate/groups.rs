//! Groups: about one for ten people; security and distribution, nested, one with everybody, one empty.

use super::names::{DEPARTMENTS, SITES, latin};
use super::people::Person;
use super::{Builder, Shape, Units};
use crate::store::{ObjectId, Refusal};

const GLOBAL_SECURITY: &str = "-2147483646";
const UNIVERSAL_SECURITY: &str = "-2147483640";
const LOCAL_SECURITY: &str = "-2147483644";
const UNIVERSAL_LIST: &str = "8";

impl Builder<'_> {
    /// Makes the groups; says how many.
    pub(super) fn groups(&mut self, units: &Units, people: &[Person]) -> Result<usize, Refusal> {
        let mut made = 0;
        let staff = self.group(units, "All Staff", UNIVERSAL_SECURITY, true)?;
        for person in people.iter().filter(|person| person.is_enabled) {
            self.link(staff, "member", person.id);
        }
        let managers = self.group(units, "All Managers", UNIVERSAL_LIST, true)?;
        for person in people.iter().take(people.len().div_ceil(7)) {
            self.link(managers, "member", person.id);
        }
        made += 2;
        let resources = self.group(units, "Intranet Readers", LOCAL_SECURITY, false)?;
        made += 1;
        for (site, facts) in SITES.iter().enumerate() {
            let group = self.group(units, &format!("Site {}", facts[1]), GLOBAL_SECURITY, false)?;
            self.fill(group, people, |person| person.site == site);
            self.link(resources, "member", group);
            made += 1;
        }
        for (department, facts) in DEPARTMENTS.iter().enumerate() {
            let group = self.group(units, facts.0, UNIVERSAL_SECURITY, true)?;
            self.fill(group, people, |person| person.department == department);
            self.own(group, people);
            made += 1;
        }
        made += self.projects(units, people, (people.len() / 10).saturating_sub(made))?;
        Ok(made)
    }

    /// Groups of a given number and size: the largest, and the other memberships spread over the rest.
    pub(super) fn shaped_groups(
        &mut self,
        units: &Units,
        people: &[Person],
        shape: Shape,
    ) -> Result<usize, Refusal> {
        let largest = self.group(units, "All Staff", UNIVERSAL_SECURITY, true)?;
        for person in people.iter().take(shape.largest) {
            self.link(largest, "member", person.id);
        }
        let mut others = Vec::with_capacity(shape.groups);
        for number in 1..shape.groups.max(2) {
            let kind = [GLOBAL_SECURITY, UNIVERSAL_LIST, UNIVERSAL_SECURITY][number % 3];
            others.push(self.group(units, &format!("Team {number:06}"), kind, number % 3 != 0)?);
        }
        let spread = shape
            .memberships
            .saturating_sub(shape.largest.min(people.len()));
        for (place, person) in people.iter().enumerate() {
            let before = spread * place / people.len();
            let count = (spread * (place + 1) / people.len() - before).min(others.len());
            let first = self.rng.usize(0..others.len());
            for step in 0..count {
                if let Some(group) = others.get((first + step) % others.len()) {
                    self.link(*group, "member", person.id);
                }
            }
        }
        Ok(others.len() + 1)
    }

    fn projects(
        &mut self,
        units: &Units,
        people: &[Person],
        count: usize,
    ) -> Result<usize, Refusal> {
        let mut before: Option<ObjectId> = None;
        for number in 1..=count {
            let kind = [GLOBAL_SECURITY, UNIVERSAL_LIST, UNIVERSAL_SECURITY][number % 3];
            let name = format!(
                "Project {} {number:03}",
                ["Sluice", "Dyke", "Polder", "Weir", "Quay"][number % 5]
            );
            let group = self.group(units, &name, kind, number % 3 != 0)?;
            for _ in 0..self.rng.usize(3..25) {
                if let Some(person) = people.get(self.rng.usize(0..people.len().max(1))) {
                    self.link(group, "member", person.id);
                }
            }
            if let Some(inner) = before.filter(|_| number % 8 == 0) {
                self.link(group, "member", inner);
            }
            self.own(group, people);
            before = Some(group);
        }
        Ok(count)
    }

    fn fill(&mut self, group: ObjectId, people: &[Person], belongs: impl Fn(&Person) -> bool) {
        for person in people
            .iter()
            .filter(|person| person.is_enabled && belongs(person))
        {
            self.link(group, "member", person.id);
        }
    }

    fn own(&mut self, group: ObjectId, people: &[Person]) {
        if let Some(owner) = people.get(self.rng.usize(0..people.len().max(1))) {
            self.link(group, "managedBy", owner.id);
        }
    }

    pub(super) fn group(
        &mut self,
        units: &Units,
        name: &str,
        kind: &str,
        has_mail: bool,
    ) -> Result<ObjectId, Refusal> {
        let alias = latin(name);
        let domain = self.state.options.domain.clone();
        let mut attributes = vec![
            ("sAMAccountName", name.to_owned()),
            ("displayName", name.to_owned()),
            ("groupType", kind.to_owned()),
            ("description", format!("{name} of Canal Example")),
        ];
        if has_mail {
            attributes.extend([
                ("mail", format!("{alias}@{domain}")),
                ("mailNickname", alias.clone()),
                ("proxyAddresses", format!("SMTP:{alias}@{domain}")),
            ]);
        }
        self.add(units.groups, "group", name, attributes)
    }
}
