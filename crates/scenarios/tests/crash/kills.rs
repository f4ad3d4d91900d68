//! Server and agent are killed at random moments, with what was unsynced lost, while the organisation lives on.

use std::{collections::BTreeMap, time::Duration};

use engine::JobSettings;
use forest::{Life, Organisation};
use scenarios::{
    crash::{Outcome, Run, Stage, outcome::Held, stage::settings},
    story::clean,
};

const SEED: u64 = 20_260;
const PEOPLE: usize = 150;
/// Deaths between two moments at which everything settles.
const KILLS_PER_ROUND: usize = 5;
/// Changes before each death.
const CHANGES: usize = 4;

fn kills() -> usize {
    if scenarios::is_full() { 200 } else { 10 }
}

/// Lets the organisation live for so many rounds; `between` happens after each few changes.
async fn live(stage: &Stage, rounds: usize, mut deaths: Option<fastrand::Rng>) -> Outcome {
    let mut run = stage.run();
    let mut life = Life::new(SEED);
    run.start_agent(0);
    for _ in 0..rounds {
        for _ in 0..KILLS_PER_ROUND {
            for _ in 0..CHANGES {
                life.next(&stage.forest).unwrap();
            }
            if let Some(random) = &mut deaths {
                kill(&mut run, random).await;
            }
        }
        settle(&mut run).await;
    }
    run.end()
}

/// Something dies after a while: the server (with part of what it had not synced), or the agent.
async fn kill(run: &mut Run<'_>, random: &mut fastrand::Rng) {
    if run.server.is_none() {
        run.server = Some(run.launch(None));
    }
    if run.agents[0].is_none() {
        run.start_agent(0);
    }
    if let Some(server) = &mut run.server {
        let _ = server.tell("sync");
    }
    tokio::time::sleep(Duration::from_millis(random.u64(20..900))).await;
    if random.u8(0..10) < 3 {
        run.kill_agent(0);
    } else {
        let seed = random.bool().then(|| random.u32(..));
        run.cut_power(seed);
    }
}

async fn settle(run: &mut Run<'_>) {
    // A server that still lives owes answers to earlier orders: it makes room for a new one.
    if let Some(server) = run.server.take() {
        server.kill();
    }
    run.start_server(None).await;
    if run.agents[0].is_none() {
        run.start_agent(0);
    }
    run.sync().await.unwrap();
}

/// Live objects. What an object held when it was deleted depends on which changes were seen before.
fn living(outcome: &Outcome) -> BTreeMap<&String, &Held> {
    outcome
        .objects
        .iter()
        .filter(|(_, held)| held.is_live)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deaths_at_random_moments_change_nothing_in_the_end() {
    let loose = JobSettings {
        delete_threshold: 1_000_000,
        delete_threshold_percent: 100,
        // A long life takes half of a group's members away within a day, and whose are held depends on what each run saw.
        group_threshold_percent: 0,
        membership_threshold: 1_000_000,
        ..settings()
    };
    let company = Organisation {
        people: PEOPLE,
        seed: 7,
    }
    .build()
    .unwrap();
    // Of two that want the same address the first to come gets it, and while its holder is deleted for a moment the other
    // one does, if a run happens to see that moment.
    clean(&company.forest, &company.dirt);
    let stage = Stage::with(company.forest, crate::crash::PROGRAM, loose).await;
    let rounds = kills().div_ceil(KILLS_PER_ROUND);
    let expected = live(&stage, rounds, None).await;
    let found = live(&stage, rounds, Some(fastrand::Rng::with_seed(SEED))).await;
    assert!(living(&expected).len() > PEOPLE);
    let missing: Vec<String> = expected
        .differences(&found)
        .into_iter()
        .filter(|text| !text.starts_with("deed"))
        .collect();
    assert_eq!(living(&expected), living(&found), "{missing:#?}");
    assert_eq!(expected.references, found.references);
    assert_eq!(found.staged, Default::default());
}
