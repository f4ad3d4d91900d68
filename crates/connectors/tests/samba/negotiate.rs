//! Kerberos and NTLM on port 389: everything is read, nothing of it can be read on the wire, and each refusal has its code.
//!
//! Clients reach the controller through relays that note what passes. Trap: NTLM sends the account's name in clear, by design;
//! what must not be seen is what the directory holds.

use std::sync::{Arc, Mutex};

use connectors::ldap::{Authentication, Method, Negotiate};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

/// Passes bytes on, and keeps them.
struct Relay {
    address: String,
    passed: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap().to_string(),
            passed: Arc::default(),
        };
        let passed = relay.passed.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&target).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(pass(near_in, far_out, passed.clone()));
                tokio::spawn(pass(far_in, near_out, passed.clone()));
            }
        });
        relay
    }

    /// What passed since the last call.
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.passed.lock().unwrap())
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    passed: Arc<Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passed.lock().unwrap().extend(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

fn shows(passed: &[u8], text: &str) -> bool {
    passed
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

struct World {
    story: Story,
    ldap: Relay,
    kdc: Relay,
    fqdn: String,
    domain: String,
    realm: String,
}

impl World {
    async fn begin(lab: Lab) -> Self {
        let (fqdn, domain, realm) = (
            lab.about("LAB_DC_FQDN"),
            lab.about("LAB_DOMAIN"),
            lab.about("LAB_REALM"),
        );
        Self {
            ldap: Relay::to(format!("{}:389", lab.host())).await,
            kdc: Relay::to(format!("{}:88", lab.host())).await,
            story: Story::begin(lab, "Negotiated").await,
            fqdn,
            domain,
            realm,
        }
    }

    fn config(&self, method: Method) -> LdapConfig {
        LdapConfig {
            authentication: Authentication::Negotiate,
            urls: vec![format!("ldap://{}", self.ldap.address)],
            // No certificate is needed, and none is looked at.
            ca_file: None,
            server_name: Some(self.fqdn.clone()),
            negotiate: Negotiate {
                method,
                kdcs: vec![self.kdc.address.clone()],
                ..Negotiate::default()
            },
            ..self.story.lab.config()
        }
    }

    /// Reads everything, then one change; what a plain search shows is the judge.
    async fn reads(&mut self, way: &str, config: LdapConfig) {
        self.ldap.take();
        let spec = spec();
        self.story.source = AdSource::new(config);
        self.story.model = Model::default();
        self.story.delta(&spec).await;
        let secret = format!("nobody may read {way}");
        let dn = format!("CN=Marked,{}", self.story.ou);
        self.story
            .change(&dn, ChangeKind::Replace, "title", &[&secret])
            .await;
        self.story.delta(&spec).await;
        assert_eq!(
            self.story.model.last_entries, 1,
            "{way}: a delta holds what changed"
        );
        let anchor = self.story.anchor(&dn).await;
        let title = self.story.model.live(&anchor).attributes.text("title");
        assert_eq!(title, Some(&*secret), "{way}");
        let passed = self.ldap.take();
        assert!(passed.len() > 20_000, "{way}: it went through the relay");
        for clear in [
            &*secret,
            "nobody may",
            "CN=Marked",
            "sAMAccountName",
            "objectGUID",
        ] {
            assert!(
                !shows(&passed, clear),
                "{way}: {clear:?} is seen on the wire"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn negotiated_connections_read_everything_and_show_nothing() {
    let Some(lab) = Lab::raise("adnego", "127.0.0.71", &[]) else {
        return;
    };
    let mut world = World::begin(lab).await;
    world.story.user("Marked", "marked").await;
    relay_sees_what_is_plain(&world).await;
    let down_level = format!("{}\\Administrator", world.domain);

    let config = world.config(Method::Ntlm);
    world.reads("NTLM", config.clone()).await;
    let bind = Some(down_level.clone());
    world
        .reads(
            "NTLM by DOMAIN\\name",
            LdapConfig {
                bind: bind.clone(),
                ..config
            },
        )
        .await;
    assert!(world.kdc.take().is_empty(), "NTLM asks no KDC");

    let config = world.config(Method::Kerberos);
    world.reads("Kerberos", config.clone()).await;
    world
        .reads(
            "Kerberos by DOMAIN\\name",
            LdapConfig {
                bind,
                ..config.clone()
            },
        )
        .await;
    assert!(
        shows(&world.kdc.take(), &world.realm),
        "Kerberos asks a KDC"
    );

    let mut by_key = LdapConfig {
        secret: None,
        ..config
    };
    by_key.negotiate.keytab = Some(world.story.lab.keytab("Administrator"));
    world.reads("Kerberos by keytab", by_key).await;

    let config = world.config(Method::Auto);
    world.kdc.take();
    world.reads("Kerberos by choice", config.clone()).await;
    assert!(!world.kdc.take().is_empty(), "Kerberos comes first");
    let by_address = LdapConfig {
        server_name: None,
        ..config
    };
    world.reads("NTLM by choice", by_address).await;
    assert!(world.kdc.take().is_empty(), "an address has no ticket");

    refusals(&world).await;
}

/// Else the relay proves nothing.
async fn relay_sees_what_is_plain(world: &World) {
    let options = ldap::Options {
        security: ldap::Security::PlainForTests,
        server_name: None,
        timeouts: ldap::Timeouts::default(),
    };
    let endpoint = format!("ldap://{}", world.ldap.address).parse().unwrap();
    let plain = ldap::connect(&endpoint, &options).await.unwrap();
    let query = ldap::Query::new("", ldap::Scope::Base).attributes(["defaultNamingContext"]);
    plain.search_all(&query).await.unwrap();
    assert!(shows(&world.ldap.take(), &world.story.lab.base));
}

async fn refusals(world: &World) {
    let lab = &world.story.lab;
    let refused = async |config: LdapConfig| AdSource::new(config).discover().await.unwrap_err();
    let wrong = lab.folder.path().join("wrong-negotiated");
    write_secret(&wrong, "not the password");
    for method in [Method::Ntlm, Method::Kerberos, Method::Auto] {
        let mut config = world.config(method);
        config.secret = Some(Secret::File(wrong.clone()));
        let refusal = refused(config).await;
        assert_eq!(refusal.code, Code::SourceCredentialRefused, "{refusal:?}");
        assert!(!refusal.to_string().contains("not the password"));
    }

    let mut unknown = world.config(Method::Kerberos);
    unknown.bind = Some(format!("nobody@{}", world.realm));
    assert_eq!(refused(unknown).await.code, Code::SourceCredentialRefused);

    let mut elsewhere = world.config(Method::Kerberos);
    elsewhere.server_name = Some(format!("other.{}", world.realm.to_lowercase()));
    let refusal = refused(elsewhere).await;
    assert_eq!(refusal.code, Code::SourceNameMismatch, "{refusal:?}");
    assert!(refusal.argument("cure").unwrap().contains("server_name"));

    let mut silent = world.config(Method::Kerberos);
    silent.negotiate.kdcs = vec!["127.0.0.1:1".into()];
    let refusal = refused(silent.clone()).await;
    assert_eq!(refusal.code, Code::SourceUnreachable, "{refusal:?}");
    silent.negotiate.method = Method::Auto;
    AdSource::new(silent)
        .discover()
        .await
        .expect("NTLM in its place");

    let mut by_address = world.config(Method::Kerberos);
    by_address.server_name = None;
    let refusal = refused(by_address).await;
    assert_eq!(refusal.code, Code::ConfigurationInvalid, "{refusal:?}");

    let mut tls = world.config(Method::Kerberos);
    tls.ca_file = lab.config().ca_file;
    tls.urls = lab.config().urls;
    tls.server_name = Some(world.fqdn.clone());
    let refusal = refused(tls).await;
    // Samba takes no negotiated sign-in within TLS, unless it is told to.
    assert_eq!(refusal.code, Code::SourceStrongAuthRequired, "{refusal:?}");

    unusable_accounts(world).await;
}

async fn unusable_accounts(world: &World) {
    let story = &world.story;
    let dn = story.user("Locked", "locked").await;
    let password: Vec<u8> = "\"Passw0rd.Locked1\""
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let changes = vec![Change::new(ChangeKind::Replace, "unicodePwd", [password])];
    story.writer.modify(&dn, changes).await.unwrap();
    story
        .change(&dn, ChangeKind::Replace, "userAccountControl", &["514"])
        .await;
    let path = story.lab.folder.path().join("locked");
    write_secret(&path, "Passw0rd.Locked1");
    for method in [Method::Ntlm, Method::Kerberos] {
        let mut config = world.config(method);
        config.bind = Some(format!("{}\\locked", world.domain));
        config.secret = Some(Secret::File(path.clone()));
        let refusal = AdSource::new(config).discover().await.unwrap_err();
        assert_eq!(refusal.code, Code::SourceAccountUnusable, "{refusal:?}");
    }
}
