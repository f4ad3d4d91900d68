//! Searches: base, scope, filter, limits and paging.
//!
//! The trap: an unpaged search never yields more than the page limit; what a client does not page for it
//! does not get, and the result code is the only sign.

use std::time::Instant;

use crate::faults::FaultSettings;
use crate::proto::{Answer, Code, Control, Outcome, Scope, Search};
use crate::server::conn::Session;
use crate::server::controls::{self, Asked};
use crate::server::entry::{Page, Selection};
use crate::server::filter::Ready;
use crate::server::paging::Rest;
use crate::server::rootdse;
use crate::store::{ObjectId, State, View};

/// Objects examined between two looks at the clock.
const CLOCK_STRIDE: usize = 4_096;

/// How a search ends: with a result and controls, or not at all (notification).
pub(super) type Ending = Option<(Outcome, Vec<Control>)>;

impl Session {
    pub(super) fn search(
        &mut self,
        id: i32,
        search: &Search,
        controls: &[Control],
        faults: &FaultSettings,
        answer: &mut Answer,
    ) {
        let ending = match self.start_search(id, search, controls, faults, answer) {
            Ok(ending) => ending,
            Err(outcome) => Some((outcome, Vec::new())),
        };
        if let Some((outcome, controls)) = ending {
            answer.done(id, Answer::SEARCH, &outcome, &controls);
        }
    }

    fn start_search(
        &mut self,
        id: i32,
        search: &Search,
        controls: &[Control],
        faults: &FaultSettings,
        answer: &mut Answer,
    ) -> Result<Ending, Outcome> {
        let asked = controls::read(controls)?;
        if search.base.is_empty() && search.scope == Scope::Base {
            rootdse::write(&self.forest.read(), id, search, answer);
            return Ok(Some((Outcome::success(), Vec::new())));
        }
        let rights = self.rights().ok_or_else(not_bound)?;
        let base = {
            let state = self.forest.read();
            let base = base_of(&state, search)?;
            let object = state.object(base);
            if !asked.view.shows(object.is_deleted, object.is_recycled) && asked.dirsync.is_none() {
                return Err(state.no_such_object(state.domain()).outcome());
            }
            base
        };
        let is_blind = !rights.may_read || faults.denies_reading;
        if let Some(request) = &asked.dirsync {
            return self
                .dirsync(id, search, &asked, request, base, is_blind, faults, answer)
                .map(Some);
        }
        if asked.is_notification {
            self.watch(id, search, base, asked)?;
            return Ok(None);
        }
        if is_blind {
            let controls = asked
                .paged
                .iter()
                .map(|_| Control::paged_answer(&[]))
                .collect();
            return Ok(Some((Outcome::success(), controls)));
        }
        self.find_and_write(id, search, &asked, base, faults, answer)
            .map(Some)
    }

    fn find_and_write(
        &mut self,
        id: i32,
        search: &Search,
        asked: &Asked,
        base: ObjectId,
        faults: &FaultSettings,
        answer: &mut Answer,
    ) -> Result<(Outcome, Vec<Control>), Outcome> {
        let rest = match &asked.paged {
            Some((_, cookie)) if !cookie.is_empty() => self
                .paging
                .take(cookie)
                .filter(|rest| rest.base == search.base)
                .ok_or_else(|| {
                    controls::unavailable(
                        "Error processing control: the cookie is not of this connection",
                    )
                })?,
            _ => Rest {
                ids: gather(&self.forest.read(), search, base, asked.view)?,
                next: 0,
                base: search.base.clone(),
            },
        };
        self.write_page(id, search, asked, base, rest, faults, answer)
    }

    #[allow(clippy::too_many_arguments)]
    fn write_page(
        &mut self,
        id: i32,
        search: &Search,
        asked: &Asked,
        base: ObjectId,
        mut rest: Rest,
        faults: &FaultSettings,
        answer: &mut Answer,
    ) -> Result<(Outcome, Vec<Control>), Outcome> {
        let state = self.forest.read();
        let limit = state.options.page_limit_entries;
        let selection = Selection::read(&search.attributes, search.types_only);
        let wanted = usize::try_from(search.size_limit).unwrap_or(0);
        let most = match &asked.paged {
            Some((size, _)) if *size > 0 => usize::try_from(*size).unwrap_or(limit).min(limit),
            Some(_) => limit,
            None if wanted > 0 => wanted.min(limit),
            None => limit,
        };
        let end = rest.ids.len().min(rest.next + most);
        let mut page = Page::new(&state, asked, faults, id, answer);
        for found in rest.ids.get(rest.next..end).unwrap_or_default() {
            let object = state.object(*found);
            if asked.view.shows(object.is_deleted, object.is_recycled) {
                selection.write(&mut page, *found);
            }
        }
        rest.next = end;
        let mut is_complete = end == rest.ids.len();
        if asked.paged.is_some()
            && faults
                .truncate_after_entries
                .is_some_and(|most| end >= most)
        {
            is_complete = true;
        }
        if is_complete && !asked.is_domain_scope {
            references(&state, search, base, id, answer);
        }
        drop(state);
        Ok(match (&asked.paged, is_complete) {
            (Some(_), true) => (Outcome::success(), vec![Control::paged_answer(&[])]),
            (Some(_), false) => {
                let cookie = self.paging.keep(rest);
                (Outcome::success(), vec![Control::paged_answer(&cookie)])
            }
            (None, true) => (Outcome::success(), Vec::new()),
            (None, false) => (Outcome::of(Code::SizeLimitExceeded, ""), Vec::new()),
        })
    }
}

fn base_of(state: &State, search: &Search) -> Result<ObjectId, Outcome> {
    // The empty base with a deeper scope is the root of the forest on a global catalogue; here the domain.
    if search.base.is_empty() {
        return Err(Outcome {
            code: Code::NoSuchObject,
            matched: String::new(),
            text: "0000208D: NameErr: DSID-0310028C, problem 2001 (NO_OBJECT), data 0, best match of:\n\t''\n".into(),
            referrals: Vec::new(),
        });
    }
    let found = state
        .find(&search.base)
        .and_then(|id| match state.is_phantom(id) {
            true => Err(state.no_such_object(state.domain())),
            false => Ok(id),
        });
    found.map_err(|refusal| refer(refusal.outcome(), &search.base))
}

/// Adds where else to ask to an outcome that says the name lies elsewhere.
pub(super) fn refer(mut outcome: Outcome, base: &str) -> Outcome {
    if outcome.code == Code::Referral {
        let labels: Vec<String> = crate::dn::parse(base)
            .unwrap_or_default()
            .into_iter()
            .filter(|rdn| rdn.attribute.eq_ignore_ascii_case("dc"))
            .map(|rdn| rdn.value)
            .collect();
        if labels.is_empty() {
            outcome.code = Code::NoSuchObject;
        } else {
            outcome.referrals = vec![format!("ldap://{}/{}", labels.join("."), url_escape(base))];
        }
    }
    outcome
}

fn url_escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'=' | b',' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

pub(super) fn not_bound() -> Outcome {
    Outcome::of(
        Code::OperationsError,
        "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563",
    )
}

/// Everything that matches, in the order of the tree or of an index.
fn gather(
    state: &State,
    search: &Search,
    base: ObjectId,
    view: View,
) -> Result<Vec<ObjectId>, Outcome> {
    let filter = Ready::new(&search.filter, state);
    let started = Instant::now();
    let asked = u64::try_from(search.time_limit).unwrap_or(0);
    let mut limit = state.options.query_limit;
    if asked > 0 {
        limit = limit.min(std::time::Duration::from_secs(asked));
    }
    let mut found = Vec::new();
    let mut seen = 0usize;
    let mut consider = |id: ObjectId| -> Result<(), Outcome> {
        seen += 1;
        if seen.is_multiple_of(CLOCK_STRIDE) && started.elapsed() > limit {
            return Err(Outcome::of(Code::TimeLimitExceeded, ""));
        }
        let object = state.object(id);
        if view.shows(object.is_deleted, object.is_recycled) && filter.matches(state, id, view) {
            found.push(id);
        }
        Ok(())
    };
    match (search.scope, filter.candidates(state)) {
        (Scope::Base, _) => consider(base)?,
        (Scope::One, _) => {
            for child in state.children(base) {
                consider(child)?;
            }
        }
        (Scope::Subtree, Some(candidates)) => {
            for id in candidates
                .into_iter()
                .filter(|id| state.is_within(*id, base))
            {
                consider(id)?;
            }
        }
        (Scope::Subtree, None) => {
            let mut stack = vec![base];
            while let Some(id) = stack.pop() {
                consider(id)?;
                stack.extend(state.children(id));
            }
        }
    }
    Ok(found)
}

/// Mentions the naming contexts below the domain, as AD does for a search from its root.
fn references(state: &State, search: &Search, base: ObjectId, id: i32, answer: &mut Answer) {
    if !state.options.sends_references || base != state.domain() || search.scope == Scope::Base {
        return;
    }
    let (domain, dn) = (&state.options.domain, state.options.domain_dn());
    answer.reference(
        id,
        &format!("ldap://ForestDnsZones.{domain}/DC=ForestDnsZones,{dn}"),
    );
    answer.reference(
        id,
        &format!("ldap://DomainDnsZones.{domain}/DC=DomainDnsZones,{dn}"),
    );
    let root = state.options.root_dn();
    answer.reference(id, &format!("ldap://{domain}/CN=Configuration,{root}"));
}
