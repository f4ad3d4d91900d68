//! A believable company, the same for the same seed: sites, departments, people, groups, contacts, computers,
//! what every old directory gathers, and a list of what is wrong in it.
//!
//! It writes with the forest's own rights, since real directories hold what no client could write today.
//! The trap: what is dirty is decided after everything else, so the counts do not depend on it.

mod dirt;
mod groups;
mod names;
mod people;
mod rest;

use uuid::Uuid;

use crate::bootstrap::MADE_AT;
use crate::handle::Forest;
use crate::options::Options;
use crate::schema;
use crate::store::{ObjectId, Refusal, State};

pub use dirt::{Dirt, DirtKind};
pub(crate) use people::attributes_of;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Organisation {
    /// How many people.
    pub people: usize,
    /// Same seed, same organisation.
    pub seed: u64,
}

/// How many groups and memberships, when the believable number is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Groups; the first, "All Staff", is the largest.
    pub groups: usize,
    /// Memberships of people in all groups together.
    pub memberships: usize,
    /// People in the largest group.
    pub largest: usize,
}

impl Shape {
    /// One group for fifty people, so many memberships for each person, half the people in one group.
    pub fn of(people: usize, memberships_each: usize) -> Self {
        Self {
            groups: (people / 50).max(2),
            memberships: people * memberships_each,
            largest: people / 2,
        }
    }
}

/// A generated organisation.
#[derive(Debug)]
pub struct Generated {
    /// The forest it lives in.
    pub forest: Forest,
    /// What is wrong in it, on purpose.
    pub dirt: Vec<Dirt>,
    /// DN of the organisational unit above all people and groups.
    pub company: String,
    /// DN of an organisational unit with about three tenths of the people.
    pub large_unit: String,
    /// People, service accounts not counted.
    pub people: usize,
    /// Groups made here; built-in ones not counted.
    pub groups: usize,
    /// Contacts.
    pub contacts: usize,
}

/// The company's name.
pub(crate) const COMPANY: &str = "Canal Example";

/// Units below the company.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    pub(crate) company: ObjectId,
    /// Users of each site.
    pub(crate) users: Vec<ObjectId>,
    pub(crate) groups: ObjectId,
    pub(crate) contacts: ObjectId,
    pub(crate) services: ObjectId,
    pub(crate) disabled: ObjectId,
    pub(crate) computers: ObjectId,
    pub(crate) large: ObjectId,
}

impl Organisation {
    /// Builds it in a domain with the default options.
    pub fn build(self) -> Result<Generated, Refusal> {
        self.build_with(Options {
            seed: self.seed,
            ..Options::default()
        })
    }

    /// Builds it in a domain of your own options.
    pub fn build_with(self, options: Options) -> Result<Generated, Refusal> {
        self.make(options, None)
    }

    /// Builds it with so many groups and memberships, as measurements want it.
    pub fn build_shaped(self, options: Options, shape: Shape) -> Result<Generated, Refusal> {
        self.make(options, Some(shape))
    }

    fn make(self, options: Options, shape: Option<Shape>) -> Result<Generated, Refusal> {
        let forest = Forest::new(options)?;
        let (dirt, counts, names) = forest.write(|state| {
            state.fixed_time = Some(MADE_AT);
            let built = Builder {
                rng: fastrand::Rng::with_seed(self.seed),
                state,
                size: self.people,
                shape,
            }
            .run();
            state.fixed_time = None;
            built
        })?;
        let [people, groups, contacts] = counts;
        let [company, large_unit] = names;
        Ok(Generated {
            forest,
            dirt,
            company,
            large_unit,
            people,
            groups,
            contacts,
        })
    }
}

/// What one building site holds.
pub(crate) struct Builder<'a> {
    pub(crate) rng: fastrand::Rng,
    pub(crate) state: &'a mut State,
    pub(crate) size: usize,
    pub(crate) shape: Option<Shape>,
}

type Built = (Vec<Dirt>, [usize; 3], [String; 2]);

impl Builder<'_> {
    fn run(mut self) -> Result<Built, Refusal> {
        self.state.expect(self.size + self.size / 12 + 1_000);
        let units = self.units()?;
        let people = self.people(&units)?;
        let groups = match self.shape {
            Some(shape) => self.shaped_groups(&units, &people, shape)?,
            None => self.groups(&units, &people)?,
        };
        let contacts = self.contacts(&units)?;
        self.service_accounts(&units)?;
        self.computers(&units)?;
        self.old_remains(&units)?;
        let dirt = self.dirt(&units, &people)?;
        let names = [self.state.dn(units.company), self.state.dn(units.large)];
        let counts = [people.len(), groups + 1, contacts + 1];
        Ok((dirt, counts, names))
    }

    fn units(&mut self) -> Result<Units, Refusal> {
        let domain = self.state.domain();
        let company = self.unit(domain, COMPANY)?;
        let sites = self.unit(company, "Sites")?;
        let mut users = Vec::new();
        for site in names::SITES {
            let site = self.unit(sites, site[0])?;
            users.push(self.unit(site, "Users")?);
        }
        // The first site's people in the locks are the large unit.
        let large = self.unit(*users.first().unwrap_or(&company), "Lock & Bridge Service")?;
        Ok(Units {
            users,
            large,
            groups: self.unit(company, "Groups")?,
            contacts: self.unit(company, "Contacts")?,
            services: self.unit(company, "Service Accounts")?,
            disabled: self.unit(company, "Disabled")?,
            computers: self.unit(company, "Workstations")?,
            company,
        })
    }

    fn unit(&mut self, parent: ObjectId, name: &str) -> Result<ObjectId, Refusal> {
        self.add(parent, "organizationalUnit", name, vec![])
    }

    /// Creates an object with text attributes; equal names gather values.
    pub(crate) fn add(
        &mut self,
        parent: ObjectId,
        class: &str,
        name: &str,
        attributes: Vec<(&str, String)>,
    ) -> Result<ObjectId, Refusal> {
        let id = crate::life::create(self.state, parent, class, name, attributes)?;
        let age = self.rng.i64(0..2_500) * 86_400 + self.rng.i64(0..36_000);
        self.state.set_times(id, MADE_AT - age);
        Ok(id)
    }

    pub(crate) fn guid(&self, id: ObjectId) -> Uuid {
        self.state.object(id).guid
    }

    pub(crate) fn link(&mut self, from: ObjectId, attribute: &str, to: ObjectId) {
        if let Some(attribute) = schema::attribute(attribute) {
            let usn = self.state.next_usn();
            if self.state.put_link(from, attribute, to, true, usn) {
                self.state.touch(from, usn);
            }
        }
    }

    /// True once in `of` times.
    pub(crate) fn once_in(&mut self, of: u32) -> bool {
        self.rng.u32(0..of) == 0
    }
}

/// Values of one attribute, gathered from pairs of name and value.
pub(crate) fn gather(attributes: Vec<(&str, String)>) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut gathered: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for (name, value) in attributes {
        match gathered.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.into_bytes()),
            None => gathered.push((name.to_owned(), vec![value.into_bytes()])),
        }
    }
    gathered
}
