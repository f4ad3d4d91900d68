//! Hostile bytes, and a server in the test that is silent, slow, rude or generous.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use ldap3_proto::{
    LdapCodec, LdapMsg, LdapResultCode,
    control::LdapControl,
    proto::{
        LdapBindResponse, LdapOp, LdapPartialAttribute, LdapResult, LdapSearchResultEntry,
        LdapSearchResultReference,
    },
};
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_util::codec::{Encoder, Framed};

use crate::{
    BadMessage, BindReason, Connection, DirSyncFlags, Endpoint, Error, Item, Query, Reader, Scheme,
    Scope, Step, Timeouts, dn,
    message::{Body, Names, cut, decode},
    over, split_range,
};

fn short() -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(200),
        request: Duration::from_millis(200),
        idle_between_entries: Duration::from_millis(200),
    }
}

/// A client, and the server's end of its stream.
fn pair() -> (Connection, Framed<DuplexStream, LdapCodec>) {
    let (near, far) = tokio::io::duplex(16 << 10);
    let client = over(near, "ldap://test", short());
    (
        client,
        Framed::new(far, LdapCodec::new(Some(64 << 20), None)),
    )
}

fn result(code: LdapResultCode, text: &str) -> LdapResult {
    LdapResult {
        code,
        matcheddn: String::new(),
        message: text.into(),
        referral: Vec::new(),
    }
}

fn entry(dn: &str, bytes: usize) -> LdapOp {
    LdapOp::SearchResultEntry(LdapSearchResultEntry {
        dn: dn.into(),
        attributes: vec![LdapPartialAttribute {
            atype: "photo".into(),
            vals: vec![vec![7; bytes]],
        }],
    })
}

fn encoded(message: LdapMsg) -> BytesMut {
    let mut bytes = BytesMut::new();
    LdapCodec::default().encode(message, &mut bytes).unwrap();
    bytes
}

async fn request(server: &mut Framed<DuplexStream, LdapCodec>) -> LdapMsg {
    server.next().await.unwrap().unwrap()
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = cut(&mut buffer) {
            let _ = decode(&frame, &mut Names::default());
        }
        let mut reader = Reader::new(&bytes);
        while reader.element().is_ok() && !reader.is_empty() {}
    }

    #[test]
    fn damaged_messages_never_panic(at in 0_usize..200, by in any::<u8>(), cut_at in 0_usize..200) {
        let done = LdapMsg::new_with_ctrls(3, LdapOp::SearchResultDone(result(LdapResultCode::Busy, "x")),
            vec![LdapControl::SimplePagedResults { size: 1, cookie: vec![1, 2] }]);
        for message in [LdapMsg::new(1, entry("CN=a", 20)), done] {
            let mut bytes = encoded(message).to_vec();
            let length = bytes.len();
            bytes[at % length] = by;
            bytes.truncate(cut_at.max(1));
            let _ = decode(&Bytes::from(bytes), &mut Names::default());
        }
    }

    #[test]
    fn entries_come_back_as_they_were_encoded(
        id in 1_i32..i32::MAX,
        dn in "\\PC{0,40}",
        attributes in proptest::collection::vec(
            ("[a-zA-Z][a-zA-Z0-9;=*-]{0,20}", proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..4)), 0..6),
    ) {
        let op = LdapOp::SearchResultEntry(LdapSearchResultEntry {
            dn: dn.clone(),
            attributes: attributes.iter().map(|(name, values)| LdapPartialAttribute { atype: name.clone(), vals: values.clone() }).collect(),
        });
        let mut buffer = encoded(LdapMsg::new(id, op));
        let frame = cut(&mut buffer).unwrap().unwrap();
        prop_assert!(buffer.is_empty());
        let message = decode(&frame, &mut Names::default()).unwrap();
        prop_assert_eq!(message.id, id);
        let Body::Entry(entry, _) = message.body else { panic!("no entry") };
        prop_assert_eq!(entry.dn, dn);
        let found: Vec<(String, Vec<Vec<u8>>)> = entry.attributes.iter()
            .map(|(name, values)| (name.to_string(), values.iter().map(|v| v.to_vec()).collect())).collect();
        prop_assert_eq!(found, attributes);
    }

    #[test]
    fn integers_come_back_as_they_were_encoded(number in any::<i64>()) {
        let mut bytes = vec![2, 8];
        bytes.extend(number.to_be_bytes());
        prop_assert_eq!(Reader::new(&bytes).integer(2), Ok(number));
    }

    #[test]
    fn an_escaped_value_stays_one_rdn(value in "\\PC{1,30}") {
        let text = format!("CN={},OU=x,DC=y", dn::escape_value(&value));
        let (rdn, parent) = dn::split_first(&text);
        prop_assert_eq!(parent, "OU=x,DC=y");
        prop_assert_eq!(dn::rdn_attribute(rdn), "CN");
    }
}

#[test]
fn a_frame_waits_for_its_bytes_and_absurd_lengths_are_refused() {
    let whole = encoded(LdapMsg::new(1, entry("CN=a", 500)));
    for length in 0..whole.len() {
        assert_eq!(cut(&mut BytesMut::from(&whole[..length])), Ok(None));
    }
    let claim = BytesMut::from(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..]);
    assert_eq!(
        cut(&mut claim.clone()),
        Err(BadMessage::TooLarge(0xffff_ffff))
    );
    assert_eq!(
        cut(&mut BytesMut::from("HTTP/1.1")),
        Err(BadMessage::NotLdap(b'H'))
    );
}

#[test]
fn addresses_are_read_strictly() {
    let good: Endpoint = "LDAPS://[::1]:1636/".parse().unwrap();
    assert_eq!(
        (good.scheme, good.host.as_str(), good.port),
        (Scheme::Ldaps, "::1", 1636)
    );
    let socket: Endpoint = "ldapi://%2Frun%2Fmy%20slapd%2Fldapi/".parse().unwrap();
    assert_eq!(
        (socket.scheme, &*socket.host),
        (Scheme::Ldapi, "/run/my slapd/ldapi")
    );
    assert_eq!(
        "ldapi:///".parse::<Endpoint>().unwrap().to_string(),
        "ldapi://%2Frun%2Fslapd%2Fldapi"
    );
    assert_eq!("ldap://dc1".parse::<Endpoint>().unwrap().port, 389);
    for bad in [
        "dc1",
        "http://dc1",
        "ldap://",
        "ldap://u@dc1",
        "ldap://dc1/DC=x",
        "ldap://dc1:99999",
        "ldap://::1",
        "ldapi://%2",
        "ldapi://%2Frun%00",
        "ldapi://run",
        "ldapi://%2Frun/x",
    ] {
        assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
    }
}

#[test]
fn names_are_split_where_they_are_not_escaped() {
    assert_eq!(
        dn::split_first("CN=Müller\\, Jo\\\\,OU=a,DC=b"),
        ("CN=Müller\\, Jo\\\\", "OU=a,DC=b")
    );
    assert_eq!(dn::split_first("DC=b"), ("DC=b", ""));
    assert_eq!(
        dn::split_first("CN=trailing\\ ,OU=a"),
        ("CN=trailing\\ ", "OU=a")
    );
    assert_eq!(
        dn::split_first(" CN=slash\\\\  , OU=a"),
        ("CN=slash\\\\", "OU=a")
    );
    assert_eq!(dn::split_first(""), ("", ""));
    assert_eq!(
        dn::split_extended("<GUID=ab-c>;<SID=S-1-5>;CN=x,DC=y"),
        (Some("ab-c"), Some("S-1-5"), "CN=x,DC=y")
    );
    assert_eq!(dn::escape_value(" a,b# "), "\\ a\\,b#\\ ");
    assert_eq!(dn::escape_value("#a\n"), "\\#a\\0A");
}

#[test]
fn ranges_are_recognised() {
    let (name, range) = split_range("member;Range=1500-*");
    assert_eq!(
        (name, range.map(|r| (r.from, r.to))),
        ("member", Some((1500, None)))
    );
    assert_eq!(split_range("member;range=0-1499").1.unwrap().to, Some(1499));
    assert_eq!(
        split_range("userCertificate;binary"),
        ("userCertificate;binary", None)
    );
}

#[test]
fn bind_refusals_say_why() {
    let text =
        "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 775, v4563\0";
    assert_eq!(BindReason::parse(text), BindReason::LockedOut);
    assert_eq!(
        BindReason::parse("data 52e, v1db1"),
        BindReason::WrongPassword
    );
    assert_eq!(BindReason::parse("no idea"), BindReason::Unknown);
}

#[tokio::test]
async fn a_refused_bind_carries_reason_code_and_text() {
    let (client, mut server) = pair();
    let serve = async {
        let asked = request(&mut server).await;
        let response = LdapBindResponse {
            res: result(
                LdapResultCode::InvalidCredentials,
                "80090308: x, data 533, v1db1",
            ),
            saslcreds: None,
        };
        server
            .send(LdapMsg::new(asked.msgid, LdapOp::BindResponse(response)))
            .await
            .unwrap();
    };
    let (error, ()) = tokio::join!(client.simple_bind("CN=x", "secret"), serve);
    match error.unwrap_err() {
        Error::BindRefused { reason, code, .. } => {
            assert_eq!((reason, code.0), (BindReason::AccountDisabled, 49));
        }
        other => panic!("{other}"),
    }
    assert!(matches!(
        client.simple_bind("CN=x", "").await,
        Err(Error::EmptyPassword { .. })
    ));
}

#[tokio::test]
async fn silence_ends_in_a_time_out_that_names_the_operation_and_abandons() {
    let (client, mut server) = pair();
    let error = client.simple_bind("CN=x", "secret").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ldap://test did not answer bind within 200ms"
    );
    let asked = request(&mut server).await;
    assert_eq!(
        request(&mut server).await.op,
        LdapOp::AbandonRequest(asked.msgid)
    );
}

#[tokio::test]
async fn silence_between_entries_ends_in_a_time_out() {
    let (client, mut server) = pair();
    let mut search = client.search(&Query::new("", Scope::Subtree)).unwrap();
    let asked = request(&mut server).await;
    server
        .send(LdapMsg::new(asked.msgid, entry("CN=a", 1)))
        .await
        .unwrap();
    assert!(matches!(search.next().await, Ok(Item::Entry(_))));
    assert!(matches!(
        search.next().await,
        Err(Error::Timeout {
            operation: "search",
            ..
        })
    ));
}

#[tokio::test]
async fn a_search_that_tells_of_what_happens_outlives_silence() {
    let (client, mut server) = pair();
    let mut search = client.search(&Query::new("", Scope::Subtree)).unwrap();
    let asked = request(&mut server).await;
    let longer = short().request + short().idle_between_entries;
    let silence = tokio::time::timeout(longer, search.next_whenever()).await;
    assert!(silence.is_err(), "{silence:?}");
    let told = LdapMsg::new(asked.msgid, entry("CN=a", 1));
    server.send(told).await.unwrap();
    assert!(matches!(search.next_whenever().await, Ok(Item::Entry(_))));
    drop(server);
    let end = search.next_whenever().await;
    assert!(matches!(end, Err(Error::Closed { .. })), "{end:?}");
}

#[tokio::test]
async fn a_dropped_search_is_abandoned_and_the_last_handle_unbinds() {
    let (client, mut server) = pair();
    let search = client.search(&Query::new("", Scope::Subtree)).unwrap();
    let asked = request(&mut server).await;
    drop(search);
    assert_eq!(
        request(&mut server).await.op,
        LdapOp::AbandonRequest(asked.msgid)
    );
    drop(client);
    assert_eq!(request(&mut server).await.op, LdapOp::UnbindRequest);
    assert!(server.next().await.is_none());
}

#[tokio::test]
async fn an_undrained_search_stops_the_server_and_dropping_it_frees_the_connection() {
    let (client, mut server) = pair();
    let search = client.search(&Query::new("", Scope::Subtree)).unwrap();
    let asked = request(&mut server).await;
    let mut sent_kib = 0;
    let flood = async {
        loop {
            let message = LdapMsg::new(asked.msgid, entry("CN=a", 64 << 10));
            server.send(message).await.unwrap();
            sent_kib += 64;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_millis(500), flood)
            .await
            .is_err(),
        "the flood never ended"
    );
    assert!((512..2048).contains(&sent_kib), "{sent_kib} KiB taken");
    drop(search);
    let serve = async {
        // What the flood left half written must go out before anything else.
        server.flush().await.unwrap();
        loop {
            let asked = request(&mut server).await;
            if let LdapOp::DelRequest(_) = asked.op {
                let response = LdapOp::DelResponse(result(LdapResultCode::Success, ""));
                return server
                    .send(LdapMsg::new(asked.msgid, response))
                    .await
                    .unwrap();
            }
        }
    };
    let (deleted, ()) = tokio::join!(client.delete("CN=x"), serve);
    deleted.unwrap();
}

#[tokio::test]
async fn pages_are_joined_and_references_passed_over() {
    let (client, mut server) = pair();
    let serve = async {
        for (given, next) in [(&b""[..], &b"more"[..]), (b"more", b"")] {
            let asked = request(&mut server).await;
            assert_eq!(
                asked.ctrl,
                [LdapControl::SimplePagedResults {
                    size: 2,
                    cookie: given.to_vec()
                }]
            );
            let reference = LdapOp::SearchResultReference(LdapSearchResultReference {
                uris: vec!["ldap://elsewhere".into()],
            });
            for op in [entry("CN=a", 1), reference, entry("CN=b", 1)] {
                server.send(LdapMsg::new(asked.msgid, op)).await.unwrap();
            }
            let done = LdapOp::SearchResultDone(result(LdapResultCode::Success, ""));
            let control = LdapControl::SimplePagedResults {
                size: 0,
                cookie: next.to_vec(),
            };
            server
                .send(LdapMsg::new_with_ctrls(asked.msgid, done, vec![control]))
                .await
                .unwrap();
        }
    };
    let query = Query::new("", Scope::Subtree);
    let (entries, ()) = tokio::join!(client.search_all_paged(query, 2), serve);
    let names: Vec<_> = entries.unwrap().into_iter().map(|e| e.dn).collect();
    assert_eq!(names, ["CN=a", "CN=b", "CN=a", "CN=b"]);
}

#[tokio::test]
async fn ranges_are_followed_to_the_last_value_and_a_stuck_server_does_not_keep_us() {
    let (client, mut server) = pair();
    let serve = async {
        for description in [
            "member;range=0-1",
            "member;range=2-*",
            "member;range=0-1",
            "member;range=0-1",
        ] {
            let asked = request(&mut server).await;
            let op = LdapOp::SearchResultEntry(LdapSearchResultEntry {
                dn: "CN=g".into(),
                attributes: vec![LdapPartialAttribute {
                    atype: description.into(),
                    vals: vec![b"x".to_vec(), b"y".to_vec()],
                }],
            });
            server.send(LdapMsg::new(asked.msgid, op)).await.unwrap();
            let done = LdapOp::SearchResultDone(result(LdapResultCode::Success, ""));
            server.send(LdapMsg::new(asked.msgid, done)).await.unwrap();
        }
    };
    let ask = async {
        let whole = client.all_values("CN=g", "member", &[]).await.unwrap();
        let stuck = client.all_values("CN=g", "member", &[]).await.unwrap();
        (whole.len(), stuck.len())
    };
    let (counts, ()) = tokio::join!(ask, serve);
    assert_eq!(counts, (4, 4));
}

#[tokio::test]
async fn dirsync_rounds_give_cookie_and_whether_there_is_more() {
    let (client, mut server) = pair();
    let serve = async {
        let asked = request(&mut server).await;
        assert_eq!(
            asked.ctrl,
            [LdapControl::AdDirsync {
                // The test server's decoder does not extend the sign of four bytes.
                flags: 0x8000_0800,
                max_bytes: 1000,
                cookie: Some(b"old".to_vec())
            }]
        );
        let done = LdapOp::SearchResultDone(result(LdapResultCode::Success, ""));
        let control = LdapControl::AdDirsync {
            flags: 1,
            max_bytes: 0,
            cookie: Some(b"new".to_vec()),
        };
        server
            .send(LdapMsg::new_with_ctrls(asked.msgid, done, vec![control]))
            .await
            .unwrap();
    };
    let flags = DirSyncFlags::INCREMENTAL_VALUES.and(DirSyncFlags::ANCESTORS_FIRST);
    let query = Query::new("DC=x", Scope::Subtree);
    let mut sync = client.dirsync(&query, flags, 1000, b"old").unwrap();
    let (step, ()) = tokio::join!(sync.next(), serve);
    let Step::End(round) = step.unwrap() else {
        panic!("no end")
    };
    assert_eq!(
        (round.cookie.as_slice(), round.has_more),
        (&b"new"[..], true)
    );
}

#[tokio::test]
async fn a_search_that_does_not_end_in_success_is_an_error_with_the_servers_text() {
    let (client, mut server) = pair();
    let serve = async {
        let asked = request(&mut server).await;
        let done = result(LdapResultCode::SizeLimitExceeded, "too many");
        server
            .send(LdapMsg::new(asked.msgid, LdapOp::SearchResultDone(done)))
            .await
            .unwrap();
    };
    let query = Query::new("", Scope::Subtree);
    let (entries, ()) = tokio::join!(client.search_all(&query), serve);
    assert_eq!(
        entries.unwrap_err().to_string(),
        "ldap://test refuses search: sizeLimitExceeded (4) too many"
    );
}

#[tokio::test]
async fn nonsense_and_a_closed_stream_are_told_apart() {
    let (client, server) = pair();
    let mut stream = server.into_inner();
    stream.write_all(b"\x30\x03\x02\x01").await.unwrap();
    stream.write_all(b"HTTP").await.unwrap();
    let error = client.delete("CN=x").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Protocol {
                operation: "delete",
                ..
            }
        ),
        "{error}"
    );
    let (client, server) = pair();
    drop(server);
    let error = client.delete("CN=x").await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error}");
    assert!(client.is_closed());
}
