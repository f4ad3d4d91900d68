//! A full read that breaks off half-way: nothing is planned from the half, and nothing is held against the source after.

use scenarios::crash::{Stage, script};

/// Two pages of the forest.
const ENTRIES: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_planned_from_half_of_a_full_read() {
    let stage = Stage::new(script::forest(), crate::crash::PROGRAM).await;
    let mut run = stage.run();
    run.start_agent(0);
    run.start_server(None).await;
    run.sync().await.unwrap();
    let ends = |run: &scenarios::crash::Run<'_>| {
        let trace = run.trace();
        trace
            .iter()
            .filter(|point| *point == "engine.end_read.after")
            .count()
    };
    // The domain controller is another one, shows titles no more, and breaks off.
    stage.forest.change_invocation_id();
    stage.forest.faults().set(|faults| {
        faults.hidden_attributes.insert("title".into());
        faults.drop_after_entries = Some(ENTRIES);
    });
    let before = ends(&run);
    run.reaches("engine.end_read.after", before + 3).await;
    stage.forest.faults().clear();
    run.sync().await.unwrap();
    let found = run.end();

    let mut run = stage.run();
    run.start_agent(0);
    run.start_server(None).await;
    run.sync().await.unwrap();
    assert_eq!(run.end().differences(&found), Vec::<String>::new());
}
