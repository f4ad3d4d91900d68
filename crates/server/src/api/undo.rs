//! Undoing what was carried out: planned from the log and from images of deleted objects, carried out by the jobs.
//!
//! Decides nothing itself. Trap: what is planned may have grown between the preview and the decision; `expected` is the
//! protection against that. Values that rules redact are given back like any other, and shown to nobody.

use axum::{Json, extract::State};
use engine::{Engine, JobRow, StoreError, UndoAct, UndoItem, UndoPlan, UndoQuery};
use sync_core::{code::Code, id::ObjectId, operation::Refusal, value::Value};
use wire::api::v1::{UndoLeft, UndoRequest, Undone, UndoneObject, UndoneValue};

use super::{
    convert::time_option,
    error::{Answer, ApiError},
    extract::{Body, jobs_named},
    log::{cycle, moment},
    objects,
    render::Names,
};
use crate::{access::actor, agents::blocking, app::App, planner, scheduler};

// LIMIT: objects shown with an undo, and things left alone.
const SHOWN: usize = 1_000;

/// `POST /undo`.
pub async fn undo(State(app): State<App>, Body(asked): Body<UndoRequest>) -> Answer<Undone> {
    if asked.cycle.is_none() && asked.since.is_none() && asked.object.is_none() {
        return Err(ApiError::invalid(
            "say what is to be undone: a cycle, a time, or an object",
        ));
    }
    let since = asked.since.as_deref().map(moment).transpose()?;
    let cycle = asked.cycle.as_deref().map(cycle).transpose()?;
    let objects = match &asked.object {
        None => None,
        Some(name) => Some(objects::resolve(&app, name, None).await?),
    };
    if let Some([_, _, ..]) = objects.as_deref() {
        return Err(ApiError::invalid(
            "the name fits several objects; name one by its anchor (`hybridge object search`)",
        ));
    }
    let object = objects.and_then(|all| all.first().copied());
    let (undone, touched) = blocking(app.engine(), move |engine| {
        let jobs = jobs_named(engine, asked.job.as_deref())?;
        let plans = plans(engine, jobs, (cycle, since), object)?;
        carry_out(engine, &asked, plans)
    })
    .await?;
    for job in touched {
        app.wake(job).notify_one();
    }
    Ok(Json(undone))
}

fn plans(
    engine: &Engine,
    jobs: Vec<JobRow>,
    (cycle, since): (Option<uuid::Uuid>, Option<i64>),
    object: Option<ObjectId>,
) -> Result<Vec<(JobRow, UndoPlan)>, StoreError> {
    let mut plans = Vec::new();
    for job in jobs {
        let query = UndoQuery {
            cycle,
            since,
            link: object.map(|object| engine::link_id(job.id, object)),
        };
        let rules = scheduler::rules_of(&job).map_err(StoreError::Refused)?;
        let mapped = planner::references_of(&rules);
        let plan = engine.plan_undo(&job, &query, &mapped)?;
        plans.push((job, plan));
    }
    Ok(plans)
}

type Touched = Vec<sync_core::id::JobId>;

fn carry_out(
    engine: &Engine,
    asked: &UndoRequest,
    plans: Vec<(JobRow, UndoPlan)>,
) -> Result<(Undone, Touched), StoreError> {
    let mut undone = Undone {
        kept_days: engine::IMAGES_KEPT_DAYS.unsigned_abs(),
        ..Undone::default()
    };
    let names = Names::read(engine)?;
    for (job, plan) in &plans {
        add(&names, engine, job, plan, &mut undone)?;
    }
    if let Some(expected) = asked.expected
        && undone.objects > expected
    {
        return Err(StoreError::Refused(
            Refusal::new(Code::Conflict)
                .with("seen", expected.to_string())
                .with("objects", undone.objects.to_string())
                .with(
                    "text",
                    "there is more to undo by now; look at the preview again",
                ),
        ));
    }
    let mut touched = Vec::new();
    if !asked.preview {
        let what = what(asked);
        for (job, plan) in plans.iter().filter(|(_, plan)| !plan.items.is_empty()) {
            undone.id = Some(engine.undo(job, plan, &actor(), &what)?.id);
            touched.push(job.id);
        }
    }
    Ok((undone, touched))
}

/// What is undone, in words.
fn what(asked: &UndoRequest) -> String {
    let parts = [
        ("cycle", &asked.cycle),
        ("since", &asked.since),
        ("object", &asked.object),
    ];
    let parts = parts.into_iter();
    let named = parts.filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    named.collect::<Vec<_>>().join(", ")
}

fn add(
    names: &Names<'_>,
    engine: &Engine,
    job: &JobRow,
    plan: &UndoPlan,
    to: &mut Undone,
) -> Result<(), StoreError> {
    to.records += plan.records;
    to.kept_since = time_option(plan.kept_since);
    to.left_alone += plan.left.len() as u64;
    let room = SHOWN.saturating_sub(to.left.len());
    to.left
        .extend(plan.left.iter().take(room).map(|left| UndoLeft {
            name: left.name.clone(),
            attribute: left.what.clone(),
            why: left.why.to_owned(),
        }));
    for item in &plan.items {
        to.objects += 1;
        to.references += item.references.len() as u64;
        match item.act {
            UndoAct::BringBack => to.bring_back += 1,
            UndoAct::TakeAway => to.take_away += 1,
            UndoAct::SetBack => to.set_back += 1,
        }
        if to.items.len() < SHOWN {
            to.items.push(shown(names, engine, job, item)?);
        }
    }
    Ok(())
}

fn shown(
    names: &Names<'_>,
    engine: &Engine,
    job: &JobRow,
    item: &UndoItem,
) -> Result<UndoneObject, StoreError> {
    let object = engine.space_object(engine::object_of(item.link))?;
    let texts = |name: &str, values: &[Value]| names.values(job.id.0, name, values);
    let count = |keep: bool| {
        let all = item.references.iter();
        all.filter(|reference| reference.keep == keep).count() as u64
    };
    Ok(UndoneObject {
        id: item.link.to_string(),
        job: job.name.clone(),
        act: act(item.act).into(),
        name: item.name.clone(),
        class: item.class.clone(),
        dn: object.map(|found| found.object.dn).unwrap_or_default(),
        target: item.target.clone().unwrap_or_default(),
        values: item
            .values
            .iter()
            .map(|value| UndoneValue {
                name: value.name.to_string(),
                now: texts(&value.name, &value.now),
                back: texts(&value.name, &value.back),
            })
            .collect(),
        references_added: count(true),
        references_removed: count(false),
    })
}

fn act(act: UndoAct) -> &'static str {
    match act {
        UndoAct::BringBack => "bringBack",
        UndoAct::TakeAway => "takeAway",
        UndoAct::SetBack => "setBack",
    }
}
