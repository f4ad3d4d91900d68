//! `hybridge agent token`: the token alone on stdout, so that it can be written to a file; the rest is talk.

use clap::Args;
use wire::api::v1::{EnrolmentToken, NewToken};

use crate::{commands::Context, failure::Failure, show::time};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How long the token is valid
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// Connector the agent may serve, several if need be; without it any
    #[arg(long = "connector", value_name = "NAME")]
    connectors: Vec<String>,
    /// Domain the agent may serve, several if need be: the connectors that keep to it
    #[arg(long = "domain", value_name = "DNS NAME")]
    domains: Vec<String>,
}

/// Makes a token.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let new = NewToken {
        lifetime_seconds: arguments.minutes.saturating_mul(60),
        connectors: arguments.connectors.clone(),
        domains: arguments.domains.clone(),
    };
    let token: EnrolmentToken = context.client()?.post("enrolment-tokens", &new).await?;
    context.output.data(&token, |token| token.token.clone())?;
    context.output.say(format!(
        "valid once, until {} UTC\nserver {}\nfingerprint of its authority: {}",
        time(&token.expires_at),
        token.server,
        token.authority_fingerprint,
    ));
    Ok(())
}
