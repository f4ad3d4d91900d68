//! `hybridge demo`: an organisation synchronises before your eyes; nothing to set up.
//!
//! Trap: everything but the forest is the real thing, over the real wire; what the demo shows is what the log says.

mod keys;
mod life;
mod once;
mod progress;
mod stories;
mod world;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use forest::{Change, Life};
use sync_core::code::Code;
use tokio_util::sync::CancellationToken;

use super::{Context, server::stop_with_stdin};
use crate::{
    failure::Failure,
    output::one_line,
    show::{count, duration},
};
use keys::Keys;
use life::{Arrival, LOOK, Watch};
use world::{World, fault};

/// Time between two changes.
const PACE: Duration = Duration::from_millis(1_500);

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How many people the organisation has
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    people: u32,
    /// Same seed, same organisation and same changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The initial cycle and 200 changes, then verify and end
    #[arg(long)]
    once: bool,
    /// End when stdin ends (for a parent process)
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Runs the demo.
///
/// # Errors
/// By code; with `--once` also if the judge finds a difference.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let place = Place::make(context.access.data_dir.as_deref())?;
    context.output.say(format!(
        "an organisation of {} people (seed {}), a server and an agent start …",
        count(u64::from(arguments.people)),
        arguments.seed
    ));
    let people = usize::try_from(arguments.people).unwrap_or(usize::MAX);
    let mut world = World::start(&place.path, people, arguments.seed).await?;
    introduce(&world, context);
    let (status, took) = progress::initial_cycle(&mut world, context.output).await?;
    context
        .output
        .say(progress::summary(&world, &status, took).await?);
    match arguments.once {
        true => once::run(&mut world, (&status, took), arguments.seed, context).await,
        false => live(&mut world, arguments).await,
    }
}

/// The demo's directory; removed at the end unless it was given.
struct Place {
    path: PathBuf,
    is_ours: bool,
}

impl Place {
    fn make(given: Option<&Path>) -> Result<Self, Failure> {
        let own = || std::env::temp_dir().join(format!("hybridge-demo-{}", std::process::id()));
        let path = given.map_or_else(own, Path::to_path_buf);
        let shown = path.display().to_string();
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::text(Code::StoreUnwritable, &shown, error.to_string()))?;
        #[cfg(unix)]
        if given.is_none() {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        }
        let is_empty = std::fs::read_dir(&path)?.next().is_none();
        if !is_empty {
            let text = "the demo's organisation lives in memory only, so it needs an empty directory; name another with --data-dir";
            return Err(Failure::text(Code::Conflict, shown, text));
        }
        // Children run elsewhere: their paths have to hold there too.
        let path = std::path::absolute(path)?;
        Ok(Self {
            path,
            is_ours: given.is_none(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn introduce(world: &World, context: &Context) {
    let (name, password) = &world.admin;
    context.output.say(format!(
        "its directory speaks LDAP; change it and watch:\n  \
         LDAPTLS_CACERT={} ldapsearch -x -H {} -D {name} -w {password} -b DC=canal,DC=example '(sn=*)' displayName\n\
         in another terminal: hybridge --data-dir {} status --watch\n",
        world.forest_ca().display(),
        world.ldap,
        world.directory().join("server").display(),
    ));
}

/// The organisation lives until somebody quits.
async fn live(world: &mut World, arguments: &Arguments) -> Result<(), Failure> {
    let mut life = Life::new(arguments.seed);
    let shutdown = CancellationToken::new();
    tokio::spawn(agent::supervisor::stop_on_signal(shutdown.clone()));
    if arguments.stop_with_stdin {
        tokio::spawn(stop_with_stdin(shutdown.clone()));
    }
    let mut watch = Watch::begin(world).await?;
    let mut keys = Keys::listen();
    let mut collisions = 0;
    match keys.is_there() {
        true => {
            keys.say("\nkeys: d delete an OU   k kill the agent   c one address for two   q quit\n")
        }
        false => keys.say("\nthe organisation lives; Ctrl-C ends it\n"),
    }
    let mut next = Instant::now();
    loop {
        match keys.pressed() {
            Some('q') => return Ok(()),
            Some('d') => stories::delete_unit(world, &mut keys).await?,
            Some('k') => stories::kill_agent(world, &keys).await?,
            Some('c') => {
                stories::collide(world, &keys, collisions).await?;
                collisions += 1;
            }
            _ => {}
        }
        if Instant::now() >= next {
            next = Instant::now() + PACE;
            watch.add(
                life.next(world.forest())
                    .map_err(|error| fault("the forest", error))?,
            );
        }
        for (change, arrival) in watch.look(world).await? {
            keys.say(line(&change, &arrival));
        }
        if let Some(failure) = world.agent_failure() {
            return Err(failure);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

fn line(change: &Change, arrival: &Arrival) -> String {
    let end = match arrival {
        Arrival::Visible(latency) => {
            format!(
                "visible after {}",
                duration(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
            )
        }
        Arrival::Refused(code, text) => format!("{code}: {}", one_line(text)),
        Arrival::NothingToDo => "nothing to change in the directory".into(),
        Arrival::Lost => "NOT VISIBLE".into(),
    };
    format!("  {}  → {end}", one_line(&change.description))
}
