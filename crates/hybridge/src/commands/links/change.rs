//! `hybridge links unlink OBJECT` and `hybridge links relink OBJECT --to TARGET`.
//!
//! What the link is now is shown before anybody is asked. The target object loses what it had because of the link: its anchor,
//! and its places in what the job manages. Trap: the rest is planned when the job goes on, and an object without a link is then
//! matched again.

use clap::Args;
use wire::api::v1::{Link, LinkRequest};

use super::list::{Which, one};
use crate::{
    client::Client,
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments of `unlink`.
#[derive(Args, Debug)]
pub struct Unlink {
    #[command(flatten)]
    which: Which,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Arguments of `relink`.
#[derive(Args, Debug)]
pub struct Relink {
    #[command(flatten)]
    which: Which,
    /// Id of the target object it is to belong to
    #[arg(long, value_name = "TARGET")]
    to: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Forgets which target object belongs to a source object.
///
/// # Errors
/// `Conflict` unless the job is paused; `NotFound`.
pub async fn unlink(arguments: &Unlink, context: &Context) -> Result<(), Failure> {
    let act = Act {
        which: &arguments.which,
        to: None,
        asks: !arguments.yes,
    };
    act.run(context).await
}

/// Says which target object belongs to a source object.
///
/// # Errors
/// `Conflict` unless the job is paused, or if the target object belongs to another source object; `NotFound`.
pub async fn relink(arguments: &Relink, context: &Context) -> Result<(), Failure> {
    let act = Act {
        which: &arguments.which,
        to: Some(&arguments.to),
        asks: !arguments.yes,
    };
    act.run(context).await
}

struct Act<'a> {
    which: &'a Which,
    to: Option<&'a str>,
    asks: bool,
}

impl Act<'_> {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        let job = context.job(&client, self.which.job.as_deref()).await?;
        let base = format!("jobs/{}", segment(&job.id));
        let query = [("object", Some(self.which.object.clone()))];
        let before: Link = client.get(&format!("{base}/link"), &query).await?;
        if self.asks {
            context.output.say(one(&before));
            context.output.confirm("yes", "to change this link")?;
        }
        let after = self.send(&client, &base, &before).await?;
        context.output.data(&after, |after| {
            format!(
                "{}\n\nwhat the target object had because of the former link (anchor, memberships) was taken from it\nwhat follows is planned when the job goes on: `hybridge job start`",
                one(after)
            )
        })
    }

    async fn send(&self, client: &Client, base: &str, before: &Link) -> Result<Link, Failure> {
        let request = LinkRequest {
            object: before.anchor.clone(),
            target: self.to.map(str::to_owned),
        };
        let act = match self.to {
            Some(_) => "relink",
            None => "unlink",
        };
        client.post(&format!("{base}/links/{act}"), &request).await
    }
}
