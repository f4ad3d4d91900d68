//! An agent dies or freezes and is started anew with the same identity: what it had leased is free at once, and the one that
//! wakes later does no harm. Real processes with leases of their usual length.

use std::time::{Duration, Instant};

use forest::{Generated, Organisation, Served};
use scenarios::{Source, processes::Installation};

/// Half of a lease: whoever waited for its end is told from whoever did not.
const SOON: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(120);
const PEOPLE: usize = 400;

struct Stand {
    installation: Installation,
    company: Generated,
    _served: Served,
    _dir: tempfile::TempDir,
}

fn until(what: &str, patience: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not in {patience:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Stand {
    /// In the middle of the first read, which takes minutes.
    async fn in_the_middle_of_a_read() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let organisation = Organisation {
            people: PEOPLE,
            seed: 3,
        };
        let company = organisation.build().unwrap();
        let (mut source, _served) = Source::forest(&company.forest, &dir).await;
        source.settings["page_size_entries"] = 5.into();
        let installation = Installation::new(&source);
        company
            .forest
            .faults()
            .set(|faults| faults.delay = Duration::from_secs(1));
        installation.resume();
        let stand = Self {
            installation,
            company,
            _served,
            _dir: dir,
        };
        until("pages", PATIENCE, || stand.pages() > 1);
        stand
    }

    /// Entries of the read under way.
    fn pages(&self) -> u64 {
        let reading = self.installation.status().source.reading;
        reading.map_or(0, |reading| reading.entries)
    }

    /// Everybody is in the target, once.
    fn is_whole(&self) {
        self.installation.sync();
        let report = self.installation.verify();
        assert!(report.agree, "{report:#?}");
        assert!(report.target_objects >= PEOPLE as u64, "{report:#?}");
        let records = self.installation.log_since(0);
        let created = records
            .iter()
            .filter(|one| one.provisioning_action == "create" && one.status == "success");
        let mut ids: Vec<&str> = created.map(|one| one.source_identity.id.as_str()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "somebody was made twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agents_work_goes_on_as_soon_as_it_is_started_anew() {
    let mut stand = Stand::in_the_middle_of_a_read().await;
    stand.installation.kill_agent();
    stand.company.forest.faults().clear();
    let killed = Instant::now();
    stand.installation.launch_agent();
    until("the first read", SOON, || {
        let source = stand.installation.status().source;
        source.position.read_up_to.is_some()
    });
    eprintln!("read again {:?} after the kill", killed.elapsed());
    stand.is_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_froze_and_was_replaced_is_sent_away_when_it_wakes() {
    let mut stand = Stand::in_the_middle_of_a_read().await;
    let frozen = stand.installation.freeze_agent();
    stand.company.forest.faults().clear();
    // Its own folder is held by the frozen one: whoever takes its place is a copy of the machine.
    stand.installation.copy_agent("copy");
    let _copy = stand.installation.launch_agent_of("copy");
    until("the first read", SOON, || {
        let source = stand.installation.status().source;
        source.position.read_up_to.is_some()
    });
    let mark = stand.installation.log_end();
    frozen.wake();
    until("the refusal", PATIENCE, || {
        stand.installation.agent_log().contains("AgentSuperseded")
    });
    stand.is_whole();
    // Who woke took nothing away from who replaced it.
    let mut people = stand.company.forest.listing().into_iter();
    let person = people.find(|one| one.text("employeeID").is_some());
    let guid = person.unwrap().guid;
    stand
        .company
        .forest
        .set(guid, "department", "After")
        .unwrap();
    stand.installation.sync();
    let report = stand.installation.verify();
    assert!(report.agree, "{report:#?}");
    let changed = stand.installation.log_since(mark);
    assert!(
        changed
            .iter()
            .all(|record| record.provisioning_action != "delete")
    );
}
