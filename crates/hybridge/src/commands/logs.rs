//! `hybridge tools logs`: what somebody who looks for a fault is sent, in one archive.
//!
//! Trap: the archive holds names of people and machines from the logs; it holds no secret, and is not for everybody all the same.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use server::backup::tar;
use sync_core::code::Code;
use wire::api::v1::{LogExport, LogExportEvent, Page, TraceRequest, Tracing};

use crate::{commands::Context, failure::Failure, output::table, show::time_or_dash};

/// Folder within the archive.
const FOLDER: &str = "hybridge-logs";

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write one archive: configuration without secrets, versions, logs, the doctor's reports, statistics, of server and agents
    #[command(
        after_help = "Unless --skip-verbose-trace is given, server and agents trace every step for some minutes first: let what goes wrong happen meanwhile. The archive is a tar file readable by you only; it holds no secret, but names of people and machines."
    )]
    Export(Export),
    /// Let server and agents trace every step for some minutes; 0 ends it
    Trace {
        /// For how long
        #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(0..=1_440))]
        minutes: u32,
    },
}

/// `tools logs export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Do not trace first, and leave traces out
    #[arg(long)]
    skip_verbose_trace: bool,
    /// How long to trace before
    #[arg(long, value_name = "MINUTES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_440), conflicts_with = "skip_verbose_trace")]
    tracing_duration_mins: u32,
    /// Where to: a folder, or the name of a new file
    #[arg(long, value_name = "PATH", default_value = ".")]
    output_path: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    path: PathBuf,
    files: Vec<String>,
    missing: Vec<String>,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Export(arguments) => export(&arguments, context).await,
        Command::Trace { minutes } => {
            let all = trace(context, minutes).await?;
            context.output.data(&all, people)
        }
    }
}

async fn trace(context: &Context, minutes: u32) -> Result<Page<Tracing>, Failure> {
    let request = TraceRequest { minutes };
    context.client()?.post("logs/trace", &request).await
}

fn people(all: &Page<Tracing>) -> String {
    let rows = all.items.iter().map(|one| {
        let problem = one.problem.as_ref();
        vec![
            one.name.clone(),
            time_or_dash(one.until.as_ref()),
            problem.map_or_else(String::new, |why| format!("{}: {}", why.code, why.message)),
        ]
    });
    table(
        &["WHO", "TRACES UNTIL", "PROBLEM"],
        rows.collect(),
        "nobody",
    )
}

async fn export(arguments: &Export, context: &Context) -> Result<(), Failure> {
    let path = target(&arguments.output_path);
    // Made first: a place that cannot be written is found out before anybody waits.
    let file = create(&path)?;
    if !arguments.skip_verbose_trace {
        let minutes = arguments.tracing_duration_mins;
        let all = trace(context, minutes).await?;
        context.output.say(people(&all));
        context.output.say(format!(
            "tracing for {minutes} minutes; let what goes wrong happen now"
        ));
        tokio::time::sleep(Duration::from_secs(60) * minutes).await;
    }
    let wanted = LogExport {
        with_trace: !arguments.skip_verbose_trace,
    };
    let written = write(context, &wanted, file, &path).await;
    let exported = written.inspect_err(|_| {
        let _ = std::fs::remove_file(&path);
    })?;
    context.output.data(&exported, |exported| {
        let mut text = format!(
            "{} ({} files); it holds no secret, but names of people and machines",
            exported.path.display(),
            exported.files.len()
        );
        for missing in &exported.missing {
            text.push_str(&format!("\nmissing: {missing}"));
        }
        text
    })
}

async fn write(
    context: &Context,
    wanted: &LogExport,
    file: File,
    path: &Path,
) -> Result<Exported, Failure> {
    let client = context.client()?;
    let mut out = BufWriter::new(file);
    let at = Timestamp::now().as_second();
    let mut exported = Exported {
        path: path.to_owned(),
        files: Vec::new(),
        missing: Vec::new(),
    };
    let mut events = client.lines("logs/export", wanted).await?;
    while let Some(event) = events.next::<LogExportEvent>().await? {
        match event {
            LogExportEvent::File { name, text } => {
                tar::put(&mut out, &format!("{FOLDER}/{name}"), text.as_bytes(), at)?;
                exported.files.push(name);
            }
            LogExportEvent::Missing { name, problem } => {
                let told = format!("{name}: {} ({})", problem.message, problem.code);
                exported.missing.push(told);
            }
            LogExportEvent::Done => {
                let told = exported.missing.join("\n");
                tar::put(
                    &mut out,
                    &format!("{FOLDER}/missing.txt"),
                    told.as_bytes(),
                    at,
                )?;
                tar::end(&mut out)?;
                out.flush()?;
                return Ok(exported);
            }
        }
    }
    Err(Failure::text(
        Code::ServerUnreachable,
        client.url(),
        "the server went away before everything was collected",
    ))
}

/// A new name in a folder, or the name itself.
fn target(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => {
            let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
            path.join(format!("hybridge-logs-{stamp}.tar"))
        }
        false => path.to_owned(),
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        Failure::text(
            Code::RequestInvalid,
            path.display().to_string(),
            format!("the archive cannot be written: {error}"),
        )
    })
}
