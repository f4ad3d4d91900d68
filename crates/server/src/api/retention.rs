//! How long the provisioning log is kept, and how much room it may take.
//!
//! Trap: the oldest records go first, whole segments at a time; the newest segment always stays.

use axum::{Json, extract::State};
use engine::{Engine, StoreError};
use wire::api::v1::{LogRetention, LogRetentionChange};

use super::{
    convert::time_option,
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{access::actor, agents::blocking, app::App};

pub(crate) const DAYS: &str = "logRetentionDays";
pub(crate) const MEGABYTES: &str = "logRetentionMegabytes";
/// As the originals keep it.
pub(crate) const USUAL_DAYS: u32 = 30;
pub(crate) const USUAL_MEGABYTES: u32 = 2_000;
const LONGEST_DAYS: u32 = 3_650;
const MOST_MEGABYTES: u32 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

pub(crate) fn stored(engine: &Engine) -> Result<(u32, u32), StoreError> {
    let number = |key: &str, usual: u32| -> Result<u32, StoreError> {
        let text = engine.setting(key)?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(usual))
    };
    Ok((
        number(DAYS, USUAL_DAYS)?,
        number(MEGABYTES, USUAL_MEGABYTES)?,
    ))
}

fn shown(engine: &Engine) -> Result<LogRetention, StoreError> {
    let (days, megabytes) = stored(engine)?;
    let size = engine.log_size()?;
    Ok(LogRetention {
        days,
        megabytes,
        records: size.records,
        bytes: size.bytes,
        oldest: time_option(size.oldest),
    })
}

/// Deletes what is kept no longer. Says whether there is more to do.
///
/// # Errors
/// Of the store.
pub(crate) fn enforce(engine: &Engine) -> Result<bool, StoreError> {
    let (days, megabytes) = stored(engine)?;
    let before = engine.now().saturating_sub(i64::from(days) * DAY_MS);
    let gone = engine.trim_log(before, u64::from(megabytes) * 1_000_000)?;
    Ok(gone > 0)
}

/// `GET /log/retention`.
pub async fn show(State(app): State<App>) -> Answer<LogRetention> {
    Ok(Json(blocking(app.engine(), shown).await?))
}

/// `PATCH /log/retention`.
pub async fn change(
    State(app): State<App>,
    Body(change): Body<LogRetentionChange>,
) -> Answer<LogRetention> {
    check(change.days, change.megabytes)?;
    let now = blocking(app.engine(), move |engine| {
        let told = format!("days {:?}, megabytes {:?}", change.days, change.megabytes);
        if let Some(days) = change.days {
            engine.set_setting(DAYS, &days.to_string())?;
        }
        if let Some(megabytes) = change.megabytes {
            engine.set_setting(MEGABYTES, &megabytes.to_string())?;
        }
        engine.audit(&actor(), "change log retention", &told)?;
        while enforce(engine)? {}
        shown(engine)
    })
    .await?;
    Ok(Json(now))
}

/// Whether the log may be kept so long, and take so much room.
///
/// # Errors
/// In words, what is wrong with it.
pub(crate) fn check(days: Option<u32>, megabytes: Option<u32>) -> Result<(), ApiError> {
    if days.is_some_and(|wanted| !(1..=LONGEST_DAYS).contains(&wanted)) {
        return Err(ApiError::invalid(format!(
            "records are kept 1 to {LONGEST_DAYS} days"
        )));
    }
    if megabytes.is_some_and(|wanted| !(1..=MOST_MEGABYTES).contains(&wanted)) {
        return Err(ApiError::invalid(format!(
            "the log takes 1 to {MOST_MEGABYTES} megabytes"
        )));
    }
    Ok(())
}
