//! Objects the tenant manages itself: made, changed, deleted, restored by its administrator, and handed over to a source or back.
//!
//! What is synchronised is changed in its source, so everything here refuses it with the way out; only who manages an object
//! is changed of any. After each act whose object it is looks again, and whoever waited for a value is tried again. Trap:
//! values come as text, and the directory says what they have to be.

use axum::{
    Json,
    extract::{Path, State},
};
use directory::{
    ADMINISTRATIVE_ROLES, Attribute, DeleteScope, Kind, Object, Operation, Outcome, Value,
    ValueType,
};
use serde::Deserialize;
use sync_core::{code::Code, operation::Refusal};
use uuid::Uuid;
use wire::api::v1::{AuthorityChange, DirectoryObject, NewObject, ObjectChange, Values};

use super::{
    directory::{blocking, named, object},
    error::{Answer, ApiError},
    extract::{Body, Parameters},
};
use crate::{access::actor, app::App};

const SYNC_ENABLED: &str = "onPremisesSyncEnabled";
/// Attributes whose values others may wait for.
const UNIQUE: [&str; 6] = [
    "userPrincipalName",
    "mail",
    "proxyAddresses",
    "mailNickname",
    "onPremisesSecurityIdentifier",
    "onPremisesImmutableId",
];

/// `POST /directory/objects`.
pub async fn create(
    State(app): State<App>,
    Body(request): Body<NewObject>,
) -> Answer<DirectoryObject> {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == request.kind && *kind != Kind::Device)
        .ok_or_else(|| ApiError::invalid("kind is one of user, group, contact"))?;
    let operation = Operation::Create {
        kind,
        attributes: attributes(kind, &request.attributes)?,
        references: Vec::new(),
    };
    let id = apply(&app, operation).await?;
    told(&app, "create object", id, &[]).await?;
    object(State(app), Path(id.to_string())).await
}

/// `PATCH /directory/objects/{name}`.
pub async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<ObjectChange>,
) -> Answer<DirectoryObject> {
    let found = own(&app, name).await?;
    let set = attributes(found.kind, &request.attributes)?;
    let freed = values_of(&found, |name| set.contains_key(name));
    let id = found.id;
    let operation = Operation::Update {
        id,
        expected_version: Some(found.version),
        set,
        references: Vec::new(),
    };
    apply(&app, operation).await?;
    told(&app, "change object", id, &freed).await?;
    object(State(app), Path(id.to_string())).await
}

/// How a deletion is meant.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Removal {
    /// So that it cannot be restored.
    for_good: bool,
}

/// `DELETE /directory/objects/{name}?forGood=`: users can be restored unless it is for good, all others are gone at once.
/// What lies deleted may be removed for good, whoever managed it.
pub async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(removal): Parameters<Removal>,
) -> Answer<DirectoryObject> {
    let found = named(&app, name).await?;
    if found.is_live() {
        must_be_own(&found)?;
    }
    let (id, expected_version) = (found.id, Some(found.version));
    let operation = match removal.for_good {
        true => Operation::HardDelete {
            id,
            expected_version,
        },
        false => Operation::Delete {
            id,
            expected_version,
            scope: DeleteScope::Any,
        },
    };
    apply(&app, operation).await?;
    told(&app, "delete object", id, &values_of(&found, |_| true)).await?;
    Ok(Json(super::directory::brief(&found)))
}

/// `POST /directory/objects/{name}/restore`: brings a deleted user back; it is the tenant's own from then on.
pub async fn restore(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<ObjectChange>,
) -> Answer<DirectoryObject> {
    let found = named(&app, name).await?;
    let mut set = attributes(found.kind, &request.attributes)?;
    set.insert(SYNC_ENABLED, Value::Bool(false));
    let id = found.id;
    let operation = Operation::Restore {
        id,
        expected_version: Some(found.version),
        set,
    };
    apply(&app, operation).await?;
    told(&app, "restore object", id, &[]).await?;
    object(State(app), Path(id.to_string())).await
}

/// `POST /directory/objects/{name}/authority`.
pub async fn authority(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(change): Body<AuthorityChange>,
) -> Answer<DirectoryObject> {
    let found = named(&app, name).await?;
    let id = found.id;
    if change.is_synchronised && found.text("onPremisesImmutableId").is_none() {
        return Err(Refusal::new(Code::Conflict)
            .with("target", id.to_string())
            .with(
                "text",
                "it carries no source anchor, so no source can manage it; it is taken over when a source object matches it",
            )
            .into());
    }
    let set = [(SYNC_ENABLED, Value::Bool(change.is_synchronised))];
    let operation = Operation::Update {
        id,
        expected_version: Some(found.version),
        set: set.into_iter().collect(),
        references: Vec::new(),
    };
    apply(&app, operation).await?;
    told(&app, "change authority", id, &[]).await?;
    object(State(app), Path(id.to_string())).await
}

/// An object the tenant manages itself.
async fn own(app: &App, name: String) -> Result<Object, ApiError> {
    let found = named(app, name).await?;
    must_be_own(&found)?;
    Ok(found)
}

fn must_be_own(found: &Object) -> Result<(), Refusal> {
    match found.attributes.get(SYNC_ENABLED).and_then(Value::as_bool) {
        Some(true) => Err(Refusal::new(Code::AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService)
            .with("target", found.id.to_string())
            .with(
                "text",
                format!(
                    "it is synchronised: change it in its source, or say first that the tenant manages it (`hybridge directory authority {} tenant`)",
                    found.id
                ),
            )),
        _ => Ok(()),
    }
}

async fn apply(app: &App, operation: Operation) -> Result<Uuid, ApiError> {
    let outcomes = blocking(app, move |directory| {
        directory.apply(&directory.administrator().writer(), vec![operation])
    })
    .await?;
    match outcomes.into_iter().next() {
        Some(Outcome::Done { id, .. }) => Ok(id),
        Some(Outcome::Refused(why @ directory::Refusal::PreconditionFailed { .. })) => {
            Err(conflict(&why).into())
        }
        Some(Outcome::Refused(why @ directory::Refusal::NotDeleted { .. })) => {
            Err(conflict(&why).into())
        }
        Some(Outcome::Refused(why)) => Err(connectors::directory::refusal_of(&why).into()),
        None => Err(Refusal::new(Code::InternalFault)
            .with("text", "the directory gave no answer")
            .into()),
    }
}

fn conflict(why: &directory::Refusal) -> Refusal {
    Refusal::new(Code::Conflict).with("text", why.to_string())
}

/// Whoever it concerns looks again.
async fn told(app: &App, act: &'static str, id: Uuid, freed: &[String]) -> Result<(), ApiError> {
    let freed = freed.to_vec();
    crate::agents::blocking(app.engine(), move |engine| {
        engine.audit(&actor(), act, &id.to_string())?;
        engine.heed_target(&id.to_string(), &freed)
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// The unique values an object has in some attributes.
fn values_of(found: &Object, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let names = UNIQUE.into_iter().filter(|name| is_meant(name));
    let held = names.filter_map(|name| found.attributes.get(name));
    held.flat_map(|value| match value {
        Value::Text(text) => std::slice::from_ref(text),
        Value::Texts(texts) => texts.as_slice(),
        _ => &[],
    })
    .map(ToString::to_string)
    .collect()
}

/// Attributes as the directory takes them.
fn attributes(kind: Kind, given: &Values) -> Result<directory::Attributes, ApiError> {
    let mut all = directory::Attributes::new();
    for (name, values) in given {
        if [ADMINISTRATIVE_ROLES, SYNC_ENABLED].contains(&name.as_str()) {
            return Err(ApiError::invalid(format!(
                "{name} is not set like this; see `hybridge directory roles` and `hybridge directory authority`"
            )));
        }
        let attribute = directory::attribute(kind, name).ok_or_else(|| {
            Refusal::new(Code::SchemaAttributeNotFound)
                .with("attribute", name)
                .with("class", kind.as_str())
        })?;
        all.insert(attribute.name, typed(attribute, values)?);
    }
    Ok(all)
}

fn typed(attribute: &Attribute, values: &[String]) -> Result<Value, ApiError> {
    let wrong = |expected: &str| -> ApiError {
        Refusal::new(Code::SchemaPropertyCanOnlyAcceptValue)
            .with("attribute", attribute.name)
            .with("expected", expected)
            .into()
    };
    let first = values.first().map(String::as_str).unwrap_or_default();
    if attribute.is_multi_valued && attribute.value_type == ValueType::Text {
        return Ok(values.to_vec().into());
    }
    if values.len() > 1 {
        return Err(wrong("one value"));
    }
    match (attribute.value_type, first) {
        (ValueType::Text, text) => Ok(text.into()),
        // Nothing clears, whatever the type is.
        (ValueType::Integer | ValueType::Bool, "") => Ok("".into()),
        (ValueType::Integer, text) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| wrong("a whole number")),
        (ValueType::Bool, text) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("True or False")),
        },
        (ValueType::Binary | ValueType::Reference, _) => {
            Err(wrong("values that are text, numbers or truth"))
        }
    }
}
