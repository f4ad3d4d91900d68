//! Measures how fast people can be created: `cargo run --release -p directory --example create_rate -- 100000 5000`.
//!
//! Prints objects per second, bytes stored per object, and the rate of lookups and updates afterwards.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use directory::{
    Attributes, Directory, FileCheck, Kind, Lookup, LookupKey, Operation, Options, ReferenceChange,
    TenantSeed, Value,
};
use jiff::Timestamp;
use uuid::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let people: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let batch: usize = arguments.next().map_or(Ok(5_000), |text| text.parse())?;
    let folder = tempfile::tempdir_in(arguments.next().unwrap_or_else(|| ".".to_owned()))?;
    let path = folder.path().join("directory.sqlite");
    let tenant = TenantSeed {
        id: None,
        display_name: "Measured".to_owned(),
        initial_domain: "measured.hybridge.example".to_owned(),
    };
    let options = Options::new(
        Arc::new(|| Timestamp::UNIX_EPOCH),
        Arc::new(|| Uuid::from_u128(random())),
        tenant,
    );
    let directory = Directory::open(&path, options.clone())?;
    let writer = directory.administrator().writer();

    let mut ids = Vec::with_capacity(people);
    measure("creates", people, || {
        for start in (0..people).step_by(batch) {
            let operations = (start..people.min(start + batch)).map(create).collect();
            for outcome in directory.apply(&writer, operations)? {
                ids.push(outcome.done().ok_or("refused")?.0);
            }
        }
        Ok(())
    })?;
    measure("matching lookups", people, || {
        for start in (0..people).step_by(batch) {
            let lookup = |number| Lookup {
                kind: Some(Kind::User),
                key: LookupKey::ImmutableId(anchor(number)),
            };
            let lookups: Vec<_> = (start..people.min(start + batch)).map(lookup).collect();
            directory.find(&writer, &lookups)?;
        }
        Ok(())
    })?;
    measure("updates", people, || {
        for chunk in ids.chunks(batch) {
            directory.apply(&writer, chunk.iter().map(|&id| update(id)).collect())?;
        }
        Ok(())
    })?;
    measure("memberships", people, || {
        for (number, chunk) in ids.chunks(500).enumerate() {
            directory.apply(&writer, vec![group(number, chunk)])?;
        }
        Ok(())
    })?;
    directory.close()?;
    let bytes = std::fs::metadata(&path)?.len();
    println!(
        "stored: {} bytes per object, memberships included",
        bytes / u64::try_from(people.max(1))?
    );
    let mut checked = options;
    checked.file_check = FileCheck::Always;
    measure("objects checked on opening", people, || {
        Ok(Directory::open(&path, checked)?.close()?)
    })?;
    Ok(())
}

fn measure(
    what: &str,
    count: usize,
    work: impl FnOnce() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    work()?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{what}: {count} in {seconds:.2} s, {:.0} per second",
        f64::from(u32::try_from(count)?) / seconds
    );
    Ok(())
}

fn random() -> u128 {
    fastrand::u128(..)
}

fn anchor(number: usize) -> String {
    // Spread like the Base64 of a random GUID.
    let spread = (number as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    format!("{spread:032x}")
        .chars()
        .take(22)
        .chain("==".chars())
        .collect()
}

fn create(number: usize) -> Operation {
    let name = format!(
        "{}.person{number}",
        ["anna", "berta", "carla", "dirk", "emil"][number % 5]
    );
    let upn = format!("{name}@measured.hybridge.example");
    let texts: [(&str, String); 9] = [
        ("userPrincipalName", upn.clone()),
        ("displayName", format!("Person {number}")),
        ("mailNickname", name),
        ("givenName", "Anna".to_owned()),
        ("surname", format!("Person {number}")),
        ("mail", upn.clone()),
        ("department", "Research and Development".to_owned()),
        ("jobTitle", "Engineer".to_owned()),
        ("onPremisesImmutableId", anchor(number)),
    ];
    let mut attributes: Attributes = texts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    attributes.insert(
        "onPremisesSecurityIdentifier".to_owned(),
        format!("S-1-5-21-1-2-3-{number}").into(),
    );
    attributes.insert(
        "proxyAddresses".to_owned(),
        Value::Texts(vec![format!("SMTP:{upn}").into()]),
    );
    attributes.insert("accountEnabled".to_owned(), Value::Bool(true));
    Operation::Create {
        kind: Kind::User,
        attributes,
        references: Vec::new(),
    }
}

fn update(id: Uuid) -> Operation {
    let set = Attributes::from([("department".to_owned(), Value::from("Sales"))]);
    Operation::Update {
        id,
        expected_version: None,
        set,
        references: Vec::new(),
    }
}

fn group(number: usize, members: &[Uuid]) -> Operation {
    let name = format!("group{number}");
    let attributes = Attributes::from([
        ("displayName".to_owned(), Value::from(name.clone())),
        ("mailNickname".to_owned(), Value::from(name)),
    ]);
    let change = ReferenceChange {
        attribute: "members".to_owned(),
        add: members.to_vec(),
        remove: Vec::new(),
    };
    Operation::Create {
        kind: Kind::Group,
        attributes,
        references: vec![change],
    }
}
