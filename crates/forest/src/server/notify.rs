//! Change notification (MS-ADTS 3.1.1.3.4.1.9): a search that is answered as long as the connection lives.
//!
//! It tells that an object changed and what it is now, never what changed. Whole trees are watched from the root of
//! a naming context only; elsewhere one object or one level is. The trap: a deletion is told as the deleted object,
//! so a client that does not ask to see deleted objects does not hear of it.

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::faults::FaultSettings;
use crate::proto::{Answer, Code, Filter, Outcome, Scope, Search};
use crate::server::conn::Session;
use crate::server::controls::Asked;
use crate::server::entry::{Page, Selection};
use crate::store::{ObjectId, State};

/// Notifications a connection may hold (MaxNotificationPerConn).
const LIMIT: usize = 5;

/// Octets of entries after which an answer is sent before more changes are looked at.
const ANSWER_LIMIT_BYTES: usize = 1 << 20;

/// One registered search.
#[derive(Debug)]
pub(super) struct Watch {
    id: i32,
    base: ObjectId,
    scope: Scope,
    selection: Selection,
    asked: Asked,
}

impl Session {
    /// Registers a search; an outcome is a refusal.
    pub(super) fn watch(
        &mut self,
        id: i32,
        search: &Search,
        base: ObjectId,
        asked: Asked,
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
            return Err(unwilling("use (objectClass=*)"));
        }
        if search.scope == Scope::Subtree && self.forest.read().context(base).is_none() {
            return Err(unwilling(
                "a subtree is watched from the root of a naming context",
            ));
        }
        self.watches.push(Watch {
            id,
            base,
            scope: search.scope,
            selection: Selection::read(&search.attributes, search.types_only),
            asked,
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

    /// Entries for whoever watches what changed: the first change and all that came with it.
    pub(super) fn notify(&mut self, first: Changed, faults: &FaultSettings) -> Answer {
        let mut answer = Answer::default();
        let may_read =
            self.rights().is_some_and(|rights| rights.may_read) && !faults.denies_reading;
        let mut told = Some(first);
        while let Some(changed) = told {
            if may_read {
                self.tell(changed, faults, &mut answer);
            }
            if answer.len() >= ANSWER_LIMIT_BYTES {
                break;
            }
            told = self.changes.as_mut().and_then(more);
        }
        answer
    }

    fn tell(&self, changed: Changed, faults: &FaultSettings, answer: &mut Answer) {
        let state = self.forest.read();
        for watch in &self.watches {
            let id = match changed {
                Changed::Object(id) => id,
                // Some changes were missed: say so by showing the base itself.
                Changed::Missed => watch.base,
            };
            let object = state.object(id);
            let is_shown = watch
                .asked
                .view
                .shows(object.is_deleted, object.is_recycled);
            if is_shown && (changed == Changed::Missed || covers(&state, watch, id)) {
                let mut page = Page::new(&state, &watch.asked, faults, watch.id, answer);
                watch.selection.write(&mut page, id);
            }
        }
    }
}

/// What a connection that watches is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    /// This object changed.
    Object(ObjectId),
    /// So many changed that some were missed.
    Missed,
}

/// The next change; waits for ever without notifications.
pub(super) async fn next(changes: &mut Option<Receiver<ObjectId>>) -> Changed {
    match changes {
        None => std::future::pending().await,
        Some(receiver) => match receiver.recv().await {
            Ok(id) => Changed::Object(id),
            Err(RecvError::Lagged(_)) => Changed::Missed,
            Err(RecvError::Closed) => std::future::pending().await,
        },
    }
}

/// A change that has happened already.
fn more(receiver: &mut Receiver<ObjectId>) -> Option<Changed> {
    match receiver.try_recv() {
        Ok(id) => Some(Changed::Object(id)),
        Err(TryRecvError::Lagged(_)) => Some(Changed::Missed),
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}

fn unwilling(why: &str) -> Outcome {
    Outcome::of(
        Code::UnwillingToPerform,
        format!("0000209A: SvcErr: DSID-020A0E6C, problem 5003 (WILL_NOT_PERFORM): {why}"),
    )
}

fn covers(state: &State, watch: &Watch, id: ObjectId) -> bool {
    match watch.scope {
        Scope::Base => id == watch.base,
        Scope::One => state.object(id).parent == Some(watch.base),
        Scope::Subtree => state.is_within(id, watch.base),
    }
}
