//! `hybridge agent trace NAME --minutes N`.

use clap::Args;
use wire::api::v1::{TraceRequest, Tracing};

use crate::{
    commands::{Context, segment},
    failure::Failure,
    show::time,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the agent
    agent: String,
    /// For how long; 0 ends it
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(0..=1_440))]
    minutes: u32,
}

/// Lets an agent trace.
///
/// # Errors
/// `NotFound`; that it is not connected or does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("agents/{}/trace", segment(&arguments.agent));
    let request = TraceRequest {
        minutes: arguments.minutes,
    };
    let traced: Tracing = context.client()?.post(&path, &request).await?;
    context.output.data(&traced, |traced| match &traced.until {
        Some(until) => format!(
            "agent {} traces until {}, into logs/agent-trace.log of its data directory; `hybridge tools logs export` fetches it",
            traced.name,
            time(until)
        ),
        None => format!("agent {} does not trace", traced.name),
    })
}
