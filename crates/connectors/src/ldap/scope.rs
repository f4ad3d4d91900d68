//! Which objects the read spec asks for: by class and by container.
//!
//! Never asked about attributes. Trap: containers are compared by the distinguished names the server itself writes, case
//! folded; they are resolved anew for every read because containers move.

use std::collections::HashSet;

/// The RDNs of a name from the root down, folded: parents sort before their children.
pub(super) fn depth_first(name: &str) -> Vec<String> {
    let mut rdns = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (rdn, parent) = ldap::dn::split_first(rest);
        rdns.push(rdn.to_lowercase());
        rest = parent;
    }
    rdns.reverse();
    rdns
}

/// Classes and containers.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    classes: HashSet<String>,
    // INVARIANT: folded, and none below another; empty: everywhere.
    containers: Vec<String>,
    bases: Vec<String>,
}

impl Scope {
    pub fn new(
        classes: impl IntoIterator<Item = impl AsRef<str>>,
        containers: Vec<String>,
    ) -> Self {
        let folded: Vec<String> = containers.iter().map(|dn| dn.to_lowercase()).collect();
        let mut kept = Self {
            classes: classes
                .into_iter()
                .map(|class| class.as_ref().to_ascii_lowercase())
                .collect(),
            ..Self::default()
        };
        for (at, (dn, text)) in folded.iter().zip(containers).enumerate() {
            let is_covered = folded.iter().enumerate().any(|(other, outer)| {
                other != at && is_below(dn, outer) && (dn != outer || other < at)
            });
            if !is_covered {
                kept.containers.push(dn.clone());
                kept.bases.push(text);
            }
        }
        kept
    }

    /// Whether objects of this class are read whole.
    pub fn has_class(&self, class: &str) -> bool {
        let mut classes = self.classes.iter();
        classes.any(|have| have.eq_ignore_ascii_case(class))
    }

    /// Whether this distinguished name lies in a container of the spec.
    pub fn has_place(&self, dn: &str) -> bool {
        if self.containers.is_empty() {
            return true;
        }
        let dn = dn.to_lowercase();
        self.containers.iter().any(|outer| is_below(&dn, outer))
    }

    /// Whether the spec names containers at all.
    pub fn is_limited(&self) -> bool {
        !self.containers.is_empty()
    }

    /// Where to search: the outermost containers, or this root.
    pub fn bases<'a>(&'a self, root: &'a str) -> Vec<&'a str> {
        match self.bases.is_empty() {
            true => vec![root],
            false => self.bases.iter().map(String::as_str).collect(),
        }
    }

    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(String::as_str)
    }
}

/// Whether `dn` is `outer` or below it; both folded.
fn is_below(dn: &str, outer: &str) -> bool {
    match dn.strip_suffix(outer) {
        Some("") => true,
        Some(before) => before.strip_suffix(',').is_some_and(|rdns| {
            // The comma separates unless an odd number of backslashes stands before it.
            rdns.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0
        }),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_judged_by_whole_names() {
        let scope = Scope::new(
            ["user"],
            vec!["OU=Staff,DC=x".into(), "OU=In,OU=Staff,DC=x".into()],
        );
        assert_eq!(scope.bases("DC=x"), ["OU=Staff,DC=x"]);
        assert!(scope.has_place("CN=a,ou=staff,dc=x"));
        assert!(scope.has_place("OU=Staff,DC=x"));
        assert!(!scope.has_place("CN=a,OU=NoStaff,DC=x"));
        assert!(!scope.has_place("OU=a\\,OU=Staff,DC=x"));
        assert!(scope.has_place("OU=a\\\\,OU=Staff,DC=x"));
        assert!(scope.has_class("User") && !scope.has_class("computer"));
        assert!(Scope::new(["user"], vec![]).has_place("CN=a,DC=y"));
        assert_eq!(
            Scope::new(["user"], vec!["DC=x".into(), "DC=X".into()])
                .bases("")
                .len(),
            1
        );
    }
}
