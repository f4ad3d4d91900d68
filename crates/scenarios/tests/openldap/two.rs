//! Two providers of one tree, each taking changes: one goes down, one lags behind; nothing is lost and nothing goes backwards.
//!
//! Trap: the agent keeps its connection for some seconds, so whoever wants to be read anew starts it anew. And of two changes of
//! one entry that cross, the providers keep the later entry whole (OpenLDAP resolves conflicts by entryCSN, entry by entry), so
//! whoever changes at both at once takes two entries, unless that is what is told.

use std::time::{Duration, Instant};

use scenarios::slapd::Directory;
use sync_core::code::Code;

use super::Story;

const FIRST: &str = "127.0.0.98";
const SECOND: &str = "127.0.0.99";
const PEOPLE: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);
/// Reads that must not bring anything back.
const LOOKS: usize = 8;

struct Two {
    // Dropped in this order: the processes before what they read.
    story: Story,
    partner: Directory,
}

fn uri(ip: &str) -> String {
    format!("ldap://{ip}:3389")
}

impl Two {
    async fn raise() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (to_second, to_first) = (uri(SECOND), uri(FIRST));
        let options = ["--server-id", "1", "--mirror-of", &to_second];
        let first = Story::loaded(&dir, ("scoldap1", FIRST), PEOPLE, &options).await;
        let options = ["--server-id", "2", "--mirror-of", &to_first];
        let partner = Directory::raise("scoldap2", SECOND, &options).await;
        let last = format!("uid=u{},ou=people,{}", PEOPLE - 1, first.base);
        let name = format!("Old hand {}", PEOPLE - 1);
        partner.shows(&last, "cn", &name).await;
        let urls = [&first, &partner].map(|one| one.value("SLAPD_LDAPS").to_owned());
        let story = Story::over(dir, first, &urls, PEOPLE).await;
        Self { story, partner }
    }

    fn first(&self) -> &Directory {
        &self.story.directory
    }

    fn server(&self) -> String {
        let position = self.story.installation.status().source.position;
        position.method.unwrap().server
    }

    /// Changes made while the job is paused arrive together, with these lines.
    async fn step(&self, what: &str, change: impl AsyncFnOnce(&Self), expected: &[&str]) {
        self.story.installation.pause();
        change(self).await;
        self.story.installation.resume();
        self.story.arrives(what, expected);
    }

    async fn stop_first(&self) {
        self.first().lab("down", &[]);
    }

    async fn start_first(&mut self) {
        self.story.directory.lab("start", &[]);
        self.story.directory.reconnect().await;
    }

    async fn receives_again(&mut self) {
        self.partner.lab("receives", &["yes"]);
        self.partner.reconnect().await;
    }

    /// Waits until this server is the one that is read.
    fn is_read_from(&mut self, ip: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.story.installation.kill_agent();
            self.story.installation.start_agent();
            self.story.installation.sync();
            if self.server().contains(ip) {
                return;
            }
            assert!(Instant::now() < deadline, "{ip} is not read");
        }
    }
}

/// The first provider goes down; what the second one is told arrives; the first one comes back and is told of it.
async fn goes_on_at_the_second(two: &mut Two) -> String {
    let unit = two.story.unit.clone();
    let piet = scenarios::samba::below("cn", "Piet Roos", &unit);
    two.step(
        "joins at the first",
        async |two| drop(two.first().person("Piet Roos", "piet", &unit).await),
        &["create Piet Roos"],
    )
    .await;
    two.partner.shows(&piet, "uid", "piet").await;
    two.step(
        "the first goes down",
        async |two| {
            two.stop_first().await;
            two.partner.set(&piet, "title", &["Mate"]).await;
        },
        &["update Piet Roos: jobTitle"],
    )
    .await;
    assert!(two.server().contains(SECOND), "{}", two.server());
    two.start_first().await;
    two.first().shows(&piet, "title", "Mate").await;
    two.is_read_from(FIRST);
    two.step(
        "both change",
        async |two| {
            two.first().set(&piet, "mobile", &["+31 6 1"]).await;
            // Or they would cross.
            two.partner.shows(&piet, "mobile", "+31 6 1").await;
            two.partner.set(&piet, "departmentNumber", &["Deck"]).await;
            two.first().shows(&piet, "departmentNumber", "Deck").await;
        },
        &["update Piet Roos: department, mobile"],
    )
    .await;
    piet
}

/// The second provider lags behind when the first one goes down: it is waited for, and nothing is taken back.
async fn one_that_lags_is_waited_for(two: &mut Two, piet: &str) {
    two.partner.shows(piet, "mobile", "+31 6 1").await;
    two.partner.lab("receives", &["no"]);
    two.partner.reconnect().await;
    two.step(
        "is promoted where only the first knows",
        async |two| two.first().set(piet, "title", &["Captain"]).await,
        &["update Piet Roos: jobTitle"],
    )
    .await;
    two.stop_first().await;
    let failure = two.story.installation.fails_to_read();
    let deadline = Instant::now() + PATIENCE;
    let mut code = failure.known_code();
    // A connection that breaks is told first.
    while code != Some(Code::SourceReplicaLags) {
        assert!(Instant::now() < deadline, "{code:?}");
        code = two.story.installation.fails_to_read().known_code();
    }
    let other = two.story.old_hand(1);
    two.partner.set(&other, "title", &["Cook"]).await;
    for _ in 0..LOOKS {
        assert_eq!(two.story.installation.target(piet, "jobTitle"), ["Captain"]);
        assert!(two.story.installation.target(&other, "jobTitle").is_empty());
    }
    two.start_first().await;
    two.receives_again().await;
    two.partner.shows(piet, "title", "Captain").await;
    two.first().shows(&other, "title", "Cook").await;
    two.story
        .arrives("both are level again", &["update Old hand 1: jobTitle"]);
}

/// Two changes of one entry cross: the providers keep the later entry whole, and what they settled on arrives.
async fn what_crosses_is_as_the_providers_settle_it(two: &mut Two, piet: &str) {
    two.partner.lab("receives", &["no"]);
    two.partner.reconnect().await;
    two.step(
        "is promoted at the first",
        async |two| two.first().set(piet, "title", &["Commodore"]).await,
        &["update Piet Roos: jobTitle"],
    )
    .await;
    two.step(
        "the later one, without the promotion, wins",
        async |two| {
            two.partner.set(piet, "departmentNumber", &["Bridge"]).await;
            two.first().shows(piet, "title", "Captain").await;
        },
        &["update Piet Roos: department, jobTitle"],
    )
    .await;
    two.receives_again().await;
    two.step(
        "both go on",
        async |two| {
            two.first().set(piet, "title", &["Commodore"]).await;
            two.partner.shows(piet, "title", "Commodore").await;
        },
        &["update Piet Roos: jobTitle"],
    )
    .await;
    assert_eq!(
        two.story.installation.target(piet, "department"),
        ["Bridge"]
    );
}

/// The first provider of the list comes back and lags: it is passed over.
async fn one_that_lags_is_passed_over(two: &mut Two, piet: &str) {
    two.first().lab("receives", &["no"]);
    two.stop_first().await;
    two.partner.set(piet, "title", &["Admiral"]).await;
    two.story
        .arrives("read from the second", &["update Piet Roos: jobTitle"]);
    two.start_first().await;
    two.partner.set(piet, "mobile", &["+31 6 2"]).await;
    two.story
        .arrives("still from the second", &["update Piet Roos: mobile"]);
    two.is_read_from(SECOND);
    assert_eq!(two.story.installation.target(piet, "jobTitle"), ["Admiral"]);
    two.story.directory.lab("receives", &["yes"]);
    two.story.directory.reconnect().await;
    two.first().shows(piet, "mobile", "+31 6 2").await;
    two.is_read_from(FIRST);
    two.story.arrives("nothing is left to do", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_provider_takes_over_and_one_that_lags_takes_nothing_back() {
    let mut two = Two::raise().await;
    let piet = goes_on_at_the_second(&mut two).await;
    one_that_lags_is_waited_for(&mut two, &piet).await;
    what_crosses_is_as_the_providers_settle_it(&mut two, &piet).await;
    one_that_lags_is_passed_over(&mut two, &piet).await;
}
