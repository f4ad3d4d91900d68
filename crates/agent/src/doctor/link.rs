//! The way to the control plane: name, TCP or proxy, TLS, who the server takes us for, clocks, and the way to work.
//!
//! Each step by itself, so that the first one that fails is the cause. Trap: behind a proxy only the proxy's name is looked up
//! here; whether the server's name is known shows in the proxy's answer.

use jiff::Timestamp;
use sync_core::code::Code;
use wire::agent::v1::{LeaseAnswer, LeaseRequest, WhoAmI, YouAre};

use super::{Finding, Sheet, names};
use crate::{
    config::AgentConfig,
    error::{AgentError, chain},
    identity::Identity,
    link::{CONTROL_TIMEOUT, Link, address},
    network::{LinkFault, Network, ProxyFault, reach},
    tls::{Leaf, NO_ANSWER, Shown, for_identity, look},
};

/// The steps, in their order.
pub const STEPS: &[&str] = &[
    "dns",
    "connection",
    "tls",
    "certificate",
    "server",
    "clock",
    "lease",
];
pub const AFTER_DNS: &[&str] = &[
    "connection",
    "tls",
    "certificate",
    "server",
    "clock",
    "lease",
];
const AFTER_CONNECTION: &[&str] = &["tls", "certificate", "server", "clock", "lease"];
const AFTER_TLS: &[&str] = &["server", "clock", "lease"];
/// A clock may be off by so much without anybody minding, and by so much before Kerberos refuses.
const CLOCK_NOTED_MS: i64 = 30_000;
const CLOCK_LIMIT_MS: i64 = 300_000;
/// A certificate is renewed long before; at so many days left, renewal does not work.
const RENEWAL_LATE_DAYS: i64 = 14;
const DAY_SECONDS: i64 = 86_400;

/// Examines the way to the control plane.
pub async fn examine(
    sheet: &mut Sheet,
    config: &AgentConfig,
    identity: &Identity,
    network: &Network,
) {
    let server = config.server.as_deref().unwrap_or(&identity.server);
    let (host, port) = match address(server) {
        Ok(found) => found,
        Err(fault) => {
            let finding = Finding::new(fault.code(), "address", chain(&fault));
            sheet.fail(
                "dns",
                finding.cure("correct `server` in the agent's settings"),
            );
            return sheet.skip(AFTER_DNS, "the address is none");
        }
    };
    if !dns(sheet, network, &host, port).await {
        return sheet.skip(AFTER_DNS, "the name has no address");
    }
    if !connection(sheet, network, &host, port).await {
        return sheet.skip(AFTER_CONNECTION, "there is no connection");
    }
    let is_trusted = tls(sheet, network, identity, &host, port).await;
    let is_valid = certificate(sheet, identity);
    if !(is_trusted && is_valid) {
        return sheet.skip(
            AFTER_TLS,
            "the certificates of the two ends are not in order",
        );
    }
    talk(sheet, config, identity, network, server).await;
}

async fn dns(sheet: &mut Sheet, network: &Network, host: &str, port: u16) -> bool {
    let (name, port, whose) = match network.proxy_for(host, port) {
        Some(proxy) => (proxy.host().to_owned(), proxy.port(), "the proxy "),
        None => (host.to_owned(), port, ""),
    };
    let plain = name.trim_start_matches('[').trim_end_matches(']');
    if plain.parse::<std::net::IpAddr>().is_ok() {
        sheet.ok("dns", format!("{whose}{plain} is an address"));
        return true;
    }
    match tokio::net::lookup_host((plain, port)).await {
        Ok(found) => {
            let mut addresses: Vec<String> = found.map(|found| found.ip().to_string()).collect();
            addresses.dedup();
            sheet.ok("dns", format!("{whose}{plain} -> {}", addresses.join(", ")));
            true
        }
        Err(fault) => {
            sheet.fail("dns", names::why(plain, &fault.to_string()).await);
            false
        }
    }
}

async fn connection(sheet: &mut Sheet, network: &Network, host: &str, port: u16) -> bool {
    let proxy = network.proxy_for(host, port);
    let target = format!("{host}:{port}");
    match reach(network, host, port).await {
        Ok(_) => {
            let text = match proxy {
                Some(proxy) => format!("the proxy {} lets through to {target}", proxy.shown()),
                None => format!("{target} answers"),
            };
            sheet.ok("connection", text);
            true
        }
        Err(fault) => {
            sheet.fail("connection", unreachable(&fault, &target, proxy.is_some()));
            false
        }
    }
}

/// What a connection that does not stand means.
fn unreachable(fault: &LinkFault, target: &str, is_proxied: bool) -> Finding {
    let text = chain(fault);
    let told = |code, cause| Finding::new(code, cause, text.clone());
    match fault {
        LinkFault::Proxy(ProxyFault::CredentialMissing { .. }) => {
            told(Code::ProxyCredentialMissing, "proxy-wants-credentials").cure(
                "give authentication, account and secret in network.proxy of the agent's settings",
            )
        }
        LinkFault::Proxy(ProxyFault::Refused { .. }) => told(Code::ProxyRefused, "proxy-refuses")
            .cure(format!("let the proxy allow CONNECT to {target}")),
        LinkFault::Proxy(ProxyFault::BadGateway { .. }) => {
            told(Code::ProxyUnreachable, "proxy-cannot-reach").cure(format!(
                "let the proxy resolve and reach {target}, or name it in network.proxy.no_proxy"
            ))
        }
        LinkFault::Proxy(ProxyFault::Nonsense { .. }) => {
            told(Code::ProxyUnreachable, "not-a-proxy")
                .cure("correct network.proxy.url in the agent's settings")
        }
        LinkFault::Proxy(other) if other.code() == Code::ProxyCredentialRefused => {
            told(Code::ProxyCredentialRefused, "proxy-refuses-credentials")
                .cure("correct account and secret in network.proxy of the agent's settings")
        }
        LinkFault::Proxy(other) => told(other.code(), "proxy-broken")
            .cure("look at network.proxy of the agent's settings, and at the proxy"),
        LinkFault::ProxyTls { .. } => told(Code::ProxyUnreachable, "proxy-untrusted")
            .cure("name the authority of the proxy in network.ca_file of the agent's settings"),
        LinkFault::Connect {
            is_proxy,
            text: said,
            ..
        } => {
            let (code, whose) = match is_proxy {
                true => (Code::ProxyUnreachable, "the proxy"),
                false => (Code::ServerUnreachable, "the control plane"),
            };
            let said = said.to_ascii_lowercase();
            if said.contains("refused") {
                let cure =
                    format!("start {whose}, or let a firewall that rejects let {target} through");
                told(code, "rejected").cure(cure)
            } else if said.contains("unreachable") || said.contains("no route") {
                let cure = format!(
                    "give this machine a route to {target}, or let a firewall that prohibits it let it through"
                );
                told(code, "no-route").cure(cure)
            } else {
                told(code, "dropped").cure(format!("let the firewall let TCP to {target} through"))
            }
        }
        LinkFault::TimedOut { .. } if is_proxied => told(Code::ProxyUnreachable, "proxy-silent")
            .cure(format!("look at the proxy: it takes CONNECT and says nothing; let it reach {target}, or restart it")),
        LinkFault::TimedOut { .. } => told(Code::ServerUnreachable, "silent").cure(format!(
            "let the firewall, and the proxy if there is one, let {target} through"
        )),
        LinkFault::Resolve { .. } => told(Code::ServerNameNotResolved, "no-such-name")
            .cure("correct the name at the name server"),
        LinkFault::Tls { .. } | LinkFault::Name(_) => told(Code::ServerUnreachable, "not-tls")
            .cure("correct `server` in the agent's settings"),
    }
}

async fn tls(
    sheet: &mut Sheet,
    network: &Network,
    identity: &Identity,
    host: &str,
    port: u16,
) -> bool {
    let shown = match look(network, &identity.authority, host, port).await {
        Ok(shown) => shown,
        Err(fault) => {
            let text = chain(&fault);
            if text.contains(NO_ANSWER) {
                let finding = Finding::new(Code::ServerUnreachable, "silent", text);
                sheet.fail("tls", finding.cure("look at the server's machine: it takes connections and says nothing; restart the server"));
                return false;
            }
            if is_broken_off(&text) {
                let finding = Finding::new(Code::ServerUnreachable, "broken-off", text);
                sheet.fail("tls", finding.cure("look at what stands between this machine and the server, and at the server's own machine: the connection is made and then broken off"));
                return false;
            }
            let finding = Finding::new(Code::ServerUnreachable, "not-tls", text);
            let cure = "something that is not the control plane answers there: correct `server` in the agent's settings, or the proxy";
            sheet.fail("tls", finding.cure(cure));
            return false;
        }
    };
    let Some(judgement) = shown.judgement.clone() else {
        sheet.ok(
            "tls",
            format!("the certificate is of the tenant's authority, for {host}"),
        );
        return true;
    };
    sheet.fail("tls", distrust(&shown, &judgement, host));
    false
}

fn is_broken_off(text: &str) -> bool {
    let said = text.to_ascii_lowercase();
    ["reset", "eof", "broken pipe"]
        .iter()
        .any(|word| said.contains(word))
}

/// Why a server's certificate is not believed.
fn distrust(shown: &Shown, judgement: &str, host: &str) -> Finding {
    let Leaf {
        subject,
        issuer,
        not_before,
        not_after,
    } = &shown.leaf;
    let now = Timestamp::now().as_second();
    let text = format!("{judgement}: the certificate of {subject} was issued by {issuer}");
    let told = |cause| Finding::new(Code::ServerUntrusted, cause, text.clone());
    let time = "set the clock of this machine (for example `timedatectl set-ntp true`)";
    if shown.is_of_authority && (now < *not_before || now > *not_after) {
        // The server replaces its certificate long before it ends, so it is rather this clock.
        return told("clock").cure(time);
    }
    if shown.is_of_authority {
        return told("wrong-host").cure(format!(
            "start the server with --name {host}, or correct `server` in the agent's settings"
        ));
    }
    if shown.is_hybridge {
        return told("other-authority").cure("this is another tenant's control plane: correct `server` in the agent's settings, or enrol the agent there");
    }
    told("inspected").cure(format!(
        "let the proxy or firewall pass TLS to {host} without inspection"
    ))
}

/// The agent's own certificate.
fn certificate(sheet: &mut Sheet, identity: &Identity) -> bool {
    let again = "hybridge agent token (on the server), then hybridge-agent enrol again";
    let Some(leaf) = Leaf::of_pem(&identity.certificate) else {
        let text = "the agent's certificate cannot be read";
        let finding = Finding::new(Code::AgentCertificateRefused, "damaged", text);
        sheet.fail("certificate", finding.cure(again));
        return false;
    };
    let now = Timestamp::now().as_second();
    let left = leaf.not_after.saturating_sub(now) / DAY_SECONDS;
    let until =
        Timestamp::from_second(leaf.not_after).map_or_else(|_| String::new(), |at| at.to_string());
    let told = |cause, text: String| Finding::new(Code::AgentCertificateRefused, cause, text);
    if now > leaf.not_after {
        let text = format!("the agent's certificate ended at {until}");
        sheet.fail("certificate", told("expired", text).cure(again));
        return false;
    }
    if now < leaf.not_before {
        let text = "the agent's certificate is not valid yet by this machine's clock".to_owned();
        sheet.fail(
            "certificate",
            told("clock", text).cure("set the clock of this machine"),
        );
        return false;
    }
    if left < RENEWAL_LATE_DAYS {
        let text = format!("the agent's certificate ends at {until} and was not renewed");
        sheet.warn(
            "certificate",
            told("not-renewed", text).cure("look at the agent's log for why it is not renewed"),
        );
    } else {
        sheet.ok("certificate", format!("valid until {until}"));
    }
    true
}

async fn talk(
    sheet: &mut Sheet,
    config: &AgentConfig,
    identity: &Identity,
    network: &Network,
    server: &str,
) {
    let tls = for_identity(identity, network.further_roots());
    let link = tls.and_then(|tls| Link::new(server, network.clone(), tls));
    let question = WhoAmI {
        connectors: config.hosted(),
    };
    let asked = async {
        let link = link?;
        let told: Result<YouAre, AgentError> =
            link.control("/whoami", &question, CONTROL_TIMEOUT).await;
        match told {
            Ok(told) => Ok((link, Some(told))),
            // A server of before does not know the question.
            Err(AgentError::Answered { status: 404, .. }) => Ok((link, None)),
            Err(fault) => Err(fault),
        }
    };
    let (link, told) = match asked.await {
        Ok(both) => both,
        Err(fault) => {
            sheet.fail("server", refused(&fault));
            return sheet.skip(
                &["clock", "lease"],
                "the server does not talk to this agent",
            );
        }
    };
    match told {
        Some(told) => known(sheet, &told),
        None => {
            sheet.ok("server", "the server accepts this agent");
            sheet.skip(&["clock"], "the server is too old to say");
        }
    }
    lease(sheet, config, &link).await;
}

/// What it means that the server does not talk to the agent.
fn refused(fault: &AgentError) -> Finding {
    let text = chain(fault);
    match fault {
        AgentError::CertificateRefused { why } => {
            let cause = if why.contains("revoked") {
                "revoked"
            } else {
                "unknown-to-server"
            };
            Finding::new(Code::AgentCertificateRefused, cause, text)
                .cure("hybridge agent token (on the server), then hybridge-agent enrol again")
        }
        AgentError::Answered {
            status: 429 | 503, ..
        } => Finding::new(fault.code(), "overloaded", text)
            .cure("wait; the agent tries again by itself. The server's log says why"),
        AgentError::Answered { .. } => {
            Finding::new(fault.code(), "server-fault", text).cure("the server's log says why")
        }
        AgentError::Nonsense { .. } => Finding::new(fault.code(), "not-a-control-plane", text)
            .cure("correct `server` in the agent's settings, or what stands before the server"),
        _ => Finding::new(fault.code(), "broken-off", text)
            .cure("look at the firewall or proxy: the connection is broken off in the middle"),
    }
}

fn known(sheet: &mut Sheet, told: &YouAre) {
    sheet.domains.clone_from(&told.domains);
    let name = &told.name;
    if let Some(unknown) = told.unknown.first() {
        let text = format!("the server knows agent {name}, and no connector {unknown}");
        let finding = Finding::new(
            Code::HybridIdentityServiceInvalidResource,
            "unknown-connector",
            text,
        );
        sheet.fail("server", finding.cure(format!("hybridge connect ad {unknown} (on the server), or correct the connector's name in the agent's settings")));
    } else if let Some(other) = told.not_granted.first() {
        let text = format!("agent {name} may not serve connector {other}: it is assigned others");
        let finding = Finding::new(
            Code::HybridIdentityServiceInvalidResource,
            "not-granted",
            text,
        );
        sheet.fail(
            "server",
            finding.cure(format!(
                "hybridge agent assign {name} --connector {other} (on the server)"
            )),
        );
    } else {
        let now = if told.is_connected {
            "is connected"
        } else {
            "is not connected now"
        };
        sheet.ok(
            "server",
            format!(
                "the server knows agent {} as {name}; it {now}",
                told.agent_id
            ),
        );
    }
    let ahead = Timestamp::now()
        .as_millisecond()
        .saturating_sub(told.server_time_ms);
    let seconds = ahead.unsigned_abs() / 1_000;
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    if ahead.abs() <= CLOCK_NOTED_MS {
        return sheet.ok("clock", "the clocks agree");
    }
    let text = format!("this machine's clock is {seconds} s {direction} the server's");
    let finding = Finding::new(Code::SourceClockDiffers, "clock", text);
    let finding =
        finding.cure("set the clock of this machine (for example `timedatectl set-ntp true`)");
    if ahead.abs() > CLOCK_LIMIT_MS {
        sheet.fail("clock", finding);
    } else {
        sheet.warn("clock", finding);
    }
}

async fn lease(sheet: &mut Sheet, config: &AgentConfig, link: &Link) {
    // No free hand: the server answers at once, and does not take this for a running agent.
    let question = LeaseRequest {
        connectors: config.hosted(),
        capacity: 0,
        wait_ms: 0,
        session: String::new(),
    };
    let answer: Result<LeaseAnswer, AgentError> =
        link.control("/lease", &question, CONTROL_TIMEOUT).await;
    match answer {
        Ok(_) => sheet.ok("lease", "work can be asked for"),
        Err(fault) => sheet.fail("lease", refused(&fault)),
    }
}
