//! Values set aside: what another object of the target holds does not keep the rest of an object out.
//!
//! A sign-in name that is taken gives way to the one the object has, or to a placeholder if it has none; an address that is
//! taken is left out. Never applies to clashes between objects of different types, to nicknames or to anchors: those refuse
//! the object. Trap: `mail` and `proxyAddresses` share one space of addresses, so an address set aside is left out of both.

use serde::{Deserialize, Serialize};

use crate::{
    code::Code,
    operation::{Refusal, Verb},
    plan::{Desired, same_values},
    value::{Attributes, Name, Value},
};

// LIMIT: values of one object that are set aside; with more the object is refused.
const MOST: usize = 16;
/// Longest beginning of a sign-in name that a placeholder keeps, in characters.
const MAX_PREFIX_CHARACTERS: usize = 60;

const SIGN_IN_NAME: &str = "userPrincipalName";
const MAIL: &str = "mail";
const ADDRESSES: &str = "proxyAddresses";

/// One value that is wanted and not written, because another object holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Aside {
    /// Target attribute.
    pub attribute: Name,
    /// The value as wanted.
    pub value: String,
    /// The target object that holds it.
    pub owner: String,
}

impl Aside {
    /// What a refusal asks to be set aside; `None`: it refuses the whole object.
    pub fn of(why: &Refusal, verb: Verb, class: &str) -> Option<Self> {
        if why.code != Code::AttributeValueMustBeUnique || !is_covered(verb, class) {
            return None;
        }
        let attribute = why.argument("attribute")?;
        let is_known = [SIGN_IN_NAME, MAIL, ADDRESSES].contains(&attribute);
        is_known.then(|| Self {
            attribute: attribute.into(),
            value: why.argument("value").unwrap_or_default().to_owned(),
            owner: why.argument("owner").unwrap_or_default().to_owned(),
        })
    }

    /// The refusal it stands for.
    pub fn refusal(&self) -> Refusal {
        Refusal::new(Code::AttributeValueMustBeUnique)
            .with("attribute", &*self.attribute)
            .with("value", &self.value)
            .with("owner", &self.owner)
            .with("setAside", "True")
    }

    /// Whether it is about the sign-in name.
    pub fn is_sign_in_name(&self) -> bool {
        &*self.attribute == SIGN_IN_NAME
    }

    /// Whether an attribute lacks a value because of it.
    pub fn touches(&self, attribute: &str) -> bool {
        match self.is_sign_in_name() {
            true => attribute == SIGN_IN_NAME,
            false => attribute == MAIL || attribute == ADDRESSES,
        }
    }

    fn is(&self, value: &Value) -> bool {
        value
            .as_text()
            .is_some_and(|text| folded(text) == folded(&self.value))
    }

    fn is_in(&self, attributes: &Attributes) -> bool {
        let holds = |name| {
            let values = attributes.values(name).unwrap_or_default();
            values.iter().any(|value| self.is(value))
        };
        match self.is_sign_in_name() {
            true => holds(SIGN_IN_NAME),
            false => holds(ADDRESSES) || holds(MAIL),
        }
    }
}

/// A second group with an address is refused when it is created, as it is by the originals.
fn is_covered(verb: Verb, class: &str) -> bool {
    match class {
        "User" | "Contact" => verb != Verb::Delete,
        "Group" => !matches!(verb, Verb::Create | Verb::Delete),
        _ => false,
    }
}

/// Whether a new object of this class may be made although a matching value belongs to another source object.
pub fn may_be_made_beside(class: &str, attribute: &str) -> bool {
    matches!(class, "User" | "Contact") && [SIGN_IN_NAME, MAIL, ADDRESSES].contains(&attribute)
}

/// An address without its protocol, a name as it is; without case.
fn folded(value: &str) -> String {
    let lower = value.to_lowercase();
    lower
        .strip_prefix("smtp:")
        .map_or(lower.clone(), str::to_owned)
}

/// Leaves out of what is wanted what was set aside before; `held` is what the target holds. What is not wanted any more
/// is dropped from the list.
pub fn leave_out(desired: &mut Desired, asides: &mut Vec<Aside>, held: &Attributes) {
    asides.retain(|aside| aside.is_in(&desired.attributes));
    for aside in asides.iter() {
        let names: &[&str] = match aside.is_sign_in_name() {
            true => &[SIGN_IN_NAME],
            false => &[MAIL],
        };
        for name in names {
            if desired
                .attributes
                .first(name)
                .is_some_and(|value| aside.is(value))
            {
                let have = held.values(name).unwrap_or_default().to_vec();
                desired.attributes.set(*name, have);
            }
        }
        if !aside.is_sign_in_name() {
            without(&mut desired.attributes, aside);
        }
    }
}

/// What is still wanted of the list.
pub fn retain_wanted(desired: &Desired, asides: &mut Vec<Aside>) {
    asides.retain(|aside| aside.is_in(&desired.attributes));
}

/// What the target turned out to hold after all is not set aside any more.
pub fn retain_missing(held: &Attributes, asides: &mut Vec<Aside>) {
    asides.retain(|aside| !aside.is_in(held));
}

fn without(attributes: &mut Attributes, aside: &Aside) {
    let Some(values) = attributes.values(ADDRESSES) else {
        return;
    };
    let kept: Vec<Value> = values
        .iter()
        .filter(|value| !aside.is(value))
        .cloned()
        .collect();
    attributes.set(ADDRESSES, kept);
}

/// An operation that was refused for a value, to be sent without it.
#[derive(Debug)]
pub struct Fallback<'a> {
    /// What is done.
    pub verb: Verb,
    /// What is written.
    pub attributes: &'a mut Attributes,
    /// What these attributes hold now.
    pub before: &'a mut Attributes,
}

impl Fallback<'_> {
    /// Takes the value out; false: there is nothing to take out, or too much has been.
    pub fn leave_out(&mut self, aside: &Aside, before: usize, placeholder: &str) -> bool {
        if before >= MOST {
            return false;
        }
        if aside.is_sign_in_name() {
            match self.verb {
                Verb::Create | Verb::Restore => {
                    self.attributes
                        .set(SIGN_IN_NAME, vec![Value::from(placeholder)]);
                }
                _ => self.forget(SIGN_IN_NAME),
            }
            return true;
        }
        self.leave_out_address(aside)
    }

    /// A restored object brings back addresses that are not named here: if one of those is taken, it is refused whole.
    fn leave_out_address(&mut self, aside: &Aside) -> bool {
        let is_there = aside.is_in(self.attributes);
        without(self.attributes, aside);
        if self
            .attributes
            .first(MAIL)
            .is_some_and(|value| aside.is(value))
        {
            match self.verb {
                Verb::Restore => _ = self.attributes.set(MAIL, Vec::<Value>::new()),
                _ => self.forget(MAIL),
            }
        }
        let now = self.attributes.values(ADDRESSES);
        let is_as_before = now
            .is_some_and(|now| same_values(now, self.before.values(ADDRESSES).unwrap_or_default()));
        if self.verb != Verb::Restore && is_as_before {
            self.forget(ADDRESSES);
        }
        is_there
    }

    /// Not written, so not changed.
    fn forget(&mut self, name: &str) {
        self.attributes.remove(name);
        self.before.remove(name);
    }
}

/// A sign-in name nobody else has, most likely: the beginning of the wanted one and four digits, at the initial domain.
pub fn placeholder(wanted: &str, number: u64, initial_domain: &str) -> String {
    let prefix = wanted.rsplit_once('@').map_or(wanted, |(local, _)| local);
    let prefix: String = prefix.chars().take(MAX_PREFIX_CHARACTERS).collect();
    // Knuth's multiplicative hash spreads neighbouring numbers.
    let digits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    format!("{prefix}{:04}@{initial_domain}", digits % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &[&str])]) -> Attributes {
        let pair = |(name, values): &(&str, &[&str])| {
            let values: Vec<Value> = values.iter().map(|value| Value::from(*value)).collect();
            ((*name).to_owned(), values)
        };
        let mut all = Attributes::new();
        for (name, values) in pairs.iter().map(pair) {
            all.set(name.as_str(), values);
        }
        all
    }

    fn aside(attribute: &str, value: &str) -> Aside {
        Aside {
            attribute: attribute.into(),
            value: value.into(),
            owner: "o".into(),
        }
    }

    fn refusal(code: Code, attribute: &str) -> Refusal {
        Refusal::new(code)
            .with("attribute", attribute)
            .with("value", "v")
            .with("owner", "o")
    }

    /// What the resilience of duplicate attributes covers and what it does not (5.5).
    #[test]
    fn names_and_addresses_of_people_and_contacts_are_covered() {
        use Code::{AttributeValueMustBeUnique as Unique, ObjectTypeMismatch as Mismatch};
        for (code, attribute, verb, class, is_covered) in [
            (Unique, "userPrincipalName", Verb::Create, "User", true),
            (Unique, "userPrincipalName", Verb::Update, "User", true),
            (Unique, "proxyAddresses", Verb::Create, "User", true),
            (Unique, "proxyAddresses", Verb::Restore, "User", true),
            (Unique, "mail", Verb::Create, "Contact", true),
            (Unique, "proxyAddresses", Verb::Create, "Group", false),
            (Unique, "proxyAddresses", Verb::Update, "Group", true),
            (Unique, "mailNickname", Verb::Create, "User", false),
            (
                Unique,
                "onPremisesSecurityIdentifier",
                Verb::Create,
                "User",
                false,
            ),
            (Mismatch, "proxyAddresses", Verb::Create, "User", false),
        ] {
            let found = Aside::of(&refusal(code, attribute), verb, class);
            assert_eq!(
                found.is_some(),
                is_covered,
                "{code} {attribute} {verb:?} {class}"
            );
        }
    }

    #[test]
    fn a_new_object_gets_a_placeholder_and_an_existing_one_keeps_its_name() {
        let taken = aside("userPrincipalName", "A@x");
        for (verb, expected) in [
            (Verb::Create, Some("p@i")),
            (Verb::Restore, Some("p@i")),
            (Verb::Update, None),
            (Verb::Disable, None),
        ] {
            let mut attributes = set(&[("userPrincipalName", &["a@x"]), ("jobTitle", &["t"])]);
            let mut fallback = Fallback {
                verb,
                attributes: &mut attributes,
                before: &mut set(&[("userPrincipalName", &["old@x"])]),
            };
            assert!(fallback.leave_out(&taken, 0, "p@i"));
            assert_eq!(attributes.text("userPrincipalName"), expected, "{verb:?}");
            assert_eq!(attributes.text("jobTitle"), Some("t"));
        }
    }

    #[test]
    fn an_address_is_left_out_of_mail_and_addresses() {
        let taken = aside("mail", "a@x");
        let wanted = set(&[
            ("mail", &["a@x"]),
            ("proxyAddresses", &["SMTP:A@x", "smtp:b@x"]),
        ]);
        let run = |verb, mut before: Attributes| {
            let mut attributes = wanted.clone();
            let mut fallback = Fallback {
                verb,
                attributes: &mut attributes,
                before: &mut before,
            };
            assert!(fallback.leave_out(&taken, 0, ""));
            attributes
        };
        let made = run(Verb::Create, Attributes::new());
        assert_eq!(made, set(&[("proxyAddresses", &["smtp:b@x"])]));
        let changed = run(Verb::Update, set(&[("proxyAddresses", &["smtp:b@x"])]));
        assert_eq!(changed, Attributes::new(), "nothing is left to write");
        let restored = run(Verb::Restore, Attributes::new());
        assert_eq!(
            restored,
            set(&[("mail", &[]), ("proxyAddresses", &["smtp:b@x"])])
        );
    }

    #[test]
    fn what_was_set_aside_is_not_wanted_again_until_the_source_wants_something_else() {
        let held = set(&[("userPrincipalName", &["a1234@i"])]);
        let mut asides = vec![
            aside("userPrincipalName", "a@x"),
            aside("proxyAddresses", "smtp:b@x"),
            aside("proxyAddresses", "smtp:gone@x"),
        ];
        let mut desired = Desired {
            attributes: set(&[
                ("userPrincipalName", &["a@x"]),
                ("mail", &["b@x"]),
                ("proxyAddresses", &["SMTP:b@x", "smtp:c@x"]),
            ]),
            ..Desired::default()
        };
        leave_out(&mut desired, &mut asides, &held);
        assert_eq!(asides.len(), 2, "nobody wants gone@x");
        let left = &desired.attributes;
        assert_eq!(left.text("userPrincipalName"), Some("a1234@i"));
        assert_eq!(left.values("mail"), Some([].as_slice()));
        assert_eq!(left.text("proxyAddresses"), Some("smtp:c@x"));
        let mut other = Desired {
            attributes: set(&[("userPrincipalName", &["other@x"])]),
            ..Desired::default()
        };
        leave_out(&mut other, &mut asides, &held);
        assert_eq!(other.attributes.text("userPrincipalName"), Some("other@x"));
        assert!(asides.is_empty());
    }

    #[test]
    fn placeholders_differ_by_number_and_fit() {
        let one = placeholder("anna@x", 1, "i.example");
        assert!(one.starts_with("anna") && one.ends_with("@i.example"));
        assert_eq!(one.len(), "anna0000@i.example".len());
        assert_ne!(one, placeholder("anna@x", 2, "i.example"));
        let long = placeholder(&format!("{}@x", "a".repeat(64)), 1, "i.example");
        assert_eq!(long.split('@').next().map(str::len), Some(64));
    }
}
