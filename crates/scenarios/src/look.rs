//! `idfix` asked and answered: what it finds, and its corrections carried out by a real `ldapmodify`.

use std::{path::Path, process::Command};

use server::idfix::{self, Plan};
use sync_core::idfix::ldif::{self, Correction};
use wire::api::v1::{IdfixEvent, IdfixFinding, IdfixReport};

use crate::World;

/// What `idfix` says of the world's first source.
pub async fn found(world: &World, fresh: bool) -> (IdfixReport, Vec<IdfixFinding>) {
    let engine = world.app.engine();
    let plan = Plan {
        source: engine.connector(world.source_id()).unwrap(),
        job: engine.job(world.job.id).unwrap(),
        has_job: true,
        fresh,
    };
    let (told, mut heard) = tokio::sync::mpsc::channel(100_000);
    let report = idfix::run(&world.app, &plan, &told).await.unwrap();
    drop(told);
    let mut findings = Vec::new();
    while let Some(event) = heard.recv().await {
        if let IdfixEvent::Finding(finding) = event {
            findings.push(finding);
        }
    }
    assert_eq!(report.findings, findings.len() as u64);
    (report, findings)
}

/// A finding in a line: whose, what, why, and what is proposed.
pub fn line(one: &IdfixFinding) -> String {
    format!(
        "{} {} {} → {}",
        one.common_name,
        one.attribute,
        one.errors.join("+"),
        one.update
    )
}

/// The corrections that need nobody's decision, as LDIF.
pub fn corrections(findings: &[IdfixFinding]) -> String {
    let one = |finding: &'_ IdfixFinding| matches!(finding.action.as_str(), "EDIT" | "REMOVE");
    ldif::of(
        findings
            .iter()
            .filter(|f| one(f))
            .map(|finding| Correction {
                dn: &finding.dn,
                attribute: &finding.attribute,
                value: &finding.value,
                update: (finding.action == "EDIT").then_some(finding.update.as_str()),
            }),
    )
}

/// Carries corrections out with `ldapmodify`.
pub async fn apply(url: &str, (bind, password): (&str, &str), authority: &Path, file: &Path) {
    let mut command = Command::new("ldapmodify");
    command
        .args(["-x", "-H", url, "-D", bind, "-w", password, "-f"])
        .arg(file)
        .env("LDAPTLS_CACERT", authority);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ran = ran.await.unwrap();
    assert!(
        ran.status.success(),
        "{} {}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}
