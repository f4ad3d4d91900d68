//! `hybridge demo --once`: the initial cycle and a number of changes, then the judge.

use std::time::Duration;

use forest::Life;
use serde::Serialize;
use sync_core::code::Code;
use wire::api::v1::JobStatus;

use super::{
    life::{LOOK, Watch, percentile},
    world::{World, fault},
};
use crate::{
    commands::{Context, verify},
    failure::Failure,
    show::count,
};

/// Changes made.
const CHANGES: u64 = 200;
/// Time between two changes.
const PACE: Duration = Duration::from_millis(40);

/// The summary; its names are a promise to scripts.
#[derive(Debug, Serialize)]
struct Summary {
    agree: bool,
    people: usize,
    objects: u64,
    changes: u64,
    changes_lost: u64,
    objects_per_second: f64,
    visible_p50_ms: u64,
    visible_p99_ms: u64,
    refused: u64,
    differences: u64,
    explained: u64,
    seed: u64,
}

/// Makes the changes, waits for them, verifies, and prints the summary.
///
/// # Errors
/// By code; silent, with exit code 1, if the judge found a difference.
pub async fn run(
    world: &mut World,
    initial: (&JobStatus, Duration),
    seed: u64,
    context: &Context,
) -> Result<(), Failure> {
    let (status, took) = initial;
    let mut life = Life::new(seed);
    let mut watch = Watch::begin(world).await?;
    context.output.say(format!("\n{CHANGES} changes …"));
    for _ in 0..CHANGES {
        let change = life
            .next(world.forest())
            .map_err(|error| fault("the forest", error))?;
        watch.add(change);
        watch.look(world).await?;
        tokio::time::sleep(PACE).await;
    }
    while !watch.is_empty() {
        if let Some(failure) = world.agent_failure() {
            return Err(failure);
        }
        watch.look(world).await?;
        tokio::time::sleep(LOOK).await;
    }
    let report = verify::verify(&world.client, &world.job.id, context.output).await?;
    let objects: u64 = status.linked.values().sum();
    let summary = Summary {
        agree: report.agree,
        people: world.organisation.people,
        objects,
        changes: watch.made,
        changes_lost: watch.lost,
        objects_per_second: (objects as f64 / took.as_secs_f64().max(0.001)).round(),
        visible_p50_ms: percentile(&watch.latencies, 50),
        visible_p99_ms: percentile(&watch.latencies, 99),
        refused: status.escrow,
        differences: report.difference_count,
        explained: report.explained_count,
        seed,
    };
    if !report.agree || context.output == crate::output::Output::People {
        context.output.say(verify::people(&report));
    }
    context.output.data(&summary, |summary| {
        format!(
            "\n{} objects at {:.0} per second; {} changes, visible after {} ms (half) and {} ms (99 of 100); source and target {}",
            count(summary.objects),
            summary.objects_per_second,
            summary.changes,
            summary.visible_p50_ms,
            summary.visible_p99_ms,
            if summary.agree { "agree" } else { "DIFFER" },
        )
    })?;
    match summary.agree && summary.changes_lost == 0 {
        true => Ok(()),
        false => Err(Failure::silent(Code::Conflict)),
    }
}
