//! Links: the forward values with their history, and the back links kept beside them.
//!
//! A link to or from a deleted object stays stored but is not shown. Nothing is written to the group when
//! a member is deleted: like in AD, its change number stays, and a reader learns of it from the deletion.

use crate::schema::{self, AttributeId};
use crate::store::object::LinkValue;
use crate::store::{LinkSet, ObjectId, State};

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
        let known = set.value(to).is_some_and(LinkValue::is_present);
        if known == is_present {
            return false;
        }
        set.put(LinkValue::new(to, usn, is_present));
        set.usn = usn;
        let target = self.object_mut(to);
        if is_present {
            target.put_back(attribute, from);
        } else {
            target.forget_back(attribute, from);
        }
        true
    }

    /// Forgets all links of an object, in both directions, as turning it into a tombstone does.
    pub(crate) fn drop_links(&mut self, id: ObjectId) {
        let own: Vec<_> = std::mem::take(&mut self.object_mut(id).links);
        for set in own {
            for value in set.values() {
                self.object_mut(value.to).forget_back(set.attribute, id);
            }
        }
        for (attribute, from) in std::mem::take(&mut self.object_mut(id).back) {
            self.object_mut(from).link_set_mut(attribute).forget(id);
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
            .flat_map(LinkSet::values)
            .filter(|value| value.is_present())
            .map(|value| value.to)
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
        self.object(to)
            .back
            .iter()
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
