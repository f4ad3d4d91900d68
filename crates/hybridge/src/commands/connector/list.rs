//! `hybridge connector list`.

use wire::api::v1::{Connector, Page};

use crate::{commands::Context, failure::Failure, output::table, show::time_or_dash};

/// Lists connectors.
///
/// # Errors
/// By code.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let page = context
        .client()?
        .list::<Connector>("connectors", &[], 1_000)
        .await?;
    context.output.data(&page, people)
}

fn people(page: &Page<Connector>) -> String {
    let rows = page.items.iter().map(row).collect();
    let headers = ["NAME", "KIND", "NEXT READ", "METHOD", "LAST READ", "STATE"];
    table(
        &headers,
        rows,
        "no connectors; `hybridge connect ad NAME` makes one",
    )
}

fn row(connector: &Connector) -> Vec<String> {
    let position = connector.position.as_ref();
    let state = position.and_then(|p| p.suspect.as_ref().or(p.failure.as_ref()));
    let method = position.and_then(|p| p.method.as_ref());
    vec![
        connector.name.clone(),
        connector.kind.clone(),
        position.map_or_else(|| "-".into(), |p| p.next_read.clone()),
        method.map_or_else(|| "-".into(), |m| m.name.clone()),
        time_or_dash(position.and_then(|p| p.last_read_at.as_ref())),
        state.map_or_else(|| "ok".into(), |problem| problem.code.clone()),
    ]
}
