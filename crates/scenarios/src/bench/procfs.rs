//! What the kernel counts of processes and of the machine.
//!
//! Trap: what others use is the machine's total less what was asked for here; it includes the kernel's own threads.

use std::{fs, time::Instant};

/// Ticks per second of `/proc`'s clocks; fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Seconds of processor time, user and system.
    pub cpu_seconds: f64,
    /// Bytes it caused to be written to storage.
    pub written_bytes: u64,
    /// The most memory it ever held, in KiB.
    pub peak_kib: u64,
    /// The memory it holds, in KiB.
    pub resident_kib: u64,
}

impl Used {
    /// Of a process that is still there.
    pub fn of(process: u32) -> Self {
        let read =
            |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
        let (stat, io, status) = (read("stat"), read("io"), read("status"));
        Self {
            cpu_seconds: cpu_ticks(&stat) / TICKS_PER_SECOND,
            written_bytes: field(&io, "write_bytes:"),
            peak_kib: field(&status, "VmHWM:"),
            resident_kib: field(&status, "VmRSS:"),
        }
    }

    /// Of several processes together.
    pub fn of_all(processes: &[u32]) -> Self {
        processes
            .iter()
            .map(|process| Self::of(*process))
            .fold(Self::default(), |sum, one| Self {
                cpu_seconds: sum.cpu_seconds + one.cpu_seconds,
                written_bytes: sum.written_bytes + one.written_bytes,
                peak_kib: sum.peak_kib + one.peak_kib,
                resident_kib: sum.resident_kib + one.resident_kib,
            })
    }
}

/// `utime` and `stime`; the name before them may hold blanks and parentheses.
fn cpu_ticks(stat: &str) -> f64 {
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let at = |index: usize| {
        fields
            .get(index)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    at(11) + at(12)
}

/// The number after a name.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// A moment of the machine.
pub struct Moment {
    at: Instant,
    busy_seconds: f64,
    total_seconds: f64,
}

impl Moment {
    /// This one.
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let numbers: Vec<f64> = text
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|number| number.parse().ok())
            .collect();
        let total: f64 = numbers.iter().sum();
        let idle: f64 = numbers.iter().skip(3).take(2).sum();
        Self {
            at: Instant::now(),
            busy_seconds: (total - idle) / TICKS_PER_SECOND,
            total_seconds: total / TICKS_PER_SECOND,
        }
    }

    /// Seconds since.
    pub fn seconds(&self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }

    /// The share of the machine that others took since, when we took so many seconds of processor time.
    pub fn others(&self, ours_seconds: f64) -> f64 {
        let now = Self::now();
        let total = (now.total_seconds - self.total_seconds).max(0.001);
        ((now.busy_seconds - self.busy_seconds - ours_seconds) / total).clamp(0.0, 1.0)
    }
}
