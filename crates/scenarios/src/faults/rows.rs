//! The rows of the matrix: how a fault is made, what the doctor must find first, and how it is cured.
//!
//! A row puts right what it did. Trap: rows run one after the other on one site, so a row that does not clean up spoils the next.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use sync_core::code::Code;

use super::site::{CONNECTOR, NAME, OTHER_NAME, Site};

type Act = fn(&mut Site);

/// A fault.
pub struct Row {
    pub name: &'static str,
    pub make: Act,
    /// What must be found first: check, code, cause.
    pub found: (&'static str, Code, &'static str),
    pub cure: Act,
    /// The doctor runs below this (another time).
    pub below: &'static [&'static str],
}

const fn row(
    name: &'static str,
    make: Act,
    found: (&'static str, Code, &'static str),
    cure: Act,
) -> Row {
    Row {
        name,
        make,
        found,
        cure,
        below: &[],
    }
}

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

fn of_directory(site: &Site, more: Value) {
    site.settings_with(CONNECTOR, json!({}), more);
}

fn gateway(site: &mut Site) {
    let (key, certificate) = (site.file("gateway.key"), site.file("gateway.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/O=Contoso/CN=Contoso Web Gateway",
            "-addext",
            &format!("subjectAltName=DNS:{NAME}"),
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success());
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
    let address = site.address(4);
    site.names(json!({ NAME: {"A": address} }));
}

/// All rows.
pub const ROWS: &[Row] = &[
    row(
        "agent stopped",
        |s| s.stop_agent(),
        ("running", SILENT, "stopped"),
        |s| s.start_agent(),
    ),
    row(
        "agent frozen",
        |s| s.signal_agent("-STOP"),
        ("running", SILENT, "frozen"),
        |s| s.signal_agent("-CONT"),
    ),
    row(
        "agent never started",
        |s| {
            s.stop_agent();
            fs::remove_file(s.data().join(agent::state::STATE_FILE)).unwrap();
        },
        ("running", SILENT, "never-started"),
        |s| s.start_agent(),
    ),
    row(
        "agent never installed",
        |s| {
            s.stop_agent();
            hidden(s, "agent", true);
        },
        ("installed", Code::NotAuthenticated, "not-enrolled"),
        |s| {
            hidden(s, "agent", false);
            s.start_agent();
        },
    ),
    row(
        "identity damaged",
        |s| {
            fs::copy(s.data().join("identity.json"), s.file("kept")).unwrap();
            fs::write(s.data().join("identity.json"), "{").unwrap();
        },
        ("installed", Code::ConfigurationInvalid, "damaged"),
        |s| {
            fs::copy(s.file("kept"), s.data().join("identity.json")).unwrap();
        },
    ),
    row(
        "identity readable by others",
        |s| mode(s, "agent/identity.json", 0o644),
        ("installed", Code::SecretFileUnsafe, "readable-by-others"),
        |s| mode(s, "agent/identity.json", 0o600),
    ),
    row(
        "settings broken",
        |s| fs::write(s.file("agent.json"), "{").unwrap(),
        ("settings", Code::ConfigurationInvalid, "settings-wrong"),
        right,
    ),
    row(
        "settings missing",
        |s| hidden(s, "agent.json", true),
        ("settings", Code::ConfigurationInvalid, "settings-missing"),
        |s| hidden(s, "agent.json", false),
    ),
    row(
        "secret readable by others",
        |s| mode(s, "secret", 0o644),
        ("secrets", Code::SecretFileUnsafe, "readable-by-others"),
        |s| mode(s, "secret", 0o600),
    ),
    row(
        "secret missing",
        |s| hidden(s, "secret", true),
        ("secrets", Code::ConfigurationInvalid, "secret-missing"),
        |s| hidden(s, "secret", false),
    ),
    row(
        "name missing",
        |s| s.names(json!({ NAME: null })),
        ("dns", Code::ServerNameNotResolved, "no-such-name"),
        right_names,
    ),
    row(
        "name without address",
        |s| s.names(json!({ NAME: {} })),
        ("dns", Code::ServerNameNotResolved, "no-address"),
        right_names,
    ),
    row(
        "alias leads nowhere",
        |s| {
            s.names(json!({ NAME: {"CNAME": "a.faults.test"}, "a.faults.test": {"CNAME": "gone.faults.test"} }))
        },
        ("dns", Code::ServerNameNotResolved, "alias-broken"),
        right_names,
    ),
    row(
        "aliases in a circle",
        |s| s.names(json!({ NAME: {"CNAME": "a.faults.test"}, "a.faults.test": {"CNAME": NAME} })),
        ("dns", Code::ServerNameNotResolved, "alias-loop"),
        right_names,
    ),
    row(
        "name server silent",
        |s| s.firewall("-A", "udp", 53, &["DROP"]),
        ("dns", Code::ServerNameNotResolved, "name-server-silent"),
        |s| s.firewall("-D", "udp", 53, &["DROP"]),
    ),
    row(
        "no name server set",
        |s| s.resolver("# none\n"),
        ("dns", Code::ServerNameNotResolved, "no-name-server"),
        |s| s.right_resolver(),
    ),
    row(
        "name leads to a wrong address",
        |s| {
            let address = s.address(77);
            s.names(json!({ NAME: {"A": address} }));
        },
        ("connection", Code::ServerUnreachable, "no-route"),
        right_names,
    ),
    row(
        "firewall drops",
        |s| s.firewall("-A", "tcp", s.port(), &["DROP"]),
        ("connection", Code::ServerUnreachable, "dropped"),
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
        ("connection", Code::ServerUnreachable, "rejected"),
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
        ("connection", Code::ServerUnreachable, "no-route"),
        |s| {
            let to = s.address(1);
            s.inside(&["ip", "route", "del", "unreachable", &to]);
        },
    ),
    row(
        "server down",
        |s| s.stop_server(),
        ("connection", Code::ServerUnreachable, "rejected"),
        |s| s.start_server(),
    ),
    row(
        "server frozen",
        |s| s.signal_server("-STOP"),
        ("tls", Code::ServerUnreachable, "silent"),
        |s| s.signal_server("-CONT"),
    ),
    row(
        "wrong port in the settings",
        |s| s.settings(json!({ "server": format!("https://{NAME}:9") })),
        ("connection", Code::ServerUnreachable, "rejected"),
        right,
    ),
    row(
        "name the certificate does not hold",
        |s| s.settings(json!({ "server": format!("https://{OTHER_NAME}:{}", s.port()) })),
        ("tls", Code::ServerUntrusted, "wrong-host"),
        right,
    ),
    row(
        "TLS is inspected",
        gateway,
        ("tls", Code::ServerUntrusted, "inspected"),
        |s| {
            s.stop_helper("gateway");
            s.names(json!({}));
        },
    ),
    row(
        "control plane of another tenant",
        |s| {
            s.start_other_server(5);
            let address = s.address(5);
            s.names(json!({ NAME: {"A": address} }));
        },
        ("tls", Code::ServerUntrusted, "other-authority"),
        |s| {
            s.stop_helper("other");
            s.names(json!({}));
        },
    ),
    Row {
        below: &["faketime", "+2 hours"],
        ..row(
            "clock two hours ahead",
            |_| {},
            ("clock", Code::SourceClockDiffers, "clock"),
            |_| {},
        )
    },
    Row {
        below: &["faketime", "-30 minutes"],
        ..row(
            "clock half an hour behind",
            |_| {},
            ("clock", Code::SourceClockDiffers, "clock"),
            |_| {},
        )
    },
    Row {
        below: &["faketime", "-3 days"],
        ..row(
            "clock days behind",
            |_| {},
            ("tls", Code::ServerUntrusted, "clock"),
            |_| {},
        )
    },
    Row {
        below: &["faketime", "+120 days"],
        ..row(
            "clock months ahead",
            |_| {},
            ("tls", Code::ServerUntrusted, "clock"),
            |_| {},
        )
    },
    row(
        "connector the server does not know",
        |s| s.settings_with("poeple", json!({}), json!({})),
        (
            "server",
            Code::HybridIdentityServiceInvalidResource,
            "unknown-connector",
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
        ),
        stop_proxy,
    ),
    row(
        "proxy refuses CONNECT",
        |s| {
            start_proxy(s, "ConnectPort 443");
            proxied(s, json!({}));
        },
        ("connection", Code::ProxyRefused, "proxy-refuses"),
        stop_proxy,
    ),
    row(
        "proxy cannot reach the server",
        |s| {
            start_proxy(s, "");
            proxied(s, json!({}));
            s.stop_server();
        },
        ("connection", Code::ProxyUnreachable, "proxy-cannot-reach"),
        |s| {
            s.start_server();
            stop_proxy(s);
        },
    ),
    row(
        "proxy stopped",
        |s| proxied(s, json!({})),
        ("connection", Code::ProxyUnreachable, "rejected"),
        right,
    ),
    row(
        "proxy behind a firewall that drops",
        |s| {
            s.firewall("-A", "tcp", 3128, &["DROP"]);
            proxied(s, json!({}));
        },
        ("connection", Code::ProxyUnreachable, "dropped"),
        |s| {
            s.firewall("-D", "tcp", 3128, &["DROP"]);
            right(s);
        },
    ),
    row(
        "directory down",
        |s| s.directory("down"),
        ("discovery", Code::SourceUnreachable, "rejected"),
        |s| s.directory("start"),
    ),
    row(
        "firewall drops the directory",
        |s| s.firewall("-A", "tcp", LDAPS, &["DROP"]),
        ("discovery", Code::SourceUnreachable, "dropped"),
        |s| s.firewall("-D", "tcp", LDAPS, &["DROP"]),
    ),
    row(
        "directory's name missing",
        |s| of_directory(s, json!({"urls": ["ldaps://dc9.faults.test:4389"]})),
        ("discovery", Code::SourceNameNotResolved, "no-such-name"),
        right,
    ),
    row(
        "directory's authority not trusted",
        |s| of_directory(s, json!({"ca_file": null})),
        ("discovery", Code::SourceCertificateUntrusted, "untrusted"),
        right,
    ),
    row(
        "directory's certificate for another host",
        |s| of_directory(s, json!({"server_name": "dc9.faults.test"})),
        ("discovery", Code::SourceNameMismatch, "wrong-host"),
        right,
    ),
    row(
        "wrong password",
        |s| s.secret("wrong"),
        ("bind", Code::SourceCredentialRefused, "wrong-password"),
        |s| s.secret("secret"),
    ),
    row(
        "base that does not exist",
        |s| of_directory(s, json!({"naming_context": "dc=nowhere,dc=test"})),
        ("base", Code::SourceBaseNotFound, "no-such-base"),
        right,
    ),
    row(
        "two faults: stopped agent, missing name",
        |s| {
            s.stop_agent();
            s.names(json!({ NAME: null }));
        },
        ("running", SILENT, "stopped"),
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
        ("connection", Code::ServerUnreachable, "dropped"),
        |s| {
            s.firewall("-D", "tcp", s.port(), &["DROP"]);
            s.secret("secret");
        },
    ),
    row(
        "agent revoked",
        |s| {
            s.ask(&["agent", "revoke", "ams-1"]);
        },
        ("server", Code::AgentCertificateRefused, "revoked"),
        |s| {
            s.stop_agent();
            fs::remove_dir_all(s.data()).unwrap();
            s.enrol();
            s.start_agent();
        },
    ),
];
