//! `hybridge connector test NAME`: asks the directory who it is, now, through an agent.

use wire::api::v1::ConnectorTest;

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::fields,
    show::{count, duration},
};

/// Tests a connector.
///
/// # Errors
/// Whatever the agent or the directory says, by code.
pub async fn run(name: &str, context: &Context) -> Result<(), Failure> {
    context
        .output
        .say("asking the directory through its agent …");
    let path = format!("connectors/{}/test", segment(name));
    let test: ConnectorTest = context.client()?.post(&path, &()).await?;
    context.output.data(&test, people)
}

fn people(test: &ConnectorTest) -> String {
    fields(&[
        ("result", "it answers".into()),
        ("domain", test.domain.clone()),
        ("NetBIOS name", test.netbios.clone()),
        ("naming context", test.naming_context.clone()),
        ("server", test.server.clone()),
        ("product", test.product.clone()),
        ("attributes", count(test.attributes)),
        (
            "deletions visible",
            format!("{} days", test.tombstone_lifetime_days),
        ),
        ("took", duration(test.duration_ms)),
    ])
}
