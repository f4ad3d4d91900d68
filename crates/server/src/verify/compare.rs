//! The end of the comparison: what the target holds too much, and references as sets.
//!
//! Both sides are turned into sorted lists of (object, attribute, object) by place in the target, and merged. Trap: an end
//! that is not in the target is reported as a missing object, not once per reference to it; one that another job holds is
//! that job's to answer for, but the reference to it is not.

use std::cmp::Ordering;

use wire::api::v1::Difference;

use super::{
    Found,
    source::{Expectation, Wanted},
    target::Snapshot,
};

type Edge = (u32, u16, u32);

/// All differences, how many more there are, and how many references were compared.
pub fn finish(mut wanted: Expectation, held: Snapshot) -> (Vec<Found>, u64, u64) {
    extra_objects(&mut wanted, &held);
    let expected = expected_edges(&wanted);
    let actual = actual_edges(&wanted, &held);
    let compared = expected.len() as u64;
    merge(&mut wanted, &held, &expected, &actual);
    (wanted.found, wanted.overflow, compared)
}

fn extra_objects(wanted: &mut Expectation, held: &Snapshot) {
    for object in &held.objects {
        if object.is_wanted || !object.is_synchronised {
            continue;
        }
        let difference = Difference {
            target: object.id.to_string(),
            name: object.name.to_string(),
            why: "no source object in scope has its source anchor".into(),
            ..Difference::default()
        };
        wanted.note(Found {
            difference,
            fault: None,
            is_reference: false,
        });
    }
}

fn expected_edges(wanted: &Expectation) -> Vec<Edge> {
    let place = |index: u32| {
        let object: &Wanted = wanted.objects.get(index as usize)?;
        object.target
    };
    let edge = |(from, attribute, to): &(u32, u16, u64)| {
        let own = wanted.by_anchor.get(to).and_then(|index| place(*index));
        let to = own.or_else(|| wanted.elsewhere.get(to).copied())?;
        Some((place(*from)?, *attribute, to))
    };
    let mut edges: Vec<Edge> = wanted.edges.iter().filter_map(edge).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// What the target holds, of attributes that are mapped and objects that are wanted.
fn actual_edges(wanted: &Expectation, held: &Snapshot) -> Vec<Edge> {
    let is_wanted = |at: u32| {
        held.objects
            .get(at as usize)
            .is_some_and(|object| object.is_wanted)
    };
    // An object that should not be there is a difference by itself (perhaps its deletion is held); what points to it goes
    // when it goes, and is not told a second time.
    let is_leaving = |at: u32| {
        held.objects
            .get(at as usize)
            .is_some_and(|object| object.is_synchronised && !object.is_wanted && !object.is_others)
    };
    let edge = |(from, attribute, to): &(u32, u16, u64)| {
        let to = *held.by_id.get(to)?;
        let is_mapped = wanted.mapped.binary_search(attribute).is_ok();
        (is_mapped && is_wanted(*from) && !is_leaving(to)).then_some((*from, *attribute, to))
    };
    let mut edges: Vec<Edge> = held.edges.iter().filter_map(edge).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

fn merge(wanted: &mut Expectation, held: &Snapshot, expected: &[Edge], actual: &[Edge]) {
    let mut source_of: Vec<Option<u32>> = vec![None; held.objects.len()];
    for (index, object) in wanted.objects.iter().enumerate() {
        if let Some(slot) = object.target.and_then(|at| source_of.get_mut(at as usize)) {
            *slot = u32::try_from(index).ok();
        }
    }
    let (mut expected, mut actual) = (expected.iter().peekable(), actual.iter().peekable());
    loop {
        let order = match (expected.peek(), actual.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(other),
        };
        let edge = match order {
            Ordering::Less => expected.next(),
            Ordering::Greater => actual.next(),
            Ordering::Equal => {
                actual.next();
                expected.next();
                None
            }
        };
        if let Some(edge) = edge {
            let found =
                reference_difference(wanted, held, &source_of, *edge, order == Ordering::Less);
            wanted.note(found);
        }
    }
}

fn reference_difference(
    wanted: &Expectation,
    held: &Snapshot,
    source_of: &[Option<u32>],
    (from, attribute, to): Edge,
    is_missing: bool,
) -> Found {
    let object = |at: u32| held.objects.get(at as usize);
    let text = |at: u32| {
        object(at)
            .map(|one| format!("{} ({})", one.name, one.id))
            .unwrap_or_default()
    };
    let source = source_of.get(from as usize).copied().flatten();
    let source = source.and_then(|index| wanted.objects.get(index as usize));
    let (expected, found, why) = match is_missing {
        true => (vec![text(to)], Vec::new(), "the reference is missing"),
        false => (Vec::new(), vec![text(to)], "the reference is too much"),
    };
    let difference = Difference {
        anchor: source.map(|one| one.anchor.guid_text()).unwrap_or_default(),
        target: object(from)
            .map(|one| one.id.to_string())
            .unwrap_or_default(),
        name: object(from)
            .map(|one| one.name.to_string())
            .unwrap_or_default(),
        attribute: held.names.name(attribute).to_owned(),
        expected,
        found,
        why: why.into(),
    };
    Found {
        difference,
        fault: None,
        is_reference: true,
    }
}
