//! Several agents for one source: work goes on as long as one lives, nothing is lost and nothing is made twice.

use scenarios::chaos::{Options, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_while_one_of_three_agents_lives() {
    let is_full = scenarios::is_full();
    let options = Options {
        agents: 3,
        faults: if is_full { 60 } else { 8 },
        people: if is_full { 2_000 } else { 150 },
        seed: 3,
    };
    let outcome = run(options, |one| eprintln!("{:?}: {:?}", one.fault, one.after)).await;
    assert_eq!(outcome.recoveries.len(), options.faults);
    assert!(outcome.changes > options.faults && outcome.objects > options.people as u64 / 2);
    eprintln!(
        "p99 {:?} of {} faults",
        outcome.percentile(99),
        options.faults
    );
}
