//! Where the password comes from: a file, the environment, or the keyboard without echo.
//!
//! Never an argument. Trap: a typed password is handed to the connector as a private file, removed with the preview's
//! directory.

use std::{io::Write as _, path::Path};

use connectors::ldap::Secret;
use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal,
};
use sync_core::code::Code;

use crate::failure::Failure;

const VARIABLE: &str = "HYBRIDGE_BIND_PASSWORD";

/// Finds the password, asking for it if need be.
///
/// # Errors
/// If there is none and no terminal to ask at.
pub fn find(file: Option<&Path>, private: &Path) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return Ok(Secret::File(file.to_owned()));
    }
    if std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty()) {
        return Ok(Secret::Environment(VARIABLE.into()));
    }
    let password = ask()?;
    let path = private.join("password");
    let mut options = std::fs::File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?.write_all(password.as_bytes())?;
    Ok(Secret::File(path))
}

/// Gives the terminal back however asking ends.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
        eprintln!();
    }
}

fn ask() -> Result<String, Failure> {
    let text = format!("no password: give --password-file or set {VARIABLE}");
    let missing = || Failure::text(Code::ConfigurationInvalid, "the arguments", &text);
    if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Err(missing());
    }
    eprint!("password: ");
    terminal::enable_raw_mode().map_err(|_| missing())?;
    let _raw = Raw;
    let mut password = String::new();
    loop {
        let Event::Key(key) = event::read()? else {
            continue;
        };
        match (key.kind, key.code) {
            (KeyEventKind::Release, _) => {}
            (_, KeyCode::Enter) => {
                return if password.is_empty() {
                    Err(missing())
                } else {
                    Ok(password)
                };
            }
            (_, KeyCode::Char('c')) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Err(missing());
            }
            (_, KeyCode::Backspace) => drop(password.pop()),
            (_, KeyCode::Char(letter)) => password.push(letter),
            _ => {}
        }
    }
}
