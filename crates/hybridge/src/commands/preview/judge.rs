//! Trying objects: the rules, then a throw-away tenant directory that checks as the real one does.
//!
//! Never speaks to the source. Trap: the order of creation decides which of two claimants of one value is refused; the real
//! run may decide the other way round.

use std::{collections::HashMap, path::Path, sync::Arc};

use connectors::{
    Target as _,
    directory::{Credential, DirectoryTarget},
    source::{Listed, SourceInfo},
};
use directory::{Directory, Options, Role, TenantSeed};
use jiff::Timestamp;
use secrecy::SecretString;
use sync_core::{
    code::Code,
    expression::random::Seed,
    id::{Anchor, LinkId},
    mapping::{
        context::{Containers as Scope, Context},
        evaluate::{Evaluation, SourceView, evaluate},
    },
    operation::{Operation, Outcome, Precondition, Refusal, Verb},
    schema::checked::Rules,
    scope::Verdict,
    value::Name,
};

use super::{
    Containers,
    report::{Fate, Item, Report},
};
use crate::failure::Failure;

/// Initial domain of the throw-away tenant.
const INITIAL_DOMAIN: &str = "tenant.hybridge.example";
/// Objects created at once.
const BATCH: usize = 1_000;

/// Tries objects.
pub struct Judge {
    rules: Rules,
    info: SourceInfo,
    domains: Vec<String>,
    containers: Containers,
    anchors: HashMap<String, Anchor>,
    target: DirectoryTarget,
}

fn fault(error: impl std::fmt::Display) -> Failure {
    Failure::text(
        Code::InternalFault,
        "the throw-away directory",
        error.to_string(),
    )
}

impl Judge {
    /// Opens a throw-away tenant directory with these domains verified.
    ///
    /// # Errors
    /// `ConfigurationInvalid` if a domain is none.
    pub fn open(
        place: &Path,
        rules: Rules,
        info: SourceInfo,
        domains: Vec<String>,
        containers: Containers,
    ) -> Result<Self, Failure> {
        let seed = TenantSeed {
            id: None,
            display_name: "Preview".into(),
            initial_domain: INITIAL_DOMAIN.into(),
        };
        let ids = Arc::new(|| {
            uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid()
        });
        let options = Options::new(Arc::new(Timestamp::now), ids, seed);
        let directory =
            Arc::new(Directory::open(place.join("preview.db"), options).map_err(fault)?);
        let administrator = directory.administrator();
        for domain in &domains {
            directory
                .add_verified_domain(&administrator, domain)
                .map_err(|error| {
                    Failure::text(
                        Code::ConfigurationInvalid,
                        "--verified-domain",
                        error.to_string(),
                    )
                })?;
        }
        let lifetime = jiff::SignedDuration::from_hours(24);
        let made = directory
            .create_service_principal(&administrator, "Preview", Role::Writer, lifetime)
            .map_err(fault)?;
        let credential = Credential {
            app_id: made.app_id,
            secret: SecretString::from(made.secret.expose().to_owned()),
        };
        let mut verified = domains;
        verified.push(INITIAL_DOMAIN.into());
        Ok(Self {
            rules,
            info,
            domains: verified,
            anchors: containers
                .all
                .iter()
                .map(|(anchor, dn)| (dn.clone(), anchor.clone()))
                .collect(),
            containers,
            target: DirectoryTarget::new(directory, Arc::new(move || Some(credential.clone()))),
        })
    }

    /// Tries all objects.
    ///
    /// # Errors
    /// If the throw-away directory fails as a whole.
    pub async fn run(&self, objects: Vec<Listed>) -> Result<Report, Failure> {
        let mut report = Report {
            domain: self.info.domain_fqdn.clone(),
            server: self.info.server.clone(),
            verified_domains: self.domains.clone(),
            objects: objects.len() as u64,
            ..Report::default()
        };
        let mut waiting: Vec<(Item, Operation)> = Vec::new();
        for listed in objects {
            match self.try_rules(listed) {
                (item, None) => report.add(item),
                (item, Some(operation)) => waiting.push((item, operation)),
            }
            if waiting.len() >= BATCH {
                self.create(std::mem::take(&mut waiting), &mut report)
                    .await?;
            }
        }
        self.create(waiting, &mut report).await?;
        report.items.sort_by(|a, b| a.dn.cmp(&b.dn));
        Ok(report)
    }

    async fn create(
        &self,
        waiting: Vec<(Item, Operation)>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let operations: Vec<Operation> = waiting
            .iter()
            .map(|(_, operation)| operation.clone())
            .collect();
        let outcomes = self.target.apply(&operations).await;
        let outcomes = outcomes.map_err(|why| Failure::new(&why, "the throw-away directory"))?;
        for ((mut item, _), outcome) in waiting.into_iter().zip(outcomes) {
            item.fate = match outcome {
                Outcome::Done { .. } => Fate::Create,
                Outcome::Refused(why) => fails(&mut item, &why),
                // Its source anchor is there already.
                Outcome::Stale | Outcome::Unknown => {
                    fails(&mut item, &Refusal::new(Code::DuplicateSourceEntries))
                }
            };
            report.add(item);
        }
        Ok(())
    }

    /// The rules over one object: what would be created, or why not.
    fn try_rules(&self, listed: Listed) -> (Item, Option<Operation>) {
        let Listed { entry, dn } = listed;
        let ancestors = self.above(&dn);
        let counts: Vec<(Name, u64)> = entry
            .links
            .iter()
            .map(|link| (link.attribute.clone(), link.added.len() as u64))
            .collect();
        let class = entry.class.as_deref().unwrap_or_default();
        let view = SourceView {
            dn: &dn,
            rdn: entry.rdn.as_deref().unwrap_or_default(),
            ancestors: &ancestors,
            link_counts: &counts,
            ..SourceView::new(&entry.anchor, class, &entry.attributes)
        };
        let seed = Seed::new([0; 32]);
        let context = Context {
            domain_fqdn: &self.info.domain_fqdn,
            domain_netbios: &self.info.domain_netbios,
            verified_domains: &self.domains,
            initial_domain: INITIAL_DOMAIN,
            containers: Scope {
                included: &self.containers.included,
                excluded: &self.containers.excluded,
            },
            now: Some(Timestamp::now()),
            // Random values are others than those a server would write; only their form can be shown.
            seed: Some(&seed),
            ..Context::default()
        };
        let mut evaluation = evaluate(&self.rules, &view, &context);
        evaluation.assume_first_candidates();
        let mut item = Item {
            anchor: entry.anchor.guid_text(),
            class: class.to_owned(),
            ..Item::default()
        };
        item.dn = dn;
        self.sort(item, evaluation)
    }

    fn sort(&self, mut item: Item, evaluation: Evaluation) -> (Item, Option<Operation>) {
        if let Verdict::Out { reason } = &evaluation.scope {
            let text = reason.to_string();
            item.fate = Fate::Skip;
            item.reason = text.split(';').next().unwrap_or_default().trim().to_owned();
            item.detail = text;
            return (item, None);
        }
        let text = |name: &str| {
            evaluation
                .attributes
                .text(name)
                .unwrap_or_default()
                .to_owned()
        };
        item.name = text("displayName");
        item.user_principal_name = text("userPrincipalName");
        item.mail = text("mail");
        item.target_class = evaluation
            .target_class
            .as_deref()
            .unwrap_or_default()
            .to_owned();
        let fault = evaluation
            .problems
            .first()
            .or(evaluation.source_anchor.as_ref().err());
        if let Some(why) = fault {
            item.fate = fails(&mut item, why);
            return (item, None);
        }
        let operation = Operation {
            link: LinkId(0),
            generation: 0,
            verb: Verb::Create,
            class: evaluation.target_class.unwrap_or_else(|| "User".into()),
            target: None,
            source_anchor: evaluation.source_anchor.unwrap_or_default(),
            precondition: Precondition::Absent,
            attributes: evaluation.attributes,
            references: Vec::new(),
        };
        (item, Some(operation))
    }

    /// Anchors of the containers above a name, nearest first.
    fn above(&self, dn: &str) -> Vec<Anchor> {
        if self.anchors.is_empty() {
            return Vec::new();
        }
        let folded = dn.to_lowercase();
        let mut found = Vec::new();
        let mut is_escaped = false;
        for (at, byte) in folded.bytes().enumerate() {
            if byte == b',' && !is_escaped {
                let above = folded.get(at + 1..).unwrap_or_default().trim_start();
                found.extend(self.anchors.get(above).cloned());
            }
            is_escaped = byte == b'\\' && !is_escaped;
        }
        found
    }
}

fn fails(item: &mut Item, why: &Refusal) -> Fate {
    item.reason = why.code.name().to_owned();
    let text = why
        .argument("text")
        .map_or_else(|| why.to_string(), str::to_owned);
    item.detail = text;
    Fate::Fail
}
