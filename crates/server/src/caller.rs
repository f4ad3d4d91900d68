//! Who calls, as types: a handler that takes one of these cannot be reached without that right.
//!
//! Never a session, never a cookie. Trap: an agent's certificate gives no right to the administrator's verbs, nor the
//! administrator's token to the link.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
};
use sync_core::code::Code;

use crate::{
    agent_api::{LinkState, Problem},
    pki::{AdminKey, AgentRecord},
    tls::PeerCertificate,
};

/// An admitted agent that is not revoked.
#[derive(Clone, Debug)]
pub struct AgentCaller(pub AgentRecord);

impl<S> FromRequestParts<S> for AgentCaller
where
    S: Send + Sync,
    LinkState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(PeerCertificate(fingerprint)) = parts.extensions.get::<PeerCertificate>().copied()
        else {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                Code::NotAuthenticated,
                "the request carries no agent certificate",
                "enrol the agent with `hybridge-agent enrol`",
            ));
        };
        let link = LinkState::from_ref(state);
        let found = link.directory.agent_by_fingerprint(&fingerprint).await?;
        match found.filter(|agent| !agent.is_revoked) {
            Some(agent) => Ok(Self(agent)),
            None => Err(Problem::new(
                StatusCode::FORBIDDEN,
                Code::AgentCertificateRefused,
                "the agent's certificate is revoked or not known to this server",
                "ask the administrator for a new token and enrol the agent again",
            )),
        }
    }
}

/// The administrator.
#[derive(Clone, Copy, Debug)]
pub struct AdminCaller(());

impl<S> FromRequestParts<S> for AdminCaller
where
    S: Send + Sync,
    AdminKey: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION);
        let offered = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match offered {
            Some(token) if AdminKey::from_ref(state).is(token) => Ok(Self(())),
            _ => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                Code::NotAuthenticated,
                "the request carries no valid administrator token",
                "use the token of admin.json in the server's data directory",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[derive(Clone)]
    struct App(AdminKey);

    impl FromRef<App> for AdminKey {
        fn from_ref(app: &App) -> Self {
            app.0.clone()
        }
    }

    async fn is_admitted(header: Option<&str>) -> bool {
        let mut request = Request::builder();
        if let Some(value) = header {
            request = request.header(AUTHORIZATION, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let app = App(AdminKey::of("s3cret"));
        AdminCaller::from_request_parts(&mut parts, &app)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn only_the_token_makes_an_administrator() {
        assert!(is_admitted(Some("Bearer s3cret")).await);
        assert!(is_admitted(Some("bearer s3cret ")).await);
        for wrong in [
            "",
            "s3cret",
            "Basic s3cret",
            "Bearer",
            "Bearer ",
            "Bearer S3cret",
            "Bearer s3cre",
        ] {
            assert!(!is_admitted(Some(wrong)).await, "{wrong}");
        }
        assert!(!is_admitted(None).await);
    }
}
