//! The rules that come with Hybridge.
//!
//! Never changed by code: a preset is the JSON file beside the sources. Trap: a test, not the program, proves that it is valid.

use super::{Problem, check, checked::Rules, read::Schema};
use crate::code::Code;

/// Active Directory → tenant directory, as JSON.
pub const AD_TO_DIRECTORY: &str = include_str!("../../presets/ad-to-directory.json");

/// OpenLDAP → tenant directory, as JSON.
pub const OPENLDAP_TO_DIRECTORY: &str = include_str!("../../presets/openldap-to-directory.json");

/// Kinds of source connectors that have rules of their own here.
pub const SOURCE_KINDS: &[&str] = &["ad", "openldap"];

/// The rules that come with a kind of source connector, as JSON; `None`: it is no source, or not known.
pub fn of_kind(kind: &str) -> Option<&'static str> {
    match kind {
        "ad" => Some(AD_TO_DIRECTORY),
        "openldap" => Some(OPENLDAP_TO_DIRECTORY),
        _ => None,
    }
}

/// Reads and checks a schema.
///
/// # Errors
/// All problems; of JSON that is no schema at all, one.
pub fn load(text: &str) -> Result<Rules, Vec<Problem>> {
    let schema: Schema = serde_json::from_str(text).map_err(|fault| {
        vec![Problem {
            path: "$".into(),
            code: Code::SchemaInvalid,
            message: format!("this is no synchronisation schema: {fault}"),
            cure: None,
        }]
    })?;
    check(&schema)
}

/// The default rules, Active Directory → tenant directory.
///
/// # Errors
/// Never, in a build whose tests pass.
pub fn default_rules() -> Result<Rules, Vec<Problem>> {
    load(AD_TO_DIRECTORY)
}
