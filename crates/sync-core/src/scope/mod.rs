//! Which objects are in scope, and why not.
//!
//! Three-valued: a clause over a missing value is unknown; unknown is not a match, neither of a filter nor of an exclusion, and
//! is reported as what it is. Never changes anything. Trap: clauses of a group are ANDed, groups are ORed, exclusions win.

pub mod clause;
pub mod container;
pub mod dn;

use std::fmt;

use clause::{Clause, Seen};

use crate::{code::Code, operation::Refusal, value::Name};

/// Linked attributes that make an object a member of a group; the first is Active Directory's.
pub const MEMBER_ATTRIBUTES: [&str; 3] = ["member", "memberUid", "uniqueMember"];
/// Classes of groups, as the directories we know call them; the first is Active Directory's.
pub const GROUP_CLASSES: [&str; 4] = ["group", "groupOfNames", "groupOfUniqueNames", "posixGroup"];

/// Groups whose members, and who themselves, are in scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// By DN, as the rules name them; the caller resolves them to anchors.
    pub named: Vec<String>,
    /// Whether members of groups that are members count too.
    pub is_transitive: bool,
}

/// The checked scope of an object mapping.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(crate) filters: Vec<Group>,
    pub(crate) input_filters: Vec<Group>,
    pub(crate) exclusions: Vec<Group>,
}

/// Clauses that must all match.
#[derive(Clone, Debug)]
pub struct Group {
    pub(crate) name: String,
    pub(crate) clauses: Vec<Clause>,
    pub(crate) only_new_objects: bool,
}

/// Whether an object is in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    InScope,
    /// It is not.
    Out {
        /// Why.
        reason: ScopeReason,
    },
}

/// Why an object is out of scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeReason {
    /// No enabled mapping is for this class.
    NoMapping {
        /// The class.
        class: String,
    },
    /// It is in no container of the scope, or the nearest one above it is excluded.
    OutsideContainers {
        /// Its distinguished name.
        dn: String,
    },
    /// It is a member of no group of the scope.
    OutsideGroups,
    /// Whether it is a member of a group of the scope is not known: a group is gone, or was not read yet.
    GroupsUnknown,
    /// An exclusion matched.
    Excluded {
        /// Name of the exclusion.
        name: String,
        /// Its clauses.
        clauses: Vec<ClauseResult>,
    },
    /// No filter matched.
    NoFilterMatched {
        /// All filters.
        filters: Vec<GroupResult>,
        /// Whether an object already in the target is left there (`inputFilterGroups`).
        is_input: bool,
    },
}

/// What came of a group of clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupResult {
    /// Name of the group.
    pub name: String,
    /// Its clauses.
    pub clauses: Vec<ClauseResult>,
}

/// What a group of clauses is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRole {
    /// A match keeps the object out.
    Exclusion,
    /// One of these must match for an object to enter; one that is in stays.
    InputFilter,
    /// One of these must match.
    Filter,
}

impl GroupRole {
    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exclusion => "exclusion",
            Self::InputFilter => "inputFilter",
            Self::Filter => "filter",
        }
    }
}

/// A group of clauses with everything it met, whether or not it decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTrace {
    /// What it is for.
    pub role: GroupRole,
    /// Name of the group.
    pub name: String,
    /// Its truth; `None`: unknown.
    pub truth: Option<bool>,
    /// Whether it is asked at all: some exclusions are for new objects only.
    pub applies: bool,
    /// Its clauses.
    pub clauses: Vec<ClauseResult>,
}

/// What came of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClauseResult {
    /// The clause as text.
    pub clause: String,
    /// The values it saw, shortened.
    pub values: Vec<String>,
    /// Its truth; `None`: unknown.
    pub truth: Option<bool>,
}

impl Scope {
    /// Linked attributes whose number of values is asked for.
    pub(crate) fn counted_links(&self) -> impl Iterator<Item = &Name> {
        let groups = [&self.filters, &self.input_filters, &self.exclusions];
        let clauses = groups
            .into_iter()
            .flatten()
            .flat_map(|group| &group.clauses);
        clauses.filter_map(Clause::counted_link)
    }

    /// Every group of clauses with what it came to, in the order in which they decide: exclusions, input filters, filters.
    pub(crate) fn trace(&self, seen: &Seen<'_>, is_linked: bool) -> Vec<GroupTrace> {
        let groups = [
            (GroupRole::Exclusion, &self.exclusions),
            (GroupRole::InputFilter, &self.input_filters),
            (GroupRole::Filter, &self.filters),
        ];
        let traced = |role, group: &Group| GroupTrace {
            role,
            name: group.name.clone(),
            truth: group.truth(seen),
            applies: !(group.only_new_objects && is_linked),
            clauses: group.results(seen),
        };
        let each = groups
            .into_iter()
            .flat_map(|(role, all)| all.iter().map(move |group| traced(role, group)));
        each.collect()
    }

    /// Judges an object. `is_linked`: it has a target object already.
    pub(crate) fn judge(&self, seen: &Seen<'_>, is_linked: bool) -> Verdict {
        let excluded = self.exclusions.iter().find(|group| {
            !(group.only_new_objects && is_linked) && group.truth(seen) == Some(true)
        });
        if let Some(group) = excluded {
            let name = group.name.clone();
            let clauses = group.results(seen);
            return Verdict::Out {
                reason: ScopeReason::Excluded { name, clauses },
            };
        }
        for (filters, is_input) in [(&self.input_filters, true), (&self.filters, false)] {
            let matches = |group: &Group| group.truth(seen) == Some(true);
            if !filters.is_empty() && !filters.iter().any(matches) {
                let filters = filters.iter().map(|group| group.result(seen)).collect();
                return Verdict::Out {
                    reason: ScopeReason::NoFilterMatched { filters, is_input },
                };
            }
        }
        Verdict::InScope
    }
}

impl Group {
    fn truth(&self, seen: &Seen<'_>) -> Option<bool> {
        let mut all = Some(true);
        for clause in &self.clauses {
            match clause.truth(seen) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }

    fn results(&self, seen: &Seen<'_>) -> Vec<ClauseResult> {
        self.clauses
            .iter()
            .map(|clause| clause.result(seen))
            .collect()
    }

    fn result(&self, seen: &Seen<'_>) -> GroupResult {
        GroupResult {
            name: self.name.clone(),
            clauses: self.results(seen),
        }
    }
}

impl fmt::Display for ClauseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let truth = match self.truth {
            Some(true) => "true",
            Some(false) => "false",
            None => "unknown",
        };
        match self.values.as_slice() {
            [] => write!(f, "{} is {truth}: no value", self.clause),
            values => write!(f, "{} is {truth}: {}", self.clause, values.join(", ")),
        }
    }
}

impl fmt::Display for ScopeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMapping { class } => write!(f, "no mapping is for objects of class {class}"),
            Self::OutsideContainers { .. } => {
                f.write_str("the object is in no container of the scope")
            }
            Self::OutsideGroups => f.write_str("the object is a member of no group of the scope"),
            Self::GroupsUnknown => f.write_str(
                "whether the object is a member of a group of the scope is not known: a group is gone, or was not read yet",
            ),
            Self::Excluded { name, clauses } => {
                write!(f, "excluded as {name}")?;
                clauses
                    .iter()
                    .try_for_each(|clause| write!(f, "; {clause}"))
            }
            Self::NoFilterMatched { filters, .. } => {
                f.write_str("no filter of the scope matches")?;
                for group in filters {
                    write!(f, "; {}", group.name)?;
                    group
                        .clauses
                        .iter()
                        .try_for_each(|clause| write!(f, ": {clause}"))?;
                }
                Ok(())
            }
        }
    }
}

impl ScopeReason {
    /// A short, stable word for the kind of reason.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoMapping { .. } => "NoMapping",
            Self::OutsideContainers { .. } => "OutsideContainers",
            Self::OutsideGroups => "OutsideGroups",
            Self::GroupsUnknown => "GroupsUnknown",
            Self::Excluded { .. } => "Excluded",
            Self::NoFilterMatched { is_input: true, .. } => "NoInputFilterMatched",
            Self::NoFilterMatched { .. } => "NoFilterMatched",
        }
    }

    /// The reason as a record of the log has it.
    pub fn refusal(&self) -> Refusal {
        Refusal::new(Code::EntrySynchronizationSkipped)
            .with("scope", self.kind())
            .with("reason", self.to_string())
    }
}
