//! What does not belong on the link: no certificate, garbage, too much.

use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use server::desk::DeskLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::agent::v1::{FRAME_MEDIA_TYPE, LARGEST_CONTROL_BYTES, LARGEST_FRAME_BYTES, Problem};

use crate::lab::*;
use agent::tls::{Trust, for_enrolment, for_identity};

fn stranger(lab: &Lab) -> Client {
    let trust = Trust::Authority(lab.authority.pem());
    let tls = for_enrolment(&trust, None).unwrap();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap()
}

async fn post(client: &Client, url: String, kind: &str, body: Vec<u8>) -> (StatusCode, Problem) {
    let request = client.post(url).header(CONTENT_TYPE, kind).body(body);
    let response = request.send().await.unwrap();
    (
        response.status(),
        response
            .json()
            .await
            .expect("every error has code, message and cure"),
    )
}

const ACTS: [&str; 8] = [
    "renew",
    "heartbeat",
    "lease",
    "leases/1/extend?fence=1",
    "leases/1/pages/0?fence=1",
    "leases/1/read-end?fence=1",
    "leases/1/listings/0?fence=1",
    "leases/1/answer?fence=1",
];

#[tokio::test]
async fn without_a_certificate_there_is_only_enrolment_and_health() {
    let lab = Lab::start(DeskLimits::default()).await;
    let client = stranger(&lab);
    for act in ACTS {
        let url = format!("{}/agent/v1/{act}", lab.url());
        let (status, problem) = post(&client, url, "application/json", b"{}".to_vec()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{act}");
        assert_eq!(problem.code, "NotAuthenticated");
        assert!(!problem.cure.is_empty());
    }
    let health = client
        .get(format!("{}/healthz", lab.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(health.text().await.unwrap(), "ok");
    let url = format!("{}/agent/v2/anything", lab.url());
    assert_eq!(
        post(&client, url, "application/json", vec![]).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn garbage_is_refused_and_the_server_lives_on() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let tls = for_identity(&puppet.identity, None).unwrap();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let mut garbage = || (0..300).map(|_| random.u8(..)).collect::<Vec<u8>>();
    for act in ACTS
        .into_iter()
        .chain(["enrol"])
        .filter(|act| !act.contains("extend"))
    {
        let url = format!("{}/agent/v1/{act}", lab.url());
        let kind = if act.starts_with("leases") {
            FRAME_MEDIA_TYPE
        } else {
            "application/json"
        };
        for body in [
            vec![],
            b"{".to_vec(),
            b"[[]]".to_vec(),
            garbage(),
            vec![1, 2, 0, 0, 0, 0x20, 99, 99],
        ] {
            let (status, problem) = post(&client, url.clone(), kind, body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{act}");
            assert_eq!(problem.code, "RequestInvalid");
        }
        let (status, _) = post(&client, url, "text/plain", vec![]).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{act}");
    }
    for place in [
        "leases/1/pages/x?fence=1",
        "leases/1/pages/-1?fence=1",
        "leases/1/pages/0",
        "leases/1/extend?fence=-1",
    ] {
        let url = format!("{}/agent/v1/{place}", lab.url());
        assert_eq!(
            post(&client, url, FRAME_MEDIA_TYPE, vec![]).await.0,
            StatusCode::BAD_REQUEST,
            "{place}"
        );
    }
    puppet.beat().await.unwrap();
}

#[tokio::test]
async fn messages_that_are_too_large_are_refused() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let tls = for_identity(&puppet.identity, None).unwrap();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap();
    let large = [
        ("heartbeat", "application/json", LARGEST_CONTROL_BYTES + 1),
        (
            "leases/1/pages/0?fence=1",
            FRAME_MEDIA_TYPE,
            LARGEST_FRAME_BYTES + 1,
        ),
    ];
    for (act, kind, size) in large {
        let request = client
            .post(format!("{}/agent/v1/{act}", lab.url()))
            .header(CONTENT_TYPE, kind)
            .body(vec![b' '; size]);
        // The server may hang up before it has heard everything.
        if let Ok(response) = request.send().await {
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{act}");
        }
    }
    let mut bomb = vec![1];
    bomb.extend_from_slice(&u32::MAX.to_le_bytes());
    let url = format!("{}/agent/v1/leases/1/answer?fence=1", lab.url());
    let (status, _) = post(&client, url, FRAME_MEDIA_TYPE, bomb).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    puppet.beat().await.unwrap();
}

#[tokio::test]
async fn plain_http_gets_nothing() {
    let lab = Lab::start(DeskLimits::default()).await;
    let mut stream = tokio::net::TcpStream::connect(lab.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"));
}

/// A connection without a certificate that is held open; `None`: it was closed.
async fn idle(lab: &Lab) -> Option<impl Sized> {
    let trust = Trust::Authority(lab.authority.pem());
    let mut tls = for_enrolment(&trust, None).unwrap();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = tokio::net::TcpStream::connect(lab.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(asked).await.ok()?;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.ok()?;
    (first == *b"HTTP/1.1 200").then_some(stream)
}

#[tokio::test]
async fn whoever_has_no_certificate_takes_no_place_of_an_agent() {
    let room = server::room::Room::new(4, 4, 2);
    let lab = Lab::start_in(room, DeskLimits::default(), "127.0.0.1:0".parse().unwrap()).await;
    // Enrolment is a stranger's.
    let puppet = lab.puppet().await;
    let mut held = Vec::new();
    // The connection of the enrolment may end a moment later.
    while held.len() < 2 {
        held.extend(idle(&lab).await);
    }
    assert!(idle(&lab).await.is_none(), "a third stranger was served");
    puppet.beat().await.unwrap();
    held.pop();
    wait_until(|| async { idle(&lab).await.is_some() }).await;
}
