//! The form of every message of the link, kept in files: a difference is a broken promise to agents in the field.
//!
//! `UPDATE_GOLDEN=1` writes the files of a *new* message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use wire::{
    agent::v1::{self, update::*, *},
    bytes::Bytes,
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/agent-v1")
        .join(name)
}

fn same(name: &str, now: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        fs::write(&path, now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} is missing"));
    assert_eq!(now, kept, "the form of {name} changed");
}

fn json<T: Serialize + DeserializeOwned + PartialEq>(name: &str, message: &T) {
    let text = serde_json::to_string_pretty(message).unwrap() + "\n";
    same(&format!("{name}.json"), &text);
    assert!(
        serde_json::from_str::<T>(&text).unwrap() == *message,
        "{name} does not come back"
    );
}

fn compact<T: Serialize + DeserializeOwned + PartialEq>(name: &str, message: &T) {
    let plain = frame::plain(message).unwrap();
    let hex: String = plain
        .chunks(32)
        .map(|line| {
            line.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                + "\n"
        })
        .collect();
    same(&format!("{name}.hex"), &hex);
    assert!(v1::frame::unpack::<T>(&frame::pack(message).unwrap()).unwrap() == *message);
}

fn spec() -> Spec {
    Spec {
        classes: vec!["user".into(), "group".into()],
        attributes: vec!["mail".into()],
        links: vec!["member".into()],
        containers: vec![Bytes(vec![1, 2, 255])],
    }
}

fn refusal() -> RefusalText {
    RefusalText {
        code: "SourceTimeOut".into(),
        arguments: vec![("server".into(), "dc1.canal.example".into())],
    }
}

fn entry() -> Entry {
    Entry {
        anchor: Bytes(vec![7; 16]),
        kind: Kind::Whole,
        class: Some("user".into()),
        parent: Some(Bytes(vec![8; 16])),
        rdn: Some("CN=Zoë".into()),
        attributes: vec![
            ("cn".into(), vec![Value::Text("Zoë".into())].into()),
            ("flag".into(), vec![Value::Boolean(true)].into()),
            ("n".into(), vec![Value::Integer(-512)].into()),
            (
                "photo".into(),
                vec![Value::Binary(Bytes(vec![0, 255]))].into(),
            ),
            ("title".into(), vec![].into()),
        ],
        links: vec![Links {
            attribute: "member".into(),
            complete: false,
            added: vec![Bytes(vec![1; 16])],
            removed: vec![Bytes(vec![2; 16])],
        }],
        version: Some(Version {
            replica: [3; 16],
            usn: 12_345,
        }),
    }
}

fn hosted() -> Vec<Hosted> {
    vec![Hosted {
        connector: "canal".into(),
        kind: "ad".into(),
    }]
}

#[test]
fn identity_messages_keep_their_form() {
    json(
        "enrol",
        &Enrol {
            token: "t0ken".into(),
            csr: "-----BEGIN CERTIFICATE REQUEST-----".into(),
            name: "ams-1".into(),
            version: "0.1.0".into(),
            host: HostFacts {
                host_name: "ams-1.canal.example".into(),
                operating_system: "linux".into(),
                architecture: "x86_64".into(),
            },
        },
    );
    json(
        "enrolled",
        &Enrolled {
            agent_id: 4,
            certificate: "-----BEGIN CERTIFICATE-----".into(),
            authority: "-----BEGIN CERTIFICATE-----".into(),
            server_id: "5d2c".into(),
        },
    );
    json("renew", &Renew { csr: "csr".into() });
    json(
        "renewed",
        &Renewed {
            certificate: "c".into(),
            authority: "a".into(),
        },
    );
    json(
        "heartbeat",
        &Heartbeat {
            version: "0.1.0".into(),
            uptime_ms: 61_000,
            memory_bytes: 10_485_760,
            clock_ms: 1_790_000_000_000,
            connectors: hosted(),
            leases: 1,
            session: "5e55".into(),
            authorities: Vec::new(),
        },
    );
    // An agent and a server while the authority is exchanged.
    json(
        "heartbeat-trust",
        &Heartbeat {
            version: "0.2.0".into(),
            uptime_ms: 1,
            memory_bytes: 2,
            clock_ms: 3,
            connectors: Vec::new(),
            leases: 0,
            session: "5e55".into(),
            authorities: vec!["ab".repeat(32)],
        },
    );
    json(
        "heartbeat-answer-trust",
        &HeartbeatAnswer {
            server_time_ms: 1,
            revoked: false,
            config_generation: 0,
            renew: true,
            authority: Some("-----BEGIN CERTIFICATE-----\n".into()),
        },
    );
    json(
        "heartbeat-answer",
        &HeartbeatAnswer {
            server_time_ms: 1_790_000_000_100,
            revoked: false,
            config_generation: 3,
            renew: true,
            authority: None,
        },
    );
    json(
        "problem",
        &Problem {
            code: "RequestInvalid".into(),
            message: "m".into(),
            cure: "c".into(),
        },
    );
}

#[test]
// LONG: a table.
fn lease_messages_keep_their_form() {
    json(
        "whoami",
        &WhoAmI {
            connectors: hosted(),
        },
    );
    json(
        "you-are",
        &YouAre {
            agent_id: 7,
            name: "ams-1".into(),
            server_time_ms: 1_790_000_000_000,
            is_connected: true,
            unknown: vec!["canal".into()],
            not_granted: vec!["harbour".into()],
            domains: Vec::new(),
        },
    );
    json(
        "you-are-domains",
        &YouAre {
            domains: vec![("canal".into(), "canal.example".into())],
            ..YouAre::default()
        },
    );
    json(
        "examination",
        &Examination::new(
            "2026-09-21T00:00:00Z".into(),
            "1",
            vec![Check {
                id: "dns".into(),
                connector: Some("canal".into()),
                state: CheckState::Failed,
                code: Some("ServerNameNotResolved".into()),
                cause: Some("alias-loop".into()),
                text: "a".into(),
                cure: Some("b".into()),
            }],
        ),
    );
    json(
        "lease-examine",
        &Leased {
            lease: "18f-1".into(),
            fence: 1,
            deadline_ms: 15_000,
            connector: "agent:7".into(),
            work: Work::Examine,
        },
    );
    json(
        "lease-request",
        &LeaseRequest {
            connectors: hosted(),
            capacity: 2,
            wait_ms: 25_000,
            session: "5e55".into(),
        },
    );
    json(
        "receipt-accepted",
        &Receipt::Accepted {
            deadline_ms: 60_000,
        },
    );
    json("receipt-not-next", &Receipt::NotNext { expected: 7 });
    json("receipt-refused", &Receipt::Refused { refusal: refusal() });
    let works = [
        Work::Read {
            read: 9,
            spec: spec(),
            mode: Mode::Delta(Bytes(vec![77, 83])),
            position: None,
            first_page: 0,
        },
        Work::Read {
            read: 9,
            spec: spec(),
            mode: Mode::Full,
            position: None,
            first_page: 4,
        },
        Work::Read {
            read: 9,
            spec: spec(),
            mode: Mode::Backfill,
            position: Some(Bytes(vec![77, 83])),
            first_page: 0,
        },
        Work::ReadOne {
            spec: spec(),
            name: Named::Anchor(Bytes(vec![1])),
            position: Some(Bytes(vec![77, 83])),
            with_others: false,
        },
        Work::ReadOne {
            spec: spec(),
            name: Named::Dn("CN=a".into()),
            position: None,
            with_others: false,
        },
        Work::ReadOne {
            spec: spec(),
            name: Named::UserPrincipalName("a@b".into()),
            position: None,
            with_others: false,
        },
        Work::ReadOne {
            spec: spec(),
            name: Named::AccountName("a".into()),
            position: None,
            with_others: false,
        },
        Work::Discover,
        Work::Containers { position: None },
        Work::Enumerate {
            spec: spec(),
            position: None,
        },
        Work::Watch {
            spec: spec(),
            watermark: Some(Bytes(vec![77, 83])),
        },
    ];
    let leases = works.into_iter().map(|work| Leased {
        lease: "18f-1".into(),
        fence: 1,
        deadline_ms: 15_000,
        connector: "canal".into(),
        work,
    });
    // A field that came later has a file of its own.
    json(
        "work-read-one-with-others",
        &Work::ReadOne {
            spec: spec(),
            name: Named::Anchor(Bytes(vec![1])),
            position: None,
            with_others: true,
        },
    );
    json(
        "lease-answer",
        &LeaseAnswer {
            leases: leases.collect(),
        },
    );
}

/// Work of the agent itself, as a server that looks for a fault gives it, and what the agent answers.
#[test]
fn messages_for_finding_faults_keep_their_form() {
    let works = [
        Work::Trace { minutes: 5 },
        Work::Logs {
            with_trace: true,
            most_bytes: 4 << 20,
        },
    ];
    let leases = works.into_iter().map(|work| Leased {
        lease: "18f-1".into(),
        fence: 1,
        deadline_ms: 15_000,
        connector: "agent:7".into(),
        work,
    });
    json(
        "lease-answer-support",
        &LeaseAnswer {
            leases: leases.collect(),
        },
    );
    json(
        "traced",
        &Traced {
            until: Some("2026-09-21T00:05:00Z".into()),
        },
    );
    json("traced-no-longer", &Traced { until: None });
    json(
        "collected",
        &Collected {
            files: vec![CollectedFile {
                name: "agent.log".into(),
                text: "a line\n".into(),
            }],
        },
    );
}

#[test]
fn messages_of_the_updater_keep_their_form() {
    json(
        "update-report",
        &UpdateReport {
            updater: "0.2.0".into(),
            program: "0.1.0".into(),
            phase: "watching".into(),
            version: "0.2.0".into(),
            code: "UpdateReturned".into(),
            text: "t".into(),
        },
    );
    json(
        "update-heard",
        &Heard {
            version: "0.1.0".into(),
            age_ms: 12_000,
            uptime_ms: 61_000,
            is_connected: true,
        },
    );
    json(
        "update-manifest-request",
        &ManifestRequest {
            channel: "stable".into(),
        },
    );
    json(
        "update-manifest-answer",
        &ManifestAnswer {
            manifest: Some("m".into()),
        },
    );
    json("update-manifest-none", &ManifestAnswer { manifest: None });
    json(
        "update-part-request",
        &PartRequest {
            channel: "stable".into(),
            file: "hybridge-agent".into(),
            offset: 1_048_576,
        },
    );
    json(
        "update-turn-request",
        &TurnRequest {
            version: "0.2.0".into(),
        },
    );
    json(
        "update-turn",
        &Turn {
            is_granted: false,
            for_ms: 0,
            why: "ams-2 is being updated".into(),
        },
    );
}

#[test]
fn frames_keep_their_form() {
    compact(
        "page",
        &Page {
            read: 9,
            number: 300,
            entries: vec![
                entry(),
                Entry {
                    kind: Kind::Deleted,
                    ..entry()
                },
            ],
            watermark: Some(Bytes(vec![77])),
        },
    );
    compact(
        "read-end-complete",
        &ReadEnd::Complete {
            watermark: Bytes(vec![77, 83]),
            seen: vec![("group".into(), 3), ("user".into(), 2_000)],
            is_census: true,
            method: Method {
                name: "DirSync".into(),
                server: "dc1.canal.example".into(),
                weaker: Some(refusal()),
            },
        },
    );
    compact(
        "read-end-needs-full-read",
        &ReadEnd::NeedsFullRead(refusal()),
    );
    compact("read-end-failed", &ReadEnd::Failed(refusal()));
    let listed = Listed {
        entry: entry(),
        dn: "CN=Zoë,DC=canal".into(),
    };
    compact(
        "listing",
        &Listing {
            number: 2,
            entries: vec![listed],
        },
    );
}

#[test]
fn answers_keep_their_form() {
    compact("answer-refused", &Answer::Refused(refusal()));
    compact(
        "answer-watch-end",
        &Answer::WatchEnd {
            unsupported: Some(refusal()),
        },
    );
    compact(
        "ring",
        &Ring {
            number: 3,
            is_armed: true,
        },
    );
    let kinds = [
        AttributeKind::Text,
        AttributeKind::Integer,
        AttributeKind::Boolean,
        AttributeKind::Binary,
        AttributeKind::FileTime,
        AttributeKind::Time,
        AttributeKind::Reference,
    ];
    let attributes = kinds.into_iter().map(|kind| Attribute {
        name: "a".into(),
        kind,
        is_multivalued: true,
    });
    compact(
        "answer-source",
        &Answer::Source(SourceFacts {
            realm: "canal.example".into(),
            naming_context: "DC=canal,DC=example".into(),
            domain_fqdn: "canal.example".into(),
            domain_netbios: "CANAL".into(),
            server: "dc1".into(),
            replica: "r".into(),
            product: "p".into(),
            attributes: attributes.collect(),
            tombstone_lifetime_seconds: 15_552_000,
        }),
    );
    let container = Container {
        anchor: Bytes(vec![1]),
        dn: "OU=a".into(),
    };
    compact("answer-containers", &Answer::Containers(vec![container]));
    compact(
        "answer-live",
        &Answer::Live {
            entry: Box::new(entry()),
            dn: "CN=a".into(),
        },
    );
    let other = Entry {
        kind: Kind::Elsewhere,
        ..entry()
    };
    compact(
        "answer-live-among-others",
        &Answer::LiveAmongOthers {
            entry: Box::new(entry()),
            dn: "CN=a".into(),
            others: vec![other],
        },
    );
    compact("answer-deleted", &Answer::Deleted(Bytes(vec![1])));
    compact("answer-not-found", &Answer::NotFound);
    compact(
        "answer-examined",
        &Answer::Examined {
            report: "{}".into(),
        },
    );
    compact("answer-listing-end", &Answer::ListingEnd { chunks: 3 });
}

#[test]
fn a_frame_written_by_the_first_release_can_still_be_read() {
    // Version 1, two bytes unpacked, LZ4 literals: `ListingEnd { chunks: 3 }`.
    let kept = [1, 2, 0, 0, 0, 0x20, 6, 3];
    assert_eq!(
        frame::unpack::<Answer>(&kept),
        Ok(Answer::ListingEnd { chunks: 3 })
    );
}

#[test]
fn what_a_newer_server_says_is_recognised_as_unknown() {
    let work: Work = serde_json::from_str(r#"{"kind":"fly","to":"moon"}"#).unwrap();
    assert_eq!(work, Work::Unknown);
    let receipt: Receipt = serde_json::from_str(r#"{"result":"perhaps"}"#).unwrap();
    assert_eq!(receipt, Receipt::Unknown);
}

/// A message as a release before or after this one writes it.
fn of_release<T: DeserializeOwned>(which: &str, name: &str) -> T {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let text = fs::read_to_string(folder.join(which).join(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{which} {name}: {fault}"))
}

#[test]
fn an_agent_one_release_older_is_understood() {
    let beat: Heartbeat = of_release("agent-v1-before", "heartbeat.json");
    assert_eq!((beat.session.as_str(), beat.leases), ("", 0));
    let request: LeaseRequest = of_release("agent-v1-before", "lease-request.json");
    assert_eq!((request.session.as_str(), request.capacity), ("", 2));
}

#[test]
fn a_server_one_release_newer_is_understood_and_its_new_work_is_refused_by_name() {
    let answer: LeaseAnswer = of_release("agent-v1-after", "lease-answer.json");
    let work: Vec<&Work> = answer.leases.iter().map(|leased| &leased.work).collect();
    assert_eq!(work, [&Work::Unknown, &Work::Discover]);
    let beat: HeartbeatAnswer = of_release("agent-v1-after", "heartbeat-answer.json");
    assert_eq!(beat.config_generation, 3);
    let receipt: Receipt = of_release("agent-v1-after", "receipt.json");
    assert!(matches!(receipt, Receipt::Unknown));
    let support: LeaseAnswer = of_release("agent-v1-after", "lease-answer-support.json");
    let work: Vec<&Work> = support.leases.iter().map(|leased| &leased.work).collect();
    let known = [
        Work::Trace { minutes: 5 },
        Work::Logs {
            with_trace: false,
            most_bytes: 1_024,
        },
    ];
    assert_eq!(work, known.iter().collect::<Vec<_>>());
    let heard: Heard = of_release("agent-v1-after", "update-heard.json");
    assert!(heard.is_connected && heard.age_ms == 12_000);
    let turn: Turn = of_release("agent-v1-after", "update-turn.json");
    assert!(turn.is_granted && turn.for_ms == 600_000);
}

#[test]
fn a_server_one_release_older_is_understood() {
    let beat: HeartbeatAnswer = of_release("agent-v1-before", "heartbeat-answer.json");
    assert!(beat.renew && beat.authority.is_none());
    let answer: LeaseAnswer = of_release("agent-v1-before", "lease-answer.json");
    let work: Vec<&Work> = answer.leases.iter().map(|leased| &leased.work).collect();
    let Work::Read { position: None, .. } = work[0] else {
        panic!("{:?}", work[0]);
    };
    let Work::ReadOne {
        position: None,
        with_others: false,
        ..
    } = work[1]
    else {
        panic!("{:?}", work[1]);
    };
    let who: YouAre = of_release("agent-v1-before", "you-are.json");
    assert_eq!((who.agent_id, who.not_granted.len()), (7, 0));
    // It knows neither turns nor what the updater wants of it, and says so by an error.
    let problem: Problem = of_release("agent-v1-before", "problem.json");
    assert_eq!(problem.code, "NotFound");
}

#[test]
fn an_agent_one_release_newer_is_understood() {
    let beat: Heartbeat = of_release("agent-v1-after", "heartbeat.json");
    assert_eq!((beat.leases, beat.connectors.len()), (1, 1));
    let request: LeaseRequest = of_release("agent-v1-after", "lease-request.json");
    assert_eq!((request.capacity, request.session.as_str()), (2, "5e55"));
    let who: WhoAmI = of_release("agent-v1-after", "whoami.json");
    assert_eq!(who.connectors, hosted());
    let enrol: Enrol = of_release("agent-v1-after", "enrol.json");
    assert_eq!(enrol.token, "t0ken");
    let report: UpdateReport = of_release("agent-v1-after", "update-report.json");
    assert_eq!(report.phase, "pondering");
    let traced: Traced = of_release("agent-v1-after", "traced.json");
    assert!(traced.until.is_some());
    let collected: Collected = of_release("agent-v1-after", "collected.json");
    assert_eq!(collected.files[0].name, "agent.log");
    let found: Examination = of_release("agent-v1-after", "examination.json");
    // A state this release has no word for counts as not looked at, never as well.
    assert_eq!(found.checks[0].state, CheckState::Skipped);
}
