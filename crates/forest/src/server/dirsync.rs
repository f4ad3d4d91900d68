//! DirSync: changes since a cookie (MS-ADTS 3.1.1.3.4.1.3).
//!
//! Objects come in the order of their latest change. A cookie holds two change numbers: *since*, before
//! which everything is known, and *done*, up to which this round has come. It is bound to the database's
//! identity; a cookie of another one starts from the beginning, which repeats but loses nothing. The trap:
//! an object that changes during a round is sent again later in the same round.

use std::collections::HashSet;

use uuid::Uuid;

use crate::faults::{CookieRefusal, FaultSettings};
use crate::proto::{Answer, Code, Control, DirSyncRequest, Outcome, Partial, Scope, Search};
use crate::schema::{self, AttributeId, Syntax, attr};
use crate::server::conn::Session;
use crate::server::controls::{self, Asked};
use crate::server::entry::{self, Selection};
use crate::server::filter::Ready;
use crate::store::{Object, ObjectId, State, Value, View};

const OBJECT_SECURITY: u32 = 0x1;
const ANCESTORS_FIRST: u32 = 0x800;
const PUBLIC_DATA_ONLY: u32 = 0x2000;
const INCREMENTAL_VALUES: u32 = 0x8000_0000;
const COOKIE_VERSION: u32 = 3;

/// Least octets of an answer, whatever the client asks.
const ANSWER_FLOOR_BYTES: usize = 4 << 10;

impl Session {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn dirsync(
        &self,
        id: i32,
        search: &Search,
        asked: &Asked,
        request: &DirSyncRequest,
        base: ObjectId,
        is_blind: bool,
        faults: &FaultSettings,
        answer: &mut Answer,
    ) -> Result<(Outcome, Vec<Control>), Outcome> {
        let known = OBJECT_SECURITY | ANCESTORS_FIRST | PUBLIC_DATA_ONLY | INCREMENTAL_VALUES;
        if request.flags & !known != 0 {
            return Err(controls::unavailable(
                "Error processing control: unknown DirSync flags",
            ));
        }
        let may_dirsync = self.rights().is_some_and(|rights| rights.may_dirsync);
        if request.flags & OBJECT_SECURITY == 0 && !may_dirsync {
            return Err(Outcome::of(
                Code::InsufficientAccessRights,
                "00002105: SecErr: DSID-031522AF, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            ));
        }
        let state = self.forest.read();
        if state.context(base).is_none() || search.scope != Scope::Subtree {
            return Err(Outcome::of(
                Code::UnwillingToPerform,
                "000020F7: SvcErr: DSID-031405C1, problem 5003 (WILL_NOT_PERFORM): the base has to be the root of a naming context, the scope subtree",
            ));
        }
        let position = Position::read(&request.cookie, &state, faults)?;
        let mut round = Round {
            state: &state,
            filter: Ready::new(&search.filter, &state),
            selection: Selection::read(&search.attributes, search.types_only),
            asked,
            flags: request.flags,
            faults,
            position,
            base,
            message: id,
            sent: HashSet::new(),
        };
        let next = if is_blind {
            Position {
                since: state.usn,
                done: state.usn,
            }
        } else {
            round.run(request.max_bytes, answer)
        };
        let control = Control::dirsync_answer(next.since != next.done, &next.write(&state));
        Ok((Outcome::success(), vec![control]))
    }
}

/// Where a reader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    since: u64,
    done: u64,
}

impl Position {
    fn read(cookie: &[u8], state: &State, faults: &FaultSettings) -> Result<Self, Outcome> {
        let start = Self { since: 0, done: 0 };
        if cookie.is_empty() {
            return Ok(start);
        }
        let parsed = if faults.refuses_cookies {
            None
        } else {
            Self::parse(cookie)
        };
        match parsed {
            Some((position, invocation)) if invocation == state.invocation => Ok(position),
            Some(_) => Ok(start),
            None => Err(match faults.cookie_refusal {
                CookieRefusal::UnavailableCriticalExtension => {
                    controls::unavailable("Error processing control: the cookie cannot be read")
                }
                CookieRefusal::UnwillingToPerform => Outcome::of(
                    Code::UnwillingToPerform,
                    "000020EE: SvcErr: DSID-03140594, problem 5003 (WILL_NOT_PERFORM): the cookie cannot be read",
                ),
            }),
        }
    }

    fn parse(cookie: &[u8]) -> Option<(Self, Uuid)> {
        let rest = cookie.strip_prefix(b"MSDS")?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (_time, rest) = rest.split_first_chunk::<8>()?;
        let (since, rest) = rest.split_first_chunk::<8>()?;
        let (done, rest) = rest.split_first_chunk::<8>()?;
        let (invocation, rest) = rest.split_first_chunk::<16>()?;
        let sum: [u8; 4] = rest.try_into().ok()?;
        let body = cookie.get(..cookie.len() - 4)?;
        if u32::from_le_bytes(*version) != COOKIE_VERSION || sum != check_sum(body) {
            return None;
        }
        let position = Self {
            since: u64::from_le_bytes(*since),
            done: u64::from_le_bytes(*done),
        };
        Some((position, Uuid::from_bytes_le(*invocation)))
    }

    fn write(self, state: &State) -> Vec<u8> {
        let mut cookie = b"MSDS".to_vec();
        cookie.extend_from_slice(&COOKIE_VERSION.to_le_bytes());
        cookie.extend_from_slice(&crate::store::filetime(state.now()).to_le_bytes());
        cookie.extend_from_slice(&self.since.to_le_bytes());
        cookie.extend_from_slice(&self.done.to_le_bytes());
        cookie.extend_from_slice(&state.invocation.to_bytes_le());
        let sum = check_sum(&cookie);
        cookie.extend_from_slice(&sum);
        cookie
    }
}

fn check_sum(octets: &[u8]) -> [u8; 4] {
    octets
        .iter()
        .fold(0x811c_9dc5u32, |sum, octet| {
            (sum ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
        })
        .to_le_bytes()
}

/// One answer in the making.
struct Round<'a> {
    state: &'a State,
    filter: Ready,
    selection: Selection,
    asked: &'a Asked,
    flags: u32,
    faults: &'a FaultSettings,
    position: Position,
    base: ObjectId,
    message: i32,
    sent: HashSet<ObjectId>,
}

impl Round<'_> {
    fn run(&mut self, max_bytes: i64, answer: &mut Answer) -> Position {
        let options = &self.state.options;
        let most_bytes = match usize::try_from(max_bytes) {
            Ok(0) | Err(_) => options.dirsync_limit_bytes,
            Ok(asked) => asked.clamp(ANSWER_FLOOR_BYTES, options.dirsync_limit_bytes),
        };
        let finished = Position {
            since: self.state.usn,
            done: self.state.usn,
        };
        for (usn, ids) in self.state.by_usn.range(self.position.done + 1..) {
            for id in ids {
                if self.state.context_of(*id) == self.base {
                    self.send_after_ancestors(*id, answer);
                }
            }
            if self
                .faults
                .truncate_after_entries
                .is_some_and(|most| answer.entries() >= most)
            {
                return finished;
            }
            let is_full =
                answer.entries() >= options.page_limit_entries || answer.len() >= most_bytes;
            if is_full && *usn < self.state.usn {
                return Position {
                    since: self.position.since,
                    done: *usn,
                };
            }
        }
        finished
    }

    fn send_after_ancestors(&mut self, id: ObjectId, answer: &mut Answer) {
        if self.flags & ANCESTORS_FIRST != 0 {
            let mut above = Vec::new();
            let mut current = self.state.object(id).parent;
            while let Some(one) = current {
                above.push(one);
                current = self.state.object(one).parent;
            }
            for one in above.into_iter().rev() {
                if self.state.object(one).usn_changed > self.position.done {
                    self.send(one, answer);
                }
            }
        }
        self.send(id, answer);
    }

    fn send(&mut self, id: ObjectId, answer: &mut Answer) {
        let view = View {
            deleted: true,
            recycled: true,
            deactivated: self.asked.view.deactivated,
        };
        if !self.sent.insert(id) || !self.filter.matches(self.state, id, view) {
            return;
        }
        let object = self.state.object(id);
        let mut attributes = self.plain(id, object, view);
        let mut links = self.links(id, object);
        if attributes.is_empty() && links.is_empty() {
            return;
        }
        self.always(id, object, view, &mut attributes);
        let dn = entry::name(self.state, id, self.asked.extended);
        // Long lists of values go out in several entries for the same object.
        let limit = self.state.options.range_limit_values;
        let mut room = limit;
        for (name, values) in links.drain(..) {
            let mut values = values.into_iter().peekable();
            while values.peek().is_some() {
                let part: Vec<_> = values.by_ref().take(room).collect();
                room -= part.len();
                attributes.push(Partial {
                    name: name.clone(),
                    values: part,
                });
                if room == 0 && values.peek().is_some() {
                    answer.entry(self.message, &dn, &attributes);
                    attributes.clear();
                    self.always(id, object, view, &mut attributes);
                }
                if room == 0 {
                    room = limit;
                }
            }
        }
        answer.entry(self.message, &dn, &attributes);
    }

    fn wants(&self, attribute: AttributeId) -> bool {
        (self.selection.is_all || self.selection.names(attribute))
            && !entry::is_hidden(self.faults, attribute)
    }

    /// Changed attributes other than incremental links.
    fn plain(&self, id: ObjectId, object: &Object, view: View) -> Vec<Partial> {
        let since = self.position.since;
        let is_new = object.usn_created > since;
        let mut attributes = Vec::new();
        for (attribute, def) in schema::attributes() {
            let is_tracked =
                !def.is_local && !def.is_constructed && attribute != attr::DISTINGUISHED_NAME;
            if !is_tracked || !self.wants(attribute) || self.is_incremental(attribute) {
                continue;
            }
            if changed_at(object, attribute).is_none_or(|usn| usn <= since) {
                continue;
            }
            let mut values: Vec<Vec<u8>> = self
                .state
                .values(id, attribute, view)
                .into_iter()
                .map(|value| entry::octets(self.state, value, self.asked.extended))
                .collect();
            if values.is_empty() && is_new {
                continue;
            }
            let limit = self.state.options.range_limit_values;
            let name = if values.len() > limit {
                values.truncate(limit);
                format!("{};range=0-{}", def.name, limit - 1)
            } else {
                def.name.to_owned()
            };
            attributes.push(Partial { name, values });
        }
        attributes
    }

    fn is_incremental(&self, attribute: AttributeId) -> bool {
        self.flags & INCREMENTAL_VALUES != 0 && schema::definition(attribute).is_forward_link()
    }

    /// Added and removed values of links, when only those are wanted.
    fn links(&self, _id: ObjectId, object: &Object) -> Vec<(String, Vec<Vec<u8>>)> {
        let since = self.position.since;
        let mut found = Vec::new();
        for set in &object.links {
            if set.usn <= since || !self.wants(set.attribute) || !self.is_incremental(set.attribute)
            {
                continue;
            }
            let name = schema::definition(set.attribute).name;
            let pick = |is_present: bool| -> Vec<Vec<u8>> {
                set.values
                    .iter()
                    .filter(|(_, value)| value.usn > since && value.is_present == is_present)
                    .filter(|(to, _)| {
                        !is_present
                            || self.asked.view.deactivated
                            || !self.state.object(**to).is_deleted
                    })
                    .map(|(to, _)| {
                        entry::octets(self.state, Value::Object(*to), self.asked.extended)
                    })
                    .collect()
            };
            if object.usn_created <= since {
                found.push((format!("{name};range=0-0"), pick(false)));
            }
            found.push((format!("{name};range=1-1"), pick(true)));
        }
        found.retain(|(_, values)| !values.is_empty());
        found
    }

    /// What every entry carries, and the parent when the name is told.
    fn always(&self, id: ObjectId, object: &Object, view: View, attributes: &mut Vec<Partial>) {
        let mut add = |attribute: AttributeId| {
            let name = schema::definition(attribute).name;
            if attributes.iter().any(|partial| partial.name == name) {
                return;
            }
            let values: Vec<Vec<u8>> = self
                .state
                .values(id, attribute, view)
                .into_iter()
                .map(|value| entry::octets(self.state, value, self.asked.extended))
                .collect();
            if !values.is_empty() {
                attributes.push(Partial {
                    name: name.to_owned(),
                    values,
                });
            }
        };
        add(attr::OBJECT_GUID);
        add(attr::INSTANCE_TYPE);
        let tells_name = object.usn_placed > self.position.since && self.wants(attr::NAME);
        if tells_name && (self.selection.is_all || self.selection.names(attr::PARENT_GUID)) {
            add(attr::PARENT_GUID);
        }
    }
}

/// Change number of the last change to an attribute; `None` if it never had a value.
fn changed_at(object: &Object, attribute: AttributeId) -> Option<u64> {
    match attribute {
        attr::NAME => Some(object.usn_placed),
        naming if naming == object.naming => Some(object.usn_named),
        attr::IS_DELETED => Some(object.usn_deleted).filter(|usn| *usn > 0),
        attr::IS_RECYCLED => Some(object.usn_deleted).filter(|_| object.is_recycled),
        attr::OBJECT_CLASS
        | attr::OBJECT_CATEGORY
        | attr::WHEN_CREATED
        | attr::OBJECT_GUID
        | attr::INSTANCE_TYPE => Some(object.usn_created),
        attr::OBJECT_SID => object.sid.as_ref().map(|_| object.usn_created),
        attr::INVOCATION_ID if object.class.name == "nTDSDSA" => Some(object.usn_created),
        _ if schema::definition(attribute).syntax == Syntax::Dn => {
            object.link_set(attribute).map(|set| set.usn)
        }
        _ => object.stored(attribute).map(|stored| stored.usn),
    }
}
