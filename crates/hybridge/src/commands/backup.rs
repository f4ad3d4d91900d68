//! `hybridge backup`: made by the running server; listed, checked and put back without one.
//!
//! Trap: restoring is for a stopped server, and on the server's own machine; the other verbs work from elsewhere.

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use server::{api::backups::shown, backup, pki::vault::Ring};
use sync_core::code::Code;
use wire::api::v1::{Backup, BackupEvent, NewBackup, Page};

use super::Context;
use crate::{
    failure::Failure,
    output::{Output, fields, or_dash, table},
    show::time,
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a backup while the server runs
    #[command(
        after_help = "It holds both databases as they are at one moment, and the secrets that belong to them, sealed under the master key, which it does not hold: keep a copy of that key elsewhere (`hybridge key show`). It lies in the data directory unless the server was started with --backup-dir."
    )]
    Create(Create),
    /// List backups, the newest first
    List(List),
    /// Check a backup: every file against its digest, both databases opened
    Verify(Verify),
    /// Put a backup into a data directory whose server is stopped
    #[command(
        after_help = "Everything is checked before anything is replaced, and what is replaced is put aside. Its secrets need the master key they are sealed under (`hybridge backup verify` names it): where the server finds it, or by --master-key-file, which is then kept in the data directory. If it is interrupted, the next start of the server, or the same command, carries it through."
    )]
    Restore(Restore),
}

/// `backup create`.
#[derive(Args, Debug)]
pub struct Create {
    /// Keep this many backups, the new one included, and remove older ones
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

/// `backup list`.
#[derive(Args, Debug)]
pub struct List {
    /// A folder on this machine, instead of the server's
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// `backup verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// The backup; its folder needs room for what is inside
    file: PathBuf,
}

/// `backup restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// Let it take the place of the databases that are there; they are put aside
    #[arg(long)]
    replace: bool,
    /// File with the master key of the backup
    #[arg(long, value_name = "FILE", env = "HYBRIDGE_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
    /// Leave the secrets out, because their key is lost: the server makes new ones, and every agent has to be enrolled again
    #[arg(long, conflicts_with = "master_key_file")]
    without_secrets: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    backup: Backup,
    data_directory: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<PathBuf>,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(&arguments, context).await,
        Command::List(arguments) => list(arguments, context).await,
        Command::Verify(arguments) => verify(&arguments, context),
        Command::Restore(arguments) => restore(&arguments, context),
    }
}

async fn create(arguments: &Create, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let new = NewBackup {
        keep: arguments.keep,
    };
    let mut events = client.lines("backups", &new).await?;
    let shows = context.output == Output::People && std::io::stderr().is_terminal();
    let sign = |text: String| {
        if shows {
            let _ = write!(std::io::stderr(), "\r{text}\x1b[K");
        }
    };
    while let Some(event) = events.next::<BackupEvent>().await? {
        match event {
            BackupEvent::Progress { copied, total } => {
                sign(format!("copied {copied} of {total} pages"))
            }
            BackupEvent::Done(backup) => {
                sign(String::new());
                return context.output.data(&backup, made);
            }
            BackupEvent::Failed(problem) => {
                sign(String::new());
                return Err(Failure::told(problem, client.url()));
            }
        }
    }
    Err(Failure::text(
        Code::ServerUnreachable,
        client.url(),
        "the server went away before the backup was done",
    ))
}

fn made(backup: &Backup) -> String {
    let mut text = format!("{} ({} bytes)", backup.path, backup.bytes);
    for old in &backup.removed {
        text.push_str(&format!("\nremoved {old}"));
    }
    text
}

async fn list(arguments: List, context: &Context) -> Result<(), Failure> {
    let page = match &arguments.dir {
        Some(dir) => {
            let place = dir.display().to_string();
            let all = backup::list(dir).map_err(|why| Failure::new(&why, place))?;
            Page::whole(all.iter().map(shown).collect())
        }
        None => context.client()?.get("backups", &[]).await?,
    };
    context.output.data(&page, |page: &Page<Backup>| {
        let row = |one: &Backup| {
            vec![
                match one.made_at.as_str() {
                    "" => "-".to_owned(),
                    at => time(at),
                },
                one.bytes.to_string(),
                one.path.clone(),
                or_dash(one.problem.as_ref().map(|problem| &problem.code)),
            ]
        };
        let headers = ["MADE", "BYTES", "FILE", "PROBLEM"];
        let rows = page.items.iter().map(row).collect();
        table(
            &headers,
            rows,
            "no backups; `hybridge backup create` makes one",
        )
    })
}

fn of(manifest: &backup::Manifest, file: &std::path::Path) -> Backup {
    let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
    shown(&backup::Found {
        path: file.to_owned(),
        bytes,
        manifest: Ok(manifest.clone()),
    })
}

fn people(backup: &Backup) -> String {
    fields(&[
        ("file", backup.path.clone()),
        ("made", time(&backup.made_at)),
        ("by version", backup.version.clone()),
        ("tenant", backup.tenant.clone()),
        ("holds", backup.files.join(", ")),
        (
            "secrets",
            match backup.sealed_under.is_empty() {
                true => "none, or open".to_owned(),
                false => format!("sealed under {}", backup.sealed_under.join(", ")),
            },
        ),
    ])
}

fn verify(arguments: &Verify, context: &Context) -> Result<(), Failure> {
    let place = arguments.file.display().to_string();
    let manifest = backup::verify(&arguments.file).map_err(|why| Failure::new(&why, place))?;
    let ring = Ring::find(&context.access.data_directory(), None);
    let here = ring.map_or_else(|_| Vec::new(), |ring| ring.ids());
    context
        .output
        .data(&of(&manifest, &arguments.file), |backup| {
            let missing = backup.sealed_under.iter().find(|id| !here.contains(id));
            let key = match missing {
                None => String::new(),
                Some(id) => format!(
                    "\nthe master key {id} is not here: without a copy of it the secrets of this backup cannot be used"
                ),
            };
            format!("{}\nit is whole, and both databases open{key}", people(backup))
        })
}

fn restore(arguments: &Restore, context: &Context) -> Result<(), Failure> {
    let place = arguments.file.display().to_string();
    let data = context.access.data_directory();
    let keys = match arguments.without_secrets {
        true => backup::Keys::LeftOut,
        false => backup::Keys::Known(arguments.master_key_file.as_deref()),
    };
    let now = Timestamp::now();
    let done = backup::restore(&arguments.file, &data, arguments.replace, keys, now)
        .map_err(|why| Failure::new(&why, place))?;
    let restored = Restored {
        backup: of(&done.manifest, &arguments.file),
        data_directory: data,
        aside: done.aside,
    };
    context.output.data(&restored, |restored| {
        let aside = match &restored.aside {
            Some(path) => format!("\nwhat it replaced is in {}", path.display()),
            None => String::new(),
        };
        format!(
            "{}\nrestored into {}{aside}\nstart the server with this data directory; agents go on with it. On another machine its jobs wait until `hybridge staging promote --take-over`",
            people(&restored.backup),
            restored.data_directory.display()
        )
    })
}
