//! `hybridge-agent check`: connects everything once and says what works.
//!
//! Reads only; takes no work. Trap: it runs as whoever calls it; a secret file may be readable to the service and not to them.

use std::{path::Path, time::Duration};

use serde::Serialize;
use sync_core::{code::Code, operation::Refusal};
use tokio::time::timeout;
use wire::agent::v1::{LeaseAnswer, LeaseRequest};

use crate::{
    config::{AgentConfig, ConnectorConfig, SourceFactory},
    error::{AgentError, chain},
    identity::Identity,
    link::{CONTROL_TIMEOUT, Link},
    network::Network,
    tls::for_identity,
};

const SOURCE_TIMEOUT: Duration = Duration::from_secs(60);

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// What was checked: `server`, or a connector by name.
    pub subject: String,
    /// Whether it works.
    pub is_ok: bool,
    /// The code, if it does not.
    pub code: Option<String>,
    /// What was found, or the cause.
    pub text: String,
    /// What to do, if it does not work.
    pub cure: Option<String>,
}

/// Checks the server and every connector.
pub async fn check(
    data_directory: &Path,
    config: &AgentConfig,
    factory: &dyn SourceFactory,
) -> Vec<Checked> {
    let mut all = vec![match server(data_directory, config).await {
        Ok(text) => ok("server", text),
        Err(fault) => failed("server", fault.code(), chain(&fault), None),
    }];
    for connector in &config.connectors {
        all.push(match source(connector, factory).await {
            Ok(text) => ok(&connector.name, text),
            Err(refusal) => {
                let cure = refusal.argument("cure").map(str::to_owned);
                failed(&connector.name, refusal.code, refusal.to_string(), cure)
            }
        });
    }
    all
}

async fn server(data_directory: &Path, config: &AgentConfig) -> Result<String, AgentError> {
    let identity = Identity::read(data_directory)?;
    let server = config.server.as_deref().unwrap_or(&identity.server);
    let network = Network::new(&config.network)?;
    let tls = for_identity(&identity, network.further_roots())?;
    let link = Link::new(server, network, tls)?;
    // No free hand: the server answers at once, and does not take this for a running agent.
    let question = LeaseRequest {
        connectors: config.hosted(),
        capacity: 0,
        wait_ms: 0,
        session: String::new(),
    };
    let _: LeaseAnswer = link.control("/lease", &question, CONTROL_TIMEOUT).await?;
    Ok(format!(
        "{} accepts agent {}",
        link.server(),
        identity.agent_id
    ))
}

async fn source(
    connector: &ConnectorConfig,
    factory: &dyn SourceFactory,
) -> Result<String, Refusal> {
    let mut source = factory.source(connector)?;
    let discovered = timeout(SOURCE_TIMEOUT, source.discover()).await;
    let info = discovered.unwrap_or_else(|_| Err(Refusal::new(Code::SourceTimeOut)))?;
    Ok(format!(
        "{} answers for {} ({})",
        info.server, info.naming_context, info.product
    ))
}

fn ok(subject: &str, text: String) -> Checked {
    Checked {
        subject: subject.into(),
        is_ok: true,
        code: None,
        text,
        cure: None,
    }
}

fn failed(subject: &str, code: Code, text: String, cure: Option<String>) -> Checked {
    Checked {
        subject: subject.into(),
        is_ok: false,
        code: Some(code.name().into()),
        text,
        cure: cure.or_else(|| cure_of(code)),
    }
}

/// The part of a code's page that says what to do: the last section.
pub(crate) fn cure_of(code: Code) -> Option<String> {
    let (_, section) = code.page_en().rsplit_once("\n## ")?;
    let (_, text) = section.split_once('\n')?;
    Some(text.trim().to_owned())
}
