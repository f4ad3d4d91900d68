//! The answer of the target is lost: what was sent is shown as in doubt, is read back, and is done once.

use std::time::{Duration, Instant};

use forest::Organisation;
use scenarios::{
    Source,
    processes::{Installation, line},
};
use serde_json::Value;
use wire::api::v1::{Page, PendingExport};

const PATIENCE: Duration = Duration::from_secs(60);

fn in_doubt(installation: &Installation) -> Vec<PendingExport> {
    let page: Page<PendingExport> = installation.ask(&["pending", "--state", "unknown"]);
    page.items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_whose_answer_was_lost_is_shown_with_its_code_and_done_once() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation {
        people: 10,
        seed: 2,
    };
    let company = company.build().unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    let mut installation = Installation::new(&source);
    installation.resume();
    installation.sync();
    let place = installation.log_end();

    // The target has her, and the server dies before it knows.
    installation.stop_server();
    installation.start_doomed_server("engine.report.before");
    let attributes = [
        ("sAMAccountName", "anna"),
        ("userPrincipalName", "anna.twijfel@canal.example"),
        ("displayName", "Anna Twijfel"),
    ];
    let forest = &company.forest;
    forest
        .add_user(&forest.domain_dn(), "Anna Twijfel", &attributes)
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while installation.server_lives() {
        assert!(Instant::now() < deadline, "nothing is reported");
        std::thread::sleep(Duration::from_millis(20));
    }

    // What the reading back finds takes a while to be stored.
    installation.start_slow_server("engine.report.before", Duration::from_secs(2));
    let mut doubted = in_doubt(&installation);
    while doubted.is_empty() {
        assert!(Instant::now() < deadline, "nothing is in doubt");
        doubted = in_doubt(&installation);
    }
    let [one] = doubted.as_slice() else {
        panic!("one operation was sent: {doubted:#?}");
    };
    let code = one.reason.as_ref().map(|why| why.code.as_str());
    assert_eq!(
        (one.name.as_str(), one.verb.as_str(), code),
        ("Anna Twijfel", "create", Some("OutcomeUnknown"))
    );
    let page: Value = installation.ask(&["codes", "OutcomeUnknown"]);
    assert!(page.to_string().contains("read"), "{page}");

    installation.stop_server();
    installation.start_server();
    installation.sync();
    assert_eq!(in_doubt(&installation), Vec::new());
    let records = installation.log_since(place);
    let lines: Vec<String> = records.iter().map(line).collect();
    assert_eq!(lines, ["create Anna Twijfel"], "once, and told once");
    installation.agrees("after the answer was lost");
}
