//! Members and values the guard holds, the two layers, the window, approvals that expire, and causes.

use engine::{DeleteChoice, GuardOutcome, JobSettings, PendingState, StagedLoss};
use sync_core::{
    code::Code,
    guard::{Prevention, PreventionKind},
    hold::HoldState,
    object::Entry,
};

use super::{
    bench::{Bench, LONG},
    source::{below, container, deleted, group, members, part, user, with},
};

/// A fifth of the company below: without a count, what only loses members or values has more room where there are so few.
fn fifth() -> JobSettings {
    JobSettings {
        delete_threshold: 32,
        ..JobSettings::default()
    }
}

/// 100 people with an address each, and 60 groups of ten of them.
fn company(settings: JobSettings) -> Bench {
    let mut bench = Bench::with(JobSettings {
        settle_seconds: 0,
        ..settings
    });
    let person = |n: u16| with(user(n, &format!("u{n}")), &[("mail", &format!("u{n}@x"))]);
    let mut all: Vec<Entry> = (1..=100).map(person).collect();
    all.extend((201..=260).map(|n| group(n, &format!("g{n}"), 1..=10)));
    bench.start_with(&all);
    bench
}

fn losses(bench: &Bench) -> Vec<StagedLoss> {
    bench
        .engine()
        .staged_losses(bench.job_id, 0, 10_000)
        .unwrap()
}

fn guard(bench: &Bench, argument: &str) -> Option<String> {
    bench.job().guard?.argument(argument).map(str::to_owned)
}

#[test]
fn many_groups_that_lose_one_member_each_are_held_and_everything_else_flows() {
    let mut bench = company(fifth());
    let changes: Vec<_> = (201..=240).map(|n| members(n, [20], [1])).collect();
    bench.delta(&changes);
    bench.catch_up();
    let held = losses(&bench);
    assert_eq!(held.len(), 40, "a fifth of 160 is 32");
    assert!(held.iter().all(|loss| loss.is_members && loss.count == 1));
    assert_eq!(held[0].what, ["CN=u1"]);
    assert_eq!(guard(&bench, "cause").as_deref(), Some("MembersRemoved"));
    for n in [201, 240] {
        assert_eq!(
            bench.members(n).len(),
            11,
            "the new member is there, the old one stays"
        );
    }
    let staged = bench.log();
    let staged = staged
        .iter()
        .filter(|r| r.action == engine::Action::StagedDelete);
    assert_eq!(staged.count(), 40);

    let some = [201, 205].map(|n| (bench.link(n), true));
    let allowed = bench
        .engine()
        .allow_deletes(bench.job_id, &DeleteChoice::Losses(some.to_vec()), "me")
        .unwrap();
    assert_eq!(allowed, 2);
    bench.catch_up();
    assert!(!bench.members(201).contains(&"u1".to_owned()));
    assert!(!bench.members(205).contains(&"u1".to_owned()));
    assert!(bench.members(202).contains(&"u1".to_owned()));
    assert_eq!(losses(&bench).len(), 38);

    bench
        .engine()
        .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    assert_eq!(bench.job().guard, None);
    bench.restart();
    bench.engine().plan_everything(bench.job_id).unwrap();
    bench.delta(&[members(202, [21], [])]);
    bench.catch_up();
    assert!(bench.members(202).contains(&"u1".to_owned()));
    assert!(
        losses(&bench)
            .iter()
            .all(|loss| loss.state == HoldState::Refused)
    );
    // The source takes the member back: what was refused has ended, and a later removal is another one.
    bench.delta(&[members(202, [1], [])]);
    bench.catch_up();
    assert_eq!(losses(&bench).len(), 37);
    bench.pass(LONG);
    bench.delta(&[members(202, [], [1])]);
    bench.catch_up();
    assert!(!bench.members(202).contains(&"u1".to_owned()));
}

#[test]
fn a_few_members_leave_at_once() {
    let mut bench = company(JobSettings::default());
    bench.delta(&[members(201, [], [1, 2]), members(202, [], [3])]);
    bench.catch_up();
    assert_eq!((bench.members(201).len(), bench.members(202).len()), (8, 9));
    assert_eq!(losses(&bench), []);
}

#[test]
fn members_that_leave_in_slices_are_caught_by_the_window() {
    let mut bench = company(fifth());
    for n in 201..=245 {
        bench.delta(&[members(n, [], [1])]);
        bench.catch_up();
    }
    let left = (201..=245).filter(|n| !bench.members(*n).contains(&"u1".to_owned()));
    assert_eq!(left.count(), 31, "the 32nd would be a fifth of 160");
    assert_eq!(losses(&bench).len(), 14);
}

#[test]
fn a_big_group_that_is_emptied_is_held_alone() {
    let mut bench = company(JobSettings::default());
    bench.delta(&[group(300, "everybody", 1..=100)]);
    bench.catch_up();
    assert_eq!(bench.members(300).len(), 100);
    bench.delta(&[group(300, "everybody", []), members(201, [], [1])]);
    bench.catch_up();
    assert_eq!(bench.members(300).len(), 100);
    assert_eq!(bench.members(201).len(), 9, "another group goes on");
    let held = losses(&bench);
    assert_eq!((held.len(), held[0].count), (1, 100));
    assert_eq!(guard(&bench, "layer").as_deref(), Some("group"));
    assert_eq!(guard(&bench, "most").as_deref(), Some("everybody"));
    let all = DeleteChoice::All;
    bench
        .engine()
        .allow_deletes(bench.job_id, &all, "me")
        .unwrap();
    bench.catch_up();
    assert_eq!(bench.members(300), Vec::<String>::new());
    assert_eq!(losses(&bench), []);
}

#[test]
fn addresses_cleared_on_many_are_held_and_the_rest_of_the_change_flows() {
    let mut bench = company(fifth());
    let changes: Vec<_> = (1..=40)
        .map(|n| part(n, &[("mail", ""), ("displayName", &format!("new{n}"))]))
        .collect();
    bench.delta(&changes);
    bench.catch_up();
    let mail = |bench: &Bench, n: u16| {
        let anchor = super::source::anchor(n).base64();
        let (_, held) = bench.target.by_anchor(&anchor).unwrap();
        held.attributes.text("mail").map(str::to_owned)
    };
    assert_eq!(bench.name_in_target(40).as_deref(), Some("new40"));
    assert_eq!(mail(&bench, 40).as_deref(), Some("u40@x"));
    let held = losses(&bench);
    assert_eq!((held.len(), held[0].is_members), (40, false));
    assert_eq!(held[0].what, ["mail: u1@x"]);
    assert_eq!(guard(&bench, "cause").as_deref(), Some("ValuesCleared"));
    assert_eq!(guard(&bench, "most").as_deref(), Some("mail"));

    let some = DeleteChoice::Losses(vec![(bench.link(1), false)]);
    bench
        .engine()
        .allow_deletes(bench.job_id, &some, "me")
        .unwrap();
    bench.catch_up();
    assert_eq!((mail(&bench, 1), mail(&bench, 2).is_some()), (None, true));
    bench
        .engine()
        .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    bench.restart();
    bench.engine().plan_everything(bench.job_id).unwrap();
    bench.catch_up();
    assert_eq!(mail(&bench, 2).as_deref(), Some("u2@x"));
    bench.delta(&[part(2, &[("mail", "other@x")])]);
    bench.catch_up();
    assert_eq!(mail(&bench, 2).as_deref(), Some("other@x"));
    assert_eq!(losses(&bench).len(), 38, "another value ends the refusal");
}

#[test]
fn what_waits_for_a_decision_holds_up_its_own_kind_only() {
    let mut bench = company(fifth());
    bench.delta(&(41..=80).map(deleted).collect::<Vec<_>>());
    bench.catch_up();
    assert_eq!(guard(&bench, "cause").as_deref(), Some("DeletedInSource"));
    let changes = [members(201, [], [1]), part(2, &[("mail", "")])];
    bench.delta(&changes);
    bench.catch_up();
    assert_eq!(bench.members(201).len(), 9, "members go on leaving");
    assert_eq!(losses(&bench), []);
    bench.delta(&[deleted(81)]);
    bench.catch_up();
    assert_eq!(bench.pending(81), PendingState::Held, "one more of them");
}

#[test]
fn what_was_carried_out_counts_whatever_it_was() {
    let mut bench = company(fifth());
    bench.delta(&(201..=230).map(|n| members(n, [], [1])).collect::<Vec<_>>());
    bench.catch_up();
    assert_eq!(losses(&bench), []);
    bench.delta(&[deleted(41), deleted(42)]);
    bench.catch_up();
    assert_eq!(
        bench.pending(41),
        PendingState::Held,
        "30 and 2 are a fifth"
    );
    assert_eq!(guard(&bench, "carriedOut").as_deref(), Some("30"));
}

#[test]
fn a_small_directory_may_clear_values_and_delete_somebody_on_the_same_day() {
    let mut bench = company(JobSettings::default());
    let cleared: Vec<_> = (1..=40).map(|n| part(n, &[("mail", "")])).collect();
    bench.delta(&cleared);
    bench.catch_up();
    assert_eq!(losses(&bench), [], "fewer than fifty");
    bench.delta(&(41..=49).map(deleted).collect::<Vec<_>>());
    bench.catch_up();
    assert!(bench.name_in_target(41).is_none());
    bench.delta(&[part(50, &[("mail", "")])]);
    bench.catch_up();
    assert_eq!(losses(&bench).len(), 1, "the fiftieth object");
}

#[test]
fn ten_cycles_below_the_limit_are_caught_by_the_window() {
    let mut bench = Bench::with(JobSettings {
        settle_seconds: 0,
        ..JobSettings::default()
    });
    let people: Vec<_> = (1..=5_000).map(|n| user(n, &format!("u{n}"))).collect();
    bench.start_with(&people);
    for cycle in 0..10_u16 {
        let gone: Vec<_> = (1..=450).map(|n| deleted(cycle * 450 + n)).collect();
        bench.delta(&gone);
        bench.catch_up();
        bench.pass(600_000);
    }
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 4_550);
    assert_eq!(guard(&bench, "layer").as_deref(), Some("job"));
    assert_eq!(guard(&bench, "cause").as_deref(), Some("DeletedInSource"));
    assert_eq!(guard(&bench, "carriedOut").as_deref(), Some("450"));
}

#[test]
fn the_tenant_is_protected_apart_from_the_job() {
    let mut bench = company(JobSettings {
        delete_threshold: 0,
        delete_threshold_percent: 0,
        ..JobSettings::default()
    });
    let protect = |bench: &Bench, kind, threshold| {
        let prevention = Prevention { kind, threshold };
        bench
            .engine()
            .set_deletion_prevention(&prevention, "me")
            .unwrap();
    };
    protect(&bench, PreventionKind::EnabledForCount, 20);
    bench.delta(&(11..=29).map(deleted).collect::<Vec<_>>());
    assert_eq!(bench.plan(), 19);
    assert_eq!(bench.release(), GuardOutcome::Released(19), "one below");
    bench.catch_up();
    bench.delta(&[deleted(30)]);
    bench.plan();
    let GuardOutcome::Held(1, why) = bench.release() else {
        panic!("the twentieth passed")
    };
    assert_eq!(
        (why.code, why.argument("layer")),
        (Code::TooManyDeletes, Some("tenant"))
    );
    protect(&bench, PreventionKind::Disabled, 20);
    bench.delta(&[deleted(31)]);
    bench.plan();
    assert_eq!(bench.release(), GuardOutcome::Released(1));
}

#[test]
fn an_approval_expires_if_it_is_not_carried_out() {
    let mut bench = company(JobSettings {
        delete_threshold: 1,
        ..JobSettings::default()
    });
    bench.delta(&[deleted(11), part(12, &[("mail", "")])]);
    bench.plan();
    assert!(matches!(bench.release(), GuardOutcome::Held(1, _)));
    let all = DeleteChoice::All;
    assert_eq!(
        bench
            .engine()
            .allow_deletes(bench.job_id, &all, "me")
            .unwrap(),
        2
    );
    assert_eq!(bench.pending(11), PendingState::Approved);
    bench.pass(24 * 3_600_000);
    assert_eq!(bench.engine().expire_approvals(&bench.job()).unwrap(), 0);
    bench.pass(1);
    assert_eq!(bench.engine().expire_approvals(&bench.job()).unwrap(), 2);
    assert_eq!(bench.pending(11), PendingState::Held);
    assert_eq!(guard(&bench, "cause").as_deref(), Some("ApprovalExpired"));
    bench.catch_up();
    assert!(bench.name_in_target(11).is_some());
    bench
        .engine()
        .allow_deletes(bench.job_id, &all, "me")
        .unwrap();
    bench.catch_up();
    assert!(bench.name_in_target(11).is_none());
}

#[test]
fn an_allowed_deletion_is_not_counted_although_the_server_restarts_before_it_is_carried_out() {
    let mut bench = company(JobSettings {
        delete_threshold: 2,
        ..JobSettings::default()
    });
    bench.delta(&[deleted(11), deleted(12)]);
    bench.plan();
    assert!(matches!(bench.release(), GuardOutcome::Held(2, _)));
    let all = DeleteChoice::All;
    bench
        .engine()
        .allow_deletes(bench.job_id, &all, "me")
        .unwrap();
    bench.restart();
    bench.catch_up();
    assert!(bench.name_in_target(11).is_none());
    bench.delta(&[deleted(13)]);
    bench.plan();
    assert_eq!(bench.release(), GuardOutcome::Released(1));
}

#[test]
fn the_alarm_names_the_container_that_was_deleted() {
    let mut bench = Bench::with(JobSettings {
        settle_seconds: 0,
        ..JobSettings::default()
    });
    let mut all = vec![
        container(900, "DC=x", None),
        container(901, "OU=Sales", Some(900)),
        container(902, "OU=North", Some(901)),
    ];
    all.extend((1..=100).map(|n| below(user(n, &format!("u{n}")), 900)));
    all.extend((101..=150).map(|n| below(user(n, &format!("u{n}")), 902)));
    bench.start_with(&all);
    let mut gone: Vec<_> = (101..=150).map(deleted).collect();
    gone.push(deleted(902));
    bench.delta(&gone);
    bench.catch_up();
    assert_eq!(guard(&bench, "cause").as_deref(), Some("DeletedInSource"));
    assert_eq!(
        guard(&bench, "container").as_deref(),
        Some("OU=North,OU=Sales,DC=x")
    );
    let text = guard(&bench, "text").unwrap();
    assert!(
        text.starts_with("50 of 50: deleted in the source"),
        "{text}"
    );
}
