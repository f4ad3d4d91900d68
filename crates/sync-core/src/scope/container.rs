//! Containers in scope, known by anchor.
//!
//! Never compares DN text: a renamed or moved container stays the same. Trap: containers that rules name but nobody resolved
//! must not mean "everything".

use crate::{id::Anchor, mapping::context::Containers};

/// Containers as the rules name them, by DN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Included.
    pub included: Vec<String>,
    /// Excluded.
    pub excluded: Vec<String>,
}

/// Whether an object with these ancestors (the nearest first) is in scope.
pub fn is_inside(named: &Named, containers: &Containers<'_>, ancestors: &[Anchor]) -> bool {
    for ancestor in ancestors {
        if containers.excluded.contains(ancestor) {
            return false;
        }
        if containers.included.contains(ancestor) {
            return true;
        }
    }
    containers.included.is_empty() && named.included.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_container_decides() {
        let anchor = |n: u8| Anchor::new([n]);
        let (root, sales, old, other) = (anchor(0), anchor(1), anchor(2), anchor(3));
        let (included, excluded) = ([sales.clone()], [old.clone()]);
        let containers = Containers {
            included: &included,
            excluded: &excluded,
        };
        let check = |ancestors: &[&Anchor]| {
            let ancestors: Vec<Anchor> = ancestors.iter().map(|a| (*a).clone()).collect();
            is_inside(&Named::default(), &containers, &ancestors)
        };
        assert!(check(&[&sales, &root]));
        assert!(check(&[&other, &sales, &root]));
        assert!(!check(&[&old, &sales, &root]));
        assert!(check(&[&sales, &old, &root]));
        assert!(!check(&[&other, &root]));
        assert!(!check(&[]));
    }

    #[test]
    fn unresolved_containers_are_not_everything() {
        let named = Named {
            included: vec!["OU=Sales,DC=x".into()],
            excluded: Vec::new(),
        };
        let nothing = Containers::default();
        assert!(!is_inside(&named, &nothing, &[Anchor::new([1])]));
        assert!(is_inside(&Named::default(), &nothing, &[Anchor::new([1])]));
    }
}
