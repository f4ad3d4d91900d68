//! Networks as companies have them: real proxies (squid, tinyproxy), their sign-ins, and wires that are slow, silent or short.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use agent::{
    enrol::{Enrolment, enrol},
    error::{AgentError, chain},
    identity::Identity,
    link::Link,
    network::{Network, NetworkConfig},
    tls::{Trust, for_identity},
};
use server::desk::DeskLimits;
use sync_core::code::Code;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::lab::*;

const PASSWORD: &str = "pröxy Pass1";

/// A proxy's process.
struct Proxy {
    port: u16,
    folder: tempfile::TempDir,
    _process: Child,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn readable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
}

impl Proxy {
    async fn begin(
        folder: tempfile::TempDir,
        port: u16,
        program: &str,
        arguments: &[&str],
    ) -> Self {
        let log = std::fs::File::create(folder.path().join("output")).unwrap();
        let process = Command::new(program)
            .args(arguments)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap_or_else(|fault| panic!("{program}: {fault}; run lab/packages.sh once"));
        wait_until(|| async { TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
        Self {
            port,
            folder,
            _process: process,
        }
    }

    /// squid, with these lines in its settings.
    async fn squid(lines: impl Fn(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        readable(folder.path());
        let port = free_port();
        let text = format!(
            "http_port 127.0.0.1:{port}\npid_filename none\naccess_log none\ncache_log {0}/cache.log\ncache deny all\n\
             coredump_dir {0}\nshutdown_lifetime 0 seconds\nauth_param basic children 1\nacl CONNECT method CONNECT\n{1}\nhttp_access deny all\n",
            folder.path().display(),
            lines(folder.path()),
        );
        let config = folder.path().join("squid.conf");
        std::fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap().to_owned();
        Self::begin(folder, port, "squid", &["-N", "-f", &config]).await
    }

    /// tinyproxy, with these lines in its settings.
    async fn tiny(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        readable(folder.path());
        let port = free_port();
        let text = format!("Port {port}\nListen 127.0.0.1\nMaxClients 100\n{lines}\n");
        let config = folder.path().join("tinyproxy.conf");
        std::fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap().to_owned();
        Self::begin(folder, port, "tinyproxy", &["-d", "-c", &config]).await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The network through it, with these settings of an account.
    fn network(&self, more: serde_json::Value) -> Network {
        Network::new(&self.config(more)).unwrap()
    }

    fn config(&self, more: serde_json::Value) -> NetworkConfig {
        let mut proxy = serde_json::json!({ "url": self.url() });
        let fields = proxy.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        serde_json::from_value(serde_json::json!({ "proxy": proxy })).unwrap()
    }

    fn secret(&self, text: &str) -> serde_json::Value {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.folder.path().join("secret");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        serde_json::json!({ "file": file })
    }
}

fn basic(folder: &Path) -> String {
    let hash = std::process::Command::new("openssl")
        .args(["passwd", "-apr1", PASSWORD])
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let file = folder.join("passwd");
    std::fs::write(&file, format!("svc:{}\n", hash.trim())).unwrap();
    format!(
        "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\nauth_param basic utf8 on\n\
         acl known proxy_auth REQUIRED\nhttp_access allow CONNECT known",
        file.display()
    )
}

/// A program of Samba's that speaks the server's side of NTLM.
fn ntlm(scheme: &str, helper: &str) -> impl Fn(&Path) -> String {
    let (scheme, helper) = (scheme.to_owned(), helper.to_owned());
    move |folder| {
        let config = folder.join("smb.conf");
        let path = folder.display();
        std::fs::write(
            &config,
            format!("[global]\nworkgroup = CORP\nprivate dir = {path}\nlock directory = {path}\nstate directory = {path}\ncache directory = {path}\n"),
        )
        .unwrap();
        format!(
            "auth_param {scheme} program /usr/bin/ntlm_auth --configfile={} --helper-protocol={helper} --domain=CORP --username=svc --password=NtlmPass1\n\
             auth_param {scheme} children 2\nacl known proxy_auth REQUIRED\nhttp_access allow CONNECT known",
            config.display()
        )
    }
}

async fn try_enrol(lab: &Lab, network: Network, folder: &Path) -> Result<Identity, AgentError> {
    let enrolment = Enrolment {
        server: &lab.url(),
        trust: Trust::Authority(lab.authority.pem()),
        token: lab.token(SOON).into(),
        name: "test",
        network,
    };
    enrol(enrolment, folder).await
}

/// Enrols through the proxy and asks once more; says why not.
async fn passes(lab: &Lab, network: Network) -> Result<(), AgentError> {
    let folder = tempfile::tempdir().unwrap();
    let identity = try_enrol(lab, network.clone(), folder.path()).await?;
    let tls = for_identity(&identity, network.further_roots()).unwrap();
    let puppet = Puppet {
        link: Link::new(&lab.url(), network, tls).unwrap(),
        identity,
        folder,
        session: String::new(),
    };
    puppet.beat().await.map(|_| ())
}

#[tokio::test]
async fn squid_lets_through_whoever_gives_name_and_password() {
    let lab = Lab::start(DeskLimits::default()).await;
    let squid = Proxy::squid(basic).await;
    let account = |secret: serde_json::Value| serde_json::json!({ "authentication": "basic", "account": "svc", "secret": secret });

    let nobody = passes(&lab, squid.network(serde_json::json!({})))
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::ProxyCredentialMissing);
    assert!(chain(&nobody).contains("Basic"), "{}", chain(&nobody));

    let network = squid.network(account(squid.secret("wrong")));
    let wrong = passes(&lab, network.clone()).await.unwrap_err();
    assert_eq!(
        wrong.code(),
        Code::ProxyCredentialRefused,
        "{}",
        chain(&wrong)
    );
    assert!(!chain(&wrong).contains("wrong-"), "no secret is shown");
    // The right one in the same file is used at once, without a restart.
    squid.secret(PASSWORD);
    passes(&lab, network).await.unwrap();
}

#[tokio::test]
async fn squid_lets_through_by_ntlm_and_by_ntlm_within_negotiate() {
    let lab = Lab::start(DeskLimits::default()).await;
    for (scheme, helper) in [("ntlm", "squid-2.5-ntlmssp"), ("negotiate", "gss-spnego")] {
        let squid = Proxy::squid(ntlm(scheme, helper)).await;
        let account = |secret: serde_json::Value| serde_json::json!({ "authentication": scheme, "account": "CORP\\svc", "secret": secret });
        let right = squid.network(account(squid.secret("NtlmPass1")));
        passes(&lab, right)
            .await
            .unwrap_or_else(|fault| panic!("{scheme}: {}", chain(&fault)));
        let wrong = squid.network(account(squid.secret("NtlmPass2")));
        let wrong = passes(&lab, wrong).await.unwrap_err();
        assert_eq!(
            wrong.code(),
            Code::ProxyCredentialRefused,
            "{scheme}: {}",
            chain(&wrong)
        );
    }
}

#[tokio::test]
async fn what_a_proxy_refuses_and_what_it_cannot_reach_are_told_apart() {
    let lab = Lab::start(DeskLimits::default()).await;
    let strict = Proxy::squid(|_| "acl good port 443\nhttp_access allow CONNECT good".into()).await;
    let refused = passes(&lab, strict.network(serde_json::json!({})))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ProxyRefused, "{}", chain(&refused));
    assert!(chain(&refused).contains("403"), "{}", chain(&refused));

    let open = Proxy::squid(|_| "http_access allow CONNECT".into()).await;
    let gone = Link::new(
        &format!("https://127.0.0.1:{}", free_port()),
        open.network(serde_json::json!({})),
        for_identity(&lab.puppet().await.identity, None).unwrap(),
    )
    .unwrap();
    let fault = beat(&gone).await.unwrap_err();
    assert_eq!(fault.code(), Code::ProxyUnreachable, "{}", chain(&fault));
    assert!(fault.is_passing());

    let nowhere: NetworkConfig = serde_json::from_value(
        serde_json::json!({ "proxy": { "url": format!("http://127.0.0.1:{}", free_port()) } }),
    )
    .unwrap();
    let fault = passes(&lab, Network::new(&nowhere).unwrap())
        .await
        .unwrap_err();
    assert_eq!(fault.code(), Code::ProxyUnreachable, "{}", chain(&fault));

    // The control plane's own door is no proxy.
    let confused: NetworkConfig = serde_json::from_value(
        serde_json::json!({ "proxy": { "url": format!("http://{}", lab.address) } }),
    )
    .unwrap();
    let fault = passes(&lab, Network::new(&confused).unwrap())
        .await
        .unwrap_err();
    assert_eq!(fault.code(), Code::ProxyUnreachable, "{}", chain(&fault));
}

async fn beat(link: &Link) -> Result<wire::agent::v1::HeartbeatAnswer, AgentError> {
    let beat = wire::agent::v1::Heartbeat {
        version: "1".into(),
        uptime_ms: 1,
        memory_bytes: 1,
        clock_ms: 0,
        connectors: hosted(),
        leases: 0,
        session: String::new(),
        authorities: Vec::new(),
    };
    link.control("/heartbeat", &beat, SOON).await
}

#[tokio::test]
async fn hosts_of_no_proxy_are_spoken_to_directly() {
    let lab = Lab::start(DeskLimits::default()).await;
    let config: NetworkConfig = serde_json::from_value(serde_json::json!({
        "proxy": { "url": format!("http://127.0.0.1:{}", free_port()), "no_proxy": ["127.0.0.0/8"] }
    }))
    .unwrap();
    passes(&lab, Network::new(&config).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_proxy_over_tls_is_trusted_by_the_authorities_of_the_settings_only() {
    let lab = Lab::start(DeskLimits::default()).await;
    // A door of another tenant stands in for the proxy's TLS: what counts is whose certificate it shows.
    let other = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, other.authority.pem()).unwrap();
    let config = |trusted: bool| -> NetworkConfig {
        let mut text =
            serde_json::json!({ "proxy": { "url": format!("https://{}", other.address) } });
        if trusted {
            text["ca_file"] = serde_json::json!(authority);
        }
        serde_json::from_value(text).unwrap()
    };
    let stranger = passes(&lab, Network::new(&config(false)).unwrap())
        .await
        .unwrap_err();
    assert!(
        chain(&stranger).contains("network.ca_file"),
        "{}",
        chain(&stranger)
    );
    // Trusted, it is spoken to, and answers that it is no proxy.
    let known = passes(&lab, Network::new(&config(true)).unwrap())
        .await
        .unwrap_err();
    assert!(
        !chain(&known).contains("network.ca_file"),
        "{}",
        chain(&known)
    );
    assert_eq!(known.code(), Code::ProxyRefused, "{}", chain(&known));
}

#[tokio::test]
async fn further_authorities_may_vouch_for_the_control_plane() {
    let (lab, other) = (
        Lab::start(DeskLimits::default()).await,
        Lab::start(DeskLimits::default()).await,
    );
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    std::fs::write(&bundle, lab.authority.pem()).unwrap();
    let config = NetworkConfig {
        ca_file: Some(bundle),
        ..NetworkConfig::default()
    };
    let network = Network::new(&config).unwrap();
    let enrolment = Enrolment {
        server: &lab.url(),
        trust: Trust::Authority(other.authority.pem()),
        token: lab.token(SOON).into(),
        name: "test",
        network,
    };
    enrol(enrolment, folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_hangs_up_on_silence_costs_no_work() {
    let lab = Lab::start(DeskLimits::default()).await;
    // Nothing may be said for three seconds; a poll waits for twenty-five.
    let tiny = Proxy::tiny("Timeout 3").await;
    let folder = tempfile::tempdir().unwrap();
    try_enrol(&lab, tiny.network(serde_json::json!({})), folder.path())
        .await
        .unwrap();
    let running = Running::start_over(
        folder,
        None,
        Fake::default(),
        tiny.config(serde_json::json!({})),
    );
    lab.hears(sync_core::id::AgentId(1)).await;
    let began = Instant::now();
    // Longer than several of the proxy's silences.
    while began.elapsed() < Duration::from_secs(12) {
        let basket = std::sync::Arc::new(Basket::default());
        lab.desk
            .offer_read(CONNECTOR, order(), basket.clone())
            .await
            .unwrap();
        basket.ended().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_700)).await;
    }
    drop(running);
}

#[tokio::test]
async fn answers_that_come_late_are_waited_for() {
    let lab = Lab::start(DeskLimits::default()).await;
    let (slow, _) = late_wire(lab.address, Duration::from_millis(700)).await;
    let folder = tempfile::tempdir().unwrap();
    lab.try_enrol(&lab.token(SOON), folder.path())
        .await
        .unwrap();
    let _running = Running::start(folder, Some(format!("https://{slow}")), Fake::default());
    lab.hears(sync_core::id::AgentId(1)).await;
    let basket = std::sync::Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    basket.ended().await.unwrap();
    assert_eq!(basket.numbers(), [0, 1, 2]);
}

/// A wire on which everything arrives later by so much.
async fn late_wire(to: SocketAddr, by: Duration) -> (SocketAddr, ()) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(to).await.unwrap();
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::spawn(carry(near_read, far_write, by));
            tokio::spawn(carry(far_read, near_write, by));
        }
    });
    (address, ())
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    by: Duration,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(by).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn speaks_ipv6() {
    let lab = Lab::start_on(DeskLimits::default(), "[::1]:0").await;
    let passed = passes(&lab, Network::default()).await;
    passed.unwrap_or_else(|fault| panic!("{}", chain(&fault)));
}

#[tokio::test]
async fn a_name_without_an_address_has_a_code_of_its_own() {
    let lab = Lab::start(DeskLimits::default()).await;
    let puppet = lab.puppet().await;
    let link = link_of("https://nowhere.invalid:8443", &puppet.identity);
    let fault = beat(&link).await.unwrap_err();
    assert_eq!(
        fault.code(),
        Code::ServerNameNotResolved,
        "{}",
        chain(&fault)
    );
    assert!(fault.is_passing());
}

#[tokio::test]
async fn under_a_cap_a_heavy_read_takes_its_time_and_arrives_whole() {
    let lab = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    lab.try_enrol(&lab.token(SOON), folder.path())
        .await
        .unwrap();
    let config = NetworkConfig {
        bandwidth_kib_per_second: 256,
        ignore_environment: true,
        ..NetworkConfig::default()
    };
    // Three pages of 256 KiB that do not compress.
    let source = Fake {
        per_page: 1,
        heavy: 256 << 10,
        ..Fake::default()
    };
    let _running = Running::start_over(folder, None, source, config);
    lab.hears(sync_core::id::AgentId(1)).await;
    let basket = std::sync::Arc::new(Basket::default());
    let began = Instant::now();
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    basket.ended().await.unwrap();
    assert_eq!(basket.numbers(), [0, 1, 2]);
    assert!(
        began.elapsed() > Duration::from_millis(2_500),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_wire_that_is_cut_in_the_middle_of_answers_loses_nothing_through_a_proxy() {
    let lab = Lab::start(DeskLimits::default()).await;
    let tiny = Proxy::tiny("Timeout 600").await;
    let (wire, cuts) = breaking_wire(format!("127.0.0.1:{}", tiny.port).parse().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    lab.try_enrol(&lab.token(SOON), folder.path())
        .await
        .unwrap();
    let config: NetworkConfig =
        serde_json::from_value(serde_json::json!({ "proxy": { "url": format!("http://{wire}") } }))
            .unwrap();
    let source = Fake {
        pages: 20,
        heavy: 2_000,
        ..Fake::default()
    };
    let _running = Running::start_over(folder, None, source, config);
    lab.hears(sync_core::id::AgentId(1)).await;
    let basket = std::sync::Arc::new(Basket::default());
    lab.desk
        .offer_read(CONNECTOR, order(), basket.clone())
        .await
        .unwrap();
    basket.ended().await.unwrap();
    assert_eq!(basket.numbers(), (0..20).collect::<Vec<_>>());
    assert!(cuts.load(Ordering::Relaxed) > 1);
}
