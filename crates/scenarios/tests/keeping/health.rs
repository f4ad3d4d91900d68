//! What a service manager, a monitoring system and an administrator are told of a server that works, and of one that does not.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use forest::{Organisation, Served};
use scenarios::{Source, processes::Installation, world::private_file};
use serde_json::Value;
use wire::api::v1::{Alert, Page};

const PATIENCE: Duration = Duration::from_secs(120);

struct Stand {
    installation: Installation,
    health: String,
    settings: Value,
    dir: tempfile::TempDir,
    _served: Served,
}

/// Status and body of a page, without a token.
fn page(url: &str) -> (String, String) {
    let output = Command::new("curl")
        .args(["-sk", "--max-time", "20", "-w", "\n%{http_code}", url])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 20,
            seed: 5,
        }
        .build()
        .unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        let mut installation = Installation::new(&source);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let health = free.local_addr().unwrap().to_string();
        drop(free);
        installation.restart_server_with(
            &["--health-listen", &health],
            &[("HYBRIDGE_FAILPOINT_HEALTH_MS", "200")],
        );
        installation.resume();
        installation.sync();
        Self {
            installation,
            health,
            settings: source.settings,
            dir,
            _served,
        }
    }

    fn alerts(&self, arguments: &[&str]) -> Vec<Alert> {
        let mut all = vec!["alerts", "list"];
        all.extend(arguments);
        self.installation.ask::<Page<Alert>>(&all).items
    }

    fn until(&self, what: &str, is_so: impl Fn(&[Alert]) -> bool) -> Vec<Alert> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let alerts = self.alerts(&[]);
            if is_so(&alerts) {
                return alerts;
            }
            assert!(Instant::now() < deadline, "{what}: {alerts:#?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_metrics_answer_and_tell_only_whom_they_may() {
    let mut stand = Stand::new().await;
    let here = format!("http://{}", stand.health);
    let outside = format!("https://{}", stand.installation.address());
    for path in ["healthz", "readyz"] {
        let (status, body) = page(&format!("{here}/{path}"));
        assert_eq!(status, "200", "{path}: {body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert!(!told["checks"].as_array().unwrap().is_empty(), "{body}");
        let (status, body) = page(&format!("{outside}/{path}"));
        assert_eq!(
            (status.as_str(), body.as_str()),
            ("200", "{\"status\":\"ok\"}"),
            "{path}"
        );
    }
    let (status, body) = page(&format!("{here}/metrics"));
    assert_eq!(status, "200");
    for name in [
        "hybridge_rejoined 1",
        "hybridge_agents_connected 1",
        "hybridge_alerts_open{kind=\"NoAgent\"} 0",
        "hybridge_job_running{job=\"main\"} 1",
    ] {
        assert!(body.contains(name), "{name} is not in {body}");
    }
    assert_eq!(page(&format!("{outside}/metrics")).0, "401");
    // Not on an address that others reach.
    stand.installation.stop_server();
    let refused = stand
        .installation
        .server_refuses_with(&["--health-listen", "0.0.0.0:0"]);
    assert_eq!(refused.problem.code, "ConfigurationInvalid", "{refused:?}");
    assert_eq!(
        page(&format!("{here}/healthz")).0,
        "000",
        "it still answers"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_opens_with_its_cause_is_told_acknowledged_and_closes_by_itself() {
    let mut stand = Stand::new().await;
    assert_eq!(stand.alerts(&[]), []);
    let wrong = private_file(&stand.dir, "wrong-secret", "Not.The.Password1");
    let mut settings = stand.settings.clone();
    settings["secret"] = serde_json::json!({ "file": wrong });
    stand.installation.stop_agent();
    stand.installation.configure(&settings);
    stand.installation.launch_agent();
    let is_refused = |all: &[Alert]| {
        all.iter()
            .any(|one| one.kind == "SourceAuthenticationFailed")
    };
    let all = stand.until("the alert", is_refused);
    let alert = all
        .iter()
        .find(|one| one.kind == "SourceAuthenticationFailed")
        .unwrap();
    assert_eq!(
        (
            alert.severity.as_str(),
            alert.subject.as_str(),
            alert.name.as_str()
        ),
        ("error", "connector", "ad")
    );
    assert_eq!(alert.code.as_deref(), Some("SourceCredentialRefused"));
    assert!(
        alert.next_step.contains("hybridge connector test"),
        "{alert:#?}"
    );
    let sent: Value = stand.installation.ask(&["notify", "show"]);
    let messages = sent["messages"].as_array().unwrap();
    let told = messages
        .iter()
        .filter(|one| one["reason"] == "SourceAuthenticationFailed");
    assert_eq!(told.count(), 1, "{sent}");
    let known: Alert =
        stand
            .installation
            .ask(&["alerts", "acknowledge", &alert.id, "--note", "looking"]);
    assert_eq!(
        (known.acknowledged_by.as_deref(), known.note.as_deref()),
        (Some("administrator"), Some("looking"))
    );
    assert_eq!(known.state, "open");
    // Put right, and tried.
    stand.installation.stop_agent();
    stand.installation.configure(&stand.settings);
    stand.installation.start_agent();
    stand.until("no alert", <[Alert]>::is_empty);
    let closed: Alert = stand.installation.ask(&["alerts", "show", &alert.id]);
    assert_eq!(
        (closed.state.as_str(), closed.closed_why.as_deref()),
        ("closed", Some("ended"))
    );
    assert!(
        stand
            .alerts(&["--all"])
            .iter()
            .any(|one| one.id == alert.id)
    );
}
