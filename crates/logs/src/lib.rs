//! The log of server and agent: few lines to stderr or the journal, the same in rotating files, and a trace when it is asked for.
//!
//! Lines hold ids and attribute names, never values or secrets; libraries that print secrets of their own are silenced below
//! `warn`, whatever anybody's filter says. The trace goes to a file of its own and never to stderr, so that who asked for it finds
//! it and nobody else is flooded. Trap: a request for a trace is a file beside the logs, so that it can be made by another
//! program and outlives a restart; who runs has to look for it ([`Logs::heed`]).

mod journal;
mod rotating;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{Targets, filter_fn},
    fmt,
    fmt::MakeWriter,
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt as _,
};

use rotating::Rotating;

/// Folder of the logs in a data directory.
pub const FOLDER: &str = "logs";
/// The file with the time until which a trace is wanted, unix ms.
const REQUEST_FILE: &str = "trace-until";
/// How long a trace may be asked for.
pub const LONGEST_TRACE: Duration = Duration::from_secs(24 * 3_600);
/// Shorter texts are not looked for.
const SHORTEST_SECRET: usize = 4;
/// Stands where a secret was.
const REMOVED: &str = "[removed]";
/// Crates whose every step a trace shows.
const TRACED: [&str; 9] = [
    "agent",
    "connectors",
    "directory",
    "engine",
    "hybridge",
    "hybridge_agent",
    "ldap",
    "server",
    "sync_core",
];

/// How a program logs.
pub struct Options<'a> {
    /// What is shown unless RUST_LOG says otherwise.
    pub default: &'a str,
    /// Name of the files.
    pub name: &'static str,
    /// Where they go; `None`: there are none.
    pub folder: Option<PathBuf>,
    /// Libraries that are not heard below `warn`.
    pub quiet: &'static [&'static str],
}

/// The log of this process.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    folder: Option<PathBuf>,
    files: [Option<Arc<Mutex<Rotating>>>; 2],
    switch: Option<reload::Handle<Targets, Registry>>,
    /// Unix ms; 0: no trace.
    until: AtomicU64,
}

static HERE: OnceLock<Logs> = OnceLock::new();

/// The log of this process, if it has one.
pub fn here() -> Option<Logs> {
    HERE.get().cloned()
}

/// Begins to log. Does nothing if this process has a log already; files that cannot be written are said once, and left out.
pub fn begin(options: Options<'_>) {
    let filter =
        || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(options.default));
    let (main, trace) = match &options.folder {
        Some(folder) => (
            open(folder, &format!("{}.log", options.name)),
            open(folder, &format!("{}-trace.log", options.name)),
        ),
        None => (None, None),
    };
    let (switch, handle) = reload::Layer::new(silence());
    let quiet = options.quiet;
    let to_files = main.clone().map(|file| plain(file).with_filter(filter()));
    let to_trace = trace.clone().map(|file| plain(file).with_filter(switch));
    let subscriber = tracing_subscriber::registry()
        .with(to_trace)
        .with(to_files)
        .with(to_stderr(filter()))
        .with(filter_fn(move |metadata| may_be_shown(metadata, quiet)));
    if subscriber.try_init().is_err() {
        return;
    }
    let logs = Logs(Arc::new(Inner {
        folder: options.folder,
        switch: trace.is_some().then_some(handle),
        files: [main, trace],
        until: AtomicU64::new(0),
    }));
    logs.heed();
    let _ = HERE.set(logs);
}

fn open(folder: &Path, name: &str) -> Option<Arc<Mutex<Rotating>>> {
    match Rotating::open(folder, name) {
        Ok(file) => Some(Arc::new(Mutex::new(file))),
        Err(fault) => {
            eprintln!(
                "warning: the log {} cannot be written ({fault}); lines go to stderr only",
                folder.join(name).display()
            );
            None
        }
    }
}

fn to_stderr<S>(filter: EnvFilter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(io::stderr);
    match journal::is_stderr() {
        // The journal knows the time, and takes the level from the beginning of a line.
        true => layer
            .with_ansi(false)
            .event_format(journal::Prefixed::default())
            .with_filter(filter)
            .boxed(),
        false => layer
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .with_filter(filter)
            .boxed(),
    }
}

fn plain<S>(file: Arc<Mutex<Rotating>>) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer().with_writer(Shared(file)).with_ansi(false)
}

/// A file that several threads write.
struct Shared(Arc<Mutex<Rotating>>);

impl<'a> MakeWriter<'a> for Shared {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

/// One line on its way to a file.
struct Line(Arc<Mutex<Rotating>>);

impl io::Write for Line {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(text)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn may_be_shown(metadata: &Metadata<'_>, quiet: &[&str]) -> bool {
    let target = metadata.target();
    let is_quiet = quiet.iter().any(|one| target.starts_with(one));
    !is_quiet || *metadata.level() <= Level::WARN
}

fn silence() -> Targets {
    Targets::new().with_default(LevelFilter::OFF)
}

fn everything_of_ours() -> Targets {
    let ours = TRACED.map(|name| (name, LevelFilter::TRACE));
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(ours)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

/// Asks whoever logs into this folder for a trace; zero ends one. It is heeded within seconds.
///
/// # Errors
/// If the folder cannot be written.
pub fn ask_for_trace(folder: &Path, how_long: Duration) -> io::Result<()> {
    rotating::private_folder(folder)?;
    let how_long = how_long.min(LONGEST_TRACE);
    let until = match how_long.is_zero() {
        true => 0,
        false => now_ms().saturating_add(u64::try_from(how_long.as_millis()).unwrap_or(0)),
    };
    let new = folder.join(format!("{REQUEST_FILE}.new"));
    fs::write(&new, until.to_string())?;
    fs::rename(&new, folder.join(REQUEST_FILE))
}

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Name of its file.
    pub name: String,
    /// Its newest lines.
    pub text: String,
}

/// A text without these secrets, whole lines or parts of lines.
pub fn without(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    // What is short is no secret, and would take half of a text with it.
    for secret in secrets
        .iter()
        .filter(|secret| secret.len() >= SHORTEST_SECRET)
    {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), REMOVED);
        }
    }
    text
}

impl Logs {
    /// Traces for this long; zero ends it.
    ///
    /// # Errors
    /// If the request cannot be written, or there are no files.
    pub fn trace(&self, how_long: Duration) -> io::Result<()> {
        let folder = self.0.folder.as_ref();
        let folder = folder.ok_or_else(|| io::Error::other("this program writes no log files"))?;
        ask_for_trace(folder, how_long)?;
        self.heed();
        Ok(())
    }

    /// Until when it traces, unix ms; `None`: it does not.
    pub fn traces_until(&self) -> Option<u64> {
        let until = self.0.until.load(Ordering::Acquire);
        (until > now_ms()).then_some(until)
    }

    /// Looks whether a trace is wanted, and whether one is over.
    pub fn heed(&self) {
        let (Some(folder), Some(switch)) = (&self.0.folder, &self.0.switch) else {
            return;
        };
        let asked = fs::read_to_string(folder.join(REQUEST_FILE)).ok();
        let until = asked.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let longest =
            now_ms().saturating_add(u64::try_from(LONGEST_TRACE.as_millis()).unwrap_or(0));
        let until = if (now_ms()..=longest).contains(&until) {
            until
        } else {
            0
        };
        let before = self.0.until.swap(until, Ordering::AcqRel);
        if (before == 0) != (until == 0) {
            let filter = if until == 0 {
                silence()
            } else {
                everything_of_ours()
            };
            let _ = switch.reload(filter);
            match until {
                0 => tracing::info!("the trace is over"),
                _ => tracing::info!("everything is traced for a while"),
            }
        }
    }

    /// The newest lines of all files, the newest file first, so many bytes at most; the trace only if it is wanted.
    pub fn newest(&self, with_trace: bool, most_bytes: usize) -> Vec<Piece> {
        let [main, trace] = &self.0.files;
        let wanted = [Some(main), with_trace.then_some(trace)];
        let files: Vec<_> = wanted
            .into_iter()
            .flatten()
            .flatten()
            .map(|file| file.lock().unwrap_or_else(PoisonError::into_inner).paths())
            .collect();
        // Each kind has its share, or a long trace would leave no room for the rest.
        let share = most_bytes / files.len().max(1);
        let pieces = files.into_iter().flat_map(|paths| newest(&paths, share));
        pieces.collect()
    }
}

fn newest(paths: &[PathBuf], most_bytes: usize) -> Vec<Piece> {
    let mut left = most_bytes;
    let mut pieces = Vec::new();
    for path in paths {
        let Ok(bytes) = fs::read(path) else { continue };
        let from = bytes.len().saturating_sub(left);
        left -= bytes.len() - from;
        let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default());
        // A line that is cut begins nowhere.
        let text = match (from, text.find('\n')) {
            (0, _) => text.into_owned(),
            (_, Some(end)) => text.get(end + 1..).unwrap_or_default().to_owned(),
            (_, None) => String::new(),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !text.is_empty() {
            pieces.push(Piece {
                name: name.into_owned(),
                text,
            });
        }
    }
    pieces
}

/// For tests: a subscriber that writes there, with this filter, and silences these libraries.
#[doc(hidden)]
pub fn for_tests<W>(filter: &str, writer: W, quiet: &'static [&'static str]) -> impl Subscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry()
        .with(
            fmt::layer()
                .with_writer(writer)
                .with_ansi(false)
                .with_filter(EnvFilter::new(filter)),
        )
        .with(filter_fn(move |metadata| may_be_shown(metadata, quiet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_ours_only_and_libraries_warn() {
        let on = everything_of_ours();
        assert!(on.would_enable("ldap::connection", &Level::TRACE));
        assert!(on.would_enable("sspi", &Level::WARN));
        assert!(!on.would_enable("sspi", &Level::INFO));
        assert!(!on.would_enable("hyper", &Level::DEBUG));
        assert!(!silence().would_enable("server", &Level::ERROR));
    }

    #[test]
    fn a_request_is_written_down_and_never_longer_than_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let read = || {
            let text = fs::read_to_string(logs.join(REQUEST_FILE)).unwrap();
            text.parse::<u64>().unwrap()
        };
        ask_for_trace(&logs, Duration::from_secs(100 * 24 * 3_600)).unwrap();
        let longest = u64::try_from(LONGEST_TRACE.as_millis()).unwrap();
        assert!(read() <= now_ms() + longest);
        ask_for_trace(&logs, Duration::ZERO).unwrap();
        assert_eq!(read(), 0);
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        let secrets = ["hush-hush".to_owned(), "x".to_owned()];
        let clean = without("a hush-hush, twice hush-hush; x stays", &secrets);
        assert_eq!(clean, "a [removed], twice [removed]; x stays");
    }

    #[test]
    fn the_newest_lines_come_whole_and_within_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let (now, before) = (folder.path().join("a.log"), folder.path().join("a.1.log"));
        fs::write(&now, "third\nfourth\n").unwrap();
        fs::write(&before, "first\nsecond\n").unwrap();
        let paths = [now, before];
        let texts = |most| {
            let pieces = newest(&paths, most).into_iter();
            pieces.map(|piece| piece.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(100), ["third\nfourth\n", "first\nsecond\n"]);
        assert_eq!(texts(22), ["third\nfourth\n", "second\n"]);
        assert_eq!(texts(9), ["fourth\n"]);
        assert_eq!(texts(0), Vec::<String>::new());
    }
}
