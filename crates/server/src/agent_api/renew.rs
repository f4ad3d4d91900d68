//! `POST /agent/v1/renew`: a new certificate for a new key, asked with the one still valid.
//!
//! Trap: the old certificate stays valid until it expires, because the answer may be lost.

use axum::{Json, extract::State};
use jiff::Timestamp;
use tracing::info;
use wire::agent::v1::{Renew, Renewed};

use super::{
    LinkState, Problem,
    body::Control,
    enrol::{check_request, ours},
};
use crate::caller::AgentCaller;

pub async fn renew(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    Control(request): Control<Renew>,
) -> Result<Json<Renewed>, Problem> {
    let checked = check_request(&request.csr)?;
    let issued = link
        .authority
        .issuing()
        .issue_agent(checked, Timestamp::now())
        .map_err(ours)?;
    link.directory
        .add_certificate(agent.id, issued.record)
        .await?;
    info!(
        agent = agent.id.0,
        "agent {} renewed its certificate", agent.id
    );
    Ok(Json(Renewed {
        certificate: issued.chain_pem,
        authority: link.authority.pem(),
    }))
}
