//! An object from a file: JSON or LDIF.
//!
//! Never reads more than the first record of LDIF. Trap: LDIF writes bytes and text that is not plain ASCII alike, in
//! Base64; attributes known to hold bytes stay bytes, of the others what is UTF-8 is text.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sync_core::{
    code::Code,
    schema::cases::{Given, Single, Values},
};

use crate::{access::read, failure::Failure};

/// Attributes that hold bytes even where these could be text.
const BINARY: [&str; 10] = [
    "objectGUID",
    "objectSid",
    "sIDHistory",
    "mS-DS-ConsistencyGuid",
    "msExchMailboxGuid",
    "msExchArchiveGUID",
    "userCertificate",
    "userSMIMECertificate",
    "thumbnailPhoto",
    "jpegPhoto",
];

/// Reads a file.
///
/// # Errors
/// `RequestInvalid`, naming file and line.
pub fn read_file(path: &Path) -> Result<Given, Failure> {
    let text = read(path)?;
    let given = match text.trim_start().starts_with('{') {
        true => json(&text),
        false => ldif(&text),
    };
    given.map_err(|text| Failure::text(Code::RequestInvalid, path.display().to_string(), text))
}

/// Attributes, or an object as test cases have it.
fn json(text: &str) -> Result<Given, String> {
    let document: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if document
        .get("attributes")
        .is_some_and(serde_json::Value::is_object)
    {
        return serde_json::from_value(document).map_err(|e| e.to_string());
    }
    let mut given = Given::default();
    for (name, value) in document.as_object().into_iter().flatten() {
        let values = serde_json::from_value(value.clone()).map_err(|_| {
            format!("{name} is no text, integer, truth value, {{\"base64\": …}}, or list of them")
        })?;
        given.attributes.insert(name.clone(), values);
    }
    given.dn = first_text(&given.attributes, "distinguishedName");
    given.class = first_text(&given.attributes, "objectClass");
    Ok(given)
}

fn first_text(attributes: &BTreeMap<String, Values>, name: &str) -> String {
    let found = attributes
        .iter()
        .find(|(have, _)| have.eq_ignore_ascii_case(name));
    match found {
        Some((_, Values::One(Single::Text(text)))) => text.clone(),
        Some((_, Values::Several(all))) => match all.last() {
            Some(Single::Text(text)) => text.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The first record.
///
/// # Source
/// RFC 2849 Formal Syntax Definition of LDIF
fn ldif(text: &str) -> Result<Given, String> {
    let mut attributes: BTreeMap<String, Vec<Single>> = BTreeMap::new();
    let mut dn = String::new();
    for (number, line) in unfolded(text) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("line {number} is not `name: value`"))?;
        let value = match value.strip_prefix(':') {
            Some(encoded) => decoded(name, encoded.trim())
                .ok_or_else(|| format!("line {number}: this is not Base64"))?,
            None if value.starts_with('<') => {
                return Err(format!("line {number}: values in other files are not read"));
            }
            None => Single::Text(value.trim_start().to_owned()),
        };
        match (name.to_ascii_lowercase().as_str(), value) {
            ("version", _) => {}
            ("changetype", _) => return Err("this file holds changes, not entries".into()),
            ("dn", Single::Text(text)) => dn = text,
            (_, value) => attributes.entry(name.to_owned()).or_default().push(value),
        }
    }
    if dn.is_empty() {
        return Err("there is neither JSON nor a record that begins with dn:".into());
    }
    let attributes: BTreeMap<_, _> = attributes
        .into_iter()
        .map(|(name, values)| (name, Values::Several(values)))
        .collect();
    Ok(Given {
        class: first_text(&attributes, "objectClass"),
        dn,
        attributes,
        ..Given::default()
    })
}

/// The lines of the first record with their numbers, continued lines put together, without comments.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(more) = line.strip_prefix(' ') {
            if let Some((_, last)) = all.last_mut() {
                last.push_str(more);
            }
            continue;
        }
        let has_begun = all
            .iter()
            .any(|(_, line)| !line.starts_with('#') && !is_version(line));
        match line {
            "" if has_begun => break,
            "" => {}
            line => all.push((number + 1, line.to_owned())),
        }
    }
    all.retain(|(_, line)| !line.starts_with('#'));
    all
}

fn is_version(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("version:")
}

fn decoded(name: &str, encoded: &str) -> Option<Single> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let bare = name.split(';').next().unwrap_or_default();
    let is_binary = BINARY.iter().any(|known| known.eq_ignore_ascii_case(bare));
    let base64 = || Single::Bytes {
        base64: encoded.to_owned(),
    };
    Some(match String::from_utf8(bytes) {
        Ok(text) if !is_binary => Single::Text(text),
        _ => base64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes(given: &Given) -> serde_json::Value {
        serde_json::to_value(&given.attributes).unwrap()
    }

    #[test]
    fn the_first_record_of_ldif_is_read() {
        let text = "version: 1\n# a comment\n\ndn: CN=Ada,\n DC=x\nobjectClass: top\nobjectClass: user\ncn: Ada\nsn:: TcO8bGxlcg==\nobjectGUID:: QUFBQUFBQUFBQUFBQUFBQQ==\nempty:\n\ndn: CN=Bob,DC=x\n";
        let given = ldif(text).unwrap();
        assert_eq!(
            (given.dn.as_str(), given.class.as_str()),
            ("CN=Ada,DC=x", "user")
        );
        assert_eq!(
            attributes(&given),
            json!({
                "objectClass": ["top", "user"], "cn": ["Ada"], "sn": ["Müller"], "empty": [""],
                "objectGUID": [{ "base64": "QUFBQUFBQUFBQUFBQUFBQQ==" }]
            })
        );
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, mistake) in [
            (
                "",
                "there is neither JSON nor a record that begins with dn:",
            ),
            ("dn: x\nnothing", "line 2 is not `name: value`"),
            ("dn: x\na:: ?", "line 2: this is not Base64"),
            (
                "dn: x\na:< file:///etc/passwd",
                "line 2: values in other files are not read",
            ),
            (
                "dn: x\nchangetype: delete",
                "this file holds changes, not entries",
            ),
        ] {
            assert_eq!(ldif(text).unwrap_err(), mistake);
        }
    }

    #[test]
    fn json_is_attributes_or_an_object() {
        let given =
            json(r#"{"cn": "Ada", "n": [1, true], "distinguishedName": "CN=Ada"}"#).unwrap();
        assert_eq!(given.dn, "CN=Ada");
        assert_eq!(attributes(&given)["n"], json!([1, true]));
        let given = json(r#"{"dn": "CN=Ada", "attributes": {"cn": "Ada"}}"#).unwrap();
        assert_eq!(
            (given.dn.as_str(), attributes(&given)),
            ("CN=Ada", json!({ "cn": "Ada" }))
        );
        assert!(
            json(r#"{"cn": {"a": 1}}"#)
                .unwrap_err()
                .starts_with("cn is no text")
        );
    }
}
