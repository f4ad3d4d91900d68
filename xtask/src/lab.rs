//! The lab from the workspace: where its state lives, its Debian packages, its scripts.
//!
//! Never installs anything unless root, and writes nothing outside the lab's folder. Trap: UNIX socket paths are limited to
//! 107 bytes and Samba makes some below the lab's folder, so a deep work tree puts the lab into the temporary folder.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::run;

/// Longest lab folder under which Samba's socket paths still fit.
const LAB_ROOT_LIMIT_BYTES: usize = 50;

/// Where the lab keeps its state: `$LAB_ROOT`, else `.lab` in the work tree, else a folder of the temporary one.
pub fn root() -> PathBuf {
    if let Some(given) = std::env::var_os("LAB_ROOT") {
        return given.into();
    }
    let near = run::root().join(".lab");
    if near.as_os_str().len() <= LAB_ROOT_LIMIT_BYTES {
        near
    } else {
        std::env::temp_dir().join("hybridge-lab")
    }
}

/// Runs lab/samba-lab.sh; without arguments it tells the status.
pub fn samba(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_some_and(|verb| verb == "up") {
        prepare()?;
    }
    run::passes(script("samba-lab.sh").args(arguments))
}

/// Installs the lab's missing Debian packages when root; otherwise says in one line which are missing, and fails.
pub fn prepare() -> anyhow::Result<()> {
    if script("packages.sh")
        .arg("--check")
        .status()
        .is_ok_and(|status| status.success())
    {
        return Ok(());
    }
    if !run::is_root() {
        bail!("the lab's packages named above are missing; run `sudo lab/packages.sh` once");
    }
    run::passes(&mut script("packages.sh"))
}

/// Compiles the power cut shim and its undo tool.
pub fn build_powercut(out: &Path) -> anyhow::Result<()> {
    run::passes(script("powercut/build.sh").arg(std::path::absolute(out)?))
}

/// Undoes the writes that were not synced.
pub fn undo_powercut(directory: &Path, seed: Option<u64>) -> anyhow::Result<()> {
    let tools = root().join("powercut");
    build_powercut(&tools)?;
    let mut undo = run::program(tools.join("powercut"));
    undo.arg("undo").arg(std::path::absolute(directory)?);
    undo.args(seed.map(|seed| seed.to_string()));
    run::passes(&mut undo)
}

fn script(name: &str) -> std::process::Command {
    let mut command = run::program(run::root().join("lab").join(name));
    command.env("LAB_ROOT", root());
    command
}
