//! Rules of a job: held against what its systems say of themselves, and put in force.
//!
//! Never puts rules in force that do not pass the check. Trap: a container that both versions name stays the one it was, even
//! if it was renamed meanwhile; one that only the new version names is looked up by the name it has now.

use std::{sync::Arc, time::Duration};

use connectors::{source::SourceInfo, target::TargetInfo};
use engine::{JobRow, RulesChange};
use sync_core::{
    code::Code,
    id::ConnectorId,
    operation::Refusal,
    schema::{
        Discovered, Problem,
        checked::Rules,
        discovered::{TargetAttribute, TargetClass},
        preset,
    },
};

use crate::{access::actor, agents::blocking, app::App, places};

// LIMIT: mistakes in rules that one refusal names.
const MISTAKES_TOLD: usize = 20;

/// How long a change of rules waits for the source to say whether what they name exists.
const PATIENCE: Duration = Duration::from_secs(10);

/// What checking came to.
pub struct Checked {
    /// The rules, or all problems.
    pub rules: Result<Rules, Vec<Problem>>,
    /// What deserves attention.
    pub notes: Vec<Problem>,
}

/// What source and target say of themselves, as far as they were asked.
///
/// # Errors
/// Of the store, and of a target that cannot be reached.
pub async fn discovered(
    app: &App,
    source: ConnectorId,
    target: ConnectorId,
) -> Result<Discovered, Refusal> {
    let (source, target) = blocking(app.engine(), move |engine| {
        Ok((engine.connector(source)?, engine.connector(target)?))
    })
    .await?;
    let info: Option<SourceInfo> = serde_json::from_value(source.info).ok();
    let target = app.target(&target)?.discover().await?;
    Ok(Discovered {
        source: info
            .map(|info| info.attributes)
            .filter(|attributes| !attributes.is_empty()),
        target: Some(classes(&target)),
    })
}

fn classes(info: &TargetInfo) -> Vec<TargetClass> {
    let class = |(name, attributes): &(
        sync_core::value::Name,
        Vec<connectors::target::TargetAttribute>,
    )| {
        let attribute = |one: &connectors::target::TargetAttribute| TargetAttribute {
            name: one.name.clone(),
            is_reference: one.is_reference,
            is_required: one.is_required,
        };
        TargetClass {
            name: name.clone(),
            attributes: attributes.iter().map(attribute).collect(),
        }
    };
    info.classes.iter().map(class).collect()
}

/// Checks rules; large ones take a while.
///
/// # Errors
/// Never for the rules; if the thread ends.
pub async fn check(text: String, known: Discovered) -> Result<Checked, Refusal> {
    let checking = tokio::task::spawn_blocking(move || {
        let (rules, notes) = preset::load_for(&text, &known);
        Checked { rules, notes }
    });
    checking
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a checking thread ended"))
}

/// Mistakes as one refusal.
pub fn refusal(problems: &[Problem]) -> Refusal {
    let told: Vec<String> = problems
        .iter()
        .take(MISTAKES_TOLD)
        .map(ToString::to_string)
        .collect();
    Refusal::new(Code::SchemaInvalid)
        .with("mistakes", problems.len().to_string())
        .with("text", told.join("; "))
}

/// New rules for a job.
pub struct Proposal {
    /// synchronizationSchema JSON.
    pub rules: String,
    /// Why.
    pub why: String,
    /// The version that was looked at.
    pub expected: Option<i64>,
}

/// Puts rules in force, if they pass the check. Returns the version.
///
/// # Errors
/// `SchemaInvalid`, `Conflict`, those of the systems and of the store.
pub async fn apply(app: &App, job: &Arc<JobRow>, proposal: Proposal) -> Result<i64, Refusal> {
    let known = discovered(app, job.source, job.target).await?;
    let checked = check(proposal.rules.clone(), known).await?;
    let rules = checked.rules.map_err(|problems| refusal(&problems))?;
    can_be_found(app, job, &rules).await?;
    let row = job.clone();
    let version = blocking(app.engine(), move |engine| {
        let key = places::key(&row);
        let old = preset::load(&row.rules).ok();
        let places = engine
            .setting(&key)?
            .map(|text| places::kept(&text, old.as_ref(), &rules));
        engine.change_rules(
            row.id,
            &RulesChange {
                rules: &proposal.rules,
                actor: &actor(),
                why: &proposal.why,
                expected: proposal.expected.or(Some(row.rules_version)),
                setting: places.as_deref().map(|places| (&*key, places)),
            },
        )
    })
    .await?;
    app.jobs_changed();
    Ok(version)
}

/// Whether the containers and groups that rules name exist, as far as the source can be asked now; a source that cannot be
/// asked does not hold up a change, and is asked again before anything is planned.
pub(crate) async fn can_be_found(app: &App, job: &JobRow, rules: &Rules) -> Result<(), Refusal> {
    let id = job.source;
    let source = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let asking = places::of_proposal(app, job, &source, rules);
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Err(why)) if why.code == Code::SourceBaseNotFound => Err(why),
        _ => Ok(()),
    }
}
