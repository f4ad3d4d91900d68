//! `POST /agent/v1/leases/{lease}/pages/{number}` and `/read-end`: what a read brings.
//!
//! Trap: what is said of a read may come twice; the desk answers the second time as the first.

use axum::{Json, extract::State};
use wire::agent::v1::{PageIn, ReadEnd, Receipt};

use super::{
    LinkState, Problem,
    body::{Frame, Ticket, part},
};
use crate::caller::AgentCaller;

pub async fn page(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
    Frame(page): Frame<PageIn>,
) -> Result<Json<Receipt>, Problem> {
    part(&link, &agent, ticket, page.number, page).await
}

pub async fn read_end(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
    Frame(end): Frame<ReadEnd>,
) -> Json<Receipt> {
    Json(
        link.desk
            .end(&agent, &ticket.lease, ticket.fence, end.into())
            .await,
    )
}
