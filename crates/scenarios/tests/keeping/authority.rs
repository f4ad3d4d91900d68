//! The tenant's authority is exchanged while everything works; who was away is named; the old one leaves.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use forest::{Forest, Organisation, Served};
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use sync_core::code::Code;
use wire::api::v1::{Agent, Alert, Authorities, ErrorAnswer, Page};

const PATIENCE: Duration = Duration::from_secs(120);
const DAY: i64 = 86_400;
/// Seconds between a start and the end of a certificate that is about to end.
const SOON: i64 = 25;

struct Stand {
    installation: Installation,
    forest: Forest,
    _served: Served,
    _dir: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 10,
            seed: 8,
        };
        let company = company.build().unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        let installation = Installation::new(&source);
        installation.resume();
        installation.sync();
        Self {
            installation,
            forest: company.forest,
            _served,
            _dir: dir,
        }
    }

    /// Somebody comes and arrives: agent and server trust each other.
    fn works(&self, name: &str) {
        let mail = format!("{name}@canal.example");
        let attributes = [
            ("sAMAccountName", name),
            ("userPrincipalName", mail.as_str()),
            ("displayName", name),
        ];
        self.forest
            .add_user(&self.forest.domain_dn(), name, &attributes)
            .unwrap();
        self.installation.sync();
        let names = self.installation.names();
        assert!(names.iter().any(|have| have == name), "{name}: {names:?}");
    }

    fn shown(&self) -> Authorities {
        self.installation.ask(&["ca", "show"])
    }

    fn until(&self, what: &str, is_so: impl Fn(&Authorities) -> bool) -> Authorities {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.shown();
            if is_so(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "{what}: {shown:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What a client elsewhere is told that trusts this file.
    fn asked_with(&self, authority: &Path) -> Result<(), String> {
        let data = self.installation.data();
        let admin = std::fs::read_to_string(data.join("admin.json")).unwrap();
        let admin: Value = serde_json::from_str(&admin).unwrap();
        let token = authority.with_extension("token");
        private(&token, admin["token"].as_str().unwrap());
        let output = self.installation.run(&[
            "agent",
            "list",
            "--server",
            admin["url"].as_str().unwrap(),
            "--ca",
            authority.to_str().unwrap(),
            "--token-file",
            token.to_str().unwrap(),
        ]);
        match output.status.success() {
            true => Ok(()),
            false => {
                let answer: ErrorAnswer = serde_json::from_slice(&output.stdout).unwrap();
                Err(answer.error.code)
            }
        }
    }

    fn identity(&self) -> Value {
        let file = self.installation.data().with_file_name("agent");
        let text = std::fs::read_to_string(file.join("identity.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_is_exchanged_while_agent_and_server_work() {
    let mut stand = Stand::new().await;
    let before = stand.shown();
    assert_eq!(before.authorities.len(), 1);
    let refused = stand.installation.run(&["ca", "retire", "--yes"]);
    let refused: ErrorAnswer = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(refused.error.code, Code::Conflict.name());
    let elsewhere = tempfile::tempdir().unwrap();
    let (old, new) = (elsewhere.path().join("old"), elsewhere.path().join("new"));
    std::fs::write(&old, &before.pem).unwrap();
    let rolled: Authorities = stand.installation.ask(&["ca", "roll"]);
    assert_eq!(rolled.authorities.len(), 2);
    assert_eq!(rolled.authorities[1].number, 2);
    assert!(rolled.authorities[0].presents && rolled.authorities[1].issues);
    // Killed in the middle, it goes on.
    stand.installation.kill_server();
    stand.installation.start_server();
    let followed = stand.until("the agent follows", |all| all.behind.is_empty());
    let identity = stand.identity();
    let trusted = identity["authority"].as_str().unwrap();
    assert_eq!(trusted.matches("BEGIN CERTIFICATE").count(), 2);
    stand.works("while");
    std::fs::write(&new, &followed.pem).unwrap();
    // Whoever knows only the old one is served as long as it stays.
    assert_eq!(stand.asked_with(&old), Ok(()));
    assert_eq!(stand.asked_with(&new), Ok(()));
    let retired: Authorities = stand.installation.ask(&["ca", "retire", "--yes"]);
    assert_eq!(retired.authorities.len(), 1);
    assert_eq!(
        retired.authorities[0].fingerprint,
        rolled.authorities[1].fingerprint
    );
    assert!(stand.asked_with(&old).is_err(), "the old one is gone");
    assert_eq!(stand.asked_with(&new), Ok(()));
    stand.works("afterwards");
    // With its next sign of life the agent forgets the old one, too.
    let deadline = Instant::now() + PATIENCE;
    while stand.identity()["authority"] != retired.pem.as_str() {
        assert!(
            Instant::now() < deadline,
            "the agent still trusts the old one"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    stand.installation.stop_agent();
    stand.installation.stop_server();
    stand.installation.start_server();
    stand.installation.start_agent();
    stand.works("anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_was_away_is_named_and_cut_off_only_if_somebody_says_so() {
    let mut stand = Stand::new().await;
    stand.installation.stop_agent();
    let rolled: Authorities = stand.installation.ask(&["ca", "roll"]);
    assert_eq!(rolled.behind.len(), 1);
    let refused = stand.installation.run(&["ca", "retire", "--yes"]);
    let refused: ErrorAnswer = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(refused.error.code, Code::Conflict.name());
    assert!(
        refused.error.message.contains(&rolled.behind[0].name),
        "{}",
        refused.error.message
    );
    let retired: Authorities = stand
        .installation
        .ask(&["ca", "retire", "--yes", "--cut-off"]);
    assert_eq!(retired.authorities.len(), 1);
    stand.installation.launch_agent();
    let deadline = Instant::now() + PATIENCE;
    while !stand
        .installation
        .agent_log()
        .contains(Code::ServerUntrusted.name())
    {
        assert!(
            Instant::now() < deadline,
            "{}",
            stand.installation.agent_log()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_authority_leaves_by_itself_when_nobody_needs_it() {
    let mut stand = Stand::new().await;
    let soon = [("HYBRIDGE_FAILPOINT_ROLLOVER_MS", "300")];
    stand.installation.stop_agent();
    stand.installation.restart_server_with(&[], &soon);
    let rolled: Authorities = stand.installation.ask(&["ca", "roll"]);
    // Long past its time, an agent that is away keeps it.
    stand.installation.restart_server_with(&[], &soon);
    assert_eq!(stand.shown().authorities.len(), 2);
    stand.installation.start_agent();
    let alone = stand.until("it leaves", |all| all.authorities.len() == 1);
    assert_eq!(
        alone.authorities[0].fingerprint,
        rolled.authorities[1].fingerprint
    );
    stand.works("afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_was_off_until_its_certificate_nearly_ended_renews_it_while_it_works() {
    if !scenarios::is_full() {
        // The rest of the certificate's life has to pass.
        return;
    }
    let mut stand = Stand::new().await;
    let before = stand.identity();
    let listed: Page<Agent> = stand.installation.ask(&["agent", "list"]);
    let ends = listed.items[0].certificate_expires_at.clone();
    let ends: jiff::Timestamp = ends.parse().unwrap();
    let shift = ends.as_second() - jiff::Timestamp::now().as_second() - SOON;
    stand.installation.stop_agent();
    stand.installation.stop_server();
    stand.installation.shift_clock(shift);
    stand.installation.start_server();
    stand.installation.start_agent();
    stand.works("before");
    // The same process goes on beyond the end of what it began with.
    let mut count = 0;
    while stand.installation.now() <= ends {
        count += 1;
        stand.works(&format!("during{count}"));
    }
    stand.works("beyond");
    let after = stand.identity();
    assert_ne!(before["certificate"], after["certificate"]);
    assert_ne!(before["key"], after["key"], "the key is new as well");
    let listed: Page<Agent> = stand.installation.ask(&["agent", "list"]);
    assert_eq!(listed.items.len(), 1, "it is the same agent");
    let renewed: jiff::Timestamp = listed.items[0].certificate_expires_at.parse().unwrap();
    assert!(renewed.as_second() > ends.as_second() + 80 * DAY);
    let log = stand.installation.agent_log();
    assert!(!log.contains(Code::AgentCertificateRefused.name()), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_nears_its_end_is_told_until_it_is_exchanged() {
    let mut stand = Stand::new().await;
    let life: jiff::Timestamp = stand.shown().authorities[0].not_after.parse().unwrap();
    let left = life.as_second() - jiff::Timestamp::now().as_second();
    stand.installation.stop_agent();
    let soon = [("HYBRIDGE_FAILPOINT_HEALTH_MS", "200")];
    let told = |stand: &Stand| -> Vec<Alert> {
        let all: Page<Alert> = stand.installation.ask(&["alerts", "list"]);
        let of_authority = |one: &Alert| one.kind == "AuthorityExpires";
        all.items.into_iter().filter(of_authority).collect()
    };
    let until = |stand: &Stand, count: usize| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = told(stand);
            if now.len() == count {
                return now;
            }
            assert!(Instant::now() < deadline, "{now:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    stand.installation.shift_clock(left - 300 * DAY);
    stand.installation.restart_server_with(&[], &soon);
    let alert = until(&stand, 1).remove(0);
    assert_eq!(alert.severity, "warning");
    assert!(alert.next_step.contains("hybridge ca roll"), "{alert:?}");
    stand.installation.ask::<Authorities>(&["ca", "roll"]);
    until(&stand, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_told_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation { people: 5, seed: 9 };
    let company = company.build().unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    scenarios::crash::stage::build_clockshift(dir.path());
    let shim = dir.path().join("clockshift.so");
    let variables = [
        ("LD_PRELOAD", shim.to_str().unwrap().to_owned()),
        ("CLOCKSHIFT_SECONDS", "300".to_owned()),
    ];
    let installation = Installation::with_agent_environment(&source, &variables);
    installation.resume();
    installation.sync();
    let agents: Value = installation.ask(&["agent", "list"]);
    let agent = agents["items"][0]["name"].as_str().unwrap();
    let output = installation.run(&["agent", "doctor", agent]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = found["checks"].as_array().unwrap();
    let clock = checks.iter().find(|check| check["id"] == "heartbeat-clock");
    let clock = clock.unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!(clock["state"], "warning");
    let text = clock["text"].as_str().unwrap();
    // The way here takes its time.
    assert!(
        text.contains("by 300 s") || text.contains("by 299 s"),
        "{text}"
    );
}
