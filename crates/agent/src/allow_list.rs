//! `hybridge-agent allow-list`: every host and port this agent speaks to, and what for.
//!
//! Told from the settings alone; nothing is connected. Trap: behind a proxy it is the proxy that must reach the control plane,
//! and the agent's machine needs only the proxy.

use std::{collections::BTreeSet, net::SocketAddr};

use connectors::ldap::{Authentication, LdapConfig, LocatedScheme, Method};
use http::Uri;
use serde::{Deserialize as _, Serialize};

use crate::{
    config::AgentConfig,
    error::AgentError,
    link,
    network::{Network, ProxyAuthentication},
};

const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;
const KDC_PORT: u16 = 88;
const DNS_PORT: u16 = 53;

/// An opening in a firewall, outbound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// From where: `agent`, or `proxy`.
    pub from: &'static str,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `tcp`, or `tcp and udp`.
    pub protocol: &'static str,
    /// What it is for.
    pub purpose: String,
}

/// What has to be open for an agent with these settings.
///
/// # Errors
/// [`AgentError::Invalid`] if an address in them is none.
pub fn allow_list(config: &AgentConfig, server: &str) -> Result<Vec<Opening>, AgentError> {
    let network = Network::new(&config.network)?;
    let (host, port) = link::address(server)?;
    let mut all = Vec::new();
    let control = "the control plane: work, results, heartbeat, certificates; TLS 1.3 with certificates of both ends, so no inspection";
    match network.proxy_for(&host, port) {
        None => all.push(opening("agent", &host, port, control)),
        Some(proxy) => {
            all.push(opening(
                "agent",
                proxy.host(),
                proxy.port(),
                "the proxy on the way to the control plane",
            ));
            let through = format!("CONNECT to {control}");
            all.push(opening("proxy", &host, port, &through));
            if proxy.authentication() == ProxyAuthentication::Negotiate {
                for kdc in config.network.proxy.iter().flat_map(|p| &p.negotiate.kdcs) {
                    all.push(kdc_opening(kdc, "Kerberos tickets for the proxy"));
                }
            }
        }
    }
    for connector in &config.connectors {
        let Ok(settings) = LdapConfig::deserialize(&connector.settings) else {
            continue;
        };
        sources(&connector.name, &settings, &mut all);
    }
    all.push(Opening {
        protocol: "tcp and udp",
        ..opening(
            "agent",
            "the name servers of this machine",
            DNS_PORT,
            "names of all hosts above",
        )
    });
    let mut seen = BTreeSet::new();
    all.retain(|opening| seen.insert(opening.clone()));
    Ok(all)
}

/// The controllers that DNS tells of; which they are is told by DNS alone.
fn located(connector: &str, settings: &LdapConfig, all: &mut Vec<Opening>) {
    let Some(locate) = &settings.locate else {
        return;
    };
    let every = format!("every domain controller of {}", locate.domain);
    let (port, what) = match locate.scheme {
        LocatedScheme::Ldaps => (LDAPS_PORT, "LDAP over TLS"),
        LocatedScheme::Ldap => (LDAP_PORT, "LDAP, protected by StartTLS or by the sign-in"),
    };
    let purpose = format!("connector {connector}: reading the directory ({what})");
    all.push(opening("agent", &every, port, &purpose));
    let has_kerberos = settings.authentication == Authentication::Negotiate
        && settings.negotiate.method != Method::Ntlm;
    if has_kerberos && settings.negotiate.kdcs.is_empty() {
        let purpose = format!("connector {connector}: Kerberos tickets");
        all.push(opening("agent", &every, KDC_PORT, &purpose));
    }
    for server in &locate.name_servers {
        let address = server.parse::<SocketAddr>();
        let (host, port) = match address {
            Ok(address) => (address.ip().to_string(), address.port()),
            Err(_) => (server.clone(), DNS_PORT),
        };
        let purpose = format!("connector {connector}: where the domain controllers are");
        all.push(Opening {
            protocol: "tcp and udp",
            ..opening("agent", &host, port, &purpose)
        });
    }
}

fn sources(connector: &str, settings: &LdapConfig, all: &mut Vec<Opening>) {
    located(connector, settings, all);
    for url in &settings.urls {
        // A socket on this machine has no port.
        let Ok(uri) = url.parse::<Uri>() else {
            continue;
        };
        let (port, what) = match uri.scheme_str() {
            Some("ldaps") => (LDAPS_PORT, "LDAP over TLS"),
            Some("ldap") => (LDAP_PORT, "LDAP, protected by StartTLS or by the sign-in"),
            _ => continue,
        };
        let host = uri.host().unwrap_or_default();
        let purpose = format!("connector {connector}: reading the directory ({what})");
        all.push(opening(
            "agent",
            host,
            uri.port_u16().unwrap_or(port),
            &purpose,
        ));
        let has_kerberos = settings.authentication == Authentication::Negotiate
            && settings.negotiate.method != Method::Ntlm;
        if has_kerberos && settings.negotiate.kdcs.is_empty() {
            let purpose = format!("connector {connector}: Kerberos tickets");
            all.push(opening("agent", host, KDC_PORT, &purpose));
        }
    }
    for kdc in &settings.negotiate.kdcs {
        all.push(kdc_opening(
            kdc,
            &format!("connector {connector}: Kerberos tickets"),
        ));
    }
}

fn kdc_opening(kdc: &str, purpose: &str) -> Opening {
    let (host, port) = match kdc.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(KDC_PORT)),
        None => (kdc, KDC_PORT),
    };
    opening("agent", host, port, purpose)
}

fn opening(from: &'static str, host: &str, port: u16, purpose: &str) -> Opening {
    Opening {
        from,
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port,
        protocol: "tcp",
        purpose: purpose.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(settings: &str) -> Vec<String> {
        let config: AgentConfig = serde_json::from_str(settings).unwrap();
        let all = allow_list(&config, "https://sync.example:8443").unwrap();
        let line = |o: &Opening| format!("{} {} {}", o.from, o.host, o.port);
        all.iter().map(line).collect()
    }

    #[test]
    fn names_every_host_the_settings_lead_to() {
        let direct = r#"{"network":{"ignore_environment":true},"connectors":[
            {"name":"a","kind":"ad","settings":{"urls":["ldaps://dc1.example","ldap://dc2.example:3389"],"authentication":"negotiate"}},
            {"name":"b","kind":"openldap","settings":{"urls":["ldapi://%2Frun%2Fldapi"],"authentication":"external"}}]}"#;
        assert_eq!(
            lines(direct),
            [
                "agent sync.example 8443",
                "agent dc1.example 636",
                "agent dc1.example 88",
                "agent dc2.example 3389",
                "agent dc2.example 88",
                "agent the name servers of this machine 53",
            ]
        );
    }

    #[test]
    fn controllers_that_dns_tells_of_are_named_by_their_domain() {
        let located = r#"{"network":{"ignore_environment":true},"connectors":[
            {"name":"a","kind":"ad","settings":{"locate":{"domain":"contoso.com","name_servers":["10.0.0.1"]},"authentication":"negotiate"}}]}"#;
        assert_eq!(
            lines(located),
            [
                "agent sync.example 8443",
                "agent every domain controller of contoso.com 636",
                "agent every domain controller of contoso.com 88",
                "agent 10.0.0.1 53",
                "agent the name servers of this machine 53",
            ]
        );
    }

    #[test]
    fn behind_a_proxy_the_proxy_needs_the_way_to_the_control_plane() {
        let proxied = r#"{"connectors":[],"network":{"proxy":{"url":"http://proxy.example:3128","authentication":"negotiate",
            "account":"svc","negotiate":{"keytab":"/k","kdcs":["dc1.example"]}}}}"#;
        assert_eq!(
            lines(proxied),
            [
                "agent proxy.example 3128",
                "proxy sync.example 8443",
                "agent dc1.example 88",
                "agent the name servers of this machine 53",
            ]
        );
    }
}
