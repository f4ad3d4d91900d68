//! Add, modify, delete, rename.
//!
//! Never used by a source connector. Trap: an answer lost to a time-out leaves it unknown whether the change was made.

use ldap3_proto::proto::{
    LdapAddRequest, LdapModify, LdapModifyDNRequest, LdapModifyRequest, LdapModifyType, LdapOp,
    LdapPartialAttribute,
};

use crate::{connection::Connection, error::Error};

/// What to do with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Add them.
    Add,
    /// Delete them (none: all).
    Delete,
    /// Replace all by them (none: clear).
    Replace,
}

/// A change of one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What to do.
    pub kind: ChangeKind,
    /// Attribute.
    pub attribute: String,
    /// Values.
    pub values: Vec<Vec<u8>>,
}

impl Change {
    /// A change.
    pub fn new<V: Into<Vec<u8>>>(
        kind: ChangeKind,
        attribute: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            kind,
            attribute: attribute.into(),
            values: values.into_iter().map(Into::into).collect(),
        }
    }
}

impl Connection {
    /// Adds an object.
    ///
    /// # Errors
    /// [`Error::Refused`], silence, or a broken connection.
    pub async fn add(
        &self,
        dn: &str,
        attributes: Vec<(String, Vec<Vec<u8>>)>,
    ) -> Result<(), Error> {
        let attributes = attributes
            .into_iter()
            .map(|(atype, vals)| LdapPartialAttribute { atype, vals })
            .collect();
        let request = LdapAddRequest {
            dn: dn.to_owned(),
            attributes,
        };
        self.demand("add", LdapOp::AddRequest(request), Vec::new())
            .await
    }

    /// Changes attributes of an object.
    ///
    /// # Errors
    /// As [`Connection::add`].
    pub async fn modify(&self, dn: &str, changes: Vec<Change>) -> Result<(), Error> {
        self.modify_with(dn, changes, Vec::new()).await
    }

    /// Changes attributes of an object, with controls.
    ///
    /// # Errors
    /// As [`Connection::add`].
    pub async fn modify_with(
        &self,
        dn: &str,
        changes: Vec<Change>,
        controls: Vec<ldap3_proto::control::LdapControl>,
    ) -> Result<(), Error> {
        let changes = changes.into_iter().map(raw).collect();
        let request = LdapModifyRequest {
            dn: dn.to_owned(),
            changes,
        };
        self.demand("modify", LdapOp::ModifyRequest(request), controls)
            .await
    }

    /// Deletes an object without children.
    ///
    /// # Errors
    /// As [`Connection::add`].
    pub async fn delete(&self, dn: &str) -> Result<(), Error> {
        self.demand("delete", LdapOp::DelRequest(dn.to_owned()), Vec::new())
            .await
    }

    /// Renames an object, and moves it if a new parent is given.
    ///
    /// # Errors
    /// As [`Connection::add`].
    pub async fn rename(
        &self,
        dn: &str,
        new_rdn: &str,
        new_parent: Option<&str>,
    ) -> Result<(), Error> {
        let request = LdapModifyDNRequest {
            dn: dn.to_owned(),
            newrdn: new_rdn.to_owned(),
            deleteoldrdn: true,
            new_superior: new_parent.map(str::to_owned),
        };
        self.demand("rename", LdapOp::ModifyDNRequest(request), Vec::new())
            .await
    }
}

fn raw(change: Change) -> LdapModify {
    LdapModify {
        operation: match change.kind {
            ChangeKind::Add => LdapModifyType::Add,
            ChangeKind::Delete => LdapModifyType::Delete,
            ChangeKind::Replace => LdapModifyType::Replace,
        },
        modification: LdapPartialAttribute {
            atype: change.attribute,
            vals: change.values,
        },
    }
}
