//! `hybridge directory roles ACCOUNT --role NAME | --none`.
//!
//! Trap: an account that is taken over by synchronisation keeps its roles; they are what the protection of administrators
//! looks at, not what it removes.

use clap::Args;
use wire::api::v1::{DirectoryObject, RolesChange};

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Id, or user principal name, or mail address
    account: String,
    /// A role it is to hold; may be given several times
    #[arg(long = "role", value_name = "NAME", required_unless_present = "none")]
    roles: Vec<String>,
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    none: bool,
}

/// Replaces the roles of an account.
///
/// # Errors
/// `NotFound`, `RequestInvalid`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("directory/objects/{}/roles", segment(&arguments.account));
    let change = RolesChange {
        roles: arguments.roles.clone(),
    };
    let object: DirectoryObject = context.client()?.post(&path, &change).await?;
    context
        .output
        .data(&object, |object| match arguments.roles.as_slice() {
            [] => format!("{} holds no administrative roles", object.display_name),
            roles => format!("{} holds {}", object.display_name, roles.join(", ")),
        })
}
