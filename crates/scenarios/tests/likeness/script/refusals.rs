//! What is refused, and how: binds, names, filters, controls, rights, changes.

use super::*;

pub async fn run(side: &mut Side) {
    binds(side).await;
    let mut client = side.admin().await;
    names(side, &mut client).await;
    drop(client);
    controls(side).await;
    // A request that ends one connection may end others that the same process of the server holds.
    let mut client = side.admin().await;
    compares(side, &mut client).await;
    modifies(side, &mut client).await;
    rights(side).await;
    others(side).await;
}

async fn binds(side: &mut Side) {
    let (netbios, base) = (side.netbios.clone(), side.base.clone());
    let cases = [
        ("wrong password", format!("{netbios}\\plain"), "no"),
        ("nobody", format!("{netbios}\\nobody"), "no"),
        ("nobody by name", format!("CN=nobody,{base}"), "no"),
        ("disabled", format!("{netbios}\\shut"), PLAIN_PASSWORD),
        ("disabled, wrong password", format!("{netbios}\\shut"), "no"),
        ("must change", format!("{netbios}\\fresh"), PLAIN_PASSWORD),
        ("expired", format!("{netbios}\\gone"), PLAIN_PASSWORD),
        ("no password", format!("{netbios}\\plain"), ""),
        ("by name", side.dn("plain"), PLAIN_PASSWORD),
        ("no domain", "plain".to_owned(), PLAIN_PASSWORD),
        ("anonymous", String::new(), ""),
    ];
    for (what, name, password) in cases {
        let mut client = side.stranger().await;
        let reply = client.bind(&name, password).await;
        side.transcript.outcome("binds", what, &reply);
    }
    let mut stranger = side.stranger().await;
    let search = Search::new(&base, &anything()).scope(0).attributes(&["dc"]);
    let reply = stranger.search(&search).await;
    side.transcript
        .reply("binds", "search without a bind", &reply);
    let reply = stranger.delete(&side.dn("ada")).await;
    side.transcript
        .outcome("binds", "delete without a bind", &reply);
    let mut client = side.admin().await;
    client.bind(&format!("{netbios}\\plain"), "no").await;
    let reply = client.search(&search).await;
    side.transcript
        .reply("binds", "search after a failed bind", &reply);
}

async fn names(side: &mut Side, client: &mut Client) {
    let cases = [
        ("no such object", side.dn("nobody")),
        ("two levels missing", format!("CN=a,CN=b,{}", side.unit())),
        ("no such container", format!("CN=a,OU=none,{}", side.base)),
        ("not a name", "nonsense".to_owned()),
        ("elsewhere", "OU=x,DC=elsewhere,DC=org".to_owned()),
        ("below the domain", format!("DC=child,{}", side.base)),
        ("empty base", String::new()),
        (
            "GUID of nothing",
            format!("<GUID={}>", uuid::Uuid::from_u128(7)),
        ),
    ];
    for (what, base) in cases {
        for scope in [0, 2] {
            let search = Search::new(&base, &equal("cn", "ada"))
                .scope(scope)
                .attributes(&["cn"]);
            let reply = client.search(&search).await;
            side.transcript
                .reply("names", &format!("{what}, scope {scope}"), &reply);
        }
    }
    let search = Search::new(&side.base, &equal("cn", "ada")).attributes(&["cn"]);
    let reply = client.search(&search).await;
    side.transcript.reply("names", "from the root", &reply);
    let reply = client
        .search(&search.control(oid::DOMAIN_SCOPE, None))
        .await;
    side.transcript
        .reply("names", "from the root, domain only", &reply);
}

async fn controls(side: &mut Side) {
    let base = side.base.clone();
    let search = || Search::new(&base, &anything()).scope(0).attributes(&["dc"]);
    let mut lax = search();
    lax.controls.push(("1.2.3.4".into(), false, None));
    let cases = [
        ("unknown, critical", search().control("1.2.3.4", None)),
        ("unknown, not critical", lax),
        ("paging without a value", search().control(oid::PAGED, None)),
        (
            "paging with nonsense",
            search().control(oid::PAGED, Some(b"nonsense".to_vec())),
        ),
        (
            "a cookie of nobody",
            search().control(oid::PAGED, Some(sequence(&[5], Some(b"cookie")))),
        ),
        (
            "DirSync without a value",
            search().scope(2).control(oid::DIRSYNC, None),
        ),
        (
            "DirSync with nonsense",
            search()
                .scope(2)
                .control(oid::DIRSYNC, Some(b"nonsense".to_vec())),
        ),
        (
            "DirSync cut short",
            search()
                .scope(2)
                .control(oid::DIRSYNC, Some(vec![0x30, 0x03, 0x02, 0x01, 0x00])),
        ),
        (
            "extended name with nonsense",
            search().control(oid::EXTENDED_DN, Some(b"nonsense".to_vec())),
        ),
        (
            "extended name 7",
            search().control(oid::EXTENDED_DN, Some(sequence(&[7], None))),
        ),
    ];
    for (what, search) in cases {
        let mut client = side.admin().await;
        let answer = client.dare_search(&search).await;
        match &answer {
            Answer::Reply(reply) => side.transcript.outcome("controls", what, reply),
            other => side.transcript.answer("controls", what, other),
        }
    }
}

async fn compares(side: &mut Side, client: &mut Client) {
    let (ada, staff) = (side.dn("ada"), side.dn("staff"));
    let cases = [
        ("true", ada.clone(), "title", "engineer".to_owned()),
        ("false", ada.clone(), "title", "Clerk".to_owned()),
        ("no value", ada.clone(), "info", "x".to_owned()),
        ("no such attribute", ada.clone(), "nonsense", "x".to_owned()),
        ("member", staff, "member", ada),
        ("no such object", side.dn("nobody"), "cn", "x".to_owned()),
    ];
    for (what, dn, name, value) in cases {
        let reply = client.compare(&dn, name, &value).await;
        side.transcript.outcome("compare", what, &reply);
    }
}

// LONG: a table.
async fn modifies(side: &mut Side, client: &mut Client) {
    let (ada, unit) = (side.dn("ada"), side.unit());
    let [eve, nobody] = [side.dn("eve"), side.dn("nobody")];
    let cases: [(&str, &str, i64, &str, &[&str]); 12] = [
        ("a value that is there", "ada", 0, "title", &["Engineer"]),
        ("a value that is not there", "ada", 1, "title", &["Clerk"]),
        ("an attribute that is not there", "ada", 1, "info", &[]),
        ("two values for one", "ada", 2, "title", &["a", "b"]),
        ("no such attribute", "ada", 2, "nonsense", &["x"]),
        ("not a number", "ada", 2, "countryCode", &["x"]),
        ("a system attribute", "ada", 2, "uSNChanged", &["1"]),
        ("the relative name", "ada", 2, "cn", &["x"]),
        ("the class", "ada", 2, "objectClass", &["group"]),
        ("a member that is none", "staff", 1, "member", &[&eve]),
        ("a member twice", "staff", 0, "member", &[&ada]),
        (
            "a member that does not exist",
            "staff",
            0,
            "member",
            &[&nobody],
        ),
    ];
    for (what, who, kind, name, values) in cases {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let reply = client.modify(&side.dn(who), &[(kind, name, &values)]).await;
        side.transcript.outcome("modify", what, &reply);
    }
    let reply = client
        .modify(&side.dn("nobody"), &[(2, "title", &[b"x"])])
        .await;
    side.transcript.outcome("modify", "nobody", &reply);
    let user: Attributes<'_> = &[("objectClass", &["user"])];
    let adds: [(&str, String, Attributes<'_>); 6] = [
        ("there already", ada.clone(), user),
        (
            "account taken",
            side.dn("x"),
            &[("objectClass", &["user"]), ("sAMAccountName", &["ada"])],
        ),
        ("no container", format!("CN=x,OU=none,{unit}"), user),
        (
            "no such class",
            side.dn("x"),
            &[("objectClass", &["nonsense"])],
        ),
        ("no class", side.dn("x"), &[("title", &["x"])]),
        ("below a person", format!("CN=x,{ada}"), user),
    ];
    for (what, dn, attributes) in adds {
        let reply = client.add(&dn, attributes).await;
        side.transcript.outcome("add", what, &reply);
    }
    for (what, dn) in [
        ("nobody", side.dn("nobody")),
        ("with children", unit.clone()),
        ("the domain", side.base.clone()),
    ] {
        let reply = client.delete(&dn).await;
        side.transcript.outcome("delete", what, &reply);
    }
    let renames = [
        ("to a taken name", ada.clone(), "CN=bob", None),
        ("nobody", side.dn("nobody"), "CN=x", None),
        (
            "to no container",
            ada.clone(),
            "CN=ada",
            Some(format!("OU=none,{unit}")),
        ),
        (
            "below itself",
            unit.clone(),
            "OU=Likeness",
            Some(format!("OU=Inner,{unit}")),
        ),
        ("other naming attribute", ada, "OU=ada", None),
    ];
    for (what, dn, rdn, parent) in renames {
        let reply = client.rename(&dn, rdn, parent.as_deref()).await;
        side.transcript.outcome("rename", what, &reply);
    }
}

async fn rights(side: &mut Side) {
    let mut plain = side.plain().await;
    let reply = plain
        .modify(&side.dn("ada"), &[(2, "title", &[b"x"])])
        .await;
    side.transcript.outcome("rights", "modify", &reply);
    let reply = plain.delete(&side.dn("ada")).await;
    side.transcript.outcome("rights", "delete", &reply);
    let reply = plain
        .add(&side.dn("x"), &[("objectClass", &["contact"])])
        .await;
    side.transcript.outcome("rights", "add", &reply);
    let reply = plain.rename(&side.dn("ada"), "CN=x", None).await;
    side.transcript.outcome("rights", "rename", &reply);
    let search = Search::new(&side.dn("ada"), &anything())
        .scope(0)
        .attributes(&["title", "mail"]);
    let reply = plain.search(&search).await;
    side.transcript.reply("rights", "read", &reply);
    for (what, flags) in [("DirSync", 0), ("DirSync as the reader", 1)] {
        let value = sequence(&[flags, 0], Some(&[]));
        let search = Search::new(&side.base, &equal("cn", "ada")).attributes(&["title"]);
        let reply = plain
            .search(&search.control(oid::DIRSYNC, Some(value)))
            .await;
        side.transcript.outcome("rights", what, &reply);
    }
}

async fn others(side: &mut Side) {
    for (what, oid) in [
        ("no such operation", "1.2.3.4"),
        ("StartTLS within TLS", "1.3.6.1.4.1.1466.20037"),
    ] {
        let mut client = side.admin().await;
        let answer = client.extended(oid).await;
        side.transcript.answer("others", what, &answer);
    }
    let mut client = side.admin().await;
    let odd = Search::new(&side.base, &[0xaf, 0x01, 0x00]);
    let answer = client.dare_search(&odd).await;
    side.transcript
        .answer("others", "a filter of no known kind", &answer);
    let mut client = side.admin().await;
    client.abandon(77).await;
    let search = Search::new(&side.base, &anything())
        .scope(0)
        .attributes(&["dc"]);
    let reply = client.search(&search).await;
    side.transcript
        .outcome("others", "after abandoning nothing", &reply);
}
