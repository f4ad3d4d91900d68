//! The token endpoint: OAuth 2.0 client credentials, with the metadata that clients of Microsoft Graph ask for.
//!
//! Never says which of client id and secret was wrong. Trap: the metadata names addresses, and a client insists that they
//! are those it asked; so the name it used is kept, if it is one of ours.
//!
//! Source: RFC 6749 §4.4 (client credentials) and §5.2 (errors), OpenID Connect Discovery 1.0 §4

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{AUTHORIZATION, CACHE_CONTROL, HOST, PRAGMA, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use engine::ApiClientRow;
use serde::Deserialize;
use serde_json::json;
use sync_core::code::Code;

use super::token::{self, LIFETIME_SECONDS, Subject};
use crate::{agents::blocking, app::App, pki::Fingerprint};

// LIMIT: bytes of a request.
const LARGEST_REQUEST: usize = 16 * 1024;

/// What is served without a token.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(give))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(metadata),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(app)
}

/// An error as OAuth 2.0 has it.
struct Refused {
    status: StatusCode,
    error: &'static str,
    text: String,
    retry_after: Option<u64>,
}

impl Refused {
    fn new(status: StatusCode, error: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            error,
            text: text.into(),
            retry_after: None,
        }
    }

    fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", text)
    }

    fn wrong_client() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "client id and secret do not belong together, or the secret has expired; `hybridge api-client rotate` makes a new one",
        )
    }

    fn too_often(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                format!("too many requests of this client; try again in {seconds} s"),
            )
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.text });
        let mut response = (self.status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What a client sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Form {
    grant_type: String,
    client_id: String,
    client_secret: String,
    scope: String,
}

impl Form {
    /// The form is a query by another name.
    fn read(body: &Bytes, headers: &HeaderMap) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let uri: Uri = format!("/?{text}").parse().ok()?;
        let Query(mut form) = Query::<Self>::try_from_uri(&uri).ok()?;
        if let Some((id, secret)) = basic(headers) {
            form.client_id = id;
            form.client_secret = secret;
        }
        Some(form)
    }
}

/// Client id and secret of an `Authorization: Basic` header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// `POST /{tenant}/oauth2/v2.0/token`.
async fn give(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    our_tenant(&app, &tenant)?;
    let form = Form::read(&body, &headers).ok_or_else(|| {
        Refused::invalid("the body is not a form (application/x-www-form-urlencoded)")
    })?;
    if form.grant_type != "client_credentials" {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "grant_type must be client_credentials",
        ));
    }
    if form.client_id.is_empty() || form.client_secret.is_empty() {
        return Err(Refused::invalid("client_id and client_secret are required"));
    }
    if !form.scope.is_empty() && !form.scope.ends_with("/.default") {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "invalid_scope",
            "scope must end with /.default: a client has the permissions it was given",
        ));
    }
    let row = proven(&app, &form).await?;
    let subject = Subject {
        issuer: &app.issuer(),
        tenant: &app.tenant_id(),
        client: &row.guid,
        name: &row.name,
        permissions: &row.permissions,
        id: app.engine().new_id().to_string(),
    };
    let token = token::issue(app.token_key(), subject, app.engine().now())
        .map_err(|error| fault(&error.to_string()))?;
    let guid = row.guid.clone();
    blocking(app.engine(), move |engine| engine.note_api_client(&guid))
        .await
        .map_err(|why| fault(&why.to_string()))?;
    let body = json!({
        "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "ext_expires_in": LIFETIME_SECONDS, "access_token": token,
    });
    Ok((
        [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")],
        Json(body),
    )
        .into_response())
}

/// The client that has proven who it is.
async fn proven(app: &App, form: &Form) -> Result<ApiClientRow, Refused> {
    let now = app.engine().now();
    let id = form.client_id.clone();
    let found = blocking(app.engine(), move |engine| engine.api_client(&id)).await;
    let row = match found {
        Ok(row) => Some(row),
        Err(why) if why.code == Code::NotFound => None,
        Err(why) => return Err(fault(&why.to_string())),
    };
    let throttles = app.token_throttles();
    match row.filter(|row| row.guid == form.client_id && is_secret(row, &form.client_secret, now)) {
        Some(row) => {
            let asked = throttles.given.take(&row.guid, now);
            asked.map_err(Refused::too_often).map(|()| row)
        }
        None => {
            let one = throttles.wrong.take(&form.client_id, now);
            let all = throttles.wrong_in_all.take("", now);
            one.and(all).map_err(Refused::too_often)?;
            tracing::warn!("a token was refused: client id and secret do not belong together");
            Err(Refused::wrong_client())
        }
    }
}

/// Whether this is one of the client's secrets. Constant time: digests of equal length are compared, all of them.
fn is_secret(row: &ApiClientRow, offered: &str, now: i64) -> bool {
    let offered = Fingerprint::of(offered.as_bytes()).to_string();
    row.secrets.iter().fold(false, |found, secret| {
        let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(
            secret.hash.as_bytes(),
            offered.as_bytes(),
        );
        found | (is_same.is_ok() & (secret.expires_at > now))
    })
}

fn fault(text: &str) -> Refused {
    tracing::error!("a token could not be given: {text}");
    Refused::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "the server cannot give tokens at the moment; its log says why",
    )
}

/// A tenant is named by its id or one of its domains.
fn our_tenant(app: &App, name: &str) -> Result<(), Refused> {
    let is_ours = name.eq_ignore_ascii_case(&app.tenant_id())
        || app
            .domains()
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(name));
    match is_ours {
        true => Ok(()),
        false => Err(Refused::invalid(
            "this server knows no such tenant; `hybridge directory show` shows its id and domains",
        )),
    }
}

/// The address a client used, if it is one of ours.
fn base(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.filter(|host| app.is_own_host(host)) else {
        return app.url();
    };
    format!("https://{host}")
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
async fn metadata(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    our_tenant(&app, &tenant)?;
    let (base, id) = (base(&app, &headers), app.tenant_id());
    let body = json!({
        "issuer": format!("{base}/{id}/v2.0"),
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": [format!("{base}/.default")],
    });
    Ok(Json(body).into_response())
}

/// `GET /{tenant}/discovery/v2.0/keys`.
async fn keys(State(app): State<App>, Path(tenant): Path<String>) -> Result<Response, Refused> {
    our_tenant(&app, &tenant)?;
    Ok(Json(json!({ "keys": [app.token_key().public()] })).into_response())
}
