//! The log: lines to stderr, filtered by RUST_LOG.
//!
//! Never shows what the sign-in library tells of itself below `warn`: there it prints keys and plaintext. Trap: a filter of
//! RUST_LOG cannot do that, because a narrower one given by somebody wins; so it is a layer of its own.

use connectors::ldap::QUIET_TARGETS;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, fmt::MakeWriter, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Writes the log to stderr; `default` holds if RUST_LOG says nothing. Does nothing if there is a log already.
pub fn to_stderr(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let _ = subscriber(filter, std::io::stderr, is_terminal).try_init();
}

fn subscriber<W>(filter: EnvFilter, writer: W, has_colour: bool) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry()
        .with(filter_fn(may_be_shown))
        .with(filter)
        .with(fmt::layer().with_writer(writer).with_ansi(has_colour))
}

fn may_be_shown(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_quiet = QUIET_TARGETS.iter().any(|quiet| target.starts_with(quiet));
    !is_quiet || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(text);
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_filter_makes_the_sign_in_library_talk() {
        for filter in [
            "trace",
            "sspi=trace",
            "sspi::kerberos=trace,picky_krb=debug",
            "[encrypt]=trace",
        ] {
            let lines = Lines::default();
            let copy = lines.clone();
            let log = subscriber(EnvFilter::new(filter), move || copy.clone(), false);
            tracing::subscriber::with_default(log, || {
                tracing::trace_span!(target: "sspi::kerberos", "encrypt", key = "hush").in_scope(
                    || {
                        tracing::trace!(target: "sspi::kerberos", "hush");
                        tracing::debug!(target: "picky_krb::crypto", "hush");
                        tracing::info!(target: "sspi", "hush");
                    },
                );
                tracing::warn!(target: "sspi", "fell back");
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("hush"), "{filter}: {text}");
            let is_wide = filter == "trace" || filter == "sspi=trace";
            assert!(!is_wide || text.contains("fell back"), "{filter}: {text}");
        }
    }
}
