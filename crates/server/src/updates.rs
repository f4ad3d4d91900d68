//! Releases that lie in a folder of the server for agents to fetch: `CHANNEL/manifest.json` and the programs it names.
//!
//! A courier: nothing here is believed or changed, and nothing outside the folder is ever read. Trap: names come from the network;
//! only plain ones are looked for.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use wire::{
    agent::v1::update::{LARGEST_MANIFEST_BYTES, LARGEST_PART_BYTES},
    release::{Envelope, MANIFEST_FILE, Manifest},
};

/// Name of the folder in the data directory.
pub const FOLDER: &str = "updates";
// LIMIT: channels that are shown.
const MOST_CHANNELS: usize = 50;

/// The folder.
#[derive(Clone, Debug)]
pub struct Releases(pub PathBuf);

impl Releases {
    /// The manifest of a channel; `None`: nothing is offered. Blocks.
    ///
    /// # Errors
    /// If there is one that cannot be read.
    pub fn manifest(&self, channel: &str) -> io::Result<Option<String>> {
        let Some(mut file) = self.open(channel, MANIFEST_FILE)? else {
            return Ok(None);
        };
        let mut text = String::new();
        let limit = u64::try_from(LARGEST_MANIFEST_BYTES).unwrap_or(u64::MAX);
        file.by_ref().take(limit).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// A part of a file; `None`: there is no such file. Blocks.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn part(&self, channel: &str, name: &str, offset: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = self.open(channel, name)? else {
            return Ok(None);
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut part = Vec::new();
        let limit = u64::try_from(LARGEST_PART_BYTES).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut part)?;
        Ok(Some(part))
    }

    /// What every channel claims to offer, for people to see. Blocks.
    pub fn offered(&self) -> Vec<Manifest> {
        let Ok(folders) = self.0.read_dir() else {
            return Vec::new();
        };
        let names = folders
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.take(MOST_CHANNELS).collect();
        names.sort();
        let claimed = |name: &String| {
            let text = self.manifest(name).ok()??;
            serde_json::from_str::<Envelope>(&text).ok()?.peek()
        };
        names.iter().filter_map(claimed).collect()
    }

    fn open(&self, channel: &str, name: &str) -> io::Result<Option<File>> {
        if !(is_plain(channel) && is_plain(name)) {
            return Ok(None);
        }
        let path = self.0.join(channel).join(name);
        match File::open(&path) {
            Ok(file) if is_file(&path) => Ok(Some(file)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Not a folder, and not a way out of this one.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

fn is_plain(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_handed_out() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("updates");
        std::fs::create_dir_all(folder.join("stable")).unwrap();
        std::fs::write(root.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.join("stable/agent"), "0123456789").unwrap();
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("stable/link")).unwrap();
        let releases = Releases(folder);
        assert_eq!(
            releases.part("stable", "agent", 4).unwrap().unwrap(),
            b"456789"
        );
        assert_eq!(releases.part("stable", "agent", 99).unwrap().unwrap(), b"");
        for (channel, name) in [
            ("stable", "../../secret"),
            ("..", "secret"),
            ("stable", "link"),
            (".", "stable"),
            ("", "stable"),
            ("stable", "/etc/passwd"),
            ("stable", "none"),
        ] {
            assert_eq!(
                releases.part(channel, name, 0).unwrap(),
                None,
                "{channel} {name}"
            );
        }
        assert_eq!(releases.manifest("stable").unwrap(), None);
        assert!(releases.offered().is_empty());
    }
}
