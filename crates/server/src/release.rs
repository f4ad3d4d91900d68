//! Taking from an object of the tenant directory what it has only because of the source object it belonged to.
//!
//! Its anchor, and its places in objects that the same job manages: memberships, and whom it is the manager of. Never touches
//! what somebody gave it in the cloud by other ways. Trap: versions of the objects that referred to it change, so what was
//! planned for them is read back first.

use directory::{
    Directory, Fault, Operation, Outcome, PageToken, ReferenceChange, Value, ValueType,
};
use engine::{Engine, JobRow};
use sync_core::{code::Code, operation::Refusal, plan::IMMUTABLE_ID};
use uuid::Uuid;

use crate::{agents::placed, app::App};

const PAGE: usize = 500;

/// Takes them from the object of this id; of one that is gone there is nothing to take.
///
/// # Errors
/// If the directory or the store fails; doing it again goes on where it ended.
pub async fn from_job(app: &App, job: &JobRow, id: &str) -> Result<(), Refusal> {
    let Ok(id) = Uuid::try_parse(id) else {
        return Ok(());
    };
    let (engine, directory, job) = (app.engine().clone(), app.directory().clone(), job.clone());
    let done = tokio::task::spawn_blocking(move || {
        clear_anchor(&directory, id)?;
        leave(&engine, &directory, &job, id)
    });
    done.await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a directory thread ended"))?
}

fn clear_anchor(directory: &Directory, id: Uuid) -> Result<(), Refusal> {
    let found = directory
        .get(&directory.administrator(), id)
        .map_err(fault)?;
    if found.is_none_or(|object| !object.is_live() || object.text(IMMUTABLE_ID).is_none()) {
        return Ok(());
    }
    let set = [(IMMUTABLE_ID, Value::from(""))];
    apply(
        directory,
        vec![Operation::Update {
            id,
            expected_version: None,
            set: set.into_iter().collect(),
            references: Vec::new(),
        }],
    )
}

fn leave(engine: &Engine, directory: &Directory, job: &JobRow, id: Uuid) -> Result<(), Refusal> {
    let all = directory::Kind::ALL.into_iter().flat_map(directory::schema);
    let mut attributes: Vec<&str> = all
        .filter(|attribute| attribute.value_type == ValueType::Reference)
        .map(|attribute| attribute.name)
        .collect();
    attributes.sort_unstable();
    attributes.dedup();
    for attribute in attributes {
        let mut token: Option<PageToken> = None;
        loop {
            let page = directory
                .holders(
                    &directory.administrator(),
                    id,
                    attribute,
                    token.as_ref(),
                    PAGE,
                )
                .map_err(fault)?;
            let mut leaving = Vec::new();
            for holder in &page.items {
                if is_managed(engine, job, holder.id)? {
                    leaving.push(Operation::ChangeReferences {
                        id: holder.id,
                        expected_version: None,
                        change: ReferenceChange {
                            attribute: attribute.to_owned(),
                            add: Vec::new(),
                            remove: vec![id],
                        },
                    });
                }
            }
            apply(directory, leaving)?;
            match page.next {
                Some(next) => token = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

/// Whether this job manages an object of the target.
fn is_managed(engine: &Engine, job: &JobRow, id: Uuid) -> Result<bool, Refusal> {
    let links = engine
        .links_of_target(&id.to_string())
        .map_err(|error| placed(engine, &error))?;
    Ok(links.iter().any(|link| engine::job_of(*link) == job.id))
}

fn apply(directory: &Directory, operations: Vec<Operation>) -> Result<(), Refusal> {
    if operations.is_empty() {
        return Ok(());
    }
    let outcomes = directory
        .apply(&directory.administrator().writer(), operations)
        .map_err(fault)?;
    match outcomes.iter().find_map(Outcome::refusal) {
        Some(why) => Err(Refusal::new(Code::Conflict).with("text", why.to_string())),
        None => Ok(()),
    }
}

fn fault(fault: Fault) -> Refusal {
    Refusal::new(Code::TargetFault).with("text", fault.to_string())
}
