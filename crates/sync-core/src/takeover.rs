//! Whether an object of the target may become the copy of a source object.
//!
//! Decided before anything is written, and never for objects that synchronisation manages already: those carry the anchor
//! because we wrote it, and linking them again is no takeover. Trap: who may write the anchor or the address of an account
//! in the source could take over the account in the target, which is why accounts with administrative roles are protected
//! unless somebody says otherwise.

use crate::{
    code::Code,
    operation::{Refusal, TargetObject},
    plan::Match,
    value::Value,
};

/// Target attribute with the administrative roles an account holds.
pub const ADMINISTRATIVE_ROLES: &str = "assignedRoles";
/// Target attribute that marks what synchronisation manages.
pub const SYNC_ENABLED: &str = "onPremisesSyncEnabled";

/// What may be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// An object that carries the source anchor.
    pub by_anchor: bool,
    /// An object that has a matching value.
    pub by_match: bool,
    /// An account that holds administrative roles, by either.
    pub of_administrators: bool,
}

impl Default for Takeover {
    fn default() -> Self {
        Self {
            by_anchor: true,
            by_match: true,
            of_administrators: false,
        }
    }
}

impl Takeover {
    /// Why an object that was found may not be taken over; `None`: it may.
    pub fn refuses(self, found: &TargetObject, how: Match) -> Option<Refusal> {
        if found.attributes.first(SYNC_ENABLED) == Some(&Value::Boolean(true)) {
            return None;
        }
        let roles = found.attributes.values(ADMINISTRATIVE_ROLES);
        let roles = roles.unwrap_or_default();
        if !roles.is_empty() && !self.of_administrators {
            let names: Vec<String> = roles.iter().map(Value::display).collect();
            let refusal = about(Code::ExistingAdminRoleConflict, found);
            return Some(refusal.with("roles", names.join(", ")));
        }
        match how {
            Match::Hard if !self.by_anchor => Some(about(Code::InvalidHardMatch, found)),
            Match::Soft if !self.by_match => {
                Some(about(Code::InvalidSoftMatch, found).with("reason", "SoftMatchSwitchedOff"))
            }
            Match::Hard | Match::Soft => None,
        }
    }
}

fn about(code: Code, found: &TargetObject) -> Refusal {
    let name = found.attributes.text("displayName").unwrap_or_default();
    Refusal::new(code)
        .with("owner", &*found.id.0)
        .with("ownerName", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::TargetId, value::Attributes};

    fn found(is_synchronised: bool, roles: &[&str]) -> TargetObject {
        let mut attributes = Attributes::new();
        attributes.set("displayName", vec!["Ada".into()]);
        attributes.set(SYNC_ENABLED, vec![Value::Boolean(is_synchronised)]);
        attributes.set(
            ADMINISTRATIVE_ROLES,
            roles
                .iter()
                .map(|role| Value::from(*role))
                .collect::<Vec<_>>(),
        );
        TargetObject {
            id: TargetId("t".into()),
            class: "User".into(),
            version: 1,
            is_deleted: false,
            source_anchor: None,
            attributes,
        }
    }

    /// The switches of `onPremisesSynchronization.features` and the protection of accounts with roles (5.2, 5.4).
    #[test]
    fn switches_and_roles_decide_what_is_taken_over() {
        let open = Takeover::default();
        let no_anchor = Takeover {
            by_anchor: false,
            ..open
        };
        let no_match = Takeover {
            by_match: false,
            ..open
        };
        let admins = Takeover {
            of_administrators: true,
            ..open
        };
        let (plain, admin) = (found(false, &[]), found(false, &["Global Administrator"]));
        let ours = found(true, &["Global Administrator"]);
        for (policy, object, how, expected) in [
            (open, &plain, Match::Hard, None),
            (open, &plain, Match::Soft, None),
            (
                open,
                &admin,
                Match::Hard,
                Some(Code::ExistingAdminRoleConflict),
            ),
            (
                open,
                &admin,
                Match::Soft,
                Some(Code::ExistingAdminRoleConflict),
            ),
            (admins, &admin, Match::Hard, None),
            (admins, &admin, Match::Soft, None),
            (no_anchor, &plain, Match::Hard, Some(Code::InvalidHardMatch)),
            (no_anchor, &plain, Match::Soft, None),
            (no_match, &plain, Match::Hard, None),
            (no_match, &plain, Match::Soft, Some(Code::InvalidSoftMatch)),
            (no_anchor, &ours, Match::Hard, None),
            (open, &ours, Match::Hard, None),
        ] {
            let refusal = policy.refuses(object, how);
            let code = refusal.as_ref().map(|why| why.code);
            assert_eq!(code, expected, "{policy:?} {how:?}");
            if let Some(why) = refusal {
                assert_eq!(why.argument("owner"), Some("t"));
                assert_eq!(why.argument("ownerName"), Some("Ada"));
            }
        }
    }
}
