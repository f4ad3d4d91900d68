//! A full read that breaks off half-way: nothing is planned from the half, and nothing is held against the source after.

use scenarios::crash::{Outcome, Run, Stage, script};

async fn first_cycle(stage: &Stage) -> Run<'_> {
    let mut run = stage.run();
    // Pages take their time, so that the agent can be killed between two of them.
    let slow = "engine.observe.after:100".to_owned();
    run.environment = vec![("HYBRIDGE_FAILPOINT_PAUSE".to_owned(), slow)];
    run.start_agent(0);
    run.start_server(None).await;
    run.sync().await.unwrap();
    run
}

fn times(run: &Run<'_>, boundary: &str) -> usize {
    run.trace()
        .iter()
        .filter(|point| *point == boundary)
        .count()
}

/// The domain controller is another one and shows titles no more; the agent dies in the middle of the full read.
async fn break_off(run: &mut Run<'_>, stage: &Stage) {
    stage.forest.faults().set(|faults| {
        faults.hidden_attributes.insert("title".into());
    });
    run.kill_agent(0);
    let ended = times(run, "engine.end_read.after");
    stage.forest.change_invocation_id();
    run.start_agent(0);
    // One end tells that a full read is needed (and perhaps one that the agent died), then its pages come.
    run.reaches("engine.end_read.after", ended + 1).await;
    let pages = times(run, "engine.observe.after");
    run.reaches("engine.observe.after", pages + 7).await;
    run.kill_agent(0);
    let ended = times(run, "engine.end_read.after");
    run.reaches("engine.end_read.after", ended + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_planned_from_half_of_a_full_read() {
    let stage = Stage::new(script::forest(), crate::crash::PROGRAM).await;
    let mut run = first_cycle(&stage).await;
    break_off(&mut run, &stage).await;
    // Long enough for the job to look for work again, which it must not find.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    stage.forest.faults().clear();
    run.start_agent(0);
    run.sync().await.unwrap();
    let found: Outcome = run.end();
    let expected = first_cycle(&stage).await.end();
    assert_eq!(expected.differences(&found), Vec::<String>::new());
}
