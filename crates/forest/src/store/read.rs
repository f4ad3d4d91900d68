//! Values of any attribute, stored or computed.
//!
//! References are handed out as places of objects, so that a filter compares them without building names.
//! The trap: `uSNChanged` and its like are fields of the object, not stored attributes.

use std::borrow::Cow;
use std::ops::ControlFlow;

use uuid::Uuid;

use crate::dn;
use crate::schema::{self, AttributeId, Syntax, attr};
use crate::store::{ObjectId, State};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Octets as they go over the wire.
    Octets(Cow<'a, [u8]>),
    /// A reference.
    Object(ObjectId),
}

impl<'a> Value<'a> {
    fn text(text: impl Into<String>) -> Self {
        Self::Octets(Cow::Owned(text.into().into_bytes()))
    }

    fn octets(octets: &'a [u8]) -> Self {
        Self::Octets(Cow::Borrowed(octets))
    }
}

/// What a reader gets to see.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// Deleted objects.
    pub deleted: bool,
    /// Recycled objects.
    pub recycled: bool,
    /// Links to and from deleted objects.
    pub deactivated: bool,
}

impl View {
    /// Whether this reader sees the object at all.
    pub fn shows(&self, is_deleted: bool, is_recycled: bool) -> bool {
        !is_deleted || self.recycled || (self.deleted && !is_recycled)
    }
}

/// `20261121001105.0Z`
pub fn generalized(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.0Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last; an era is four hundred of them.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// 100-nanosecond steps since 1601.
pub fn filetime(seconds: i64) -> i64 {
    (seconds + 11_644_473_600) * 10_000_000
}

/// The octets AD stores for a GUID: its first three fields are little-endian.
pub fn guid_octets(guid: Uuid) -> [u8; 16] {
    guid.to_bytes_le()
}

/// A GUID from its dashed form or from the hexadecimal octets AD stores.
pub fn guid_of_text(text: &str) -> Option<Uuid> {
    if text.contains('-') {
        return Uuid::parse_str(text).ok();
    }
    let octets = crate::sid::unhex(text)?;
    Some(Uuid::from_bytes_le(octets.try_into().ok()?))
}

type Visitor<'v, 'a> = &'v mut dyn FnMut(Value<'a>) -> ControlFlow<()>;

impl State {
    /// Hands each value of the attribute to `visit` until it breaks off.
    pub fn visit<'a>(
        &'a self,
        id: ObjectId,
        attribute: AttributeId,
        view: View,
        visit: Visitor<'_, 'a>,
    ) {
        let _ = self.visit_values(id, attribute, view, visit);
    }

    /// All values of the attribute.
    pub fn values(&self, id: ObjectId, attribute: AttributeId, view: View) -> Vec<Value<'_>> {
        let mut values = Vec::new();
        self.visit(id, attribute, view, &mut |value| {
            values.push(value);
            ControlFlow::Continue(())
        });
        values
    }

    /// The object has the attribute.
    pub fn is_present(&self, id: ObjectId, attribute: AttributeId, view: View) -> bool {
        let mut found = false;
        self.visit(id, attribute, view, &mut |_| {
            found = true;
            ControlFlow::Break(())
        });
        found
    }

    fn visit_values<'a>(
        &'a self,
        id: ObjectId,
        attribute: AttributeId,
        view: View,
        visit: Visitor<'_, 'a>,
    ) -> ControlFlow<()> {
        let def = schema::definition(attribute);
        if def.is_back_link() {
            for from in self.sources(id, attribute, view.deactivated) {
                visit(Value::Object(from))?;
            }
            return ControlFlow::Continue(());
        }
        if let Some(values) = self.computed(id, attribute) {
            for value in values {
                visit(value)?;
            }
            return ControlFlow::Continue(());
        }
        if def.syntax == Syntax::Dn {
            for to in self.targets(id, attribute, view.deactivated) {
                visit(Value::Object(to))?;
            }
        } else if let Some(stored) = self.object(id).stored(attribute) {
            for value in stored.values.iter() {
                visit(Value::octets(value))?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Values that follow from the object itself; `None` for stored attributes.
    fn computed(&self, id: ObjectId, attribute: AttributeId) -> Option<Vec<Value<'_>>> {
        let object = self.object(id);
        Some(match attribute {
            attr::OBJECT_CLASS => schema::class_chain(object.class)
                .iter()
                .map(|name| Value::octets(name.as_bytes()))
                .collect(),
            attr::OBJECT_GUID => vec![Value::Octets(guid_octets(object.guid).to_vec().into())],
            attr::OBJECT_SID => self.sid(id).map(Value::Octets).into_iter().collect(),
            attr::DISTINGUISHED_NAME => vec![Value::Object(id)],
            attr::PARENT_GUID => object
                .parent
                .map(|above| Value::Octets(guid_octets(self.object(above).guid).to_vec().into()))
                .into_iter()
                .collect(),
            attr::NAME => vec![Value::text(self.relative_name(id))],
            naming if naming == object.naming => vec![Value::text(self.relative_name(id))],
            attr::INSTANCE_TYPE => {
                vec![Value::text(if object.parent.is_some() { "4" } else { "5" })]
            }
            attr::USN_CREATED => vec![Value::text(object.usn_created.to_string())],
            attr::USN_CHANGED => vec![Value::text(object.usn_changed.to_string())],
            attr::WHEN_CREATED => vec![Value::text(generalized(object.when_created))],
            attr::WHEN_CHANGED => vec![Value::text(generalized(object.when_changed))],
            attr::IS_DELETED => flag(object.is_deleted),
            attr::IS_RECYCLED => flag(object.is_recycled),
            attr::OBJECT_CATEGORY => self.category(id).map(Value::Object).into_iter().collect(),
            attr::INVOCATION_ID if self.dsa == Some(id) => {
                vec![Value::Octets(guid_octets(self.invocation).to_vec().into())]
            }
            attr::TOKEN_GROUPS => self.token_groups(id),
            _ => return self.rarely_computed(id, attribute),
        })
    }

    fn rarely_computed(&self, id: ObjectId, attribute: AttributeId) -> Option<Vec<Value<'_>>> {
        let object = self.object(id);
        match schema::definition(attribute).name {
            "canonicalName" => Some(vec![Value::text(self.canonical_name(id))]),
            "primaryGroupToken" => Some(
                self.sid(id)
                    .iter()
                    .filter(|_| object.class.name == "group")
                    .filter_map(|sid| sid.last_chunk::<4>())
                    .map(|rid| Value::text(u32::from_le_bytes(*rid).to_string()))
                    .collect(),
            ),
            "msDS-User-Account-Control-Computed" => Some(vec![Value::text("0")]),
            "msDS-PrincipalName" => Some(
                object
                    .text(attr::SAM)
                    .map(|name| Value::text(format!("{}\\{name}", self.options.netbios)))
                    .into_iter()
                    .collect(),
            ),
            _ => None,
        }
    }

    /// Value of the relative name, also for the root of a naming context.
    pub fn relative_name(&self, id: ObjectId) -> String {
        let object = self.object(id);
        if object.parent.is_some() {
            return object.rdn.to_string();
        }
        dn::parse(&object.rdn)
            .ok()
            .and_then(|parts| parts.into_iter().next())
            .map(|rdn| rdn.value)
            .unwrap_or_default()
    }

    /// The object that gathers those of its class.
    pub(crate) fn category(&self, id: ObjectId) -> Option<ObjectId> {
        let place = schema::class_place(self.object(id).class);
        self.categories.get(place).copied().flatten()
    }

    /// The category of each class, in the order of the classes.
    pub(crate) fn categories(&self) -> impl Iterator<Item = Option<ObjectId>> + '_ {
        self.categories.iter().copied()
    }

    /// Looks up the categories of all classes, once the schema is there.
    pub(crate) fn set_categories(&mut self) {
        let Some(schema_root) = self.contexts.get(2).map(|context| context.root) else {
            return;
        };
        let found = |class: &schema::ClassDef| {
            self.child(schema_root, &super::child_key("cn", class.category))
        };
        self.categories = schema::classes().iter().map(found).collect();
    }

    fn canonical_name(&self, id: ObjectId) -> String {
        let mut names = Vec::new();
        let mut current = id;
        while let Some(parent) = self.object(current).parent {
            names.push(self.object(current).rdn.to_string());
            current = parent;
        }
        names.push(String::new());
        names.reverse();
        format!("{}{}", self.options.domain, names.join("/"))
    }

    fn token_groups(&self, id: ObjectId) -> Vec<Value<'_>> {
        let mut seen = std::collections::BTreeSet::new();
        let mut queue = vec![id];
        while let Some(one) = queue.pop() {
            for group in self.sources(one, attr::MEMBER_OF, false) {
                if seen.insert(group) {
                    queue.push(group);
                }
            }
        }
        seen.into_iter()
            .filter_map(|group| self.sid(group))
            .map(Value::Octets)
            .collect()
    }
}

fn flag(is_set: bool) -> Vec<Value<'static>> {
    if is_set {
        vec![Value::text("TRUE")]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for seconds in (-11_644_473_600..4_102_444_800).step_by(86_399 * 211) {
            let known = jiff::Timestamp::from_second(seconds).unwrap();
            assert_eq!(
                generalized(seconds),
                known.strftime("%Y%m%d%H%M%S.0Z").to_string()
            );
        }
    }
}
