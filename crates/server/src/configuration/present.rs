//! The configuration as it is.
//!
//! In one order, whatever the order of making: by name. Trap: secrets are read here, because they are kept where a document does
//! not bring others; they never leave the server.

use engine::{ConnectorRow, JobRow};
use sync_core::{guard::Prevention, id::ConnectorId, operation::Refusal};
use wire::api::v1::{
    CONFIGURATION_FORM, Configuration, ConfiguredConnector, ConfiguredHook, ConfiguredJob,
    ConfiguredMail, ConfiguredNotifications, ConfiguredServer, SecretName,
};

use super::tenancy::Tenancy;
use crate::{
    access::Caller,
    agents::blocking,
    api::{convert, guard, retention},
    app::App,
    notify,
};

const MAIL_PASSWORD: &str = "mail-password";
const HOOK_URL: &str = "hook-url";
const HOOK_KEY: &str = "hook-key";

/// The configuration as it is, and what it was made from.
pub struct Present {
    /// Its mark.
    pub mark: i64,
    /// The document.
    pub configuration: Configuration,
    /// Connectors.
    pub connectors: Vec<ConnectorRow>,
    /// Jobs.
    pub jobs: Vec<JobRow>,
    /// Who is told, with secrets.
    pub notifications: notify::Settings,
    /// Domains and API clients, as far as the caller may see them.
    pub tenancy: Tenancy,
}

impl Present {
    /// The name of a connector.
    pub fn name_of(&self, id: ConnectorId) -> &str {
        let found = self.connectors.iter().find(|row| row.id == id);
        found.map_or("", |row| row.name.as_str())
    }

    /// A server nobody has set up.
    pub fn usual_server() -> ConfiguredServer {
        ConfiguredServer {
            log_days: Some(retention::USUAL_DAYS),
            log_megabytes: Some(retention::USUAL_MEGABYTES),
            deletion_prevention: Some(guard::shown(&Prevention::default())),
        }
    }
}

/// Reads what a caller may see of it.
///
/// # Errors
/// Of the stores.
pub async fn read(app: &App, caller: &Caller) -> Result<Present, Refusal> {
    let tenancy = Tenancy::read(app, caller).await?;
    let own = app.clone();
    let notifications = tokio::task::spawn_blocking(move || notify::Settings::read(&own))
        .await
        .map_err(|_| {
            Refusal::new(sync_core::code::Code::InternalFault).with("text", "a thread ended")
        })??;
    blocking(app.engine(), move |engine| {
        // The mark first: what is changed after it makes it old.
        let mark = engine.configuration_mark()?;
        let (connectors, jobs) = (engine.connectors()?, engine.jobs()?);
        let (days, megabytes) = retention::stored(engine)?;
        let prevention = engine.deletion_prevention()?;
        let mut present = Present {
            mark,
            configuration: Configuration {
                form: CONFIGURATION_FORM,
                notifications: told(&notifications),
                server: ConfiguredServer {
                    log_days: Some(days),
                    log_megabytes: Some(megabytes),
                    deletion_prevention: Some(guard::shown(&prevention)),
                },
                ..Configuration::default()
            },
            connectors,
            jobs,
            notifications,
            tenancy,
        };
        present.configuration.connectors = of_connectors(&present.connectors);
        present.configuration.jobs = of_jobs(&present);
        present.tenancy.show(&mut present.configuration);
        Ok(present)
    })
    .await
}

fn of_connectors(rows: &[ConnectorRow]) -> Vec<ConfiguredConnector> {
    let own = rows.iter().filter(|row| row.kind != "directory");
    let mut all: Vec<_> = own
        .map(|row| ConfiguredConnector {
            name: row.name.clone(),
            kind: row.kind.clone(),
            config: row.config.clone(),
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn of_jobs(present: &Present) -> Vec<ConfiguredJob> {
    let rows = present.jobs.iter();
    let mut all: Vec<_> = rows
        .map(|row| ConfiguredJob {
            name: row.name.clone(),
            source: present.name_of(row.source).to_owned(),
            target: present.name_of(row.target).to_owned(),
            state: row.state.name().to_owned(),
            settings: convert::settings(&row.settings),
            rules: serde_json::from_str(&row.rules).unwrap_or_default(),
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn told(settings: &notify::Settings) -> ConfiguredNotifications {
    let named = |name: &str| SecretName {
        secret: name.to_owned(),
    };
    ConfiguredNotifications {
        mail: settings.mail.as_ref().map(|mail| ConfiguredMail {
            server: mail.server.clone(),
            port: mail.port,
            security: notify::word(mail.security).to_owned(),
            user: mail.user.clone(),
            password: (!mail.password.is_empty()).then(|| named(MAIL_PASSWORD)),
            from: mail.from.clone(),
            to: mail.to.clone(),
            authority: mail.authority.clone(),
        }),
        hook: settings.hook.as_ref().map(|hook| ConfiguredHook {
            host: hook.host(),
            url: named(HOOK_URL),
            key: named(HOOK_KEY),
            authority: hook.authority.clone(),
        }),
    }
}
