//! `POST /agent/v1/leases/{lease}/listings/{number}`, `/rings/{number}` and `/answer`: the call lane's answers, and the doorbell.
//!
//! Trap: a listing is complete only when its last word names as many chunks as came.

use axum::{Json, extract::State};
use wire::agent::v1::{Answer, Listing, Receipt, Ring};

use super::{
    LinkState, Problem,
    body::{Frame, Ticket, part},
};
use crate::caller::AgentCaller;

pub async fn listing(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
    Frame(listing): Frame<Listing>,
) -> Result<Json<Receipt>, Problem> {
    part(&link, &agent, ticket, listing.number, listing).await
}

pub async fn ring(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
    Frame(ring): Frame<Ring>,
) -> Result<Json<Receipt>, Problem> {
    part(&link, &agent, ticket, ring.number, ring).await
}

pub async fn answer(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
    Frame(answer): Frame<Answer>,
) -> Json<Receipt> {
    Json(
        link.desk
            .end(&agent, &ticket.lease, ticket.fence, answer.into())
            .await,
    )
}
