//! Why so much is to be lost: what most of it has in common, as far as it can be known.
//!
//! Looks at the reasons objects were planned for and why they are to go, and finds the container they are all below. Never
//! changes the verdict. Trap: a cause is said of most, not of all; the others stay visible one by one.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    id::LinkId,
    operation::{Refusal, Verb},
};

use crate::{
    config::JobRow,
    due::{fold_value, place_of},
    export::PendingExport,
    observe::attributes_of,
    reason,
    store::{Engine, Result},
};

// LIMIT: objects looked at for what they have in common.
const LOOKED_AT: usize = 1_000;
// LIMIT: values that others do without, compared with theirs.
const MISSED: usize = 20_000;

/// What was gathered of objects that are held.
#[derive(Default)]
pub(crate) struct Causes {
    words: BTreeMap<&'static str, u64>,
    details: BTreeMap<String, u64>,
    total: u64,
    /// Distinguished names of the containers above those looked at, the outermost first.
    common: Option<Vec<String>>,
    looked_at: usize,
    made_anew: usize,
    /// How many of them are planned because the rules changed.
    by_rules: u64,
    /// Values others of the job do without, because somebody else holds them.
    missed: Option<BTreeSet<String>>,
}

/// Why an object is to go, in one word.
pub(crate) fn word(pending: &PendingExport) -> &'static str {
    let why = pending.why.as_ref();
    let argument = |name: &str| why.and_then(|why| why.argument(name)).unwrap_or_default();
    let is_set = |bit: i64| pending.reasons & bit != 0;
    match (argument("reason"), argument("scope")) {
        ("DeletedInSource", _) => "DeletedInSource",
        _ if why.is_some_and(|why| why.code == sync_core::code::Code::ObjectVanished) => {
            "FoundNowhere"
        }
        ("", "") if pending.verb == Verb::Disable => "DisabledInSource",
        _ if is_set(reason::RULES) => "RulesChanged",
        _ if is_set(reason::SCOPE_GROUP) => "ScopeGroupChanged",
        _ if is_set(reason::CONTAINER) => "ContainerMoved",
        (_, "NoFilterMatched" | "NoInputFilterMatched" | "Excluded") => "AttributesChanged",
        (_, "OutsideGroups") => "ScopeGroupChanged",
        ("OutsideReadSpec", _) | (_, "OutsideContainers") => "MovedOutOfScope",
        _ => "NotWanted",
    }
}

/// The sentence of a word.
fn sentence(word: &str) -> &'static str {
    match word {
        "DeletedInSource" => "deleted in the source",
        "FoundNowhere" => "not shown by the source any more, and found nowhere",
        "DisabledInSource" => "disabled in the source",
        "RulesChanged" => "out of scope since the rules changed",
        "ScopeGroupChanged" => "no members of a group of the scope any more",
        "ContainerMoved" => "out of scope since a container above them was moved or renamed",
        "AttributesChanged" => "out of scope since their attributes changed",
        "MovedOutOfScope" => "moved out of the containers of the scope",
        "MadeAnew" => {
            "deleted in the source, and something with their names or addresses was made anew"
        }
        "MembersRemoved" => "groups that lose members",
        "ValuesCleared" => "objects that lose values",
        _ => "not wanted by the rules",
    }
}

impl Causes {
    /// Takes one more object into account.
    pub(crate) fn take(
        &mut self,
        engine: &Engine,
        c: &Connection,
        job: &JobRow,
        link: LinkId,
        pending: &PendingExport,
    ) -> Result<()> {
        *self.words.entry(word(pending)).or_default() += 1;
        self.total += 1;
        if self.looked_at >= LOOKED_AT {
            return Ok(());
        }
        self.looked_at += 1;
        let above = place_of(c, crate::object_of(link))?;
        self.common = Some(match self.common.take() {
            None => above,
            Some(common) => common
                .into_iter()
                .zip(above)
                .take_while(|(one, other)| one == other)
                .map(|(one, _)| one)
                .collect(),
        });
        let missed = match self.missed.take() {
            Some(missed) => missed,
            None => values_missed(c, job)?,
        };
        self.made_anew += usize::from(is_made_anew(engine, c, job, link, &missed)?);
        self.missed = Some(missed);
        Ok(())
    }

    /// Takes objects into account that lose something else than themselves.
    pub(crate) fn take_losses(&mut self, word: &'static str, detail: &str, count: u64) {
        *self.words.entry(word).or_default() += count;
        *self.details.entry(detail.to_owned()).or_default() += count;
        self.total += count;
    }

    /// Notes whether a loss comes of changed rules.
    pub(crate) fn take_rules(&mut self, is_by_rules: bool) {
        self.by_rules += u64::from(is_by_rules);
    }

    /// The refusal with the cause added.
    pub(crate) fn add_to(&self, job: &JobRow, why: Refusal) -> Refusal {
        let Some((word, count)) = self.words.iter().max_by_key(|(_, count)| **count) else {
            return why;
        };
        let is_anew = *word == "DeletedInSource" && self.made_anew * 2 > self.looked_at;
        let word = if is_anew { "MadeAnew" } else { *word };
        let mut text = format!("{count} of {}: {}", self.total, sentence(word));
        let mut why = why.with("cause", word);
        // The domain itself says nothing.
        let container = self
            .common
            .as_ref()
            .filter(|common| common.len() > 1)
            .and_then(|common| common.last());
        if let Some(container) = container {
            why = why.with("container", container);
            text.push_str(&format!(", all below {container}"));
        }
        if word == "RulesChanged" {
            why = why.with("rulesVersion", job.rules_version.to_string());
            text.push_str(&format!(" (version {})", job.rules_version));
        }
        if word == "ValuesCleared" && self.by_rules * 2 > self.total {
            why = why.with("rulesVersion", job.rules_version.to_string());
            text.push_str(&format!(
                " since the rules changed (version {})",
                job.rules_version
            ));
        }
        if let Some((detail, _)) = self.details.iter().max_by_key(|(_, count)| **count)
            && matches!(word, "MembersRemoved" | "ValuesCleared")
        {
            why = why.with("most", detail);
            text.push_str(&format!(", most of all {detail}"));
        }
        why.with("text", text)
    }
}

/// Values that objects of a job want and do without, as they are compared.
fn values_missed(c: &Connection, job: &JobRow) -> Result<BTreeSet<String>> {
    let (first, last) = crate::link_range(job.id);
    let mut statement = c.prepare_cached(
        "SELECT value FROM aside WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = statement.query_map(params![first, last, MISSED], |row| row.get::<_, String>(0))?;
    let mut all = BTreeSet::new();
    for value in rows {
        all.insert(fold_value(&value?));
    }
    Ok(all)
}

/// Whether somebody waits for a name or an address that the object holds, or does without it.
fn is_made_anew(
    engine: &Engine,
    c: &Connection,
    job: &JobRow,
    link: LinkId,
    missed: &BTreeSet<String>,
) -> Result<bool> {
    let blob: Option<Vec<u8>> = c
        .prepare_cached("SELECT exported FROM link WHERE id = ?1")?
        .query_row([link.0], |row| row.get(0))
        .optional()?
        .flatten();
    let held = attributes_of(engine, blob)?;
    for name in ["userPrincipalName", "mail", "mailNickname"] {
        let Some(value) = held.text(name) else {
            continue;
        };
        let folded = fold_value(value);
        if missed.contains(&folded)
            || c.prepare_cached(
                "SELECT 1 FROM conflict WHERE job = ?1 AND value = ?2 AND link <> ?3",
            )?
            .exists(params![job.id.0, folded, link.0])?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
