//! Schema as written → checked rules, or every mistake in it.
//!
//! Looks at nothing but the schema. Trap: target names are checked only if the schema defines the target's objects.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    check_scope::Place,
    checked::{
        AttributeMapping, FlowType, Flows, ObjectMapping, ReferenceMapping, Rules, Shape,
        TargetKind,
    },
    limits::MAX_PROBLEMS,
    problem::{Problem, Suggestions},
    read,
    tree::expression,
};
use crate::{
    code::Code,
    expression::{
        Failure,
        ast::Kind,
        compile::{self, Slots},
    },
    value::Name,
};

/// Attributes every object has without being read: they come from the entry itself.
pub const PSEUDO_ATTRIBUTES: [&str; 4] = ["distinguishedName", "objectGUID", "objectClass", "rdn"];

/// Source attributes that are links to other objects.
pub const LINKED_ATTRIBUTES: [&str; 19] = [
    "member",
    "uniqueMember",
    "memberUid",
    "manager",
    "managedBy",
    "assistant",
    "secretary",
    "owner",
    "roleOccupant",
    "seeAlso",
    "authOrig",
    "unauthOrig",
    "dLMemRejectPerms",
    "dLMemSubmitPerms",
    "publicDelegates",
    "msExchModeratedByLink",
    "msExchCoManagedByLink",
    "msExchDelegateListLink",
    "altRecipient",
];

/// Target attributes that hold the source anchor.
const SOURCE_ANCHOR_NAMES: [&str; 3] = [
    "onPremisesImmutableId",
    "sourceAnchor",
    "sourceAnchorBinary",
];

/// Whether a target attribute holds the source anchor.
pub(super) fn is_source_anchor(name: &str) -> bool {
    SOURCE_ANCHOR_NAMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Target references that hold one object.
const SINGLE_REFERENCES: [&str; 4] = ["manager", "assistant", "secretary", "altRecipient"];

/// Checks a schema.
///
/// # Errors
/// All problems.
pub fn check(schema: &read::Schema) -> Result<Rules, Vec<Problem>> {
    let mut checker = Checker {
        schema,
        slots: Slots::default(),
        problems: Vec::new(),
        suggestions: Suggestions::default(),
    };
    let rules = checker.rules();
    match checker.problems.is_empty() {
        true => Ok(rules),
        false => Err(checker.problems),
    }
}

/// Rules while they are checked.
pub(super) struct Checker<'s> {
    schema: &'s read::Schema,
    pub(super) slots: Slots,
    problems: Vec<Problem>,
    pub(super) suggestions: Suggestions,
}

impl<'s> Checker<'s> {
    pub(super) fn problem(
        &mut self,
        path: &str,
        code: Code,
        message: impl Into<String>,
        cure: Option<String>,
    ) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                path: path.to_owned(),
                code,
                message: message.into(),
                cure,
            });
        }
    }

    pub(super) fn invalid(&mut self, path: &str, message: impl Into<String>, cure: &str) {
        self.problem(path, Code::SchemaInvalid, message, Some(cure.to_owned()));
    }

    fn rules(&mut self) -> Rules {
        let mut written: Vec<(usize, &read::Rule)> = self
            .schema
            .synchronization_rules
            .list()
            .iter()
            .enumerate()
            .collect();
        written.sort_by_key(|(_, rule)| rule.priority.get().copied().unwrap_or(0));
        if written.is_empty() {
            self.invalid("$.synchronizationRules", "there is no rule", "add one rule");
        }
        let mut mappings = Vec::new();
        let mut place: Option<(usize, Place)> = None;
        for (index, rule) in written {
            let path = format!("$.synchronizationRules[{index}]");
            self.directions(rule, &path);
            let own = self.place(rule, &path);
            mappings.extend(self.object_mappings(rule, &path));
            match &place {
                None => place = Some((index, own)),
                Some((first, one)) if *one != own => self.invalid(
                    &path,
                    format!("its containers or groups are others than those of synchronizationRules[{first}]"),
                    "put rules with other containers or groups into a job of their own",
                ),
                Some(_) => {}
            }
        }
        let place = place.map(|(_, place)| place).unwrap_or_default();
        Rules {
            slots: std::mem::take(&mut self.slots),
            mappings,
            containers: place.containers,
            groups: place.groups,
        }
    }

    fn object_mappings(&mut self, rule: &'s read::Rule, path: &str) -> Vec<ObjectMapping> {
        let directory = |name: &read::Member<String>| {
            let mut all = self.schema.directories.list().iter();
            all.find(|directory| directory.name.text() == name.text())
        };
        let source = directory(&rule.source_directory_name);
        let target = directory(&rule.target_directory_name);
        let mut all = Vec::new();
        for (index, mapping) in rule.object_mappings.list().iter().enumerate() {
            let path = format!("{path}.objectMappings[{index}]");
            let checked = self.object_mapping(mapping, source, target, &path);
            if mapping.enabled.get() != Some(&false) {
                all.push(checked);
            }
        }
        all
    }

    fn object_mapping(
        &mut self,
        mapping: &'s read::ObjectMapping,
        source: Option<&'s read::Directory>,
        target: Option<&'s read::Directory>,
        path: &str,
    ) -> ObjectMapping {
        let source_class = mapping.source_object_name.text();
        let target_class = mapping.target_object_name.text();
        if source_class.is_empty() {
            self.invalid(path, "the source class is missing", "set sourceObjectName");
        }
        if target_class.is_empty() {
            self.invalid(path, "the target class is missing", "set targetObjectName");
        }
        let source = source.and_then(|directory| object(directory, source_class));
        let definition = target.and_then(|directory| object(directory, target_class));
        if definition.is_none() && target.is_some_and(|t| !t.objects.list().is_empty()) {
            let names = target
                .map_or(&[][..], |t| t.objects.list())
                .iter()
                .map(|o| o.name.text());
            let near = self.suggestions.cure(target_class, names);
            let message = format!("the target has no objects of class {target_class}");
            self.problem(
                &format!("{path}.targetObjectName"),
                Code::SchemaInvalid,
                message,
                near,
            );
        }
        let mut checked = ObjectMapping {
            name: mapping.name.text().to_owned(),
            source_class: source_class.into(),
            target_class: definition.map_or(target_class, |d| d.name.text()).into(),
            flows: self.flows(mapping, path),
            scope: self.scope(mapping, path),
            attributes: Vec::new(),
            handings: Vec::new(),
            references: Arc::default(),
            source_anchor: None,
        };
        self.attributes(mapping, source, definition, path, &mut checked);
        self.priorities(mapping, path);
        checked
    }

    fn flows(&mut self, mapping: &read::ObjectMapping, path: &str) -> Flows {
        let Some(text) = mapping.flow_types.get() else {
            return Flows {
                add: true,
                update: true,
                delete: true,
            };
        };
        let mut flows = Flows {
            add: false,
            update: false,
            delete: false,
        };
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match word.to_ascii_lowercase().as_str() {
                "add" => flows.add = true,
                "update" => flows.update = true,
                "delete" => flows.delete = true,
                "none" => {}
                _ => self.invalid(
                    &format!("{path}.flowTypes"),
                    format!("there is no flow type {word}"),
                    "use Add, Update, Delete",
                ),
            }
        }
        flows
    }

    fn attributes(
        &mut self,
        mapping: &'s read::ObjectMapping,
        source: Option<&read::ObjectDefinition>,
        target: Option<&'s read::ObjectDefinition>,
        path: &str,
        checked: &mut ObjectMapping,
    ) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (index, attribute) in mapping.attribute_mappings.list().iter().enumerate() {
            let path = format!("{path}.attributeMappings[{index}]");
            let name = attribute.target_attribute_name.text();
            if name.is_empty() {
                self.invalid(
                    &path,
                    "the target attribute is missing",
                    "set targetAttributeName",
                );
                continue;
            }
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), index) {
                self.invalid(
                    &format!("{path}.targetAttributeName"),
                    format!("{name} is filled twice: attributeMappings[{first}] does it too"),
                    "remove one of the two mappings",
                );
                continue;
            }
            let definition = self.target_attribute(name, target, &path);
            let kind = definition.map(target_kind);
            let spelling = definition.map_or(name, |d| d.name.text());
            match link(attribute, source, kind) {
                Some(link) => Arc::make_mut(&mut checked.references).push(ReferenceMapping {
                    source: link.into(),
                    target: spelling.into(),
                    is_multivalued: kind.map_or_else(
                        || {
                            !SINGLE_REFERENCES
                                .iter()
                                .any(|s| s.eq_ignore_ascii_case(name))
                        },
                        |kind| kind.is_multivalued,
                    ),
                }),
                None => {
                    let Some(built) = self.attribute(attribute, spelling.into(), kind, &path)
                    else {
                        continue;
                    };
                    if is_source_anchor(name) {
                        checked.source_anchor = Some(built);
                    } else {
                        checked.attributes.push(built);
                    }
                }
            }
        }
        checked.order();
    }

    fn target_attribute(
        &mut self,
        name: &str,
        target: Option<&'s read::ObjectDefinition>,
        path: &str,
    ) -> Option<&'s read::AttributeDefinition> {
        let target = target?;
        let known = target.attributes.list();
        let found = known
            .iter()
            .find(|a| a.name.text().eq_ignore_ascii_case(name));
        if found.is_none() {
            let near = self
                .suggestions
                .cure(name, known.iter().map(|a| a.name.text()));
            self.problem(
                &format!("{path}.targetAttributeName"),
                Code::SchemaAttributeNotFound,
                format!("{} has no attribute {name}", target.name.text()),
                near,
            );
        }
        found
    }

    fn attribute(
        &mut self,
        attribute: &read::AttributeMapping,
        target: Name,
        kind: Option<TargetKind>,
        path: &str,
    ) -> Option<AttributeMapping> {
        let flow = self.flow(attribute, kind, path);
        let expression = match (attribute.source.get(), attribute.default_value.get()) {
            (Some(source), _) => match expression(source, 0) {
                Ok(expression) => expression,
                Err(failure) => {
                    self.failures(vec![failure], &format!("{path}.source"));
                    return None;
                }
            },
            // No source: the target is left alone, except for the default at creation.
            (None, Some(_)) => Kind::Null.into(),
            (None, None) => return None,
        };
        let text = expression.to_string();
        let node = match compile::compile(&expression, &mut self.slots) {
            Ok(node) => node,
            Err(failures) => {
                self.failures(failures, &format!("{path}.source.expression"));
                return None;
            }
        };
        let priority = attribute.matching_priority.get().copied().unwrap_or(0);
        let matching_priority = u32::try_from(priority).unwrap_or_else(|_| {
            self.invalid(
                &format!("{path}.matchingPriority"),
                format!("the matching priority {priority} is not possible"),
                "use 0 for none, else 1 and up",
            );
            0
        });
        Some(AttributeMapping {
            target,
            kind,
            node,
            text,
            default_value: attribute.default_value.get().cloned(),
            flow: match attribute.source.get() {
                Some(_) => flow,
                None => FlowType::ObjectAddOnly,
            },
            matching_priority,
        })
    }

    fn failures(&mut self, failures: Vec<Failure>, path: &str) {
        for failure in failures {
            let message = failure.to_string();
            self.problem(path, Code::SchemaInvalid, message, failure.cure);
        }
    }

    fn flow(
        &mut self,
        attribute: &read::AttributeMapping,
        kind: Option<TargetKind>,
        path: &str,
    ) -> FlowType {
        match attribute.flow_behavior.text() {
            "" | "FlowWhenChanged" | "FlowAlways" => {}
            other => self.invalid(
                &format!("{path}.flowBehavior"),
                format!("there is no flow behaviour {other}"),
                "use FlowWhenChanged or FlowAlways",
            ),
        }
        match attribute.flow_type.text() {
            "" | "Always" => FlowType::Always,
            "ObjectAddOnly" | "AttributeAddOnly" => FlowType::ObjectAddOnly,
            "MultiValueAddOnly" => {
                if kind.is_some_and(|kind| !kind.is_multivalued) {
                    self.invalid(
                        &format!("{path}.flowType"),
                        "MultiValueAddOnly is for attributes with several values",
                        "use Always",
                    );
                }
                FlowType::MultiValueAddOnly
            }
            other => {
                self.invalid(
                    &format!("{path}.flowType"),
                    format!("there is no flow type {other}"),
                    "use Always, ObjectAddOnly or MultiValueAddOnly",
                );
                FlowType::Always
            }
        }
    }

    fn priorities(&mut self, mapping: &read::ObjectMapping, path: &str) {
        let mut seen = BTreeSet::new();
        for (index, attribute) in mapping.attribute_mappings.list().iter().enumerate() {
            let priority = attribute.matching_priority.get().copied().unwrap_or(0);
            if priority > 0 && !seen.insert(priority) {
                self.invalid(
                    &format!("{path}.attributeMappings[{index}].matchingPriority"),
                    format!("the matching priority {priority} is used twice"),
                    "give each matching attribute its own priority",
                );
            }
        }
    }
}

fn object<'d>(directory: &'d read::Directory, name: &str) -> Option<&'d read::ObjectDefinition> {
    let mut all = directory.objects.list().iter();
    all.find(|object| object.name.text().eq_ignore_ascii_case(name))
}

fn target_kind(definition: &read::AttributeDefinition) -> TargetKind {
    TargetKind {
        shape: match definition.r#type.text() {
            "Integer" => Shape::Integer,
            "Boolean" => Shape::Boolean,
            "Binary" => Shape::Binary,
            "Reference" => Shape::Reference,
            _ => Shape::Text,
        },
        is_multivalued: definition.multivalued.get() == Some(&true),
        is_required: definition.required.get() == Some(&true),
    }
}

/// The linked attribute a mapping takes over as references, if it does.
fn link<'m>(
    mapping: &'m read::AttributeMapping,
    source: Option<&read::ObjectDefinition>,
    target: Option<TargetKind>,
) -> Option<&'m str> {
    let from = mapping.source.get()?;
    if from.r#type.text() != "Attribute" {
        return None;
    }
    let name = from.name.text();
    let is_reference = |a: &&read::AttributeDefinition| a.r#type.text() == "Reference";
    let is_linked = LINKED_ATTRIBUTES
        .iter()
        .any(|link| link.eq_ignore_ascii_case(name))
        || target.is_some_and(|kind| kind.shape == Shape::Reference)
        || source.is_some_and(|source| {
            let mut all = source.attributes.list().iter().filter(is_reference);
            all.any(|a| a.name.text().eq_ignore_ascii_case(name))
        });
    is_linked.then_some(name)
}
