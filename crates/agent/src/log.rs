//! The log of this program and of the command: what both silence, and where files go.
//!
//! Never shows what the sign-in library tells of itself below `warn`: there it prints keys and plaintext.

use std::path::Path;

use connectors::ldap::QUIET_TARGETS;

/// Writes the log to stderr; `default` holds if RUST_LOG says nothing. Does nothing if there is a log already.
pub fn to_stderr(default: &str) {
    begin(default, "", None);
}

/// Writes the log to stderr, and to files of this name in the logs' folder of a data directory.
pub fn to_files(default: &str, name: &'static str, data_directory: &Path) {
    begin(default, name, Some(data_directory));
}

fn begin(default: &str, name: &'static str, data_directory: Option<&Path>) {
    logs::begin(logs::Options {
        default,
        name,
        folder: data_directory.map(|data| data.join(logs::FOLDER)),
        quiet: QUIET_TARGETS,
    });
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
            let log = logs::for_tests(filter, move || copy.clone(), QUIET_TARGETS);
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
