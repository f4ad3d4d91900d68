//! `hybridge api-client rotate NAME`.

use clap::Args;
use wire::api::v1::{IssuedSecret, RotateApiClient};

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or client id of the program
    client: String,
    /// How long the new secret is valid
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=730))]
    days: u32,
    /// How long the old secret stays valid beside it; 0: not at all, and its tokens neither
    #[arg(long, value_name = "HOURS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=744))]
    overlap_hours: u32,
}

/// Gives a program a new secret.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("api-clients/{}/rotate", segment(&arguments.client));
    let asked = RotateApiClient {
        lifetime_days: arguments.days,
        overlap_hours: arguments.overlap_hours,
    };
    let issued: IssuedSecret = context.client()?.post(&path, &asked).await?;
    super::tell(&issued, context)
}
