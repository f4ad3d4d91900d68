//! The target as the judge remembers it: one small row per object, values as digests.
//!
//! Never keeps what it does not need: at a million objects every byte counts a megabyte. Trap: names the target chose once
//! (nickname, sign-in name) are kept by later evaluations, so those three values are kept as text.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use connectors::{Target, target::ListedTarget};
use sync_core::{
    operation::Refusal,
    value::{Attributes, Name, Value},
};

use super::{Told, tell};

/// Attributes whose values influence later evaluations.
const KEPT: [&str; 3] = [
    "mailNickname",
    "userPrincipalName",
    "onPremisesUserPrincipalName",
];
/// Tells that the target's object is synchronised.
const SYNC_ENABLED: &str = "onPremisesSyncEnabled";
// LIMIT: longest value shown in a report, in characters.
const SHOWN: usize = 200;

/// An object of the target.
#[derive(Debug)]
pub struct Held {
    /// Id.
    pub id: Box<str>,
    /// Name for people.
    pub name: Box<str>,
    /// Values that influence evaluation.
    pub kept: Attributes,
    /// Digest of the values by number of the attribute; sorted.
    pub digests: Vec<(u16, u64)>,
    /// Whether a source object was found for it.
    pub is_wanted: bool,
    /// Whether it is another job's.
    pub is_others: bool,
    /// Whether it is synchronised at all.
    pub is_synchronised: bool,
}

/// The whole target.
#[derive(Default)]
pub struct Snapshot {
    /// Its objects.
    pub objects: Vec<Held>,
    /// By class and source anchor.
    pub by_anchor: HashMap<(u16, Box<str>), u32>,
    /// By digest of the id.
    pub by_id: HashMap<u64, u32>,
    /// References: object, attribute, digest of the id referred to.
    pub edges: Vec<(u32, u16, u64)>,
    /// Numbers of names.
    pub names: Numbers,
}

/// Numbers of attribute and class names, regardless of case.
#[derive(Default)]
pub struct Numbers {
    known: HashMap<String, u16>,
    names: Vec<Name>,
}

impl Numbers {
    /// The number of a name.
    pub fn of(&mut self, name: &str) -> u16 {
        let folded = name.to_ascii_lowercase();
        if let Some(number) = self.known.get(&folded) {
            return *number;
        }
        let number = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.known.insert(folded, number);
        self.names.push(name.into());
        number
    }

    /// The name of a number.
    pub fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("?", |name| name)
    }
}

/// A digest of anything.
pub fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The texts of values as a set: sorted, each once, truth values in one spelling.
pub fn texts(values: &[Value]) -> Vec<String> {
    let text = |value: &Value| {
        let text = value.display();
        match text.to_ascii_lowercase().as_str() {
            "true" => "True".into(),
            "false" => "False".into(),
            _ => text,
        }
    };
    let mut all: Vec<String> = values.iter().map(text).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A digest of values as a set.
pub fn values_digest(texts: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

/// Texts short enough for a report.
pub fn shown(texts: Vec<String>) -> Vec<String> {
    let short = |text: String| match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    };
    texts.into_iter().map(short).collect()
}

impl Snapshot {
    fn take(&mut self, listed: ListedTarget) {
        let object = listed.object;
        if object.is_deleted {
            return;
        }
        let index = u32::try_from(self.objects.len()).unwrap_or(u32::MAX);
        let class = self.names.of(&object.class);
        if let Some(anchor) = object.source_anchor.as_deref() {
            self.by_anchor.insert((class, anchor.into()), index);
        }
        self.by_id.insert(digest(object.id.0.as_bytes()), index);
        for (attribute, targets) in listed.references {
            let attribute = self.names.of(&attribute);
            let edges = targets
                .iter()
                .map(|target| (index, attribute, digest(target.0.as_bytes())));
            self.edges.extend(edges);
        }
        let attributes = &object.attributes;
        let kept = KEPT
            .iter()
            .filter_map(|name| Some((*name, attributes.values(name)?.to_vec())));
        let mut digests: Vec<(u16, u64)> = Vec::with_capacity(attributes.len());
        for (name, values) in attributes.iter() {
            digests.push((self.names.of(name), values_digest(&texts(values))));
        }
        digests.sort_unstable();
        self.objects.push(Held {
            name: attributes.text("displayName").unwrap_or_default().into(),
            kept: kept.collect(),
            digests,
            is_wanted: false,
            is_others: false,
            is_synchronised: object.source_anchor.is_some()
                && attributes.first(SYNC_ENABLED) != Some(&Value::Boolean(false)),
            id: (&*object.id.0).into(),
        });
    }
}

/// Reads the whole target.
///
/// # Errors
/// If it cannot be read to its end.
pub async fn read(connector: &Arc<dyn Target>, told: &Told) -> Result<Snapshot, Refusal> {
    tell(told, "target", 0).await;
    let mut snapshot = Snapshot::default();
    connector
        .enumerate(&mut |listed| {
            snapshot.take(listed);
            !told.is_closed()
        })
        .await?;
    tell(told, "target", snapshot.objects.len()).await;
    Ok(snapshot)
}
