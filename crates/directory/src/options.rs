//! How a directory is opened: everything that would make two runs differ is handed in.
//!
//! Never reads clock, environment or randomness itself, with one exception: secrets come from the operating system
//! unless a test says otherwise. Trap: `ids` must never repeat an id, across restarts included.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Makes object ids.
pub type Ids = Arc<dyn Fn() -> Uuid + Send + Sync>;
/// Called with the name of a commit's edge, right before and right after it.
pub type CommitHook = Arc<dyn Fn(&'static str) + Send + Sync>;
/// Fills a buffer with unpredictable bytes; false if there are none.
pub type Randomness = Arc<dyn Fn(&mut [u8]) -> bool + Send + Sync>;

/// When the whole file is checked on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCheck {
    /// Only when the last user of the file did not close it.
    AfterUncleanShutdown,
    /// Always.
    Always,
    /// Never; a damaged page is then noticed when it is read.
    Never,
}

/// The tenant of a new file.
#[derive(Clone, Debug)]
pub struct TenantSeed {
    /// The tenant's id; made by `ids` if absent.
    pub id: Option<Uuid>,
    /// The tenant's name.
    pub display_name: String,
    /// The domain the tenant always has, such as `contoso.hybridge.example`.
    pub initial_domain: String,
}

/// How a directory is opened.
#[derive(Clone)]
pub struct Options {
    /// Reads the time.
    pub clock: Clock,
    /// Makes object ids.
    pub ids: Ids,
    /// Makes secrets.
    pub random: Randomness,
    /// Told of every commit, for crash tests.
    pub commit_hook: Option<CommitHook>,
    /// Used when the file is new, ignored afterwards.
    pub tenant: TenantSeed,
    /// When the whole file is checked on opening.
    pub file_check: FileCheck,
    /// The greatest number of objects, soft-deleted ones included.
    pub quota_objects: Option<u64>,
    /// How long a deleted user can be restored.
    pub soft_delete_retention: SignedDuration,
    /// How long deletions and membership changes stay in the change feed.
    pub change_retention: SignedDuration,
}

impl Options {
    /// The usual options: 30 days for deleted users and for the feed, no quota, check after an unclean shutdown.
    pub fn new(clock: Clock, ids: Ids, tenant: TenantSeed) -> Options {
        Options {
            clock,
            ids,
            random: Arc::new(|bytes| aws_lc_rs::rand::fill(bytes).is_ok()),
            commit_hook: None,
            tenant,
            file_check: FileCheck::AfterUncleanShutdown,
            quota_objects: None,
            soft_delete_retention: SignedDuration::from_hours(30 * 24),
            change_retention: SignedDuration::from_hours(30 * 24),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("tenant", &self.tenant)
            .field("file_check", &self.file_check)
            .field("quota_objects", &self.quota_objects)
            .field("soft_delete_retention", &self.soft_delete_retention)
            .field("change_retention", &self.change_retention)
            .finish_non_exhaustive()
    }
}
