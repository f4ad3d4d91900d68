//! The administrator's API, as a program would use it that an administrator wrote.
//!
//! Trap: asking costs the server time, so how a long run stands is asked only a few times a second; when it ended is taken
//! from the record of the run.

use std::{path::Path, sync::Arc};

use reqwest::{Client, Method};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use wire::api::v1::{BASE, DirectoryObject, JobStatus, LogRecord, Page, Run};

/// A client.
pub struct Api {
    http: Client,
    url: String,
    token: String,
}

#[derive(Deserialize)]
struct AdminFile {
    url: String,
    token: String,
    ca_pem: String,
}

impl Api {
    /// A client of the server with this data directory.
    pub fn new(data_directory: &Path) -> Self {
        let text = std::fs::read_to_string(data_directory.join("admin.json")).unwrap();
        let file: AdminFile = serde_json::from_str(&text).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(file.ca_pem.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            http,
            url: file.url,
            token: file.token,
        }
    }

    /// Sends a request; `None`: there is no such thing.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<T> {
        let url = format!("{}{BASE}/{path}", self.url);
        let mut request = self.http.request(method, &url).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        if answer.status().as_u16() == 404 {
            return None;
        }
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().await.unwrap()
        );
        Some(answer.json().await.unwrap())
    }

    /// Asks the API in the shape of Microsoft Graph; status and answer.
    pub async fn graph(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/v1.0/{path}", self.url);
        let mut request = self.http.request(method, &url).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Does something.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, Some(body)).await.unwrap()
    }

    /// How the only job is doing.
    pub async fn status(&self) -> JobStatus {
        let mut page: Page<JobStatus> = self.ask(Method::GET, "status", None).await.unwrap();
        page.items.remove(0)
    }

    /// The newest run.
    pub async fn last_run(&self) -> Option<Run> {
        let page: Page<Run> = self.ask(Method::GET, "runs?limit=1", None).await.unwrap();
        page.items.into_iter().next()
    }

    /// An object of the tenant directory, by id or name.
    pub async fn object(&self, name: &str) -> Option<DirectoryObject> {
        self.ask(Method::GET, &format!("directory/objects/{name}"), None)
            .await
    }

    /// The place of the newest record of the provisioning log.
    pub async fn log_end(&self) -> i64 {
        let page: Option<Page<LogRecord>> = self.ask(Method::GET, "log?limit=1", None).await;
        let newest = page.and_then(|page| page.items.into_iter().next());
        newest.map_or(0, |record| record.id.parse().unwrap())
    }

    /// How many references were added or removed in the target after this place of the log.
    pub async fn edges_since(&self, place: i64) -> u64 {
        let path = format!("log?order=oldest&limit=200&after={place}");
        let page: Page<LogRecord> = self.ask(Method::GET, &path, None).await.unwrap();
        assert!(page.next.is_none(), "far more changed than was changed");
        page.items.iter().map(edges).sum()
    }

    /// Everything about a noun, as JSON.
    pub async fn show(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None).await.unwrap_or_default()
    }
}

/// References in the one line of a record, which tells of them as `attribute +added -removed`.
fn edges(record: &LogRecord) -> u64 {
    let parts = record.summary.split(", ");
    let counted = parts.filter_map(|part| {
        let (_, counts) = part.split_once(" +")?;
        let (added, removed) = counts.split_once(" -")?;
        Some(added.parse::<u64>().ok()? + removed.parse::<u64>().ok()?)
    });
    counted.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_counted_by_what_a_record_says_of_them() {
        let said = |summary: &str| {
            edges(&LogRecord {
                summary: summary.into(),
                ..LogRecord::default()
            })
        };
        assert_eq!(said("displayName, members +2 -1, manager +0 -1"), 4);
        assert_eq!(said("displayName"), 0);
    }
}
