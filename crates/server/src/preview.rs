//! What a run, or a change of rules, would do: the planning of a run over every object, stopped before anything is stored.
//!
//! Looks at the connector space as it is; nothing is read from the source and nothing is written anywhere. Trap: what rules ask
//! for and the source was not read for yet counts as empty here; the report names it.

use std::sync::Arc;

use connectors::Target;
use engine::{
    ConnectorRow, DueItem, Fates, JobRow, MappedReference, ObjectState, Planned, PlannedOutcome,
    PreviewedReferences,
};
use sync_core::{
    guard::Losses,
    id::{Anchor, ObjectId},
    object::ReadSpec,
    operation::{Refusal, Verb},
    plan::{Draft, Match, Situation, Wanted},
    schema::checked::Rules,
    scope::container,
    value::Name,
};
use tokio::sync::mpsc;
use wire::api::v1::{PreviewChange, PreviewEvent, PreviewObject, PreviewReferences, PreviewReport};

use crate::{
    agents::blocking,
    app::App,
    places,
    planner::{self, Surroundings},
    redaction::Hidden,
    scheduler,
};

/// Where objects and progress are told.
pub type Told = mpsc::Sender<PreviewEvent>;

/// Plans every object of a job with these rules, and tells what would be done.
///
/// # Errors
/// If a container or group of the rules does not exist, the target cannot be reached, or the store fails.
pub async fn run(
    app: &App,
    job: &Arc<JobRow>,
    rules: Arc<Rules>,
    hidden: Hidden,
    told: &Told,
) -> Result<PreviewReport, Refusal> {
    let (source, target) = (job.source, job.target);
    let (source, target) = blocking(app.engine(), move |engine| {
        Ok((engine.connector(source)?, engine.connector(target)?))
    })
    .await?;
    let target = app.target(&target)?;
    let places = places::of_proposal(app, job, &source, &rules).await?;
    let surroundings =
        scheduler::surroundings_with(app, job, &source, rules.clone(), &places).await?;
    let mut preview = Preview {
        app,
        job,
        surroundings,
        target,
        links: places::links(&places, &rules),
        fates: Fates::default(),
        hidden,
        report: PreviewReport {
            job: job.name.clone(),
            not_read: not_read(app, &source, &places::spec_with(&places, &rules)).await?,
            ..PreviewReport::default()
        },
        losing: 0,
        told,
    };
    preview.all().await?;
    preview.references().await?;
    preview.guard().await?;
    Ok(preview.report)
}

/// What a source would have to be read for and was not.
async fn not_read(
    app: &App,
    source: &ConnectorRow,
    wanted: &ReadSpec,
) -> Result<Vec<String>, Refusal> {
    let id = source.id;
    let read = blocking(app.engine(), move |engine| engine.last_spec(id)).await?;
    let read = read.unwrap_or_default();
    let pairs = [
        (&read.classes, &wanted.classes),
        (&read.attributes, &wanted.attributes),
        (&read.links, &wanted.links),
    ];
    let missing = pairs.into_iter().flat_map(|(have, wanted)| {
        let is_missing = |name: &&Name| !have.iter().any(|known| known.eq_ignore_ascii_case(name));
        wanted.iter().filter(is_missing).map(ToString::to_string)
    });
    Ok(missing.collect())
}

struct Preview<'a> {
    app: &'a App,
    job: &'a Arc<JobRow>,
    surroundings: Arc<Surroundings>,
    target: Arc<dyn Target>,
    links: engine::ScopeLinks,
    fates: Fates,
    hidden: Hidden,
    report: PreviewReport,
    /// Objects that stay and lose values.
    losing: u64,
    told: &'a Told,
}

impl Preview<'_> {
    async fn all(&mut self) -> Result<(), Refusal> {
        let mut after = ObjectId(0);
        loop {
            let items = self.batch(after).await?;
            let Some(last) = items.last() else {
                return Ok(());
            };
            after = last.source.id;
            self.report.objects += items.len() as u64;
            let items = self.without_unread(items);
            for planned in planner::plan(
                self.app.engine(),
                self.job,
                items,
                &self.surroundings,
                &self.target,
            )
            .await?
            {
                self.take(planned).await;
            }
            let objects = self.report.objects;
            let progress = PreviewEvent::Progress { objects };
            if self.told.send(progress).await.is_err() {
                // Nobody listens any more.
                return Ok(());
            }
        }
    }

    async fn batch(&self, after: ObjectId) -> Result<Vec<DueItem>, Refusal> {
        let (job, links) = (self.job.clone(), self.links.clone());
        blocking(self.app.engine(), move |engine| {
            let mut items = engine.plan_items(&job, after, planner::BATCH)?;
            engine.add_links_of(job.source, &links, &mut items)?;
            Ok(items)
        })
        .await
    }

    /// Objects the rules want to see and of which only place and name are known: they are counted, and not guessed at.
    fn without_unread(&mut self, items: Vec<DueItem>) -> Vec<DueItem> {
        let rules = &self.surroundings.rules;
        let context = self.surroundings.context();
        let is_linked = |item: &DueItem| item.view.situation == Situation::Linked;
        let is_unread = |item: &DueItem| {
            let class = item.source.class.as_deref().unwrap_or_default();
            let is_mapped = |mapping: &sync_core::schema::checked::ObjectMapping| {
                mapping.source_class.eq_ignore_ascii_case(class)
            };
            let above: &[Anchor] = &item.source.ancestors;
            item.source.state == ObjectState::Skeleton
                && rules.mappings().iter().any(is_mapped)
                && container::is_inside(rules.containers(), &context.containers, above)
        };
        let (unread, rest): (Vec<DueItem>, Vec<DueItem>) = items.into_iter().partition(is_unread);
        for item in &unread {
            self.fates
                .note(item.source.id, is_linked(item), is_linked(item));
        }
        self.report.unread += unread.len() as u64;
        rest
    }

    async fn take(&mut self, planned: Planned) {
        self.losing += u64::from(engine::costs_values(&planned));
        let Planned {
            item,
            outcome,
            name,
            takes_from: _,
        } = planned;
        let is_there = item.view.situation == Situation::Linked;
        let will_be = match &outcome {
            PlannedOutcome::Operate(draft) => draft.verb != Verb::Delete,
            _ => is_there,
        };
        self.fates.note(item.source.id, is_there, will_be);
        let leaving = match &outcome {
            PlannedOutcome::Operate(draft) if draft.verb == Verb::Delete => self.leaving(&item),
            _ => None,
        };
        let mut object = PreviewObject {
            class: item.source.class.as_deref().unwrap_or_default().to_owned(),
            anchor: item.source.anchor.guid_text(),
            name,
            ..PreviewObject::default()
        };
        object.dn = item.source.dn;
        match outcome {
            PlannedOutcome::Same(_) => self.report.same += 1,
            PlannedOutcome::Skip(why) => {
                self.report.outside += 1;
                self.because(&why);
            }
            PlannedOutcome::Refuse(why) => {
                self.report.fail += 1;
                self.because(&why);
                object.fate = "fail".into();
                object.why = Some(why.into());
                self.tell(object).await;
            }
            PlannedOutcome::Operate(draft) => {
                if let Some(why) = leaving {
                    self.because(&why);
                    object.why = Some(why.into());
                } else if let Some(why) = item.last.filter(|_| item.attempts > 0) {
                    self.report.failed_before += 1;
                    object.why = Some(why.into());
                }
                self.operation(&draft, &mut object);
                self.tell(object).await;
            }
        }
    }

    /// What becomes of references when all that is in [`Self::fates`] has happened.
    async fn references(&mut self) -> Result<(), Refusal> {
        let mapped = planner::references_of(&self.surroundings.rules);
        // What the rules no longer map stays, but for those who leave; it is told by the name it had.
        let mut names = mapped.clone();
        names.extend(planner::references_of(&*scheduler::rules_of(self.job)?));
        let fates = Arc::new(std::mem::take(&mut self.fates));
        let mapped = Arc::new(mapped);
        let mut place = Some((0, 0, 0));
        while let Some(after) = place {
            let (job, mapped, fates) = (self.job.clone(), mapped.clone(), fates.clone());
            let (found, next) = blocking(self.app.engine(), move |engine| {
                engine.preview_references(&job, &mapped, &fates, after)
            })
            .await?;
            place = next;
            for part in found {
                let Some(name) = target_of(&names, &part) else {
                    continue;
                };
                self.report.references_added += part.added.len() as u64;
                self.report.references_removed += part.removed.len() as u64;
                let event = PreviewEvent::References(shown(part, name));
                if self.told.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Why an object is not to be in the target any more.
    fn leaving(&self, item: &DueItem) -> Option<Refusal> {
        let context = self.surroundings.context();
        match planner::wanted(item, &self.surroundings.rules, &context).0 {
            Wanted::Absent(why) => Some(why),
            _ => None,
        }
    }

    fn operation(&mut self, draft: &Draft, object: &mut PreviewObject) {
        let (fate, action) = match (draft.verb, draft.adopted) {
            (Verb::Create, _) => ("enter", "create"),
            (Verb::Restore, _) => ("enter", "restore"),
            (Verb::Update, Some(Match::Hard | Match::Soft)) => ("enter", "adopt"),
            (Verb::Update, None) => ("change", "update"),
            (Verb::Disable, _) => ("change", "disable"),
            (Verb::Delete, _) => ("leave", "delete"),
        };
        match fate {
            "enter" => self.report.enter += 1,
            "leave" => self.report.leave += 1,
            _ => self.report.change += 1,
        }
        *self.report.actions.entry(action.into()).or_default() += 1;
        object.fate = fate.into();
        object.action = action.into();
        object.target_class = draft.class.to_string();
        object.target = draft
            .target
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        for (name, values) in draft.attributes.iter() {
            *self.report.attributes.entry(name.to_string()).or_default() += 1;
            object.changes.push(PreviewChange {
                name: name.to_string(),
                before: (self.hidden).texts(name, draft.before.values(name).unwrap_or_default()),
                after: self.hidden.texts(name, values),
            });
        }
    }

    fn because(&mut self, why: &Refusal) {
        let kind = why.argument("scope").or_else(|| why.argument("reason"));
        let kind = kind.unwrap_or(why.code.name()).to_owned();
        *self.report.reasons.entry(kind).or_default() += 1;
    }

    async fn tell(&self, object: PreviewObject) {
        let _ = self.told.send(PreviewEvent::Object(object)).await;
    }

    /// Whether the guard would let so many losses through.
    async fn guard(&mut self) -> Result<(), Refusal> {
        let disables = self.report.actions.get("disable").copied().unwrap_or(0);
        let going = self.report.leave + disables;
        let waiting = going + self.losing;
        let job = self.job.clone();
        let (own, all, prevention) = blocking(self.app.engine(), move |engine| {
            let (own, all) = engine.guard_budgets(&job)?;
            Ok((own.losses, all.losses, engine.deletion_prevention()?))
        })
        .await?;
        let with = |losses: Losses| Losses {
            waiting,
            going,
            ..losses
        };
        let verdict = self.job.settings.limits().check(&with(own));
        if let Err(why) = verdict.and_then(|()| prevention.check(&with(all))) {
            self.report.guard = Some(why.into());
        }
        Ok(())
    }
}

/// The reference attribute of the target that a linked attribute flows to.
fn target_of(mapped: &[MappedReference], part: &PreviewedReferences) -> Option<String> {
    let mut own = mapped.iter().filter(|one| {
        one.class.eq_ignore_ascii_case(&part.holder.class)
            && one.source.eq_ignore_ascii_case(&part.attribute)
    });
    own.next().map(|one| one.target.to_string())
}

fn shown(part: PreviewedReferences, name: String) -> PreviewReferences {
    PreviewReferences {
        dn: part.holder.dn,
        anchor: part.holder.anchor,
        class: part.holder.class.to_string(),
        target: part.holder.target,
        enters: !part.holder.is_there,
        name,
        added: part.added,
        removed: part.removed,
    }
}
