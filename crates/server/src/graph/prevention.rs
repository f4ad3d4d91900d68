//! `directory/onPremisesSynchronization`: how the tenant is protected against accidental deletion, as Graph shows it.
//!
//! Of that resource only the protection is here; what it says of the original's own server means nothing for this one. Trap: it
//! is the layer of the whole tenant. A job has a limit of its own besides, which its secrets tell.

use serde_json::{Value as Json, json};
use wire::api::v1::Prevention;

use super::{
    Cx, GraphError, Reply, Result, members,
    odata::{Field, Kind},
    principals::{item, listed},
    table::Act,
};
use crate::{agents::blocking, api::guard};

/// `GET /directory/onPremisesSynchronization`, and the only one there is.
pub async fn show(cx: &Cx) -> Result<Reply> {
    const WHAT: &str = "directory/onPremisesSynchronization";
    const FIELDS: &[Field] = &[("id", Kind::Text)];
    if cx.endpoint.act == Act::Synchronization {
        is_ours(cx)?;
    }
    let prevention = blocking(cx.app.engine(), engine::Engine::deletion_prevention).await?;
    let shown = json!({
        "id": cx.app.tenant_id(),
        "configuration": { "accidentalDeletionPrevention": {
            "synchronizationPreventionType": prevention.kind.name(),
            "alertThreshold": prevention.threshold,
        } },
    });
    match cx.endpoint.act {
        Act::Synchronization => item(cx, WHAT, shown),
        _ => listed(cx, WHAT, vec![shown], FIELDS),
    }
}

/// `PATCH /directory/onPremisesSynchronization/{id}`.
pub async fn change(cx: &Cx) -> Result<Reply> {
    is_ours(cx)?;
    let body = members(&cx.body, &["id", "configuration"])?;
    let Some(configuration) = body.get("configuration") else {
        return Ok(Reply::Done);
    };
    let configuration = members(configuration, &["accidentalDeletionPrevention"])?;
    let Some(told) = configuration.get("accidentalDeletionPrevention") else {
        return Ok(Reply::Done);
    };
    let told = members(told, &["synchronizationPreventionType", "alertThreshold"])?;
    let kind = told.get("synchronizationPreventionType");
    let threshold = told.get("alertThreshold");
    let change = Prevention {
        synchronization_prevention_type: kind.map(text).transpose()?,
        alert_threshold: threshold.map(number).transpose()?,
    };
    guard::set(&cx.app, change).await?;
    Ok(Reply::Done)
}

fn text(value: &Json) -> Result<String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| GraphError::bad("synchronizationPreventionType is to be a text"))
}

fn number(value: &Json) -> Result<u64> {
    let number = value.as_u64();
    number.ok_or_else(|| GraphError::bad("alertThreshold is to be a whole number"))
}

fn is_ours(cx: &Cx) -> Result<()> {
    match cx.parameter(0).eq_ignore_ascii_case(&cx.app.tenant_id()) {
        true => Ok(()),
        false => Err(GraphError::not_found(
            "onPremisesSynchronization",
            cx.parameter(0),
        )),
    }
}
