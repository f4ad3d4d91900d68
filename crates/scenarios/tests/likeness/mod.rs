//! The forest that stands in for a domain controller, held against a real one: the same requests, the same answers.
//!
//! What differs and may is a table with reasons ([`tolerated`]); everything else fails. Trap: a row of the table that no
//! longer meets a difference fails too, or the table would come to excuse what nobody remembers.

mod client;
mod foreign;
mod script;
mod tolerated;
mod transcript;

use std::{collections::BTreeSet, net::Ipv4Addr};

use forest::{Forest, Options, Rights};
use scenarios::samba::Domain;
use script::Side;
use tempfile::TempDir;
use transcript::Transcript;

/// The bind password of the forest's administrator.
const PASSWORD: &str = "Likeness-Admin-1";

async fn samba() -> (Domain, Side) {
    let domain = Domain::raise("likeness", Ipv4Addr::new(127, 0, 0, 111)).await;
    let side = Side {
        address: format!("{}:636", domain.value("LAB_DC_IP")),
        ca: domain.value("LAB_CA").into(),
        admin: (
            domain.value("LAB_ADMIN").to_owned(),
            domain.value("LAB_ADMIN_PASS").to_owned(),
        ),
        base: domain.base.clone(),
        netbios: domain.value("LAB_DOMAIN").to_owned(),
        transcript: Transcript::default(),
    };
    (domain, side)
}

/// A forest with the names of the real domain, so that nothing has to be translated.
async fn stand_in(of: &Side, dns: &str, dir: &TempDir) -> (forest::Served, Side) {
    let options = Options {
        domain: dns.to_owned(),
        netbios: of.netbios.clone(),
        ..Options::default()
    };
    let forest = Forest::new(options).unwrap();
    forest
        .add_account("likeness", PASSWORD, Rights::ALL)
        .unwrap();
    let authority = forest::make_ca().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, &authority.ca_pem).unwrap();
    let served = forest
        .serve("127.0.0.1:0".parse().unwrap(), Some(authority.server))
        .await
        .unwrap();
    let side = Side {
        address: served.addr.to_string(),
        ca,
        admin: (format!("{}\\likeness", of.netbios), PASSWORD.to_owned()),
        base: of.base.clone(),
        netbios: of.netbios.clone(),
        transcript: Transcript::default(),
    };
    (served, side)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forest_answers_as_a_domain_controller_does() {
    let dir = tempfile::tempdir().unwrap();
    let (domain, mut real) = samba().await;
    let (_served, mut ours) = stand_in(&real, &domain.dns(), &dir).await;
    for side in [&mut real, &mut ours] {
        script::populate(side).await;
        foreign::run(side, &dir);
        script::run(side).await;
    }
    let differences = differences(&ours.transcript, &real.transcript);
    let (open, idle) = tolerated::judge(&differences);
    assert!(
        open.is_empty() && idle.is_empty(),
        "differences that are not tolerated:\n{}\n\ntolerated differences that are none:\n{}\n",
        open.join("\n"),
        idle.join("\n")
    );
}

/// A line that only one side has.
pub struct Difference {
    pub step: &'static str,
    /// `forest` or `samba`.
    pub only: &'static str,
    pub line: String,
}

fn differences(ours: &Transcript, real: &Transcript) -> Vec<Difference> {
    let set = |transcript: &Transcript| -> BTreeSet<(&'static str, String)> {
        transcript.lines.iter().cloned().collect()
    };
    let (ours, real) = (set(ours), set(real));
    let only = |one: &BTreeSet<(&'static str, String)>, other: &BTreeSet<_>, only| {
        let lines = one.difference(other).cloned().collect::<Vec<_>>();
        lines
            .into_iter()
            .map(move |(step, line)| Difference { step, only, line })
    };
    let mut all: Vec<_> = only(&ours, &real, "forest")
        .chain(only(&real, &ours, "samba"))
        .collect();
    all.sort_by(|a, b| (a.step, &a.line).cmp(&(b.step, &b.line)));
    all
}
