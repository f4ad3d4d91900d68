//! A connector's directory: addresses, sign-in, base, rights, DirSync, clock, notification.
//!
//! Signs in a few times with one credential that works, and once with one that does not. Trap: a failure names the step it
//! belongs to by its code, because the connector does several steps in one.

use std::{sync::atomic::AtomicBool, sync::atomic::Ordering, time::Duration};

use connectors::{
    Source,
    ldap::{
        LOCATING, LdapConfig,
        examine::{AdFacts, examine_ad, probe},
    },
    source::{Bell, WatchEnd},
};
use serde::Deserialize as _;
use sync_core::{code::Code, object::ReadSpec, operation::Refusal};
use tokio::{net::TcpStream, sync::Notify, time::timeout};

use super::{Finding, Sheet};
use crate::config::{ConnectorConfig, SourceFactory};

const STEP_TIMEOUT: Duration = Duration::from_secs(60);
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
const WATCH_TIMEOUT: Duration = Duration::from_secs(15);
const AFTER_DISCOVERY: &[&str] = &["bind", "base", "rights", "notification"];
const AFTER_BIND: &[&str] = &["base", "rights", "notification"];
const CLOCK_NOTED_MS: i64 = 60_000;
const CLOCK_LIMIT_MS: i64 = 300_000;

/// Examines a connector.
pub async fn examine(sheet: &mut Sheet, connector: &ConnectorConfig, factory: &dyn SourceFactory) {
    let mut source = match factory.source(connector) {
        Ok(source) => source,
        Err(refusal) => {
            let finding = Finding::of_refusal(&refusal, "settings-wrong");
            sheet.fail(
                "discovery",
                finding.cure("correct the connector in the agent's settings"),
            );
            return sheet.skip(AFTER_DISCOVERY, "the settings are wrong");
        }
    };
    let settings = LdapConfig::deserialize(&connector.settings).ok();
    if let Some(settings) = &settings
        && !discovery(sheet, settings).await
    {
        return sheet.skip(AFTER_DISCOVERY, "no server of the directory can be reached");
    }
    let late = |_| Err(Refusal::new(Code::SourceTimeOut));
    match timeout(STEP_TIMEOUT, source.discover())
        .await
        .unwrap_or_else(late)
    {
        Ok(info) => {
            sheet.ok("bind", format!("{} accepts the account", info.server));
            sheet.ok(
                "base",
                format!("{} ({})", info.naming_context, info.product),
            );
            domain(sheet, &info.domain_fqdn);
        }
        Err(refusal) => return sign_in_failed(sheet, &refusal),
    }
    if let Some(settings) = settings.filter(|_| connector.kind == "ad") {
        let facts = timeout(STEP_TIMEOUT, examine_ad(&settings)).await;
        match facts.unwrap_or_else(|_| Err(Refusal::new(Code::SourceTimeOut))) {
            Ok(facts) => rights(sheet, &facts),
            Err(refusal) => sheet.fail("rights", Finding::of_refusal(&refusal, "unreadable")),
        }
    }
    notification(sheet, &mut source).await;
}

/// Whether it is the domain the server has this connector for.
fn domain(sheet: &mut Sheet, found: &str) {
    let Some(own) = sheet.domain().map(str::to_owned) else {
        return;
    };
    if own.eq_ignore_ascii_case(found) {
        return sheet.ok("domain", format!("{found} is the connector's domain"));
    }
    let connector = sheet.connector.clone().unwrap_or_default();
    let (where_to, if_meant) = match found.is_empty() {
        true => ("a directory without a domain".to_owned(), String::new()),
        false => (
            format!("the domain {found}"),
            format!(
                "; if it is meant: hybridge connector set {connector} --domain {found} (on the server)"
            ),
        ),
    };
    let text = format!("the settings lead to {where_to}, and the connector is for {own}");
    let code = Code::HybridIdentityServiceInvalidResource;
    let cure = format!("correct the addresses of the connector in the agent's settings{if_meant}");
    sheet.fail(
        "domain",
        Finding::new(code, "other-domain", text).cure(cure),
    );
}

/// Whether the servers of the list answer and show a certificate that is trusted.
async fn discovery(sheet: &mut Sheet, settings: &LdapConfig) -> bool {
    let probes = match probe(settings).await {
        Ok(probes) => probes,
        Err(refusal) => {
            let cause = match refusal.argument("operation") {
                Some(LOCATING) => "no-controllers-in-dns",
                _ => "settings-wrong",
            };
            sheet.fail("discovery", Finding::of_refusal(&refusal, cause));
            return false;
        }
    };
    let all = probes.len();
    let bad: Vec<(&str, &Refusal)> = probes
        .iter()
        .filter_map(|probe| Some((probe.url.as_str(), probe.result.as_ref().err()?)))
        .collect();
    let Some((url, refusal)) = bad.first() else {
        sheet.ok("discovery", format!("{all} of {all} servers answer"));
        return true;
    };
    let mut finding = Finding::of_refusal(refusal, reach_cause(refusal));
    if finding.cause == "dropped" && is_open(url).await {
        finding.cause = "silent";
        finding.cure = Some(cure_of_loss("silent", url));
    }
    finding.cure.get_or_insert_with(|| reach_cure(refusal, url));
    if bad.len() == all {
        sheet.fail("discovery", finding);
        return false;
    }
    let lost: Vec<&str> = bad.iter().map(|(url, _)| *url).collect();
    finding.text = format!(
        "{} of {all} servers cannot be used: {}; {}",
        bad.len(),
        lost.join(", "),
        finding.text
    );
    sheet.warn("discovery", finding);
    true
}

fn reach_cause(refusal: &Refusal) -> &'static str {
    match refusal.code {
        Code::SourceNameNotResolved => "no-such-name",
        Code::SourceCertificateUntrusted => "untrusted",
        Code::SourceCertificateExpired => "expired",
        Code::SourceNameMismatch => "wrong-host",
        Code::SourceStrongAuthRequired => "strong-auth",
        Code::ConfigurationInvalid => "settings-wrong",
        _ => {
            let said = refusal
                .argument("text")
                .unwrap_or_default()
                .to_ascii_lowercase();
            let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
            if says(&["no kdc of"]) {
                "kdc-unreachable"
            } else if says(&["does not speak tls"]) {
                "not-tls"
            } else if says(&["(os error 111)", "connection refused"]) {
                "rejected"
            } else if says(&["no route", "unreachable (os"]) {
                "no-route"
            } else if says(&["closed the connection", "reset", "eof", "handshake failed"]) {
                "broken-off"
            } else {
                "dropped"
            }
        }
    }
}

fn reach_cure(refusal: &Refusal, url: &str) -> String {
    match refusal.code {
        Code::SourceNameNotResolved => {
            format!("correct the name in {url}, or add it to the name server")
        }
        Code::SourceCertificateUntrusted => {
            "name the authority of the domain controllers in ca_file of the connector's settings"
                .into()
        }
        Code::SourceCertificateExpired => format!("renew the certificate of {url}"),
        Code::SourceNameMismatch => {
            format!("write {url} with a name its certificate holds, or give server_name")
        }
        _ => match reach_cause(refusal) {
            "no-route" => format!(
                "correct the address of {url}, give this machine a route to it, or let a firewall that prohibits it let it through"
            ),
            "not-tls" => format!("write the port for TLS in {url} (636), or ldap:// for StartTLS"),
            cause => cure_of_loss(cause, url),
        },
    }
}

fn cure_of_loss(cause: &str, url: &str) -> String {
    match cause {
        "silent" => format!(
            "look at the machine of {url}: it takes connections and says nothing; restart the directory"
        ),
        "broken-off" => format!(
            "look at what stands between this machine and {url}: the connection is made and then broken off"
        ),
        "kdc-unreachable" => {
            format!("let the firewall let TCP port 88 of {url} through, or give negotiate.kdcs")
        }
        _ => format!("start the directory at {url}, or let the firewall let it through"),
    }
}

/// Whether the port is taken by somebody, who then says nothing.
async fn is_open(url: &str) -> bool {
    let Ok(endpoint) = url.parse::<http::Uri>() else {
        return false;
    };
    let default = match endpoint.scheme_str() {
        Some("ldaps") => 636,
        _ => 389,
    };
    let host = endpoint.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let target = (host, endpoint.port_u16().unwrap_or(default));
    timeout(OPEN_TIMEOUT, TcpStream::connect(target))
        .await
        .is_ok_and(|connected| connected.is_ok())
}

/// Which step a failed discovery belongs to.
fn sign_in_failed(sheet: &mut Sheet, refusal: &Refusal) {
    let (step, cause, cure): (_, _, Option<&str>) = match refusal.code {
        // Who signs in without a directory's help, by Kerberos, is told which of the two it is.
        Code::SourceCredentialRefused
            if refusal
                .argument("text")
                .is_some_and(|said| said.contains("no such account in this realm")) =>
        {
            (
                "bind",
                "no-such-account",
                Some(
                    "correct bind in the connector's settings, and negotiate.realm if it is given: the realm has no such account",
                ),
            )
        }
        Code::SourceCredentialRefused => (
            "bind",
            "wrong-password",
            Some("correct the password in the connector's secret"),
        ),
        Code::SourceAccountUnusable => {
            ("bind", account_cause(refusal), Some(account_cure(refusal)))
        }
        Code::SourceStrongAuthRequired => (
            "bind",
            "strong-auth",
            Some("write the address as ldaps://, or let authentication be negotiate"),
        ),
        Code::SourceClockDiffers => (
            "bind",
            "clock",
            Some("set the clock of this machine (for example `timedatectl set-ntp true`)"),
        ),
        Code::SourceNameMismatch => (
            "bind",
            "wrong-host",
            Some("write the domain controller's full name in urls, or give it as server_name"),
        ),
        Code::SecretFileUnsafe => ("bind", "readable-by-others", None),
        Code::ConfigurationInvalid => (
            "bind",
            "settings-wrong",
            Some("correct the connector in the agent's settings"),
        ),
        Code::SourceBaseNotFound => (
            "base",
            "no-such-base",
            Some("correct naming_context in the connector's settings"),
        ),
        Code::SourceInsufficientAccess => ("rights", "right-missing", None),
        Code::SourceTimeOut => (
            "bind",
            "slow",
            Some(
                "look at the load of the domain controller, or raise limits.request_seconds of the connector",
            ),
        ),
        Code::SourceBusy => (
            "bind",
            "busy",
            Some("wait; the agent tries again by itself"),
        ),
        _ => ("bind", reach_cause(refusal), None),
    };
    let mut finding = Finding::of_refusal(refusal, cause);
    if finding.cure.is_none() {
        let server = refusal.argument("server").unwrap_or("the directory");
        let of_loss = || cure_of_loss(finding.cause, server);
        finding.cure = Some(cure.map_or_else(of_loss, str::to_owned));
    }
    if step == "bind" {
        sheet.fail("bind", finding);
        return sheet.skip(AFTER_BIND, "nobody is signed in");
    }
    sheet.ok("bind", "the account is accepted");
    sheet.fail(step, finding);
    sheet.skip(&["notification"], "the directory is not read");
}

fn account_cause(refusal: &Refusal) -> &'static str {
    let said = refusal
        .argument("text")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if said.contains("locked") {
        "locked"
    } else if said.contains("disabled") {
        "disabled"
    } else if said.contains("must") {
        "must-change-password"
    } else if said.contains("the account has expired") {
        "account-expired"
    } else if said.contains("password") {
        "password-expired"
    } else {
        "account-unusable"
    }
}

fn account_cure(refusal: &Refusal) -> &'static str {
    match account_cause(refusal) {
        "locked" => {
            "Unlock-ADAccount (or `samba-tool user unlock`), then find out who tries a wrong password"
        }
        "disabled" => "Enable-ADAccount (or `samba-tool user enable`)",
        "must-change-password" | "password-expired" => {
            "set a new password for the account, write it into the connector's secret, and let it not expire"
        }
        _ => "look at the account's expiry, hours and workstations",
    }
}

/// What the account may see of Active Directory.
fn rights(sheet: &mut Sheet, facts: &AdFacts) {
    if facts.sees_people {
        sheet.ok("rights", "people and their attributes are shown");
    } else {
        let text = format!(
            "the account is shown no person below {}",
            facts.naming_context
        );
        let finding = Finding::new(Code::SourceInsufficientAccess, "right-missing", text);
        sheet.fail(
            "rights",
            finding.cure("hybridge-agent permissions script --feature basic-read"),
        );
    }
    if !facts.may_dirsync {
        let text = "the account lacks the right Replicating Directory Changes: changes are found by update sequence numbers, and deletions by comparison";
        let finding = Finding::new(Code::SourceInsufficientAccess, "no-dirsync-right", text);
        sheet.warn(
            "dirsync",
            finding.cure("hybridge-agent permissions script --feature dirsync"),
        );
    } else if facts.is_read_only {
        let text = format!(
            "{} is a read-only controller: passwords are not there, and changes come later",
            facts.server
        );
        let finding = Finding::new(Code::SourceReplicaLags, "read-only", text);
        sheet.warn(
            "dirsync",
            finding.cure("write a controller that is not read-only first in urls of the connector"),
        );
    } else {
        sheet.ok("dirsync", "DirSync is allowed");
    }
    let ahead = facts.clock_ahead_ms;
    if ahead.abs() <= CLOCK_NOTED_MS {
        return sheet.ok(
            "source-clock",
            format!("the clock of {} agrees", facts.server),
        );
    }
    let text = format!(
        "the clock of {} differs from this machine's by {} s",
        facts.server,
        ahead.abs() / 1_000
    );
    let finding = Finding::new(Code::SourceClockDiffers, "clock", text);
    let finding = finding.cure("set the clocks of this machine and of the domain controllers");
    if ahead.abs() > CLOCK_LIMIT_MS {
        sheet.fail("source-clock", finding);
    } else {
        sheet.warn("source-clock", finding);
    }
}

#[derive(Default)]
struct Ear {
    is_armed: AtomicBool,
    heard: Notify,
}

impl Bell for Ear {
    fn armed(&self) {
        self.is_armed.store(true, Ordering::Relaxed);
        self.heard.notify_one();
    }

    fn ring(&self) {}
}

/// Whether the directory tells of changes by itself.
async fn notification(sheet: &mut Sheet, source: &mut Box<dyn Source>) {
    let ear = Ear::default();
    let spec = ReadSpec {
        classes: vec!["user".into()],
        ..ReadSpec::default()
    };
    let watched = timeout(WATCH_TIMEOUT, async {
        tokio::select! {
            end = source.watch(&spec, None, &ear) => Some(end),
            () = ear.heard.notified() => None,
        }
    });
    let fallback = "changes are asked for by the clock";
    match watched.await {
        Ok(None | Some(Ok(WatchEnd::Ended))) => {
            sheet.ok("notification", "changes are told at once");
        }
        Ok(Some(Ok(WatchEnd::Unsupported(why)))) => {
            let mut finding = Finding::of_refusal(&why, "not-offered");
            finding.text = format!("{}; {fallback}", finding.text);
            finding.cure.get_or_insert(
                "none needed; shorten the job's interval if that is too slow".into(),
            );
            sheet.warn("notification", finding);
        }
        Ok(Some(Err(refusal))) => {
            let mut finding = Finding::of_refusal(&refusal, "refused");
            finding.text = format!("{}; {fallback}", finding.text);
            sheet.warn("notification", finding);
        }
        Err(_) => {
            let text = format!("the directory does not say that it watches; {fallback}");
            sheet.warn(
                "notification",
                Finding::new(Code::SourceTimeOut, "slow", text),
            );
        }
    }
}
