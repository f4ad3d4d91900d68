//! Pages straight between the domain's objects and the bytes of a frame.
//!
//! A page is what travels most by far, so its entries are written from what they are borrowed from and read into what they
//! are used as, without the link's own types in between. The form is that of [`super::Page`], which the golden file of that
//! message and the tests below hold this to. Trap: the order of fields and variants here is the form, as it is there.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};
use sync_core::{
    id::Anchor,
    object::{self, LinkChange},
    value::{self, Attributes, Name, shared},
};

use super::object::{Kind, Version};

// LIMIT: elements that room is made for because a sender says that they follow.
const MOST_FORESEEN: usize = 1_024;

/// A page to be sent.
#[derive(Clone, Debug, Serialize)]
pub struct PageOut<'a> {
    /// Id of the read.
    pub read: i64,
    /// Number within the read.
    pub number: u32,
    /// Entries.
    #[serde(serialize_with = "entries_out")]
    pub entries: &'a [object::Entry],
    /// Position after this page.
    #[serde(serialize_with = "optional_bytes_out")]
    pub watermark: Option<&'a [u8]>,
}

/// A page that came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PageIn {
    /// Id of the read.
    pub read: i64,
    /// Number within the read.
    pub number: u32,
    /// Entries.
    #[serde(deserialize_with = "entries_in")]
    pub entries: Vec<object::Entry>,
    /// Position after this page.
    #[serde(deserialize_with = "watermark_in")]
    pub watermark: Option<Vec<u8>>,
}

// ---- out

#[derive(Serialize)]
struct EntryOut<'a> {
    anchor: Raw<'a>,
    kind: Kind,
    class: Option<&'a str>,
    parent: Option<Raw<'a>>,
    rdn: Option<&'a str>,
    attributes: AttributesOut<'a>,
    links: LinksOut<'a>,
    version: Option<Version>,
}

#[derive(Serialize)]
struct LinkOut<'a> {
    attribute: &'a str,
    complete: bool,
    added: AnchorsOut<'a>,
    removed: AnchorsOut<'a>,
}

#[derive(Serialize)]
enum ValueOut<'a> {
    Text(&'a str),
    Integer(i64),
    Boolean(bool),
    Binary(Raw<'a>),
}

struct Raw<'a>(&'a [u8]);
struct AttributesOut<'a>(&'a Attributes);
struct ValuesOut<'a>(&'a [value::Value]);
struct LinksOut<'a>(&'a [LinkChange]);
struct AnchorsOut<'a>(&'a [Anchor]);

fn entries_out<S: Serializer>(entries: &&[object::Entry], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(entries.iter().map(EntryOut::from))
}

fn optional_bytes_out<S: Serializer>(bytes: &Option<&[u8]>, to: S) -> Result<S::Ok, S::Error> {
    bytes.map(Raw).serialize(to)
}

impl<'a> From<&'a object::Entry> for EntryOut<'a> {
    fn from(entry: &'a object::Entry) -> Self {
        Self {
            anchor: Raw(entry.anchor.as_bytes()),
            kind: entry.kind.into(),
            class: entry.class.as_deref(),
            parent: entry.parent.as_ref().map(|anchor| Raw(anchor.as_bytes())),
            rdn: entry.rdn.as_deref(),
            attributes: AttributesOut(&entry.attributes),
            links: LinksOut(&entry.links),
            version: entry.version.map(|version| Version {
                replica: version.replica,
                usn: version.usn,
            }),
        }
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

impl Serialize for AttributesOut<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        to.collect_seq(pairs.map(|(name, values)| (&**name, ValuesOut(values))))
    }
}

impl Serialize for ValuesOut<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|value| match value {
            value::Value::Text(text) => ValueOut::Text(text),
            value::Value::Integer(number) => ValueOut::Integer(*number),
            value::Value::Boolean(truth) => ValueOut::Boolean(*truth),
            value::Value::Binary(bytes) => ValueOut::Binary(Raw(bytes)),
        }))
    }
}

impl Serialize for LinksOut<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|change| LinkOut {
            attribute: &change.attribute,
            complete: change.complete,
            added: AnchorsOut(&change.added),
            removed: AnchorsOut(&change.removed),
        }))
    }
}

impl Serialize for AnchorsOut<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|anchor| Raw(anchor.as_bytes())))
    }
}

// ---- in

#[derive(Deserialize)]
struct EntryIn {
    anchor: AnchorIn,
    kind: Kind,
    #[serde(deserialize_with = "shared::optional")]
    class: Option<Name>,
    parent: Option<AnchorIn>,
    rdn: Option<Box<str>>,
    attributes: AttributesIn,
    links: Many<LinkIn>,
    version: Option<Version>,
}

#[derive(Deserialize)]
struct LinkIn {
    #[serde(deserialize_with = "shared::spelled")]
    attribute: Name,
    complete: bool,
    added: Many<AnchorIn>,
    removed: Many<AnchorIn>,
}

#[derive(Deserialize)]
enum ValueIn {
    Text(#[serde(deserialize_with = "shared::text")] Arc<str>),
    Integer(i64),
    Boolean(bool),
    Binary(BinaryIn),
}

#[derive(Deserialize)]
struct NameIn(#[serde(deserialize_with = "shared::spelled")] Name);
struct AnchorIn(Anchor);
struct BinaryIn(Arc<[u8]>);
struct WatermarkIn(Vec<u8>);
struct AttributesIn(Attributes);
struct ValuesIn(value::Values);

/// A list whose elements are made into what they are used as while they are read.
struct Many<T: Become>(Vec<T::Used>);

/// An element that is used as something else.
trait Become {
    type Used;
    fn used(self) -> Self::Used;
}

impl Become for EntryIn {
    type Used = object::Entry;
    fn used(self) -> object::Entry {
        object::Entry {
            anchor: self.anchor.0,
            kind: self.kind.into(),
            class: self.class,
            parent: self.parent.map(AnchorIn::used),
            rdn: self.rdn,
            attributes: self.attributes.0,
            links: self.links.0,
            version: self.version.map(|version| object::Version {
                replica: version.replica,
                usn: version.usn,
            }),
        }
    }
}

impl Become for LinkIn {
    type Used = LinkChange;
    fn used(self) -> LinkChange {
        LinkChange {
            attribute: self.attribute,
            complete: self.complete,
            added: self.added.0,
            removed: self.removed.0,
        }
    }
}

impl Become for AnchorIn {
    type Used = Anchor;
    fn used(self) -> Anchor {
        self.0
    }
}

impl Become for ValueIn {
    type Used = value::Value;
    fn used(self) -> value::Value {
        match self {
            Self::Text(text) => value::Value::Text(text),
            Self::Integer(number) => value::Value::Integer(number),
            Self::Boolean(truth) => value::Value::Boolean(truth),
            Self::Binary(bytes) => value::Value::Binary(bytes.0),
        }
    }
}

fn entries_in<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<object::Entry>, D::Error> {
    Many::<EntryIn>::deserialize(from).map(|many| many.0)
}

fn watermark_in<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(Option::<WatermarkIn>::deserialize(from)?.map(|bytes| bytes.0))
}

macro_rules! of_bytes {
    ($name:ident, $how:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Reading;
                impl Visitor<'_> for Reading {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("bytes")
                    }
                    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        Ok($name($how(bytes)))
                    }
                }
                from.deserialize_bytes(Reading)
            }
        }
    };
}

of_bytes!(AnchorIn, Anchor::new);
of_bytes!(BinaryIn, Arc::from);
of_bytes!(WatermarkIn, <[u8]>::to_vec);

impl<'de, T: Become + Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);
        impl<'de, T: Become + Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many<T>, A::Error> {
                let mut all = Vec::with_capacity(foreseen(&list));
                while let Some(one) = list.next_element::<T>()? {
                    all.push(one.used());
                }
                Ok(Many(all))
            }
        }
        from.deserialize_seq(Reading(PhantomData))
    }
}

impl<'de> Deserialize<'de> for AttributesIn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = AttributesIn;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AttributesIn, A::Error> {
                let mut all = Vec::with_capacity(foreseen(&list));
                while let Some((name, values)) = list.next_element::<(NameIn, ValuesIn)>()? {
                    all.push((name.0, values.0));
                }
                Ok(AttributesIn(Attributes::of(all)))
            }
        }
        from.deserialize_seq(Reading)
    }
}

impl<'de> Deserialize<'de> for ValuesIn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = ValuesIn;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ValuesIn, A::Error> {
                let mut all = value::Values::with_capacity(foreseen(&list));
                while let Some(one) = list.next_element::<ValueIn>()? {
                    all.push(one.used());
                }
                Ok(ValuesIn(all))
            }
        }
        from.deserialize_seq(Reading)
    }
}

/// For how many elements room is made at once: a sender's word costs nothing until they are there.
fn foreseen<'de>(list: &impl SeqAccess<'de>) -> usize {
    list.size_hint().unwrap_or(0).min(MOST_FORESEEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        agent::v1::{self, frame},
        bytes::Bytes,
    };

    fn anchor() -> impl Strategy<Value = Anchor> {
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Anchor::new)
    }

    fn value() -> impl Strategy<Value = value::Value> {
        prop_oneof![
            ".{0,20}".prop_map(value::Value::from),
            any::<i64>().prop_map(value::Value::from),
            any::<bool>().prop_map(value::Value::from),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(value::Value::binary),
        ]
    }

    fn link() -> impl Strategy<Value = LinkChange> {
        let anchors = || proptest::collection::vec(anchor(), 0..4);
        ("[a-z]{1,8}", any::<bool>(), anchors(), anchors()).prop_map(
            |(attribute, complete, added, removed)| LinkChange {
                attribute: attribute.into(),
                complete,
                added,
                removed,
            },
        )
    }

    fn entry() -> impl Strategy<Value = object::Entry> {
        use object::EntryKind as K;
        let kinds = vec![K::Whole, K::Part, K::Skeleton, K::Deleted, K::Present];
        let values = proptest::collection::vec(value(), 0..3);
        let head = (
            anchor(),
            proptest::sample::select(kinds),
            proptest::option::of("[a-z]{1,8}"),
            proptest::option::of(anchor()),
            proptest::option::of(".{0,12}"),
        );
        let body = (
            proptest::collection::vec(("[a-zA-Z]{1,8}", values), 0..6),
            proptest::collection::vec(link(), 0..3),
            proptest::option::of((any::<[u8; 16]>(), any::<i64>())),
        );
        (head, body).prop_map(
            |((anchor, kind, class, parent, rdn), (attributes, links, version))| object::Entry {
                anchor,
                kind,
                class: class.map(Name::from),
                parent,
                rdn: rdn.map(Into::into),
                attributes: attributes.into_iter().collect(),
                links,
                version: version.map(|(replica, usn)| object::Version { replica, usn }),
            },
        )
    }

    proptest! {
        #[test]
        fn a_page_has_the_form_of_the_message_both_ways(
            entries in proptest::collection::vec(entry(), 0..4),
            watermark in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
            (read, number) in (any::<i64>(), any::<u32>()),
        ) {
            let message = v1::Page {
                read,
                number,
                entries: entries.iter().cloned().map(v1::Entry::from).collect(),
                watermark: watermark.clone().map(Bytes),
            };
            let out = PageOut { read, number, entries: &entries, watermark: watermark.as_deref() };
            let plain = frame::plain(&out).unwrap();
            prop_assert_eq!(&plain, &frame::plain(&message).unwrap());
            let page: PageIn = frame::unpack(&frame::pack_plain(&plain).unwrap()).unwrap();
            prop_assert_eq!(page, PageIn { read, number, entries, watermark });
        }

        #[test]
        fn what_is_no_page_is_refused_as_the_message_is(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let framed = frame::pack_plain(&body).unwrap();
            let page = frame::unpack::<PageIn>(&framed).is_ok();
            prop_assert_eq!(page, frame::unpack::<v1::Page>(&framed).is_ok());
        }
    }

    #[test]
    fn a_list_that_claims_more_than_it_has_costs_nothing() {
        // read 0, number 0, then a list of 2^35 entries of which none follows.
        let plain = [0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
        let framed = frame::pack_plain(&plain).unwrap();
        assert_eq!(
            frame::unpack::<PageIn>(&framed),
            Err(frame::FrameError::Content)
        );
    }
}
