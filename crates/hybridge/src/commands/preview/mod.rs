//! `hybridge preview`: what a directory would yield, before anything is installed; no server, nothing is written. Without
//! `--ldap` it is what a run of a job, or a change of its rules, would do (`running`).
//!
//! Objects are read by plain search, the rules are evaluated, and the result is created in a throw-away tenant directory on
//! this machine, so that every check of the real one is made. Trap: references are not tried, and only the domains named
//! are taken as verified.

mod judge;
pub mod report;
pub mod running;
mod secret;
mod stream;

use std::path::PathBuf;

use clap::Args;
use connectors::{
    Source,
    ldap::{AdSource, LdapConfig, OpenLdapSource},
    source::{Listed, SourceInfo},
};
use sync_core::{
    code::Code,
    id::Anchor,
    operation::Refusal,
    schema::{
        checked::{Rules, read_spec},
        preset,
    },
};

use super::Context;
use crate::{access::read, failure::Failure, show::count};
use judge::Judge;
use report::Report;

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// What kind of directory it is: ad or openldap
    #[arg(long, default_value = "ad", value_parser = clap::builder::PossibleValuesParser::new(preset::SOURCE_KINDS))]
    kind: String,
    /// Address of a server, such as ldaps://dc1.example.com; may be repeated, tried in order
    #[arg(long = "ldap", value_name = "URL", requires = "bind")]
    urls: Vec<String>,
    /// Account to sign in with: user principal name, DOMAIN\name or distinguished name
    #[arg(long, value_name = "NAME", requires = "urls")]
    bind: Option<String>,
    /// File that holds the password; else HYBRIDGE_BIND_PASSWORD, else it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Certificate authority of the server, PEM; else the system's
    #[arg(long = "ldap-ca", value_name = "FILE")]
    ldap_ca: Option<PathBuf>,
    /// Only objects below this container (distinguished name); may be repeated
    #[arg(long = "container", visible_alias = "base", value_name = "DN")]
    containers: Vec<String>,
    /// Rules (synchronizationSchema JSON); the preset unless given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Domain to be taken as verified; may be repeated; the domain of the directory unless given
    #[arg(long = "verified-domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Write every object with its outcome to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Without --ldap: which job of the server; may be left out if there is only one
    #[arg(long, value_name = "NAME", conflicts_with = "urls")]
    job: Option<String>,
    /// Without --ldap: what this change of rules would do (synchronizationSchema JSON)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["urls", "rules"])]
    schema: Option<PathBuf>,
}

/// Shows what would come of a directory.
///
/// # Errors
/// By code, from the directory or the rules; never for objects that would fail, those are the report.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Some(bind) = arguments.bind.as_deref() else {
        return running::run(arguments, context).await;
    };
    let place = tempfile_directory()?;
    let rules = rules(arguments)?;
    let secret = secret::find(arguments.password_file.as_deref(), place.path())?;
    let config = LdapConfig {
        // `--ca` means the server's authority everywhere else; here there is no server, so it may stand for this one.
        ca_file: arguments
            .ldap_ca
            .clone()
            .or_else(|| context.access.ca.clone()),
        ..LdapConfig::simple(arguments.urls.clone(), bind, secret)
    };
    let url = arguments.urls.join(" ");
    let refused = |why: Refusal| Failure::new(&why, &url);
    let mut source: Box<dyn Source> = match arguments.kind.as_str() {
        "openldap" => Box::new(OpenLdapSource::new(config)),
        _ => Box::new(AdSource::new(config)),
    };
    let source = source.as_mut();
    let info = source.discover().await.map_err(refused)?;
    context.output.say(format!(
        "{} answers for {}; reading …",
        info.server, info.domain_fqdn
    ));
    let containers = containers(source, arguments, &rules).await?;
    let domains = match arguments.domains.is_empty() {
        true => vec![info.domain_fqdn.clone()],
        false => arguments.domains.clone(),
    };
    let objects = list(source, &rules, &containers).await.map_err(refused)?;
    context.output.say(format!(
        "{} objects read; trying them …",
        count(objects.len() as u64)
    ));
    let report = judge(place.path(), rules, info, domains, containers, objects).await?;
    if let Some(path) = &arguments.csv {
        std::fs::write(path, report.csv()).map_err(|error| {
            Failure::text(
                Code::ConfigurationInvalid,
                path.display().to_string(),
                error.to_string(),
            )
        })?;
    }
    context.output.data(&report, Report::people)
}

/// A container with its folded name.
type Place = (Anchor, String);

fn rules(arguments: &Arguments) -> Result<Rules, Failure> {
    let text = match &arguments.rules {
        Some(path) => read(path)?,
        None => preset::of_kind(&arguments.kind)
            .unwrap_or(preset::AD_TO_DIRECTORY)
            .to_owned(),
    };
    preset::load(&text).map_err(|problems| {
        let place = arguments
            .rules
            .as_ref()
            .map_or_else(|| "the preset".into(), |path| path.display().to_string());
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::text(Code::SchemaInvalid, place, all.join("; "))
    })
}

/// All containers, if some are named; those named have to exist.
async fn containers(
    source: &mut dyn Source,
    arguments: &Arguments,
    rules: &Rules,
) -> Result<Containers, Failure> {
    let named = rules.containers();
    let mut included = named.included.clone();
    included.extend(arguments.containers.iter().cloned());
    if included.is_empty() && named.excluded.is_empty() {
        return Ok(Containers::default());
    }
    let url = arguments.urls.join(" ");
    let all = source
        .containers()
        .await
        .map_err(|why| Failure::new(&why, &url))?;
    let all: Vec<Place> = all
        .into_iter()
        .map(|one| (one.anchor, one.dn.to_lowercase()))
        .collect();
    let find = |dn: &String| {
        let wanted = dn.to_lowercase();
        let found = all
            .iter()
            .find(|(_, have)| *have == wanted)
            .map(|(anchor, _)| anchor.clone());
        let missing = || {
            Failure::new(
                &Refusal::new(Code::SourceBaseNotFound).with("base", dn),
                &url,
            )
        };
        found.ok_or_else(missing)
    };
    Ok(Containers {
        included: included.iter().map(find).collect::<Result<_, _>>()?,
        excluded: named.excluded.iter().map(find).collect::<Result<_, _>>()?,
        all,
    })
}

/// Containers of the scope.
#[derive(Default)]
pub struct Containers {
    /// All of the directory.
    pub all: Vec<Place>,
    /// Included.
    pub included: Vec<Anchor>,
    /// Excluded.
    pub excluded: Vec<Anchor>,
}

async fn list(
    source: &mut dyn Source,
    rules: &Rules,
    containers: &Containers,
) -> Result<Vec<Listed>, Refusal> {
    let mut spec = read_spec(rules);
    spec.containers.clone_from(&containers.included);
    let mut objects = Vec::new();
    source
        .enumerate(&spec, &mut |listed| {
            objects.push(listed);
            true
        })
        .await?;
    Ok(objects)
}

async fn judge(
    place: &std::path::Path,
    rules: Rules,
    info: SourceInfo,
    domains: Vec<String>,
    containers: Containers,
    objects: Vec<Listed>,
) -> Result<Report, Failure> {
    let judge = Judge::open(place, rules, info, domains, containers)?;
    judge.run(objects).await
}

/// A private directory that is removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tempfile_directory() -> Result<Temporary, Failure> {
    let name = format!(
        "hybridge-preview-{}-{:08x}",
        std::process::id(),
        fastrand::u32(..)
    );
    let path = std::env::temp_dir().join(name);
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&path)?;
    Ok(Temporary(path))
}
