//! `hybridge __agent`: the agent as a child process of the demo, enrolling itself the first time.
//!
//! Hidden: on a real machine the agent is the program `hybridge-agent`. The token comes by environment, never as an
//! argument.

use std::{path::PathBuf, sync::Arc};

use agent::{
    AgentConfig, AgentError, HostOptions,
    config::known_source,
    enrol::{Enrolment, enrol},
    supervisor::stop_on_signal,
    tls::Trust,
};
use clap::Args;
use secrecy::SecretString;
use sync_core::code::Code;
use tokio_util::sync::CancellationToken;

use super::server::stop_with_stdin;
use crate::{access::read, failure::Failure};

/// Variable that holds the enrolment token.
pub const TOKEN_VARIABLE: &str = "HYBRIDGE_ENROLMENT_TOKEN";

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Address of the server
    #[arg(long)]
    url: String,
    /// Certificate authority of the server
    #[arg(long)]
    authority: PathBuf,
    /// Settings (JSON)
    #[arg(long)]
    config: PathBuf,
    /// Where the identity is kept
    #[arg(long)]
    identity: PathBuf,
}

/// Enrols if there is a token, then runs until told to stop.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments) -> Result<(), Failure> {
    agent::log::to_stderr("info");
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    tokio::spawn(stop_with_stdin(shutdown.clone()));
    if let Ok(token) = std::env::var(TOKEN_VARIABLE) {
        let enrolment = Enrolment {
            server: &arguments.url,
            trust: Trust::Authority(read(&arguments.authority)?),
            token: SecretString::from(token),
            name: "demo-agent",
            // The server is on this machine.
            network: agent::network::Network::default(),
        };
        enrol(enrolment, &arguments.identity)
            .await
            .map_err(failure)?;
    }
    let options = HostOptions {
        version: agent::VERSION.to_owned(),
        data_directory: arguments.identity.clone(),
        config: AgentConfig::read(&arguments.config).map_err(failure)?,
        factory: Arc::new(known_source),
    };
    agent::run(options, shutdown).await.map_err(failure)
}

fn failure(error: AgentError) -> Failure {
    let code = Code::from_name(&error.code().to_string()).unwrap_or(Code::InternalFault);
    Failure::text(code, "the agent", agent::error::chain(&error))
}
