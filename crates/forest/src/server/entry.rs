//! An object as an entry: which attributes, under which names, how many values, DNs extended or not.
//!
//! No attribute is sent with more values than the limit; the rest is fetched by range. The trap: a range
//! that reaches the last value is named `…-*`, which is how a client knows it has them all.

use std::ops::ControlFlow;

use crate::ber::{OCTETS, Writer};
use crate::faults::FaultSettings;
use crate::proto::{Answer, OpenEntry};
use crate::schema::{self, AttributeId, attr};
use crate::server::controls::{Asked, Extended};
use crate::store::{ObjectId, State, Stored, Value, View, encode, guid_octets};

/// Which attributes a client wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// All that are not constructed.
    pub(super) is_all: bool,
    /// Named ones, with ranges.
    named: Vec<Wanted>,
    types_only: bool,
    /// Attributes wanted with all their values, by their places.
    whole: Vec<bool>,
    /// Those of them that follow from the object itself.
    computed: Vec<AttributeId>,
}

/// One attribute that was named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) attribute: AttributeId,
    start: usize,
    end: Option<usize>,
    is_ranged: bool,
}

impl Wanted {
    pub(super) fn whole(attribute: AttributeId) -> Self {
        Self {
            attribute,
            start: 0,
            end: None,
            is_ranged: false,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut options = text.split(';');
        let mut wanted = Self::whole(schema::attribute(options.next()?)?);
        for option in options {
            let lower = option.to_ascii_lowercase();
            let (start, end) = lower.strip_prefix("range=")?.split_once('-')?;
            wanted.is_ranged = true;
            wanted.start = start.parse().ok()?;
            wanted.end = match end {
                "*" => None,
                number => Some(number.parse().ok().filter(|end| *end >= wanted.start)?),
            };
        }
        Some(wanted)
    }
}

impl Selection {
    pub(super) fn read(names: &[String], types_only: bool) -> Self {
        let named: Vec<Wanted> = names.iter().filter_map(|name| Wanted::read(name)).collect();
        let is_all = names.is_empty() || names.iter().any(|name| name == "*");
        let mut whole: Vec<bool> = schema::attributes()
            .map(|(_, def)| is_all && (!def.is_constructed || def.is_back_link()))
            .collect();
        for wanted in &named {
            if let Some(place) = whole.get_mut(usize::from(wanted.attribute.0)) {
                *place = !wanted.is_ranged;
            }
        }
        let computed = schema::attributes()
            .map(|(attribute, _)| attribute)
            .filter(|attribute| is_set(&whole, *attribute) && is_computed(*attribute))
            .collect();
        Self {
            is_all,
            named,
            types_only,
            whole,
            computed,
        }
    }

    pub(super) fn names(&self, attribute: AttributeId) -> bool {
        self.named
            .iter()
            .any(|wanted| wanted.attribute == attribute)
    }

    /// Writes the object as an entry.
    pub(super) fn write(&self, page: &mut Page<'_>, id: ObjectId) {
        let open = page.open(id);
        page.is_bare = self.types_only;
        let object = page.state.object(id);
        for stored in object.attributes() {
            let is_wanted = is_set(&self.whole, stored.attribute)
                && !is_computed(stored.attribute)
                && stored.attribute != object.naming;
            if is_wanted && !stored.values.is_empty() {
                page.plain(id, stored);
            }
        }
        for set in &object.links {
            if is_set(&self.whole, set.attribute) {
                page.range(id, Wanted::whole(set.attribute));
            }
        }
        let mut before = None;
        for (forward, _) in &object.back {
            if before.replace(*forward) != Some(*forward)
                && let Some(back) = schema::back_of(*forward)
                && is_set(&self.whole, back)
            {
                page.range(id, Wanted::whole(back));
            }
        }
        if is_set(&self.whole, object.naming) {
            page.range(id, Wanted::whole(object.naming));
        }
        for attribute in &self.computed {
            page.computed(id, *attribute);
        }
        for wanted in self.named.iter().filter(|wanted| wanted.is_ranged) {
            page.range(id, *wanted);
        }
        page.close(open);
    }
}

pub(super) fn is_set(mask: &[bool], attribute: AttributeId) -> bool {
    mask.get(usize::from(attribute.0)).copied().unwrap_or(false)
}

/// Follows from the object itself; the naming attribute, which differs from class to class, not counted.
pub(super) fn is_computed(attribute: AttributeId) -> bool {
    let def = schema::definition(attribute);
    matches!(
        attribute,
        attr::OBJECT_CLASS
            | attr::OBJECT_CATEGORY
            | attr::OBJECT_GUID
            | attr::OBJECT_SID
            | attr::NAME
            | attr::DISTINGUISHED_NAME
            | attr::INSTANCE_TYPE
            | attr::USN_CREATED
            | attr::USN_CHANGED
            | attr::WHEN_CREATED
            | attr::WHEN_CHANGED
            | attr::IS_DELETED
            | attr::IS_RECYCLED
            | attr::INVOCATION_ID
    ) || (def.is_constructed && !def.is_back_link())
}

/// Entries written one after another for one reader.
pub(super) struct Page<'a> {
    pub(super) state: &'a State,
    pub(super) answer: &'a mut Answer,
    view: View,
    extended: Option<Extended>,
    faults: &'a FaultSettings,
    message: i32,
    /// Only names of attributes are sent.
    is_bare: bool,
    name: String,
    values: Writer,
}

impl<'a> Page<'a> {
    pub(super) fn new(
        state: &'a State,
        asked: &Asked,
        faults: &'a FaultSettings,
        message: i32,
        answer: &'a mut Answer,
    ) -> Self {
        Self {
            state,
            answer,
            view: asked.view,
            extended: asked.extended,
            faults,
            message,
            is_bare: false,
            name: String::new(),
            values: Writer::new(),
        }
    }

    /// The same reader, who sees more.
    pub(super) fn with_view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    pub(super) fn open(&mut self, id: ObjectId) -> OpenEntry {
        self.name.clear();
        write_name(self.state, id, self.extended, &mut self.name);
        self.answer.open_entry(self.message, &self.name)
    }

    pub(super) fn close(&mut self, open: OpenEntry) {
        self.answer.close_entry(open);
    }

    /// A stored attribute with all its values, or as many as may be sent.
    pub(super) fn plain(&mut self, id: ObjectId, stored: Stored<'_>) {
        if is_hidden(self.faults, stored.attribute) {
            return;
        }
        let encoded = stored.values.encoded();
        // A value takes two octets at least.
        if encoded.len() / 2 > self.state.options.range_limit_values {
            return self.range(id, Wanted::whole(stored.attribute));
        }
        let def = schema::definition(stored.attribute);
        let encoded = if self.is_bare { &[] } else { encoded };
        self.answer.attribute(&def.encoded, encoded);
    }

    /// An attribute that follows from the object itself.
    pub(super) fn computed(&mut self, id: ObjectId, attribute: AttributeId) {
        if attribute == attr::OBJECT_CLASS && !self.is_bare && !is_hidden(self.faults, attribute) {
            let classes = schema::encoded_class_chain(self.state.object(id).class);
            let def = schema::definition(attribute);
            return self.answer.attribute(&def.encoded, classes);
        }
        self.range(id, Wanted::whole(attribute));
    }

    /// Adds a reference to the values in the making.
    pub(super) fn reference(&mut self, to: ObjectId) {
        self.name.clear();
        write_name(self.state, to, self.extended, &mut self.name);
        self.values.octets(OCTETS, self.name.as_bytes());
    }

    /// Sends the values in the making under a name.
    pub(super) fn flush(&mut self, encoded_name: &[u8]) {
        let values = if self.is_bare {
            &[]
        } else {
            self.values.bytes.as_slice()
        };
        self.answer.attribute(encoded_name, values);
        self.values.bytes.clear();
    }

    /// Any attribute, or the asked part of its values; nothing if there are none.
    pub(super) fn range(&mut self, id: ObjectId, wanted: Wanted) {
        if is_hidden(self.faults, wanted.attribute) {
            return;
        }
        let (count, has_more) = self.collect(id, wanted);
        let Some(last) = (wanted.start + count).checked_sub(1).filter(|_| count > 0) else {
            return;
        };
        let def = schema::definition(wanted.attribute);
        let (name, start) = (def.name, wanted.start);
        match (has_more, wanted.is_ranged) {
            (false, false) => self.flush(&def.encoded),
            (true, _) => self.flush(&encode([format!("{name};range={start}-{last}")])),
            (false, true) => self.flush(&encode([format!("{name};range={start}-*")])),
        }
    }

    /// Gathers the values of a range; says how many there are, and whether others follow.
    fn collect(&mut self, id: ObjectId, wanted: Wanted) -> (usize, bool) {
        let state = self.state;
        let limit = state.options.range_limit_values;
        let most = wanted.end.map_or(limit, |end| {
            (end - wanted.start).saturating_add(1).min(limit)
        });
        self.values.bytes.clear();
        let (mut place, mut count, mut has_more) = (0usize, 0usize, false);
        state.visit(id, wanted.attribute, self.view, &mut |value| {
            if count == most {
                has_more = true;
                return ControlFlow::Break(());
            }
            if place >= wanted.start {
                count += 1;
                match value {
                    Value::Octets(octets) => self.values.octets(OCTETS, &octets),
                    Value::Object(to) => self.reference(to),
                }
            }
            place += 1;
            ControlFlow::Continue(())
        });
        (count, has_more)
    }
}

/// A fault hides this attribute, or nobody may read it.
pub(super) fn is_hidden(faults: &FaultSettings, attribute: AttributeId) -> bool {
    attribute == attr::UNICODE_PWD
        || (!faults.hidden_attributes.is_empty()
            && faults
                .hidden_attributes
                .contains(&schema::definition(attribute).name.to_ascii_lowercase()))
}

/// The object's DN, extended if asked.
fn write_name(state: &State, id: ObjectId, extended: Option<Extended>, text: &mut String) {
    let Some(form) = extended else {
        return state.write_dn(id, text);
    };
    let (guid, sid) = (state.object(id).guid, state.sid(id));
    let (guid, sid) = match form {
        Extended::Text => (guid.to_string(), sid.map(|sid| crate::sid::write(&sid))),
        Extended::Hex => (hex(&guid_octets(guid)), sid.map(|sid| hex(&sid))),
    };
    text.push_str(&format!("<GUID={guid}>;"));
    if let Some(sid) = sid {
        text.push_str(&format!("<SID={sid}>;"));
    }
    state.write_dn(id, text);
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
