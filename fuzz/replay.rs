// Included by the tests of every crate that is fuzzed: its seeds and finds, once more.

/// Every seed, and every input that once broke something.
fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut count = 0;
    for kind in ["seeds", "finds"] {
        let Ok(files) = std::fs::read_dir(fuzz.join(kind).join(target)) else {
            continue;
        };
        for file in files {
            run(&std::fs::read(file.unwrap().path()).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "there are no seeds of {target}");
}
