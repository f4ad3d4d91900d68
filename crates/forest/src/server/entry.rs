//! An object as an entry: which attributes, under which names, how many values, DNs extended or not.
//!
//! No attribute is sent with more values than the limit; the rest is fetched by range. The trap: a range
//! that reaches the last value is named `…-*`, which is how a client knows it has them all.

use std::ops::ControlFlow;

use crate::faults::FaultSettings;
use crate::proto::{Answer, Partial};
use crate::schema::{self, AttributeId, attr};
use crate::server::controls::Extended;
use crate::store::{ObjectId, State, Value, View, guid_octets};

/// Which attributes a client wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// All that are not constructed.
    pub(super) is_all: bool,
    /// Named ones, with ranges.
    pub(super) named: Vec<Wanted>,
    types_only: bool,
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
    fn whole(attribute: AttributeId) -> Self {
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
        let named = names.iter().filter_map(|name| Wanted::read(name)).collect();
        Self {
            is_all: names.is_empty() || names.iter().any(|name| name == "*"),
            named,
            types_only,
        }
    }

    /// All attributes wanted of one object.
    fn wanted(&self) -> impl Iterator<Item = Wanted> + '_ {
        let all = schema::attributes()
            .filter(|(id, def)| {
                self.is_all && (!def.is_constructed || def.is_back_link()) && !self.names(*id)
            })
            .map(|(id, _)| Wanted::whole(id));
        self.named.iter().copied().chain(all)
    }

    pub(super) fn names(&self, attribute: AttributeId) -> bool {
        self.named
            .iter()
            .any(|wanted| wanted.attribute == attribute)
    }

    /// Writes the object as an entry.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn write(
        &self,
        state: &State,
        id: ObjectId,
        view: View,
        extended: Option<Extended>,
        faults: &FaultSettings,
        message: i32,
        answer: &mut Answer,
    ) {
        let mut attributes = Vec::new();
        for wanted in self.wanted() {
            if is_hidden(faults, wanted.attribute) {
                continue;
            }
            if let Some(mut partial) = read(state, id, wanted, view, extended) {
                if self.types_only {
                    partial.values.clear();
                }
                attributes.push(partial);
            }
        }
        answer.entry(message, &name(state, id, extended), &attributes);
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

fn read(
    state: &State,
    id: ObjectId,
    wanted: Wanted,
    view: View,
    extended: Option<Extended>,
) -> Option<Partial> {
    let def = schema::definition(wanted.attribute);
    let limit = state.options.range_limit_values;
    let most = wanted.end.map_or(limit, |end| {
        (end - wanted.start).saturating_add(1).min(limit)
    });
    let mut values = Vec::new();
    let mut place = 0usize;
    let mut has_more = false;
    state.visit(id, wanted.attribute, view, &mut |value| {
        if values.len() == most {
            has_more = true;
            return ControlFlow::Break(());
        }
        if place >= wanted.start {
            values.push(octets(state, value, extended));
        }
        place += 1;
        ControlFlow::Continue(())
    });
    if values.is_empty() {
        return None;
    }
    let last = wanted.start + values.len() - 1;
    let name = match (has_more, wanted.is_ranged) {
        (true, _) => format!("{};range={}-{last}", def.name, wanted.start),
        (false, true) => format!("{};range={}-*", def.name, wanted.start),
        (false, false) => def.name.to_owned(),
    };
    Some(Partial { name, values })
}

/// A value as it is sent.
pub(super) fn octets(state: &State, value: Value<'_>, extended: Option<Extended>) -> Vec<u8> {
    match value {
        Value::Octets(octets) => octets.into_owned(),
        Value::Object(id) => name(state, id, extended).into_bytes(),
    }
}

/// The object's DN, extended if asked.
pub(super) fn name(state: &State, id: ObjectId, extended: Option<Extended>) -> String {
    let dn = state.dn(id);
    let object = state.object(id);
    let sid = object.sid.as_deref();
    match extended {
        None => dn,
        Some(Extended::Text) => {
            let sid = sid
                .map(|sid| format!("<SID={}>;", crate::sid::write(sid)))
                .unwrap_or_default();
            format!("<GUID={}>;{sid}{dn}", object.guid)
        }
        Some(Extended::Hex) => {
            let sid = sid
                .map(|sid| format!("<SID={}>;", hex(sid)))
                .unwrap_or_default();
            format!("<GUID={}>;{sid}{dn}", hex(&guid_octets(object.guid)))
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
