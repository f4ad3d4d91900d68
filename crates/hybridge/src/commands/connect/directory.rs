//! `hybridge connect ad NAME`, `hybridge connect openldap NAME`: a connector for a directory of one's own.
//!
//! Addresses and credentials of its servers are not asked for: they belong to the agent's configuration, on the agent's
//! machine. Trap: the kind chooses the rules a job begins with, and cannot be changed afterwards.

use clap::Args;
use wire::api::v1::{Connector, NewConnector};

use crate::{commands::Context, failure::Failure};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name of the connector; the agent's configuration uses the same
    name: String,
    /// The only domain it reads, by its DNS name; without it the one its agent finds first
    #[arg(long, value_name = "DNS NAME")]
    domain: Option<String>,
}

/// Creates the connector and says how to go on.
///
/// # Errors
/// `Conflict` if there is one of this name.
pub async fn run(kind: &str, arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let new = NewConnector {
        name: arguments.name.clone(),
        kind: kind.into(),
        config: match &arguments.domain {
            Some(domain) => serde_json::json!({ "domain": domain }),
            None => serde_json::json!({}),
        },
    };
    let connector: Connector = client.post("connectors", &new).await?;
    context.output.data(&connector, |connector| {
        format!("connector {} created ({})", connector.name, connector.id)
    })?;
    context.output.say(format!(
        "\nNext:\n  \
         1. here:  hybridge agent token > token.txt     (valid once, for an hour; also tells the fingerprint)\n  \
         2. there, on a machine that reaches the directory:\n     \
            hybridge-agent enrol --server {} --fingerprint FINGERPRINT --token-file token.txt --data-dir agent-data\n  \
         3. there: write agent.json with a connector named {:?} of kind {kind} (addresses, bind name, secret file)\n  \
         4. there: hybridge-agent check --config agent.json --data-dir agent-data, then `run` in the place of `check`\n\
         Then here: hybridge connector test {}",
        client.url(),
        arguments.name,
        arguments.name,
    ));
    Ok(())
}
