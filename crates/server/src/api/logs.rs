//! Logs and traces: of the server, and of every agent that is connected, collected for whoever looks for a fault.
//!
//! Never a secret: what the server knows to be one is taken out of every text, whoever wrote it. Trap: an agent that does not
//! answer costs its own part and not the rest.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::{Path, State},
    response::Response,
};
use engine::AgentRow;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sync_core::{code::Code, id::AgentId, operation::Refusal};
use tokio::sync::mpsc;
use wire::{
    agent::v1::{Collected, Examination, Traced, Work},
    api::v1::{LogExport, LogExportEvent, Page, TraceRequest, Tracing},
};

use super::{
    agents, alerts, authority,
    error::{Answer, ApiError},
    extract::{Body, Parameters, Slice},
    key, metrics, status,
    verify::lines,
};
use crate::{
    access::{Caller, actor},
    agents::blocking,
    app::App,
    configuration,
    pki::{AdminFile, vault::SECRETS},
};

/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);
const MINUTE: Duration = Duration::from_secs(60);
// LIMIT: minutes of a trace, bytes of lines of each program, bytes of a page of metrics, letters of an agent's folder.
const LONGEST_TRACE_MINUTES: u32 = 24 * 60;
const MOST_LINES: usize = 8 << 20;
const MOST_METRICS: usize = 4 << 20;
const LONGEST_FOLDER: usize = 40;

/// `POST /logs/trace`: server and agents.
pub async fn trace(
    State(app): State<App>,
    Body(request): Body<TraceRequest>,
) -> Answer<Page<Tracing>> {
    check(&request)?;
    let own = logs::here().map(|logs| {
        let asked = logs.trace(MINUTE * request.minutes);
        asked.map(|()| logs.traces_until())
    });
    let mut all = vec![match own {
        Some(Ok(until)) => Tracing {
            name: "server".into(),
            until: until.map(shown),
            problem: None,
        },
        Some(Err(fault)) => refused("server", &unwritable(&fault.to_string())),
        None => refused(
            "server",
            &Refusal::new(Code::Conflict).with("text", "this server writes no log files"),
        ),
    }];
    for row in connected(&app).await? {
        all.push(trace_of(&app, row.id, row.name, request.minutes).await);
    }
    note(&app, "trace", &format!("{} minutes", request.minutes)).await?;
    Ok(Json(Page::whole(all)))
}

/// `POST /agents/{name}/trace`.
pub async fn trace_agent(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<TraceRequest>,
) -> Answer<Tracing> {
    check(&request)?;
    let row = agents::found(&app, &name).await?;
    let work = Work::Trace {
        minutes: request.minutes,
    };
    let report = app.desk().ask(row.id, work, PATIENCE).await?;
    note(&app, "trace agent", &row.name).await?;
    let traced: Traced = serde_json::from_str(&report).unwrap_or_default();
    Ok(Json(Tracing {
        name: row.name,
        until: traced.until,
        problem: None,
    }))
}

fn check(request: &TraceRequest) -> Result<(), ApiError> {
    match request.minutes <= LONGEST_TRACE_MINUTES {
        true => Ok(()),
        false => Err(ApiError::invalid(format!(
            "a trace lasts {LONGEST_TRACE_MINUTES} minutes at most"
        ))),
    }
}

fn shown(ms: u64) -> String {
    let at = i64::try_from(ms).ok();
    let at = at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn unwritable(text: &str) -> Refusal {
    Refusal::new(Code::StoreUnwritable).with("text", text)
}

fn refused(name: &str, why: &Refusal) -> Tracing {
    Tracing {
        name: name.to_owned(),
        until: None,
        problem: Some(why.into()),
    }
}

async fn trace_of(app: &App, id: AgentId, name: String, minutes: u32) -> Tracing {
    match app.desk().ask(id, Work::Trace { minutes }, PATIENCE).await {
        Ok(report) => Tracing {
            name,
            until: serde_json::from_str::<Traced>(&report)
                .unwrap_or_default()
                .until,
            problem: None,
        },
        Err(why) => refused(&name, &why),
    }
}

async fn connected(app: &App) -> Result<Vec<AgentRow>, Refusal> {
    let mut all = blocking(app.engine(), engine::Engine::agents).await?;
    all.retain(|row| row.revoked_at.is_none() && app.desk().is_connected(row.id));
    Ok(all)
}

async fn note(app: &App, act: &'static str, detail: &str) -> Result<(), Refusal> {
    let detail = detail.to_owned();
    blocking(app.engine(), move |engine| {
        engine.audit(&actor(), act, &detail)
    })
    .await
}

/// `POST /logs/export`: files, one a line.
pub async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(wanted): Body<LogExport>,
) -> Result<Response, ApiError> {
    note(
        &app,
        "export logs",
        if wanted.with_trace { "with traces" } else { "" },
    )
    .await?;
    let secrets = secrets(&app).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let export = Export {
            app,
            caller,
            secrets,
            sender,
        };
        // Who does not read any more gets no more.
        let _ = export.everything(wanted.with_trace).await;
    });
    lines(receiver)
}

/// An archive on its way.
struct Export {
    app: App,
    /// Who asked.
    caller: Caller,
    secrets: Vec<String>,
    sender: mpsc::Sender<LogExportEvent>,
}

/// The reader went away.
struct Gone;

impl Export {
    async fn everything(&self, with_trace: bool) -> Result<(), Gone> {
        let app = || State(self.app.clone());
        let slice = || Parameters(Slice::default());
        self.json("server/versions.json", Ok(Json(self.versions())))
            .await?;
        let configuration = configuration::read(&self.app, &self.caller).await;
        let configuration = configuration.map(|present| Json(present.configuration));
        self.json(
            "server/configuration.json",
            configuration.map_err(Into::into),
        )
        .await?;
        self.json("server/status.json", status::status(app(), slice()).await)
            .await?;
        let all_alerts = Slice {
            state: Some("all".into()),
            ..Slice::default()
        };
        self.json(
            "server/alerts.json",
            alerts::list(app(), Parameters(all_alerts)).await,
        )
        .await?;
        self.json("server/agents.json", agents::list(app()).await)
            .await?;
        self.json("server/authority.json", authority::show(app()).await)
            .await?;
        self.json("server/key.json", key::show(app()).await).await?;
        match metrics::metrics(app()).await {
            Ok(page) => {
                let bytes = axum::body::to_bytes(page.into_body(), MOST_METRICS).await;
                let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
                self.text("server/metrics.txt", &text).await?;
            }
            Err(why) => self.missing("server/metrics.txt", &why.0).await?,
        }
        let own = logs::here().map(|logs| logs.newest(with_trace, MOST_LINES));
        for piece in own.into_iter().flatten() {
            self.text(&format!("server/logs/{}", piece.name), &piece.text)
                .await?;
        }
        self.agents(with_trace).await?;
        self.send(LogExportEvent::Done).await
    }

    async fn agents(&self, with_trace: bool) -> Result<(), Gone> {
        let rows = blocking(self.app.engine(), engine::Engine::agents).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(why) => return self.missing("agents", &why).await,
        };
        for row in rows.into_iter().filter(|row| row.revoked_at.is_none()) {
            let folder = folder(&row);
            let doctor = agents::doctor(State(self.app.clone()), Path(row.guid.clone()));
            let found: Result<Json<Examination>, ApiError> = doctor.await;
            self.json(&format!("{folder}/doctor.json"), found).await?;
            let most_bytes = u32::try_from(MOST_LINES).unwrap_or(u32::MAX);
            let work = Work::Logs {
                with_trace,
                most_bytes,
            };
            match self.app.desk().ask(row.id, work, PATIENCE).await {
                Ok(report) => {
                    let collected: Collected = serde_json::from_str(&report).unwrap_or_default();
                    for file in collected.files {
                        let name = format!("{folder}/{}", plain(&file.name));
                        self.text(&name, &file.text).await?;
                    }
                }
                Err(why) => self.missing(&format!("{folder}/logs"), &why).await?,
            }
        }
        Ok(())
    }

    fn versions(&self) -> Value {
        let config = self.app.config();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "operatingSystem": std::env::consts::OS,
            "kernel": kernel.trim(),
            "architecture": std::env::consts::ARCH,
            "now": Timestamp::now().to_string(),
            "started": self.app.started().to_string(),
            "url": self.app.url(),
            "listen": config.listen.to_string(),
            "names": config.names,
            "tenant": self.app.tenant_id(),
            "dataDirectory": config.data_directory.display().to_string(),
            "masterKey": self.app.vault().ring().origin().to_string(),
        })
    }

    async fn json<T: Serialize>(&self, name: &str, value: Answer<T>) -> Result<(), Gone> {
        match value {
            Ok(Json(value)) => {
                let text = serde_json::to_string_pretty(&value).unwrap_or_default();
                self.text(name, &text).await
            }
            Err(why) => self.missing(name, &why.0).await,
        }
    }

    async fn text(&self, name: &str, text: &str) -> Result<(), Gone> {
        let text = logs::without(text, &self.secrets);
        let name = name.to_owned();
        self.send(LogExportEvent::File { name, text }).await
    }

    async fn missing(&self, name: &str, why: &Refusal) -> Result<(), Gone> {
        let (name, problem) = (name.to_owned(), why.into());
        self.send(LogExportEvent::Missing { name, problem }).await
    }

    async fn send(&self, event: LogExportEvent) -> Result<(), Gone> {
        self.sender.send(event).await.map_err(|_| Gone)
    }
}

/// The folder of an agent: its name as far as it is fit for one, and its number.
fn folder(row: &AgentRow) -> String {
    let name: String = plain(&row.name).chars().take(LONGEST_FOLDER).collect();
    format!("agents/{name}-{}", row.id)
}

/// A name that is fit for a file: an agent may call itself and its files what it likes.
fn plain(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let name: String = name
        .chars()
        .map(|letter| if fits(letter) { letter } else { '_' })
        .collect();
    name.trim_start_matches('.').to_owned()
}

/// Everything this server knows that nobody else may.
async fn secrets(app: &App) -> Result<Vec<String>, Refusal> {
    let own = app.clone();
    let found = tokio::task::spawn_blocking(move || -> Result<Vec<String>, Refusal> {
        let told = |fault: crate::pki::PkiError| {
            Refusal::new(fault.code()).with("text", fault.to_string())
        };
        let keys = own.vault().ring().texts();
        let mut all: Vec<String> = keys.iter().map(|key| key.to_string()).collect();
        for name in SECRETS {
            if let Some(text) = own.vault().read(name).map_err(told)? {
                take(&text, &mut all);
            }
        }
        if let Some(admin) = AdminFile::read(&own.config().data_directory).map_err(told)? {
            all.push(admin.token);
        }
        Ok(all)
    });
    found
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))?
}

/// What of a secret must not be seen: lines of keys, and values that are secret by their name.
fn take(text: &str, into: &mut Vec<String>) {
    fn values(json: &Value, into: &mut Vec<String>) {
        match json {
            Value::Object(members) => {
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("key" | "secret" | "password" | "url", Value::String(text)) => {
                            into.push(text.clone());
                        }
                        (_, value) => values(value, into),
                    }
                }
            }
            Value::Array(all) => all.iter().for_each(|value| values(value, into)),
            _ => {}
        }
    }
    match serde_json::from_str::<Value>(text) {
        Ok(json @ Value::Object(_)) => values(&json, into),
        _ => {
            let mut is_private = !text.contains("-----BEGIN");
            for line in text.lines() {
                match line.starts_with("-----") {
                    true => is_private = line.contains("PRIVATE"),
                    false if is_private => into.push(line.to_owned()),
                    false => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_known_by_its_place() {
        let mut found = Vec::new();
        take(
            "-----BEGIN CERTIFICATE-----\nopen\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n",
            &mut found,
        );
        take("seed", &mut found);
        take(
            r#"{"mail":{"server":"m","password":"p"},"hook":{"url":"u","secret":"s"}}"#,
            &mut found,
        );
        found.sort();
        assert_eq!(found, ["hush", "p", "s", "seed", "u"]);
    }

    #[test]
    fn names_leave_no_folder() {
        assert_eq!(plain("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(plain("agent 1.log"), "agent_1.log");
    }
}
