//! Named points at which a debug build can be made to die, for crash tests.
//!
//! `HYBRIDGE_FAILPOINT=engine.report.before:3` ends the process (as SIGKILL would) the third time that point is reached.
//! Release builds have no such points. Trap: the process ends without unwinding, so nothing is flushed.

use std::sync::Arc;

/// A hook that is told every commit boundary.
pub type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// The hook asked for by the environment, if this is a debug build and there is one.
#[cfg(debug_assertions)]
pub fn hook() -> Option<Hook> {
    use std::sync::atomic::{AtomicI64, Ordering};
    let trace = std::env::var("HYBRIDGE_FAILPOINT_TRACE").ok();
    let asked = std::env::var("HYBRIDGE_FAILPOINT").ok();
    if trace.is_none() && asked.is_none() {
        return None;
    }
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

#[cfg(debug_assertions)]
fn append(path: &str, point: &str) {
    use std::io::Write as _;
    if let Ok(mut file) = std::fs::File::options().create(true).append(true).open(path) {
        let _ = writeln!(file, "{point}");
    }
}
