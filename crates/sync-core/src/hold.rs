//! What stays as it is in the target although source and rules want something else: held by the guard, refused by an
//! administrator, or undone.
//!
//! A hold says what is kept *instead of* one certain thing that is wanted. It ends by itself as soon as something else is
//! wanted, because then the source or the rules have changed. Trap: a hold overlays what is wanted and never writes: with the
//! overlay the ordinary plan brings back what was undone, and leaves alone what is held.

use serde::{Deserialize, Serialize};

use crate::{
    code::Code,
    operation::{Refusal, Verb},
    plan::{ACCOUNT_ENABLED, Desired, LinkView, Wanted, same_values},
    value::{Attributes, Name, Value},
};

/// Why something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(i64)]
pub enum HoldState {
    /// The guard holds it until somebody decides.
    Held = 1,
    /// An administrator decided that it stays.
    Refused = 2,
    /// It was carried out and undone.
    Undone = 3,
    /// An administrator lets it through; nothing is kept any more, and the guard does not count it.
    Allowed = 4,
}

impl HoldState {
    /// From its stored number.
    pub fn from_number(number: i64) -> Self {
        match number {
            2 => Self::Refused,
            3 => Self::Undone,
            4 => Self::Allowed,
            _ => Self::Held,
        }
    }

    /// As stored.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Undone => "undone",
            Self::Allowed => "allowed",
        }
    }
}

/// An attribute that keeps its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldValue {
    /// Target attribute.
    pub name: Name,
    /// What source and rules want; with anything else the hold ends.
    pub wanted: Vec<Value>,
    /// What is kept instead.
    pub keep: Vec<Value>,
    /// Why.
    pub state: HoldState,
}

/// An object as it was before it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Target class.
    pub class: Name,
    /// Source anchor.
    pub source_anchor: String,
    /// Attributes as exported.
    pub attributes: Attributes,
}

/// Whether the target object is there, whatever source and rules want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldObject {
    /// It stays, like this, although it is to be deleted.
    Present(Box<Image>),
    /// It stays away as long as exactly these attributes are wanted of it.
    Absent(Attributes),
}

/// Everything held of one object, references aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// The object as a whole.
    pub object: Option<HeldObject>,
    /// Single attributes.
    pub values: Vec<HeldValue>,
}

impl Holds {
    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.object.is_some()) + self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an administrator asked for a loss of values of this attribute: it was allowed, or comes of an undo.
    pub fn allows(&self, attribute: &str) -> bool {
        self.values.iter().any(|held| {
            matches!(held.state, HoldState::Allowed | HoldState::Undone)
                && held.name.eq_ignore_ascii_case(attribute)
        })
    }

    /// Whether an operation of this kind comes of an undo: somebody asked for it, and the guard does not.
    pub fn asks_for(&self, verb: Verb) -> bool {
        match verb {
            Verb::Delete => matches!(self.object, Some(HeldObject::Absent(_))),
            Verb::Disable => self.values.iter().any(|held| {
                held.state == HoldState::Undone
                    && held.name.eq_ignore_ascii_case(ACCOUNT_ENABLED)
                    && held.keep == [Value::Boolean(false)]
            }),
            Verb::Create | Verb::Update | Verb::Restore => false,
        }
    }

    /// Lays over what is wanted what is kept instead, and drops what has ended. Says whether anything is kept that would be
    /// otherwise.
    pub fn apply(&mut self, wanted: &mut Wanted, link: &LinkView) -> bool {
        if self.is_empty() {
            return false;
        }
        let keeps_object = self.apply_object(wanted, link);
        let keeps_values = match wanted {
            Wanted::Present(desired) => self.apply_values(desired),
            Wanted::Absent(_) | Wanted::Undecided(_) | Wanted::Faulty(_) => false,
        };
        keeps_object || keeps_values
    }

    fn apply_object(&mut self, wanted: &mut Wanted, link: &LinkView) -> bool {
        let kept = match (&self.object, &*wanted) {
            (Some(HeldObject::Present(image)), Wanted::Absent(_)) => {
                Some(Wanted::Present(Box::new(desired(image, link))))
            }
            (Some(HeldObject::Absent(before)), Wanted::Present(desired))
                if is_same(desired, before) =>
            {
                Some(Wanted::Absent(why()))
            }
            // Already as it is kept, or something else is wanted by now.
            (Some(HeldObject::Absent(_)), Wanted::Present(_))
            | (Some(HeldObject::Present(_)), Wanted::Present(_)) => {
                self.object = None;
                None
            }
            _ => None,
        };
        match kept {
            Some(kept) => {
                *wanted = kept;
                true
            }
            None => false,
        }
    }

    fn apply_values(&mut self, desired: &mut Desired) -> bool {
        // What the image says of a deleted object is what is kept already.
        let is_image = matches!(self.object, Some(HeldObject::Present(_)));
        let wants = |held: &HeldValue| {
            let wanted = desired.attributes.values(&held.name);
            wanted.is_some_and(|wanted| same_values(wanted, &held.wanted))
        };
        if !is_image {
            self.values.retain(wants);
        }
        let mut keeps = false;
        for held in &self.values {
            if held.state != HoldState::Allowed {
                desired.attributes.set(held.name.clone(), held.keep.clone());
                keeps = true;
            }
        }
        keeps
    }
}

/// Why an object that is wanted is not made.
fn why() -> Refusal {
    Refusal::new(Code::UndoneByAdministrator).with("kept", "absent")
}

/// A deleted object as it is wanted back.
fn desired(image: &Image, link: &LinkView) -> Desired {
    Desired {
        class: Some(image.class.clone()),
        source_anchor: link
            .source_anchor
            .clone()
            .unwrap_or_else(|| image.source_anchor.clone()),
        attributes: image.attributes.clone(),
        ..Desired::default()
    }
}

/// Whether what is wanted is what was in the target before. Attributes that only a new object gets do not count.
fn is_same(desired: &Desired, before: &Attributes) -> bool {
    desired.attributes.iter().all(|(name, values)| {
        desired.create_only.contains(name)
            || same_values(values, before.values(name).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Answers, Decision, Situation, decide};
    use crate::{id::TargetId, operation::TargetObject};

    fn text(pairs: &[(&str, &str)]) -> Attributes {
        let values = |value: &str| match value {
            "" => vec![],
            value => vec![Value::from(value)],
        };
        pairs
            .iter()
            .map(|(name, value)| (*name, values(value)))
            .collect()
    }

    fn present(pairs: &[(&str, &str)]) -> Wanted {
        Wanted::Present(Box::new(Desired {
            class: Some("User".into()),
            source_anchor: "A".into(),
            attributes: text(pairs),
            ..Desired::default()
        }))
    }

    fn link(situation: Situation, pairs: &[(&str, &str)]) -> LinkView {
        LinkView {
            situation,
            class: Some("User".into()),
            target: Some(TargetId("t".into())),
            version: 3,
            source_anchor: Some("A".into()),
            exported: text(pairs),
            is_stale: false,
        }
    }

    fn value(wanted: &str, keep: &str, state: HoldState) -> Holds {
        let one = |text: &str| match text {
            "" => vec![],
            text => vec![Value::from(text)],
        };
        Holds {
            object: None,
            values: vec![HeldValue {
                name: "title".into(),
                wanted: one(wanted),
                keep: one(keep),
                state,
            }],
        }
    }

    fn decided(holds: &mut Holds, mut wanted: Wanted, link: &LinkView) -> Decision {
        holds.apply(&mut wanted, link);
        decide(&wanted, link, None)
    }

    #[test]
    fn an_undone_value_is_written_back_once_and_then_kept() {
        let mut holds = value("Clerk", "Boss", HoldState::Undone);
        let wanted = present(&[("title", "Clerk"), ("city", "X")]);
        let now = link(Situation::Linked, &[("title", "Clerk"), ("city", "X")]);
        let Decision::Operate(draft) = decided(&mut holds, wanted.clone(), &now) else {
            panic!("nothing is written back")
        };
        assert_eq!(draft.attributes, text(&[("title", "Boss")]));
        let then = link(Situation::Linked, &[("title", "Boss"), ("city", "X")]);
        assert_eq!(
            decided(&mut holds, wanted, &then),
            Decision::Same(None),
            "the next plan does not redo it"
        );
    }

    #[test]
    fn a_hold_ends_when_the_source_wants_something_else() {
        let mut holds = value("Clerk", "Boss", HoldState::Undone);
        let held = link(Situation::Linked, &[("title", "Boss")]);
        let Decision::Operate(draft) = decided(&mut holds, present(&[("title", "Chair")]), &held)
        else {
            panic!("the change does not flow")
        };
        assert_eq!(draft.attributes, text(&[("title", "Chair")]));
        assert!(holds.is_empty());
    }

    #[test]
    fn what_the_guard_holds_stays_and_the_rest_flows() {
        let mut holds = value("", "Boss", HoldState::Held);
        let held = link(Situation::Linked, &[("title", "Boss"), ("city", "X")]);
        let wanted = present(&[("title", ""), ("city", "Y")]);
        let Decision::Operate(draft) = decided(&mut holds, wanted.clone(), &held) else {
            panic!("nothing flows")
        };
        assert_eq!(draft.attributes, text(&[("city", "Y")]));
        let mut allowed = value("", "Boss", HoldState::Allowed);
        let Decision::Operate(draft) = decided(&mut allowed, wanted, &held) else {
            panic!("nothing flows")
        };
        assert_eq!(draft.attributes, text(&[("title", ""), ("city", "Y")]));
        assert!(allowed.allows("TITLE"));
    }

    fn image() -> HeldObject {
        HeldObject::Present(Box::new(Image {
            class: "User".into(),
            source_anchor: "A".into(),
            attributes: text(&[("title", "Boss")]),
        }))
    }

    fn gone() -> Wanted {
        Wanted::Absent(Refusal::new(Code::EntrySynchronizationSkipped))
    }

    #[test]
    fn a_deleted_object_is_restored_and_stays() {
        let mut holds = Holds {
            object: Some(image()),
            values: vec![],
        };
        let mut wanted = gone();
        let deleted = link(Situation::Deleted, &[]);
        holds.apply(&mut wanted, &deleted);
        assert!(matches!(decide(&wanted, &deleted, None), Decision::Ask(_)));
        let found = TargetObject {
            id: TargetId("t".into()),
            class: "User".into(),
            version: 9,
            is_deleted: true,
            source_anchor: Some("A".into()),
            attributes: text(&[("title", "Boss")]),
        };
        let answers: Answers = [(0, vec![found])].into();
        let Decision::Operate(draft) = decide(&wanted, &deleted, Some(&answers)) else {
            panic!("not restored")
        };
        assert_eq!(
            (draft.verb, draft.target),
            (Verb::Restore, Some(TargetId("t".into())))
        );
        let Decision::Operate(draft) = decide(&wanted, &deleted, Some(&Answers::new())) else {
            panic!("not made anew")
        };
        assert_eq!(
            (draft.verb, draft.attributes),
            (Verb::Create, text(&[("title", "Boss")]))
        );
        let back = link(Situation::Linked, &[("title", "Boss")]);
        assert_eq!(decided(&mut holds, gone(), &back), Decision::Same(None));
        assert!(!holds.is_empty());
        decided(&mut holds, present(&[("title", "Boss")]), &back);
        assert!(holds.is_empty(), "the source has it again");
    }

    #[test]
    fn an_undone_creation_stays_away_until_the_source_changes_it() {
        let mut holds = Holds {
            object: Some(HeldObject::Absent(text(&[("title", "Boss")]))),
            values: vec![],
        };
        let there = link(Situation::Linked, &[("title", "Boss")]);
        let Decision::Operate(draft) = decided(&mut holds, present(&[("title", "Boss")]), &there)
        else {
            panic!("not taken back")
        };
        assert_eq!(draft.verb, Verb::Delete);
        let away = link(Situation::Deleted, &[]);
        let kept = decided(&mut holds, present(&[("title", "Boss")]), &away);
        assert!(matches!(kept, Decision::Skip(_)));
        let anew = decided(&mut holds, present(&[("title", "Chair")]), &away);
        assert!(matches!(anew, Decision::Ask(_)));
        assert!(holds.is_empty());
    }

    #[test]
    fn what_is_not_decided_ends_nothing() {
        let mut holds = Holds {
            object: Some(image()),
            ..value("", "Boss", HoldState::Held)
        };
        let mut wanted = Wanted::Undecided(Refusal::new(Code::ObjectVanished));
        assert!(!holds.apply(&mut wanted, &link(Situation::Linked, &[])));
        assert_eq!(holds.len(), 2);
    }
}
