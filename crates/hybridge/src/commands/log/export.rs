//! `hybridge log export`: records as CSV (three files, joined by ChangeId, as the portal of the original gives them) or as JSON lines.
//!
//! Record by record, so memory does not grow with the log. Trap: a cell that a spreadsheet would take for a formula begins with an
//! apostrophe, so a value may differ by one.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use sync_core::code::Code;
use wire::api::v1::{LogRecord, MAX_PAGE_ITEMS, Page};

use super::{Filters, parameters};
use crate::{
    commands::{Context, preview::report::cell},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Which records
    #[command(flatten)]
    filters: Filters,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Form::Csv)]
    form: Form,
    /// Directory for the three files, or the file of JSON lines; JSON lines go to stdout unless it is given
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// ProvisioningLogs.csv, ProvisioningLogs_ProvisioningSteps.csv, ProvisioningLogs_ModifiedProperties.csv
    Csv,
    /// One JSON document per line
    Jsonl,
}

const LOGS: (&str, &str) = (
    "ProvisioningLogs.csv",
    "ChangeId,Id,ActivityDateTime,CycleId,JobId,Action,Status,ErrorCode,Reason,RecommendedAction,DurationInMilliseconds,SourceSystem,SourceId,SourceName,SourceType,TargetSystem,TargetId,TargetName",
);
const STEPS: (&str, &str) = (
    "ProvisioningLogs_ProvisioningSteps.csv",
    "ChangeId,Name,Type,Status,Description,Details",
);
const PROPERTIES: (&str, &str) = (
    "ProvisioningLogs_ModifiedProperties.csv",
    "ChangeId,DisplayName,OldValue,NewValue",
);

/// Exports records, the oldest first.
///
/// # Errors
/// By code; if a file cannot be written.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let mut sink = Sink::open(arguments)?;
    let client = context.client()?;
    let mut query = parameters(&arguments.filters)?;
    query.push(("order", Some("oldest".into())));
    query.push(("limit", Some(MAX_PAGE_ITEMS.to_string())));
    let mut count: u64 = 0;
    let mut after: Option<String> = None;
    loop {
        let mut asked = query.clone();
        asked.push(("after", after.clone()));
        let page: Page<LogRecord> = client.get("log", &asked).await?;
        for record in &page.items {
            sink.write(record)?;
            count += 1;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    sink.finish()?;
    let place = arguments
        .out
        .as_ref()
        .map(|out| format!(" to {}", out.display()));
    context
        .output
        .say(format!("{count} records{}", place.unwrap_or_default()));
    Ok(())
}

/// Where records go.
enum Sink {
    Csv {
        logs: BufWriter<File>,
        steps: BufWriter<File>,
        properties: BufWriter<File>,
        place: PathBuf,
    },
    Lines {
        out: Box<dyn Write>,
        place: PathBuf,
    },
}

impl Sink {
    fn open(arguments: &Arguments) -> Result<Self, Failure> {
        match (arguments.form, &arguments.out) {
            (Form::Csv, None) => Err(Failure::text(
                Code::RequestInvalid,
                "the arguments",
                "three files need a directory; name one with --out, or ask for --form jsonl",
            )),
            (Form::Csv, Some(place)) => {
                std::fs::create_dir_all(place).map_err(|error| unwritable(place, &error))?;
                Ok(Self::Csv {
                    logs: begun(place, LOGS)?,
                    steps: begun(place, STEPS)?,
                    properties: begun(place, PROPERTIES)?,
                    place: place.clone(),
                })
            }
            (Form::Jsonl, Some(place)) => {
                let file = File::create(place).map_err(|error| unwritable(place, &error))?;
                Ok(Self::Lines {
                    out: Box::new(BufWriter::new(file)),
                    place: place.clone(),
                })
            }
            (Form::Jsonl, None) => Ok(Self::Lines {
                out: Box::new(BufWriter::new(std::io::stdout())),
                place: "stdout".into(),
            }),
        }
    }

    fn write(&mut self, record: &LogRecord) -> Result<(), Failure> {
        let (result, place) = match self {
            Self::Csv {
                logs,
                steps,
                properties,
                place,
            } => {
                let written = logs
                    .write_all(main_line(record).as_bytes())
                    .and_then(|()| steps.write_all(step_lines(record).as_bytes()))
                    .and_then(|()| properties.write_all(property_lines(record).as_bytes()));
                (written, place)
            }
            Self::Lines { out, place } => {
                let line = serde_json::to_string(record).map_err(std::io::Error::other)?;
                (writeln!(out, "{line}"), place)
            }
        };
        result.map_err(|error| unwritable(place, &error))
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Csv {
                mut logs,
                mut steps,
                mut properties,
                place,
            } => logs
                .flush()
                .and_then(|()| steps.flush())
                .and_then(|()| properties.flush())
                .map_err(|error| unwritable(&place, &error)),
            Self::Lines { mut out, place } => {
                out.flush().map_err(|error| unwritable(&place, &error))
            }
        }
    }
}

fn unwritable(place: &Path, error: &std::io::Error) -> Failure {
    // A reader that went away wants no more.
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Failure::text(
        Code::ConfigurationInvalid,
        place.display().to_string(),
        format!("cannot be written: {error}"),
    )
}

fn begun(place: &Path, (name, header): (&str, &str)) -> Result<BufWriter<File>, Failure> {
    let path = place.join(name);
    let file = File::create(&path).map_err(|error| unwritable(&path, &error))?;
    let mut out = BufWriter::new(file);
    let written = write!(out, "{header}\r\n");
    written.map_err(|error| unwritable(&path, &error))?;
    Ok(out)
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

fn main_line(record: &LogRecord) -> String {
    let problem = record.problem.clone().unwrap_or_default();
    line(&[
        &record.change_id,
        &record.id,
        &record.activity_date_time,
        &record.cycle_id,
        &record.job_id,
        &record.provisioning_action,
        &record.status,
        &problem.code,
        &problem.message,
        &problem.cure,
        &record.duration_in_milliseconds.to_string(),
        &record.source_system.display_name,
        &record.source_identity.id,
        &record.source_identity.display_name,
        &record.source_identity.identity_type,
        &record.target_system.display_name,
        &record.target_identity.id,
        &record.target_identity.display_name,
    ])
}

fn step_lines(record: &LogRecord) -> String {
    let each = record.provisioning_steps.iter().map(|step| {
        let details = serde_json::to_string(&step.details).unwrap_or_default();
        line(&[
            &record.change_id,
            &step.name,
            &step.provisioning_step_type,
            &step.status,
            &step.description,
            &details,
        ])
    });
    each.collect()
}

fn property_lines(record: &LogRecord) -> String {
    let each = record.modified_properties.iter().map(|one| {
        line(&[
            &record.change_id,
            &one.display_name,
            one.old_value.as_deref().unwrap_or_default(),
            one.new_value.as_deref().unwrap_or_default(),
        ])
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api::v1::{ModifiedProperty, Step};

    #[test]
    fn every_line_has_the_cells_of_its_header() {
        let record = LogRecord {
            change_id: "1-7".into(),
            provisioning_steps: vec![Step {
                name: "EntryImport".into(),
                ..Step::default()
            }],
            modified_properties: vec![ModifiedProperty {
                display_name: "title".into(),
                new_value: Some("Chief, \"acting\"".into()),
                ..ModifiedProperty::default()
            }],
            ..LogRecord::default()
        };
        let cells = |text: &str| text.trim_end().matches(',').count();
        assert_eq!(cells(&main_line(&record)), cells(LOGS.1));
        assert_eq!(cells(&step_lines(&record)), cells(STEPS.1));
        assert_eq!(
            property_lines(&record),
            "1-7,title,,\"Chief, \"\"acting\"\"\"\r\n"
        );
    }
}
