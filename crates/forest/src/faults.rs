//! Faults that tests switch on while the server runs.
//!
//! They change answers only; the directory itself stays whole. Restoring from backup and a new
//! invocationId are not here: they are changes of state, made through [`crate::Forest`].

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// With which code a cookie is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieRefusal {
    /// 12, as Samba does.
    #[default]
    UnavailableCriticalExtension,
    /// 53.
    UnwillingToPerform,
}

/// Which faults are on.
#[derive(Debug, Clone, Default)]
pub struct FaultSettings {
    /// Requests are taken and never answered.
    pub is_silent: bool,
    /// The connection is closed once it has carried this many entries.
    pub drop_after_entries: Option<usize>,
    /// A paged or DirSync read claims to be complete after this many entries.
    pub truncate_after_entries: Option<usize>,
    /// Searches below the domain succeed and find nothing, as when rights were taken away.
    pub denies_reading: bool,
    /// Attributes, in lower case, that no reader sees.
    pub hidden_attributes: BTreeSet<String>,
    /// Every DirSync cookie that is not empty is refused.
    pub refuses_cookies: bool,
    /// How cookies are refused.
    pub cookie_refusal: CookieRefusal,
    /// Every operation but bind ends with busy (51).
    pub is_busy: bool,
    /// How long every answer waits.
    pub delay: Duration,
}

/// Handle to the faults of one forest.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<RwLock<FaultSettings>>);

impl Faults {
    /// What is on now.
    pub fn current(&self) -> FaultSettings {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes what is on.
    pub fn set(&self, change: impl FnOnce(&mut FaultSettings)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Switches all off.
    pub fn clear(&self) {
        self.set(|settings| *settings = FaultSettings::default());
    }
}
