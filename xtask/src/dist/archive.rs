//! The archive for systems without packages, and the checksums of all that is handed out.

use std::path::Path;

use super::{Dist, PROGRAMS, bill::Bill, layout::put};
use crate::run;

/// Packs the archive.
pub fn pack(dist: &Dist, bill: &Bill) -> anyhow::Result<()> {
    let name = format!("hybridge-{}-linux-x86_64", dist.version);
    let root = dist.work.join("tar").join(&name);
    let ours = run::root();
    for program in PROGRAMS {
        put(
            &dist.programs.join(program),
            &root.join("bin").join(program),
            0o755,
        )?;
    }
    for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        put(&ours.join(file), &root.join(file), 0o644)?;
    }
    for folder in ["packaging/systemd", "packaging/etc", "docs/guide"] {
        let last = Path::new(folder).file_name().unwrap_or_default();
        for entry in ours.join(folder).read_dir()? {
            let entry = entry?;
            put(
                &entry.path(),
                &root.join(last).join(entry.file_name()),
                0o644,
            )?;
        }
    }
    put(&bill.json, &root.join("bill-of-materials.cdx.json"), 0o644)?;
    put(&bill.text, &root.join("third-party.txt"), 0o644)?;
    let tar = dist.work.join(format!("{name}.tar"));
    run::passes(
        run::program("tar")
            .args(["--create", "--sort=name", "--format=gnu", "--numeric-owner"])
            .args([
                "--owner=0",
                "--group=0",
                &format!("--mtime=@{}", dist.epoch),
            ])
            .arg("--file")
            .arg(&tar)
            .arg("--directory")
            .arg(dist.work.join("tar"))
            .arg(&name),
    )?;
    let level = if dist.is_debug { "-1" } else { "-9" };
    run::passes(run::program("gzip").args(["-n", level]).arg(&tar))?;
    std::fs::rename(
        dist.work.join(format!("{name}.tar.gz")),
        dist.out.join(format!("{name}.tar.gz")),
    )?;
    Ok(())
}

/// Writes `SHA256SUMS` of every file of a folder.
pub fn sums(folder: &Path) -> anyhow::Result<()> {
    let mut names = Vec::new();
    collect(folder, folder, &mut names)?;
    names.sort();
    let mut program = run::program("sha256sum");
    let text = run::output(program.current_dir(folder).arg("--").args(&names))?;
    std::fs::write(folder.join("SHA256SUMS"), text)?;
    Ok(())
}

fn collect(root: &Path, folder: &Path, names: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, names)?;
        } else if let Ok(inside) = path.strip_prefix(root) {
            names.push(inside.display().to_string());
        }
    }
    Ok(())
}
