//! `idfix`: what is planted is found, and what is proposed, carried out by a real `ldapmodify`, leaves nothing to find.

use forest::{Edit, Organisation, Rights};
use scenarios::{
    Source, World,
    look::{apply, corrections, found, line},
    world::quick_settings,
};

const PASSWORD: &str = "Secret.Write1";

// LONG: one story, told in order: planted, found, corrected, clean, read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_planted_is_found_and_its_corrections_leave_nothing_to_find() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation {
        people: 60,
        seed: 7,
    }
    .build()
    .unwrap();
    let forest = company.forest.clone();
    forest.add_ou(&forest.domain_dn(), "Story").unwrap();
    let unit = format!("OU=Story,{}", forest.domain_dn());
    let person = |name: &str, more: &[(&str, &str)]| forest.add_user(&unit, name, more).unwrap();
    let local = person(
        "Anna Local",
        &[
            ("sAMAccountName", "annalocal"),
            ("userPrincipalName", "annalocal@canal.local"),
        ],
    );
    person(
        "Bert Form",
        &[
            ("sAMAccountName", "bertform"),
            ("userPrincipalName", "bert&form@canal.example"),
            ("displayName", " Bert Form "),
            ("mailNickname", ".bert form"),
            ("targetAddress", "smtp:bert@canal.example"),
        ],
    );
    forest
        .modify(local, vec![Edit::set("mail", "no address")])
        .unwrap();
    forest.add_account("writer", PASSWORD, Rights::ALL).unwrap();
    let (source, served) = Source::forest(&forest, &dir).await;
    let world = World::new(dir, &source, quick_settings()).await;

    let (report, findings) = found(&world, false).await;
    assert_eq!(report.from, "source");
    let lines: Vec<String> = findings.iter().map(line).collect();
    for expected in [
        "Anna Local userPrincipalName topleveldomain → annalocal@canal.example",
        "Anna Local mail character+format → ",
        "Bert Form userPrincipalName character → bertform@canal.example",
        "Bert Form displayName blank → Bert Form",
        "Bert Form mailNickname character → bertform",
        "Bert Form targetAddress format → SMTP:bert@canal.example",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:#?}"
        );
    }
    for (attribute, least) in [
        ("proxyAddresses", 2),
        ("userPrincipalName", 2),
        ("mailNickname", 2),
    ] {
        let duplicates = findings.iter().filter(|one| {
            one.attribute == attribute && one.errors.iter().any(|error| error == "duplicate")
        });
        assert!(duplicates.count() >= least, "{attribute}: {lines:#?}");
    }

    let file = world.dir.path().join("corrections.ldif");
    std::fs::write(&file, corrections(&findings)).unwrap();
    let url = format!("ldaps://127.0.0.1:{}", served.addr.port());
    let authority = world.dir.path().join("forest-ca.pem");
    apply(&url, ("writer@canal.example", PASSWORD), &authority, &file).await;
    let (report, findings) = found(&world, true).await;
    assert_eq!(findings, [], "{report:#?}");

    // What was read is looked at instead, once it was read.
    world.start_job();
    world.sync().await;
    let (report, findings) = found(&world, false).await;
    assert_eq!(
        (report.from.as_str(), findings.len()),
        ("connectorSpace", 0),
        "{findings:#?}"
    );
}
