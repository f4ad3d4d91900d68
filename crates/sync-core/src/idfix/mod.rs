//! What of a source would fail, found before anything is synchronised, each with a proposed correction.
//!
//! Pure and streaming: a source is told twice, first to [`Census`], which keeps a hash per value that has to be unique, then to
//! [`Scan`], which finds. Nothing else is kept of an object, so memory grows by some thirty bytes a value. Trap: both times the
//! same objects have to be told; who came between is not compared with the others.
//!
//! The rules are those a cloud directory checks names and addresses by: lengths, characters, blanks, forms and uniqueness.

mod census;
mod form;
pub mod ldif;
mod names;
mod scan;
mod suffix;

use crate::value::{Attributes, Name};

pub use census::Census;
pub use form::{Corrected, check};
pub use scan::{Domains, Scan};
pub use suffix::{is_routable, suffix_of};

/// Attributes that are looked at, as Active Directory calls them.
pub const ATTRIBUTES: [&str; 9] = [
    "displayName",
    "givenName",
    "mail",
    "mailNickname",
    "proxyAddresses",
    "sAMAccountName",
    "sn",
    "targetAddress",
    "userPrincipalName",
];

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A character that is not allowed.
    Character,
    /// Blanks around it, or nothing but blanks.
    Blank,
    /// Too long.
    Length,
    /// Not of the form the attribute has.
    Format,
    /// What stands before the `@` is wrong.
    LocalPart,
    /// What stands after the `@` is no domain name.
    DomainPart,
    /// The domain can never be verified: it is no public name.
    TopLevelDomain,
    /// Another object has the same value.
    Duplicate,
    /// An object of another type in the target has the value.
    TypeConflict,
    /// The rules fail for the object.
    Rules,
    /// A container holds people and is in no scope.
    OutOfScope,
    /// A domain of the forest that no connector reads.
    NoConnector,
}

impl Fault {
    /// The word for it, as lists of corrections have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Character => "character",
            Self::Blank => "blank",
            Self::Length => "length",
            Self::Format => "format",
            Self::LocalPart => "localpart",
            Self::DomainPart => "domainpart",
            Self::TopLevelDomain => "topleveldomain",
            Self::Duplicate => "duplicate",
            Self::TypeConflict => "typeconflict",
            Self::Rules => "rules",
            Self::OutOfScope => "outofscope",
            Self::NoConnector => "noconnector",
        }
    }
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Replace the value by this one.
    Edit(String),
    /// Remove the value.
    Remove,
    /// Leave it: the others that have the value are to change.
    Keep,
    /// A person has to decide.
    Decide,
}

impl Proposal {
    /// The word for it, as lists of corrections have it; empty: nothing is proposed.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Edit(_) => "EDIT",
            Self::Remove => "REMOVE",
            Self::Keep => "COMPLETE",
            Self::Decide => "",
        }
    }

    /// The corrected value; empty: there is none.
    pub fn update(&self) -> &str {
        match self {
            Self::Edit(value) => value,
            Self::Remove | Self::Keep | Self::Decide => "",
        }
    }
}

/// One thing that would fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Attribute.
    pub attribute: Name,
    /// What is wrong; several: each is mended by the same proposal.
    pub faults: Vec<Fault>,
    /// The value; empty: it is about the object.
    pub value: String,
    /// What is proposed.
    pub proposal: Proposal,
    /// Who else has the value, or more about it; empty: nothing to say.
    pub note: String,
}

/// What an object becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A person's account.
    User,
    /// A group.
    Group,
    /// A contact.
    Contact,
    /// Something else; only forms are looked at.
    Other,
}

impl Kind {
    /// The kind of a class of source or target.
    pub fn of(class: &str) -> Self {
        let is = |names: &[&str]| names.iter().any(|name| class.eq_ignore_ascii_case(name));
        match () {
            () if is(&["user", "inetOrgPerson"]) => Self::User,
            () if is(&["group", "groupOfNames", "groupOfUniqueNames", "posixGroup"]) => Self::Group,
            () if is(&["contact", "orgContact"]) => Self::Contact,
            () => Self::Other,
        }
    }
}

/// An object of the source.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its anchor.
    pub anchor: &'a [u8],
    /// What it becomes.
    pub kind: Kind,
    /// The source anchor the target would know it by.
    pub source_anchor: Option<&'a str>,
    /// Its attributes.
    pub attributes: &'a Attributes,
}

#[cfg(test)]
mod tests;
