//! What the demo starts: a forest in this process, a server and an agent as processes of their own, and the link between.
//!
//! Everything speaks over the real wire: LDAPS to the forest, mutual TLS between agent and server. Trap: the children end
//! when their stdin ends, so that not even a killed demo leaves them behind.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use forest::{Authority, Forest, Generated, Organisation, Rights, Served};
use serde::Deserialize;
use sync_core::code::Code;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};
use wire::api::v1::{Connector, EnrolmentToken, Job, JobSettings, NewConnector, NewJob, NewToken};

use crate::{
    access::Access, client::Client, commands::agent_child::TOKEN_VARIABLE, failure::Failure,
};

/// Name of connector, job and agent.
const NAME: &str = "canal";
/// The account the agent signs in with; it can read and nothing else.
const SYNC_ACCOUNT: &str = "svc-hybridge";
/// The account for people who want to change something by hand.
const ADMIN_ACCOUNT: &str = "demo-admin";
/// How long a child may take to start.
const START: Duration = Duration::from_secs(60);
/// Lines of a child's log shown when it fails.
const LOG_LINES: usize = 8;

/// A failure of the demo itself.
pub fn fault(place: impl Into<String>, text: impl ToString) -> Failure {
    Failure::text(Code::InternalFault, place, text.to_string())
}

/// The running world.
pub struct World {
    /// The organisation.
    pub organisation: Generated,
    /// Client of the server.
    pub client: Client,
    /// The job.
    pub job: Job,
    /// Address of the forest.
    pub ldap: String,
    /// Name and password for people who want to change something by hand.
    pub admin: (String, String),
    directory: PathBuf,
    program: PathBuf,
    agent: Option<Child>,
    _server: Child,
    _served: Served,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
}

impl World {
    /// Starts everything below this directory.
    ///
    /// # Errors
    /// By code, with the last lines of a child that failed.
    pub async fn start(directory: &Path, people: usize, seed: u64) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let organisation =
            tokio::task::spawn_blocking(move || Organisation { people, seed }.build())
                .await
                .map_err(|error| fault("the forest", error))?
                .map_err(|error| fault("the forest", error))?;
        let authority = forest::make_ca().map_err(|error| fault("the forest", error))?;
        let (served, admin) = open_forest(&organisation.forest, &authority, directory).await?;
        let ldap = format!("ldaps://{}", served.addr);
        write(
            &directory.join("agent.json"),
            &agent_settings(&ldap, directory),
        )?;

        let (server, client) = start_server(&program, directory).await?;
        let job = set_up(&client).await?;
        let mut world = Self {
            organisation,
            client,
            job,
            ldap,
            admin,
            directory: directory.to_owned(),
            program,
            agent: None,
            _server: server,
            _served: served,
        };
        let token: EnrolmentToken = world
            .client
            .post("enrolment-tokens", &NewToken::default())
            .await?;
        world.start_agent(Some(&token.token))?;
        Ok(world)
    }

    /// The forest.
    pub fn forest(&self) -> &Forest {
        &self.organisation.forest
    }

    /// Where logs, certificates and data are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// File with the forest's certification authority.
    pub fn forest_ca(&self) -> PathBuf {
        self.directory.join("forest-ca.pem")
    }

    /// Starts the agent; with a token it enrols first.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start_agent(&mut self, token: Option<&str>) -> Result<(), Failure> {
        let mut command = child(&self.program, &self.directory, "agent.log")?;
        command
            .arg("__agent")
            .args(["--url", self.client.url()])
            .arg("--authority")
            .arg(self.directory.join("server-ca.pem"))
            .arg("--config")
            .arg(self.directory.join("agent.json"))
            .arg("--identity")
            .arg(self.directory.join("agent"));
        if let Some(token) = token {
            command.env(TOKEN_VARIABLE, token);
        }
        self.agent = Some(command.spawn()?);
        Ok(())
    }

    /// Kills the agent, as a power cut would.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub async fn kill_agent(&mut self) -> Result<(), Failure> {
        match self.agent.take() {
            Some(mut agent) => Ok(agent.kill().await?),
            None => Ok(()),
        }
    }

    /// The agent's exit, if it ended by itself: that is a failure.
    pub fn agent_failure(&mut self) -> Option<Failure> {
        let status = self.agent.as_mut()?.try_wait().ok()??;
        let text = format!(
            "the agent ended ({status}): {}",
            last_lines(&self.directory.join("agent.log"))
        );
        Some(fault("the agent", text))
    }
}

async fn open_forest(
    forest: &Forest,
    authority: &Authority,
    directory: &Path,
) -> Result<(Served, (String, String)), Failure> {
    let password = || -> String {
        std::iter::repeat_with(fastrand::alphanumeric)
            .take(20)
            .collect()
    };
    let (sync_password, admin_password) = (password(), password());
    let reader = Rights {
        may_write: false,
        ..Rights::ALL
    };
    let refused = |error: forest::Refusal| fault("the forest", error);
    forest
        .add_account(SYNC_ACCOUNT, &sync_password, reader)
        .map_err(refused)?;
    forest
        .add_account(ADMIN_ACCOUNT, &admin_password, Rights::ALL)
        .map_err(refused)?;
    write(&directory.join("forest-ca.pem"), &authority.ca_pem)?;
    write_private(&directory.join("sync-password"), &sync_password)?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let served = forest
        .serve(address, Some(authority.server.clone()))
        .await?;
    Ok((
        served,
        (format!("{ADMIN_ACCOUNT}@canal.example"), admin_password),
    ))
}

fn agent_settings(ldap: &str, directory: &Path) -> String {
    let settings = serde_json::json!({
        "connectors": [{
            "name": NAME,
            "kind": "ad",
            "settings": {
                "urls": [ldap],
                "bind": format!("{SYNC_ACCOUNT}@canal.example"),
                "secret": { "file": directory.join("sync-password") },
                "ca_file": directory.join("forest-ca.pem"),
            },
        }],
    });
    settings.to_string()
}

async fn start_server(program: &Path, directory: &Path) -> Result<(Child, Client), Failure> {
    let data = directory.join("server");
    let mut command = child(program, directory, "server.log")?;
    command
        .arg("--data-dir")
        .arg(&data)
        .args([
            "--json",
            "server",
            "--listen",
            "127.0.0.1:0",
            "--stop-with-stdin",
        ])
        .args([
            "--tenant",
            "Canal Example",
            "--tenant-domain",
            "canal.example",
        ])
        .stdout(Stdio::piped());
    let mut server = command.spawn()?;
    let stdout = server
        .stdout
        .take()
        .ok_or_else(|| fault("the server", "it has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(START, lines.next_line()).await;
    let log = directory.join("server.log");
    let failed = || {
        fault(
            "the server",
            format!("it did not start: {}", last_lines(&log)),
        )
    };
    let line = line.map_err(|_| failed())??.ok_or_else(failed)?;
    let ready: Ready = serde_json::from_str(&line).map_err(|_| failed())?;
    let access = Access {
        data_dir: Some(data),
        server: None,
        ca: None,
        token_file: None,
        json: false,
    };
    let target = access.target()?;
    write(&directory.join("server-ca.pem"), &target.authority)?;
    let client = Client::new(target)?;
    debug_assert_eq!(client.url(), ready.url);
    Ok((server, client))
}

async fn set_up(client: &Client) -> Result<Job, Failure> {
    let connector = NewConnector {
        name: NAME.into(),
        kind: "ad".into(),
        config: serde_json::json!({}),
    };
    let _: Connector = client.post("connectors", &connector).await?;
    let job = NewJob {
        name: NAME.into(),
        source: NAME.into(),
        settings: JobSettings {
            interval_seconds: Some(1),
            settle_seconds: Some(1),
            ..JobSettings::default()
        },
        start: true,
        ..NewJob::default()
    };
    client.post("jobs", &job).await
}

/// A child of this program whose log goes to a file.
fn child(program: &Path, directory: &Path, log: &str) -> Result<Command, Failure> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join(log))?;
    let mut command = Command::new(program);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .env_remove("HYBRIDGE_DATA_DIR");
    Ok(command)
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(LOG_LINES)..)
        .unwrap_or_default()
        .join("\n")
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| fault(path.display().to_string(), error))
}

/// Writes a file only its owner can read.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(path)
        .map_err(|error| fault(path.display().to_string(), error))?;
    Ok(file.write_all(text.as_bytes())?)
}
