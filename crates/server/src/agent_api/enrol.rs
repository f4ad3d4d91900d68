//! `POST /agent/v1/enrol`: a machine with a one-time token becomes an agent.
//!
//! The request is checked before the token is used up, so that a mistake does not cost a token. Trap: if the answer is lost
//! the token is gone; the administrator makes another.

use axum::{Extension, Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use sync_core::code::Code;
use tracing::{info, warn};
use wire::agent::v1::{Enrol, Enrolled};

use super::{LinkState, Problem, body::Control};
use crate::{
    access::Throttle,
    pki::{CheckedRequest, Fingerprint, NewAgent, PkiError},
    tls::PeerAddress,
};

const LONGEST_TEXT: usize = 256;
const MINUTE_MS: i64 = 60_000;
const EVERYBODY: &str = "everybody";

/// How often enrolment may fail. A right token is not counted, so that nobody who has one is shut out by those who have none
/// on the same machine.
pub struct EnrolmentThrottle {
    of_one: Throttle,
    in_all: Throttle,
}

impl Default for EnrolmentThrottle {
    fn default() -> Self {
        Self {
            of_one: Throttle::new(10, MINUTE_MS),
            in_all: Throttle::new(120, MINUTE_MS),
        }
    }
}

impl EnrolmentThrottle {
    /// Counts a failure; how many seconds to wait if there were too many.
    fn failed(&self, from: PeerAddress, now: Timestamp) -> Option<u64> {
        let now = now.as_millisecond();
        let one = self.of_one.take(&from.0.to_string(), now);
        one.and_then(|()| self.in_all.take(EVERYBODY, now)).err()
    }
}

pub async fn enrol(
    State(link): State<LinkState>,
    Extension(from): Extension<PeerAddress>,
    Control(request): Control<Enrol>,
) -> Result<Json<Enrolled>, Problem> {
    check_texts(&request)?;
    let checked = check_request(&request.csr)?;
    let now = Timestamp::now();
    let token = Fingerprint::of(request.token.as_bytes());
    let Some(grant) = link.directory.take_token(&token, now).await? else {
        warn!(from = %from.0, "an enrolment with an unknown, used or expired token was refused");
        if let Some(seconds) = link.enrolments.failed(from, now) {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                Code::EnrolmentRefused,
                "too many enrolments with wrong tokens",
                &format!("wait {seconds} seconds"),
            ));
        }
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            Code::EnrolmentRefused,
            "the enrolment token is unknown, used or expired",
            "make a new token on the server and enrol again",
        ));
    };
    let authority = link.authority.issuing();
    let issued = authority.issue_agent(checked, now).map_err(ours)?;
    let agent = NewAgent {
        name: request.name,
        version: request.version,
        host: request.host,
        grant,
        certificate: issued.record,
        enrolled: now,
    };
    let id = link.directory.add_agent(agent).await?;
    info!(agent = id.0, "agent {id} enrolled");
    Ok(Json(Enrolled {
        agent_id: id.0,
        certificate: issued.chain_pem,
        authority: link.authority.pem(),
        server_id: link.server_id.to_string(),
    }))
}

fn check_texts(request: &Enrol) -> Result<(), Problem> {
    let host = &request.host;
    let texts = [
        &request.name,
        &request.version,
        &host.host_name,
        &host.operating_system,
        &host.architecture,
    ];
    let is_fine =
        |text: &&String| text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
    if request.name.trim().is_empty() || !texts.iter().all(is_fine) {
        return Err(Problem::invalid(
            "name, version or host is empty, too long or not plain text",
        ));
    }
    Ok(())
}

pub fn check_request(csr: &str) -> Result<CheckedRequest, Problem> {
    CheckedRequest::check(csr).map_err(|fault| match fault {
        PkiError::Request(reason) => Problem::invalid(format!(
            "the certificate signing request is refused: {reason}"
        )),
        other => ours(other),
    })
}

pub fn ours(fault: PkiError) -> Problem {
    tracing::error!(%fault, "a certificate could not be issued");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        Code::InternalFault,
        "the certificate could not be issued",
        "the server's log says why",
    )
}
