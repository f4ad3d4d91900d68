//! Who becomes an agent, and who stays one.

use std::time::Duration;

use agent::{
    enrol::{Enrolment, enrol, renew},
    error::AgentError,
    identity::Identity,
    tls::Trust,
};
use server::{desk::DeskLimits, pki::AgentDirectory as _};
use sync_core::{code::Code, id::AgentId};

use crate::lab::*;

#[tokio::test]
async fn a_token_admits_one_agent_once() {
    let lab = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = lab.token(SOON);
    let identity = lab.try_enrol(&token, folder.path()).await.unwrap();
    assert_eq!(
        Identity::read(folder.path()).unwrap().agent_id,
        identity.agent_id
    );

    let late = lab.token(Duration::ZERO);
    for token in [token.as_str(), late.as_str(), "", "wrong"] {
        let error = lab.try_enrol(token, folder.path()).await.unwrap_err();
        assert_eq!(error.code(), Code::EnrolmentRefused, "{error}");
        assert!(!error.is_passing());
    }
    assert_eq!(
        Identity::read(folder.path()).unwrap().certificate,
        identity.certificate
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_identity_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let path = puppet.folder.path().join("identity.json");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Identity::read(puppet.folder.path()).unwrap_err();
    assert_eq!(error.code(), Code::SecretFileUnsafe);
}

#[tokio::test]
async fn enrolment_by_fingerprint_trusts_that_authority_and_no_other() {
    let lab = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = lab.token(SOON);
    let attempt = |trust| Enrolment {
        server: Box::leak(lab.url().into_boxed_str()),
        trust,
        token: token.clone().into(),
        name: "test",
        network: Default::default(),
    };
    let wrong = enrol(attempt(Trust::Fingerprint([3; 32])), folder.path()).await;
    assert_eq!(wrong.unwrap_err().code(), Code::ServerUntrusted);
    let right = Trust::fingerprint(&lab.authority.fingerprint().to_string()).unwrap();
    enrol(attempt(right), folder.path()).await.unwrap();
}

#[tokio::test]
async fn an_authority_that_is_not_the_servers_is_noticed() {
    let (lab, other) = (
        Lab::start(DeskLimits::default()).await,
        Lab::start(DeskLimits::default()).await,
    );
    let folder = tempfile::tempdir().unwrap();
    let enrolment = Enrolment {
        server: &lab.url(),
        trust: Trust::Authority(other.authority.pem()),
        token: lab.token(SOON).into(),
        name: "test",
        network: Default::default(),
    };
    let error = enrol(enrolment, folder.path()).await.unwrap_err();
    assert_eq!(error.code(), Code::ServerUntrusted);
}

#[tokio::test]
async fn a_revoked_agent_is_refused_and_its_work_ended() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let basket = std::sync::Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    puppet.one_lease().await;

    let id = AgentId(puppet.identity.agent_id);
    assert!(lab.directory.revoke(id).await.unwrap());
    lab.desk.expel(id);
    assert_eq!(basket.ended().await.unwrap_err().code, Code::TimeOut);
    let error = puppet.beat().await.unwrap_err();
    assert!(
        matches!(error, AgentError::CertificateRefused { .. }),
        "{error}"
    );
    assert!(matches!(
        puppet.lease(0).await,
        Err(AgentError::CertificateRefused { .. })
    ));
    let nobody = lab
        .desk
        .offer_read(CONNECTOR, order(), basket)
        .await
        .unwrap_err();
    assert_eq!(nobody.code, Code::HybridIdentityServiceNoAgentsAssigned);
}

#[tokio::test]
async fn an_agent_of_another_tenant_gets_no_further_than_the_handshake() {
    let (lab, other) = (
        Lab::start(DeskLimits::default()).await,
        Lab::start(DeskLimits::default()).await,
    );
    let stranger = other.puppet().await;
    let identity = Identity {
        authority: lab.authority.pem(),
        ..stranger.identity.clone()
    };
    let link = link_of(&lab.url(), &identity);
    let error = Puppet {
        link,
        identity,
        folder: tempfile::tempdir().unwrap(),
        session: String::new(),
    }
    .beat()
    .await
    .unwrap_err();
    assert!(
        matches!(
            error,
            AgentError::CertificateRefused { .. } | AgentError::Unreachable { .. }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_renewed_certificate_works_and_the_old_one_still_does() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    assert!(!puppet.beat().await.unwrap().renew);
    let next = renew(&puppet.link, &puppet.identity, puppet.folder.path())
        .await
        .unwrap();
    assert_ne!(next.key, puppet.identity.key);
    puppet.beat().await.unwrap();
    assert_eq!(
        Identity::read(puppet.folder.path()).unwrap().certificate,
        next.certificate
    );
    let old = link_of(&lab.url(), &puppet.identity);
    Puppet {
        link: old,
        ..puppet
    }
    .beat()
    .await
    .unwrap();
}

#[tokio::test]
async fn an_agent_gets_no_work_of_connectors_its_token_did_not_name() {
    let lab = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = lab.token_for(SOON, &["other"]);
    let identity = lab.try_enrol(&token, folder.path()).await.unwrap();
    let link = link_of(&lab.url(), &identity);
    let puppet = Puppet {
        folder,
        identity,
        link,
        session: String::new(),
    };
    puppet.beat().await.unwrap();
    let refused = lab
        .desk
        .offer_read(CONNECTOR, order(), std::sync::Arc::new(Basket::default()))
        .await;
    assert_eq!(
        refused.unwrap_err().code,
        Code::HybridIdentityServiceInvalidResource
    );
    let _allowed = lab.puppet().await;
    lab.desk
        .offer_read(CONNECTOR, order(), std::sync::Arc::new(Basket::default()))
        .await
        .unwrap();
    assert!(puppet.lease(50).await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_tries_tokens_is_slowed_down_and_a_right_token_still_admits() {
    let lab = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut refused = 0;
    let slowed = loop {
        let error = lab.try_enrol("guess", folder.path()).await.unwrap_err();
        assert_eq!(error.code(), Code::EnrolmentRefused);
        match error {
            AgentError::Answered { status: 429, .. } => break error,
            _ => refused += 1,
        }
        assert!(refused < 50, "nobody slows it down");
    };
    assert_eq!(refused, 10);
    assert!(slowed.to_string().contains("wait"), "{slowed}");
    lab.try_enrol(&lab.token(SOON), folder.path())
        .await
        .unwrap();
}

#[tokio::test]
async fn one_identity_used_from_two_places_is_noticed() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let id = AgentId(puppet.identity.agent_id);
    let first = puppet.twin(&lab, "first");
    let second = puppet.twin(&lab, "second");
    first.beat().await.unwrap();
    second.beat().await.unwrap();
    // Started anew, as far as anybody can tell.
    assert!(!lab.desk.is_shared(id));
    let error = first.beat().await.unwrap_err();
    assert_eq!(error.code(), Code::AgentSuperseded);
    assert!(lab.desk.is_shared(id));
}
