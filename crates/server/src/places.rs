//! Containers and groups the rules name, known by anchor.
//!
//! A name is looked up once, when rules first name it; afterwards whoever is renamed or moved stays the same one. Never guesses:
//! a name that finds nothing is an error, and nothing is planned. Trap: with groups in the scope the whole source is read,
//! because a group may lie anywhere, and so may the groups in it.

use std::collections::{BTreeMap, btree_map::Entry};

use connectors::source::{ObjectName, ReadOne};
use engine::{ConnectorRow, JobRow, ScopeLinks};
use sync_core::{
    code::Code,
    id::Anchor,
    object::ReadSpec,
    operation::Refusal,
    schema::checked::{self, Rules},
    scope::dn,
};

use crate::{
    agents::blocking,
    app::App,
    desk::{Answer, Call},
    scheduler::CALL_TIMEOUT,
};

/// What rules name, by anchor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Containers in scope.
    pub included: Vec<Anchor>,
    /// Containers out of scope.
    pub excluded: Vec<Anchor>,
    /// Groups whose members are in scope.
    pub groups: Vec<Anchor>,
}

/// Anchors by folded name.
type Known = BTreeMap<String, String>;

/// The setting that holds the anchors of what a job's rules name.
pub fn key(job: &JobRow) -> String {
    format!("containers.{}", job.guid)
}

/// The anchors that are kept when rules change: what only the new rules name is looked up by the name it has now.
pub fn kept(text: &str, old: Option<&Rules>, new: &Rules) -> String {
    let mut known: Known = serde_json::from_str(text).unwrap_or_default();
    let old = old.map(names).unwrap_or_default();
    let new = names(new);
    known.retain(|name, _| {
        let is_in = |all: &[String]| all.iter().any(|have| dn::is_same(have, name));
        is_in(&old) && is_in(&new)
    });
    serde_json::to_string(&known).unwrap_or_default()
}

fn names(rules: &Rules) -> Vec<String> {
    let containers = rules.containers();
    let all = [
        &containers.included,
        &containers.excluded,
        &rules.groups().named,
    ];
    all.into_iter().flatten().cloned().collect()
}

/// What the rules of a job name; the engine is told which references matter.
///
/// # Errors
/// `SourceBaseNotFound` for a name that finds nothing; those of the source.
pub async fn of(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    rules: &Rules,
) -> Result<Places, Refusal> {
    let (places, found) = resolve(app, job, source, rules).await?;
    if let Some(found) = found {
        let (key, text) = (key(job), serde_json::to_string(&found).unwrap_or_default());
        blocking(app.engine(), move |engine| engine.set_setting(&key, &text)).await?;
    }
    let links = links(&places, rules);
    let row = job.clone();
    blocking(app.engine(), move |engine| {
        engine.set_scope_links(&row, &links)
    })
    .await?;
    Ok(places)
}

/// What the scope of these rules asks of references.
pub fn links(places: &Places, rules: &Rules) -> ScopeLinks {
    ScopeLinks {
        groups: places.groups.clone(),
        is_transitive: rules.groups().is_transitive,
        counted: rules.counted_links(),
    }
}

/// What rules that are not in force name; nobody is told and nothing is remembered.
///
/// # Errors
/// As [`of`].
pub async fn of_proposal(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    rules: &Rules,
) -> Result<Places, Refusal> {
    Ok(resolve(app, job, source, rules).await?.0)
}

/// What one job needs its source to be read for.
///
/// # Errors
/// As [`of`].
pub async fn spec(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    rules: &Rules,
) -> Result<ReadSpec, Refusal> {
    let places = of(app, job, source, rules).await?;
    Ok(spec_with(&places, rules))
}

/// What a source is to be read for with these rules.
pub fn spec_with(places: &Places, rules: &Rules) -> ReadSpec {
    let mut spec = checked::read_spec(rules);
    if places.groups.is_empty() {
        spec.containers.clone_from(&places.included);
    }
    spec
}

/// What rules name, and all that is known by name now, if something was found that was not known before.
async fn resolve(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    rules: &Rules,
) -> Result<(Places, Option<Known>), Refusal> {
    let (containers, groups) = (rules.containers(), &rules.groups().named);
    if containers.included.is_empty() && containers.excluded.is_empty() && groups.is_empty() {
        return Ok((Places::default(), None));
    }
    let lookup = key(job);
    let stored = blocking(app.engine(), move |engine| engine.setting(&lookup)).await?;
    let before: Known = stored
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut known = before.clone();
    let named: Vec<&String> = containers
        .included
        .iter()
        .chain(&containers.excluded)
        .collect();
    if named
        .iter()
        .any(|name| !known.contains_key(&dn::fold(name)))
    {
        find_containers(app, job, source, &named, &mut known).await?;
    }
    for name in groups {
        if let Entry::Vacant(place) = known.entry(dn::fold(name)) {
            let anchor = find_group(app, job, source, rules, name).await?;
            place.insert(anchor.guid_text());
        }
    }
    let anchors = |names: &[String]| -> Vec<Anchor> {
        let anchor = |name: &String| Anchor::from_guid_text(known.get(&dn::fold(name))?);
        names.iter().filter_map(anchor).collect()
    };
    let places = Places {
        included: anchors(&containers.included),
        excluded: anchors(&containers.excluded),
        groups: anchors(groups),
    };
    Ok((places, (known != before).then_some(known)))
}

fn not_found(job: &JobRow, what: &str, name: &str) -> Refusal {
    Refusal::new(Code::SourceBaseNotFound)
        .with("job", &job.name)
        .with(what, name)
        .with(
            "text",
            format!("a {what} of the scope does not exist in the source"),
        )
}

fn another_answer() -> Refusal {
    Refusal::new(Code::SourceProtocolError).with("text", "the agent answered another question")
}

async fn find_containers(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    names: &[&String],
    known: &mut Known,
) -> Result<(), Refusal> {
    let id = source.id;
    let position = blocking(app.engine(), move |engine| engine.watermark(id)).await?;
    let call = Call::Containers { position };
    let asked = app.desk().call(&source.name, call, CALL_TIMEOUT);
    let Answer::Containers(found) = asked.await? else {
        return Err(another_answer());
    };
    let found: BTreeMap<String, Anchor> = found
        .into_iter()
        .map(|container| (dn::fold(&container.dn), container.anchor))
        .collect();
    for name in names {
        let folded = dn::fold(name);
        if known.contains_key(&folded) {
            continue;
        }
        let Some(anchor) = found.get(&folded) else {
            return Err(not_found(job, "container", name));
        };
        known.insert(folded, anchor.guid_text());
    }
    Ok(())
}

async fn find_group(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    rules: &Rules,
    name: &str,
) -> Result<Anchor, Refusal> {
    let call = Call::ReadOne {
        spec: checked::read_spec(rules),
        position: None,
        name: ObjectName::Dn(name.to_owned()),
    };
    match app.desk().call(&source.name, call, CALL_TIMEOUT).await? {
        Answer::One(ReadOne::Live { entry, .. }) => Ok(entry.anchor),
        Answer::One(ReadOne::Deleted(_) | ReadOne::NotFound) => Err(not_found(job, "group", name)),
        _ => Err(another_answer()),
    }
}
