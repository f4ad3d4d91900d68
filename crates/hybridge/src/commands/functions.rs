//! `hybridge functions`: the manual of a function of expressions, or the list of all.
//!
//! Needs no server: the manual is compiled in, and its examples run as tests.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use sync_core::{
    code::Code,
    expression::did_you_mean,
    functions::{self, Function, Presence, sample},
};

use super::Context;
use crate::{failure::Failure, output::table, show};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The function, such as Trim; without one, all are listed
    #[arg(value_name = "NAME")]
    function: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: &'static str,
    signature: String,
    manual: &'static str,
    documented_by: &'static str,
    parameters: Vec<Parameter>,
    examples: Vec<Example>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameter {
    name: &'static str,
    takes: &'static str,
    is_required: bool,
    is_repeated: bool,
}

#[derive(Serialize)]
struct Example {
    expression: &'static str,
    gives: &'static str,
}

/// Shows a page, or the list.
///
/// # Errors
/// `NotFound`, with the function that was probably meant.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Some(name) = &arguments.function else {
        let all: Vec<Row> = functions::ALL
            .iter()
            .map(|function| row(function))
            .collect();
        return context.output.data(all.as_slice(), list);
    };
    let function = functions::find(name).ok_or_else(|| unknown(name))?;
    context.output.data(&row(function), page)
}

fn row(function: &'static Function) -> Row {
    let parameters = function.parameters.iter().map(|parameter| Parameter {
        name: parameter.name,
        takes: parameter.takes.text(),
        is_required: parameter.presence == Presence::Required,
        is_repeated: parameter.presence == Presence::Repeated,
    });
    let examples = function.examples.iter();
    Row {
        name: function.name,
        signature: function.signature(),
        manual: function.manual,
        documented_by: function.origin.text(),
        parameters: parameters.collect(),
        examples: examples
            .map(|(expression, gives)| Example { expression, gives })
            .collect(),
    }
}

fn list(all: &[Row]) -> String {
    let first = |manual: &str| {
        manual
            .split_inclusive(". ")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let rows = all
        .iter()
        .map(|row| vec![row.name.to_owned(), first(row.manual)]);
    table(&["FUNCTION", "WHAT IT GIVES"], rows.collect(), "")
}

fn page(row: &Row) -> String {
    let mut text = format!("{}\n\n{}\n", row.signature, row.manual);
    if !row.parameters.is_empty() {
        text.push_str("\nArguments\n");
    }
    for parameter in &row.parameters {
        let presence = match (parameter.is_required, parameter.is_repeated) {
            (true, _) => "",
            (_, true) => ", any number of times",
            _ => ", may be left out",
        };
        text.push_str(&format!(
            "  {}: {}{presence}\n",
            parameter.name, parameter.takes
        ));
    }
    text.push_str("\nExamples\n");
    for example in &row.examples {
        text.push_str(&format!(
            "  {}\n    gives {}\n",
            example.expression, example.gives
        ));
    }
    if row
        .examples
        .iter()
        .any(|example| example.expression.contains('['))
    {
        let object: BTreeMap<String, Vec<String>> = sample::object()
            .iter()
            .map(|(name, values)| {
                (
                    name.to_string(),
                    values.iter().map(|v| v.display()).collect(),
                )
            })
            .collect();
        text.push_str(&format!(
            "\nThe object of the examples\n{}\n",
            show::values(&object, "  ")
        ));
    }
    text.push_str(&format!("\nDocumented by {}.\n", row.documented_by));
    text
}

fn unknown(name: &str) -> Failure {
    let names = functions::ALL.iter().map(|function| function.name);
    let text = match did_you_mean(name, names) {
        Some(near) => format!("there is no function {name}; did you mean {near}?"),
        None => format!("there is no function {name}; `hybridge functions` lists all"),
    };
    Failure::text(Code::NotFound, "the arguments", text)
}
