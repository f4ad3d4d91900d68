//! `POST /agent/v1/whoami`: whom the server takes the caller for, and whether it knows what the caller serves.
//!
//! Changes nothing, also not who counts as running: whoever looks after a machine asks it beside the agent itself.

use axum::{Json, extract::State};
use jiff::Timestamp;
use wire::agent::v1::{WhoAmI, YouAre};

use super::{LinkState, Problem, body::Control};
use crate::caller::AgentCaller;

pub async fn whoami(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    Control(question): Control<WhoAmI>,
) -> Result<Json<YouAre>, Problem> {
    let mut told = YouAre {
        agent_id: agent.id.0,
        name: agent.name.clone(),
        is_connected: link.desk.is_connected(agent.id),
        ..YouAre::default()
    };
    for hosted in question.connectors {
        if !agent.may_serve(&hosted.connector) {
            told.not_granted.push(hosted.connector);
        } else if !link.directory.knows_connector(&hosted.connector).await? {
            told.unknown.push(hosted.connector);
        } else if let Some(domain) = link.directory.domain_of(&hosted.connector).await? {
            told.domains.push((hosted.connector, domain));
        }
    }
    told.server_time_ms = Timestamp::now().as_millisecond();
    Ok(Json(told))
}
