//! Help, completion, codes, and errors that need no server.

use std::io::Write as _;

use crate::world::{hybridge, run};

#[test]
fn help_lists_every_verb_and_hides_the_demos_child() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.is_empty(), "{}", ran.err);
    for verb in [
        "server",
        "preview",
        "demo",
        "connect",
        "connector",
        "agent",
        "job",
        "rules",
        "status",
        "object",
        "log",
        "pending",
        "runs",
        "deletes",
        "verify",
        "directory",
        "expression",
        "functions",
        "codes",
        "completions",
    ] {
        assert!(
            ran.out
                .lines()
                .any(|line| line.trim_start().starts_with(verb)),
            "{verb} is not in {}",
            ran.out
        );
    }
    assert!(!ran.out.contains("__agent"));
    assert!(ran.out.contains("Exit codes"));
}

#[test]
fn every_verb_explains_itself() {
    for verbs in [
        &["connect", "ad"][..],
        &["connector", "believe"],
        &["job", "create"],
        &["deletes", "allow"],
        &["directory", "domains", "add"],
        &["preview"],
        &["rules", "check"],
        &["expression", "eval"],
        &["functions"],
        &["rules", "test"],
        &["rules", "rollback"],
    ] {
        let mut arguments = verbs.to_vec();
        arguments.push("--help");
        let ran = run(&arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("Usage:"), "{ran:?}");
    }
}

#[test]
fn a_wrong_argument_is_for_the_person_to_change() {
    let ran = run(&["status", "--wach"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert!(ran.err.contains("--watch"), "{}", ran.err);
}

#[test]
fn completion_scripts_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completions", shell]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("deletes"), "{shell}");
    }
}

#[test]
fn a_code_has_its_page_in_two_languages() {
    let english = run(&["codes", "toomanydeletes"]);
    assert_eq!(english.code, 0);
    assert!(english.out.contains("## What to do"), "{}", english.out);
    let dutch = run(&["codes", "TooManyDeletes", "--lang", "nl"]);
    assert!(dutch.out.contains("## Wat te doen"), "{}", dutch.out);
    let list = run(&["codes", "--json"]).json();
    assert!(list.as_array().unwrap().len() > 70);
}

#[test]
fn an_unknown_code_is_refused_with_those_that_look_alike() {
    let ran = run(&["codes", "delete"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("did you mean") && ran.err.contains("TooManyDeletes"),
        "{}",
        ran.err
    );
}

#[test]
fn without_a_server_the_error_names_code_place_cause_and_cure() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let ran = run(&["--data-dir", path, "status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.is_empty(), "{}", ran.out);
    for part in [
        "error[ConfigurationInvalid]",
        "admin.json",
        "cause:",
        "cure:",
        "see:   hybridge codes ConfigurationInvalid",
    ] {
        assert!(ran.err.contains(part), "{part} is not in {}", ran.err);
    }
    let json = run(&["--json", "--data-dir", path, "status"]);
    assert_eq!(json.json()["error"]["code"], "ConfigurationInvalid");
}

#[test]
fn a_server_that_is_down_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let authority = rcgen_free_authority();
    let admin =
        serde_json::json!({ "url": "https://127.0.0.1:9", "token": "t", "ca_pem": authority });
    let file = directory.path().join("admin.json");
    write_private(&file, &admin.to_string());
    let ran = run(&[
        "--data-dir",
        directory.path().to_str().unwrap(),
        "job",
        "list",
    ]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("error[ServerUnreachable]"), "{}", ran.err);
}

#[test]
#[cfg(unix)]
fn a_token_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("admin.json");
    std::fs::write(&file, "{}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run(&["--data-dir", directory.path().to_str().unwrap(), "status"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("SecretFileUnsafe") && ran.err.contains("chmod 600"),
        "{}",
        ran.err
    );
}

#[test]
fn two_servers_never_share_a_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = hybridge();
        command.args([
            "server",
            "--listen",
            "127.0.0.1:0",
            "--stop-with-stdin",
            "--json",
            "--data-dir",
        ]);
        command
            .arg(directory.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut first = start();
    let mut ready = String::new();
    let mut reader = std::io::BufReader::new(first.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut ready).unwrap();
    assert!(ready.contains("https://127.0.0.1:"), "{ready}");
    let second = start().wait_with_output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(told.contains("error[StoreLocked]"), "{told}");
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
}

fn write_private(path: &std::path::Path, text: &str) {
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// Any certificate; none is asked for when nobody listens.
fn rcgen_free_authority() -> String {
    String::new()
}

#[test]
fn pages_name_the_exit_code_their_code_has() {
    for code in sync_core::code::Code::ALL {
        let expected = format!("xit code {}.", code.exit_code());
        let page = code.page_en();
        assert!(
            !page.contains("xit code") || page.contains(&expected),
            "{code}: {page}"
        );
        let expected = format!("fsluitcode {}", code.exit_code());
        let page = code.page_nl();
        assert!(
            !page.contains("fsluitcode") || page.contains(&expected),
            "{code}: {page}"
        );
    }
}

/// Commands as pages show them, in backticks or as lines of their own.
fn shown(page: &str) -> Vec<String> {
    let spans = page.split('`').filter(|span| !span.contains('\n'));
    let commands = spans
        .chain(page.lines())
        .filter_map(|text| text.strip_prefix("hybridge "));
    commands
        .map(|text| text.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_command_the_guide_and_the_pages_of_the_codes_show_is_there_with_its_options() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut helps = std::collections::BTreeMap::new();
    let mut commands = 0;
    for folder in ["guide", "codes", "codes/nl"] {
        for entry in std::fs::read_dir(docs.join(folder)).unwrap().flatten() {
            let path = entry.path();
            let is_page = path.extension().is_some_and(|end| end == "md");
            if !is_page {
                continue;
            }
            for command in shown(&std::fs::read_to_string(&path).unwrap()) {
                let is_verb = |word: &&str| {
                    word.starts_with(|c: char| c.is_ascii_lowercase())
                        && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                };
                let words = command.split_whitespace();
                let mut verbs: Vec<&str> = words.clone().take_while(is_verb).collect();
                if verbs.is_empty() {
                    continue;
                }
                verbs.push("--help");
                let help = helps.entry(verbs.join(" ")).or_insert_with(|| run(&verbs));
                let place = format!("{}: hybridge {command}", path.display());
                assert_eq!(help.code, 0, "{place}: {}", help.err);
                for option in words.filter(|word| word.starts_with("--")) {
                    let name = option.split(['=', ',', '.', ';']).next().unwrap_or(option);
                    assert!(help.out.contains(name), "{place}: there is no {name}");
                }
                commands += 1;
            }
        }
    }
    assert!(commands > 200, "only {commands} commands were found");
}
