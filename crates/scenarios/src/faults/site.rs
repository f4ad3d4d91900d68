//! A company in small: a control plane and a directory on one side, an agent in a network namespace of its own on the other.
//!
//! Everything is real: processes, packets, names, certificates. Never touches what it did not make. Trap: the doctor runs in the
//! agent's namespace and sees only that; what the row did is known to nobody but the row.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use wire::agent::v1::Examination;

const PATIENCE: Duration = Duration::from_secs(60);
/// The name the agent knows the control plane by.
pub const NAME: &str = "sync.faults.test";
/// Another name, which is not in the certificate.
pub const OTHER_NAME: &str = "other.faults.test";
pub const CONNECTOR: &str = "people";

/// The site.
pub struct Site {
    net: u8,
    space: String,
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
    agent: Option<Child>,
    helpers: Vec<(String, Child)>,
    directory: Value,
    names: Value,
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|fault| panic!("{program}: {fault}"))
}

fn must(program: &str, arguments: &[&str]) {
    let output = run(program, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {}: {told}",
        arguments.join(" ")
    );
}

fn programs() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../lab")
        .join(name)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Site {
    /// Raises everything; the agent is enrolled and runs.
    pub fn raise() -> Self {
        let process = std::process::id();
        let net = u8::try_from(process % 200).unwrap_or(1).max(1);
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut site = Self {
            net,
            space: format!("hybridge-{process}"),
            folder,
            port: free_port(),
            server: None,
            agent: None,
            helpers: Vec::new(),
            directory: Value::Null,
            names: Value::Null,
        };
        site.network();
        site.raise_directory();
        site.start_server();
        site.names(json!({}));
        site.helper(
            "names",
            "/usr/bin/python3",
            &[
                script("dns_server.py").to_str().unwrap(),
                &site.address(3),
                site.file("names.json").to_str().unwrap(),
            ],
        );
        site.enrol();
        site.settings(json!({}));
        site.ask(&["connect", "openldap", CONNECTOR]);
        site.start_agent();
        site
    }

    /// An address on the outside (1: control plane and directory, 3: names) or the agent's own (2).
    pub fn address(&self, last: u8) -> String {
        format!("10.213.{}.{last}", self.net)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn network(&mut self) {
        let (space, out, inner) = (
            self.space.clone(),
            format!("hf{}a", self.net),
            format!("hf{}b", self.net),
        );
        must("ip", &["netns", "add", &space]);
        must(
            "ip",
            &["link", "add", &out, "type", "veth", "peer", "name", &inner],
        );
        must("ip", &["link", "set", &inner, "netns", &space]);
        for last in [1, 3, 4, 5] {
            must(
                "ip",
                &[
                    "addr",
                    "add",
                    &format!("{}/24", self.address(last)),
                    "dev",
                    &out,
                ],
            );
        }
        must("ip", &["link", "set", &out, "up"]);
        let own = format!("{}/24", self.address(2));
        self.inside(&["ip", "addr", "add", &own, "dev", &inner]);
        self.inside(&["ip", "link", "set", &inner, "up"]);
        self.inside(&["ip", "link", "set", "lo", "up"]);
        self.resolver(&format!(
            "nameserver {}\noptions timeout:1 attempts:1\n",
            self.address(3)
        ));
    }

    /// What the agent's machine asks for names.
    pub fn resolver(&self, text: &str) {
        let folder = format!("/etc/netns/{}", self.space);
        fs::create_dir_all(&folder).unwrap();
        fs::write(format!("{folder}/resolv.conf"), text).unwrap();
    }

    pub fn right_resolver(&self) {
        self.resolver(&format!(
            "nameserver {}\noptions timeout:1 attempts:1\n",
            self.address(3)
        ));
    }

    /// A command on the agent's machine.
    fn inner(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space]).args(words);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command on the agent's machine.
    pub fn inside(&self, words: &[&str]) {
        let output = self.inner(words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", words.join(" "));
    }

    /// A rule of the firewall on the agent's machine; `act` is `-A` or `-D`.
    pub fn firewall(&self, act: &str, protocol: &str, port: u16, target: &[&str]) {
        let port = port.to_string();
        let words = [
            "iptables", act, "OUTPUT", "-p", protocol, "--dport", &port, "-j",
        ];
        self.inside(&[&words[..], target].concat());
    }

    /// Names, beside the right one; `null` takes one away.
    pub fn names(&mut self, more: Value) {
        let mut all = json!({ NAME: {"A": self.address(1)}, OTHER_NAME: {"A": self.address(1)} });
        for (name, record) in more.as_object().unwrap() {
            match record {
                Value::Null => {
                    all.as_object_mut().unwrap().remove(name);
                }
                record => all[name] = record.clone(),
            }
        }
        fs::write(self.file("names.json"), all.to_string()).unwrap();
        self.names = all;
    }

    fn raise_directory(&mut self) {
        let (script, name, ip) = (script("slapd-lab.sh"), self.space.clone(), self.address(1));
        let script = script.to_str().unwrap();
        must(
            script,
            &["up", &name, "--ip", &ip, "--port", "3389", "--tls"],
        );
        let text = String::from_utf8(run(script, &["env", &name]).stdout).unwrap();
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(have, _)| *have == key).unwrap().1.to_owned()
        };
        self.secret("secret");
        self.directory = json!({
            "urls": [value("SLAPD_LDAPS")],
            "bind": value("SLAPD_READER"),
            "secret": {"file": self.file("secret")},
            "ca_file": value("SLAPD_CA"),
            "limits": {"connect_seconds": 4},
        });
    }

    /// A verb of the lab about the directory.
    pub fn directory(&self, verb: &str) {
        must(
            script("slapd-lab.sh").to_str().unwrap(),
            &[verb, &self.space],
        );
    }

    pub fn secret(&self, text: &str) {
        fs::write(self.file("secret"), text).unwrap();
        fs::set_permissions(self.file("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Another control plane with a data directory of its own, on this address.
    pub fn start_other_server(&mut self, last: u8) {
        let child = self.control_plane(&self.file("other-server"), last);
        self.helpers.push(("other".into(), child));
    }

    pub fn start_server(&mut self) {
        self.server = Some(self.control_plane(&self.file("server"), 1));
    }

    fn control_plane(&self, data: &Path, last: u8) -> Child {
        let listen = format!("{}:{}", self.address(last), self.port);
        let mut child = Command::new(programs().join("hybridge"))
            .args(["server", "--json", "--listen", &listen, "--name", NAME])
            .arg("--name")
            .arg(self.address(last))
            .arg("--data-dir")
            .arg(data)
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut first).unwrap();
        assert!(first.contains("url"), "the server did not start: {first}");
        child
    }

    pub fn stop_server(&mut self) {
        end(self.server.take());
    }

    pub fn signal_server(&self, signal: &str) {
        let process = self.server.as_ref().unwrap().id().to_string();
        must("kill", &[signal, &process]);
    }

    /// A program on the outside.
    pub fn helper(&mut self, name: &str, program: &str, arguments: &[&str]) {
        let log = fs::File::create(self.file(&format!("{name}.log"))).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap_or_else(|fault| panic!("{program}: {fault}"));
        self.helpers.push((name.into(), child));
    }

    pub fn stop_helper(&mut self, name: &str) {
        if let Some(at) = self.helpers.iter().position(|(have, _)| have == name) {
            end(Some(self.helpers.remove(at).1));
        }
    }

    /// Waits until somebody answers there.
    pub fn wait_for(&self, last: u8, port: u16) {
        let target = format!("{}:{port}", self.address(last));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&target).is_err() {
            assert!(Instant::now() < deadline, "nobody answers at {target}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A verb of the administrator.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(programs().join("hybridge"))
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.file("server"))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "hybridge {}: {told}",
            arguments.join(" ")
        );
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Enrols with this token; says the exit code and what was told.
    pub fn enrol_with(&self, token: &Value, data: &Path) -> Output {
        let text = |name: &str| token[name].as_str().unwrap().to_owned();
        let file = self.file("token");
        fs::write(&file, text("token")).unwrap();
        let program = programs().join("hybridge-agent");
        let server = format!("https://{NAME}:{}", self.port);
        self.inner(&[program.to_str().unwrap(), "enrol", "--server", &server])
            .args([
                "--fingerprint",
                &text("authorityFingerprint"),
                "--name",
                "ams-1",
            ])
            .arg("--token-file")
            .arg(file)
            .arg("--data-dir")
            .arg(data)
            .output()
            .unwrap()
    }

    pub fn token(&self) -> Value {
        self.ask(&["agent", "token"])
    }

    pub fn enrol(&self) {
        let output = self.enrol_with(&self.token(), &self.data());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "enrolment: {told}");
    }

    pub fn data(&self) -> PathBuf {
        self.file("agent")
    }

    /// The agent's settings, with these fields beside the right ones.
    pub fn settings(&self, more: Value) {
        self.settings_with(CONNECTOR, more, json!({}));
    }

    /// The same, with fields of the directory's settings.
    pub fn settings_with(&self, name: &str, more: Value, of_directory: Value) {
        let mut directory = self.directory.clone();
        directory
            .as_object_mut()
            .unwrap()
            .extend(of_directory.as_object().unwrap().clone());
        let mut all = json!({
            "network": {"ignore_environment": true},
            "connectors": [{"name": name, "kind": "openldap", "settings": directory}],
        });
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        fs::write(self.file("agent.json"), all.to_string()).unwrap();
    }

    /// The program on the agent's machine, perhaps below another one.
    fn agent_command(&self, below: &[&str], verb: &str) -> Command {
        let program = programs().join("hybridge-agent");
        let words = [below, &[program.to_str().unwrap(), verb]].concat();
        let mut command = self.inner(&words);
        command.arg("--config").arg(self.file("agent.json"));
        command.arg("--data-dir").arg(self.data());
        command.env("RUST_LOG", "error");
        command
    }

    pub fn start_agent(&mut self) {
        let _ = fs::remove_file(self.data().join(agent::state::STATE_FILE));
        self.agent = Some(self.agent_command(&[], "run").spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while agent::state::State::read(&self.data()).is_none() {
            assert!(Instant::now() < deadline, "the agent does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn stop_agent(&mut self) {
        end(self.agent.take());
    }

    /// `ip netns exec` becomes the program, so its number is the agent's.
    pub fn signal_agent(&self, signal: &str) {
        let process = self.agent.as_ref().unwrap().id().to_string();
        must("kill", &[signal, &process]);
    }

    /// What the doctor finds, perhaps at another time.
    pub fn doctor(&self, below: &[&str]) -> Examination {
        let output = self
            .agent_command(below, "doctor")
            .arg("--json")
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!(
                "the doctor says nothing: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        end(self.agent.take());
        end(self.server.take());
        for (_, child) in self.helpers.drain(..) {
            end(Some(child));
        }
        run(
            script("slapd-lab.sh").to_str().unwrap(),
            &["destroy", &self.space],
        );
        run("ip", &["netns", "del", &self.space]);
        run("ip", &["link", "del", &format!("hf{}a", self.net)]);
        let _ = fs::remove_dir_all(format!("/etc/netns/{}", self.space));
    }
}
