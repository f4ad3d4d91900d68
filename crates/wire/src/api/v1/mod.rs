//! Version 1 of the administrator's API: JSON, camelCase, times as RFC 3339 text in UTC.
//!
//! Plain types; the server fills them, the command line shows them. Trap: a list is always a [`Page`], and a caller that
//! ignores `next` sees only the beginning.

mod agent;
mod alert;
mod api_client;
mod authority;
mod backup;
mod configuration;
mod connector;
mod cycle;
mod deletion;
mod directory;
mod explain;
mod expression;
mod guard;
mod idfix;
mod job;
mod key;
mod link;
mod log;
mod logs;
mod notification;
mod object;
mod pending;
mod preview;
mod problem;
mod removal;
mod rules;
mod run;
mod staging;
mod status;
mod undo;
mod update;
mod verify;

use serde::{Deserialize, Serialize};

pub use agent::{Agent, Assignment, EnrolmentToken, NewToken};
pub use alert::{Acknowledgement, Alert};
pub use api_client::{ApiClient, AuditEntry, IssuedSecret, NewApiClient, RotateApiClient};
pub use authority::{AgentBehind, Authorities, Retirement, TrustedAuthority};
pub use backup::{Backup, BackupEvent, NewBackup};
pub use configuration::{
    CONFIGURATION_FORM, Configuration, ConfigurationDifference, ConfigurationPlan,
    ConfigurationRequest, ConfiguredApiClient, ConfiguredConnector, ConfiguredDomain,
    ConfiguredHook, ConfiguredJob, ConfiguredMail, ConfiguredNotifications, ConfiguredServer,
    SecretName,
};
pub use connector::{
    Connector, ConnectorChange, ConnectorTest, Container, Method, NewConnector, Position,
};
pub use cycle::{
    Count, Demand, EscrowRetry, EscrowedObject, KeyedCount, OnDemand, OnDemandReport, Reconciled,
    Reconciling, Restart, SynchronizationError, SynchronizationProgress, SynchronizationQuarantine,
    SynchronizationStatus, TargetDifference, TaskExecution,
};
pub use deletion::{Decided, Deletion, DeletionChoice, Verdict};
pub use directory::{
    AuthorityChange, Credential, DirectoryObject, Domain, DomainChange, NewObject, ObjectChange,
    Reference, Repaired, RolesChange, RotateCredential, Tenant,
};
pub use explain::{
    Awaited, Candidate, DueView, Escrow, ExplainedAttribute, ExplainedClause, ExplainedGroup,
    ExplainedJob, ExplainedReference, ExplainedScope, Explanation, LookedIn, MatchAttempt, Missing,
    WaitingReference,
};
pub use expression::{ExpressionFailure, ExpressionStep, ExpressionToTry, ExpressionTrial};
pub use guard::{Budget, Guard, JobBudget, Prevention};
pub use idfix::{IdfixEvent, IdfixFinding, IdfixReport, IdfixRequest};
pub use job::{Job, JobChange, JobSettings, Named, NewJob, Reconcile};
pub use key::{MasterKey, SealedSecret};
pub use link::{Link, LinkRequest};
pub use log::{
    Identity, LogRecord, LogRetention, LogRetentionChange, ModifiedProperty, Step, System,
};
pub use logs::{LogExport, LogExportEvent, TraceRequest, Tracing};
pub use notification::{
    HookChange, HookShown, MailChange, MailShown, Notification, NotificationTest, Notifications,
    NotificationsChange,
};
pub use object::{
    FoundObject, LinkView, ObjectInJob, ObjectView, References, ScopeView, SetAside, TargetView,
};
pub use pending::{PendingExport, ReferenceCount};
pub use preview::{
    PreviewChange, PreviewEvent, PreviewObject, PreviewReferences, PreviewReport, PreviewRequest,
};
pub use problem::{ErrorAnswer, Problem, section};
pub use removal::JobRemoval;
pub use rules::{
    NewRules, Rollback, Rules, RulesDiff, RulesDifference, RulesProblem, RulesReport, RulesToCheck,
    RulesVersion,
};
pub use run::Run;
pub use staging::{FenceView, JobStaging, Staged, Staging, StagingRequest};
pub use status::{DoorbellStatus, JobStatus, Lag, Phase, Progress, SourceStatus, UnderWay};
pub use undo::{Hold, HoldChoice, UndoLeft, UndoRequest, Undone, UndoneObject, UndoneValue};
pub use update::{
    AgentUpdate, AgentUpdates, OfferedRelease, UpdatePolicy, UpdatePolicyChange, UpdateRetry,
};
pub use verify::{Difference, Explained, Report, VerifyEvent};

/// Path all acts begin with.
pub const BASE: &str = "/api/v1";
/// Most items of one page.
pub const MAX_PAGE_ITEMS: u32 = 1_000;
/// Items of one page unless told otherwise.
pub const PAGE_ITEMS: u32 = 100;

/// Values of one attribute set, as shown to people: names with the text of each value.
pub type Values = std::collections::BTreeMap<String, Vec<String>>;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass as `after` to get the next page; absent: this is the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is complete.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
