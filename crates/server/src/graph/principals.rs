//! Applications and service principals: a source connector by the names Microsoft Graph has for it.
//!
//! Instantiating a template makes the connector an agent will serve, if there is none of that name yet. Trap: the id of a
//! service principal is the connector's, so what was set up by the command line is here, too.

use engine::{ApplicationRow, ConnectorRow, Engine, StoreError};
use serde_json::{Value as Json, json};
use sync_core::{code::Code, operation::Refusal, schema::preset};

use super::{
    Cx, GraphError, Reply, Result, members,
    odata::{Field, Kind, collection, pick},
    table::Act,
    text,
};
use crate::{
    access::{Caller, Permission, actor},
    agents::blocking,
    api::{connectors::check_name, convert::time},
    app::App,
};

/// What a job can be made from.
pub struct Template {
    /// Id of the application template. The first one is Microsoft's own, so that scripts written for it work.
    pub id: &'static str,
    /// Kind of the source's connector.
    pub kind: &'static str,
    /// Id of the job template.
    pub job: &'static str,
    /// Name for people.
    pub name: &'static str,
}

/// All templates.
pub const TEMPLATES: &[Template] = &[
    Template {
        id: "1a4721b3-e57f-4451-ae87-ef078703ec94",
        kind: "ad",
        job: "AD2AADProvisioning",
        name: "Active Directory to tenant directory",
    },
    Template {
        id: "7c0f6f0e-51d2-4c39-9d5e-0b7f3c1d9a42",
        kind: "openldap",
        job: "OpenLDAP2AADProvisioning",
        name: "OpenLDAP to tenant directory",
    },
];

/// The template of a kind of connector.
pub fn template_of(kind: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|one| one.kind == kind)
}

/// The id of the job template of a kind of connector.
pub fn job_template(kind: &str) -> String {
    template_of(kind).map_or_else(
        || format!("{kind}2AADProvisioning"),
        |one| one.job.to_owned(),
    )
}

/// A source with its application.
type Source = (ConnectorRow, Option<ApplicationRow>);

fn sources(engine: &Engine) -> std::result::Result<Vec<Source>, StoreError> {
    let rows = engine.connectors()?.into_iter();
    rows.filter(|row| row.kind != "directory")
        .map(|row| {
            let application = engine.application(row.id)?;
            Ok((row, application))
        })
        .collect()
}

fn is_named(source: &Source, name: &str) -> bool {
    let (row, application) = source;
    let ids = application
        .iter()
        .flat_map(|one| [&one.guid, &one.app_guid]);
    let mut all = ids.chain([&row.guid]);
    all.any(|id| id.eq_ignore_ascii_case(name))
}

async fn found(app: &App, name: &str) -> Result<Source> {
    let all = blocking(app.engine(), sources).await?;
    let found = all.into_iter().find(|source| is_named(source, name));
    found.ok_or_else(|| GraphError::not_found("service principal", name))
}

/// The source a service principal stands for.
pub async fn source(app: &App, name: &str) -> Result<ConnectorRow> {
    Ok(found(app, name).await?.0)
}

/// Whether a caller made this application.
pub async fn is_owned(app: &App, name: &str, caller: &Caller) -> Result<bool> {
    match found(app, name).await {
        Ok((_, application)) => Ok(owns(caller, application.as_ref())),
        Err(error) if error.status == axum::http::StatusCode::NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}

fn owns(caller: &Caller, application: Option<&ApplicationRow>) -> bool {
    let owner = application.map_or("", |one| one.owner.as_str());
    caller.client.as_deref() == Some(owner)
}

/// What a caller may see: everything, or what it made.
async fn seen(cx: &Cx) -> Result<Vec<Source>> {
    let mut all = blocking(cx.app.engine(), sources).await?;
    if !cx.caller.permissions.allow(Permission::SynchronizationRead) {
        all.retain(|(_, application)| owns(&cx.caller, application.as_ref()));
    }
    Ok(all)
}

fn display_name(source: &Source) -> &str {
    let (row, application) = source;
    application
        .as_ref()
        .map_or(&row.name, |one| &one.display_name)
}

fn app_id(source: &Source) -> &str {
    let (row, application) = source;
    application.as_ref().map_or(&row.guid, |one| &one.app_guid)
}

fn principal(app: &App, source: &Source) -> Json {
    json!({
        "id": source.0.guid,
        "appId": app_id(source),
        "displayName": display_name(source),
        "appDisplayName": display_name(source),
        "accountEnabled": true,
        "servicePrincipalType": "Application",
        "applicationTemplateId": template_of(&source.0.kind).map(|one| one.id),
        "appOwnerOrganizationId": app.tenant_id(),
        "servicePrincipalNames": [app_id(source)],
        "tags": [],
    })
}

fn application(source: &Source) -> Json {
    let (row, stored) = source;
    json!({
        "id": stored.as_ref().map_or(&row.guid, |one| &one.guid),
        "appId": app_id(source),
        "displayName": display_name(source),
        "applicationTemplateId": template_of(&row.kind).map(|one| one.id),
        "createdDateTime": stored.as_ref().map(|one| time(one.created_at)),
        "signInAudience": "AzureADMyOrg",
    })
}

const FIELDS: &[Field] = &[
    ("id", Kind::Text),
    ("appId", Kind::Text),
    ("displayName", Kind::Text),
    ("applicationTemplateId", Kind::Text),
    ("accountEnabled", Kind::Boolean),
];

/// A list of things without a place of their own.
pub fn listed(cx: &Cx, what: &str, items: Vec<Json>, fields: &'static [Field]) -> Result<Reply> {
    let path = cx.path();
    let body = collection(items, fields, &cx.options, &cx.context(what), |token| {
        cx.next(&path, token)
    })?;
    Ok(Reply::Ok(body))
}

/// One item, with its context.
pub fn item(cx: &Cx, what: &str, item: Json) -> Result<Reply> {
    let mut item = pick(item, &cx.options)?;
    if let Json::Object(members) = &mut item {
        members.insert(
            "@odata.context".into(),
            cx.context(&format!("{what}/$entity")).into(),
        );
    }
    Ok(Reply::Ok(item))
}

/// A collection that is at hand as a whole.
pub fn all(cx: &Cx, what: &str, items: Vec<Json>, fields: &'static [Field]) -> Result<Reply> {
    listed(cx, what, items, fields)
}

/// `GET /servicePrincipals`, and one of them.
pub async fn principals(cx: &Cx) -> Result<Reply> {
    if cx.endpoint.act == Act::ServicePrincipal {
        let source = found(&cx.app, cx.parameter(0)).await?;
        return item(cx, "servicePrincipals", principal(&cx.app, &source));
    }
    let all = seen(cx).await?;
    let items = all
        .iter()
        .map(|source| principal(&cx.app, source))
        .collect();
    listed(cx, "servicePrincipals", items, FIELDS)
}

/// `GET /applications`, and one of them.
pub async fn applications(cx: &Cx) -> Result<Reply> {
    if cx.endpoint.act == Act::Application {
        let source = found(&cx.app, cx.parameter(0)).await?;
        return item(cx, "applications", application(&source));
    }
    let items = seen(cx).await?.iter().map(application).collect();
    listed(cx, "applications", items, FIELDS)
}

/// `GET /applicationTemplates`, and one of them.
pub fn templates(cx: &Cx) -> Result<Reply> {
    let shown = |one: &Template| {
        json!({
            "id": one.id, "displayName": one.name, "publisher": "Hybridge", "categories": [],
            "supportedProvisioningTypes": [one.job], "supportedSingleSignOnModes": [],
        })
    };
    if cx.endpoint.act == Act::ApplicationTemplate {
        let one = template(cx.parameter(0))?;
        return item(cx, "applicationTemplates", shown(one));
    }
    const FIELDS: &[Field] = &[
        ("id", Kind::Text),
        ("displayName", Kind::Text),
        ("publisher", Kind::Text),
    ];
    listed(
        cx,
        "applicationTemplates",
        TEMPLATES.iter().map(shown).collect(),
        FIELDS,
    )
}

fn template(id: &str) -> Result<&'static Template> {
    let found = TEMPLATES.iter().find(|one| one.id.eq_ignore_ascii_case(id));
    found.ok_or_else(|| {
        let known: Vec<String> = TEMPLATES
            .iter()
            .map(|one| format!("{} ({})", one.id, one.name))
            .collect();
        let mut error = GraphError::not_found("application template", id);
        error.message = format!("{}; known: {}", error.message, known.join(", "));
        error
    })
}

/// `POST /applicationTemplates/{id}/instantiate`.
pub async fn instantiate(cx: &Cx) -> Result<Reply> {
    let template = template(cx.parameter(0))?;
    let body = members(&cx.body, &["displayName", "serviceManagementReference"])?;
    let name = text(body, "displayName")?.to_owned();
    check_name(&name)?;
    let owner = cx.caller.client.as_deref().unwrap_or_default().to_owned();
    // Who may only have what it made must not take what others made.
    let takes_over = cx
        .caller
        .permissions
        .allow(Permission::SynchronizationReadWrite);
    let kind = template.kind;
    let source = blocking(cx.app.engine(), move |engine| {
        made(engine, &name, kind, &owner, takes_over)
    })
    .await?;
    cx.app.jobs_changed();
    Ok(Reply::Created(json!({
        "@odata.context": cx.context("microsoft.graph.applicationServicePrincipal"),
        "application": application(&source),
        "servicePrincipal": principal(&cx.app, &source),
    })))
}

fn made(
    engine: &Engine,
    name: &str,
    kind: &str,
    owner: &str,
    takes_over: bool,
) -> std::result::Result<Source, StoreError> {
    let is_it = |row: &ConnectorRow| {
        let domain = row
            .info
            .get("domain_fqdn")
            .and_then(Json::as_str)
            .unwrap_or_default();
        row.name.eq_ignore_ascii_case(name) || domain.eq_ignore_ascii_case(name)
    };
    let known = sources(engine)?.into_iter().find(|(row, _)| is_it(row));
    let row = match known {
        Some((row, None)) if row.kind == kind && takes_over => row,
        Some((row, _)) => {
            let text = format!(
                "there is a source named {} for {name} already; its service principal is {}",
                row.name, row.guid
            );
            return Err(StoreError::Refused(
                Refusal::new(Code::Conflict).with("text", text),
            ));
        }
        None => {
            let row = engine.create_connector(&engine::NewConnector {
                name: name.to_owned(),
                kind: kind.to_owned(),
                config: json!({}),
            })?;
            engine.audit(&actor(), "create connector", &row.name)?;
            row
        }
    };
    let application = engine.create_application(row.id, name, owner, &actor())?;
    Ok((row, Some(application)))
}

/// The rules a template begins with.
pub fn preset_of(kind: &str) -> &'static str {
    preset::of_kind(kind).unwrap_or(preset::AD_TO_DIRECTORY)
}

fn tenant(cx: &Cx) -> Json {
    let domains = cx.app.domains();
    json!({
        "id": cx.app.tenant_id(),
        "displayName": cx.app.config().tenant_name,
        "onPremisesSyncEnabled": true,
        "verifiedDomains": domains.iter().map(|name| json!({ "name": name, "type": "Managed" })).collect::<Vec<_>>(),
    })
}

/// `GET /organization`, and the only one there is.
pub fn organization(cx: &Cx) -> Result<Reply> {
    if cx.endpoint.act == Act::Organization {
        is_ours(cx)?;
        return item(cx, "organization", tenant(cx));
    }
    const FIELDS: &[Field] = &[("id", Kind::Text), ("displayName", Kind::Text)];
    listed(cx, "organization", vec![tenant(cx)], FIELDS)
}

fn is_ours(cx: &Cx) -> Result<()> {
    match cx.parameter(0).eq_ignore_ascii_case(&cx.app.tenant_id()) {
        true => Ok(()),
        false => Err(GraphError::not_found("organization", cx.parameter(0))),
    }
}

/// `PATCH /organization/{id}`: scripts begin with switching synchronisation on; here it always is.
pub fn change_organization(cx: &Cx) -> Result<Reply> {
    is_ours(cx)?;
    let body = members(&cx.body, &["onPremisesSyncEnabled"])?;
    match body.get("onPremisesSyncEnabled") {
        Some(Json::Bool(true)) => Ok(Reply::Done),
        _ => Err(GraphError::bad(
            "onPremisesSyncEnabled can only be true: this tenant is there to be synchronised; pause its jobs instead",
        )),
    }
}
