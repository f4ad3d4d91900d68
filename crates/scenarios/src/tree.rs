//! What the tenant directory holds, for assertions.

use std::collections::BTreeMap;

use directory::{Directory, Kind, Object};
use server::app::App;
use uuid::Uuid;

/// All live objects with their references, by id.
pub struct Tree {
    pub objects: BTreeMap<Uuid, Object>,
    pub references: BTreeMap<(Uuid, &'static str), Vec<Uuid>>,
}

impl Tree {
    pub fn of(app: &App) -> Self {
        let directory: &Directory = app.directory();
        let administrator = directory.administrator();
        let mut objects = BTreeMap::new();
        directory
            .scan(&administrator, |object| {
                if object.is_live() {
                    objects.insert(object.id, object);
                }
                true
            })
            .unwrap();
        let mut references: BTreeMap<_, Vec<Uuid>> = BTreeMap::new();
        directory
            .scan_references(&administrator, |source, attribute, target| {
                references
                    .entry((source, attribute))
                    .or_default()
                    .push(target);
                true
            })
            .unwrap();
        Self {
            objects,
            references,
        }
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.objects
            .values()
            .filter(|object| object.kind == kind)
            .count()
    }

    /// The object with this display name; exactly one.
    pub fn named(&self, name: &str) -> Option<&Object> {
        self.objects
            .values()
            .find(|object| object.text("displayName") == Some(name))
    }

    pub fn members(&self, group: &str) -> Vec<String> {
        let Some(group) = self.named(group) else {
            return Vec::new();
        };
        let mut names: Vec<String> = self
            .references
            .get(&(group.id, "members"))
            .into_iter()
            .flatten()
            .filter_map(|id| self.objects.get(id)?.text("displayName").map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    pub fn manager(&self, name: &str) -> Option<&str> {
        let person = self.named(name)?;
        let manager = self.references.get(&(person.id, "manager"))?.first()?;
        self.objects.get(manager)?.text("displayName")
    }
}
