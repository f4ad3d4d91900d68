//! What a server answered, step by step, without what has to differ: identifiers, times, change numbers, cookies.
//!
//! It never judges. Trap: texts of refusals are reduced to the numbers that clients read out of them.

use std::collections::HashMap;

use super::client::{Answer, Entry, Reply};

/// What an object is called in the transcript, by the octets of its GUID.
#[derive(Default)]
pub struct Labels(HashMap<Vec<u8>, String>);

impl Labels {
    pub fn learn(&mut self, guid: &[u8], dn: &str) {
        let label = dn.split(',').next().unwrap_or_default();
        self.0.insert(guid.to_vec(), label.to_owned());
    }

    fn of(&self, guid: &[u8]) -> &str {
        self.0.get(guid).map_or("unknown", String::as_str)
    }
}

#[derive(Default)]
pub struct Transcript {
    /// Step and what was seen in it.
    pub lines: Vec<(&'static str, String)>,
    pub labels: Labels,
}

const TIMES: &[&str] = &["whenCreated", "whenChanged", "currentTime"];
const NUMBERS: &[&str] = &["uSNChanged", "uSNCreated", "highestCommittedUSN"];

impl Transcript {
    pub fn note(&mut self, step: &'static str, line: impl Into<String>) {
        self.lines.push((step, line.into()));
    }

    pub fn answer(&mut self, step: &'static str, what: &str, answer: &Answer) {
        match answer {
            Answer::Reply(reply) => self.reply(step, what, reply),
            Answer::Closed => self.note(step, format!("{what}: closed")),
            Answer::Silence => self.note(step, format!("{what}: silence")),
        }
    }

    /// Result, entries, references, and which controls came.
    pub fn reply(&mut self, step: &'static str, what: &str, reply: &Reply) {
        self.outcome(step, what, reply);
        for entry in &reply.entries {
            self.entry(step, what, entry);
        }
        for url in reply.references.iter().chain(&reply.referrals) {
            self.note(step, format!("{what}: refers to {url}"));
        }
        for (oid, _) in &reply.controls {
            self.note(step, format!("{what}: control {oid}"));
        }
    }

    pub fn outcome(&mut self, step: &'static str, what: &str, reply: &Reply) {
        let mut line = format!("{what}: code {}", reply.code);
        if !reply.matched.is_empty() {
            line += &format!(", matched {}", name(&reply.matched));
        }
        if let Some((_, rest)) = reply.text.split_once(", data ") {
            let data = rest.split(',').next().unwrap_or_default();
            if reply.code == 49 {
                line += &format!(", data {data}");
            }
        }
        self.note(step, line);
    }

    pub fn entry(&mut self, step: &'static str, what: &str, entry: &Entry) {
        let dn = name(&entry.dn);
        self.note(step, format!("{what}: {dn}"));
        for (attribute, values) in &entry.attributes {
            let mut values: Vec<String> = values
                .iter()
                .map(|value| self.value(attribute, value))
                .collect();
            values.sort();
            let line = format!("{what}: {dn} {attribute} = {}", values.join(" | "));
            self.note(step, line);
        }
    }

    fn value(&self, attribute: &str, value: &[u8]) -> String {
        if attribute.ends_with("GUID") {
            return format!("<guid of {}>", self.labels.of(value));
        }
        if TIMES.contains(&attribute) {
            return "<time>".into();
        }
        if NUMBERS.contains(&attribute) {
            return "<number>".into();
        }
        match std::str::from_utf8(value) {
            Ok(text) if !text.contains('\0') => name(text),
            _ => format!("<{} octets>", value.len()),
        }
    }
}

/// A name without identifiers: `<GUID=…>`, `<SID=…>` and the GUID after `DEL:` keep their form only.
pub fn name(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((place, mark)) = ["<GUID=", "<SID=", "DEL:"]
        .iter()
        .filter_map(|mark| Some((rest.find(mark)?, *mark)))
        .min()
    {
        let after = place + mark.len();
        plain.push_str(&rest[..after]);
        rest = &rest[after..];
        let end = rest
            .find(|c: char| !c.is_ascii_hexdigit() && !matches!(c, '-' | 'S'))
            .unwrap_or(rest.len());
        let form = match (rest[..end].contains('-'), rest.starts_with("S-")) {
            (_, true) => "sid",
            (true, false) => "dashed",
            (false, false) => "hex",
        };
        plain.push_str(form);
        rest = &rest[end..];
    }
    plain + rest
}
