//! A server and an agent as real processes, driven only by the programs an administrator has.
//!
//! Never looks into the data directory, but to let time pass there: everything is asked of `hybridge … --json`. Trap: the programs are those beside the
//! test's own executable, and whoever runs the tests has to build them first (`cargo xtask test` does).

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use wire::api::v1::{
    DirectoryObject, ErrorAnswer, JobStatus, LogRecord, ObjectView, Page, Problem, Report,
};

use crate::{Source, room::Room, world::private_file};

/// How long anything may take, or stand still on its way to become quiet.
const PATIENCE: Duration = Duration::from_secs(240);
/// Looks that must all find it quiet.
const CALM_LOOKS: u32 = 3;
/// Lines of each program's log that a failed test shows.
const LINES_SHOWN: usize = 60;

pub struct Installation {
    /// Kind and name of the connector.
    kind: &'static str,
    server: Option<Running>,
    agent: Option<Running>,
    /// Where the server listens, the same after every start.
    listen: String,
    domains: Vec<String>,
    /// Where the server's data directory is, if it is not on the machine's disk.
    room: Option<Room>,
    /// Environment of the server.
    server_environment: Vec<(String, String)>,
    /// Further arguments of the server.
    server_arguments: Vec<String>,
    /// Environment of the agent.
    agent_environment: Vec<(String, String)>,
    /// Environment of every program, whose clock is another one.
    clock: Vec<(String, String)>,
    dir: TempDir,
}

/// How a program ended that was expected to refuse.
#[derive(Debug)]
pub struct Refused {
    /// Exit code.
    pub code: Option<i32>,
    /// What it told people.
    pub told: String,
    /// What it told programs.
    pub problem: Problem,
}

/// A process of ours, ended when it goes.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn start(mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        let child = command.stderr(file).spawn().unwrap();
        Self {
            child,
            log: log.into(),
        }
    }
}

impl Running {
    /// Asks it to end, and waits until it has.
    fn stop(&mut self) {
        let process = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status();
        assert!(asked.unwrap().success(), "process {process} is gone");
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "process {process} does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        assert!(sent.unwrap().success(), "process {process} is gone");
    }

    /// Is stopped where it is, without its knowledge.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Goes on after it was frozen.
    pub fn wake(&self) {
        self.signal("-CONT");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let from = lines.len().saturating_sub(LINES_SHOWN);
            eprintln!("--- {}\n{}", self.log.display(), lines[from..].join("\n"));
        }
    }
}

impl Installation {
    /// Starts a server and an agent, and creates a connector `ad` and a job `main`, paused.
    pub fn new(source: &Source) -> Self {
        Self::begin("ad", source, None, &[])
    }

    /// The same, with a connector of this kind and name.
    pub fn of_kind(kind: &'static str, source: &Source) -> Self {
        Self::begin(kind, source, None, &[])
    }

    /// The same, with an agent that has these variables in its environment.
    pub fn with_agent_environment(source: &Source, variables: &[(&str, String)]) -> Self {
        Self::begin("ad", source, None, variables)
    }

    /// The same, with the server's data directory on a disk of its own of so many bytes (`8m`).
    pub fn with_small_disk(source: &Source, size: &str) -> Self {
        Self::begin("ad", source, Some(size), &[])
    }

    fn begin(
        kind: &'static str,
        source: &Source,
        disk: Option<&str>,
        variables: &[(&str, String)],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("server");
        std::fs::create_dir(&data).unwrap();
        let mut new = Self {
            kind,
            server: None,
            agent: None,
            listen: "127.0.0.1:0".into(),
            domains: source.domains.clone(),
            room: disk.map(|size| Room::with_disk(&data, size)),
            server_environment: Vec::new(),
            server_arguments: Vec::new(),
            agent_environment: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            clock: Vec::new(),
            dir,
        };
        new.start_server();
        new.enrol();
        new.configure(&source.settings);
        new.ask::<Value>(&["connect", kind, kind]);
        new.start_agent();
        new.ask::<Value>(&[
            "job",
            "create",
            "main",
            "--source",
            kind,
            "--settle",
            "1",
            "--interval",
            "1",
        ]);
        new
    }

    /// The server's data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    /// The disk the data directory is on, if it has one of its own.
    pub fn room(&self) -> &Room {
        self.room.as_ref().unwrap()
    }

    /// A program of ours, where the data directory can be seen.
    fn program(&self, name: &str) -> Command {
        let mut command = match &self.room {
            Some(room) => room.command(&program(name)),
            None => Command::new(program(name)),
        };
        let variables = self.clock.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        command
    }

    /// By the clock of the programs.
    pub fn now(&self) -> Timestamp {
        let shift = self.clock.get(1).and_then(|(_, shift)| shift.parse().ok());
        let shift = jiff::SignedDuration::from_secs(shift.unwrap_or(0));
        Timestamp::now().checked_add(shift).unwrap()
    }

    /// From their next start on, the clock of server, agent and verbs is so many seconds ahead.
    pub fn shift_clock(&mut self, seconds: i64) {
        let shim = self.dir.path().join("clockshift.so");
        if !shim.exists() {
            crate::crash::stage::build_clockshift(self.dir.path());
        }
        self.clock = vec![
            ("LD_PRELOAD".into(), shim.display().to_string()),
            ("CLOCKSHIFT_SECONDS".into(), seconds.to_string()),
        ];
    }

    fn server_command(&self) -> Command {
        let mut command = self.program("hybridge");
        command.args(["server", "--json", "--listen", &self.listen, "--data-dir"]);
        command.arg(self.data());
        let domains = self.domains.iter();
        command.args(domains.flat_map(|domain| ["--tenant-domain", domain]));
        command.args(&self.server_arguments);
        let variables = self.server_environment.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped());
        command
    }

    /// Starts the server anew with these arguments and variables besides, from now on.
    pub fn restart_server_with(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        self.stop_server();
        self.server_arguments = arguments.iter().map(|one| (*one).to_owned()).collect();
        let variables = variables.iter();
        self.server_environment = variables
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.start_server();
    }

    /// Where the server listens.
    pub fn address(&self) -> &str {
        &self.listen
    }

    /// Starts the server so that it dies when it reaches this point the first time.
    pub fn start_doomed_server(&mut self, point: &str) {
        let fate = ("HYBRIDGE_FAILPOINT".to_owned(), format!("{point}:1"));
        self.server_environment.push(fate);
        self.start_server();
        self.server_environment.clear();
    }

    /// Starts the server so that it pauses whenever it reaches this point.
    pub fn start_slow_server(&mut self, point: &str, pause: Duration) {
        let fate = (
            "HYBRIDGE_FAILPOINT_PAUSE".to_owned(),
            format!("{point}:{}", pause.as_millis()),
        );
        self.server_environment.push(fate);
        self.start_server();
        self.server_environment.clear();
    }

    /// Starts the server, and waits until it listens.
    pub fn start_server(&mut self) {
        let log = self.dir.path().join("server.log");
        let mut running = Running::start(self.server_command(), &log);
        let mut first = String::new();
        let mut output = BufReader::new(running.child.stdout.take().unwrap());
        output.read_line(&mut first).unwrap();
        let ready: Value = serde_json::from_str(&first).unwrap_or_default();
        let Some(url) = ready["url"].as_str() else {
            // Dropped in a panic it shows its log.
            let _shown = running;
            panic!("the server did not start: {first}");
        };
        self.listen = url.strip_prefix("https://").unwrap().to_owned();
        self.server = Some(running);
    }

    /// Starts a server that has to refuse, on another port than the one that may run.
    pub fn server_refuses(&self) -> Refused {
        self.server_refuses_with(&[])
    }

    /// The same, with further arguments.
    pub fn server_refuses_with(&self, arguments: &[&str]) -> Refused {
        let mut command = self.program("hybridge");
        command.args(["server", "--json", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(self.data()).args(arguments);
        self.refused(command)
    }

    /// The same, listening there.
    pub fn server_refuses_listening(&self, listen: &str) -> Refused {
        let mut command = self.program("hybridge");
        command.args(["server", "--json", "--listen", listen, "--data-dir"]);
        command.arg(self.data());
        self.refused(command)
    }

    fn refused(&self, command: Command) -> Refused {
        let output = self.refusing(command);
        let answer: ErrorAnswer = answer(&output);
        Refused {
            code: output.status.code(),
            told: String::from_utf8_lossy(&output.stderr).into_owned(),
            problem: answer.error,
        }
    }

    /// The same, run as another account, in a network where low ports are for root only.
    pub fn server_refuses_as(&self, account: u32, listen: &str) -> Refused {
        let mut command = Command::new("unshare");
        let account = account.to_string();
        command.args(["--net", "setpriv", "--reuid", &account, "--regid", &account]);
        command.args(["--clear-groups", "--"]);
        command.arg(program("hybridge"));
        command.args(["server", "--json", "--listen", listen, "--data-dir"]);
        command.arg(self.data());
        self.refused(command)
    }

    /// Starts an agent that has to refuse: its exit code and what it says.
    pub fn agent_refuses(&self) -> (Option<i32>, String) {
        let output = self.refusing(self.agent_command("run"));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), told)
    }

    /// The agent's data directory.
    pub fn agent_data(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    /// Runs a verb of the agent's program with its data directory.
    pub fn run_agent(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("hybridge-agent"));
        command.args(arguments).arg("--data-dir");
        command.arg(self.agent_data()).output().unwrap()
    }

    /// Runs a program that must end by itself soon.
    fn refusing(&self, mut command: Command) -> Output {
        let output = File::create(self.dir.path().join("refused.out")).unwrap();
        let told = File::create(self.dir.path().join("refused.err")).unwrap();
        let mut child = command.stdout(output).stderr(told).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it does not refuse");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let read = |name: &str| std::fs::read(self.dir.path().join(name)).unwrap();
        Output {
            status,
            stdout: read("refused.out"),
            stderr: read("refused.err"),
        }
    }

    /// Ends the server in order.
    pub fn stop_server(&mut self) {
        self.server.take().unwrap().stop();
    }

    /// Ends the server as a crash would.
    pub fn kill_server(&mut self) {
        self.server = None;
    }

    /// Whether the server's process lives.
    pub fn server_lives(&mut self) -> bool {
        self.server.as_mut().is_some_and(Running::is_alive)
    }

    fn enrol(&self) {
        self.enrol_agent("agent", None);
    }

    /// Enrols an agent with a data directory of this name, at another address of the server if one is given.
    pub fn enrol_agent(&self, name: &str, server: Option<&str>) {
        self.enrol_with(&self.ask(&["agent", "token"]), name, server);
    }

    /// The same with this token, as `hybridge agent token` gives it.
    pub fn enrol_with(&self, token: &Value, name: &str, server: Option<&str>) {
        let text = |name: &str| token[name].as_str().unwrap().to_owned();
        let file = private_file(&self.dir, "token", &text("token"));
        let mut command = Command::new(program("hybridge-agent"));
        command.args([
            "enrol",
            "--server",
            server.unwrap_or(&text("server")),
            "--fingerprint",
            &text("authorityFingerprint"),
        ]);
        command
            .arg("--token-file")
            .arg(file)
            .arg("--data-dir")
            .arg(self.dir.path().join(name));
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Settings of the agent's connector, from its next start on.
    pub fn configure(&self, settings: &Value) {
        let kind = self.kind;
        let connector = serde_json::json!({ "name": kind, "kind": kind, "settings": settings });
        let config = serde_json::json!({ "connectors": [connector] });
        private_file(&self.dir, "agent.json", &config.to_string());
    }

    fn agent_command(&self, verb: &str) -> Command {
        self.agent_command_of("agent", verb)
    }

    fn agent_command_of(&self, name: &str, verb: &str) -> Command {
        let mut command = Command::new(program("hybridge-agent"));
        let clock = self.clock.iter();
        command.envs(clock.map(|(name, value)| (name, value)));
        command
            .arg(verb)
            .arg("--config")
            .arg(self.dir.path().join("agent.json"));
        command.arg("--data-dir").arg(self.dir.path().join(name));
        let variables = self.agent_environment.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        command
    }

    /// Starts the agent, whatever it will find.
    pub fn launch_agent(&mut self) {
        let log = self.dir.path().join("agent.log");
        self.agent = Some(Running::start(self.agent_command("run"), &log));
    }

    /// Copies the agent's folder, as a copied machine has it.
    pub fn copy_agent(&self, name: &str) {
        let (from, to) = (self.dir.path().join("agent"), self.dir.path().join(name));
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
    }

    /// Starts an agent that was enrolled by this name, whatever it will find.
    pub fn launch_agent_of(&self, name: &str) -> Running {
        let log = self.dir.path().join(format!("{name}.log"));
        Running::start(self.agent_command_of(name, "run"), &log)
    }

    /// Starts the agent, and waits until the source answers through it.
    pub fn start_agent(&mut self) {
        self.launch_agent();
        let deadline = Instant::now() + PATIENCE;
        while !self.run(&["connector", "test", self.kind]).status.success() {
            assert!(Instant::now() < deadline, "the source does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What `hybridge-agent check` says of the source, with its exit code.
    pub fn check(&self) -> (Option<i32>, Value) {
        let output = self.agent_command("check").arg("--json").output().unwrap();
        let all: Vec<Value> = answer(&output);
        let is_source = |one: &&Value| one["subject"] == self.kind;
        let source = all.iter().find(is_source).unwrap().clone();
        (output.status.code(), source)
    }

    /// Ends the agent in order.
    pub fn stop_agent(&mut self) {
        self.agent.take().unwrap().stop();
    }

    /// Ends the agent as a crash would.
    pub fn kill_agent(&mut self) {
        self.agent = None;
    }

    /// Stops the agent where it is, without its knowledge; it lives as long as what is returned.
    pub fn freeze_agent(&mut self) -> Running {
        let agent = self.agent.take().unwrap();
        agent.freeze();
        agent
    }

    /// What the agents have written.
    pub fn agent_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("agent.log")).unwrap_or_default()
    }

    /// The source is compared whole as soon as somebody looks, as if the last comparison were long ago.
    pub fn compare_now(&self) {
        crate::world::compare_now(&self.data());
    }

    /// Runs a verb of the administrator's program.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.program("hybridge");
        command
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.data());
        command.output().unwrap()
    }

    /// Runs a verb that dies when it reaches this point the first time.
    pub fn run_doomed(&self, point: &str, arguments: &[&str]) -> Output {
        let mut command = self.program("hybridge");
        command
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.data())
            .env("HYBRIDGE_FAILPOINT", format!("{point}:1"));
        command.output().unwrap()
    }

    /// What a verb that must succeed tells people.
    pub fn run_for_people(&self, arguments: &[&str]) -> String {
        let mut command = self.program("hybridge");
        command.args(arguments).arg("--data-dir").arg(self.data());
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a verb that must succeed, and reads its answer.
    pub fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "hybridge {}: {told}",
            arguments.join(" ")
        );
        answer(&output)
    }

    /// Pauses the job, and waits until nothing is being read.
    pub fn pause(&self) {
        self.ask::<Value>(&["job", "pause", "main"]);
        let deadline = Instant::now() + PATIENCE;
        while self.status().source.reading.is_some() {
            assert!(Instant::now() < deadline, "a read does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts the job, or goes on with it.
    pub fn resume(&self) {
        self.ask::<Value>(&["job", "start", "main"]);
    }

    pub fn status(&self) -> JobStatus {
        self.ask::<Page<JobStatus>>(&["status", "main"])
            .items
            .remove(0)
    }

    pub fn show(&self, name: &str) -> ObjectView {
        self.ask(&["object", "show", name])
    }

    /// Puts the rules in force with another rule, as an administrator does: written to a file, shown, said yes to.
    pub fn set_rule(&self, change: impl FnOnce(&mut Value)) {
        let mut rules: Value = self.ask(&["rules", "export"]);
        change(&mut rules["synchronizationRules"][0]);
        let path = self.data().join("rules.json");
        std::fs::write(&path, rules.to_string()).unwrap();
        self.ask::<Value>(&["rules", "set", path.to_str().unwrap(), "--yes"]);
    }

    /// Display names of the live people and groups of the target, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for kind in ["users", "groups"] {
            let page: Page<DirectoryObject> = self.ask(&["directory", kind, "--limit", "100000"]);
            names.extend(page.items.into_iter().map(|object| object.display_name));
        }
        names.sort();
        names
    }

    /// Waits until the source was read from its state of now, and everything that follows is done or held.
    pub fn sync(&self) -> JobStatus {
        let asked = self.now();
        let mut deadline = Instant::now() + PATIENCE;
        let mut done = (0, 0, 0);
        let mut calm = 0;
        loop {
            let status = self.status();
            let progress = &status.progress;
            let now_done = (progress.read, progress.planned, progress.exported);
            // A large directory takes long on a busy machine.
            if std::mem::replace(&mut done, now_done) != now_done {
                deadline = Instant::now() + PATIENCE;
            }
            calm = if is_quiet(&status, asked) {
                calm + 1
            } else {
                0
            };
            if calm >= CALM_LOOKS {
                return status;
            }
            assert!(Instant::now() < deadline, "not quiet in time: {status:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the source cannot be read; says why.
    pub fn fails_to_read(&self) -> Problem {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(failure) = self.status().source.position.failure {
                return failure;
            }
            assert!(Instant::now() < deadline, "reading does not fail");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the guard holds the deletion of somebody.
    pub fn holds_deletion_of(&self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let held = self.ask::<Value>(&["deletes", "list"]).to_string();
            if held.contains(name) {
                return;
            }
            assert!(Instant::now() < deadline, "{name} is not held: {held}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Allows every deletion that is held.
    pub fn allow_deletions(&self) {
        self.ask::<Value>(&["deletes", "allow", "--all", "--yes"]);
    }

    /// The judge's report.
    pub fn verify(&self) -> Report {
        answer(&self.run(&["verify", "main"]))
    }

    /// Source and target agree, with nothing to explain.
    pub fn agrees(&self, what: &str) -> Report {
        let report = self.verify();
        assert!(
            report.agree && report.explained.is_empty(),
            "{what}: {report:#?}"
        );
        report
    }

    /// A value of the target object of a source object.
    pub fn target(&self, name: &str, attribute: &str) -> Vec<String> {
        let view = self.show(name);
        let target = view.jobs[0].target.as_ref();
        let target = target.unwrap_or_else(|| panic!("{name} has no target: {view:#?}"));
        let values = target.attributes.get(attribute);
        values.cloned().unwrap_or_default()
    }

    /// Id of the target object of a source object.
    pub fn target_id(&self, name: &str) -> String {
        self.show(name).jobs[0].target.as_ref().unwrap().id.clone()
    }

    /// How many objects the target object refers to.
    pub fn references(&self, name: &str, attribute: &str) -> u64 {
        let view = self.show(name);
        let target = view.jobs[0].target.as_ref().unwrap();
        target
            .references
            .get(attribute)
            .map_or(0, |found| found.count)
    }

    /// Records of the log after a place, oldest first.
    pub fn log_since(&self, place: i64) -> Vec<LogRecord> {
        // The newest come first; most steps make a few of very many.
        for limit in ["100", "100000"] {
            let mut page: Page<LogRecord> = self.ask(&["log", "--limit", limit]);
            let shown = page.items.len();
            page.items.retain(|record| sequence(record) > place);
            if page.items.len() < shown || limit == "100000" {
                page.items.reverse();
                return page.items;
            }
        }
        Vec::new()
    }

    /// The place of the newest record.
    pub fn log_end(&self) -> i64 {
        let page: Page<LogRecord> = self.ask(&["log", "--limit", "1"]);
        page.items.first().map_or(0, sequence)
    }
}

/// A further server, without an agent.
pub struct Beside {
    data: PathBuf,
    _server: Running,
}

impl Installation {
    /// Starts a further server with this data directory.
    pub fn beside(&self, data: &Path) -> Beside {
        self.beside_at(data, "127.0.0.1:0")
    }

    /// Starts a further server with this data directory at this address.
    pub fn beside_at(&self, data: &Path, listen: &str) -> Beside {
        let mut command = Command::new(program("hybridge"));
        command.args(["server", "--json", "--listen", listen, "--data-dir"]);
        command.arg(data).stdout(Stdio::piped());
        let log = self.dir.path().join("beside.log");
        let mut server = Running::start(command, &log);
        let mut first = String::new();
        let mut output = BufReader::new(server.child.stdout.take().unwrap());
        output.read_line(&mut first).unwrap();
        assert!(first.contains("url"), "the server did not start: {first}");
        Beside {
            data: data.into(),
            _server: server,
        }
    }
}

/// Runs a verb over a data directory, whether a server runs there or not.
pub fn run_over(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("hybridge"));
    command
        .args(arguments)
        .arg("--json")
        .arg("--data-dir")
        .arg(data);
    command.output().unwrap()
}

impl Beside {
    /// Runs a verb of the administrator's program.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run_over(&self.data, arguments)
    }

    /// Runs a verb that must succeed, and reads its answer.
    pub fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "hybridge {}: {told}",
            arguments.join(" ")
        );
        answer(&output)
    }
}

fn sequence(record: &LogRecord) -> i64 {
    record.id.parse().unwrap()
}

/// One line for a record, in the form of [`crate::record::lines`].
pub fn line(record: &LogRecord) -> String {
    let mark = if record.status == "failure" { "!" } else { "" };
    let head = format!(
        "{}{mark} {}",
        record.provisioning_action, record.source_identity.display_name
    );
    let detail = match &record.problem {
        Some(problem) => reason(problem),
        None => touched(record),
    };
    match detail.is_empty() {
        true => head,
        false => format!("{head}: {detail}"),
    }
}

/// Why something was not done: the reason without the values it saw, or the code.
pub fn reason(problem: &Problem) -> String {
    let full = problem.arguments.get("reason").unwrap_or(&problem.code);
    full.split(';').next().unwrap_or_default().to_owned()
}

/// The attributes a record touched. Creating touches nearly everything; only the references are worth saying then.
fn touched(record: &LogRecord) -> String {
    let is_reference = |part: &&str| part.contains(" +");
    let parts: Vec<&str> = record
        .summary
        .split(", ")
        .filter(|part| !part.is_empty())
        .collect();
    let mut names: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !is_reference(part))
        .collect();
    if record.provisioning_action == "create" {
        names.clear();
    }
    names.sort_unstable();
    names.extend(parts.iter().copied().filter(is_reference));
    names.join(", ")
}

fn is_quiet(status: &JobStatus, asked: Timestamp) -> bool {
    let known = status
        .source
        .position
        .read_up_to
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let rest = status.progress.to_plan + status.progress.to_export;
    known.is_some_and(|known| known > asked) && rest == 0 && status.lag.is_none()
}

fn answer<T: DeserializeOwned>(output: &Output) -> T {
    let text = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {told}"))
}

/// A program beside the test's own executable.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    // Tests are built one folder below the programs.
    let folder = match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().unwrap(),
        _ => folder,
    };
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p hybridge -p agent --bins` first",
        path.display()
    );
    path
}
