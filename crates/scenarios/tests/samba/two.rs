//! A domain with two controllers: one goes down, one lags behind; nothing is lost and nothing goes backwards.
//!
//! Trap: replication takes its time, so whoever writes at one controller and reads at the other waits for it by name.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use scenarios::samba::cn;
use sync_core::code::Code;

use super::{ALL, BY_NUMBERS, Setting, Story, live};

/// How long a thing that must not happen is given to happen: several reads.
const LOOKS: u32 = 8;

const PATIENCE: Duration = Duration::from_secs(120);

/// By its name: that of the first with a `b` behind it.
fn is_second(server: &str) -> bool {
    let host = server.split('.').next();
    host.is_some_and(|host| host.ends_with('b'))
}

fn setting(name: &'static str, third: u8, rights: &'static [&'static str]) -> Setting {
    Setting {
        name,
        first: Ipv4Addr::new(127, 0, third, 41),
        people: if scenarios::is_full() { 1_000 } else { 20 },
        rights,
        has_partner: true,
    }
}

impl Story {
    /// The first controller goes down; what the second one is told arrives; the first one comes back and is told of it.
    async fn goes_on_at_the_second(&self) {
        let piet = cn("Piet Roos", &self.unit);
        let unit = self.unit.clone();
        self.step(
            "joins at the first",
            async |domain| drop(domain.person("Piet Roos", "piet", &unit).await),
            &["create Piet Roos"],
        )
        .await;
        self.step(
            "the first goes down",
            async |domain| {
                let name = "Piet Roos";
                domain.partner_shows(&piet, "displayName", name).await;
                domain.lab("down", &[]);
                domain.write_at_partner().await;
                domain.set(&piet, "title", &["Mate"]).await;
            },
            &["update Piet Roos: jobTitle"],
        )
        .await;
        let server = self.server();
        assert!(is_second(&server), "{server} is not the second");
        self.step(
            "the first comes back",
            async |domain| {
                domain.lab("start", &[]);
                domain.write_at_first().await;
                domain.set(&piet, "department", &["Deck"]).await;
                // Whichever of them answers now.
                domain.partner_shows(&piet, "department", "Deck").await;
            },
            &["update Piet Roos: department"],
        )
        .await;
        assert_eq!(self.target(&piet, "jobTitle"), ["Mate"]);
    }

    /// Waits until the first controller is read: it has to receive what the second one showed. The agent keeps its connection
    /// for a while, so it is started anew.
    async fn returns_to_the_first(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.installation.kill_agent();
            self.installation.start_agent();
            self.installation.sync();
            if !is_second(&self.server()) {
                return;
            }
            assert!(Instant::now() < deadline, "the first is not read again");
        }
    }

    fn server(&self) -> String {
        let position = self.installation.status().source.position;
        position.method.unwrap().server
    }

    /// The second controller lags behind when the first one goes down. Returns the name of a person changed meanwhile.
    async fn is_left_with_one_that_lags(&self) -> String {
        let kees = cn("Kees Lat", &self.unit);
        let unit = self.unit.clone();
        self.step(
            "joins",
            async |domain| {
                domain.person("Kees Lat", "kees", &unit).await;
                domain.set(&kees, "title", &["Boy"]).await;
            },
            &["create Kees Lat"],
        )
        .await;
        self.domain.partner_shows(&kees, "title", "Boy").await;
        self.domain.partner_receives(false).await;
        self.step(
            "is promoted where only the first knows",
            async |domain| domain.set(&kees, "title", &["Captain"]).await,
            &["update Kees Lat: jobTitle"],
        )
        .await;
        self.domain.lab("down", &[]);
        self.domain.write_at_partner().await;
        kees
    }

    /// For as long as several reads take, the person stays what it became.
    async fn stays_captain(&self, kees: &str) {
        for _ in 0..LOOKS {
            assert_eq!(self.target(kees, "jobTitle"), ["Captain"]);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn catches_up(&self, kees: &str) {
        self.domain.lab("start", &[]);
        self.domain.partner_receives(true).await;
        self.domain.partner_shows(kees, "title", "Captain").await;
        self.domain.write_at_first().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_controller_takes_over_and_one_that_lags_takes_nothing_back() {
    let mut story = Story::begin(&setting("sctwo", 2, ALL)).await;
    if scenarios::is_full() {
        live(&mut story).await;
    }
    story.goes_on_at_the_second().await;
    story.returns_to_the_first().await;
    let kees = story.is_left_with_one_that_lags().await;
    // What is changed at the one that lags still arrives: a difference carries nothing old.
    story.domain.set(&kees, "department", &["Deck"]).await;
    story.comes("changes while it lags", &["update Kees Lat: department"]);
    story.stays_captain(&kees).await;
    story.catches_up(&kees).await;
    story.arrives("nothing is left to do", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_dirsync_one_that_lags_is_waited_for() {
    let mut story = Story::begin(&setting("sctwonum", 3, BY_NUMBERS)).await;
    if scenarios::is_full() {
        live(&mut story).await;
    }
    story.goes_on_at_the_second().await;
    story.returns_to_the_first().await;
    let kees = story.is_left_with_one_that_lags().await;
    let failure = story.installation.fails_to_read();
    assert_eq!(failure.known_code(), Some(Code::SourceReplicaLags));
    story.stays_captain(&kees).await;
    story.catches_up(&kees).await;
    story.arrives("nothing is left to do", &[]);
}
