//! `hybridge rules history`: the versions, the newest first.

use wire::api::v1::{Page, RulesVersion};

use super::Which;
use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::table,
    show::time,
};

/// Lists the versions of a job's rules.
///
/// # Errors
/// By code.
pub async fn run(which: &Which, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, which.job.as_deref()).await?;
    let path = format!("jobs/{}/rules/versions", segment(&job.id));
    let page: Page<RulesVersion> = client.get(&path, &[]).await?;
    context.output.data(&page, |page| {
        let row = |version: &RulesVersion| {
            let mark = if version.is_current { "in force" } else { "" };
            vec![
                version.version.to_string(),
                time(&version.at),
                version.actor.clone(),
                version.why.clone(),
                mark.into(),
            ]
        };
        let rows = page.items.iter().map(row).collect();
        table(&["VERSION", "WHEN", "WHO", "WHY", ""], rows, "no versions")
    })
}
