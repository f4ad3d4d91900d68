//! One run: the directory is raised, read by others, then by Hybridge, changed, and looked at again.
//!
//! Trap: what is timed ends when the work is durable and visible in the tenant directory; the judge's comparison afterwards
//! is not counted.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Options, What,
    directories::Directory,
    installation::Installation,
    looks, membership,
    procfs::{Moment, Used},
    report::{Baselines, Changes, Initial, Result, Unchanged},
    say,
    slapd::Slapd,
};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(7_200);
/// How often a long run is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a change is looked for.
pub const CLOSE_LOOK: Duration = Duration::from_millis(2);
/// Changes made before counting begins.
const WARM_UP: usize = 3;

/// Runs a measurement.
pub async fn run(options: &Options) -> Result {
    let dir = tempfile::Builder::new()
        .prefix("hybridge-bench-")
        .tempdir()
        .unwrap();
    let mut directory =
        Directory::raise(options.source, &dir.path().join("source"), options.people).await;
    let baselines = baselines(&directory, dir.path()).await;
    say("installing server and agent");
    let installation = Installation::new(dir.path(), &directory, options.interval_seconds).await;
    let mut initial = initial(&installation).await;
    say("comparing source and target");
    let report = installation.verify();
    initial.agrees = report["agree"] == Value::Bool(true);
    initial.differences = report["differenceCount"].as_u64().unwrap_or(0);
    let mut result = Result {
        options: options.clone(),
        baselines,
        initial,
        ..Result::default()
    };
    if options.what == What::Preview {
        result.looks = looks::measure(&installation).await;
    } else {
        result.changes = changes(&installation, &mut directory, options.changes).await;
        result.memberships = membership::measure(&installation, &mut directory).await;
        let cycles = if options.what == What::Unchanged {
            25
        } else {
            5
        };
        result.unchanged = unchanged(&installation, cycles).await;
    }
    drop(installation);
    if options.keeps_data {
        say(format!("the data stays in {}", dir.keep().display()));
    }
    result
}

/// What others need for the same directory.
async fn baselines(directory: &Directory, dir: &std::path::Path) -> Baselines {
    say("a paged ldapsearch for everything");
    assert!(directory.search(), "ldapsearch failed");
    let moment = Moment::now();
    directory.search();
    let search_seconds = moment.seconds();
    let mut baselines = Baselines {
        search_seconds,
        others_share: moment.others(search_seconds),
        replica_seconds: None,
        replica_cpu_seconds: None,
    };
    if let Some(provider) = directory.provider() {
        say("a second slapd replicates everything");
        let before = Used::of(provider.process()).cpu_seconds;
        let moment = Moment::now();
        let replica = Slapd::replica(&dir.join("replica"), provider).await;
        replica.catches_up_with(provider).await;
        baselines.replica_seconds = Some(moment.seconds());
        let cpu = Used::of(replica.process()).cpu_seconds;
        baselines.replica_cpu_seconds = Some(cpu);
        let provided = Used::of(provider.process()).cpu_seconds - before;
        baselines.others_share = moment.others(cpu + provided);
    }
    baselines
}

/// The initial cycle, from the start of the job to the record of its end.
async fn initial(installation: &Installation) -> Initial {
    say("the initial cycle");
    let idle_agent_kib = installation.agent().resident_kib;
    let before = installation.both();
    let (begun, moment) = (Timestamp::now(), Moment::now());
    installation.start_job().await;
    let ended = ends(installation, begun).await;
    let after = installation.both();
    let seconds = ended.duration_since(begun).as_secs_f64();
    let cpu = after.cpu_seconds - before.cpu_seconds;
    let situations = installation.api.status().await.situations;
    Initial {
        seconds,
        objects: situations.get("linked").copied().unwrap_or(0),
        skipped: situations.get("skipped").copied().unwrap_or(0),
        cpu_seconds: cpu,
        written_bytes: after.written_bytes - before.written_bytes,
        server_peak_kib: installation.server().peak_kib,
        agent_peak_kib: installation.agent().peak_kib,
        agent_idle_kib: idle_agent_kib,
        stored_bytes: installation.stored_bytes(),
        others_share: moment.others(cpu),
        agrees: false,
        differences: 0,
    }
}

/// Waits until everything is done; returns when the last run ended.
async fn ends(installation: &Installation, begun: Timestamp) -> Timestamp {
    let deadline = Instant::now() + PATIENCE;
    let mut told = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let status = installation.api.status().await;
        let progress = &status.progress;
        let rest = progress.to_plan + progress.to_export;
        let run = installation.api.last_run().await;
        let ended: Option<Timestamp> = run.and_then(|run| run.ended_at?.parse().ok());
        let is_read = status.source.position.read_up_to.is_some();
        if let (true, 0, None, Some(ended)) = (is_read, rest, &status.lag, ended)
            && ended > begun
        {
            return ended;
        }
        assert!(status.failure.is_none(), "{:?}", status.failure);
        assert!(Instant::now() < deadline, "not done in time: {status:#?}");
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            say(format!(
                "  {} read, {} to plan, {} to export, {:?}",
                progress.read, progress.to_plan, progress.to_export, status.situations
            ));
        }
    }
}

/// Single changes, each visible before the next is made.
async fn changes(installation: &Installation, directory: &mut Directory, count: usize) -> Changes {
    say(format!("{count} single changes"));
    for _ in 0..WARM_UP {
        visible(installation, directory).await;
    }
    let before = installation.both();
    let moment = Moment::now();
    let mut all = Vec::new();
    for number in 0..count {
        all.push(visible(installation, directory).await);
        if number % 100 == 99 {
            say(format!("  {} changes", number + 1));
        }
    }
    let after = installation.both();
    all.sort_by(f64::total_cmp);
    let cpu = after.cpu_seconds - before.cpu_seconds;
    Changes {
        sorted_ms: all,
        cpu_seconds: cpu,
        written_bytes: after.written_bytes - before.written_bytes,
        others_share: moment.others(cpu),
    }
}

/// Milliseconds from a change in the source until it is visible in the tenant directory.
async fn visible(installation: &Installation, directory: &mut Directory) -> f64 {
    let mut changed = directory.change().await;
    // Somebody with another name in the target, or who is left out, cannot be looked for by it.
    while installation.api.object(&changed.upn).await.is_none() {
        changed = directory.change().await;
    }
    let patience = PATIENCE.as_secs_f64() * 1_000.0;
    loop {
        let now = installation
            .api
            .object(&changed.upn)
            .await
            .unwrap_or_default();
        let mut values = now.attributes.values().flatten();
        let age = changed.since.age_ms();
        if values.any(|value| *value == changed.value) {
            return age;
        }
        assert!(age < patience, "{} never changes", changed.upn);
        tokio::time::sleep(CLOSE_LOOK).await;
    }
}

/// Cycles in which nothing changed: from asking for one until the source is known as it was after that.
async fn unchanged(installation: &Installation, count: usize) -> Unchanged {
    say(format!("{count} cycles without a change"));
    // The usual interval would mix its own cycles in.
    let before = installation.both();
    let mut all = Vec::new();
    for _ in 0..count {
        let (asked, clock) = (Timestamp::now(), Instant::now());
        installation.start_job().await;
        while installation.read_up_to().await < Some(asked) {
            tokio::time::sleep(CLOSE_LOOK).await;
        }
        all.push(clock.elapsed().as_secs_f64() * 1_000.0);
    }
    let after = installation.both();
    all.sort_by(f64::total_cmp);
    Unchanged {
        sorted_ms: all,
        written_bytes: after.written_bytes - before.written_bytes,
    }
}
