//! `POST /agent/v1/leases/{lease}/pages/{number}` and `/read-end`: what a read brings.
//!
//! Trap: the number stands in the address and in the page; they must agree, or a proxy has mixed something up.

use axum::{Json, extract::State};
use wire::agent::v1::{Page, ReadEnd, Receipt};

use super::{
    LinkState, Problem,
    body::{Frame, Ticket},
};
use crate::caller::AgentCaller;

pub async fn page(
    AgentCaller(agent): AgentCaller,
    State(link): State<LinkState>,
    ticket: Ticket,
    Frame(page): Frame<Page>,
) -> Result<Json<Receipt>, Problem> {
    if page.number != ticket.number {
        return Err(Problem::invalid(
            "the page's number is not the one in the address",
        ));
    }
    let Ticket {
        lease,
        fence,
        number,
    } = ticket;
    let receipt = link
        .desk
        .part(&agent, &lease, fence, number, page.into())
        .await;
    Ok(Json(receipt))
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
