//! DirSync: a full read, what changed since, with and without incremental values, and its refusals.

use super::reading::cookie_of;
use super::*;

const INCREMENTAL: i64 = -0x8000_0000;
const NAMES: &[&str] = &[
    "cn",
    "name",
    "title",
    "info",
    "member",
    "manager",
    "isDeleted",
    "isRecycled",
    "lastKnownParent",
    "objectClass",
    "sAMAccountName",
    "proxyAddresses",
    "parentGUID",
    "objectGUID",
    "instanceType",
    "userAccountControl",
];

pub async fn run(side: &mut Side) {
    let mut client = side.admin().await;
    refusals(side, &mut client).await;
    let (mut plain, mut incremental) = (Vec::new(), Vec::new());
    read(side, &mut client, "DirSync, full", 0, &mut plain).await;
    read(
        side,
        &mut client,
        "DirSync, full, values",
        INCREMENTAL,
        &mut incremental,
    )
    .await;
    read(side, &mut client, "DirSync, nothing new", 0, &mut plain).await;
    for (what, values) in STEPS {
        change(side, &mut client, what).await;
        read(side, &mut client, what, 0, &mut plain).await;
        read(side, &mut client, values, INCREMENTAL, &mut incremental).await;
    }
}

const STEPS: &[(&str, &str)] = &[
    ("one attribute", "one attribute, values"),
    ("an attribute cleared", "an attribute cleared, values"),
    ("a member more, one less", "a member more, one less, values"),
    ("a rename", "a rename, values"),
    ("a move", "a move, values"),
    ("a unit renamed", "a unit renamed, values"),
    ("a deletion", "a deletion, values"),
    ("a new person", "a new person, values"),
];

async fn change(side: &Side, client: &mut Client, what: &str) {
    let staff = side.dn("staff");
    let [cyd, dan] = [side.dn("cyd"), side.dn("dan")];
    let unit = side.unit();
    let done = match what {
        "one attribute" => {
            client
                .modify(&side.dn("ada"), &[(2, "title", &[b"Chief"])])
                .await
        }
        "an attribute cleared" => {
            client
                .modify(&side.dn("bob"), &[(1, "title", &[]), (1, "manager", &[])])
                .await
        }
        "a member more, one less" => {
            let changes: &[Change] = &[
                (0, "member", &[dan.as_bytes()]),
                (1, "member", &[cyd.as_bytes()]),
            ];
            client.modify(&staff, changes).await
        }
        "a rename" => client.rename(&dan, "CN=daniel", None).await,
        "a move" => {
            client
                .rename(&cyd, "CN=cyd", Some(&format!("OU=Inner,{unit}")))
                .await
        }
        "a unit renamed" => {
            client
                .rename(&format!("OU=Inner,{unit}"), "OU=Within", None)
                .await
        }
        "a deletion" => client.delete(&side.dn("bob")).await,
        _ => {
            client
                .add(
                    &side.dn("new"),
                    &[("objectClass", &["user"]), ("sAMAccountName", &["new"])],
                )
                .await
        }
    };
    assert_eq!(done.code, 0, "{what}: {}", done.text);
}

/// Reads to the end of what is there and notes what is of the script.
async fn read(
    side: &mut Side,
    client: &mut Client,
    step: &'static str,
    flags: i64,
    cookie: &mut Vec<u8>,
) {
    for _ in 0..100 {
        let value = sequence(&[flags, 0], Some(cookie));
        let search = Search::new(&side.base, &anything()).attributes(NAMES);
        let reply = client
            .search(&search.control(oid::DIRSYNC, Some(value)))
            .await;
        assert_eq!(reply.code, 0, "{step}: {}", reply.text);
        for entry in &reply.entries {
            note(side, step, entry);
        }
        *cookie = cookie_of(&reply, oid::DIRSYNC, 2);
        if !has_more(&reply) {
            return;
        }
    }
    panic!("{step}: it does not end");
}

fn has_more(reply: &Reply) -> bool {
    use forest::ber::{INTEGER, Reader, SEQUENCE};
    let (_, value) = reply
        .controls
        .iter()
        .find(|(oid, _)| oid == oid::DIRSYNC)
        .unwrap();
    Reader::new(value)
        .nested(SEQUENCE)
        .unwrap()
        .integer(INTEGER)
        .unwrap()
        != 0
}

fn note(side: &mut Side, step: &'static str, entry: &Entry) {
    let is_crowd = entry.dn.contains("OU=Other");
    let is_ours = entry.dn.contains("OU=Likeness") || entry.dn.contains("\\0ADEL:");
    if is_crowd || !is_ours || entry.dn.contains("OU=Deleted") {
        return;
    }
    if !entry.dn.starts_with("CN=crowd") {
        return side.transcript.entry(step, "sent", entry);
    }
    for (name, values) in &entry.attributes {
        side.transcript
            .note(step, format!("crowd: {name}, {} values", values.len()));
    }
}

async fn refusals(side: &mut Side, client: &mut Client) {
    let step = "DirSync, refused";
    let value = |flags, cookie: &[u8]| Some(sequence(&[flags, 0], Some(cookie)));
    let ask = |base: &str| Search::new(base, &equal("cn", "ada")).attributes(&["title"]);
    let cases = [
        (
            "a unit",
            ask(&side.unit()).control(oid::DIRSYNC, value(0, &[])),
        ),
        (
            "one level",
            ask(&side.base)
                .scope(1)
                .control(oid::DIRSYNC, value(0, &[])),
        ),
        (
            "base only",
            ask(&side.base)
                .scope(0)
                .control(oid::DIRSYNC, value(0, &[])),
        ),
        (
            "a cookie of nobody",
            ask(&side.base).control(oid::DIRSYNC, value(0, b"MSDS-nonsense")),
        ),
        (
            "a short cookie",
            ask(&side.base).control(oid::DIRSYNC, value(0, b"M")),
        ),
        (
            "no such object",
            ask(&side.dn("nobody")).control(oid::DIRSYNC, value(0, &[])),
        ),
    ];
    for (what, search) in cases {
        match client.dare_search(&search).await {
            Answer::Reply(reply) => side.transcript.outcome(step, what, &reply),
            other => {
                side.transcript.answer(step, what, &other);
                *client = side.admin().await;
            }
        }
    }
}
