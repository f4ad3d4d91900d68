//! Lines for systemd's journal: the level as it reads it from the beginning of a line, and no time, because it knows that.
//!
//! Source: sd-daemon(3), "SD_DEBUG and friends"; systemd.exec(5), `JOURNAL_STREAM`

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Full, Writer},
    },
    registry::LookupSpan,
};

/// The usual form, with a level before it.
pub struct Prefixed(Format<Full, ()>);

impl Default for Prefixed {
    fn default() -> Self {
        Self(Format::default().with_level(false).without_time())
    }
}

impl<S, N> FormatEvent<S, N> for Prefixed
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Whether stderr is the journal: it says which file it is, in case somebody turned stderr elsewhere since.
#[cfg(unix)]
pub fn is_stderr() -> bool {
    let Ok(told) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(found) = rustix::fs::fstat(std::io::stderr()) else {
        return false;
    };
    told == format!("{}:{}", found.st_dev, found.st_ino)
}

/// Systems without a journal.
#[cfg(not(unix))]
pub fn is_stderr() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{fmt, layer::SubscriberExt as _};

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
    fn a_line_begins_with_its_level() {
        let lines = Lines::default();
        let copy = lines.clone();
        let layer = fmt::layer()
            .with_writer(move || copy.clone())
            .with_ansi(false)
            .event_format(Prefixed::default());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "t", "broken");
            tracing::info!(target: "t", "fine");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "<3>t: broken\n<6>t: fine\n");
    }
}
