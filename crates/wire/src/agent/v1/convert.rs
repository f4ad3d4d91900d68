//! Conversions between the link's objects and the domain's, by hand.
//!
//! Never loses anything except codes and types this version does not know. Trap: an unknown code becomes
//! [`Code::InternalFault`] with the name as an argument, so that a newer agent's refusal still reaches a person.

use sync_core::{
    code::Code,
    id::Anchor,
    object,
    operation::Refusal,
    value::{self, Attributes},
};

use super::{Attribute, AttributeKind, Entry, Kind, Links, RefusalText, Spec, Value, Version};
use crate::bytes::Bytes;

impl From<&Anchor> for Bytes {
    fn from(anchor: &Anchor) -> Self {
        Self(anchor.as_bytes().to_vec())
    }
}

impl From<Bytes> for Anchor {
    fn from(bytes: Bytes) -> Self {
        Anchor::new(bytes.0)
    }
}

impl From<Refusal> for RefusalText {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code.name().into(),
            arguments: refusal.arguments,
        }
    }
}

impl From<RefusalText> for Refusal {
    fn from(text: RefusalText) -> Self {
        let known = Code::from_name(&text.code);
        let mut refusal = Refusal::new(known.unwrap_or(Code::InternalFault));
        refusal.arguments = text.arguments;
        match known {
            Some(_) => refusal,
            None => refusal.with("code", text.code),
        }
    }
}

impl From<&object::ReadSpec> for Spec {
    fn from(spec: &object::ReadSpec) -> Self {
        let texts = |names: &[value::Name]| names.iter().map(|name| name.to_string()).collect();
        Self {
            classes: texts(&spec.classes),
            attributes: texts(&spec.attributes),
            links: texts(&spec.links),
            containers: spec.containers.iter().map(Bytes::from).collect(),
        }
    }
}

impl From<Spec> for object::ReadSpec {
    fn from(spec: Spec) -> Self {
        let names = |texts: Vec<String>| texts.into_iter().map(value::Name::from).collect();
        Self {
            classes: names(spec.classes),
            attributes: names(spec.attributes),
            links: names(spec.links),
            containers: spec.containers.into_iter().map(Anchor::from).collect(),
        }
    }
}

impl From<&value::Value> for Value {
    fn from(value: &value::Value) -> Self {
        match value {
            value::Value::Text(text) => Self::Text(text.clone()),
            value::Value::Integer(number) => Self::Integer(*number),
            value::Value::Boolean(truth) => Self::Boolean(*truth),
            value::Value::Binary(bytes) => Self::Binary(Bytes::from(&**bytes)),
        }
    }
}

impl From<Value> for value::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Integer(number) => Self::Integer(number),
            Value::Boolean(truth) => Self::Boolean(truth),
            Value::Binary(bytes) => Self::binary(bytes.0),
        }
    }
}

impl From<object::EntryKind> for Kind {
    fn from(kind: object::EntryKind) -> Self {
        match kind {
            object::EntryKind::Whole => Self::Whole,
            object::EntryKind::Part => Self::Part,
            object::EntryKind::Skeleton => Self::Skeleton,
            object::EntryKind::Deleted => Self::Deleted,
            object::EntryKind::Present => Self::Present,
            object::EntryKind::Elsewhere => Self::Elsewhere,
        }
    }
}

impl From<Kind> for object::EntryKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Whole => Self::Whole,
            Kind::Part => Self::Part,
            Kind::Skeleton => Self::Skeleton,
            Kind::Deleted => Self::Deleted,
            Kind::Present => Self::Present,
            Kind::Elsewhere => Self::Elsewhere,
        }
    }
}

impl From<object::LinkChange> for Links {
    fn from(change: object::LinkChange) -> Self {
        Self {
            attribute: change.attribute,
            complete: change.complete,
            added: change.added.iter().map(Bytes::from).collect(),
            removed: change.removed.iter().map(Bytes::from).collect(),
        }
    }
}

impl From<Links> for object::LinkChange {
    fn from(links: Links) -> Self {
        Self {
            attribute: links.attribute,
            complete: links.complete,
            added: links.added.into_iter().map(Anchor::from).collect(),
            removed: links.removed.into_iter().map(Anchor::from).collect(),
        }
    }
}

impl From<object::Entry> for Entry {
    fn from(entry: object::Entry) -> Self {
        let attributes = entry.attributes.iter();
        Self {
            anchor: Bytes::from(&entry.anchor),
            kind: entry.kind.into(),
            class: entry.class,
            parent: entry.parent.as_ref().map(Bytes::from),
            rdn: entry.rdn,
            attributes: attributes
                .map(|(name, values)| (name.clone(), values.iter().map(Value::from).collect()))
                .collect(),
            links: entry.links.into_iter().map(Links::from).collect(),
            version: entry.version.map(|version| Version {
                replica: version.replica,
                usn: version.usn,
            }),
        }
    }
}

impl From<Entry> for object::Entry {
    fn from(entry: Entry) -> Self {
        let attributes: Attributes = entry
            .attributes
            .into_iter()
            .map(|(name, values)| {
                let values: value::Values = values.into_iter().map(value::Value::from).collect();
                (name, values)
            })
            .collect();
        Self {
            anchor: entry.anchor.into(),
            kind: entry.kind.into(),
            class: entry.class,
            parent: entry.parent.map(Anchor::from),
            rdn: entry.rdn,
            attributes,
            links: entry
                .links
                .into_iter()
                .map(object::LinkChange::from)
                .collect(),
            version: entry.version.map(|version| object::Version {
                replica: version.replica,
                usn: version.usn,
            }),
        }
    }
}

impl From<object::AttributeInfo> for Attribute {
    fn from(info: object::AttributeInfo) -> Self {
        Self {
            name: info.name,
            kind: match info.kind {
                object::AttributeType::Text => AttributeKind::Text,
                object::AttributeType::Integer => AttributeKind::Integer,
                object::AttributeType::Boolean => AttributeKind::Boolean,
                object::AttributeType::Binary => AttributeKind::Binary,
                object::AttributeType::FileTime => AttributeKind::FileTime,
                object::AttributeType::Time => AttributeKind::Time,
                object::AttributeType::Reference => AttributeKind::Reference,
            },
            is_multivalued: info.is_multivalued,
        }
    }
}

impl From<Attribute> for object::AttributeInfo {
    fn from(attribute: Attribute) -> Self {
        Self {
            name: attribute.name,
            kind: match attribute.kind {
                AttributeKind::Text => object::AttributeType::Text,
                AttributeKind::Integer => object::AttributeType::Integer,
                AttributeKind::Boolean => object::AttributeType::Boolean,
                AttributeKind::Binary => object::AttributeType::Binary,
                AttributeKind::FileTime => object::AttributeType::FileTime,
                AttributeKind::Time => object::AttributeType::Time,
                AttributeKind::Reference => object::AttributeType::Reference,
            },
            is_multivalued: attribute.is_multivalued,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_the_way_there_and_back() {
        let mut entry = object::Entry::new(Anchor::new([7u8; 16]), object::EntryKind::Part);
        entry.class = Some("user".into());
        entry.parent = Some(Anchor::new([1u8, 2]));
        entry.rdn = Some("CN=Müller\\, Jo".into());
        entry.attributes.set("title", vec![]);
        entry
            .attributes
            .set("photo", vec![value::Value::binary(vec![0xff, 0])]);
        entry
            .attributes
            .set("n", vec![(-5i64).into(), true.into(), "é".into()]);
        entry.links.push(object::LinkChange {
            attribute: "member".into(),
            complete: true,
            added: vec![Anchor::new([3u8; 16])],
            removed: vec![Anchor::new([4u8; 16])],
        });
        entry.version = Some(object::Version {
            replica: [9; 16],
            usn: 12,
        });
        assert_eq!(object::Entry::from(Entry::from(entry.clone())), entry);
    }

    #[test]
    fn unknown_codes_reach_a_person() {
        let text = RefusalText {
            code: "FromTheFuture".into(),
            arguments: vec![],
        };
        let refusal = Refusal::from(text);
        assert_eq!(refusal.code, Code::InternalFault);
        assert_eq!(refusal.argument("code"), Some("FromTheFuture"));
    }
}
