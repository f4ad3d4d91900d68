//! The answer in one sentence: is it in sync, and if not, why, and what to do.
//!
//! Pure; the first of a fixed order of claims that is true. What is on its way comes before what would be planned, because the
//! stored plan is what happens next. Trap: an object out of scope that is not in the target is in sync.

use engine::{
    ConnectorRow, HeldWhat, HoldRow, JobRow, JobState, LinkRow, ObjectState, PendingRow,
    PendingState, PendingView, PlannedOutcome,
};
use sync_core::{
    hold::HoldState,
    operation::{Refusal, TargetObject},
    plan::Situation,
};
use wire::api::v1::{DueView, ExplainedAttribute, ExplainedReference, Problem};

use super::job::word;
use crate::api::{convert::time, pending};

/// Everything that is known of an object in a job.
pub struct Known<'a> {
    /// The job.
    pub job: &'a JobRow,
    /// Its source.
    pub source: &'a ConnectorRow,
    /// The object's name for people.
    pub name: String,
    /// Its state in the connector space.
    pub state: ObjectState,
    /// Its link.
    pub link: Option<&'a LinkRow>,
    /// Its pending export.
    pub pending: Option<&'a PendingRow>,
    /// Its place among what is due.
    pub due: Option<&'a DueView>,
    /// What is held of it.
    pub holds: &'a [HoldRow],
    /// Why the rules or the target could not be asked.
    pub problem: Option<&'a Refusal>,
    /// What planning comes to now.
    pub outcome: Option<&'a PlannedOutcome>,
    /// The target object now.
    pub target: Option<&'a TargetObject>,
    /// The attributes as explained.
    pub attributes: &'a [ExplainedAttribute],
    /// The references as explained.
    pub references: &'a [ExplainedReference],
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state in a word.
    pub state: &'static str,
    /// Whether nothing is left to do.
    pub is_in_sync: bool,
    /// In a sentence.
    pub sentence: String,
    /// What to do.
    pub cure: String,
}

impl Verdict {
    fn out(state: &'static str, why: String, cure: impl Into<String>) -> Self {
        let cure = cure.into();
        let sentence = match cure.is_empty() {
            true => why,
            false => format!("{why}; {cure}"),
        };
        Self {
            state,
            is_in_sync: false,
            sentence,
            cure,
        }
    }

    fn done(state: &'static str, sentence: String) -> Self {
        Self {
            state,
            is_in_sync: true,
            sentence,
            cure: String::new(),
        }
    }
}

/// The first claim that is true.
pub fn of(known: &Known<'_>) -> Verdict {
    on_its_way(known)
        .or_else(|| failed(known))
        .or_else(|| not_evaluated(known))
        .or_else(|| held(known))
        .unwrap_or_else(|| planned(known))
}

fn on_its_way(known: &Known<'_>) -> Option<Verdict> {
    let name = &known.name;
    if let Some(row) = known.pending {
        return Some(pending_one(known, row));
    }
    let due = known.due?;
    let why = format!(
        "{name} is not in sync: not reached yet, behind by {} objects; it is due ({}) since {}",
        due.behind,
        due.reasons.join(", "),
        due.since
    );
    Some(Verdict::out("due", why, what_holds_up(known)))
}

fn pending_one(known: &Known<'_>, row: &PendingRow) -> Verdict {
    let verb = row
        .pending
        .as_ref()
        .map_or("operation", |pending| pending::verb(pending.verb));
    let name = &known.name;
    match row.view {
        PendingView::State(PendingState::Held) => Verdict::out(
            "held",
            format!("{name} is not in sync: its {verb} is held by the guard"),
            "decide with `hybridge deletes list` and `hybridge deletes allow` or `refuse`",
        ),
        PendingView::State(PendingState::Refused) => Verdict::out(
            "held",
            format!(
                "{name} is not in sync: its {verb} was refused by an administrator, so it stays"
            ),
            "put it right in the source, or let it through with `hybridge deletes allow`",
        ),
        view => Verdict::out(
            "pending",
            format!(
                "{name} is not in sync: its {verb} is planned and not carried out yet ({})",
                view.name()
            ),
            what_holds_up(known),
        ),
    }
}

/// What keeps the job as a whole from going on.
fn what_holds_up(known: &Known<'_>) -> String {
    if known.job.state == JobState::Paused {
        return format!(
            "the job is paused: start it with `hybridge job start \"{}\"`",
            known.job.name
        );
    }
    if known.source.suspect.is_some() {
        return format!(
            "the last full read is not believed: look at `hybridge status`, then `hybridge connector believe {}` if it is right",
            known.source.name
        );
    }
    match &known.job.failure {
        Some(why) => format!("the job fails with {why}"),
        None => "the job goes on by itself".into(),
    }
}

fn cure_of(why: &Refusal) -> String {
    Problem::from(why).cure.trim_end_matches('.').to_owned()
}

fn failed(known: &Known<'_>) -> Option<Verdict> {
    let link = known.link.filter(|link| link.attempts > 0)?;
    let why = link.reason.as_ref()?;
    let again = match link.retry_at {
        Some(at) => format!("it is tried again at {}", time(at)),
        None => "it is tried again when something about it changes".to_owned(),
    };
    let text = format!(
        "{} is not in sync: it failed {} times, last with {why}; {again}",
        known.name, link.attempts
    );
    Some(Verdict::out("failed", text, cure_of(why)))
}

fn not_evaluated(known: &Known<'_>) -> Option<Verdict> {
    let name = &known.name;
    if let Some(why) = known.problem {
        let text = format!("nothing can be said of {name}: {why}");
        return Some(Verdict::out("unknown", text, cure_of(why)));
    }
    if known.state == ObjectState::Stub {
        let text =
            format!("{name} is not in sync: not reached yet, only references to it were read");
        let cure = "wait for the read to come to it (`hybridge status`), or see that the connector's account may read it";
        return Some(Verdict::out("notRead", text, cure));
    }
    None
}

/// What is kept instead of what source and rules want, where nothing else is to be done.
fn held(known: &Known<'_>) -> Option<Verdict> {
    let is_done = matches!(
        known.outcome,
        Some(PlannedOutcome::Same(_) | PlannedOutcome::Skip(_))
    );
    let name = &known.name;
    if let Some(until) = known.holds.iter().find_map(|hold| match hold.what {
        HeldWhat::Leaver(until) => Some(until),
        _ => None,
    }) {
        let text = format!(
            "{name} has left, and is deleted when its grace period is over, at {}",
            time(until)
        );
        let cure = "let it return in the source, or delete it now with `hybridge holds release`";
        return Some(Verdict::out("held", text, cure));
    }
    let mut holds = known.holds.iter().filter(|_| is_done);
    let strongest = holds.clone().map(|hold| hold.state).min()?;
    let (by, cure) = match strongest {
        HoldState::Held => (
            "is held by the guard",
            "decide with `hybridge deletes list` and `hybridge deletes allow` or `refuse`",
        ),
        HoldState::Refused => (
            "was refused by an administrator, so it stays as it is",
            "put it right in the source, or let it through with `hybridge deletes allow`",
        ),
        HoldState::Undone => (
            "was undone by an administrator, so it stays as it was",
            "it ends when the source wants something else; `hybridge holds list` shows it, `hybridge holds release` ends it",
        ),
        HoldState::Allowed => ("was allowed and is on its way", "the job goes on by itself"),
    };
    let texts: Vec<String> = holds
        .by_ref()
        .filter(|hold| hold.state == strongest)
        .map(|hold| held_what(&hold.what))
        .collect();
    let text = format!("{name} is not in sync: {} {by}", texts.join(", "));
    Some(Verdict::out("held", text, cure))
}

fn held_what(what: &HeldWhat) -> String {
    match what {
        HeldWhat::Object(true) | HeldWhat::Deletion | HeldWhat::Leaver(_) => {
            "its deletion".to_owned()
        }
        HeldWhat::Object(false) => "its creation".to_owned(),
        HeldWhat::Attribute(name, _, wanted) if wanted.is_empty() => {
            format!("the clearing of {name}")
        }
        HeldWhat::Attribute(name, ..) => format!("the change of {name}"),
        HeldWhat::References(name, stay, 0) => format!("the removal of {stay} of {name}"),
        HeldWhat::References(name, 0, away) => format!("the addition of {away} to {name}"),
        HeldWhat::References(name, stay, away) => {
            format!("the removal of {stay} of {name} and the addition of {away}")
        }
    }
}

fn is_linked(known: &Known<'_>) -> bool {
    known
        .link
        .is_some_and(|link| link.situation == Situation::Linked)
}

/// What planning says, where nothing is on its way.
fn planned(known: &Known<'_>) -> Verdict {
    let name = &known.name;
    match known.outcome {
        None => Verdict::out(
            "unknown",
            format!("nothing can be said of {name}: it was not planned"),
            "",
        ),
        Some(PlannedOutcome::Refuse(why)) => Verdict::out(
            "failed",
            format!("{name} is not in sync: {why}"),
            cure_of(why),
        ),
        Some(PlannedOutcome::Operate(draft)) => {
            let verb = word(draft.verb, draft.adopted.is_some());
            Verdict::out(
                "due",
                format!("{name} is not in sync: its {verb} is not planned yet"),
                what_holds_up(known),
            )
        }
        Some(PlannedOutcome::Skip(why)) => skipped(known, why),
        Some(PlannedOutcome::Same(_)) => compared(known),
    }
}

fn skipped(known: &Known<'_>, why: &Refusal) -> Verdict {
    let name = &known.name;
    let told = why.argument("reason").unwrap_or(why.code.title());
    if is_linked(known) || matches!(known.state, ObjectState::Vanished | ObjectState::Missing) {
        let text = format!("{name} is left as it is in the target: {told}");
        return Verdict::out("undecided", text, cure_of(why));
    }
    if known.state == ObjectState::Deleted {
        return Verdict::done(
            "gone",
            format!("{name} is in sync: it was deleted in the source and is not in the target"),
        );
    }
    let told = match told {
        "OutsideReadSpec" => "it is not read, its class or container is outside the rules",
        told => told,
    };
    Verdict::done(
        "outOfScope",
        format!("{name} is not synchronised, as the rules want it: {told}"),
    )
}

/// The rules want what was exported; what the target holds now decides.
fn compared(known: &Known<'_>) -> Verdict {
    let name = &known.name;
    let Some(target) = known.target.filter(|target| !target.is_deleted) else {
        let text =
            format!("{name} is not in sync: its object is gone from the target, and not by us");
        return Verdict::out("differs", text, anew(known));
    };
    let differing: Vec<&str> = known
        .attributes
        .iter()
        .filter(|one| one.agrees == Some(false))
        .map(|one| one.name.as_str())
        .collect();
    if !differing.is_empty() {
        let text = format!(
            "{name} is not in sync: the target was changed by somebody else in {}",
            differing.join(", ")
        );
        return Verdict::out("differs", text, anew(known));
    }
    if known.link.is_some_and(|link| link.are_references_due) {
        let text = format!("{name} is not in sync: its references are not planned yet");
        return Verdict::out("due", text, what_holds_up(known));
    }
    if let Some(waiting) = waiting(known.references) {
        let text = format!("{name} is in sync but for its references: {waiting}");
        return Verdict::out("waiting", text, "they follow by themselves");
    }
    Verdict::done(
        "inSync",
        format!(
            "{name} is in sync: {} {} holds what the rules want",
            target.class, target.id.0
        ),
    )
}

/// References whose other end is to come.
fn waiting(references: &[ExplainedReference]) -> Option<String> {
    let texts: Vec<String> = references
        .iter()
        .filter(|one| one.waiting.count > one.outside)
        .map(|one| {
            let mut others = one.waits.iter().filter(|one| one.reason != "outOfScope");
            let whom = others.next().map_or(String::new(), |awaited| {
                format!(" ({}: {})", awaited.object.name, awaited.text)
            });
            format!(
                "{} of {} wait for objects that are not in the target yet{whom}",
                one.waiting.count - one.outside,
                one.name
            )
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn anew(known: &Known<'_>) -> String {
    format!(
        "`hybridge verify \"{0}\"` shows everything that differs; what was exported is written again when the object changes in the source",
        known.job.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api::v1::References;

    #[test]
    fn references_to_what_is_not_to_be_there_are_not_waited_for() {
        let one = |count, outside| ExplainedReference {
            name: "members".into(),
            waiting: References {
                count,
                first: Vec::new(),
            },
            outside,
            ..ExplainedReference::default()
        };
        assert_eq!(waiting(&[one(2, 2)]), None);
        let text = waiting(&[one(3, 2)]).unwrap();
        assert!(text.starts_with("1 of members wait"), "{text}");
    }

    #[test]
    fn the_cure_is_part_of_the_sentence() {
        let verdict = Verdict::out("due", "a is not in sync".into(), "start the job");
        assert_eq!(verdict.sentence, "a is not in sync; start the job");
        assert!(Verdict::done("inSync", "a is in sync".into()).is_in_sync);
    }
}
