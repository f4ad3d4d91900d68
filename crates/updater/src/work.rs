//! The course of an update, step by step, and how it goes on after a crash at any of them.
//!
//! Fetch, prove, take the turn, switch, watch; then keep it or go back. From the switch on every step is written down before it is
//! done, and doing it again changes nothing. Trap: time in which the control plane does not answer says nothing about the new
//! version, so it does not count against it.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use agent::{
    AgentConfig, AgentError,
    error::chain,
    identity::Identity,
    link::{CONTROL_TIMEOUT, Link},
    network::Network,
    tls::for_identity,
};
use jiff::Timestamp;
use sync_core::{code::Code, update::Version};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use wire::agent::v1::update::{
    Heard, ManifestAnswer, ManifestRequest, Turn, TurnRequest, UpdateReport,
};

use crate::{
    VERSION,
    error::{UpdateError, file},
    failpoint,
    fetch::fetch,
    manifest::{Believed, Judge, Verdict},
    memory::{Event, Memory, Phase, Step},
    settings::Settings,
    signing::Keys,
    versions::{PROGRAM, Versions, version_of},
};

const LOCK: &str = "lock";
const RESTART_TIMEOUT: Duration = Duration::from_secs(120);
/// A heartbeat that is older says nothing of now.
const FRESH: Duration = Duration::from_secs(60);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The updater of one agent. At most one works in a folder.
pub struct Updater {
    settings: Settings,
    versions: Versions,
    memory: Memory,
    /// Held as long as this lives.
    _lock: fs::File,
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `idle`, `waiting`, `updated`, `returned` or `refused`.
    pub phase: &'static str,
    /// The version it is about.
    pub version: String,
    /// For people.
    pub text: String,
}

impl Outcome {
    fn new(phase: &'static str, version: impl ToString, text: impl Into<String>) -> Self {
        Self {
            phase,
            version: version.to_string(),
            text: text.into(),
        }
    }
}

impl Updater {
    /// Takes the folder.
    ///
    /// # Errors
    /// [`UpdateError::Busy`] if another updater has it.
    pub fn open(settings: Settings) -> Result<Self, UpdateError> {
        let versions = Versions::open(&settings.directory)?;
        let path = settings.directory.join(LOCK);
        let lock = fs::File::create(&path).map_err(file("making", &path))?;
        if lock.try_lock().is_err() {
            return Err(UpdateError::Busy(settings.directory.clone()));
        }
        let memory = Memory::read(&settings.directory)?;
        let updater = Self {
            settings,
            versions,
            memory,
            _lock: lock,
        };
        if updater.versions.current()?.is_none() {
            let packaged = updater.settings.packaged.clone();
            updater.versions.point(&packaged)?;
        }
        Ok(updater)
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Version of the program in place.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn installed(&self) -> Result<Version, UpdateError> {
        version_of(&self.versions.program())
            .await
            .map_err(|text| UpdateError::DoesNotRun {
                version: "in place".into(),
                text,
            })
    }

    /// Brings to an end what was begun, looks whether something newer is offered, and installs it if it may. What comes of it is
    /// remembered and told to the control plane.
    ///
    /// # Errors
    /// What went wrong; it was told as far as the control plane could be reached.
    pub async fn attempt(&mut self) -> Result<Outcome, UpdateError> {
        let done = self.course().await;
        let (outcome, code) = match &done {
            Ok(outcome) => (outcome.clone(), String::new()),
            Err(fault) => (
                Outcome::new("refused", "", chain(fault)),
                fault.code().name().to_owned(),
            ),
        };
        let code = match outcome.phase {
            "returned" => Code::UpdateReturned.name().to_owned(),
            _ => code,
        };
        self.memory.last = Some(Event {
            at: Timestamp::now().to_string(),
            phase: outcome.phase.into(),
            version: outcome.version.clone(),
            code: code.clone(),
            text: outcome.text.clone(),
        });
        self.memory.write(&self.settings.directory)?;
        if let Ok(link) = self.link() {
            let told = self.report(&link, outcome.phase, &outcome.version, &code, &outcome.text);
            if let Err(fault) = told.await {
                warn!(code = %fault.code(), "the control plane could not be told: {}", chain(&fault));
            }
        }
        done
    }

    async fn course(&mut self) -> Result<Outcome, UpdateError> {
        if let Some(step) = self.memory.step.clone() {
            info!(
                "going on with version {}, which was {:?}",
                step.version, step.phase
            );
            return self.go_on(step).await;
        }
        self.adopt().await?;
        let link = self.link()?;
        let Some(believed) = self.offered(&link).await? else {
            return Ok(Outcome::new("idle", "", "nothing is offered"));
        };
        let version = believed.manifest.version.clone();
        match believed.verdict(self.installed().await?, &self.memory.failed) {
            Verdict::Install => {}
            Verdict::Current => {
                return Ok(Outcome::new("idle", version, "nothing newer is offered"));
            }
            Verdict::Failed => {
                let text = "it did not become healthy here and is not tried again";
                return Ok(Outcome::new("waiting", version, text));
            }
            Verdict::TooFar(minimum) => {
                let text = format!(
                    "it replaces version {minimum} and later ones only; install that first"
                );
                return Ok(Outcome::new("waiting", version, text));
            }
        }
        let heard = self
            .report(&link, "waiting", &version, "", "asks for its turn")
            .await?;
        if !heard.is_connected {
            // Whatever ails it would be blamed on the new version.
            let text =
                "the agent is not connected; it is updated when it is (`hybridge-agent doctor`)";
            return Ok(Outcome::new("waiting", version, text));
        }
        let turn = self.turn(&link, &version).await?;
        if !turn.is_granted {
            return Ok(Outcome::new("waiting", version, turn.why));
        }
        self.install(&link, believed).await
    }

    /// The release that is offered and believed; its number is remembered.
    ///
    /// # Errors
    /// Of the way, or why it is not believed.
    pub async fn offered(&mut self, link: &Link) -> Result<Option<Believed>, UpdateError> {
        let keys = Keys::read(&self.settings.keys)?;
        if keys.is_empty() {
            return Err(UpdateError::Invalid(format!(
                "{} names no key, so no release can be believed; `hybridge-release public` prints the line of one",
                self.settings.keys.display()
            )));
        }
        let channel = self.settings.channel.clone();
        let asked = ManifestRequest {
            channel: channel.clone(),
        };
        let answer: ManifestAnswer = link
            .control("/update/manifest", &asked, CONTROL_TIMEOUT)
            .await?;
        let Some(text) = answer.manifest else {
            return Ok(None);
        };
        let judge = Judge {
            keys: &keys,
            channel: &channel,
            seen: self.memory.serials.get(&channel).copied().unwrap_or(0),
            now: Timestamp::now().as_second(),
            program: PROGRAM,
        };
        let believed = judge.judge(&text)?;
        if believed.manifest.serial > judge.seen {
            self.memory
                .serials
                .insert(channel, believed.manifest.serial);
            self.memory.write(&self.settings.directory)?;
        }
        Ok(Some(believed))
    }

    async fn turn(&self, link: &Link, version: &str) -> Result<Turn, UpdateError> {
        let asked = TurnRequest {
            version: version.to_owned(),
        };
        Ok(link
            .control("/update/turn", &asked, CONTROL_TIMEOUT)
            .await?)
    }

    async fn install(&mut self, link: &Link, believed: Believed) -> Result<Outcome, UpdateError> {
        let version = believed.manifest.version.clone();
        let sha256 = believed.program.sha256.clone();
        if !self.versions.is_whole(&version, &sha256) {
            info!("fetching version {version}");
            self.report(link, "fetching", &version, "", "").await?;
            let partial = self.versions.partial(&version);
            fetch(link, &self.settings.channel, &believed.program, &partial).await?;
            failpoint::reach("updater.fetched");
            self.versions.settle(&version)?;
        }
        failpoint::reach("updater.settled");
        let folder = self.versions.folder(&version);
        let says = version_of(&folder.join(PROGRAM)).await;
        let fault = match says {
            Ok(says) if says == believed.version => None,
            Ok(says) => Some(format!("it says that it is version {says}")),
            Err(text) => Some(text),
        };
        if let Some(text) = fault {
            self.memory.has_failed(&version);
            self.versions.tidy(&self.kept()?);
            return Err(UpdateError::DoesNotRun { version, text });
        }
        // Fetching may have taken longer than the turn lasts, and the window may have closed.
        let turn = self.turn(link, &version).await?;
        if !turn.is_granted {
            return Ok(Outcome::new("waiting", version, turn.why));
        }
        let from = self
            .versions
            .current()?
            .unwrap_or_else(|| self.settings.packaged.clone());
        let step = Step {
            phase: Phase::Switching,
            version,
            sha256,
            from,
            to: folder,
            why: String::new(),
        };
        self.remember(&step)?;
        self.go_on(step).await
    }

    /// Carries out what is written down, from whichever step.
    async fn go_on(&mut self, mut step: Step) -> Result<Outcome, UpdateError> {
        if step.phase == Phase::Switching {
            failpoint::reach("updater.switching");
            if !self.versions.is_whole(&step.version, &step.sha256) {
                // A power cut may have taken it; it is fetched again.
                self.versions.point(&step.from)?;
                self.memory.step = None;
                self.memory.write(&self.settings.directory)?;
                let text = "its program is damaged on this disk and is fetched again";
                return Ok(Outcome::new("waiting", step.version, text));
            }
            info!("switching to version {}", step.version);
            self.versions.point(&step.to)?;
            failpoint::reach("updater.switched");
            let restarted = self.restart().await;
            failpoint::reach("updater.restarted");
            match restarted {
                Ok(()) => step.phase = Phase::Watching,
                Err(fault) => go_back(&mut step, fault.to_string()),
            }
            self.remember(&step)?;
        }
        if step.phase == Phase::Watching {
            failpoint::reach("updater.watching");
            match self.watch(&step).await {
                Ok(()) => return self.keep(step),
                Err(why) => go_back(&mut step, why),
            }
            self.remember(&step)?;
        }
        self.take_back(step).await
    }

    /// Whether the control plane hears the new version, for long enough.
    async fn watch(&self, step: &Step) -> Result<(), String> {
        let within = Duration::from_secs(self.settings.healthy_within_seconds);
        let settle = Duration::from_secs(self.settings.settle_seconds);
        let mut answered = Duration::ZERO;
        let mut healthy: Option<Instant> = None;
        let mut last = "it was not heard of".to_owned();
        loop {
            let asked = Instant::now();
            let link = self.link();
            let heard = match &link {
                Ok(link) => self.report(link, "watching", &step.version, "", "").await,
                Err(_) => {
                    Err(AgentError::Invalid("the agent's identity cannot be read".into()).into())
                }
            };
            match heard {
                Ok(heard) => {
                    // A version that was never in place here before was heard because it runs.
                    let age = Duration::from_millis(heard.age_ms);
                    let up = Duration::from_millis(heard.uptime_ms).saturating_add(age);
                    if heard.version == step.version && heard.is_connected && age < FRESH {
                        let since = *healthy.get_or_insert(asked);
                        // Whoever begins anew again and again is connected every time one looks.
                        if since.elapsed() >= settle && up >= settle {
                            return Ok(());
                        }
                        last = format!("it has been up for {} s", up.as_secs());
                    } else {
                        healthy = None;
                        last = format!(
                            "the control plane last heard version {} {} s ago",
                            heard.version,
                            age.as_secs()
                        );
                    }
                    sleep(WATCH_INTERVAL).await;
                    answered += asked.elapsed();
                }
                // Nobody can tell whether it is well.
                Err(_) => sleep(WATCH_INTERVAL).await,
            }
            if answered > within + settle {
                let waited = (within + settle).as_secs();
                return Err(format!(
                    "it did not become healthy within {waited} s: {last}"
                ));
            }
        }
    }

    fn keep(&mut self, step: Step) -> Result<Outcome, UpdateError> {
        failpoint::reach("updater.healthy");
        self.memory.previous = Some(step.from);
        self.memory.step = None;
        self.memory.write(&self.settings.directory)?;
        self.versions.tidy(&self.kept()?);
        info!("version {} is in place", step.version);
        Ok(Outcome::new(
            "updated",
            step.version,
            "the new version is in place",
        ))
    }

    async fn take_back(&mut self, step: Step) -> Result<Outcome, UpdateError> {
        warn!("going back from version {}: {}", step.version, step.why);
        failpoint::reach("updater.returning");
        self.versions.point(&step.from)?;
        failpoint::reach("updater.returned");
        let restarted = self.restart().await;
        self.memory.has_failed(&step.version);
        self.memory.step = None;
        self.memory.write(&self.settings.directory)?;
        self.versions.tidy(&self.kept()?);
        let mut text = format!("{}; the version before is in place again", step.why);
        if let Err(fault) = restarted {
            text = format!("{text}, but {fault}");
        }
        Ok(Outcome::new("returned", step.version, text))
    }

    /// Goes back to the version that ran before, on demand; the one that runs now is not installed again.
    ///
    /// # Errors
    /// If there is none.
    pub async fn roll_back(&mut self) -> Result<Outcome, UpdateError> {
        if let Some(step) = self.memory.step.clone() {
            return self
                .take_back(Step {
                    why: "taken back on demand".into(),
                    ..step
                })
                .await;
        }
        let previous = self
            .memory
            .previous
            .clone()
            .filter(|path| path.join(PROGRAM).exists());
        let Some(previous) = previous else {
            return Err(UpdateError::Invalid(
                "there is no version to go back to".into(),
            ));
        };
        let version = self.installed().await?.to_string();
        self.memory.has_failed(&version);
        self.memory.previous = None;
        self.memory.write(&self.settings.directory)?;
        self.versions.point(&previous)?;
        self.restart().await?;
        self.versions.tidy(&self.kept()?);
        Ok(Outcome::new("returned", version, "taken back on demand"))
    }

    /// Runs the packaged program from now on if it is newer than the one in place: a package was installed meanwhile. Says
    /// whether it was.
    ///
    /// # Errors
    /// Of the file system.
    pub async fn adopt(&mut self) -> Result<bool, UpdateError> {
        let packaged = self.settings.packaged.clone();
        if self.versions.current()?.as_deref() == Some(packaged.as_path()) {
            return Ok(false);
        }
        let Ok(theirs) = version_of(&packaged.join(PROGRAM)).await else {
            return Ok(false);
        };
        if self.installed().await.is_ok_and(|ours| ours >= theirs) {
            return Ok(false);
        }
        info!("the packaged version {theirs} is newer and is run from now on");
        self.versions.point(&packaged)?;
        self.restart().await?;
        self.versions.tidy(&self.kept()?);
        Ok(true)
    }

    async fn restart(&self) -> Result<(), UpdateError> {
        let Some((program, arguments)) = self.settings.restart.split_first() else {
            return Err(UpdateError::Restart("no command is set".into()));
        };
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let told = |text: String| UpdateError::Restart(format!("{program}: {text}"));
        let status = tokio::time::timeout(RESTART_TIMEOUT, command.status())
            .await
            .map_err(|_| {
                told(format!(
                    "it takes longer than {} s",
                    RESTART_TIMEOUT.as_secs()
                ))
            })?
            .map_err(|fault| told(fault.to_string()))?;
        match status.success() {
            true => Ok(()),
            false => Err(told(status.to_string())),
        }
    }

    fn remember(&mut self, step: &Step) -> Result<(), UpdateError> {
        self.memory.step = Some(step.clone());
        self.memory.write(&self.settings.directory)
    }

    /// What must not be deleted.
    fn kept(&self) -> Result<Vec<PathBuf>, UpdateError> {
        let current = self.versions.current()?;
        Ok(current
            .into_iter()
            .chain(self.memory.previous.clone())
            .collect())
    }

    /// The way to the control plane, as the agent has it. Made anew each time: the agent renews its certificate.
    ///
    /// # Errors
    /// Of the agent's identity or settings.
    pub fn link(&self) -> Result<Link, UpdateError> {
        let identity = Identity::read(&self.settings.agent_data)?;
        let config = AgentConfig::read(&self.settings.agent_settings)?;
        let network = Network::new(&config.network)?;
        let tls = for_identity(&identity, network.further_roots())?;
        let server = config.server.as_deref().unwrap_or(&identity.server);
        Ok(Link::new(server, network, tls)?)
    }

    async fn report(
        &self,
        link: &Link,
        phase: &str,
        version: &str,
        code: &str,
        text: &str,
    ) -> Result<Heard, UpdateError> {
        let program = match self.installed().await {
            Ok(version) => version.to_string(),
            Err(_) => String::new(),
        };
        let told = UpdateReport {
            updater: VERSION.into(),
            program,
            phase: phase.into(),
            version: version.into(),
            code: code.into(),
            text: text.into(),
        };
        Ok(link
            .control("/update/report", &told, CONTROL_TIMEOUT)
            .await?)
    }
}

fn go_back(step: &mut Step, why: String) {
    step.phase = Phase::Returning;
    step.why = why;
}
