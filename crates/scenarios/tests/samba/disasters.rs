//! Deletion disasters in a real domain, decided and undone as an administrator does it: by command.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use scenarios::samba::{Domain, cn};
use serde_json::{Value, json};
use wire::api::v1::{Decided, Deletion, Guard, Hold, Page, Undone};

use super::{ALL, Setting, Story};

const CREW: usize = 8;

fn name(n: usize) -> String {
    format!("Roer {n}")
}

impl Story {
    fn held(&self) -> Vec<Deletion> {
        self.installation
            .ask::<Page<Deletion>>(&["deletes", "list"])
            .items
    }

    /// The guard holds, for this reason, and the target is as it was.
    fn is_held(&self, what: &str, cause: &str, names: &[String]) -> Vec<Deletion> {
        let status = self.installation.sync();
        let guard = status.guard.unwrap_or_else(|| panic!("{what}: not held"));
        assert_eq!(guard.arguments["cause"], cause, "{what}: {guard:?}");
        assert_eq!(self.installation.names(), names, "{what}");
        self.held()
    }

    fn is_over(&self, what: &str, names: &[String]) {
        let status = self.installation.sync();
        assert!(status.guard.is_none(), "{what}: {:?}", status.guard);
        assert_eq!(self.held(), [], "{what}");
        assert_eq!(self.installation.names(), names, "{what}");
        self.installation.agrees(what);
    }

    /// A change made while nothing is read.
    async fn at_once(&self, change: impl AsyncFnOnce(&Domain)) {
        self.installation.pause();
        change(&self.domain).await;
        self.installation.resume();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disasters_in_a_real_domain_are_held_named_decided_in_part_and_undone() {
    let story = Story::prepare(&Setting {
        name: "scdisaster",
        first: Ipv4Addr::new(127, 0, 7, 41),
        people: 0,
        rights: ALL,
        has_partner: false,
    })
    .await;
    let limits = ["--guard-count", "6", "--guard-percent", "0"];
    let mut settings = vec!["job", "settings", "main"];
    settings.extend(limits);
    story.installation.ask::<Value>(&settings);
    let sales = story.domain.unit("Sales", &story.unit).await;
    let mut crew = Vec::new();
    for n in 0..CREW {
        crew.push(
            story
                .domain
                .person(&name(n), &format!("roer{n}"), &sales)
                .await,
        );
    }
    let mut groups = Vec::new();
    for n in 0..CREW {
        let group = story
            .domain
            .group(&format!("Ship {n}"), &format!("ship{n}"), &story.unit)
            .await;
        story
            .domain
            .put(&group, "member", &[&crew[0], &crew[1]])
            .await;
        groups.push(group);
    }
    let unit = story.unit.clone();
    story.installation.set_rule(|rule| {
        rule["containerFilter"] = json!({ "includedContainers": [unit] });
    });
    story.installation.resume();
    story.installation.sync();
    let names = story.installation.names();
    assert_eq!(names.len(), 2 * CREW, "{names:?}");
    story.installation.agrees("the beginning");

    the_base_is_renamed(&story, &names).await;
    out_of_scope(&story, &sales, &names).await;
    a_typing_error(&story, &names);
    members_go(&story, &groups, &crew[0], &names).await;
    addresses_go(&story, &crew, &names).await;
    people_go(&story, &crew, &groups, &names).await;
    let names = a_group_of_the_scope_goes(&story, &crew, &groups, &names).await;
    an_old_snapshot_is_put_back(&story, &names).await;
}

/// A container is the same one under another name and in another place: nobody leaves the scope.
async fn the_base_is_renamed(story: &Story, names: &[String]) {
    let mark = story.installation.log_end();
    let renamed = story.domain.rename(&story.unit, "Tale").await;
    story.is_over("the base is renamed", names);
    let elsewhere = story.domain.unit("Elsewhere", &story.domain.base).await;
    let moved = story.domain.move_to(&renamed, &elsewhere).await;
    story.is_over("the base is moved", names);
    let back = story.domain.move_to(&moved, &story.domain.base).await;
    let again = story.domain.rename(&back, "Story").await;
    assert_eq!(again.to_lowercase(), story.unit.to_lowercase());
    story.is_over("the base is back", names);
    let gone = story.installation.log_since(mark);
    let is_gone = |record: &&wire::api::v1::LogRecord| record.provisioning_action == "delete";
    assert_eq!(gone.iter().filter(is_gone).count(), 0, "{gone:#?}");
}

/// The group that decides who is in scope is emptied, and then deleted. Returns who is there now: Samba cannot delete again what was
/// restored.
async fn a_group_of_the_scope_goes(
    story: &Story,
    crew: &[String],
    groups: &[String],
    names: &[String],
) -> Vec<String> {
    let fleet = story.domain.group("Fleet", "fleet", &story.unit).await;
    let all: Vec<&str> = crew.iter().chain(groups).map(String::as_str).collect();
    story.domain.put(&fleet, "member", &all).await;
    let mut with_fleet = names.to_vec();
    with_fleet.push("Fleet".into());
    with_fleet.sort();
    story.is_over("a group of everybody", &with_fleet);
    let group = fleet.clone();
    story.installation.set_rule(|rule| {
        rule["groupFilter"] = json!({ "includedGroups": [group] });
    });
    story.is_over("it is the scope", &with_fleet);
    story
        .at_once(async |domain| domain.take(&fleet, "member", &all).await)
        .await;
    let held = story.is_held("the group is emptied", "ScopeGroupChanged", &with_fleet);
    let deletes = held.iter().filter(|one| one.verb == "delete");
    assert_eq!(deletes.count(), all.len(), "{held:#?}");
    story
        .at_once(async |domain| domain.put(&fleet, "member", &all).await)
        .await;
    story.is_over("and filled again", &with_fleet);
    let guid = story.domain.delete(&fleet).await;
    story.installation.sync();
    let left = story.installation.names();
    assert!(names.iter().all(|name| left.contains(name)), "{left:?}");
    story.domain.restore(&guid);
    let has = story.domain.names(&story.unit, "memberOf", &fleet).await;
    for member in all.iter().filter(|dn| !has.iter().any(|one| one == *dn)) {
        story.domain.put(&fleet, "member", &[member]).await;
    }
    story.is_over("the group is restored", &with_fleet);
    story.installation.set_rule(|rule| {
        rule.as_object_mut().unwrap().remove("groupFilter");
    });
    story.is_over("the group is not needed any more", &with_fleet);
    with_fleet
}

/// The only controller is put back to an older state: who came since is not deleted unasked.
async fn an_old_snapshot_is_put_back(story: &Story, names: &[String]) {
    let stopped = async |act: &dyn Fn(&Domain)| {
        story.installation.pause();
        story.domain.lab("down", &[]);
        act(&story.domain);
        story.domain.lab("start", &[]);
        story.domain.write_at_first().await;
        story.installation.resume();
    };
    stopped(&|domain| drop(domain.lab("snapshot", &["old"]))).await;
    story.is_over("the controller was restarted", names);
    let mut later = names.to_vec();
    for n in 0..3 {
        let name = format!("Later {n}");
        let unit = &story.unit;
        story.domain.person(&name, &format!("later{n}"), unit).await;
        later.push(name);
    }
    later.sort();
    story.is_over("three came", &later);
    stopped(&|domain| drop(domain.lab("restore", &["old"]))).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let held = loop {
        let status = story.installation.sync();
        let held = story.held();
        if held.len() == 3 {
            assert_eq!(
                status.guard.map(|guard| guard.code).as_deref(),
                Some("ObjectVanished")
            );
            break held;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{held:#?} {status:#?}"
        );
    };
    assert_eq!(story.installation.names(), later, "nobody is gone");
    let since = Timestamp::now().to_string();
    let one = [held[0].id.as_str()];
    story
        .installation
        .ask::<Decided>(&[&["deletes", "allow"], &one[..]].concat());
    story.installation.sync();
    assert_eq!(story.installation.names().len(), later.len() - 1);
    story
        .installation
        .ask::<Undone>(&["undo", "--since", &since, "--yes"]);
    story.installation.sync();
    assert_eq!(story.installation.names(), later);
    let unasked = story.installation.run(&["holds", "release", "--all"]);
    assert_eq!(unasked.status.code(), Some(1), "a script has to say yes");
    let released: Decided = story
        .installation
        .ask(&["holds", "release", "--all", "--yes"]);
    assert!(released.count > 0, "what was undone was held");
}

async fn out_of_scope(story: &Story, sales: &str, names: &[String]) {
    let moved = story.domain.move_to(sales, &story.domain.base).await;
    let held = story.is_held("a unit leaves the scope", "ContainerMoved", names);
    assert_eq!(held.len(), CREW);
    assert!(held.iter().all(|one| one.verb == "delete"));
    story.domain.move_to(&moved, &story.unit).await;
    story.is_over("and comes back", names);
}

fn a_typing_error(story: &Story, names: &[String]) {
    story.installation.set_rule(|rule| {
        rule["objectMappings"][0]["scope"]["groups"] = json!([{ "name": "staff", "clauses": [
            { "operatorName": "EQUALS", "sourceOperandName": "department", "targetOperand": { "values": ["Salse"] } }] }]);
    });
    let held = story.is_held("a filter with a typing error", "RulesChanged", names);
    assert_eq!(held.len(), CREW);
    story.installation.set_rule(|rule| {
        rule["objectMappings"][0]["scope"]["groups"] = json!([]);
    });
    story.is_over("the filter is put right", names);
}

async fn members_go(story: &Story, groups: &[String], who: &str, names: &[String]) {
    story
        .at_once(async |domain| {
            for group in groups {
                domain.take(group, "member", &[who]).await;
            }
        })
        .await;
    let held = story.is_held("groups lose a member each", "MembersRemoved", names);
    assert_eq!(held.len(), CREW, "{held:#?}");
    assert_eq!((held[0].verb.as_str(), held[0].count), ("removeMembers", 1));
    assert!(held[0].what[0].starts_with("CN=Roer 0,"));
    let some = [held[0].id.as_str(), held[1].id.as_str()];
    let decided: Decided = story
        .installation
        .ask(&[&["deletes", "allow"], &some[..]].concat());
    assert_eq!(decided.count, 2);
    story.installation.sync();
    let count = |group: &str| story.installation.references(group, "members");
    let counts: Vec<u64> = groups.iter().map(|group| count(group)).collect();
    assert_eq!(counts.iter().filter(|count| **count == 1).count(), 2);
    story
        .at_once(async |domain| {
            for group in groups {
                domain.put(group, "member", &[who]).await;
            }
        })
        .await;
    story.is_over("the members are put back", names);
}

async fn addresses_go(story: &Story, crew: &[String], names: &[String]) {
    story
        .at_once(async |domain| {
            for person in crew {
                domain.set(person, "department", &["Sales"]).await;
                domain.set(person, "telephoneNumber", &["+31 20 1"]).await;
            }
        })
        .await;
    story.is_over("numbers", names);
    story
        .at_once(async |domain| {
            for person in crew {
                domain.set(person, "telephoneNumber", &[]).await;
                domain.set(person, "department", &["Harbour"]).await;
            }
        })
        .await;
    let held = story.is_held("numbers are cleared", "ValuesCleared", names);
    assert_eq!(held.len(), CREW, "{held:#?}");
    assert_eq!(story.target(&crew[0], "department"), ["Harbour"]);
    let refused: Decided = story
        .installation
        .ask(&["deletes", "refuse", "--all", "--yes"]);
    assert_eq!(refused.count, CREW as u64);
    let status = story.installation.sync();
    assert!(status.guard.is_none());
    let holds: Page<Hold> = story.installation.ask(&["holds", "list"]);
    // A number is two attributes of the target, each held by itself.
    let objects: std::collections::BTreeSet<&str> =
        holds.items.iter().map(|hold| hold.id.as_str()).collect();
    assert_eq!(objects.len(), CREW, "{holds:#?}");
    assert_eq!(holds.items[0].state, "refused");
    story
        .at_once(async |domain| {
            for person in crew {
                domain.set(person, "telephoneNumber", &["+31 20 2"]).await;
            }
        })
        .await;
    story.is_over("other numbers", names);
}

async fn people_go(story: &Story, crew: &[String], groups: &[String], names: &[String]) {
    let ids: Vec<String> = crew.iter().map(|dn| story.target_id(dn)).collect();
    let since = Timestamp::now().to_string();
    let mut anchors = Vec::new();
    story
        .at_once(async |domain| {
            for person in crew {
                anchors.push(domain.delete(person).await);
            }
        })
        .await;
    let held = story.is_held("everybody is deleted", "DeletedInSource", names);
    assert_eq!(held.len(), CREW);
    let two: Vec<&str> = held
        .iter()
        .filter(|one| [name(0), name(1)].contains(&one.name))
        .map(|one| one.id.as_str())
        .collect();
    story
        .installation
        .ask::<Decided>(&[&["deletes", "allow"], &two[..]].concat());
    story.installation.sync();
    assert_eq!(story.installation.names().len(), names.len() - 2);
    let count = |group: &String| story.installation.references(group, "members");
    assert!(groups.iter().all(|group| count(group) == 0));
    story
        .installation
        .ask::<Decided>(&["deletes", "refuse", "--all", "--yes"]);

    let preview: Undone = story
        .installation
        .ask(&["undo", "--since", &since, "--preview"]);
    assert_eq!((preview.id, preview.bring_back), (None, 2), "{preview:#?}");
    let undone: Undone = story
        .installation
        .ask(&["undo", "--since", &since, "--yes"]);
    assert_eq!(undone.bring_back, 2);
    story.installation.sync();
    assert_eq!(story.installation.names(), names);
    assert!(
        groups.iter().all(|group| count(group) == 2),
        "members included"
    );
    let report = story.installation.verify();
    assert!(report.agree, "{report:#?}");
    let guard: Guard = story.installation.ask(&["guard", "show"]);
    assert_eq!(guard.jobs[0].own.threshold, Some(6));

    // Everything is restored in the domain: nothing is held any more, and everybody is who they were.
    story.installation.pause();
    for anchor in &anchors {
        story.domain.restore(anchor);
    }
    for group in groups {
        let members = [
            cn(&name(0), &container(crew)),
            cn(&name(1), &container(crew)),
        ];
        let has = story.domain.names(&story.unit, "memberOf", group).await;
        for member in members.iter().filter(|member| !has.contains(member)) {
            story.domain.put(group, "member", &[member]).await;
        }
    }
    story.installation.resume();
    story.is_over("restored", names);
    let again: Vec<String> = crew.iter().map(|dn| story.target_id(dn)).collect();
    assert_eq!(again, ids);
    let holds: Page<Hold> = story.installation.ask(&["holds", "list"]);
    assert_eq!(holds.items, []);
}

fn container(crew: &[String]) -> String {
    scenarios::samba::container_of(&crew[0]).to_owned()
}
