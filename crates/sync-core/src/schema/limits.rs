//! How large rules may be, so that checking and running them is bounded in time and memory.
//!
//! The figures are far above any real set of rules (the largest presets have some 300 mappings). Trap: a limit is told as a
//! problem with its place and its name, never by cutting something off.

use super::{problem::Problem, read};
use crate::code::Code;

// LIMIT: bytes of a schema.
/// Largest schema, in bytes of JSON.
pub const MAX_SCHEMA_BYTES: usize = 8 * 1024 * 1024;
// LIMIT: problems told; a schema with more is told to be so.
/// Most problems told at once.
pub const MAX_PROBLEMS: usize = 1_000;
/// Most rules.
pub const MAX_RULES: usize = 100;
/// Most mappings of objects, over all rules.
pub const MAX_OBJECT_MAPPINGS: usize = 500;
/// Most mappings of attributes, over all mappings of objects.
pub const MAX_ATTRIBUTE_MAPPINGS: usize = 10_000;
/// Most clauses of scopes, over all mappings of objects.
pub const MAX_CLAUSES: usize = 5_000;
/// Most values a clause is compared with.
pub const MAX_CLAUSE_VALUES: usize = 10_000;
/// Most containers and groups, each, over all rules.
pub const MAX_SCOPE_NAMES: usize = 1_000;
/// Most definitions of attributes, over all directories.
pub const MAX_DEFINITIONS: usize = 30_000;
/// Most suggestions ("did you mean"): each compares with every known name.
pub const MAX_SUGGESTIONS: usize = 20;
/// Most bytes of all expressions together.
pub const MAX_EXPRESSION_TOTAL_BYTES: usize = 2 * 1024 * 1024;
/// Most regular expressions in clauses: each may take milliseconds to prepare.
pub const MAX_REGEX_CLAUSES: usize = 500;

/// What a schema has too much of.
pub(super) fn exceeded(schema: &read::Schema) -> Vec<Problem> {
    let count = Counts::of(schema);
    let all = [
        ("rules", count.rules, MAX_RULES),
        (
            "mappings of objects",
            count.object_mappings,
            MAX_OBJECT_MAPPINGS,
        ),
        (
            "mappings of attributes",
            count.attribute_mappings,
            MAX_ATTRIBUTE_MAPPINGS,
        ),
        ("clauses", count.clauses, MAX_CLAUSES),
        (
            "clauses with a regular expression",
            count.regexes,
            MAX_REGEX_CLAUSES,
        ),
        ("values in one clause", count.values, MAX_CLAUSE_VALUES),
        ("containers or groups", count.names, MAX_SCOPE_NAMES),
        (
            "definitions of attributes",
            count.definitions,
            MAX_DEFINITIONS,
        ),
        (
            "bytes of expressions",
            count.expression_bytes,
            MAX_EXPRESSION_TOTAL_BYTES,
        ),
    ];
    let too_many = all.into_iter().filter(|(_, have, most)| have > most);
    too_many
        .map(|(what, have, most)| Problem {
            path: "$".into(),
            code: Code::SchemaInvalid,
            message: format!("there are {have} {what}, and at most {most} are possible"),
            cure: Some("divide the rules over several jobs".into()),
        })
        .collect()
}

#[derive(Default)]
struct Counts {
    rules: usize,
    object_mappings: usize,
    attribute_mappings: usize,
    clauses: usize,
    regexes: usize,
    values: usize,
    names: usize,
    definitions: usize,
    expression_bytes: usize,
}

impl Counts {
    fn of(schema: &read::Schema) -> Self {
        let mut counts = Self::default();
        for object in schema
            .directories
            .list()
            .iter()
            .flat_map(|directory| directory.objects.list())
        {
            counts.definitions += object.attributes.list().len();
        }
        for rule in schema.synchronization_rules.list() {
            counts.rule(rule);
        }
        counts
    }

    fn rule(&mut self, rule: &read::Rule) {
        self.rules += 1;
        if let Some(filter) = rule.container_filter.get() {
            self.names +=
                filter.included_containers.list().len() + filter.excluded_containers.list().len();
        }
        if let Some(filter) = rule.group_filter.get() {
            self.names += filter.included_groups.list().len();
        }
        for mapping in rule.object_mappings.list() {
            self.object_mappings += 1;
            self.attribute_mappings += mapping.attribute_mappings.list().len();
            for attribute in mapping.attribute_mappings.list() {
                self.source(attribute.source.get());
            }
            if let Some(filter) = mapping.scope.get() {
                self.filter(filter);
            }
        }
    }

    /// Parameters of parameters: as deep as the JSON was let through.
    fn source(&mut self, source: Option<&read::Source>) {
        let Some(source) = source else { return };
        self.expression_bytes += source.expression.text().len() + source.name.text().len();
        for parameter in source.parameters.list() {
            self.source(parameter.value.get().map(|value| &**value));
        }
    }

    fn filter(&mut self, filter: &read::Filter) {
        let groups = [
            &filter.groups,
            &filter.input_filter_groups,
            &filter.exclusions,
        ];
        let clauses = groups
            .into_iter()
            .flat_map(|groups| groups.list())
            .flat_map(|group| group.clauses.list());
        for clause in clauses {
            self.clauses += 1;
            let name = clause.operator_name.text();
            self.regexes += usize::from(name.to_ascii_uppercase().contains("REGEX"));
            let operand = clause.target_operand.get();
            let values = operand.map_or(0, |operand| operand.values.list().len());
            self.values = self.values.max(values);
        }
    }
}
