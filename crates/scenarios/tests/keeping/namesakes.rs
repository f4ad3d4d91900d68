//! Two agents of one name: what is told to one by name must not happen to the other.

use forest::Organisation;
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use wire::api::v1::{Agent, ErrorAnswer, Page};

fn agents(installation: &Installation) -> Vec<Agent> {
    let page: Page<Agent> = installation.ask(&["agent", "list"]);
    page.items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_agents_of_one_name_none_is_taken_for_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation { people: 6, seed: 6 }.build().unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    let installation = Installation::new(&source);
    // Enrolled on the same machine, hence under the same name.
    installation.enrol_agent("twin", None);
    let [first, second] = &agents(&installation)[..] else {
        panic!("two agents are enrolled");
    };
    assert_eq!(first.name, second.name);

    let name = first.name.as_str();
    for arguments in [
        &["agent", "drain", name][..],
        &["agent", "revoke", name, "--yes"],
        &["agent", "remove", name, "--yes"],
    ] {
        let output = installation.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let answer: ErrorAnswer = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer.error.code, "Conflict", "{arguments:?}");
        for one in [first, second] {
            let told = match one.facts.get("host").and_then(Value::as_str) {
                Some(host) => format!("{} on {host}, last seen", one.id),
                None => format!("{} on an unknown host, last seen", one.id),
            };
            assert!(answer.error.message.contains(&told), "{answer:?}");
        }
        assert!(answer.error.arguments["cure"].contains("give the id"));
    }
    let state = |of: &str| agents(&installation).into_iter().find(|one| one.id == of);
    assert_eq!(state(&first.id).unwrap().state, first.state);
    assert_eq!(state(&second.id).unwrap().state, second.state);

    installation.ask::<Value>(&["agent", "remove", &second.id, "--yes"]);
    assert!(state(&second.id).is_none());
    // The name means one again.
    let drained: Value = installation.ask(&["agent", "drain", name]);
    assert_eq!(drained["id"], first.id.as_str());
}
