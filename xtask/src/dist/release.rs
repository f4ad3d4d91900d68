//! A release for the updater: the agent's program and a signed manifest, in the folder `release`.
//!
//! The format is the updater's own, so its tool writes it. Trap: the private key never comes near this program; it is a path.

use std::path::Path;

use super::{Arguments, Dist};
use crate::run;

/// Writes the folder.
pub fn sign(dist: &Dist, key: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let out = dist.out.join("release");
    run::passes(
        run::program(dist.programs.join("hybridge-release"))
            .arg("sign")
            .arg("--key")
            .arg(key)
            .args(["--version", &dist.version, "--minimum", &arguments.minimum])
            .args(["--channel", &arguments.channel])
            .args(["--days", &arguments.days.to_string()])
            .arg("--program")
            .arg(dist.programs.join("hybridge-agent"))
            .arg("--out")
            .arg(out),
    )
}
