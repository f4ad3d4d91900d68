//! `hybridge directory rotate-credential`: a new secret, stored by the server itself and shown to nobody.

use clap::Args;
use wire::api::v1::{Credential, RotateCredential};

use crate::{commands::Context, failure::Failure, show::time};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How long it is valid
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=730))]
    days: u32,
}

/// Replaces the credential.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let request = RotateCredential {
        lifetime_days: arguments.days,
    };
    let credential: Credential = context
        .client()?
        .post("directory/credential", &request)
        .await?;
    context.output.data(&credential, |credential| {
        format!(
            "the credential of {} is replaced; the new one is valid until {} UTC",
            credential.application_id,
            time(&credential.expires_at)
        )
    })
}
