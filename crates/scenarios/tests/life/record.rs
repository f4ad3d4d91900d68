//! The log is complete: replayed, it yields the target; and every object of the source is accounted for.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Action, Record, Status};
use forest::Life;
use scenarios::{Story, Tree, is_full};

/// What a replay of the log says the target holds: attributes and references by target id.
#[derive(Default)]
struct Replayed {
    live: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    deleted: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    references: BTreeSet<(String, String, String)>,
}

impl Replayed {
    fn take(&mut self, record: &Record) {
        let is_done = matches!(record.status, Status::Success | Status::Warning)
            && !matches!(record.action, Action::Skip | Action::StagedDelete);
        let Some(target) = record.target.clone().filter(|_| is_done) else {
            return;
        };
        match record.action {
            Action::Create => drop(self.live.insert(target.clone(), BTreeMap::new())),
            Action::Restore => {
                let held = self.deleted.remove(&target).unwrap_or_default();
                self.live.insert(target.clone(), held);
            }
            Action::Delete => {
                let held = self.live.remove(&target).unwrap_or_default();
                // Users keep what they had, and their memberships, until they are purged; everything else is gone.
                match record.class.as_str() {
                    "user" | "inetOrgPerson" => drop(self.deleted.insert(target, held)),
                    _ => self
                        .references
                        .retain(|(from, _, to)| *from != target && *to != target),
                }
                return;
            }
            _ => {}
        }
        let held = self.live.entry(target.clone()).or_default();
        for (name, _, new) in &record.changes {
            let values: BTreeSet<String> = new.iter().map(|value| value.display()).collect();
            match values.is_empty() {
                true => drop(held.remove(&**name)),
                false => drop(held.insert(name.to_string(), values)),
            }
        }
        for note in &record.references {
            for id in &note.removed {
                self.references.remove(&(
                    target.clone(),
                    note.attribute.to_string(),
                    id.to_string(),
                ));
            }
            for id in &note.added {
                self.references.insert((
                    target.clone(),
                    note.attribute.to_string(),
                    id.to_string(),
                ));
            }
        }
    }
}

/// What the target really holds, of what synchronisation writes.
fn held(tree: &Tree) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let own = ["onPremisesImmutableId", "onPremisesSyncEnabled"];
    let values = |value: &directory::Value| -> BTreeSet<String> {
        use directory::Value;
        match value {
            Value::Text(text) => [text.to_string()].into(),
            Value::Integer(number) => [number.to_string()].into(),
            Value::Bool(truth) => [sync_core::value::Value::Boolean(*truth).display()].into(),
            Value::Binary(bytes) => {
                [sync_core::value::Value::binary(bytes.as_slice()).display()].into()
            }
            Value::Texts(all) => all.iter().map(ToString::to_string).collect(),
            Value::Binaries(all) => all
                .iter()
                .map(|bytes| sync_core::value::Value::binary(bytes.as_slice()).display())
                .collect(),
        }
    };
    let of = |object: &directory::Object| {
        let attributes = object.attributes.iter();
        attributes
            .filter(|(name, _)| !own.contains(name))
            .map(|(name, value)| (name.to_string(), values(value)))
            .collect()
    };
    tree.objects
        .values()
        .map(|object| (object.id.to_string(), of(object)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaying_the_log_yields_the_target_and_every_object_is_accounted_for() {
    let (people, changes) = if is_full() {
        (1_000, 10_000)
    } else {
        (150, 400)
    };
    let story = Story::begin(people).await;
    let mut life = Life::new(23);
    for number in 0..changes {
        life.next(&story.forest).unwrap();
        if number % 100 == 99 {
            story.world.sync().await;
        }
    }
    story.world.sync().await;

    let mut replayed = Replayed::default();
    story
        .world
        .log_since(0)
        .iter()
        .for_each(|record| replayed.take(record));
    let tree = story.tree();
    let held = held(&tree);
    assert_eq!(
        replayed.live.keys().collect::<Vec<_>>(),
        held.keys().collect::<Vec<_>>()
    );
    for (id, attributes) in &held {
        assert_eq!(&replayed.live[id], attributes, "{id}");
    }
    let live = |id: &uuid::Uuid| tree.objects.contains_key(id);
    let real: BTreeSet<(String, String, String)> = tree
        .references
        .iter()
        .flat_map(|((from, attribute), ends)| {
            ends.iter()
                .map(move |to| (*from, (*attribute).to_owned(), *to))
        })
        .filter(|(from, _, to)| live(from) && live(to))
        .map(|(from, attribute, to)| (from.to_string(), attribute, to.to_string()))
        .collect();
    let told: BTreeSet<_> = replayed
        .references
        .iter()
        .filter(|(from, _, to)| held.contains_key(from) && held.contains_key(to))
        .cloned()
        .collect();
    let only = |ours: &BTreeSet<_>, theirs: &BTreeSet<_>| -> Vec<_> {
        ours.difference(theirs).take(20).cloned().collect()
    };
    assert_eq!(
        (only(&told, &real), only(&real, &told)),
        (Vec::new(), Vec::new()),
        "told only, held only"
    );

    // Linked, skipped with a reason, in escrow, or not reached yet; nobody is without an answer.
    let engine = story.world.app.engine();
    let unaccounted: i64 = engine
        .read(|c| {
            Ok(c.query_row(
                "SELECT count(*) FROM object o LEFT JOIN link l ON l.id = (?1 << 40 | o.id)
                 WHERE o.connector = ?2 AND o.state = 2 AND NOT coalesce(
                   l.situation = 1 AND l.target IS NOT NULL OR l.reason IS NOT NULL OR l.pending_state > 0, 0)
                   AND NOT EXISTS (SELECT 1 FROM due d WHERE d.id = (?1 << 40 | o.id))
                   AND NOT EXISTS (SELECT 1 FROM due_later d WHERE d.id = (?1 << 40 | o.id))",
                [story.world.job.id.0, story.world.source_id().0],
                |row| row.get(0),
            )?)
        })
        .unwrap();
    assert_eq!(unaccounted, 0);
}
