//! The embedded tenant directory, as far as an administrator of the synchronisation needs it.
//!
//! Trap: changes of synchronised objects would be drift, so only objects the tenant manages itself are changed here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{References, Values};

/// The tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tenant {
    /// Id.
    pub id: String,
    /// Name.
    pub display_name: String,
    /// The domain it always has.
    pub initial_domain: String,
    /// Live objects by kind.
    pub objects: BTreeMap<String, u64>,
    /// Deleted users that can be restored.
    pub deleted_users: u64,
}

/// A verified domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Whether the tenant always has it.
    pub is_initial: bool,
    /// Whether sign-ins are carried out by somebody else.
    pub is_federated: bool,
}

/// `POST /directory/domains`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DomainChange {
    /// Its name.
    pub name: String,
    /// Whether sign-ins are carried out by somebody else; absent: stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_federated: Option<bool>,
}

/// `POST /directory/objects/{name}/roles`: the administrative roles of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RolesChange {
    /// All roles it is to hold; none: it is no administrator.
    pub roles: Vec<String>,
}

/// `POST /directory/objects`: an object that lives only in the tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewObject {
    /// `user`, `group` or `contact`.
    pub kind: String,
    /// Its attributes.
    pub attributes: Values,
}

/// `PATCH /directory/objects/{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ObjectChange {
    /// New values by attribute; none: cleared.
    pub attributes: Values,
}

/// `POST /directory/objects/{name}/authority`: who manages an object from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthorityChange {
    /// The source it is synchronised from (true), or the tenant (false).
    pub is_synchronised: bool,
}

/// An object of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DirectoryObject {
    /// Id.
    pub id: String,
    /// `user`, `group`, `contact` or `device`.
    pub kind: String,
    /// Display name.
    pub display_name: String,
    /// User principal name, or mail address.
    pub address: String,
    /// Whether it is synchronised from a source.
    pub is_synchronised: bool,
    /// When it was deleted, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
    /// Attributes; only in the answer for one object.
    #[serde(skip_serializing_if = "Values::is_empty")]
    pub attributes: Values,
    /// References; only in the answer for one object.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, References>,
}

/// One reference, for lists of members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    /// Id.
    pub id: String,
    /// Display name.
    pub display_name: String,
}

/// `POST /directory/credential`: a new secret for the synchronisation's service principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RotateCredential {
    /// How long it is valid, in days; 0: one year.
    pub lifetime_days: u32,
}

/// What repairing the synchronisation's service account came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Repaired {
    /// What was wrong; absent: nothing, and nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<super::Problem>,
    /// The new credential, if one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
}

/// The credential of the synchronisation's service principal; never its secret, which the server stores itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Credential {
    /// Id of the service principal.
    pub application_id: String,
    /// Until when it is valid.
    pub expires_at: String,
}
