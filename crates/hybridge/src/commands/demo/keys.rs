//! Keys of the demo, one by one, without waiting for the end of a line.
//!
//! Without a terminal there are no keys. Trap: a terminal in raw mode has to be given back however the demo ends, and needs
//! a carriage return at every line end.

use std::{io::IsTerminal as _, time::Duration};

use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal,
};
use tokio::sync::mpsc;

/// How long a thread waits for a key before it looks whether it is still wanted.
const WAIT: Duration = Duration::from_millis(100);

/// Keys as they are pressed; gives the terminal back when dropped.
pub struct Keys {
    receiver: mpsc::Receiver<char>,
    is_raw: bool,
}

impl Keys {
    /// Listens, if there is a terminal.
    pub fn listen() -> Self {
        let (sender, receiver) = mpsc::channel(16);
        let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let is_raw = is_terminal && terminal::enable_raw_mode().is_ok();
        if is_raw {
            std::thread::spawn(move || forward(&sender));
        }
        Self { receiver, is_raw }
    }

    /// Whether there are keys at all.
    pub fn is_there(&self) -> bool {
        self.is_raw
    }

    /// The next key, if one was pressed.
    pub fn pressed(&mut self) -> Option<char> {
        self.receiver.try_recv().ok()
    }

    /// Says something on stderr.
    pub fn say(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        match self.is_raw {
            true => eprint!("{}\r\n", text.replace('\n', "\r\n")),
            false => eprintln!("{text}"),
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.is_raw {
            let _ = terminal::disable_raw_mode();
        }
    }
}

fn forward(sender: &mpsc::Sender<char>) {
    while !sender.is_closed() {
        if !event::poll(WAIT).unwrap_or(false) {
            continue;
        }
        let Ok(Event::Key(key)) = event::read() else {
            continue;
        };
        let pressed = match (key.kind, key.code) {
            (KeyEventKind::Release, _) => None,
            (_, KeyCode::Char('c')) if key.modifiers.contains(KeyModifiers::CONTROL) => Some('q'),
            (_, KeyCode::Char(letter)) => Some(letter.to_ascii_lowercase()),
            (_, KeyCode::Esc) => Some('q'),
            _ => None,
        };
        if let Some(letter) = pressed
            && sender.blocking_send(letter).is_err()
        {
            return;
        }
    }
}
