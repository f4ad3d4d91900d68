//! `hybridge holds release ID … | --all`.

use clap::Args;
use wire::api::v1::{Decided, HoldChoice};

use crate::{commands::Context, failure::Failure, show::plural};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Ids from `hybridge holds list`
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "ID"
    )]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Only of this job
    #[arg(long, requires = "all")]
    job: Option<String>,
    /// Only what this undo put there
    #[arg(long, requires = "all", value_name = "NUMBER")]
    undo: Option<i64>,
}

/// Releases.
///
/// # Errors
/// `NotFound` for an id that is not held.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let choice = HoldChoice {
        ids: arguments.ids.clone(),
        all: arguments.all,
        job: arguments.job.clone(),
        undo: arguments.undo,
    };
    let decided: Decided = context.client()?.post("holds/release", &choice).await?;
    context.output.data(&decided, |decided| {
        format!(
            "{} released; what the source wants of them is planned now, and the guard looks at it",
            plural(decided.count, "object")
        )
    })
}
