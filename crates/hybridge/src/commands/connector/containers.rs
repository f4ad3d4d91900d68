//! `hybridge connector containers NAME`: the tree of containers, as the directory shows it now.

use wire::api::v1::{Container, Page};

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::table,
};

/// Lists containers.
///
/// # Errors
/// Whatever the agent or the directory says, by code.
pub async fn run(name: &str, context: &Context) -> Result<(), Failure> {
    let path = format!("connectors/{}/containers", segment(name));
    let page: Page<Container> = context.client()?.get(&path, &[]).await?;
    context.output.data(&page, |page| {
        let row = |container: &Container| vec![container.dn.clone(), container.anchor.clone()];
        table(
            &["CONTAINER", "ANCHOR"],
            page.items.iter().map(row).collect(),
            "no containers",
        )
    })
}
