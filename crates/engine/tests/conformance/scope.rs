//! Groups of a scope: who becomes due by them, and who is a member.

use engine::{ScopeLinks, reason};
use sync_core::object::Entry;

use super::{
    bench::Bench,
    source::{anchor, anchors, deleted, group, members, user},
};

/// A bench whose job has these groups in its scope; nothing is due.
fn scoped(groups: &[u16], is_transitive: bool, entries: &[Entry]) -> Bench {
    let mut bench = Bench::new();
    let links = ScopeLinks {
        groups: anchors(groups.iter().copied()),
        is_transitive,
        counted: Vec::new(),
    };
    bench
        .engine()
        .set_scope_links(&bench.job(), &links)
        .unwrap();
    bench.start_with(entries);
    assert_eq!(bench.due(), []);
    bench
}

/// Names of what is due because of a group.
fn due(bench: &Bench) -> Vec<String> {
    let mut names: Vec<String> = bench
        .due()
        .into_iter()
        .filter(|(_, reasons)| reasons & reason::SCOPE_GROUP != 0)
        .map(|(rdn, _)| rdn.replace("CN=", ""))
        .collect();
    names.sort();
    names
}

fn is_member(bench: &Bench, number: u16) -> Option<bool> {
    let told = bench
        .engine()
        .is_scope_member(bench.job_id, &[bench.object(number)]);
    let told = told.unwrap()[0];
    let mut items = [bench.item(number)];
    bench
        .engine()
        .add_scope_links(bench.job_id, &mut items)
        .unwrap();
    assert_eq!(items[0].is_group_member, told);
    told
}

#[test]
fn direct_members_and_the_group_itself_are_in_scope() {
    let entries = [
        group(1, "g", [2, 3]),
        user(2, "a"),
        group(3, "nested", [4]),
        user(4, "b"),
        user(5, "c"),
    ];
    let mut bench = scoped(&[1], false, &entries);
    let told: Vec<_> = (1..=5).map(|number| is_member(&bench, number)).collect();
    assert_eq!(
        told,
        [Some(true), Some(true), Some(true), Some(false), Some(false)]
    );
    bench.delta(&[members(1, [5], [2])]);
    assert_eq!(due(&bench), ["a", "c"]);
    bench.catch_up();
    assert_eq!(
        (is_member(&bench, 2), is_member(&bench, 5)),
        (Some(false), Some(true))
    );
    bench.delta(&[members(3, [5], [4])]);
    assert_eq!(due(&bench), [""; 0], "a nested group does not matter");
}

#[test]
fn members_of_nested_groups_follow_every_change_above_them() {
    let entries = [
        group(1, "g", [2]),
        group(2, "n", [3]),
        group(3, "nn", [4]),
        user(4, "a"),
        user(5, "b"),
        group(6, "other", [5]),
    ];
    let mut bench = scoped(&[1], true, &entries);
    assert_eq!(is_member(&bench, 4), Some(true));
    assert_eq!(is_member(&bench, 5), Some(false));
    bench.delta(&[members(3, [6], [])]);
    assert_eq!(due(&bench), ["b", "other"]);
    bench.catch_up();
    assert_eq!(is_member(&bench, 5), Some(true));
    bench.delta(&[members(1, [], [2])]);
    assert_eq!(due(&bench), ["a", "b", "n", "nn", "other"]);
    bench.catch_up();
    assert_eq!(is_member(&bench, 4), Some(false));
    bench.delta(&[group(1, "g", [3])]);
    assert_eq!(due(&bench), ["a", "b", "nn", "other"]);
}

#[test]
fn groups_in_a_circle_come_to_an_end() {
    let entries = [
        group(1, "g", [2]),
        group(2, "n", [3]),
        group(3, "nn", [2, 4]),
        user(4, "a"),
        group(5, "x", [6]),
        group(6, "y", [5, 7]),
        user(7, "b"),
    ];
    let mut bench = scoped(&[1], true, &entries);
    assert_eq!(is_member(&bench, 4), Some(true));
    assert_eq!(is_member(&bench, 7), Some(false));
    bench.delta(&[members(1, [], [2])]);
    assert_eq!(due(&bench), ["a", "n", "nn"]);
    bench.catch_up();
    assert_eq!(is_member(&bench, 4), Some(false));
}

#[test]
fn a_deleted_nested_group_takes_its_members_along_and_brings_them_back() {
    let entries = [group(1, "g", [2]), group(2, "n", [3]), user(3, "a")];
    let mut bench = scoped(&[1], true, &entries);
    bench.delta(&[deleted(2)]);
    assert_eq!(due(&bench), ["a", "n"]);
    bench.catch_up();
    assert_eq!(is_member(&bench, 3), Some(false));
    bench.delta(&[group(2, "n", [3]), members(1, [2], [])]);
    assert_eq!(due(&bench), ["a", "n"]);
    assert_eq!(is_member(&bench, 3), Some(true));
}

#[test]
fn while_a_group_of_the_scope_is_gone_or_unread_nothing_is_known() {
    let bench = Bench::new();
    let links = ScopeLinks {
        groups: vec![anchor(1)],
        ..ScopeLinks::default()
    };
    bench
        .engine()
        .set_scope_links(&bench.job(), &links)
        .unwrap();
    bench.read_full(&[user(2, "a"), user(3, "b")]);
    assert_eq!(is_member(&bench, 2), None);
    bench.delta(&[group(1, "g", [2])]);
    assert_eq!(due(&bench), ["a", "b", "g"], "now it is known of everybody");
    assert_eq!(is_member(&bench, 3), Some(false));
    bench.delta(&[deleted(1)]);
    assert_eq!(is_member(&bench, 2), None);
    assert_eq!(is_member(&bench, 3), None);
}

#[test]
fn a_job_without_groups_is_told_nothing() {
    let bench = Bench::new();
    bench.read_full(&[group(1, "g", [2]), user(2, "a")]);
    assert_eq!(is_member(&bench, 2), None);
    assert_eq!(due(&bench), [""; 0]);
}

#[test]
fn another_set_of_groups_makes_everything_due_and_the_same_set_nothing() {
    let bench = scoped(
        &[1],
        false,
        &[group(1, "g", [2]), user(2, "a"), user(3, "b")],
    );
    let links = |groups: &[u16], is_transitive| ScopeLinks {
        groups: anchors(groups.iter().copied()),
        is_transitive,
        counted: Vec::new(),
    };
    let set = |links: &ScopeLinks| bench.engine().set_scope_links(&bench.job(), links).unwrap();
    set(&links(&[1], false));
    assert_eq!(due(&bench), [""; 0]);
    set(&links(&[1], true));
    assert_eq!(due(&bench), ["a", "b", "g"]);
}

#[test]
fn a_member_nobody_has_read_is_not_planned() {
    let bench = scoped(&[1], false, &[group(1, "g", [])]);
    bench.delta(&[members(1, [9], [])]);
    assert_eq!(due(&bench), [""; 0]);
    bench.delta(&[user(9, "late")]);
    assert_eq!(bench.due().len(), 1);
    assert_eq!(is_member(&bench, 9), Some(true));
}

#[test]
fn numbers_of_links_are_counted_where_the_scope_asks() {
    let mut bench = Bench::new();
    let links = ScopeLinks {
        counted: vec!["member".into()],
        ..ScopeLinks::default()
    };
    bench
        .engine()
        .set_scope_links(&bench.job(), &links)
        .unwrap();
    bench.start_with(&[group(1, "g", [2]), user(2, "a"), user(3, "b")]);
    let count = |bench: &Bench| {
        let mut items = [bench.item(1)];
        bench
            .engine()
            .add_scope_links(bench.job_id, &mut items)
            .unwrap();
        items[0].link_counts.clone()
    };
    assert_eq!(count(&bench), [("member".into(), 1)]);
    bench.delta(&[members(1, [3], [])]);
    assert_eq!(due(&bench), ["g"]);
    assert_eq!(count(&bench), [("member".into(), 2)]);
}

#[test]
fn what_was_read_last_is_remembered() {
    let bench = Bench::new();
    assert_eq!(bench.engine().last_spec(bench.source_id).unwrap(), None);
    bench.read_full(&[user(1, "a")]);
    let spec = bench.engine().last_spec(bench.source_id).unwrap();
    assert_eq!(spec, Some(super::bench::spec()));
}
