//! An agent is frozen while it reads; when it wakes its lease is over and its late pages are refused.

use scenarios::crash::{Outcome, Stage, script};

const PEOPLE: usize = 120;

/// Freezes the agent in the middle of the first read; the read is done by the other one, or by itself when it wakes.
async fn freeze(stage: &Stage, has_deputy: bool) {
    let mut run = stage.run();
    let slow = "engine.observe.after:100".to_owned();
    run.environment = vec![("HYBRIDGE_FAILPOINT_PAUSE".to_owned(), slow)];
    run.start_agent(0);
    run.start_server(None).await;
    run.reaches("engine.observe.after", 3).await;
    let agent = run.agents[0].as_ref().unwrap();
    agent.signal("-STOP");
    // The lease ends, and with it the read.
    run.reaches("engine.end_read.after", 1).await;
    let pages = run
        .trace()
        .iter()
        .filter(|point| *point == "engine.observe.after")
        .count();
    assert!(
        pages < PEOPLE / 10,
        "the read was over before the agent froze"
    );
    if has_deputy {
        run.start_agent(1);
        run.sync().await.unwrap();
    }
    let agent = run.agents[0].as_ref().unwrap();
    agent.signal("-CONT");
    run.sync().await.unwrap();
    let woken = run.log_of("agent0");
    assert!(
        woken.contains("was lost") || woken.contains("was not taken"),
        "the woken agent was not refused:\n{woken}"
    );
    let expected = undisturbed(stage).await;
    assert!(expected.objects.len() > PEOPLE);
    assert_eq!(expected.differences(&run.end()), Vec::<String>::new());
}

async fn undisturbed(stage: &Stage) -> Outcome {
    let mut run = stage.run();
    run.start_agent(0);
    run.start_server(None).await;
    run.sync().await.unwrap();
    run.end()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_wakes_is_refused_after_another_has_read() {
    let stage = Stage::new(script::forest_of(PEOPLE), crate::crash::PROGRAM).await;
    freeze(&stage, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_wakes_is_refused_and_reads_again() {
    let stage = Stage::new(script::forest_of(PEOPLE), crate::crash::PROGRAM).await;
    freeze(&stage, false).await;
}
