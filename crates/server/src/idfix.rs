//! What of a source would fail, found before anything is synchronised.
//!
//! Reads the source through its agent, or its connector space where that was read, twice; nothing is stored and nothing is
//! written anywhere. Trap: rules whose scope is a list of groups cannot be decided from a listing; whoever may be a member is
//! looked at.

use std::{collections::BTreeMap, sync::Arc};

use connectors::source::Listed;
use engine::{ConnectorRow, DueItem, JobRow, ObjectState};
use sync_core::{
    code::Code,
    idfix::{ATTRIBUTES, Census, Domains, Fault, Finding, Kind, Proposal, Scan, Subject},
    mapping::evaluate::{Evaluation, SourceView, evaluate},
    object::{EntryKind, ReadSpec},
    operation::Refusal,
    schema::checked,
    scope::{ScopeReason, Verdict},
    value::{Attributes, Name},
};
use tokio::sync::mpsc;
use wire::api::v1::{IdfixEvent, IdfixFinding, IdfixReport};

use crate::{
    agents::blocking,
    app::App,
    desk::Listing,
    places::{self, Places},
    planner::{self, Surroundings},
    scheduler,
    verify::source::{Places as Above, next_comma},
};

/// Where findings and progress are told.
pub type Told = mpsc::Sender<IdfixEvent>;

/// How often progress is told, in objects.
const STEP: u64 = 5_000;
/// Class of the objects that stand for other domains.
const TRUST_CLASS: &str = "trustedDomain";
/// Set where the other domain is of the same forest.
///
/// Source: MS-ADTS §6.1.6.7.9 trustAttributes (TATTR WITHIN_FOREST)
const WITHIN_FOREST: i64 = 0x20;

/// What is looked at.
pub struct Plan {
    /// The source.
    pub source: ConnectorRow,
    /// The job whose rules count; it need not exist in the store.
    pub job: JobRow,
    /// Whether the job exists.
    pub has_job: bool,
    /// Whether the source is asked even where its connector space was read.
    pub fresh: bool,
}

/// One object, wherever it comes from.
struct Seen {
    item: Box<dyn Viewed + Send>,
}

/// What both places say of an object.
trait Viewed {
    fn view(&self) -> SourceView<'_>;
    fn is_whole(&self) -> bool;
}

impl Viewed for DueItem {
    fn view(&self) -> SourceView<'_> {
        planner::view_of(self)
    }

    fn is_whole(&self) -> bool {
        self.source.state == ObjectState::Live
    }
}

/// An object of a listing, with the containers above it.
struct FromSource {
    listed: Listed,
    above: Vec<sync_core::id::Anchor>,
    counts: Vec<(Name, u64)>,
}

impl Viewed for FromSource {
    fn view(&self) -> SourceView<'_> {
        let entry = &self.listed.entry;
        SourceView {
            dn: &self.listed.dn,
            rdn: entry.rdn.as_deref().unwrap_or_default(),
            ancestors: &self.above,
            link_counts: &self.counts,
            ..SourceView::new(
                &entry.anchor,
                entry.class.as_deref().unwrap_or_default(),
                &entry.attributes,
            )
        }
    }

    fn is_whole(&self) -> bool {
        self.listed.entry.kind == EntryKind::Whole
    }
}

/// The objects of a source, chunk by chunk.
enum Reader<'a> {
    Space {
        app: &'a App,
        job: Box<JobRow>,
        after: sync_core::id::ObjectId,
    },
    Source {
        listing: Listing,
        above: &'a Above,
    },
}

impl Reader<'_> {
    async fn next(&mut self) -> Result<Vec<Seen>, Refusal> {
        match self {
            Self::Space { app, job, after } => {
                let (row, from) = (job.clone(), *after);
                let items = blocking(app.engine(), move |engine| {
                    engine.plan_items(&row, from, planner::BATCH)
                })
                .await?;
                if let Some(last) = items.last() {
                    *after = last.source.id;
                }
                let seen = |item: DueItem| Seen {
                    item: Box::new(item),
                };
                Ok(items.into_iter().map(seen).collect())
            }
            Self::Source { listing, above } => loop {
                let Some(chunk) = listing.next().await else {
                    return Ok(Vec::new());
                };
                let chunk = chunk?;
                if !chunk.is_empty() {
                    return Ok(chunk.into_iter().map(|one| listed(one, above)).collect());
                }
            },
        }
    }
}

fn listed(listed: Listed, above: &Above) -> Seen {
    let links = listed.entry.links.iter();
    let counts = links
        .map(|link| (link.attribute.clone(), link.added.len() as u64))
        .collect();
    let above = above.above(&listed.dn);
    Seen {
        item: Box::new(FromSource {
            listed,
            above,
            counts,
        }),
    }
}

/// Looks through a source and tells everything that would fail.
///
/// # Errors
/// If the source or the target cannot be read to its end, or the rules name what does not exist.
pub async fn run(app: &App, plan: &Plan, told: &Told) -> Result<IdfixReport, Refusal> {
    let rules = scheduler::rules_of(&plan.job)?;
    let places = match plan.has_job {
        true => places::of_proposal(app, &plan.job, &plan.source, &rules).await?,
        false => Places::default(),
    };
    let surroundings =
        scheduler::surroundings_with(app, &plan.job, &plan.source, rules, &places).await?;
    let spec = spec(&surroundings);
    let (from_space, not_read) = place_to_look(app, plan, &spec).await?;
    let above = match from_space {
        true => Above::default(),
        false => Above::read(app, &plan.source, &surroundings, None).await?,
    };
    let mut look = Look {
        app,
        plan,
        surroundings: &surroundings,
        spec,
        above,
        from_space,
        told,
        report: IdfixReport {
            source: plan.source.name.clone(),
            from: if from_space {
                "connectorSpace"
            } else {
                "source"
            }
            .into(),
            not_read,
            ..IdfixReport::default()
        },
        outside: BTreeMap::new(),
    };
    let census = look.count().await?;
    look.check(&census).await?;
    look.containers().await?;
    Ok(look.report)
}

/// Everything the rules want, all attributes that are checked, everywhere.
fn spec(surroundings: &Surroundings) -> ReadSpec {
    let mut spec = checked::read_spec(&surroundings.rules);
    let mut add = |name: &str| {
        if !spec
            .attributes
            .iter()
            .any(|have| have.eq_ignore_ascii_case(name))
        {
            spec.attributes.push(name.into());
        }
    };
    ATTRIBUTES.iter().copied().for_each(&mut add);
    ["cn", "trustPartner", "trustAttributes"]
        .into_iter()
        .for_each(&mut add);
    spec.classes.push(TRUST_CLASS.into());
    spec
}

/// Whether the connector space is looked at, and which attributes it was not read for.
async fn place_to_look(
    app: &App,
    plan: &Plan,
    wanted: &ReadSpec,
) -> Result<(bool, Vec<String>), Refusal> {
    if plan.fresh || !plan.has_job || plan.source.complete_reads == 0 {
        return Ok((false, Vec::new()));
    }
    let id = plan.source.id;
    let read = blocking(app.engine(), move |engine| engine.last_spec(id)).await?;
    let Some(read) = read else {
        return Ok((false, Vec::new()));
    };
    let is_read = |name: &Name| {
        read.attributes
            .iter()
            .any(|have| have.eq_ignore_ascii_case(name))
    };
    let checked = |name: &&Name| ATTRIBUTES.iter().any(|one| one.eq_ignore_ascii_case(name));
    let missing = wanted
        .attributes
        .iter()
        .filter(checked)
        .filter(|name| !is_read(name));
    Ok((true, missing.map(ToString::to_string).collect()))
}

/// A look in two rounds.
struct Look<'a> {
    app: &'a App,
    plan: &'a Plan,
    surroundings: &'a Arc<Surroundings>,
    spec: ReadSpec,
    above: Above,
    from_space: bool,
    told: &'a Told,
    report: IdfixReport,
    /// People by the container that holds them, where it is in no scope.
    outside: BTreeMap<String, u64>,
}

/// What the rules say of an object, and whether its values matter.
struct Judged {
    evaluation: Evaluation,
    kind: Kind,
    is_checked: bool,
    is_outside: bool,
}

impl Look<'_> {
    async fn reader(&self) -> Result<Reader<'_>, Refusal> {
        if self.from_space {
            return Ok(Reader::Space {
                app: self.app,
                job: Box::new(self.plan.job.clone()),
                after: sync_core::id::ObjectId(0),
            });
        }
        let name = &self.plan.source.name;
        let listing = self
            .app
            .desk()
            .enumerate(name, self.spec.clone(), None)
            .await?;
        Ok(Reader::Source {
            listing,
            above: &self.above,
        })
    }

    fn judge(&self, seen: &Seen) -> Judged {
        let view = seen.item.view();
        let context = self.surroundings.context();
        let evaluation = evaluate(&self.surroundings.rules, &view, &context);
        let (is_checked, is_outside) = match &evaluation.scope {
            Verdict::InScope => (true, false),
            Verdict::Out { reason } => match reason {
                ScopeReason::OutsideContainers { .. } => (true, true),
                ScopeReason::OutsideGroups | ScopeReason::GroupsUnknown => (true, false),
                _ => (false, false),
            },
        };
        Judged {
            kind: Kind::of(evaluation.target_class.as_deref().unwrap_or(view.class)),
            is_checked: is_checked && seen.item.is_whole(),
            is_outside,
            evaluation,
        }
    }

    async fn progress(&self, phase: &str, objects: u64) -> bool {
        let progress = IdfixEvent::Progress {
            phase: phase.into(),
            objects,
        };
        self.told.send(progress).await.is_ok()
    }

    /// The first round: who has which value, in source and target.
    async fn count(&self) -> Result<Census, Refusal> {
        let mut census = Census::new(salt(self.app));
        let mut reader = self.reader().await?;
        let (mut objects, mut next) = (0, STEP);
        loop {
            let chunk = reader.next().await?;
            if chunk.is_empty() {
                break;
            }
            objects += chunk.len() as u64;
            for seen in &chunk {
                let judged = self.judge(seen);
                if judged.is_checked {
                    census.add(&subject(&seen.item.view(), &judged));
                }
            }
            if objects >= next {
                next = objects + STEP;
                if !self.progress("counting", objects).await {
                    return Err(nobody());
                }
            }
        }
        let id = self.plan.job.target;
        let row = blocking(self.app.engine(), move |engine| engine.connector(id)).await?;
        let target = self.app.target(&row)?;
        target
            .enumerate(&mut |listed| {
                census.add_target(&listed.object);
                true
            })
            .await?;
        Ok(census)
    }

    /// The second round: every object.
    // LONG: one pass with the counts it keeps; taken apart, they would travel through every part.
    async fn check(&mut self, census: &Census) -> Result<(), Refusal> {
        let info = self.surroundings.target.clone();
        let domains = Domains {
            verified: &info.verified_domains,
            initial: &info.initial_domain,
        };
        let mut scan = Scan::new(census, domains);
        let (mut objects, mut checked, mut next) = (0, 0, STEP);
        let mut outside: BTreeMap<String, u64> = BTreeMap::new();
        let mut trusts = Vec::new();
        let mut found = Vec::new();
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        let mut findings = 0;
        let mut reader = self.reader().await?;
        loop {
            let chunk = reader.next().await?;
            if chunk.is_empty() {
                break;
            }
            objects += chunk.len() as u64;
            for seen in &chunk {
                let view = seen.item.view();
                if view.class.eq_ignore_ascii_case(TRUST_CLASS) {
                    trusts.extend(partner(view.attributes).map(|name| (view.dn.to_owned(), name)));
                    continue;
                }
                let judged = self.judge(seen);
                if judged.is_outside && judged.kind == Kind::User {
                    *outside.entry(parent(view.dn).to_owned()).or_default() += 1;
                }
                if !judged.is_checked {
                    continue;
                }
                checked += 1;
                let mut all = scan.check(&subject(&view, &judged));
                all.extend(of_rules(&judged.evaluation, &all));
                found.extend(all.into_iter().map(|one| shown(&view, one)));
            }
            for finding in found.drain(..) {
                findings += 1;
                count_errors(&mut errors, &finding);
                if self.told.send(IdfixEvent::Finding(finding)).await.is_err() {
                    return Err(nobody());
                }
            }
            if objects >= next {
                next = objects + STEP;
                if !self.progress("checking", objects).await {
                    return Err(nobody());
                }
            }
        }
        drop(reader);
        self.report.objects = objects;
        self.report.checked = checked;
        self.report.findings = findings;
        self.report.errors = errors;
        self.report.unverified = std::mem::take(&mut scan.unverified);
        self.outside = outside;
        self.other_domains(trusts).await
    }

    /// Domains of the forest no connector reads.
    async fn other_domains(&mut self, trusts: Vec<(String, String)>) -> Result<(), Refusal> {
        if trusts.is_empty() {
            return Ok(());
        }
        let rows = blocking(self.app.engine(), |engine| engine.connectors()).await?;
        let read: Vec<String> = rows
            .iter()
            .filter_map(|row| Some(row.info.get("domain_fqdn")?.as_str()?.to_lowercase()))
            .collect();
        for (dn, domain) in trusts {
            if !read.contains(&domain.to_lowercase()) {
                let note = "connect it with `hybridge connect ad`, or its people stay outside";
                let finding =
                    about_object(dn, "trustedDomain", Fault::NoConnector, domain, note.into());
                self.tell(finding).await?;
            }
        }
        Ok(())
    }

    /// Containers that hold people and are in no scope.
    async fn containers(&mut self) -> Result<(), Refusal> {
        for (dn, people) in std::mem::take(&mut self.outside) {
            let note =
                "add the container to the scope of the rules, if they are meant to be synchronised";
            let finding = about_object(
                dn,
                "container",
                Fault::OutOfScope,
                format!("{people} people"),
                note.into(),
            );
            self.tell(finding).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, finding: IdfixFinding) -> Result<(), Refusal> {
        self.report.findings += 1;
        count_errors(&mut self.report.errors, &finding);
        let sent = self.told.send(IdfixEvent::Finding(finding)).await;
        sent.map_err(|_| nobody())
    }
}

fn count_errors(errors: &mut BTreeMap<String, u64>, finding: &IdfixFinding) {
    for error in &finding.errors {
        *errors.entry(error.clone()).or_default() += 1;
    }
}

fn nobody() -> Refusal {
    Refusal::new(Code::Conflict).with("text", "nobody wants the findings any more")
}

/// A number nobody outside knows: of a fresh random id.
fn salt(app: &App) -> u64 {
    let (high, low) = app.engine().new_id().as_u64_pair();
    high ^ low
}

fn subject<'a>(view: &SourceView<'a>, judged: &'a Judged) -> Subject<'a> {
    Subject {
        anchor: view.anchor.as_bytes(),
        kind: judged.kind,
        source_anchor: judged.evaluation.source_anchor.as_deref().ok(),
        attributes: view.attributes,
    }
}

/// The name of another domain of the same forest.
fn partner(attributes: &Attributes) -> Option<String> {
    let flags = attributes.first("trustAttributes")?.as_integer()?;
    let name = attributes.text("trustPartner")?;
    (flags & WITHIN_FOREST != 0).then(|| name.to_owned())
}

/// The name of the container an object lies in.
fn parent(dn: &str) -> &str {
    next_comma(dn)
        .and_then(|at| dn.get(at + 1..))
        .unwrap_or(dn)
        .trim_start()
}

/// What the rules themselves say against an object, but for what was found already.
fn of_rules(evaluation: &Evaluation, found: &[Finding]) -> Vec<Finding> {
    let problems = evaluation.problems.iter();
    let all = problems.chain(evaluation.source_anchor.as_ref().err());
    let new = all.filter(|why| {
        let attribute = why.argument("attribute").unwrap_or_default();
        !found
            .iter()
            .any(|one| one.attribute.eq_ignore_ascii_case(attribute))
    });
    new.map(|why| Finding {
        attribute: why.argument("attribute").unwrap_or_default().into(),
        faults: vec![Fault::Rules],
        value: String::new(),
        proposal: Proposal::Decide,
        note: why.to_string(),
    })
    .collect()
}

fn shown(view: &SourceView<'_>, finding: Finding) -> IdfixFinding {
    let name = view.attributes.text("cn").map(str::to_owned);
    IdfixFinding {
        dn: view.dn.to_owned(),
        common_name: name.unwrap_or_else(|| common_name(view.dn)),
        class: view.class.to_owned(),
        attribute: finding.attribute.to_string(),
        errors: finding
            .faults
            .iter()
            .map(|fault| fault.name().to_owned())
            .collect(),
        update: finding.proposal.update().to_owned(),
        action: finding.proposal.action().to_owned(),
        value: finding.value,
        note: finding.note,
    }
}

fn about_object(
    dn: String,
    class: &str,
    fault: Fault,
    value: String,
    note: String,
) -> IdfixFinding {
    IdfixFinding {
        common_name: common_name(&dn),
        dn,
        class: class.into(),
        errors: vec![fault.name().into()],
        value,
        note,
        ..IdfixFinding::default()
    }
}

/// The value of the first part of a name.
fn common_name(dn: &str) -> String {
    let first = next_comma(dn).and_then(|at| dn.get(..at)).unwrap_or(dn);
    let value = first.split_once('=').map_or(first, |(_, value)| value);
    value.replace('\\', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::value::Value;

    #[test]
    fn names_are_taken_apart_at_commas_that_are_not_escaped() {
        assert_eq!(parent(r"CN=Jo\, de,OU=A,DC=x"), "OU=A,DC=x");
        assert_eq!(common_name(r"CN=Jo\, de,OU=A,DC=x"), "Jo, de");
        assert_eq!(parent("DC=x"), "DC=x");
    }

    #[test]
    fn only_domains_of_the_same_forest_need_a_connector() {
        let trust = |flags: i64| -> Attributes {
            [
                ("trustPartner", vec![Value::from("dock.canal.example")]),
                ("trustAttributes", vec![Value::from(flags)]),
            ]
            .into_iter()
            .collect()
        };
        assert_eq!(partner(&trust(0x20)).as_deref(), Some("dock.canal.example"));
        assert_eq!(partner(&trust(0x8)), None);
    }
}
