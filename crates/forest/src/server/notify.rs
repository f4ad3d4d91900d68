//! Change notification (MS-ADTS 3.1.1.3.4.1.9): a search that is answered as long as the connection lives.
//!
//! It tells that an object changed and what it is now, never what changed.

use crate::faults::FaultSettings;
use crate::proto::{Answer, Code, Filter, Outcome, Scope, Search};
use crate::server::conn::Session;
use crate::server::controls::Extended;
use crate::server::entry::Selection;
use crate::store::{ObjectId, State, View};

/// Notifications a connection may hold (MaxNotificationPerConn).
const LIMIT: usize = 5;

/// One registered search.
#[derive(Debug)]
pub(super) struct Watch {
    id: i32,
    base: ObjectId,
    scope: Scope,
    selection: Selection,
    view: View,
    extended: Option<Extended>,
}

impl Session {
    /// Registers a search; an outcome is a refusal.
    pub(super) fn watch(
        &mut self,
        id: i32,
        search: &Search,
        base: ObjectId,
        view: View,
        extended: Option<Extended>,
    ) -> Result<(), Outcome> {
        if self.watches.len() >= LIMIT {
            return Err(Outcome::of(
                Code::AdminLimitExceeded,
                "00002024: SvcErr: DSID-020A0E4D: too many notifications",
            ));
        }
        if search.filter != Filter::anything()
            && !matches!(&search.filter, Filter::Present(name) if name.eq_ignore_ascii_case("objectClass"))
        {
            return Err(Outcome::of(
                Code::UnwillingToPerform,
                "0000209A: SvcErr: DSID-020A0E6C, problem 5003 (WILL_NOT_PERFORM): use (objectClass=*)",
            ));
        }
        self.watches.push(Watch {
            id,
            base,
            scope: search.scope,
            selection: Selection::read(&search.attributes, search.types_only),
            view,
            extended,
        });
        if self.changes.is_none() {
            self.changes = Some(self.forest.subscribe());
        }
        Ok(())
    }

    pub(super) fn abandon(&mut self, id: i32) {
        self.watches.retain(|watch| watch.id != id);
        if self.watches.is_empty() {
            self.changes = None;
        }
    }

    /// Entries for whoever watches the changed object.
    pub(super) fn notify(&mut self, changed: Option<ObjectId>, faults: &FaultSettings) -> Answer {
        let mut answer = Answer::default();
        let may_read =
            self.rights().is_some_and(|rights| rights.may_read) && !faults.denies_reading;
        let state = self.forest.read();
        // Some changes were missed: say so by showing the base itself.
        for watch in &self.watches {
            let id = changed.unwrap_or(watch.base);
            let object = state.object(id);
            let is_shown =
                watch.view.shows(object.is_deleted, object.is_recycled) || object.is_deleted;
            if may_read && is_shown && covers(&state, watch, id) {
                watch.selection.write(
                    &state,
                    id,
                    watch.view,
                    watch.extended,
                    faults,
                    watch.id,
                    &mut answer,
                );
            }
        }
        answer
    }
}

fn covers(state: &State, watch: &Watch, id: ObjectId) -> bool {
    match watch.scope {
        Scope::Base => id == watch.base,
        Scope::One => state.object(id).parent == Some(watch.base),
        Scope::Subtree => state.is_within(id, watch.base),
    }
}
