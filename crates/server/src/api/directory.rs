//! The embedded tenant directory, looked at by its administrator.
//!
//! Reads, domains and administrative roles; what only the tenant has is changed in `cloud`. Trap: this is the directory itself, not the
//! target connector; what is seen here is not what the connector's credential may see.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use directory::{
    ADMINISTRATIVE_ROLES, Directory, Fault, Filter, Kind, LookupKey, MAX_PAGE_SIZE, Object,
    Operation, Outcome, PageToken, ValueType,
};
use serde::Deserialize;
use sync_core::{code::Code, operation::Refusal};
use uuid::Uuid;
use wire::api::v1::{
    Credential, DirectoryObject, Domain, DomainChange, Named, Page, References, Repaired,
    RolesChange, RotateCredential, Tenant,
};

use super::{
    convert::values,
    error::{Answer, ApiError},
    extract::{Body, Parameters, page_size},
};
use crate::{access::actor, app::App};

// LIMIT: references named per attribute.
const REFERENCES_NAMED: usize = 20;
/// Life of a credential unless told otherwise, in days.
const CREDENTIAL_DAYS: u32 = 365;

fn fault(error: Fault) -> Refusal {
    let code = match &error {
        Fault::NotAllowed(_) => Code::Conflict,
        Fault::Fenced { .. } => Code::FencedOff,
        Fault::InvalidPageToken | Fault::BatchTooLarge { .. } => Code::RequestInvalid,
        Fault::Denied(_) => Code::NotAllowed,
        Fault::Unreadable { .. } => Code::StoreDamaged,
        Fault::Storage(_) | Fault::FeedExpired { .. } => Code::TargetFault,
    };
    Refusal::new(code).with("text", error.to_string())
}

pub(super) async fn blocking<T: Send + 'static>(
    app: &App,
    act: impl FnOnce(&Directory) -> Result<T, Fault> + Send + 'static,
) -> Result<T, ApiError> {
    let directory = app.directory().clone();
    let done = tokio::task::spawn_blocking(move || act(&directory)).await;
    let done = done
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a directory thread ended"))?;
    Ok(done.map_err(fault)?)
}

/// `GET /directory`: the tenant and its counts.
pub async fn tenant(State(app): State<App>) -> Answer<Tenant> {
    let tenant = blocking(&app, |directory| {
        let caller = directory.administrator();
        let tenant = directory.tenant(&caller)?;
        let counts = directory.counts(&caller)?;
        Ok(Tenant {
            id: tenant.id.to_string(),
            display_name: tenant.display_name,
            initial_domain: tenant.initial_domain,
            objects: counts
                .iter()
                .map(|(kind, counts)| (format!("{kind}s"), counts.live))
                .collect(),
            deleted_users: counts
                .get(&Kind::User)
                .map_or(0, |counts| counts.soft_deleted),
        })
    })
    .await?;
    Ok(Json(tenant))
}

/// Which objects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    kind: String,
    name: Option<String>,
    deleted: bool,
    limit: Option<u32>,
    after: Option<String>,
}

/// `GET /directory/objects`.
pub async fn objects(
    State(app): State<App>,
    Parameters(wanted): Parameters<Wanted>,
) -> Answer<Page<DirectoryObject>> {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == wanted.kind);
    let kind =
        kind.ok_or_else(|| ApiError::invalid("kind is one of user, group, contact, device"))?;
    let page = blocking(&app, move |directory| {
        let caller = directory.administrator();
        let token = wanted.after.as_deref().map(PageToken::from);
        let size = page_size(wanted.limit);
        let filter = match wanted.name {
            Some(text) => Filter::Prefix {
                attribute: "displayName".into(),
                text,
            },
            None => Filter::All,
        };
        match wanted.deleted {
            true => directory.deleted_items(&caller, token.as_ref(), size),
            false => directory.list(&caller, kind, &filter, token.as_ref(), size),
        }
    })
    .await?;
    let items = page
        .items
        .iter()
        .filter(|object| object.kind == kind)
        .map(brief)
        .collect();
    Ok(Json(Page {
        items,
        next: page.next.map(|next| next.as_str().to_owned()),
    }))
}

pub(super) fn brief(object: &Object) -> DirectoryObject {
    let text = |name: &str| object.text(name).unwrap_or_default().to_owned();
    let is_synchronised = object
        .attributes
        .get("onPremisesSyncEnabled")
        .and_then(directory::Value::as_bool);
    DirectoryObject {
        id: object.id.to_string(),
        kind: object.kind.to_string(),
        display_name: text("displayName"),
        address: match object.text("userPrincipalName") {
            Some(name) => name.to_owned(),
            None => text("mail"),
        },
        is_synchronised: is_synchronised.unwrap_or(false),
        deleted_at: match object.state {
            directory::State::Live => None,
            directory::State::SoftDeleted { at } => Some(at.to_string()),
        },
        ..DirectoryObject::default()
    }
}

/// `GET /directory/objects/{name}`: by id, UPN or mail address.
pub async fn object(State(app): State<App>, Path(name): Path<String>) -> Answer<DirectoryObject> {
    let found = named(&app, name).await?;
    let references = references(&app, &found.id.to_string()).await?;
    let attributes = values(&connectors::directory::attributes_of(&found));
    Ok(Json(DirectoryObject {
        attributes,
        references,
        ..brief(&found)
    }))
}

/// `POST /directory/objects/{name}/roles`: which administrative roles an account holds.
pub async fn roles(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(change): Body<RolesChange>,
) -> Answer<DirectoryObject> {
    let found = named(&app, name).await?;
    let id = found.id;
    let told = format!("{id}: {}", change.roles.join(", "));
    let outcome = blocking(&app, move |directory| {
        let set = [(ADMINISTRATIVE_ROLES, directory::Value::from(change.roles))];
        let operation = Operation::Update {
            id,
            expected_version: None,
            set: set.into_iter().collect(),
            references: Vec::new(),
        };
        directory.apply(&directory.administrator().writer(), vec![operation])
    })
    .await?;
    if let Some(why) = outcome.iter().find_map(Outcome::refusal) {
        return Err(ApiError::invalid(why.to_string()));
    }
    replan(&app, "change roles", &told).await?;
    object(State(app), Path(id.to_string())).await
}

pub(super) async fn named(app: &App, name: String) -> Result<Object, ApiError> {
    let wanted = name.clone();
    let found = blocking(app, move |directory| {
        let caller = directory.administrator();
        if let Ok(id) = Uuid::try_parse(&name) {
            return directory.get(&caller, id);
        }
        let by_name = directory.get_by(
            &caller,
            Some(Kind::User),
            LookupKey::UserPrincipalName(name.clone()),
        )?;
        match by_name {
            Some(found) => Ok(Some(found)),
            None => directory.get_by(
                &caller,
                None,
                LookupKey::ProxyAddress(format!("smtp:{name}")),
            ),
        }
    })
    .await?;
    found.ok_or_else(|| ApiError::not_found("directory object", &wanted))
}

/// What an object refers to, by attribute, with the names of the first.
///
/// # Errors
/// If the directory fails.
pub async fn references(app: &App, id: &str) -> Result<BTreeMap<String, References>, ApiError> {
    let Ok(id) = Uuid::try_parse(id) else {
        return Ok(BTreeMap::new());
    };
    blocking(app, move |directory| {
        let caller = directory.administrator();
        let Some(object) = directory.get(&caller, id)? else {
            return Ok(BTreeMap::new());
        };
        let mut all = BTreeMap::new();
        for attribute in
            directory::schema(object.kind).filter(|one| one.value_type == ValueType::Reference)
        {
            let mut page =
                directory.references(&caller, id, attribute.name, None, MAX_PAGE_SIZE)?;
            if page.items.is_empty() {
                continue;
            }
            let mut first = Vec::new();
            for reference in page.items.iter().take(REFERENCES_NAMED) {
                let other = directory.get(&caller, reference.id)?;
                let name = other
                    .as_ref()
                    .and_then(|other| other.text("displayName"))
                    .unwrap_or_default()
                    .to_owned();
                first.push(Named {
                    id: reference.id.to_string(),
                    name,
                });
            }
            // All are counted, however many pages they fill.
            let mut count = page.items.len() as u64;
            while let Some(token) = page.next.take() {
                page = directory.references(
                    &caller,
                    id,
                    attribute.name,
                    Some(&token),
                    MAX_PAGE_SIZE,
                )?;
                count += page.items.len() as u64;
            }
            all.insert(attribute.name.to_owned(), References { count, first });
        }
        Ok(all)
    })
    .await
}

/// `GET /directory/domains`.
pub async fn domains(State(app): State<App>) -> Answer<Page<Domain>> {
    Ok(Json(Page::whole(all_domains(&app).await?)))
}

/// All verified domains.
///
/// # Errors
/// If the directory fails.
pub(crate) async fn all_domains(app: &App) -> Result<Vec<Domain>, ApiError> {
    blocking(app, |directory| {
        let caller = directory.administrator();
        let initial = directory.tenant(&caller)?.initial_domain;
        let names = directory.verified_domains(&caller)?;
        let federated = directory.federated_domains(&caller)?;
        let shown = names.into_iter().map(|name| Domain {
            is_initial: name == initial,
            is_federated: federated.contains(&name),
            name,
        });
        Ok(shown.collect())
    })
    .await
}

/// `POST /directory/domains`: the administrator says that it is theirs; what waited for it is tried again.
pub async fn add_domain(
    State(app): State<App>,
    Body(change): Body<DomainChange>,
) -> Answer<Domain> {
    let is_federated = verify(&app, change.name.clone(), change.is_federated).await?;
    Ok(Json(Domain {
        name: change.name.trim().to_lowercase(),
        is_initial: false,
        is_federated,
    }))
}

/// Takes a domain as verified, and as federated or not if that is said. Whether it is federated.
///
/// # Errors
/// `Conflict` if it is no domain name, or the initial domain and federated; those of the stores.
pub(crate) async fn verify(
    app: &App,
    name: String,
    is_federated: Option<bool>,
) -> Result<bool, ApiError> {
    let (own, verified, told) = (app.clone(), name.clone(), name.clone());
    let done = tokio::task::spawn_blocking(move || own.verify_domain(&verified)).await;
    done.map_err(|_| Refusal::new(Code::InternalFault).with("text", "a directory thread ended"))??;
    let is_federated = blocking(app, move |directory| {
        let administrator = directory.administrator();
        if let Some(is_federated) = is_federated {
            directory.set_domain_federated(&administrator, &name, is_federated)?;
        }
        let federated = directory.federated_domains(&administrator)?;
        Ok(federated.contains(&name.trim().to_lowercase()))
    })
    .await?;
    crate::agents::blocking(app.engine(), move |engine| {
        engine.audit(&actor(), "add domain", &told)
    })
    .await?;
    Ok(is_federated)
}

/// `DELETE /directory/domains/{name}`.
pub async fn remove_domain(State(app): State<App>, Path(name): Path<String>) -> Answer<Domain> {
    let removed = name.clone();
    blocking(&app, move |directory| {
        directory.remove_verified_domain(&directory.administrator(), &removed)
    })
    .await?;
    replan(&app, "remove domain", &name).await?;
    Ok(Json(Domain {
        name,
        is_initial: false,
        is_federated: false,
    }))
}

/// Names depend on the verified domains: everything is planned anew.
async fn replan(app: &App, act: &'static str, name: &str) -> Result<(), ApiError> {
    let name = name.to_owned();
    crate::agents::blocking(app.engine(), move |engine| {
        engine.audit(&actor(), act, &name)?;
        for job in engine.jobs()? {
            engine.plan_everything(job.id)?;
        }
        Ok(())
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// `POST /directory/credential`: a new secret for synchronisation; the server stores it itself.
pub async fn rotate(
    State(app): State<App>,
    Body(request): Body<RotateCredential>,
) -> Answer<Credential> {
    let days = i64::from(if request.lifetime_days == 0 {
        CREDENTIAL_DAYS
    } else {
        request.lifetime_days
    });
    Ok(Json(issue(&app, days, "rotate credential").await?))
}

/// Makes a new credential and has the jobs tried with it.
async fn issue(app: &App, days: i64, act: &'static str) -> Result<Credential, Refusal> {
    let (own, by) = (app.clone(), actor());
    let done = tokio::task::spawn_blocking(move || own.issue_directory_credential(days)).await;
    done.map_err(|_| Refusal::new(Code::InternalFault).with("text", "a directory thread ended"))?
        .map_err(|error| error.refusal)?;
    let expires = app
        .engine()
        .now()
        .saturating_add(days.saturating_mul(86_400_000));
    crate::agents::blocking(app.engine(), move |engine| {
        engine.audit(&by, act, "directory")?;
        for job in engine.jobs()? {
            engine.set_job_failure(job.id, None)?;
        }
        Ok(())
    })
    .await?;
    app.jobs_changed();
    Ok(Credential {
        application_id: "Hybridge synchronisation".into(),
        expires_at: super::convert::time(expires),
    })
}

/// `POST /directory/repair`: the service account is tried; what is missing, expired or refused gets a new credential.
pub async fn repair(State(app): State<App>) -> Answer<Repaired> {
    let (credential, problem) = repair_account(&app).await?;
    Ok(Json(Repaired {
        problem: problem.as_ref().map(Into::into),
        credential,
    }))
}

/// Tries the service account and mends it. What was made, and what was wrong.
///
/// # Errors
/// What another credential does not mend.
pub async fn repair_account(app: &App) -> Result<(Option<Credential>, Option<Refusal>), Refusal> {
    let row = crate::agents::blocking(app.engine(), |engine| {
        engine.connector_named(crate::app::DIRECTORY_CONNECTOR)
    })
    .await?;
    let target = app.target(&row)?;
    match target.discover().await {
        Ok(_) => Ok((None, None)),
        Err(why) if why.code.is_credential() => {
            let made = issue(app, i64::from(CREDENTIAL_DAYS), "repair account").await?;
            target.discover().await?;
            Ok((Some(made), Some(why)))
        }
        Err(why) => Err(why),
    }
}
