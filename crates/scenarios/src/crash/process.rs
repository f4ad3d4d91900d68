//! Servers and agents as processes, and what the server's process does when it is given an order.
//!
//! Never waits without a deadline. Trap: a process that died says so at the next order, not before.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use engine::{DeleteChoice, JobSettings, UndoQuery};
use server::{
    app::{App, Config},
    planner::references_of,
};
use sync_core::{id::LinkId, schema::preset};
use tokio::{sync::mpsc, time::Instant};

use super::{script::ALLOWED, stage::DOMAIN};
use crate::open;

/// Longest wait for a source and everything that follows from it.
const LONGEST_SYNC: Duration = Duration::from_secs(90);
/// Longest life of an order; after that something hangs.
const LONGEST_ORDER: Duration = Duration::from_secs(120);

/// How the server of a data directory is started, in this process or another.
pub fn server_config(data_directory: PathBuf, port: u16) -> Config {
    Config {
        data_directory,
        listen: ([127, 0, 0, 1], port).into(),
        names: vec!["127.0.0.1".into()],
        tenant_name: "Canal".into(),
        initial_domain: "canal.hybridge.example".into(),
        verified_domains: vec![DOMAIN.into()],
        adopts_directory: false,
        extras: Default::default(),
    }
}

/// Reads the source and waits until everything that follows is done (or held): `quiet`, or what is stuck.
pub async fn settle(app: &App) -> String {
    let engine = app.engine();
    let job = engine.jobs().unwrap().remove(0);
    let before = complete_reads(app);
    let deadline = Instant::now() + LONGEST_SYNC;
    let mut calm = 0;
    while calm < 3 {
        app.read_wake(job.source).notify_one();
        tokio::time::sleep(Duration::from_millis(60)).await;
        // Two reads must have begun after the call: the first may have begun before the change.
        let is_quiet = complete_reads(app) >= before + 2 && open(engine).is_empty();
        calm = if is_quiet { calm + 1 } else { 0 };
        if Instant::now() > deadline {
            let source = engine.connector(job.source).unwrap();
            let failure = engine.job(job.id).unwrap().failure;
            return format!(
                "stuck: {:?}, {:?}, source {:?} {:?}, job {failure:?}",
                open(engine),
                app.activity(job.id),
                source.failure,
                source.suspect
            );
        }
    }
    "quiet".into()
}

/// Makes the guard hold everything from now on.
pub fn make_strict(app: &App) {
    let engine = app.engine();
    let job = engine.jobs().unwrap().remove(0);
    let settings = JobSettings {
        delete_threshold: 1,
        ..job.settings
    };
    engine.set_job_settings(job.id, &settings).unwrap();
    app.jobs_changed();
}

/// Decides about everything that is held: some of it is allowed, the rest is refused. Deciding again changes nothing.
pub fn decide(app: &App) {
    let engine = app.engine();
    let job = engine.jobs().unwrap().remove(0);
    let deletes: Vec<LinkId> = engine
        .staged_deletes(job.id, 0, 1_000)
        .unwrap()
        .into_iter()
        .filter(|one| ALLOWED.contains(&one.name.as_str()))
        .map(|one| one.link)
        .collect();
    let is_allowed = |link: LinkId| {
        let found = engine.space_object(engine::object_of(link)).unwrap();
        let name = found.and_then(|found| {
            found
                .object
                .attributes
                .text("displayName")
                .map(str::to_owned)
        });
        name.is_some_and(|name| ALLOWED.contains(&name.as_str()))
    };
    let losses: Vec<(LinkId, bool)> = engine
        .staged_losses(job.id, 0, 1_000)
        .unwrap()
        .into_iter()
        .filter(|one| is_allowed(one.link))
        .map(|one| (one.link, one.is_members))
        .collect();
    for choice in [DeleteChoice::Some(deletes), DeleteChoice::Losses(losses)] {
        engine.allow_deletes(job.id, &choice, "script").unwrap();
    }
    engine
        .refuse_deletes(job.id, &DeleteChoice::All, "script")
        .unwrap();
    app.wake(job.id).notify_one();
}

/// Undoes everything since the first decision. Undoing again changes nothing.
pub fn undo(app: &App) {
    let engine = app.engine();
    let job = engine.jobs().unwrap().remove(0);
    let decided = number(app, "SELECT min(at) FROM audit WHERE act = 'allow deletes'");
    let query = UndoQuery {
        since: Some(decided),
        ..UndoQuery::default()
    };
    let mapped = references_of(&preset::load(&job.rules).unwrap());
    let plan = engine.plan_undo(&job, &query, &mapped).unwrap();
    engine.undo(&job, &plan, "script", "since").unwrap();
    app.wake(job.id).notify_one();
}

fn number(app: &App, sql: &str) -> i64 {
    app.engine()
        .read(|c| Ok(c.query_row(sql, [], |row| row.get(0))?))
        .unwrap()
}

fn complete_reads(app: &App) -> i64 {
    number(app, "SELECT count(*) FROM read WHERE state = 'complete'")
}

/// The process is gone.
#[derive(Debug)]
pub struct Died;

/// A server or an agent.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    said: mpsc::UnboundedReceiver<String>,
    log: PathBuf,
}

impl Process {
    /// Starts a program; its stderr is added to `log`.
    pub fn start(
        program: &str,
        words: &[&str],
        environment: &[(String, String)],
        log: &Path,
    ) -> Self {
        let errors = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut child = Command::new(program)
            .args(words)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            stdin,
            said,
            log: log.into(),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line it says.
    pub async fn hear(&mut self) -> Result<String, Died> {
        match tokio::time::timeout(LONGEST_ORDER, self.said.recv()).await {
            Ok(line) => line.ok_or(Died),
            Err(_) => panic!("no answer after two minutes:\n{}", self.tail()),
        }
    }

    /// Gives an order and waits for the answer, which must be this one.
    pub async fn order(&mut self, order: &str, expected: &str) -> Result<(), Died> {
        self.tell(order)?;
        let answer = self.hear().await?;
        assert_eq!(answer, expected, "{}", self.tail());
        Ok(())
    }

    /// Gives an order.
    pub fn tell(&mut self, order: &str) -> Result<(), Died> {
        let stdin = self.stdin.as_mut().ok_or(Died)?;
        writeln!(stdin, "{order}").map_err(|_| Died)
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        let _ = self.tell("stop");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}:\n{}", self.tail());
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Freezes or thaws it.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// What it wrote to stderr last.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
