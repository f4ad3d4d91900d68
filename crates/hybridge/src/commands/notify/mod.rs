//! `hybridge notify`: who is told of quarantines, by mail and by a web hook.
//!
//! Secrets come from files, never from the command line, where others see them.

mod set;

use clap::{Subcommand, ValueEnum};
use sync_core::code::Code;
use wire::api::v1::{NotificationTest, Notifications, NotificationsChange, Page};

use super::Context;
use crate::{
    failure::Failure,
    output::{fields, table},
    show::time,
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Where messages go, and the newest of them
    Show,
    /// Set up mail, a web hook, or both
    #[command(
        after_help = "Passwords and secrets are sealed under the server's master key (`hybridge key show`). Use an account that can do nothing but send mail."
    )]
    Set(Box<set::Arguments>),
    /// Stop using a way
    Off {
        /// Which
        #[arg(value_enum)]
        way: Way,
    },
    /// Send a test message by every way
    Test,
}

/// A way.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Way {
    /// Mail
    Mail,
    /// The web hook
    Hook,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Show => {
            let shown: Notifications = context.client()?.get("notifications", &[]).await?;
            context.output.data(&shown, people)
        }
        Command::Set(arguments) => change(set::change(&arguments)?, context).await,
        Command::Off { way } => {
            let way = match way {
                Way::Mail => "mail",
                Way::Hook => "hook",
            };
            let off = NotificationsChange {
                off: vec![way.into()],
                ..NotificationsChange::default()
            };
            change(off, context).await
        }
        Command::Test => test(context).await,
    }
}

async fn change(change: NotificationsChange, context: &Context) -> Result<(), Failure> {
    let shown: Notifications = context.client()?.patch("notifications", &change).await?;
    context.output.data(&shown, people)
}

fn people(shown: &Notifications) -> String {
    let mail = shown.mail.as_ref().map_or("not set up".to_owned(), |mail| {
        let user = match mail.user.as_str() {
            "" => "without signing in".to_owned(),
            user => format!("as {user}"),
        };
        format!(
            "{}:{} ({}), {user}, from {} to {}",
            mail.server,
            mail.port,
            mail.security,
            mail.from,
            mail.to.join(", ")
        )
    });
    let hook = shown
        .hook
        .as_ref()
        .map_or("not set up".to_owned(), |hook| hook.host.clone());
    let mut all = vec![("mail", mail), ("web hook", hook)];
    if let Some(failure) = &shown.failure {
        all.push(("last failure", failure.clone()));
    }
    let rows = shown.messages.iter().map(|one| {
        vec![
            time(&one.at),
            one.kind.clone(),
            one.job.clone(),
            one.reason.clone(),
            one.state.clone(),
        ]
    });
    let headers = ["WHEN", "WHAT", "JOB", "REASON", "STATE"];
    let list = table(&headers, rows.collect(), "nothing was told yet");
    format!("{}\n\n{list}", fields(&all).trim_end())
}

async fn test(context: &Context) -> Result<(), Failure> {
    let told: Page<NotificationTest> = context.client()?.post("notifications/test", &()).await?;
    context.output.data(&told, |told| {
        let line = |one: &NotificationTest| match (one.is_sent, &one.failure) {
            (Some(true), _) => format!("{}: sent", one.way),
            (_, Some(failure)) => format!("{}: {failure}", one.way),
            _ => format!("{}: not set up", one.way),
        };
        told.items.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    let failure = told.items.iter().find_map(|one| one.failure.clone());
    match failure {
        Some(failure) => Err(Failure::text(Code::NotificationFailed, "the test", failure)),
        None => Ok(()),
    }
}
