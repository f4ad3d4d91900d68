//! The server put together: stores, desk, connectors, and the loops that keep them moving.
//!
//! Opens everything in the data directory and says clearly what is wrong with it if it cannot. Never decides anything.
//! Trap: the tenant directory is a foreign system here; its connector signs in with a credential kept in the vault.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use connectors::{
    Target,
    directory::{Credential, DirectoryTarget},
};
use directory::Directory;
use engine::{ConnectorRow, Engine};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sync_core::{
    code::Code,
    expression::random::Seed,
    id::{ConnectorId, JobId},
    operation::Refusal,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Throttle, TokenKey},
    agent_api::{LinkState, UpdateState, link_router, update_router},
    agents::{EngineAgents, placed},
    comparison::Comparing,
    desk::Desk,
    doorbell::Doorbell,
    failpoint, health, instance,
    pki::{AdminKey, Authorities, PkiError, ServerCertificate, Vault},
    rollover,
    scheduler::{self, Activity},
    seed, start,
    stores::{Gap, Stores, fault_of},
    tls::{self, Tls},
    updates::{self, Releases},
};

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything durable is.
    pub data_directory: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Host names and addresses of this server, for its certificate; the first one is in the URL told to clients.
    pub names: Vec<String>,
    /// Name of the tenant, for a new directory.
    pub tenant_name: String,
    /// Initial domain of the tenant, for a new directory.
    pub initial_domain: String,
    /// Domains to verify, if they are not yet.
    pub verified_domains: Vec<String>,
    /// Whether an empty engine may begin beside a directory that is in use.
    pub adopts_directory: bool,
    /// What most servers need not say.
    pub extras: Extras,
}

/// What most servers need not say.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Where backups go; unless said, into the data directory.
    pub backup_directory: Option<PathBuf>,
    /// Where releases for agents lie; unless said, in the data directory.
    pub updates_directory: Option<PathBuf>,
    /// Where health and metrics are told without a token: an address only this machine reaches.
    pub health_listen: Option<SocketAddr>,
    /// A file with the master key; unless said, the environment, a systemd credential, or one in the data directory.
    pub master_key_file: Option<PathBuf>,
    /// Whether a new server begins in staging.
    pub begins_staged: bool,
    /// A tenant directory that other servers of this process use, too; its file is not in the data directory then.
    pub shared_directory: Option<Arc<Directory>>,
}

/// Why a server cannot start: a code with place and cure.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct StartError {
    /// What is wrong.
    pub refusal: Refusal,
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        Self { refusal }
    }
}

fn start_error(code: Code, text: impl ToString) -> StartError {
    StartError {
        refusal: Refusal::new(code).with("text", text.to_string()),
    }
}

fn pki(error: PkiError) -> StartError {
    start_error(error.code(), error)
}

/// The name of the connector every server has: its own tenant directory.
pub const DIRECTORY_CONNECTOR: &str = "directory";
const DESK_EPOCH: &str = "deskEpoch";
// LIMIT: pieces of work one process hands out.
const MOST_FENCES: u64 = 1_000_000_000;
const CREDENTIAL_FILE: &str = "directory-credential.json";
const CREDENTIAL_LIFE_DAYS: i64 = 365 * 2;

/// Everything the handlers and loops share.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    engine: Engine,
    directory: Arc<Directory>,
    desk: Arc<Desk>,
    vault: Vault,
    authority: Arc<Authorities>,
    admin_key: AdminKey,
    token_key: TokenKey,
    throttles: TokenThrottles,
    demand_throttle: Throttle,
    tenant_id: String,
    seed: Seed,
    config: Config,
    started: Timestamp,
    wakes: Mutex<BTreeMap<JobId, Arc<Notify>>>,
    read_wakes: Mutex<BTreeMap<ConnectorId, Arc<Notify>>>,
    rings: Mutex<BTreeMap<ConnectorId, Arc<Notify>>>,
    activities: Mutex<BTreeMap<JobId, Activity>>,
    gap: Gap,
    jobs_changed: Notify,
    /// Counts changes of jobs, for those that must look again.
    generation: watch::Sender<u64>,
    doorbells: Mutex<BTreeMap<ConnectorId, Doorbell>>,
    /// The ends of jobs in quarantine.
    watched: Mutex<crate::cycles::look::Watched>,
    comparisons: Mutex<BTreeMap<ConnectorId, Comparing>>,
    backups: Arc<tokio::sync::Mutex<()>>,
    /// Which server this is.
    instance: uuid::Uuid,
    /// Fences this process holds.
    fences: Mutex<BTreeMap<JobId, directory::Fence>>,
    /// Held while fences change hands.
    staging_turn: tokio::sync::Mutex<()>,
    /// Whether engine and directory were brought together.
    rejoined: AtomicBool,
    /// When the main loop last turned, unix ms.
    last_turn: AtomicI64,
}

/// How often tokens may be asked for.
pub(crate) struct TokenThrottles {
    /// By one client that proves who it is.
    pub given: Throttle,
    /// With a wrong secret, for one client id.
    pub wrong: Throttle,
    /// With a wrong secret, by anybody.
    pub wrong_in_all: Throttle,
}

impl Default for TokenThrottles {
    fn default() -> Self {
        Self {
            given: Throttle::new(60, 60_000),
            wrong: Throttle::new(10, 60_000),
            wrong_in_all: Throttle::new(120, 60_000),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredCredential {
    app_id: uuid::Uuid,
    secret: String,
}

impl App {
    /// Opens the data directory.
    ///
    /// # Errors
    /// Each with code, place and cure.
    pub fn open(config: Config) -> Result<Self, StartError> {
        let now = Timestamp::now();
        start::check_rights(&config.data_directory)?;
        crate::backup::resume(&config.data_directory)?;
        let Stores {
            engine,
            directory,
            gap,
        } = Stores::open(&config)?;
        let vault = Vault::open(
            &config.data_directory,
            config.extras.master_key_file.as_deref(),
        )
        .map_err(pki)?;
        let authority = Arc::new(Authorities::open(&vault, now).map_err(pki)?);
        let url = url(&config);
        let admin_key =
            AdminKey::open(&config.data_directory, &url, &authority.pem()).map_err(pki)?;
        let token_key = TokenKey::open(&vault).map_err(pki)?;
        let tenant_id = directory
            .tenant(&directory.administrator())
            .map_err(|fault| fault_of(directory.path(), &fault))?
            .id
            .to_string();
        let seed = seed::open(&vault).map_err(pki)?;
        let instance = instance::open(&config.data_directory, || engine.new_id()).map_err(pki)?;
        let agents = Arc::new(EngineAgents::new(engine.clone()));
        let epoch = desk_epoch(&engine, now).map_err(|error| placed(&engine, &error))?;
        let desk = Desk::new(agents, failpoint::desk_limits(), epoch);
        let app = Self(Arc::new(Inner {
            engine,
            directory,
            desk,
            vault,
            authority,
            admin_key,
            token_key,
            throttles: TokenThrottles::default(),
            // On demand: five requests within ten seconds, as Microsoft Graph documents it.
            demand_throttle: Throttle::new(5, 10_000),
            tenant_id,
            seed,
            config,
            started: now,
            wakes: Mutex::default(),
            read_wakes: Mutex::default(),
            rings: Mutex::default(),
            activities: Mutex::default(),
            gap,
            jobs_changed: Notify::new(),
            generation: watch::Sender::new(0),
            doorbells: Mutex::default(),
            watched: Mutex::default(),
            comparisons: Mutex::default(),
            backups: Arc::default(),
            instance,
            fences: Mutex::default(),
            staging_turn: tokio::sync::Mutex::default(),
            rejoined: AtomicBool::new(false),
            last_turn: AtomicI64::new(now.as_millisecond()),
        }));
        app.prepare()?;
        Ok(app)
    }

    /// What a new data directory lacks: the directory's connector, its credential, the domains.
    fn prepare(&self) -> Result<(), StartError> {
        let engine = &self.0.engine;
        let store = |error: engine::StoreError| placed(engine, &error);
        if engine
            .connectors()
            .map_err(store)?
            .iter()
            .all(|row| row.kind != "directory")
        {
            engine
                .create_connector(&engine::NewConnector {
                    name: DIRECTORY_CONNECTOR.into(),
                    kind: "directory".into(),
                    config: serde_json::json!({}),
                })
                .map_err(store)?;
        }
        let administrator = self.0.directory.administrator();
        let fault = |error: directory::Fault| fault_of(self.0.directory.path(), &error);
        let known = self
            .0
            .directory
            .verified_domains(&administrator)
            .map_err(fault)?;
        let mut is_new = false;
        for domain in &self.0.config.verified_domains {
            if !known.iter().any(|have| have.eq_ignore_ascii_case(domain)) {
                self.0
                    .directory
                    .add_verified_domain(&administrator, domain)
                    .map_err(fault)?;
                is_new = true;
            }
        }
        if self.0.config.extras.begins_staged && engine.jobs().map_err(store)?.is_empty() {
            engine.stage(None, "server start", None).map_err(store)?;
        }
        let stored = self.0.vault.read(CREDENTIAL_FILE).map_err(pki)?;
        if stored.is_none() {
            self.issue_directory_credential(CREDENTIAL_LIFE_DAYS)?;
        }
        if is_new {
            // Names depend on the verified domains.
            self.plan_all_jobs().map_err(store)?;
        }
        // Whatever was ready when the last process ended may have been carried out.
        engine.doubt_ready().map_err(store)?;
        Ok(())
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// Makes a service principal for synchronisation and keeps its secret in the vault. Earlier ones stay as they are.
    ///
    /// # Errors
    /// If the directory or the file refuses.
    pub fn issue_directory_credential(&self, days: i64) -> Result<(), StartError> {
        let lifetime = jiff::SignedDuration::from_hours(days.saturating_mul(24));
        let made = self
            .0
            .directory
            .create_service_principal(
                &self.0.directory.administrator(),
                "Hybridge synchronisation",
                directory::Role::Writer,
                lifetime,
            )
            .map_err(|fault| fault_of(self.0.directory.path(), &fault))?;
        let stored = StoredCredential {
            app_id: made.app_id,
            secret: made.secret.expose().to_owned(),
        };
        let text = serde_json::to_string(&stored)
            .map_err(|error| start_error(Code::InternalFault, error))?;
        self.0.vault.write(CREDENTIAL_FILE, &text).map_err(pki)?;
        // Whoever waits because of the old one is tried with the new one.
        let store = |error: engine::StoreError| placed(&self.0.engine, &error);
        for job in self.0.engine.jobs().map_err(store)? {
            self.0.engine.quarantine_is_hopeful(job.id).map_err(store)?;
        }
        self.jobs_changed();
        Ok(())
    }

    /// How far engine and directory were apart when they were opened.
    pub fn gap(&self) -> Gap {
        self.0.gap
    }

    /// Takes a domain as verified, and plans every object anew: sign-in names depend on the domains. Blocks.
    ///
    /// # Errors
    /// `Conflict` if it is no domain name; those of the stores.
    pub fn verify_domain(&self, name: &str) -> Result<(), Refusal> {
        let directory = &self.0.directory;
        directory
            .add_verified_domain(&directory.administrator(), name)
            .map_err(|fault| match fault {
                directory::Fault::NotAllowed(text) => {
                    Refusal::new(Code::Conflict).with("text", text)
                }
                fault => fault_of(directory.path(), &fault),
            })?;
        let planned = self.plan_all_jobs();
        planned.map_err(|error| placed(&self.0.engine, &error))?;
        self.jobs_changed();
        Ok(())
    }

    fn plan_all_jobs(&self) -> Result<(), engine::StoreError> {
        for job in self.0.engine.jobs()? {
            self.0.engine.plan_everything(job.id)?;
        }
        Ok(())
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The tenant directory, for its administrator's pages.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.0.directory
    }

    /// The desk.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.0.desk
    }

    /// The tenant's authorities.
    pub fn authority(&self) -> &Arc<Authorities> {
        &self.0.authority
    }

    /// What recognises the administrator.
    pub fn admin_key(&self) -> &AdminKey {
        &self.0.admin_key
    }

    /// What tokens are signed with.
    pub fn token_key(&self) -> &TokenKey {
        &self.0.token_key
    }

    pub(crate) fn token_throttles(&self) -> &TokenThrottles {
        &self.0.throttles
    }

    /// How often an object may be provisioned on demand.
    pub(crate) fn demand_throttle(&self) -> &Throttle {
        &self.0.demand_throttle
    }

    /// Which server this is.
    pub fn instance(&self) -> uuid::Uuid {
        self.0.instance
    }

    /// The fence this process holds for a job.
    pub fn fence(&self, job: JobId) -> Option<directory::Fence> {
        let fences = self.0.fences.lock();
        let fences = fences.unwrap_or_else(PoisonError::into_inner);
        fences.get(&job).cloned()
    }

    pub(crate) fn hold_fence(&self, job: JobId, fence: Option<directory::Fence>) {
        let fences = self.0.fences.lock();
        let mut fences = fences.unwrap_or_else(PoisonError::into_inner);
        match fence {
            Some(fence) => drop(fences.insert(job, fence)),
            None => drop(fences.remove(&job)),
        }
    }

    /// Waits until no fence changes hands, and keeps it so.
    pub(crate) async fn staging_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.staging_turn.lock().await
    }

    /// Whether engine and directory were brought together, so that work may begin.
    pub fn is_rejoined(&self) -> bool {
        self.0.rejoined.load(Ordering::Acquire)
    }

    pub(crate) fn note_rejoined(&self) {
        self.0.rejoined.store(true, Ordering::Release);
    }

    /// When the main loop last turned, unix ms.
    pub fn last_turn(&self) -> i64 {
        self.0.last_turn.load(Ordering::Acquire)
    }

    pub(crate) fn note_turn(&self) {
        self.0
            .last_turn
            .store(self.0.engine.now(), Ordering::Release);
    }

    /// When the credential for the tenant directory ends, unix ms; `None` if that cannot be said. Blocks.
    pub fn credential_ends(&self) -> Option<i64> {
        let text = self.0.vault.read(CREDENTIAL_FILE).ok()??;
        let stored: StoredCredential = serde_json::from_str(&text).ok()?;
        let directory = &self.0.directory;
        let principals = directory
            .service_principals(&directory.administrator())
            .ok()?;
        let own = principals
            .into_iter()
            .find(|one| one.app_id == stored.app_id)?;
        let ends = own
            .credentials
            .iter()
            .map(|one| one.expires_at.as_millisecond());
        ends.max()
    }

    /// Held while a backup is made.
    pub(crate) fn backups(&self) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.0.backups)
    }

    /// Id of the tenant.
    pub fn tenant_id(&self) -> String {
        self.0.tenant_id.clone()
    }

    /// Who issues our tokens, and for whom they are: the tenant on this server, whatever address it is reached by.
    pub fn issuer(&self) -> String {
        format!("urn:hybridge:{}", self.0.tenant_id)
    }

    /// The tenant's verified domains; none if the directory cannot be asked now.
    pub fn domains(&self) -> Vec<String> {
        let directory = &self.0.directory;
        directory
            .verified_domains(&directory.administrator())
            .unwrap_or_default()
    }

    /// Whether a `Host` header names this server.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        let port = self.0.config.listen.port();
        let own = |name: &String| {
            let name = match name.contains(':') && !name.starts_with('[') {
                true => format!("[{name}]"),
                false => name.clone(),
            };
            host.eq_ignore_ascii_case(&format!("{name}:{port}"))
                || port == 443 && host.eq_ignore_ascii_case(&name)
        };
        self.0.config.names.iter().any(own)
    }

    /// What random values in expressions are made from.
    pub fn seed(&self) -> &Seed {
        &self.0.seed
    }

    /// How it was started.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// When it was started.
    pub fn started(&self) -> Timestamp {
        self.0.started
    }

    /// Where releases for agents lie.
    pub fn releases(&self) -> Arc<Releases> {
        let config = &self.0.config;
        let given = config.extras.updates_directory.clone();
        Arc::new(Releases(
            given.unwrap_or_else(|| config.data_directory.join(updates::FOLDER)),
        ))
    }

    /// The URL clients use.
    pub fn url(&self) -> String {
        url(&self.0.config)
    }

    /// The target connector of a row.
    ///
    /// # Errors
    /// If rows of this kind cannot be a target.
    pub fn target(&self, row: &ConnectorRow) -> Result<Arc<dyn Target>, Refusal> {
        Ok(Arc::new(self.directory_target(row)?))
    }

    /// The target connector of a row, writing as long as a fence is held.
    ///
    /// # Errors
    /// If rows of this kind cannot be a target.
    pub fn exporting_target(
        &self,
        row: &ConnectorRow,
        fence: directory::Fence,
    ) -> Result<Arc<dyn Target>, Refusal> {
        Ok(Arc::new(self.directory_target(row)?.fenced(fence)))
    }

    pub(crate) fn directory_target(&self, row: &ConnectorRow) -> Result<DirectoryTarget, Refusal> {
        match row.kind.as_str() {
            "directory" => {
                let vault = self.0.vault.clone();
                let credential = move || {
                    let stored: StoredCredential =
                        serde_json::from_str(&vault.read(CREDENTIAL_FILE).ok()??).ok()?;
                    Some(Credential {
                        app_id: stored.app_id,
                        secret: SecretString::from(stored.secret),
                    })
                };
                Ok(DirectoryTarget::new(
                    self.0.directory.clone(),
                    Arc::new(credential),
                ))
            }
            kind => Err(Refusal::new(Code::ConfigurationInvalid)
                .with("connector", &row.name)
                .with(
                    "text",
                    format!("a connector of kind {kind} cannot be a target"),
                )),
        }
    }

    /// The bell of a job: rung when there is something to plan or export.
    pub fn wake(&self, job: JobId) -> Arc<Notify> {
        self.0
            .wakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(job)
            .or_default()
            .clone()
    }

    /// The bell of a source: rung when it is to be read now.
    pub fn read_wake(&self, connector: ConnectorId) -> Arc<Notify> {
        self.0
            .read_wakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(connector)
            .or_default()
            .clone()
    }

    /// The doorbell of a source, as its read loop hears it: heeded only while reading goes well.
    pub(crate) fn ring(&self, connector: ConnectorId) -> Arc<Notify> {
        let rings = self.0.rings.lock();
        let mut rings = rings.unwrap_or_else(PoisonError::into_inner);
        rings.entry(connector).or_default().clone()
    }

    /// Says that jobs were created, started, paused or changed.
    pub fn jobs_changed(&self) {
        for bell in self
            .0
            .wakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            bell.notify_one();
        }
        for bell in self
            .0
            .read_wakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            bell.notify_one();
        }
        self.0.generation.send_modify(|count| *count += 1);
        self.0.jobs_changed.notify_one();
    }

    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// How a source's doorbell is doing.
    pub fn doorbell(&self, connector: ConnectorId) -> Doorbell {
        let doorbells = self.0.doorbells.lock();
        let doorbells = doorbells.unwrap_or_else(PoisonError::into_inner);
        doorbells.get(&connector).cloned().unwrap_or_default()
    }

    pub(crate) fn note_doorbell(&self, connector: ConnectorId, change: impl FnOnce(&mut Doorbell)) {
        let doorbells = self.0.doorbells.lock();
        let mut doorbells = doorbells.unwrap_or_else(PoisonError::into_inner);
        change(doorbells.entry(connector).or_default());
    }

    /// The ends of jobs in quarantine that are looked at.
    pub(crate) fn watched(&self) -> &Mutex<crate::cycles::look::Watched> {
        &self.0.watched
    }

    /// How the comparison of a source is doing, for its status.
    pub fn comparing(&self, connector: ConnectorId) -> Comparing {
        let comparisons = self.0.comparisons.lock();
        let comparisons = comparisons.unwrap_or_else(PoisonError::into_inner);
        comparisons.get(&connector).cloned().unwrap_or_default()
    }

    pub(crate) fn note_comparing(
        &self,
        connector: ConnectorId,
        change: impl FnOnce(&mut Comparing),
    ) {
        let comparisons = self.0.comparisons.lock();
        let mut comparisons = comparisons.unwrap_or_else(PoisonError::into_inner);
        change(comparisons.entry(connector).or_default());
    }

    pub(crate) fn jobs_changed_bell(&self) -> &Notify {
        &self.0.jobs_changed
    }

    /// What a job is doing, for its status.
    pub fn activity(&self, job: JobId) -> Activity {
        self.0
            .activities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&job)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn note(&self, job: JobId, change: impl FnOnce(&mut Activity)) {
        change(
            self.0
                .activities
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(job)
                .or_default(),
        );
    }
}

fn url(config: &Config) -> String {
    let host = config
        .names
        .first()
        .cloned()
        .unwrap_or_else(|| config.listen.ip().to_string());
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host
    };
    format!("https://{host}:{}", config.listen.port())
}

/// An epoch for the desk that is larger than any fence of a process before, even if the clock was set back.
fn desk_epoch(engine: &Engine, now: Timestamp) -> Result<u64, engine::StoreError> {
    let last = engine
        .setting(DESK_EPOCH)?
        .and_then(|text| text.parse::<u64>().ok());
    let clock = u64::try_from(now.as_microsecond()).unwrap_or(1);
    let epoch = clock.max(last.unwrap_or(0).saturating_add(MOST_FENCES));
    engine.set_setting(DESK_EPOCH, &epoch.to_string())?;
    Ok(epoch)
}

/// Runs a server until `shutdown`. `ready` is told the address once it listens.
///
/// # Errors
/// [`StartError`] if it cannot start.
pub async fn run(
    mut config: Config,
    api: impl FnOnce(App) -> axum::Router,
    ready: tokio::sync::oneshot::Sender<App>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| StartError::from(start::not_listening(config.listen, &error)))?;
    config.listen = listener
        .local_addr()
        .map_err(|error| start_error(Code::InternalFault, error))?;
    let app = {
        let config = config.clone();
        tokio::task::spawn_blocking(move || App::open(config))
            .await
            .map_err(|error| start_error(Code::InternalFault, error))??
    };
    let certificate =
        ServerCertificate::new(app.authority().clone(), &config.names, Timestamp::now())
            .map_err(pki)?;
    let room = crate::room::Room::within(crate::open_files::take_all());
    let tls = Tls::new(certificate).map_err(pki)?.with_room(room);
    let server_id = app
        .directory()
        .tenant(&app.directory().administrator())
        .map_or_else(|_| String::new(), |t| t.id.to_string());
    let link = LinkState {
        desk: app.desk().clone(),
        directory: Arc::new(EngineAgents::new(app.engine().clone())),
        authority: app.authority().clone(),
        server_id: server_id.into(),
        enrolments: Arc::default(),
    };
    let updates = UpdateState {
        link: link.clone(),
        engine: app.engine().clone(),
        releases: app.releases(),
    };
    let router = link_router(link)
        .merge(update_router(updates))
        .merge(api(app.clone()));
    let watching = tokio::spawn(health::run(app.clone(), shutdown.clone()));
    if let Some(address) = app.config().extras.health_listen {
        health::listen(app.clone(), address, shutdown.clone()).await?;
    }
    tokio::spawn(rollover::run(app.clone(), shutdown.clone()));
    let loops = tokio::spawn(scheduler::run(app.clone(), shutdown.clone()));
    let _ = ready.send(app.clone());
    let (desk, stopped) = (app.desk().clone(), shutdown.clone());
    tokio::spawn(async move {
        // Agents that wait for work are sent home, or they would hold up the end of the process.
        stopped.cancelled().await;
        desk.close();
    });
    let served = tls::serve(listener, tls, router, shutdown.clone()).await;
    shutdown.cancel();
    let _ = loops.await;
    let _ = watching.await;
    served.map_err(|error| start_error(Code::InternalFault, error))
}
