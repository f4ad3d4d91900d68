//! `hybridge api-client create NAME --permission P …`.

use clap::Args;
use wire::api::v1::{IssuedSecret, NewApiClient};

use crate::{commands::Context, failure::Failure};

/// Arguments.
#[derive(Args, Debug)]
#[command(
    after_help = "Permissions: Synchronization.Read.All, Synchronization.ReadWrite.All, AuditLog.Read.All,\nApplication.ReadWrite.OwnedBy, Agents.Read.All, Agents.ReadWrite.All, Directory.Read.All,\nDirectory.ReadWrite.All, Administrator."
)]
pub struct Arguments {
    /// Name of the program
    name: String,
    /// What it may do; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    permissions: Vec<String>,
    /// How long its secret is valid
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=730))]
    days: u32,
}

/// Admits a program.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let new = NewApiClient {
        name: arguments.name.clone(),
        permissions: arguments.permissions.clone(),
        lifetime_days: arguments.days,
    };
    let issued: IssuedSecret = context.client()?.post("api-clients", &new).await?;
    super::tell(&issued, context)
}
