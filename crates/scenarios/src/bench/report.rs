//! What came out: a table for people, one JSON object for programs.
//!
//! Trap: a figure that was not measured is `null`, never zero.

use serde_json::{Value, json};

use super::{Options, looks, looks::Look};

/// What others need for the same directory.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    /// A paged search.
    pub search_seconds: f64,
    /// A second server replicating, not synced to disk.
    pub replica_seconds: Option<f64>,
    /// Processor time of that server.
    pub replica_cpu_seconds: Option<f64>,
    /// Share of the machine that others took meanwhile.
    pub others_share: f64,
}

/// The initial cycle.
#[derive(Clone, Debug, Default)]
pub struct Initial {
    /// From start to end.
    pub seconds: f64,
    /// Objects in the target.
    pub objects: u64,
    /// Objects left out, each with its reason.
    pub skipped: u64,
    /// Processor time of server and agent.
    pub cpu_seconds: f64,
    /// Bytes both wrote.
    pub written_bytes: u64,
    /// The most memory of the server.
    pub server_peak_kib: u64,
    /// The most memory of the agent.
    pub agent_peak_kib: u64,
    /// Memory of the agent before.
    pub agent_idle_kib: u64,
    /// Size of the stores.
    pub stored_bytes: u64,
    /// Share of the machine that others took meanwhile.
    pub others_share: f64,
    /// Whether the judge finds source and target the same.
    pub agrees: bool,
    /// Differences the judge found.
    pub differences: u64,
}

/// Single changes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Times until visible, shortest first.
    pub sorted_ms: Vec<f64>,
    /// Processor time of server and agent.
    pub cpu_seconds: f64,
    /// Bytes both wrote.
    pub written_bytes: u64,
    /// Share of the machine that others took meanwhile.
    pub others_share: f64,
}

/// Memberships of the largest group, ended and begun again.
#[derive(Clone, Debug, Default)]
pub struct Memberships {
    /// Times until visible, shortest first.
    pub sorted_ms: Vec<f64>,
    /// References that were added or removed in the target, by the word of the provisioning log.
    pub edges: u64,
    /// Processor time of server and agent.
    pub cpu_seconds: f64,
    /// Bytes both wrote.
    pub written_bytes: u64,
    /// Bytes the agent received from the directory, TLS included; `None`: not known.
    pub read_bytes: Option<u64>,
    /// Bytes the agent sent to the server, TLS and polling included; `None`: not known.
    pub sent_bytes: Option<u64>,
    /// Share of the machine that others took meanwhile.
    pub others_share: f64,
}

/// Cycles without a change.
#[derive(Clone, Debug, Default)]
pub struct Unchanged {
    /// Times, shortest first.
    pub sorted_ms: Vec<f64>,
    /// Bytes written in all of them.
    pub written_bytes: u64,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Result {
    /// What was asked for.
    pub options: Options,
    /// Others.
    pub baselines: Baselines,
    /// The initial cycle.
    pub initial: Initial,
    /// Single changes.
    pub changes: Changes,
    /// Memberships of the largest group.
    pub memberships: Memberships,
    /// Cycles without a change.
    pub unchanged: Unchanged,
    /// Previews and the search for what would fail.
    pub looks: Vec<Look>,
}

const MIB: f64 = 1_048_576.0;

impl Result {
    /// Everything, with units in the names.
    pub fn json(&self) -> Value {
        let mut all = self.main();
        if let (Value::Object(all), Value::Object(more)) = (&mut all, self.memberships.json()) {
            all.extend(more);
        }
        if let (Value::Object(all), Value::Object(more)) = (&mut all, looks::json(&self.looks)) {
            all.extend(more);
        }
        all
    }

    fn main(&self) -> Value {
        let (initial, baselines) = (&self.initial, &self.baselines);
        let objects = initial.objects.max(1) as f64;
        let changes = self.changes.sorted_ms.len().max(1) as f64;
        json!({
            "source": self.options.source.name(),
            "people": self.options.people,
            "objects": initial.objects,
            "objects_skipped": initial.skipped,
            "agrees": initial.agrees,
            "differences": initial.differences,
            "seconds": round(initial.seconds),
            "objects_per_second": round(objects / initial.seconds),
            "ratio_to_ldapsearch": round(baselines.search_seconds / initial.seconds),
            "ratio_to_syncrepl": baselines.replica_seconds.map(|seconds| round(seconds / initial.seconds)),
            "ldapsearch_seconds": round(baselines.search_seconds),
            "syncrepl_seconds": baselines.replica_seconds.map(round),
            "syncrepl_cpu_seconds": baselines.replica_cpu_seconds.map(round),
            "cpu_us_per_object": round(initial.cpu_seconds * 1e6 / objects),
            "bytes_written_per_object": round(initial.written_bytes as f64 / objects),
            "rss_server_mib": round(initial.server_peak_kib as f64 / 1024.0),
            "rss_agent_mib": round(initial.agent_peak_kib as f64 / 1024.0),
            "rss_agent_idle_mib": round(initial.agent_idle_kib as f64 / 1024.0),
            "database_mib": round(initial.stored_bytes as f64 / MIB),
            "changes": self.changes.sorted_ms.len(),
            "visible_p50_ms": percentile(&self.changes.sorted_ms, 50),
            "visible_p99_ms": percentile(&self.changes.sorted_ms, 99),
            "visible_max_ms": percentile(&self.changes.sorted_ms, 100),
            "cpu_us_per_change": round(self.changes.cpu_seconds * 1e6 / changes),
            "bytes_written_per_change": round(self.changes.written_bytes as f64 / changes),
            "unchanged_cycle_ms": percentile(&self.unchanged.sorted_ms, 50),
            "unchanged_bytes_written": self.unchanged.written_bytes,
            "others_share_baselines": round(baselines.others_share),
            "others_share_initial": round(initial.others_share),
            "others_share_changes": round(self.changes.others_share),
        })
    }

    /// The same as lines of name and figure.
    pub fn table(&self) -> String {
        let json = self.json();
        let fields = json.as_object().into_iter().flatten();
        let lines = fields.map(|(name, value)| format!("{:<32} {value}", name.replace('_', " ")));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Memberships {
    /// What one of them took, on average; the times as they were.
    fn json(&self) -> Value {
        let count = self.sorted_ms.len().max(1) as f64;
        let each = |number: u64| round(number as f64 / count);
        json!({
            "memberships": self.sorted_ms.len(),
            "membership_edges_moved": each(self.edges),
            "membership_visible_ms": percentile(&self.sorted_ms, 50),
            "membership_visible_max_ms": percentile(&self.sorted_ms, 100),
            "membership_cpu_us": round(self.cpu_seconds * 1e6 / count),
            "membership_bytes_written": each(self.written_bytes),
            "membership_bytes_from_directory": self.read_bytes.map(each),
            "membership_bytes_on_link": self.sent_bytes.map(each),
            "others_share_memberships": round(self.others_share),
        })
    }
}

/// As many digits as mean anything.
fn round(number: f64) -> f64 {
    let digits = if number.abs() >= 100.0 { 1.0 } else { 1_000.0 };
    (number * digits).round() / digits
}

/// The value that so many in a hundred do not exceed; `None` of nothing.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().map(round)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let all: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&all, 50), Some(100.0));
        assert_eq!(percentile(&all, 99), Some(198.0));
        assert_eq!(percentile(&all, 100), Some(200.0));
        assert_eq!(percentile(&[], 50), None);
    }
}
