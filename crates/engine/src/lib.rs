//! Everything Hybridge remembers: the only door to the control plane's stored state.
//!
//! Connector spaces, due work, links with their pending exports, jobs, reads, runs, agents, the guard's window, the
//! provisioning log. All SQL of the control plane is here. The engine never speaks to a directory and never decides what
//! an object should look like (that is `sync_core`). Every method is one transaction: a change and the work it causes are
//! stored together or not at all. Methods block; call them from a blocking thread. Trap: the numbers of the connector
//! space (object, link) are internal; what leaves the server are anchors, target ids and GUIDs.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod access;
mod alert;
mod aside;
mod backup;
mod claim;
mod comparison;
mod config;
mod configuration;
mod crossing;
mod cycle;
mod due;
mod export;
mod fresh;
mod group;
mod guard;
mod hold;
mod image;
mod linked;
mod links;
mod log;
mod marks;
mod observe;
mod query;
mod read;
mod reference;
mod rejoin;
mod removal;
mod rows;
mod rules;
mod scope;
mod segment;
mod shown;
mod staging;
mod store;
mod undo;
mod update;

pub use access::{ApiClientRow, ApplicationRow, AuditRow, NewApiClient, SecretRow};
pub use alert::{AlertRow, AlertView, Heeded};
pub use aside::AsideRow;
pub use backup::CopyFacts;
pub use claim::Holder;
pub use comparison::{ComparisonEnd, ComparisonOrder};
pub use config::{
    AgentRow, Certificate, ConnectorRow, JobRow, JobSettings, JobState, NewAgent, NewConnector,
    NewJob, Reconcile,
};
pub use configuration::{ConfigurationChange, ConfiguredJob, JobAlteration};
pub use cycle::{
    Channel, Compared, EscrowChoice, EscrowRow, FailedRun, JobStanding, ListedObject,
    NotificationRow, TargetChange,
};
pub use due::{DueItem, Planned, PlannedOutcome, SourceObject, StoredPlans};
pub use export::{EdgeChange, PendingExport, PendingState, PlannedChange};
pub use guard::{
    Budget, DeleteChoice, GuardOutcome, Loss, PREVENTION, StagedDelete, StagedLoss, costs_values,
};
pub use hold::{HeldWhat, HoldRow};
pub use image::IMAGES_KEPT_DAYS;
pub use links::LinkChange;
pub use log::{Action, LogPage, LogQuery, LogSize, Record, ReferenceNote, Status};
pub use observe::{ObserveError, Observed};
pub use query::*;
pub use read::{Completed, ReadOrder, ReadResult};
pub use reference::{MappedReference, ReferenceWork};
pub use rejoin::{DoubtedLink, HeldReferences};
pub use removal::{RemovalMode, RemovalRow, RemovedJobRow, RemovedObject};
pub use rules::{RulesChange, RulesVersion};
pub use scope::ScopeLinks;
pub use staging::{StagedRow, Staging};
pub use store::{Codec, Engine, FILE, OpenError, Options, StoreError};
pub use undo::{
    UndoAct, UndoItem, UndoLeft, UndoPlan, UndoQuery, UndoReference, UndoRow, UndoValue,
};
pub use update::{UPDATE_RETURNED, UpdateNote, UpdateRow};

/// States of an object in the connector space, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i64)]
pub enum ObjectState {
    /// Only its anchor is known (a reference or a parent pointed to it).
    Stub = 0,
    /// Class, parent and RDN are known; outside the read spec.
    Skeleton = 1,
    /// Read whole.
    Live = 2,
    /// A tombstone proved its deletion.
    Deleted = 3,
    /// Not shown by a full read, and nothing proves its deletion yet.
    Vanished = 4,
    /// Vanished, looked up one by one, and found nowhere: its deletion needs a person.
    Missing = 5,
}

impl ObjectState {
    /// From its stored number; unknown numbers count as stub, which nothing is planned from.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Skeleton,
            2 => Self::Live,
            3 => Self::Deleted,
            4 => Self::Vanished,
            5 => Self::Missing,
            _ => Self::Stub,
        }
    }
}

/// Why something is due: bits.
pub mod reason {
    /// The object changed in the source.
    pub const CHANGED: i64 = 1;
    /// A container above it moved or was renamed.
    pub const CONTAINER: i64 = 2;
    /// The retry time of its escrow has come.
    pub const RETRY: i64 = 4;
    /// A value it waited for was released.
    pub const CONFLICT_FREED: i64 = 8;
    /// The rules changed, or the job is new.
    pub const RULES: i64 = 16;
    /// The target held something else than believed.
    pub const STALE: i64 = 32;
    /// An administrator asked.
    pub const ASKED: i64 = 64;
    /// References were refused; they are tried again together with the object.
    pub const REFERENCES: i64 = 128;
    /// A group of the scope has another member, or a number of links that the scope asks for changed.
    pub const SCOPE_GROUP: i64 = 256;
    /// The grace period of an object that left is over.
    pub const GRACE_OVER: i64 = 512;
    /// An administrator undid what was done to it.
    pub const UNDO: i64 = 1024;

    /// The names of the bits that are set.
    pub fn names(bits: i64) -> Vec<&'static str> {
        const ALL: [(i64, &str); 11] = [
            (CHANGED, "changed"),
            (CONTAINER, "containerMoved"),
            (RETRY, "retry"),
            (CONFLICT_FREED, "conflictFreed"),
            (RULES, "rulesChanged"),
            (STALE, "targetDiffers"),
            (ASKED, "asked"),
            (REFERENCES, "references"),
            (SCOPE_GROUP, "scopeGroup"),
            (GRACE_OVER, "graceOver"),
            (UNDO, "undo"),
        ];
        ALL.iter()
            .filter(|(bit, _)| bits & bit != 0)
            .map(|(_, name)| *name)
            .collect()
    }
}

const OBJECT_BITS: u32 = 40;

/// The link of a job and an object.
pub fn link_id(
    job: sync_core::id::JobId,
    object: sync_core::id::ObjectId,
) -> sync_core::id::LinkId {
    sync_core::id::LinkId((job.0 << OBJECT_BITS) | object.0)
}

/// The object of a link.
pub fn object_of(link: sync_core::id::LinkId) -> sync_core::id::ObjectId {
    sync_core::id::ObjectId(link.0 & ((1 << OBJECT_BITS) - 1))
}

/// The job of a link.
pub fn job_of(link: sync_core::id::LinkId) -> sync_core::id::JobId {
    sync_core::id::JobId(link.0 >> OBJECT_BITS)
}

/// First and last possible link id of a job.
pub(crate) fn link_range(job: sync_core::id::JobId) -> (i64, i64) {
    (
        job.0 << OBJECT_BITS,
        (job.0 << OBJECT_BITS) | ((1 << OBJECT_BITS) - 1),
    )
}
