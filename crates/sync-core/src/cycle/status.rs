//! How a cycle ended, in the words of run histories.
//!
//! Trap: the state (`succeeded`, `entryLevelErrors`, `failed`) says whether the cycle came to its end, the status says why
//! not; a cycle that the guard stops has come to its end for everything else.

use crate::code::{Blame, Code};

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunStatus {
    /// Everything was done.
    Success,
    /// Objects could not be planned.
    CompletedSyncErrors,
    /// The target refused operations.
    CompletedExportErrors,
    /// Everything was done but for values that other objects hold.
    CompletedExportWarnings,
    /// More objects failed than a job may have failing.
    StoppedErrorLimit,
    /// The guard holds deletions.
    StoppedDeletionThresholdExceeded,
    /// Source or target went away under way.
    StoppedServerDown,
    /// An administrator paused the job.
    StoppedUserTermination,
    /// The server ended under way.
    StoppedServiceRestart,
    /// The rules or the configuration broke under way.
    StoppedConfiguration,
    /// Something else broke under way.
    StoppedFault,
    /// A right is missing, or a credential was taken away under way.
    PermissionIssue,
    /// Source or target refused the credential.
    NoStartCredentials,
    /// Source or target could not be reached.
    NoStartServerDown,
    /// No agent could do the work.
    NoStartNoAgent,
    /// The rules or the configuration contain mistakes.
    NoStartConfiguration,
    /// Something else was in the way.
    NoStartFault,
}

/// What a cycle came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// What stopped it.
    pub failure: Option<Code>,
    /// Whether anything had been done before.
    pub had_begun: bool,
    /// Objects that could not be planned.
    pub sync_errors: u64,
    /// Operations the target refused.
    pub export_errors: u64,
    /// Operations that left out a value.
    pub warnings: u64,
    /// Whether the guard holds deletions.
    pub is_held: bool,
    /// Whether the failures reached a threshold of the quarantine.
    pub is_over_limit: bool,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Success,
        Self::CompletedSyncErrors,
        Self::CompletedExportErrors,
        Self::CompletedExportWarnings,
        Self::StoppedErrorLimit,
        Self::StoppedDeletionThresholdExceeded,
        Self::StoppedServerDown,
        Self::StoppedUserTermination,
        Self::StoppedServiceRestart,
        Self::StoppedConfiguration,
        Self::StoppedFault,
        Self::PermissionIssue,
        Self::NoStartCredentials,
        Self::NoStartServerDown,
        Self::NoStartNoAgent,
        Self::NoStartConfiguration,
        Self::NoStartFault,
    ];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::CompletedSyncErrors => "completed-sync-errors",
            Self::CompletedExportErrors => "completed-export-errors",
            Self::CompletedExportWarnings => "completed-export-warnings",
            Self::StoppedErrorLimit => "stopped-error-limit",
            Self::StoppedDeletionThresholdExceeded => "stopped-deletion-threshold-exceeded",
            Self::StoppedServerDown => "stopped-server-down",
            Self::StoppedUserTermination => "stopped-user-termination",
            Self::StoppedServiceRestart => "stopped-service-restart",
            Self::StoppedConfiguration => "stopped-configuration",
            Self::StoppedFault => "stopped-fault",
            Self::PermissionIssue => "permission-issue",
            Self::NoStartCredentials => "no-start-credentials",
            Self::NoStartServerDown => "no-start-server-down",
            Self::NoStartNoAgent => "no-start-no-agent",
            Self::NoStartConfiguration => "no-start-configuration",
            Self::NoStartFault => "no-start-fault",
        }
    }

    /// The status of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The status of a cycle that ended so.
    pub fn of(ending: &Ending) -> Self {
        if let Some(code) = ending.failure {
            return Self::of_failure(code, ending.had_begun);
        }
        if ending.is_over_limit {
            Self::StoppedErrorLimit
        } else if ending.is_held {
            Self::StoppedDeletionThresholdExceeded
        } else if ending.export_errors > 0 {
            Self::CompletedExportErrors
        } else if ending.sync_errors > 0 {
            Self::CompletedSyncErrors
        } else if ending.warnings > 0 {
            Self::CompletedExportWarnings
        } else {
            Self::Success
        }
    }

    /// The status of a cycle that was stopped by this, or kept from beginning.
    pub fn of_failure(code: Code, had_begun: bool) -> Self {
        let (begun, not_begun) = match code {
            Code::SourceInsufficientAccess | Code::InsufficientRights | Code::NotAllowed => {
                (Self::PermissionIssue, Self::PermissionIssue)
            }
            code if code.is_credential() => (Self::PermissionIssue, Self::NoStartCredentials),
            Code::HybridIdentityServiceNoAgentsAssigned
            | Code::HybridIdentityServiceNoActiveAgents
            | Code::HybridIdentityServiceInvalidResource
            | Code::HybridIdentityServiceAgentSignalingError => {
                (Self::StoppedServerDown, Self::NoStartNoAgent)
            }
            Code::SourceBusy | Code::TargetBusy => {
                (Self::StoppedServerDown, Self::NoStartServerDown)
            }
            code => match code.blame() {
                Blame::Network => (Self::StoppedServerDown, Self::NoStartServerDown),
                Blame::Rules => (Self::StoppedConfiguration, Self::NoStartConfiguration),
                Blame::Source | Blame::Target | Blame::Us => {
                    (Self::StoppedFault, Self::NoStartFault)
                }
            },
        };
        match had_begun {
            true => begun,
            false => not_begun,
        }
    }
}

impl std::fmt::Display for RunStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
