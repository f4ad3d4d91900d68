//! Where messages go: shown without secrets, set, tried.

use axum::{Json, extract::State};
use engine::NotificationRow;
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::{
    HookShown, MailShown, Notification, NotificationTest, Notifications, NotificationsChange, Page,
};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{
    access::actor,
    agents::blocking,
    app::App,
    notify::{self, Hook, LAST_FAILURE, Mail, Security, Settings},
};

// LIMIT: messages shown.
const SHOWN: usize = 20;

async fn settings(app: &App) -> Result<Settings, Refusal> {
    let app = app.clone();
    let read = tokio::task::spawn_blocking(move || Settings::read(&app)).await;
    read.map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))?
}

/// `GET /notifications`.
pub async fn show(State(app): State<App>) -> Answer<Notifications> {
    let settings = settings(&app).await?;
    let (rows, failure, jobs) = blocking(app.engine(), |engine| {
        Ok((
            engine.notifications(SHOWN)?,
            engine.setting(LAST_FAILURE)?,
            engine.jobs()?,
        ))
    })
    .await?;
    let name = |row: &NotificationRow| {
        let job = jobs.iter().find(|job| job.id == row.job);
        job.map(|job| job.name.clone()).unwrap_or_default()
    };
    let messages = rows.iter().map(|row| Notification {
        at: time(row.at),
        kind: row.kind.clone(),
        job: name(row),
        reason: row
            .what
            .get("reason")
            .and_then(|reason| reason.as_str())
            .unwrap_or_default()
            .to_owned(),
        state: match (row.mailed_at.and(row.posted_at), row.given_up_at) {
            (Some(_), _) => "sent",
            (None, Some(_)) => "given up",
            (None, None) => "waiting",
        }
        .into(),
    });
    Ok(Json(Notifications {
        mail: settings.mail.map(|mail| MailShown {
            has_password: !mail.password.is_empty(),
            security: notify::word(mail.security).into(),
            server: mail.server,
            port: mail.port,
            user: mail.user,
            from: mail.from,
            to: mail.to,
        }),
        hook: settings.hook.map(|hook| HookShown { host: hook.host() }),
        failure: failure.filter(|text| !text.is_empty()),
        messages: messages.collect(),
    }))
}

fn security(word: &str) -> Result<Security, ApiError> {
    let word = if word.is_empty() { "starttls" } else { word };
    notify::security(word)
        .ok_or_else(|| ApiError::invalid("security is one of starttls, tls, none"))
}

/// `PATCH /notifications`.
pub async fn change(
    State(app): State<App>,
    Body(change): Body<NotificationsChange>,
) -> Answer<Notifications> {
    let mut now = settings(&app).await?;
    for way in &change.off {
        match way.as_str() {
            "mail" => now.mail = None,
            "hook" => now.hook = None,
            _ => {
                return Err(ApiError::invalid(format!(
                    "{way} is no way; known: mail, hook"
                )));
            }
        }
    }
    if let Some(mail) = change.mail {
        let security = security(&mail.security)?;
        let usual = if security == Security::Tls { 465 } else { 587 };
        now.mail = Some(Mail {
            server: mail.server,
            port: if mail.port == 0 { usual } else { mail.port },
            security,
            user: mail.user,
            password: mail.password,
            from: mail.from,
            to: mail.to,
            authority: mail.authority,
        });
    }
    if let Some(hook) = change.hook {
        now.hook = Some(Hook {
            url: hook.url,
            secret: hook.secret,
            authority: hook.authority,
        });
    }
    let own = app.clone();
    tokio::task::spawn_blocking(move || now.write(&own))
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))??;
    let by = actor();
    blocking(app.engine(), move |engine| {
        engine.set_setting(LAST_FAILURE, "")?;
        engine.audit(&by, "change notifications", "")
    })
    .await?;
    show(State(app)).await
}

/// `POST /notifications/test`.
pub async fn test(State(app): State<App>) -> Answer<Page<NotificationTest>> {
    let told = notify::test(&app).await?;
    let shown = told.into_iter().map(|(way, result)| NotificationTest {
        way: way.into(),
        is_sent: result.as_ref().map(Result::is_ok),
        failure: result.and_then(Result::err),
    });
    Ok(Json(Page::whole(shown.collect())))
}
