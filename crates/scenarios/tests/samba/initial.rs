//! The initial cycle: everything in scope is created once, everything else is skipped once, with its reason.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::{processes, samba::cn};
use wire::api::v1::LogRecord;

use super::Story;

/// What the initial cycle finds in the story's unit: some of everything.
pub async fn populate(story: &Story) {
    let (domain, unit) = (&story.domain, &story.unit);
    let before = domain.unit("Before", unit).await;
    let first = domain.person("Old hand", "oldhand", &before).await;
    let second = domain.person("Boss", "boss", &before).await;
    domain.set(&first, "manager", &[&second]).await;
    let contact = domain
        .contact("Partner", "partner@partner.example", &before)
        .await;
    let silent = cn("No address", &before);
    domain.add(&silent, &[("objectClass", "contact")]).await;
    let inner = domain.group("Old inner", "oldinner", &before).await;
    let outer = domain.group("Old outer", "oldouter", &before).await;
    domain
        .put(&inner, "member", &[&first, &contact, &silent])
        .await;
    domain.put(&outer, "member", &[&inner, &second]).await;
    let victim = domain.person("Twice", "twice", &before).await;
    domain.person("Twice, the other", "twice2", &before).await;
    domain.make_conflict_victim(&victim, "Twice").await;
}

/// The log of the initial cycle against a plain search.
pub async fn is_logged(story: &Story) {
    let records = story.installation.log_since(0);
    let by_action = |action: &str| -> BTreeMap<String, &LogRecord> {
        let found = records
            .iter()
            .filter(|record| record.provisioning_action == action);
        let all: BTreeMap<_, _> = found
            .clone()
            .map(|record| (record.source_identity.id.clone(), record))
            .collect();
        assert_eq!(found.count(), all.len(), "{action} twice");
        all
    };
    let (created, skipped) = (by_action("create"), by_action("skip"));
    let mut reasons = BTreeMap::new();
    for object in story.domain.objects().await {
        let reason = object.expected_skip();
        let record = match reason {
            None => created.get(&object.guid),
            Some(_) => skipped.get(&object.guid),
        };
        let record = record.unwrap_or_else(|| panic!("{} is not logged as {reason:?}", object.dn));
        let why = record.problem.as_ref().map(processes::reason);
        assert_eq!(why.as_deref(), reason, "{}", object.dn);
        *reasons.entry(reason).or_insert(0) += 1;
    }
    assert_eq!(reasons.get(&None), Some(&created.len()));
    assert_eq!(
        reasons.values().sum::<usize>(),
        created.len() + skipped.len()
    );
    let rest: BTreeSet<String> = records
        .iter()
        .filter(|record| !["create", "skip"].contains(&record.provisioning_action.as_str()))
        .map(|record| {
            let line = processes::line(record);
            line.split(" +").next().unwrap().to_owned()
        })
        .collect();
    // References follow when both ends are there, and travel with the creation where the other end was carried out already.
    // Which of the two it is depends on how far the read was when planning began; that nothing else is updated does not.
    let may_follow = [
        "update Old hand: manager",
        "update Old inner: members",
        "update Old outer: members",
    ];
    let unexpected: Vec<&String> = rest
        .iter()
        .filter(|line| !may_follow.contains(&line.as_str()))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}
