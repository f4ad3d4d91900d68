//! `hybridge agent list`.

use wire::api::v1::{Agent, Page};

use crate::{
    commands::Context,
    failure::Failure,
    output::table,
    show::{time, time_or_dash},
};

/// Lists agents.
///
/// # Errors
/// By code.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let page = context
        .client()?
        .list::<Agent>("agents", &[], 1_000)
        .await?;
    context.output.data(&page, people)
}

/// Agents as a table.
pub fn people(page: &Page<Agent>) -> String {
    let rows = page.items.iter().map(row).collect();
    let headers = [
        "NAME",
        "STATE",
        "LAST SEEN",
        "CERTIFICATE UNTIL",
        "VERSION",
        "CONNECTORS",
    ];
    table(
        &headers,
        rows,
        "no agents; `hybridge agent token` makes a token to enrol one",
    )
}

fn row(agent: &Agent) -> Vec<String> {
    let text = |name: &str| {
        agent
            .facts
            .get(name)
            .and_then(|value| value.as_str())
            .unwrap_or("-")
            .to_owned()
    };
    let connectors = agent
        .facts
        .get("connectors")
        .and_then(|value| value.as_array());
    let name = |value: &serde_json::Value| {
        Some(value.get("connector").unwrap_or(value).as_str()?.to_owned())
    };
    let names: Vec<String> = connectors.into_iter().flatten().filter_map(name).collect();
    vec![
        agent.name.clone(),
        match agent.is_shared {
            true => format!("{}, in two places", agent.state),
            false => agent.state.clone(),
        },
        time_or_dash(agent.last_seen_at.as_ref()),
        time(&agent.certificate_expires_at),
        text("version"),
        names.join(", "),
    ]
}
