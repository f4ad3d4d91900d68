//! `hybridge job delete [JOB] --objects …`: what it comes to first, then with a decision about the objects.

use clap::{Args, ValueEnum};
use tokio::time::{Duration, sleep};
use wire::api::v1::JobRemoval;

use crate::{
    client::Client,
    commands::{Context, segment},
    failure::Failure,
    output::fields,
    show::{count, problem, time},
};

/// Time between two looks with `--wait`.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
    /// What becomes of the objects it manages; without it only what there is is shown
    #[arg(long, value_enum)]
    objects: Option<Objects>,
    /// How many objects were seen; needed to disable or delete them
    #[arg(long, value_name = "COUNT")]
    expected: Option<u64>,
    /// Also if the guard would hold so many
    #[arg(long)]
    beyond_guard: bool,
    /// Wait until the job is gone
    #[arg(long)]
    wait: bool,
    /// Take a removal back, as far as it is not done; the job is paused then
    #[arg(long, conflicts_with_all = ["objects", "expected", "beyond_guard", "wait"])]
    cancel: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Objects {
    /// They stay as they are, for another server or job that goes on with them
    Keep,
    /// They stay, and are the tenant's own from then on
    Release,
    /// Accounts are disabled, and all are the tenant's own
    Disable,
    /// They are deleted; users can be restored for 30 days
    Delete,
}

impl Objects {
    fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Release => "release",
            Self::Disable => "disable",
            Self::Delete => "delete",
        }
    }
}

/// Shows what removing a job comes to, begins it, or takes it back.
///
/// # Errors
/// `Conflict`, `TooManyDeletes`, `RequestInvalid`, `NotFound`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let path = format!("jobs/{}/removal", segment(&job.id));
    if arguments.cancel {
        let value = client.delete(&path).await?;
        return context.output.data(&value, |_| {
            format!("job {} is not removed any more, and paused", job.name)
        });
    }
    let Some(objects) = arguments.objects else {
        let preview: JobRemoval = client.get(&path, &[]).await?;
        return context.output.data(&preview, people);
    };
    let mut query = vec![("objects", Some(objects.word().to_owned()))];
    query.push((
        "expected",
        arguments.expected.map(|count| count.to_string()),
    ));
    query.push((
        "beyondGuard",
        arguments.beyond_guard.then(|| "true".to_owned()),
    ));
    let begun: JobRemoval = client
        .remove(&format!("jobs/{}", segment(&job.id)), &query)
        .await?;
    if arguments.wait {
        gone(&client, &path).await?;
    }
    context.output.data(&begun, |begun| match arguments.wait {
        true => format!("job {} is removed", begun.job.name),
        false => format!(
            "job {} is being removed: {} of {} objects; `hybridge job delete {}` shows how far it is, `hybridge log --job {}` what was done",
            begun.job.name,
            objects.word(),
            count(begun.linked),
            begun.job.name,
            begun.job.name
        ),
    })
}

async fn gone(client: &Client, path: &str) -> Result<(), Failure> {
    loop {
        match client.get::<JobRemoval>(path, &[]).await {
            Ok(removal) if removal.failed > 0 => {
                let told = removal.failure.unwrap_or_default();
                return Err(Failure::told(told, "an object of the job"));
            }
            Ok(_) => sleep(LOOK).await,
            Err(failure) if failure.problem.code == "NotFound" => return Ok(()),
            Err(failure) => return Err(failure),
        }
    }
}

fn people(shown: &JobRemoval) -> String {
    let classes: Vec<String> = shown
        .classes
        .iter()
        .map(|(class, number)| format!("{} {class}", count(*number)))
        .collect();
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut text = fields(&[
        ("job", shown.job.name.clone()),
        ("being removed", optional(&shown.objects)),
        (
            "since",
            shown.since.as_deref().map(time).unwrap_or_default(),
        ),
        ("by", optional(&shown.by)),
        (
            "began with",
            shown.began_with.map(count).unwrap_or_default(),
        ),
        (
            "objects",
            format!("{} ({})", count(shown.linked), classes.join(", ")),
        ),
        ("among them", shown.names.join(", ")),
        (
            "refused",
            if shown.failed > 0 {
                count(shown.failed)
            } else {
                String::new()
            },
        ),
        (
            "may be touched",
            if shown.is_active_here {
                "yes"
            } else {
                "no: the job is in staging here"
            }
            .to_owned(),
        ),
    ]);
    if let Some(why) = &shown.guard {
        text.push_str(&format!(
            "\n\nto disable or delete them is more than the guard lets through:\n{}",
            problem(why)
        ));
    }
    if let Some(why) = &shown.failure {
        text.push_str(&format!("\n\n{}", problem(why)));
    }
    if shown.objects.is_none() {
        text.push_str(&format!(
            "\n\nnothing is removed yet; say what becomes of the objects:\n  --objects keep      they stay as they are, for another server or job\n  --objects release   they become the tenant's own\n  --objects disable --expected {0}\n  --objects delete --expected {0}",
            shown.linked
        ));
    }
    text
}
