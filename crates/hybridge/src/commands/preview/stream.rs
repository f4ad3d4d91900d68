//! A preview on its way to a file or to a program: written as it comes, and never held whole.
//!
//! For people a first part is kept. Trap: what is written is complete only if the report came; a JSON document that was cut off
//! does not parse, and the exit code says the same.

use std::{
    fs::File,
    io::{BufWriter, Stdout, Write},
    path::Path,
};

use serde::Serialize;
use sync_core::code::Code;
use wire::api::v1::{PreviewEvent, PreviewObject, PreviewReferences, PreviewReport};

use super::{
    report::cell,
    running::{LISTED, Preview},
};
use crate::{failure::Failure, output::Output};

const HEADER: &str =
    "fate,action,class,targetClass,name,dn,anchor,target,attribute,before,after,code,why";

/// Where a preview goes.
pub struct Stream {
    csv: Option<BufWriter<File>>,
    json: Option<Json<BufWriter<Stdout>>>,
    kept: Preview,
}

impl Stream {
    /// To a file of lines, if one is named, and to stdout.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn to(csv: Option<&Path>, output: Output) -> Result<Self, Failure> {
        let csv = match csv {
            None => None,
            Some(path) => {
                let place = path.display().to_string();
                let file = File::create(path).map_err(|error| {
                    Failure::text(Code::ConfigurationInvalid, place, error.to_string())
                })?;
                let mut file = BufWriter::new(file);
                write!(file, "{HEADER}\r\n")?;
                Some(file)
            }
        };
        let json = match output {
            Output::Json => Some(Json::begin(BufWriter::new(std::io::stdout()))?),
            Output::People => None,
        };
        Ok(Self {
            csv,
            json,
            kept: Preview::default(),
        })
    }

    /// Takes what came.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn take(&mut self, event: PreviewEvent) -> Result<(), Failure> {
        match event {
            PreviewEvent::Object(object) => {
                if let Some(csv) = &mut self.csv {
                    csv.write_all(object_lines(&object).as_bytes())?;
                }
                match &mut self.json {
                    Some(json) => json.put("items", &object)?,
                    None if self.kept.items.len() <= LISTED => self.kept.items.push(object),
                    None => {}
                }
            }
            PreviewEvent::References(references) => {
                if let Some(csv) = &mut self.csv {
                    csv.write_all(reference_lines(&references).as_bytes())?;
                }
                match &mut self.json {
                    Some(json) => json.put("references", &references)?,
                    None if self.kept.references.len() <= LISTED => {
                        self.kept.references.push(references);
                    }
                    None => {}
                }
            }
            PreviewEvent::Progress { .. } | PreviewEvent::Report(_) | PreviewEvent::Failed(_) => {}
        }
        Ok(())
    }

    /// Ends with the report; what is kept for people, unless it went to a program.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(mut self, report: PreviewReport) -> Result<Option<Preview>, Failure> {
        if let Some(mut csv) = self.csv.take() {
            csv.flush()?;
        }
        match self.json.take() {
            Some(json) => {
                json.end(&report)?;
                Ok(None)
            }
            None => Ok(Some(Preview {
                report,
                ..self.kept
            })),
        }
    }
}

/// One JSON object whose lists are written item by item: `items`, then `references`, then the report's members.
struct Json<W: Write> {
    to: W,
    open: &'static str,
    is_first: bool,
}

impl<W: Write> Json<W> {
    fn begin(mut to: W) -> Result<Self, Failure> {
        write!(to, "{{\n\"items\": [")?;
        Ok(Self {
            to,
            open: "items",
            is_first: true,
        })
    }

    fn put<T: Serialize>(&mut self, list: &'static str, item: &T) -> Result<(), Failure> {
        self.open(list)?;
        let text = serde_json::to_string(item).map_err(std::io::Error::other)?;
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        write!(self.to, "{comma}\n{text}")?;
        Ok(())
    }

    fn open(&mut self, list: &'static str) -> Result<(), Failure> {
        if self.open != list {
            write!(self.to, "\n],\n\"{list}\": [")?;
            self.open = list;
            self.is_first = true;
        }
        Ok(())
    }

    fn end(mut self, report: &PreviewReport) -> Result<W, Failure> {
        self.open("references")?;
        write!(self.to, "\n]")?;
        let members = serde_json::to_value(report).map_err(std::io::Error::other)?;
        for (name, value) in members.as_object().into_iter().flatten() {
            write!(self.to, ",\n\"{name}\": {value}")?;
        }
        writeln!(self.to, "\n}}")?;
        self.to.flush()?;
        Ok(self.to)
    }
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A line per attribute that would be written, or one if there is none (RFC 4180).
fn object_lines(object: &PreviewObject) -> String {
    let why = object.why.as_ref();
    let one = |name: &str, before: &str, after: &str| {
        line(&[
            &object.fate,
            &object.action,
            &object.class,
            &object.target_class,
            &object.name,
            &object.dn,
            &object.anchor,
            &object.target,
            name,
            before,
            after,
            why.map_or("", |why| why.code.as_str()),
            why.map_or("", |why| why.message.as_str()),
        ])
    };
    if object.changes.is_empty() {
        return one("", "", "");
    }
    let changes = object.changes.iter().map(|change| {
        let (before, after) = (change.before.join(" | "), change.after.join(" | "));
        one(&change.name, &before, &after)
    });
    changes.collect()
}

/// A line per reference.
fn reference_lines(part: &PreviewReferences) -> String {
    let fate = if part.enters { "enter" } else { "change" };
    let one = |action: &str, before: &str, after: &str| {
        line(&[
            fate,
            action,
            &part.class,
            "",
            "",
            &part.dn,
            &part.anchor,
            &part.target,
            &part.name,
            before,
            after,
            "",
            "",
        ])
    };
    let added = part.added.iter().map(|dn| one("addReference", "", dn));
    let removed = part.removed.iter().map(|dn| one("removeReference", dn, ""));
    added.chain(removed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api::v1::PreviewChange;

    #[test]
    fn every_attribute_and_reference_is_a_line_and_an_object_without_one_too() {
        let change = |name: &str| PreviewChange {
            name: name.into(),
            before: vec![],
            after: vec!["a".into(), "=b".into()],
        };
        let object = PreviewObject {
            fate: "change".into(),
            changes: vec![change("x"), change("y")],
            ..PreviewObject::default()
        };
        let text = object_lines(&object);
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("x,,a | =b,,"), "{text}");
        assert_eq!(object_lines(&PreviewObject::default()).lines().count(), 1);
        let references = PreviewReferences {
            name: "members".into(),
            added: vec!["CN=A,DC=x".into()],
            removed: vec!["CN=B".into()],
            ..PreviewReferences::default()
        };
        let text = reference_lines(&references);
        assert!(text.contains("members,,\"CN=A,DC=x\",,"), "{text}");
        assert!(text.contains("removeReference"), "{text}");
        let columns = HEADER.split(',').count();
        assert_eq!(reference_lines(&PreviewReferences::default()), "");
        assert_eq!(line(&vec![""; columns]).matches(',').count(), columns - 1);
    }

    #[test]
    fn what_is_written_piece_by_piece_is_one_document() {
        let report = PreviewReport {
            objects: 2,
            ..PreviewReport::default()
        };
        let empty = Json::begin(Vec::new()).unwrap().end(&report).unwrap();
        let empty: serde_json::Value = serde_json::from_slice(&empty).unwrap();
        assert_eq!(empty["items"], serde_json::json!([]));
        assert_eq!(empty["objects"], 2);
        let mut json = Json::begin(Vec::new()).unwrap();
        json.put("items", &PreviewObject::default()).unwrap();
        json.put("items", &PreviewObject::default()).unwrap();
        json.put("references", &PreviewReferences::default())
            .unwrap();
        let whole = json.end(&report).unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(whole["items"].as_array().unwrap().len(), 2);
        assert_eq!(whole["references"].as_array().unwrap().len(), 1);
    }
}
