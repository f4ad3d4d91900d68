//! People, containers, groups and names, changed as they are in the course of time.

use scenarios::samba::below;

use super::Story;

fn cn(name: &str, container: &str) -> String {
    below("cn", name, container)
}

/// One membership of a very large group moves one edge.
pub async fn one_of_very_many_members(story: &Story, people: usize) {
    let all = story.everybody();
    let people = people as u64;
    assert_eq!(story.installation.references(&all, "members"), people);
    let leaver = story.old_hand(7);
    story
        .step(
            "one of very many leaves",
            async |directory| directory.take(&all, "member", &[&leaver]).await,
            &["update everybody: members +0 -1"],
        )
        .await;
    assert_eq!(story.installation.references(&all, "members"), people - 1);
    story
        .step(
            "and comes back",
            async |directory| directory.put(&all, "member", &[&leaver]).await,
            &["update everybody: members +1 -0"],
        )
        .await;
    story
        .step(
            "there and back at once",
            async |directory| {
                directory.take(&all, "member", &[&leaver]).await;
                directory.put(&all, "member", &[&leaver]).await;
            },
            &[],
        )
        .await;
}

pub async fn people_change(story: &Story) {
    let unit = story.unit.clone();
    let anna = cn("Anna Prins", &unit);
    story
        .step(
            "joins",
            async |directory| {
                directory.person("Anna Prins", "anna", &unit).await;
                directory.set(&anna, "title", &["Bosun"]).await;
                directory.set(&anna, "mobile", &["+31 6 1"]).await;
                directory.set(&anna, "manager", &[&story.old_hand(1)]).await;
            },
            &["create Anna Prins", "update Anna Prins: manager +1 -0"],
        )
        .await;
    story
        .step(
            "changes",
            async |directory| {
                directory.set(&anna, "title", &["Skipper", "Captain"]).await;
                directory.set(&anna, "departmentNumber", &["Deck"]).await;
                directory.set(&anna, "manager", &[&story.old_hand(2)]).await;
            },
            &[
                "update Anna Prins: department, jobTitle",
                "update Anna Prins: manager +1 -1",
            ],
        )
        .await;
    assert_eq!(story.installation.target(&anna, "jobTitle"), ["Skipper"]);
    story
        .step(
            "loses values",
            async |directory| {
                directory.set(&anna, "mobile", &[]).await;
                directory.set(&anna, "manager", &[]).await;
            },
            &[
                "update Anna Prins: mobile",
                "update Anna Prins: manager +0 -1",
            ],
        )
        .await;
    story
        .step(
            "nothing of interest changes",
            async |directory| directory.set(&anna, "carLicense", &["x"]).await,
            &[],
        )
        .await;
}

pub async fn people_are_renamed_and_moved(story: &Story) {
    let unit = story.unit.clone();
    let bert = cn("Bert Smit", &unit);
    let crew = cn("Crew", &unit);
    story
        .step(
            "joins",
            async |directory| {
                directory.person("Bert Smit", "bert", &unit).await;
                directory.group("Crew", &unit, &[&bert]).await;
            },
            &[
                "create Bert Smit",
                "create Crew",
                "update Crew: members +1 -0",
            ],
        )
        .await;
    let id = story.installation.target_id(&bert);
    let mut now = String::new();
    story
        .step(
            "is renamed",
            async |directory| now = directory.rename(&bert, "Bert Vos").await,
            &["update Bert Vos: commonName, displayName, onPremisesDistinguishedName"],
        )
        .await;
    story
        .step(
            "moves",
            async |directory| {
                let there = directory.unit("Elsewhere", &unit).await;
                now = directory.move_to(&now, &there).await;
            },
            &["update Bert Vos: onPremisesDistinguishedName"],
        )
        .await;
    assert_eq!(story.installation.target_id(&now), id);
    assert_eq!(story.installation.references(&crew, "members"), 1);
}

pub async fn people_are_disabled(story: &Story) {
    let unit = story.unit.clone();
    let carla = cn("Carla Bos", &unit);
    story
        .step(
            "joins",
            async |directory| drop(directory.person("Carla Bos", "carla", &unit).await),
            &["create Carla Bos"],
        )
        .await;
    let lock = async |values: &[&str]| {
        let directory = &story.directory;
        directory.set(&carla, "pwdAccountLockedTime", values).await;
    };
    story
        .step(
            "is disabled",
            async |_| lock(&["000001010000Z"]).await,
            &["disable Carla Bos: accountEnabled"],
        )
        .await;
    story
        .step(
            "is enabled",
            async |_| lock(&[]).await,
            &["update Carla Bos: accountEnabled"],
        )
        .await;
}

pub async fn people_leave_and_others_take_their_names(story: &Story) {
    let unit = story.unit.clone();
    let dirk = cn("Dirk Mol", &unit);
    story
        .step(
            "a group whose member is not there yet",
            async |directory| drop(directory.group("Guests", &unit, &[&dirk]).await),
            &["create Guests"],
        )
        .await;
    story
        .step(
            "the member comes",
            async |directory| drop(directory.person("Dirk Mol", "dirk", &unit).await),
            &["create Dirk Mol", "update Guests: members +1 -0"],
        )
        .await;
    let id = story.installation.target_id(&dirk);
    story
        .step(
            "leaves",
            async |directory| directory.delete(&dirk).await,
            &["delete Dirk Mol", "update Guests: members +0 -1"],
        )
        .await;
    story
        .step(
            "another of the same name",
            // The group holds the name still: a group of names cannot be without any.
            async |directory| drop(directory.person("Dirk Mol", "dirk.mol", &unit).await),
            &["create Dirk Mol", "update Guests: members +1 -0"],
        )
        .await;
    assert_ne!(story.installation.target_id("dirk.mol@canal.example"), id);
}

pub async fn containers_take_their_people_along(story: &Story) {
    let unit = story.unit.clone();
    let (mut quay, mut crane) = (String::new(), String::new());
    story
        .step(
            "join",
            async |directory| {
                quay = directory.unit("Quay", &unit).await;
                crane = directory.unit("Crane", &quay).await;
                directory.person("Ida Kade", "ida", &quay).await;
                directory.person("Jan Kraan", "jan", &crane).await;
            },
            &["create Ida Kade", "create Jan Kraan"],
        )
        .await;
    let all = [
        "update Ida Kade: onPremisesDistinguishedName",
        "update Jan Kraan: onPremisesDistinguishedName",
    ];
    story
        .step(
            "a container is renamed",
            async |directory| quay = directory.rename(&quay, "Kade, \"Noord\"").await,
            &all,
        )
        .await;
    let jan = |quay: &str| cn("Jan Kraan", &below("ou", "Crane", quay));
    let name = story
        .installation
        .target(&jan(&quay), "onPremisesDistinguishedName");
    assert_eq!(name.len(), 1);
    story
        .step(
            "a container is moved, and somebody joins it",
            async |directory| {
                let there = directory.unit("Harbours+Docks", &directory.base).await;
                quay = directory.move_to(&quay, &there).await;
                directory.person("Kees Kok", "kees", &quay).await;
            },
            &[all[0], all[1], "create Kees Kok"],
        )
        .await;
    story
        .step(
            "who was taken along joins a group by the new name",
            async |directory| drop(directory.group("Lifters", &unit, &[&jan(&quay)]).await),
            &["create Lifters", "update Lifters: members +1 -0"],
        )
        .await;
}

// LONG: one story, told in order.
pub async fn groups_of_every_kind(story: &Story) {
    let unit = story.unit.clone();
    let install = &story.installation;
    let base = &story.directory.base;
    let posix = format!("cn=users,ou=groups,{base}");
    let unique = format!("cn=unique,ou=groups,{base}");
    assert_eq!(install.references(&posix, "members"), 2);
    assert_eq!(install.references(&unique, "members"), 1);
    story
        .step(
            "by account name and by unique name",
            async |directory| {
                directory.put(&posix, "memberUid", &["u3", "gerda"]).await;
                let name = format!("{}#'01'B", story.old_hand(4));
                directory.put(&unique, "uniqueMember", &[&name]).await;
            },
            &[
                "update unique: members +1 -0",
                "update users: members +1 -0",
            ],
        )
        .await;
    story
        .step(
            "whoever an account name was written for comes",
            async |directory| drop(directory.person("Gerda Chef", "gerda", &unit).await),
            &["create Gerda Chef", "update users: members +1 -0"],
        )
        .await;
    story
        .step(
            "all account names are taken out",
            async |directory| directory.set(&posix, "memberUid", &[]).await,
            &["update users: members +0 -4"],
        )
        .await;
    let inner = cn("Inner", &unit);
    let mut outer = String::new();
    story
        .step(
            "nested groups, the outer one first",
            async |directory| {
                outer = directory.group("Outer", &unit, &[&inner]).await;
                directory
                    .group("Inner", &unit, &[&outer, &story.old_hand(1)])
                    .await;
                directory.set(&outer, "owner", &[&story.old_hand(2)]).await;
            },
            &[
                "create Inner",
                "create Outer",
                "update Inner: members +2 -0",
                "update Outer: members +1 -0, owners +1 -0",
            ],
        )
        .await;
    story
        .step(
            "a group is renamed and described",
            async |directory| {
                outer = directory.rename(&outer, "Outside").await;
                directory.set(&outer, "description", &["all of us"]).await;
            },
            &["update Outside: commonName, description, displayName, onPremisesDistinguishedName, onPremisesSamAccountName"],
        )
        .await;
    story
        .step(
            "a group is deleted",
            async |directory| directory.delete(&outer).await,
            &["delete Outside"],
        )
        .await;
}

const NAMES: &[&str] = &[
    "Müller, Jörg",
    "Zoe\u{308} Nfd",
    "Ann \"Q\" O'Hara",
    "back\\slash\\",
    "a+b=c;<d>",
    "#hash",
    "two  blanks",
    "🎉 party 👩‍👩‍👧",
    "שלום עולם",
    "\\2C not a comma",
    "O=Acme,CN=fake",
    "名前",
    "x/y*(z)",
];

pub async fn names_of_every_kind(story: &Story) {
    let mut unit = String::new();
    let lines = |verb: &str, what: &str| -> Vec<String> {
        let names = NAMES.iter();
        names.map(|name| format!("{verb} {name}{what}")).collect()
    };
    fn texts(lines: &[String]) -> Vec<&str> {
        lines.iter().map(String::as_str).collect()
    }
    story
        .step(
            "join",
            async |directory| {
                unit = directory.unit("Ünit, \"A\"+B=\\C 🎈", &story.unit).await;
                for (index, name) in NAMES.iter().enumerate() {
                    directory.person(name, &format!("odd{index}"), &unit).await;
                }
            },
            &texts(&lines("create", "")),
        )
        .await;
    for name in NAMES {
        let target = story.installation.target(&cn(name, &unit), "commonName");
        assert_eq!(target, [*name], "{name}");
    }
    story
        .step(
            "their unit is renamed",
            async |directory| unit = directory.rename(&unit, "#Ü").await,
            &texts(&lines("update", ": onPremisesDistinguishedName")),
        )
        .await;
    let members: Vec<String> = NAMES.iter().map(|name| cn(name, &unit)).collect();
    let line = format!("update Odd ones: members +{} -0", NAMES.len());
    story
        .step(
            "they form a group",
            async |directory| {
                directory
                    .group("Odd ones", &story.unit, &texts(&members))
                    .await;
            },
            &["create Odd ones", &line],
        )
        .await;
}
