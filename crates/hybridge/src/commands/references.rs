//! `hybridge references`: references that wait, and for whom.

use clap::Args;
use wire::api::v1::{Page, WaitingReference};

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::{one_line, table},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the job; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
    /// Only those that wait for this reason, such as noConnector or foreignAccount
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Look at so many at most
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    limit: usize,
}

/// Lists references that wait.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let path = format!("jobs/{}/references/waiting", segment(&job.id));
    let mut page = client
        .list::<WaitingReference>(&path, &[], arguments.limit)
        .await?;
    if let Some(reason) = &arguments.reason {
        page.items
            .retain(|one| one.to.reason.eq_ignore_ascii_case(reason));
    }
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context.output.say("there are more; raise --limit");
    }
    Ok(())
}

fn people(page: &Page<WaitingReference>) -> String {
    let row = |one: &WaitingReference| {
        vec![
            one_line(&one.holder.name),
            one.attribute.clone(),
            one_line(&one.to.object.name),
            one.to.reason.clone(),
            one.to.text.clone(),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let headers = ["OBJECT", "ATTRIBUTE", "REFERS TO", "REASON", "WHY"];
    table(&headers, rows, "no reference waits")
}
