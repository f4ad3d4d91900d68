//! Searches that succeed: root DSE, scopes, filters, paging, ranges, extended names.

use super::*;

pub async fn run(side: &mut Side) {
    let mut client = side.admin().await;
    root_dse(side).await;
    scopes(side, &mut client).await;
    filters(side, &mut client).await;
    paging(side, &mut client).await;
    limits(side, &mut client).await;
    ranges(side, &mut client).await;
    names(side, &mut client).await;
}

const SHORT: &[&str] = &["cn", "title"];

async fn root_dse(side: &mut Side) {
    let mut stranger = side.stranger().await;
    let search = Search::new("", &anything()).scope(0);
    let root = stranger.search(&search.clone()).await;
    for name in [
        "defaultNamingContext",
        "schemaNamingContext",
        "configurationNamingContext",
        "rootDomainNamingContext",
        "namingContexts",
        "subschemaSubentry",
        "supportedLDAPVersion",
        "supportedControl",
        "supportedCapabilities",
        "supportedExtension",
        "supportedSASLMechanisms",
        "isSynchronized",
        "domainFunctionality",
        "forestFunctionality",
        "domainControllerFunctionality",
        "highestCommittedUSN",
        "currentTime",
        "dnsHostName",
        "dsServiceName",
        "serverName",
        "ldapServiceName",
    ] {
        let values = root.entries[0].values(name).cloned().unwrap_or_default();
        side.transcript.note(
            "root DSE",
            format!(
                "{name} is {}",
                if values.is_empty() { "absent" } else { "there" }
            ),
        );
        let is_own = [
            "dnsHostName",
            "dsServiceName",
            "serverName",
            "ldapServiceName",
            "currentTime",
            "highestCommittedUSN",
        ];
        for value in values.iter().filter(|_| !is_own.contains(&name)) {
            side.transcript.note(
                "root DSE",
                format!("{name}: {}", String::from_utf8_lossy(value)),
            );
        }
    }
    let some = stranger
        .search(&search.attributes(&["supportedLDAPVersion", "nonsense"]))
        .await;
    side.transcript.reply("root DSE", "two attributes", &some);
}

async fn scopes(side: &mut Side, client: &mut Client) {
    let unit = side.unit();
    let not_crowd = around(0xa2, &[equal("mail", "c@partner.example")]);
    for scope in 0..3 {
        let search = Search::new(&unit, &not_crowd)
            .scope(scope)
            .attributes(SHORT);
        let found = client.search(&search).await;
        side.transcript
            .reply("scopes", &format!("scope {scope}"), &found);
    }
    let mut bare = Search::new(&side.dn("ada"), &anything())
        .scope(0)
        .attributes(&["title", "member", "sn"]);
    bare.types_only = true;
    let found = client.search(&bare).await;
    side.transcript.reply("scopes", "types only", &found);
    let none = Search::new(&side.dn("ada"), &anything())
        .scope(0)
        .attributes(&["1.1"]);
    let found = client.search(&none).await;
    side.transcript.reply("scopes", "no attributes", &found);
    let whole = Search::new(&side.dn("ada"), &anything()).scope(0);
    for entry in client.search(&whole).await.entries {
        for (name, _) in &entry.attributes {
            side.transcript
                .note("scopes", format!("a person has {name}"));
        }
    }
    let computed = whole.attributes(&[
        "objectClass",
        "objectCategory",
        "objectGUID",
        "objectSid",
        "name",
        "distinguishedName",
        "instanceType",
        "uSNChanged",
        "uSNCreated",
        "whenCreated",
        "whenChanged",
        "sAMAccountType",
        "userAccountControl",
        "primaryGroupID",
        "memberOf",
        "directReports",
        "parentGUID",
        "canonicalName",
        "isDeleted",
        "CN",
        "2.5.4.4",
        "msDS-PrincipalName",
        "primaryGroupToken",
    ]);
    let found = client.search(&computed).await;
    side.transcript.reply("scopes", "one person", &found);
}

// LONG: a table.
async fn filters(side: &mut Side, client: &mut Client) {
    let unit = side.unit();
    let guid = {
        let search = Search::new(&side.dn("ada"), &anything())
            .scope(0)
            .attributes(&["objectGUID", "objectSid"]);
        client.search(&search).await.entries.remove(0)
    };
    let ada = guid.values("objectGUID").unwrap()[0].clone();
    let sid = guid.values("objectSid").unwrap()[0].clone();
    let text = uuid::Uuid::from_bytes_le(ada.clone().try_into().unwrap()).to_string();
    let staff = side.dn("staff");
    let chain = "1.2.840.113556.1.4.1941";
    let bits = "1.2.840.113556.1.4.803";
    let filters = [
        ("title", equal("title", "lock KEEPER")),
        ("umlaut", equal("sn", "MÜLLER-WEIß")),
        ("start", starts("sAMAccountName", "A")),
        (
            "and or not",
            around(
                0xa0,
                &[
                    around(0xa1, &[equal("title", "Clerk"), equal("title", "Diver")]),
                    around(0xa2, &[equal("cn", "eve")]),
                ],
            ),
        ),
        ("no such attribute", equal("nonsense", "x")),
        (
            "not of no such attribute",
            around(
                0xa0,
                &[equal("cn", "ada"), around(0xa2, &[equal("nonsense", "x")])],
            ),
        ),
        (
            "empty and",
            around(0xa0, &[equal("cn", "ada"), around(0xa0, &[])]),
        ),
        ("member", equal("member", &side.dn("ada"))),
        ("memberOf", equal("memberOf", &staff)),
        (
            "memberOf in chain",
            rule(chain, "memberOf", &side.dn("outer")),
        ),
        ("member in chain", rule(chain, "member", &side.dn("ada"))),
        (
            "bits set",
            around(
                0xa0,
                &[
                    rule(bits, "userAccountControl", "2"),
                    equal("objectClass", "user"),
                ],
            ),
        ),
        (
            "category",
            around(
                0xa0,
                &[equal("objectCategory", "person"), starts("cn", "ad")],
            ),
        ),
        (
            "class above",
            around(0xa0, &[equal("objectClass", "person"), starts("cn", "ad")]),
        ),
        ("GUID octets", compare(0xa3, "objectGUID", &ada)),
        ("GUID text", equal("objectGUID", &text)),
        ("SID octets", compare(0xa3, "objectSid", &sid)),
        (
            "at least",
            around(
                0xa0,
                &[
                    compare(0xa5, "sAMAccountName", b"eve"),
                    equal("title", "Diver"),
                ],
            ),
        ),
        ("distinguished name", equal("distinguishedName", &staff)),
        (
            "present",
            around(0xa0, &[present("manager"), starts("cn", "b")]),
        ),
        (
            "name that does not exist",
            equal("manager", &side.dn("nobody")),
        ),
    ];
    for (what, filter) in filters {
        let found = client
            .search(&Search::new(&unit, &filter).attributes(SHORT))
            .await;
        side.transcript.reply("filters", what, &found);
    }
    let bases = [
        ("base by GUID", format!("<GUID={text}>")),
        ("base by SID", format!("<SID={}>", forest::sid::write(&sid))),
        (
            "base in other case",
            side.dn("ADA").to_uppercase().replace("CN=", "cn="),
        ),
        ("base with blanks", side.dn("ada").replace(',', ", ")),
        (
            "base with escapes",
            format!("CN=Odd\\2C \\22Name\\22 \\2B 1,{unit}"),
        ),
    ];
    for (what, base) in bases {
        let found = client
            .search(&Search::new(&base, &anything()).scope(0).attributes(&["cn"]))
            .await;
        side.transcript.reply("filters", what, &found);
    }
}

async fn paging(side: &mut Side, client: &mut Client) {
    let filter = around(0xa1, &[present("title"), present("member")]);
    let mut cookie = Vec::new();
    for page in 0..5 {
        let value = sequence(&[4], Some(&cookie));
        let search = Search::new(&side.unit(), &filter)
            .attributes(&["cn"])
            .control(oid::PAGED, Some(value));
        let found = client.search(&search).await;
        side.transcript
            .outcome("paging", &format!("page {page}"), &found);
        side.transcript.note(
            "paging",
            format!("page {page}: {} entries", found.entries.len()),
        );
        cookie = cookie_of(&found, oid::PAGED, 1);
        for entry in &found.entries {
            side.transcript.entry("paging", "a page", entry);
        }
        if cookie.is_empty() {
            side.transcript
                .note("paging", format!("page {page} is the last"));
            break;
        }
    }
}

/// The cookie in an answer's control, behind so many numbers.
pub fn cookie_of(reply: &Reply, oid: &str, numbers: usize) -> Vec<u8> {
    use forest::ber::{INTEGER, OCTETS, Reader, SEQUENCE};
    let Some((_, value)) = reply.controls.iter().find(|(have, _)| have == oid) else {
        return Vec::new();
    };
    let mut value = Reader::new(value).nested(SEQUENCE).unwrap();
    for _ in 0..numbers {
        value.integer(INTEGER).unwrap();
    }
    value.expect(OCTETS).unwrap().to_vec()
}

async fn limits(side: &mut Side, client: &mut Client) {
    let crowd = equal("mail", "c@partner.example");
    let unpaged = Search::new(&side.unit(), &crowd).attributes(&["cn"]);
    let found = client.search(&unpaged).await;
    side.transcript.outcome("limits", "unpaged", &found);
    side.transcript.note(
        "limits",
        format!("unpaged: {} entries", found.entries.len()),
    );
    let mut few = unpaged.clone();
    few.size_limit = 3;
    let found = client.search(&few).await;
    side.transcript.outcome("limits", "size limit", &found);
    side.transcript.note(
        "limits",
        format!("size limit: {} entries", found.entries.len()),
    );
    let value = sequence(&[5_000], Some(&[]));
    let found = client
        .search(&unpaged.control(oid::PAGED, Some(value)))
        .await;
    side.transcript.note(
        "limits",
        format!("a page of five thousand: {} entries", found.entries.len()),
    );
    let mut few = few.control(oid::PAGED, Some(sequence(&[2], Some(&[]))));
    few.size_limit = 3;
    let found = client.search(&few).await;
    side.transcript
        .outcome("limits", "size limit above the page", &found);
    side.transcript.note(
        "limits",
        format!("size limit above the page: {} entries", found.entries.len()),
    );
}

async fn ranges(side: &mut Side, client: &mut Client) {
    for (group, wanted) in [
        ("staff", "member;range=0-0"),
        ("staff", "member;range=1-*"),
        ("staff", "member;range=0-1"),
        ("staff", "member;range=0-99"),
        ("staff", "member;range=3-*"),
        ("crowd", "member"),
        ("crowd", "member;range=0-*"),
        ("crowd", "member;range=0-9"),
        ("crowd", "member;range=1500-*"),
        ("crowd", "member;range=1590-1599"),
        ("crowd", "member;range=5-2"),
    ] {
        let search = Search::new(&side.dn(group), &anything())
            .scope(0)
            .attributes(&[wanted]);
        let found = client.search(&search).await;
        let what = format!("{group} {wanted}");
        side.transcript.outcome("ranges", &what, &found);
        for (name, values) in found.entries.iter().flat_map(|entry| &entry.attributes) {
            side.transcript
                .note("ranges", format!("{what}: {name}, {} values", values.len()));
        }
    }
}

async fn names(side: &mut Side, client: &mut Client) {
    for (what, value) in [("hex", 0), ("text", 1)] {
        let value = Some(sequence(&[value], None));
        let search = Search::new(&side.dn("staff"), &anything())
            .scope(0)
            .attributes(&["cn", "member", "objectCategory"]);
        let found = client
            .search(&search.control(oid::EXTENDED_DN, value))
            .await;
        side.transcript.reply("extended names", what, &found);
    }
    let search = Search::new(&side.dn("bob"), &anything())
        .scope(0)
        .attributes(&["manager"]);
    let found = client.search(&search.control(oid::EXTENDED_DN, None)).await;
    side.transcript
        .reply("extended names", "without a value", &found);
}
