//! What rules name and the systems do not have.
//!
//! Looks at names only; what a name means is the business of `check`. Custom and extension attributes are ordinary ones: what
//! discovery shows is there. Trap: attributes that some products add to a directory (Exchange) are in the presets, and absent
//! ones are simply empty; they deserve a note, not an error.

use std::collections::BTreeSet;

use super::{
    check::{self, LINKED_ATTRIBUTES, PSEUDO_ATTRIBUTES},
    limits::MAX_PROBLEMS,
    preset,
    problem::{Problem, Suggestions},
    read, tree,
};
use crate::{
    code::Code,
    expression::compile::{self, Slots},
    object::AttributeInfo,
    value::Name,
};

/// What systems say of themselves.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Attributes of the source; `None`: not discovered.
    pub source: Option<Vec<AttributeInfo>>,
    /// Classes of the target with their attributes; `None`: not discovered.
    pub target: Option<Vec<TargetClass>>,
}

/// A class of the target.
#[derive(Clone, Debug)]
pub struct TargetClass {
    /// Name.
    pub name: Name,
    /// Attributes.
    pub attributes: Vec<TargetAttribute>,
}

/// An attribute of a class of the target.
#[derive(Clone, Debug)]
pub struct TargetAttribute {
    /// Name.
    pub name: Name,
    /// Whether it holds references.
    pub is_reference: bool,
    /// Whether an object cannot be without it.
    pub is_required: bool,
}

/// What the check against the systems came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Mistakes.
    pub problems: Vec<Problem>,
    /// What deserves attention and hinders nothing.
    pub notes: Vec<Problem>,
}

/// Holds rules against what the systems say of themselves.
pub fn check(schema: &read::Schema, known: &Discovered) -> Report {
    let mut checker = Checker {
        schema,
        known,
        source: known.source.as_ref().map(|all| names_of(all)),
        usual: usual_names(),
        suggestions: Suggestions::default(),
        report: Report::default(),
    };
    for (index, rule) in schema.synchronization_rules.list().iter().enumerate() {
        for (number, mapping) in rule.object_mappings.list().iter().enumerate() {
            if mapping.enabled.get() != Some(&false) {
                let path = format!("$.synchronizationRules[{index}].objectMappings[{number}]");
                checker.mapping(rule, mapping, &path);
            }
        }
    }
    checker.report
}

/// Folded names of discovered attributes, and of those every object has.
fn names_of(attributes: &[AttributeInfo]) -> BTreeSet<String> {
    let pseudo = PSEUDO_ATTRIBUTES
        .iter()
        .map(|name| name.to_ascii_lowercase());
    let found = attributes
        .iter()
        .map(|attribute| attribute.name.to_ascii_lowercase());
    pseudo.chain(found).collect()
}

/// Folded names the presets use: they exist where the product that adds them is installed.
fn usual_names() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = LINKED_ATTRIBUTES
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    for kind in preset::SOURCE_KINDS {
        let rules = preset::of_kind(kind).map(preset::load);
        let Some(Ok(rules)) = rules else { continue };
        names.extend(
            rules
                .source_attributes()
                .iter()
                .map(|name| name.to_ascii_lowercase()),
        );
    }
    names
}

struct Checker<'s> {
    schema: &'s read::Schema,
    known: &'s Discovered,
    source: Option<BTreeSet<String>>,
    usual: BTreeSet<String>,
    suggestions: Suggestions,
    report: Report,
}

impl Checker<'_> {
    fn mapping(&mut self, rule: &read::Rule, mapping: &read::ObjectMapping, path: &str) {
        let written = self.written_names(rule, mapping.source_object_name.text());
        for (index, attribute) in mapping.attribute_mappings.list().iter().enumerate() {
            let path = format!("{path}.attributeMappings[{index}].source");
            for name in names_in(attribute) {
                self.source_name(&name, &written, &path);
            }
        }
        self.scope(mapping, &written, path);
        self.target(mapping, path);
    }

    /// Folded names of the source class as the schema itself defines it; `None`: it does not.
    fn written_names(&self, rule: &read::Rule, class: &str) -> Option<BTreeSet<String>> {
        let mut directories = self.schema.directories.list().iter();
        let source = directories
            .find(|directory| directory.name.text() == rule.source_directory_name.text())?;
        let mut objects = source.objects.list().iter();
        let object = objects.find(|object| object.name.text().eq_ignore_ascii_case(class))?;
        let names = object
            .attributes
            .list()
            .iter()
            .map(|attribute| attribute.name.text().to_ascii_lowercase());
        Some(names.collect()).filter(|names: &BTreeSet<String>| !names.is_empty())
    }

    fn scope(
        &mut self,
        mapping: &read::ObjectMapping,
        written: &Option<BTreeSet<String>>,
        path: &str,
    ) {
        let Some(filter) = mapping.scope.get() else {
            return;
        };
        let lists = [
            ("groups", &filter.groups),
            ("inputFilterGroups", &filter.input_filter_groups),
            ("exclusions", &filter.exclusions),
        ];
        for (list, groups) in lists {
            for (index, group) in groups.list().iter().enumerate() {
                for (number, clause) in group.clauses.list().iter().enumerate() {
                    let name = clause.source_operand_name.text().trim();
                    let path =
                        format!("{path}.scope.{list}[{index}].clauses[{number}].sourceOperandName");
                    if !name.is_empty() {
                        self.source_name(name, written, &path);
                    }
                }
            }
        }
    }

    /// A name that neither the schema defines nor the source has.
    fn source_name(&mut self, name: &str, written: &Option<BTreeSet<String>>, path: &str) {
        let folded = name.to_ascii_lowercase();
        let has =
            |names: &Option<BTreeSet<String>>| names.as_ref().map(|names| names.contains(&folded));
        let is_pseudo = PSEUDO_ATTRIBUTES
            .iter()
            .any(|pseudo| pseudo.eq_ignore_ascii_case(name));
        match (has(&self.source), has(written)) {
            (Some(true), _) | (_, Some(true)) | (None, None) => {}
            _ if is_pseudo => {}
            (found, _) if self.usual.contains(&folded) => {
                if found.is_some() {
                    self.note(path, name);
                }
            }
            _ => self.unknown(path, name, written),
        }
    }

    fn note(&mut self, path: &str, name: &str) {
        if self.report.notes.len() < MAX_PROBLEMS {
            self.report.notes.push(Problem {
                path: path.to_owned(),
                code: Code::SchemaAttributeNotFound,
                message: format!("the source has no attribute {name}; it counts as empty"),
                cure: Some("leave it if the product that adds it may be installed later".into()),
            });
        }
    }

    fn unknown(&mut self, path: &str, name: &str, written: &Option<BTreeSet<String>>) {
        let discovered = self.known.source.iter().flatten().map(|info| &*info.name);
        let written = written.iter().flatten().map(String::as_str);
        let near = self.suggestions.cure(name, discovered.chain(written));
        let cure =
            near.or_else(|| Some("name an attribute of the source, or discover it again".into()));
        self.problem(path, format!("the source has no attribute {name}"), cure);
    }

    fn problem(&mut self, path: &str, message: String, cure: Option<String>) {
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(Problem {
                path: path.to_owned(),
                code: Code::SchemaAttributeNotFound,
                message,
                cure,
            });
        }
    }

    fn target(&mut self, mapping: &read::ObjectMapping, path: &str) {
        let Some(classes) = &self.known.target else {
            return;
        };
        let name = mapping.target_object_name.text();
        let class = classes
            .iter()
            .find(|class| class.name.eq_ignore_ascii_case(name));
        let Some(class) = class else {
            if !name.is_empty() {
                let names = classes.iter().map(|class| &*class.name);
                let near = self.suggestions.cure(name, names);
                let message = format!("the target has no objects of class {name}");
                self.problem(&format!("{path}.targetObjectName"), message, near);
            }
            return;
        };
        for (index, attribute) in mapping.attribute_mappings.list().iter().enumerate() {
            let path = format!("{path}.attributeMappings[{index}].targetAttributeName");
            self.target_name(attribute, class, &path);
        }
        self.required(mapping, class, path);
    }

    fn target_name(&mut self, attribute: &read::AttributeMapping, class: &TargetClass, path: &str) {
        let name = attribute.target_attribute_name.text();
        let found = class
            .attributes
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name));
        match found {
            _ if name.is_empty() || check::is_source_anchor(name) => {}
            None => {
                let names = class.attributes.iter().map(|known| &*known.name);
                let near = self.suggestions.cure(name, names);
                self.problem(
                    path,
                    format!("{} has no attribute {name}", class.name),
                    near,
                );
            }
            Some(known) if known.is_reference && !is_plain_attribute(attribute) => self.problem(
                path,
                format!("{name} refers to other objects, and its source is no attribute"),
                Some("map a linked attribute of the source to it".into()),
            ),
            Some(_) => {}
        }
    }

    fn required(&mut self, mapping: &read::ObjectMapping, class: &TargetClass, path: &str) {
        let is_mapped = |name: &str| {
            let mut all = mapping.attribute_mappings.list().iter();
            all.any(|attribute| {
                attribute
                    .target_attribute_name
                    .text()
                    .eq_ignore_ascii_case(name)
            })
        };
        let missing = class
            .attributes
            .iter()
            .filter(|attribute| attribute.is_required && !is_mapped(&attribute.name));
        for attribute in missing {
            self.problem(
                &format!("{path}.attributeMappings"),
                format!(
                    "{} must have {}, and nothing is mapped to it",
                    class.name, attribute.name
                ),
                Some(format!("map a source to {}", attribute.name)),
            );
        }
    }
}

fn is_plain_attribute(attribute: &read::AttributeMapping) -> bool {
    let source = attribute.source.get();
    source.is_some_and(|source| source.r#type.text() == "Attribute")
}

/// The source attributes a mapping uses; none if it cannot be compiled, which `check` tells.
fn names_in(attribute: &read::AttributeMapping) -> Vec<String> {
    let Some(source) = attribute.source.get() else {
        return Vec::new();
    };
    let Ok(expression) = tree::expression(source, 0) else {
        return Vec::new();
    };
    let mut slots = Slots::default();
    match compile::compile(&expression, &mut slots) {
        Ok(_) => slots.names().iter().map(ToString::to_string).collect(),
        Err(_) => Vec::new(),
    }
}
