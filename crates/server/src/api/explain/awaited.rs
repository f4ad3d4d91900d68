//! References that wait: `GET /jobs/{name}/references/waiting`, and why each of them does, in words.
//!
//! Decides nothing. Trap: the reason is about the other end, so many references share one.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{WaitingPlace, WaitingReason};
use serde::Deserialize;
use sync_core::{id::ObjectId, operation::Refusal};
use wire::api::v1::{Awaited, Named, Page, Problem, WaitingReference};

use crate::{
    agents::blocking,
    api::{
        error::{Answer, ApiError},
        extract::{Parameters, page_size},
    },
    app::App,
};

/// Which part of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    limit: Option<u32>,
    after: Option<String>,
}

/// `GET /jobs/{name}/references/waiting`.
pub async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(wanted): Parameters<Wanted>,
) -> Answer<Page<WaitingReference>> {
    let after = match wanted.after.as_deref() {
        None => None,
        Some(text) => Some(
            place(text).ok_or_else(|| ApiError::invalid("after is not a place in this list"))?,
        ),
    };
    let size = page_size(wanted.limit);
    let page = blocking(app.engine(), move |engine| {
        let job = engine.job_named(&name)?;
        let (found, next) = engine.waiting_references(job.id, after, size)?;
        let mut names: BTreeMap<ObjectId, Named> = BTreeMap::new();
        for id in found.iter().flat_map(|one| [one.holder, one.object]) {
            if !names.contains_key(&id)
                && let Some(space) = engine.space_object(id)?
            {
                let named = Named {
                    id: space.object.anchor.guid_text(),
                    name: space.object.dn,
                };
                names.insert(id, named);
            }
        }
        let named = |id: &ObjectId| names.get(id).cloned().unwrap_or_default();
        let items = found.iter().map(|one| WaitingReference {
            holder: named(&one.holder),
            attribute: one.attribute.to_string(),
            to: shown(named(&one.object), &one.reason),
        });
        Ok(Page {
            items: items.collect(),
            next: next.map(|(dst, src, attribute)| format!("{dst}.{src}.{attribute}")),
        })
    })
    .await?;
    Ok(Json(page))
}

fn place(text: &str) -> Option<WaitingPlace> {
    let mut parts = text.split('.').map(str::parse);
    let mut next = || parts.next()?.ok();
    Some((next()?, next()?, next()?))
}

/// An awaited object with the reason in words.
pub fn shown(object: Named, reason: &WaitingReason) -> Awaited {
    let (word, text) = words(reason);
    Awaited {
        object,
        reason: word.into(),
        text,
    }
}

fn words(reason: &WaitingReason) -> (&'static str, String) {
    match reason {
        WaitingReason::OnItsWay => ("onItsWay", "it is on its way; nothing is to be done".into()),
        WaitingReason::Failed(why) => ("failed", format!("it failed: {why}; {}", cure(why))),
        WaitingReason::OutOfScope(why) => {
            let told = why.as_ref().map(Refusal::to_string);
            let text = match told {
                Some(told) => format!("the rules leave it out: {told}"),
                None => "the rules leave it out: its class or container is not read".into(),
            };
            ("outOfScope", text)
        }
        WaitingReason::Gone => ("gone", "it was deleted; the reference ends when the source takes it back".into()),
        WaitingReason::NotRead => (
            "notRead",
            "no read has shown it; wait for the read to come to it, or see that the connector's account may read it".into(),
        ),
        WaitingReason::NoConnector { domain } => (
            "noConnector",
            format!("no connector reads {domain}; connect that domain with `hybridge connect ad`, with a job into the same target"),
        ),
        WaitingReason::NotShown { connector } => (
            "notShown",
            format!("{connector} reads its domain and has not shown it; see that the connector's account may read it"),
        ),
        WaitingReason::ForeignAccount { sid } => (
            "foreignAccount",
            format!("it is the account {sid} of another forest, and no connector has shown that; connect the forest with `hybridge connect ad`"),
        ),
        WaitingReason::NoJob { connector } => (
            "noJob",
            format!("{connector} shows it, and no job brings it into this target; create one with `hybridge job create`"),
        ),
    }
}

fn cure(why: &Refusal) -> String {
    Problem::from(why).cure.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_nobody_reads_is_named() {
        let domain = "dock.canal.example".to_owned();
        let shown = shown(Named::default(), &WaitingReason::NoConnector { domain });
        assert_eq!(shown.reason, "noConnector");
        assert!(shown.text.contains("dock.canal.example"), "{shown:?}");
        assert!(shown.text.contains("hybridge connect ad"), "{shown:?}");
    }

    #[test]
    fn a_place_is_three_numbers() {
        assert_eq!(place("1.2.3"), Some((1, 2, 3)));
        assert_eq!(place("1.2"), None);
        assert_eq!(place("a.b.c"), None);
    }
}
