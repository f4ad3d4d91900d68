//! Rows about the agent's machine and its way to the control plane.
//!
//! Trap: a name server's answer is not kept anywhere, so names are right again at once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use sync_core::code::Code;

use super::{
    rows::{Expected, Row, at, nothing, of, row},
    site::{AGENT, CONNECTOR, NAME, OTHER_NAME, Site},
};

const PROHIBITED: &[&str] = &["REJECT", "--reject-with", "icmp-admin-prohibited"];

const LDAPS: u16 = 4389;
const SILENT: Code = Code::HybridIdentityServiceNoActiveAgents;

fn right(site: &mut Site) {
    site.settings(json!({}));
}

fn right_names(site: &mut Site) {
    site.names(json!({}));
}

fn mode(site: &Site, file: &str, mode: u32) {
    let path = site.file(file);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn hidden(site: &Site, file: &str, is_hidden: bool) {
    let (there, away) = (site.file(file), site.file(&format!("{file}.away")));
    match is_hidden {
        true => fs::rename(there, away).unwrap(),
        false => fs::rename(away, there).unwrap(),
    }
}

fn proxied(site: &Site, more: Value) {
    let mut proxy = json!({ "url": format!("http://{}:3128", site.address(1)) });
    proxy
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    site.settings(json!({ "network": { "proxy": proxy } }));
}

fn start_proxy(site: &mut Site, lines: &str) {
    let config = site.file("tinyproxy.conf");
    let text = format!(
        "Port 3128\nListen {}\nMaxClients 50\nTimeout 60\n{lines}\n",
        site.address(1)
    );
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap().to_owned();
    site.helper("proxy", "tinyproxy", &["-d", "-c", &config]);
    site.wait_for(1, 3128);
}

fn stop_proxy(site: &mut Site) {
    site.stop_helper("proxy");
    right(site);
}

/// Something that answers in the control plane's place with a certificate of its own.
fn raise_gateway(site: &mut Site) {
    let (key, certificate) = site.foreign_certificate();
    let accept = format!("{}:{}", site.address(4), site.port());
    site.helper(
        "gateway",
        "openssl",
        &[
            "s_server",
            "-www",
            "-accept",
            &accept,
            "-cert",
            certificate.to_str().unwrap(),
            "-key",
            key.to_str().unwrap(),
        ],
    );
    site.wait_for(4, site.port());
}

fn gateway(site: &mut Site) {
    raise_gateway(site);
    let address = site.address(4);
    site.names(json!({ NAME: {"A": address} }));
}

/// The name leads to a machine in between that misbehaves.
fn bad_wire(site: &mut Site, how: &str) {
    let (own, target) = (site.address(4), site.address(1));
    let port = site.port();
    site.fault_proxy(
        "wire",
        &format!("{own}:{port}"),
        &format!("{target}:{port}"),
        how,
    );
    site.names(json!({ NAME: {"A": own} }));
}

fn good_wire(site: &mut Site) {
    site.names(json!({}));
    site.stop_helper("wire");
}

fn bad_proxy(site: &mut Site, how: &str) {
    let (own, target) = (site.address(4), site.address(1));
    site.fault_proxy(
        "wire",
        &format!("{own}:3129"),
        &format!("{target}:3128"),
        how,
    );
    let proxy = json!({ "url": format!("http://{own}:3129") });
    site.settings(json!({ "network": { "proxy": proxy } }));
}

fn stop_bad_proxy(site: &mut Site) {
    site.stop_helper("wire");
    stop_proxy(site);
}

pub(super) fn start_squid(site: &mut Site, rules: &str) {
    let (folder, address) = (site.file("squid"), site.address(1));
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let (place, names) = (folder.display(), site.address(3));
    let text = format!(
        "http_port {address}:3128\npid_filename {place}/pid\ncache_log {place}/log\naccess_log none\ncache deny all\nshutdown_lifetime 0 seconds\nvisible_hostname squid.faults.test\ndns_nameservers {names}\n{rules}http_access allow all\n"
    );
    let config = folder.join("squid.conf");
    fs::write(&config, text).unwrap();
    site.helper("squid", "squid", &["-N", "-f", config.to_str().unwrap()]);
    site.wait_for(1, 3128);
}

fn stop_squid(site: &mut Site) {
    site.stop_helper("squid");
    right(site);
}

fn hidden_files(site: &Site, is_hidden: bool) {
    let (there, away) = (
        site.data().join("identity.json"),
        site.file("identity.away"),
    );
    match is_hidden {
        true => {
            fs::copy(&there, &away).unwrap();
            fs::remove_file(there).unwrap();
        }
        false => {
            fs::copy(&away, &there).unwrap();
            fs::set_permissions(there, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// All rows.
pub const ROWS: &[Row] = &[
    row(
        "agent stopped",
        |s| s.stop_agent(),
        ("running", SILENT, "stopped", "systemctl start"),
        |s| s.start_agent(),
    ),
    row(
        "agent frozen",
        |s| s.signal_agent("-STOP"),
        ("running", SILENT, "frozen", "kill -CONT"),
        |s| s.signal_agent("-CONT"),
    ),
    row(
        "agent never started",
        |s| {
            s.stop_agent();
            fs::remove_file(s.data().join(agent::state::STATE_FILE)).unwrap();
        },
        ("running", SILENT, "never-started", "systemctl start"),
        |s| s.start_agent(),
    ),
    row(
        "agent never installed",
        |s| {
            s.stop_agent();
            hidden_files(s, true);
        },
        (
            "installed",
            Code::NotAuthenticated,
            "not-enrolled",
            "hybridge-agent enrol",
        ),
        |s| {
            hidden_files(s, false);
            s.start_agent();
        },
    ),
    row(
        "identity damaged",
        |s| {
            fs::copy(s.data().join("identity.json"), s.file("kept")).unwrap();
            fs::write(s.data().join("identity.json"), "{").unwrap();
        },
        (
            "installed",
            Code::ConfigurationInvalid,
            "damaged",
            "enrol the agent again",
        ),
        |s| {
            fs::copy(s.file("kept"), s.data().join("identity.json")).unwrap();
        },
    ),
    row(
        "identity readable by others",
        |s| mode(s, "agent/identity.json", 0o644),
        (
            "installed",
            Code::SecretFileUnsafe,
            "readable-by-others",
            "chmod 600",
        ),
        |s| mode(s, "agent/identity.json", 0o600),
    ),
    row(
        "settings broken",
        |s| fs::write(s.file("agent.json"), "{").unwrap(),
        (
            "settings",
            Code::ConfigurationInvalid,
            "settings-wrong",
            "agent.json",
        ),
        right,
    ),
    row(
        "settings missing",
        |s| hidden(s, "agent.json", true),
        (
            "settings",
            Code::ConfigurationInvalid,
            "settings-missing",
            "write ",
        ),
        |s| hidden(s, "agent.json", false),
    ),
    row(
        "secret readable by others",
        |s| mode(s, "secret", 0o644),
        (
            "secrets",
            Code::SecretFileUnsafe,
            "readable-by-others",
            "chmod 600",
        ),
        |s| mode(s, "secret", 0o600),
    ),
    row(
        "secret missing",
        |s| hidden(s, "secret", true),
        (
            "secrets",
            Code::ConfigurationInvalid,
            "secret-missing",
            "write the password into",
        ),
        |s| hidden(s, "secret", false),
    ),
    row(
        "name missing",
        |s| s.names(json!({ NAME: null })),
        ("dns", Code::ServerNameNotResolved, "no-such-name", "add "),
        right_names,
    ),
    row(
        "name without address",
        |s| s.names(json!({ NAME: {} })),
        (
            "dns",
            Code::ServerNameNotResolved,
            "no-address",
            "A or AAAA record",
        ),
        right_names,
    ),
    row(
        "alias leads nowhere",
        |s| {
            s.names(json!({ NAME: {"CNAME": "a.faults.test"}, "a.faults.test": {"CNAME": "gone.faults.test"} }))
        },
        (
            "dns",
            Code::ServerNameNotResolved,
            "alias-broken",
            "correct the alias",
        ),
        right_names,
    ),
    row(
        "aliases in a circle",
        |s| s.names(json!({ NAME: {"CNAME": "a.faults.test"}, "a.faults.test": {"CNAME": NAME} })),
        (
            "dns",
            Code::ServerNameNotResolved,
            "alias-loop",
            "correct the alias",
        ),
        right_names,
    ),
    row(
        "name server silent",
        |s| s.firewall("-A", "udp", 53, &["DROP"]),
        (
            "dns",
            Code::ServerNameNotResolved,
            "name-server-silent",
            "port 53",
        ),
        |s| s.firewall("-D", "udp", 53, &["DROP"]),
    ),
    row(
        "no name server set",
        |s| s.resolver("# none\n"),
        (
            "dns",
            Code::ServerNameNotResolved,
            "no-name-server",
            "nameserver ADDRESS",
        ),
        |s| s.right_resolver(),
    ),
    row(
        "name leads to a wrong address",
        |s| {
            let address = s.address(77);
            s.names(json!({ NAME: {"A": address} }));
        },
        ("connection", Code::ServerUnreachable, "no-route", "route"),
        right_names,
    ),
    row(
        "firewall drops",
        |s| s.firewall("-A", "tcp", s.port(), &["DROP"]),
        ("connection", Code::ServerUnreachable, "dropped", "firewall"),
        |s| s.firewall("-D", "tcp", s.port(), &["DROP"]),
    ),
    row(
        "firewall rejects with a reset",
        |s| {
            s.firewall(
                "-A",
                "tcp",
                s.port(),
                &["REJECT", "--reject-with", "tcp-reset"],
            )
        },
        ("connection", Code::ServerUnreachable, "rejected", "start "),
        |s| {
            s.firewall(
                "-D",
                "tcp",
                s.port(),
                &["REJECT", "--reject-with", "tcp-reset"],
            )
        },
    ),
    row(
        "no route",
        |s| {
            let to = s.address(1);
            s.inside(&["ip", "route", "add", "unreachable", &to]);
        },
        ("connection", Code::ServerUnreachable, "no-route", "route"),
        |s| {
            let to = s.address(1);
            s.inside(&["ip", "route", "del", "unreachable", &to]);
        },
    ),
    row(
        "server down",
        |s| s.stop_server(),
        ("connection", Code::ServerUnreachable, "rejected", "start "),
        |s| s.start_server(),
    ),
    row(
        "server frozen",
        |s| s.signal_server("-STOP"),
        (
            "tls",
            Code::ServerUnreachable,
            "silent",
            "restart the server",
        ),
        |s| s.signal_server("-CONT"),
    ),
    row(
        "wrong port in the settings",
        |s| s.settings(json!({ "server": format!("https://{NAME}:9") })),
        ("connection", Code::ServerUnreachable, "rejected", "start "),
        right,
    ),
    row(
        "name the certificate does not hold",
        |s| s.settings(json!({ "server": format!("https://{OTHER_NAME}:{}", s.port()) })),
        ("tls", Code::ServerUntrusted, "wrong-host", "--name"),
        right,
    ),
    row(
        "TLS is inspected",
        gateway,
        (
            "tls",
            Code::ServerUntrusted,
            "inspected",
            "without inspection",
        ),
        |s| {
            s.stop_helper("gateway");
            s.names(json!({}));
        },
    ),
    row(
        "control plane of another tenant",
        |s| {
            s.start_other_server(5, &[]);
            let address = s.address(5);
            s.names(json!({ NAME: {"A": address} }));
        },
        (
            "tls",
            Code::ServerUntrusted,
            "other-authority",
            "enrol the agent there",
        ),
        |s| {
            s.stop_helper("other");
            s.names(json!({}));
        },
    ),
    at(
        "clock two hours ahead",
        &["faketime", "+2 hours"],
        Expected::Failed("clock", Code::SourceClockDiffers, "clock", "timedatectl"),
    ),
    at(
        "clock half an hour behind",
        &["faketime", "-30 minutes"],
        Expected::Failed("clock", Code::SourceClockDiffers, "clock", "timedatectl"),
    ),
    at(
        "clock days behind",
        &["faketime", "-3 days"],
        Expected::Failed("tls", Code::ServerUntrusted, "clock", "timedatectl"),
    ),
    at(
        "clock months ahead",
        &["faketime", "+120 days"],
        Expected::Failed("tls", Code::ServerUntrusted, "clock", "timedatectl"),
    ),
    at(
        "clock ten seconds ahead, which is no fault",
        &["faketime", "+10 seconds"],
        Expected::Nothing,
    ),
    at(
        "clock two minutes ahead",
        &["faketime", "+2 minutes"],
        Expected::Warning("clock", Code::SourceClockDiffers, "clock", "timedatectl"),
    ),
    Row {
        below: &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ],
        ..row(
            "doctor run by another account",
            nothing,
            (
                "installed",
                Code::PrivilegeMissing,
                "unreadable",
                "the account of the service",
            ),
            nothing,
        )
    },
    row(
        "connector the server does not know",
        |s| s.settings_with("poeple", json!({}), json!({})),
        (
            "server",
            Code::HybridIdentityServiceInvalidResource,
            "unknown-connector",
            "hybridge connect ad",
        ),
        right,
    ),
    row(
        "proxy wants credentials",
        |s| {
            start_proxy(s, "BasicAuth svc right");
            proxied(s, json!({}));
        },
        (
            "connection",
            Code::ProxyCredentialMissing,
            "proxy-wants-credentials",
            "give authentication, account and secret",
        ),
        stop_proxy,
    ),
    row(
        "proxy gets wrong credentials",
        |s| {
            start_proxy(s, "BasicAuth svc right");
            proxied(
                s,
                json!({"authentication": "basic", "account": "svc", "secret": {"file": s.file("secret")}}),
            );
        },
        (
            "connection",
            Code::ProxyCredentialRefused,
            "proxy-refuses-credentials",
            "correct account and secret",
        ),
        stop_proxy,
    ),
    row(
        "proxy refuses CONNECT",
        |s| {
            start_proxy(s, "ConnectPort 443");
            proxied(s, json!({}));
        },
        (
            "connection",
            Code::ProxyRefused,
            "proxy-refuses",
            "allow CONNECT",
        ),
        stop_proxy,
    ),
    row(
        "proxy cannot reach the server",
        |s| {
            start_proxy(s, "");
            proxied(s, json!({}));
            s.stop_server();
        },
        (
            "connection",
            Code::ProxyUnreachable,
            "proxy-cannot-reach",
            "resolve and reach",
        ),
        |s| {
            s.start_server();
            stop_proxy(s);
        },
    ),
    row(
        "proxy stopped",
        |s| proxied(s, json!({})),
        ("connection", Code::ProxyUnreachable, "rejected", "start "),
        right,
    ),
    row(
        "proxy behind a firewall that drops",
        |s| {
            s.firewall("-A", "tcp", 3128, &["DROP"]);
            proxied(s, json!({}));
        },
        ("connection", Code::ProxyUnreachable, "dropped", "firewall"),
        |s| {
            s.firewall("-D", "tcp", 3128, &["DROP"]);
            right(s);
        },
    ),
    row(
        "directory down",
        |s| s.directory("down"),
        ("discovery", Code::SourceUnreachable, "rejected", "start "),
        |s| s.directory("start"),
    ),
    row(
        "firewall drops the directory",
        |s| s.firewall("-A", "tcp", LDAPS, &["DROP"]),
        ("discovery", Code::SourceUnreachable, "dropped", "firewall"),
        |s| s.firewall("-D", "tcp", LDAPS, &["DROP"]),
    ),
    row(
        "directory's name missing",
        |s| s.of_directory(json!({"urls": ["ldaps://dc9.faults.test:4389"]})),
        (
            "discovery",
            Code::SourceNameNotResolved,
            "no-such-name",
            "correct the name",
        ),
        right,
    ),
    row(
        "directory's authority not trusted",
        |s| s.of_directory(json!({"ca_file": null})),
        (
            "discovery",
            Code::SourceCertificateUntrusted,
            "untrusted",
            "ca_file",
        ),
        right,
    ),
    row(
        "directory's certificate for another host",
        |s| s.of_directory(json!({"server_name": "dc9.faults.test"})),
        (
            "discovery",
            Code::SourceNameMismatch,
            "wrong-host",
            "server_name",
        ),
        right,
    ),
    row(
        "wrong password",
        |s| s.secret("wrong"),
        (
            "bind",
            Code::SourceCredentialRefused,
            "wrong-password",
            "correct the password",
        ),
        |s| s.secret("secret"),
    ),
    row(
        "base that does not exist",
        |s| s.of_directory(json!({"naming_context": "dc=nowhere,dc=test"})),
        (
            "base",
            Code::SourceBaseNotFound,
            "no-such-base",
            "naming_context",
        ),
        right,
    ),
    row(
        "two faults: stopped agent, missing name",
        |s| {
            s.stop_agent();
            s.names(json!({ NAME: null }));
        },
        ("running", SILENT, "stopped", "systemctl start"),
        |s| {
            s.names(json!({}));
            s.start_agent();
        },
    ),
    row(
        "two faults: firewall, wrong password",
        |s| {
            s.firewall("-A", "tcp", s.port(), &["DROP"]);
            s.secret("wrong");
        },
        ("connection", Code::ServerUnreachable, "dropped", "firewall"),
        |s| {
            s.firewall("-D", "tcp", s.port(), &["DROP"]);
            s.secret("secret");
        },
    ),
    row(
        "firewall rejects with port unreachable",
        |s| s.firewall("-A", "tcp", s.port(), &["REJECT"]),
        ("connection", Code::ServerUnreachable, "rejected", "start "),
        |s| s.firewall("-D", "tcp", s.port(), &["REJECT"]),
    ),
    row(
        "firewall rejects as prohibited",
        |s| s.firewall("-A", "tcp", s.port(), PROHIBITED),
        (
            "connection",
            Code::ServerUnreachable,
            "no-route",
            "firewall",
        ),
        |s| s.firewall("-D", "tcp", s.port(), PROHIBITED),
    ),
    row(
        "name server rejects",
        |s| s.firewall("-A", "udp", 53, &["REJECT"]),
        (
            "dns",
            Code::ServerNameNotResolved,
            "name-server-silent",
            "port 53",
        ),
        |s| s.firewall("-D", "udp", 53, &["REJECT"]),
    ),
    row(
        "machine in between breaks connections off",
        |s| bad_wire(s, "refuse=1"),
        ("tls", Code::ServerUnreachable, "broken-off", "between"),
        good_wire,
    ),
    row(
        "machine in between lets nothing back",
        |s| bad_wire(s, "black_hole=1"),
        (
            "tls",
            Code::ServerUnreachable,
            "silent",
            "restart the server",
        ),
        good_wire,
    ),
    row(
        "machine in between breaks off within the handshake",
        |s| bad_wire(s, "cut_after=200"),
        ("tls", Code::ServerUnreachable, "broken-off", "between"),
        good_wire,
    ),
    of(
        "slow wire, which is no fault",
        |s| bad_wire(s, "latency_ms=300&jitter_ms=100&chunk=700"),
        Expected::Nothing,
        good_wire,
    ),
    of(
        "server restarted, which is no fault",
        |s| {
            s.stop_server();
            s.start_server();
        },
        Expected::Nothing,
        nothing,
    ),
    row(
        "server overloaded: no handle left for a connection",
        |s| {
            s.stop_server();
            s.start_server_below(&["prlimit", "--nofile=160"]);
            s.crowd(600);
        },
        (
            "tls",
            Code::ServerUnreachable,
            "silent",
            "restart the server",
        ),
        |s| {
            s.disperse();
            s.stop_server();
            s.start_server();
        },
    ),
    row(
        "proxy swallows CONNECT",
        |s| {
            start_proxy(s, "");
            bad_proxy(s, "black_hole=1");
        },
        (
            "connection",
            Code::ProxyUnreachable,
            "proxy-silent",
            "proxy",
        ),
        stop_bad_proxy,
    ),
    row(
        "proxy breaks its answer off",
        |s| {
            start_proxy(s, "");
            bad_proxy(s, "cut_after=5");
        },
        (
            "connection",
            Code::ProxyUnreachable,
            "proxy-broken",
            "proxy",
        ),
        stop_bad_proxy,
    ),
    row(
        "proxy's name missing",
        |s| {
            s.settings(
                json!({ "network": { "proxy": { "url": "http://proxy.faults.test:3128" } } }),
            )
        },
        (
            "dns",
            Code::ServerNameNotResolved,
            "no-such-name",
            "add proxy.faults.test",
        ),
        right,
    ),
    row(
        "proxy of squid wants credentials",
        |s| {
            start_squid(
                s,
                "auth_param basic program /usr/lib/squid/basic_fake_auth\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n",
            );
            proxied(s, json!({}));
        },
        (
            "connection",
            Code::ProxyCredentialMissing,
            "proxy-wants-credentials",
            "give authentication, account and secret",
        ),
        stop_squid,
    ),
    of(
        "proxy of squid lets through, which is no fault",
        |s| {
            start_squid(s, "");
            proxied(s, json!({}));
        },
        Expected::Nothing,
        stop_squid,
    ),
    row(
        "proxy of squid inspects TLS",
        |s| {
            // The proxy alone is led to what answers in the control plane's place.
            raise_gateway(s);
            let hosts = s.file("squid-hosts");
            fs::write(&hosts, format!("{} {NAME}\n", s.address(4))).unwrap();
            start_squid(s, &format!("hosts_file {}\n", hosts.display()));
            proxied(s, json!({}));
        },
        (
            "tls",
            Code::ServerUntrusted,
            "inspected",
            "without inspection",
        ),
        |s| {
            stop_squid(s);
            s.stop_helper("gateway");
        },
    ),
    row(
        "proxy of squid denies",
        |s| {
            start_squid(s, "http_access deny all\n");
            proxied(s, json!({}));
        },
        (
            "connection",
            Code::ProxyRefused,
            "proxy-refuses",
            "allow CONNECT",
        ),
        stop_squid,
    ),
    row(
        "web server in place of a proxy",
        |s| {
            let directory = s.file("empty");
            fs::create_dir_all(&directory).unwrap();
            let (host, folder) = (s.address(1), directory.to_str().unwrap().to_owned());
            s.helper(
                "web",
                "/usr/bin/python3",
                &[
                    "-m",
                    "http.server",
                    "3128",
                    "--bind",
                    &host,
                    "--directory",
                    &folder,
                ],
            );
            s.wait_for(1, 3128);
            proxied(s, json!({}));
        },
        (
            "connection",
            Code::ProxyUnreachable,
            "not-a-proxy",
            "network.proxy.url",
        ),
        |s| {
            s.stop_helper("web");
            right(s);
        },
    ),
    row(
        "something that is no proxy in its place",
        |s| {
            let port = s.port();
            let url = format!("http://{}:{port}", s.address(1));
            s.settings(json!({ "network": { "proxy": { "url": url } } }));
        },
        (
            "connection",
            Code::ProxyUnreachable,
            "proxy-broken",
            "proxy",
        ),
        right,
    ),
    row(
        "authority file of the network missing",
        |s| s.settings(json!({ "network": { "ca_file": "/nowhere/ca.pem" } })),
        (
            "settings",
            Code::ConfigurationInvalid,
            "settings-wrong",
            "agent.json",
        ),
        right,
    ),
    row(
        "setting misspelt",
        |s| s.settings(json!({ "servre": "https://sync.faults.test" })),
        (
            "settings",
            Code::ConfigurationInvalid,
            "settings-wrong",
            "agent.json",
        ),
        right,
    ),
    row(
        "secret empty",
        |s| s.secret(""),
        (
            "secrets",
            Code::ConfigurationInvalid,
            "secret-missing",
            "write the password into",
        ),
        |s| s.secret("secret"),
    ),
    row(
        "secret in a variable that is not set",
        |s| s.of_directory(json!({ "secret": { "environment": "HYBRIDGE_NO_SUCH" } })),
        (
            "secrets",
            Code::ConfigurationInvalid,
            "secret-missing",
            "set HYBRIDGE_NO_SUCH",
        ),
        right,
    ),
    of(
        "disk full",
        |s| s.fill_disk(),
        Expected::Warning("disk", Code::DiskFull, "disk-full", "make room"),
        |s| fs::remove_file(s.data().join("ballast")).unwrap(),
    ),
    row(
        "identity removed while it runs",
        |s| hidden_files(s, true),
        (
            "installed",
            Code::NotAuthenticated,
            "not-enrolled",
            "hybridge-agent enrol",
        ),
        |s| hidden_files(s, false),
    ),
    row(
        "certificate of the agent expired",
        |s| {
            let (long_ago, address) = (["faketime", "-200 days"], s.address(5));
            s.start_other_server(5, &long_ago);
            s.names(json!({ NAME: {"A": address} }));
            let token = s.ask_below(&long_ago, "other-server", &["agent", "token"]);
            let enrolled = s.enrol_with(&token, "old-agent", &long_ago);
            assert!(
                enrolled.status.success(),
                "{}",
                String::from_utf8_lossy(&enrolled.stderr)
            );
            s.stop_helper("other");
            s.start_other_server(5, &[]);
            fs::copy(
                s.data().join(agent::state::STATE_FILE),
                s.file("old-agent/agent-state.json"),
            )
            .unwrap();
            s.look_at("old-agent");
        },
        (
            "certificate",
            Code::AgentCertificateRefused,
            "expired",
            "hybridge agent token",
        ),
        |s| {
            s.stop_helper("other");
            s.look_at("agent");
            s.names(json!({}));
        },
    ),
    of(
        "token used before",
        |s| {
            let token = s.token();
            s.try_enrol(&token);
            s.try_enrol(&token);
        },
        Expected::Told(Code::EnrolmentRefused, "make a new token"),
        nothing,
    ),
    of(
        "token expired",
        |s| {
            let token = s.short_token();
            s.try_enrol(&token);
        },
        Expected::Told(Code::EnrolmentRefused, "make a new token"),
        nothing,
    ),
    of(
        "token of nobody",
        |s| {
            let mut token = s.token();
            token["token"] = "made-up-token".into();
            s.try_enrol(&token);
        },
        Expected::Told(Code::EnrolmentRefused, "make a new token"),
        nothing,
    ),
    of(
        "enrolment at a server of another fingerprint",
        |s| {
            let mut token = s.token();
            token["authorityFingerprint"] = "ab".repeat(32).into();
            s.try_enrol(&token);
        },
        Expected::Told(Code::ServerUntrusted, "certificate"),
        nothing,
    ),
    row(
        "connector that was not granted",
        |s| {
            s.ask(&["connect", "openldap", "books"]);
            let token = s.ask(&["agent", "token", "--connector", "books"]);
            let enrolled = s.enrol_with(&token, "books-agent", &[]);
            assert!(
                enrolled.status.success(),
                "{}",
                String::from_utf8_lossy(&enrolled.stderr)
            );
            fs::copy(
                s.data().join(agent::state::STATE_FILE),
                s.file("books-agent/agent-state.json"),
            )
            .unwrap();
            s.look_at("books-agent");
        },
        (
            "server",
            Code::HybridIdentityServiceInvalidResource,
            "not-granted",
            "hybridge agent assign",
        ),
        |s| s.look_at("agent"),
    ),
    row(
        "directory's port does not speak TLS",
        |s| {
            let url = format!("ldaps://{}:3389", s.address(1));
            s.of_directory(json!({ "urls": [url] }));
        },
        ("discovery", Code::SourceUnreachable, "not-tls", "port"),
        right,
    ),
    row(
        "unknown account at the directory",
        |s| s.of_directory(json!({ "bind": "cn=nobody,dc=canal,dc=example" })),
        (
            "bind",
            Code::SourceCredentialRefused,
            "wrong-password",
            "correct the password",
        ),
        right,
    ),
    of(
        "one of two directories down",
        |s| {
            let first = s.first_url();
            let second = format!("ldaps://{}:9", s.address(1));
            s.of_directory(json!({ "urls": [first, second] }));
        },
        Expected::Warning(
            "discovery",
            Code::SourceUnreachable,
            "rejected",
            "start the directory",
        ),
        right,
    ),
    row(
        "kind of connector that does not exist",
        |s| {
            s.settings(
                json!({ "connectors": [{"name": CONNECTOR, "kind": "novell", "settings": {}}] }),
            )
        },
        (
            "discovery",
            Code::ConfigurationInvalid,
            "settings-wrong",
            "correct the connector",
        ),
        right,
    ),
    row(
        "two faults: circle of aliases, directory down",
        |s| {
            s.names(json!({ NAME: {"CNAME": "a.faults.test"}, "a.faults.test": {"CNAME": NAME} }));
            s.directory("down");
        },
        (
            "dns",
            Code::ServerNameNotResolved,
            "alias-loop",
            "correct the alias",
        ),
        |s| {
            s.names(json!({}));
            s.directory("start");
        },
    ),
    row(
        "agent revoked",
        |s| {
            s.ask(&["agent", "revoke", "--yes", AGENT]);
        },
        (
            "server",
            Code::AgentCertificateRefused,
            "revoked",
            "hybridge agent token",
        ),
        |s| {
            s.stop_agent();
            fs::remove_file(s.data().join("identity.json")).unwrap();
            s.enrol();
            s.start_agent();
        },
    ),
    row(
        "agent removed",
        |s| {
            s.ask(&["agent", "remove", "--yes", AGENT]);
        },
        (
            "server",
            Code::AgentCertificateRefused,
            "revoked",
            "hybridge agent token",
        ),
        |s| {
            s.stop_agent();
            fs::remove_file(s.data().join("identity.json")).unwrap();
            s.enrol();
            s.start_agent();
        },
    ),
];
