//! Domains of the tenant and programs that may call the API, as parts of the configuration.
//!
//! Who may not see them otherwise does not see them here either, and who may not change them does not change them by a
//! document. Never holds a secret: a program that is made has none until it is given one. Trap: domains lie in the tenant
//! directory, so they are put in force after the transaction of the rest; a failure there is mended by applying again.

use std::collections::BTreeSet;

use engine::ConfigurationChange;
use sync_core::operation::Refusal;
use wire::api::v1::{Configuration, ConfiguredApiClient, ConfiguredDomain};

use super::{Present, once};
use crate::{
    access::{self, Caller, Permission},
    agents::blocking,
    api::directory,
    app::App,
};

/// What of it is there.
#[derive(Default)]
pub struct Tenancy {
    /// Domains, with the one the tenant always has.
    pub domains: Vec<ConfiguredDomain>,
    /// The one it always has.
    pub initial: String,
    /// Client ids, by name.
    pub clients: Vec<(String, ConfiguredApiClient)>,
}

impl Tenancy {
    /// Reads what a caller may see.
    ///
    /// # Errors
    /// Of the stores.
    pub async fn read(app: &App, caller: &Caller) -> Result<Self, Refusal> {
        let mut own = Self::default();
        if caller.permissions.allow(Permission::DirectoryRead) {
            for domain in directory::all_domains(app).await.map_err(|error| error.0)? {
                if domain.is_initial {
                    own.initial.clone_from(&domain.name);
                }
                own.domains.push(ConfiguredDomain {
                    name: domain.name,
                    is_federated: domain.is_federated,
                });
            }
        }
        if caller.permissions.allow(Permission::Administrator) {
            let rows = blocking(app.engine(), engine::Engine::api_clients).await?;
            own.clients = rows
                .into_iter()
                .map(|row| {
                    let shown = ConfiguredApiClient {
                        name: row.name,
                        permissions: row.permissions,
                    };
                    (row.guid, shown)
                })
                .collect();
        }
        Ok(own)
    }

    /// As parts of a document.
    pub fn show(&self, document: &mut Configuration) {
        let added = self.domains.iter().filter(|one| one.name != self.initial);
        document.domains = added.cloned().collect();
        document
            .domains
            .sort_by(|one, other| one.name.cmp(&other.name));
        document.api_clients = self.clients.iter().map(|(_, one)| one.clone()).collect();
    }
}

/// A document with names and permissions as they are stored.
pub fn normalised(mut wanted: Configuration) -> Configuration {
    for domain in &mut wanted.domains {
        domain.name = domain.name.trim().trim_end_matches('.').to_lowercase();
    }
    for client in &mut wanted.api_clients {
        // What is not known is told as a mistake.
        if let Ok(permissions) = access::permissions(&client.permissions) {
            client.permissions = permissions;
        }
    }
    wanted
}

/// Refuses who may not look at what a document wants, or, where it is to be put in force, not change it.
///
/// # Errors
/// `NotAllowed`, naming what the caller lacks.
pub fn permit(caller: &Caller, wanted: &Configuration, changes: bool) -> Result<(), Refusal> {
    let of_domains = match changes {
        true => Permission::DirectoryReadWrite,
        false => Permission::DirectoryRead,
    };
    if !wanted.domains.is_empty() {
        caller.demand(of_domains)?;
    }
    if !wanted.api_clients.is_empty() {
        caller.demand(Permission::Administrator)?;
    }
    Ok(())
}

/// Domains to be made or changed.
pub fn domains(
    present: &Present,
    wanted: &Configuration,
    mistakes: &mut Vec<String>,
) -> Vec<ConfiguredDomain> {
    let mut seen = BTreeSet::new();
    for one in &wanted.domains {
        let name = &one.name;
        if !seen.insert(name) {
            mistakes.push(format!("domain {name} is there twice"));
        }
        if let Err(why) = ::directory::check_domain_name(name) {
            mistakes.push(format!("domain: {why}"));
        }
        if one.is_federated && *name == present.tenancy.initial {
            mistakes.push(format!(
                "domain {name} is the initial domain and cannot be federated"
            ));
        }
    }
    let is_new = |one: &&ConfiguredDomain| !present.tenancy.domains.contains(one);
    wanted.domains.iter().filter(is_new).cloned().collect()
}

/// Programs to be admitted, and new permissions of those that are.
pub fn clients(
    present: &Present,
    wanted: &Configuration,
    change: &mut ConfigurationChange,
    mistakes: &mut Vec<String>,
) {
    let names = wanted.api_clients.iter().map(|one| one.name.as_str());
    once("API client", names, mistakes);
    for one in &wanted.api_clients {
        if let Err(why) = access::permissions(&one.permissions) {
            mistakes.push(format!("API client {}: {}", one.name, why.0));
            continue;
        }
        let mut there = present.tenancy.clients.iter();
        match there.find(|(_, have)| have.name == one.name) {
            None => change
                .clients
                .push((one.name.clone(), one.permissions.clone())),
            Some((guid, have)) if have.permissions != one.permissions => change
                .permissions
                .push((guid.clone(), one.permissions.clone())),
            Some(_) => {}
        }
    }
}

/// Puts domains in force.
///
/// # Errors
/// Of the directory; those before it are in force then.
pub async fn add(app: &App, domains: Vec<ConfiguredDomain>) -> Result<(), Refusal> {
    for one in domains {
        let done = directory::verify(app, one.name, Some(one.is_federated)).await;
        done.map_err(|error| error.0)?;
    }
    Ok(())
}
