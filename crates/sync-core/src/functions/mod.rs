//! The functions of mapping expressions: a closed list, one file each.
//!
//! Each has a manual, a signature and examples that run as tests. Functions never see the clock, randomness or anything
//! outside the object and the job. Trap: names are matched with regard to case, as the originals do.

mod append;
mod bit_and;
mod bit_or;
mod cbin;
mod cbool;
mod cdate;
mod cert_format;
mod cert_hash_string;
mod cert_issuer;
mod cert_issuer_dn;
mod cert_key_algorithm;
mod cert_not_after;
mod cert_not_before;
mod cert_public_key_oid;
mod cert_serial_number;
mod cert_signature_algorithm_oid;
mod cert_subject;
mod cert_subject_name_dn;
mod cert_thumbprint;
mod cert_version;
mod certificate;
mod cguid;
mod cint;
mod cloud_mail_nickname;
mod cloud_primary_address;
mod cloud_proxy_addresses;
mod cloud_user_principal_name;
mod cnum;
mod coalesce;
mod contains;
mod convert_from_base64;
mod convert_from_utf8_hex;
mod convert_to_base64;
mod convert_to_utf8_hex;
mod count;
mod cref;
mod cstr;
mod date_add;
mod date_diff;
mod date_from_num;
mod default_domain;
mod dn;
mod dn_component;
mod dn_component_rev;
mod error;
mod escape_dn_component;
mod format_date_time;
mod guid;
mod guid_upper;
mod ignore_flow_if_null_or_empty;
mod ignore_this_flow;
mod iif;
mod in_str;
mod in_str_rev;
mod interval;
mod is_bit_set;
mod is_cert;
mod is_date;
mod is_empty;
mod is_guid;
mod is_nothing;
mod is_null;
mod is_null_or_empty;
mod is_numeric;
mod is_present;
mod is_string;
mod item;
mod item_or_null;
mod join;
mod lcase;
mod left;
mod len;
mod ltrim;
mod mid;
pub(crate) mod normalize_diacritics;
mod not;
mod now;
mod num_from_date;
mod pad_left;
mod pad_right;
mod patterns;
mod pcase;
mod prelude;
mod prepend;
mod random_num;
mod random_string;
mod redact;
mod regex_replace;
mod remove_duplicates;
mod replace;
mod replace_chars;
mod right;
mod rtrim;
pub mod sample;
mod select;
mod select_unique_value;
mod single_app_role_assignment;
mod split;
mod string_from_guid;
mod string_from_sid;
mod strip_spaces;
mod switch;
mod texts;
mod thumbprint;
pub(crate) mod time;
mod to_lower;
mod to_upper;
pub(crate) mod trim;
mod ucase;
mod value_count;
mod where_values;
mod with;
mod word;

use crate::expression::{
    compile::{Node, Prepared},
    evaluate::{Arguments, Outcome, null},
};

/// A function.
pub struct Function {
    /// Name, with regard to case.
    pub name: &'static str,
    /// Who documents it.
    pub origin: Origin,
    /// Parameters in order.
    pub parameters: &'static [Parameter],
    /// What it does, in a few sentences.
    pub manual: &'static str,
    /// Expressions and what they give: an expression, `ignored`, or `error: ` and the message.
    pub examples: &'static [(&'static str, &'static str)],
    pub(crate) call: for<'e> fn(&Arguments<'e>) -> Outcome<'e>,
    pub(crate) prepare: Option<Prepare>,
    /// Where it may stand.
    pub(crate) place: Place,
    /// Whether its first argument is a variable, bound within the last one.
    pub(crate) binds: bool,
    /// Whether a constant text as its argument is the name of an attribute.
    pub(crate) names_attribute: bool,
    /// Whether it gives nothing but truth values.
    pub(crate) is_test: bool,
    /// Whether null as its only argument gives null, and nothing else happens.
    pub(crate) keeps_null: bool,
    /// Whether one text without white space at its ends, as its only argument, comes out as it is, and nothing else happens.
    pub(crate) keeps_clean_text: bool,
}

/// What most functions leave as it is.
pub(crate) const PLAIN: Function = Function {
    name: "",
    origin: Origin::Own,
    parameters: &[],
    manual: "",
    examples: &[],
    call: |_| Ok(null()),
    prepare: None,
    place: Place::Inside,
    binds: false,
    names_attribute: false,
    is_test: false,
    keeps_null: false,
    keeps_clean_text: false,
};

/// Where a call stands in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the expression.
    Top,
    /// Within something else.
    Inside,
}

/// Who documents a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Expressions of Entra provisioning and Cloud Sync.
    Cloud,
    /// Expressions of Entra Connect Sync.
    Connect,
    /// Both of them.
    Both,
    /// Only this manual.
    Own,
}

impl Origin {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Cloud => "Microsoft Entra Cloud Sync and provisioning",
            Self::Connect => "Microsoft Entra Connect Sync",
            Self::Both => "Microsoft Entra Cloud Sync and Connect Sync",
            Self::Own => "Hybridge",
        }
    }
}

/// What a function checks and prepares once, when an expression is compiled.
pub(crate) type Prepare = fn(&[Option<Node>]) -> Result<Prepared, String>;

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
    /// One text; of several values, each by itself.
    Each,
    /// A variable that the function binds.
    Variable,
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
    /// Whether it is run for each of several values of its first argument by itself.
    pub(crate) fn takes_each(&self) -> bool {
        matches!(self.parameters.first(), Some(first) if first.takes == Takes::Each)
    }

    /// The signature for people: `Left(source, length)`, optional parameters in brackets.
    pub fn signature(&self) -> String {
        let parameters = self.parameters.iter().map(|p| match p.presence {
            Presence::Required if p.takes == Takes::Variable => format!("${}", p.name),
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
    &cbin::CBIN,
    &cbool::CBOOL,
    &cdate::CDATE,
    &cguid::CGUID,
    &cint::CINT,
    &cnum::CNUM,
    &cref::CREF,
    &cstr::CSTR,
    &cert_format::CERT_FORMAT,
    &cert_hash_string::CERT_HASH_STRING,
    &cert_issuer::CERT_ISSUER,
    &cert_issuer_dn::CERT_ISSUER_DN,
    &cert_key_algorithm::CERT_KEY_ALGORITHM,
    &cert_not_after::CERT_NOT_AFTER,
    &cert_not_before::CERT_NOT_BEFORE,
    &cert_public_key_oid::CERT_PUBLIC_KEY_OID,
    &cert_serial_number::CERT_SERIAL_NUMBER,
    &cert_signature_algorithm_oid::CERT_SIGNATURE_ALGORITHM_OID,
    &cert_subject::CERT_SUBJECT,
    &cert_subject_name_dn::CERT_SUBJECT_NAME_DN,
    &cert_thumbprint::CERT_THUMBPRINT,
    &cert_version::CERT_VERSION,
    &cloud_mail_nickname::CLOUD_MAIL_NICKNAME,
    &cloud_primary_address::CLOUD_PRIMARY_ADDRESS,
    &cloud_proxy_addresses::CLOUD_PROXY_ADDRESSES,
    &cloud_user_principal_name::CLOUD_USER_PRINCIPAL_NAME,
    &coalesce::COALESCE,
    &contains::CONTAINS,
    &convert_from_base64::CONVERT_FROM_BASE64,
    &convert_from_utf8_hex::CONVERT_FROM_UTF8_HEX,
    &convert_to_base64::CONVERT_TO_BASE64,
    &convert_to_utf8_hex::CONVERT_TO_UTF8_HEX,
    &count::COUNT,
    &dn_component::DN_COMPONENT,
    &dn_component_rev::DN_COMPONENT_REV,
    &date_add::DATE_ADD,
    &date_diff::DATE_DIFF,
    &date_from_num::DATE_FROM_NUM,
    &default_domain::DEFAULT_DOMAIN,
    &error::ERROR,
    &escape_dn_component::ESCAPE_DN_COMPONENT,
    &format_date_time::FORMAT_DATE_TIME,
    &guid_upper::GUID_UPPER,
    &guid::GUID,
    &iif::IIF,
    &ignore_flow_if_null_or_empty::IGNORE_FLOW_IF_NULL_OR_EMPTY,
    &ignore_this_flow::IGNORE_THIS_FLOW,
    &in_str::IN_STR,
    &in_str_rev::IN_STR_REV,
    &is_bit_set::IS_BIT_SET,
    &is_cert::IS_CERT,
    &is_date::IS_DATE,
    &is_empty::IS_EMPTY,
    &is_guid::IS_GUID,
    &is_nothing::IS_NOTHING,
    &is_null::IS_NULL,
    &is_null_or_empty::IS_NULL_OR_EMPTY,
    &is_numeric::IS_NUMERIC,
    &is_present::IS_PRESENT,
    &is_string::IS_STRING,
    &item::ITEM,
    &item_or_null::ITEM_OR_NULL,
    &join::JOIN,
    &lcase::LCASE,
    &ltrim::LTRIM,
    &left::LEFT,
    &len::LEN,
    &mid::MID,
    &normalize_diacritics::NORMALIZE_DIACRITICS,
    &not::NOT,
    &now::NOW,
    &num_from_date::NUM_FROM_DATE,
    &pcase::PCASE,
    &pad_left::PAD_LEFT,
    &pad_right::PAD_RIGHT,
    &prepend::PREPEND,
    &rtrim::RTRIM,
    &random_num::RANDOM_NUM,
    &random_string::RANDOM_STRING,
    &redact::REDACT,
    &regex_replace::REGEX_REPLACE,
    &remove_duplicates::REMOVE_DUPLICATES,
    &replace::REPLACE,
    &replace_chars::REPLACE_CHARS,
    &right::RIGHT,
    &select::SELECT,
    &select_unique_value::SELECT_UNIQUE_VALUE,
    &single_app_role_assignment::SINGLE_APP_ROLE_ASSIGNMENT,
    &split::SPLIT,
    &string_from_guid::STRING_FROM_GUID,
    &string_from_sid::STRING_FROM_SID,
    &strip_spaces::STRIP_SPACES,
    &switch::SWITCH,
    &thumbprint::THUMBPRINT,
    &to_lower::TO_LOWER,
    &to_upper::TO_UPPER,
    &trim::TRIM,
    &ucase::UCASE,
    &value_count::VALUE_COUNT,
    &where_values::WHERE,
    &with::WITH,
    &word::WORD,
];

impl Takes {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Each => "one text; of several values, each",
            Self::Variable => "a variable",
            Self::Text => "one text",
            Self::Integer => "an integer",
            Self::Boolean => "a truth value",
            Self::Values => "any values",
        }
    }
}

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Function> {
    let at = ALL
        .binary_search_by(|function| function.name.cmp(name))
        .ok()?;
    ALL.get(at).copied()
}

#[cfg(test)]
mod tests;
