//! `hybridge pending export|analyse`: what would be done, as a file and in numbers.
//!
//! The words for kinds of changes are those of the export analysis people know: OMODT for objects, AMODT for attributes, each
//! add, update or delete. Trap: disabling is an update of an object here, and the column `verb` of JSON says which.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use serde::Serialize;
use sync_core::code::Code;
use wire::api::v1::{MAX_PAGE_ITEMS, Page, PendingExport};

use crate::{
    client::Client,
    commands::{Context, preview::report::cell},
    failure::Failure,
    output::table,
};

const HEADER: &str = "job,class,name,dn,anchor,target,state,OMODT,attribute,AMODT,old,new";

/// `pending export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Form::Csv)]
    form: Form,
    /// File to write; stdout unless given
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `pending analyse`.
#[derive(Args, Debug)]
pub struct Analyse {
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line per object and attribute
    Csv,
    /// A JSON document per object and line
    Jsonl,
}

/// A number of objects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Objects {
    job: String,
    class: String,
    omodt: &'static str,
    verb: String,
    state: String,
    count: u64,
}

/// A number of attributes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    job: String,
    class: String,
    attribute: String,
    amodt: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct Analysis {
    objects: Vec<Objects>,
    attributes: Vec<Attributes>,
}

/// Every pending export, page after page.
async fn each(
    client: &Client,
    job: Option<&String>,
    mut take: impl FnMut(&PendingExport) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut query = vec![
        ("job", job.cloned()),
        ("limit", Some(MAX_PAGE_ITEMS.to_string())),
    ];
    let mut count = 0;
    loop {
        let page: Page<PendingExport> = client.get("pending", &query).await?;
        for one in page.items.iter().filter(|one| !one.verb.is_empty()) {
            take(one)?;
            count += 1;
        }
        query.retain(|(name, _)| *name != "after");
        match page.next {
            Some(next) => query.push(("after", Some(next))),
            None => return Ok(count),
        }
    }
}

/// What becomes of an object.
fn omodt(verb: &str) -> &'static str {
    match verb {
        "create" | "restore" => "add",
        "delete" => "delete",
        _ => "update",
    }
}

/// What becomes of an attribute.
fn amodt(pending: &PendingExport, name: &str, new: &[String]) -> &'static str {
    let had = pending.before.get(name).is_some_and(|old| !old.is_empty());
    match (had, new.is_empty()) {
        (_, true) => "delete",
        (true, false) => "update",
        (false, false) => "add",
    }
}

/// Changes of attributes and references: name, kind, old, new.
fn changes(pending: &PendingExport) -> Vec<(String, &'static str, String, String)> {
    let mut all = Vec::new();
    for (name, new) in &pending.attributes {
        let old = pending.before.get(name).cloned().unwrap_or_default();
        let kind = amodt(pending, name, new);
        all.push((name.clone(), kind, old.join(" | "), new.join(" | ")));
    }
    for change in &pending.references {
        for (kind, count) in [("add", change.add), ("delete", change.remove)] {
            if count > 0 {
                all.push((
                    change.attribute.clone(),
                    kind,
                    String::new(),
                    count.to_string(),
                ));
            }
        }
    }
    all
}

/// Writes them.
///
/// # Errors
/// By code; if the file cannot be written.
pub async fn export(arguments: &Export, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let place = arguments
        .output
        .as_ref()
        .map(|path| path.display().to_string());
    let mut out: Box<dyn Write> = match &arguments.output {
        Some(path) => {
            let file = File::create(path).map_err(|error| {
                Failure::text(
                    Code::ConfigurationInvalid,
                    path.display().to_string(),
                    error.to_string(),
                )
            })?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(std::io::stdout())),
    };
    if arguments.form == Form::Csv {
        write!(out, "{HEADER}\r\n")?;
    }
    let count = each(&client, arguments.job.as_ref(), |one| {
        match arguments.form {
            Form::Csv => lines(one, &mut out)?,
            Form::Jsonl => {
                let line = serde_json::to_string(one).map_err(std::io::Error::other)?;
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    })
    .await?;
    out.flush()?;
    drop(out);
    match place {
        Some(place) => {
            let told = serde_json::json!({ "objects": count, "file": place });
            context
                .output
                .data(&told, |_| format!("{count} objects written to {place}"))
        }
        None => Ok(()),
    }
}

fn lines(one: &PendingExport, out: &mut impl Write) -> Result<(), Failure> {
    let target = one.target.clone().unwrap_or_default();
    let head = [
        one.job.as_str(),
        &one.class,
        &one.name,
        &one.dn,
        &one.anchor,
        &target,
        &one.state,
        omodt(&one.verb),
    ];
    let head: Vec<String> = head.iter().map(|text| cell(text)).collect();
    let head = head.join(",");
    let changes = changes(one);
    if changes.is_empty() {
        write!(out, "{head},,,,\r\n")?;
    }
    for (name, kind, old, new) in changes {
        write!(
            out,
            "{head},{},{kind},{},{}\r\n",
            cell(&name),
            cell(&old),
            cell(&new)
        )?;
    }
    Ok(())
}

/// Counts them.
///
/// # Errors
/// By code.
pub async fn analyse(arguments: &Analyse, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let mut objects: BTreeMap<(String, String, String, String), u64> = BTreeMap::new();
    let mut attributes: BTreeMap<(String, String, String, &'static str), u64> = BTreeMap::new();
    each(&client, arguments.job.as_ref(), |one| {
        let key = (
            one.job.clone(),
            one.class.clone(),
            one.verb.clone(),
            one.state.clone(),
        );
        *objects.entry(key).or_default() += 1;
        for (name, kind, ..) in changes(one) {
            let key = (one.job.clone(), one.class.clone(), name, kind);
            *attributes.entry(key).or_default() += 1;
        }
        Ok(())
    })
    .await?;
    let analysis = Analysis {
        objects: objects
            .into_iter()
            .map(|((job, class, verb, state), count)| Objects {
                job,
                class,
                omodt: omodt(&verb),
                verb,
                state,
                count,
            })
            .collect(),
        attributes: attributes
            .into_iter()
            .map(|((job, class, attribute, amodt), count)| Attributes {
                job,
                class,
                attribute,
                amodt,
                count,
            })
            .collect(),
    };
    context.output.data(&analysis, people)
}

fn people(analysis: &Analysis) -> String {
    let objects = analysis.objects.iter().map(|row| {
        vec![
            row.job.clone(),
            row.class.clone(),
            row.omodt.to_owned(),
            row.verb.clone(),
            row.state.clone(),
            row.count.to_string(),
        ]
    });
    let attributes = analysis.attributes.iter().map(|row| {
        vec![
            row.job.clone(),
            row.class.clone(),
            row.attribute.clone(),
            row.amodt.to_owned(),
            row.count.to_string(),
        ]
    });
    format!(
        "{}\n\n{}",
        table(
            &["JOB", "CLASS", "OMODT", "WHAT", "STATE", "OBJECTS"],
            objects.collect(),
            "nothing is pending"
        ),
        table(
            &["JOB", "CLASS", "ATTRIBUTE", "AMODT", "OBJECTS"],
            attributes.collect(),
            ""
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> PendingExport {
        let values = |pairs: &[(&str, &[&str])]| {
            let one = |(name, values): &(&str, &[&str])| {
                let values = values.iter().map(|value| (*value).to_owned());
                ((*name).to_owned(), values.collect())
            };
            pairs.iter().map(one).collect()
        };
        PendingExport {
            job: "main".into(),
            class: "user".into(),
            name: "Ada, Countess".into(),
            verb: "update".into(),
            state: "ready".into(),
            attributes: values(&[
                ("city", &[]),
                ("department", &["New"]),
                ("title", &["=1+1"]),
            ]),
            before: values(&[("city", &["Delft"]), ("department", &["Old"])]),
            references: vec![wire::api::v1::ReferenceCount {
                attribute: "members".into(),
                add: 2,
                remove: 0,
            }],
            ..PendingExport::default()
        }
    }

    #[test]
    fn each_attribute_is_a_line_with_what_becomes_of_it() {
        let mut out = Vec::new();
        lines(&pending(), &mut out).unwrap();
        let head = "main,user,\"Ada, Countess\",,,,ready,update";
        let wanted = [
            format!("{head},city,delete,Delft,\r\n"),
            format!("{head},department,update,Old,New\r\n"),
            format!("{head},title,add,,'=1+1\r\n"),
            format!("{head},members,add,,2\r\n"),
        ];
        assert_eq!(String::from_utf8(out).unwrap(), wanted.concat());
    }

    #[test]
    fn verbs_are_told_in_the_words_of_the_export_analysis() {
        let told = ["create", "restore", "update", "disable", "delete"].map(omodt);
        assert_eq!(told, ["add", "add", "update", "update", "delete"]);
    }
}
