//! `hybridge links list` and `hybridge links show OBJECT`.

use clap::Args;
use wire::api::v1::{Link, Page};

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::{fields, or_dash, table},
    show::{problem, short, time},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the job; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
    /// Only in this situation: linked, unlinked, deleted, skipped or lost
    #[arg(long, value_name = "SITUATION")]
    situation: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// Which link.
#[derive(Args, Debug)]
pub struct Which {
    /// Anchor (objectGUID), distinguished name, user principal name, or id of the target object
    pub object: String,
    /// Name or id of the job; may be left out if there is only one
    #[arg(long)]
    pub job: Option<String>,
}

/// Lists links.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let path = format!("jobs/{}/links", segment(&job.id));
    let query = [("situation", arguments.situation.clone())];
    let page = client.list::<Link>(&path, &query, arguments.limit).await?;
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context.output.say("there are more; raise --limit");
    }
    Ok(())
}

fn people(page: &Page<Link>) -> String {
    let row = |link: &Link| {
        vec![
            link.situation.clone(),
            link.class.clone(),
            short(&link.display_name),
            link.anchor.clone(),
            or_dash(link.target.as_ref()),
            or_dash(link.reason.as_ref().map(|problem| &problem.code)),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let headers = ["SITUATION", "CLASS", "NAME", "ANCHOR", "TARGET", "WHY"];
    table(&headers, rows, "none")
}

/// Shows one link.
///
/// # Errors
/// `NotFound`; `RequestInvalid` if the name fits several objects.
pub async fn show(which: &Which, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, which.job.as_deref()).await?;
    let path = format!("jobs/{}/link", segment(&job.id));
    let query = [("object", Some(which.object.clone()))];
    let link: Link = client.get(&path, &query).await?;
    context.output.data(&link, one)
}

/// A link in words.
pub fn one(link: &Link) -> String {
    let mut text = fields(&[
        ("object", link.dn.clone()),
        ("anchor", link.anchor.clone()),
        ("name", link.display_name.clone()),
        ("situation", link.situation.clone()),
        ("class", link.class.clone()),
        ("target", link.target.clone().unwrap_or_default()),
        (
            "source anchor",
            link.source_anchor.clone().unwrap_or_default(),
        ),
        ("since", time(&link.changed_at)),
    ]);
    if let Some(reason) = &link.reason {
        text.push_str(&format!("\n{}", problem(reason)));
    }
    text
}
