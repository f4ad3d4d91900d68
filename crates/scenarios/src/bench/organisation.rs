//! A company as LDIF for OpenLDAP: people with every textual attribute of `inetOrgPerson`, groups, and one huge group.
//!
//! The same for the same number of people. Trap: members are chosen by steps that share no factor with the number of people,
//! so that no group has anybody twice.

use std::io::{self, Write};

/// The suffix.
pub const SUFFIX: &str = "dc=bench,dc=example";
/// Units people are spread over.
const UNITS: usize = 50;
/// Memberships for each person.
const MEMBERSHIPS: usize = 5;
/// People for each group.
const PEOPLE_PER_GROUP: usize = 50;
/// The largest group.
const LARGEST: &str = "everybody";

const GIVEN: [&str; 20] = [
    "Ada", "Aino", "Ali", "Bao", "Björn", "Chloé", "Dagny", "Elif", "Farid", "Gita", "Hiro",
    "Jürgen", "Kofi", "Leïla", "Maja", "Noor", "Óscar", "Petra", "Rafał", "Zoë",
];
const FAMILY: [&str; 21] = [
    "Abe",
    "Bakker",
    "Büyük",
    "Castro",
    "Dąbrowski",
    "García",
    "Haddad",
    "Ito",
    "Jones",
    "Kaya",
    "Kowalski",
    "Müller",
    "N'Diaye",
    "Novák",
    "O'Brien",
    "Okafor",
    "Patel",
    "Sato",
    "Söderström",
    "Wang",
    "Yılmaz",
];

/// Number of groups in a company of so many people.
pub fn groups(people: usize) -> usize {
    (people / PEOPLE_PER_GROUP).max(2)
}

/// How many people the largest group holds: half of them.
pub fn largest_size(people: usize) -> usize {
    people / 2
}

/// How many people each of the other groups holds.
pub fn members_of_others(people: usize) -> usize {
    let members = (people * MEMBERSHIPS - largest_size(people)) / (groups(people) - 1);
    members.min(people)
}

/// The name of the largest group.
pub fn largest() -> String {
    format!("cn={LARGEST},ou=groups,{SUFFIX}")
}

/// Somebody in the middle of it.
pub fn some_member(people: usize) -> usize {
    largest_size(people) / 2 * 2
}

/// The name of a person.
pub fn person(number: usize) -> String {
    format!(
        "uid=u{number:07},ou=d{:03},ou=people,{SUFFIX}",
        number % UNITS
    )
}

/// The mail address of a person.
pub fn address(number: usize) -> String {
    format!("u{number:07}@bench.example")
}

/// Writes the company.
pub fn write(people: usize, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Bench\ndc: bench\n"
    )?;
    for unit in ["people", "groups"] {
        writeln!(
            out,
            "dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n"
        )?;
    }
    for unit in 0..UNITS {
        writeln!(
            out,
            "dn: ou=d{unit:03},ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: d{unit:03}\n"
        )?;
    }
    for number in 0..people {
        write_person(number, out)?;
    }
    write_groups(people, out)
}

fn write_person(n: usize, out: &mut impl Write) -> io::Result<()> {
    let given = GIVEN[n % GIVEN.len()];
    let family = FAMILY[n % FAMILY.len()];
    let name = format!("{given} {family}");
    writeln!(
        out,
        "dn: {}\nobjectClass: inetOrgPerson\nuid: u{n:07}",
        person(n)
    )?;
    text(out, "cn", &format!("{name} {n}"))?;
    text(out, "sn", family)?;
    text(out, "givenName", given)?;
    text(out, "displayName", &name)?;
    text(
        out,
        "homePostalAddress",
        &format!("{name}$Long Street {n}$City {}", n % 211),
    )?;
    text(
        out,
        "postalAddress",
        &format!("{name}$Quay {n}$City {}", n % 211),
    )?;
    writeln!(
        out,
        "mail: {}\ninitials: {:.1}X\nemployeeNumber: {n:08}\nemployeeType: staff\ntitle: Role {}\n\
         departmentNumber: {}\nbusinessCategory: Locks\ncarLicense: B-{n:06}\ntelephoneNumber: +1 555 {:07}\n\
         mobile: +1 556 {:07}\nhomePhone: +1 557 {:07}\npager: +1 558 {:07}\nfacsimileTelephoneNumber: +1 559 {:07}\n\
         l: City {}\nst: ST{}\npostalCode: {:05}\npostOfficeBox: {}\nstreet: {n} Long Street\nroomNumber: B{}\n\
         physicalDeliveryOfficeName: Office {}\no: Bench\nou: d{:03}\npreferredLanguage: en\n\
         labeledURI: https://bench.example/u{n:07}\ndescription: Person number {n} of the company",
        address(n),
        family,
        n % 97,
        n % 211,
        n % 10_000_000,
        n % 10_000_000,
        n % 10_000_000,
        n % 10_000_000,
        n % 10_000_000,
        n % 211,
        n % 50,
        n % 99_999,
        n % 999,
        n % 40,
        n % 31,
        n % UNITS,
    )?;
    if n >= 100 {
        writeln!(out, "manager: {}", person(n / 100))?;
    }
    writeln!(out)
}

fn write_groups(people: usize, out: &mut impl Write) -> io::Result<()> {
    let huge = largest_size(people);
    group(out, LARGEST, (0..huge).map(|n| n * 2))?;
    let others = groups(people) - 1;
    let members = members_of_others(people);
    let step = step_for(people);
    for number in 0..others {
        let first = number * members;
        group(
            out,
            &format!("g{number:06}"),
            (first..first + members).map(|n| n * step % people),
        )?;
    }
    Ok(())
}

fn group(out: &mut impl Write, name: &str, members: impl Iterator<Item = usize>) -> io::Result<()> {
    writeln!(
        out,
        "dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\ndescription: Group {name}"
    )?;
    for member in members {
        writeln!(out, "member: {}", person(member))?;
    }
    writeln!(out)
}

/// A step through all people that meets nobody twice before everybody was met.
fn step_for(people: usize) -> usize {
    let divides = |step: &usize| people.is_multiple_of(*step);
    [7, 11, 13, 17, 19]
        .into_iter()
        .find(|step| !divides(step))
        .unwrap_or(1)
}

fn text(out: &mut impl Write, name: &str, value: &str) -> io::Result<()> {
    if value.is_ascii() {
        return writeln!(out, "{name}: {value}");
    }
    writeln!(out, "{name}:: {}", base64(value.as_bytes()))
}

/// RFC 4648 §4 Base 64 Encoding
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            match place <= chunk.len() {
                true => text.push(char::from(
                    ALPHABET[(bits >> (18 - 6 * place) & 63) as usize],
                )),
                false => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn encodes_as_the_standard_does() {
        let encoded = ["f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn the_one_who_leaves_the_largest_group_is_in_it() {
        for people in [4, 5, 100, 10_001] {
            let mut ldif = Vec::new();
            write(people, &mut ldif).unwrap();
            let ldif = String::from_utf8(ldif).unwrap();
            let entry = ldif
                .split("\n\n")
                .find(|entry| entry.starts_with(&format!("dn: {}\n", largest())));
            let member = format!("member: {}", person(some_member(people)));
            assert!(entry.unwrap().lines().any(|line| line == member));
        }
    }

    #[test]
    fn has_as_many_memberships_as_it_says_and_nobody_twice_in_a_group() {
        let people = 1_000;
        let mut ldif = Vec::new();
        write(people, &mut ldif).unwrap();
        let ldif = String::from_utf8(ldif).unwrap();
        let mut all = 0;
        for entry in ldif
            .split("\n\n")
            .filter(|entry| entry.contains("groupOfNames"))
        {
            let members: Vec<&str> = entry
                .lines()
                .filter(|line| line.starts_with("member:"))
                .collect();
            assert_eq!(members.len(), members.iter().collect::<HashSet<_>>().len());
            all += members.len();
        }
        assert!(
            all > people * MEMBERSHIPS - people / 10 && all <= people * MEMBERSHIPS,
            "{all}"
        );
    }
}
