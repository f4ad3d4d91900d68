//! `hybridge staging`: who is active for which job, and changing that.
//!
//! Trap: taking over from a server that is only slow stops it in the middle of its work; that is why the generation that was
//! shown is sent along, and refused if it has changed.

use clap::{Args, Subcommand};
use wire::api::v1::{JobStaging, Staging, StagingRequest};

use super::Context;
use crate::{
    client::Client,
    failure::Failure,
    output::{fields, one_line, table},
    show::time,
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Which server is active for each job
    Show,
    /// Stop writing: everything is still read and planned, and waits
    #[command(
        after_help = "Answers when nothing is on its way any more and the target knows that this server gave the job up. What waits is shown by `hybridge pending`, written to a file by `hybridge pending export`, and counted by `hybridge pending analyse`."
    )]
    Enter(Which),
    /// Become active: take the jobs in the target, and carry out what waits
    Promote(Promote),
}

/// Which job.
#[derive(Args, Debug)]
pub struct Which {
    /// Only this job (name or id); the whole server unless given
    #[arg(long)]
    job: Option<String>,
}

/// `staging promote`.
#[derive(Args, Debug)]
pub struct Promote {
    /// Only this job (name or id); the whole server unless given
    #[arg(long)]
    job: Option<String>,
    /// Take jobs from a server that holds them and cannot give them up; it is refused from then on
    #[arg(long)]
    take_over: bool,
}

/// Carries out a verb.
///
/// # Errors
/// `FencedOff` if another server is active; `Conflict`, `NotFound`.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let shown = match command {
        Command::Show => show(&client).await?,
        Command::Enter(which) => {
            let request = StagingRequest {
                job: which.job,
                ..StagingRequest::default()
            };
            client.post("staging/enter", &request).await?
        }
        Command::Promote(arguments) => {
            let mut request = StagingRequest {
                job: arguments.job,
                ..StagingRequest::default()
            };
            if arguments.take_over {
                // What is taken is what is seen now.
                let now = show(&client).await?;
                let held = now
                    .jobs
                    .into_iter()
                    .filter_map(|job| Some((job.job.id, job.fence?)));
                request.take_over = held
                    .filter(|(_, fence)| fence.is_held && !fence.is_this)
                    .map(|(id, fence)| (id, fence.generation))
                    .collect();
            }
            client.post("staging/promote", &request).await?
        }
    };
    context.output.data(&shown, people)
}

async fn show(client: &Client) -> Result<Staging, Failure> {
    client.get("staging", &[]).await
}

fn people(shown: &Staging) -> String {
    let server = match &shown.server {
        Some(staged) => format!("in staging since {}, by {}", time(&staged.since), staged.by),
        None => "active".to_owned(),
    };
    let head = fields(&[("this server", shown.instance.clone()), ("state", server)]);
    let rows = shown.jobs.iter().map(row).collect();
    let headers = [
        "JOB",
        "STATE",
        "HERE",
        "WAITING",
        "ACTIVE IN THE TARGET",
        "SINCE",
        "GENERATION",
    ];
    let list = table(&headers, rows, "no jobs");
    let mut text = format!("{head}\n\n{list}");
    for job in &shown.jobs {
        if let Some(why) = job.staged.as_ref().and_then(|staged| staged.why.as_ref()) {
            text.push_str(&format!(
                "\n{}: {} {}",
                job.job.name,
                why.code,
                one_line(&why.message)
            ));
        }
    }
    text
}

fn row(job: &JobStaging) -> Vec<String> {
    let (holder, since, generation) = match &job.fence {
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        Some(fence) => (
            match (fence.is_held, fence.is_this) {
                (false, _) => format!("nobody (last {})", fence.server),
                (true, true) => "this server".to_owned(),
                (true, false) => fence.server.clone(),
            },
            time(&fence.taken_at),
            fence.generation.to_string(),
        ),
    };
    vec![
        job.job.name.clone(),
        job.state.clone(),
        if job.is_staged { "staging" } else { "active" }.to_owned(),
        job.to_export.to_string(),
        holder,
        since,
        generation,
    ]
}
