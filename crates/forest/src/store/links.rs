//! Links: the forward values with their history, and the back links kept beside them.
//!
//! A link to or from a deleted object stays stored but is not shown. Nothing is written to the group when
//! a member is deleted: like in AD, its change number stays, and a reader learns of it from the deletion.

use crate::schema::{self, AttributeId};
use crate::store::object::LinkValue;
use crate::store::{ObjectId, State};

impl State {
    /// Sets or removes one value; says whether anything changed.
    pub(crate) fn put_link(
        &mut self,
        from: ObjectId,
        attribute: AttributeId,
        to: ObjectId,
        is_present: bool,
        usn: u64,
    ) -> bool {
        let set = self.object_mut(from).link_set_mut(attribute);
        let known = set.values.get(&to).is_some_and(|value| value.is_present);
        if known == is_present {
            return false;
        }
        set.values.insert(to, LinkValue { usn, is_present });
        set.usn = usn;
        let back = self.back_links.entry(to).or_default();
        if is_present {
            back.insert((attribute, from));
        } else {
            back.remove(&(attribute, from));
        }
        true
    }

    /// Forgets all links of an object, in both directions, as turning it into a tombstone does.
    pub(crate) fn drop_links(&mut self, id: ObjectId) {
        let own: Vec<_> = std::mem::take(&mut self.object_mut(id).links);
        for set in own {
            for to in set.values.keys() {
                if let Some(back) = self.back_links.get_mut(to) {
                    back.remove(&(set.attribute, id));
                }
            }
        }
        for (attribute, from) in self.back_links.remove(&id).unwrap_or_default() {
            self.object_mut(from)
                .link_set_mut(attribute)
                .values
                .remove(&id);
        }
    }

    /// What an object refers to under an attribute, as shown to a reader.
    pub fn targets(
        &self,
        from: ObjectId,
        attribute: AttributeId,
        shows_deactivated: bool,
    ) -> impl Iterator<Item = ObjectId> + '_ {
        self.object(from)
            .link_set(attribute)
            .into_iter()
            .flat_map(|set| set.values.iter())
            .filter(|(_, value)| value.is_present)
            .map(|(to, _)| *to)
            .filter(move |to| self.shows_link(attribute, *to, shows_deactivated))
    }

    /// What refers to an object under a back link attribute.
    pub fn sources(
        &self,
        to: ObjectId,
        back: AttributeId,
        shows_deactivated: bool,
    ) -> impl Iterator<Item = ObjectId> + '_ {
        let forward = schema::forward_of(back);
        self.back_links
            .get(&to)
            .into_iter()
            .flatten()
            .filter(move |(attribute, _)| Some(*attribute) == forward)
            .map(|(_, from)| *from)
            .filter(move |from| shows_deactivated || !self.object(*from).is_deleted)
    }

    /// Plain references (lastKnownParent) are shown whatever became of their target.
    pub(crate) fn shows_link(
        &self,
        attribute: AttributeId,
        to: ObjectId,
        shows_deactivated: bool,
    ) -> bool {
        shows_deactivated
            || !self.object(to).is_deleted
            || !schema::definition(attribute).is_forward_link()
    }
}
