//! Pages merged into the connector space, and the work they cause.

use engine::{ObjectState, ObserveError, ReadResult, reason};

use super::{
    bench::{Bench, spec},
    source::{anchor, at, below, container, deleted, group, members, part, user, with},
};

#[test]
fn takes_pages_in_order_and_refuses_every_other() {
    let bench = Bench::new();
    let e = bench.engine();
    let read = e.begin_read(bench.source_id, &spec()).unwrap().read;
    e.observe(read, 0, &[user(1, "a")], None).unwrap();
    let again = e.observe(read, 0, &[user(1, "b")], None);
    assert!(
        matches!(
            again,
            Err(ObserveError::NotNext {
                expected: 1,
                got: 0
            })
        ),
        "{again:?}"
    );
    let skipped = e.observe(read, 2, &[user(2, "c")], None);
    assert!(matches!(
        skipped,
        Err(ObserveError::NotNext {
            expected: 1,
            got: 2
        })
    ));
    e.observe(read, 1, &[user(2, "b")], None).unwrap();
    assert_eq!(
        bench.item(1).source.attributes.text("displayName"),
        Some("a")
    );
    e.end_read(read, &ReadResult::complete(b"x")).unwrap();
    let late = e.observe(read, 2, &[], None);
    assert!(matches!(late, Err(ObserveError::Over)));
    assert!(e.end_read(read, &ReadResult::complete(b"y")).is_err());
}

#[test]
fn a_new_read_takes_over_from_one_still_open() {
    let bench = Bench::new();
    let e = bench.engine();
    let old = e.begin_read(bench.source_id, &spec()).unwrap().read;
    let new = e.begin_read(bench.source_id, &spec()).unwrap().read;
    assert!(matches!(
        e.observe(old, 0, &[user(1, "a")], None),
        Err(ObserveError::Over)
    ));
    assert_eq!(e.observe(new, 0, &[user(1, "a")], None).unwrap().changed, 1);
}

#[test]
fn a_read_does_not_outlive_the_server() {
    let mut bench = Bench::new();
    let read = bench
        .engine()
        .begin_read(bench.source_id, &spec())
        .unwrap()
        .read;
    bench.restart();
    let late = bench.engine().observe(read, 0, &[user(1, "a")], None);
    assert!(matches!(late, Err(ObserveError::Over)));
    assert_eq!(
        bench
            .engine()
            .last_read(bench.source_id)
            .unwrap()
            .unwrap()
            .state,
        "abandoned"
    );
}

#[test]
fn merges_whole_part_skeleton_and_deleted() {
    let bench = Bench::new();
    bench.read_full(&[with(user(1, "Ann"), &[("mail", "a@x"), ("title", "Boss")])]);
    assert_eq!(
        bench.delta(&[part(1, &[("mail", ""), ("displayName", "Anna")])]),
        1
    );
    let held = bench.item(1).source.attributes;
    assert_eq!(held.text("displayName"), Some("Anna"));
    assert_eq!(
        (held.values("mail"), held.text("title")),
        (None, Some("Boss"))
    );
    bench.delta(&[container(1, "CN=Anna", None)]);
    assert_eq!(bench.state(1), ObjectState::Skeleton);
    assert!(bench.item(1).source.attributes.is_empty());
    assert_eq!(
        bench.delta(&[part(1, &[("displayName", "No")])]),
        0,
        "outside the read spec"
    );
    bench.delta(&[user(1, "Ann")]);
    assert_eq!(bench.state(1), ObjectState::Live);
    assert_eq!(
        bench.delta(&[deleted(1), deleted(9)]),
        1,
        "what was never seen cannot be deleted"
    );
    assert_eq!(bench.state(1), ObjectState::Deleted);
    assert_eq!(
        bench
            .engine()
            .object_by_anchor(bench.source_id, &anchor(9))
            .unwrap(),
        None
    );
}

#[test]
fn what_is_no_different_writes_nothing_and_is_not_due() {
    let mut bench = Bench::new();
    let all = [
        at(user(1, "Ann"), 5),
        at(group(2, "All", [1, 3]), 6),
        container(4, "OU=x", None),
    ];
    bench.start_with(&all);
    assert_eq!(bench.due(), []);
    let before = bench.source().last_change_at;
    bench.pass(1_000);
    assert_eq!(bench.delta(&all), 0);
    assert_eq!(
        bench.delta(&[part(1, &[("displayName", "Ann")]), members(2, [1], [7])]),
        0
    );
    assert_eq!(bench.read_full(&all), None);
    assert_eq!(bench.due(), []);
    assert!(!bench.engine().has_due_references(bench.job_id).unwrap());
    assert_eq!(bench.source().last_change_at, before);
}

#[test]
fn an_older_version_of_the_same_replica_is_ignored() {
    let bench = Bench::new();
    bench.read_full(&[at(user(1, "new"), 10)]);
    assert_eq!(bench.delta(&[at(user(1, "old"), 9)]), 0);
    assert_eq!(bench.delta(&[at(deleted(1), 9)]), 0);
    assert_eq!(bench.delta(&[at(user(1, "newer"), 11)]), 1);
}

#[test]
fn a_version_counts_although_it_brought_nothing_new() {
    let bench = Bench::new();
    bench.read_full(&[at(user(1, "a"), 5)]);
    assert_eq!(
        bench.delta(&[at(user(1, "a"), 10)]),
        0,
        "changed to b at 7 and back at 10"
    );
    assert_eq!(bench.delta(&[at(user(1, "b"), 7)]), 0, "comes late");
    assert_eq!(
        bench.item(1).source.attributes.text("displayName"),
        Some("a")
    );
}

#[test]
fn a_late_answer_does_not_bring_back_the_deleted() {
    let bench = Bench::new();
    bench.read_full(&[at(user(1, "a"), 5), user(2, "b")]);
    bench.delta(&[at(deleted(1), 20)]);
    assert!(
        !bench
            .engine()
            .observe_one(bench.source_id, &at(user(1, "a"), 15))
            .unwrap()
    );
    assert_eq!(bench.state(1), ObjectState::Deleted);
    assert!(
        bench
            .engine()
            .observe_one(bench.source_id, &at(user(1, "a"), 21))
            .unwrap()
    );
    assert_eq!(bench.state(1), ObjectState::Live);
}

#[test]
fn a_change_of_a_deleted_object_has_it_looked_up() {
    let bench = Bench::new();
    bench.read_full(&[user(1, "a"), user(2, "b")]);
    bench.delta(&[deleted(1)]);
    bench.delta(&[part(1, &[("displayName", "back")])]);
    assert_eq!(bench.state(1), ObjectState::Deleted);
    let lookups = bench.engine().lookups(bench.source_id, 10).unwrap();
    assert_eq!(lookups, [(bench.object(1), anchor(1), false)]);
    bench
        .engine()
        .observe_one(bench.source_id, &user(1, "back"))
        .unwrap();
    assert_eq!(bench.state(1), ObjectState::Live);
    assert_eq!(bench.engine().lookups(bench.source_id, 10).unwrap(), []);
}

#[test]
fn unknown_anchors_become_stubs_that_nothing_is_planned_from() {
    let bench = Bench::new();
    bench.read_full(&[group(1, "g", [7]), below(user(2, "u"), 8)]);
    assert_eq!(
        (bench.state(7), bench.state(8)),
        (ObjectState::Stub, ObjectState::Stub)
    );
    assert_eq!(bench.due().len(), 2);
    assert_eq!(bench.delta(&[user(7, "late")]), 1);
    assert_eq!(bench.state(7), ObjectState::Live);
}

#[test]
fn names_are_put_together_from_the_containers_above() {
    let bench = Bench::new();
    bench.read_full(&[
        container(1, "DC=x", None),
        container(2, "OU=a\\,b", Some(1)),
        below(user(3, "u"), 2),
    ]);
    let item = bench.item(3);
    assert_eq!(item.source.dn, "CN=u,OU=a\\,b,DC=x");
    assert_eq!(item.source.ancestors, [anchor(2), anchor(1)]);
    let found = bench
        .engine()
        .object_at_dn(bench.source_id, "cn=U, ou=A\\2CB,dc=X")
        .unwrap();
    assert_eq!(found, Some(bench.object(3)));
    bench.delta(&[deleted(3), below(user(4, "u"), 2)]);
    let found = bench
        .engine()
        .object_at_dn(bench.source_id, "CN=u,OU=a\\,b,DC=x")
        .unwrap();
    assert_eq!(found, Some(bench.object(4)), "who lives there, not who did");
}

#[test]
fn nothing_is_planned_before_its_containers_were_shown() {
    let bench = Bench::new();
    let e = bench.engine();
    let read = e.begin_read(bench.source_id, &spec()).unwrap().read;
    let show = |number, entry| e.observe(read, number, &[entry], None).unwrap();
    let settled = || {
        while e.wake().unwrap() {}
        bench.due()
    };
    show(0, below(user(3, "u"), 2));
    assert_eq!(settled(), []);
    show(1, container(2, "OU=a", Some(1)));
    assert_eq!(settled(), [], "the container above that is still missing");
    assert_eq!(e.job_numbers(bench.job().id, false).unwrap().to_plan, 1 + 1);
    show(2, container(1, "DC=x", None));
    assert_eq!(settled(), [("CN=u".to_owned(), reason::CONTAINER)]);
    assert_eq!(bench.item(3).source.dn, "CN=u,OU=a,DC=x");
    show(3, below(user(4, "v"), 2));
    assert_eq!(settled().len(), 2, "at once where all is known");
}

#[test]
fn what_is_in_a_container_nobody_shows_is_planned_after_the_read() {
    let mut bench = Bench::new();
    let read = bench
        .engine()
        .begin_read(bench.source_id, &spec())
        .unwrap()
        .read;
    let all = [below(user(3, "u"), 2), below(user(4, "v"), 2)];
    bench.engine().observe(read, 0, &all, None).unwrap();
    bench.restart();
    assert_eq!(bench.due(), []);
    bench.read_full(&all);
    assert_eq!(bench.due().len(), 2);
    bench.plan();
    assert_eq!(bench.due(), []);
}

#[test]
fn a_container_moved_below_an_unknown_one_waits_for_it() {
    let mut bench = Bench::new();
    bench.start_with(&[
        container(1, "DC=x", None),
        container(2, "OU=a", Some(1)),
        below(user(3, "u"), 2),
    ]);
    bench.delta(&[
        container(2, "OU=a", Some(9)),
        container(9, "OU=new", Some(1)),
    ]);
    while bench.engine().wake().unwrap() {}
    assert_eq!(bench.due(), [("CN=u".to_owned(), reason::CONTAINER)]);
    bench.delta(&[container(2, "OU=a", Some(8))]);
    while bench.engine().wake().unwrap() {}
    bench.catch_up();
    assert_eq!(
        bench.item(3).view.exported.text("path"),
        Some("CN=u,OU=a"),
        "never shown, so done without"
    );
}

#[test]
fn a_renamed_container_makes_everything_below_due() {
    let mut bench = Bench::new();
    bench.start_with(&[
        container(1, "DC=x", None),
        container(2, "OU=a", Some(1)),
        container(3, "OU=b", Some(2)),
        below(user(4, "u"), 3),
        below(user(5, "v"), 1),
    ]);
    bench.delta(&[container(2, "OU=renamed", Some(1))]);
    while bench.engine().wake().unwrap() {}
    assert_eq!(bench.due(), [("CN=u".to_owned(), reason::CONTAINER)]);
    bench.catch_up();
    assert_eq!(
        bench.item(4).view.exported.text("path"),
        Some("CN=u,OU=b,OU=renamed,DC=x")
    );
}

#[test]
fn a_container_with_many_children_is_gone_through_in_chunks_also_after_a_restart() {
    const CHILDREN: u16 = 4_500;
    let mut bench = Bench::new();
    let mut all = vec![container(1, "OU=a", None)];
    all.extend((10..10 + CHILDREN).map(|n| below(user(n, &format!("u{n}")), 1)));
    bench.read_full(&all);
    bench.plan();
    bench.delta(&[container(1, "OU=b", None)]);
    let mut steps = 0;
    while bench.engine().wake().unwrap() {
        steps += 1;
        assert!(bench.due().len() <= steps * 2_000);
        bench.restart();
    }
    assert_eq!(
        (steps, bench.due().len()),
        (3, 0),
        "planned, but never carried out: read back first"
    );
    bench.export();
    assert_eq!(bench.due().len(), usize::from(CHILDREN));
}

#[test]
fn a_container_moved_while_it_is_gone_through_is_gone_through_again() {
    let mut bench = Bench::new();
    let mut all = vec![
        container(1, "OU=top", None),
        container(2, "OU=low", Some(1)),
    ];
    all.extend((10..2_510).map(|n| below(user(n, &format!("u{n}")), 2)));
    bench.start_with(&all);
    bench.delta(&[container(2, "OU=lower", Some(1))]);
    bench.engine().wake().unwrap();
    assert_eq!(
        bench.plan(),
        2_000,
        "the first chunk is planned with the old name of the upper one"
    );
    bench.delta(&[container(1, "OU=higher", None)]);
    bench.catch_up();
    let dn = |n| bench.item(n).view.exported.text("path").map(str::to_owned);
    assert_eq!(dn(10).as_deref(), Some("CN=u10,OU=lower,OU=higher"));
    assert_eq!(dn(2_509).as_deref(), Some("CN=u2509,OU=lower,OU=higher"));
}

#[test]
fn a_container_that_comes_after_its_children_makes_them_due_again() {
    let mut bench = Bench::new();
    let e = bench.engine().clone();
    let read = e.begin_read(bench.source_id, &spec()).unwrap().read;
    e.observe(read, 0, &[below(user(2, "u"), 1)], None).unwrap();
    bench.catch_up();
    e.observe(read, 1, &[container(1, "OU=late", None)], None)
        .unwrap();
    e.end_read(read, &ReadResult::complete(b"x")).unwrap();
    drop(e);
    bench.catch_up();
    assert_eq!(
        bench.item(2).view.exported.text("path"),
        Some("CN=u,OU=late")
    );
}
