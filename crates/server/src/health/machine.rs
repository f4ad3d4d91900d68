//! What the machine has left: memory, processors, disk.
//!
//! Read from where the operating system shows it; what it does not show is not known and is never guessed. Trap: in a
//! container the limit is the container's, not the machine's.

use std::{collections::VecDeque, path::Path, time::Duration};

use tokio::time::Instant;

/// Time over which processors are looked at.
const PERIOD: Duration = Duration::from_secs(15 * 60);
/// Ticks in a second of `/proc/self/stat`: the same on every Linux.
const TICKS: u64 = 100;

/// What was seen last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Bytes this process uses; 0: not known.
    pub memory: u64,
    /// Bytes there are for it.
    pub memory_limit: u64,
    /// Bytes free on the disk of the data directory.
    pub disk_free: u64,
    /// Bytes of that disk.
    pub disk_size: u64,
    /// Ticks used, with the moment, the oldest first.
    samples: VecDeque<(Instant, u64)>,
}

impl Machine {
    /// Looks again.
    pub fn look(&mut self, data: &Path) {
        self.memory = status_bytes("/proc/self/status", "VmRSS:").unwrap_or(0);
        let machine = status_bytes("/proc/meminfo", "MemTotal:");
        let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
            .ok()
            .and_then(|text| text.trim().parse().ok());
        self.memory_limit = [machine, container]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(0);
        (self.disk_free, self.disk_size) = disk(data).unwrap_or((0, 0));
        let now = Instant::now();
        if let Some(ticks) = ticks() {
            self.samples.push_back((now, ticks));
        }
        while self.samples.len() > 2
            && self
                .samples
                .get(1)
                .is_some_and(|(at, _)| now.duration_since(*at) >= PERIOD)
        {
            self.samples.pop_front();
        }
    }

    /// Part of all processors used over the period, in percent, once it was watched for so long.
    pub fn processor_percent(&self) -> Option<u64> {
        let ((began, first), (ended, last)) = (self.samples.front()?, self.samples.back()?);
        let time = ended.duration_since(*began);
        if time < PERIOD {
            return None;
        }
        let processors = std::thread::available_parallelism().ok()?.get() as u64;
        let had = time
            .as_secs()
            .saturating_mul(TICKS)
            .saturating_mul(processors);
        Some(last.saturating_sub(*first).saturating_mul(100) / had.max(1))
    }
}

/// A line `Name:   123 kB` of a file.
fn status_bytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number.saturating_mul(1024))
}

/// Ticks this process has used, in user and system mode.
fn ticks() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user.saturating_add(system))
}

#[cfg(unix)]
fn disk(path: &Path) -> Option<(u64, u64)> {
    let told = rustix::fs::statvfs(path).ok()?;
    Some((
        told.f_bavail.saturating_mul(told.f_frsize),
        told.f_blocks.saturating_mul(told.f_frsize),
    ))
}

#[cfg(not(unix))]
fn disk(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_seen_as_it_is() {
        let mut machine = Machine::default();
        machine.look(Path::new("/"));
        assert!(machine.memory > 1 << 20 && machine.memory < machine.memory_limit);
        assert!(machine.disk_size >= machine.disk_free && machine.disk_size > 0);
        assert_eq!(machine.processor_percent(), None, "a moment says nothing");
    }

    #[test]
    fn a_quarter_of_an_hour_says_how_busy_it_is() {
        let began = Instant::now();
        let processors = std::thread::available_parallelism().unwrap().get() as u64;
        let busy = PERIOD.as_secs() * TICKS * processors;
        let machine = Machine {
            samples: [(began, 10), (began + PERIOD, 10 + busy / 2)].into(),
            ..Machine::default()
        };
        assert_eq!(machine.processor_percent(), Some(50));
    }
}
