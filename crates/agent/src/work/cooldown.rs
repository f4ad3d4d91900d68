//! A name or password that the directory refused is not tried again and again: that would lock the account.
//!
//! The server asks as often as it likes; it is told the refusal of before until the pause is over. Never waits once the
//! credential is another one: a corrected password is used at once. Trap: a password that was corrected in the directory, and
//! not here, shows only after the pause, or when the agent is started anew; `hybridge-agent check` tries it at any time.

use std::{
    collections::HashMap,
    hash::RandomState,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};

use crate::config::{ConnectorConfig, credential_mark};

/// How long to wait after the first refusal, the second, and every further one. Directories forget wrong passwords a while
/// after the last one: Windows after 10 minutes by its baseline, 15 or 30 elsewhere. At these times nobody is locked out who
/// may be wrong three times within 15 minutes, or four times within 30.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(15),
    Duration::from_mins(20),
    Duration::from_mins(35),
];

struct Refused {
    mark: u64,
    why: Refusal,
    times: usize,
    until: Instant,
}

/// What was refused lately, by connector.
#[derive(Default)]
pub struct Cooldown {
    refused: Mutex<HashMap<String, Refused>>,
    marks: RandomState,
}

impl Cooldown {
    /// The refusal of before, while it is too early to try the same credential again.
    pub fn holds(&self, connector: &ConnectorConfig, now: Instant) -> Option<Refusal> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let before = refused.get(&connector.name)?;
        let left = before.until.checked_duration_since(now)?;
        if left.is_zero() || before.mark != self.mark(connector)? {
            return None;
        }
        let next = Timestamp::now().checked_add(left).ok()?;
        Some(before.why.clone().with("nextTry", next.to_string()))
    }

    /// Remembers how using the credential went.
    pub fn note(&self, connector: &ConnectorConfig, why: Option<&Refusal>, now: Instant) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let why = why.filter(|why| why.code == Code::SourceCredentialRefused);
        let (Some(why), Some(mark)) = (why, self.mark(connector)) else {
            refused.remove(&connector.name);
            return;
        };
        let before = refused.get(&connector.name);
        let times = before
            .filter(|before| before.mark == mark)
            .map_or(0, |before| before.times + 1);
        let pause = PAUSES.get(times).or(PAUSES.last()).copied();
        let until = now + pause.unwrap_or_default();
        let refusal = Refused {
            mark,
            why: why.clone(),
            times,
            until,
        };
        refused.insert(connector.name.clone(), refusal);
    }

    fn mark(&self, connector: &ConnectorConfig) -> Option<u64> {
        credential_mark(connector, &self.marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stand {
        cooldown: Cooldown,
        connector: ConnectorConfig,
        _directory: tempfile::TempDir,
        secret: std::path::PathBuf,
    }

    fn stand() -> Stand {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        write(&secret, "wrong");
        let settings = serde_json::json!({
            "urls": ["ldaps://dc.example.com"],
            "bind": "svc@example.com",
            "secret": { "file": secret },
        });
        Stand {
            cooldown: Cooldown::default(),
            connector: ConnectorConfig {
                name: "corp".into(),
                kind: "ad".into(),
                settings,
            },
            _directory: directory,
            secret,
        }
    }

    fn write(file: &std::path::Path, password: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(file, password).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn refusal() -> Refusal {
        Refusal::new(Code::SourceCredentialRefused)
    }

    #[test]
    fn a_refused_password_is_tried_less_and_less_often() {
        let stand = stand();
        let (cooldown, connector) = (&stand.cooldown, &stand.connector);
        let mut now = Instant::now();
        assert_eq!(cooldown.holds(connector, now), None);
        for pause in [15, 1_200, 2_100, 2_100] {
            cooldown.note(connector, Some(&refusal()), now);
            let told = cooldown.holds(connector, now + Duration::from_secs(pause - 1));
            let told = told.unwrap();
            assert_eq!(told.code, Code::SourceCredentialRefused);
            assert!(told.argument("nextTry").is_some());
            now += Duration::from_secs(pause);
            assert_eq!(cooldown.holds(connector, now), None);
        }
    }

    #[test]
    fn a_corrected_password_is_tried_at_once_and_counts_anew() {
        let stand = stand();
        let (cooldown, connector) = (&stand.cooldown, &stand.connector);
        let now = Instant::now();
        cooldown.note(connector, Some(&refusal()), now);
        assert!(cooldown.holds(connector, now).is_some());
        write(&stand.secret, "another");
        assert_eq!(cooldown.holds(connector, now), None);
        cooldown.note(connector, Some(&refusal()), now);
        let after_the_first_pause = now + Duration::from_secs(15);
        assert_eq!(cooldown.holds(connector, after_the_first_pause), None);
    }

    #[test]
    fn another_failure_or_a_success_forgets_the_refusal() {
        let stand = stand();
        let (cooldown, connector) = (&stand.cooldown, &stand.connector);
        let now = Instant::now();
        for why in [None, Some(Refusal::new(Code::TimeOut))] {
            cooldown.note(connector, Some(&refusal()), now);
            cooldown.note(connector, why.as_ref(), now);
            assert_eq!(cooldown.holds(connector, now), None);
        }
    }
}
