//! The versions on this machine: a folder each, and the link that says which one runs.
//!
//! A folder appears whole or not at all, and the link is replaced by a rename. Trap: a link cannot be replaced in place; it is made
//! under another name first.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use sync_core::update::Version;

use crate::{
    error::{UpdateError, file},
    failpoint,
};

/// The program that is updated.
pub const PROGRAM: &str = "hybridge-agent";
const CURRENT: &str = "current";
const VERSIONS: &str = "versions";
/// How long a program may take to say its version.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);
const BUFFER_BYTES: usize = 1 << 16;

/// The versions below a folder.
#[derive(Clone, Debug)]
pub struct Versions {
    root: PathBuf,
}

impl Versions {
    /// Those of a folder, which is made if need be.
    ///
    /// # Errors
    /// Of the folder.
    pub fn open(root: &Path) -> Result<Self, UpdateError> {
        let folder = root.join(VERSIONS);
        fs::create_dir_all(&folder).map_err(file("making", &folder))?;
        Ok(Self { root: root.into() })
    }

    /// The program that runs.
    pub fn program(&self) -> PathBuf {
        program_in(&self.root)
    }

    /// Where the link leads; `None`: there is none yet.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn current(&self) -> Result<Option<PathBuf>, UpdateError> {
        let link = self.root.join(CURRENT);
        match fs::read_link(&link) {
            Ok(target) => Ok(Some(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file("reading", link)(error)),
        }
    }

    /// Sets the link; whoever looks sees the old or the new one.
    ///
    /// # Errors
    /// Of the file system.
    pub fn point(&self, target: &Path) -> Result<(), UpdateError> {
        let link = self.root.join(CURRENT);
        let new = self.root.join(format!("{CURRENT}.new"));
        let set = || {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            link_to(target, &new)?;
            fs::rename(&new, &link)?;
            fs::File::open(&self.root)?.sync_all()
        };
        set().map_err(file("setting", &link))
    }

    /// The folder of a version, as the link names it.
    pub fn folder(&self, version: &str) -> PathBuf {
        self.root.join(VERSIONS).join(version)
    }

    /// Where a version is fetched to.
    pub fn partial(&self, version: &str) -> PathBuf {
        self.root.join(VERSIONS).join(format!(".{version}.part"))
    }

    /// Makes what was fetched a version, whole.
    ///
    /// # Errors
    /// Of the file system.
    pub fn settle(&self, version: &str) -> Result<(), UpdateError> {
        let partial = self.partial(version);
        let (folder, new) = (
            self.folder(version),
            self.root.join(VERSIONS).join(format!(".{version}.new")),
        );
        let settled = || {
            for old in [&folder, &new] {
                match fs::remove_dir_all(old) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::create_dir(&new)?;
            let program = new.join(PROGRAM);
            fs::rename(&partial, &program)?;
            make_runnable(&program)?;
            fs::File::open(&program)?.sync_all()?;
            fs::File::open(&new)?.sync_all()?;
            failpoint::reach("updater.settling");
            fs::rename(&new, &folder)?;
            fs::File::open(self.root.join(VERSIONS))?.sync_all()
        };
        settled().map_err(file("making", &folder))
    }

    /// Whether a version lies here as it was signed.
    pub fn is_whole(&self, version: &str, sha256: &str) -> bool {
        let digest = digest(&self.folder(version).join(PROGRAM));
        digest.is_ok_and(|digest| digest.eq_ignore_ascii_case(sha256))
    }

    /// Deletes what neither runs nor ran before. What cannot be deleted stays.
    pub fn tidy(&self, keep: &[PathBuf]) {
        let Ok(entries) = self.root.join(VERSIONS).read_dir() else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if keep.contains(&path) {
                continue;
            }
            let _ = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
        }
    }
}

#[cfg(unix)]
fn link_to(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn link_to(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn make_runnable(program: &Path) -> io::Result<()> {
    fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_runnable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The program that runs, where the versions are below this folder.
pub fn program_in(root: &Path) -> PathBuf {
    root.join(CURRENT).join(PROGRAM)
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// Of the file.
pub fn digest(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut from = fs::File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = from.read(&mut buffer)?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else {
            break;
        };
        context.update(read);
    }
    let digest = context.finish();
    Ok(digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The version a program says it has.
///
/// # Errors
/// What it did instead.
pub async fn version_of(program: &Path) -> Result<Version, String> {
    let mut command = tokio::process::Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PROBE_TIMEOUT, command.output())
        .await
        .map_err(|_| {
            format!(
                "it did not say its version within {} s",
                PROBE_TIMEOUT.as_secs()
            )
        })?
        .map_err(|fault| format!("it cannot be started: {fault}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(1).and_then(Version::parse);
    match version {
        Some(version) if output.status.success() => Ok(version),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().take(300).collect();
            Err(format!(
                "it does not say its version ({}): {said}",
                output.status
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_leads_where_it_was_set_and_only_what_is_kept_stays() {
        let root = tempfile::tempdir().unwrap();
        let versions = Versions::open(root.path()).unwrap();
        assert_eq!(versions.current().unwrap(), None);
        for version in ["1.0.0", "1.0.1", "1.0.2"] {
            fs::write(versions.partial(version), version).unwrap();
            versions.settle(version).unwrap();
            versions.point(&versions.folder(version)).unwrap();
            assert_eq!(fs::read_to_string(versions.program()).unwrap(), version);
        }
        fs::write(versions.partial("1.0.3"), "half").unwrap();
        versions.tidy(&[versions.folder("1.0.2"), versions.folder("1.0.1")]);
        let left = root.path().join(VERSIONS).read_dir().unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["1.0.1", "1.0.2"]);
        let sha = "b8a5b4f4b3e0a4ba4ff0e1c1a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0";
        assert!(!versions.is_whole("1.0.2", sha));
        let right = digest(&versions.program()).unwrap();
        assert!(versions.is_whole("1.0.2", &right.to_uppercase()));
    }
}
