//! One membership of the group that holds half of all people, ended and begun again.
//!
//! Trap: it counts as visible when the provisioning log tells of it, which is written after the tenant directory has it; members
//! of so large a group cannot be looked through quickly enough to ask for them.

use std::time::Duration;

use super::{
    directories::Directory,
    installation::Installation,
    measure::{CLOSE_LOOK, PATIENCE},
    procfs::Moment,
    report::Memberships,
    say,
    traffic::Traffic,
};

/// How often one member is taken out and put back.
const ROUNDS: usize = 5;
/// How long the rest of the processing may take after something is visible, before bytes are counted.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// Measures it.
pub async fn measure(installation: &Installation, directory: &mut Directory) -> Memberships {
    say(format!("{} memberships of the largest group", 2 * ROUNDS));
    let first = installation.api.log_end().await;
    let before = installation.both();
    let traffic = Traffic::of(installation.agent_process());
    let moment = Moment::now();
    let mut all = Vec::new();
    for is_member in [false, true].repeat(ROUNDS) {
        all.push(visible(installation, directory, is_member).await);
    }
    tokio::time::sleep(AFTERWARDS).await;
    let after = installation.both();
    let now = Traffic::of(installation.agent_process());
    let moved = now.zip(traffic);
    let moved = moved.and_then(|(now, before)| now.since(&before, directory.port));
    all.sort_by(f64::total_cmp);
    let cpu = after.cpu_seconds - before.cpu_seconds;
    Memberships {
        sorted_ms: all,
        edges: installation.api.edges_since(first).await,
        cpu_seconds: cpu,
        written_bytes: after.written_bytes - before.written_bytes,
        read_bytes: moved.map(|(directory, _)| directory.received),
        sent_bytes: moved.map(|(_, server)| server.sent),
        others_share: moment.others(cpu),
    }
}

/// Milliseconds from one change until the log tells of a reference.
async fn visible(installation: &Installation, directory: &mut Directory, is_member: bool) -> f64 {
    let mark = installation.api.log_end().await;
    let since = directory.membership(is_member).await;
    loop {
        let edges = installation.api.edges_since(mark).await;
        let age = since.age_ms();
        if edges > 0 {
            return age;
        }
        let patience = PATIENCE.as_secs_f64() * 1_000.0;
        assert!(age < patience, "the membership never changes");
        tokio::time::sleep(CLOSE_LOOK).await;
    }
}
