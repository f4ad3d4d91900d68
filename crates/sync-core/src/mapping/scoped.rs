//! Every scope an object is held against, clause by clause, with the values that were met.
//!
//! The same clauses that decide, asked one after another instead of until one decides; only made when somebody asks. Never
//! decides anything itself: the verdict is that of [`super::evaluate`]. Trap: several mappings may be for one class; the first
//! whose scope holds counts, and the others are shown all the same.

use super::{
    context::Context,
    evaluate::{Pseudo, SourceView, judge},
};
use crate::{
    schema::checked::Rules,
    scope::{GroupTrace, Verdict, clause::Seen, container},
    value::Name,
};

/// The scope of one mapping, as an object met it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeTrace {
    /// The mapping, as a number in [`Rules::mappings`].
    pub mapping: usize,
    /// Its name.
    pub name: String,
    /// Target class.
    pub target_class: Name,
    /// What it came to.
    pub verdict: Verdict,
    /// Whether the object is in a container of the scope; `None`: containers do not matter.
    pub is_in_containers: Option<bool>,
    /// Whether it is a member of a group of the scope; `None`: membership does not matter. Inner `None`: not known.
    pub is_in_groups: Option<Option<bool>>,
    /// All groups of clauses.
    pub groups: Vec<GroupTrace>,
}

/// The scopes of all mappings for the object's class, in order.
pub fn scopes(rules: &Rules, object: &SourceView<'_>, context: &Context<'_>) -> Vec<ScopeTrace> {
    let pseudo = Pseudo::of(object, &rules.slots);
    let values = pseudo.bind(&rules.slots, object.attributes);
    let seen = Seen {
        values: &values,
        link_counts: object.link_counts,
    };
    let named = rules.containers();
    let are_containers_named = !named.included.is_empty() || !named.excluded.is_empty();
    let is_in_containers = are_containers_named
        .then(|| container::is_inside(named, &context.containers, object.ancestors));
    let are_groups_named = !rules.groups().named.is_empty();
    let own = rules
        .mappings()
        .iter()
        .enumerate()
        .filter(|(_, mapping)| mapping.source_class.eq_ignore_ascii_case(object.class));
    own.map(|(index, mapping)| ScopeTrace {
        mapping: index,
        name: mapping.name.clone(),
        target_class: mapping.target_class.clone(),
        verdict: judge(rules, mapping, object, context, &seen),
        is_in_containers,
        is_in_groups: are_groups_named.then_some(object.is_group_member),
        groups: mapping.scope.trace(&seen, object.held.is_some()),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::Anchor,
        mapping::evaluate,
        schema::preset,
        scope::GroupRole,
        value::{Attributes, Value},
    };

    #[test]
    fn every_clause_is_shown_with_its_values_and_the_verdict_is_that_of_the_evaluation() {
        let rules = preset::load(preset::AD_TO_DIRECTORY).unwrap();
        let anchor = Anchor::new([1; 16]);
        let mut attributes = Attributes::new();
        attributes.set("sAMAccountName", vec![Value::from("krbtgt")]);
        attributes.set("isCriticalSystemObject", vec![Value::from(true)]);
        let view = SourceView::new(&anchor, "user", &attributes);
        let context = Context::default();
        let scopes = scopes(&rules, &view, &context);
        let evaluation = evaluate(&rules, &view, &context);
        assert!(!scopes.is_empty());
        assert_eq!(scopes[0].verdict, evaluation.scope);
        assert_ne!(scopes[0].verdict, Verdict::InScope);
        let hit = scopes[0]
            .groups
            .iter()
            .find(|group| group.role == GroupRole::Exclusion && group.truth == Some(true));
        let hit = hit.unwrap();
        assert!(hit.clauses.iter().any(|clause| !clause.values.is_empty()));
        assert!(
            scopes[0].groups.len() > 1,
            "all groups are shown, not only the one that decides"
        );
    }
}
