//! A provider that restarts, forgets deletions, goes back to a backup; positions lost; changes that overlap.

use std::time::{Duration, Instant};

use super::Story;

const PATIENCE: Duration = Duration::from_secs(120);

/// Changes made while reads are under way arrive in the end as they are.
pub async fn changes_that_overlap(story: &Story) {
    let unit = &story.unit;
    let one = story.directory.person("Over", "over", unit).await;
    let two = story.directory.person("Lap", "lap", unit).await;
    for round in 0..20 {
        let title = format!("round {round}");
        let titles = [title.as_str()];
        let manager = [two.as_str()];
        tokio::join!(
            story.directory.set(&one, "title", &titles),
            story.directory.set(&two, "title", &titles),
            story.directory.set(&one, "manager", &manager),
        );
        story.directory.set(&one, "manager", &[]).await;
    }
    story.directory.set(&one, "title", &["Last"]).await;
    story.installation.sync();
    story.installation.agrees("overlapping changes");
    assert_eq!(story.installation.target(&one, "jobTitle"), ["Last"]);
    assert_eq!(story.installation.references(&one, "manager"), 0);
}

/// The provider is away for a while.
pub async fn provider_restarted(story: &mut Story) {
    story.directory.lab("down", &[]);
    let deadline = Instant::now() + PATIENCE;
    while story
        .installation
        .status()
        .source
        .position
        .failure
        .is_none()
    {
        assert!(Instant::now() < deadline, "nobody misses the provider");
        std::thread::sleep(Duration::from_millis(100));
    }
    story.directory.lab("start", &[]);
    story.directory.reconnect().await;
    let unit = story.unit.clone();
    let ada = story.directory.person("Ada", "ada", &unit).await;
    story.arrives("the provider is back", &["create Ada"]);
    story.directory.set(&ada, "title", &["Countess"]).await;
    story.arrives("and goes on", &["update Ada: jobTitle"]);
}

/// Somebody was deleted while nobody looked, and the provider restarted, so that it does not know of the deletion any more.
pub async fn deletions_forgotten(story: &mut Story) {
    story.installation.kill_agent();
    let gone = story.old_hand(9);
    story.directory.delete(&gone).await;
    story
        .directory
        .set(&story.old_hand(8), "title", &["Survivor"])
        .await;
    story.directory.lab("down", &[]);
    story.directory.lab("start", &[]);
    story.directory.reconnect().await;
    story.installation.start_agent();
    is_held_until_allowed(story, "Old hand 9");
    assert_eq!(
        story.installation.target(&story.old_hand(8), "jobTitle"),
        ["Survivor"]
    );
}

/// The provider is what it was before somebody joined and somebody changed; then it goes on from there.
pub async fn provider_restored(story: &mut Story) {
    let backup = story.dir.path().join("backup.ldif");
    let backup = backup.to_str().unwrap().to_owned();
    story.directory.lab("dump", &[&backup]);
    let unit = story.unit.clone();
    story.directory.person("Brief", "brief", &unit).await;
    story
        .directory
        .set(&story.old_hand(5), "title", &["Undone"])
        .await;
    story.installation.sync();
    story
        .installation
        .agrees("before the backup is played back");
    story.directory.lab("restore", &[&backup]);
    story.directory.reconnect().await;
    story
        .directory
        .set(&story.old_hand(6), "title", &["Afterwards"])
        .await;
    is_held_until_allowed(story, "Brief");
    let title = |number| {
        story
            .installation
            .target(&story.old_hand(number), "jobTitle")
    };
    assert_eq!(title(5), [""; 0], "what the backup does not know is undone");
    assert_eq!(title(6), ["Afterwards"]);
}

/// Everything was changed while nobody looked, and the provider does not know how to get from there to here (result 4096,
/// e-syncRefreshRequired).
pub async fn refresh_demanded(story: &mut Story, people: usize) {
    let compared = |story: &Story| story.installation.status().source.position.compared_at;
    let before = compared(story);
    story.installation.kill_agent();
    let base = story.directory.base.clone();
    let groups = ["everybody", "users", "unique"].map(|name| format!("cn={name},ou=groups,{base}"));
    let others = [
        base.clone(),
        format!("ou=people,{base}"),
        format!("ou=groups,{base}"),
        format!("cn=sync,{base}"),
        story.unit.clone(),
    ];
    let everybody = (0..people).map(|number| story.old_hand(number));
    for dn in everybody.chain(groups).chain(others) {
        story.directory.set(&dn, "description", &["touched"]).await;
    }
    story
        .directory
        .set(&story.old_hand(3), "title", &["Bosun"])
        .await;
    story.installation.start_agent();
    story.installation.sync();
    assert_eq!(
        story.installation.target(&story.old_hand(3), "jobTitle"),
        ["Bosun"]
    );
    story.installation.agrees("after the refresh");
    assert_ne!(compared(story), before, "it was not read anew");
    assert_eq!(story.installation.status().source.doorbell.why, None);
    let records = story.installation.log_since(story.mark.get());
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| record.provisioning_action.as_str())
        .collect();
    assert!(kinds.iter().all(|kind| *kind == "update"), "{kinds:?}");
    story.mark.set(story.installation.log_end());
    story
        .directory
        .set(&story.old_hand(3), "title", &["Skipper"])
        .await;
    story.arrives("changes go on", &["update Old hand 3: jobTitle"]);
}

/// A server that cannot synchronise: changes by their time, deletions by comparing the whole.
pub async fn read_by_time(story: &Story) {
    let method = story.installation.status().source.position.method.unwrap();
    assert_eq!(method.name, "modifyTimestamp");
    let weaker = method.weaker.unwrap();
    assert_eq!(
        weaker.code,
        sync_core::code::Code::SourceSyncNotOffered.name()
    );
    let unit = story.unit.clone();
    let ada = story.directory.person("Ada", "ada", &unit).await;
    story.arrives("joins", &["create Ada"]);
    story.directory.set(&ada, "title", &["Countess"]).await;
    story.arrives("changes", &["update Ada: jobTitle"]);
    story.directory.delete(&story.old_hand(9)).await;
    story.installation.sync();
    let records = story.installation.log_since(story.mark.get());
    assert!(records.is_empty(), "nobody told of it: {records:#?}");
    story.installation.compare_now();
    is_held_until_allowed(story, "Old hand 9");
}

/// The deletion of one object waits for an administrator, who allows it.
pub fn is_held_until_allowed(story: &Story, name: &str) {
    story.installation.holds_deletion_of(name);
    let records = story.installation.log_since(story.mark.get());
    assert!(
        records
            .iter()
            .all(|record| record.provisioning_action != "delete"),
        "nothing is deleted for its absence"
    );
    story.installation.allow_deletions();
    story.installation.sync();
    story.installation.agrees(name);
    let records = story.installation.log_since(story.mark.get());
    let is_it = |record: &&wire::api::v1::LogRecord| record.provisioning_action == "delete";
    assert_eq!(records.iter().filter(is_it).count(), 1, "{name}");
    story.mark.set(story.installation.log_end());
}
