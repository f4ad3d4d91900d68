//! The second look: every object by itself, and against all others.
//!
//! Trap: a value that is proposed is remembered, so that no two objects are proposed the same one.

use std::collections::{BTreeMap, HashSet};

use super::{
    ATTRIBUTES, Fault, Finding, Kind, Proposal, Subject,
    census::{Census, Holder},
    form::check,
    names::{Space, address_key, fold, smtp, split, texts},
};

// LIMIT: numbers tried after a name that is taken.
const TRIED: u32 = 10_000;

/// Domains of the target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Domains<'a> {
    /// Verified, the initial one included.
    pub verified: &'a [String],
    /// The initial one.
    pub initial: &'a str,
}

impl<'a> Domains<'a> {
    /// Whether the target has verified it.
    pub fn is_verified(&self, domain: &str) -> bool {
        let mut all = self.verified.iter();
        all.any(|known| known.eq_ignore_ascii_case(domain))
    }

    /// The domain proposed instead of one that can never be verified; the initial one is nobody's to use.
    pub fn replacement(&self) -> Option<&'a str> {
        let is_own = |domain: &&String| !domain.eq_ignore_ascii_case(self.initial);
        self.verified.iter().find(is_own).map(String::as_str)
    }
}

/// The second look at a source.
#[derive(Debug)]
pub struct Scan<'a> {
    census: &'a Census,
    domains: Domains<'a>,
    /// Values that were proposed.
    given: HashSet<u64>,
    /// Sign-in suffixes that are public and not verified, with the number of accounts.
    pub unverified: BTreeMap<String, u64>,
}

/// Whether a value is somebody else's.
enum Conflict {
    Source { keeps: bool, others: u32 },
    Target(Fault),
}

impl<'a> Scan<'a> {
    /// A second look, after the census is complete.
    pub fn new(census: &'a Census, domains: Domains<'a>) -> Self {
        Self {
            census,
            domains,
            given: HashSet::new(),
            unverified: BTreeMap::new(),
        }
    }

    /// Everything that would fail about an object.
    pub fn check(&mut self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        // What replaces an address does so wherever the object has it.
        let mut replaced: BTreeMap<String, String> = BTreeMap::new();
        let has_sign_in_name = texts(subject.attributes, "userPrincipalName")
            .next()
            .is_some();
        self.note_suffix(subject);
        // The primary address decides what becomes of `mail`.
        for attribute in ATTRIBUTES.iter().rev() {
            let mut kept: HashSet<String> = HashSet::new();
            for value in texts(subject.attributes, attribute) {
                let mended = check(
                    attribute,
                    value,
                    subject.kind,
                    has_sign_in_name,
                    self.domains,
                );
                let (mut faults, mut now) = match mended {
                    Some(mended) => (mended.faults, mended.value),
                    None => (Vec::new(), Some(value.to_owned())),
                };
                let mut finding = Finding {
                    attribute: (*attribute).into(),
                    faults: Vec::new(),
                    value: value.to_owned(),
                    proposal: Proposal::Decide,
                    note: String::new(),
                };
                let mut keeps = false;
                if let Some(conflict) = self.conflict(subject, attribute, value) {
                    let fault = match &conflict {
                        Conflict::Source { .. } => Fault::Duplicate,
                        Conflict::Target(fault) => *fault,
                    };
                    faults.push(fault);
                    finding.note = note(&conflict);
                    match conflict {
                        Conflict::Source { keeps: true, .. } => keeps = true,
                        _ => now = self.another(attribute, now.as_deref(), &mut replaced),
                    }
                } else if !faults.is_empty() {
                    now = self.unless_taken(attribute, value, now, &mut replaced);
                }
                if faults.is_empty() {
                    kept.insert(fold(value));
                    continue;
                }
                let is_repeated = now.as_ref().is_some_and(|now| !kept.insert(fold(now)));
                finding.proposal = match now {
                    Some(now) if now == value && keeps => Proposal::Keep,
                    Some(now) if now != value && !is_repeated => Proposal::Edit(now),
                    _ => Proposal::Remove,
                };
                finding.faults = faults;
                findings.push(finding);
            }
        }
        findings.sort_by(|a, b| a.attribute.cmp(&b.attribute));
        findings
    }

    fn note_suffix(&mut self, subject: &Subject<'_>) {
        for name in texts(subject.attributes, "userPrincipalName") {
            let suffix = super::suffix_of(name).unwrap_or_default().to_lowercase();
            if super::is_routable(&suffix) && !self.domains.is_verified(&suffix) {
                *self.unverified.entry(suffix).or_default() += 1;
            }
        }
    }

    fn key(&self, attribute: &str, value: &str) -> Option<u64> {
        let (space, text) = match attribute {
            "userPrincipalName" => (Space::SignIn, fold(value)),
            "mailNickname" => (Space::Nickname, fold(value)),
            "mail" => (Space::Address, fold(value)),
            "proxyAddresses" => (Space::Address, address_key(value)),
            _ => return None,
        };
        (!text.is_empty()).then(|| self.census.key(space, &text))
    }

    fn conflict(&self, subject: &Subject<'_>, attribute: &str, value: &str) -> Option<Conflict> {
        let key = self.key(attribute, value)?;
        if let Some(owner) = self.census.owners.get(&key)
            && owner.count > 1
        {
            return Some(Conflict::Source {
                keeps: owner.keeper == self.census.hash(subject.anchor),
                others: owner.count - 1,
            });
        }
        let holder = self.census.holders.get(&key)?;
        self.conflict_with(subject, attribute, value, holder)
    }

    fn conflict_with(
        &self,
        subject: &Subject<'_>,
        attribute: &str,
        value: &str,
        holder: &Holder,
    ) -> Option<Conflict> {
        let own = subject
            .source_anchor
            .map(|anchor| self.census.hash(anchor.as_bytes()));
        match holder.source_anchor {
            Some(anchor) if Some(anchor) == own => None,
            // Whose object it is gives it up: the source says so.
            Some(anchor) if self.census.anchors.contains(&anchor) => None,
            Some(_) => Some(Conflict::Target(Fault::Duplicate)),
            None if holder.kind != subject.kind => Some(Conflict::Target(Fault::TypeConflict)),
            None => {
                let is_alias =
                    attribute == "proxyAddresses" && !value.trim_start().starts_with("SMTP:");
                let is_found = holder.is_found_by_it && !is_alias && attribute != "mailNickname";
                (!is_found).then_some(Conflict::Target(Fault::Duplicate))
            }
        }
    }

    /// A corrected value, unless somebody has that one: then one with a number.
    fn unless_taken(
        &mut self,
        attribute: &str,
        before: &str,
        now: Option<String>,
        replaced: &mut BTreeMap<String, String>,
    ) -> Option<String> {
        let now = now?;
        let Some(key) = self.key(attribute, &now) else {
            return Some(now);
        };
        let is_same = self.key(attribute, before) == Some(key);
        if is_same {
            return Some(now);
        }
        if self.census.is_free(key) && self.given.insert(key) {
            replaced.insert(address_key(&now), address_key(&now));
            return Some(now);
        }
        self.another(attribute, Some(&now), replaced)
    }

    /// A value nobody has, made from this one; an alias just goes.
    fn another(
        &mut self,
        attribute: &str,
        value: Option<&str>,
        replaced: &mut BTreeMap<String, String>,
    ) -> Option<String> {
        let value = value?;
        let is_alias = attribute == "proxyAddresses" && !value.starts_with("SMTP:");
        let is_address = matches!(attribute, "mail" | "proxyAddresses");
        if is_address && let Some(known) = replaced.get(&address_key(value)) {
            return Some(with_protocol(value, known));
        }
        if is_alias {
            return None;
        }
        let bare = if is_address {
            smtp(value).unwrap_or(value)
        } else {
            value
        };
        for number in 2..TRIED {
            let tried = numbered(bare, number);
            let key = self.key(attribute, &tried)?;
            if self.census.is_free(key) && self.given.insert(key) {
                if is_address {
                    replaced.insert(address_key(value), tried.clone());
                }
                return Some(with_protocol(value, &tried));
            }
        }
        None
    }
}

/// An address with the protocol of another value, if that has one.
fn with_protocol(like: &str, address: &str) -> String {
    match split(like) {
        Some((protocol, _)) => format!("{protocol}:{address}"),
        None => address.to_owned(),
    }
}

/// `ada2@x` of `ada@x`; what stands before the `@` does not grow beyond what is allowed.
fn numbered(value: &str, number: u32) -> String {
    let number = number.to_string();
    let room = 64_usize.saturating_sub(number.len());
    let (local, rest) = match value.rsplit_once('@') {
        Some((local, domain)) => (local, format!("@{domain}")),
        None => (value, String::new()),
    };
    let local: String = local.chars().take(room).collect();
    format!("{local}{number}{rest}")
}

fn note(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Source {
            keeps: true,
            others,
        } => {
            format!("{others} more objects have it; this one keeps it")
        }
        Conflict::Source { others, .. } => format!("{others} more objects have it"),
        Conflict::Target(Fault::TypeConflict) => {
            "an object of another type has it in the target".to_owned()
        }
        Conflict::Target(_) => "another object has it in the target".to_owned(),
    }
}

impl Subject<'_> {
    /// Whether uniqueness matters for it.
    pub fn is_known(&self) -> bool {
        self.kind != Kind::Other
    }
}
