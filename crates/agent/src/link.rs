//! Requests to the control plane.
//!
//! One request, one answer, no retry: whoever calls knows whether and how long to try again. Trap: the client is replaced
//! when the certificate is renewed, so it is asked for anew with every request.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use wire::agent::v1::{FRAME_MEDIA_TYPE, PREFIX, Problem};

use crate::error::AgentError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
// Less than the server keeps an idle connection, so that a request never meets one that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// A control message, from sending to the answer.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(20);
/// A frame, from sending until it is stored.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(120);
// LIMIT: bytes of an answer; work with a large watermark is the largest.
const LARGEST_ANSWER_BYTES: usize = 4 << 20;

/// The way to a control plane.
pub struct Link {
    server: String,
    client: RwLock<Client>,
}

impl Link {
    /// A link to a server (`https://host:port`).
    ///
    /// # Errors
    /// [`AgentError::Invalid`] if the address is not one.
    pub fn new(server: &str, tls: ClientConfig) -> Result<Self, AgentError> {
        let server = server.trim_end_matches('/').to_owned();
        let is_https =
            reqwest::Url::parse(&server).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if !is_https {
            return Err(AgentError::Invalid(format!(
                "{server} is not an address like https://host:8443"
            )));
        }
        let client = RwLock::new(client(&server, tls)?);
        Ok(Self { server, client })
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Uses another certificate from now on.
    ///
    /// # Errors
    /// If the client cannot be built; the old one stays.
    pub fn replace(&self, tls: ClientConfig) -> Result<(), AgentError> {
        let next = client(&self.server, tls)?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
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

    /// Sends a frame.
    ///
    /// # Errors
    /// What happened; see [`AgentError::is_passing`].
    pub async fn frame<A: DeserializeOwned>(
        &self,
        path: &str,
        frame: bytes::Bytes,
        timeout: Duration,
    ) -> Result<A, AgentError> {
        self.post(path, FRAME_MEDIA_TYPE, frame, timeout).await
    }

    async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        body: bytes::Bytes,
        timeout: Duration,
    ) -> Result<A, AgentError> {
        let client = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let response = client
            .post(format!("{}{PREFIX}{path}", self.server))
            .header(CONTENT_TYPE, media_type)
            .timeout(timeout)
            .body(body)
            .send()
            .await
            .map_err(|fault| AgentError::of_request(&self.server, fault))?;
        let status = response.status();
        let body = self.read(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| self.nonsense());
        }
        let Ok(problem) = serde_json::from_slice::<Problem>(&body) else {
            return Err(self.nonsense());
        };
        if status == StatusCode::FORBIDDEN && problem.code == "AgentCertificateRefused" {
            return Err(AgentError::CertificateRefused);
        }
        Err(AgentError::Answered {
            status: status.as_u16(),
            problem,
        })
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, AgentError> {
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|fault| AgentError::of_request(&self.server, fault))?
        {
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

fn client(server: &str, tls: ClientConfig) -> Result<Client, AgentError> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("hybridge-agent/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|fault| AgentError::of_request(server, fault))
}
