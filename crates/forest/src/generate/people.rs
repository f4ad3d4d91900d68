//! People: names, accounts, addresses, places, jobs and who reports to whom.

use super::names::{DEPARTMENTS, PEOPLE, SITES, UNUSUAL_DISPLAY_NAMES, latin};
use super::{Builder, COMPANY, Units};
use crate::store::{ObjectId, Refusal, State, filetime};

/// Facts of one person that other parts of the organisation are built from.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: ObjectId,
    pub(crate) site: usize,
    pub(crate) department: usize,
    pub(crate) is_enabled: bool,
}

impl Builder<'_> {
    pub(super) fn people(&mut self, units: &Units) -> Result<Vec<Person>, Refusal> {
        let mut people: Vec<Person> = Vec::with_capacity(self.size);
        let large = self.size * 3 / 10;
        for place in 0..self.size {
            // Every hundredth account is disabled, and kept apart.
            let is_enabled = place % 100 != 57;
            let (site, department) = if place < large {
                (0, 0)
            } else {
                (
                    self.rng.usize(0..SITES.len()),
                    self.rng.usize(0..DEPARTMENTS.len()),
                )
            };
            let parent = if !is_enabled {
                units.disabled
            } else if place < large {
                units.large
            } else {
                units.users.get(site).copied().unwrap_or(units.company)
            };
            let (name, mut attributes) =
                attributes_of(self.state, &mut self.rng, parent, site, department, place);
            let control = match (is_enabled, self.once_in(15)) {
                (false, _) => 514,
                (true, true) => 66_048,
                (true, false) => 512,
            };
            attributes.push(("userAccountControl", control.to_string()));
            let id = self.add(parent, "user", &name, attributes)?;
            self.photo(id, place);
            people.push(Person {
                id,
                site,
                department,
                is_enabled,
            });
        }
        self.managers(&people);
        Ok(people)
    }

    /// The first is the director; each reports to one about a seventh as far down.
    fn managers(&mut self, people: &[Person]) {
        for (place, person) in people.iter().enumerate().skip(1) {
            if let Some(boss) = people.get(place / 7)
                && boss.id != person.id
            {
                self.link(person.id, "manager", boss.id);
            }
        }
    }

    fn photo(&mut self, id: ObjectId, place: usize) {
        if place % 40 != 3 {
            return;
        }
        let mut photo = vec![0xff, 0xd8, 0xff, 0xe0];
        photo.extend((0..2_000).map(|_| self.rng.u8(..)));
        photo.extend([0xff, 0xd9]);
        if let Some(attribute) = crate::schema::attribute("thumbnailPhoto") {
            let usn = self.state.object(id).usn_created;
            self.state
                .object_mut(id)
                .store(attribute, usn, crate::store::encode([photo]));
        }
    }
}

/// A free relative name and all attributes of a new person but the account control.
pub(crate) fn attributes_of(
    state: &State,
    rng: &mut fastrand::Rng,
    parent: ObjectId,
    site: usize,
    department: usize,
    place: usize,
) -> (String, Vec<(&'static str, String)>) {
    let (language, given, family) = PEOPLE[rng.usize(0..PEOPLE.len())];
    let (given, family) = (
        given[rng.usize(0..given.len())],
        family[rng.usize(0..family.len())],
    );
    let domain = &state.options.domain;
    let (alias, account) = free_account(state, given, family, place);
    let name = free_name(state, parent, given, family, place);
    let display = match place % 97 {
        11 => UNUSUAL_DISPLAY_NAMES[place / 97 % UNUSUAL_DISPLAY_NAMES.len()].to_owned(),
        _ => format!("{given} {family}"),
    };
    // One in fifty still signs in with the old name of the forest.
    let suffix = if place % 50 == 23 {
        "canal.local"
    } else {
        domain.as_str()
    };
    let mut all = vec![
        ("givenName", given.to_owned()),
        ("sn", family.to_owned()),
        ("displayName", display),
        ("sAMAccountName", account),
        ("userPrincipalName", format!("{alias}@{suffix}")),
        ("mail", format!("{alias}@{domain}")),
        ("mailNickname", alias.clone()),
        ("proxyAddresses", format!("SMTP:{alias}@{domain}")),
        ("proxyAddresses", format!("smtp:{alias}@mail.{domain}")),
        ("preferredLanguage", language.to_owned()),
        ("employeeID", format!("{}", 100_000 + place)),
        (
            "pwdLastSet",
            filetime(crate::bootstrap::MADE_AT - rng.i64(0..7_000_000)).to_string(),
        ),
    ];
    place_of(rng, site, &mut all);
    job_of(rng, department, place, &mut all);
    if place % 60 == 31 {
        let end = crate::bootstrap::MADE_AT + 86_400 * rng.i64(400..1_200);
        all.push(("accountExpires", filetime(end).to_string()));
    }
    (name, all)
}

fn place_of(rng: &mut fastrand::Rng, site: usize, all: &mut Vec<(&'static str, String)>) {
    let [
        code,
        city,
        postal,
        country_code,
        country,
        number,
        phone,
        street,
    ] = SITES[site % SITES.len()];
    let extension = rng.u32(1_000..9_999);
    all.extend([
        (
            "physicalDeliveryOfficeName",
            format!("{code}-{}", rng.u32(1..9)),
        ),
        ("l", city.to_owned()),
        ("postalCode", postal.to_owned()),
        ("streetAddress", street.to_owned()),
        ("c", country_code.to_owned()),
        ("co", country.to_owned()),
        ("countryCode", number.to_owned()),
        ("telephoneNumber", format!("{phone} {extension}")),
    ]);
    if rng.u32(0..3) > 0 {
        all.push(("mobile", format!("+31 6 555 {:05}", rng.u32(0..100_000))));
    }
    if rng.u32(0..12) == 0 {
        all.push(("otherTelephone", format!("{phone} {}", extension + 1)));
        all.push((
            "facsimileTelephoneNumber",
            format!("{phone} {}", extension + 2),
        ));
    }
}

fn job_of(
    rng: &mut fastrand::Rng,
    department: usize,
    place: usize,
    all: &mut Vec<(&'static str, String)>,
) {
    let (name, jobs) = DEPARTMENTS[department % DEPARTMENTS.len()];
    let step = if place == 0 {
        jobs.len() - 1
    } else {
        rng.usize(0..jobs.len() - 1)
    };
    all.extend([
        (
            "title",
            if place == 0 {
                "Managing director".to_owned()
            } else {
                jobs[step].to_owned()
            },
        ),
        ("department", name.to_owned()),
        ("company", COMPANY.to_owned()),
        (
            "extensionAttribute1",
            format!("CC{:04}", 1_000 + department * 100 + rng.usize(0..40)),
        ),
    ]);
    if rng.u32(0..4) == 0 {
        all.push(("extensionAttribute7", format!("badge-{}", rng.u32(..))));
    }
    if rng.u32(0..25) == 0 {
        all.push(("extensionAttribute15", "VIP".to_owned()));
        all.push((
            "info",
            "Prefers to be called in the morning.\r\nSpeaks Dutch and German.".to_owned(),
        ));
    }
    if rng.u32(0..9) == 0 {
        all.push((
            "description",
            format!("{} since {}", jobs[step], rng.u32(2004..2026)),
        ));
    }
}

/// An address part and an account name (at most twenty characters) that nobody has.
fn free_account(state: &State, given: &str, family: &str, place: usize) -> (String, String) {
    let (given, family) = (latin(given), latin(family));
    let numbered = |attempt| {
        let tail = match nth_number(attempt, place) {
            0 => String::new(),
            number => (number + 1).to_string(),
        };
        let initial = given.chars().next().unwrap_or('x');
        let start: String = std::iter::once(initial).chain(family.chars()).collect();
        let account: String = start.chars().take(20 - tail.len()).collect();
        (format!("{given}.{family}{tail}"), account + &tail)
    };
    let is_free = |(alias, account): &(String, String)| {
        state.by_account(account).is_none()
            && ["canal.local", state.options.domain.as_str()]
                .iter()
                .all(|suffix| state.by_principal(&format!("{alias}@{suffix}")).is_empty())
    };
    (first_attempt(|attempt| is_free(&numbered(attempt)))..)
        .map(numbered)
        .find(is_free)
        .unwrap_or((given.clone(), family.clone()))
}

/// A relative name free below the parent; some in the form "Family, Given".
fn free_name(state: &State, parent: ObjectId, given: &str, family: &str, place: usize) -> String {
    let base = if place % 9 == 4 {
        format!("{family}, {given}")
    } else {
        format!("{given} {family}")
    };
    let numbered = |attempt| match attempt {
        0 => base.clone(),
        attempt => format!("{base} {}", nth_number(attempt, place) + 1),
    };
    let is_free = |name: &String| state.check_name(parent, "cn", name).is_ok();
    (first_attempt(|attempt| is_free(&numbered(attempt)))..)
        .map(numbered)
        .find(is_free)
        .unwrap_or(base.clone())
}

/// Numbers that are tried before a name goes on from the person's own.
const SMALL_NUMBERS: usize = 9;

/// Small numbers first; a crowded name then goes on from the person's own, so that a million find theirs.
fn nth_number(attempt: usize, place: usize) -> usize {
    if attempt < SMALL_NUMBERS {
        attempt
    } else {
        place % 9_000_000 + attempt
    }
}

/// Where to begin: when the last of the small numbers is taken, the others are not tried.
fn first_attempt(is_free: impl Fn(usize) -> bool) -> usize {
    if is_free(SMALL_NUMBERS - 1) {
        0
    } else {
        SMALL_NUMBERS
    }
}
