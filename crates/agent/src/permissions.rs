//! `hybridge-agent permissions check|script`: which rights the account of a connector lacks, and the lines that grant them.
//!
//! Only looks and prints; whoever administers the domain runs the lines. Trap: rights that were granted a moment ago may not have
//! reached the controller that is asked.

use connectors::ldap::{
    LdapConfig,
    permissions::{Dialect, Feature, Need, Rights, rights, script},
};
use serde::{Deserialize as _, Serialize};
use sync_core::{code::Code, operation::Refusal};

use crate::config::{AgentConfig, ConnectorConfig};

/// A right of a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Right {
    /// In words.
    pub right: String,
    /// Features that need it, of those asked for.
    pub features: Vec<&'static str>,
    /// Whether the account has it.
    pub is_granted: bool,
}

/// What was found for a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The connector.
    pub connector: String,
    /// The account.
    pub account: String,
    /// Its SID.
    pub sid: String,
    /// The rights.
    pub rights: Vec<Right>,
    /// The lines that grant what is missing, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<String>,
}

/// Looks at the rights of a connector's account.
///
/// # Errors
/// `ConfigurationInvalid` if there is no such connector or it is not of Active Directory, and what the directory says.
pub async fn permissions(
    config: &AgentConfig,
    connector: Option<&str>,
    features: &[Feature],
    dialect: Option<Dialect>,
) -> Result<Found, Refusal> {
    let connector = choose(config, connector)?;
    let invalid = |text: String| Refusal::new(Code::ConfigurationInvalid).with("text", text);
    let settings = LdapConfig::deserialize(&connector.settings)
        .map_err(|fault| invalid(format!("connector {}: settings: {fault}", connector.name)))?;
    let found = rights(&settings, features).await?;
    Ok(told(connector, &found, features, dialect))
}

fn choose<'a>(config: &'a AgentConfig, name: Option<&str>) -> Result<&'a ConnectorConfig, Refusal> {
    let mut of_ad = config
        .connectors
        .iter()
        .filter(|connector| connector.kind == "ad");
    let found = match name {
        Some(name) => of_ad.find(|connector| connector.name == name),
        None => of_ad.next(),
    };
    found.ok_or_else(|| {
        let text = match name {
            Some(name) => format!("the settings have no connector {name} of kind ad"),
            None => "the settings have no connector of kind ad".to_owned(),
        };
        Refusal::new(Code::ConfigurationInvalid).with("text", text)
    })
}

fn told(
    connector: &ConnectorConfig,
    found: &Rights,
    features: &[Feature],
    dialect: Option<Dialect>,
) -> Found {
    let of = |need: &Need| {
        let mut all = features.iter();
        let all = all
            .by_ref()
            .filter(|feature| feature.needs().contains(need));
        all.map(|feature| feature.name()).collect()
    };
    let right = |granted: &connectors::ldap::permissions::Granted| Right {
        right: granted.need.shown(),
        features: of(&granted.need),
        is_granted: granted.is_granted,
    };
    let missing: Vec<Need> = found
        .needs
        .iter()
        .filter(|granted| !granted.is_granted)
        .map(|granted| granted.need.clone())
        .collect();
    Found {
        connector: connector.name.clone(),
        account: found.account.name.clone(),
        sid: found.account.sid.clone(),
        rights: found.needs.iter().map(right).collect(),
        script: dialect.map_or_else(Vec::new, |d| script(d, &found.account, &missing)),
    }
}
