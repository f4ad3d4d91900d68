//! The identity of a person in the target: sign-in name, mail nickname, addresses.
//!
//! The originals calculate these in the cloud from what was synchronised; here they are functions of the rules, so that they
//! are seen in the rules and in every explanation. Nothing here looks into the target; what the target holds is an argument.
//! Trap: a sign-in name that was made up stays as it is until the source's own changes, even if the mail nickname changes.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use super::context::Context;
use crate::{
    functions::normalize_diacritics::without_marks,
    value::{Attributes, Value},
};

/// Longest local part of a sign-in name, in characters.
const MAX_LOCAL_PART_CHARACTERS: usize = 64;
/// Longest domain of a sign-in name, in characters.
const MAX_DOMAIN_CHARACTERS: usize = 48;
/// Protocols of addresses that are never synchronised.
const LEGACY_PROTOCOLS: [&str; 9] = [
    "x400", "msmail", "ms", "ccmail", "cc", "gwise", "notes", "mrs", "fax",
];

/// Everything of a source object that a name can be made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The source's mail nickname.
    pub nickname: Option<Arc<str>>,
    /// The source's proxy addresses.
    pub addresses: Vec<Arc<str>>,
    /// The source's mail address.
    pub mail: Option<Arc<str>>,
    /// The source's sign-in name.
    pub sign_in_name: Option<Arc<str>>,
    /// What to use if nothing else is there.
    pub fallback: Option<Arc<str>>,
}

/// The text values among these.
pub fn texts(values: &[Value]) -> Vec<Arc<str>> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    values.iter().filter_map(text).collect()
}

/// The mail nickname: the source's, else the one the target holds, else one made up from the first name there is.
pub fn nickname<'n>(names: &'n Names, held: Option<&'n Attributes>) -> Option<Cow<'n, str>> {
    let own = names.nickname.as_deref().map(str::trim);
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        return Some(own.into());
    }
    if let Some(kept) = held.and_then(|held| held.text("mailNickname")) {
        return Some(kept.into());
    }
    let secondary = || {
        let mut smtp = names.addresses.iter().filter_map(|a| smtp_address(a));
        smtp.next()
    };
    [
        primary_address(&names.addresses),
        names.mail.as_deref(),
        names.sign_in_name.as_deref(),
        secondary(),
        names.fallback.as_deref(),
    ]
    .into_iter()
    .flatten()
    .map(|name| cleaned(local_part(name)))
    .find(|name| !name.is_empty())
    .map(Cow::Owned)
}

/// A sign-in name for the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInName<'n> {
    /// The name.
    pub name: Cow<'n, str>,
    /// Whether it was made up (mail nickname at the initial domain).
    pub is_calculated: bool,
}

/// The sign-in name in the target of this source sign-in name. `None`: nothing to make one from.
pub fn sign_in_name<'n>(
    name: &'n str,
    names: &Names,
    context: &Context<'_>,
    held: Option<&'n Attributes>,
) -> Option<SignInName<'n>> {
    let name = name.trim();
    if is_usable(name, context) || context.initial_domain.is_empty() {
        return Some(SignInName {
            name: name.into(),
            is_calculated: false,
        });
    }
    let calculated = |name: Cow<'n, str>| SignInName {
        name,
        is_calculated: true,
    };
    if let Some(kept) = held.and_then(|held| kept_name(held, name, context)) {
        return Some(calculated(kept.into()));
    }
    let local = cleaned(&nickname(names, held)?);
    let is_empty = local.is_empty();
    (!is_empty).then(|| calculated(format!("{local}@{}", context.initial_domain).into()))
}

/// The made-up name the target holds, if it was made from the same source name.
fn kept_name<'h>(held: &'h Attributes, name: &str, context: &Context<'_>) -> Option<&'h str> {
    let kept = held.text("userPrincipalName")?;
    let is_same = held.text("onPremisesUserPrincipalName") == Some(name);
    let is_made_up = domain(kept).eq_ignore_ascii_case(context.initial_domain);
    (is_same && is_made_up).then_some(kept)
}

fn is_usable(name: &str, context: &Context<'_>) -> bool {
    let Some((local, domain)) = name.rsplit_once('@') else {
        return false;
    };
    let is_short = local.chars().count() <= MAX_LOCAL_PART_CHARACTERS
        && domain.chars().count() <= MAX_DOMAIN_CHARACTERS;
    is_short
        && !local.is_empty()
        && !local.ends_with('.')
        && local.chars().all(is_allowed)
        && context.is_verified(domain)
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\'' | '.' | '-' | '_' | '!' | '#' | '^' | '~')
}

/// What of a name may stand before the `@`.
fn cleaned(name: &str) -> String {
    let plain = without_marks(name).unwrap_or_else(|| name.to_owned());
    let kept = plain.chars().filter(|c| is_allowed(*c));
    let short: String = kept.take(MAX_LOCAL_PART_CHARACTERS).collect();
    short.trim_matches('.').to_owned()
}

/// What stands before the last `@`, without a protocol; all of it if there is none.
fn local_part(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(local, _)| local)
}

fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// The address of an `smtp:` value, of either case.
fn smtp_address(value: &str) -> Option<&str> {
    let (protocol, address) = value.trim().split_once(':')?;
    protocol
        .eq_ignore_ascii_case("smtp")
        .then_some(address.trim())
}

/// The address of the primary (`SMTP:`) value.
pub fn primary_address(addresses: &[impl AsRef<str>]) -> Option<&str> {
    let mut texts = addresses.iter().map(AsRef::as_ref);
    smtp_address(texts.find(|value| value.trim_start().starts_with("SMTP:"))?)
}

/// The proxy addresses the target is to have: each once, one of them primary, in the order of the source.
pub fn proxy_addresses<'a>(
    addresses: &'a [impl AsRef<str>],
    mail: Option<&'a str>,
    context: &Context<'_>,
) -> Vec<Cow<'a, str>> {
    let is_kept = |address: &&str| may_be_kept(address, context);
    let primary = kept_primary(addresses, mail, context);
    let is_primary =
        |address: &str| primary.is_some_and(|primary| primary.eq_ignore_ascii_case(address));
    let mut seen = Seen::default();
    let mut all = Vec::with_capacity(addresses.len() + 1);
    for value in addresses.iter().map(AsRef::as_ref) {
        let written = match smtp_address(value) {
            Some(address) if !is_kept(&address) => continue,
            // The first occurrence gives the place, the primary one the spelling.
            Some(address) if is_primary(address) => {
                written("SMTP", primary.unwrap_or(address), value)
            }
            Some(address) => written("smtp", address, value),
            None => match other_protocol(value.trim()) {
                Some((protocol, address)) => written(protocol, address, value),
                None => continue,
            },
        };
        if seen.is_new(&written, &all) {
            all.push(written);
        }
    }
    if let Some(primary) = primary.map(|primary| written("SMTP", primary, ""))
        && seen.is_new(&primary, &all)
    {
        all.insert(0, primary);
    }
    all
}

/// Addresses met before, whatever their case. Nearly everybody has a few, which are compared one by one.
#[derive(Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    /// Addresses that are compared one by one at most.
    const FEW: usize = 8;

    /// Whether an address is none of those kept so far.
    fn is_new(&mut self, address: &str, kept: &[Cow<'_, str>]) -> bool {
        let is_plain = address.is_ascii() && kept.iter().all(|one| one.is_ascii());
        if self.0.is_empty() && is_plain && kept.len() < Self::FEW {
            return !kept.iter().any(|one| one.eq_ignore_ascii_case(address));
        }
        if self.0.is_empty() {
            self.0.extend(kept.iter().map(|one| one.to_lowercase()));
        }
        self.0.insert(address.to_lowercase())
    }
}

/// The address that is to be primary in the target, without its protocol: the source's, else the mail address.
pub fn kept_primary<'a>(
    addresses: &'a [impl AsRef<str>],
    mail: Option<&'a str>,
    context: &Context<'_>,
) -> Option<&'a str> {
    let is_kept = |address: &&str| may_be_kept(address, context);
    primary_address(addresses)
        .filter(is_kept)
        .or(mail.map(str::trim).filter(is_kept))
}

fn may_be_kept(address: &str, context: &Context<'_>) -> bool {
    is_address(address) && !is_reserved(address, context)
}

/// An address with its protocol: as it was written, where that is the same.
fn written<'a>(protocol: &str, address: &str, value: &'a str) -> Cow<'a, str> {
    let is_so = || {
        let after = value.strip_prefix(protocol)?.strip_prefix(':')?;
        Some(after == address)
    };
    match is_so() {
        Some(true) => value.into(),
        _ => [protocol, ":", address].concat().into(),
    }
}

fn other_protocol(value: &str) -> Option<(&str, &str)> {
    let (protocol, address) = value.split_once(':')?;
    let is_other = !protocol.eq_ignore_ascii_case("smtp")
        && !LEGACY_PROTOCOLS
            .iter()
            .any(|legacy| legacy.eq_ignore_ascii_case(protocol));
    let is_formed = !protocol.is_empty() && !address.trim().is_empty();
    (is_other && is_formed).then_some((protocol, address.trim()))
}

/// Whether a mail address is well formed enough to be synchronised.
fn is_address(address: &str) -> bool {
    let has_parts = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    has_parts
        && !address
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || is_forbidden(c))
}

fn is_forbidden(c: char) -> bool {
    matches!(c, '<' | '>' | '(' | ')' | ';' | ',' | '[' | ']' | '"')
}

/// The initial domain gives its own addresses; a source may not.
fn is_reserved(address: &str, context: &Context<'_>) -> bool {
    !context.initial_domain.is_empty()
        && domain(address).eq_ignore_ascii_case(context.initial_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains() -> Vec<String> {
        vec!["verified.example".into(), "initial.example".into()]
    }

    fn context(domains: &[String]) -> Context<'_> {
        Context {
            verified_domains: domains,
            initial_domain: "initial.example",
            ..Context::default()
        }
    }

    /// One run of the calculation over a source state; what comes out is what the target then holds.
    fn run(
        nickname_in: Option<&str>,
        primary: &str,
        mail: &str,
        name: &str,
        held: Option<&Attributes>,
    ) -> Attributes {
        let domains = domains();
        let names = Names {
            nickname: nickname_in.map(Into::into),
            addresses: vec![format!("SMTP:{primary}").into()],
            mail: Some(mail.into()),
            sign_in_name: Some(name.into()),
            fallback: None,
        };
        let found = sign_in_name(name, &names, &context(&domains), held).unwrap();
        [
            (
                "mailNickname",
                vec![(&*nickname(&names, held).unwrap()).into()],
            ),
            ("userPrincipalName", vec![(&*found.name).into()]),
            ("onPremisesUserPrincipalName", vec![name.into()]),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn the_five_documented_scenarios_come_out_as_documented() {
        let check = |held: &Attributes, nickname, name| {
            assert_eq!(held.text("mailNickname"), Some(nickname));
            assert_eq!(held.text("userPrincipalName"), Some(name));
        };
        let (p, m) = ("us1@contoso.example", "us2@contoso.example");
        let one = run(None, p, m, "us3@contoso.example", None);
        check(&one, "us1", "us1@initial.example");
        let two = run(Some("us4"), p, m, "us3@contoso.example", Some(&one));
        check(&two, "us4", "us1@initial.example");
        let three = run(Some("us4"), p, m, "us5@contoso.example", Some(&two));
        check(&three, "us4", "us4@initial.example");
        let four = run(
            Some("us4"),
            "us6@x.example",
            "us7@x.example",
            "us5@contoso.example",
            Some(&three),
        );
        check(&four, "us4", "us4@initial.example");
        let five = run(Some("us4"), p, m, "us5@verified.example", Some(&four));
        check(&five, "us4", "us5@verified.example");
    }

    #[test]
    fn a_made_up_nickname_stays_when_its_source_changes() {
        let first = run(
            None,
            "a@x.example",
            "b@x.example",
            "c@verified.example",
            None,
        );
        let second = run(
            None,
            "z@x.example",
            "b@x.example",
            "c@verified.example",
            Some(&first),
        );
        assert_eq!(second.text("mailNickname"), Some("a"));
    }

    #[test]
    fn sign_in_names_with_unusual_characters_fall_back() {
        let domains = domains();
        let name = |name: &str| {
            let names = Names {
                sign_in_name: Some(name.into()),
                fallback: Some("sam".into()),
                ..Names::default()
            };
            sign_in_name(name, &names, &context(&domains), None).map(|n| n.name.into_owned())
        };
        for (source, target) in [
            ("a.b@verified.example", "a.b@verified.example"),
            ("a.b@VERIFIED.example", "a.b@VERIFIED.example"),
            ("a b@verified.example", "ab@initial.example"),
            ("josé@verified.example", "jose@initial.example"),
            ("a.@verified.example", "a@initial.example"),
            ("김@verified.example", "sam@initial.example"),
            ("a@sub.verified.example", "a@initial.example"),
            ("nothing", "nothing@initial.example"),
        ] {
            assert_eq!(name(source).as_deref(), Some(target), "{source}");
        }
    }

    #[test]
    fn of_many_addresses_each_is_kept_once() {
        let many: Vec<String> = (0..40)
            .map(|number| format!("smtp:{}{}@x", ["a", "A"][number % 2], number / 2 % 15))
            .collect();
        let domains = domains();
        let kept = proxy_addresses(&many, None, &context(&domains));
        let wanted: Vec<String> = (0..15).map(|number| format!("smtp:a{number}@x")).collect();
        assert_eq!(kept, wanted);
    }

    #[test]
    fn proxy_addresses_follow_the_rules_of_the_originals() {
        let domains = domains();
        let check = |have: &[&str], mail: Option<&str>, want: &[&str]| {
            let have: Vec<String> = have.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(
                proxy_addresses(&have, mail, &context(&domains)),
                want,
                "{have:?}"
            );
        };
        check(&[" smtp:a@x ", "SMTP:b@x"], None, &["smtp:a@x", "SMTP:b@x"]);
        check(&["smtp:A@x", "SMTP:a@X"], None, &["SMTP:a@X"]);
        check(&["SMTP:a@x", "SMTP:b@x"], None, &["SMTP:a@x", "smtp:b@x"]);
        check(
            &["X500:/o=a", "x400:c=nl", "MSMAIL:z"],
            None,
            &["X500:/o=a"],
        );
        check(
            &["smtp:a@initial.example", "SMTP:b@initial.example"],
            None,
            &[],
        );
        check(&["smtp:a@x"], Some("a@x"), &["SMTP:a@x"]);
        check(
            &["smtp:bad address@x", "nocolon", "smtp:", ":x"],
            Some("no-at"),
            &[],
        );
        check(&["sip:a@x"], Some("m@x"), &["SMTP:m@x", "sip:a@x"]);
        check(&["smtp:É@x", "smtp:é@x"], None, &["smtp:É@x"]);
        check(
            &["smtp:a@x", "smtp:É@x", "smtp:A@X"],
            None,
            &["smtp:a@x", "smtp:É@x"],
        );
    }
}
