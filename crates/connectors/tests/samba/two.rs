//! The `ad` source against two controllers of one domain: one is lost in the middle of a read, one lags behind.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use connectors::{
    PageSink, ReadEnd, ReadMode, Source,
    ldap::{AdSource, LdapConfig, Locate},
    source::{ObjectName, Page},
};
use ldap::{Change, ChangeKind, Query, Scope};
use sync_core::{code::Code, operation::Refusal};

use super::{Story, lab::Lab};
use crate::model::{Model, spec};

/// How long replication may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Passes pages on, and stops a controller after the first one.
struct Saboteur<'a> {
    model: &'a mut Model,
    victim: Option<&'a Lab>,
}

#[async_trait]
impl PageSink for Saboteur<'_> {
    async fn page(&mut self, page: Page) -> Result<(), Refusal> {
        self.model.page(page).await?;
        if let Some(victim) = self.victim.take() {
            victim.lab("down", &[]);
        }
        Ok(())
    }
}

/// By its name: that of the first with a `b` behind it.
fn is_second(server: &str) -> bool {
    server
        .split('.')
        .next()
        .is_some_and(|host| host.ends_with('b'))
}

/// Two controllers and a source that knows both.
struct Pair {
    story: Story,
    second: Lab,
    config: LdapConfig,
}

impl Pair {
    /// `None` if there is to be no controller.
    async fn raise(name: &str, ips: [&str; 2], rights: &[&str]) -> Option<Self> {
        let first = Lab::raise(name, ips[0], &[])?;
        let second = Lab::raise(&format!("{name}b"), ips[1], &["--join", name])?;
        let story = Story::begin(first, "Two").await;
        let users = format!("CN=Users,{}", story.lab.base);
        let mut config = story.lab.account(&story.writer, &users, "reader").await;
        for right in rights {
            story.lab.grant("reader", right);
        }
        config.urls.push(second.url.clone());
        config.page_size_entries = 50;
        // The first logon is itself a change that is replicated (lastLogonTimestamp).
        AdSource::new(config.clone()).discover().await.unwrap();
        let pair = Self {
            story,
            second,
            config,
        };
        let reader = format!("CN=reader,{users}");
        let last = Change::new(ChangeKind::Replace, "description", ["last"]);
        pair.story.writer.modify(&reader, vec![last]).await.unwrap();
        pair.reaches_the_second(&reader, "description", "last")
            .await;
        Some(pair)
    }

    /// Waits until the second controller shows an object with this value.
    async fn reaches_the_second(&self, dn: &str, attribute: &str, value: &str) {
        self.reaches(&self.second, dn, attribute, value).await;
    }

    async fn reaches(&self, lab: &Lab, dn: &str, attribute: &str, value: &str) {
        let reader = lab.connect().await;
        let query = Query::new(dn, Scope::Base).attributes([attribute]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = reader.search_all(&query).await.unwrap_or_default();
            if found.first().and_then(|entry| entry.text(attribute)) == Some(value) {
                return;
            }
            assert!(Instant::now() < deadline, "{dn} does not arrive");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Whether the second controller takes over what the first one holds.
    async fn second_receives(&self, receives: bool) {
        let writer = self.second.connect().await;
        let query = Query::new("", Scope::Base).attributes(["dsServiceName"]);
        let root = writer.search_all(&query).await.unwrap();
        // MS-ADTS 6.1.1.2.2.1.2.1.1: NTDSDSA_OPT_DISABLE_INBOUND_REPL
        let options = if receives { "1" } else { "3" };
        let change = Change::new(ChangeKind::Replace, "options", [options]);
        let settings = root[0].text("dsServiceName").unwrap();
        writer.modify(settings, vec![change]).await.unwrap();
    }

    /// Waits until the first controller, back again, holds what the second one has shown: changes come in their order, so
    /// one more that has arrived says it of all before.
    async fn first_catches_up(&self, dn: &str) {
        let writer = self.second.connect().await;
        let (attribute, value) = ("description", "caught up");
        let change = Change::new(ChangeKind::Replace, attribute, [value]);
        writer.modify(dn, vec![change]).await.unwrap();
        self.reaches(&self.story.lab, dn, attribute, value).await;
    }

    async fn read(&self, model: &mut Model, mode: ReadMode, is_sabotaged: bool) -> ReadEnd {
        let mut source = AdSource::new(self.config.clone());
        model.begin();
        let mut sink = Saboteur {
            model,
            victim: is_sabotaged.then_some(&self.story.lab),
        };
        source.read(&spec(), mode, &mut sink).await.unwrap()
    }

    /// Reads on until an object has a value. Which controller answers is open: a first one that just came back may lag.
    async fn reads_until(&self, model: &mut Model, dn: &str, attribute: &str, value: &str) {
        let anchor = self
            .story
            .anchor_with(&self.second.connect().await, dn)
            .await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut source = AdSource::new(self.config.clone());
            model.read(&mut source, &spec()).await;
            if model.live(&anchor).attributes.text(attribute) == Some(value) {
                return;
            }
            assert!(Instant::now() < deadline, "{value} never came");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn second_name(&self, end: &ReadEnd) -> String {
        match end {
            ReadEnd::Complete { method, .. } => {
                assert!(is_second(&method.server), "{method:?}");
                method.name.clone()
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_goes_on_at_the_second_controller_when_the_first_is_lost() {
    let ips = ["127.0.0.34", "127.0.0.35"];
    let Some(pair) = Pair::raise("adtwo", ips, &["+get", "+deleted"]).await else {
        return;
    };
    let mut model = Model::default();
    let end = pair.read(&mut model, ReadMode::Full, true).await;
    assert_eq!(pair.second_name(&end), "DirSync");
    let mut source = AdSource::new(pair.config.clone());
    model.compare(&mut source, &spec()).await;

    // Back at the first one, with the position of the second.
    pair.story.lab.lab("start", &[]);
    let writer = pair.story.lab.connect().await;
    let dn = format!("CN=reader,CN=Users,{}", pair.story.lab.base);
    let change = Change::new(ChangeKind::Replace, "title", ["Mate"]);
    writer.modify(&dn, vec![change]).await.unwrap();
    pair.reads_until(&mut model, &dn, "title", "Mate").await;
    lagging_controller_takes_nothing_back(&pair, model, writer).await;
}

/// Whether the answer came from the controller of this name.
fn is_of(server: &str, name: &str) -> bool {
    let host = |text: &str| text.split('.').next().unwrap_or_default().to_lowercase();
    host(server) == host(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_is_found_by_the_records_its_domain_keeps_of_itself() {
    const DNS_PORT: u16 = 53;
    let Some(lab) = Lab::raise("adsrv", "127.0.0.38", &["--dns"]) else {
        return;
    };
    let story = Story::begin(lab, "Records").await;
    let lab = &story.lab;
    let users = format!("CN=Users,{}", lab.base);
    let mut config = lab.account(&story.writer, &users, "reader").await;
    let (host, domain) = (
        lab.about("LAB_DC_FQDN"),
        lab.about("LAB_REALM").to_lowercase(),
    );
    config.urls.clear();
    config.locate = Some(Locate {
        site: Some("Default-First-Site-Name".into()),
        name_servers: vec![format!("{}:{DNS_PORT}", lab.host())],
        domain: domain.clone(),
        ..Locate::default()
    });
    let mut source = AdSource::new(config.clone());
    let server = source.discover().await.unwrap().server;
    assert!(is_of(&server, &host), "{server}");

    // One that is gone is passed over, preferred or not.
    let gone = format!("gone.{domain}");
    lab.lab("dns-controller", &[&gone, "127.0.0.40"]);
    let mut preferring = config.clone();
    if let Some(locate) = &mut preferring.locate {
        locate.preferred = vec![gone];
    }
    let server = AdSource::new(preferring).discover().await.unwrap().server;
    assert!(is_of(&server, &host), "{server}");

    // What was found is remembered while no name server answers; whoever never found anything cannot resolve the name.
    lab.lab("down", &[]);
    let refusal = source.discover().await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceUnreachable);
    let refusal = AdSource::new(config).discover().await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceNameNotResolved);
}

/// The second controller misses what the first one showed, and then is the only one.
async fn lagging_controller_takes_nothing_back(
    pair: &Pair,
    mut model: Model,
    writer: ldap::Connection,
) {
    let dn = format!("CN=reader,CN=Users,{}", pair.story.lab.base);
    let anchor = pair.story.anchor_with(&writer, &dn).await;
    let set = async |writer: &ldap::Connection, attribute: &str, value: &str| {
        let change = Change::new(ChangeKind::Replace, attribute, [value]);
        writer.modify(&dn, vec![change]).await.unwrap();
    };
    pair.reaches_the_second(&dn, "title", "Mate").await;
    pair.second_receives(false).await;
    set(&writer, "title", "Captain").await;
    pair.reads_until(&mut model, &dn, "title", "Captain").await;
    let mut source = AdSource::new(pair.config.clone());
    let title = |model: &Model| {
        let title = model.live(&anchor).attributes.text("title");
        title.unwrap_or_default().to_owned()
    };
    assert_eq!(title(&model), "Captain");
    pair.story.lab.lab("down", &[]);

    let second = pair.second.connect().await;
    set(&second, "description", "at the second").await;
    model.read(&mut source, &spec()).await;
    assert!(is_second(&model.method.server));
    assert_eq!(title(&model), "Captain");
    let description = model.live(&anchor).attributes.text("description");
    assert_eq!(description, Some("at the second"));

    let watermark = model.watermark.clone().unwrap();
    let name = ObjectName::Anchor(anchor.clone());
    source.not_older_than(watermark.clone());
    let refusal = source.read_one(&spec(), &name).await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceReplicaLags);
    source.not_older_than(watermark);
    let refusal = model.try_full(&mut source, &spec()).await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceReplicaLags);
    assert_eq!(model.last_entries, 0);

    pair.story.lab.lab("start", &[]);
    pair.second_receives(true).await;
    pair.reaches_the_second(&dn, "title", "Captain").await;
    let (first, value) = (&pair.story.lab, "at the second");
    pair.reaches(first, &dn, "description", value).await;
    model.read(&mut source, &spec()).await;
    model.compare(&mut source, &spec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_dirsync_each_controller_is_continued_where_it_was_left() {
    let ips = ["127.0.0.36", "127.0.0.39"];
    let Some(pair) = Pair::raise("adtwonum", ips, &["+deleted"]).await else {
        return;
    };
    let mut model = Model::default();
    let end = pair.read(&mut model, ReadMode::Full, true).await;
    assert_eq!(pair.second_name(&end), "uSNChanged");
    let mut source = AdSource::new(pair.config.clone());
    model.compare(&mut source, &spec()).await;

    // As long as it lags it is passed over, and the second one answers.
    let dn = format!("CN=reader,CN=Users,{}", pair.story.lab.base);
    pair.story.lab.lab("start", &[]);
    pair.first_catches_up(&dn).await;
    let watermark = model.watermark.clone().unwrap();
    let mut source = AdSource::new(pair.config.clone());
    let end = model
        .try_delta(&mut source, &spec(), watermark.clone())
        .await;
    match end.unwrap() {
        ReadEnd::NeedsFullRead(why) => assert_eq!(why.code, Code::SourceServerChanged),
        other => panic!("{other:?}"),
    }
    source.not_older_than(watermark);
    model.watermark = None;
    model.read(&mut source, &spec()).await;
    assert!(!is_second(&model.method.server), "{:?}", model.method);

    // From now on both are known, and neither needs a full read.
    let writer = pair.story.lab.connect().await;
    let change = Change::new(ChangeKind::Replace, "title", ["Mate"]);
    writer.modify(&dn, vec![change]).await.unwrap();
    model.read(&mut source, &spec()).await;
    pair.reaches_the_second(&dn, "title", "Mate").await;
    pair.story.lab.lab("down", &[]);
    model.read(&mut source, &spec()).await;
    assert!(is_second(&model.method.server), "{:?}", model.method);
    model.compare(&mut source, &spec()).await;
}
