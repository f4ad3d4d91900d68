//! Word to the program that supervises this one: systemd's notification protocol, a datagram to `$NOTIFY_SOCKET`.
//!
//! Says nothing where nobody listens, and never fails: a service that works must not end because nobody could be told. Trap: with
//! `WatchdogSec=` a service that is silent for too long is killed, so the sign of life belongs into the loop that must not hang,
//! never into a task of its own.

use std::{ffi::OsStr, io, time::Duration};

use tokio_util::sync::CancellationToken;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// It does what it is there for, from now on.
    Ready,
    /// It is about to end.
    Stopping,
    /// It is not stuck.
    Alive,
    /// What it is doing, for `systemctl status`.
    Status(&'a str),
}

impl Word<'_> {
    fn text(self) -> String {
        match self {
            Self::Ready => "READY=1".into(),
            Self::Stopping => "STOPPING=1".into(),
            Self::Alive => "WATCHDOG=1".into(),
            // One line: a line break would begin another assignment.
            Self::Status(text) => format!("STATUS={}", text.replace(['\n', '\r'], " ")),
        }
    }
}

/// Cancels when this process is asked to stop.
pub async fn stop_on_signal(shutdown: CancellationToken) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return shutdown.cancel();
        }
    }
    let _ = tokio::signal::ctrl_c().await;
    shutdown.cancel();
}

/// Says it, if somebody supervises this process.
pub fn tell(word: Word<'_>) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET") {
        let _ = send(&socket, &word.text());
    }
}

/// How often a sign of life is wanted: half of what the supervisor waits; `None`: none is wanted.
pub fn sign_of_life_every() -> Option<Duration> {
    let micros = std::env::var("WATCHDOG_USEC").ok()?.parse::<u64>().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros / 2))
}

#[cfg(target_os = "linux")]
fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    use std::os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    };
    let name = socket.as_bytes();
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?;
    from.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn send(_: &OsStr, _: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    };

    use super::*;

    fn heard(listener: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_supervisor_hears_every_word_by_a_path_and_by_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("hybridge-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (word, expected) in [
            (Word::Ready, "READY=1"),
            (Word::Stopping, "STOPPING=1"),
            (Word::Alive, "WATCHDOG=1"),
            (Word::Status("two\nREADY=1"), "STATUS=two READY=1"),
        ] {
            send(path.as_os_str(), &word.text()).unwrap();
            assert_eq!(heard(&by_path), expected);
            send(OsStr::new(&format!("@{name}")), &word.text()).unwrap();
            assert_eq!(heard(&by_name), expected);
        }
    }

    #[test]
    fn nobody_to_tell_is_an_error_and_not_a_wait() {
        assert!(send(OsStr::new("/nowhere/notify"), "READY=1").is_err());
    }
}
