//! `hybridge api-client list`.

use wire::api::v1::{ApiClient, Page};

use crate::{commands::Context, failure::Failure, output::table, show::time_or_dash};

/// Lists programs.
///
/// # Errors
/// By code.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let page = context
        .client()?
        .list::<ApiClient>("api-clients", &[], 1_000)
        .await?;
    context.output.data(&page, people)
}

fn people(page: &Page<ApiClient>) -> String {
    let row = |client: &ApiClient| {
        vec![
            client.name.clone(),
            client.id.clone(),
            client.permissions.join(", "),
            time_or_dash(client.last_used_at.as_ref()),
            time_or_dash(client.secret_expires_at.as_ref()),
        ]
    };
    let headers = [
        "NAME",
        "CLIENT ID",
        "PERMISSIONS",
        "LAST TOKEN",
        "SECRET UNTIL",
    ];
    table(
        &headers,
        page.items.iter().map(row).collect(),
        "no program may call the API; `hybridge api-client create` admits one",
    )
}
