//! One value by the rule of its attribute: characters, blanks, lengths, forms.
//!
//! Pure. A corrected value passes the same check. Trap: several faults of one value are mended together, so all of them propose
//! the same correction.

use super::{
    Fault, Kind,
    names::split,
    scan::Domains,
    suffix::{is_domain, is_routable},
};
use crate::functions::normalize_diacritics::without_marks;

/// Longest `displayName`, in characters.
const DISPLAY_NAME: usize = 256;
/// Longest `givenName` and `sn`.
const PERSON_NAME: usize = 64;
/// Longest `mailNickname`.
const NICKNAME: usize = 64;
/// Longest single proxy address, and `targetAddress`.
const ADDRESS: usize = 256;
/// Longest `sAMAccountName` of an account.
const ACCOUNT_NAME: usize = 20;
/// Longest part before and after the `@` of a sign-in name; with the `@` they are 113.
const LOCAL_PART: usize = 64;
const SUFFIX: usize = 48;
/// Not in addresses, besides blanks.
const NOT_IN_ADDRESS: &str = "<>();,[]\"";
/// Not in account names.
const NOT_IN_ACCOUNT: &str = "[\\\"|,/:<>+=;?*']";
/// In sign-in names, besides letters and digits.
const IN_SIGN_IN: &str = "'.-_!#^~";

/// What is wrong with a value, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// The value as it should be; `None`: there is nothing left of it.
    pub value: Option<String>,
}

/// Mends a value step by step and remembers what was wrong.
struct Mending {
    value: String,
    faults: Vec<Fault>,
}

impl Mending {
    fn new(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            faults: Vec::new(),
        }
    }

    fn note(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Puts another value in its place, if it is another one.
    fn put(&mut self, fault: Fault, value: String) {
        if value != self.value {
            self.note(fault);
            self.value = value;
        }
    }

    fn trimmed(&mut self) {
        let value = self.value.trim().to_owned();
        self.put(Fault::Blank, value);
        if self.value.is_empty() {
            self.note(Fault::Blank);
        }
    }

    fn without(&mut self, is_bad: impl Fn(char) -> bool) {
        let value = self.value.chars().filter(|c| !is_bad(*c)).collect();
        self.put(Fault::Character, value);
    }

    fn cut(&mut self, longest: usize) {
        let value: String = self.value.chars().take(longest).collect();
        self.put(Fault::Length, value.trim_end().to_owned());
    }

    fn end(self) -> Option<Corrected> {
        let value = (!self.value.is_empty()).then_some(self.value);
        (!self.faults.is_empty()).then_some(Corrected {
            faults: self.faults,
            value,
        })
    }
}

/// Checks one value of an attribute; `None`: nothing is wrong. `has_sign_in_name`: whether the object has a user principal name.
pub fn check(
    attribute: &str,
    value: &str,
    kind: Kind,
    has_sign_in_name: bool,
    domains: Domains<'_>,
) -> Option<Corrected> {
    let mut mending = Mending::new(value);
    match attribute {
        "displayName" => plain(&mut mending, DISPLAY_NAME),
        "givenName" | "sn" => plain(&mut mending, PERSON_NAME),
        "mailNickname" => nickname(&mut mending),
        "mail" => mail(&mut mending, domains),
        "proxyAddresses" => proxy_address(&mut mending, domains),
        "targetAddress" => target_address(&mut mending, domains),
        "userPrincipalName" => sign_in_name(&mut mending, domains),
        "sAMAccountName" if kind == Kind::User && !has_sign_in_name => account_name(&mut mending),
        _ => {}
    }
    mending.end()
}

fn plain(mending: &mut Mending, longest: usize) {
    mending.trimmed();
    mending.cut(longest);
}

fn nickname(mending: &mut Mending) {
    mending.trimmed();
    mending.without(char::is_whitespace);
    let value = mending.value.trim_start_matches('.').to_owned();
    mending.put(Fault::Character, value);
    mending.cut(NICKNAME);
}

fn account_name(mending: &mut Mending) {
    mending.trimmed();
    mending.without(|c| NOT_IN_ACCOUNT.contains(c));
    mending.cut(ACCOUNT_NAME);
}

fn is_bad_in_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || NOT_IN_ADDRESS.contains(c)
}

/// An address without protocol.
fn mail(mending: &mut Mending, domains: Domains<'_>) {
    mending.trimmed();
    mending.without(is_bad_in_address);
    with_domain(mending, domains);
    if mending.value.chars().count() > ADDRESS {
        mending.note(Fault::Length);
        mending.value.clear();
    }
}

/// Whether what stands before and after the `@` makes an address; a private domain gives way to a verified one.
fn with_domain(mending: &mut Mending, domains: Domains<'_>) {
    if mending.value.is_empty() {
        return;
    }
    let Some((local, domain)) = mending
        .value
        .rsplit_once('@')
        .map(|(local, domain)| (local.to_owned(), domain.to_owned()))
    else {
        mending.note(Fault::Format);
        mending.value.clear();
        return;
    };
    let cleaned = local.replace('@', "");
    let cleaned = cleaned.trim_matches('.').to_owned();
    if cleaned != local {
        mending.note(Fault::LocalPart);
    }
    if cleaned.is_empty() {
        mending.note(Fault::LocalPart);
        mending.value.clear();
        return;
    }
    let fault = match () {
        () if domains.is_verified(&domain) => None,
        () if !is_domain(&domain) && !domain.is_empty() && !domain.contains('.') => {
            Some(Fault::TopLevelDomain)
        }
        () if !is_domain(&domain) => Some(Fault::DomainPart),
        () if !is_routable(&domain) => Some(Fault::TopLevelDomain),
        () => None,
    };
    mending.value = match (fault, domains.replacement()) {
        (None, _) => format!("{cleaned}@{domain}"),
        (Some(fault), replacement) => {
            mending.note(fault);
            replacement.map_or(String::new(), |domain| format!("{cleaned}@{domain}"))
        }
    };
}

fn proxy_address(mending: &mut Mending, domains: Domains<'_>) {
    mending.trimmed();
    let Some((protocol, address)) = split(&mending.value) else {
        if !mending.value.is_empty() {
            let bare = mending.value.clone();
            mending.note(Fault::Format);
            smtp(mending, "smtp", &bare, domains);
        }
        return;
    };
    let (protocol, address) = (protocol.to_owned(), address.to_owned());
    if protocol.eq_ignore_ascii_case("smtp") {
        smtp(mending, &protocol, &address, domains);
    } else if protocol.is_empty() || address.trim().is_empty() {
        mending.note(Fault::Format);
        mending.value.clear();
    } else if mending.value.chars().count() > ADDRESS {
        mending.note(Fault::Length);
        mending.value.clear();
    }
}

/// An address with its protocol; the whole must not be too long.
fn smtp(mending: &mut Mending, protocol: &str, address: &str, domains: Domains<'_>) {
    let mut inner = Mending::new(address);
    mail(&mut inner, domains);
    inner
        .faults
        .into_iter()
        .for_each(|fault| mending.note(fault));
    mending.value = match inner.value.as_str() {
        "" => String::new(),
        address => format!("{protocol}:{address}"),
    };
    if mending.value.chars().count() > ADDRESS {
        mending.note(Fault::Length);
        mending.value.clear();
    }
}

fn target_address(mending: &mut Mending, domains: Domains<'_>) {
    mending.trimmed();
    let value = mending.value.clone();
    let (protocol, address) = split(&value).unwrap_or(("", &value));
    if protocol.is_empty() {
        mending.note(Fault::Format);
    } else if !protocol.eq_ignore_ascii_case("smtp") {
        mending.note(Fault::Format);
        mending.value.clear();
        return;
    } else if protocol != "SMTP" {
        mending.note(Fault::Format);
    }
    smtp(mending, "SMTP", address, domains);
}

/// A letter without its marks; others stay.
fn is_allowed_in_sign_in(c: char) -> bool {
    c.is_ascii_alphanumeric() || IN_SIGN_IN.contains(c)
}

fn sign_in_name(mending: &mut Mending, domains: Domains<'_>) {
    mending.trimmed();
    let Some((local, _)) = mending.value.rsplit_once('@') else {
        if !mending.value.is_empty() {
            mending.note(Fault::Format);
            let whole = mending.value.clone();
            mending.value = domains
                .replacement()
                .map_or(String::new(), |domain| format!("{whole}@{domain}"));
        }
        if mending.value.is_empty() {
            return;
        }
        return sign_in_name(mending, domains);
    };
    let local = local.to_owned();
    let plain = without_marks(&local).unwrap_or_else(|| local.clone());
    let kept: String = plain
        .chars()
        .filter(|c| is_allowed_in_sign_in(*c))
        .collect();
    if kept != local {
        mending.note(Fault::Character);
    }
    let ended = kept.trim_end_matches('.').to_owned();
    if ended != kept {
        mending.note(Fault::LocalPart);
    }
    let short: String = ended.chars().take(LOCAL_PART).collect();
    if short != ended {
        mending.note(Fault::Length);
    }
    let domain = mending
        .value
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_owned())
        .unwrap_or_default();
    mending.value = format!("{}@{domain}", short.trim_end_matches('.'));
    if domain.chars().count() > SUFFIX {
        mending.note(Fault::Length);
        mending.value = domains.replacement().map_or(String::new(), |domain| {
            format!("{}@{domain}", short.trim_end_matches('.'))
        });
    }
    with_domain(mending, domains);
}
