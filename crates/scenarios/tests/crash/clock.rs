//! The wall clock jumps while the server is down; nothing waits for a time that will not come, nothing is done twice.

use scenarios::crash::{
    Outcome, Stage,
    script::{self, ACTS, Script},
    stage::clock_ahead,
};

const HOURS: i64 = 3_600;

/// Plays the script; in the act with the deletions the server dies before they are let through, and the clock jumps.
async fn play(stage: &Stage, before: i64, after: i64) -> Outcome {
    let mut run = stage.run();
    let script = Script::new(&stage.forest);
    let failpoint = (before != after).then_some("engine.release_settled.before:1");
    run.environment = clock_ahead(stage, before);
    run.start_agent(0);
    run.start_server(failpoint).await;
    let mut deaths = 0;
    for act in 0..ACTS {
        script.act(act);
        while run.sync().await.is_err() {
            deaths += 1;
            assert_eq!(deaths, 1, "{}", run.log_of("server"));
            run.cut_power(None);
            run.kill_agent(0);
            run.environment = clock_ahead(stage, after);
            run.start_agent(0);
            run.start_server(None).await;
        }
    }
    assert_eq!(deaths, usize::from(before != after));
    run.end()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_changes_nothing_in_the_end() {
    let stage = Stage::new(script::forest(), crate::crash::PROGRAM).await;
    let expected = play(&stage, 0, 0).await;
    for (before, after) in [(0, 2 * HOURS), (2 * HOURS, 0)] {
        let found = play(&stage, before, after).await;
        assert_eq!(
            expected.differences(&found),
            Vec::<String>::new(),
            "from {before} s to {after} s"
        );
    }
}
