//! Which files a package has, where they go, and with which rights. The same for Debian packages and RPMs.
//!
//! Everything under /etc that a package brings is a setting an administrator may have changed, so it is marked as one. Trap: the
//! folders with secrets and state are made by the scripts, because they belong to an account that the scripts make.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Dist, bill::Bill};
use crate::run;

/// A package.
pub struct Package {
    pub name: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub programs: &'static [&'static str],
    pub unit: &'static str,
    /// (file below packaging/, where it goes)
    pub files: &'static [(&'static str, &'static str)],
    /// Settings it brings.
    pub settings: &'static [&'static str],
    /// Packages of ours it needs.
    pub needs: &'static [&'static str],
    /// Its account, if it has one of its own.
    pub account: Option<&'static str>,
    /// What belongs to it and is deleted when it is purged.
    pub owned: &'static str,
    /// A line of its own in the script that runs after it was removed.
    pub after_stop: &'static str,
}

/// All packages.
pub fn packages() -> [Package; 3] {
    [
        Package {
            name: "hybridge",
            summary: "hybrid identity synchronisation: control plane and command",
            description: "Keeps a cloud directory in step with Active Directory and LDAP directories. This package holds the control plane, its service, and the command an administrator uses, also for a control plane elsewhere.",
            programs: &["hybridge", "hybridge-release"],
            unit: "hybridge-server.service",
            files: &[
                (
                    "systemd/hybridge-server.service",
                    "usr/lib/systemd/system/hybridge-server.service",
                ),
                (
                    "etc/server.env.example",
                    "usr/share/doc/hybridge/examples/server.env",
                ),
            ],
            settings: &[],
            needs: &[],
            account: Some("hybridge"),
            owned: "/var/lib/hybridge /etc/hybridge",
            after_stop: "",
        },
        Package {
            name: "hybridge-agent",
            summary: "hybrid identity synchronisation: agent",
            description: "Reads directories in this network for a Hybridge control plane elsewhere. It goes out only, listens nowhere, and keeps no directory data.",
            programs: &["hybridge-agent"],
            unit: "hybridge-agent.service",
            files: &[
                (
                    "systemd/hybridge-agent.service",
                    "usr/lib/systemd/system/hybridge-agent.service",
                ),
                (
                    "etc/agent.json.example",
                    "usr/share/doc/hybridge-agent/examples/agent.json",
                ),
                (
                    "etc/credential.conf",
                    "usr/share/doc/hybridge-agent/examples/credential.conf",
                ),
            ],
            settings: &[],
            needs: &[],
            account: Some("hybridge-agent"),
            owned: "/var/lib/hybridge-agent /etc/hybridge-agent",
            after_stop: "",
        },
        Package {
            name: "hybridge-updater",
            summary: "hybrid identity synchronisation: updater of the agent",
            description: "Keeps the agent on the version its control plane offers: signed releases, one agent at a time, and back to the version before if the new one does not become healthy.",
            programs: &["hybridge-updater"],
            unit: "hybridge-updater.service",
            files: &[
                (
                    "systemd/hybridge-updater.service",
                    "usr/lib/systemd/system/hybridge-updater.service",
                ),
                (
                    "systemd/hybridge-agent.service.d-updater.conf",
                    "usr/lib/systemd/system/hybridge-agent.service.d/updater.conf",
                ),
                ("etc/updater.json", "etc/hybridge-updater/updater.json"),
            ],
            settings: &["/etc/hybridge-updater/updater.json"],
            needs: &["hybridge-agent"],
            account: None,
            owned: "/var/lib/hybridge-updater /etc/hybridge-updater",
            after_stop: "  # The agent runs the packaged program again.\n  systemctl try-restart hybridge-agent.service >/dev/null 2>&1 || true\n",
        },
    ]
}

/// Lays out a package's files; the folder.
pub fn stage(dist: &Dist, package: &Package, bill: &Bill) -> anyhow::Result<PathBuf> {
    let root = dist.work.join("stage").join(package.name);
    for name in package.programs {
        put(
            &dist.programs.join(name),
            &root.join("usr/bin").join(name),
            0o755,
        )?;
    }
    let ours = run::root();
    for (from, to) in package.files {
        put(&ours.join("packaging").join(from), &root.join(to), 0o644)?;
    }
    let documents = root.join("usr/share/doc").join(package.name);
    for page in [
        "install.md",
        "updates.md",
        "exit-codes.md",
        "network.md",
        "doctor.md",
    ] {
        put(
            &ours.join("docs/guide").join(page),
            &documents.join("guide").join(page),
            0o644,
        )?;
    }
    write(&documents.join("copyright"), &copyright(&ours)?, 0o644)?;
    put(
        &bill.json,
        &documents.join("bill-of-materials.cdx.json"),
        0o644,
    )?;
    put(&bill.text, &documents.join("third-party.txt"), 0o644)?;
    if package.name == "hybridge-updater" {
        let keys = format!(
            "# Public keys whose releases the updater believes, one a line.\n{}\n",
            dist.keys.join("\n")
        );
        write(&root.join("usr/share/hybridge-updater/keys"), &keys, 0o644)?;
    }
    Ok(root)
}

fn copyright(ours: &Path) -> anyhow::Result<String> {
    let mit = std::fs::read_to_string(ours.join("LICENSE-MIT"))?;
    Ok(format!(
        "Hybridge may be used under the Apache License, version 2.0 (on Debian in /usr/share/common-licenses/Apache-2.0),\nor under the following licence, as you like. What it is built from: third-party.txt.\n\n{mit}"
    ))
}

/// Copies a file with these rights.
pub fn put(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::set_permissions(to, PermissionsExt::from_mode(mode))?;
    Ok(())
}

/// Writes a file with these rights.
pub fn write(to: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))?;
    std::fs::set_permissions(to, PermissionsExt::from_mode(mode))?;
    Ok(())
}

/// A script of packaging/scripts, with what is this package's own filled in.
pub fn script(package: &Package, name: &str) -> anyhow::Result<String> {
    let folder = run::root().join("packaging/scripts");
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name))
            .with_context(|| format!("packaging/scripts/{name}"))
    };
    let purge = match package.account {
        Some(account) => read("account.purge")?.replace("@USER@", account),
        None => String::new(),
    };
    Ok(read(name)?
        .replace(
            "@INSTALL@",
            read(&format!("{}.sh", package.name))?.trim_end(),
        )
        .replace("@PACKAGE@", package.name)
        .replace("@UNIT@", package.unit)
        .replace("@OWNED@", package.owned)
        .replace("@AFTER_STOP@", package.after_stop)
        .replace("@PURGE@", &purge))
}

/// The newest version of glibc a program was linked against, e.g. `2.34`.
pub fn glibc(program: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(program)?;
    let mark = b"GLIBC_2.";
    let mut newest = 0;
    for (at, _) in bytes
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| *window == mark.as_slice())
    {
        let digits = bytes
            .iter()
            .skip(at + mark.len())
            .take_while(|byte| byte.is_ascii_digit());
        let text: String = digits.take(3).map(|byte| char::from(*byte)).collect();
        newest = newest.max(text.parse::<u32>().unwrap_or(0));
    }
    Ok(format!("2.{newest}"))
}
