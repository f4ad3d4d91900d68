//! Debian packages, by dpkg-deb.
//!
//! Trap: dpkg-deb takes the times of everything in the package from SOURCE_DATE_EPOCH only if they are later than it, so the files
//! laid out just now all get it.

use std::path::Path;

use super::{
    Dist,
    layout::{Package, glibc, script, write},
};
use crate::run;

// LIMIT: letters of a line of a description, the space before it not counted.
const LINE: usize = 78;

/// Packs what was laid out.
pub fn pack(dist: &Dist, package: &Package, stage: &Path) -> anyhow::Result<()> {
    let root = dist.work.join("deb").join(package.name);
    let mut copy = run::program("cp");
    std::fs::create_dir_all(root.parent().unwrap_or(&dist.work))?;
    run::passes(copy.arg("-a").arg(stage).arg(&root))?;
    changelog(dist, package, &root)?;
    let control = root.join("DEBIAN");
    write(
        &control.join("control"),
        &text(dist, package, stage)?,
        0o644,
    )?;
    if !package.settings.is_empty() {
        write(
            &control.join("conffiles"),
            &format!("{}\n", package.settings.join("\n")),
            0o644,
        )?;
    }
    for name in ["postinst", "prerm", "postrm"] {
        let text = script(package, name)?;
        write(&control.join(name), &text, 0o755)?;
    }
    let compression: &[&str] = if dist.is_debug {
        &["-Zgzip", "-z1"]
    } else {
        &["-Zxz"]
    };
    let file = format!(
        "{}_{}-{}_amd64.deb",
        package.name, dist.version, dist.revision
    );
    run::passes(
        run::program("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", dist.epoch.to_string())
            .args(["--root-owner-group", "--build"])
            .args(compression)
            .arg(&root)
            .arg(dist.out.join(file)),
    )
}

fn text(dist: &Dist, package: &Package, stage: &Path) -> anyhow::Result<String> {
    let mut needs = Vec::new();
    for name in package.programs {
        needs.push(format!(
            "libc6 (>= {})",
            glibc(&stage.join("usr/bin").join(name))?
        ));
    }
    needs.push("libgcc-s1".into());
    // useradd and getent.
    needs.push("passwd".into());
    needs.push("init-system-helpers (>= 1.52)".into());
    for other in package.needs {
        needs.push(format!("{other} (>= {})", dist.version));
    }
    Ok(format!(
        "Package: {name}\nVersion: {version}-{revision}\nArchitecture: amd64\nMaintainer: Hybridge contributors <hybridge@users.noreply.github.com>\nInstalled-Size: {size}\nDepends: {needs}\nRecommends: ca-certificates, systemd\nSection: net\nPriority: optional\nHomepage: https://github.com/hybridge/hybridge\nDescription: {summary}\n {description}\n",
        name = package.name,
        version = dist.version,
        revision = dist.revision,
        size = kibibytes(stage)?,
        needs = needs.join(", "),
        summary = package.summary,
        description = folded(package.description),
    ))
}

/// A text as lines of a field (Debian policy 5.6.13); longer ones are cut off where they are shown.
fn folded(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n ")
}

fn changelog(dist: &Dist, package: &Package, root: &Path) -> anyhow::Result<()> {
    let date =
        run::output(run::program("date").args(["-u", "-R", "-d", &format!("@{}", dist.epoch)]))?;
    let text = format!(
        "{} ({}-{}) unstable; urgency=medium\n\n  * What changed is told in the changelog of the project.\n\n -- Hybridge contributors <hybridge@users.noreply.github.com>  {}\n",
        package.name,
        dist.version,
        dist.revision,
        date.trim()
    );
    let path = root
        .join("usr/share/doc")
        .join(package.name)
        .join("changelog.Debian");
    write(&path, &text, 0o644)?;
    run::passes(run::program("gzip").args(["-9", "-n"]).arg(path))
}

fn kibibytes(folder: &Path) -> anyhow::Result<u64> {
    let text = run::output(
        run::program("du")
            .args(["-sk", "--apparent-size"])
            .arg(folder),
    )?;
    let first = text.split_whitespace().next();
    Ok(first.and_then(|first| first.parse().ok()).unwrap_or(0))
}
