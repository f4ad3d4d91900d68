//! The schema as it is written: every member optional, unknown members kept, so that it can be written back unchanged.
//!
//! Never judges. Trap: a member that is `null` and one that is absent mean the same, but are written back as they were.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::shape::{Findings, Shaped, member_name};

/// A member that may be absent, `null`, or a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Member<T> {
    /// Not written.
    #[default]
    Absent,
    /// Written as `null`.
    Null,
    /// Written.
    Set(T),
}

impl<T> Member<T> {
    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Member<String> {
    /// The text; empty if there is none.
    pub fn text(&self) -> &str {
        self.get().map_or("", String::as_str)
    }
}

impl<T> Member<Vec<T>> {
    /// The elements; none if there is no list.
    pub fn list(&self) -> &[T] {
        self.get().map_or(&[], Vec::as_slice)
    }
}

impl<T: Serialize> Serialize for Member<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(deserializer)?;
        Ok(value.map_or(Self::Null, Self::Set))
    }
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Member::is_absent")] pub $field: Member<$kind>,)*
            /// Members this version does not know.
            #[serde(flatten)]
            pub extra: Map<String, Json>,
        }

        impl Shaped for $name {
            fn blank() -> Json {
                Json::Object(Map::new())
            }

            fn mend(json: &mut Json, path: &str, findings: &mut Findings) {
                let Some(members) = findings.object(json, path) else { return };
                $(findings.member::<$kind>(members, path, &member_name(stringify!($field)));)*
            }
        }
    )*};
}

resources! {
    /// The whole schema.
    Schema {
        /// Systems with their objects and attributes.
        directories: Vec<Directory>,
        /// Rules, of which the one with the lowest priority goes first.
        synchronization_rules: Vec<Rule>,
    }
    /// A system.
    Directory {
        /// Name, as rules refer to it.
        name: String,
        /// Kinds of object.
        objects: Vec<ObjectDefinition>,
    }
    /// A kind of object.
    ObjectDefinition {
        /// Name (`user`).
        name: String,
        /// Its attributes.
        attributes: Vec<AttributeDefinition>,
    }
    /// An attribute.
    AttributeDefinition {
        /// Name.
        name: String,
        /// `String`, `Integer`, `Reference`, `Binary`, `Boolean`, `DateTime`.
        r#type: String,
        /// Whether it may hold several values.
        multivalued: bool,
        /// Whether an object must have it.
        required: bool,
    }
    /// A rule: one source, one target, and the mappings between their objects.
    Rule {
        /// Name.
        name: String,
        /// Lowest first.
        priority: i64,
        /// Source system.
        source_directory_name: String,
        /// Target system.
        target_directory_name: String,
        /// Mappings of objects.
        object_mappings: Vec<ObjectMapping>,
        /// Containers in scope.
        container_filter: ContainerFilter,
        /// Groups whose members are in scope.
        group_filter: GroupFilter,
    }
    /// Containers in scope.
    ContainerFilter {
        /// Distinguished names.
        included_containers: Vec<String>,
        /// Distinguished names; an extension.
        excluded_containers: Vec<String>,
    }
    /// Groups whose members are in scope.
    GroupFilter {
        /// Distinguished names.
        included_groups: Vec<String>,
        /// Whether members of groups that are members count too; an extension.
        include_nested_members: bool,
    }
    /// How objects of one class become objects of another.
    ObjectMapping {
        /// Name.
        name: String,
        /// Whether it is used.
        enabled: bool,
        /// `Add, Update, Delete`.
        flow_types: String,
        /// Source class.
        source_object_name: String,
        /// Target class.
        target_object_name: String,
        /// Which objects.
        scope: Filter,
        /// How attributes are filled.
        attribute_mappings: Vec<AttributeMapping>,
    }
    /// Which objects are in scope.
    Filter {
        /// One of these must match; none: all objects.
        groups: Vec<FilterGroup>,
        /// One of these must match; leaving it does not deprovision.
        input_filter_groups: Vec<FilterGroup>,
        /// Accepted when empty only.
        category_filter_groups: Vec<FilterGroup>,
        /// None of these may match; an extension.
        exclusions: Vec<FilterGroup>,
    }
    /// Clauses that must all match.
    FilterGroup {
        /// Name, shown when it decides.
        name: String,
        /// The clauses.
        clauses: Vec<FilterClause>,
        /// An exclusion that does not touch objects already in the target; an extension.
        only_new_objects: bool,
    }
    /// A condition on one attribute.
    FilterClause {
        /// Operator.
        operator_name: String,
        /// Source attribute.
        source_operand_name: String,
        /// What it is compared with.
        target_operand: FilterOperand,
    }
    /// What an attribute is compared with.
    FilterOperand {
        /// The values.
        values: Vec<String>,
    }
    /// How one target attribute is filled.
    AttributeMapping {
        /// Target attribute.
        target_attribute_name: String,
        /// Used at creation when the source gives nothing.
        default_value: String,
        /// `FlowWhenChanged`, `FlowAlways`.
        flow_behavior: String,
        /// `Always`, `ObjectAddOnly`, `MultiValueAddOnly`.
        flow_type: String,
        /// Above 0: objects are matched by this attribute, the lowest first.
        matching_priority: i64,
        /// Where the value comes from.
        source: Source,
    }
    /// Where a value comes from.
    Source {
        /// `Attribute`, `Constant`, `Function`.
        r#type: String,
        /// Attribute, constant or function.
        name: String,
        /// The same as text; it wins over the tree.
        expression: String,
        /// Arguments of a function.
        parameters: Vec<SourceParameter>,
    }
    /// An argument of a function.
    SourceParameter {
        /// Name of the parameter.
        key: String,
        /// Its value.
        value: Box<Source>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_read_is_written_back_unchanged() {
        let document = json!({
            "id": "x", "version": "Date:2021", "@odata.context": "…",
            "directories": [{ "id": "d", "name": "AD", "discoverabilities": "None", "objects": [
                { "name": "user", "attributes": [{ "anchor": true, "name": "a", "type": "String", "multivalued": false,
                  "referencedObjects": [], "defaultValue": null }] }] }],
            "synchronizationRules": [{ "editable": true, "priority": 1, "metadata": [{ "key": "k", "value": "v" }],
                "objectMappings": [{ "enabled": true, "scope": null, "attributeMappings": [
                    { "targetAttributeName": "t", "defaultValue": null, "exportMissingReferences": false, "matchingPriority": 0,
                      "source": { "type": "Function", "name": "Trim", "expression": "Trim([a])", "parameters": [
                        { "key": "source", "value": { "type": "Attribute", "name": "a", "expression": "[a]", "parameters": [] } }] } }] }] }]
        });
        let schema: Schema = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&schema).unwrap(), document);
        assert_eq!(schema.synchronization_rules.list().len(), 1);
    }
}
