//! Whether an agent may be updated now: versions, and the administrator's wishes.
//!
//! Pure. Never says whether a release is genuine; that is the updater's own judgement, with keys that the server does not hold.
//! Trap: a window that ends before it begins lasts over midnight.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version: three numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads `1.2.3`; anything else, also with something behind it, is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let mut next = || {
            let part = parts.next()?;
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        };
        let version = Self(next()?, next()?, next()?);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// When on a day updates may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First minute of the day.
    pub start: u16,
    /// First minute after it; before `start`: on the next day.
    pub end: u16,
}

impl Window {
    /// Reads `22:00-04:30`.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        let window = Self {
            start: minute(start)?,
            end: minute(end)?,
        };
        (window.start != window.end).then_some(window)
    }

    /// Whether it is open at this minute of the day.
    pub fn is_open(self, minute: u16) -> bool {
        if self.start < self.end {
            (self.start..self.end).contains(&minute)
        } else {
            minute >= self.start || minute < self.end
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minute: u16| (minute / 60, minute % 60);
        let ((a, b), (c, d)) = (clock(self.start), clock(self.end));
        write!(f, "{a:02}:{b:02}-{c:02}:{d:02}")
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// What the administrator wishes of updates of agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Whether agents are updated by themselves.
    pub enabled: bool,
    /// Not before this time, unix ms.
    pub defer_until: Option<i64>,
    /// Only then.
    pub window: Option<Window>,
    /// Name of the time zone of the window (IANA).
    pub zone: String,
    /// Only to this version.
    pub pin: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            defer_until: None,
            window: None,
            zone: "UTC".into(),
            pin: None,
        }
    }
}

/// Why an update has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Updates are switched off.
    Off,
    /// Another version is wanted.
    Pinned(String),
    /// Until this time, unix ms.
    Deferred(i64),
    /// The window is closed.
    Window(Window, String),
    /// The version did not become healthy on this agent.
    Failed(String),
    /// This agent is being updated.
    Turn(String),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("updates are switched off"),
            Self::Pinned(version) => write!(f, "only version {version} is wanted"),
            Self::Deferred(_) => f.write_str("updates are deferred"),
            Self::Window(window, zone) => {
                write!(f, "updates begin between {window} ({zone}) only")
            }
            Self::Failed(agent) => write!(f, "the version did not become healthy on agent {agent}"),
            Self::Turn(agent) => write!(f, "agent {agent} is being updated"),
        }
    }
}

/// Whether the administrator wishes an update to this version now; `minute` is that of the day in the policy's zone.
///
/// # Errors
/// Why not, the strongest reason first.
pub fn wished(policy: &Policy, version: &str, now: i64, minute: u16) -> Result<(), Wait> {
    if !policy.enabled {
        return Err(Wait::Off);
    }
    match &policy.pin {
        Some(pin) if pin != version => return Err(Wait::Pinned(pin.clone())),
        _ => {}
    }
    match policy.defer_until {
        Some(until) if now < until => return Err(Wait::Deferred(until)),
        _ => {}
    }
    match policy.window {
        Some(window) if !window.is_open(minute) => Err(Wait::Window(window, policy.zone.clone())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_three_numbers_and_compared_as_numbers() {
        assert!(Version::parse("1.10.0") > Version::parse("1.9.9"));
        assert_eq!(Version::parse("1.2.3").unwrap().to_string(), "1.2.3");
        for wrong in [
            "",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "1.2.3-rc1",
            "+1.2.3",
            "1..3",
            "1.2.99999999999",
        ] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_window_lasts_over_midnight_when_it_ends_before_it_begins() {
        let open = |text: &str, at: &str| Window::parse(text).unwrap().is_open(minute(at).unwrap());
        assert!(
            open("22:00-04:00", "23:59")
                && open("22:00-04:00", "00:00")
                && open("22:00-04:00", "03:59")
        );
        assert!(!open("22:00-04:00", "04:00") && !open("22:00-04:00", "21:59"));
        assert!(open("01:00-05:00", "01:00") && !open("01:00-05:00", "05:00"));
        for wrong in [
            "",
            "22:00",
            "24:00-01:00",
            "1:60-2:00",
            "03:00-03:00",
            "a-b",
        ] {
            assert_eq!(Window::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_switch_comes_before_a_pin_before_a_deferral_before_a_window() {
        let mut policy = Policy {
            enabled: false,
            defer_until: Some(1_000),
            window: Window::parse("22:00-04:00"),
            zone: "UTC".into(),
            pin: Some("1.0.1".into()),
        };
        let ask = |policy: &Policy, version: &str, now, at| wished(policy, version, now, at);
        assert_eq!(ask(&policy, "1.0.2", 0, 720), Err(Wait::Off));
        policy.enabled = true;
        assert_eq!(
            ask(&policy, "1.0.2", 0, 720),
            Err(Wait::Pinned("1.0.1".into()))
        );
        assert_eq!(ask(&policy, "1.0.1", 999, 720), Err(Wait::Deferred(1_000)));
        assert!(matches!(
            ask(&policy, "1.0.1", 1_000, 720),
            Err(Wait::Window(..))
        ));
        assert_eq!(ask(&policy, "1.0.1", 1_000, 0), Ok(()));
        assert_eq!(ask(&Policy::default(), "1.0.1", 0, 720), Ok(()));
    }

    proptest! {
        #[test]
        fn every_window_is_open_for_as_long_as_it_says(start in 0..DAY_MINUTES, end in 0..DAY_MINUTES) {
            prop_assume!(start != end);
            let window = Window { start, end };
            let open = (0..DAY_MINUTES).filter(|minute| window.is_open(*minute)).count();
            let length = (i32::from(end) - i32::from(start)).rem_euclid(i32::from(DAY_MINUTES));
            prop_assert_eq!(open, usize::try_from(length).unwrap());
            prop_assert_eq!(Window::parse(&window.to_string()), Some(window));
        }
    }
}
