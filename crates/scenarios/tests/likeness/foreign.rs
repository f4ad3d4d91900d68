//! Clients that others wrote: OpenLDAP's ldapsearch, and python-ldap.
//!
//! Each reads from both servers; what it prints is compared like everything else. Trap: python-ldap is Debian's, so it
//! needs Debian's interpreter and not another that may come first in the path.

use std::process::{Command, Output};

use tempfile::TempDir;

use super::script::Side;
use super::transcript::name;

const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = include_str!("foreign.py");

pub fn run(side: &mut Side, dir: &TempDir) {
    let script = dir.path().join("foreign.py");
    std::fs::write(&script, SCRIPT).unwrap();
    search(side, "plain", &["(title=Lock keeper)", "cn", "sn"]);
    search(side, "paged", &["-E", "pr=2/noprompt", "(title=*)", "cn"]);
    search(
        side,
        "DirSync",
        &["-E", "!dirSync=0/0", "(title=*)", "title"],
    );
    search(
        side,
        "deleted",
        &["-E", "!1.2.840.113556.1.4.417", "(cn=nobody*)", "cn"],
    );
    search(side, "size limit", &["-z", "2", "(title=*)", "cn"]);
    search(side, "range", &["(cn=staff)", "member;range=0-*"]);
    let output = Command::new(PYTHON)
        .arg(&script)
        .args([&side.address, &side.base, &side.admin.0, &side.admin.1])
        .arg(&side.ca)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        side.transcript.note("python-ldap", name(line));
    }
}

fn search(side: &mut Side, what: &str, arguments: &[&str]) {
    // DirSync is asked from the root; the rest from the unit.
    let base = match what {
        "DirSync" => side.base.clone(),
        _ => side.unit(),
    };
    let output = ldapsearch(side, &base, arguments);
    side.transcript.note(
        "ldapsearch",
        format!("{what}: exit {:?}", output.status.code()),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let mut current = "";
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("dn") {
            current = line;
        }
        let is_noise = line.starts_with(['#', ' '])
            || line.starts_with("objectGUID")
            || line.starts_with("instanceType");
        if !is_noise && !line.starts_with("dirSync") {
            side.transcript
                .note("ldapsearch", format!("{what}: {current} {}", name(line)));
        }
    }
}

fn ldapsearch(side: &Side, base: &str, arguments: &[&str]) -> Output {
    Command::new("ldapsearch")
        .env("LDAPTLS_CACERT", &side.ca)
        .env("LDAPTLS_REQCERT", "demand")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H"])
        .arg(format!("ldaps://{}", side.address))
        .args(["-D", &side.admin.0, "-w", &side.admin.1, "-b", base])
        .args(arguments)
        .output()
        .unwrap()
}
