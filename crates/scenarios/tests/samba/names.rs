//! Names and values with everything that has to be escaped somewhere, or is not what it seems.

use scenarios::samba::cn;

use super::Story;

const NAMES: &[&str] = &[
    "Müller, Jörg",
    "Zoe\u{308} Nfd",
    "Ann \"Q\" O'Hara",
    "back\\slash\\",
    "a+b=c;<d>",
    "#hash",
    " leading",
    "trailing ",
    "two  blanks",
    "🎉 party 👩‍👩‍👧",
    "שלום עולם",
    "\u{202e}override",
    "\\2C not a comma",
    "O=Acme,CN=fake",
    "名前",
    "x/y*(z)",
];

pub async fn of_every_kind_arrive(story: &Story) {
    let mut unit = String::new();
    let created: Vec<String> = NAMES
        .iter()
        .map(|name| format!("create {}", name.trim()))
        .collect();
    let created: Vec<&str> = created.iter().map(String::as_str).collect();
    story
        .step(
            "join",
            async |domain| {
                unit = domain.unit("Ünit, \"A\"+B=\\C 🎈", &story.unit).await;
                for (index, name) in NAMES.iter().enumerate() {
                    let dn = domain.person(name, &format!("odd{index}"), &unit).await;
                    domain.set(&dn, "title", &[name]).await;
                }
            },
            &created,
        )
        .await;
    for name in NAMES {
        assert_eq!(
            story.target(&cn(name, &unit), "jobTitle"),
            [name.trim()],
            "{name}"
        );
        assert_eq!(
            story.target(&cn(name, &unit), "commonName"),
            [*name],
            "{name}"
        );
    }
    let renamed: Vec<String> = NAMES
        .iter()
        .map(|name| format!("update {}: onPremisesDistinguishedName", name.trim()))
        .collect();
    let renamed: Vec<&str> = renamed.iter().map(String::as_str).collect();
    story
        .step(
            "their unit is renamed",
            async |domain| unit = domain.rename(&unit, " #Ü ").await,
            &renamed,
        )
        .await;
    let group = cn("Odd ones", &story.unit);
    let members: Vec<String> = NAMES.iter().map(|name| cn(name, &unit)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let line = format!("update Odd ones: members +{} -0", NAMES.len());
    story
        .step(
            "they form a group",
            async |domain| {
                domain.group("Odd ones", "oddones", &story.unit).await;
                domain.put(&group, "member", &members).await;
            },
            &["create Odd ones", &line],
        )
        .await;
}

/// The loser of a replication conflict is no person of its own; the rename back makes it one.
pub async fn of_conflict_victims_stay_away(story: &Story) {
    let unit = story.unit.clone();
    let karel = cn("Karel Dubbel", &unit);
    story
        .step(
            "joins",
            async |domain| drop(domain.person("Karel Dubbel", "karel", &unit).await),
            &["create Karel Dubbel"],
        )
        .await;
    let id = story.target_id(&karel);
    let mut victim = String::new();
    story
        .step(
            "loses a conflict",
            async |domain| victim = domain.make_conflict_victim(&karel, "Karel Dubbel").await,
            &["delete Karel Dubbel"],
        )
        .await;
    story
        .step(
            "gets a name of its own",
            async |domain| drop(domain.rename(&victim, "Karel Enkel").await),
            &["restore Karel Dubbel: commonName, onPremisesDistinguishedName"],
        )
        .await;
    assert_eq!(story.target_id(&cn("Karel Enkel", &unit)), id);
}
