//! References over the borders of a source: two spaces, two jobs, one target, whichever side comes first.

use engine::{UndoQuery, WaitingReason};
use sync_core::{
    id::{ConnectorId, TargetId},
    object::{Entry, EntryKind},
};

use super::{
    bench::{Bench, LONG, mapped},
    source::{anchor, deleted, group, members, user, with},
};

const SID: &str = "S-1-5-21-1-2-3-1104";

/// Which side the bench stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Here,
    There,
}

/// Two sources into one target.
struct Two {
    bench: Bench,
    here: (ConnectorId, sync_core::id::JobId),
    there: (ConnectorId, sync_core::id::JobId),
}

impl Two {
    fn new(realms: [&str; 2]) -> Self {
        let mut bench = Bench::new();
        let here = (bench.source_id, bench.job_id);
        let target = bench.job().target;
        let settings = bench.job().settings;
        bench.source_id = bench.new_connector("there").id;
        let there = (
            bench.source_id,
            bench.new_job("job there", target, settings).id,
        );
        for (source, realm) in [here.0, there.0].into_iter().zip(realms) {
            let info = serde_json::json!({ "realm": realm });
            bench.engine().set_connector_info(source, &info).unwrap();
        }
        Self { bench, here, there }
    }

    fn one_forest() -> Self {
        Self::new(["canal.example", "canal.example"])
    }

    fn two_forests() -> Self {
        Self::new(["canal.example", "dock.example"])
    }

    fn at(&mut self, side: Side) -> &mut Bench {
        (self.bench.source_id, self.bench.job_id) = match side {
            Side::Here => self.here,
            Side::There => self.there,
        };
        &mut self.bench
    }

    /// The first full read of a side, carried out on both.
    fn read(&mut self, side: Side, entries: &[Entry]) {
        assert_eq!(self.at(side).read_full(entries), None);
        self.rest();
    }

    fn delta(&mut self, side: Side, entries: &[Entry]) {
        self.at(side).delta(entries);
        self.rest();
    }

    fn rest(&mut self) {
        for side in [Side::Here, Side::There, Side::Here, Side::There] {
            self.at(side).catch_up();
        }
    }

    fn waiting(&mut self) -> u64 {
        let bench = self.at(Side::Here);
        let numbers = bench.engine().job_numbers(bench.job_id, true).unwrap();
        numbers.waiting_references
    }
}

/// Every order in which two sides can be read for the first time.
fn in_both_orders(make: impl Fn() -> Two, here: &[Entry], there: &[Entry]) -> Vec<Two> {
    let sides = [(Side::Here, here), (Side::There, there)];
    let orders = [[0, 1], [1, 0]];
    let run = |order: [usize; 2]| {
        let mut two = make();
        for index in order {
            let (side, entries) = sides[index];
            two.read(side, entries);
        }
        two
    };
    orders.into_iter().map(run).collect()
}

fn named(number: u16, dn: &str) -> Entry {
    Entry {
        rdn: Some(dn.into()),
        ..Entry::new(anchor(number), EntryKind::Elsewhere)
    }
}

/// A foreign security principal as a skeleton.
fn principal(number: u16, sid: &str) -> Entry {
    Entry {
        class: Some("foreignSecurityPrincipal".into()),
        rdn: Some(format!("CN={sid}").into()),
        ..Entry::new(anchor(number), EntryKind::Skeleton)
    }
}

fn account(number: u16, name: &str) -> Entry {
    with(user(number, name), &[("objectSid", SID)])
}

#[test]
fn members_of_another_domain_of_the_forest_flow_whichever_side_comes_first() {
    let here = [group(1, "g", [2, 3]), user(2, "near")];
    let there = [user(3, "far")];
    for two in &mut in_both_orders(Two::one_forest, &here, &there) {
        assert_eq!(two.at(Side::Here).members(1), ["far", "near"]);
        assert_eq!(two.waiting(), 0);
        two.delta(Side::Here, &[members(1, [], [3])]);
        assert_eq!(two.at(Side::Here).members(1), ["near"]);
        two.delta(Side::Here, &[members(1, [3], [])]);
        assert_eq!(two.at(Side::Here).members(1), ["far", "near"]);
    }
}

#[test]
fn an_anchor_of_another_realm_is_another_object() {
    for two in &mut in_both_orders(Two::two_forests, &[group(1, "g", [3])], &[user(3, "far")]) {
        assert!(two.at(Side::Here).members(1).is_empty());
        assert_eq!(two.waiting(), 1);
    }
}

#[test]
fn members_of_another_forest_flow_by_their_security_identifier() {
    let here = [group(1, "g", [2, 9]), user(2, "near"), principal(9, SID)];
    let there = [account(3, "far"), user(4, "other")];
    for two in &mut in_both_orders(Two::two_forests, &here, &there) {
        assert_eq!(two.at(Side::Here).members(1), ["far", "near"]);
        // The stand-in is deleted: the account stays, the membership ends.
        two.delta(Side::Here, &[deleted(9)]);
        assert_eq!(two.at(Side::Here).members(1), ["near"]);
        assert_eq!(
            two.at(Side::There).name_in_target(3).as_deref(),
            Some("far")
        );
    }
}

#[test]
fn a_principal_known_only_by_the_references_to_it_leads_to_its_account() {
    // An account with few rights sees members and not the object that stands for one of them.
    let here = [
        group(1, "g", [2, 9]),
        user(2, "near"),
        named(9, &format!("CN={SID}")),
    ];
    let there = [account(3, "far")];
    for two in &mut in_both_orders(Two::two_forests, &here, &there) {
        assert_eq!(two.at(Side::Here).members(1), ["far", "near"]);
        two.delta(Side::Here, &[members(1, [], [9])]);
        assert_eq!(two.at(Side::Here).members(1), ["near"]);
        two.delta(Side::There, &[deleted(3)]);
        assert!(two.at(Side::There).name_in_target(3).is_none());
    }
}

/// What the target holds of a group's members, as its listing shows them.
fn held(two: &mut Two, group: u16) -> (TargetId, engine::HeldReferences) {
    let bench = two.at(Side::Here);
    let (id, held) = bench
        .target
        .by_anchor(&anchor(group).base64())
        .expect("there");
    let members = held
        .members
        .iter()
        .map(|id| TargetId::from(id.clone()))
        .collect();
    (
        TargetId::from(id.clone()),
        vec![("members".into(), members)],
    )
}

/// The target's own word about a group counts from now on, as after one of the two sides was restored.
fn doubt(two: &mut Two, group: u16) {
    let told = held(two, group);
    let bench = two.at(Side::Here);
    let (job, link) = (bench.job(), bench.link(group));
    bench
        .engine()
        .rewind(&job, &[(link, true)])
        .expect("doubted");
    let mapped = super::bench::mapped();
    let done = bench.engine().believe_references(&job, &mapped, &[told]);
    done.expect("believed");
    two.rest();
}

#[test]
fn a_restored_target_is_believed_of_references_to_objects_of_other_jobs() {
    let forests = (
        [group(1, "g", [2, 9]), user(2, "near"), principal(9, SID)],
        [account(3, "far")],
    );
    let domains = (
        [group(1, "g", [2, 3]), user(2, "near"), principal(9, SID)],
        [user(3, "far")],
    );
    let cases = [
        (Two::two_forests as fn() -> Two, forests, 9),
        (Two::one_forest, domains, 3),
    ];
    for (make, (here, there), row) in cases {
        for two in &mut in_both_orders(make, &here, &there) {
            let log = two.at(Side::Here).log().len();
            doubt(two, 1);
            assert_eq!(two.at(Side::Here).members(1), ["far", "near"]);
            assert_eq!(
                two.at(Side::Here).log().len(),
                log,
                "nothing was to be done"
            );
            // The target holds again what was taken from it meanwhile.
            let before = two.at(Side::Here).target.clone();
            two.delta(Side::Here, &[members(1, [], [row])]);
            assert_eq!(two.at(Side::Here).members(1), ["near"]);
            let bench = two.at(Side::Here);
            for (id, held) in &mut bench.target.objects {
                held.members.clone_from(&before.objects[id].members);
            }
            doubt(two, 1);
            assert_eq!(two.at(Side::Here).members(1), ["near"]);
        }
    }
}

#[test]
fn what_other_jobs_hold_is_told_by_the_anchors_of_this_source() {
    let here = [group(1, "g", [2, 9]), user(2, "near"), principal(9, SID)];
    for two in &mut in_both_orders(Two::two_forests, &here, &[account(3, "far")]) {
        let far = two.at(Side::There).link_row(3).target;
        let bench = two.at(Side::Here);
        let anchors = [anchor(9), anchor(2), anchor(77)];
        let told = bench
            .engine()
            .held_by_others(bench.job_id, bench.source_id, &anchors);
        assert_eq!(
            told.expect("ok"),
            [far.clone().map(TargetId::from), None, None]
        );
        let all = bench.engine().targets_of_others(bench.job_id).expect("ok");
        assert_eq!(all, [TargetId::from(far.expect("in the target"))]);
    }
    let mut alone = Bench::new();
    alone.start_with(&[user(2, "near")]);
    let others = alone.engine().targets_of_others(alone.job_id);
    assert_eq!(others.expect("ok"), []);
}

#[test]
fn the_target_is_compared_with_references_to_objects_of_other_jobs_too() {
    let here = [group(1, "g", [9]), principal(9, SID)];
    for two in &mut in_both_orders(Two::two_forests, &here, &[account(3, "far")]) {
        let (target, references) = held(two, 1);
        let bench = two.at(Side::Here);
        let attributes = bench.target.objects[&*target.0].attributes.clone();
        let listed = |references: &engine::HeldReferences| engine::ListedObject {
            target: target.clone(),
            version: u64::MAX >> 1,
            attributes: attributes.clone(),
            references: references.clone(),
        };
        let mapped = super::bench::mapped();
        let all = [listed(&references), listed(&Vec::new())];
        let found = bench
            .engine()
            .compare_with_target(&bench.job(), &mapped, &all);
        let found = found.expect("compared");
        assert!(
            matches!(found[0], engine::Compared::Touched(_)),
            "{found:?}"
        );
        let engine::Compared::Changed(change) = &found[1] else {
            panic!("{found:?}");
        };
        assert_eq!(change.attributes, ["members"]);
    }
}

#[test]
fn a_principal_that_appears_later_finds_an_account_read_long_ago() {
    let mut two = Two::two_forests();
    let many: Vec<Entry> = (100..4_300).map(|n| user(n, "u")).collect();
    two.at(Side::There).read_full(&many);
    two.at(Side::There).delta(&[account(3, "far")]);
    two.rest();
    two.read(Side::Here, &[group(1, "g", [])]);
    two.delta(Side::Here, &[principal(9, SID), members(1, [9], [])]);
    assert_eq!(two.at(Side::Here).members(1), ["far"]);
}

#[test]
fn well_known_identifiers_stand_for_nobody() {
    let mut two = Two::two_forests();
    let nobody = with(user(3, "far"), &[("objectSid", "S-1-5-11")]);
    two.read(Side::There, &[nobody]);
    two.read(Side::Here, &[group(1, "g", [9]), principal(9, "S-1-5-11")]);
    assert!(two.at(Side::Here).members(1).is_empty());
}

#[test]
fn a_member_deleted_in_its_own_domain_leaves_and_comes_back() {
    let here = [group(1, "g", [2, 3]), user(2, "near")];
    let there = [user(3, "far"), user(4, "other")];
    for two in &mut in_both_orders(Two::one_forest, &here, &there) {
        two.delta(Side::There, &[deleted(3)]);
        assert_eq!(two.at(Side::Here).members(1), ["near"]);
        // The group's own domain never said anything of it, and need not say it again.
        assert_eq!(two.waiting(), 1);
        two.delta(Side::There, &[user(3, "far")]);
        assert_eq!(two.at(Side::Here).members(1), ["far", "near"]);
        assert_eq!(two.waiting(), 0);
    }
}

#[test]
fn a_group_deleted_in_its_own_domain_takes_its_memberships_along() {
    let here = [group(1, "g", [3])];
    let there = [group(3, "far", []), user(4, "other")];
    for two in &mut in_both_orders(Two::one_forest, &here, &there) {
        assert_eq!(two.at(Side::Here).members(1), ["far"]);
        two.delta(Side::There, &[deleted(3)]);
        assert!(two.at(Side::Here).members(1).is_empty());
        two.delta(Side::There, &[group(3, "far", [])]);
        assert_eq!(two.at(Side::Here).members(1), ["far"]);
    }
}

#[test]
fn a_member_that_leaves_the_scope_of_its_own_job_keeps_its_memberships_for_its_return() {
    let here = [group(1, "g", [3])];
    for two in &mut in_both_orders(Two::one_forest, &here, &[user(3, "far")]) {
        two.delta(Side::There, &[with(user(3, "far"), &[("title", "out")])]);
        assert_eq!(two.at(Side::There).name_in_target(3), None);
        two.delta(Side::There, &[user(3, "far")]);
        assert_eq!(two.at(Side::Here).members(1), ["far"]);
    }
}

#[test]
fn two_forests_refer_to_each_other() {
    let other_sid = "S-1-5-21-7-8-9-500";
    let here = [
        group(1, "g", [9]),
        principal(9, SID),
        with(user(2, "near"), &[("objectSid", other_sid)]),
    ];
    let there = [
        account(3, "far"),
        group(4, "h", [8]),
        principal(8, other_sid),
    ];
    for two in &mut in_both_orders(Two::two_forests, &here, &there) {
        assert_eq!(two.at(Side::Here).members(1), ["far"]);
        assert_eq!(two.at(Side::There).members(4), ["near"]);
    }
}

#[test]
fn an_object_another_job_of_the_same_source_holds_is_referred_to() {
    let mut bench = Bench::new();
    let (target, settings) = (bench.job().target, bench.job().settings);
    let first = bench.job_id;
    let second = bench.new_job("second", target, settings).id;
    bench.read_full(&[
        group(1, "g", [3]),
        with(user(3, "far"), &[("title", "out")]),
    ]);
    bench.catch_up();
    assert!(bench.members(1).is_empty());
    // The second job has a scope of its own.
    bench.job_id = second;
    let mut items = bench.engine().take_due(second, 10).unwrap();
    items.retain(|item| item.source.rdn == "CN=far");
    let mut item = items.remove(0);
    item.source.attributes = user(3, "far").attributes;
    let planned = super::bench::decided(&bench.target, item);
    let job = bench.job();
    bench.engine().store_plans(&job, &[planned], &[]).unwrap();
    bench.export();
    bench.job_id = first;
    bench.catch_up();
    assert_eq!(bench.members(1), ["far"]);
}

#[test]
fn names_of_other_domains_are_kept_and_plan_nothing() {
    let mut two = Two::one_forest();
    let dn = "CN=Far,DC=dock,DC=canal,DC=example";
    two.read(Side::Here, &[group(1, "g", [3]), named(3, dn)]);
    let item = two.at(Side::Here).item(3);
    assert_eq!((item.source.dn.as_str(), item.is_stored), (dn, false));
    two.read(Side::There, &[user(3, "far")]);
    assert_eq!(two.at(Side::Here).members(1), ["far"]);
    two.at(Side::Here).pass(LONG);
    two.rest();
}

#[test]
fn why_a_reference_waits_is_told_of_each_and_all_are_listed_page_by_page() {
    let mut two = Two::two_forests();
    let elsewhere = "CN=Far,DC=dock,DC=canal,DC=example";
    two.read(
        Side::Here,
        &[
            group(1, "g", [3, 4, 5, 9]),
            named(3, elsewhere),
            with(user(4, "left out"), &[("title", "out")]),
            principal(9, SID),
        ],
    );
    let bench = two.at(Side::Here);
    let reason = |number| {
        let object = bench.object(number);
        bench.engine().waiting_reason(bench.job_id, object).unwrap()
    };
    let domain = "dock.canal.example".to_owned();
    assert_eq!(reason(3), WaitingReason::NoConnector { domain });
    assert!(matches!(reason(4), WaitingReason::OutOfScope(Some(_))));
    assert_eq!(reason(5), WaitingReason::NotRead);
    assert_eq!(reason(9), WaitingReason::ForeignAccount { sid: SID.into() });
    let mut listed = Vec::new();
    let mut place = None;
    loop {
        let (some, next) = bench
            .engine()
            .waiting_references(bench.job_id, place, 3)
            .unwrap();
        listed.extend(some);
        place = next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), 4, "{listed:?}");
    for one in &listed {
        assert_eq!(one.holder, bench.object(1));
        assert_eq!(
            one.reason,
            bench
                .engine()
                .waiting_reason(bench.job_id, one.object)
                .unwrap()
        );
    }

    // Its forest is read, and its job has not brought it in.
    let read = two.at(Side::There).read_full(&[account(8, "far")]);
    assert_eq!(read, None);
    while two.at(Side::There).engine().wake().unwrap() {}
    let bench = two.at(Side::Here);
    let principal = bench.object(9);
    let reason = bench.engine().waiting_reason(bench.job_id, principal);
    assert_eq!(reason.unwrap(), WaitingReason::OnItsWay);
    two.rest();
    assert_eq!(two.at(Side::Here).members(1), ["far"]);
}

#[test]
fn new_rules_have_references_exported_that_were_known_and_not_asked_for() {
    let mut bench = Bench::new();
    bench.read_full(&[group(1, "g", [2]), user(2, "a")]);
    // The rules of before map no reference.
    bench.plan();
    bench.export();
    bench
        .engine()
        .plan_references(&bench.job(), &[], 500)
        .unwrap();
    assert!(bench.members(1).is_empty());
    bench
        .engine()
        .set_job_rules(bench.job_id, "{\"new\":1}")
        .unwrap();
    bench.catch_up();
    assert_eq!(bench.members(1), ["a"]);
}

#[test]
fn an_object_two_sources_show_is_referred_to_where_either_has_it_in_the_target() {
    // Two connectors of one domain, each with a scope of its own.
    let here = [
        group(1, "g", [3]),
        with(user(3, "far"), &[("title", "out")]),
    ];
    for two in &mut in_both_orders(Two::one_forest, &here, &[user(3, "far")]) {
        assert_eq!(two.at(Side::Here).members(1), ["far"]);
    }
}

#[test]
fn an_undo_gives_back_members_of_other_sources() {
    let forest = ([group(1, "g", [3])], [user(3, "far")]);
    let forests = ([group(1, "g", [9])], [account(3, "far")]);
    let mut one = Two::one_forest();
    one.read(Side::Here, &forest.0);
    one.read(Side::There, &forest.1);
    let mut other = Two::two_forests();
    other.read(Side::Here, &[forests.0[0].clone(), principal(9, SID)]);
    other.read(Side::There, &forests.1);
    for (two, member) in [(&mut one, 3), (&mut other, 9)] {
        two.bench.pass(60_000);
        let at = two.bench.now();
        two.delta(Side::Here, &[members(1, [], [member])]);
        assert!(two.at(Side::Here).members(1).is_empty());
        let bench = two.at(Side::Here);
        let job = bench.job();
        let query = UndoQuery {
            since: Some(at),
            ..UndoQuery::default()
        };
        let plan = bench.engine().plan_undo(&job, &query, &mapped()).unwrap();
        assert_eq!(plan.left, [], "{plan:#?}");
        bench.engine().undo(&job, &plan, "me", "since").unwrap();
        two.rest();
        assert_eq!(two.at(Side::Here).members(1), ["far"]);
    }
}
