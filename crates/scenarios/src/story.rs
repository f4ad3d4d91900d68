//! A world in front of a generated organisation, told step by step: change, wait, judge, compare the log.
//!
//! Never leaves a step unjudged. Trap: a step's change is seen by the source's reader at any moment, so a change of several
//! objects that must be seen at once has to be one `forest.write`.

use directory::{Kind, Object};
use forest::{Dirt, DirtKind, Edit, Forest, Generated, Organisation, Served};
use uuid::Uuid;

use crate::{Source, Tree, World, record, world::quick_settings};

/// What is wrong in a generated organisation: an address, a principal name and a nickname twice, a name too long.
pub const DIRT: [(&str, u64); 2] = [
    ("AttributeValueMustBeUnique", 3),
    ("ExceededAllowedLength", 1),
];

/// Where the story's own people live.
pub const UNIT: &str = "OU=Story,DC=canal,DC=example";

pub struct Story {
    pub world: World,
    pub forest: Forest,
    pub company: Generated,
    /// What the generated data is rightly refused for; `agrees` expects exactly that.
    pub faults: Vec<(&'static str, u64)>,
    _served: Served,
}

impl Story {
    /// An organisation of so many people, wholly in the target.
    pub async fn begin(people: usize) -> Self {
        let story = Self::prepare(people).await;
        story.world.start_job();
        story.world.sync().await;
        story
    }

    /// The same, with the job still paused.
    pub async fn prepare(people: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation { people, seed: 7 }.build().unwrap();
        Self::over(company, dir).await
    }

    /// A world with a new data directory in front of this organisation.
    pub async fn over(company: Generated, dir: tempfile::TempDir) -> Self {
        let forest = company.forest.clone();
        if forest.guid_of(UNIT).is_none() {
            forest.add_ou(&forest.domain_dn(), "Story").unwrap();
        }
        let (source, served) = Source::forest(&forest, &dir).await;
        let world = World::new(dir, &source, quick_settings()).await;
        Self {
            world,
            forest,
            company,
            faults: DIRT.to_vec(),
            _served: served,
        }
    }

    /// Stops and starts the server on the same data.
    pub async fn restart_server(self) -> Self {
        let world = self.world.restart_server().await;
        Self { world, ..self }
    }

    /// Makes a change, waits until it has arrived, and compares: the target with the source, the log with what is expected.
    pub async fn step(&self, what: &str, change: impl FnOnce(&Forest), expected: &[&str]) {
        let mark = self.world.log_end();
        change(&self.forest);
        self.world.sync().await;
        self.logged(what, mark, expected);
        self.agrees().await;
    }

    /// Puts right what is wrong in the generated data.
    pub fn clean_up(&mut self) {
        clean(&self.forest, &self.company.dirt);
        self.faults.clear();
    }

    /// The log holds exactly these lines since `mark`.
    pub fn logged(&self, what: &str, mark: i64, expected: &[&str]) {
        let records = self.world.log_since(mark);
        let mut wanted: Vec<&str> = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(record::lines(&records), wanted, "{what}: {records:#?}");
    }

    pub async fn agrees(&self) {
        self.world.agrees_but_for(&self.faults).await;
    }

    pub fn tree(&self) -> Tree {
        Tree::of(&self.world.app)
    }

    /// A person's account with everything an ordinary one has, in the story's unit.
    pub fn person(&self, name: &str) -> Uuid {
        self.person_in(UNIT, name, &[])
    }

    pub fn person_in(&self, parent: &str, name: &str, more: &[(&str, &str)]) -> Uuid {
        let alias = alias(name);
        let principal = format!("{alias}@canal.example");
        let address = format!("SMTP:{principal}");
        let mut attributes = vec![
            ("sAMAccountName", alias.as_str()),
            ("userPrincipalName", principal.as_str()),
            ("displayName", name),
            ("mail", principal.as_str()),
            ("mailNickname", alias.as_str()),
            ("proxyAddresses", address.as_str()),
        ];
        attributes.extend_from_slice(more);
        self.forest.add_user(parent, name, &attributes).unwrap()
    }

    pub fn group(&self, name: &str) -> Uuid {
        let attributes = [("displayName", name), ("groupType", "-2147483646")];
        self.forest.add_group(UNIT, name, &attributes).unwrap()
    }

    /// The live target object of this name.
    pub fn target(&self, name: &str) -> Object {
        self.tree()
            .named(name)
            .unwrap_or_else(|| panic!("{name} is not in the target"))
            .clone()
    }

    /// Any target object, deleted or not.
    pub fn target_by_id(&self, id: Uuid) -> Option<Object> {
        let directory = self.world.app.directory();
        directory.get(&directory.administrator(), id).unwrap()
    }

    pub fn users(&self) -> usize {
        self.tree().count(Kind::User)
    }

    /// The number of the target's last change, whoever made it.
    pub fn target_sequence(&self) -> u64 {
        let directory = self.world.app.directory();
        directory.sequence(&directory.administrator()).unwrap()
    }
}

/// Puts right what is wrong in generated data.
pub fn clean(forest: &Forest, dirt: &[Dirt]) {
    for (number, dirt) in dirt.iter().enumerate() {
        let edit = match dirt.what {
            DirtKind::DuplicateProxyAddress => {
                Edit::remove("proxyAddresses", "smtp:info.desk@canal.example")
            }
            DirtKind::DuplicatePrincipalName => Edit::set(
                "userPrincipalName",
                &format!("cleaned{number}@canal.example"),
            ),
            DirtKind::DuplicateMailNickname => {
                Edit::set("mailNickname", &format!("cleaned{number}"))
            }
            DirtKind::OverlongDisplayName => Edit::set("displayName", "Long Name"),
            _ => continue,
        };
        forest.modify(dirt.guid, vec![edit]).unwrap();
    }
}

/// An account name made of the letters of a name.
pub fn alias(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase()
}

/// A reference to an object, as a value of a linked attribute.
pub fn key(guid: Uuid) -> String {
    format!("<GUID={guid}>")
}

/// Adds members in one change.
pub fn add_members(forest: &Forest, group: Uuid, members: &[Uuid]) {
    let values = members.iter().map(|guid| key(*guid).into_bytes()).collect();
    forest
        .modify(group, vec![Edit::Add("member".into(), values)])
        .unwrap();
}
