//! Bodies and addresses of requests, checked.
//!
//! Never waits for a body for ever, never reads more than the route allows. Trap: the size limit is a layer of the route.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use sync_core::code::Code;
use wire::agent::v1::{FRAME_MEDIA_TYPE, Receipt, frame};

use super::{LinkState, Problem};
use crate::{desk::Part, pki::AgentRecord};

const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A JSON message.
pub struct Control<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Control<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state, "application/json").await?;
        // The parser's text names places and expectations, never values of secrets: it may go back.
        let message = serde_json::from_slice(&bytes);
        message.map(Self).map_err(|fault| {
            Problem::invalid(format!(
                "the body is not the expected message: line {}, column {}",
                fault.line(),
                fault.column()
            ))
        })
    }
}

/// A frame.
pub struct Frame<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Frame<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state, FRAME_MEDIA_TYPE).await?;
        frame::unpack(&bytes)
            .map(Self)
            .map_err(|fault| match fault {
                frame::FrameError::TooLarge { .. } => too_large(),
                other => Problem::invalid(other.to_string()),
            })
    }
}

/// Hands a numbered part to the desk. The number stands in the address and in the part; they must agree, or something
/// between has mixed up two requests.
pub async fn part(
    link: &LinkState,
    agent: &AgentRecord,
    ticket: Ticket,
    number: u32,
    part: impl Into<Part>,
) -> Result<Json<Receipt>, Problem> {
    if number != ticket.number {
        let text = format!(
            "the part says that it is number {number}, the address says {}",
            ticket.number
        );
        return Err(Problem::invalid(text));
    }
    let Ticket { lease, fence, .. } = ticket;
    let receipt = link.desk.part(agent, &lease, fence, number, part.into());
    Ok(Json(receipt.await))
}

/// The lease a request is about.
pub struct Ticket {
    /// Its id.
    pub lease: String,
    /// Its fence.
    pub fence: u64,
    /// Number of the part; 0 where the route has none.
    pub number: u32,
}

#[derive(Deserialize)]
struct Place {
    lease: String,
    #[serde(default)]
    number: u32,
}

#[derive(Deserialize)]
struct Fence {
    fence: u64,
}

impl<S: Send + Sync> FromRequestParts<S> for Ticket {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let place = Path::<Place>::from_request_parts(parts, state).await;
        let fence = Query::<Fence>::from_request_parts(parts, state).await;
        let (Ok(Path(place)), Ok(Query(fence))) = (place, fence) else {
            return Err(Problem::invalid(
                "the address names no lease with number and fence",
            ));
        };
        Ok(Self {
            lease: place.lease,
            fence: fence.fence,
            number: place.number,
        })
    }
}

async fn read<S: Send + Sync>(
    request: Request,
    state: &S,
    media_type: &str,
) -> Result<Bytes, Problem> {
    if !is_of_type(request.headers(), media_type) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::RequestInvalid,
            format!("the body is not of type {media_type}"),
            "use an agent of this server's version",
        ));
    }
    let reading = Bytes::from_request(request, state);
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(fault)) if fault.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
        Ok(Err(_)) => Err(Problem::invalid("the body ended early")),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            Code::TimeOut,
            "the body did not arrive in time",
            "check the network between agent and server",
        )),
    }
}

fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::RequestInvalid,
        "the message is larger than this server takes",
        "use an agent of this server's version",
    )
}
