//! Messages to somebody outside: a quarantine began or changed its reason, a job was disabled, a system stays busy.
//!
//! What is to be told is stored with its cause by the engine; here it is sent, by mail and to a web hook, each once. Settings
//! with their secrets lie in the vault and never leave it. Trap: a message that cannot be sent is tried
//! for a day and then given up; the status tells the same in any case.

mod hook;
mod mail;
mod tls;

use std::time::Duration;

use engine::{Channel, NotificationRow};
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{agents::blocking, api::convert::time, app::App, pki::PkiError};

pub use hook::{Hook, signature};
pub use mail::{Mail, Security};

const FILE: &str = "notifications.json";
const LOOK: Duration = Duration::from_secs(2);
// LIMIT: messages looked at in one go.
const BATCH: usize = 20;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where messages go.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// By mail.
    pub mail: Option<Mail>,
    /// To a web hook.
    pub hook: Option<Hook>,
}

impl Settings {
    /// The stored settings.
    ///
    /// # Errors
    /// Those of the vault; `ConfigurationInvalid` if they are damaged.
    pub fn read(app: &App) -> Result<Self, Refusal> {
        let text = app.vault().read(FILE).map_err(|error| fault(&error))?;
        text.map_or(Ok(Self::default()), |text| {
            serde_json::from_str(&text).map_err(|error| {
                let path = app.config().data_directory.join(FILE);
                Refusal::new(Code::ConfigurationInvalid)
                    .with("file", path.display().to_string())
                    .with("text", error.to_string())
            })
        })
    }

    /// Checks and stores them.
    ///
    /// # Errors
    /// `ConfigurationInvalid` with what is wrong; those of the file.
    pub fn write(&self, app: &App) -> Result<(), Refusal> {
        let invalid = |text: String| Refusal::new(Code::ConfigurationInvalid).with("text", text);
        if let Some(mistake) = self.mistakes().into_iter().next() {
            return Err(invalid(mistake));
        }
        let text = serde_json::to_string(self).map_err(|error| invalid(error.to_string()))?;
        app.vault()
            .write(FILE, &text)
            .map_err(|error| fault(&error))
    }
}

impl Settings {
    /// What is wrong with them.
    pub fn mistakes(&self) -> Vec<String> {
        let mail = self.mail.as_ref().and_then(|mail| mail.check().err());
        let hook = self.hook.as_ref().and_then(|hook| hook.check().err());
        mail.into_iter().chain(hook).collect()
    }
}

/// How a connection is encrypted, as written.
pub fn word(security: Security) -> &'static str {
    match security {
        Security::Starttls => "starttls",
        Security::Tls => "tls",
        Security::None => "none",
    }
}

/// How a connection is encrypted, by that word.
pub fn security(word: &str) -> Option<Security> {
    let all = [Security::Starttls, Security::Tls, Security::None];
    all.into_iter().find(|one| self::word(*one) == word)
}

fn fault(error: &PkiError) -> Refusal {
    Refusal::new(error.code()).with("text", error.to_string())
}

/// A message in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Number; the same message has it again.
    pub id: i64,
    /// When it happened.
    pub at: String,
    /// `quarantine`, `disabled`, `busy`, `alert` or `test`.
    pub kind: String,
    /// Id of the job.
    pub job_id: String,
    /// Name of the job.
    pub job: String,
    /// The reason.
    pub reason: String,
    /// The code beneath.
    pub code: String,
    /// The text beneath.
    pub text: String,
    /// Of an alert: what it is about, in one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Of an alert: what to do next.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
}

impl Message {
    fn subject(&self) -> String {
        match self.kind.as_str() {
            "quarantine" => format!(
                "Hybridge: job {} is in quarantine ({})",
                self.job, self.reason
            ),
            "disabled" => format!(
                "Hybridge: job {} is disabled after 28 days in quarantine",
                self.job
            ),
            "busy" => format!(
                "Hybridge: a system of job {} has been busy for 24 hours",
                self.job
            ),
            "alert" => format!("Hybridge: {}", self.about),
            _ => "Hybridge: a test message".to_owned(),
        }
    }

    fn body(&self) -> String {
        if self.kind == "test" {
            return "This is a test. Messages about quarantines come the same way.\n".into();
        }
        if self.kind == "alert" {
            let code = match self.code.as_str() {
                "" => String::new(),
                code => format!("Cause and cure: hybridge codes {code}\n"),
            };
            return format!(
                "{}\n\nSince: {}\nKind: {}\nBeneath: {}\n\nNext step: {}\n{code}How it stands: hybridge alerts list\n",
                self.about, self.at, self.reason, self.text, self.next
            );
        }
        let cure = match self.code.as_str() {
            "" => String::new(),
            code => format!("Cause and cure: hybridge codes {code}\n"),
        };
        format!(
            "{}\n\nSince: {}\nReason: {}\nBeneath: {}\n\n{cure}How it stands: hybridge job status {}\n",
            self.subject(),
            self.at,
            self.reason,
            self.text,
            self.job_id
        )
    }
}

/// Sends what is to be sent, until `shutdown`.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut is_failing = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        match step(&app).await {
            Ok(()) => is_failing = false,
            Err(why) if !is_failing => {
                warn!(code = %why.code, "messages cannot be sent: {why}");
                is_failing = true;
            }
            Err(_) => {}
        }
    }
}

async fn step(app: &App) -> Result<(), Refusal> {
    let open = blocking(app.engine(), |engine| engine.open_notifications(BATCH)).await?;
    if open.is_empty() {
        return Ok(());
    }
    let own = app.clone();
    let settings = tokio::task::spawn_blocking(move || Settings::read(&own))
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))??;
    let mut failed = None;
    for row in open {
        let message = message(app, &row).await?;
        for channel in [Channel::Mail, Channel::Hook] {
            let is_done = match channel {
                Channel::Mail => row.mailed_at.is_some(),
                Channel::Hook => row.posted_at.is_some(),
            };
            if is_done {
                continue;
            }
            match send(&settings, channel, &message).await {
                Ok(was_sent) => {
                    let id = row.id;
                    blocking(app.engine(), move |engine| engine.notified(id, channel)).await?;
                    if was_sent {
                        info!(id, "a message was sent: {}", message.kind);
                    }
                }
                Err(text) => failed = Some((row.id, text)),
            }
        }
        if let Some((id, text)) = failed.take() {
            blocking(app.engine(), move |engine| engine.notification_failed(id)).await?;
            let told = text.clone();
            blocking(app.engine(), move |engine| {
                engine.set_setting(LAST_FAILURE, &told)
            })
            .await?;
            return Err(Refusal::new(Code::NotificationFailed).with("text", text));
        }
    }
    Ok(())
}

/// Setting: the last failure to send.
pub const LAST_FAILURE: &str = "notificationFailure";

async fn message(app: &App, row: &NotificationRow) -> Result<Message, Refusal> {
    let id = row.job;
    let job = blocking(app.engine(), move |engine| engine.job(id)).await;
    let (guid, name) = match job {
        Ok(job) => (job.guid, job.name),
        // An alert may be about no job.
        Err(_) if id.0 == 0 => (String::new(), String::new()),
        Err(_) => (String::new(), id.to_string()),
    };
    let text = |name: &str| {
        let found = row.what.get(name).and_then(|value| value.as_str());
        found.unwrap_or_default().to_owned()
    };
    Ok(Message {
        id: row.id,
        at: time(row.at),
        kind: row.kind.clone(),
        job_id: guid,
        job: name,
        reason: text("reason"),
        code: text("code"),
        text: text("text"),
        about: text("about"),
        next: text("next"),
    })
}

/// Sends a message one way; false: there is no such way.
async fn send(settings: &Settings, channel: Channel, message: &Message) -> Result<bool, String> {
    let sent = async {
        match (channel, &settings.mail, &settings.hook) {
            (Channel::Mail, Some(mail), _) => mail.send(message).await.map(|()| true),
            (Channel::Hook, _, Some(hook)) => hook.send(message).await.map(|()| true),
            _ => Ok(false),
        }
    };
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(sent) => sent,
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

/// Sends a test message both ways. Says for each what came of it; `None`: there is no such way.
///
/// # Errors
/// Those of the settings.
pub async fn test(app: &App) -> Result<[(&'static str, Option<Result<(), String>>); 2], Refusal> {
    let settings = Settings::read(app)?;
    let message = Message {
        id: 0,
        at: time(app.engine().now()),
        kind: "test".into(),
        job_id: String::new(),
        job: String::new(),
        reason: "test".into(),
        code: String::new(),
        text: String::new(),
        about: String::new(),
        next: String::new(),
    };
    let mut told = [("mail", None), ("hook", None)];
    for ((_, result), channel) in told.iter_mut().zip([Channel::Mail, Channel::Hook]) {
        *result = match send(&settings, channel, &message).await {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(text) => Some(Err(text)),
        };
    }
    Ok(told)
}
