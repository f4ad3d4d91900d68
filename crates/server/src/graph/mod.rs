//! The Graph-shaped API: `/v1.0` and `/beta`, so that clients made for Microsoft Graph's synchronisation are clients of this server.
//!
//! Translates: whatever it does is done by the acts of the administrator's API. Never a resource that exists only here, but for
//! applications, which are sources by another name. Trap: what it does not support is refused by name, never ignored.

mod answer;
mod batch;
mod connections;
mod demand;
mod error;
mod expressions;
mod jobs;
mod log;
mod odata;
pub mod openapi;
mod prevention;
mod principals;
mod schema;
mod secrets;
mod status;
pub mod table;

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{Method, Uri, header::HOST},
    response::Response,
    routing::{any, get},
};
use engine::ConnectorRow;
use serde_json::Value as Json;

use crate::{
    access::{self, Caller, Permission},
    api::convert::time,
    app::App,
};

use answer::Reply;
pub use error::GraphError;
use odata::Options;
use table::{Act, Endpoint, Found};

// LIMIT: bytes of a request; rules are the largest.
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;
// LIMIT: characters of a request id that a client chose.
const LONGEST_REQUEST_ID: usize = 64;

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1.0/{*path}", any(handle))
        .route("/beta/{*path}", any(handle))
        .route("/openapi.json", get(openapi::document))
        .with_state(app)
}

/// A request, as far as it is understood.
pub(crate) struct Cx {
    pub app: App,
    pub caller: Caller,
    pub is_beta: bool,
    /// Address of the version that was asked: `https://host/v1.0`.
    pub base: String,
    pub endpoint: &'static Endpoint,
    /// Parameters of the path.
    pub parameters: Vec<String>,
    pub options: Options,
    /// Query as it was sent, for the address of the next page.
    pub query: String,
    pub body: Json,
}

type Result<T> = std::result::Result<T, GraphError>;

impl Cx {
    fn parameter(&self, at: usize) -> &str {
        self.parameters.get(at).map_or("", String::as_str)
    }

    /// The `@odata.context` of an answer.
    fn context(&self, what: &str) -> String {
        format!("{}/$metadata#{what}", self.base)
    }

    /// The address of this request, continued from a place.
    fn next(&self, path: &str, token: &str) -> String {
        let kept: Vec<&str> = self
            .query
            .split('&')
            .filter(|pair| !pair.is_empty() && !is_place(pair))
            .collect();
        let mut query = kept.join("&");
        if !query.is_empty() {
            query.push('&');
        }
        format!("{}{path}?{query}$skiptoken={token}", self.base)
    }

    /// The path of this request, with its parameters.
    fn path(&self) -> String {
        let mut parameters = self.parameters.iter();
        let parts = self
            .endpoint
            .path
            .split('/')
            .map(|part| match part.starts_with('{') {
                true => parameters.next().cloned().unwrap_or_default(),
                false => part.to_owned(),
            });
        parts.collect::<Vec<_>>().join("/")
    }

    /// The source of the service principal in the path.
    async fn source(&self) -> Result<ConnectorRow> {
        principals::source(&self.app, self.parameter(0)).await
    }
}

fn is_place(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    matches!(name, "$skiptoken" | "%24skiptoken" | "$skip" | "%24skip")
}

async fn handle(State(app): State<App>, request: Request) -> Response {
    let id = app.engine().new_id().to_string();
    let client = request.headers().get("client-request-id");
    let client = client
        .and_then(|value| value.to_str().ok())
        .filter(|text| text.len() <= LONGEST_REQUEST_ID)
        .unwrap_or(&id)
        .to_owned();
    let answer = match understood(&app, request).await {
        Ok(cx) => perform(cx).await,
        Err(error) => Err(error),
    };
    let now = time(app.engine().now());
    answer::finished(answer, &id, &client, &now)
}

/// Parses a request and holds it against the caller's permissions; nothing of it is carried out.
async fn understood(app: &App, request: Request) -> Result<Cx> {
    let (parts, body) = request.into_parts();
    let caller = access::caller_of(app, &parts.headers).await?;
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 names the host in the address.
    let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let root = match host.filter(|host| app.is_own_host(host)) {
        Some(host) => format!("https://{host}"),
        None => app.url(),
    };
    let body = to_bytes(body, LARGEST_REQUEST).await.map_err(|_| {
        GraphError::bad(format!(
            "the body is longer than {LARGEST_REQUEST} bytes, or was cut off"
        ))
    })?;
    prepare(app, &caller, &root, &parts.method, &parts.uri, &body).await
}

/// A request of a caller that is known, single or within a batch.
async fn prepare(
    app: &App,
    caller: &Caller,
    root: &str,
    method: &Method,
    uri: &Uri,
    body: &[u8],
) -> Result<Cx> {
    let (version, path) = match uri.path().trim_start_matches('/').split_once('/') {
        Some((version @ ("v1.0" | "beta"), path)) => (version, path),
        _ => return Err(GraphError::not_found("resource", uri.path())),
    };
    let is_beta = version == "beta";
    let segments =
        table::segments(path).ok_or_else(|| GraphError::bad("the path cannot be decoded"))?;
    let (endpoint, parameters) = match table::find(method.as_str(), &segments, is_beta) {
        Found::Endpoint(endpoint, parameters) => (endpoint, parameters),
        Found::OtherMethod => return Err(GraphError::method(method.as_str(), uri.path())),
        Found::Nothing => return Err(GraphError::not_found("resource", uri.path())),
    };
    permit(app, caller, endpoint, &parameters).await?;
    let options = Options::read(uri, endpoint.options)?;
    let body = match (endpoint.body, body) {
        (true, []) => Json::Null,
        (true, body) => serde_json::from_slice(body)
            .map_err(|error| GraphError::bad(format!("the body is not JSON: {error}")))?,
        (false, _) => Json::Null,
    };
    Ok(Cx {
        app: app.clone(),
        caller: caller.clone(),
        is_beta,
        base: format!("{root}/{version}"),
        endpoint,
        parameters,
        options,
        query: uri.query().unwrap_or_default().to_owned(),
        body,
    })
}

/// Refuses who may not do this.
async fn permit(
    app: &App,
    caller: &Caller,
    endpoint: &Endpoint,
    parameters: &[String],
) -> Result<()> {
    // Each request of a batch is looked at by itself.
    if endpoint.act == Act::Batch {
        return Ok(());
    }
    let refused = match caller.demand(endpoint.needs) {
        Ok(()) => return Ok(()),
        Err(why) => why,
    };
    if !endpoint.is_for_owners() || !caller.permissions.allow(Permission::ApplicationOwned) {
        return Err(refused.into());
    }
    let is_one = endpoint.path.starts_with("/servicePrincipals/{")
        || endpoint.path.starts_with("/applications/{");
    let Some(name) = parameters.first().filter(|_| is_one) else {
        // Lists show what is theirs; making one makes it theirs.
        return Ok(());
    };
    let owned = principals::is_owned(app, name, caller).await?;
    match owned {
        true => Ok(()),
        false => Err(refused.into()),
    }
}

async fn perform(cx: Cx) -> Result<Reply> {
    let name = cx.caller.name.clone();
    access::acting(name, Box::pin(dispatch(&cx))).await
}

async fn dispatch(cx: &Cx) -> Result<Reply> {
    match cx.endpoint.act {
        Act::Batch => batch::run(cx).await,
        _ => single(cx).await,
    }
}

async fn single(cx: &Cx) -> Result<Reply> {
    match cx.endpoint.act {
        Act::Organizations | Act::Organization => principals::organization(cx),
        Act::ChangeOrganization => principals::change_organization(cx),
        Act::Synchronizations | Act::Synchronization => prevention::show(cx).await,
        Act::ChangeSynchronization => prevention::change(cx).await,
        Act::ApplicationTemplates | Act::ApplicationTemplate => principals::templates(cx),
        Act::Instantiate => principals::instantiate(cx).await,
        Act::Applications | Act::Application => principals::applications(cx).await,
        Act::ServicePrincipals | Act::ServicePrincipal => principals::principals(cx).await,
        Act::Templates | Act::Template => schema::templates(cx).await,
        Act::TemplateSchema => schema::of_template(cx).await,
        Act::Jobs => jobs::list(cx).await,
        Act::Job => jobs::show(cx).await,
        Act::CreateJob => jobs::create(cx).await,
        Act::DeleteJob => jobs::delete(cx).await,
        Act::StartJob => jobs::start(cx).await,
        Act::PauseJob => jobs::pause(cx).await,
        Act::RestartJob => jobs::restart(cx).await,
        Act::ValidateNew | Act::ValidateJob => jobs::validate(cx).await,
        Act::OnDemand => demand::run(cx).await,
        Act::Schema => schema::show(cx).await,
        Act::ReplaceSchema => schema::replace(cx).await,
        Act::ResetSchema => schema::reset(cx).await,
        Act::Directories => schema::directories(cx).await,
        Act::Discover => schema::discover(cx).await,
        Act::FilterOperators => expressions::operators(cx),
        Act::Functions => expressions::functions(cx),
        Act::ParseExpression => expressions::parse(cx).await,
        Act::ObjectConnection => connections::show(cx).await,
        Act::DeleteObjectConnection => connections::delete(cx).await,
        Act::Secrets => secrets::list(cx).await,
        Act::ReplaceSecrets => secrets::replace(cx).await,
        Act::Log => log::list(cx).await,
        Act::LogCount => log::count(cx).await,
        Act::LogRecord => log::one(cx).await,
        Act::Batch => Err(GraphError::bad("a batch within a batch is not possible")),
    }
}

/// Members of a body that this act knows; any other is refused by name.
fn members<'a>(body: &'a Json, known: &[&str]) -> Result<&'a serde_json::Map<String, Json>> {
    let Json::Object(members) = body else {
        return Err(GraphError::bad("the body is to be a JSON object"));
    };
    let unknown = members
        .keys()
        .find(|name| !known.contains(&name.as_str()) && !name.starts_with("@odata"));
    match unknown {
        None => Ok(members),
        Some(name) => Err(GraphError::bad(format!(
            "the body has the member {name}, which is not known here; known: {}",
            known.join(", ")
        ))),
    }
}

fn text<'a>(members: &'a serde_json::Map<String, Json>, name: &str) -> Result<&'a str> {
    let value = members.get(name).and_then(Json::as_str);
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| GraphError::bad(format!("the body lacks {name}, a text")))
}
