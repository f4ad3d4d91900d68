//! Which hosts are spoken to past the proxy.
//!
//! Names hold for what is below them too; numbers may be ranges (`10.0.0.0/8`, `fd00::/8`). Trap: a name is never looked up to
//! see whether its address is in a range, because only the proxy may be able to.

use std::net::IpAddr;

/// Hosts past the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    host: Pattern,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    All,
    /// This name and everything below it.
    Name(String),
    Range(IpAddr, u8),
}

impl NoProxy {
    /// Reads entries, each of them perhaps a list with commas.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let entries = entries.into_iter().flat_map(|entry| entry.split(','));
        Self(entries.filter_map(rule).collect())
    }

    /// Whether this host is spoken to directly.
    pub fn holds(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']);
        let host = host.to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|rule| {
            rule.port.is_none_or(|only| only == port)
                && match &rule.host {
                    Pattern::All => true,
                    Pattern::Name(name) => {
                        let above = host.strip_suffix(name.as_str());
                        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
                    }
                    Pattern::Range(net, bits) => {
                        address.is_some_and(|address| is_in(address, *net, *bits))
                    }
                }
        })
    }
}

fn rule(text: &str) -> Option<Rule> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return None;
    }
    if text == "*" {
        let host = Pattern::All;
        return Some(Rule { host, port: None });
    }
    if let Some(host) = range(&text) {
        return Some(Rule { host, port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
        _ => (text.as_str(), None),
    };
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let host = range(plain).unwrap_or_else(|| {
        let name = plain.trim_start_matches('*').trim_matches('.');
        Pattern::Name(name.to_owned())
    });
    Some(Rule { host, port })
}

fn range(text: &str) -> Option<Pattern> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?),
        None => {
            let address = text.parse::<IpAddr>().ok()?;
            (address, if address.is_ipv4() { 32 } else { 128 })
        }
    };
    Some(Pattern::Range(address, bits))
}

fn is_in(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            let shift = 32_u32.saturating_sub(bits.into());
            address.to_bits().checked_shr(shift) == net.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => {
            let shift = 128_u32.saturating_sub(bits.into());
            address.to_bits().checked_shr(shift) == net.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ranges_and_ports_are_held_against_the_host() {
        let rules = NoProxy::new([
            ".corp.example, plain.example",
            "10.0.0.0/8,192.168.1.7",
            "fd00::/8",
            "gate.example:8443",
            "",
        ]);
        for (host, port, is_past) in [
            ("dc1.corp.example", 443, true),
            ("corp.example", 443, true),
            ("CORP.example.", 443, true),
            ("notcorp.example", 443, false),
            ("a.plain.example", 443, true),
            ("unplain.example", 443, false),
            ("10.9.8.7", 443, true),
            ("11.9.8.7", 443, false),
            ("192.168.1.7", 443, true),
            ("192.168.1.8", 443, false),
            ("fd12::1", 443, true),
            ("[fd12::1]", 443, true),
            ("fe80::1", 443, false),
            ("gate.example", 8443, true),
            ("gate.example", 443, false),
        ] {
            assert_eq!(rules.holds(host, port), is_past, "{host}:{port}");
        }
        assert!(NoProxy::new(["*"]).holds("anything", 1));
        assert!(NoProxy::new(["0.0.0.0/0"]).holds("1.2.3.4", 1));
    }
}
