//! RPMs, by rpmbuild, of the files that are laid out for the Debian packages.
//!
//! rpmbuild compiles nothing here. Trap: it would strip, compress and repack what it is given by the habits of the system it runs
//! on, so all of that is switched off.

use std::path::Path;

use super::{
    Dist,
    layout::{Package, script, write},
};
use crate::run;

/// Packs what was laid out.
pub fn pack(dist: &Dist, package: &Package, stage: &Path) -> anyhow::Result<()> {
    let top = dist.work.join("rpm").join(package.name);
    let spec = top.join("package.spec");
    write(&spec, &text(dist, package, stage)?, 0o644)?;
    let payload = if dist.is_debug {
        "w1.gzdio"
    } else {
        "w6.xzdio"
    };
    let definitions = [
        format!("_topdir {}", top.display()),
        format!("_rpmdir {}", dist.out.display()),
        "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm".to_owned(),
        format!("_binary_payload {payload}"),
        "_buildhost localhost".to_owned(),
        "_build_id_links none".to_owned(),
        "use_source_date_epoch_as_buildtime 1".to_owned(),
        "clamp_mtime_to_source_date_epoch 1".to_owned(),
        "debug_package %{nil}".to_owned(),
        "__os_install_post %{nil}".to_owned(),
        "__arch_install_post %{nil}".to_owned(),
    ];
    let mut rpmbuild = run::program("rpmbuild");
    rpmbuild.env("SOURCE_DATE_EPOCH", dist.epoch.to_string());
    rpmbuild.args(["-bb", "--quiet", "--nodeps", "--target", "x86_64"]);
    for definition in &definitions {
        rpmbuild.args(["--define", definition]);
    }
    run::passes(rpmbuild.arg(spec))
}

fn text(dist: &Dist, package: &Package, stage: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    list(stage, stage, &mut files)?;
    files.sort();
    let line = |path: &String| {
        let settings = package.settings.contains(&path.as_str());
        format!(
            "{}{path}",
            if settings { "%config(noreplace) " } else { "" }
        )
    };
    let files: Vec<String> = files.iter().map(line).collect();
    let needs: Vec<String> = package
        .needs
        .iter()
        .map(|other| format!("Requires: {other} >= {}\n", dist.version))
        .collect();
    let fill = |name: &str| script(package, name);
    Ok(format!(
        "Name: {name}\nVersion: {version}\nRelease: {revision}\nSummary: {summary}\nLicense: Apache-2.0 OR MIT\nURL: https://github.com/hybridge/hybridge\nRequires(pre): shadow-utils\n{needs}\n%description\n{description}\n\n%install\nmkdir -p %{{buildroot}}\ncp -a {stage}/. %{{buildroot}}/\n\n%post\n{post}\n%preun\n{preun}\n%postun\n{postun}\n%files\n%defattr(-,root,root,-)\n{files}\n",
        name = package.name,
        version = dist.version,
        revision = dist.revision,
        summary = package.summary,
        description = package.description,
        needs = needs.concat(),
        stage = stage.display(),
        post = fill("rpm.post")?,
        preun = fill("rpm.preun")?,
        postun = fill("rpm.postun")?,
        files = files.join("\n"),
    ))
}

fn list(root: &Path, folder: &Path, found: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, found)?;
        } else if let Ok(inside) = path.strip_prefix(root) {
            found.push(format!("/{}", inside.display()));
        }
    }
    Ok(())
}
