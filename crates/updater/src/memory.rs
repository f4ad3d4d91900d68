//! What the updater remembers: the newest manifest it has seen, versions that failed, and a change that is under way.
//!
//! One file, replaced as a whole and synced, before the act it speaks of. Trap: it is the protection against replay; whoever deletes
//! it makes the updater believe any manifest that has not expired yet.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::error::{UpdateError, file};

const FILE: &str = agent::UPDATER_MEMORY;
// LIMIT: failed versions that are remembered.
const MOST_FAILED: usize = 100;

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// The newest manifest of each channel, by number.
    pub serials: BTreeMap<String, u64>,
    /// Versions that did not become healthy; they are not tried again.
    pub failed: Vec<String>,
    /// What ran before the version that runs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<PathBuf>,
    /// A change that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// What happened last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Event>,
}

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How far it is.
    pub phase: Phase,
    /// The version.
    pub version: String,
    /// SHA-256 of its program.
    pub sha256: String,
    /// What ran before.
    pub from: PathBuf,
    /// What runs then.
    pub to: PathBuf,
    /// Why it is taken back.
    #[serde(default)]
    pub why: String,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The link is being set, and the agent restarted.
    Switching,
    /// Whether the new version becomes healthy is being watched.
    Watching,
    /// It did not; the link is being set back, and the agent restarted.
    Returning,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: String,
    /// `updated`, `returned`, `refused`, `waiting` or `idle`.
    pub phase: String,
    /// The version.
    pub version: String,
    /// Code, if something is wrong.
    #[serde(default)]
    pub code: String,
    /// What happened.
    pub text: String,
}

impl Memory {
    /// Reads it; nothing is remembered where there is no file.
    ///
    /// # Errors
    /// If there is one that cannot be read.
    pub fn read(directory: &Path) -> Result<Self, UpdateError> {
        let path = directory.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(file("reading", &path))?,
        };
        serde_json::from_str(&text).map_err(|_| {
            UpdateError::Invalid(format!(
                "{} is damaged; move it away, and know that manifests of before are believed once more until they expire",
                path.display()
            ))
        })
    }

    /// Writes it so that after a power cut it is the old or the new one.
    ///
    /// # Errors
    /// Of the file.
    pub fn write(&self, directory: &Path) -> Result<(), UpdateError> {
        let path = directory.join(FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|fault| UpdateError::Invalid(fault.to_string()))?;
        let new = directory.join(format!("{FILE}.new"));
        let written = || {
            let mut out = fs::File::create(&new)?;
            out.write_all(text.as_bytes())?;
            out.sync_all()?;
            fs::rename(&new, &path)?;
            fs::File::open(directory)?.sync_all()
        };
        written().map_err(file("writing", &path))
    }

    /// Remembers that a version is not to be tried again.
    pub fn has_failed(&mut self, version: &str) {
        if !self.failed.iter().any(|known| known == version) {
            self.failed.push(version.to_owned());
        }
        let surplus = self.failed.len().saturating_sub(MOST_FAILED);
        self.failed.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_a_damaged_file_is_said_to_be_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Memory::read(folder.path()).unwrap(), Memory::default());
        let mut memory = Memory::default();
        memory.serials.insert("stable".into(), 7);
        for count in 0..=MOST_FAILED {
            memory.has_failed(&format!("1.0.{count}"));
            memory.has_failed(&format!("1.0.{count}"));
        }
        assert_eq!(memory.failed.len(), MOST_FAILED);
        assert_eq!(memory.failed.first().map(String::as_str), Some("1.0.1"));
        memory.write(folder.path()).unwrap();
        assert_eq!(Memory::read(folder.path()).unwrap(), memory);
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(
            Memory::read(folder.path())
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }
}
