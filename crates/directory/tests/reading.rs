//! Reading: lookups, listings, scans, and readers beside a writer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use common::{Bench, create, done, user};
use directory::{Directory, Filter, Kind, Lookup, LookupKey, schema};

#[test]
fn lookups_find_by_every_key_in_the_order_asked() {
    let bench = Bench::new();
    let directory = bench.open();
    let mut anna = user("anna");
    anna.insert("mail".to_owned(), "anna@contoso.com".into());
    anna.insert(
        "onPremisesSecurityIdentifier".to_owned(),
        "S-1-5-21-1".into(),
    );
    let id = done(&directory, create(Kind::User, anna));
    let keys = [
        LookupKey::Id(id),
        LookupKey::ImmutableId("anchor anna".to_owned()),
        LookupKey::UserPrincipalName("ANNA@contoso.com".to_owned()),
        LookupKey::ProxyAddress("SMTP:Anna@contoso.com".to_owned()),
        LookupKey::Mail("Anna@contoso.com".to_owned()),
        LookupKey::MailNickname("Anna".to_owned()),
        LookupKey::SecurityIdentifier("S-1-5-21-1".to_owned()),
        LookupKey::UserPrincipalName("nobody@contoso.com".to_owned()),
    ];
    let lookups: Vec<_> = keys
        .into_iter()
        .map(|key| Lookup { kind: None, key })
        .collect();
    let answers = directory
        .find(&directory.administrator(), &lookups)
        .unwrap();
    let found: Vec<_> = answers
        .iter()
        .map(|matches| matches.first().map(|found| found.object.id))
        .collect();
    assert_eq!(found, [vec![Some(id); 7], vec![None]].concat());
    let of_groups = Lookup {
        kind: Some(Kind::Group),
        key: LookupKey::Id(id),
    };
    assert!(
        directory
            .find(&directory.administrator(), &[of_groups])
            .unwrap()[0]
            .is_empty()
    );
}

#[test]
fn listings_page_through_everything_once() {
    let bench = Bench::new();
    let directory = bench.open();
    let caller = directory.administrator();
    for number in 0..25 {
        done(
            &directory,
            create(Kind::User, user(&format!("user{number:02}"))),
        );
    }
    let filters = [
        (Filter::All, 25),
        (Filter::UserPrincipalNamePrefix("USER1".to_owned()), 10),
        (
            Filter::Prefix {
                attribute: "displayName".to_owned(),
                text: "User2".to_owned(),
            },
            5,
        ),
    ];
    for (filter, expected) in filters {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let page = directory
                .list(&caller, Kind::User, &filter, token.as_ref(), 4)
                .unwrap();
            names.extend(
                page.items
                    .iter()
                    .map(|user| user.text("displayName").unwrap().to_owned()),
            );
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(names.len(), expected, "{filter:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), expected, "{filter:?}");
    }
    assert!(
        directory
            .list(
                &caller,
                Kind::User,
                &Filter::All,
                Some(&"rubbish!".into()),
                4
            )
            .is_err()
    );
    let mut seen = 0;
    directory
        .scan(&caller, |_| {
            seen += 1;
            true
        })
        .unwrap();
    assert_eq!(seen, 25);
}

#[test]
fn any_text_survives_the_store() {
    let bench = Bench::new();
    let directory = bench.open();
    for (number, name) in [
        "Zoë \u{1F9D1}\u{200D}\u{1F4BB}",
        "u\u{308}",
        "\u{202e}rtl",
        " a,\"b\\+=c ",
        "nul\0",
    ]
    .iter()
    .enumerate()
    {
        let mut user = user(&format!("user{number}"));
        user.insert("displayName".to_owned(), (*name).into());
        let id = done(&directory, create(Kind::User, user));
        assert_eq!(
            directory
                .get(&directory.administrator(), id)
                .unwrap()
                .unwrap()
                .text("displayName"),
            Some(*name)
        );
    }
}

#[test]
fn the_schema_tells_what_is_required() {
    let required: Vec<_> = schema(Kind::Group)
        .filter(|each| each.is_required_for(Kind::Group))
        .map(|each| each.name)
        .collect();
    assert_eq!(required, ["displayName", "mailNickname"]);
    assert!(schema(Kind::User).any(|each| each.name == "extensionAttribute15"));
}

#[test]
fn readers_beside_a_writer_see_whole_batches_only() {
    const BATCH: usize = 50;
    const BATCHES: usize = 20;
    let bench = Bench::new();
    let directory = bench.open();
    let seen = |directory: &Directory| {
        let mut seen = 0;
        directory
            .scan(&directory.administrator(), |_| {
                seen += 1;
                true
            })
            .unwrap();
        seen
    };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                let count = seen(&directory);
                assert_eq!(count % BATCH, 0);
                if count == BATCH * BATCHES {
                    break;
                }
            }
        });
        for batch in 0..BATCHES {
            let people =
                (0..BATCH).map(|number| create(Kind::User, user(&format!("user{batch}-{number}"))));
            let outcomes = directory
                .apply(&directory.administrator().writer(), people.collect())
                .unwrap();
            assert!(outcomes.iter().all(|outcome| outcome.refusal().is_none()));
        }
        reader.join().unwrap();
    });
}
