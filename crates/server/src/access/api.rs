//! API clients: admit, list, give a new secret, take away. The administrator's business alone.
//!
//! Trap: a secret is in the answer once, and nowhere else ever again.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{ApiClientRow, NewApiClient as NewRow};
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::{ApiClient, IssuedSecret, NewApiClient, Page, RotateApiClient};

use super::{Permission, actor};
use crate::{
    agents::blocking,
    api::{
        connectors::check_name,
        convert::{time, time_option},
        error::{Answer, ApiError},
        extract::Body,
    },
    app::App,
    pki::new_token,
};

const DAY_MS: i64 = 86_400_000;
const USUAL_DAYS: u32 = 180;
const LONGEST_DAYS: u32 = 730;
const LONGEST_OVERLAP_HOURS: u32 = 24 * 31;

fn shown(row: ApiClientRow) -> ApiClient {
    ApiClient {
        id: row.guid,
        name: row.name,
        permissions: row.permissions,
        created_at: time(row.created_at),
        created_by: row.created_by,
        last_used_at: time_option(row.last_used_at),
        secret_expires_at: time_option(row.secrets.iter().map(|secret| secret.expires_at).max()),
        secrets: row.secrets.len() as u64,
    }
}

/// `GET /api-clients`.
pub async fn list(State(app): State<App>) -> Answer<Page<ApiClient>> {
    let rows = blocking(app.engine(), engine::Engine::api_clients).await?;
    Ok(Json(Page::whole(rows.into_iter().map(shown).collect())))
}

/// Names of permissions, each once and in the order they are listed everywhere.
///
/// # Errors
/// `RequestInvalid` if there is none, or one that nobody knows.
pub(crate) fn permissions(names: &[String]) -> Result<Vec<String>, ApiError> {
    if names.is_empty() {
        return Err(ApiError::invalid(format!(
            "an API client needs at least one permission; known: {}",
            known()
        )));
    }
    let mut all = Vec::new();
    for name in names {
        let found = Permission::from_name(name).ok_or_else(|| {
            ApiError::invalid(format!("{name} is not a permission; known: {}", known()))
        })?;
        all.push(found);
    }
    all.sort();
    all.dedup();
    Ok(all.into_iter().map(|one| one.name().to_owned()).collect())
}

fn known() -> String {
    Permission::ALL.map(Permission::name).join(", ")
}

fn lifetime(days: u32) -> Result<i64, ApiError> {
    match days {
        0 => Ok(i64::from(USUAL_DAYS) * DAY_MS),
        days if days <= LONGEST_DAYS => Ok(i64::from(days) * DAY_MS),
        _ => Err(ApiError::invalid(format!(
            "a secret is valid for at most {LONGEST_DAYS} days"
        ))),
    }
}

fn secret() -> Result<(String, String), ApiError> {
    let (secret, print) = new_token()
        .map_err(|error| Refusal::new(Code::InternalFault).with("text", error.to_string()))?;
    Ok((secret, print.to_string()))
}

fn issued(app: &App, row: ApiClientRow, secret: String) -> IssuedSecret {
    IssuedSecret {
        expires_at: row
            .secrets
            .first()
            .map(|one| time(one.expires_at))
            .unwrap_or_default(),
        token_endpoint: format!("{}/{}/oauth2/v2.0/token", app.url(), app.tenant_id()),
        tenant_id: app.tenant_id(),
        client: shown(row),
        secret,
    }
}

/// `POST /api-clients`.
pub async fn create(State(app): State<App>, Body(new): Body<NewApiClient>) -> Answer<IssuedSecret> {
    check_name(&new.name)?;
    let permissions = permissions(&new.permissions)?;
    let expires_at = app
        .engine()
        .now()
        .saturating_add(lifetime(new.lifetime_days)?);
    let (secret, hash) = secret()?;
    let row = blocking(app.engine(), move |engine| {
        engine.create_api_client(&NewRow {
            name: new.name,
            permissions,
            hash,
            expires_at,
            actor: actor().to_string(),
        })
    })
    .await?;
    Ok(Json(issued(&app, row, secret)))
}

/// `POST /api-clients/{name}/rotate`.
pub async fn rotate(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(asked): Body<RotateApiClient>,
) -> Answer<IssuedSecret> {
    if asked.overlap_hours > LONGEST_OVERLAP_HOURS {
        return Err(ApiError::invalid(format!(
            "the old secret stays valid for at most {LONGEST_OVERLAP_HOURS} hours"
        )));
    }
    let now = app.engine().now();
    let expires_at = now.saturating_add(lifetime(asked.lifetime_days)?);
    let old_until = now.saturating_add(i64::from(asked.overlap_hours) * 3_600_000);
    let (secret, hash) = secret()?;
    let row = blocking(app.engine(), move |engine| {
        engine.rotate_api_client(&name, &hash, expires_at, old_until, &actor())
    })
    .await?;
    Ok(Json(issued(&app, row, secret)))
}

/// `DELETE /api-clients/{name}`.
pub async fn delete(State(app): State<App>, Path(name): Path<String>) -> Answer<ApiClient> {
    let row = blocking(app.engine(), move |engine| {
        engine.delete_api_client(&name, &actor())
    })
    .await?;
    Ok(Json(shown(row)))
}
