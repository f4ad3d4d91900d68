//! Points at which a debug build can be made to die: `HYBRIDGE_FAILPOINT=updater.switched`. Release builds have none of this.

/// Dies here if the environment says so, as SIGKILL would.
#[cfg(debug_assertions)]
pub fn reach(point: &str) {
    if std::env::var("HYBRIDGE_FAILPOINT").is_ok_and(|asked| asked == point) {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub fn reach(_: &str) {}
