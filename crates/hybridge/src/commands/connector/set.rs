//! `hybridge connector set NAME [--compare-hours HOURS] [--domain DOMAIN]`.

use clap::Args;
use wire::api::v1::{Connector, ConnectorChange};

use super::show;
use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
#[group(id = "setting", required = true, multiple = true, args = ["compare_hours", "domain"])]
pub struct Arguments {
    /// Name or id of the connector
    connector: String,
    /// Hours between two full comparisons; 0: never
    #[arg(long)]
    compare_hours: Option<u32>,
    /// The only domain that is read, by its DNS name
    #[arg(long, value_name = "DNS NAME")]
    domain: Option<String>,
}

/// Changes what is given, and shows the connector.
///
/// # Errors
/// `NotFound`, `RequestInvalid`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("connectors/{}", segment(&arguments.connector));
    let mut change = ConnectorChange::default();
    if let Some(hours) = arguments.compare_hours {
        change.config.insert("compareHours".into(), hours.into());
    }
    if let Some(domain) = &arguments.domain {
        change
            .config
            .insert("domain".into(), domain.as_str().into());
    }
    let connector: Connector = context.client()?.patch(&path, &change).await?;
    context.output.data(&connector, show::people)
}
