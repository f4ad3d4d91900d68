//! Filters made ready for one search, and evaluated per object in three values (RFC 4511 §4.5.1.7).
//!
//! Names are resolved once, when the filter is made ready. The trap: an unknown attribute is *undefined*,
//! and the negation of undefined is undefined, so `(!(nonsense=x))` finds nothing.

use std::ops::ControlFlow;

use crate::dn;
use crate::proto::{self, Substring};
use crate::schema::{self, AttributeId, Syntax, attr};
use crate::sid;
use crate::store::{ObjectId, State, Value, View, guid_octets, guid_of_text};

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// A filter made ready.
#[derive(Debug)]
pub(super) enum Ready {
    And(Vec<Ready>),
    Or(Vec<Ready>),
    Not(Box<Ready>),
    Present(AttributeId),
    Test(AttributeId, Test),
    Chain(AttributeId, ObjectId),
    /// The structural class is one of these, by their places.
    Classes(Vec<bool>),
    Always,
    Never,
    Undefined,
}

/// A test of single values.
#[derive(Debug)]
pub(super) enum Test {
    Text(String),
    Octets(Vec<u8>),
    Object(ObjectId),
    Number(i64),
    Parts(Substring, bool),
    AtLeast(Bound),
    AtMost(Bound),
    AllBits(i64),
    AnyBit(i64),
}

/// A bound is compared as a number or as folded text.
#[derive(Debug)]
pub(super) enum Bound {
    Number(i64),
    Text(Vec<u8>),
}

impl Ready {
    pub(super) fn new(filter: &proto::Filter, state: &State) -> Self {
        use proto::Filter;
        match filter {
            Filter::And(list) => Self::And(list.iter().map(|one| Self::new(one, state)).collect()),
            Filter::Or(list) => Self::Or(list.iter().map(|one| Self::new(one, state)).collect()),
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner, state))),
            Filter::Present(name) => with(name, |id| match id {
                attr::OBJECT_CLASS => Self::Always,
                _ => Self::Present(id),
            }),
            Filter::Equal(name, value) => with(name, |id| equal(id, value, state)),
            Filter::Substring(name, parts) => with(name, |id| {
                let is_caseless = schema::definition(id).syntax.is_caseless();
                let parts = if is_caseless {
                    folded(parts)
                } else {
                    parts.clone()
                };
                Self::Test(id, Test::Parts(parts, is_caseless))
            }),
            Filter::AtLeast(name, value) => {
                with(name, |id| Self::Test(id, Test::AtLeast(bound(id, value))))
            }
            Filter::AtMost(name, value) => {
                with(name, |id| Self::Test(id, Test::AtMost(bound(id, value))))
            }
            Filter::Rule {
                rule,
                attribute,
                value,
            } => with(attribute, |id| by_rule(id, rule, value, state)),
            Filter::Undefined => Self::Undefined,
        }
    }

    pub(super) fn matches(&self, state: &State, id: ObjectId, view: View) -> bool {
        self.evaluate(state, id, view) == Some(true)
    }

    fn evaluate(&self, state: &State, id: ObjectId, view: View) -> Option<bool> {
        match self {
            Self::And(list) => combine(list.iter().map(|one| one.evaluate(state, id, view)), false),
            Self::Or(list) => combine(list.iter().map(|one| one.evaluate(state, id, view)), true),
            Self::Not(inner) => inner.evaluate(state, id, view).map(|is_true| !is_true),
            Self::Present(attribute) => Some(state.is_present(id, *attribute, view)),
            Self::Test(attribute, test) => {
                let mut is_found = false;
                state.visit(id, *attribute, view, &mut |value| {
                    if test.holds(&value) {
                        is_found = true;
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                });
                Some(is_found)
            }
            Self::Chain(attribute, to) => Some(reaches(state, id, *attribute, *to)),
            Self::Classes(places) => {
                let place = schema::class_place(state.object(id).class);
                Some(places.get(place).copied().unwrap_or(false))
            }
            Self::Always => Some(true),
            Self::Never => Some(false),
            Self::Undefined => None,
        }
    }

    /// Objects among which all matches are, if an index says so.
    pub(super) fn candidates(&self, state: &State) -> Option<Vec<ObjectId>> {
        match self {
            Self::And(list) => list.iter().find_map(|one| one.candidates(state)),
            Self::Test(attr::OBJECT_GUID, Test::Octets(octets)) => {
                let guid = uuid::Uuid::from_bytes_le(octets.as_slice().try_into().ok()?);
                Some(state.by_guid(guid).into_iter().collect())
            }
            Self::Test(attr::OBJECT_SID, Test::Octets(octets)) => {
                Some(state.by_sid(octets).into_iter().collect())
            }
            Self::Test(attr::DISTINGUISHED_NAME, Test::Object(id)) => Some(vec![*id]),
            Self::Test(attr::USN_CHANGED, Test::AtLeast(Bound::Number(usn))) => {
                let start = u64::try_from(*usn).unwrap_or(0);
                Some(
                    state
                        .by_usn
                        .range((start, ObjectId(0))..)
                        .map(|(_, id)| *id)
                        .collect(),
                )
            }
            Self::Test(back, Test::Object(to)) if schema::definition(*back).is_back_link() => {
                let forward = schema::forward_of(*back)?;
                Some(state.targets(*to, forward, true).collect())
            }
            _ => None,
        }
    }
}

/// Three-valued "and" (`stop` false) and "or" (`stop` true).
fn combine(results: impl Iterator<Item = Option<bool>>, stop: bool) -> Option<bool> {
    let mut is_unknown = false;
    for result in results {
        match result {
            Some(value) if value == stop => return Some(stop),
            Some(_) => {}
            None => is_unknown = true,
        }
    }
    if is_unknown { None } else { Some(!stop) }
}

fn with(name: &str, make: impl FnOnce(AttributeId) -> Ready) -> Ready {
    let name = name.split(';').next().unwrap_or_default();
    schema::attribute(name).map_or(Ready::Undefined, make)
}

fn equal(id: AttributeId, value: &[u8], state: &State) -> Ready {
    let text = std::str::from_utf8(value).ok();
    let test = match (id, schema::definition(id).syntax) {
        (attr::OBJECT_CATEGORY, _) => return category(text, state),
        (attr::OBJECT_CLASS, _) => return class(text),
        (attr::OBJECT_GUID, _) if value.len() != 16 => match text.and_then(guid_of_text) {
            Some(guid) => Test::Octets(guid_octets(guid).to_vec()),
            None => return Ready::Never,
        },
        (_, Syntax::Sid) => match text
            .filter(|text| text.starts_with("S-1-"))
            .and_then(sid::read)
        {
            Some(octets) => Test::Octets(octets),
            None => Test::Octets(value.to_vec()),
        },
        (_, Syntax::Dn) => match text.and_then(|text| state.find(text).ok()) {
            Some(to) => Test::Object(to),
            None => return Ready::Never,
        },
        (_, Syntax::Integer | Syntax::Large) => {
            match text.and_then(|text| text.trim().parse().ok()) {
                Some(number) => Test::Number(number),
                None => return Ready::Undefined,
            }
        }
        (_, syntax) if syntax.is_caseless() => match text {
            Some(text) => Test::Text(dn::fold(text)),
            None => return Ready::Never,
        },
        _ => Test::Octets(value.to_vec()),
    };
    Ready::Test(id, test)
}

/// `(objectCategory=person)` names a class; AD looks up its category.
fn category(text: Option<&str>, state: &State) -> Ready {
    let Some(text) = text else {
        return Ready::Never;
    };
    let found = match schema::class(text) {
        Some(class) => state.find(&format!(
            "CN={},CN=Schema,CN=Configuration,{}",
            class.category,
            state.options.root_dn()
        )),
        None => state.find(text),
    };
    found.map_or(Ready::Never, |id| {
        Ready::Classes(state.categories().map(|one| one == Some(id)).collect())
    })
}

/// Classes that are, or come from, the one that is named.
fn class(text: Option<&str>) -> Ready {
    let Some(text) = text else {
        return Ready::Never;
    };
    let holds = |class| {
        let chain = schema::class_chain(class);
        chain.iter().any(|name| name.eq_ignore_ascii_case(text))
    };
    Ready::Classes(schema::classes().iter().map(holds).collect())
}

fn bound(id: AttributeId, value: &[u8]) -> Bound {
    let text = String::from_utf8_lossy(value);
    match schema::definition(id).syntax {
        Syntax::Integer | Syntax::Large => text
            .trim()
            .parse()
            .map_or_else(|_| Bound::Text(value.to_vec()), Bound::Number),
        syntax if syntax.is_caseless() => Bound::Text(dn::fold(&text).into_bytes()),
        _ => Bound::Text(value.to_vec()),
    }
}

fn by_rule(id: AttributeId, rule: &str, value: &[u8], state: &State) -> Ready {
    let text = std::str::from_utf8(value).ok();
    let number = || text.and_then(|text| text.trim().parse().ok());
    match rule {
        BIT_AND => number().map_or(Ready::Undefined, |bits| {
            Ready::Test(id, Test::AllBits(bits))
        }),
        BIT_OR => number().map_or(Ready::Undefined, |bits| Ready::Test(id, Test::AnyBit(bits))),
        IN_CHAIN => text
            .and_then(|text| state.find(text).ok())
            .map_or(Ready::Never, |to| Ready::Chain(id, to)),
        _ => Ready::Undefined,
    }
}

/// Follows an attribute from object to object.
fn reaches(state: &State, from: ObjectId, attribute: AttributeId, to: ObjectId) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut queue = vec![from];
    while let Some(one) = queue.pop() {
        for value in state.values(one, attribute, View::default()) {
            if let Value::Object(next) = value {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    queue.push(next);
                }
            }
        }
    }
    false
}

fn folded(parts: &Substring) -> Substring {
    let fold = |part: &Vec<u8>| dn::fold(&String::from_utf8_lossy(part)).into_bytes();
    Substring {
        initial: parts.initial.as_ref().map(fold),
        any: parts.any.iter().map(fold).collect(),
        last: parts.last.as_ref().map(fold),
    }
}

impl Test {
    fn holds(&self, value: &Value<'_>) -> bool {
        let octets = match (self, value) {
            (Self::Object(wanted), Value::Object(id)) => return wanted == id,
            (_, Value::Object(_)) => return false,
            (_, Value::Octets(octets)) => octets.as_ref(),
        };
        let number = || std::str::from_utf8(octets).ok()?.parse::<i64>().ok();
        match self {
            Self::Text(wanted) => std::str::from_utf8(octets)
                .is_ok_and(|text| text == wanted || dn::fold(text) == *wanted),
            Self::Octets(wanted) => octets == wanted.as_slice(),
            Self::Object(_) => false,
            Self::Number(wanted) => number() == Some(*wanted),
            Self::Parts(parts, is_caseless) if *is_caseless => {
                contains(parts, dn::fold(&String::from_utf8_lossy(octets)).as_bytes())
            }
            Self::Parts(parts, _) => contains(parts, octets),
            Self::AtLeast(bound) => compare(octets, bound).is_some_and(std::cmp::Ordering::is_ge),
            Self::AtMost(bound) => compare(octets, bound).is_some_and(std::cmp::Ordering::is_le),
            Self::AllBits(bits) => number().is_some_and(|number| number & bits == *bits),
            Self::AnyBit(bits) => number().is_some_and(|number| number & bits != 0),
        }
    }
}

fn compare(octets: &[u8], bound: &Bound) -> Option<std::cmp::Ordering> {
    match bound {
        Bound::Number(limit) => {
            let number: i64 = std::str::from_utf8(octets).ok()?.parse().ok()?;
            Some(number.cmp(limit))
        }
        Bound::Text(limit) => {
            let text = dn::fold(&String::from_utf8_lossy(octets));
            Some(text.as_bytes().cmp(limit))
        }
    }
}

fn contains(parts: &Substring, value: &[u8]) -> bool {
    let mut rest = value;
    if let Some(initial) = &parts.initial {
        match rest.strip_prefix(initial.as_slice()) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    if let Some(last) = &parts.last {
        match rest.strip_suffix(last.as_slice()) {
            Some(before) => rest = before,
            None => return false,
        }
    }
    for part in parts.any.iter().filter(|part| !part.is_empty()) {
        match rest
            .windows(part.len())
            .position(|window| window == part.as_slice())
        {
            Some(place) => rest = rest.get(place + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}
