//! Rows about a domain controller, a real one of the lab.
//!
//! Trap: wrong passwords are counted by the controller, so a row that signs in wrongly comes after a right sign-in of the doctor.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::json;
use sync_core::code::Code;

use super::{
    links::start_squid,
    rows::{Expected, Row, of, row},
    site::{PASSWORD, READER, Site},
};

const LDAPS: u16 = 636;
/// The account of the proxy.
const SQUID: &str = "squid";
const KERBEROS: u16 = 88;
const RESET: &[&str] = &["REJECT", "--reject-with", "tcp-reset"];

fn right(site: &mut Site) {
    site.settings(json!({}));
}

fn right_names(site: &mut Site) {
    site.names(json!({}));
}

fn restarted(site: &Site, certificate: &str) {
    site.controller(&["certificate", certificate]);
    site.controller(&["restart"]);
}

fn new_password(site: &Site, more: &[&str]) {
    let setting = ["tool", "user", "setpassword", READER];
    let password = format!("--newpassword={PASSWORD}");
    site.controller(&[&setting[..], &[&password], more].concat());
}

/// The agent signs in by Kerberos, over a connection that the sign-in seals.
fn by_kerberos(site: &Site, more: &serde_json::Value) {
    let (host, _) = site.controller_name();
    let mut negotiate = json!({ "method": "kerberos" });
    negotiate
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    site.of_directory(json!({
        "urls": [format!("ldap://{host}")], "authentication": "negotiate", "negotiate": negotiate,
    }));
}

/// A real proxy that takes tickets of the domain only, and the agent's way through it with this password.
fn proxied_by_kerberos(site: &mut Site, password: &str) {
    let (host, domain) = site.controller_name();
    let (proxy, realm) = (format!("proxy.{domain}"), domain.to_uppercase());
    let service = format!("HTTP/{proxy}");
    site.controller(&["tool", "user", "create", SQUID, PASSWORD]);
    site.controller(&["tool", "spn", "add", &service, SQUID]);
    let keytab = site.file("squid.keytab");
    let _ = fs::remove_file(&keytab);
    site.controller(&["keytab", &service, keytab.to_str().unwrap()]);
    // The proxy reads it by an account of its own.
    fs::set_permissions(&keytab, fs::Permissions::from_mode(0o644)).unwrap();
    let helper = "/usr/lib/squid/negotiate_kerberos_auth";
    let rules = format!(
        "auth_param negotiate program {helper} -k {} -s {service}@{realm}\nauth_param negotiate children 2\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n",
        keytab.display()
    );
    start_squid(site, &rules);
    let (address, secret) = (site.address(1), site.file("proxy-secret"));
    site.names(json!({ &proxy: {"A": address} }));
    fs::write(&secret, password).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    site.settings(json!({ "network": { "proxy": {
        "url": format!("http://{proxy}:3128"), "authentication": "negotiate",
        "account": format!("{READER}@{realm}"), "secret": {"file": secret},
        "negotiate": {"method": "kerberos", "realm": realm, "kdcs": [host]},
    }}}));
}

fn stop_proxy_by_kerberos(site: &mut Site) {
    site.stop_helper("squid");
    site.controller(&["tool", "user", "delete", SQUID]);
    site.names(json!({}));
    right(site);
}

/// The connector is led through a machine in between that misbehaves.
fn bad_wire(site: &mut Site, how: &str, limits: &serde_json::Value) {
    let (own, target) = (site.address(4), site.address(6));
    site.fault_proxy(
        "wire",
        &format!("{own}:1636"),
        &format!("{target}:636"),
        how,
    );
    let (host, _) = site.controller_name();
    site.of_directory(json!({
        "urls": [format!("ldaps://{own}:1636")], "server_name": host, "limits": limits,
    }));
}

fn good_wire(site: &mut Site) {
    site.stop_helper("wire");
    right(site);
}

/// All of them.
pub const ROWS: &[Row] = &[
    of(
        "dc: signing in by Kerberos, which is no fault",
        |s| by_kerberos(s, &json!({})),
        Expected::Nothing,
        right,
    ),
    of(
        "dc: a proxy that takes tickets, which is no fault",
        |s| proxied_by_kerberos(s, PASSWORD),
        Expected::Nothing,
        stop_proxy_by_kerberos,
    ),
    row(
        "dc: a proxy that takes tickets, and a wrong password for them",
        |s| proxied_by_kerberos(s, "wrong"),
        (
            "connection",
            Code::ProxyCredentialRefused,
            "proxy-refuses-credentials",
            "correct account and secret",
        ),
        stop_proxy_by_kerberos,
    ),
    of(
        "dc: found by DNS, which is no fault",
        |s| {
            let (_, domain) = s.controller_name();
            s.of_directory(json!({ "urls": [], "locate": {"domain": domain} }));
        },
        Expected::Nothing,
        right,
    ),
    row(
        "dc: stopped",
        |s| s.controller(&["down"]),
        (
            "discovery",
            Code::SourceUnreachable,
            "rejected",
            "start the directory",
        ),
        |s| s.controller(&["start"]),
    ),
    row(
        "dc: frozen",
        |s| s.controller(&["freeze"]),
        ("discovery", Code::SourceUnreachable, "silent", "restart"),
        |s| s.controller(&["thaw"]),
    ),
    row(
        "dc: slow",
        |s| {
            let limits = json!({"connect_seconds": 20, "request_seconds": 1});
            bad_wire(s, "latency_ms=1200", &limits);
        },
        (
            "bind",
            Code::SourceTimeOut,
            "slow",
            "load of the domain controller",
        ),
        good_wire,
    ),
    row(
        "dc: connections broken off in the middle",
        |s| bad_wire(s, "cut_after=9000", &json!({"connect_seconds": 4})),
        ("bind", Code::SourceUnreachable, "broken-off", "between"),
        good_wire,
    ),
    row(
        "dc: firewall drops",
        |s| s.firewall("-A", "tcp", LDAPS, &["DROP"]),
        ("discovery", Code::SourceUnreachable, "dropped", "firewall"),
        |s| s.firewall("-D", "tcp", LDAPS, &["DROP"]),
    ),
    row(
        "dc: firewall rejects",
        |s| s.firewall("-A", "tcp", LDAPS, RESET),
        ("discovery", Code::SourceUnreachable, "rejected", "firewall"),
        |s| s.firewall("-D", "tcp", LDAPS, RESET),
    ),
    row(
        "dc: name missing",
        |s| {
            let (host, _) = s.controller_name();
            s.names(json!({ host: null }));
        },
        (
            "discovery",
            Code::SourceNameNotResolved,
            "no-such-name",
            "correct the name",
        ),
        right_names,
    ),
    row(
        "dc: name leads elsewhere",
        |s| {
            let (host, _) = s.controller_name();
            let nobody = s.address(77);
            s.names(json!({ host: {"A": nobody} }));
        },
        ("discovery", Code::SourceUnreachable, "no-route", "route"),
        right_names,
    ),
    row(
        "dc: no records of controllers",
        |s| s.of_directory(json!({ "urls": [], "locate": {"domain": "nowhere.test"} })),
        (
            "discovery",
            Code::SourceNameNotResolved,
            "no-controllers-in-dns",
            "the domain's name servers",
        ),
        right,
    ),
    of(
        "dc: one of two found by DNS is gone",
        |s| {
            let (host, domain) = s.controller_name();
            let gone = format!("gone.{domain}");
            let records = format!("_ldap._tcp.dc._msdcs.{domain}");
            let nobody = s.address(77);
            s.names(json!({ records: {"SRV": [[0, 100, 389, host], [0, 100, 389, gone]]}, gone: {"A": nobody} }));
            s.of_directory(json!({ "urls": [], "locate": {"domain": domain} }));
        },
        Expected::Warning("discovery", Code::SourceUnreachable, "no-route", "route"),
        |s| {
            s.names(json!({}));
            right(s);
        },
    ),
    row(
        "dc: certificate expired",
        |s| restarted(s, "expired"),
        (
            "discovery",
            Code::SourceCertificateExpired,
            "expired",
            "renew the certificate",
        ),
        |s| restarted(s, "good"),
    ),
    row(
        "dc: certificate for another host",
        |s| restarted(s, "other-name"),
        (
            "discovery",
            Code::SourceNameMismatch,
            "wrong-host",
            "server_name",
        ),
        |s| restarted(s, "good"),
    ),
    row(
        "dc: certificate of an unknown authority",
        |s| {
            let foreign = s.foreign_authority();
            s.of_directory(json!({ "ca_file": foreign }));
        },
        (
            "discovery",
            Code::SourceCertificateUntrusted,
            "untrusted",
            "ca_file",
        ),
        right,
    ),
    row(
        "dc: authority file missing",
        |s| s.of_directory(json!({ "ca_file": "/nowhere/ca.pem" })),
        (
            "discovery",
            Code::ConfigurationInvalid,
            "settings-wrong",
            "",
        ),
        right,
    ),
    row(
        "dc: port without TLS",
        |s| {
            let (host, _) = s.controller_name();
            s.of_directory(json!({ "urls": [format!("ldaps://{host}:389")] }));
        },
        ("discovery", Code::SourceUnreachable, "not-tls", "port"),
        right,
    ),
    row(
        "dc: strong authentication required",
        |s| {
            let (host, _) = s.controller_name();
            s.of_directory(json!({ "urls": [format!("ldap://{host}")], "tls": "plain_for_tests" }));
        },
        (
            "bind",
            Code::SourceStrongAuthRequired,
            "strong-auth",
            "ldaps://",
        ),
        right,
    ),
    row(
        "dc: wrong password",
        |s| s.secret("wrong"),
        (
            "bind",
            Code::SourceCredentialRefused,
            "wrong-password",
            "correct the password",
        ),
        |s| s.secret(PASSWORD),
    ),
    row(
        "dc: account locked",
        |s| (0..4).for_each(|_| s.guess_password()),
        (
            "bind",
            Code::SourceAccountUnusable,
            "locked",
            "Unlock-ADAccount",
        ),
        |s| s.controller(&["tool", "user", "unlock", READER]),
    ),
    row(
        "dc: account disabled",
        |s| s.controller(&["tool", "user", "disable", READER]),
        (
            "bind",
            Code::SourceAccountUnusable,
            "disabled",
            "Enable-ADAccount",
        ),
        |s| s.controller(&["tool", "user", "enable", READER]),
    ),
    row(
        "dc: password must be changed",
        |s| new_password(s, &["--must-change-at-next-login"]),
        (
            "bind",
            Code::SourceAccountUnusable,
            "must-change-password",
            "set a new password",
        ),
        |s| new_password(s, &[]),
    ),
    row(
        "dc: account expired",
        |s| {
            s.controller(&["tool", "user", "setexpiry", READER, "--days=0"]);
            // It ends with this second.
            std::thread::sleep(Duration::from_secs(2));
        },
        (
            "bind",
            Code::SourceAccountUnusable,
            "account-expired",
            "expiry",
        ),
        |s| s.controller(&["tool", "user", "setexpiry", READER, "--noexpiry"]),
    ),
    of(
        "dc: no right to DirSync",
        |s| s.controller(&["rights", READER, "-get"]),
        Expected::Warning(
            "dirsync",
            Code::SourceInsufficientAccess,
            "no-dirsync-right",
            "permissions script --feature dirsync",
        ),
        |s| s.controller(&["rights", READER, "+get"]),
    ),
    row(
        "dc: connector kept to another domain",
        |s| s.keep_to("harbour.example"),
        (
            "domain",
            Code::HybridIdentityServiceInvalidResource,
            "other-domain",
            "correct the addresses",
        ),
        |s| {
            let (_, domain) = s.controller_name();
            s.keep_to(&domain);
        },
    ),
    of(
        "dc: read-only",
        |s| {
            let url = s.raise_read_only();
            s.of_directory(json!({ "urls": [url] }));
        },
        Expected::Warning(
            "dirsync",
            Code::SourceReplicaLags,
            "read-only",
            "not read-only first",
        ),
        |s| {
            right(s);
            s.destroy_read_only();
        },
    ),
    row(
        "dc: base that does not exist",
        |s| {
            let (_, domain) = s.controller_name();
            let base = domain.split('.').map(|label| format!("DC={label}"));
            let base = base.collect::<Vec<_>>().join(",");
            s.of_directory(json!({ "naming_context": format!("OU=Nowhere,{base}") }));
        },
        (
            "base",
            Code::SourceBaseNotFound,
            "no-such-base",
            "naming_context",
        ),
        right,
    ),
    row(
        "dc: no KDC answers",
        |s| {
            s.firewall("-A", "tcp", KERBEROS, RESET);
            by_kerberos(s, &json!({}));
        },
        (
            "bind",
            Code::SourceUnreachable,
            "kdc-unreachable",
            "port 88",
        ),
        |s| {
            s.firewall("-D", "tcp", KERBEROS, RESET);
            right(s);
        },
    ),
    row(
        "dc: name Kerberos does not know",
        |s| {
            let address = s.address(6);
            s.names(json!({ "alias.faults.test": {"A": address} }));
            let (_, domain) = s.controller_name();
            by_kerberos(s, &json!({ "realm": domain.to_uppercase() }));
            let text = fs::read_to_string(s.file("agent.json")).unwrap();
            let (host, _) = s.controller_name();
            fs::write(
                s.file("agent.json"),
                text.replace(&format!("ldap://{host}"), "ldap://alias.faults.test"),
            )
            .unwrap();
        },
        ("bind", Code::SourceNameMismatch, "wrong-host", "full name"),
        |s| {
            s.names(json!({}));
            right(s);
        },
    ),
    row(
        "dc: wrong realm",
        |s| by_kerberos(s, &json!({ "realm": "WRONG.TEST" })),
        (
            "bind",
            Code::SourceCredentialRefused,
            "no-such-account",
            "negotiate.realm",
        ),
        right,
    ),
    row(
        "dc: two faults: stopped, and the agent is frozen",
        |s| {
            s.controller(&["down"]);
            s.signal_agent("-STOP");
        },
        (
            "running",
            Code::HybridIdentityServiceNoActiveAgents,
            "frozen",
            "kill -CONT",
        ),
        |s| {
            s.signal_agent("-CONT");
            s.controller(&["start"]);
        },
    ),
    row(
        "dc: two faults: wrong password, no right to DirSync",
        |s| {
            s.controller(&["rights", READER, "-get"]);
            s.secret("wrong");
        },
        (
            "bind",
            Code::SourceCredentialRefused,
            "wrong-password",
            "correct the password",
        ),
        |s| {
            s.secret(PASSWORD);
            s.controller(&["rights", READER, "+get"]);
        },
    ),
];
