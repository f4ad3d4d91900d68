//! How many objects a second the default rules evaluate on one core: `cargo run --release -p sync-core --example rules_rate`.
//!
//! Machines differ, so how often the object's values could be copied in the same time is printed beside it. Trap: nothing else is
//! in it, no store, no directory, no planning.

use std::time::{Duration, Instant};

use sync_core::{
    id::Anchor,
    mapping::{Context, SourceView, evaluate},
    schema::default_rules,
    value::{Attributes, Value},
};

const OBJECTS: u32 = 50_000;
const ROUNDS: u32 = 5;

/// A person with every plain attribute most directories fill.
fn person() -> Attributes {
    let text = |value: &str| vec![Value::from(value)];
    let mut all: Attributes = [
        "cn",
        "displayName",
        "givenName",
        "sn",
        "initials",
        "title",
        "company",
        "department",
        "physicalDeliveryOfficeName",
        "streetAddress",
        "l",
        "st",
        "postalCode",
        "co",
        "c",
        "telephoneNumber",
        "mobile",
        "facsimileTelephoneNumber",
        "employeeID",
        "employeeType",
        "description",
        "info",
        "extensionAttribute1",
        "extensionAttribute2",
        "mailNickname",
        "legacyExchangeDN",
        "preferredLanguage",
    ]
    .into_iter()
    .map(|name| (name, text("Some value")))
    .collect();
    all.set("sAMAccountName", text("avries"));
    all.set("userPrincipalName", text("anna@canal.example"));
    all.set("mail", text("anna@canal.example"));
    let addresses = [
        "smtp:a.devries@canal.example",
        "SMTP:anna@canal.example",
        "x500:/o=x",
    ];
    all.set(
        "proxyAddresses",
        addresses
            .iter()
            .map(|a| Value::from(*a))
            .collect::<Vec<_>>(),
    );
    all.set("userAccountControl", vec![512.into()]);
    all.set("countryCode", vec![528.into()]);
    all.set("pwdLastSet", vec![132_772_253_560_000_000.into()]);
    let mut sid = vec![1_u8, 5, 0, 0, 0, 0, 0, 5];
    sid.extend(
        [21_u32, 1, 2, 3, 1104]
            .iter()
            .flat_map(|part| part.to_le_bytes()),
    );
    all.set("objectSid", vec![Value::binary(sid)]);
    all
}

/// Time this thread has had a processor, where the kernel tells; it is what counts on a machine that does other work too.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// How often something is done in a second of this thread's.
#[allow(clippy::disallowed_methods, reason = "a measurement needs the clock")]
fn rate(mut act: impl FnMut()) -> f64 {
    let (begin, used) = (Instant::now(), processor_time());
    for _ in 0..OBJECTS {
        act();
    }
    let spent = match (used, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => begin.elapsed(),
    };
    f64::from(OBJECTS) / spent.as_secs_f64()
}

/// The values of an object in memory of their own.
fn copied(attributes: &Attributes) -> Attributes {
    let copy = |value: &Value| match value {
        Value::Text(text) => Value::text(&**text),
        Value::Binary(bytes) => Value::binary(bytes.to_vec()),
        other => other.clone(),
    };
    let pairs = attributes.iter();
    pairs
        .map(|(name, values)| (name.clone(), values.iter().map(copy).collect::<Vec<_>>()))
        .collect()
}

fn main() {
    let Ok(rules) = default_rules() else { return };
    let attributes = person();
    let anchor = Anchor::new([7_u8; 16]);
    let domains = ["canal.example".to_owned()];
    let context = Context {
        domain_fqdn: "canal.example",
        domain_netbios: "CANAL",
        verified_domains: &domains,
        initial_domain: "tenant.example",
        ..Context::default()
    };
    let mut view = SourceView::new(&anchor, "user", &attributes);
    view.dn = "CN=Anna,OU=People,DC=canal,DC=example";
    view.rdn = "CN=Anna";
    let (mut best, mut copies) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        let rate = rate(|| drop(std::hint::black_box(evaluate(&rules, &view, &context))));
        println!("{rate:.0} objects/s");
        best = best.max(rate);
        copies = copies.max(self::rate(|| {
            drop(std::hint::black_box(copied(&attributes)))
        }));
    }
    println!(
        "copied {copies:.0} times a second: {:.1} copies in the time of one evaluation",
        copies / best
    );
    let found = evaluate(&rules, &view, &context);
    let filled = found.attributes.iter().filter(|(_, v)| !v.is_empty());
    println!(
        "best of {ROUNDS} rounds of {OBJECTS}: {best:.0} objects/s on one core, {} attributes of which {} filled",
        found.attributes.len(),
        filled.count(),
    );
}
