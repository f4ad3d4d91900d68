//! A control plane that answers what none would: with the right certificate, and with anything in its answers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use agent::{enrol::renew, identity::Identity, link::Link};
use axum::{
    Router,
    body::Body,
    http::{Response, StatusCode, header::LOCATION},
};
use jiff::Timestamp;
use server::{
    desk::DeskLimits,
    pki::ServerCertificate,
    tls::{Tls, serve},
};
use sync_core::code::Code;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wire::agent::v1::{HeartbeatAnswer, LeaseAnswer};

use crate::lab::*;

struct Hostile {
    url: String,
    asked: Arc<AtomicUsize>,
    shutdown: CancellationToken,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Hostile {
    /// Answers every request so.
    async fn start(lab: &Lab, status: StatusCode, body: String) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let router = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = Response::builder()
                .status(status)
                .header(LOCATION, "https://127.0.0.1:9/elsewhere")
                .body(Body::from(body.clone()));
            async move { answer.unwrap() }
        });
        let names = ["127.0.0.1".to_owned()];
        let certificate =
            ServerCertificate::new(lab.authority.clone(), &names, Timestamp::now()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let tls = Tls::new(certificate).unwrap();
        tokio::spawn(serve(listener, tls, router, shutdown.clone()));
        Self {
            url,
            asked,
            shutdown,
        }
    }

    fn link(&self, puppet: &Puppet) -> Link {
        link_of(&self.url, &puppet.identity)
    }
}

fn nonsense() -> Vec<(StatusCode, String)> {
    let ok = StatusCode::OK;
    vec![
        (ok, String::new()),
        (ok, "<html>sign in here</html>".into()),
        (ok, "[]".into()),
        (ok, "{\"leases\":{}}".into()),
        (ok, "{\"leases\":[{\"lease\":5}]}".into()),
        (ok, format!("{{\"leases\":{}", "[".repeat(200_000))),
        (ok, format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20))),
        (StatusCode::MOVED_PERMANENTLY, String::new()),
        (StatusCode::INTERNAL_SERVER_ERROR, "broken".into()),
        (StatusCode::FORBIDDEN, "{}".into()),
        (StatusCode::NO_CONTENT, String::new()),
    ]
}

#[tokio::test]
async fn answers_that_make_no_sense_or_have_no_end_are_refused() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    for (status, body) in nonsense() {
        let shown: String = body.chars().take(30).collect();
        let hostile = Hostile::start(&lab, status, body).await;
        let link = hostile.link(&puppet);
        let answer = link.control::<_, LeaseAnswer>("/lease", &(), SOON).await;
        let fault = answer.expect_err(&shown);
        assert_eq!(
            fault.code(),
            Code::ServerUnreachable,
            "{status} {shown}: {fault}"
        );
        let beat = link.control::<_, HeartbeatAnswer>("/heartbeat", &(), SOON);
        beat.await.expect_err(&shown);
        // Asked once each: nothing is followed and nothing is tried again behind the caller's back.
        assert_eq!(hostile.asked.load(Ordering::SeqCst), 2, "{status} {shown}");
    }
}

#[tokio::test]
async fn a_certificate_or_an_authority_that_is_none_replaces_nothing() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let good = &puppet.identity;
    for (certificate, authority) in [
        ("none", good.authority.as_str()),
        (good.certificate.as_str(), "none"),
        (good.certificate.as_str(), ""),
    ] {
        let answer = serde_json::json!({ "certificate": certificate, "authority": authority });
        let hostile = Hostile::start(&lab, StatusCode::OK, answer.to_string()).await;
        let link = hostile.link(&puppet);
        let renewed = renew(&link, &puppet.identity, puppet.folder.path()).await;
        assert!(renewed.is_err(), "{certificate:.10} {authority:.10}");
        let kept = Identity::read(puppet.folder.path()).unwrap();
        assert_eq!(kept.certificate, good.certificate);
        assert_eq!(kept.authority, good.authority);
        assert_eq!(kept.key, good.key);
    }
    puppet.beat().await.unwrap();
}
