//! Changes that succeed, what is left of deleted objects, and notification.

use super::super::transcript::name;
use super::*;

pub async fn run(side: &mut Side) {
    let mut client = side.admin().await;
    tombstones(side, &mut client).await;
    permissive(side, &mut client).await;
    notification(side).await;
    tree(side, &mut client).await;
}

// LONG: one story, told in order.
async fn tombstones(side: &mut Side, client: &mut Client) {
    let step = "deleted objects";
    let eve = side.dn("eve");
    let read = Search::new(&eve, &anything())
        .scope(0)
        .attributes(&["objectGUID"]);
    let guid = client
        .search(&read)
        .await
        .entries
        .remove(0)
        .values("objectGUID")
        .unwrap()[0]
        .clone();
    let text = uuid::Uuid::from_bytes_le(guid.clone().try_into().unwrap());
    let by_guid = format!("<GUID={text}>");
    let done = client
        .modify(&side.dn("outer"), &[(0, "member", &[eve.as_bytes()])])
        .await;
    side.transcript.outcome(step, "a member more", &done);
    let done = client.delete(&eve).await;
    side.transcript.outcome(step, "delete", &done);
    let names = &[
        "cn",
        "name",
        "isDeleted",
        "isRecycled",
        "lastKnownParent",
        "msDS-LastKnownRDN",
        "title",
        "sAMAccountName",
        "memberOf",
        "objectClass",
    ];
    let cases = [
        ("hidden", Search::new(&by_guid, &anything()).scope(0)),
        (
            "shown",
            Search::new(&by_guid, &anything())
                .scope(0)
                .control(oid::SHOW_DELETED, None),
        ),
        (
            "shown, recycled too",
            Search::new(&by_guid, &anything())
                .scope(0)
                .control(oid::SHOW_RECYCLED, None),
        ),
        (
            "searched",
            Search::new(&side.base, &compare(0xa3, "objectGUID", &guid)),
        ),
        (
            "searched, shown",
            Search::new(&side.base, &compare(0xa3, "objectGUID", &guid))
                .control(oid::SHOW_DELETED, None),
        ),
    ];
    for (what, search) in cases {
        let reply = client
            .search(&search.attributes(names).control(oid::DOMAIN_SCOPE, None))
            .await;
        side.transcript.reply(step, what, &reply);
    }
    let group = Search::new(&side.dn("outer"), &anything())
        .scope(0)
        .attributes(&["member"]);
    let reply = client.search(&group).await;
    side.transcript.reply(step, "its group", &reply);
    let done = client.delete(&by_guid).await;
    side.transcript.outcome(step, "delete again", &done);
}

async fn permissive(side: &mut Side, client: &mut Client) {
    use forest::ber::{ENUMERATED, OCTETS, SEQUENCE, SET, Writer};
    for (what, kind, value) in [
        ("add what is there", 0, "Diver"),
        ("remove what is not", 1, "Clerk"),
    ] {
        let mut writer = Writer::new();
        let modify = writer.open(0x66);
        writer.octets(OCTETS, side.dn("fay").as_bytes());
        let list = writer.open(SEQUENCE);
        let change = writer.open(SEQUENCE);
        writer.integer(ENUMERATED, kind);
        let one = writer.open(SEQUENCE);
        writer.octets(OCTETS, b"title");
        let set = writer.open(SET);
        writer.octets(OCTETS, value.as_bytes());
        for open in [set, one, change, list, modify] {
            writer.close(open);
        }
        let control = (oid::PERMISSIVE.to_owned(), true, None);
        let reply = client.operate(&writer.bytes, &[control]).await;
        side.transcript.outcome("permissive", what, &reply);
    }
}

async fn notification(side: &mut Side) {
    let step = "notification";
    let refused = [
        ("a tree elsewhere", Search::new(&side.unit(), &anything())),
        ("a filter", Search::new(&side.base, &equal("cn", "ada"))),
    ];
    for (what, search) in refused {
        let mut watcher = side.admin().await;
        let search = search.attributes(&["cn"]).control(oid::NOTIFICATION, None);
        let answer = watcher.dare_search(&search).await;
        side.transcript.answer(step, what, &answer);
    }
    let (base, unit) = (side.base.clone(), side.unit());
    for (what, base, scope) in [
        ("the domain", base, 2),
        ("one level", unit, 1),
        ("one object", side.dn("fay"), 0),
    ] {
        let mut watcher = side.admin().await;
        let search = Search::new(&base, &anything())
            .scope(scope)
            .attributes(&["cn", "title"]);
        let id = watcher
            .start(&search.control(oid::NOTIFICATION, None))
            .await;
        let mut client = side.admin().await;
        for time in ["told", "told again"] {
            let mut heard = None;
            for _ in 0..ATTEMPTS {
                heard = tell(side, &mut client, &mut watcher, id).await;
                if heard.is_some() {
                    break;
                }
            }
            let heard = heard.unwrap_or_default();
            side.transcript
                .note(step, format!("{what}: {time} {heard}"));
        }
        watcher.abandon(id).await;
        let root = Search::new("", &anything())
            .scope(0)
            .attributes(&["supportedLDAPVersion"]);
        let reply = watcher.search(&root).await;
        side.transcript
            .reply(step, &format!("{what}, abandoned"), &reply);
        let after = tell(side, &mut client, &mut watcher, id).await;
        side.transcript
            .note(step, format!("{what}: told after all {after:?}"));
    }
}

/// Changes made until a watcher hears of one; a registration may take a moment to count.
const ATTEMPTS: usize = 3;

/// Changes an object; says what the watcher heard.
async fn tell(side: &Side, client: &mut Client, watcher: &mut Client, id: i64) -> Option<String> {
    let phone = format!("+31 20 555 {:09}", fastrand::u32(..1_000_000_000));
    let change: Change<'_> = (2, "telephoneNumber", &[phone.as_bytes()]);
    let done = client.modify(&side.dn("fay"), &[change]).await;
    assert_eq!(done.code, 0, "{}", done.text);
    let entry = watcher.told(id).await?;
    let names = entry.attributes.iter().map(|(name, _)| name.as_str());
    let names: std::collections::BTreeSet<&str> = names.collect();
    Some(format!("{} {names:?}", name(&entry.dn)))
}

async fn tree(side: &mut Side, client: &mut Client) {
    let control = (oid::TREE_DELETE.to_owned(), true, None);
    let mut writer = forest::ber::Writer::new();
    writer.octets(0x4a, format!("OU=Within,{}", side.unit()).as_bytes());
    let reply = client.operate(&writer.bytes, &[control]).await;
    side.transcript.outcome("tree", "deleted whole", &reply);
}
