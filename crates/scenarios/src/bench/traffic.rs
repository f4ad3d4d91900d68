//! What the kernel counts of a process's TCP connections, as `ss` prints it.
//!
//! Trap: a connection takes its counts with it when it ends; where one ended, nothing can be said, and nothing is.

use std::{collections::BTreeMap, process::Command};

/// Bytes sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// Connections by local and remote address.
#[derive(Clone, Debug, Default)]
pub struct Traffic(BTreeMap<(String, String), Bytes>);

impl Traffic {
    /// Of a process; `None`: there is no `ss`.
    pub fn of(process: u32) -> Option<Self> {
        let output = Command::new("ss").args(["-tinpHO"]).output().ok()?;
        output.status.success().then(|| {
            let text = String::from_utf8_lossy(&output.stdout);
            Self::read(&text, process)
        })
    }

    fn read(text: &str, process: u32) -> Self {
        let owner = format!("pid={process},");
        let lines = text.lines().filter(|line| line.contains(&owner));
        Self(lines.filter_map(connection).collect())
    }

    /// What went over connections with this remote port since, and over all others; `None`: a connection ended meanwhile.
    pub fn since(&self, before: &Self, port: u16) -> Option<(Bytes, Bytes)> {
        if !before.0.keys().all(|key| self.0.contains_key(key)) {
            return None;
        }
        let (mut with, mut without) = (Bytes::default(), Bytes::default());
        for (key, now) in &self.0 {
            let was = before.0.get(key).copied().unwrap_or_default();
            let ends_so = key.1.ends_with(&format!(":{port}"));
            let sum = if ends_so { &mut with } else { &mut without };
            sum.sent += now.sent.saturating_sub(was.sent);
            sum.received += now.received.saturating_sub(was.received);
        }
        Some((with, without))
    }
}

/// State, queues, local and remote address, owner, then counts as `name:number`; a count of nothing is not printed.
fn connection(line: &str) -> Option<((String, String), Bytes)> {
    let mut words = line.split_whitespace().skip(3);
    let (local, remote) = (words.next()?.to_owned(), words.next()?.to_owned());
    let count = |name: &str| {
        line.split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.parse().ok())
            .unwrap_or(0)
    };
    let bytes = Bytes {
        sent: count("bytes_sent:"),
        received: count("bytes_received:"),
    };
    Some(((local, remote), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
ESTAB 0 0 127.0.0.1:50001 127.0.0.1:636 users:((\"agent\",pid=12,fd=9)) cubic bytes_sent:10 bytes_acked:11 bytes_received:20 segs_out:3
ESTAB 0 0 127.0.0.1:50002 127.0.0.1:9000 users:((\"agent\",pid=12,fd=10)) cubic segs_out:3
ESTAB 0 0 127.0.0.1:50003 127.0.0.1:636 users:((\"other\",pid=121,fd=9)) cubic bytes_sent:1000 segs_out:3";

    #[test]
    fn counts_what_went_over_the_connections_of_one_process_since() {
        let after = BEFORE
            .replace("bytes_received:20", "bytes_received:120")
            .replace("cubic segs_out", "cubic bytes_sent:7 segs_out")
            .replace("bytes_sent:1000", "bytes_sent:9000");
        let (before, after) = (Traffic::read(BEFORE, 12), Traffic::read(&after, 12));
        let (directory, server) = after.since(&before, 636).unwrap();
        let moved = |sent, received| Bytes { sent, received };
        assert_eq!((directory, server), (moved(0, 100), moved(7, 0)));
    }

    #[test]
    fn says_nothing_once_a_connection_has_ended() {
        let after = BEFORE.replace(":50002", ":50004");
        let (before, after) = (Traffic::read(BEFORE, 12), Traffic::read(&after, 12));
        assert_eq!(after.since(&before, 636), None);
    }
}
