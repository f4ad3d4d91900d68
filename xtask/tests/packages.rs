//! What `cargo xtask dist` makes, on real systems: a throw-away root made of this machine's own, dpkg, rpm, systemd.
//!
//! Trap: the programs are those beside this test's own, and whoever runs the tests has to build them first (`cargo xtask test` does).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Highest exposure of a unit that is accepted, in tenths, as `systemd-analyze security` counts it (0 to 100; below 50 is "ok").
const HIGHEST_EXPOSURE: &str = "25";

fn xtask() -> PathBuf {
    env!("CARGO_BIN_EXE_xtask").into()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .into()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn text(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).unwrap()
}

/// Makes what is handed out from the programs of this build.
fn dist(out: &Path, arguments: &[&str]) {
    let programs = xtask().parent().unwrap().to_path_buf();
    let mut command = Command::new(xtask());
    command.args(["dist", "--debug-build", "--programs"]);
    command.arg(programs).arg("--out").arg(out).args(arguments);
    run(command.env("SOURCE_DATE_EPOCH", "1700000000"));
}

#[test]
fn debian_packages_are_installed_upgraded_removed_and_purged_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    dist(&first, &["--only", "deb"]);
    dist(&second, &["--only", "deb", "--revision", "2"]);
    let script = workspace().join("packaging/test/debian.sh");
    let told = text(
        Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--propagation", "private"])
            .arg(script)
            .args([folder.path(), first.as_path(), second.as_path()])
            .env("HIGHEST_EXPOSURE", HIGHEST_EXPOSURE),
    );
    let last = told.lines().last().unwrap_or_default();
    assert_eq!(last, "left behind: nothing", "{told}");
    for step in [
        "installed",
        "configured twice",
        "units are sound",
        "upgraded",
        "removed",
        "purged",
    ] {
        assert!(
            told.lines().any(|line| line == step),
            "{step} is missing in {told}"
        );
    }
}

#[test]
fn rpms_are_installed_upgraded_and_erased_and_leave_only_state() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    dist(&first, &["--only", "rpm"]);
    dist(&second, &["--only", "rpm", "--revision", "2"]);
    let script = workspace().join("packaging/test/rpm.sh");
    let told = text(
        Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--propagation", "private"])
            .arg(script)
            .args([folder.path(), first.as_path(), second.as_path()]),
    );
    let steps: Vec<&str> = told.lines().collect();
    let expected = ["installed", "upgraded", "erased", "left behind: nothing"];
    assert_eq!(steps, expected);
}

#[test]
fn the_same_programs_give_the_same_bytes_as_rpm_archive_and_bill() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    dist(&first, &[]);
    dist(&second, &[]);
    let sums = std::fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    assert_eq!(
        sums,
        std::fs::read_to_string(second.join("SHA256SUMS")).unwrap()
    );
    run(Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(&first));
    // Three Debian packages, three RPMs, an archive, two bills.
    assert_eq!(sums.lines().count(), 9, "{sums}");
    descriptions(&first);
    rpms(&first);
    archive(&first);
    let bill: serde_json::Value =
        serde_json::from_slice(&std::fs::read(first.join("bill-of-materials.cdx.json")).unwrap())
            .unwrap();
    let parts = bill["components"].as_array().unwrap();
    let named = |name: &str| parts.iter().any(|part| part["name"] == name);
    assert!(
        named("rustls") && named("rusqlite") && !named("proptest"),
        "{} parts",
        parts.len()
    );
}

fn descriptions(folder: &Path) {
    for name in ["hybridge", "hybridge-agent", "hybridge-updater"] {
        let file = folder.join(format!("{name}_{}-1_amd64.deb", env!("CARGO_PKG_VERSION")));
        let told = text(
            Command::new("dpkg-deb")
                .arg("--field")
                .arg(file)
                .arg("Description"),
        );
        assert!(told.lines().count() > 2, "{told}");
        assert!(told.lines().all(|line| line.len() <= 79), "{told}");
    }
}

fn rpms(folder: &Path) {
    for (name, program, unit) in [
        ("hybridge", "hybridge", "hybridge-server.service"),
        ("hybridge-agent", "hybridge-agent", "hybridge-agent.service"),
        (
            "hybridge-updater",
            "hybridge-updater",
            "hybridge-updater.service",
        ),
    ] {
        let version = env!("CARGO_PKG_VERSION");
        let file = folder.join(format!("{name}-{version}-1.x86_64.rpm"));
        let ask = |what: &[&str]| text(Command::new("rpm").arg("-qp").args(what).arg(&file));
        let list = ask(&["--list"]);
        for path in [
            format!("/usr/bin/{program}"),
            format!("/usr/lib/systemd/system/{unit}"),
        ] {
            assert!(
                list.lines().any(|line| line == path),
                "{path} is missing in {list}"
            );
        }
        let scripts = ask(&["--scripts"]);
        for word in ["postinstall", "preuninstall", "postuninstall", unit] {
            assert!(
                scripts.contains(word),
                "{name}: {word} is missing in {scripts}"
            );
        }
        // The scripts are shell, and no place was forgotten.
        assert!(!scripts.contains('@'), "{scripts}");
        let facts = ask(&[
            "--queryformat",
            "%{ARCH} %{LICENSE} %{BUILDTIME} %{BUILDHOST}",
        ]);
        assert_eq!(facts, "x86_64 Apache-2.0 OR MIT 1700000000 localhost");
        assert!(
            ask(&["--requires"]).contains("libc.so.6"),
            "{name} needs no libc"
        );
        assert!(ask(&["--queryformat", "%{FILEUSERNAME}"]).contains("root"));
        run(Command::new("rpmkeys")
            .args(["--checksig", "--nosignature"])
            .arg(&file));
    }
    let settings = text(
        Command::new("rpm")
            .args(["-qp", "--configfiles"])
            .arg(folder.join(format!(
                "hybridge-updater-{}-1.x86_64.rpm",
                env!("CARGO_PKG_VERSION")
            ))),
    );
    assert_eq!(settings.trim(), "/etc/hybridge-updater/updater.json");
}

fn archive(folder: &Path) {
    let name = format!("hybridge-{}-linux-x86_64", env!("CARGO_PKG_VERSION"));
    let into = folder.parent().unwrap().join("unpacked");
    std::fs::create_dir(&into).unwrap();
    let archive = folder.join(format!("{name}.tar.gz"));
    run(Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(&into));
    for program in [
        "hybridge",
        "hybridge-agent",
        "hybridge-updater",
        "hybridge-release",
    ] {
        let told = text(Command::new(into.join(&name).join("bin").join(program)).arg("--version"));
        assert_eq!(
            told.trim(),
            format!("{program} {}", env!("CARGO_PKG_VERSION"))
        );
    }
    assert!(
        into.join(&name)
            .join("systemd/hybridge-agent.service")
            .exists()
    );
}

#[test]
fn a_folder_with_something_else_in_it_is_not_emptied() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "").unwrap();
    let refused = Command::new(xtask())
        .args(["dist", "--debug-build", "--programs", "/nowhere", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("name another folder"));
    assert!(folder.path().join("precious").exists());
}

#[test]
fn services_run_under_their_hardening_say_when_they_are_ready_and_are_restarted_when_they_stand_still()
 {
    let folder = tempfile::tempdir().unwrap();
    let packages = folder.path().join("packages");
    dist(&packages, &["--only", "deb"]);
    let told = folder.path().join("told");
    let log = folder.path().join("log");
    let script = workspace().join("packaging/test/systemd.sh");
    let mut booted = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--net",
            "--uts",
            "--ipc",
            "--cgroup",
            "--fork",
            "--kill-child",
        ])
        .args(["--propagation", "private"])
        .arg(script)
        .args([folder.path(), packages.as_path()])
        .stdin(std::process::Stdio::null())
        .stdout(std::fs::File::create(&told).unwrap())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(240);
    let read = || std::fs::read_to_string(&told).unwrap();
    let is_over = || {
        read().lines().any(|line| line == "done")
            || std::fs::read_to_string(&log)
                .unwrap()
                .contains("systemd.sh: ")
    };
    while !is_over() && Instant::now() < deadline && booted.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(100));
    }
    // With it goes everything it has started.
    booted.kill().unwrap();
    booted.wait().unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    for step in [
        "the server is ready",
        "the agent is connected",
        "a frozen agent is restarted",
        "the updater goes back",
        "stopped in order",
        "done",
    ] {
        assert!(
            read().lines().any(|line| line == step),
            "{step} is missing in {}\n{log}",
            read()
        );
    }
}
