//! The server's doors: TLS 1.3 only, over our own accept loop, so that requests know their peer's certificate.
//!
//! A client certificate is optional in the handshake (administrators have none) and, where given, verified against the
//! tenant's authority. Never serves plain HTTP. Trap: a certificate that verifies is only a fingerprint here; whether it
//! still belongs to an admitted agent is asked for each request.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Method, Request, StatusCode, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use jiff::Timestamp;
use rustls::{
    RootCertStore, ServerConfig, crypto::CryptoProvider, server::WebPkiClientVerifier,
    version::TLS13,
};
use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
    task::JoinSet,
    time::{self, Instant},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use tower::{Service as _, ServiceExt as _};
use tracing::{Level, debug, enabled, error, info, trace, warn};

use crate::{
    pki::{Fingerprint, PkiError, ServerCertificate},
    room::Room,
    slow::{self, Timed},
};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(10);
const REFRESH_INTERVAL: Duration = Duration::from_secs(3_600);
const PAUSE_AFTER_ACCEPT_FAULT: Duration = Duration::from_millis(200);
// How much is taken from the system at once.
const RECEIVE_BYTES: usize = 32 << 10;

/// Request extension: fingerprint of the verified client certificate; not there if the client gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCertificate(pub Fingerprint);

/// Request extension: from where the connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub std::net::IpAddr);

/// What a listener needs for TLS.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    provider: Arc<CryptoProvider>,
    certificate: Arc<ServerCertificate>,
    room: Room,
}

impl Tls {
    /// TLS with this certificate, trusting client certificates of its authorities.
    ///
    /// # Errors
    /// [`PkiError::Verifier`] or [`PkiError::Tls`].
    pub fn new(certificate: Arc<ServerCertificate>) -> Result<Self, PkiError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(Self {
            acceptor: acceptor(&provider, &certificate)?,
            provider,
            certificate,
            room: Room::default(),
        })
    }

    /// With so many places.
    #[must_use]
    pub fn with_room(mut self, room: Room) -> Self {
        self.room = room;
        self
    }

    /// Takes up what changed with the authorities; if that fails, everything stays as it was.
    fn follow(&mut self) {
        refresh_certificate(self);
        match acceptor(&self.provider, &self.certificate) {
            Ok(acceptor) => self.acceptor = acceptor,
            Err(fault) => error!(%fault, "the change of the authorities is not in force"),
        }
    }
}

/// Trusts certificates of all present authorities.
fn acceptor(
    provider: &Arc<CryptoProvider>,
    certificate: &Arc<ServerCertificate>,
) -> Result<TlsAcceptor, PkiError> {
    let mut roots = RootCertStore::empty();
    for authority in certificate.authorities().all() {
        roots.add(authority.certificate().clone())?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate.clone());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until `shutdown`, then lets requests finish for a moment.
///
/// # Errors
/// None that a single connection can cause.
pub async fn serve(
    listener: TcpListener,
    mut tls: Tls,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut changes = tls.certificate.authorities().changes();
    let mut connections = JoinSet::new();
    let mut refresh = time::interval(REFRESH_INTERVAL);
    info!(address = %listener.local_addr()?, "listening");
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = refresh.tick() => refresh_certificate(&tls),
            Ok(()) = changes.changed() => tls.follow(),
            Some(_) = connections.join_next() => {}
            (stream, peer, place) = accept(&listener, &tls.room) => {
                let door = (tls.acceptor.clone(), tls.room.clone(), place);
                let service = (router.clone(), shutdown.clone());
                connections.spawn(connection(stream, peer, door, service));
            }
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if time::timeout(GOODBYE_TIMEOUT, finished).await.is_err() {
        warn!("some requests did not finish in time and were cut off");
        connections.shutdown().await;
    }
    Ok(())
}

fn refresh_certificate(tls: &Tls) {
    match tls.certificate.refresh(Timestamp::now()) {
        Ok(true) => info!("issued a new server certificate"),
        Ok(false) => {}
        Err(fault) => {
            error!(%fault, "no new server certificate could be issued; the present one stays")
        }
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Room,
) -> (TcpStream, PeerAddress, Option<OwnedSemaphorePermit>) {
    loop {
        let place = room.at_the_door().await;
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, PeerAddress(peer.ip()), place),
            Err(fault) => {
                warn!(%fault, "a connection could not be accepted");
                time::sleep(PAUSE_AFTER_ACCEPT_FAULT).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    address: PeerAddress,
    (acceptor, room, place): (TlsAcceptor, Room, Option<OwnedSemaphorePermit>),
    (router, shutdown): (Router, CancellationToken),
) {
    let _ = stream.set_nodelay(true);
    // TLS reads in pieces of its own, smaller than what the system has for it.
    let stream = BufReader::with_capacity(RECEIVE_BYTES, stream);
    match time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let peer = peer_certificate(&stream);
            let Some(_inside) = room.inside(peer.is_some()) else {
                warn!(from = %address.0, "too many connections: one more was closed");
                return;
            };
            drop(place);
            requests(stream, (address, peer), router, shutdown).await;
        }
        Ok(Err(fault)) => debug!(%fault, "handshake failed"),
        Err(_) => debug!("handshake took too long"),
    }
}

async fn requests(
    stream: TlsStream<BufReader<TcpStream>>,
    (address, peer): (PeerAddress, Option<PeerCertificate>),
    router: Router,
    shutdown: CancellationToken,
) {
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(address);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let request = request.map(|body| Body::new(Timed::new(body, slow::PATIENCE)));
        let mut router = router.clone();
        async move {
            let asked = Asked::of(&request);
            let answer = router.as_service().ready().await?.call(request).await;
            if let (Some(asked), Ok(answer)) = (asked, &answer) {
                asked.note(answer.status());
            }
            answer
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(fault) = ended {
        debug!(%fault, "connection ended");
    }
}

/// A request, as a trace tells of it: without its query, which may hold names of people.
struct Asked {
    method: Method,
    path: String,
    at: Instant,
}

impl Asked {
    /// `None`: nobody wants to know.
    fn of<B>(request: &Request<B>) -> Option<Self> {
        enabled!(Level::TRACE).then(|| Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            at: Instant::now(),
        })
    }

    fn note(&self, status: StatusCode) {
        let ms = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        trace!(method = %self.method, path = self.path, status = status.as_u16(), ms, "answered");
    }
}

fn peer_certificate(stream: &TlsStream<BufReader<TcpStream>>) -> Option<PeerCertificate> {
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates()?.first()?;
    Some(PeerCertificate(Fingerprint::of(leaf)))
}
