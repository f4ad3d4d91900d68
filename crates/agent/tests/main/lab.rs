//! A server, agents and a source that is made up.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use agent::{
    AgentConfig, ConnectorConfig, HostOptions,
    enrol::{Enrolment, enrol},
    error::AgentError,
    identity::Identity,
    link::Link,
    network::{Network, NetworkConfig},
    tls::{Trust, for_identity},
};
use async_trait::async_trait;
use connectors::{
    Source,
    source::{
        Bell, Container, Listed, ObjectName, Page, PageSink, ReadEnd, ReadMode, ReadOne,
        SourceError, SourceInfo, WatchEnd, Watermark,
    },
};
use jiff::Timestamp;
use server::{
    agent_api::{LinkState, agent_router},
    desk::{Desk, DeskLimits, ReadOrder, ReadSink},
    pki::{Authorities, MemoryDirectory, ServerCertificate, TokenGrant, Vault, new_token},
    room::Room,
    tls::{Tls, serve},
};
use sync_core::{
    code::Code,
    id::{AgentId, Anchor, ReadId},
    object::{Entry, EntryKind, ReadSpec},
    operation::Refusal,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use wire::agent::v1::{Hosted, LeaseAnswer, LeaseRequest, Leased};

pub const CONNECTOR: &str = "canal";
pub const SOON: Duration = Duration::from_secs(20);

/// A link as an agent has it, directly.
pub fn link_of(url: &str, identity: &Identity) -> Link {
    let tls = for_identity(identity, None).unwrap();
    Link::new(url, Network::default(), tls).unwrap()
}

/// Limits short enough to wait for.
pub fn short() -> DeskLimits {
    DeskLimits {
        handover: Duration::from_millis(400),
        lease: Duration::from_millis(400),
        presence: Duration::from_secs(5),
        queue: Duration::from_secs(10),
        handovers: 2,
    }
}

pub struct Lab {
    pub folder: tempfile::TempDir,
    pub directory: Arc<MemoryDirectory>,
    pub authority: Arc<Authorities>,
    pub desk: Arc<Desk>,
    pub address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl Lab {
    /// Waits for the first heartbeat of an agent: before it, nobody knows which connectors it serves.
    pub async fn hears(&self, agent: AgentId) {
        wait_until(|| async { self.directory.last_beat(agent).is_some() }).await;
    }

    pub async fn start(limits: DeskLimits) -> Self {
        Self::start_on(limits, "127.0.0.1:0").await
    }

    pub async fn start_on(limits: DeskLimits, address: &str) -> Self {
        let address = address.parse().unwrap();
        Self::start_in(Room::default(), limits, address).await
    }

    pub async fn start_in(room: Room, limits: DeskLimits, address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(MemoryDirectory::default());
        Self::serve(folder, directory, limits, (address, room)).await
    }

    async fn serve(
        folder: tempfile::TempDir,
        directory: Arc<MemoryDirectory>,
        limits: DeskLimits,
        (address, room): (SocketAddr, Room),
    ) -> Self {
        let now = Timestamp::now();
        let authority =
            Arc::new(Authorities::open(&Vault::open(folder.path(), None).unwrap(), now).unwrap());
        let epoch = u64::try_from(now.as_microsecond()).unwrap();
        let desk = Desk::new(directory.clone(), limits, epoch);
        let state = LinkState {
            desk: desk.clone(),
            directory: directory.clone(),
            authority: authority.clone(),
            server_id: "tenant".into(),
            enrolments: Arc::default(),
        };
        let names = ["127.0.0.1", "::1", "localhost"].map(str::to_owned);
        let certificate = ServerCertificate::new(authority.clone(), &names, now).unwrap();
        let tls = Tls::new(certificate).unwrap().with_room(room);
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(listener, tls, agent_router(state), shutdown.clone()));
        Self {
            folder,
            directory,
            authority,
            desk,
            address,
            shutdown,
            served,
        }
    }

    /// The same server as a new process: its store is there, its memory is not.
    pub async fn restart(self, limits: DeskLimits) -> Self {
        self.desk.close();
        self.shutdown.cancel();
        self.served.await.unwrap().unwrap();
        let place = (self.address, Room::default());
        Self::serve(self.folder, self.directory, limits, place).await
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn token(&self, valid: Duration) -> String {
        self.token_for(valid, &[])
    }

    pub fn token_for(&self, valid: Duration, connectors: &[&str]) -> String {
        let (token, fingerprint) = new_token().unwrap();
        let connectors = connectors.iter().map(|name| (*name).to_owned()).collect();
        let until = Timestamp::now() + valid;
        self.directory
            .add_token(fingerprint, TokenGrant { connectors }, until);
        token
    }

    pub async fn try_enrol(&self, token: &str, folder: &Path) -> Result<Identity, AgentError> {
        let enrolment = Enrolment {
            server: &self.url(),
            trust: Trust::Authority(self.authority.pem()),
            token: token.to_owned().into(),
            name: "test",
            network: Network::default(),
        };
        enrol(enrolment, folder).await
    }

    /// An agent played by the test itself, known to serve the connector.
    pub async fn puppet(&self) -> Puppet {
        let folder = tempfile::tempdir().unwrap();
        let identity = self
            .try_enrol(&self.token(SOON), folder.path())
            .await
            .unwrap();
        let link = link_of(&self.url(), &identity);
        let puppet = Puppet {
            folder,
            identity,
            link,
            session: String::new(),
        };
        puppet.beat().await.unwrap();
        puppet
    }

    /// A real agent with this source, running until dropped.
    pub async fn agent(&self, source: Fake) -> Running {
        let folder = tempfile::tempdir().unwrap();
        self.try_enrol(&self.token(SOON), folder.path())
            .await
            .unwrap();
        let running = Running::start(folder, None, source);
        let id = server::pki::AgentDirectory::agents_of(&*self.directory, CONNECTOR);
        if id.await.unwrap().is_empty() {
            wait_until(|| async {
                let agents = server::pki::AgentDirectory::agents_of(&*self.directory, CONNECTOR);
                !agents.await.unwrap().is_empty()
            })
            .await;
        }
        running
    }
}

pub async fn wait_until<F: Future<Output = bool>>(claim: impl Fn() -> F) {
    let waiting = async {
        while !claim().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, waiting)
        .await
        .expect("never became true");
}

pub struct Running {
    pub shutdown: CancellationToken,
    _folder: tempfile::TempDir,
    pub task: JoinHandle<Result<(), AgentError>>,
}

impl Running {
    pub fn start(folder: tempfile::TempDir, server: Option<String>, source: Fake) -> Self {
        Self::start_over(folder, server, source, NetworkConfig::default())
    }

    /// Over this network.
    pub fn start_over(
        folder: tempfile::TempDir,
        server: Option<String>,
        source: Fake,
        network: NetworkConfig,
    ) -> Self {
        let shutdown = CancellationToken::new();
        let options = HostOptions {
            version: agent::VERSION.to_owned(),
            data_directory: folder.path().into(),
            config: AgentConfig {
                server,
                connectors: vec![ConnectorConfig {
                    name: CONNECTOR.into(),
                    kind: "fake".into(),
                    settings: serde_json::Value::Null,
                }],
                parallel: 4,
                network,
                updater: None,
            },
            factory: Arc::new(move |_: &ConnectorConfig| {
                Ok(Box::new(source.clone()) as Box<dyn Source>)
            }),
        };
        let task = tokio::spawn(agent::run(options, shutdown.clone()));
        Self {
            shutdown,
            _folder: folder,
            task,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub struct Puppet {
    #[allow(dead_code, reason = "keeps the identity's folder")]
    pub folder: tempfile::TempDir,
    pub identity: Identity,
    pub link: Link,
    /// Which process of the agent it plays; empty: one that does not say.
    pub session: String,
}

pub fn hosted() -> Vec<Hosted> {
    vec![Hosted {
        connector: CONNECTOR.into(),
        kind: "fake".into(),
    }]
}

impl Puppet {
    /// Another process with the same identity.
    pub fn twin(&self, lab: &Lab, session: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            identity: self.identity.clone(),
            link: link_of(&lab.url(), &self.identity),
            session: session.to_owned(),
        }
    }

    pub async fn beat(&self) -> Result<wire::agent::v1::HeartbeatAnswer, AgentError> {
        let beat = wire::agent::v1::Heartbeat {
            version: "1".into(),
            uptime_ms: 1,
            memory_bytes: 1,
            clock_ms: 0,
            connectors: hosted(),
            leases: 0,
            session: self.session.clone(),
            authorities: Vec::new(),
        };
        self.link.control("/heartbeat", &beat, SOON).await
    }

    pub async fn lease(&self, wait_ms: u64) -> Result<Vec<Leased>, AgentError> {
        let request = LeaseRequest {
            connectors: hosted(),
            capacity: 1,
            wait_ms,
            session: self.session.clone(),
        };
        let answer: LeaseAnswer = self.link.control("/lease", &request, SOON).await?;
        Ok(answer.leases)
    }

    pub async fn one_lease(&self) -> Leased {
        self.lease(10_000)
            .await
            .unwrap()
            .pop()
            .expect("there is work")
    }
}

/// Collects what a read brings.
#[derive(Default)]
pub struct Basket {
    pub pages: Mutex<Vec<Page>>,
    pub end: Mutex<Option<Result<ReadEnd, Refusal>>>,
    pub rung: Notify,
}

#[async_trait]
impl ReadSink for Basket {
    async fn page(&self, page: Page) -> Result<(), Refusal> {
        self.pages.lock().unwrap().push(page);
        Ok(())
    }

    async fn end(&self, end: Result<ReadEnd, Refusal>) {
        let before = self.end.lock().unwrap().replace(end);
        assert!(before.is_none(), "the end was said twice");
        self.rung.notify_one();
    }
}

impl Basket {
    pub async fn ended(&self) -> Result<ReadEnd, Refusal> {
        tokio::time::timeout(SOON, self.rung.notified())
            .await
            .expect("the read never ended");
        self.end.lock().unwrap().clone().unwrap()
    }

    pub fn numbers(&self) -> Vec<u32> {
        self.pages
            .lock()
            .unwrap()
            .iter()
            .map(|page| page.number)
            .collect()
    }
}

pub fn order() -> ReadOrder {
    ReadOrder {
        read: ReadId(7),
        spec: spec(),
        mode: ReadMode::Full,
        position: None,
        first_page: 0,
    }
}

pub fn spec() -> ReadSpec {
    ReadSpec {
        classes: vec!["user".into()],
        ..ReadSpec::default()
    }
}

pub fn entry(number: u32) -> Entry {
    let mut entry = Entry::new(Anchor::new(number.to_le_bytes()), EntryKind::Whole);
    entry
        .attributes
        .set("cn", vec![format!("person {number} ü").into()]);
    entry
}

/// Somebody of another forest.
pub fn another() -> Entry {
    let mut entry = Entry::new(Anchor::new([5; 16]), EntryKind::Elsewhere);
    entry.rdn = Some("CN=S-1-5-21-1-2-3-1104".into());
    entry
}

/// A source that is made up.
#[derive(Clone)]
pub struct Fake {
    pub pages: u32,
    pub per_page: u32,
    pub listed: u32,
    /// Bytes of an extra value in every entry.
    pub heavy: usize,
    /// Waits for ever before this page.
    pub stuck_at: Option<u32>,
    /// Rings the doorbell whenever it is notified; without it the source cannot be watched.
    pub button: Option<Arc<Button>>,
}

/// Presses a fake source's doorbell, and counts who watches it.
#[derive(Default)]
pub struct Button {
    pub press: Notify,
    pub watchers: AtomicU32,
}

struct Watcher<'a>(&'a Button);

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            pages: 3,
            per_page: 10,
            listed: 0,
            heavy: 0,
            stuck_at: None,
            button: None,
        }
    }
}

#[async_trait]
impl Source for Fake {
    async fn discover(&mut self) -> Result<SourceInfo, SourceError> {
        Ok(SourceInfo {
            realm: "canal.example".into(),
            ..SourceInfo::default()
        })
    }

    async fn read(
        &mut self,
        spec: &ReadSpec,
        mode: ReadMode,
        sink: &mut dyn PageSink,
    ) -> Result<ReadEnd, SourceError> {
        if let ReadMode::Delta(_) = mode {
            return Ok(ReadEnd::NeedsFullRead(Refusal::new(
                Code::SourceCookieRefused,
            )));
        }
        assert_eq!(spec.classes.len(), 1);
        for number in 0..self.pages {
            if self.stuck_at == Some(number) {
                std::future::pending::<()>().await;
            }
            let mut entries: Vec<Entry> = (0..self.per_page)
                .map(|n| entry(number * self.per_page + n))
                .collect();
            if self.heavy > 0 {
                for entry in &mut entries {
                    entry.attributes.set("photo", vec![vec_of(self.heavy)]);
                }
            }
            let watermark = Some(vec![number as u8]);
            sink.page(Page {
                number,
                entries,
                watermark,
            })
            .await?;
        }
        let seen = [("user".into(), u64::from(self.pages * self.per_page))].into();
        Ok(ReadEnd::Complete {
            watermark: vec![255],
            seen,
            is_census: false,
            method: Default::default(),
        })
    }

    async fn read_one(&mut self, _: &ReadSpec, name: &ObjectName) -> Result<ReadOne, SourceError> {
        match name {
            ObjectName::Dn(dn) => Ok(ReadOne::Live {
                entry: Box::new(entry(1)),
                dn: dn.clone(),
                elsewhere: vec![another()],
            }),
            ObjectName::Anchor(anchor) => Ok(ReadOne::Deleted(anchor.clone())),
            ObjectName::AccountName(_) => Ok(ReadOne::NotFound),
            ObjectName::UserPrincipalName(_) => {
                Err(Refusal::new(Code::SourceBusy).with("server", "dc1"))
            }
        }
    }

    async fn enumerate(
        &mut self,
        _: &ReadSpec,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        for number in 0..self.listed {
            if !each(Listed {
                entry: entry(number),
                dn: format!("CN={number}"),
            }) {
                break;
            }
        }
        Ok(())
    }

    async fn watch(
        &mut self,
        _: &ReadSpec,
        watermark: Option<Watermark>,
        bell: &dyn Bell,
    ) -> Result<WatchEnd, SourceError> {
        let Some(button) = &self.button else {
            let why = Refusal::new(Code::RequestInvalid);
            return Ok(WatchEnd::Unsupported(why));
        };
        assert!(watermark.is_none_or(|watermark| watermark == [9]));
        button.watchers.fetch_add(1, Ordering::Relaxed);
        let _watcher = Watcher(button);
        bell.armed();
        loop {
            button.press.notified().await;
            bell.ring();
        }
    }

    async fn containers(&mut self) -> Result<Vec<Container>, SourceError> {
        let anchor = Anchor::new([5; 16]);
        Ok(vec![Container {
            anchor,
            dn: "OU=people".into(),
        }])
    }
}

// Bytes that do not compress.
fn vec_of(size: usize) -> sync_core::value::Value {
    let mut random = fastrand::Rng::with_seed(1);
    sync_core::value::Value::binary((0..size).map(|_| random.u8(..)).collect::<Vec<u8>>())
}

/// A wire that breaks again and again: every connection is cut after some bytes, in the middle of whatever it carries.
pub async fn breaking_wire(to: SocketAddr) -> (SocketAddr, Arc<AtomicU32>) {
    let connections = Arc::new(AtomicU32::new(0));
    let counter = connections.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut random = fastrand::Rng::with_seed(3);
        while let Ok((near, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let (up, down) = (random.u64(60_000..200_000), random.u64(4_000..9_000));
            tokio::spawn(cut_after(near, to, up, down));
        }
    });
    (address, connections)
}

async fn cut_after(mut near: TcpStream, to: SocketAddr, up: u64, down: u64) {
    let Ok(mut far) = TcpStream::connect(to).await else {
        return;
    };
    let (near_read, mut near_write) = near.split();
    let (far_read, mut far_write) = far.split();
    let (mut up, mut down) = (near_read.take(up), far_read.take(down));
    tokio::select! {
        _ = tokio::io::copy(&mut up, &mut far_write) => {}
        _ = tokio::io::copy(&mut down, &mut near_write) => {}
    }
}
