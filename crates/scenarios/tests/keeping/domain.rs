//! A connector keeps to its domain, and a token for a domain is one for its connectors.

use std::time::{Duration, Instant};

use forest::{Forest, Options, Organisation, Served};
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use sync_core::code::Code;
use tempfile::TempDir;
use wire::api::v1::{Agent, ErrorAnswer, Page, Problem};

const PATIENCE: Duration = Duration::from_secs(120);
const OTHER: &str = "harbour.example";

struct Stand {
    installation: Installation,
    canal: Forest,
    right: Value,
    wrong: Value,
    _served: [Served; 2],
    _dir: TempDir,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 12,
            seed: 6,
        };
        let canal = company.build().unwrap().forest;
        let (source, first) = Source::forest(&canal, &dir).await;
        let harbour = Forest::new(Options {
            domain: OTHER.into(),
            netbios: "HARBOUR".into(),
            seed: 9,
            ..Options::default()
        })
        .unwrap();
        add(&harbour, "stranger", OTHER);
        let elsewhere = tempfile::tempdir_in(dir.path()).unwrap();
        let (mut other, second) = Source::forest(&harbour, &elsewhere).await;
        let _kept = elsewhere.keep();
        other.settings["bind"] = format!("svc-hybridge@{OTHER}").into();
        let installation = Installation::new(&source);
        installation.resume();
        installation.sync();
        Self {
            installation,
            canal,
            right: source.settings,
            wrong: other.settings,
            _served: [first, second],
            _dir: dir,
        }
    }

    fn lead_agent_to(&mut self, settings: &Value) {
        self.installation.stop_agent();
        self.installation.configure(settings);
        self.installation.launch_agent();
    }

    fn problem(&self, arguments: &[&str]) -> Problem {
        let output = self.installation.run(arguments);
        let answer: ErrorAnswer = serde_json::from_slice(&output.stdout).unwrap();
        answer.error
    }

    fn refused(&self, arguments: &[&str]) -> String {
        self.problem(arguments).code
    }
}

fn agents(stand: &Stand) -> Vec<Agent> {
    let all: Page<Agent> = stand.installation.ask(&["agent", "list"]);
    all.items
}

fn add(forest: &Forest, name: &str, domain: &str) {
    let principal = format!("{name}@{domain}");
    let attributes = [
        ("sAMAccountName", name),
        ("userPrincipalName", principal.as_str()),
        ("displayName", name),
    ];
    forest
        .add_user(&forest.domain_dn(), name, &attributes)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_settings_lead_to_another_domain_brings_and_takes_nobody() {
    let mut stand = Stand::new().await;
    let before = stand.installation.names();
    let (right, wrong) = (stand.right.clone(), stand.wrong.clone());
    stand.lead_agent_to(&wrong);
    let deadline = Instant::now() + PATIENCE;
    let failure = loop {
        let failure = stand.installation.fails_to_read();
        // Between two agents none is there.
        if failure.code == Code::HybridIdentityServiceInvalidResource.name() {
            break failure;
        }
        assert!(Instant::now() < deadline, "{failure:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    for (name, words) in [
        ("text", ["canal.example", OTHER]),
        ("cure", ["agent's settings", "--domain harbour.example"]),
    ] {
        let text = &failure.arguments[name];
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
    let tested = stand.refused(&["connector", "test", "ad"]);
    assert_eq!(tested, Code::HybridIdentityServiceInvalidResource.name());
    assert_eq!(stand.installation.names(), before);
    // The settings put right end it, without anything to be done at the server.
    add(&stand.canal, "newcomer", "canal.example");
    stand.lead_agent_to(&right);
    stand.installation.sync();
    let names = stand.installation.names();
    assert_eq!(names.len(), before.len() + 1, "{names:?}");
    assert!(names.iter().any(|name| name == "newcomer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_a_domain_admits_to_its_connectors_and_a_connector_can_be_made_for_one() {
    let stand = Stand::new().await;
    let ask = |arguments: &[&str]| stand.installation.ask::<Value>(arguments);
    ask(&["connect", "ad", "quay", "--domain", OTHER]);
    ask(&["connect", "ad", "nowhere"]);
    let none = stand.problem(&["agent", "token", "--domain", "dock.example"]);
    assert_eq!(none.code, Code::NotFound.name());
    let cure = "hybridge connector set NAME --domain dock.example";
    assert!(none.arguments["cure"].contains(cure), "{none:?}");
    let bad = stand.refused(&["connector", "set", "quay", "--domain", "no name"]);
    assert_eq!(bad, Code::RequestInvalid.name());
    for (domain, connector) in [("Canal.example", "ad"), (OTHER, "quay")] {
        let token = ask(&["agent", "token", "--domain", domain]);
        let before = agents(&stand);
        let name = format!("of-{connector}");
        stand.installation.enrol_with(&token, &name, None);
        let mut new = agents(&stand);
        new.retain(|agent| before.iter().all(|had| had.id != agent.id));
        assert_eq!(new.len(), 1);
        assert_eq!(new[0].assigned, [connector]);
    }
    // Somebody may mean it: then the domain is another one from now on.
    let set = ask(&["connector", "set", "ad", "--domain", OTHER]);
    assert_eq!(set["config"]["domain"], OTHER);
    let tested = stand.refused(&["connector", "test", "ad"]);
    assert_eq!(tested, Code::HybridIdentityServiceInvalidResource.name());
}
