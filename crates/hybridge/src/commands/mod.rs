//! The verbs: one file each, in a folder per noun.
//!
//! A verb reads its arguments, asks the server, and shows the answer. Trap: the closed list below is the manual's table of
//! contents; its order is what `--help` shows.

mod agent;
mod agent_child;
mod alerts;
mod api_client;
mod audit;
mod backup;
mod ca;
mod codes;
mod completions;
mod config;
mod connect;
mod connector;
mod deletes;
mod demo;
mod directory;
mod escrow;
mod explain;
mod expression;
mod functions;
mod guard;
mod holds;
mod idfix;
mod job;
mod key;
mod links;
mod log;
mod logs;
mod notify;
mod object;
mod pending;
mod preview;
mod references;
mod rules;
mod runs;
mod server;
mod staging;
mod status;
mod tools;
mod undo;
mod verify;

use std::time::Duration;

use clap::{Parser, Subcommand};
use sync_core::code::Code;
use wire::api::v1::Job;

use crate::{access::Access, client::Client, failure::Failure, output::Output};

/// Keeps a cloud directory in step with the directories an organisation already has.
#[derive(Parser, Debug)]
#[command(
    name = "hybridge",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Every error names a code; `hybridge codes CODE` explains it.\nExit codes: 0 done, 1 something has to be changed by you, 2 a fault of ours or of this machine."
)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub access: Access,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the server
    Server(server::Arguments),
    /// What your directory would yield: no server, read-only
    Preview(preview::Arguments),
    /// Watch an organisation synchronise, with nothing to set up
    Demo(demo::Arguments),
    /// Connect a directory: create its connector on the server
    #[command(subcommand)]
    Connect(connect::Command),
    /// List, show and test connectors
    #[command(subcommand)]
    Connector(connector::Command),
    /// Enrol, examine, steer, update and remove agents
    #[command(subcommand)]
    Agent(agent::Command),
    /// Admit programs to the API, give them new secrets, take them off
    #[command(subcommand)]
    ApiClient(api_client::Command),
    /// Create, start, pause and change jobs
    #[command(subcommand)]
    Job(job::Command),
    /// Read and plan without writing, and take over from another server
    #[command(subcommand)]
    Staging(staging::Command),
    /// Check, test, compare and change what decides who is synchronised, and how
    #[command(subcommand)]
    Rules(rules::Command),
    /// The whole configuration as files: write them, compare them, put them in force
    #[command(subcommand)]
    Config(config::Command),
    /// How the jobs are doing
    Status(status::Arguments),
    /// What has to be looked at, from its beginning to its end
    #[command(subcommand)]
    Alerts(alerts::Command),
    /// What a monitoring system watches, in the Prometheus text format
    #[command(
        after_help = "The same page is at /metrics of the server for a scraper that sends a token, and without one where `hybridge server --health-listen` says."
    )]
    Metrics,
    /// Show one object from source to target, or search for objects
    #[command(subcommand)]
    Object(object::Command),
    /// Is an object in sync, and if not, why, and what to do
    Explain(explain::Arguments),
    /// Before any synchronisation: what of a source would fail, with corrections
    Idfix(idfix::Arguments),
    /// Which target object belongs to which source object: list, show, undo, put right
    #[command(subcommand)]
    Links(links::Command),
    /// References that wait for the other end, and why that is not in the target
    References(references::Arguments),
    /// The provisioning log
    Log(log::Arguments),
    /// Who changed what of the configuration
    Audit(audit::Arguments),
    /// Copies of everything the server remembers: make, list, check, put back
    #[command(subcommand)]
    Backup(backup::Command),
    /// The master key the server's secrets are sealed under: show, change, make
    #[command(subcommand)]
    Key(key::Command),
    /// The authority that signs certificates of server and agents: show, exchange
    #[command(subcommand)]
    Ca(ca::Command),
    /// Operations that are planned and not carried out yet
    Pending(pending::Arguments),
    /// Runs of the jobs
    Runs(runs::Arguments),
    /// Objects whose last attempt failed: list them, try them again
    #[command(subcommand)]
    Escrow(escrow::Command),
    /// Decide about deletions and losses the guard holds
    #[command(subcommand)]
    Deletes(deletes::Command),
    /// The protection against accidental deletion: its limits, and where it stands
    #[command(subcommand)]
    Guard(guard::Command),
    /// Take back what was carried out: a cycle, everything since a time, or one object
    Undo(undo::Arguments),
    /// What stays as it is although the source wants something else: list, release
    #[command(subcommand)]
    Holds(holds::Command),
    /// Compare source and target completely, from fresh reads
    Verify(verify::Arguments),
    /// Look at the embedded tenant directory
    #[command(subcommand)]
    Directory(directory::Command),
    /// Try expressions of rules
    #[command(subcommand)]
    Expression(expression::Command),
    /// The functions of expressions, with examples
    Functions(functions::Arguments),
    /// Who is told of quarantines: mail and web hook
    #[command(subcommand)]
    Notify(notify::Command),
    /// Repairs, logs and traces
    #[command(subcommand)]
    Tools(tools::Command),
    /// Explain an error code
    Codes(codes::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// The demo's agent
    #[command(name = "__agent", hide = true)]
    AgentChild(agent_child::Arguments),
}

/// What every verb is given.
pub struct Context {
    /// Options.
    pub access: Access,
    /// How to print.
    pub output: Output,
}

impl Context {
    /// The context of these options.
    pub fn new(access: Access, output: Output) -> Self {
        Self { access, output }
    }

    /// The client of the server.
    ///
    /// # Errors
    /// By code, if it is not known where the server is.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(self.access.target()?)
    }

    /// The job of this name or id, or the only one.
    ///
    /// # Errors
    /// `NotFound`; `RequestInvalid` if there are several.
    pub async fn job(&self, client: &Client, name: Option<&str>) -> Result<Job, Failure> {
        if let Some(name) = name {
            return client.get(&format!("jobs/{}", segment(name)), &[]).await;
        }
        let mut jobs = client.list::<Job>("jobs", &[], 2).await?.items;
        match (jobs.pop(), jobs.pop()) {
            (Some(job), None) => Ok(job),
            (None, _) => Err(Failure::text(
                Code::NotFound,
                client.url(),
                "there is no job yet; create one with `hybridge job create`",
            )),
            _ => Err(Failure::text(
                Code::RequestInvalid,
                "the arguments",
                "there are several jobs; name one of them (`hybridge job list`)",
            )),
        }
    }
}

/// A name as one segment of a path.
pub fn segment(name: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let encode = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    match name {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        name => name.bytes().map(encode).collect(),
    }
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Codes(arguments) => codes::run(&arguments, context),
        Command::Functions(arguments) => functions::run(&arguments, context),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Server(arguments) => finish(runtime(0)?, server::run(&arguments, context)),
        Command::Preview(arguments) => finish(runtime(0)?, preview::run(&arguments, context)),
        Command::Demo(arguments) => finish(runtime(0)?, demo::run(&arguments, context)),
        Command::AgentChild(arguments) => finish(runtime(2)?, agent_child::run(&arguments)),
        command => finish(runtime(1)?, ask(command, context)),
    }
}

async fn ask(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Connect(command) => connect::run(command, context).await,
        Command::Connector(command) => connector::run(command, context).await,
        Command::Agent(command) => agent::run(command, context).await,
        Command::ApiClient(command) => api_client::run(command, context).await,
        Command::Job(command) => job::run(command, context).await,
        Command::Config(command) => config::run(command, context).await,
        Command::Staging(command) => staging::run(command, context).await,
        Command::Rules(command) => rules::run(command, context).await,
        Command::Status(arguments) => status::run(&arguments, context).await,
        Command::Alerts(command) => alerts::run(command, context).await,
        Command::Metrics => {
            print!("{}", context.client()?.text("metrics").await?);
            Ok(())
        }
        Command::Object(command) => object::run(command, context).await,
        Command::Explain(arguments) => explain::run(&arguments, context).await,
        Command::Idfix(arguments) => idfix::run(&arguments, context).await,
        Command::Links(command) => links::run(command, context).await,
        Command::References(arguments) => references::run(&arguments, context).await,
        Command::Log(arguments) => log::run(&arguments, context).await,
        Command::Audit(arguments) => audit::run(&arguments, context).await,
        Command::Backup(command) => backup::run(command, context).await,
        Command::Key(command) => key::run(command, context).await,
        Command::Ca(command) => ca::run(command, context).await,
        Command::Pending(arguments) => pending::run(&arguments, context).await,
        Command::Runs(arguments) => runs::run(&arguments, context).await,
        Command::Escrow(command) => escrow::run(command, context).await,
        Command::Deletes(command) => deletes::run(command, context).await,
        Command::Guard(command) => guard::run(command, context).await,
        Command::Undo(arguments) => undo::run(&arguments, context).await,
        Command::Holds(command) => holds::run(command, context).await,
        Command::Verify(arguments) => verify::run(&arguments, context).await,
        Command::Directory(command) => directory::run(command, context).await,
        Command::Notify(command) => notify::run(command, context).await,
        Command::Tools(command) => tools::run(command, context).await,
        Command::Expression(command) => expression::run(command, context).await,
        Command::Server(_)
        | Command::Preview(_)
        | Command::Demo(_)
        | Command::AgentChild(_)
        | Command::Codes(_)
        | Command::Functions(_)
        | Command::Completions(_) => Ok(()),
    }
}

/// A runtime with this many threads; 0: as many as there are processors.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    Ok(builder.enable_all().build()?)
}

/// Runs to the end, and does not wait for threads that read a terminal.
fn finish(
    runtime: tokio::runtime::Runtime,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(5));
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn names_stay_one_segment_of_a_path() {
        assert_eq!(segment("a/b ü"), "a%2Fb%20%C3%BC");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
