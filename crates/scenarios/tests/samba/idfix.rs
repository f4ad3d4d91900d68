//! `idfix` before a real domain: planted faults are found, its corrections are carried out there, and nothing is left to find.

use std::{net::Ipv4Addr, path::Path};

use scenarios::{
    Source, World,
    look::{apply, corrections, found, line},
    samba::Domain,
    world::{private_file, quick_settings},
};

use super::ALL;

/// People with faults a domain lets in.
async fn plant(domain: &Domain, unit: &str) {
    let anna = domain.person("Anna Local", "annalocal", unit).await;
    domain
        .set(&anna, "userPrincipalName", &["annalocal@corp.local"])
        .await;
    let bert = domain.person("Bert Form", "bertform", unit).await;
    domain.set(&bert, "displayName", &[" Bert Form "]).await;
    domain.set(&bert, "mail", &["no address"]).await;
    let address = "SMTP:desk@canal.example";
    for (name, account) in [("Cor One", "corone"), ("Cor Two", "cortwo")] {
        let dn = domain.person(name, account, unit).await;
        domain.set(&dn, "proxyAddresses", &[address]).await;
    }
    let long = "x".repeat(70);
    let dora = domain.person("Dora Long", "doralong", unit).await;
    domain.set(&dora, "givenName", &[&long[..64]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn faults_of_a_real_domain_are_found_and_corrected_there() {
    let dir = tempfile::tempdir().unwrap();
    let domain = Domain::raise_with("scidfix", Ipv4Addr::new(127, 0, 4, 41), &[]).await;
    let unit = domain.unit("Story", &domain.base).await;
    let outside = domain.unit("Elsewhere", &domain.base).await;
    plant(&domain, &unit).await;
    domain.person("Eva Outside", "evaoutside", &outside).await;
    let (bind, password) = domain.sync_account(ALL).await;
    let secret = private_file(&dir, "secret", password);
    let source = Source {
        settings: serde_json::json!({
            "urls": domain.urls(),
            "bind": bind,
            "secret": { "file": secret },
            "ca_file": domain.value("LAB_CA"),
        }),
        domains: vec![domain.dns()],
    };
    let world = World::new(dir, &source, quick_settings()).await;
    let engine = world.app.engine();
    let rules = sync_core::schema::preset::AD_TO_DIRECTORY;
    let mut narrow: serde_json::Value = serde_json::from_str(rules).unwrap();
    narrow["synchronizationRules"][0]["containerFilter"] =
        serde_json::json!({ "includedContainers": [unit], "excludedContainers": [] });
    engine
        .set_job_rules(world.job.id, &narrow.to_string())
        .unwrap();

    let (report, findings) = found(&world, true).await;
    assert_eq!(report.from, "source");
    let lines: Vec<String> = findings.iter().map(line).collect();
    let anna = format!(
        "Anna Local userPrincipalName topleveldomain → annalocal@{}",
        domain.dns()
    );
    for expected in [
        anna.as_str(),
        "Bert Form displayName blank → Bert Form",
        "Bert Form mail character+format → ",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:#?}"
        );
    }
    let of = |fault: &str| {
        let mut all = findings
            .iter()
            .filter(|one| one.errors.iter().any(|error| error == fault));
        all.next()
    };
    assert_eq!(of("duplicate").unwrap().attribute, "proxyAddresses");
    let outside_scope = findings.iter().find(|one| one.dn == outside);
    let told = outside_scope.unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!(told.value, "1 people");

    let file = world.dir.path().join("corrections.ldif");
    std::fs::write(&file, corrections(&findings)).unwrap();
    let administrator = (domain.value("LAB_ADMIN"), domain.value("LAB_ADMIN_PASS"));
    let authority = Path::new(domain.value("LAB_CA"));
    apply(&domain.urls()[0], administrator, authority, &file).await;
    let (report, findings) = found(&world, true).await;
    let rest: Vec<String> = findings
        .iter()
        .filter(|one| one.dn != outside && !one.dn.starts_with("CN=Users,"))
        .map(line)
        .collect();
    assert_eq!(rest, [""; 0], "{report:#?}");

    // And what is corrected is synchronised without a failure.
    world.start_job();
    world.sync().await;
    world.agrees().await;
}
