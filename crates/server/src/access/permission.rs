//! Permissions, by the names Microsoft Graph gives them where it has one.
//!
//! Trap: whoever may write may read; nothing else follows from anything.

/// A right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Look at connectors, jobs, rules, objects and links.
    SynchronizationRead,
    /// Set them up, change, start and stop them, and decide about deletions.
    SynchronizationReadWrite,
    /// Read the provisioning log and the audit trail.
    AuditLogRead,
    /// Set up applications through the Graph-shaped API, and do everything with those it made.
    ApplicationOwned,
    /// Look at agents.
    AgentsRead,
    /// Admit and revoke agents.
    AgentsReadWrite,
    /// Look at the tenant directory.
    DirectoryRead,
    /// Change the tenant directory: domains, roles, the credential of the synchronisation.
    DirectoryReadWrite,
    /// Everything, also API clients.
    Administrator,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SynchronizationRead,
        Self::SynchronizationReadWrite,
        Self::AuditLogRead,
        Self::ApplicationOwned,
        Self::AgentsRead,
        Self::AgentsReadWrite,
        Self::DirectoryRead,
        Self::DirectoryReadWrite,
        Self::Administrator,
    ];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::SynchronizationRead => "Synchronization.Read.All",
            Self::SynchronizationReadWrite => "Synchronization.ReadWrite.All",
            Self::AuditLogRead => "AuditLog.Read.All",
            Self::ApplicationOwned => "Application.ReadWrite.OwnedBy",
            Self::AgentsRead => "Agents.Read.All",
            Self::AgentsReadWrite => "Agents.ReadWrite.All",
            Self::DirectoryRead => "Directory.Read.All",
            Self::DirectoryReadWrite => "Directory.ReadWrite.All",
            Self::Administrator => "Administrator",
        }
    }

    /// The permission of this name, without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// What includes it.
    fn included_in(self) -> Option<Self> {
        match self {
            Self::SynchronizationRead => Some(Self::SynchronizationReadWrite),
            Self::AgentsRead => Some(Self::AgentsReadWrite),
            Self::DirectoryRead => Some(Self::DirectoryReadWrite),
            _ => None,
        }
    }
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Everything.
    pub fn all() -> Self {
        Self::default().with(Permission::Administrator)
    }

    /// Those of these names; names nobody knows give nothing.
    pub fn named<T: AsRef<str>>(names: &[T]) -> Self {
        let known = names
            .iter()
            .filter_map(|name| Permission::from_name(name.as_ref()));
        known.fold(Self::default(), Self::with)
    }

    /// With one more.
    #[must_use]
    pub fn with(self, permission: Permission) -> Self {
        Self(self.0 | 1 << permission as u16)
    }

    fn has(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u16 != 0
    }

    /// Whether what needs this may be done.
    pub fn allow(self, needed: Permission) -> bool {
        self.has(Permission::Administrator)
            || self.has(needed)
            || needed.included_in().is_some_and(|wider| self.has(wider))
    }
}

/// What an act of the administrator's API needs, by method and the path below its base as it is routed. Whatever is not known
/// here needs the administrator: a route that is forgotten is closed and not open.
pub fn of_route(method: &axum::http::Method, path: &str) -> Permission {
    let reads = method == axum::http::Method::GET || method == axum::http::Method::HEAD;
    let of = |read: Permission, write: Permission| if reads { read } else { write };
    let noun = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    match noun {
        "connectors" | "jobs" | "status" | "metrics" | "objects" | "object" | "explain"
        | "idfix" | "pending" | "runs" | "deletions" | "expression" | "guard" | "holds"
        | "undo" | "alerts" | "staging" | "configuration" => match only_looks(path) {
            true => Permission::SynchronizationRead,
            false => of(
                Permission::SynchronizationRead,
                Permission::SynchronizationReadWrite,
            ),
        },
        "log" | "audit" if reads => Permission::AuditLogRead,
        "agents" | "agent-updates" | "enrolment-tokens" => {
            of(Permission::AgentsRead, Permission::AgentsReadWrite)
        }
        "directory" => of(Permission::DirectoryRead, Permission::DirectoryReadWrite),
        _ => Permission::Administrator,
    }
}

/// Acts that carry a body and change nothing.
fn only_looks(path: &str) -> bool {
    path == "/idfix"
        || path == "/configuration/plan"
        || ["/rules/check", "/preview", "/verify", "/expression"]
            .iter()
            .any(|act| path.starts_with("/jobs/") && path.ends_with(act))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    #[test]
    fn writing_includes_reading_and_nothing_includes_anything_else() {
        for have in Permission::ALL {
            let permissions = Permissions::default().with(have);
            for needed in Permission::ALL {
                let expected = have == needed
                    || have == Permission::Administrator
                    || have.name().replace("ReadWrite", "Read") == needed.name();
                assert_eq!(
                    permissions.allow(needed),
                    expected,
                    "{have:?} for {needed:?}"
                );
            }
        }
        assert!(
            Permission::ALL
                .into_iter()
                .all(|one| !Permissions::default().allow(one))
        );
    }

    #[test]
    fn names_are_read_back() {
        for one in Permission::ALL {
            assert_eq!(Permission::from_name(&one.name().to_lowercase()), Some(one));
        }
        assert_eq!(Permissions::named(&["Nonsense"]), Permissions::default());
    }

    #[test]
    fn routes_nobody_thought_of_need_the_administrator() {
        assert_eq!(
            of_route(&Method::GET, "/anything"),
            Permission::Administrator
        );
        assert_eq!(
            of_route(&Method::GET, "/api-clients"),
            Permission::Administrator
        );
        assert_eq!(of_route(&Method::POST, "/log"), Permission::Administrator);
        assert_eq!(
            of_route(&Method::POST, "/jobs/{name}/rules/check"),
            Permission::SynchronizationRead
        );
        assert_eq!(
            of_route(&Method::POST, "/jobs/{name}/rules"),
            Permission::SynchronizationReadWrite
        );
    }
}
