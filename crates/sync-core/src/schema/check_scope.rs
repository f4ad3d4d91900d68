//! Who is in scope, as written → checked: containers and groups of a rule, filters and clauses of a mapping.
//!
//! Part of `check`, apart for its size. Never resolves a name to an object. Trap: an operator that takes no operand ignores the
//! empty ones that exports of the originals carry.

use super::{check::Checker, read};
use crate::{
    code::Code,
    expression::compile,
    scope::{
        Group, Groups, Scope,
        clause::{Clause, Operator},
        container::Named,
        dn,
    },
};

/// Where objects of a rule are looked for.
#[derive(Default, PartialEq)]
pub(super) struct Place {
    pub containers: Named,
    pub groups: Groups,
}

impl Checker<'_> {
    /// A rule from a system into itself would follow its own changes for ever.
    pub(super) fn directions(&mut self, rule: &read::Rule, path: &str) {
        let (source, target) = (
            rule.source_directory_name.text(),
            rule.target_directory_name.text(),
        );
        if !source.is_empty() && source.eq_ignore_ascii_case(target) {
            self.invalid(
                &format!("{path}.targetDirectoryName"),
                format!("{source} is both source and target"),
                "name two different directories",
            );
        }
    }

    /// Containers and groups of a rule.
    pub(super) fn place(&mut self, rule: &read::Rule, path: &str) -> Place {
        let mut place = Place::default();
        if let Some(filter) = rule.container_filter.get() {
            let path = format!("{path}.containerFilter");
            place.containers.included = self.names(
                filter.included_containers.list(),
                &format!("{path}.includedContainers"),
            );
            place.containers.excluded = self.names(
                filter.excluded_containers.list(),
                &format!("{path}.excludedContainers"),
            );
            let included = &place.containers.included;
            let is_included = |dn: &&String| included.iter().any(|have| dn::is_same(have, dn));
            let twice = place.containers.excluded.iter().find(is_included).cloned();
            if let Some(twice) = twice {
                self.invalid(
                    &format!("{path}.excludedContainers"),
                    format!("{twice} is included and excluded"),
                    "remove it from one of the two lists",
                );
            }
        }
        if let Some(filter) = rule.group_filter.get() {
            let path = format!("{path}.groupFilter.includedGroups");
            place.groups.named = self.names(filter.included_groups.list(), &path);
            place.groups.is_transitive = filter.include_nested_members.get() == Some(&true);
        }
        place
    }

    /// Distinguished names, each of which has to be one.
    fn names(&mut self, names: &[String], path: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if !dn::is_name(name) {
                self.invalid(
                    &format!("{path}[{index}]"),
                    format!("{name:?} is no distinguished name"),
                    "write it as OU=Sales,DC=example,DC=com",
                );
            } else if !all.iter().any(|have| dn::is_same(have, name)) {
                all.push(name.clone());
            }
        }
        all
    }

    pub(super) fn scope(&mut self, mapping: &read::ObjectMapping, path: &str) -> Scope {
        let Some(filter) = mapping.scope.get() else {
            return Scope::default();
        };
        let path = format!("{path}.scope");
        if !filter.category_filter_groups.list().is_empty() {
            self.invalid(
                &format!("{path}.categoryFilterGroups"),
                "category filters are not supported",
                "express them as groups",
            );
        }
        Scope {
            filters: self.groups(filter.groups.list(), &format!("{path}.groups")),
            input_filters: self.groups(
                filter.input_filter_groups.list(),
                &format!("{path}.inputFilterGroups"),
            ),
            exclusions: self.groups(filter.exclusions.list(), &format!("{path}.exclusions")),
        }
    }

    fn groups(&mut self, groups: &[read::FilterGroup], path: &str) -> Vec<Group> {
        let mut all = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if group.clauses.list().is_empty() {
                self.invalid(
                    &path,
                    "the filter has no clauses",
                    "add a clause or remove the filter",
                );
            }
            let mut clauses = Vec::new();
            for (index, clause) in group.clauses.list().iter().enumerate() {
                clauses.extend(self.clause(clause, &format!("{path}.clauses[{index}]")));
            }
            all.push(Group {
                name: match group.name.text() {
                    "" => format!("filter {}", index + 1),
                    name => name.to_owned(),
                },
                clauses,
                only_new_objects: group.only_new_objects.get() == Some(&true),
            });
        }
        all
    }

    // LONG: one arm an operator.
    fn clause(&mut self, clause: &read::FilterClause, path: &str) -> Option<Clause> {
        let attribute = clause.source_operand_name.text().trim();
        if attribute.is_empty() {
            self.invalid(
                &format!("{path}.sourceOperandName"),
                "the attribute is missing",
                "name a source attribute",
            );
        }
        let name = clause.operator_name.text();
        let Some(operator) = Operator::from_name(name) else {
            let known = Operator::NAMES.iter().map(|(name, _)| *name);
            let near = match Operator::instead_of(name) {
                Some(cure) => Some(cure.to_owned()),
                None => self.suggestions.cure(name, known),
            };
            self.problem(
                &format!("{path}.operatorName"),
                Code::SchemaInvalid,
                format!("there is no operator {name:?}"),
                near,
            );
            return None;
        };
        let operands = clause
            .target_operand
            .get()
            .map_or(&[][..], |o| o.values.list());
        let path = format!("{path}.targetOperand");
        // A unary operator ignores operands, as exports of the originals carry empty ones.
        let operands = match operator.operands() {
            range if *range.end() == 0 => &[],
            range if range.contains(&operands.len()) => operands,
            _ => {
                self.invalid(
                    &path,
                    format!("{name} cannot take {} values", operands.len()),
                    "give it one value; & and !& take a list",
                );
                return None;
            }
        };
        let first = operands.first().map_or("", String::as_str);
        let integer = match (operator.takes_integer(), first.trim().parse()) {
            (true, Err(_)) => {
                self.invalid(
                    &path,
                    format!("{name} needs an integer, not {first:?}"),
                    "write a decimal number",
                );
                return None;
            }
            (_, number) => number.unwrap_or_default(),
        };
        let regex = match operator.takes_regex().then(|| compile::regex(first)) {
            None => None,
            Some(Ok(regex)) => Some(regex),
            Some(Err(message)) => {
                self.problem(&path, Code::SchemaInvalid, message, None);
                return None;
            }
        };
        Some(Clause {
            attribute: attribute.into(),
            slot: match operator {
                Operator::CountAtLeast => usize::MAX,
                _ => self.slots.slot(attribute),
            },
            operator,
            operands: operands.to_vec(),
            regex,
            integer,
        })
    }
}
