//! What the source wants: a plain listing, the rules evaluated over each object, compared with the target at once.
//!
//! Never reads a delta and never the connector space. Trap: a reference counts only if both ends are to be in the target,
//! which is known only at the end; until then references are kept as digests.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use connectors::source::{Container, Listed, Watermark};
use engine::{ConnectorRow, JobRow};
use sync_core::{
    code::Code,
    id::{Anchor, ObjectId},
    mapping::evaluate::{Evaluation, SourceView, evaluate},
    operation::Refusal,
    schema::checked,
    scope::Verdict,
    value::Name,
};
use wire::api::v1::Difference;

use super::{
    Found, Told,
    target::{Snapshot, digest, shown, texts, values_digest},
    tell,
};
use crate::{
    agents::blocking,
    app::App,
    desk::{Answer, Call},
    planner::Surroundings,
};

// LIMIT: differences kept; more are only counted.
const KEPT: usize = 50_000;
// LIMIT: ends of references asked for at once.
const ASKED: usize = 2_000;
/// How long the agent may take to list containers.
const PATIENCE: Duration = Duration::from_secs(60);

/// An object that is to be in the target.
pub struct Wanted {
    /// Anchor.
    pub anchor: Anchor,
    /// Name for people.
    pub name: Box<str>,
    /// Its object in the target.
    pub target: Option<u32>,
}

/// What the source wants.
#[derive(Default)]
pub struct Expectation {
    /// Objects that are to be in the target.
    pub objects: Vec<Wanted>,
    /// By digest of the anchor.
    pub by_anchor: HashMap<u64, u32>,
    /// References: object, target attribute, digest of the anchor referred to.
    pub edges: Vec<(u32, u16, u64)>,
    /// What is referred to, by digest of the anchor; kept only where other jobs fill the target too.
    referred: Option<HashMap<u64, Anchor>>,
    /// Objects of other jobs by digest of the anchor this source refers to them by.
    pub elsewhere: HashMap<u64, u32>,
    /// Reference attributes the rules map.
    pub mapped: Vec<u16>,
    /// Objects the source showed.
    pub seen: u64,
    /// Objects out of scope, by reason.
    pub out_of_scope: BTreeMap<String, u64>,
    /// Values compared.
    pub values_compared: u64,
    /// Differences so far.
    pub found: Vec<Found>,
    /// Differences beyond the limit.
    pub overflow: u64,
}

impl Expectation {
    /// Notes a difference.
    pub fn note(&mut self, found: Found) {
        match self.found.len() < KEPT {
            true => self.found.push(found),
            false => self.overflow += 1,
        }
    }
}

/// Anchors of containers by folded name, where the scope asks for them.
#[derive(Default)]
pub struct Places(HashMap<String, Anchor>);

impl Places {
    /// Asks the source for its containers, if the scope names any.
    ///
    /// # Errors
    /// If the source cannot be asked.
    pub async fn read(
        app: &App,
        source: &ConnectorRow,
        surroundings: &Surroundings,
        position: Option<Watermark>,
    ) -> Result<Self, Refusal> {
        if surroundings.included.is_empty() && surroundings.excluded.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let call = Call::Containers { position };
        match app.desk().call(&source.name, call, PATIENCE).await? {
            Answer::Containers(all) => {
                let pair = |one: Container| (one.dn.to_lowercase(), one.anchor);
                Ok(Self(all.into_iter().map(pair).collect()))
            }
            _ => Err(Refusal::new(Code::SourceProtocolError)
                .with("text", "the agent answered another question")),
        }
    }

    /// Anchors of the containers above a name, nearest first.
    pub fn above(&self, dn: &str) -> Vec<Anchor> {
        let mut found = Vec::new();
        let mut rest = dn.to_lowercase();
        while let (Some(at), false) = (next_comma(&rest), self.0.is_empty()) {
            rest.drain(..=at);
            found.extend(self.0.get(rest.trim_start()).cloned());
        }
        found
    }
}

/// Place of the first comma that is not escaped.
pub fn next_comma(dn: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in dn.bytes().enumerate() {
        match byte {
            b'\\' if !is_escaped => is_escaped = true,
            b',' if !is_escaped => return Some(at),
            _ => is_escaped = false,
        }
    }
    None
}

/// Reads the source and compares values.
///
/// # Errors
/// If it cannot be read to its end.
pub async fn read(
    app: &App,
    (job, source): (&JobRow, &ConnectorRow),
    surroundings: &Surroundings,
    held: &mut Snapshot,
    told: &Told,
) -> Result<Expectation, Refusal> {
    tell(told, "source", 0).await;
    let id = source.id;
    // What the engine has read is in the target: a server that has not received it yet would be held against it.
    let position = blocking(app.engine(), move |engine| engine.watermark(id)).await?;
    let places = Places::read(app, source, surroundings, position.clone()).await?;
    let mut spec = checked::read_spec(&surroundings.rules);
    spec.containers.clone_from(&surroundings.included);
    let mut expectation = Expectation::default();
    for reference in surroundings
        .rules
        .mappings()
        .iter()
        .flat_map(|mapping| mapping.references.iter())
    {
        let number = held.names.of(&reference.target);
        expectation.mapped.push(number);
    }
    expectation.mapped.sort_unstable();
    expectation.mapped.dedup();
    expectation.referred = mark_others(app, job, held).await?.then(HashMap::new);
    let mut listing = app.desk().enumerate(&source.name, spec, position).await?;
    let mut last_told = 0;
    while let Some(chunk) = listing.next().await {
        let chunk = chunk?;
        let members = members(app, job, surroundings, &chunk).await?;
        for (listed, is_member) in chunk.into_iter().zip(members) {
            expectation.seen += 1;
            take(
                &mut expectation,
                listed,
                surroundings,
                &places,
                held,
                is_member,
            );
        }
        if expectation.seen >= last_told + 10_000 {
            last_told = expectation.seen;
            tell(
                told,
                "source",
                usize::try_from(last_told).unwrap_or(usize::MAX),
            )
            .await;
        }
        if told.is_closed() {
            break;
        }
    }
    find_elsewhere(app, job, &mut expectation, held).await?;
    Ok(expectation)
}

/// Marks what other jobs hold in the target, and says whether there are other jobs at all.
async fn mark_others(app: &App, job: &JobRow, held: &mut Snapshot) -> Result<bool, Refusal> {
    let id = job.id;
    let others = blocking(app.engine(), move |engine| engine.targets_of_others(id)).await?;
    for target in &others {
        let at = held.by_id.get(&digest(target.0.as_bytes()));
        if let Some(object) = at.and_then(|at| held.objects.get_mut(*at as usize)) {
            object.is_others = true;
        }
    }
    Ok(!others.is_empty())
}

/// Finds the other ends of references that lead to objects of other jobs. Which object of which source one means is known to
/// the engine only; whether the target holds the reference is not asked of it.
async fn find_elsewhere(
    app: &App,
    job: &JobRow,
    expectation: &mut Expectation,
    held: &Snapshot,
) -> Result<(), Refusal> {
    let mut rest: Vec<(u64, Anchor)> = expectation.referred.take().into_iter().flatten().collect();
    rest.retain(|(digest, _)| !expectation.by_anchor.contains_key(digest));
    let (id, source) = (job.id, job.source);
    for chunk in rest.chunks(ASKED) {
        let anchors: Vec<Anchor> = chunk.iter().map(|(_, anchor)| anchor.clone()).collect();
        let found = blocking(app.engine(), move |engine| {
            engine.held_by_others(id, source, &anchors)
        })
        .await?;
        for ((digest_of_anchor, _), target) in chunk.iter().zip(found) {
            let place = target.and_then(|id| held.by_id.get(&digest(id.0.as_bytes())));
            if let Some(place) = place {
                expectation.elsewhere.insert(*digest_of_anchor, *place);
            }
        }
    }
    Ok(())
}

/// Who of these is a member of a group of the scope, as the connector space has it: a listing shows one object at a time.
async fn members(
    app: &App,
    job: &JobRow,
    surroundings: &Surroundings,
    chunk: &[Listed],
) -> Result<Vec<Option<bool>>, Refusal> {
    if surroundings.rules.groups().named.is_empty() {
        return Ok(vec![None; chunk.len()]);
    }
    let anchors: Vec<Anchor> = chunk.iter().map(|one| one.entry.anchor.clone()).collect();
    let (job, source) = (job.id, job.source);
    blocking(app.engine(), move |engine| {
        let found: Vec<Option<ObjectId>> = anchors
            .iter()
            .map(|anchor| engine.object_by_anchor(source, anchor))
            .collect::<Result<_, _>>()?;
        let objects: Vec<ObjectId> = found.iter().flatten().copied().collect();
        let mut known = engine.is_scope_member(job, &objects)?.into_iter();
        let told = found.iter().map(|object| match object {
            Some(_) => known.next().flatten(),
            None => None,
        });
        Ok(told.collect())
    })
    .await
}

/// One source object.
// LONG: one object against what is known of it, case by case.
fn take(
    expectation: &mut Expectation,
    listed: Listed,
    surroundings: &Surroundings,
    places: &Places,
    held: &mut Snapshot,
    is_group_member: Option<bool>,
) {
    let Listed { entry, dn } = listed;
    let ancestors = places.above(&dn);
    let counts: Vec<(Name, u64)> = entry
        .links
        .iter()
        .map(|link| (link.attribute.clone(), link.added.len() as u64))
        .collect();
    let context = surroundings.context();
    let view = SourceView {
        dn: &dn,
        rdn: entry.rdn.as_deref().unwrap_or_default(),
        ancestors: &ancestors,
        link_counts: &counts,
        is_group_member,
        ..SourceView::new(
            &entry.anchor,
            entry.class.as_deref().unwrap_or_default(),
            &entry.attributes,
        )
    };
    let first = evaluate(&surroundings.rules, &view, &context);
    let target = find(&first, held);
    // Once an object is in the target, names that were chosen for it are kept.
    let kept = target
        .and_then(|at| held.objects.get(at as usize))
        .map(|object| object.kept.clone());
    let evaluation = match &kept {
        Some(kept) => evaluate(
            &surroundings.rules,
            &SourceView {
                held: Some(kept),
                ..view
            },
            &context,
        ),
        None => first,
    };
    if let Verdict::Out { reason } = &evaluation.scope {
        let text = reason.to_string();
        let short = text.split(';').next().unwrap_or_default().trim().to_owned();
        *expectation.out_of_scope.entry(short).or_default() += 1;
        return;
    }
    let name = evaluation
        .attributes
        .text("displayName")
        .or_else(|| entry.attributes.text("displayName"))
        .unwrap_or(&dn)
        .to_owned();
    let index = u32::try_from(expectation.objects.len()).unwrap_or(u32::MAX);
    expectation
        .by_anchor
        .insert(digest(entry.anchor.as_bytes()), index);
    for reference in evaluation.references.iter() {
        let attribute = held.names.of(&reference.target);
        let links = entry
            .links
            .iter()
            .filter(|link| link.attribute.eq_ignore_ascii_case(&reference.source));
        for anchor in links.flat_map(|link| &link.added) {
            let referred = digest(anchor.as_bytes());
            expectation.edges.push((index, attribute, referred));
            if let Some(known) = &mut expectation.referred {
                known.entry(referred).or_insert_with(|| anchor.clone());
            }
        }
    }
    let wanted = Wanted {
        anchor: entry.anchor,
        name: name.into(),
        target,
    };
    compare(expectation, &wanted, &evaluation, held);
    expectation.objects.push(wanted);
}

/// The target object that carries the source anchor.
fn find(evaluation: &Evaluation, held: &mut Snapshot) -> Option<u32> {
    let anchor = evaluation.source_anchor.as_ref().ok()?;
    let class = held.names.of(evaluation.target_class.as_ref()?);
    held.by_anchor
        .get(&(class, anchor.as_str().into()))
        .copied()
}

/// Compares existence and values of one object.
// LONG: one object against what is known of it, case by case.
fn compare(
    expectation: &mut Expectation,
    wanted: &Wanted,
    evaluation: &Evaluation,
    held: &mut Snapshot,
) {
    let fault = evaluation
        .problems
        .first()
        .cloned()
        .or_else(|| evaluation.source_anchor.clone().err());
    let difference = |attribute: &str, expected, found, why: &str, id: &str| Difference {
        anchor: wanted.anchor.guid_text(),
        target: id.to_owned(),
        name: wanted.name.to_string(),
        attribute: attribute.to_owned(),
        expected: shown(expected),
        found: shown(found),
        why: why.to_owned(),
    };
    let Some(at) = wanted.target else {
        let why = "no target object carries its source anchor";
        let difference = difference("", Vec::new(), Vec::new(), why, "");
        return expectation.note(Found {
            difference,
            fault,
            is_reference: false,
        });
    };
    let Some(object) = held.objects.get_mut(at as usize) else {
        return;
    };
    if std::mem::replace(&mut object.is_wanted, true) {
        let why = "another source object has the same source anchor";
        let difference = difference("", Vec::new(), Vec::new(), why, &object.id);
        return expectation.note(Found {
            difference,
            fault,
            is_reference: false,
        });
    }
    if fault.is_some() {
        let difference = difference(
            "",
            Vec::new(),
            Vec::new(),
            "the rules fail for it, so it is left as it is",
            &object.id,
        );
        return expectation.note(Found {
            difference,
            fault,
            is_reference: false,
        });
    }
    for (name, values) in evaluation.attributes.iter() {
        if evaluation.create_only.contains(name) || evaluation.add_only.contains(name) {
            continue;
        }
        expectation.values_compared += values.len().max(1) as u64;
        let number = held.names.of(name);
        let has = object
            .digests
            .binary_search_by_key(&number, |(number, _)| *number);
        let has = has
            .ok()
            .and_then(|at| object.digests.get(at))
            .map(|(_, digest)| *digest);
        let expected = texts(values);
        let wants = (!expected.is_empty()).then(|| values_digest(&expected));
        if has != wants {
            let difference =
                difference(name, expected, Vec::new(), "the values differ", &object.id);
            expectation.note(Found {
                difference,
                fault: None,
                is_reference: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_above_a_name_are_found_nearest_first_and_escapes_do_not_confuse() {
        let anchor = |n: u8| Anchor::new([n]);
        let places = Places(HashMap::from([
            ("ou=a,dc=x".to_owned(), anchor(1)),
            ("dc=x".to_owned(), anchor(2)),
        ]));
        assert_eq!(
            places.above(r"CN=Jo\, de,OU=A,DC=X"),
            [anchor(1), anchor(2)]
        );
        assert_eq!(next_comma(r"a\\,b"), Some(3));
        assert_eq!(next_comma(r"a\,b"), None);
    }
}
