//! Exchanging the tenant's authority while agents work: a new one beside the old one, agents that follow, the old one's end.
//!
//! Nothing here decides for an administrator: the old one leaves by itself only when no agent needs it any more and programs and
//! administrators elsewhere have had time to take the new one's certificate. Trap: an agent that is silent all that time has to
//! be enrolled again afterwards, so it keeps the old one from leaving until it is revoked or its certificate ends.

use std::time::Duration;

use engine::StoreError;
use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    agents::{blocking, placed},
    app::App,
    failpoint,
    pki::{AdminKey, RollFault},
};

/// How long the old authority stays at least, for those who are not agents.
const GRACE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Time between two looks whether it can leave.
const LOOK: Duration = Duration::from_secs(3_600);

/// An agent that needs the old authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Its name.
    pub name: String,
    /// When it was last heard of, unix ms.
    pub last_seen: Option<i64>,
}

/// Agents whose certificate is the old authority's; none if there is one authority only. Blocks.
///
/// # Errors
/// Of the store.
pub fn behind(app: &App) -> Result<Vec<Behind>, StoreError> {
    let all = app.authority().all();
    let [_, newest] = all.as_slice() else {
        return Ok(Vec::new());
    };
    let newest = newest.fingerprint().to_string();
    let now = app.engine().now();
    let rows = app.engine().agents()?.into_iter();
    // Whoever has the new one's certificate was given its trust along with it.
    let behind = rows.filter(|row| {
        row.revoked_at.is_none()
            && row.certificate.not_after > now
            && row.certificate.authority != newest
    });
    Ok(behind
        .map(|row| Behind {
            name: row.name,
            last_seen: row.last_seen,
        })
        .collect())
}

/// When the old authority may leave by itself; `None` if there is one only.
pub fn leaves_at(app: &App) -> Option<Timestamp> {
    let all = app.authority().all();
    let [_, newest] = all.as_slice() else {
        return None;
    };
    let grace = failpoint::rollover(GRACE);
    newest.begun().checked_add(grace).ok()
}

/// Founds a new authority beside the present one. Blocks.
///
/// # Errors
/// `Conflict` if an exchange is under way; those of the stores.
pub fn roll(app: &App, actor: &str) -> Result<(), Refusal> {
    let engine = app.engine();
    let present = app.authority().fingerprint().to_string();
    let store = |error: StoreError| placed(engine, &error);
    engine.name_authority(&present).map_err(store)?;
    app.authority()
        .roll(Timestamp::now())
        .map_err(|fault| refusal(&fault))?;
    tell(app)?;
    let new = app.authority().issuing().fingerprint().to_string();
    engine.audit(actor, "roll authority", &new).map_err(store)
}

/// Ends the trust in the old authority. Blocks.
///
/// # Errors
/// `Conflict` if there is none, or if agents need it and `cuts_off` is not said; those of the stores.
pub fn retire(app: &App, cuts_off: bool, actor: &str) -> Result<Vec<Behind>, Refusal> {
    let engine = app.engine();
    let store = |error: StoreError| placed(engine, &error);
    let behind = behind(app).map_err(store)?;
    if !behind.is_empty() && !cuts_off {
        let names: Vec<&str> = behind.iter().map(|one| one.name.as_str()).collect();
        return Err(Refusal::new(Code::Conflict).with(
            "text",
            format!(
                "these agents have no certificate of the new authority yet and would have to be enrolled again: {}; wait until they were connected, or revoke those that are gone",
                names.join(", ")
            ),
        ));
    }
    let gone = app.authority().retire().map_err(|fault| refusal(&fault))?;
    tell(app)?;
    engine
        .audit(actor, "retire authority", &gone.to_string())
        .map_err(store)?;
    Ok(behind)
}

/// Whoever administers on this machine trusts what the server shows.
fn tell(app: &App) -> Result<(), Refusal> {
    let (data, url, pem) = (
        &app.config().data_directory,
        app.url(),
        app.authority().pem(),
    );
    AdminKey::open(data, &url, &pem)
        .map_err(|fault| Refusal::new(fault.code()).with("text", fault.to_string()))?;
    Ok(())
}

fn refusal(fault: &RollFault) -> Refusal {
    let code = match fault {
        RollFault::UnderWay | RollFault::NoneUnderWay => Code::Conflict,
        RollFault::Pki(fault) => fault.code(),
    };
    Refusal::new(code).with("text", fault.to_string())
}

/// Lets the old authority leave when nobody needs it any more, until `shutdown`.
pub async fn run(app: App, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(failpoint::rollover(LOOK)) => {}
        }
        let own = app.clone();
        let left = blocking(app.engine(), move |_| Ok(leave(&own))).await;
        match left.and_then(|left| left) {
            Ok(true) => {
                info!("nobody needs the old authority any more: it is not trusted from now on")
            }
            Ok(false) => {}
            Err(why) => warn!(code = %why.code, "the old authority could not leave: {why}"),
        }
    }
}

fn leave(app: &App) -> Result<bool, Refusal> {
    let is_over = leaves_at(app).is_some_and(|at| at <= Timestamp::now());
    let behind = behind(app).map_err(|error| placed(app.engine(), &error))?;
    if !is_over || !behind.is_empty() {
        return Ok(false);
    }
    retire(app, false, "server").map(|_| true)
}
