//! `hybridge object search TEXT`: finds objects by a part of DN, display name, user principal name, or by anchor.

use clap::Args;
use wire::api::v1::{FoundObject, Page};

use crate::{commands::Context, failure::Failure, output::table, show::short};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// A part of the name, or the beginning of the anchor; capital letters do not matter
    text: String,
    /// Only in this connector
    #[arg(long)]
    connector: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Searches.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let query = [
        ("text", Some(arguments.text.clone())),
        ("connector", arguments.connector.clone()),
    ];
    let page = context
        .client()?
        .list::<FoundObject>("objects", &query, arguments.limit)
        .await?;
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context.output.say("there are more; raise --limit");
    }
    Ok(())
}

fn people(page: &Page<FoundObject>) -> String {
    let row = |object: &FoundObject| {
        vec![
            object.state.clone(),
            object.class.clone(),
            short(&object.display_name),
            object.user_principal_name.clone(),
            object.anchor.clone(),
            object.dn.clone(),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    table(
        &["STATE", "CLASS", "NAME", "UPN", "ANCHOR", "DN"],
        rows,
        "nothing found",
    )
}
