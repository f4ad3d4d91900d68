//! Where a domain's controllers are, by the records Active Directory keeps in DNS (MS-ADTS §6.3.2.3, RFC 2782).
//!
//! Preferred ones come first, then those of the site, then all of the domain; within one priority by chance, each by its weight.
//! Nobody is left out: a controller far away is better than none. Trap: what DNS says decides only whom to ask; who answers must
//! still show a certificate for its name.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};
use tokio::task::JoinSet;

use super::config::{LdapConfig, invalid};
use crate::dns::{Data, DnsError, Kind, NameServers, Record};

// LIMIT: controllers tried.
const MOST_CONTROLLERS: usize = 32;
/// What was done when nobody was found.
pub const LOCATING: &str = "locate the domain controllers";
const LDAP_PORT: u16 = 389;
const DNS_PORT: u16 = 53;

/// How to find the controllers of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locate {
    /// DNS name of the domain (`contoso.com`).
    pub domain: String,
    /// The site whose controllers come first.
    #[serde(default)]
    pub site: Option<String>,
    /// Controllers that come before all others, by host name.
    #[serde(default)]
    pub preferred: Vec<String>,
    /// How they are spoken to.
    #[serde(default)]
    pub scheme: Scheme,
    /// Name servers to ask (`address` or `address:port`); none: those of this machine.
    #[serde(default)]
    pub name_servers: Vec<String>,
}

/// Over TLS from the first byte, or by StartTLS or a sealed sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `ldaps`, port 636.
    #[default]
    Ldaps,
    /// `ldap`, the port DNS says.
    Ldap,
}

/// The settings with the servers to try: those given, then those found.
///
/// # Errors
/// `SourceNameNotResolved` if there is neither, `ConfigurationInvalid` if the settings name none.
pub(super) async fn located(config: &LdapConfig) -> Result<LdapConfig, Refusal> {
    let mut located = config.clone();
    let Some(locate) = config
        .locate
        .as_ref()
        .filter(|_| config.addresses.is_none())
    else {
        if config.urls.is_empty() {
            return Err(invalid(
                "settings: no server is named; write urls, or the domain as locate.domain".into(),
            ));
        }
        return Ok(located);
    };
    let servers = servers(locate)?;
    match controllers(locate, &servers).await {
        Ok(urls) => {
            for url in urls {
                if !located.urls.contains(&url) {
                    located.urls.push(url);
                }
            }
        }
        // What is given by name can be tried without the name servers' help.
        Err(refusal) if located.urls.is_empty() => return Err(refusal),
        Err(refusal) => {
            tracing::warn!(code = %refusal.code, "only the servers of urls are tried: {refusal}");
        }
    }
    located.addresses = Some(match locate.name_servers.is_empty() {
        true => BTreeMap::new(),
        // The system's resolver asks elsewhere, and need not know the domain.
        false => addresses(&located.urls, &servers).await,
    });
    Ok(located)
}

/// Addresses of the servers, all asked for at once.
async fn addresses(urls: &[String], servers: &NameServers) -> BTreeMap<String, Vec<IpAddr>> {
    let mut asked = JoinSet::new();
    for url in urls {
        let Ok(endpoint) = url.parse::<ldap::Endpoint>() else {
            continue;
        };
        if endpoint.scheme == ldap::Scheme::Ldapi || endpoint.host.parse::<IpAddr>().is_ok() {
            continue;
        }
        let servers = servers.clone();
        asked.spawn(async move {
            let chain = servers.chain(&endpoint.host).await;
            (endpoint.host, chain.addresses)
        });
    }
    let mut found = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok((host, addresses)) = answer
            && !addresses.is_empty()
        {
            found.insert(host, addresses);
        }
    }
    found
}

async fn controllers(locate: &Locate, servers: &NameServers) -> Result<Vec<String>, Refusal> {
    let domain = locate.domain.trim_matches('.');
    if domain.is_empty() {
        return Err(invalid("settings: locate.domain is empty".into()));
    }
    let site = locate.site.as_deref().filter(|site| !site.is_empty());
    let of_site = site.map(|site| format!("_ldap._tcp.{site}._sites.dc._msdcs.{domain}"));
    let questions = of_site
        .into_iter()
        .chain([format!("_ldap._tcp.dc._msdcs.{domain}")]);
    let preferred = locate.preferred.iter();
    let mut hosts: Vec<(String, u16)> = preferred.map(|host| (host.clone(), LDAP_PORT)).collect();
    let mut failure = None;
    for question in questions {
        match servers.ask(&question, Kind::Srv).await {
            Ok(records) => hosts.extend(in_order(records, fastrand::u32)),
            Err(fault) => failure = Some((question, fault)),
        }
    }
    let mut urls = Vec::new();
    for (host, port) in hosts {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let url = match locate.scheme {
            Scheme::Ldaps => format!("ldaps://{host}"),
            Scheme::Ldap if port == LDAP_PORT => format!("ldap://{host}"),
            Scheme::Ldap => format!("ldap://{host}:{port}"),
        };
        if !urls.contains(&url) && urls.len() < MOST_CONTROLLERS {
            urls.push(url);
        }
    }
    match urls.is_empty() {
        true => Err(nobody(domain, failure)),
        false => Ok(urls),
    }
}

fn nobody(domain: &str, failure: Option<(String, DnsError)>) -> Refusal {
    let text = match failure {
        Some((question, fault)) => format!("{question}: {fault}"),
        None => "there is no record of a domain controller".to_owned(),
    };
    Refusal::new(Code::SourceNameNotResolved)
        .with("server", domain)
        .with("operation", LOCATING)
        .with("text", text)
        .with(
            "cure",
            "let this machine ask the domain's name servers, or write the controllers into urls",
        )
}

fn servers(locate: &Locate) -> Result<NameServers, Refusal> {
    if locate.name_servers.is_empty() {
        return Ok(NameServers::of_this_machine());
    }
    let parsed = locate.name_servers.iter().map(|text| {
        let with_port = text.parse::<SocketAddr>().ok();
        let plain = || Some(SocketAddr::new(text.parse().ok()?, DNS_PORT));
        with_port.or_else(plain).ok_or_else(|| {
            invalid(format!(
                "settings: locate.name_servers: {text} is not an address"
            ))
        })
    });
    Ok(NameServers(parsed.collect::<Result<_, _>>()?))
}

/// Hosts by priority, and within one by chance and weight (RFC 2782, "Usage rules").
fn in_order(
    records: Vec<Record>,
    mut random: impl FnMut(std::ops::RangeInclusive<u32>) -> u32,
) -> Vec<(String, u16)> {
    let mut left: Vec<(u16, u16, u16, String)> = records
        .into_iter()
        .filter_map(|record| match record.data {
            Data::Service {
                priority,
                weight,
                port,
                host,
            } if host != "." && !host.is_empty() => Some((priority, weight, port, host)),
            _ => None,
        })
        .collect();
    left.sort();
    let mut ordered = Vec::new();
    while let Some(lowest) = left.iter().map(|one| one.0).min() {
        let group = || left.iter().enumerate().filter(|(_, one)| one.0 == lowest);
        let total: u32 = group().map(|(_, one)| u32::from(one.1)).sum();
        let mut mark = random(0..=total);
        let mut chosen = 0;
        for (at, one) in group() {
            chosen = at;
            let weight = u32::from(one.1);
            if mark <= weight {
                break;
            }
            mark -= weight;
        }
        let (_, _, port, host) = left.remove(chosen);
        ordered.push((host, port));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    fn service(priority: u16, weight: u16, host: &str) -> Record {
        Record {
            name: "q".into(),
            data: Data::Service {
                priority,
                weight,
                port: 389,
                host: host.into(),
            },
        }
    }

    #[test]
    fn priority_comes_first_and_weight_is_a_share() {
        let records = || {
            vec![
                service(1, 0, "late"),
                service(0, 90, "heavy"),
                service(0, 10, "light"),
            ]
        };
        let mut seed = fastrand::Rng::with_seed(4);
        let mut first = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..1_000 {
            let ordered = in_order(records(), |range| seed.u32(range));
            assert_eq!(ordered.len(), 3);
            assert_eq!(ordered[2].0, "late");
            *first.entry(ordered[0].0.clone()).or_default() += 1;
        }
        assert!(first["heavy"] > 800 && first["light"] > 50, "{first:?}");
    }

    /// Answers questions about this name with these hosts, others with "no such name".
    async fn name_server(zone: Vec<(&'static str, Vec<&'static str>)>) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
                let query = &buffer[..count];
                let mut name = Vec::new();
                let mut at = 12;
                while query[at] != 0 {
                    let end = at + 1 + usize::from(query[at]);
                    name.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
                    at = end;
                }
                let name = name.join(".");
                let found = zone.iter().find(|(have, _)| *have == name);
                let hosts = found.map_or(&[][..], |(_, hosts)| hosts);
                let mut answer = query[..2].to_vec();
                answer.extend([0x85, if found.is_none() { 0x83 } else { 0x80 }, 0, 1, 0]);
                answer.push(u8::try_from(hosts.len()).unwrap());
                answer.extend([0, 0, 0, 0]);
                answer.extend(&query[12..at + 5]);
                for host in hosts {
                    let mut data = vec![0, 0, 0, 100, 1, 133];
                    for label in host.split('.') {
                        data.push(u8::try_from(label.len()).unwrap());
                        data.extend(label.as_bytes());
                    }
                    data.push(0);
                    answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 9, 0]);
                    answer.push(u8::try_from(data.len()).unwrap());
                    answer.extend(data);
                }
                let _ = socket.send_to(&answer, from).await;
            }
        });
        address
    }

    async fn asked(locate: &Locate) -> Result<Vec<String>, Refusal> {
        controllers(locate, &servers(locate)?).await
    }

    #[tokio::test]
    async fn preferred_then_the_site_then_the_domain_and_each_once() {
        let server = name_server(vec![
            (
                "_ldap._tcp.Ams._sites.dc._msdcs.canal.example",
                vec!["dc2.canal.example"],
            ),
            (
                "_ldap._tcp.dc._msdcs.canal.example",
                vec!["dc2.canal.example", "DC9.canal.example"],
            ),
        ])
        .await;
        let locate = Locate {
            domain: "canal.example".into(),
            site: Some("Ams".into()),
            preferred: vec!["dc7.canal.example".into()],
            name_servers: vec![server],
            ..Locate::default()
        };
        let urls = asked(&locate).await.unwrap();
        assert_eq!(
            urls,
            [
                "ldaps://dc7.canal.example",
                "ldaps://dc2.canal.example",
                "ldaps://dc9.canal.example"
            ]
        );
        let elsewhere = Locate {
            site: Some("Rtm".into()),
            preferred: Vec::new(),
            scheme: Scheme::Ldap,
            ..locate.clone()
        };
        let mut urls = asked(&elsewhere).await.unwrap();
        urls.sort();
        assert_eq!(
            urls,
            ["ldap://dc2.canal.example", "ldap://dc9.canal.example"]
        );
        let nowhere = Locate {
            domain: "other.example".into(),
            preferred: Vec::new(),
            ..locate
        };
        let refusal = asked(&nowhere).await.unwrap_err();
        assert_eq!(refusal.code, Code::SourceNameNotResolved);
        assert!(refusal.argument("cure").is_some());
    }
}
