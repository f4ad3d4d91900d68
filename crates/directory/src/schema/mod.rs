//! Which kinds of object there are and which attributes each of them may have.
//!
//! Never looks at stored objects. Trap: reference attributes (`members`, `manager`) are part of the schema but are
//! not written as values; they are changed with [`crate::ReferenceChange`].

mod attributes;

use std::collections::HashMap;
use std::sync::OnceLock;

use attributes::ATTRIBUTES;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A person or service that signs in.
    User,
    /// A set of objects; groups may contain groups.
    Group,
    /// A person elsewhere, with an address and without sign-in.
    Contact,
    /// A computer or telephone.
    Device,
}

impl Kind {
    /// All kinds, in a fixed order.
    pub const ALL: [Kind; 4] = [Kind::User, Kind::Group, Kind::Contact, Kind::Device];

    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Contact => "contact",
            Kind::Device => "device",
        }
    }

    pub(crate) fn number(self) -> i64 {
        i64::from(self.byte())
    }

    /// The stored number; never changed.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Kind::User => 1,
            Kind::Group => 2,
            Kind::Contact => 3,
            Kind::Device => 4,
        }
    }

    pub(crate) fn from_number(number: i64) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.number() == number)
    }

    const fn bit(self) -> u8 {
        match self {
            Kind::User => USER,
            Kind::Group => GROUP,
            Kind::Contact => CONTACT,
            Kind::Device => DEVICE,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The roles an account holds; only the administrator gives them.
pub const ADMINISTRATIVE_ROLES: &str = "assignedRoles";

const USER: u8 = 1;
const GROUP: u8 = 2;
const CONTACT: u8 = 4;
const DEVICE: u8 = 8;

/// The type of an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Unicode text.
    Text,
    /// A signed 64-bit number.
    Integer,
    /// True or false.
    Bool,
    /// Bytes.
    Binary,
    /// Another object of this directory.
    Reference,
}

/// Among which objects a value may occur only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// Values may repeat.
    None,
    /// Once among the objects of the same kind.
    PerKind,
    /// Once among users and groups together; other kinds may repeat it.
    UsersAndGroups,
    /// Once in the tenant.
    Tenant,
}

/// One attribute of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The name as written in requests, case-sensitive.
    pub name: &'static str,
    /// The type of each value.
    pub value_type: ValueType,
    /// Whether it holds a set of values.
    pub is_multi_valued: bool,
    /// The longest value: characters of text, bytes of binary; `None` for types without length.
    pub max_length: Option<usize>,
    /// The greatest number of values; `None` for references, which have no such limit.
    pub max_values: Option<usize>,
    /// Where a value may occur only once.
    pub uniqueness: Uniqueness,
    pub(crate) number: u16,
    kinds: u8,
    required: u8,
    targets: u8,
}

impl Attribute {
    /// Whether objects of this kind may have the attribute.
    pub fn applies_to(&self, kind: Kind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// Whether objects of this kind must have the attribute.
    pub fn is_required_for(&self, kind: Kind) -> bool {
        self.required & kind.bit() != 0
    }

    /// Whether a reference attribute may point at objects of this kind.
    pub fn may_point_to(&self, kind: Kind) -> bool {
        self.targets & kind.bit() != 0
    }

    const fn required(mut self, kinds: u8) -> Self {
        self.required = kinds;
        self
    }

    const fn unique(mut self, uniqueness: Uniqueness) -> Self {
        self.uniqueness = uniqueness;
        self
    }
}

/// The attributes an object of this kind may have.
pub fn schema(kind: Kind) -> impl Iterator<Item = &'static Attribute> {
    ATTRIBUTES
        .iter()
        .filter(move |attribute| attribute.applies_to(kind))
}

/// The attribute of that name, if objects of this kind may have it.
pub fn attribute(kind: Kind, name: &str) -> Option<&'static Attribute> {
    static BY_NAME: OnceLock<HashMap<&'static str, &'static Attribute>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        ATTRIBUTES
            .iter()
            .map(|attribute| (attribute.name, attribute))
            .collect()
    });
    by_name
        .get(name)
        .copied()
        .filter(|attribute| attribute.applies_to(kind))
}

/// The attribute of that stored number.
pub(crate) fn by_number(number: u16) -> Option<&'static Attribute> {
    let position = ATTRIBUTES
        .binary_search_by_key(&number, |attribute| attribute.number)
        .ok()?;
    ATTRIBUTES.get(position)
}

/// Stored numbers of the attributes the store itself looks at.
pub(crate) mod number {
    pub(crate) const USER_PRINCIPAL_NAME: u16 = 1;
    pub(crate) const DISPLAY_NAME: u16 = 2;
    pub(crate) const MAIL: u16 = 5;
    pub(crate) const MAIL_NICKNAME: u16 = 6;
    pub(crate) const PROXY_ADDRESSES: u16 = 7;
    pub(crate) const IMMUTABLE_ID: u16 = 10;
    pub(crate) const SECURITY_IDENTIFIER: u16 = 11;
    pub(crate) const SYNC_ENABLED: u16 = 17;
    pub(crate) const USAGE_LOCATION: u16 = 19;
    pub(crate) const DEVICE_ID: u16 = 130;
    pub(crate) const TARGET_ADDRESS: u16 = 140;
    pub(crate) const MEMBERS: u16 = 1000;
    pub(crate) const MANAGER: u16 = 1003;
}

const fn plain(number: u16, name: &'static str, kinds: u8, value_type: ValueType) -> Attribute {
    Attribute {
        name,
        value_type,
        is_multi_valued: false,
        max_length: None,
        max_values: Some(1),
        uniqueness: Uniqueness::None,
        number,
        kinds,
        required: 0,
        targets: 0,
    }
}

const fn text(number: u16, name: &'static str, kinds: u8, max_length: usize) -> Attribute {
    Attribute {
        max_length: Some(max_length),
        ..plain(number, name, kinds, ValueType::Text)
    }
}

const fn texts(
    number: u16,
    name: &'static str,
    kinds: u8,
    max_length: usize,
    max_values: usize,
) -> Attribute {
    Attribute {
        is_multi_valued: true,
        max_values: Some(max_values),
        ..text(number, name, kinds, max_length)
    }
}

const fn binary(number: u16, name: &'static str, kinds: u8, max_length: usize) -> Attribute {
    Attribute {
        max_length: Some(max_length),
        ..plain(number, name, kinds, ValueType::Binary)
    }
}

const fn binaries(
    number: u16,
    name: &'static str,
    kinds: u8,
    max_length: usize,
    max_values: usize,
) -> Attribute {
    Attribute {
        is_multi_valued: true,
        max_values: Some(max_values),
        ..binary(number, name, kinds, max_length)
    }
}

const fn integer(number: u16, name: &'static str, kinds: u8) -> Attribute {
    plain(number, name, kinds, ValueType::Integer)
}

const fn boolean(number: u16, name: &'static str, kinds: u8) -> Attribute {
    plain(number, name, kinds, ValueType::Bool)
}

const fn reference(number: u16, name: &'static str, kinds: u8, targets: u8) -> Attribute {
    Attribute {
        targets,
        ..plain(number, name, kinds, ValueType::Reference)
    }
}

const fn references(number: u16, name: &'static str, kinds: u8, targets: u8) -> Attribute {
    Attribute {
        is_multi_valued: true,
        max_values: None,
        ..reference(number, name, kinds, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        for pair in ATTRIBUTES.windows(2) {
            assert!(
                pair[0].number < pair[1].number,
                "{} and {}",
                pair[0].name,
                pair[1].name
            );
        }
        let names: std::collections::BTreeSet<_> =
            ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        assert_eq!(names.len(), ATTRIBUTES.len());
    }

    #[test]
    fn named_numbers_mean_what_they_say() {
        let named = [
            (number::USER_PRINCIPAL_NAME, "userPrincipalName"),
            (number::DISPLAY_NAME, "displayName"),
            (number::MAIL, "mail"),
            (number::MAIL_NICKNAME, "mailNickname"),
            (number::PROXY_ADDRESSES, "proxyAddresses"),
            (number::IMMUTABLE_ID, "onPremisesImmutableId"),
            (number::SECURITY_IDENTIFIER, "onPremisesSecurityIdentifier"),
            (number::SYNC_ENABLED, "onPremisesSyncEnabled"),
            (number::USAGE_LOCATION, "usageLocation"),
            (number::DEVICE_ID, "deviceId"),
            (number::TARGET_ADDRESS, "targetAddress"),
            (number::MEMBERS, "members"),
            (number::MANAGER, "manager"),
        ];
        for (number, name) in named {
            assert_eq!(
                by_number(number).map(|attribute| attribute.name),
                Some(name)
            );
        }
    }

    #[test]
    fn a_device_has_no_user_principal_name() {
        assert!(attribute(Kind::Device, "userPrincipalName").is_none());
        assert!(
            attribute(Kind::User, "userPrincipalName")
                .is_some_and(|upn| upn.is_required_for(Kind::User))
        );
    }
}
