//! Connectors: create, list, show, test, containers, believe a held read.

use std::time::{Duration, Instant};

use axum::{
    Json,
    extract::{Path, State},
};
use sync_core::{code::Code, operation::Refusal, schema::preset};
use wire::api::v1::{Connector, ConnectorChange, ConnectorTest, Container, NewConnector, Page};

use super::{
    convert,
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{
    access::actor,
    agents::blocking,
    app::App,
    cycles,
    desk::{self, Call},
    domain,
};

/// How long an agent may take to answer a person.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest name of a connector, in characters.
const LONGEST_NAME: usize = 64;

/// `GET /connectors`: all of them.
pub async fn list(State(app): State<App>) -> Answer<Page<Connector>> {
    let (rows, times) = blocking(app.engine(), |engine| {
        Ok((engine.connectors()?, engine.creation_times()?))
    })
    .await?;
    Ok(Json(Page::whole(
        rows.iter()
            .map(|row| convert::connector(row, &times))
            .collect(),
    )))
}

/// `POST /connectors`: makes one.
pub async fn create(State(app): State<App>, Body(new): Body<NewConnector>) -> Answer<Connector> {
    check_name(&new.name)?;
    if preset::of_kind(&new.kind).is_none() {
        return Err(ApiError::invalid(format!(
            "{} is not a kind of connector; known: {}",
            new.kind,
            preset::SOURCE_KINDS.join(", ")
        )));
    }
    let config = if new.config.is_null() {
        serde_json::json!({})
    } else {
        new.config
    };
    if !config.is_object() {
        return Err(ApiError::invalid("config has to be a JSON object"));
    }
    if let Some(name) = config.get(domain::SETTING) {
        check_domain(name)?;
    }
    let row = blocking(app.engine(), move |engine| {
        let row = engine.create_connector(&engine::NewConnector {
            name: new.name,
            kind: new.kind,
            config,
        })?;
        engine.audit(&actor(), "create connector", &row.name)?;
        Ok(convert::connector(&row, &engine.creation_times()?))
    })
    .await?;
    Ok(Json(row))
}

/// Names are typed on command lines and used in files of the agent.
pub fn check_name(name: &str) -> Result<(), ApiError> {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let is_name = !name.trim().is_empty()
        && name.trim() == name
        && name.chars().count() <= LONGEST_NAME
        && name.chars().all(is_allowed);
    match is_name {
        true => Ok(()),
        false => Err(ApiError::invalid(format!(
            "a name has 1 to {LONGEST_NAME} letters, digits, blanks or any of - _ . and neither begins nor ends with a blank"
        ))),
    }
}

/// `GET /connectors/{name}`.
pub async fn show(State(app): State<App>, Path(name): Path<String>) -> Answer<Connector> {
    let shown = blocking(app.engine(), move |engine| {
        Ok(convert::connector(
            &engine.connector_named(&name)?,
            &engine.creation_times()?,
        ))
    })
    .await?;
    Ok(Json(shown))
}

/// `PATCH /connectors/{name}`: changes settings.
pub async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(change): Body<ConnectorChange>,
) -> Answer<Connector> {
    for (setting, value) in &change.config {
        match setting.as_str() {
            "compareHours" if value.is_null() || value.is_u64() => {}
            "compareHours" => {
                return Err(ApiError::invalid(
                    "compareHours has to be a whole number of hours; 0: never",
                ));
            }
            domain::SETTING if value.is_null() => {}
            domain::SETTING => check_domain(value)?,
            _ => {
                return Err(ApiError::invalid(format!(
                    "{setting} is not a setting of a connector; known: compareHours, domain"
                )));
            }
        }
    }
    let row = blocking(app.engine(), move |engine| {
        let row = engine.connector_named(&name)?;
        let row = engine.change_connector_config(row.id, &change.config)?;
        engine.audit(&actor(), "change connector", &row.name)?;
        Ok((row.id, convert::connector(&row, &engine.creation_times()?)))
    })
    .await?;
    let (id, shown) = row;
    // What kept it from being read may be gone.
    cycles::connector_works(&app, id).await;
    Ok(Json(shown))
}

fn check_domain(name: &serde_json::Value) -> Result<(), ApiError> {
    match name.as_str().is_some_and(domain::is_name) {
        true => Ok(()),
        false => Err(ApiError::invalid(
            "domain has to be the DNS name of a domain, as in contoso.com",
        )),
    }
}

/// `POST /connectors/{name}/test`: asks the system, through its agent, who it is.
pub async fn test(State(app): State<App>, Path(name): Path<String>) -> Answer<ConnectorTest> {
    let row = blocking(app.engine(), move |engine| engine.connector_named(&name)).await?;
    let begun = Instant::now();
    if row.kind == "directory" {
        let info = app.target(&row)?.discover().await?;
        cycles::connector_works(&app, row.id).await;
        return Ok(Json(ConnectorTest {
            domain: info.initial_domain,
            server: info.name,
            product: "tenant directory".into(),
            duration_ms: elapsed(begun),
            ..ConnectorTest::default()
        }));
    }
    let (info, id) = (domain::meet(&app, &row, PATIENCE).await?, row.id);
    cycles::connector_works(&app, id).await;
    Ok(Json(ConnectorTest {
        domain: info.domain_fqdn,
        netbios: info.domain_netbios,
        naming_context: info.naming_context,
        server: info.server,
        product: info.product,
        attributes: info.attributes.len() as u64,
        tombstone_lifetime_days: info.tombstone_lifetime_seconds / 86_400,
        duration_ms: elapsed(begun),
    }))
}

fn elapsed(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn other_question() -> ApiError {
    Refusal::new(Code::SourceProtocolError)
        .with("text", "the agent answered another question")
        .into()
}

/// `GET /connectors/{name}/containers`: the containers the source shows now.
pub async fn containers(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Answer<Page<Container>> {
    let row = blocking(app.engine(), move |engine| engine.connector_named(&name)).await?;
    let call = Call::Containers { position: None };
    let asked = app.desk().call(&row.name, call, PATIENCE);
    let desk::Answer::Containers(found) = asked.await? else {
        return Err(other_question());
    };
    let shown = found.into_iter().map(|one| Container {
        anchor: one.anchor.guid_text(),
        dn: one.dn,
    });
    Ok(Json(Page::whole(shown.collect())))
}

/// `POST /connectors/{name}/believe`: the full read that is held back is right, or the only server there is may show less
/// than was read before.
pub async fn believe(State(app): State<App>, Path(name): Path<String>) -> Answer<Connector> {
    let row = blocking(app.engine(), move |engine| engine.connector_named(&name)).await?;
    let compared = app.comparing(row.id).failure;
    let lags = [&row.failure, &compared].into_iter().flatten();
    let lags = lags
        .into_iter()
        .any(|why| why.code == Code::SourceReplicaLags);
    if row.suspect.is_none() && !lags {
        let why = Refusal::new(Code::Conflict)
            .with("text", format!("no read of {} is held back", row.name));
        return Err(why.into());
    }
    let id = row.id;
    let row = blocking(app.engine(), move |engine| {
        engine.accept_read(id)?;
        engine.audit(&actor(), "believe read", &row.name)?;
        Ok(convert::connector(
            &engine.connector(id)?,
            &engine.creation_times()?,
        ))
    })
    .await?;
    app.note_comparing(id, |comparing| comparing.failure = None);
    app.read_wake(id).notify_one();
    Ok(Json(row))
}
