//! Requests to the control plane.
//!
//! One request, one answer, no retry: whoever calls knows whether and how long to try again. Trap: the client is replaced
//! when the certificate is renewed, so it is asked for anew with every request.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    Request, StatusCode, Uri,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use tracing::trace;
use wire::agent::v1::{FRAME_MEDIA_TYPE, PREFIX, Problem};

use crate::{
    error::{AgentError, RequestFault},
    network::{Connector, Network},
};

// Less than the server keeps an idle connection, so that a request never meets one that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// A control message, from sending to the answer.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(20);
/// A frame, from sending until it is stored.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(120);
// LIMIT: bytes of an answer; work with a large watermark is the largest.
const LARGEST_ANSWER_BYTES: usize = 4 << 20;
const HTTPS_PORT: u16 = 443;

type Http = Client<Connector, Full<Bytes>>;

/// The way to a control plane.
pub struct Link {
    server: String,
    network: Network,
    client: RwLock<Http>,
}

impl Link {
    /// A link to a server (`https://host:port`).
    ///
    /// # Errors
    /// [`AgentError::Invalid`] if the address is not one.
    pub fn new(server: &str, network: Network, tls: ClientConfig) -> Result<Self, AgentError> {
        let server = server.trim_end_matches('/').to_owned();
        address(&server)?;
        let client = RwLock::new(client(&network, tls));
        Ok(Self {
            server,
            network,
            client,
        })
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The network it goes over.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Uses another certificate from now on.
    pub fn replace(&self, tls: ClientConfig) {
        let next = client(&self.network, tls);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// What happened; see [`AgentError::is_passing`].
    pub async fn control<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        message: &Q,
        timeout: Duration,
    ) -> Result<A, AgentError> {
        let body = serde_json::to_vec(message).map_err(|_| self.nonsense())?;
        self.post(path, "application/json", body.into(), timeout)
            .await
    }

    /// Sends a control message that is answered with bytes.
    ///
    /// # Errors
    /// What happened; see [`AgentError::is_passing`].
    pub async fn bytes<Q: Serialize>(
        &self,
        path: &str,
        message: &Q,
        most: usize,
        timeout: Duration,
    ) -> Result<Vec<u8>, AgentError> {
        let body = serde_json::to_vec(message).map_err(|_| self.nonsense())?;
        // A capped network delays what comes as well as what goes.
        let slow = self.network.throttle().map(|cap| cap.time_for(most));
        let timeout = timeout + slow.unwrap_or_default();
        self.answered(path, "application/json", body.into(), timeout)
            .await
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// What happened; see [`AgentError::is_passing`].
    pub async fn frame<A: DeserializeOwned>(
        &self,
        path: &str,
        frame: Bytes,
        timeout: Duration,
    ) -> Result<A, AgentError> {
        self.post(path, FRAME_MEDIA_TYPE, frame, timeout).await
    }

    async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<A, AgentError> {
        let (asked, bytes) = (Instant::now(), body.len());
        let answer = self.answered(path, media_type, body, timeout).await;
        let ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &answer {
            Ok(_) => trace!(path, bytes, ms, "the server answered"),
            Err(fault) => trace!(path, bytes, ms, code = %fault.code(), "a request failed"),
        }
        serde_json::from_slice(&answer?).map_err(|_| self.nonsense())
    }

    async fn answered(
        &self,
        path: &str,
        media_type: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Vec<u8>, AgentError> {
        let slow = self.network.throttle().map(|cap| cap.time_for(body.len()));
        let timeout = timeout + slow.unwrap_or_default();
        let exchange = self.exchange(path, media_type, body);
        let exchanged = tokio::time::timeout(timeout, exchange).await;
        let late = RequestFault::TimedOut(timeout);
        let (status, body) =
            exchanged.unwrap_or_else(|_| Err(AgentError::of_request(&self.server, late)))?;
        if status.is_success() {
            return Ok(body);
        }
        let Ok(problem) = serde_json::from_slice::<Problem>(&body) else {
            return Err(self.nonsense());
        };
        if status == StatusCode::FORBIDDEN && problem.code == "AgentCertificateRefused" {
            return Err(AgentError::CertificateRefused {
                why: problem.message,
            });
        }
        Err(AgentError::Answered {
            status: status.as_u16(),
            problem,
        })
    }

    /// One request and its whole answer.
    async fn exchange(
        &self,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Vec<u8>), AgentError> {
        let client = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let request = Request::post(format!("{}{PREFIX}{path}", self.server))
            .header(CONTENT_TYPE, media_type)
            .header(
                USER_AGENT,
                concat!("hybridge-agent/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::new(body))
            .map_err(|_| self.nonsense())?;
        let failed = |fault| AgentError::of_request(&self.server, RequestFault::Connection(fault));
        let response = client.request(request).await.map_err(failed)?;
        let status = response.status();
        Ok((status, self.read(response.into_body()).await?))
    }

    async fn read(&self, mut answer: Incoming) -> Result<Vec<u8>, AgentError> {
        let mut body = Vec::new();
        while let Some(frame) = answer.frame().await {
            let frame = frame
                .map_err(|fault| AgentError::of_request(&self.server, RequestFault::Cut(fault)))?;
            let Ok(chunk) = frame.into_data() else {
                continue;
            };
            if body.len() + chunk.len() > LARGEST_ANSWER_BYTES {
                return Err(self.nonsense());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn nonsense(&self) -> AgentError {
        AgentError::Nonsense {
            server: self.server.clone(),
        }
    }
}

/// Host and port of a control plane's address.
///
/// # Errors
/// [`AgentError::Invalid`] if it is not one.
pub fn address(server: &str) -> Result<(String, u16), AgentError> {
    let invalid =
        || AgentError::Invalid(format!("{server} is not an address like https://host:8443"));
    let uri: Uri = server.parse().map_err(|_| invalid())?;
    let host = uri.host().filter(|host| !host.is_empty());
    match (uri.scheme_str(), host) {
        (Some("https"), Some(host)) => Ok((host.to_owned(), uri.port_u16().unwrap_or(HTTPS_PORT))),
        _ => Err(invalid()),
    }
}

fn client(network: &Network, tls: ClientConfig) -> Http {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(Connector::new(network.clone(), tls))
}
