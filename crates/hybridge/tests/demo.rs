//! `hybridge demo --once` from end to end.

use crate::world::run;

#[test]
fn once_ends_with_agreement_and_numbers() {
    let ran = run(&["demo", "--once", "--people", "200", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let summary = ran.json();
    assert_eq!(summary["agree"], true, "{summary}");
    assert_eq!(summary["people"], 200);
    assert_eq!(summary["changes"], 200);
    assert!(summary["objects"].as_u64().unwrap() > 200, "{summary}");
    for name in ["objects_per_second", "visible_p50_ms", "visible_p99_ms"] {
        assert!(summary[name].as_f64().unwrap() > 0.0, "{name} in {summary}");
    }
}

#[test]
fn a_directory_that_is_not_empty_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine"), "x").unwrap();
    let ran = run(&[
        "demo",
        "--once",
        "--data-dir",
        directory.path().to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("error[Conflict]"), "{}", ran.err);
    assert!(directory.path().join("mine").exists());
}
