//! The property: whatever happens on the way, in the end the target holds what the source says.
//!
//! A random history of changes, pages, plans, exports, lost answers, refusals, full reads and restarts, in any order (more
//! unruly than the server's loops), against a naive source and a naive target. A failure names its seed.

use std::collections::{BTreeMap, BTreeSet};

use engine::{GuardOutcome, PlannedChange, ReadResult};
use fastrand::Rng;
use sync_core::{
    code::Code,
    id::ReadId,
    object::Entry,
    operation::{Outcome, Refusal},
};

use super::{
    bench::{Bench, LONG, carried_out, decided, mapped, spec},
    invariants,
    source::{anchor, at, below, container, deleted, group, members, part, user, with},
};

const USERS: std::ops::Range<u16> = 10..22;
const GROUPS: std::ops::Range<u16> = 30..34;
const CONTAINERS: [u16; 3] = [1, 2, 3];

#[derive(Clone, Debug, Default)]
struct Person {
    is_live: bool,
    name: String,
    mail: String,
    title: String,
    parent: u16,
    members: BTreeSet<u16>,
}

/// What the source holds, and what it has not told yet.
#[derive(Default)]
struct Model {
    objects: BTreeMap<u16, Person>,
    containers: BTreeMap<u16, (String, Option<u16>)>,
    feed: Vec<Entry>,
    usn: i64,
}

impl Model {
    fn new() -> Self {
        let containers = CONTAINERS.map(|n| (n, (format!("OU=c{n}"), (n > 1).then_some(1))));
        Self {
            containers: containers.into(),
            ..Self::default()
        }
    }

    fn tell(&mut self, entry: Entry) {
        self.usn += 1;
        self.feed.push(at(entry, self.usn));
    }

    fn whole(&self, number: u16) -> Entry {
        let person = &self.objects[&number];
        let entry = if GROUPS.contains(&number) {
            group(number, &person.name, person.members.iter().copied())
        } else {
            user(number, &person.name)
        };
        let entry = with(entry, &[("mail", &person.mail), ("title", &person.title)]);
        below(without_empty(entry), person.parent)
    }

    /// Everything, as a full read shows it.
    fn everything(&self) -> Vec<Entry> {
        let containers = self.containers.iter();
        let mut all: Vec<_> = containers
            .map(|(n, (rdn, parent))| container(*n, rdn, *parent))
            .collect();
        let live = self.objects.iter().filter(|(_, person)| person.is_live);
        all.extend(live.map(|(number, _)| self.whole(*number)));
        all.into_iter().map(|entry| at(entry, self.usn)).collect()
    }

    fn live(&self, rng: &mut Rng) -> Option<u16> {
        let live: Vec<u16> = self
            .objects
            .iter()
            .filter(|(_, p)| p.is_live)
            .map(|(n, _)| *n)
            .collect();
        rng.choice(live)
    }

    fn change(&mut self, rng: &mut Rng) {
        match rng.u8(..12) {
            0..=2 => self.appear(rng),
            3 => self.leave(rng),
            4 => self.rename_container(rng),
            5..=6 => self.members(rng),
            _ => self.attribute(rng),
        }
    }

    fn appear(&mut self, rng: &mut Rng) {
        let number = if rng.bool() {
            rng.u16(USERS)
        } else {
            rng.u16(GROUPS)
        };
        let person = self.objects.entry(number).or_default();
        if person.is_live {
            return;
        }
        person.is_live = true;
        person.name = format!("n{}", rng.u16(..));
        person.parent = CONTAINERS[rng.usize(..3)];
        person.members.clear();
        let entry = self.whole(number);
        self.tell(entry);
    }

    fn leave(&mut self, rng: &mut Rng) {
        let Some(number) = self.live(rng) else { return };
        self.objects.entry(number).or_default().is_live = false;
        for person in self.objects.values_mut() {
            person.members.remove(&number);
        }
        self.tell(deleted(number));
    }

    fn rename_container(&mut self, rng: &mut Rng) {
        let number = CONTAINERS[rng.usize(..3)];
        let parent = if number == 3 {
            Some(rng.u16(1..3))
        } else {
            (number == 2).then_some(1)
        };
        let rdn = format!("OU=c{}", rng.u8(..));
        self.containers.insert(number, (rdn.clone(), parent));
        self.tell(container(number, &rdn, parent));
    }

    fn members(&mut self, rng: &mut Rng) {
        let Some(holder) = self.live(rng).filter(|n| GROUPS.contains(n)) else {
            return;
        };
        let Some(member) = self.live(rng) else { return };
        let person = self.objects.entry(holder).or_default();
        let entry = if person.members.insert(member) {
            members(holder, [member], [])
        } else {
            person.members.remove(&member);
            members(holder, [], [member])
        };
        self.tell(entry);
    }

    fn attribute(&mut self, rng: &mut Rng) {
        let Some(number) = self.live(rng) else { return };
        let person = self.objects.entry(number).or_default();
        let entry = match rng.u8(..5) {
            0 => {
                person.mail = if rng.bool() {
                    String::new()
                } else {
                    format!("m{}@x", rng.u8(..4))
                };
                part(number, &[("mail", &person.mail)])
            }
            1 => {
                person.title = ["", "", "out", "off", "bad"][rng.usize(..5)].into();
                part(number, &[("title", &person.title)])
            }
            2 => {
                person.parent = CONTAINERS[rng.usize(..3)];
                below(part(number, &[]), person.parent)
            }
            _ => {
                person.name = format!("n{}", rng.u16(..));
                let entry = part(number, &[("displayName", &person.name)]);
                Entry {
                    rdn: Some(format!("CN={}", person.name).into()),
                    ..entry
                }
            }
        };
        self.tell(entry);
    }

    /// Makes the source free of mistakes that would rightly keep the target from following.
    fn put_right(&mut self) {
        let numbers: Vec<u16> = self.objects.keys().copied().collect();
        for number in numbers {
            let person = self.objects.entry(number).or_default();
            if !person.is_live {
                continue;
            }
            if !person.mail.is_empty() {
                person.mail = format!("own{number}@x");
            }
            if person.title == "bad" {
                person.title.clear();
            }
            let entry = part(number, &[("mail", &person.mail), ("title", &person.title)]);
            self.tell(entry);
        }
    }

    fn path(&self, number: u16) -> String {
        let person = &self.objects[&number];
        let mut dn = format!("CN={}", person.name);
        let mut next = Some(person.parent);
        while let Some(at) = next {
            let (rdn, parent) = &self.containers[&at];
            dn = format!("{dn},{rdn}");
            next = *parent;
        }
        dn
    }

    /// What the target is to hold: anchor, name, mail, path, whether enabled, members.
    fn wanted(&self) -> BTreeMap<String, (String, String, String, bool, BTreeSet<String>)> {
        let is_in = |number: &u16| {
            let person = &self.objects[number];
            person.is_live && person.title != "out"
        };
        let text = |number: &u16| anchor(*number).base64();
        let numbers = self.objects.keys().filter(|number| is_in(number));
        numbers
            .map(|number| {
                let person = &self.objects[number];
                let members = person
                    .members
                    .iter()
                    .filter(|n| is_in(n))
                    .map(text)
                    .collect();
                let is_enabled = person.title != "off";
                let held = (
                    person.name.clone(),
                    person.mail.clone(),
                    self.path(*number),
                    is_enabled,
                    members,
                );
                (text(number), held)
            })
            .collect()
    }
}

fn without_empty(mut entry: Entry) -> Entry {
    let names: Vec<_> = entry
        .attributes
        .iter()
        .filter(|(_, v)| v.is_empty())
        .map(|(n, _)| n.clone())
        .collect();
    for name in names {
        entry.attributes.remove(&name);
    }
    entry
}

/// One history.
struct History {
    rng: Rng,
    bench: Bench,
    model: Model,
    read: Option<(ReadId, u32)>,
    sent: Vec<PlannedChange>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut model = Model::new();
        let mut rng = Rng::with_seed(seed);
        for _ in 0..20 {
            model.change(&mut rng);
        }
        model.feed.clear();
        let mut bench = Bench::new();
        if seed % 2 == 1 {
            bench.travelling = mapped();
        }
        let history = Self {
            rng,
            bench,
            model,
            read: None,
            sent: Vec::new(),
        };
        history.full();
        history
    }

    fn full(&self) {
        let all = self.model.everything();
        while self.bench.read_full(&all).is_some() {
            if all.len() == CONTAINERS.len() {
                return; // nobody is left: an empty read is never believed
            }
            self.bench
                .engine()
                .accept_read(self.bench.source_id)
                .unwrap();
        }
    }

    fn step(&mut self) {
        match self.rng.u8(..24) {
            0..=5 => self.model.change(&mut self.rng),
            6..=8 => self.page(),
            9..=11 => self.plan(),
            12..=14 => self.send(),
            15..=16 => self.answer(),
            17..=18 => drop(self.bench.plan_references()),
            19 => self.time(),
            20 => self.look_up(),
            21 => drop(self.bench.engine().wake().unwrap()),
            22 => self.restart(),
            _ => self.full_read(),
        }
    }

    /// The next page of a delta: some of what the source has not told yet.
    fn page(&mut self) {
        if self.bench.source().needs == "full" {
            return self.full_read();
        }
        let e = self.bench.engine();
        let (read, number) = *self
            .read
            .get_or_insert_with(|| (e.begin_read(self.bench.source_id, &spec()).unwrap().read, 0));
        let count = self.rng.usize(..=self.model.feed.len());
        let page: Vec<_> = self.model.feed.drain(..count).collect();
        e.observe(read, number, &page, Some(b"w")).unwrap();
        assert!(
            e.observe(read, number, &page, Some(b"w")).is_err(),
            "told twice"
        );
        self.read = Some((read, number + 1));
        if self.rng.bool() {
            self.read = None;
            e.end_read(read, &ReadResult::complete(b"w")).unwrap();
        }
    }

    fn full_read(&mut self) {
        self.read = None;
        self.model.feed.clear();
        self.full();
    }

    /// Plans some of what is due; pages may come in between.
    fn plan(&mut self) {
        let limit = self.rng.usize(1..6);
        let items = self
            .bench
            .engine()
            .take_due(self.bench.job_id, limit)
            .unwrap();
        let plans: Vec<_> = items
            .into_iter()
            .map(|item| decided(&self.bench.target, item))
            .collect();
        if self.rng.bool() {
            self.model.change(&mut self.rng);
            self.page();
        }
        self.bench
            .engine()
            .store_plans(&self.bench.job(), &plans, &self.bench.travelling)
            .unwrap();
    }

    fn send(&mut self) {
        let limit = self.rng.usize(1..6);
        self.sent = self
            .bench
            .engine()
            .take_ready(self.bench.job_id, limit)
            .unwrap();
        if self.rng.u8(..4) > 0 {
            self.answer();
        }
    }

    /// Carries out what was sent, in the target's way, and tells the engine what it gets to hear of it.
    fn answer(&mut self) {
        let mut outcomes = Vec::new();
        for mut change in std::mem::take(&mut self.sent) {
            let outcome = match self.rng.u8(..10) {
                0 => Outcome::Unknown,
                1 => Outcome::Refused(Refusal::new(Code::TimeOut)),
                luck => match (carried_out(&mut self.bench.target, &mut change), luck) {
                    (_, 2) => Outcome::Unknown,
                    (outcome, _) => outcome,
                },
            };
            outcomes.push((change, outcome));
        }
        self.bench.report(&outcomes);
    }

    fn time(&mut self) {
        let step = self.rng.i64(0..600_000);
        self.bench.pass(step);
        if !self.bench.engine().has_due(self.bench.job_id).unwrap() {
            self.bench.release();
        }
    }

    fn look_up(&mut self) {
        let e = self.bench.engine();
        for (object, asked, _) in e.lookups(self.bench.source_id, 100).unwrap() {
            let numbers = self
                .model
                .objects
                .iter()
                .filter(|(_, person)| person.is_live);
            let live = numbers
                .map(|(number, _)| *number)
                .find(|number| anchor(*number) == asked);
            match live {
                Some(number) => {
                    let entry = at(self.model.whole(number), self.model.usn);
                    e.observe_one(self.bench.source_id, &entry).unwrap();
                }
                None => {
                    let gone = Entry::new(asked, sync_core::object::EntryKind::Deleted);
                    e.observe_one(self.bench.source_id, &at(gone, self.model.usn))
                        .unwrap();
                }
            }
            let left = e.lookups(self.bench.source_id, 100).unwrap();
            assert!(
                left.iter().all(|(other, ..)| *other != object),
                "looked up and still asked for"
            );
        }
    }

    fn restart(&mut self) {
        self.read = None;
        self.sent.clear();
        self.bench.restart();
    }

    /// Lets everything come to rest, with no more mishaps.
    fn come_to_rest(&mut self) {
        self.answer();
        self.model.put_right();
        while !self.model.feed.is_empty() {
            self.page();
        }
        for _ in 0..12 {
            self.look_up();
            self.bench.catch_up();
            self.bench.pass(LONG);
        }
        assert_eq!(self.bench.release(), GuardOutcome::Idle);
    }

    fn check(&self, seed: u64) {
        let name = |id: &String| self.bench.target.objects[id].anchor.clone();
        let live = self
            .bench
            .target
            .objects
            .values()
            .filter(|held| !held.is_deleted);
        let have: BTreeMap<_, _> = live
            .map(|held| {
                let text = |name| held.attributes.text(name).unwrap_or_default().to_owned();
                let is_live = |id: &&String| !self.bench.target.objects[*id].is_deleted;
                let is_enabled = held.attributes.first("accountEnabled") == Some(&true.into());
                let members = held.members.iter().filter(is_live).map(name).collect();
                let all = (
                    text("displayName"),
                    text("mail"),
                    text("path"),
                    is_enabled,
                    members,
                );
                (held.anchor.clone(), all)
            })
            .collect();
        assert_eq!(have, self.model.wanted(), "seed {seed}");
        let numbers = self
            .bench
            .engine()
            .job_numbers(self.bench.job_id, true)
            .unwrap();
        let left = (
            numbers.to_plan,
            numbers.to_export,
            numbers.escrow,
            numbers.held,
        );
        assert_eq!(left, (0, 0, 0, 0), "seed {seed}");
        assert_eq!(
            (numbers.references_to_plan, numbers.oldest),
            (0, None),
            "seed {seed}"
        );
    }
}

fn run(seed: u64, steps: usize) {
    let mut history = History::new(seed);
    for step in 0..steps {
        history.step();
        if step % 40 == 0 {
            invariants::check(history.bench.engine());
        }
    }
    history.come_to_rest();
    history.check(seed);
}

#[test]
fn in_the_end_the_target_holds_what_the_source_says() {
    for seed in 0..20 {
        run(seed, 250);
    }
}
