//! `POST /agent/v1/lease`: work, waited for; and `POST /agent/v1/leases/{lease}/extend`: more time for it.
//!
//! Trap: if the answer with the work is lost nobody says a word about the lease, and the desk hands it out again.

use axum::{Json, extract::State};
use wire::agent::v1::{LeaseAnswer, LeaseRequest, Receipt};

use super::{
    LinkState, Problem,
    body::{Control, Ticket},
    problem::superseded,
};
use crate::caller::AgentCaller;

pub async fn lease(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    Control(request): Control<LeaseRequest>,
) -> Result<Json<LeaseAnswer>, Problem> {
    let taken = link.desk.take(&agent, &request).await;
    taken.map(Json).ok_or_else(superseded)
}

pub async fn extend(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
) -> Json<Receipt> {
    Json(link.desk.extend(&agent, &ticket.lease, ticket.fence).await)
}
