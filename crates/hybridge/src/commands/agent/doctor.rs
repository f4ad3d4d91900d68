//! `hybridge agent doctor NAME`.

use clap::Args;
use sync_core::code::Code;
use wire::agent::v1::{CheckState, Examination};

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::{Output, table},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the agent
    agent: String,
}

/// Examines an agent from here.
///
/// # Errors
/// `NotFound`, or the code of the first check that failed.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("agents/{}/doctor", segment(&arguments.agent));
    let found: Examination = context.client()?.post(&path, &()).await?;
    context.output.data(&found, people)?;
    let mut failed = found
        .checks
        .iter()
        .filter(|c| c.state == CheckState::Failed);
    let Some(first) = failed.next() else {
        return Ok(());
    };
    let code = first.code.as_deref().and_then(Code::from_name);
    let code = code.unwrap_or(Code::InternalFault);
    Err(match context.output {
        // A program has read everything in the one document that it asked for.
        Output::Json => Failure::silent(code),
        Output::People => Failure::text(code, &first.id, &first.text),
    })
}

fn people(found: &Examination) -> String {
    let row = |check: &wire::agent::v1::Check| {
        let subject = match &check.connector {
            Some(connector) => format!("{connector}/{}", check.id),
            None => check.id.clone(),
        };
        let state = match check.state {
            CheckState::Ok => "ok",
            CheckState::Warning => "warning",
            CheckState::Failed => "FAILED",
            CheckState::Skipped => "-",
        };
        let mut text = check.text.clone();
        if let Some(cure) = &check.cure {
            text = format!(
                "{text}\n{}: {cure}",
                check.code.as_deref().unwrap_or("cure")
            );
        }
        vec![subject, state.to_owned(), text]
    };
    let rows = found.checks.iter().map(row).collect();
    table(&["CHECK", "STATE", "FOUND"], rows, "nothing was checked")
}
