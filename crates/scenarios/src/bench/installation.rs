//! A server and an agent as an administrator installs them: enrolled, over TLS, each a process of its own.
//!
//! Trap: the programs are those beside this one, so they are as optimised as it is.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{api::Api, directories::Directory, procfs::Used};

/// Name of connector and job.
pub const NAME: &str = "bench";

/// A process that ends with its handle.
pub struct Process {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a command whose messages go to a file.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        let mut child = command.stderr(log).spawn().unwrap();
        Self {
            output: child.stdout.take().map(BufReader::new),
            child,
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let output = self.output.as_mut().expect("its output is ours");
        output.read_line(&mut line).unwrap();
        line
    }

    /// Tells it something and returns the line it answers.
    pub fn ask(&mut self, text: &str) -> String {
        writeln!(
            self.child.stdin.as_mut().expect("its input is ours"),
            "{text}"
        )
        .unwrap();
        self.line()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Server and agent, with a connector and a job that is paused.
pub struct Installation {
    server: Process,
    agent: Process,
    data: PathBuf,
    /// The administrator's API.
    pub api: Api,
}

impl Installation {
    /// Sets everything up in front of a directory.
    pub async fn new(dir: &Path, source: &Directory, interval_seconds: Option<u64>) -> Self {
        let data = dir.join("server");
        let server = start_server(dir, &data, source);
        let api = Api::new(&data);
        enrol(dir, &api).await;
        let connector = json!({ "name": NAME, "kind": source.kind, "settings": source.settings });
        let config = dir.join("agent.json");
        private_file(&config, &json!({ "connectors": [connector] }).to_string());
        api.post(
            "connectors",
            json!({ "name": NAME, "kind": source.kind, "config": {} }),
        )
        .await;
        let agent = start_agent(dir, &config);
        let mut settings = json!({});
        if let Some(seconds) = interval_seconds {
            settings = json!({ "intervalSeconds": seconds });
        }
        let new = Self {
            server,
            agent,
            data,
            api,
        };
        new.answers().await;
        let job = json!({ "name": NAME, "source": NAME, "containers": source.containers, "settings": settings });
        new.api.post("jobs", job).await;
        new
    }

    /// Waits until the directory answers through the agent.
    async fn answers(&self) {
        let program = program("hybridge");
        for _ in 0..300 {
            let mut test = Command::new(&program);
            test.args(["connector", "test", NAME, "--data-dir"])
                .arg(&self.data);
            let output = test.output().unwrap();
            if output.status.success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the directory does not answer: see {}", self.data.display());
    }

    /// Starts the job; one that runs already looks at its source at once.
    pub async fn start_job(&self) {
        self.api
            .post(&format!("jobs/{NAME}/start"), json!({}))
            .await;
    }

    /// The judge's word: whether source and target agree.
    pub fn verify(&self) -> Value {
        let mut verify = Command::new(program("hybridge"));
        verify
            .args(["verify", NAME, "--json", "--data-dir"])
            .arg(&self.data);
        let output = verify.output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The rules of the job.
    pub fn rules(&self) -> Value {
        let mut export = Command::new(program("hybridge"));
        export
            .args(["rules", "export", "--json", "--data-dir"])
            .arg(&self.data);
        let output = export.output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The server's data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the server used.
    pub fn server(&self) -> Used {
        Used::of(self.server.id())
    }

    /// What the agent used.
    pub fn agent(&self) -> Used {
        Used::of(self.agent.id())
    }

    /// The agent's process.
    pub fn agent_process(&self) -> u32 {
        self.agent.id()
    }

    /// What both used.
    pub fn both(&self) -> Used {
        Used::of_all(&[self.server.id(), self.agent.id()])
    }

    /// Bytes of the stores, with what has not been folded into them yet.
    pub fn stored_bytes(&self) -> u64 {
        let files = std::fs::read_dir(&self.data).unwrap();
        files
            .flatten()
            .filter_map(|file| file.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

fn start_server(dir: &Path, data: &Path, source: &Directory) -> Process {
    start_server_at(dir, data, "127.0.0.1:0", &source.domains)
}

/// A server that listens there, with these domains of the tenant.
pub fn start_server_at(dir: &Path, data: &Path, listen: &str, domains: &[String]) -> Process {
    let mut command = Command::new(program("hybridge"));
    command
        .args(["server", "--json", "--listen", listen, "--data-dir"])
        .arg(data);
    command.args(
        domains
            .iter()
            .flat_map(|domain| ["--tenant-domain", domain]),
    );
    let mut server = Process::start(command.stdout(Stdio::piped()), &dir.join("server.log"));
    let first = server.line();
    assert!(
        first.contains("https://"),
        "the server did not start: see {}",
        dir.join("server.log").display()
    );
    server
}

async fn enrol(dir: &Path, api: &Api) {
    let token = api.post("enrolment-tokens", json!({})).await;
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let file = dir.join("token");
    private_file(&file, &text("token"));
    let output = Command::new(program("hybridge-agent"))
        .args([
            "enrol",
            "--server",
            &text("server"),
            "--fingerprint",
            &text("authorityFingerprint"),
        ])
        .arg("--token-file")
        .arg(file)
        .arg("--data-dir")
        .arg(dir.join("agent"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn start_agent(dir: &Path, config: &Path) -> Process {
    let mut command = Command::new(program("hybridge-agent"));
    command
        .arg("run")
        .arg("--config")
        .arg(config)
        .arg("--data-dir")
        .arg(dir.join("agent"));
    Process::start(&mut command, &dir.join("agent.log"))
}

/// Writes a file that only its owner can read.
pub fn private_file(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A program beside this one, or where `$HYBRIDGE_PROGRAMS` says.
pub fn program(name: &str) -> PathBuf {
    let path = match std::env::var_os("HYBRIDGE_PROGRAMS") {
        Some(folder) => PathBuf::from(folder).join(name),
        None => std::env::current_exe().unwrap().with_file_name(name),
    };
    assert!(
        path.exists(),
        "{} is missing: use `cargo xtask bench`",
        path.display()
    );
    path
}

impl Installation {
    /// Until when the source is known.
    pub async fn read_up_to(&self) -> Option<Timestamp> {
        let connector = self.api.show(&format!("connectors/{NAME}")).await;
        connector["position"]["readUpTo"].as_str()?.parse().ok()
    }
}
