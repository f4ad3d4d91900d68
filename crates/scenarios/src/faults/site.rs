//! A company in small: a control plane and a directory on one side, an agent in a network namespace of its own on the other.
//!
//! Everything is real: processes, packets, names, certificates. Never touches what it did not make. Trap: the doctor runs in the
//! agent's namespace and sees only that; what the row did is known to nobody but the row.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use wire::agent::v1::Examination;

const PATIENCE: Duration = Duration::from_secs(60);
const LAST_MOMENTS: Duration = Duration::from_secs(5);
/// The name the agent knows the control plane by.
pub const NAME: &str = "sync.faults.test";
/// Another name, which is not in the certificate.
pub const OTHER_NAME: &str = "other.faults.test";
pub const CONNECTOR: &str = "people";
/// The connector that reads the domain.
const DOMAIN_CONNECTOR: &str = "domain";
/// Name of the agent.
pub const AGENT: &str = "ams-1";
/// The account that reads the domain, and its password.
pub const READER: &str = "reader";
pub const PASSWORD: &str = "Passw0rd.Reader1";

/// The site.
pub struct Site {
    net: u8,
    space: String,
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
    agent: Option<Child>,
    helpers: Vec<(String, Child)>,
    crowd: Vec<TcpStream>,
    /// Kind, name and settings of the connector.
    kind: &'static str,
    connector: &'static str,
    directory: Value,
    /// Names that do not change from row to row.
    own_names: Value,
    /// Its own data directory, or another one that is looked at.
    data: String,
    /// What a program said last.
    pub told: String,
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

/// Beside the program of the matrix, or one above a test.
fn programs() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folders = own.ancestors().skip(1);
    let mut with_programs = folders.filter(|folder| folder.join("hybridge-agent").exists());
    with_programs
        .next()
        .expect("build the programs first: cargo build --workspace --bins")
        .to_owned()
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
            crowd: Vec::new(),
            kind: "openldap",
            connector: CONNECTOR,
            directory: Value::Null,
            own_names: Value::Null,
            data: "agent".into(),
            told: String::new(),
        };
        site.own_names =
            json!({ NAME: {"A": site.address(1)}, OTHER_NAME: {"A": site.address(1)} });
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
        // A small disk of its own, so that it can be full.
        fs::create_dir(site.data()).unwrap();
        let disk = site.data();
        let small = [
            "-t",
            "tmpfs",
            "-o",
            "size=16m,mode=700",
            "agent",
            disk.to_str().unwrap(),
        ];
        must("mount", &small);
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
        for last in [1, 3, 4, 5, 6] {
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
    pub fn names(&self, more: Value) {
        let mut all = self.own_names.clone();
        for (name, record) in more.as_object().unwrap() {
            match record {
                Value::Null => {
                    all.as_object_mut().unwrap().remove(name);
                }
                record => all[name] = record.clone(),
            }
        }
        fs::write(self.file("names.json"), all.to_string()).unwrap();
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

    /// Raises a domain controller; from now on it is the directory of the agent, which is started anew with it.
    pub fn raise_controller(&mut self) {
        let (name, ip) = (self.controller_lab(), self.address(6));
        let lab = script("samba-lab.sh");
        let lab = lab.to_str().unwrap();
        must(lab, &["up", &name, "--ip", &ip]);
        let text = String::from_utf8(run(lab, &["env", &name]).stdout).unwrap();
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(have, _)| *have == key).unwrap().1.to_owned()
        };
        let (fqdn, realm) = (value("LAB_DC_FQDN"), value("LAB_REALM"));
        let domain = realm.to_lowercase();
        self.controller(&["tool", "user", "create", READER, PASSWORD]);
        self.controller(&["rights", READER, "+get", "+deleted"]);
        let policy = ["tool", "domain", "passwordsettings", "set"];
        let strict = [
            "--account-lockout-threshold=3",
            "--min-pwd-age=0",
            "--history-length=0",
        ];
        self.controller(&[&policy[..], &strict[..]].concat());
        self.secret(PASSWORD);
        self.own_names[&fqdn] = json!({"A": ip});
        self.own_names[format!("_ldap._tcp.dc._msdcs.{domain}")] =
            json!({"SRV": [[0, 100, 389, fqdn]]});
        self.names(json!({}));
        self.kind = "ad";
        self.connector = DOMAIN_CONNECTOR;
        self.directory = json!({
            "urls": [format!("ldaps://{fqdn}")],
            "bind": format!("{READER}@{realm}"),
            "secret": {"file": self.file("secret")},
            "ca_file": value("LAB_CA"),
            "limits": {"connect_seconds": 4, "request_seconds": 10},
        });
        self.ask(&["connect", "ad", DOMAIN_CONNECTOR]);
        self.stop_agent();
        self.settings(json!({}));
        self.start_agent();
    }

    /// Raises a read-only controller of the same domain, which may keep the reader's password; its address for the settings.
    pub fn raise_read_only(&mut self) -> String {
        let (name, ip, other) = (self.read_only_lab(), self.address(5), self.controller_lab());
        let lab = script("samba-lab.sh");
        let lab = lab.to_str().unwrap();
        must(
            lab,
            &["up", &name, "--ip", &ip, "--join", &other, "--read-only"],
        );
        must(lab, &["remember", &name, &other, READER]);
        let (_, domain) = self.controller_name();
        let host = format!("{name}.{domain}");
        self.names(json!({ &host: {"A": ip} }));
        format!("ldaps://{host}")
    }

    pub fn destroy_read_only(&self) {
        let lab = script("samba-lab.sh");
        must(lab.to_str().unwrap(), &["destroy", &self.read_only_lab()]);
        self.names(json!({}));
    }

    fn read_only_lab(&self) -> String {
        self.controller_lab() + "r"
    }

    /// Somebody says at the server which domain the connector is for.
    pub fn keep_to(&self, domain: &str) {
        self.ask(&["connector", "set", self.connector, "--domain", domain]);
    }

    /// Its name in the lab: short, for a domain is named after it.
    fn controller_lab(&self) -> String {
        self.space.replace("hybridge-", "f")
    }

    /// A verb of the lab about the controller.
    pub fn controller(&self, words: &[&str]) {
        let lab = script("samba-lab.sh");
        let (verb, rest) = words.split_first().unwrap();
        let name = self.controller_lab();
        let words = [&[*verb, &name], rest].concat();
        must(lab.to_str().unwrap(), &words);
    }

    /// Name of the controller, and of its domain.
    pub fn controller_name(&self) -> (String, String) {
        let url = self.directory["urls"][0].as_str().unwrap();
        let host = url.strip_prefix("ldaps://").unwrap().to_owned();
        let domain = host.split_once('.').unwrap().1.to_owned();
        (host, domain)
    }

    /// Signs in with a wrong password from elsewhere.
    pub fn guess_password(&self) {
        let (host, domain) = self.controller_name();
        let account = format!("{READER}@{domain}");
        let url = format!("ldaps://{host}");
        let words = [
            "ldapwhoami",
            "-x",
            "-H",
            &url,
            "-D",
            &account,
            "-w",
            "guessed",
        ];
        let tried = self.inner(&words).env("LDAPTLS_REQCERT", "never").output();
        assert!(!tried.unwrap().status.success(), "the guess was right");
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

    /// Another control plane with a data directory of its own, below a program.
    pub fn start_other_server(&mut self, last: u8, below: &[&str]) {
        let child = self.control_plane(&self.file("other-server"), last, below);
        self.helpers.push(("other".into(), child));
    }

    pub fn start_server(&mut self) {
        self.start_server_below(&[]);
    }

    pub fn start_server_below(&mut self, below: &[&str]) {
        self.server = Some(self.control_plane(&self.file("server"), 1, below));
    }

    fn control_plane(&self, data: &Path, last: u8, below: &[&str]) -> Child {
        let listen = format!("{}:{}", self.address(last), self.port);
        let program = programs().join("hybridge");
        let words = [below, &[program.to_str().unwrap()]].concat();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            // Whoever it runs below may stand between: all of them end together.
            .process_group(0)
            .args(["server", "--json", "--listen", &listen])
            // The first is the administrator's, who asks no name server.
            .args(["--name", &self.address(last), "--name", NAME])
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

    /// A proxy that misbehaves so, from one address to another.
    pub fn fault_proxy(&mut self, name: &str, from: &str, to: &str, how: &str) {
        let proxy = script("fault_proxy.py");
        let mut child = Command::new("/usr/bin/python3")
            .args([proxy.to_str().unwrap(), from, to])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut first).unwrap();
        self.helpers.push((name.into(), child));
        let control = first.split_whitespace().nth(2).expect("the proxy listens");
        let ask = format!(
            "import urllib.request as u; u.urlopen('http://127.0.0.1:{control}/set?{how}').read()"
        );
        must("/usr/bin/python3", &["-c", &ask]);
    }

    /// Connections to the control plane on which nothing is ever said.
    pub fn crowd(&mut self, count: usize) {
        let target = format!("{}:{}", self.address(1), self.port);
        self.crowd = (0..count)
            .filter_map(|_| TcpStream::connect(&target).ok())
            .collect();
    }

    pub fn disperse(&mut self) {
        self.crowd.clear();
    }

    /// Until nothing more can be written where the agent keeps its identity.
    pub fn fill_disk(&self) {
        let ballast = self.data().join("ballast");
        let whole = vec![0; 32 << 20];
        assert!(fs::write(ballast, whole).is_err(), "the disk is not full");
    }

    /// The first address of the directory.
    pub fn first_url(&self) -> String {
        self.directory["urls"][0].as_str().unwrap().to_owned()
    }

    /// Key and certificate of an authority nobody trusts, for the control plane's name.
    pub fn foreign_certificate(&self) -> (PathBuf, PathBuf) {
        let (key, certificate) = (self.file("gateway.key"), self.file("gateway.pem"));
        let name = format!("subjectAltName=DNS:{NAME}");
        let curve = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ];
        let whose = [
            "-subj",
            "/O=Contoso/CN=Contoso Web Gateway",
            "-addext",
            &name,
        ];
        let files = [
            "-keyout",
            key.to_str().unwrap(),
            "-out",
            certificate.to_str().unwrap(),
        ];
        must(
            "openssl",
            &[&["req", "-x509"], &curve[..], &whose[..], &files[..]].concat(),
        );
        (key, certificate)
    }

    /// The same as an authority for directories.
    pub fn foreign_authority(&self) -> PathBuf {
        self.foreign_certificate().1
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
        self.ask_below(&[], "server", arguments)
    }

    /// The same, of another control plane, below a program.
    pub fn ask_below(&self, below: &[&str], server: &str, arguments: &[&str]) -> Value {
        let program = programs().join("hybridge");
        let words = [below, &[program.to_str().unwrap()]].concat();
        let output = Command::new(words[0])
            .args(&words[1..])
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.file(server))
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

    /// Enrols into a data directory with this token, below a program.
    pub fn enrol_with(&self, token: &Value, data: &str, below: &[&str]) -> Output {
        let text = |name: &str| token[name].as_str().unwrap().to_owned();
        let file = self.file("token");
        fs::write(&file, text("token")).unwrap();
        let program = programs().join("hybridge-agent");
        let server = format!("https://{NAME}:{}", self.port);
        let words = [below, &[program.to_str().unwrap(), "enrol"]].concat();
        // Two of one name would have to be told apart by their ids.
        let name = if data == "agent" { AGENT } else { data };
        self.inner(&words)
            .args(["--server", &server])
            .args(["--fingerprint", &text("authorityFingerprint")])
            .args(["--name", name])
            .arg("--token-file")
            .arg(file)
            .arg("--data-dir")
            .arg(self.file(data))
            .output()
            .unwrap()
    }

    /// Tries to enrol, and keeps what was said.
    pub fn try_enrol(&mut self, token: &Value) {
        let output = self.enrol_with(token, "another-agent", &[]);
        let _ = fs::remove_dir_all(self.file("another-agent"));
        self.told = match output.status.success() {
            true => String::new(),
            false => String::from_utf8_lossy(&output.stderr).into_owned(),
        };
    }

    pub fn token(&self) -> Value {
        self.ask(&["agent", "token"])
    }

    /// A token that is over at once; made as any program would, for the administrator's own verb knows no seconds.
    pub fn short_token(&self) -> Value {
        let ask = r#"
import json, ssl, sys, time, urllib.request
admin = json.load(open(sys.argv[1]))
head = {"Authorization": "Bearer " + admin["token"], "Content-Type": "application/json"}
body = json.dumps({"lifetimeSeconds": 1, "connectors": []}).encode()
request = urllib.request.Request(admin["url"] + "/api/v1/enrolment-tokens", body, head)
print(urllib.request.urlopen(request, context=ssl._create_unverified_context()).read().decode())
time.sleep(2)
"#;
        let admin = self.file("server/admin.json");
        let output = run("/usr/bin/python3", &["-c", ask, admin.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no token: {told}"))
    }

    pub fn enrol(&self) {
        let output = self.enrol_with(&self.token(), "agent", &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "enrolment: {told}");
    }

    pub fn data(&self) -> PathBuf {
        self.file("agent")
    }

    /// Lets the doctor look at another data directory.
    pub fn look_at(&mut self, data: &str) {
        data.clone_into(&mut self.data);
    }

    /// The agent's settings, with these fields beside the right ones.
    pub fn settings(&self, more: Value) {
        self.settings_with(self.connector, more, json!({}));
    }

    /// The right settings, with fields of the directory's.
    pub fn of_directory(&self, more: Value) {
        self.settings_with(self.connector, json!({}), more);
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
            "connectors": [{"name": name, "kind": self.kind, "settings": directory}],
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
        command.arg("--data-dir").arg(self.file(&self.data));
        command.env("RUST_LOG", "error");
        command
    }

    /// What the agent leaves word of.
    pub fn state(&self) -> Option<agent::state::State> {
        agent::state::State::read(&self.data())
    }

    pub fn start_agent(&mut self) {
        let _ = fs::remove_file(self.data().join(agent::state::STATE_FILE));
        self.agent = Some(self.agent_command(&[], "run").spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while self.state().is_none() {
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
        let group = format!("-{}", child.id());
        run("kill", &["-KILL", "--", &group]);
        let _ = child.kill();
        let _ = child.wait();
        // What it ran may outlive it for a moment, and with it the port it listened on.
        let deadline = Instant::now() + LAST_MOMENTS;
        let is_there = || run("kill", &["-0", "--", &group]).status.success();
        while is_there() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        end(self.agent.take());
        end(self.server.take());
        for (_, child) in self.helpers.drain(..) {
            end(Some(child));
        }
        let (controller, other) = (self.controller_lab(), self.read_only_lab());
        for (lab, name) in [
            ("slapd-lab.sh", &self.space),
            ("samba-lab.sh", &other),
            ("samba-lab.sh", &controller),
        ] {
            run(script(lab).to_str().unwrap(), &["destroy", name]);
        }
        run("umount", &[self.data().to_str().unwrap()]);
        run("ip", &["netns", "del", &self.space]);
        run("ip", &["link", "del", &format!("hf{}a", self.net)]);
        let _ = fs::remove_dir_all(format!("/etc/netns/{}", self.space));
    }
}
