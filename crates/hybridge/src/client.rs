//! The client of the administrator's API: HTTPS with the tenant's own authority, TLS 1.3, a bearer token.
//!
//! Never trusts the system's roots, and never repeats a request that may have been carried out. Trap: an error answer that
//! is not ours (a proxy's page) still has to become a code.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, Response, StatusCode, Url};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::{BASE, ErrorAnswer, MAX_PAGE_ITEMS, Page};

use crate::{access::Target, failure::Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the beginning of an answer (asking an agent may take its time).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Query parameters; those without a value are left out.
pub type Query<'a> = &'a [(&'a str, Option<String>)];

/// The client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: SecretString,
}

impl Client {
    /// A client of this server.
    ///
    /// # Errors
    /// If the authority is not a certificate.
    pub fn new(target: Target) -> Result<Self, Failure> {
        let invalid = |text: String| Failure::text(Code::ConfigurationInvalid, &target.url, text);
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(target.authority.as_bytes()) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| invalid(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| invalid(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            http,
            url: target.url,
            token: target.token,
        })
    }

    /// Address of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Reads something.
    ///
    /// # Errors
    /// By code.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query<'_>,
    ) -> Result<T, Failure> {
        self.act(Method::GET, path, query, None::<&()>).await
    }

    /// Does something.
    ///
    /// # Errors
    /// By code.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.act(Method::POST, path, &[], Some(body)).await
    }

    /// Changes something.
    ///
    /// # Errors
    /// By code.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.act(Method::PATCH, path, &[], Some(body)).await
    }

    /// Removes something.
    ///
    /// # Errors
    /// By code.
    pub async fn delete(&self, path: &str) -> Result<serde_json::Value, Failure> {
        self.act(Method::DELETE, path, &[], None::<&()>).await
    }

    /// Removes something in a way that has to be said, with an answer of a kind.
    ///
    /// # Errors
    /// By code.
    pub async fn remove<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query<'_>,
    ) -> Result<T, Failure> {
        self.act(Method::DELETE, path, query, None::<&()>).await
    }

    /// Up to `limit` items of a list, page after page.
    ///
    /// # Errors
    /// By code.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query<'_>,
        limit: usize,
    ) -> Result<Page<T>, Failure> {
        let mut query = query.to_vec();
        let mut all = Page::whole(Vec::new());
        loop {
            let most = MAX_PAGE_ITEMS as usize;
            let wanted = limit.saturating_sub(all.items.len()).clamp(1, most);
            query.push(("limit", Some(wanted.to_string())));
            let page: Page<T> = self.get(path, &query).await?;
            query.retain(|(name, _)| !matches!(*name, "limit" | "after"));
            all.items.extend(page.items);
            all.next = page.next;
            match &all.next {
                Some(next) if all.items.len() < limit => query.push(("after", Some(next.clone()))),
                _ => return Ok(all),
            }
        }
    }

    /// Does something whose answer comes as one JSON document per line.
    ///
    /// # Errors
    /// By code, of the beginning.
    pub async fn lines(&self, path: &str, body: &impl Serialize) -> Result<Lines, Failure> {
        let response = self.send(Method::POST, path, &[], Some(body)).await?;
        Ok(Lines {
            response,
            rest: Vec::new(),
            url: self.url.clone(),
        })
    }

    /// Asks for a page that is text.
    ///
    /// # Errors
    /// By code.
    pub async fn text(&self, path: &str) -> Result<String, Failure> {
        let response = self.send(Method::GET, path, &[], None::<&()>).await?;
        let text = response.text().await;
        text.map_err(|error| lost(&self.url, &error))
    }

    async fn act<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let response = self.send(method, path, query, body).await?;
        let place = response.url().to_string();
        let bytes = response
            .bytes()
            .await
            .map_err(|error| lost(&self.url, &error))?;
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|error| {
            Failure::text(
                Code::InternalFault,
                place,
                format!("the answer cannot be understood: {error}"),
            )
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&impl Serialize>,
    ) -> Result<Response, Failure> {
        let url = self.address(path, query)?;
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| lost(&self.url, &error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(refused(status, response).await),
        }
    }

    fn address(&self, path: &str, query: Query<'_>) -> Result<Url, Failure> {
        let given = query
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let base = format!("{}{BASE}/{path}", self.url);
        let result = Url::parse_with_params(&base, given);
        let mut url = result.map_err(|error| {
            Failure::text(
                Code::ConfigurationInvalid,
                &self.url,
                format!("not an address: {error}"),
            )
        })?;
        if url.query() == Some("") {
            url.set_query(None);
        }
        match url.scheme() {
            "https" => Ok(url),
            scheme => Err(Failure::text(
                Code::ConfigurationInvalid,
                &self.url,
                format!("the server is reached by https, not {scheme}"),
            )),
        }
    }
}

/// An answer that comes line by line.
pub struct Lines {
    response: Response,
    rest: Vec<u8>,
    url: String,
}

// LIMIT: bytes of one line.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

impl Lines {
    /// The next document; `None` at the end.
    ///
    /// # Errors
    /// If the connection is lost or the line is not understood.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return self.parse(&line).map(Some);
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| lost(&self.url, &error))? {
                Some(chunk) if self.rest.len() < LONGEST_LINE => {
                    self.rest.extend_from_slice(&chunk)
                }
                Some(_) => {
                    return Err(Failure::text(
                        Code::InternalFault,
                        &self.url,
                        "a line without end",
                    ));
                }
                None if self.rest.is_empty() => return Ok(None),
                None => {
                    let line = std::mem::take(&mut self.rest);
                    return self.parse(&line).map(Some);
                }
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(line)
            .map_err(|error| Failure::text(Code::InternalFault, &self.url, error.to_string()))
    }
}

async fn refused(status: StatusCode, response: Response) -> Failure {
    let place = response.url().to_string();
    let body = response.bytes().await.unwrap_or_default();
    if let Ok(answer) = serde_json::from_slice::<ErrorAnswer>(&body) {
        return Failure::told(answer.error, place);
    }
    // A refusal before our own routes: a proxy, or the link's own form.
    #[derive(serde::Deserialize)]
    struct Bare {
        code: String,
    }
    let code = serde_json::from_slice::<Bare>(&body)
        .ok()
        .and_then(|bare| Code::from_name(&bare.code))
        .unwrap_or(match status {
            StatusCode::UNAUTHORIZED => Code::NotAuthenticated,
            StatusCode::FORBIDDEN => Code::NotAllowed,
            StatusCode::NOT_FOUND => Code::NotFound,
            status if status.is_client_error() => Code::RequestInvalid,
            _ => Code::InternalFault,
        });
    Failure::new(
        &Refusal::new(code).with("status", status.as_u16().to_string()),
        place,
    )
}

fn lost(url: &str, error: &reqwest::Error) -> Failure {
    let mut chain = Vec::new();
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        chain.push(error.to_string());
        source = error.source();
    }
    let text = chain.last().cloned().unwrap_or_default();
    let is_certificate = chain
        .iter()
        .any(|line| line.contains("invalid peer certificate"));
    let code = match is_certificate {
        true => Code::ServerUntrusted,
        false => Code::ServerUnreachable,
    };
    Failure::text(code, url, text)
}
