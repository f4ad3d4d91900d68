//! `hybridge connector set NAME --compare-hours HOURS`.

use clap::Args;
use wire::api::v1::{Connector, ConnectorChange};

use super::show;
use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the connector
    connector: String,
    /// Hours between two full comparisons; 0: never
    #[arg(long)]
    compare_hours: u32,
}

/// Changes what is given, and shows the connector.
///
/// # Errors
/// `NotFound`, `RequestInvalid`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("connectors/{}", segment(&arguments.connector));
    let mut change = ConnectorChange::default();
    let hours = arguments.compare_hours.into();
    change.config.insert("compareHours".into(), hours);
    let connector: Connector = context.client()?.patch(&path, &change).await?;
    context.output.data(&connector, show::people)
}
