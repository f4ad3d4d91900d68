//! The domain a connector reads: the one it was made for, or else the one it found first.
//!
//! An enrolment token names connectors, so what keeps an agent to its domain is that a connector keeps to one. Which domain an
//! agent's settings lead to is asked before anything is read whole: a position of another domain is refused by the source itself,
//! so whoever leads a connector elsewhere meets this question. Trap: what was found first holds as well; otherwise a slip in the
//! agent's settings would make everybody of the one domain vanish, and bring everybody of the other.

use std::time::Duration;

use connectors::source::SourceInfo;
use engine::ConnectorRow;
use serde_json::Value;
use sync_core::{code::Code, operation::Refusal};

use crate::{
    agents::blocking,
    app::App,
    desk::{Answer, Call},
};

/// The setting of a connector that names its domain.
pub const SETTING: &str = "domain";

/// The domain a connector keeps to; nothing if it was made for none and has found none yet.
pub fn of(connector: &ConnectorRow) -> Option<&str> {
    of_values(&connector.config, &connector.info)
}

fn of_values<'a>(config: &'a Value, info: &'a Value) -> Option<&'a str> {
    let told = config.get(SETTING);
    let found = || info.get("domain_fqdn");
    let name = told.or_else(found)?.as_str()?;
    (!name.is_empty()).then_some(name)
}

/// Whether a text can be the name of a domain.
pub fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 255 && text.split('.').all(is_label)
}

/// Whether what an agent found is the domain of the connector.
///
/// # Errors
/// `HybridIdentityServiceInvalidResource` if it is another one.
pub fn check(connector: &ConnectorRow, found: &SourceInfo) -> Result<(), Refusal> {
    check_name(&connector.name, of(connector), found)
}

fn check_name(connector: &str, own: Option<&str>, found: &SourceInfo) -> Result<(), Refusal> {
    let other = &found.domain_fqdn;
    let Some(own) = own.filter(|own| !own.eq_ignore_ascii_case(other)) else {
        return Ok(());
    };
    let (where_to, if_meant) = match other.is_empty() {
        true => ("a directory without a domain".to_owned(), String::new()),
        false => (
            other.clone(),
            format!("; if it is meant: hybridge connector set {connector} --domain {other}"),
        ),
    };
    let text = format!(
        "the connector is for the domain {own}, and the agent's settings lead to {where_to}"
    );
    let cure = format!("correct the connector in the agent's settings{if_meant}");
    Err(Refusal::new(Code::HybridIdentityServiceInvalidResource)
        .with("connector", connector)
        .with("server", &found.server)
        .with("text", text)
        .with("cure", cure))
}

/// Asks the source who it is, and remembers it if it is the connector's domain.
///
/// # Errors
/// Of the way to it; `HybridIdentityServiceInvalidResource` if it is another domain.
pub async fn meet(
    app: &App,
    connector: &ConnectorRow,
    patience: Duration,
) -> Result<SourceInfo, Refusal> {
    let asked = app.desk().call(&connector.name, Call::Discover, patience);
    let Answer::Source(info) = asked.await? else {
        return Err(Refusal::new(Code::SourceProtocolError)
            .with("text", "the agent answered another question"));
    };
    check(connector, &info)?;
    let stored = serde_json::to_value(&info).unwrap_or_default();
    let id = connector.id;
    blocking(app.engine(), move |engine| {
        engine.set_connector_info(id, &stored)
    })
    .await?;
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(domain: &str) -> SourceInfo {
        SourceInfo {
            realm: String::new(),
            naming_context: String::new(),
            domain_fqdn: domain.into(),
            domain_netbios: String::new(),
            server: "dc1".into(),
            replica: String::new(),
            product: String::new(),
            attributes: Vec::new(),
            tombstone_lifetime_seconds: 0,
        }
    }

    #[test]
    fn a_connector_keeps_to_what_it_was_made_for_or_found_first() {
        let none = serde_json::json!({});
        let canal = serde_json::json!({"domain_fqdn": "canal.example"});
        let told = serde_json::json!({"domain": "harbour.example"});
        let cases = [
            (&none, &none, "any.example", true),
            (&none, &canal, "CANAL.example", true),
            (&none, &canal, "harbour.example", false),
            (&told, &none, "harbour.example", true),
            (&told, &none, "canal.example", false),
            // What somebody says counts more than what was found.
            (&told, &canal, "harbour.example", true),
            (&told, &canal, "canal.example", false),
        ];
        for (config, info, domain, is_own) in cases {
            let checked = check_name("ad", of_values(config, info), &found(domain));
            assert_eq!(checked.is_ok(), is_own, "{config} {info} {domain}");
            if let Err(why) = checked {
                assert_eq!(why.code, Code::HybridIdentityServiceInvalidResource);
                let cure = why.argument("cure").unwrap();
                assert!(cure.contains(&format!("--domain {domain}")), "{cure}");
            }
        }
        // No command is told that could not be given.
        let why = check_name("ad", Some("canal.example"), &found("")).unwrap_err();
        assert_eq!(
            why.argument("cure"),
            Some("correct the connector in the agent's settings")
        );
        assert!(
            why.argument("text")
                .is_some_and(|text| text.ends_with("without a domain"))
        );
    }

    #[test]
    fn names_of_domains_are_names() {
        for name in ["canal.example", "x", "a-b.c_d.e1"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a.".repeat(200) + "a";
        for none in ["", ".", "a..b", "a b", "a/b", long.as_str()] {
            assert!(!is_name(none), "{none}");
        }
    }
}
