//! `hybridge directory create|set|delete|restore|authority`: objects the tenant manages itself.
//!
//! Trap: `NAME=VALUE` several times for one name gives several values, and `NAME=` clears.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use wire::api::v1::{AuthorityChange, DirectoryObject, NewObject, ObjectChange};

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// What is made.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// Somebody who signs in
    User,
    /// A set of objects
    Group,
    /// A person elsewhere, with an address
    Contact,
}

/// A new object.
#[derive(Args, Debug)]
pub struct Creation {
    /// What it is
    kind: Kind,
    /// An attribute, such as displayName="Ada Baas"; may be given several times
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = pair)]
    attributes: Vec<(String, String)>,
}

/// A change.
#[derive(Args, Debug)]
pub struct Setting {
    /// Id, or user principal name, or mail address
    object: String,
    /// An attribute; without a value it is cleared; may be given several times
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = pair)]
    attributes: Vec<(String, String)>,
}

/// A deletion.
#[derive(Args, Debug)]
pub struct Deletion {
    /// Id, or user principal name, or mail address
    object: String,
    /// So that it cannot be restored
    #[arg(long)]
    for_good: bool,
}

/// A restoration.
#[derive(Args, Debug)]
pub struct Restoration {
    /// Id of the deleted user
    object: String,
    /// Another value for what somebody else has meanwhile; may be given several times
    #[arg(value_name = "NAME=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
}

/// Who manages an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Manager {
    /// The tenant itself: what changes in the source does not arrive any more
    Tenant,
    /// The source it was synchronised from
    Source,
}

/// A change of authority.
#[derive(Args, Debug)]
pub struct Authority {
    /// Id, or user principal name, or mail address
    object: String,
    /// Who manages it from now on
    by: Manager,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, such as displayName=\"Ada Baas\"".into()),
    }
}

fn gathered(pairs: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        let values = all.entry(name.clone()).or_default();
        if !value.is_empty() {
            values.push(value.clone());
        }
    }
    all
}

fn path(object: &str) -> String {
    format!("directory/objects/{}", segment(object))
}

/// Makes an object.
///
/// # Errors
/// By code, such as `AttributeValueMustBeUnique`.
pub async fn create(arguments: &Creation, context: &Context) -> Result<(), Failure> {
    let kind = match arguments.kind {
        Kind::User => "user",
        Kind::Group => "group",
        Kind::Contact => "contact",
    };
    let request = NewObject {
        kind: kind.into(),
        attributes: gathered(&arguments.attributes),
    };
    let made: DirectoryObject = context
        .client()?
        .post("directory/objects", &request)
        .await?;
    context
        .output
        .data(&made, |made| format!("{kind} {} is made", made.id))
}

/// Changes an object.
///
/// # Errors
/// By code; `Conflict` if it is synchronised.
pub async fn set(arguments: &Setting, context: &Context) -> Result<(), Failure> {
    let request = ObjectChange {
        attributes: gathered(&arguments.attributes),
    };
    let changed: DirectoryObject = context
        .client()?
        .patch(&path(&arguments.object), &request)
        .await?;
    context
        .output
        .data(&changed, |changed| format!("{} is changed", changed.id))
}

/// Deletes an object.
///
/// # Errors
/// By code; `Conflict` if it is synchronised.
pub async fn delete(arguments: &Deletion, context: &Context) -> Result<(), Failure> {
    let path = match arguments.for_good {
        true => format!("{}?forGood=true", path(&arguments.object)),
        false => path(&arguments.object),
    };
    let answer = context.client()?.delete(&path).await?;
    context
        .output
        .data(&answer, |_| format!("{} is deleted", arguments.object))
}

/// Brings a deleted user back.
///
/// # Errors
/// By code; `AttributeValueMustBeUnique` if somebody else has one of its names meanwhile.
pub async fn restore(arguments: &Restoration, context: &Context) -> Result<(), Failure> {
    let request = ObjectChange {
        attributes: gathered(&arguments.attributes),
    };
    let path = format!("{}/restore", path(&arguments.object));
    let restored: DirectoryObject = context.client()?.post(&path, &request).await?;
    context
        .output
        .data(&restored, |one| format!("{} is back", one.display_name))
}

/// Says who manages an object.
///
/// # Errors
/// By code; `Conflict` if no source can.
pub async fn authority(arguments: &Authority, context: &Context) -> Result<(), Failure> {
    let change = AuthorityChange {
        is_synchronised: arguments.by == Manager::Source,
    };
    let path = format!("{}/authority", path(&arguments.object));
    let changed: DirectoryObject = context.client()?.post(&path, &change).await?;
    context.output.data(&changed, |one| {
        let by = match one.is_synchronised {
            true => "by its source",
            false => "by the tenant",
        };
        format!("{} is managed {by}", one.display_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_gathered_and_none_clears() {
        let given = [
            "mail=",
            "proxyAddresses=smtp:a@x",
            "proxyAddresses=smtp:b=c@x",
        ];
        let pairs: Vec<_> = given.iter().map(|text| pair(text).unwrap()).collect();
        let all = gathered(&pairs);
        assert_eq!(all["mail"], [""; 0]);
        assert_eq!(all["proxyAddresses"], ["smtp:a@x", "smtp:b=c@x"]);
        assert!(pair("=x").is_err() && pair("x").is_err());
    }
}
