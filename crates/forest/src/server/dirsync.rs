//! DirSync: changes since a cookie (MS-ADTS 3.1.1.3.4.1.3).
//!
//! Objects come in the order of their latest change. A cookie holds two change numbers: *since*, before
//! which everything is known, and *done*, up to which this round has come. It is bound to the database's
//! identity; a cookie of another one starts from the beginning, which repeats but loses nothing. The trap:
//! an object that changes during a round is sent again later in the same round.

use std::collections::HashSet;

use uuid::Uuid;

use crate::faults::{CookieRefusal, FaultSettings};
use crate::proto::{Answer, Code, Control, DirSyncRequest, OpenEntry, Outcome, Scope, Search};
use crate::schema::{self, AttributeId, attr};
use crate::server::conn::Session;
use crate::server::controls::{self, Asked};
use crate::server::entry::{self, Page, Selection, Wanted};
use crate::server::filter::Ready;
use crate::store::{Object, ObjectId, Sid, State, View, encode};

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
            return Err(no_right());
        }
        let state = self.forest.read();
        if state.context(base).is_none() && request.flags & OBJECT_SECURITY == 0 {
            return Err(no_right());
        }
        if state.context(base).is_none() || search.scope != Scope::Subtree {
            return Err(Outcome::of(
                Code::UnwillingToPerform,
                "000020F7: SvcErr: DSID-031405C1, problem 5003 (WILL_NOT_PERFORM): the base has to be the root of a naming context, the scope subtree",
            ));
        }
        let position = Position::read(&request.cookie, &state, faults)?;
        let view = View {
            deleted: true,
            recycled: true,
            deactivated: asked.view.deactivated,
        };
        let mut round = Round {
            filter: Ready::new(&search.filter, &state),
            wanted: Wishes::read(search, faults),
            page: Page::new(&state, asked, faults, id, answer).with_view(view),
            view,
            flags: request.flags,
            faults,
            position,
            base,
            sent: HashSet::new(),
        };
        let next = if is_blind {
            Position {
                since: state.usn,
                done: state.usn,
            }
        } else {
            round.run(request.max_bytes)
        };
        let control = Control::dirsync_answer(next.since != next.done, &next.write(&state));
        Ok((Outcome::success(), vec![control]))
    }
}

/// The right to replicate changes is held for naming contexts only, and not by everybody.
fn no_right() -> Outcome {
    Outcome::of(
        Code::InsufficientAccessRights,
        "00002105: SecErr: DSID-031522AF, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
    )
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

/// Which attributes a reader wants of those that are tracked, by their places.
struct Wishes {
    whole: Vec<bool>,
    /// Those that follow from the object itself.
    computed: Vec<AttributeId>,
    parent: bool,
}

impl Wishes {
    fn read(search: &Search, faults: &FaultSettings) -> Self {
        let selection = Selection::read(&search.attributes, search.types_only);
        let is_named = |attribute| selection.is_all || selection.names(attribute);
        let whole: Vec<bool> = schema::attributes()
            .map(|(attribute, def)| {
                let is_tracked =
                    !def.is_local && !def.is_constructed && attribute != attr::DISTINGUISHED_NAME;
                is_tracked && is_named(attribute) && !entry::is_hidden(faults, attribute)
            })
            .collect();
        let computed = schema::attributes()
            .map(|(attribute, _)| attribute)
            .filter(|one| entry::is_set(&whole, *one) && entry::is_computed(*one))
            .collect();
        Self {
            computed,
            parent: is_named(attr::PARENT_GUID) && entry::is_set(&whole, attr::NAME),
            whole,
        }
    }

    fn has(&self, attribute: AttributeId) -> bool {
        entry::is_set(&self.whole, attribute)
    }
}

/// One answer in the making.
struct Round<'a> {
    filter: Ready,
    wanted: Wishes,
    page: Page<'a>,
    view: View,
    flags: u32,
    faults: &'a FaultSettings,
    position: Position,
    base: ObjectId,
    sent: HashSet<ObjectId>,
}

impl<'a> Round<'a> {
    fn run(&mut self, max_bytes: i64) -> Position {
        let state = self.page.state;
        let options = &state.options;
        let most_bytes = match usize::try_from(max_bytes) {
            Ok(0) | Err(_) => options.dirsync_limit_bytes,
            Ok(asked) => asked.clamp(ANSWER_FLOOR_BYTES, options.dirsync_limit_bytes),
        };
        let finished = Position {
            since: state.usn,
            done: state.usn,
        };
        let start = (self.position.done + 1, ObjectId(0));
        let mut changed = state.by_usn.range(start..).peekable();
        while let Some((usn, id)) = changed.next() {
            if state.context_of(*id) == self.base {
                self.send_after_ancestors(*id);
            }
            let entries = self.page.answer.entries();
            if self
                .faults
                .truncate_after_entries
                .is_some_and(|most| entries >= most)
            {
                return finished;
            }
            let is_full =
                entries >= options.page_limit_entries || self.page.answer.len() >= most_bytes;
            let is_cut = changed.peek().is_some_and(|(next, _)| next != usn);
            if is_full && is_cut {
                return Position {
                    since: self.position.since,
                    done: *usn,
                };
            }
        }
        finished
    }

    fn send_after_ancestors(&mut self, id: ObjectId) {
        let state = self.page.state;
        if self.flags & ANCESTORS_FIRST != 0 {
            let mut above = Vec::new();
            let mut current = state.object(id).parent;
            while let Some(one) = current {
                above.push(one);
                current = state.object(one).parent;
            }
            for one in above.into_iter().rev() {
                if state.object(one).usn_changed > self.position.done {
                    self.send(one);
                }
            }
        }
        self.send(id);
    }

    fn send(&mut self, id: ObjectId) {
        let state = self.page.state;
        if !self.sent.insert(id) || !self.filter.matches(state, id, self.view) {
            return;
        }
        let object = state.object(id);
        let open = self.page.open(id);
        let empty = self.page.answer.len();
        self.plain(id, object);
        self.computed(id, object);
        self.whole_links(id, object);
        let mut links = self.links(object).into_iter().peekable();
        if self.page.answer.len() == empty && links.peek().is_none() {
            return self.page.answer.cancel_entry(open);
        }
        self.always(id, object, Part::First);
        let open = self.spread(id, object, open, links);
        self.page.close(open);
    }

    /// Writes values of links; a long list goes out in several entries for the same object.
    fn spread(
        &mut self,
        id: ObjectId,
        object: &Object,
        mut open: OpenEntry,
        links: impl Iterator<Item = Linked<'a>>,
    ) -> OpenEntry {
        let limit = self.page.state.options.range_limit_values;
        let mut room = limit;
        for (name, values) in links {
            let mut values = values.peekable();
            while values.peek().is_some() {
                for to in values.by_ref().take(room) {
                    self.page.reference(to);
                    room -= 1;
                }
                self.page.flush(&name);
                if room == 0 && values.peek().is_some() {
                    self.page.close(open);
                    open = self.page.open(id);
                    self.always(id, object, Part::Further);
                }
                if room == 0 {
                    room = limit;
                }
            }
        }
        open
    }

    /// Changed attributes that are stored.
    fn plain(&mut self, id: ObjectId, object: &Object) {
        let since = self.position.since;
        let is_new = object.usn_created > since;
        for stored in object.attributes() {
            let is_told = stored.usn > since
                && self.wanted.has(stored.attribute)
                && !entry::is_computed(stored.attribute)
                && stored.attribute != object.naming
                && !(is_new && stored.values.is_empty());
            if is_told {
                self.page.plain(id, stored);
            }
        }
    }

    /// Changed attributes that follow from the object itself.
    fn computed(&mut self, id: ObjectId, object: &Object) {
        let since = self.position.since;
        if object.usn_named > since && self.wanted.has(object.naming) {
            self.page.range(id, Wanted::whole(object.naming));
        }
        for attribute in &self.wanted.computed {
            if changed_at(object, *attribute).is_none_or(|usn| usn <= since) {
                continue;
            }
            let before = self.page.answer.len();
            self.page.computed(id, *attribute);
            // What was true and is no more, such as isDeleted of a restored object, is told as empty.
            if self.page.answer.len() == before && object.usn_created <= since {
                self.page.flush(&schema::definition(*attribute).encoded);
            }
        }
    }

    fn is_incremental(&self, attribute: AttributeId) -> bool {
        self.flags & INCREMENTAL_VALUES != 0 && schema::definition(attribute).is_forward_link()
    }

    /// Changed references with all their values, as far as one answer holds them.
    fn whole_links(&mut self, id: ObjectId, object: &Object) {
        let is_new = object.usn_created > self.position.since;
        for set in &object.links {
            let attribute = set.attribute;
            if set.usn <= self.position.since
                || !self.wanted.has(attribute)
                || self.is_incremental(attribute)
            {
                continue;
            }
            let before = self.page.answer.len();
            self.page.range(id, Wanted::whole(attribute));
            if self.page.answer.len() == before && !is_new {
                self.page.flush(&schema::definition(attribute).encoded);
            }
        }
    }

    /// Added and removed values of links, when only those are wanted: under which name, and what they refer to.
    fn links(&self, object: &'a Object) -> Vec<Linked<'a>> {
        let (state, since) = (self.page.state, self.position.since);
        let shows_all = self.view.deactivated;
        let mut found: Vec<Linked<'a>> = Vec::new();
        for set in &object.links {
            let attribute = set.attribute;
            if set.usn <= since || !self.wanted.has(attribute) || !self.is_incremental(attribute) {
                continue;
            }
            let name = schema::definition(attribute).name;
            for (is_present, range) in [(false, "0-0"), (true, "1-1")] {
                if !is_present && object.usn_created > since {
                    continue;
                }
                let mut values = set
                    .values()
                    .iter()
                    .filter(move |value| value.usn() > since && value.is_present() == is_present)
                    .map(|value| value.to)
                    .filter(move |to| !is_present || shows_all || !state.object(*to).is_deleted)
                    .peekable();
                if values.peek().is_some() {
                    let name = encode([format!("{name};range={range}")]);
                    found.push((name, Box::new(values)));
                }
            }
        }
        found
    }

    /// What every entry carries, and the parent when the name is told.
    fn always(&mut self, id: ObjectId, object: &Object, part: Part) {
        let since = self.position.since;
        let is_new = object.usn_created > since && part == Part::First;
        for attribute in [attr::OBJECT_GUID, attr::INSTANCE_TYPE] {
            if !(is_new && self.wanted.has(attribute)) {
                self.page.range(id, Wanted::whole(attribute));
            }
        }
        if object.usn_placed > since && self.wanted.parent {
            self.page.range(id, Wanted::whole(attr::PARENT_GUID));
        }
    }
}

/// Which of the entries for one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The one that holds everything but further values of links.
    First,
    /// One with further values only.
    Further,
}

/// An encoded name and what the values under it refer to.
type Linked<'a> = (Vec<u8>, Box<dyn Iterator<Item = ObjectId> + 'a>);

/// Change number of the last change to an attribute that follows from the object; `None` if it never had a value.
fn changed_at(object: &Object, attribute: AttributeId) -> Option<u64> {
    match attribute {
        attr::NAME => Some(object.usn_placed),
        attr::IS_DELETED => Some(object.usn_deleted).filter(|usn| *usn > 0),
        attr::IS_RECYCLED => Some(object.usn_deleted).filter(|_| object.is_recycled),
        attr::OBJECT_SID => Some(object.usn_created).filter(|_| object.sid != Sid::None),
        attr::INVOCATION_ID if object.class.name != "nTDSDSA" => None,
        _ => Some(object.usn_created),
    }
}
