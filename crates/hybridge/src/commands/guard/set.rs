//! `hybridge guard set --type … --threshold …`.

use clap::{Args, ValueEnum};
use wire::api::v1::{Guard, Prevention};

use super::show;
use crate::{commands::Context, failure::Failure};

/// By what a tenant is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Only the limits of the jobs hold
    Disabled,
    /// By a number of objects
    Count,
    /// By a part of the linked objects
    Percentage,
}

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// By what the tenant is protected
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Kind>,
    /// All jobs are held at this many objects, or at this percentage; one less passes
    #[arg(long, value_name = "NUMBER")]
    threshold: Option<u64>,
}

/// Changes what is given, and shows where the guard stands.
///
/// # Errors
/// `RequestInvalid`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let kind = arguments.kind.map(|kind| match kind {
        Kind::Disabled => "disabled",
        Kind::Count => "enabledForCount",
        Kind::Percentage => "enabledForPercentage",
    });
    let change = Prevention {
        synchronization_prevention_type: kind.map(str::to_owned),
        alert_threshold: arguments.threshold,
    };
    let guard: Guard = context.client()?.patch("guard", &change).await?;
    context.output.data(&guard, show::people)
}
