//! The agent that calls, as a type: a handler that takes it cannot be reached by anybody else.
//!
//! Never a session, never a cookie. Trap: an agent's certificate gives no right to the administrator's verbs (`access`), nor a
//! token to the link.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{StatusCode, request::Parts},
};
use sync_core::code::Code;

use crate::{
    agent_api::{LinkState, Problem},
    pki::AgentRecord,
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
        let is_retired = |agent: &AgentRecord| {
            let authority = agent.certificate.authority;
            authority.is_some_and(|print| !link.authority.trusts(&print))
        };
        let why = match found {
            Some(agent) if is_retired(&agent) => "the authority of its certificate was retired",
            Some(agent) if !agent.is_revoked => return Ok(Self(agent)),
            Some(_) => "the agent was revoked",
            None => "the agent's certificate is not known to this server",
        };
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            Code::AgentCertificateRefused,
            why,
            "ask the administrator for a new token and enrol the agent again",
        ))
    }
}
