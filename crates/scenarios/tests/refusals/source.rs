//! What a domain controller refuses, and what keeps it from being reached: broken, seen, cured, gone on by itself.

use std::{net::Ipv4Addr, path::PathBuf, time::Instant};

use scenarios::{Source, processes::Installation, samba::Domain, world::private_file};
use serde_json::{Value, json};
use sync_core::code::Code;
use tempfile::TempDir;

use super::{is_told_well, source_fails_with, stores, until};

const WRONG: &str = "Not.The.Password1";
const ACCOUNT: &str = "svc-hybridge";

/// A domain, processes that read it by its name, and somebody in it who changes.
struct Stand {
    // Dropped in this order: the processes before the domain they read.
    installation: Installation,
    domain: Domain,
    dir: TempDir,
    settings: Value,
    bind: String,
    password: &'static str,
    person: String,
    changes: u32,
}

impl Stand {
    async fn raise() -> Self {
        let domain = Domain::raise("screfuse", Ipv4Addr::new(127, 0, 0, 91)).await;
        let dir = tempfile::tempdir().unwrap();
        let (bind, password) = domain.sync_account(&["+get", "+deleted"]).await;
        let settings = json!({
            "urls": [domain.value("LAB_LDAPS")],
            "bind": bind,
            "secret": { "file": private_file(&dir, "secret", password) },
            "ca_file": dir.path().join("ca.pem"),
        });
        std::fs::copy(domain.value("LAB_CA"), dir.path().join("ca.pem")).unwrap();
        let source = Source {
            settings: settings.clone(),
            domains: vec![domain.dns()],
        };
        let hosts = dir.path().join("hosts");
        std::fs::write(&hosts, hosts_line(&domain)).unwrap();
        let hosts = hosts.to_str().unwrap().to_owned();
        let environment = [
            ("LD_PRELOAD", "libnss_wrapper.so".to_owned()),
            ("NSS_WRAPPER_HOSTS", hosts),
        ];
        let installation = Installation::with_agent_environment(&source, &environment);
        let unit = domain.unit("Refusals", &domain.base).await;
        let person = domain.person("Ada Change", "ada", &unit).await;
        installation.resume();
        installation.sync();
        installation.agrees("before anything is refused");
        Self {
            installation,
            domain,
            dir,
            settings,
            bind,
            password,
            person,
            changes: 0,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn set_password(&self, password: &str) {
        private_file(&self.dir, "secret", password);
    }

    /// The agent with these settings changed.
    fn reconfigure(&mut self, changes: &[(&str, Value)]) {
        let mut settings = self.settings.clone();
        for (name, value) in changes {
            settings[*name] = value.clone();
        }
        self.installation.stop_agent();
        self.installation.configure(&settings);
        self.installation.launch_agent();
    }

    /// It is refused with this code, in the status, by the test of the connector and by the agent's check.
    fn refuses(&self, code: Code, place: &str) {
        let began = Instant::now();
        let problem = source_fails_with(&self.installation, code);
        eprintln!("{code} after {:?}: {}", began.elapsed(), problem.message);
        is_told_well(&self.installation, &problem, place);
        let (exit, checked) = self.installation.check();
        assert_eq!(exit, Some(1), "{checked}");
        assert_eq!(checked["code"], code.name(), "{checked}");
        assert!(checked["text"].as_str().unwrap().contains(place));
        assert!(!checked["cure"].as_str().unwrap().is_empty());
        let tested = self.installation.run(&["connector", "test", "ad"]);
        assert_eq!(tested.status.code(), Some(1));
        let told = String::from_utf8_lossy(&tested.stderr).into_owned();
        assert!(told.starts_with(&format!("error[{code}]")), "{told}");
    }

    /// Somebody changes in the source.
    async fn change(&mut self) {
        self.changes += 1;
        let department = format!("Department {}", self.changes);
        self.domain
            .set(&self.person, "department", &[&department])
            .await;
    }

    /// It goes on by itself: what was changed meanwhile is there, and nothing else happened.
    fn recovers(&self, what: &str) {
        let began = Instant::now();
        let status = self.installation.sync();
        eprintln!("{what}: cured after {:?}", began.elapsed());
        assert_eq!(status.source.position.failure, None, "{what}");
        assert_eq!(status.state, "active", "{what}");
        self.installation.agrees(what);
        let view = self.installation.show(&self.person);
        let target = view.jobs[0].target.as_ref().unwrap();
        let expected = format!("Department {}", self.changes);
        assert_eq!(target.attributes["department"], [expected], "{what}");
    }

    fn host(&self) -> String {
        self.domain.value("LAB_DC_FQDN").to_owned()
    }
}

fn hosts_line(domain: &Domain) -> String {
    let (ip, name) = (domain.value("LAB_DC_IP"), domain.value("LAB_DC_FQDN"));
    format!("{ip} {name}\n127.0.0.1 localhost\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_domain_controller_refuses_is_told_and_over_once_cured() {
    let mut stand = Stand::raise().await;
    password_is_wrong(&mut stand).await;
    account_is_disabled_or_locked(&mut stand).await;
    right_is_missing(&mut stand).await;
    authority_is_unknown(&mut stand).await;
    name_cannot_be_resolved(&mut stand).await;
    base_is_wrong(&mut stand).await;
    encryption_is_demanded(&mut stand).await;
    controller_is_down(&mut stand).await;
    // Each costs two starts of the controller.
    if scenarios::is_full() {
        certificates_are_bad(&mut stand).await;
    }
}

async fn password_is_wrong(stand: &mut Stand) {
    stand.set_password(WRONG);
    stand.change().await;
    stand.refuses(Code::SourceCredentialRefused, &stand.host());
    stand.set_password(stand.password);
    stand.recovers("wrong password");
}

async fn account_is_disabled_or_locked(stand: &mut Stand) {
    let account = scenarios::samba::cn(ACCOUNT, &format!("CN=Users,{}", stand.domain.base));
    stand
        .domain
        .set(&account, "userAccountControl", &["514"])
        .await;
    stand.change().await;
    stand.refuses(Code::SourceAccountUnusable, &stand.host());
    stand
        .domain
        .set(&account, "userAccountControl", &["512"])
        .await;
    stand.recovers("disabled account");
    let threshold = "--account-lockout-threshold=3";
    let settings = ["domain", "passwordsettings", "set"];
    stand
        .domain
        .lab("tool", &[&settings[..], &[threshold]].concat());
    for _ in 0..3 {
        assert!(!stand.domain.accepts(&stand.bind, WRONG).await);
    }
    stand.change().await;
    stand.refuses(Code::SourceAccountUnusable, &stand.host());
    stand.domain.set(&account, "lockoutTime", &["0"]).await;
    let threshold = "--account-lockout-threshold=0";
    stand
        .domain
        .lab("tool", &[&settings[..], &[threshold]].concat());
    stand.recovers("locked account");
}

async fn right_is_missing(stand: &mut Stand) {
    stand.domain.lab("rights", &[ACCOUNT, "-get"]);
    stand.change().await;
    // Reading goes on in a weaker way, and the status names what is missing.
    let problem = until("a weaker way of reading", || {
        let method = stand.installation.status().source.position.method;
        method.and_then(|m| m.weaker).ok_or("none".to_owned())
    });
    assert_eq!(problem.code, Code::SourceInsufficientAccess.name());
    is_told_well(
        &stand.installation,
        &problem,
        "Replicating Directory Changes",
    );
    is_told_well(&stand.installation, &problem, &stand.host());
    stand.domain.lab("rights", &[ACCOUNT, "+get"]);
    stand.recovers("missing right");
}

async fn authority_is_unknown(stand: &mut Stand) {
    let good = std::fs::read(stand.file("ca.pem")).unwrap();
    std::fs::write(stand.file("ca.pem"), forest::make_ca().unwrap().ca_pem).unwrap();
    stand.change().await;
    stand.refuses(Code::SourceCertificateUntrusted, &stand.host());
    std::fs::write(stand.file("ca.pem"), good).unwrap();
    stand.recovers("unknown authority");
}

/// Replaces the agent's table of hosts. Who reads it notices by its time, in whole seconds: it is always a later one.
fn write_hosts(stand: &Stand, text: &str, seconds_ahead: u64) {
    let path = stand.file("hosts");
    std::fs::write(&path, text).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let time = std::time::SystemTime::now() + std::time::Duration::from_secs(seconds_ahead);
    file.set_modified(time).unwrap();
}

async fn name_cannot_be_resolved(stand: &mut Stand) {
    write_hosts(stand, "127.0.0.1 localhost\n", 60);
    stand.change().await;
    stand.refuses(Code::SourceNameNotResolved, &stand.host());
    write_hosts(stand, &hosts_line(&stand.domain), 120);
    stand.recovers("name without address");
}

async fn base_is_wrong(stand: &mut Stand) {
    let below = format!("DC=nowhere,{}", stand.domain.base);
    for base in [below.as_str(), "DC=nowhere,DC=example"] {
        stand.reconfigure(&[("naming_context", json!(base))]);
        stand.change().await;
        stand.refuses(Code::SourceBaseNotFound, base);
        stand.reconfigure(&[]);
        stand.recovers("wrong base");
    }
}

async fn encryption_is_demanded(stand: &mut Stand) {
    let url = stand.domain.value("LAB_LDAP").to_owned();
    stand.reconfigure(&[("urls", json!([url])), ("tls", json!("plain_for_tests"))]);
    stand.change().await;
    stand.refuses(Code::SourceStrongAuthRequired, &stand.host());
    stand.reconfigure(&[]);
    stand.recovers("plain connection");
}

async fn controller_is_down(stand: &mut Stand) {
    stand.domain.lab("down", &[]);
    stand.refuses(Code::SourceUnreachable, &stand.host());
    stand.domain.lab("start", &[]);
    stand.domain.reconnect().await;
    stand.change().await;
    stand.recovers("controller down");
}

async fn certificates_are_bad(stand: &mut Stand) {
    let kinds = [
        ("expired", Code::SourceCertificateExpired),
        ("other-name", Code::SourceNameMismatch),
    ];
    for (kind, code) in kinds {
        stand.change().await;
        stand.domain.lab("certificate", &[kind]);
        stand.domain.lab("restart", &[]);
        stand.refuses(code, &stand.host());
        stand.domain.lab("certificate", &["good"]);
        stand.domain.lab("restart", &[]);
        stand.domain.reconnect().await;
        stand.recovers(kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_referral_is_told_and_not_followed() {
    let mut stand = stores::Stand::begin(10, None).await;
    let elsewhere = "DC=elsewhere,DC=example";
    let mut settings = stand.settings.clone();
    settings["naming_context"] = json!(elsewhere);
    stand.installation.stop_agent();
    stand.installation.configure(&settings);
    stand.installation.launch_agent();
    let problem = source_fails_with(&stand.installation, Code::SourceReferral);
    is_told_well(&stand.installation, &problem, elsewhere);
    let (exit, checked) = stand.installation.check();
    assert_eq!(exit, Some(1), "{checked}");
    assert_eq!(checked["code"], Code::SourceReferral.name(), "{checked}");
    let tested = stand.installation.run(&["connector", "test", "ad"]);
    assert_eq!(tested.status.code(), Some(1));
    stand.change_everybody("Meanwhile");
    stand.installation.stop_agent();
    stand.installation.configure(&stand.settings);
    stand.installation.launch_agent();
    stand.installation.sync();
    assert!(stand.installation.verify().agree);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_read_is_told_and_nobody_is_deleted_for_it() {
    let stand = stores::Stand::begin(30, None).await;
    let log_end = stand.installation.log_end();
    let faults = stand.company.forest.faults();
    faults.set(|faults| faults.denies_reading = true);
    let read_whole = ["job", "restart", "main", "--reset", "Watermark"];
    stand.installation.ask::<Value>(&read_whole);
    let problem = source_fails_with(&stand.installation, Code::SourceInsufficientAccess);
    is_told_well(&stand.installation, &problem, "DC=canal,DC=example");
    stand.change_everybody("Meanwhile");
    faults.clear();
    stand.installation.sync();
    assert!(stand.installation.verify().agree);
    let records = stand.installation.log_since(log_end);
    let is_update = |record: &wire::api::v1::LogRecord| record.provisioning_action == "update";
    assert!(
        !records.is_empty() && records.iter().all(is_update),
        "{records:#?}"
    );
}
