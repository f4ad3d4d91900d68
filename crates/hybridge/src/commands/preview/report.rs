//! What the preview found: counts, and every object with its fate.
//!
//! Trap: CSV is opened by spreadsheets, so a value that would be taken for a formula is quoted with an apostrophe.

use std::collections::BTreeMap;

use serde::Serialize;
use sync_core::code::Code;

use crate::{
    output::{fields, table},
    show::{count, short},
};

// LIMIT: objects listed for people; CSV and JSON hold all.
const LISTED: usize = 200;

/// What would become of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It would be created.
    #[default]
    Create,
    /// It is out of scope.
    Skip,
    /// It would be refused.
    Fail,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Skip => "skip",
            Self::Fail => "fail",
        }
    }
}

/// An object and its fate.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Fate.
    pub fate: Fate,
    /// Distinguished name.
    pub dn: String,
    /// Anchor.
    pub anchor: String,
    /// Class in the source.
    pub class: String,
    /// Class in the target.
    pub target_class: String,
    /// Display name.
    pub name: String,
    /// Sign-in name in the target.
    pub user_principal_name: String,
    /// Mail address.
    pub mail: String,
    /// Code, or reason of the scope.
    pub reason: String,
    /// The whole reason.
    pub detail: String,
}

/// The report.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Domain.
    pub domain: String,
    /// Server that answered.
    pub server: String,
    /// Domains taken as verified.
    pub verified_domains: Vec<String>,
    /// Objects read.
    pub objects: u64,
    /// Would be created, by target class.
    pub would_create: BTreeMap<String, u64>,
    /// Would be skipped, by reason.
    pub would_skip: BTreeMap<String, u64>,
    /// Would fail, by code.
    pub would_fail: BTreeMap<String, u64>,
    /// All objects.
    pub items: Vec<Item>,
}

impl Report {
    /// Counts and keeps an object.
    pub fn add(&mut self, item: Item) {
        let (counts, key) = match item.fate {
            Fate::Create => (&mut self.would_create, &item.target_class),
            Fate::Skip => (&mut self.would_skip, &item.reason),
            Fate::Fail => (&mut self.would_fail, &item.reason),
        };
        *counts.entry(key.clone()).or_default() += 1;
        self.items.push(item);
    }

    /// For people: counts, then what would fail.
    pub fn people(&self) -> String {
        let mut text = fields(&[
            ("domain", self.domain.clone()),
            ("server", self.server.clone()),
            ("verified domains", self.verified_domains.join(", ")),
            ("objects read", count(self.objects)),
        ]);
        let mut part =
            |title: &str, counts: &BTreeMap<String, u64>, explain: fn(&str) -> &'static str| {
                let total: u64 = counts.values().sum();
                text.push_str(&format!("\n\n{title}: {}", count(total)));
                for (name, number) in counts {
                    let line = format!("\n  {:>7}  {name}  {}", count(*number), explain(name));
                    text.push_str(line.trim_end());
                }
            };
        part("would be created", &self.would_create, |_| "");
        part("would be skipped", &self.would_skip, |_| "");
        part("would fail", &self.would_fail, |name| {
            Code::from_name(name).map_or("", |code| code.title())
        });
        let failing: Vec<&Item> = self
            .items
            .iter()
            .filter(|item| item.fate == Fate::Fail)
            .collect();
        if failing.is_empty() {
            return text;
        }
        let row = |item: &&Item| {
            vec![
                short(&item.name),
                item.reason.clone(),
                item.detail.clone(),
                item.dn.clone(),
            ]
        };
        let rows = failing.iter().take(LISTED).map(row).collect();
        text.push_str(&format!(
            "\n\n{}",
            table(&["NAME", "CODE", "WHY", "DN"], rows, "")
        ));
        if failing.len() > LISTED {
            text.push_str("\n… and more; --csv and --json hold all");
        }
        text
    }

    /// All objects as CSV (RFC 4180).
    pub fn csv(&self) -> String {
        let mut text = String::from(
            "fate,class,targetClass,name,userPrincipalName,mail,reason,detail,anchor,dn\r\n",
        );
        for item in &self.items {
            let cells = [
                item.fate.name(),
                &item.class,
                &item.target_class,
                &item.name,
                &item.user_principal_name,
                &item.mail,
                &item.reason,
                &item.detail,
                &item.anchor,
                &item.dn,
            ];
            let line: Vec<String> = cells.into_iter().map(cell).collect();
            text.push_str(&line.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// A cell of a CSV file.
pub fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_gets_through() {
        assert_eq!(cell("a"), "a");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }

    #[test]
    fn counts_follow_the_fates() {
        let mut report = Report::default();
        for (fate, reason) in [
            (Fate::Create, ""),
            (Fate::Skip, "out"),
            (Fate::Fail, "InvalidDomain"),
        ] {
            report.add(Item {
                fate,
                reason: reason.into(),
                target_class: "User".into(),
                ..Item::default()
            });
        }
        assert_eq!(report.would_create["User"], 1);
        assert_eq!(report.would_skip["out"], 1);
        assert_eq!(report.would_fail["InvalidDomain"], 1);
        assert_eq!(report.csv().lines().count(), 4);
    }
}
