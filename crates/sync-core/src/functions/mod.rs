//! The functions of mapping expressions: a closed list, one file each.
//!
//! Each has a manual, a signature and examples that run as tests. Functions never see the clock, randomness or anything
//! outside the object and the job. Trap: names are matched with regard to case, as the originals do.

mod append;
mod bit_and;
mod bit_or;
mod cbool;
mod cint;
mod cloud_mail_nickname;
mod cloud_primary_address;
mod cloud_proxy_addresses;
mod cloud_user_principal_name;
mod cnum;
mod coalesce;
mod contains;
mod convert_from_base64;
mod convert_to_base64;
mod convert_to_utf8_hex;
mod count;
mod cstr;
mod date_from_num;
mod default_domain;
mod dn_component;
mod error;
mod format_date_time;
mod ignore_flow_if_null_or_empty;
mod iif;
mod in_str;
mod is_null;
mod is_null_or_empty;
mod is_present;
mod is_string;
mod item;
mod join;
mod left;
mod len;
mod mid;
pub(crate) mod normalize_diacritics;
mod not;
mod pcase;
mod prelude;
mod remove_duplicates;
mod replace;
mod right;
mod split;
mod string_from_guid;
mod string_from_sid;
mod strip_spaces;
mod switch;
mod texts;
mod time;
mod to_lower;
mod to_upper;
mod trim;
mod word;

use regex::Regex;

use crate::expression::{
    compile::Node,
    evaluate::{Arguments, Outcome},
};

/// A function.
pub struct Function {
    /// Name, with regard to case.
    pub name: &'static str,
    /// Parameters in order.
    pub parameters: &'static [Parameter],
    /// What it does, in a few sentences.
    pub manual: &'static str,
    /// Expressions and what they give: an expression, `ignored`, or `error: ` and the message.
    pub examples: &'static [(&'static str, &'static str)],
    pub(crate) call: for<'e> fn(&Arguments<'e>) -> Outcome<'e>,
    pub(crate) prepare: Option<Prepare>,
}

/// What a function checks and prepares once, when an expression is compiled.
pub(crate) type Prepare = fn(&[Option<Node>]) -> Result<Option<Regex>, String>;

/// A parameter of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name, as in the tree form of the schema.
    pub name: &'static str,
    /// Whether it must be there.
    pub presence: Presence,
    /// What it takes.
    pub takes: Takes,
}

/// Whether an argument must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Once.
    Required,
    /// Once, or left blank.
    Optional,
    /// Any number of times; the last parameter only.
    Repeated,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One text.
    Text,
    /// One integer.
    Integer,
    /// One truth value.
    Boolean,
    /// Any values.
    Values,
}

const fn required(name: &'static str, takes: Takes) -> Parameter {
    Parameter {
        name,
        presence: Presence::Required,
        takes,
    }
}

const fn optional(name: &'static str, takes: Takes) -> Parameter {
    Parameter {
        name,
        presence: Presence::Optional,
        takes,
    }
}

const fn repeated(name: &'static str, takes: Takes) -> Parameter {
    Parameter {
        name,
        presence: Presence::Repeated,
        takes,
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    /// The signature for people: `Left(source, length)`, optional parameters in brackets.
    pub fn signature(&self) -> String {
        let parameters = self.parameters.iter().map(|p| match p.presence {
            Presence::Required => p.name.to_owned(),
            Presence::Optional => format!("[{}]", p.name),
            Presence::Repeated => format!("{}…", p.name),
        });
        format!(
            "{}({})",
            self.name,
            parameters.collect::<Vec<_>>().join(", ")
        )
    }
}

/// All functions, by name.
pub static ALL: &[&Function] = &[
    &append::APPEND,
    &bit_and::BIT_AND,
    &bit_or::BIT_OR,
    &cbool::CBOOL,
    &cint::CINT,
    &cnum::CNUM,
    &cstr::CSTR,
    &cloud_mail_nickname::CLOUD_MAIL_NICKNAME,
    &cloud_primary_address::CLOUD_PRIMARY_ADDRESS,
    &cloud_proxy_addresses::CLOUD_PROXY_ADDRESSES,
    &cloud_user_principal_name::CLOUD_USER_PRINCIPAL_NAME,
    &coalesce::COALESCE,
    &contains::CONTAINS,
    &convert_from_base64::CONVERT_FROM_BASE64,
    &convert_to_base64::CONVERT_TO_BASE64,
    &convert_to_utf8_hex::CONVERT_TO_UTF8_HEX,
    &count::COUNT,
    &dn_component::DN_COMPONENT,
    &date_from_num::DATE_FROM_NUM,
    &default_domain::DEFAULT_DOMAIN,
    &error::ERROR,
    &format_date_time::FORMAT_DATE_TIME,
    &iif::IIF,
    &ignore_flow_if_null_or_empty::IGNORE_FLOW_IF_NULL_OR_EMPTY,
    &in_str::IN_STR,
    &is_null::IS_NULL,
    &is_null_or_empty::IS_NULL_OR_EMPTY,
    &is_present::IS_PRESENT,
    &is_string::IS_STRING,
    &item::ITEM,
    &join::JOIN,
    &left::LEFT,
    &len::LEN,
    &mid::MID,
    &normalize_diacritics::NORMALIZE_DIACRITICS,
    &not::NOT,
    &pcase::PCASE,
    &remove_duplicates::REMOVE_DUPLICATES,
    &replace::REPLACE,
    &right::RIGHT,
    &split::SPLIT,
    &string_from_guid::STRING_FROM_GUID,
    &string_from_sid::STRING_FROM_SID,
    &strip_spaces::STRIP_SPACES,
    &switch::SWITCH,
    &to_lower::TO_LOWER,
    &to_upper::TO_UPPER,
    &trim::TRIM,
    &word::WORD,
];

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Function> {
    let at = ALL
        .binary_search_by(|function| function.name.cmp(name))
        .ok()?;
    ALL.get(at).copied()
}

#[cfg(test)]
mod tests;
