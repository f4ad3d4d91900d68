//! Carrying out batches: one transaction, every operation on its own.
//!
//! Never writes before an operation has been found good in all respects; therefore a refused operation needs nothing
//! undone and its neighbours are untouched. Trap: within a batch later operations see what earlier ones did.

mod create;
mod delete;
mod edges;
mod keyring;
mod record;
mod restore;
mod update;

use crate::batch::{Act, Batch};
use crate::fault::Fault;
use crate::operation::{Operation, Outcome};
use crate::principal::{Writer, row_of};
use crate::refusal::Refusal;
use crate::schema::ADMINISTRATIVE_ROLES;
use crate::store::Directory;
use record::version_out;

pub(crate) use delete::destroy;
pub(crate) use edges::StoredReferences;

/// The most operations of one call; 2 000 to 5 000 are quickest.
pub const MAX_OPERATIONS_PER_BATCH: usize = 20_000;

/// The most references one operation may add and remove.
pub const MAX_REFERENCES_PER_OPERATION: usize = 20_000;

/// What the administrator's changes are noted under.
const ADMINISTRATOR_ROW: i64 = 0;

/// Why an operation ended without being done.
enum Stop {
    Refused(Refusal),
    Fault(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Fault(error.into())
    }
}

/// The object and the version it has now.
type Done = (uuid::Uuid, i64);

impl Directory {
    /// Carries out operations in order, in one transaction; the outcomes are in the same order.
    ///
    /// # Errors
    /// When the caller is not admitted, the batch is too large, or the store fails; then nothing was written.
    pub fn apply(
        &self,
        caller: &Writer,
        operations: Vec<Operation>,
    ) -> Result<Vec<Outcome>, Fault> {
        self.apply_if(caller, operations, |_| Ok(()))
    }

    /// The same, if something holds in the transaction that writes.
    pub(crate) fn apply_if(
        &self,
        caller: &Writer,
        operations: Vec<Operation>,
        admit: impl FnOnce(&rusqlite::Connection) -> Result<(), Fault>,
    ) -> Result<Vec<Outcome>, Fault> {
        let (actual, max) = (operations.len(), MAX_OPERATIONS_PER_BATCH);
        if actual > max {
            return Err(Fault::BatchTooLarge { max, actual });
        }
        let by = row_of(caller);
        self.write(caller, Act::APPLY, |batch| {
            admit(batch.connection())?;
            operations
                .into_iter()
                .map(|operation| outcome(run(batch, by, operation)))
                .collect()
        })
    }
}

fn outcome(result: Result<Done, Stop>) -> Result<Outcome, Fault> {
    match result {
        Ok((id, version)) => Ok(Outcome::Done {
            id,
            version: version_out(version),
        }),
        Err(Stop::Refused(refusal)) => Ok(Outcome::Refused(refusal)),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// Administrative roles are given by the administrator: a program that may write could make itself anything otherwise.
fn check_author(by: i64, operation: &Operation) -> Result<(), Refusal> {
    let set = match operation {
        Operation::Create { attributes, .. } => attributes,
        Operation::Update { set, .. } | Operation::Restore { set, .. } => set,
        Operation::Delete { .. }
        | Operation::HardDelete { .. }
        | Operation::ChangeReferences { .. } => return Ok(()),
    };
    let is_forbidden = by != ADMINISTRATOR_ROW && set.contains_key(ADMINISTRATIVE_ROLES);
    match is_forbidden {
        true => Err(Refusal::AdministratorOnly {
            attribute: ADMINISTRATIVE_ROLES,
        }),
        false => Ok(()),
    }
}

fn run(batch: &mut Batch<'_>, by: i64, operation: Operation) -> Result<Done, Stop> {
    check_author(by, &operation)?;
    match operation {
        Operation::Create {
            kind,
            attributes,
            references,
        } => create::create(batch, by, kind, attributes, &references),
        Operation::Update {
            id,
            expected_version,
            set,
            references,
        } => update::update(batch, by, id, expected_version, set, &references),
        Operation::ChangeReferences {
            id,
            expected_version,
            change,
        } => update::update(
            batch,
            by,
            id,
            expected_version,
            Default::default(),
            &[change],
        ),
        Operation::Delete {
            id,
            expected_version,
            scope,
        } => delete::delete(batch, by, id, expected_version, scope),
        Operation::HardDelete {
            id,
            expected_version,
        } => delete::hard_delete(batch, id, expected_version),
        Operation::Restore {
            id,
            expected_version,
            set,
        } => restore::restore(batch, by, id, expected_version, set),
    }
}
