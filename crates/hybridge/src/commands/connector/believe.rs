//! `hybridge connector believe NAME`: the last full read showed far less than before, and somebody says that it is right.
//!
//! What was not shown is still looked up one by one before anything is deleted, and the guard still counts.

use wire::api::v1::Connector;

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Believes the last full read.
///
/// # Errors
/// `Conflict` if no read is held.
pub async fn run(name: &str, context: &Context) -> Result<(), Failure> {
    let path = format!("connectors/{}/believe", segment(name));
    let connector: Connector = context.client()?.post(&path, &()).await?;
    context.output.data(&connector, |connector| {
        format!(
            "the last full read of {} is believed; planning goes on",
            connector.name
        )
    })
}
