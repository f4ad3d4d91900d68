//! Messages to a web hook: JSON with a signature, so that whoever takes it knows that it is ours and not an old one.
//!
//! Trap: a redirect is not followed, because the message would go to somebody nobody named.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::{Message, tls::client_config};

/// A web hook.
#[derive(Clone, Serialize, Deserialize)]
pub struct Hook {
    /// Where to; HTTPS, or HTTP on this machine.
    pub url: String,
    /// What the signature is made with.
    pub secret: String,
    /// Who is trusted instead of the machine's own authorities: PEM.
    #[serde(default)]
    pub authority: Option<String>,
}

/// The signature of a body at a time: HMAC-SHA-256 over `<time>.<body>`, hexadecimal.
pub fn signature(secret: &str, time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Hook {
    /// What is wrong with it.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self) -> Result<(), String> {
        let url = reqwest::Url::parse(&self.url)
            .map_err(|error| format!("{} is not the URL of a web hook: {error}", self.url))?;
        let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err("a web hook needs an https:// URL (http:// only on this machine)".into());
        }
        if self.secret.len() < 16 {
            return Err("the secret of a web hook has at least 16 characters".into());
        }
        Ok(())
    }

    /// The host of its URL: the rest may hold a secret.
    pub fn host(&self) -> String {
        let url = reqwest::Url::parse(&self.url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Posts a message.
    ///
    /// # Errors
    /// In words: not reached, not trusted, or refused.
    pub async fn send(&self, message: &Message) -> Result<(), String> {
        let body = serde_json::to_string(message).map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(super::PATIENCE)
            .tls_backend_preconfigured(client_config(self.authority.as_deref())?)
            .build()
            .map_err(|error| error.to_string())?;
        let answer = client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("hybridge-timestamp", &message.at)
            .header(
                "hybridge-signature",
                format!("sha256={}", signature(&self.secret, &message.at, &body)),
            )
            .body(body)
            .send()
            .await
            .map_err(|error| chain(&error))?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("the web hook answered {}", answer.status())),
        }
    }
}

/// An error with its causes, without the URL, which may hold a token.
fn chain(error: &reqwest::Error) -> String {
    let mut text = "the web hook was not reached".to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Takes one request and answers it; what was sent.
    async fn answering(status: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            let mut chunk = [0; 4096];
            loop {
                let n = stream.read(&mut chunk).await.unwrap();
                heard.extend_from_slice(&chunk[..n]);
                if n == 0 || heard.ends_with(b"}") {
                    break;
                }
            }
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:1/\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(heard).unwrap()
        });
        (port, heard)
    }

    fn hook(port: u16) -> Hook {
        Hook {
            url: format!("http://127.0.0.1:{port}/secret-path"),
            secret: "0123456789abcdef".into(),
            authority: None,
        }
    }

    fn message() -> Message {
        Message {
            id: 1,
            at: "2026-03-01T10:00:00Z".into(),
            kind: "quarantine".into(),
            job_id: "1".into(),
            job: "ad".into(),
            reason: "EncounteredQuarantineException".into(),
            code: "CredentialWrong".into(),
            text: "no".into(),
            about: String::new(),
            next: String::new(),
        }
    }

    #[tokio::test]
    async fn whoever_takes_it_can_tell_that_it_is_ours() {
        let (port, heard) = answering("204 No Content").await;
        hook(port).send(&message()).await.unwrap();
        let heard = heard.await.unwrap();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        let sent: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(sent["reason"], "EncounteredQuarantineException");
        let expected = signature("0123456789abcdef", "2026-03-01T10:00:00Z", body);
        assert!(
            head.contains(&format!("hybridge-signature: sha256={expected}")),
            "{head}"
        );
        assert!(head.contains("hybridge-timestamp: 2026-03-01T10:00:00Z"));
        assert_ne!(
            signature("0123456789abcdef", "2026-03-01T10:00:01Z", body),
            expected
        );
    }

    #[test]
    fn signs_as_published() {
        // HMAC-SHA-256 of "a.b" with the key "k", from an independent implementation.
        assert_eq!(
            signature("k", "a", "b"),
            "8feeb85dfe0ee591173fea90b07283b4d9ef0081dedefd70c68351822acdd894"
        );
    }

    #[tokio::test]
    async fn a_refusal_and_a_redirect_are_failures_that_do_not_show_the_url() {
        for status in ["500 Internal Server Error", "302 Found"] {
            let (port, _heard) = answering(status).await;
            let why = hook(port).send(&message()).await.unwrap_err();
            assert!(
                why.contains(&status[..3]) && !why.contains("secret-path"),
                "{why}"
            );
        }
        let why = hook(1).send(&message()).await.unwrap_err();
        assert!(
            why.contains("not reached") && !why.contains("secret-path"),
            "{why}"
        );
    }

    #[test]
    fn only_what_is_encrypted_or_here_is_accepted() {
        assert_eq!(hook(1).check(), Ok(()));
        for url in ["http://example.org/", "ftp://127.0.0.1/", "no url"] {
            let bad = Hook {
                url: url.into(),
                ..hook(1)
            };
            assert!(bad.check().is_err(), "{url}");
        }
        let short = Hook {
            secret: "short".into(),
            ..hook(1)
        };
        assert!(short.check().is_err());
    }
}
