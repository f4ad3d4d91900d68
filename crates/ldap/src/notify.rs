//! The change notification control of AD: a search that is answered as long as the connection lives.
//!
//! It tells that an object changed and what it is now, never what changed, and nothing of before it was taken. Trap: the
//! search has no end, so it is drained with [`crate::Search::next_whenever`], not with `next`, and only a request beside it
//! shows whether a silent server still lives.
//!
//! # Source
//! MS-ADTS §3.1.1.3.4.1.9 LDAP_SERVER_NOTIFICATION_OID

use ldap3_proto::control::LdapControl;

/// The control's object identifier.
pub const CHANGE_NOTIFICATION: &str = "1.2.840.113556.1.4.528";

/// Turns a search into a watch. Filter: `(objectClass=*)`; scope: the base or one level, at the root of a naming context
/// also the subtree.
pub fn change_notification() -> LdapControl {
    LdapControl::Unknown {
        oid: CHANGE_NOTIFICATION.into(),
        criticality: true,
        value: None,
    }
}
