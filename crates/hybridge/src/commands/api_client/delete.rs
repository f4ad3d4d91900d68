//! `hybridge api-client delete NAME`.

use clap::Args;

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or client id of the program
    client: String,
}

/// Takes a program's admission away.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("api-clients/{}", segment(&arguments.client));
    let gone = context.client()?.delete(&path).await?;
    context.output.data(&gone, |gone| {
        let name = gone.get("name").and_then(|name| name.as_str());
        format!(
            "{} may not call the API any more; its tokens are refused",
            name.unwrap_or(&arguments.client)
        )
    })
}
