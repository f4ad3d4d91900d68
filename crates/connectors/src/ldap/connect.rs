//! An authenticated connection to the first usable server of the list.
//!
//! Never retries a refused password: trying it on each server would lock the account. The secret is read anew for every
//! connection, so that a changed one is used at once. Trap: a server that answers but is not usable (wrong product, missing
//! root DSE) is passed over like one that is down.

use ldap::{Connection, Endpoint, Options, Security, Trust};
use secrecy::ExposeSecret as _;

use super::{
    config::{Credential, LdapConfig, TlsMode},
    failure,
    locate::located,
    negotiated,
};
use crate::source::SourceError;

/// Tries the servers of the list in their order until `describe` accepts an authenticated connection.
pub(super) async fn first_usable<T, F>(
    config: &LdapConfig,
    mut describe: impl FnMut(Connection) -> F,
) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let config = &located(config).await?;
    let options = options(config)?;
    let mut failures = Vec::new();
    for url in &config.urls {
        let usable = match authenticated(url, config, &options).await {
            Ok(connection) => describe(connection).await,
            Err(refusal) => Err(refusal),
        };
        match usable {
            Ok(usable) => return Ok(usable),
            Err(refusal) if !failure::is_worth_another_server(&refusal) => return Err(refusal),
            Err(refusal) => {
                tracing::warn!(server = %url, code = %refusal.code, "server {url} cannot be used");
                failures.push((url.clone(), refusal));
            }
        }
    }
    Err(match failures.len() {
        1 => failures.remove(0).1,
        _ => failure::all_failed(failures),
    })
}

/// Opens one more connection to a server that was usable before.
pub(super) async fn again(url: &str, config: &LdapConfig) -> Result<Connection, SourceError> {
    let config = located(config).await?;
    authenticated(url, &config, &options(&config)?).await
}

pub(super) fn options(config: &LdapConfig) -> Result<Options, SourceError> {
    let security = match config.tls {
        TlsMode::PlainForTests => Security::PlainForTests,
        TlsMode::Verified => {
            let trust = config
                .ca_file
                .clone()
                .map_or(Trust::Platform, Trust::CaFile);
            let identity = match &config.client_certificate {
                Some(certificate) => Some(certificate.read()?),
                None => None,
            };
            let tls = ldap::client_config(&trust, identity.as_ref())
                .map_err(|error| failure::refusal("", "set up TLS", &error))?;
            Security::Verified(tls)
        }
    };
    Ok(Options {
        security,
        server_name: config.server_name.clone(),
        timeouts: config.limits.timeouts(),
    })
}

/// A server of the list, with its addresses if they are known.
pub(super) fn endpoint(url: &str, config: &LdapConfig) -> Result<Endpoint, ldap::Error> {
    let mut endpoint: Endpoint = url.parse()?;
    if let Some(known) = config
        .addresses
        .as_ref()
        .and_then(|all| all.get(&endpoint.host))
    {
        endpoint.addresses.clone_from(known);
    }
    Ok(endpoint)
}

async fn authenticated(
    url: &str,
    config: &LdapConfig,
    options: &Options,
) -> Result<Connection, SourceError> {
    let told = |operation: &'static str| {
        move |error: ldap::Error| failure::refusal(url, operation, &error)
    };
    let endpoint = endpoint(url, config).map_err(told("connect"))?;
    let credential = config.credential(url)?;
    let connected = async || {
        let connected = ldap::connect(&endpoint, options).await;
        connected.map_err(told("connect"))
    };
    match credential {
        Credential::Simple { name, password } => {
            let connection = connected().await?;
            let bound = connection
                .simple_bind(&name, password.expose_secret())
                .await;
            bound.map_err(told("bind"))?;
            Ok(connection)
        }
        Credential::External => {
            let connection = connected().await?;
            connection.external_bind().await.map_err(told("bind"))?;
            Ok(connection)
        }
        Credential::Negotiate(identity) => {
            negotiated::connect(url, &endpoint, options, config, &identity).await
        }
    }
}
