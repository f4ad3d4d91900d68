//! `hybridge directory domains list|add|remove`.

use clap::{Args, Subcommand};
use wire::api::v1::{Domain, DomainChange, Page};

use crate::{
    commands::{Context, job::on_or_off, segment},
    failure::Failure,
    output::table,
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List verified domains
    List,
    /// Add a domain as verified: names and addresses may use it from now on
    #[command(visible_alias = "verify")]
    Add(Addition),
    /// Remove a domain nobody's sign-in name uses
    Remove(Which),
}

/// Which domain.
#[derive(Args, Debug)]
pub struct Which {
    /// Name of the domain, such as contoso.com
    domain: String,
}

/// A domain to add.
#[derive(Args, Debug)]
pub struct Addition {
    /// Name of the domain, such as contoso.com
    domain: String,
    /// Whether sign-ins of the domain are carried out by somebody else
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    federated: Option<bool>,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        Command::List => {
            let page: Page<Domain> = client.get("directory/domains", &[]).await?;
            context.output.data(&page, |page| {
                let mark = |domain: &Domain| match (domain.is_initial, domain.is_federated) {
                    (true, _) => "initial",
                    (false, true) => "federated",
                    (false, false) => "",
                };
                let row = |domain: &Domain| vec![domain.name.clone(), mark(domain).into()];
                table(
                    &["DOMAIN", ""],
                    page.items.iter().map(row).collect(),
                    "none",
                )
            })
        }
        Command::Add(which) => {
            let change = DomainChange {
                name: which.domain,
                is_federated: which.federated,
            };
            let domain: Domain = client.post("directory/domains", &change).await?;
            context
                .output
                .data(&domain, |domain| format!("{} is verified", domain.name))
        }
        Command::Remove(which) => {
            let path = format!("directory/domains/{}", segment(&which.domain));
            let answer = client.delete(&path).await?;
            context
                .output
                .data(&answer, |_| format!("{} is removed", which.domain))
        }
    }
}
