//! The mail client against a server of our own that writes down what it hears.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// How the server behaves.
#[derive(Clone, Copy, Default)]
struct Manner {
    offers_starttls: bool,
    is_encrypted: bool,
    says_too_much: bool,
    refuses_receiver: bool,
    refuses_password: bool,
}

struct Stand {
    port: u16,
    authority: String,
    heard: tokio::task::JoinHandle<Vec<String>>,
}

async fn stand(manner: Manner) -> Stand {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let authority = certificate.pem();
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![certificate.der().clone()],
        PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        if manner.is_encrypted {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(&mut Session::new(stream), manner, true, &mut heard).await;
            }
            return heard;
        }
        let mut plain = Session::new(stream);
        if talk(&mut plain, manner, true, &mut heard).await
            && let Ok(stream) = acceptor.accept(plain.stream).await
        {
            heard.push("(encrypted)".into());
            talk(&mut Session::new(stream), manner, false, &mut heard).await;
        }
        heard
    });
    Stand {
        port,
        authority,
        heard,
    }
}

/// Answers until the other side goes; true if it wants encryption.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    manner: Manner,
    greets: bool,
    heard: &mut Vec<String>,
) -> bool {
    if greets {
        session.write("220 mail.example ESMTP\r\n").await.unwrap();
    }
    let mut is_data = false;
    while let Ok(line) = session.line().await {
        heard.push(line.clone());
        let answer = match line.as_str() {
            "." => {
                is_data = false;
                "250 taken\r\n"
            }
            _ if is_data => continue,
            "STARTTLS" if manner.says_too_much => "220 go\r\n250 injected\r\n",
            "STARTTLS" => "220 go\r\n",
            "DATA" => {
                is_data = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            line if line.starts_with("EHLO") && manner.offers_starttls && greets => {
                "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
            }
            line if line.starts_with("EHLO") => "250 mail.example\r\n",
            line if line.starts_with("AUTH") && manner.refuses_password => "535 no\r\n",
            line if line.starts_with("AUTH") => "235 welcome\r\n",
            line if line.starts_with("RCPT") && manner.refuses_receiver => "550 nobody\r\n",
            _ => "250 ok\r\n",
        };
        if session.write(answer).await.is_err() {
            break;
        }
        if line == "STARTTLS" {
            return true;
        }
    }
    false
}

fn mail(stand: &Stand, security: Security) -> Mail {
    Mail {
        server: "localhost".into(),
        port: stand.port,
        security,
        user: "hybridge".into(),
        password: "geheim".into(),
        from: "hybridge@canal.example".into(),
        to: vec!["ada@canal.example".into(), "bo@canal.example".into()],
        authority: Some(stand.authority.clone()),
    }
}

fn message() -> Message {
    Message {
        id: 7,
        at: "2026-03-01T10:00:00Z".into(),
        kind: "quarantine".into(),
        job_id: "42".into(),
        job: "Schouwburg één".into(),
        reason: "EncounteredQuarantineException".into(),
        code: "CredentialExpired".into(),
        text: "the credential has expired".into(),
        about: String::new(),
        next: String::new(),
    }
}

#[tokio::test]
async fn encrypts_before_it_says_who_it_is() {
    let stand = stand(Manner {
        offers_starttls: true,
        ..Manner::default()
    })
    .await;
    mail(&stand, Security::Starttls)
        .send(&message())
        .await
        .unwrap();
    let heard = stand.heard.await.unwrap();
    let before: Vec<&str> = heard.iter().map(String::as_str).take(3).collect();
    assert_eq!(before, ["EHLO hybridge", "STARTTLS", "(encrypted)"]);
    let secret = STANDARD.encode("\0hybridge\0geheim");
    assert_eq!(heard[4], format!("AUTH PLAIN {secret}"));
    assert_eq!(heard[5], "MAIL FROM:<hybridge@canal.example>");
    assert_eq!(heard[6], "RCPT TO:<ada@canal.example>");
    assert_eq!(heard[7], "RCPT TO:<bo@canal.example>");
    let subject = heard
        .iter()
        .find(|line| line.starts_with("Subject: "))
        .unwrap();
    assert!(subject.starts_with("Subject: =?utf-8?B?"), "{subject}");
    assert!(heard.contains(&"Date: Sun, 01 Mar 2026 10:00:00 +0000".to_owned()));
    let start = heard.iter().position(String::is_empty).unwrap();
    let end = heard.iter().position(|line| line == ".").unwrap();
    let body = STANDARD.decode(heard[start + 1..end].concat()).unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("hybridge codes CredentialExpired"), "{body}");
    assert!(body.contains("Schouwburg één"), "{body}");
}

#[tokio::test]
async fn speaks_tls_from_the_beginning_where_it_is_told_to() {
    let stand = stand(Manner {
        is_encrypted: true,
        ..Manner::default()
    })
    .await;
    mail(&stand, Security::Tls).send(&message()).await.unwrap();
    assert!(stand.heard.await.unwrap().contains(&"QUIT".to_owned()));
}

#[tokio::test]
async fn sends_nothing_where_encryption_is_not_offered_or_not_trusted() {
    let none = stand(Manner::default()).await;
    let why = mail(&none, Security::Starttls)
        .send(&message())
        .await
        .unwrap_err();
    assert!(why.contains("does not offer STARTTLS"), "{why}");
    assert_eq!(none.heard.await.unwrap(), ["EHLO hybridge"]);
    let manner = Manner {
        offers_starttls: true,
        ..Manner::default()
    };
    let (one, other) = (stand(manner).await, stand(manner).await);
    let mut foreign = mail(&one, Security::Starttls);
    foreign.authority = Some(other.authority.clone());
    let why = foreign.send(&message()).await.unwrap_err();
    assert!(why.contains("no encryption"), "{why}");
    assert_eq!(one.heard.await.unwrap(), ["EHLO hybridge", "STARTTLS"]);
    other.heard.abort();
}

#[tokio::test]
async fn what_is_said_along_with_the_leave_to_encrypt_is_not_believed() {
    let stand = stand(Manner {
        offers_starttls: true,
        says_too_much: true,
        ..Manner::default()
    })
    .await;
    let why = mail(&stand, Security::Starttls)
        .send(&message())
        .await
        .unwrap_err();
    assert!(why.contains("more before encryption"), "{why}");
    stand.heard.abort();
}

#[tokio::test]
async fn says_what_the_server_answered_and_never_the_password() {
    for (manner, wanted) in [
        (
            Manner {
                is_encrypted: true,
                refuses_password: true,
                ..Manner::default()
            },
            "AUTH PLAIN with: 535 no",
        ),
        (
            Manner {
                is_encrypted: true,
                refuses_receiver: true,
                ..Manner::default()
            },
            "RCPT TO:<ada@canal.example> with: 550 nobody",
        ),
    ] {
        let stand = stand(manner).await;
        let why = mail(&stand, Security::Tls)
            .send(&message())
            .await
            .unwrap_err();
        assert!(why.contains(wanted), "{why}");
        assert!(!why.contains("geheim") && !why.contains(&STANDARD.encode("\0hybridge\0geheim")));
        stand.heard.abort();
    }
}

#[tokio::test]
async fn settings_that_could_end_a_command_or_show_a_password_are_refused() {
    let stand = stand(Manner::default()).await;
    let good = mail(&stand, Security::Starttls);
    assert_eq!(good.check(), Ok(()));
    for bad in ["ada", "@x", "a@b@c", "a b@x", "a@x\r\nDATA", "<a@x>", ""] {
        let mut mail = good.clone();
        mail.to = vec![bad.into()];
        assert!(mail.check().is_err(), "{bad}");
    }
    let open = Mail {
        security: Security::None,
        ..good
    };
    assert!(open.check().unwrap_err().contains("without encryption"));
    stand.heard.abort();
}
