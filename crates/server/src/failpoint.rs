//! Named points at which a debug build can be made to die, for crash tests.
//!
//! `HYBRIDGE_FAILPOINT=engine.report.before:3` ends the process (as SIGKILL would) the third time that point is reached;
//! `HYBRIDGE_FAILPOINT_PAUSE=engine.observe.after:150` makes it pause there for that many milliseconds, each time;
//! `HYBRIDGE_FAILPOINT_LEASE_MS=2000` shortens the leases of agents, so that such tests need not wait for a minute.
//! `HYBRIDGE_FAILPOINT_HEALTH_MS=200` looks for alerts that often.
//! `HYBRIDGE_FAILPOINT_ROLLOVER_MS=500` lets an old authority leave that soon.
//! Release builds have none of this. Trap: the process ends without unwinding, so nothing is flushed.

use std::sync::Arc;

use crate::desk::DeskLimits;

/// A hook that is told every commit boundary.
pub type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// The hook asked for by the environment, if this is a debug build and there is one.
#[cfg(debug_assertions)]
pub fn hook() -> Option<Hook> {
    use std::{
        sync::atomic::{AtomicI64, Ordering},
        time::Duration,
    };
    let trace = std::env::var("HYBRIDGE_FAILPOINT_TRACE").ok();
    let asked = std::env::var("HYBRIDGE_FAILPOINT").ok();
    let pause = std::env::var("HYBRIDGE_FAILPOINT_PAUSE").ok();
    if trace.is_none() && asked.is_none() && pause.is_none() {
        return None;
    }
    let pause = pause.and_then(|pause| {
        let (name, ms) = pause.rsplit_once(':')?;
        Some((name.to_owned(), Duration::from_millis(ms.parse().ok()?)))
    });
    let (name, times) = match asked.as_deref().map(|asked| asked.rsplit_once(':')) {
        Some(Some((name, times))) => (name.to_owned(), times.parse().unwrap_or(1)),
        Some(None) => (asked.clone().unwrap_or_default(), 1),
        None => (String::new(), 0),
    };
    let left = AtomicI64::new(times);
    Some(Arc::new(move |point| {
        if let Some(path) = &trace {
            append(path, point);
        }
        if let Some((_, time)) = pause.as_ref().filter(|(name, _)| name == point) {
            std::thread::sleep(*time);
        }
        if !name.is_empty() && point == name && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }))
}

/// Release builds have no points.
#[cfg(not(debug_assertions))]
pub fn hook() -> Option<Hook> {
    None
}

/// How long leases last: shorter if the environment of a debug build says so.
#[cfg(debug_assertions)]
pub fn desk_limits() -> DeskLimits {
    let asked = std::env::var("HYBRIDGE_FAILPOINT_LEASE_MS").ok();
    match asked.and_then(|asked| asked.parse().ok()) {
        Some(ms) => DeskLimits {
            handover: std::time::Duration::from_millis(ms),
            lease: std::time::Duration::from_millis(ms),
            ..DeskLimits::default()
        },
        None => DeskLimits::default(),
    }
}

/// Release builds have the usual limits.
#[cfg(not(debug_assertions))]
pub fn desk_limits() -> DeskLimits {
    DeskLimits::default()
}

/// Time between two looks for alerts: shorter if the environment of a debug build says so.
#[cfg(debug_assertions)]
pub fn health_look(usual: std::time::Duration) -> std::time::Duration {
    let asked = std::env::var("HYBRIDGE_FAILPOINT_HEALTH_MS").ok();
    let asked = asked.and_then(|asked| asked.parse().ok());
    asked.map_or(usual, std::time::Duration::from_millis)
}

/// Release builds take the usual time.
#[cfg(not(debug_assertions))]
pub fn health_look(usual: std::time::Duration) -> std::time::Duration {
    usual
}

/// How long an old authority stays, and how often it is looked at: shorter if the environment of a debug build says so.
#[cfg(debug_assertions)]
pub fn rollover(usual: std::time::Duration) -> std::time::Duration {
    let asked = std::env::var("HYBRIDGE_FAILPOINT_ROLLOVER_MS").ok();
    let asked = asked.and_then(|asked| asked.parse().ok());
    asked.map_or(usual, std::time::Duration::from_millis)
}

/// Release builds take the usual time.
#[cfg(not(debug_assertions))]
pub fn rollover(usual: std::time::Duration) -> std::time::Duration {
    usual
}

#[cfg(debug_assertions)]
fn append(path: &str, point: &str) {
    use std::io::Write as _;
    if let Ok(mut file) = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
    {
        // At once, because several threads append to the same file.
        let _ = file.write_all(format!("{point}\n").as_bytes());
    }
}
