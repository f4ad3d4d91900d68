//! What is known of attribute descriptions, by how the server spells them.
//!
//! A server tells the attributes of its entries in the same order, so each is found behind the one before, mostly without
//! comparing a letter. Never holds more than a fixed number, whatever a server invents. Trap: the spelling is not folded; whoever adds one has
//! to find out first what it means.

use std::{collections::HashMap, sync::Arc};

// LIMIT: descriptions remembered; a schema has some hundreds.
const MOST: usize = 4_096;

/// Something for every description.
pub(super) struct Spelled<T> {
    places: HashMap<Arc<str>, usize>,
    all: Vec<Known<T>>,
    /// Place of the one asked for before.
    before: usize,
}

struct Known<T> {
    description: Arc<str>,
    what: T,
    /// Place of the one that followed it last.
    next: usize,
}

impl<T> Default for Spelled<T> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            all: Vec::new(),
            before: 0,
        }
    }
}

impl<T> Spelled<T> {
    /// What is known of a description.
    pub fn find(&mut self, description: &Arc<str>) -> Option<&T> {
        let expected = self.all.get(self.before).map(|known| known.next);
        let is_it = |known: &Known<T>| Arc::ptr_eq(&known.description, description);
        let place = match expected.filter(|at| self.all.get(*at).is_some_and(is_it)) {
            Some(place) => place,
            None => {
                let place = *self.places.get(description)?;
                if let Some(known) = self.all.get_mut(self.before) {
                    known.next = place;
                }
                // Another search has other copies of the names.
                if let Some(known) = self.all.get_mut(place) {
                    known.description.clone_from(description);
                }
                place
            }
        };
        self.before = place;
        self.all.get(place).map(|known| &known.what)
    }

    /// Remembers what a description means.
    pub fn add(&mut self, description: &Arc<str>, what: T) {
        if self.all.len() >= MOST {
            return;
        }
        self.places.insert(description.clone(), self.all.len());
        self.all.push(Known {
            description: description.clone(),
            what,
            next: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_is_found_in_any_order_and_from_any_search() {
        let names = ["cn", "sn", "mail", "uid"].map(Arc::<str>::from);
        let mut spelled = Spelled::default();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(spelled.find(name), None);
            spelled.add(name, at);
        }
        for order in [[0, 1, 2, 3], [0, 1, 2, 3], [3, 1, 0, 2], [0, 0, 2, 2]] {
            for at in order {
                assert_eq!(spelled.find(&names[at]), Some(&at));
                assert_eq!(spelled.find(&Arc::from(&*names[at])), Some(&at));
            }
        }
        assert_eq!(spelled.find(&Arc::from("CN")), None);
    }

    #[test]
    fn inventions_of_a_server_are_not_remembered_without_end() {
        let mut spelled = Spelled::default();
        for n in 0..MOST + 10 {
            spelled.add(&Arc::from(format!("x{n}")), n);
        }
        assert_eq!(spelled.all.len(), MOST);
        assert_eq!(spelled.find(&Arc::from(format!("x{}", MOST + 5))), None);
    }
}
