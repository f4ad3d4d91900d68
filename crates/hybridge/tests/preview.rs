//! `hybridge preview` against a forest served in this process, which tells what was asked of it.

use std::process::Command;

use forest::{Organisation, Rights};

use crate::world::{Ran, hybridge};

const ACCOUNT: &str = "previewer";
const PASSWORD: &str = "correct horse";

fn preview(arguments: &[&str], directory: &std::path::Path, url: &str, password: &str) -> Ran {
    let mut command: Command = hybridge();
    command
        .args([
            "preview",
            "--ldap",
            url,
            "--bind",
            "previewer@canal.example",
            "--ldap-ca",
        ])
        .arg(directory.join("ca.pem"))
        .args(arguments)
        .env("HYBRIDGE_BIND_PASSWORD", password);
    command.output().unwrap().into()
}

#[test]
// LONG: one story, told in order.
fn shows_what_would_come_of_a_directory_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let organisation = Organisation {
        people: 100,
        seed: 5,
    }
    .build()
    .unwrap();
    let forest = organisation.forest.clone();
    // An account that may write: what keeps the preview from writing is that it cannot.
    forest.add_account(ACCOUNT, PASSWORD, Rights::ALL).unwrap();
    let authority = forest::make_ca().unwrap();
    std::fs::write(directory.path().join("ca.pem"), &authority.ca_pem).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let served = runtime
        .block_on(forest.serve(address, Some(authority.server.clone())))
        .unwrap();
    let url = format!("ldaps://{}", served.addr);
    let before = forest.listing();

    let csv = directory.path().join("all.csv");
    let ran = preview(
        &["--json", "--csv", csv.to_str().unwrap()],
        directory.path(),
        &url,
        PASSWORD,
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    let total = |name: &str| {
        report[name]
            .as_object()
            .unwrap()
            .values()
            .filter_map(serde_json::Value::as_u64)
            .sum::<u64>()
    };
    assert!(
        report["wouldCreate"]["User"].as_u64().unwrap() >= 90,
        "{report}"
    );
    assert!(
        report["wouldFail"]["AttributeValueMustBeUnique"]
            .as_u64()
            .unwrap()
            >= 1
    );
    assert!(total("wouldSkip") >= 1);
    assert_eq!(
        total("wouldCreate") + total("wouldSkip") + total("wouldFail"),
        report["objects"].as_u64().unwrap()
    );
    let lines = std::fs::read_to_string(&csv).unwrap().lines().count();
    assert!(lines as u64 > report["objects"].as_u64().unwrap());

    // Every attribute of every object is as before, uSNChanged and whenChanged included.
    assert_eq!(before, forest.listing());

    let wrong = preview(&[], directory.path(), &url, "wrong");
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.err.contains("error[SourceCredentialRefused]"),
        "{}",
        wrong.err
    );
    let missing = preview(
        &["--container", "OU=Nowhere,DC=canal,DC=example"],
        directory.path(),
        &url,
        PASSWORD,
    );
    assert!(
        missing.err.contains("error[SourceBaseNotFound]"),
        "{}",
        missing.err
    );
    let unverified = preview(
        &["--json", "--verified-domain", "other.example"],
        directory.path(),
        &url,
        PASSWORD,
    );
    assert_eq!(unverified.code, 0);
    runtime.block_on(served.shutdown());
}
