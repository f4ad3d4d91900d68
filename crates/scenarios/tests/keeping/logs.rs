//! Logs and traces: quiet until somebody asks, collected from server and agents, and without a secret.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use forest::{Organisation, Served};
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use server::pki::vault::{SECRETS, Vault};
use wire::api::v1::{Page, Tracing};

const PATIENCE: Duration = Duration::from_secs(120);
const HOOK_SECRET: &str = "hush-the-secret-of-the-hook";
const HOOK_URL: &str = "https://127.0.0.1:9/hush-in-the-address";

struct Stand {
    installation: Installation,
    _served: Served,
    dir: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 10,
            seed: 4,
        };
        let company = company.build().unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        let installation = Installation::new(&source);
        installation.resume();
        installation.sync();
        Self {
            installation,
            _served,
            dir,
        }
    }

    fn agent(&self) -> String {
        let all: Value = self.installation.ask(&["agent", "list"]);
        all["items"][0]["name"].as_str().unwrap().to_owned()
    }

    fn trace_of_agent(&self) -> String {
        let path = self.installation.agent_data().join("logs/agent-trace.log");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Everything nobody may find.
    fn secrets(&self) -> Vec<(&'static str, String)> {
        let data = self.installation.data();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let lines = |text: &str| {
            let lines = text
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with(['-', '#']));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let vault = Vault::open(&data, None).unwrap();
        let sealed = |name: &str| vault.read(name).unwrap().unwrap().to_string();
        let authority = sealed("authority.pem");
        let (_, private) = authority.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
        let mut all = vec![
            (
                "token of the administrator",
                text(&json(&read(&data.join("admin.json")))["token"]),
            ),
            (
                "key of tokens",
                text(&json(&sealed("token-key.json"))["key"]),
            ),
            ("seed", sealed("expression-seed")),
            (
                "credential",
                text(&json(&sealed("directory-credential.json"))["secret"]),
            ),
            ("secret of the hook", HOOK_SECRET.to_owned()),
            ("address of the hook", HOOK_URL.to_owned()),
            ("password of the directory", "Secret.Sync1".to_owned()),
        ];
        all.extend(lines(private).into_iter().map(|line| ("authority", line)));
        let keys = read(&data.join("master-key"));
        all.extend(lines(&keys).into_iter().map(|line| ("master key", line)));
        let identity = json(&read(&self.installation.agent_data().join("identity.json")));
        let key = text(&identity["key"]);
        all.extend(
            lines(&key)
                .into_iter()
                .map(|line| ("key of the agent", line)),
        );
        assert_eq!(SECRETS.len(), 5, "a new secret has to be looked for here");
        all
    }
}

/// The files of a tar archive.
fn unpacked(path: &Path) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let tar = std::process::Command::new("tar")
        .arg("-xf")
        .arg(path)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(tar.unwrap().success());
    let mut open = vec![folder.path().to_owned()];
    let mut all = Vec::new();
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => all.push((
                    path.strip_prefix(folder.path())
                        .unwrap()
                        .display()
                        .to_string(),
                    std::fs::read_to_string(&path).unwrap(),
                )),
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_holds_what_is_needed_and_no_secret() {
    let stand = Stand::new().await;
    let secret = stand.dir.path().join("hook-secret");
    std::fs::write(&secret, HOOK_SECRET).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    stand.installation.ask::<Value>(&[
        "notify",
        "set",
        "--hook",
        HOOK_URL,
        "--hook-secret-file",
        secret.to_str().unwrap(),
    ]);
    // Somebody wrote secrets into the logs by mistake, and the agent's state says one, too.
    let secrets = stand.secrets();
    let mistakes: String = secrets
        .iter()
        .map(|(name, text)| format!("a mistake: {name} is {text}.\n"))
        .collect();
    use std::io::Write as _;
    for log in [
        stand.installation.data().join("logs/server.log"),
        stand.installation.agent_data().join("logs/agent.log"),
    ] {
        let mut file = std::fs::File::options().append(true).open(log).unwrap();
        file.write_all(mistakes.as_bytes()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let exported: Value = stand.installation.ask(&[
        "tools",
        "logs",
        "export",
        "--skip-verbose-trace",
        "--output-path",
        folder.path().to_str().unwrap(),
    ]);
    let path = Path::new(exported["path"].as_str().unwrap());
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(exported["missing"], serde_json::json!([]));
    let files = unpacked(path);
    let of = |end: &str| {
        let found = files.iter().find(|(name, _)| name.ends_with(end));
        let names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
        &found
            .unwrap_or_else(|| panic!("{end} is not in {names:?}"))
            .1
    };
    let agent = format!("agents/{}-1", stand.agent());
    for wanted in [
        "server/versions.json",
        "server/configuration.json",
        "server/status.json",
        "server/alerts.json",
        "server/agents.json",
        "server/metrics.txt",
        "server/logs/server.log",
    ] {
        assert!(!of(wanted).is_empty(), "{wanted}");
    }
    for wanted in [
        "doctor.json",
        "versions.json",
        "settings.json",
        "agent-state.json",
        "agent.log",
    ] {
        assert!(!of(&format!("{agent}/{wanted}")).is_empty(), "{wanted}");
    }
    assert!(of("server/metrics.txt").contains("hybridge_"));
    assert!(
        of("doctor.json").contains("\"bind\""),
        "{}",
        of("doctor.json")
    );
    // What both know of themselves is taken out wherever it stands; what only the other one knows never gets there by itself.
    let of_agent = ["password of the directory", "key of the agent"];
    for (name, text) in &secrets {
        let is_agents = of_agent.contains(name);
        for (file, content) in &files {
            let was_put_there = is_agents && file.ends_with("server.log");
            assert!(
                was_put_there || !content.contains(text.as_str()),
                "{name} stands in {file}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_asked_for_from_afar_and_on_the_spot_and_ends() {
    let mut stand = Stand::new().await;
    assert_eq!(stand.trace_of_agent(), "", "quiet unless asked");
    let log = stand.installation.data().join("logs/server.log");
    let quiet = std::fs::read_to_string(&log).unwrap();
    assert!(
        !quiet.contains(" TRACE ") && !quiet.contains("DEBUG"),
        "{quiet}"
    );
    let agent = stand.agent();
    let traced: Tracing = stand
        .installation
        .ask(&["agent", "trace", &agent, "--minutes", "5"]);
    assert!(traced.until.is_some());
    stand.until("the agent traces", || {
        stand.trace_of_agent().contains("the server answered")
    });
    // A restart does not end it.
    stand.installation.stop_agent();
    let before = stand.trace_of_agent().len();
    stand.installation.start_agent();
    stand.until("it goes on", || stand.trace_of_agent().len() > before);
    let all: Page<Tracing> = stand
        .installation
        .ask(&["tools", "logs", "trace", "--minutes", "5"]);
    assert_eq!(all.items.len(), 2);
    assert!(all.items.iter().all(|one| one.until.is_some()), "{all:?}");
    let ended: Page<Tracing> =
        stand
            .installation
            .ask(&["tools", "logs", "trace", "--minutes", "0"]);
    assert!(
        ended.items.iter().all(|one| one.until.is_none()),
        "{ended:?}"
    );
    let rest = stand.trace_of_agent().len();
    let asked = stand.installation.run_agent(&["trace", "--minutes", "5"]);
    assert!(asked.status.success());
    stand.until("it was asked for on the spot", || {
        stand.trace_of_agent().len() > rest
    });
    let exported: Value = stand.installation.ask(&[
        "tools",
        "logs",
        "export",
        "--skip-verbose-trace",
        "--output-path",
        stand.dir.path().join("archive.tar").to_str().unwrap(),
    ]);
    let names = exported["files"].to_string();
    assert!(
        !names.contains("trace.log"),
        "traces were not wanted: {names}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_with_traces_holds_what_happened_while_it_was_waited_for() {
    if !scenarios::is_full() {
        // The shortest trace takes a minute.
        return;
    }
    let stand = Stand::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.tar");
    let begun = Instant::now();
    let exported: Value = stand.installation.ask(&[
        "tools",
        "logs",
        "export",
        "--tracing-duration-mins",
        "1",
        "--output-path",
        path.to_str().unwrap(),
    ]);
    assert!(
        begun.elapsed() >= Duration::from_secs(60),
        "it was waited for"
    );
    assert_eq!(exported["missing"], serde_json::json!([]));
    let files = unpacked(&path);
    let of = |end: &str| -> &str {
        let found = files.iter().find(|(name, _)| name.ends_with(end));
        &found.unwrap_or_else(|| panic!("{end} is missing")).1
    };
    let server = of("server/logs/server-trace.log");
    let agent = of(&format!("agents/{}-1/agent-trace.log", stand.agent()));
    // A minute of reading: each end wrote what it did, not only that it traced.
    assert!(agent.contains("the server answered"), "{agent}");
    assert!(server.contains(" DEBUG ") || server.contains(" TRACE "));
    let secrets = stand.secrets();
    for (name, text) in &secrets {
        for (file, content) in &files {
            assert!(!content.contains(text.as_str()), "{name} stands in {file}");
        }
    }
    // The time is over: nobody traces any more.
    let all: Page<Tracing> = stand
        .installation
        .ask(&["tools", "logs", "trace", "--minutes", "0"]);
    assert!(all.items.iter().all(|one| one.until.is_none()));
}
