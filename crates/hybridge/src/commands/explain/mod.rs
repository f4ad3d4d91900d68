//! `hybridge explain OBJECT`: is it in sync, and if not, why, and what to do; then everything that led to it.
//!
//! Trap: the exit code says whether the object was found, never whether it is in sync.

mod show;

use clap::Args;
use sync_core::code::Code;
use wire::api::v1::Explanation;

use super::Context;
use crate::failure::Failure;

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Distinguished name, user principal name, account name, anchor (objectGUID), or id of the target object
    object: String,
    /// Only in this job
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Only in this connector
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
}

/// Explains the object.
///
/// # Errors
/// `NotFound`, silent, if no connector space holds it: where it was looked for has been shown; `RequestInvalid` if the name
/// fits several.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let query = [
        ("name", Some(arguments.object.clone())),
        ("job", arguments.job.clone()),
        ("connector", arguments.connector.clone()),
    ];
    let explanation: Explanation = context.client()?.get("explain", &query).await?;
    context.output.data(&explanation, show::people)?;
    match explanation.object {
        Some(_) => Ok(()),
        None => Err(Failure::silent(Code::NotFound)),
    }
}
