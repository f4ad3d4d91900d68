//! `hybridge expression eval EXPR --object FILE|NAME`: the value and the trace of sub-results.
//!
//! Trap: a file is tried here, in the surroundings of tests of rules, unless a job is named; then the server tries it in the
//! job's.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use sync_core::{
    code::Code,
    expression::{self, random::Seed, trial},
    id::Anchor,
    schema::cases::{self, Given, Surroundings},
};
use wire::api::v1::{ExpressionToTry, ExpressionTrial};

use super::object;
use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::one_line,
};

// LIMIT: characters of a value in the trace.
const LONGEST_VALUE: usize = 120;

/// Arguments.
#[derive(Args, Debug)]
#[command(
    after_help = "A file holds attributes as JSON (name: value or list of values; bytes as {\"base64\": …}) or as LDIF.\n`hybridge functions` lists the functions."
)]
pub struct Arguments {
    /// The expression, such as 'Trim([givenName])'; - reads it from standard input
    #[arg(value_name = "EXPR")]
    expression: String,
    /// A file with the object, or its distinguished name, anchor or user principal name in the connector space; without
    /// one, there are no attributes
    #[arg(long, value_name = "FILE|NAME")]
    object: Option<String>,
    /// Name or id of the job in whose surroundings it is tried; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
}

/// Evaluates and shows.
///
/// # Errors
/// `ExpressionInvalid` with every mistake; `ExpressionFailed` if it fails for this object.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let text = match arguments.expression.as_str() {
        "-" => std::io::read_to_string(std::io::stdin().lock())?,
        text => text.to_owned(),
    };
    let given = match &arguments.object {
        None => Some(Given::default()),
        Some(name) if is_file(Path::new(name)) => Some(object::read_file(Path::new(name))?),
        Some(_) => None,
    };
    let trial = match (given, &arguments.job) {
        (Some(given), None) => here(&text, &given)?,
        (given, job) => {
            there(
                text,
                given,
                arguments.object.clone(),
                job.as_deref(),
                context,
            )
            .await?
        }
    };
    context.output.data(&trial, people)?;
    match &trial.failure {
        None => Ok(()),
        Some(failure) => {
            context
                .output
                .say(format!("error[{}]: {}", failure.code, failure.message));
            Err(Failure::silent(Code::ExpressionFailed))
        }
    }
}

/// Whether a file is meant, even if there is none.
fn is_file(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    path.is_file() || matches!(extension, Some("json" | "ldif"))
}

fn here(text: &str, given: &Given) -> Result<ExpressionTrial, Failure> {
    let place = "the object";
    let attributes = cases::attributes(&given.attributes)
        .map_err(|text| Failure::text(Code::RequestInvalid, place, text))?;
    let (anchor, surroundings) = (Anchor::new([1; 16]), Surroundings::default());
    let seed = Seed::new([0; 32]);
    let mut context = surroundings.context();
    context.now = Some(Timestamp::now());
    context.seed = Some(&seed);
    let trial = trial::run(text, &given.view(&anchor, &attributes), &context)
        .map_err(|failures| Failure::new(&expression::refusal(&failures), "the expression"))?;
    Ok((&trial).into())
}

async fn there(
    expression: String,
    given: Option<Given>,
    name: Option<String>,
    job: Option<&str>,
    context: &Context,
) -> Result<ExpressionTrial, Failure> {
    let client = context.client()?;
    let job = context.job(&client, job).await?;
    let asked = ExpressionToTry {
        expression,
        object: if given.is_some() { None } else { name },
        given: given.map(|given| serde_json::to_value(given).unwrap_or_default()),
    };
    client
        .post(&format!("jobs/{}/expression", segment(&job.id)), &asked)
        .await
}

fn people(trial: &ExpressionTrial) -> String {
    let mut rows: Vec<(String, String)> = trial
        .inputs
        .iter()
        .map(|(name, values)| (format!("[{name}]"), json(values)))
        .collect();
    rows.extend(trial.steps.iter().map(|step| {
        let result = match &step.failure {
            Some(failure) => format!("({failure})"),
            None => json(&step.value),
        };
        (step.expression.clone(), result)
    }));
    let mut text = String::new();
    for (part, result) in rows {
        text.push_str(&format!(
            "{}\n    {}\n",
            one_line(&cut(&part)),
            one_line(&cut(&result))
        ));
    }
    let end = match trial.outcome.as_str() {
        "value" => json(&trial.value),
        "candidates" => format!("the first of these that is free: {}", json(&trial.value)),
        "leftAlone" => "left as it is in the target".to_owned(),
        _ => "no value".to_owned(),
    };
    format!("{text}\n{}", one_line(&end))
}

/// null, one value, or a list.
fn json(values: &[serde_json::Value]) -> String {
    match values {
        [] => "null".to_owned(),
        [value] => value.to_string(),
        several => serde_json::to_string(several).unwrap_or_default(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
