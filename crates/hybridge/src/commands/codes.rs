//! `hybridge codes`: the page of a code, or the list of all.
//!
//! Needs no server: the pages are compiled in.

use clap::{Args, ValueEnum};
use serde::Serialize;
use sync_core::code::{Blame, Code, Retry};

use super::Context;
use crate::{failure::Failure, output::table};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The code, such as AttributeValueMustBeUnique, or the name or number of the originals, such as AADSTS50034 or 113;
    /// without one, all are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Language of the page
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// English
    En,
    /// Dutch
    Nl,
}

#[derive(Serialize)]
struct Row {
    code: &'static str,
    title: &'static str,
    blame: &'static str,
    retry: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'static str>,
}

/// Shows a page, or the list.
///
/// # Errors
/// `NotFound` with the codes that look alike.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Some(name) = &arguments.code else {
        let all: Vec<Row> = Code::ALL.iter().map(|code| row(*code, None)).collect();
        return context.output.data(all.as_slice(), list);
    };
    let code = Code::find(name).ok_or_else(|| unknown(name))?;
    let page = match arguments.lang {
        Language::En => code.page_en(),
        Language::Nl => code.page_nl(),
    };
    context.output.data(&row(code, Some(page)), |row| {
        with_aliases(page, row, arguments.lang)
    })
}

fn row(code: Code, page: Option<&'static str>) -> Row {
    Row {
        code: code.name(),
        title: code.title(),
        blame: match code.blame() {
            Blame::Source => "source",
            Blame::Target => "target",
            Blame::Rules => "rules",
            Blame::Network => "network",
            Blame::Us => "us",
        },
        retry: match code.retry() {
            Retry::Never => "never",
            Retry::Later => "later",
            Retry::AfterReadBack => "afterReadBack",
        },
        aliases: code.aliases(),
        page,
    }
}

/// The page, with the names the originals give the same thing.
fn with_aliases(page: &str, row: &Row, language: Language) -> String {
    let page = page.trim_end();
    let heading = match language {
        Language::En => "## Names in the originals",
        Language::Nl => "## Namen in de originelen",
    };
    match row.aliases.is_empty() {
        true => page.to_owned(),
        false => format!("{page}\n\n{heading}\n\n{}.", row.aliases.join(", ")),
    }
}

fn list(all: &[Row]) -> String {
    let rows = all
        .iter()
        .map(|row| vec![row.code.into(), row.blame.into(), row.title.into()])
        .collect();
    table(&["CODE", "WHO ACTS", "MEANING"], rows, "")
}

fn unknown(name: &str) -> Failure {
    let wanted = name.to_lowercase();
    let alike: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.name())
        .filter(|have| have.to_lowercase().contains(&wanted))
        .take(5)
        .collect();
    let text = match alike.as_slice() {
        [] => format!("{name} is not a code; `hybridge codes` lists all"),
        alike => format!("{name} is not a code; did you mean {}?", alike.join(", ")),
    };
    Failure::text(Code::NotFound, "the arguments", text)
}
