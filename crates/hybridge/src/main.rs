//! The `hybridge` command: the server, the demo, and the administrator's verbs.
//!
//! Every verb but `server`, `demo`, `preview`, `functions` and `codes` is a client of the server's API and does nothing by itself. Trap:
//! stdout carries data only; whatever is said to a person goes to stderr.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod access;
mod client;
mod commands;
mod failure;
mod output;
mod show;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use crate::{
    commands::{Cli, Context},
    failure::Failure,
    output::Output,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let output = if cli.access.json {
        Output::Json
    } else {
        Output::People
    };
    let context = Context::new(cli.access, output);
    match commands::run(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, output);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn tell(failure: &Failure, output: Output) {
    if failure.is_silent {
        return;
    }
    let _ = std::io::stderr().write_all(failure.report().as_bytes());
    if output == Output::Json {
        let answer = wire::api::v1::ErrorAnswer {
            error: (*failure.problem).clone(),
        };
        let _ = output.data(&answer, |_| String::new());
    }
}
