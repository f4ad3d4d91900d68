//! Several agents for one source under continuous change, while server, agents and the network between them fail at random.
//!
//! All are the real programs. One agent at least is left in peace at any time, so work has to go on; how long that takes after each
//! fault is measured. In the end source and target agree, and nothing was created twice. Trap: which agent holds a lease when the
//! fault comes is not known, so two runs of one seed have the same faults and not the same recoveries.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use forest::{Life, Organisation};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Source,
    processes::{Installation, Running},
    relay::{Relay, Way},
};

/// How long work may take to go on.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks, each of which makes a change.
const LOOK: Duration = Duration::from_millis(100);
/// The group that shows that work goes on, by its description.
const BEACON: &str = "Fire on the dune";

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Agents for the source.
    pub agents: usize,
    /// Faults, one after the other.
    pub faults: usize,
    /// People in the source.
    pub people: usize,
    /// Of the faults and of the changes.
    pub seed: u64,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An agent's process is killed, and started again when work went on.
    KillAgent(usize),
    /// An agent's process is stopped, and wakes when work went on.
    FreezeAgent(usize),
    /// An agent's connections end, and new ones too.
    CutAgent(usize),
    /// Nothing passes between an agent and the server, which neither notices.
    SilenceAgent(usize),
    /// The server's process is killed and started again.
    KillServer,
    /// The server ends in order and is started again.
    RestartServer,
    /// All agents but one are killed at once.
    KillAllBut(usize),
}

/// How long it took until a change that was made after a fault was in the target.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// What had happened.
    pub fault: Fault,
    /// How long.
    pub after: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Each fault, in their order.
    pub recoveries: Vec<Recovery>,
    /// Changes that were made in the source meanwhile.
    pub changes: usize,
    /// Objects of the target at the end.
    pub objects: u64,
}

impl Outcome {
    /// The recovery that so many of a hundred did not exceed.
    pub fn percentile(&self, of_hundred: usize) -> Duration {
        let mut all: Vec<Duration> = self.recoveries.iter().map(|one| one.after).collect();
        all.sort_unstable();
        let rank = (all.len() * of_hundred).div_ceil(100).max(1);
        all.get(rank - 1).copied().unwrap_or_default()
    }
}

/// An agent with a stretch of network of its own.
struct Member {
    name: String,
    relay: Relay,
    process: Option<Running>,
}

/// Runs it, and tells each fault with its recovery.
///
/// # Panics
/// If work does not go on, source and target do not agree in the end, or something was created twice.
pub async fn run(options: Options, mut told: impl FnMut(&Recovery)) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let made = Organisation {
        people: options.people,
        seed: options.seed,
    };
    let company = made.build().unwrap();
    let forest = company.forest;
    // A group, since people marry and leave.
    let beacon = forest.add_group(&forest.domain_dn(), BEACON, &[]).unwrap();
    let (source, _served) = Source::forest(&forest, &dir).await;
    let mut fleet = Fleet::new(&source, options.agents).await;
    let mut life = Changes {
        life: Life::new(options.seed),
        forest,
        beacon,
        made: 0,
    };
    fleet.installation.sync();
    fleet.beacon = fleet.installation.target_id(BEACON);
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let mut recoveries = Vec::new();
    for number in 0..options.faults {
        let fault = draw(&mut rng, options.agents);
        fleet.strike(fault);
        let after = fleet.goes_on(&mut life, number, fault);
        let recovery = Recovery { fault, after };
        told(&recovery);
        recoveries.push(recovery);
        fleet.heal(fault);
    }
    fleet.installation.sync();
    // What the rules refuse of a made-up organisation is explained.
    let report = fleet.installation.verify();
    assert!(report.agree, "{report:#?}");
    fleet.nothing_was_made_twice();
    Outcome {
        recoveries,
        changes: life.made,
        objects: report.target_objects,
    }
}

fn draw(rng: &mut fastrand::Rng, agents: usize) -> Fault {
    let which = rng.usize(0..agents);
    match rng.u32(0..14) {
        0..=2 => Fault::KillAgent(which),
        3..=4 => Fault::FreezeAgent(which),
        5..=6 => Fault::CutAgent(which),
        7..=8 => Fault::SilenceAgent(which),
        9..=10 => Fault::KillServer,
        11 => Fault::RestartServer,
        _ => Fault::KillAllBut(which),
    }
}

struct Changes {
    life: Life,
    forest: forest::Forest,
    beacon: Uuid,
    made: usize,
}

impl Changes {
    fn next(&mut self) {
        self.life.next(&self.forest).unwrap();
        self.made += 1;
    }

    fn light(&mut self, sign: &str) {
        self.forest.set(self.beacon, "description", sign).unwrap();
        self.made += 1;
    }
}

struct Fleet {
    installation: Installation,
    members: Vec<Member>,
    /// The target object of the group that shows that work goes on.
    beacon: String,
}

impl Fleet {
    async fn new(source: &Source, agents: usize) -> Self {
        let mut installation = Installation::new(source);
        // Those that follow are all alike.
        installation.stop_agent();
        let server: SocketAddr = installation.address().parse().unwrap();
        let mut members = Vec::new();
        for number in 0..agents {
            let relay = Relay::start(server).await;
            let name = format!("agent{number}");
            installation.enrol_agent(&name, Some(&format!("https://{}", relay.address)));
            let process = Some(installation.launch_agent_of(&name));
            members.push(Member {
                name,
                relay,
                process,
            });
        }
        // Leavers are part of the changes, and nothing is to wait for a person.
        installation.ask::<Value>(&[
            "job",
            "settings",
            "main",
            "--guard-count",
            "0",
            "--guard-percent",
            "0",
            "--guard-group-percent",
            "0",
            "--guard-memberships",
            "0",
        ]);
        installation.resume();
        Self {
            installation,
            members,
            beacon: String::new(),
        }
    }

    fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::KillAgent(which) => self.members[which].process = None,
            Fault::FreezeAgent(which) => self.members[which].process.as_ref().unwrap().freeze(),
            Fault::CutAgent(which) => self.members[which].relay.set(Way::Cut),
            Fault::SilenceAgent(which) => self.members[which].relay.set(Way::Silent),
            Fault::KillServer => {
                self.installation.kill_server();
                self.installation.start_server();
            }
            Fault::RestartServer => {
                self.installation.stop_server();
                self.installation.start_server();
            }
            Fault::KillAllBut(which) => {
                let others = self.members.iter_mut().enumerate();
                for (_, member) in others.filter(|(number, _)| *number != which) {
                    member.process = None;
                }
            }
        }
    }

    /// Ends what a fault began.
    fn heal(&mut self, fault: Fault) {
        if let Fault::FreezeAgent(which) = fault {
            self.members[which].process.as_ref().unwrap().wake();
        }
        for member in &mut self.members {
            member.relay.set(Way::Open);
            if member.process.is_none() {
                member.process = Some(self.installation.launch_agent_of(&member.name));
            }
        }
    }

    /// Changes the source until one change, made at once, is in the target; how long that takes.
    fn goes_on(&self, changes: &mut Changes, number: usize, fault: Fault) -> Duration {
        let sign = format!("lit {number}");
        let begun = Instant::now();
        changes.light(&sign);
        while self.sign().as_deref() != Some(&*sign) {
            let waited = begun.elapsed();
            assert!(waited < PATIENCE, "work does not go on after {fault:?}");
            changes.next();
            std::thread::sleep(LOOK);
        }
        begun.elapsed()
    }

    fn sign(&self) -> Option<String> {
        let output = (self.installation).run(&["directory", "object", &self.beacon]);
        let object: Value = serde_json::from_slice(&output.stdout).ok()?;
        object["attributes"]["description"][0]
            .as_str()
            .map(str::to_owned)
    }

    fn nothing_was_made_twice(&self) {
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        for record in self.installation.log_since(0) {
            if record.provisioning_action == "create" && record.status == "success" {
                *made.entry(record.source_identity.id).or_default() += 1;
            }
        }
        made.retain(|_, times| *times > 1);
        assert_eq!(made, BTreeMap::new(), "created more than once");
    }
}
