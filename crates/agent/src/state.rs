//! What the running agent leaves for others on its machine to see: which process it is, and how it is doing.
//!
//! For `hybridge-agent doctor` only; the agent never reads it. Never holds a secret. Trap: a process number is used again after
//! a while, so the time the process was started belongs to it.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::error::AgentError;

/// The file.
pub const STATE_FILE: &str = "agent-state.json";

/// How the running agent is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Its process.
    pub process: u32,
    /// When the process was started, in the kernel's ticks.
    pub process_started: u64,
    /// Version of its software.
    pub version: String,
    /// When this was written, in milliseconds since 1970-01-01 UTC.
    pub alive_at: i64,
    /// The same by the machine's uptime, in milliseconds, which no setting of the clock changes; 0: not known.
    pub alive_uptime_ms: i64,
    /// When the server last answered, likewise; 0: never since it was started.
    pub contact_at: i64,
    /// Why the server did not answer last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The code.
    pub code: String,
    /// What was said.
    pub text: String,
}

/// What the kernel says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Ticks at its start.
    pub started: u64,
    /// Whether it is stopped by a signal.
    pub is_stopped: bool,
    /// Whether it has ended and nobody has noticed yet.
    pub is_dead: bool,
}

impl State {
    /// Of this process, now.
    pub fn of_this_process() -> Self {
        let process = std::process::id();
        Self {
            process,
            process_started: process_of(process).map_or(0, |process| process.started),
            version: crate::VERSION.into(),
            ..Self::default()
        }
    }

    /// Reads the state of a data directory; `None`: no agent has run with it, or it cannot be read.
    pub fn read(data_directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(data_directory.join(STATE_FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it; a power cut may lose it, which costs nothing.
    ///
    /// # Errors
    /// Of the file.
    pub fn write(&self, data_directory: &Path) -> io::Result<()> {
        let new = data_directory.join(format!("{STATE_FILE}.new"));
        fs::write(&new, serde_json::to_string(self)?)?;
        fs::rename(&new, data_directory.join(STATE_FILE))
    }

    /// For how long nothing has been written, in milliseconds.
    pub fn silent_ms(&self, now: i64) -> i64 {
        match uptime_ms() {
            Some(uptime) if self.alive_uptime_ms > 0 => uptime.saturating_sub(self.alive_uptime_ms),
            _ => now.saturating_sub(self.alive_at),
        }
    }

    /// The process, if it is still the one that wrote this.
    pub fn living(&self) -> Option<Process> {
        let process = process_of(self.process)?;
        (process.started == self.process_started && !process.is_dead).then_some(process)
    }
}

/// The lock of a data directory: two agents with one identity would take each other's work. Held as long as it lives.
pub struct Lock(#[allow(dead_code, reason = "locked as long as it is open")] fs::File);

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    /// [`AgentError::Locked`] if another process has it; those of the file.
    pub fn take(data_directory: &Path) -> Result<Self, AgentError> {
        let path = data_directory.join("agent.lock");
        let mut options = fs::File::options();
        options.create(true).write(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .map_err(|source| AgentError::of_file("opening", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => {
                let other = State::read(data_directory).filter(|state| state.living().is_some());
                Err(AgentError::Locked {
                    path: data_directory.into(),
                    whose: other
                        .map(|state| format!(" (process {})", state.process))
                        .unwrap_or_default(),
                })
            }
            Err(fs::TryLockError::Error(source)) => {
                Err(AgentError::of_file("locking", &path, source))
            }
        }
    }
}

/// How long the machine has been up, in milliseconds; `None`: the system does not tell.
pub fn uptime_ms() -> Option<i64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let (seconds, hundredths): (i64, i64) = (seconds.parse().ok()?, hundredths.parse().ok()?);
    seconds.checked_mul(1_000)?.checked_add(hundredths * 10)
}

/// What the kernel says of a process; `None`: there is none, or the system does not tell.
pub fn process_of(process: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, also parentheses.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some(Process {
        started,
        is_stopped: matches!(state, "T" | "t"),
        is_dead: matches!(state, "Z" | "X"),
    })
}

/// The environment of a process, as far as it may be seen.
pub fn environment_of(process: u32) -> Option<Vec<(String, String)>> {
    let bytes = fs::read(format!("/proc/{process}/environ")).ok()?;
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(pairs.collect())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::of_this_process();
        state.write(folder.path()).unwrap();
        let read = State::read(folder.path()).unwrap();
        assert_eq!(read, state);
        assert!(read.living().is_some_and(|process| !process.is_stopped));
        let reused = State {
            process_started: state.process_started + 1,
            ..state
        };
        assert_eq!(reused.living(), None);
    }
}
