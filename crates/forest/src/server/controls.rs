//! What the controls of a request ask, read once.
//!
//! A critical control that is unknown or malformed ends the operation with 12; one that is not critical is
//! passed over when unknown. A malformed control is always answered, never met with silence.

use crate::proto::{Code, Control, DirSyncRequest, Outcome, oid};
use crate::store::View;

/// How DNs are extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extended {
    /// GUID and SID as hexadecimal octets.
    Hex,
    /// GUID and SID as text.
    Text,
}

/// What is asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) paged: Option<(i64, Vec<u8>)>,
    pub(super) dirsync: Option<DirSyncRequest>,
    pub(super) extended: Option<Extended>,
    pub(super) view: View,
    pub(super) is_notification: bool,
    pub(super) is_domain_scope: bool,
    pub(super) is_tree_delete: bool,
    pub(super) is_permissive: bool,
}

pub(super) fn read(controls: &[Control]) -> Result<Asked, Outcome> {
    let mut asked = Asked::default();
    for control in controls {
        let malformed = |_| unavailable("Error processing control");
        match control.oid.as_str() {
            oid::PAGED => asked.paged = Some(control.paged().map_err(malformed)?),
            oid::DIRSYNC => asked.dirsync = Some(control.dirsync().map_err(malformed)?),
            oid::EXTENDED_DN => {
                asked.extended = Some(match control.number().map_err(malformed)? {
                    0 => Extended::Hex,
                    1 => Extended::Text,
                    _ => return Err(unavailable("Error processing control")),
                });
            }
            oid::SHOW_DELETED => asked.view.deleted = true,
            oid::SHOW_RECYCLED => {
                asked.view.deleted = true;
                asked.view.recycled = true;
            }
            oid::SHOW_DEACTIVATED_LINK => asked.view.deactivated = true,
            oid::NOTIFICATION => asked.is_notification = true,
            oid::DOMAIN_SCOPE => asked.is_domain_scope = true,
            oid::TREE_DELETE => asked.is_tree_delete = true,
            oid::PERMISSIVE_MODIFY => asked.is_permissive = true,
            oid::SD_FLAGS | oid::LAZY_COMMIT | oid::SEARCH_OPTIONS => {}
            _ if control.is_critical => {
                return Err(unavailable("The server does not support the control"));
            }
            _ => {}
        }
    }
    Ok(asked)
}

/// A control cannot be honoured.
pub(super) fn unavailable(why: &str) -> Outcome {
    Outcome::of(
        Code::UnavailableCriticalExtension,
        format!("00000057: LdapErr: DSID-0C090A7F, comment: {why}, data 0, v4563"),
    )
}
