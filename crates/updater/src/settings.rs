//! The updater's settings: whose agent it looks after, whom it believes, and how the agent is restarted.
//!
//! Trap: whoever may write this file decides what runs as the agent, so it belongs to root.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::error::{UpdateError, file};

/// The settings file (JSON).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The channel that is followed.
    #[serde(default = "default_channel")]
    pub channel: String,
    /// Settings of the agent; the way to the control plane is taken from them.
    pub agent_settings: PathBuf,
    /// Data directory of the agent; its identity is used.
    pub agent_data: PathBuf,
    /// File with the public keys that are believed.
    pub keys: PathBuf,
    /// Where versions and what is remembered are.
    #[serde(default = "default_directory")]
    pub directory: PathBuf,
    /// Where the packaged program is.
    #[serde(default = "default_packaged")]
    pub packaged: PathBuf,
    /// The command that restarts the agent, if it runs.
    #[serde(default = "default_restart")]
    pub restart: Vec<String>,
    /// How often it asks for something newer.
    #[serde(default = "default_check")]
    pub check_every_seconds: u64,
    /// How long a new version may take until the control plane hears of it.
    #[serde(default = "default_healthy")]
    pub healthy_within_seconds: u64,
    /// How long it has to stay so.
    #[serde(default = "default_settle")]
    pub settle_seconds: u64,
}

fn default_channel() -> String {
    "stable".into()
}

fn default_directory() -> PathBuf {
    agent::UPDATER_DIRECTORY.into()
}

fn default_packaged() -> PathBuf {
    "/usr/bin".into()
}

fn default_restart() -> Vec<String> {
    // Whoever stopped the agent wants it stopped.
    ["systemctl", "try-restart", "hybridge-agent.service"]
        .map(str::to_owned)
        .to_vec()
}

fn default_check() -> u64 {
    3_600
}

fn default_healthy() -> u64 {
    300
}

fn default_settle() -> u64 {
    60
}

impl Settings {
    /// Reads and checks a settings file.
    ///
    /// # Errors
    /// [`UpdateError::Invalid`] naming what is wrong and where.
    pub fn read(path: &Path) -> Result<Self, UpdateError> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => UpdateError::Invalid(format!(
                "there are no settings {shown}; the package brings them, or name them with --settings"
            )),
            _ => file("reading", path)(source),
        })?;
        let invalid = |text: String| UpdateError::Invalid(format!("{shown}: {text}"));
        let settings: Self = serde_json::from_str(&text).map_err(|f| invalid(f.to_string()))?;
        if settings.restart.is_empty() {
            return Err(invalid("restart: the command is missing".into()));
        }
        if settings.check_every_seconds == 0 || settings.healthy_within_seconds == 0 {
            return Err(invalid(
                "checkEverySeconds and healthyWithinSeconds are at least 1".into(),
            ));
        }
        Ok(settings)
    }

    /// How often it asks for something newer.
    pub fn check_every(&self) -> Duration {
        Duration::from_secs(self.check_every_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_wrong_with_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("updater.json");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Settings::read(&path)
        };
        let missing = Settings::read(&path).unwrap_err();
        assert_eq!(missing.exit_code(), 1, "somebody has to write them");
        assert!(missing.to_string().contains("--settings"), "{missing}");
        let wrong = |text: &str| read(text).unwrap_err().to_string();
        assert!(wrong("{").contains("updater.json"));
        assert!(wrong(r#"{"agentSettings":"a","agentData":"b"}"#).contains("keys"));
        assert!(
            wrong(r#"{"agentSettings":"a","agentData":"b","keys":"k","restart":[]}"#)
                .contains("restart")
        );
        assert!(
            wrong(r#"{"agentSettings":"a","agentData":"b","keys":"k","kees":"k"}"#)
                .contains("kees")
        );
        let usual = read(r#"{"agentSettings":"a","agentData":"b","keys":"k"}"#).unwrap();
        assert_eq!(
            (usual.channel.as_str(), usual.check_every_seconds),
            ("stable", 3_600)
        );
    }
}
