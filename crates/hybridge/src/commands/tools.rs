//! `hybridge tools`: repairs, and what is needed to find a fault.

use clap::Subcommand;
use wire::api::v1::Repaired;

use super::{Context, logs};
use crate::{failure::Failure, show::time};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Try the service account that writes the tenant directory; a missing, expired or refused one gets a new credential
    RepairAccount,
    /// Logs and traces of server and agents
    #[command(subcommand)]
    Logs(logs::Command),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Logs(command) => logs::run(command, context).await,
        Command::RepairAccount => {
            let repaired: Repaired = context.client()?.post("directory/repair", &()).await?;
            context.output.data(&repaired, people)
        }
    }
}

fn people(repaired: &Repaired) -> String {
    match (&repaired.problem, &repaired.credential) {
        (Some(problem), Some(credential)) => format!(
            "it was {}: {}\nmended with a new credential, valid until {}; the jobs are tried at once",
            problem.code,
            problem.message,
            time(&credential.expires_at)
        ),
        _ => "the service account works; nothing was changed".to_owned(),
    }
}
