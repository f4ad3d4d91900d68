//! Provisioning on demand: one object, everything below a container, or a group with its members, now.
//!
//! The object is read afresh, planned by the same rules, scope included, and carried out by the same exporter, guard included.
//! Trap: the job has to run; what a paused job would do is shown by a preview.

use std::time::Duration;

use connectors::source::{ObjectName, ReadOne};
use engine::{JobRow, JobState, LogQuery, OpenRun, Record};
use sync_core::{
    code::Code,
    id::{LinkId, ObjectId},
    object::{Entry, EntryKind},
    operation::Refusal,
};
use tokio::time::{Instant, sleep};

use crate::{
    agents::blocking,
    app::App,
    desk::{Answer, Call},
    scheduler::{CALL_TIMEOUT, read_spec},
};

/// What is asked for, by a name of the source: anchor, distinguished name, principal or account name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One object.
    Object(String),
    /// Everything below a container.
    Container(String),
    /// A group and its members.
    Group(String),
}

impl Wanted {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Object(name) | Self::Container(name) | Self::Group(name) => name,
        }
    }

    fn scope(&self) -> String {
        match self {
            Self::Object(name) => format!("object {name}"),
            Self::Container(name) => format!("container {name}"),
            Self::Group(name) => format!("group {name}"),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Provisioned {
    /// The cycle.
    pub cycle: uuid::Uuid,
    /// Objects looked at.
    pub links: Vec<LinkId>,
    /// Those still being worked at when the patience ended.
    pub unfinished: Vec<LinkId>,
    /// What was done, in order; at most [`RECORDS`].
    pub records: Vec<Record>,
}

/// How long one waits for what was asked for.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);
// LIMIT: records in an answer.
const RECORDS: usize = 1_000;
// LIMIT: members of a group that are read one by one; the others are taken as they were read last.
const MEMBERS_READ: usize = 50;
const MEMBERS: [&str; 3] = ["member", "uniqueMember", "memberUid"];

/// Carries out what is asked for and waits for it.
///
/// # Errors
/// `Conflict` if the job is paused or in quarantine; `NotFound` if the source has no such object; those of the source.
pub async fn run(
    app: &App,
    job: &JobRow,
    wanted: &Wanted,
    known: Option<ObjectId>,
) -> Result<Provisioned, Refusal> {
    must_run(app, job).await?;
    // What is read is due at once, and may be done before it is asked for.
    let mark = blocking(app.engine(), |engine| engine.log_end()).await?;
    let object = read(app, job, wanted.name(), known).await?;
    let links = links(app, job, wanted, object).await?;
    let scope = wanted.scope();
    let (id, asked) = (job.id, links.clone());
    let run: OpenRun = blocking(app.engine(), move |engine| {
        let run = engine.begin_asked_run(id, &scope)?;
        engine.ask_for_all(&asked)?;
        Ok(run)
    })
    .await?;
    app.note(job.id, |activity| {
        activity.run = Some(run.id);
        activity.cycle_began = None;
    });
    app.wake(job.id).notify_one();
    let unfinished = wait(app, &links).await?;
    let records = records(app, job, mark, &links).await?;
    Ok(Provisioned {
        cycle: run.guid,
        links,
        unfinished,
        records,
    })
}

async fn must_run(app: &App, job: &JobRow) -> Result<(), Refusal> {
    let refuse = |text: String| {
        Refusal::new(Code::Conflict)
            .with("job", &job.name)
            .with("text", text)
    };
    if job.state == JobState::Paused {
        return Err(refuse(format!(
            "the job is paused; `hybridge job start {}` starts it, and `hybridge preview` shows what it would do",
            job.name
        )));
    }
    if crate::staging::is_staged(app, job.id).await? {
        return Err(refuse(
            "the job is in staging, so nothing of it is carried out; `hybridge preview` shows what it would do, `hybridge staging promote` makes it active".to_owned(),
        ));
    }
    let id = job.id;
    let now = app.engine().now();
    let standing = blocking(app.engine(), move |engine| engine.standing(id)).await?;
    match standing.standing.quarantine {
        Some(held) if !standing.standing.lets_try(now) => Err(refuse(format!(
            "the job is in quarantine ({}); `hybridge job clear {}` ends that",
            held.reason.name(),
            job.name
        ))),
        _ => Ok(()),
    }
}

/// Reads one object of the source afresh.
async fn read(
    app: &App,
    job: &JobRow,
    name: &str,
    known: Option<ObjectId>,
) -> Result<ObjectId, Refusal> {
    let id = job.source;
    let (source, anchor) = blocking(app.engine(), move |engine| {
        let anchor = match known {
            Some(object) => engine.space_object(object)?,
            None => None,
        };
        Ok((
            engine.connector(id)?,
            anchor.map(|space| space.object.anchor),
        ))
    })
    .await?;
    let asked = match anchor {
        Some(anchor) => ObjectName::Anchor(anchor),
        None if name.contains('=') => ObjectName::Dn(name.to_owned()),
        None if name.contains('@') => ObjectName::UserPrincipalName(name.to_owned()),
        None => ObjectName::AccountName(name.to_owned()),
    };
    read_named(app, job, &source, asked, name).await
}

async fn read_named(
    app: &App,
    job: &JobRow,
    source: &engine::ConnectorRow,
    asked: ObjectName,
    name: &str,
) -> Result<ObjectId, Refusal> {
    let id = source.id;
    // As the source is read for all of its jobs: with less, the object would lose what the others need.
    let own = job.id;
    let mut jobs = blocking(app.engine(), engine::Engine::jobs).await?;
    jobs.retain(|job| job.source == id && (job.state == JobState::Active || job.id == own));
    let spec = read_spec(app, source, &jobs).await?;
    let position = blocking(app.engine(), move |engine| engine.watermark(id)).await?;
    let call = Call::ReadOne {
        spec,
        position,
        name: asked,
    };
    let (entry, others) = match app.desk().call(&source.name, call, CALL_TIMEOUT).await? {
        Answer::One(ReadOne::Live {
            entry, elsewhere, ..
        }) => (entry, elsewhere),
        Answer::One(ReadOne::Deleted(anchor)) => {
            let gone = Entry::new(anchor, EntryKind::Deleted);
            (Box::new(gone), Vec::new())
        }
        Answer::One(ReadOne::NotFound) => {
            return Err(Refusal::new(Code::NotFound)
                .with("what", "object of the source")
                .with("name", name));
        }
        _ => {
            return Err(Refusal::new(Code::SourceProtocolError)
                .with("text", "the agent answered another question"));
        }
    };
    let found = blocking(app.engine(), move |engine| {
        engine.observe_among_others(id, &entry, &others)?;
        engine.object_by_anchor(id, &entry.anchor)
    })
    .await?;
    found.ok_or_else(|| {
        Refusal::new(Code::NotFound)
            .with("what", "object of the source")
            .with("name", name)
    })
}

/// Which links what is asked for comes to.
async fn links(
    app: &App,
    job: &JobRow,
    wanted: &Wanted,
    object: ObjectId,
) -> Result<Vec<LinkId>, Refusal> {
    let id = job.id;
    match wanted {
        Wanted::Object(_) => Ok(vec![engine::link_id(id, object)]),
        Wanted::Container(_) => {
            read_changes(app, job).await?;
            blocking(app.engine(), move |engine| engine.objects_below(id, object)).await
        }
        Wanted::Group(_) => {
            let members = blocking(app.engine(), move |engine| {
                engine.members_of(object, &MEMBERS)
            })
            .await?;
            for member in members.iter().take(MEMBERS_READ) {
                // Who cannot be read by himself is taken as he was read last.
                let _ = read(app, job, "", Some(*member)).await;
            }
            let mut links = vec![engine::link_id(id, object)];
            links.extend(members.iter().map(|member| engine::link_id(id, *member)));
            Ok(links)
        }
    }
}

/// Has the source read once, and waits for the end of it.
async fn read_changes(app: &App, job: &JobRow) -> Result<(), Refusal> {
    let (source, asked) = (job.source, app.engine().now());
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        app.read_wake(source).notify_one();
        sleep(LOOK * 4).await;
        let row = blocking(app.engine(), move |engine| engine.connector(source)).await?;
        if let Some(why) = row.failure {
            return Err(why);
        }
        if row.watermark_at.is_some_and(|at| at >= asked) {
            return Ok(());
        }
    }
    Err(Refusal::new(Code::TimeOut).with("text", "the source was not read in time"))
}

async fn wait(app: &App, links: &[LinkId]) -> Result<Vec<LinkId>, Refusal> {
    let until = Instant::now() + PATIENCE;
    let mut left = links.to_vec();
    while !left.is_empty() && Instant::now() < until {
        sleep(LOOK).await;
        left = blocking(app.engine(), move |engine| engine.unfinished(&left)).await?;
    }
    Ok(left)
}

async fn records(
    app: &App,
    job: &JobRow,
    mark: i64,
    links: &[LinkId],
) -> Result<Vec<Record>, Refusal> {
    let of: std::collections::HashSet<i64> = links.iter().map(|link| link.0).collect();
    let query = LogQuery {
        job: Some(job.id.0),
        after: Some(mark),
        ascending: true,
        limit: 100 * RECORDS,
        ..LogQuery::default()
    };
    let page = blocking(app.engine(), move |engine| engine.log(&query)).await?;
    let own = page
        .records
        .into_iter()
        .filter(|record| of.contains(&record.link));
    Ok(own.take(RECORDS).collect())
}
