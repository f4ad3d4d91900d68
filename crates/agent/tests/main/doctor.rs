//! The doctor: each fault is made for real, and must be found as the first failure, by its cause, with a cure.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use agent::{
    ConnectorConfig,
    doctor::{Patient, Settings, examine},
};
use connectors::Source;
use server::{desk::DeskLimits, pki::AgentDirectory as _};
use sync_core::{code::Code, id::AgentId};
use tokio::process::{Child, Command};
use wire::agent::v1::{Check, CheckState, Examination};

use crate::lab::*;

/// An agent's process, its settings and its data.
struct Post {
    lab: Lab,
    folder: tempfile::TempDir,
    agent: Option<Child>,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge-agent"));
    command
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Post {
    /// Enrolled and running.
    async fn begin() -> Self {
        let mut post = Self::enrolled().await;
        post.start().await;
        post
    }

    async fn enrolled() -> Self {
        let lab = Lab::start(DeskLimits::default()).await;
        let folder = tempfile::tempdir().unwrap();
        let token = lab.token(SOON);
        lab.try_enrol(&token, &folder.path().join("data"))
            .await
            .unwrap();
        let post = Self {
            lab,
            folder,
            agent: None,
        };
        post.settings(serde_json::json!({}));
        post
    }

    /// Settings with a directory nobody serves, and these fields.
    fn settings(&self, more: serde_json::Value) {
        let mut text = serde_json::json!({"connectors": []});
        let connector = serde_json::json!({"name": CONNECTOR, "kind": "openldap", "settings": {
            "urls": ["ldaps://127.0.0.1:1"], "authentication": "simple", "bind": "cn=sync", "secret": {"file": self.secret("hush-hush")}}});
        text["connectors"] = serde_json::json!([connector]);
        text.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        std::fs::write(self.folder.path().join("agent.json"), text.to_string()).unwrap();
    }

    fn secret(&self, text: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.folder.path().join("secret");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = program();
        command
            .arg(verb)
            .arg("--config")
            .arg(self.folder.path().join("agent.json"));
        command.arg("--data-dir").arg(self.data());
        command
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn start(&mut self) {
        self.agent = Some(self.command("run").spawn().unwrap());
        let data = self.data();
        wait_until(|| async { data.join("agent-state.json").exists() }).await;
    }

    /// What the doctor finds, and its exit code. It sees only the machine.
    async fn doctor(&self) -> (Examination, i32) {
        let output = self
            .command("doctor")
            .arg("--json")
            .stdout(Stdio::piped())
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.contains("hush-hush") && !text.contains("PRIVATE KEY"),
            "{text}"
        );
        (
            serde_json::from_str(&text).unwrap(),
            output.status.code().unwrap(),
        )
    }

    /// The first failure before the connectors' own.
    async fn first(&self) -> Option<Check> {
        let (found, _) = self.doctor().await;
        let mut failed = found
            .checks
            .into_iter()
            .filter(|c| c.state == CheckState::Failed && c.connector.is_none());
        failed.next()
    }

    async fn finds(&self, id: &str, code: Code, cause: &str) {
        let first = self
            .first()
            .await
            .unwrap_or_else(|| panic!("{cause} is not found"));
        let told = (
            first.id.as_str(),
            first.code.as_deref(),
            first.cause.as_deref(),
        );
        assert_eq!(told, (id, Some(code.name()), Some(cause)), "{first:?}");
        assert!(
            first.cure.is_some_and(|cure| !cure.is_empty()),
            "{cause} has no cure"
        );
    }

    async fn finds_nothing(&self) {
        assert_eq!(self.first().await, None);
    }
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn a_healthy_agent_fails_nowhere_on_its_way_and_a_dead_directory_is_named() {
    let post = Post::begin().await;
    let (found, code) = post.doctor().await;
    let link: Vec<&Check> = found
        .checks
        .iter()
        .filter(|c| c.connector.is_none())
        .collect();
    for check in &link {
        assert_eq!(check.state, CheckState::Ok, "{check:?}");
    }
    let ids: Vec<&str> = link.iter().map(|check| check.id.as_str()).collect();
    let expected = [
        "settings",
        "installed",
        "running",
        "service",
        "secrets",
        "disk",
        "updater",
        "dns",
        "connection",
        "tls",
        "certificate",
        "server",
        "clock",
        "lease",
    ];
    assert_eq!(ids, expected);
    assert_eq!(found.first_failed.as_deref(), Some("discovery"));
    let dead = found.checks.iter().find(|c| c.id == "discovery").unwrap();
    assert_eq!(dead.cause.as_deref(), Some("rejected"));
    assert_eq!(dead.connector.as_deref(), Some(CONNECTOR));
    assert_eq!(code, 1);
}

#[tokio::test]
async fn never_installed_stopped_frozen_and_gone_are_told_apart() {
    let mut post = Post::enrolled().await;
    post.finds(
        "running",
        Code::HybridIdentityServiceNoActiveAgents,
        "never-started",
    )
    .await;
    post.start().await;
    post.finds_nothing().await;
    signal(post.agent.as_ref().unwrap(), "-STOP");
    post.finds(
        "running",
        Code::HybridIdentityServiceNoActiveAgents,
        "frozen",
    )
    .await;
    signal(post.agent.as_ref().unwrap(), "-CONT");
    post.finds_nothing().await;
    let mut agent = post.agent.take().unwrap();
    agent.kill().await.unwrap();
    post.finds(
        "running",
        Code::HybridIdentityServiceNoActiveAgents,
        "stopped",
    )
    .await;
    std::fs::remove_dir_all(post.data()).unwrap();
    post.finds("installed", Code::NotAuthenticated, "not-enrolled")
        .await;
}

#[tokio::test]
async fn an_agent_that_was_revoked_or_is_of_another_tenant_is_told_so() {
    let post = Post::begin().await;
    post.lab.directory.revoke(AgentId(1)).await.unwrap();
    post.finds("server", Code::AgentCertificateRefused, "revoked")
        .await;

    let other = Post::begin().await;
    other.settings(serde_json::json!({ "server": post.lab.url() }));
    other
        .finds("tls", Code::ServerUntrusted, "other-authority")
        .await;
    // The cure is a setting; nothing is started anew.
    other.settings(serde_json::json!({}));
    other.finds_nothing().await;
}

#[tokio::test]
async fn names_ports_and_hosts_that_are_wrong_are_told_apart() {
    let post = Post::begin().await;
    for (server, id, code, cause) in [
        (
            "https://nowhere.invalid:8443".to_owned(),
            "dns",
            Code::ServerNameNotResolved,
            None,
        ),
        (
            "https://127.0.0.1:1".to_owned(),
            "connection",
            Code::ServerUnreachable,
            Some("rejected"),
        ),
        (
            format!("https://127.0.0.2:{}", post.lab.address.port()),
            "connection",
            Code::ServerUnreachable,
            Some("rejected"),
        ),
    ] {
        post.settings(serde_json::json!({ "server": server }));
        let first = post.first().await.unwrap();
        assert_eq!(
            (first.id.as_str(), first.code.as_deref()),
            (id, Some(code.name())),
            "{first:?}"
        );
        if let Some(cause) = cause {
            assert_eq!(first.cause.as_deref(), Some(cause));
        }
    }
    // The right door by a name its certificate does not hold.
    let wire = plain_wire("127.0.0.3:0", post.lab.address).await;
    post.settings(serde_json::json!({ "server": format!("https://{wire}") }));
    post.finds("tls", Code::ServerUntrusted, "wrong-host").await;
}

/// Another address for the same door.
async fn plain_wire(own: &str, to: std::net::SocketAddr) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind(own).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn tls_that_is_inspected_is_recognised_by_its_issuer() {
    let post = Post::begin().await;
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/O=Contoso/CN=Contoso Web Gateway",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .arg("-keyout")
        .arg(folder.path().join("key.pem"))
        .arg("-out")
        .arg(folder.path().join("certificate.pem"))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let _gateway = Command::new("openssl")
        .args(["s_server", "-quiet", "-accept", &port.to_string()])
        .arg("-cert")
        .arg(folder.path().join("certificate.pem"))
        .arg("-key")
        .arg(folder.path().join("key.pem"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    wait_until(|| async {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
    })
    .await;
    post.settings(serde_json::json!({ "server": format!("https://127.0.0.1:{port}") }));
    let first = post.first().await.unwrap();
    assert!(first.text.contains("Contoso Web Gateway"), "{first:?}");
    post.finds("tls", Code::ServerUntrusted, "inspected").await;
}

#[tokio::test]
async fn proxies_that_refuse_are_told_apart_and_cured_without_a_restart() {
    let post = Post::begin().await;
    let answering = |answer: &'static str| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            while let Ok((mut near, _)) = listener.accept().await {
                let mut head = [0; 512];
                let _ = near.read(&mut head).await;
                let _ = near.write_all(answer.as_bytes()).await;
            }
        });
        address
    };
    for (answer, code, cause) in [
        (
            "HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
            Code::ProxyCredentialMissing,
            "proxy-wants-credentials",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
            Code::ProxyRefused,
            "proxy-refuses",
        ),
        (
            "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n",
            Code::ProxyUnreachable,
            "proxy-cannot-reach",
        ),
        (
            "SSH-2.0-OpenSSH_9\r\n",
            Code::ProxyUnreachable,
            "not-a-proxy",
        ),
    ] {
        let proxy = answering(answer).await;
        post.settings(
            serde_json::json!({ "network": { "proxy": { "url": format!("http://{proxy}") } } }),
        );
        post.finds("connection", code, cause).await;
    }
    post.settings(serde_json::json!({ "network": { "proxy": { "url": "http://127.0.0.1:1" } } }));
    post.finds("connection", Code::ProxyUnreachable, "rejected")
        .await;
    post.settings(serde_json::json!({}));
    post.finds_nothing().await;
}

#[tokio::test]
async fn secrets_and_settings_that_are_wrong_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let post = Post::begin().await;
    let mode = |file: &Path, mode| {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap()
    };
    let secret = post.folder.path().join("secret");
    mode(&secret, 0o644);
    post.finds("secrets", Code::SecretFileUnsafe, "readable-by-others")
        .await;
    mode(&secret, 0o600);
    let identity = post.data().join("identity.json");
    mode(&identity, 0o640);
    post.finds("installed", Code::SecretFileUnsafe, "readable-by-others")
        .await;
    mode(&identity, 0o600);
    std::fs::remove_file(&secret).unwrap();
    post.finds("secrets", Code::ConfigurationInvalid, "secret-missing")
        .await;
    post.secret("hush-hush");
    post.finds_nothing().await;
    std::fs::write(post.folder.path().join("agent.json"), "{").unwrap();
    post.finds("settings", Code::ConfigurationInvalid, "settings-wrong")
        .await;
}

#[tokio::test]
async fn the_server_lets_an_agent_examine_itself() {
    let lab = Lab::start(short()).await;
    let _agent = lab.agent(Fake::default()).await;
    let report = lab.desk.examine(AgentId(1), SOON).await.unwrap();
    let found: Examination = serde_json::from_str(&report).unwrap();
    assert!(found.is_healthy, "{report}");
    assert!(
        found
            .checks
            .iter()
            .any(|check| check.connector.as_deref() == Some(CONNECTOR))
    );
    let nobody = lab.desk.examine(AgentId(9), SOON).await.unwrap_err();
    assert_eq!(nobody.code, Code::HybridIdentityServiceNoActiveAgents);
    // Connected, and it takes no work: its process polls no more.
    let lab = Lab::start(short()).await;
    let puppet = lab.puppet().await;
    let id = AgentId(puppet.identity.agent_id);
    let deaf = lab
        .desk
        .examine(id, Duration::from_millis(300))
        .await
        .unwrap_err();
    assert_eq!(deaf.code, Code::HybridIdentityServiceAgentSignalingError);
}

#[tokio::test]
async fn looking_does_not_count_as_running() {
    let lab = Lab::start(short()).await;
    let folder = tempfile::tempdir().unwrap();
    lab.try_enrol(&lab.token(SOON), folder.path())
        .await
        .unwrap();
    let config = agent::AgentConfig {
        server: None,
        connectors: vec![ConnectorConfig {
            name: CONNECTOR.into(),
            kind: "fake".into(),
            settings: serde_json::Value::Null,
        }],
        parallel: 1,
        network: Default::default(),
        updater: None,
    };
    let factory = |_: &ConnectorConfig| {
        Ok(Box::new(Fake {
            button: Some(Arc::default()),
            ..Fake::default()
        }) as Box<dyn Source>)
    };
    let patient = Patient {
        data_directory: folder.path(),
        config: Settings::Read(Box::new(config)),
        factory: &factory,
        is_self: false,
    };
    let found = examine(&patient).await;
    assert_eq!(found.first_failed.as_deref(), Some("running"), "{found:?}");
    assert!(!lab.desk.is_connected(AgentId(1)));
}
