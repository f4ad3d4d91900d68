//! Rules that have been checked: every name resolved, every expression compiled.
//!
//! Fields are readable, never writable from outside: a `Rules` exists only as the result of `check`. Trap: numbers in nodes
//! and clauses are slots of this very `Rules`.

use std::sync::Arc;

use crate::{
    expression::compile::{Node, Slots},
    object::ReadSpec,
    scope::{GROUP_CLASSES, Groups, MEMBER_ATTRIBUTES, Scope, container::Named},
    value::Name,
};

/// Checked rules.
#[derive(Clone, Debug)]
pub struct Rules {
    // INVARIANT: every slot in `mappings` is a slot of `slots`.
    pub(crate) slots: Slots,
    pub(crate) mappings: Vec<ObjectMapping>,
    pub(crate) containers: Named,
    pub(crate) groups: Groups,
}

impl Rules {
    /// The mappings of objects, in order.
    pub fn mappings(&self) -> &[ObjectMapping] {
        &self.mappings
    }

    /// The source attributes in use.
    pub fn source_attributes(&self) -> &[Name] {
        self.slots.names()
    }

    /// Containers the rules name by DN; the caller resolves them to anchors.
    pub fn containers(&self) -> &Named {
        &self.containers
    }

    /// Groups whose members are in scope; none named: membership does not matter.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Linked attributes whose number of values some scope asks for.
    pub fn counted_links(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self
            .mappings
            .iter()
            .flat_map(|mapping| mapping.scope.counted_links())
            .cloned()
            .collect();
        sort_names(&mut names);
        names
    }
}

/// How objects of one class become objects of another.
#[derive(Clone, Debug)]
pub struct ObjectMapping {
    /// Name.
    pub name: String,
    /// Source class.
    pub source_class: Name,
    /// Target class, as the target spells it.
    pub target_class: Name,
    /// What may be done in the target.
    pub flows: Flows,
    pub(crate) scope: Scope,
    // INVARIANT: sorted by folded target name, no name twice.
    pub(crate) attributes: Vec<AttributeMapping>,
    // INVARIANT: one for each of `attributes`.
    pub(crate) handings: Vec<Option<Handing>>,
    /// References, resolved by the planner. Shared with every evaluation.
    pub references: Arc<Vec<ReferenceMapping>>,
    pub(crate) source_anchor: Option<AttributeMapping>,
}

/// What a mapping may do in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flows {
    /// Create objects.
    pub add: bool,
    /// Change objects.
    pub update: bool,
    /// Delete or disable objects.
    pub delete: bool,
}

/// How one target attribute is filled.
#[derive(Clone, Debug)]
pub struct AttributeMapping {
    /// Target attribute, as the target spells it.
    pub target: Name,
    /// The target's type, if its schema is known.
    pub kind: Option<TargetKind>,
    pub(crate) node: Node,
    /// The source as text.
    pub text: String,
    /// The value at creation when the source gives none.
    pub default_value: Option<String>,
    /// When it flows.
    pub flow: FlowType,
    /// Above 0: objects are matched by it.
    pub matching_priority: u32,
}

/// What flows where nothing has to be evaluated to know it. All of it is found once and lies close together, since it is nearly
/// everything of a usual person.
#[derive(Clone, Debug)]
pub(crate) struct Handing {
    /// Target attribute.
    pub target: Name,
    /// The attribute that is handed on.
    pub slot: usize,
    /// Whether nothing flows where the attribute has no value.
    pub gives_nothing: bool,
    /// Whether one text without white space at its ends flows as it is.
    pub gives_clean_text: bool,
    /// Whether it flows always, and no object is found by it.
    pub is_plain: bool,
}

impl Handing {
    fn of(mapping: &AttributeMapping) -> Option<Self> {
        let passage = mapping.node.passage()?;
        let is_required = mapping.kind.is_some_and(|kind| kind.is_required);
        let is_text = mapping.kind.is_none_or(|kind| kind.shape == Shape::Text);
        Some(Self {
            target: mapping.target.clone(),
            slot: passage.slot,
            gives_nothing: mapping.default_value.is_none() && !is_required,
            gives_clean_text: passage.keeps_clean_text && is_text,
            is_plain: mapping.flow == FlowType::Always && mapping.matching_priority == 0,
        })
    }
}

impl ObjectMapping {
    /// Puts attributes into the order in which results are listed.
    pub(super) fn order(&mut self) {
        let attributes = &mut self.attributes;
        attributes.sort_by_key(|attribute| attribute.target.to_ascii_lowercase());
        self.handings = attributes.iter().map(Handing::of).collect();
    }
}

/// The type of a target attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetKind {
    /// What a value is.
    pub shape: Shape,
    /// Whether it holds several values.
    pub is_multivalued: bool,
    /// Whether an object must have it.
    pub is_required: bool,
}

/// What a value of a target attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text, times included.
    Text,
    /// Integer.
    Integer,
    /// Truth value.
    Boolean,
    /// Bytes.
    Binary,
    /// Another object.
    Reference,
}

/// When a mapping flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowType {
    /// Whenever it differs.
    Always,
    /// When the object is created.
    ObjectAddOnly,
    /// Values are added, never removed.
    MultiValueAddOnly,
}

/// A reference attribute: links of the source become references of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceMapping {
    /// Linked attribute of the source.
    pub source: Name,
    /// Reference attribute of the target.
    pub target: Name,
    /// Whether the target holds several.
    pub is_multivalued: bool,
}

/// What a source has to be read for so that these rules can be evaluated. The containers are left empty: the caller resolves
/// [`Rules::containers`].
pub fn read_spec(rules: &Rules) -> ReadSpec {
    let mut classes: Vec<Name> = rules
        .mappings
        .iter()
        .map(|m| m.source_class.clone())
        .collect();
    let mut links: Vec<Name> = Vec::new();
    for reference in rules.mappings.iter().flat_map(|m| m.references.iter()) {
        links.push(reference.source.clone());
    }
    links.extend(rules.counted_links());
    if !rules.groups.named.is_empty() {
        // Membership can be known only if groups are read, mapped or not. Rules that know Active Directory's class mean it.
        let is_ad = classes
            .iter()
            .any(|class| class.eq_ignore_ascii_case(GROUP_CLASSES[0]));
        let most = if is_ad { 1 } else { usize::MAX };
        links.extend(MEMBER_ATTRIBUTES.into_iter().take(most).map(Name::from));
        classes.extend(GROUP_CLASSES.into_iter().take(most).map(Name::from));
    }
    sort_names(&mut classes);
    sort_names(&mut links);
    let plain = |name: &&Name| {
        !super::check::PSEUDO_ATTRIBUTES
            .iter()
            .any(|p| p.eq_ignore_ascii_case(name))
    };
    let mut attributes: Vec<Name> = rules.slots.names().iter().filter(plain).cloned().collect();
    attributes.retain(|name| !links.iter().any(|link| link.eq_ignore_ascii_case(name)));
    sort_names(&mut attributes);
    ReadSpec {
        classes,
        attributes,
        links,
        containers: Vec::new(),
    }
}

fn sort_names(names: &mut Vec<Name>) {
    names.sort_by_key(|name| name.to_ascii_lowercase());
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
}
