//! The rules that come with Hybridge.
//!
//! Never changed by code: a preset is the JSON file beside the sources. Trap: a test, not the program, proves that it is valid.

use super::{Problem, check, checked::Rules, read::Schema};
use crate::code::Code;

/// Active Directory → tenant directory, as JSON.
pub const AD_TO_DIRECTORY: &str = include_str!("../../presets/ad-to-directory.json");

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
