//! A control plane, machines with an agent and an updater each, and a publisher.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use scenarios::{processes::program, world::private_file};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(120);

/// Looks again and again until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A control plane with its folder of releases.
pub struct Plane {
    pub dir: TempDir,
    server: Option<Child>,
    listen: String,
}

impl Plane {
    pub fn start() -> Self {
        let mut plane = Self {
            dir: tempfile::tempdir().unwrap(),
            server: None,
            listen: "127.0.0.1:0".into(),
        };
        plane.start_server();
        run(Command::new(program("hybridge-release"))
            .arg("key")
            .arg("--out")
            .arg(plane.key()));
        plane
    }

    pub fn key(&self) -> PathBuf {
        self.dir.path().join("publisher.key")
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    pub fn start_server(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("server.log"))
            .unwrap();
        let mut child = Command::new(program("hybridge"))
            .args(["server", "--json", "--listen", &self.listen, "--data-dir"])
            .arg(self.data())
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let ready: Value = serde_json::from_str(&first).unwrap();
        self.listen = ready["url"]
            .as_str()
            .unwrap()
            .strip_prefix("https://")
            .unwrap()
            .to_owned();
        self.server = Some(child);
    }

    pub fn kill_server(&mut self) {
        end(self.server.take());
    }

    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(program("hybridge"));
        command
            .args(words)
            .args(["--json", "--data-dir"])
            .arg(self.data());
        command.output().unwrap()
    }

    pub fn ask(&self, words: &[&str]) -> Value {
        let output = self.run(words);
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the server says of an agent's updates.
    pub fn update_of(&self, agent: &str) -> Value {
        let all = self.ask(&["agent", "updates", "show"]);
        let agents = all["agents"].as_array().unwrap();
        agents
            .iter()
            .find(|one| one["agent"] == agent)
            .cloned()
            .unwrap_or_default()
    }

    /// Version of an agent that the server hears, if it is connected.
    pub fn hears(&self, agent: &str) -> String {
        let all = self.ask(&["agent", "list"]);
        let agents = all["items"].as_array().unwrap();
        let one = agents.iter().find(|one| one["name"] == agent).unwrap();
        match one["state"].as_str() {
            Some("connected") => one["facts"]["version"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            _ => String::new(),
        }
    }

    /// The folder of the releases' channel.
    pub fn channel(&self) -> PathBuf {
        self.data().join("updates/stable")
    }

    /// Publishes a version that works.
    pub fn publish(&self, version: &str) {
        self.publish_as(version, &working(version), &[]);
    }

    /// Publishes this script as the program of a version, with further arguments for the publisher's tool.
    pub fn publish_as(&self, version: &str, script: &str, arguments: &[&str]) {
        self.publish_with(&self.key(), version, script, arguments);
    }

    /// The same, signed with another key.
    pub fn publish_with(&self, key: &Path, version: &str, script: &str, arguments: &[&str]) {
        let source = self.dir.path().join("agent.sh");
        fs::write(&source, script).unwrap();
        let mut command = Command::new(program("hybridge-release"));
        command
            .args(["sign", "--version", version, "--key"])
            .arg(key);
        command
            .arg("--program")
            .arg(source)
            .arg("--out")
            .arg(self.channel())
            .args(arguments);
        run(&mut command);
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        end(self.server.take());
        if std::thread::panicking() {
            let text = fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
            eprintln!("--- server\n{text}");
        }
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    output
}

/// A program that is an agent of this version.
pub fn working(version: &str) -> String {
    let agent = program("scenario-process");
    as_version(
        version,
        &format!("exec {} agent-of {version} \"$@\"", agent.display()),
    )
}

/// A program that says it is of this version, and does this when it is run.
pub fn as_version(version: &str, act: &str) -> String {
    format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || {{ echo hybridge-agent {version}; exit 0; }}\n{act}\n"
    )
}

/// A machine with an agent and an updater.
pub struct Machine {
    pub name: String,
    pub dir: TempDir,
}

impl Machine {
    /// Enrols and starts an agent of version 0.0.1, which its package brought; `settings` change those of the updater.
    pub fn new(plane: &Plane, name: &str, settings: &Value) -> Self {
        let machine = Self {
            name: name.into(),
            dir: tempfile::tempdir().unwrap(),
        };
        let token = plane.ask(&["agent", "token"]);
        let text = |field: &str| token[field].as_str().unwrap().to_owned();
        let file = private_file(&machine.dir, "token", &text("token"));
        let connector = json!({"name": "ad", "kind": "ad", "settings": {
            "urls": ["ldaps://127.0.0.1:1"], "bind": "nobody", "secret": {"environment": "NOTHING"}}});
        let config = json!({"connectors": [connector], "updater": machine.path("updater")});
        private_file(&machine.dir, "agent.json", &config.to_string());
        let mut command = Command::new(program("hybridge-agent"));
        command.args(["enrol", "--name", name, "--server", &text("server")]);
        command
            .args([
                "--fingerprint",
                &text("authorityFingerprint"),
                "--token-file",
            ])
            .arg(file);
        run(command.arg("--data-dir").arg(machine.path("agent")));
        machine.package("0.0.1");
        let public = run(Command::new(program("hybridge-release"))
            .arg("public")
            .arg("--key")
            .arg(plane.key()));
        fs::write(machine.path("keys"), public.stdout).unwrap();
        fs::create_dir(machine.path("updater")).unwrap();
        let mut all = json!({
            "agentSettings": machine.path("agent.json"), "agentData": machine.path("agent"), "keys": machine.path("keys"),
            "directory": machine.path("updater"), "packaged": machine.path("packaged"),
            "restart": ["/bin/sh", machine.path("restart.sh")],
            "healthyWithinSeconds": 60, "settleSeconds": 0,
        });
        for (key, value) in settings.as_object().unwrap() {
            all[key] = value.clone();
        }
        fs::write(machine.path("updater.json"), all.to_string()).unwrap();
        machine.restarts_by("");
        // The link appears with the first look of the updater.
        machine.updater("adopt", None);
        run(Command::new("/bin/sh").arg(machine.path("restart.sh")));
        machine.is_heard_as(plane, "0.0.1");
        machine
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A package brings this version.
    pub fn package(&self, version: &str) {
        let folder = self.path("packaged");
        fs::create_dir_all(&folder).unwrap();
        // Not in place: the one before may be running.
        let new = folder.join("new");
        fs::write(&new, working(version)).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, folder.join("hybridge-agent")).unwrap();
    }

    /// How long a new version may take from now on until the control plane hears it. Good ones have time on a busy machine.
    pub fn has_to_be_healthy_within(&self, seconds: u64) {
        let path = self.path("updater.json");
        let mut settings: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        settings["healthyWithinSeconds"] = seconds.into();
        fs::write(path, settings.to_string()).unwrap();
    }

    /// What the service's manager does at a restart; something else is done before.
    pub fn restarts_by(&self, before: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let script = format!(
            "{before}\nif [ -e {pid} ]; then kill \"$(cat {pid})\" 2>/dev/null; while kill -0 \"$(cat {pid})\" 2>/dev/null; do sleep 0.05; done; fi\n\
             RUST_LOG=warn NOTHING=x setsid {program} run --config {config} --data-dir {data} </dev/null >>{log} 2>&1 &\necho $! >{pid}\n",
            pid = at("pid"),
            program = at("updater/current/hybridge-agent"),
            config = at("agent.json"),
            data = at("agent"),
            log = at("agent.log"),
        );
        fs::write(self.path("restart.sh"), script).unwrap();
    }

    pub fn updater_command(&self, verb: &str, fate: Option<&str>) -> Command {
        let mut command = Command::new(program("hybridge-updater"));
        command
            .args([verb, "--json", "--settings"])
            .arg(self.path("updater.json"));
        command.env("RUST_LOG", "warn");
        if let Some(fate) = fate {
            command.env("HYBRIDGE_FAILPOINT", fate);
        }
        command
    }

    /// A verb of the updater.
    pub fn updater(&self, verb: &str, fate: Option<&str>) -> Output {
        self.updater_command(verb, fate).output().unwrap()
    }

    /// Looks and installs; what came of it.
    pub fn apply(&self) -> (String, String) {
        let output = self.updater("apply", None);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        let came: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |name: &str| came[name].as_str().unwrap().to_owned();
        (text("phase"), text("text"))
    }

    pub fn updates(&self) {
        let came = self.apply();
        assert_eq!(came.0, "updated", "{came:?}");
    }

    /// What the updater says of itself.
    pub fn status(&self) -> Value {
        let output = self.updater("status", None);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn is_heard_as(&self, plane: &Plane, version: &str) {
        until(&format!("{} is heard as {version}", self.name), || {
            plane.hears(&self.name) == version
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::read_to_string(self.path("pid")).map(|pid| {
            Command::new("kill")
                .arg("-KILL")
                .arg(pid.trim())
                .stderr(Stdio::null())
                .status()
        });
        if std::thread::panicking() {
            let text = fs::read_to_string(self.path("agent.log")).unwrap_or_default();
            eprintln!(
                "--- agent {}\n{text}\n{}",
                self.name,
                fs::read_to_string(self.path("updater/updater.json")).unwrap_or_default()
            );
        }
    }
}
